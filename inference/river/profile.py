"""One transect through one scene: from sampled probabilities to banks and widths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from findings.river_series import Floats, Quantity, State
from inference.river.finding import MINIMUM_WIDTH_PX

HALF = 0.5
BRIDGED_PX = 2.5
"""A dry gap under so many pixels between two waters is a bridge deck or noise: it belongs to the water."""
ISLAND_WIDTHS = 1.0
"""Overgrown ground between two waters is an island up to so many times the wetted width; beyond, another river."""
ISLAND_PX = 3.0
"""... and at least up to so many pixels."""
CLEAR_PX = 1.5
"""Unseen ground this near to a bank hides it."""
SHARP_PX = 1.0
"""A sharp edge rises from 0.25 to 0.75 within so many pixels: point spread and bilinear sampling."""
Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Profile:
    """What one transect says.

    Attributes:
        state: whether it was measured.
        values: metres by quantity; empty unless the state is OK.
        softness: per bank, how much wider than a sharp edge its probability falls; at least 1.
        edges: water edges along it.
        width_px: of the channel, in pixels.
    """

    state: State
    values: Mapping[Quantity, float] = field(default_factory=dict)
    softness: Mapping[Quantity, float] = field(default_factory=dict)
    edges: int = 2
    width_px: float = 0.0


@dataclass(frozen=True, slots=True)
class _Run:
    """Samples from ``start`` to ``stop`` (exclusive) on one side of a threshold, and its edges in metres."""

    start: int
    stop: int
    low_m: float
    high_m: float

    @property
    def length_m(self) -> float:
        return self.high_m - self.low_m


def read_profile(
    offset_m: Floats, inside: Bool, water: Floats, sediment: Floats | None, vegetation: Floats | None, pixel_m: float
) -> Profile:
    """Return banks and widths of one transect.

    Args:
        offset_m: ``(K,)`` of the samples, rising, positive to the left.
        inside: ``(K,)`` whether the scene reaches them.
        water: ``(K,)`` probability, NaN where not observed.
        sediment: likewise, or None where the scene cannot tell.
        vegetation: likewise.
        pixel_m: side of a pixel.
    """
    if not inside.any():
        return Profile(State.OUTSIDE)
    seen = np.isfinite(water)
    middle = np.abs(offset_m) <= max(2 * pixel_m, 0.1 * float(offset_m[-1]))
    if not seen[middle].any():
        return Profile(State.HIDDEN if inside[middle].any() else State.OUTSIDE)
    wet = _runs(offset_m, np.where(seen, water, 0.0))
    if not wet:
        return Profile(State.DRY if seen.mean() > 0.5 else State.HIDDEN)
    ground = np.where(seen, water, 0.0)
    if sediment is not None:
        ground = np.maximum(ground, np.where(np.isfinite(sediment), sediment, 0.0))
    channel = _channel(_runs(offset_m, ground), _bridged(wet, pixel_m), pixel_m)
    return _measured(offset_m, inside, seen, water, ground, sediment, vegetation, channel, pixel_m)


def _measured(
    offset_m: Floats, inside: Bool, seen: Bool, water: Floats, ground: Floats, sediment: Floats | None,
    vegetation: Floats | None, channel: _Run, pixel_m: float,
) -> Profile:  # fmt: skip
    width_px = channel.length_m / pixel_m
    margin = max(round(CLEAR_PX * pixel_m / (offset_m[1] - offset_m[0])), 1)
    near = slice(max(channel.start - margin, 0), channel.stop + margin)
    if not seen[near].all():
        return Profile(State.HIDDEN if inside[near].all() else State.OUTSIDE, width_px=width_px)
    if channel.start == 0 or channel.stop == len(offset_m):
        return Profile(State.UNSURE, width_px=width_px)  # the river is wider than the transect
    if width_px < MINIMUM_WIDTH_PX:
        return Profile(State.NARROW, width_px=width_px)
    part = slice(channel.start, channel.stop)
    wet = [_within(run, channel) for run in _bridged(_runs(offset_m, np.where(seen, water, 0.0)), pixel_m)]
    wet = [run for run in wet if run.length_m > 0]
    values = {
        Quantity.LEFT_BANK: channel.high_m,
        Quantity.RIGHT_BANK: channel.low_m,
        Quantity.CHANNEL_WIDTH: channel.length_m,
        Quantity.WETTED_WIDTH: sum(run.length_m for run in wet),
    }
    for quantity, plane in ((Quantity.SEDIMENT_WIDTH, sediment), (Quantity.VEGETATION_WIDTH, vegetation)):
        if plane is not None:
            cover = np.nan_to_num(plane[part])
            # against water the edge lies where both are alike, against land at one half
            cover = np.minimum(cover, HALF + 0.5 * (cover - water[part]))
            values[quantity] = sum(run.length_m for run in _runs(offset_m[part], cover))
    softness = {
        Quantity.RIGHT_BANK: _softness(offset_m, ground, channel.start, pixel_m),
        Quantity.LEFT_BANK: _softness(offset_m, ground, channel.stop - 1, pixel_m),
    }
    return Profile(State.OK, values, softness, 2 * max(len(wet), 1), width_px)


def _runs(offset_m: Floats, plane: Floats) -> list[_Run]:
    """Return the runs of samples from one half on, with their edges interpolated between samples."""
    above = plane >= HALF
    change = np.flatnonzero(np.diff(np.concatenate([[False], above, [False]]).astype(np.int8)))
    return [
        _Run(int(start), int(stop), _edge(offset_m, plane, start - 1), _edge(offset_m, plane, stop - 1))
        for start, stop in zip(change[::2], change[1::2], strict=True)
    ]


def _edge(offset_m: Floats, plane: Floats, before: int) -> float:
    """Return where a plane passes one half between a sample and the next; at the ends of the transect its end."""
    if before < 0:
        return float(offset_m[0])
    if before >= len(plane) - 1:
        return float(offset_m[-1])
    one, other = float(plane[before]), float(plane[before + 1])
    share = (HALF - one) / (other - one) if other != one else 0.5
    return float(offset_m[before] + share * (offset_m[before + 1] - offset_m[before]))


def _bridged(runs: list[_Run], pixel_m: float) -> list[_Run]:
    """Return runs with gaps under ``BRIDGED_PX`` closed."""
    out: list[_Run] = []
    for run in runs:
        if out and run.low_m - out[-1].high_m < BRIDGED_PX * pixel_m:
            out[-1] = _spanning(out[-1], run)
        else:
            out.append(run)
    return out


def _channel(ground: list[_Run], wet: list[_Run], pixel_m: float) -> _Run:
    """Return the active channel: the water nearest to the line, its bars, and waters beyond islands."""
    main = min(wet, key=lambda run: (_away(run), -run.length_m))
    bodies = _bridged(sorted([*ground, *wet], key=lambda run: run.low_m), pixel_m)
    bodies = _merged(bodies)
    index = next(i for i, run in enumerate(bodies) if run.low_m <= main.low_m and run.high_m >= main.high_m)
    channel = bodies[index]
    limit = max(ISLAND_WIDTHS * sum(run.length_m for run in wet), ISLAND_PX * pixel_m)
    for step in (-1, 1):
        at = index + step
        while 0 <= at < len(bodies):
            gap = channel.low_m - bodies[at].high_m if step < 0 else bodies[at].low_m - channel.high_m
            has_water = any(run.low_m < bodies[at].high_m and run.high_m > bodies[at].low_m for run in wet)
            if gap > limit or not has_water:
                break
            channel = _spanning(channel, bodies[at])
            at += step
    return channel


def _merged(runs: list[_Run]) -> list[_Run]:
    """Return overlapping runs as one."""
    out: list[_Run] = []
    for run in runs:
        if out and run.low_m <= out[-1].high_m:
            out[-1] = _spanning(out[-1], run)
        else:
            out.append(run)
    return out


def _spanning(one: _Run, other: _Run) -> _Run:
    start, stop = min(one.start, other.start), max(one.stop, other.stop)
    return _Run(start, stop, min(one.low_m, other.low_m), max(one.high_m, other.high_m))


def _away(run: _Run) -> float:
    """Return the distance of a run to the reference line; 0 where it lies on it."""
    return max(run.low_m, -run.high_m, 0.0)


def _within(run: _Run, channel: _Run) -> _Run:
    return _Run(run.start, run.stop, max(run.low_m, channel.low_m), min(run.high_m, channel.high_m))


def _softness(offset_m: Floats, plane: Floats, at: int, pixel_m: float) -> float:
    """Return over how many pixels a plane falls from 0.75 to 0.25 at an edge, against a sharp edge's."""
    step = float(offset_m[1] - offset_m[0])
    reach = max(round(3 * pixel_m / step), 2)
    part = plane[max(at - reach, 0) : at + reach + 1]
    steepest = float(np.abs(np.diff(part)).max()) / step * pixel_m if part.size > 1 else 0.0
    return HALF / steepest / SHARP_PX if steepest > 0 else np.inf
