"""One scene on the transects of a reach: banks, widths and covers in metres, each with its 1-sigma."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from findings.measure import Measure
from findings.river_series import Floats, Observation, Quantity, ReachFrame, State
from inference.river.finding import MINIMUM_WIDTH_PX, Array
from inference.river.grid import Grid
from inference.river.profile import Profile, read_profile
from inference.river.surfaces import Surfaces

STEP_PX = 0.25
"""Between the samples of a transect; edges are found between samples by linear interpolation."""
EDGE_SIGMA_PX = 0.30
"""1-sigma of one water edge across the bank: measured on generated rivers (`benchmarks/river_width.py`)."""
OBLIQUE = 3.0
"""The edge of a bank that runs along the transect is not known to better than so many times the above."""


def observe(
    frame: ReachFrame,
    grid: Grid,
    surfaces: Surfaces,
    *,
    image_uid: str,
    captured_at: datetime,
    sensor: str = "",
    geolocation_sigma_m: float = 0.0,
    notes: Sequence[str] = (),
) -> Observation:
    """Return what a scene says about a reach.

    Transects are sampled in the scene's own pixels (bilinear, four samples a pixel), so that scenes of another CRS or
    pixel need no resampling. The river ground of a transect is water and bare sediment; a dry gap of under
    ``BRIDGED_PX`` between two waters is a deck or noise, an island up to the width of the channel stays inside.

    Args:
        frame: of the reach.
        grid: of the surfaces.
        surfaces: of the scene.
        image_uid: of the scene.
        captured_at: aware.
        sensor: as recorded.
        geolocation_sigma_m: 1-sigma of the scene's place.
        notes: to keep.

    Raises:
        RecordError: a date without time zone.
    """
    profiles = [_profile(frame, grid, surfaces, row) for row in range(len(frame))]
    states = _with_neighbours([profile.state for profile in profiles])
    ok = np.array([state is State.OK for state in states])
    table = {quantity: _column(profiles, quantity, ok) for quantity in Quantity}
    sigmas = _sigmas(frame, profiles, table, EDGE_SIGMA_PX * grid.pixel_m)
    known = {name: values for name, values in table.items() if np.isfinite(values).any() or _told(surfaces, name)}
    return Observation(
        image_uid=image_uid,
        captured_at=captured_at,
        sensor=sensor,
        pixel_m=grid.pixel_m,
        geolocation_sigma_m=geolocation_sigma_m,
        values=known,
        sigmas={name: np.where(np.isfinite(known[name]), sigmas[name], np.nan) for name in known},
        states=tuple(states),
        reach=_reach(frame, known, sigmas),
        notes=(*surfaces.notes, *notes, *_remarks(states, profiles, grid)),
    )


def _sigmas(
    frame: ReachFrame, profiles: Sequence[Profile], table: dict[Quantity, Floats], edge_m: float
) -> dict[Quantity, Floats]:
    """Return the 1-sigma of each quantity ``(N,)``: two edges of a width err for themselves, inner edges as well."""
    left, right = (
        edge_m * _oblique(frame, table[bank]) * _soft(profiles, bank)
        for bank in (Quantity.LEFT_BANK, Quantity.RIGHT_BANK)
    )
    both = np.hypot(left, right)
    inner = both * np.sqrt(np.maximum([profile.edges for profile in profiles], 2) / 2)
    return {
        Quantity.LEFT_BANK: left,
        Quantity.RIGHT_BANK: right,
        Quantity.CHANNEL_WIDTH: both,
        Quantity.WETTED_WIDTH: inner,
        Quantity.SEDIMENT_WIDTH: inner,
        Quantity.VEGETATION_WIDTH: inner,
    }


def _told(surfaces: Surfaces, quantity: Quantity) -> bool:
    """Return whether a scene can tell a quantity at all."""
    if quantity is Quantity.SEDIMENT_WIDTH:
        return surfaces.sediment is not None
    return quantity is not Quantity.VEGETATION_WIDTH or surfaces.vegetation is not None


def _profile(frame: ReachFrame, grid: Grid, surfaces: Surfaces, row: int) -> Profile:
    half = float(frame.half_length_m[row])
    step = STEP_PX * grid.pixel_m
    offset = np.arange(-half, half + step / 2, step)
    xy = frame.origin_xy[row] + offset[:, None] * frame.normal_xy[row]
    px = grid.pixels(xy, frame.crs)
    inside = (px[:, 0] >= 0) & (px[:, 1] >= 0) & (px[:, 0] < grid.width_px) & (px[:, 1] < grid.height_px)
    water = _sampled(surfaces.water, px, inside)
    sediment = None if surfaces.sediment is None else _sampled(surfaces.sediment, px, inside)
    vegetation = None if surfaces.vegetation is None else _sampled(surfaces.vegetation, px, inside)
    return read_profile(offset, inside, water, sediment, vegetation, grid.pixel_m)


def _sampled(plane: Array, px: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Return bilinear samples of a plane, NaN outside and where a pixel around the point was not observed."""
    coordinates = np.stack([px[:, 1] - 0.5, px[:, 0] - 0.5])  # pixel centres stand at half
    low = np.floor(px.min(axis=0)).astype(int) - 2
    high = np.ceil(px.max(axis=0)).astype(int) + 3
    col, row = max(low[0], 0), max(low[1], 0)
    part = plane[row : max(high[1], row + 1), col : max(high[0], col + 1)]
    if part.size == 0:
        return np.full(len(px), np.nan)
    unseen = ~np.isfinite(part)
    local = coordinates - np.array([[row], [col]])
    values = map_coordinates(np.where(unseen, 0.0, part), local, order=1, mode="nearest")
    if unseen.any():
        blind = map_coordinates(unseen.astype(np.float32), local, order=1, mode="nearest")
        values = np.where(blind > 1e-6, np.nan, values)
    return np.where(inside, values, np.nan)


def _with_neighbours(states: list[State]) -> list[State]:
    """Return states where a lone dry transect between wet ones is unsure: a deck lies along it, or a shadow."""
    out = list(states)
    for row, state in enumerate(states):
        near = [*states[max(row - 2, 0) : row], *states[row + 1 : row + 3]]
        if state is State.DRY and near.count(State.OK) >= 2:
            out[row] = State.UNSURE
    return out


def _column(profiles: Sequence[Profile], quantity: Quantity, ok: NDArray[np.bool_]) -> Floats:
    values = np.array([profile.values.get(quantity, np.nan) for profile in profiles], dtype=float)
    return np.where(ok, values, np.nan)


def _oblique(frame: ReachFrame, bank: Floats) -> Floats:
    """Return how much longer an error across the bank is along the transect: 1 / cos of the angle between them."""
    known = np.flatnonzero(np.isfinite(bank))
    if known.size < 2:
        return np.ones(len(bank))
    slope = np.gradient(bank[known], frame.station_m[known])
    factor = np.sqrt(1 + np.interp(np.arange(len(bank)), known, slope) ** 2)
    return np.asarray(np.minimum(factor, OBLIQUE))


def _soft(profiles: Sequence[Profile], bank: Quantity) -> Floats:
    """Return how much wider than a sharp edge a bank's probability falls, 1 to ``OBLIQUE``."""
    widths = np.array([profile.softness.get(bank, 1.0) for profile in profiles], dtype=float)
    return np.asarray(np.clip(widths, 1.0, OBLIQUE))


def _reach(frame: ReachFrame, values: dict[Quantity, Floats], sigmas: dict[Quantity, Floats]) -> dict[str, Measure]:
    """Return areas of the measured transects, the share of them, and the sinuosity of the channel's middle."""
    measures: dict[str, Measure] = {}
    names = {
        Quantity.WETTED_WIDTH: "water_area", Quantity.CHANNEL_WIDTH: "channel_area",
        Quantity.SEDIMENT_WIDTH: "sediment_area", Quantity.VEGETATION_WIDTH: "vegetation_area",
    }  # fmt: skip
    for quantity, name in names.items():
        if quantity not in values or not np.isfinite(values[quantity]).any():
            continue
        known = np.isfinite(values[quantity])
        area = float(np.nansum(values[quantity]) * frame.spacing_m)
        # edges of one scene err together (the same threshold, the same haze), so their errors add up
        spread = 1.96 * float(np.nansum(np.where(known, sigmas[quantity], 0.0)) * frame.spacing_m)
        how = f"width times spacing over {int(known.sum())} of {len(known)} transects"
        measures[name] = Measure(name, area, "m2", max(area - spread, 0.0), area + spread, how)
    middle = 0.5 * (values.get(Quantity.LEFT_BANK, np.zeros(0)) + values.get(Quantity.RIGHT_BANK, np.zeros(0)))
    if middle.size and np.isfinite(middle).sum() >= 3:
        points = frame.points(middle)[np.isfinite(middle)]
        along = float(np.hypot(*np.diff(points, axis=0).T).sum())
        straight = float(np.hypot(*(points[-1] - points[0])))
        if straight > 0:
            how = "length of the middle between the banks over the distance of its ends"
            measures["sinuosity"] = Measure("sinuosity", along / straight, "ratio", None, None, how)
    return measures


def _remarks(states: Sequence[State], profiles: Sequence[Profile], grid: Grid) -> list[str]:
    narrow = [profile.width_px for profile, state in zip(profiles, states, strict=True) if state is State.NARROW]
    if not narrow:
        return []
    return [
        f"{len(narrow)} of {len(states)} transects are narrower than {MINIMUM_WIDTH_PX:.0f} px of {grid.pixel_m:.3g} m "
        f"(median {float(np.median(narrow)):.1f} px): not measured; finer imagery would show them"
    ]


@dataclass(frozen=True, slots=True)
class Assessed:
    """How much of a reach a scene shows."""

    ok: int
    total: int
    words: str


def assessed(observation: Observation) -> Assessed:
    """Return how many transects were measured, and in words what became of the others."""
    counts = {state: sum(s is state for s in observation.states) for state in State}
    others = ", ".join(f"{count} {state.value}" for state, count in counts.items() if count and state is not State.OK)
    total = len(observation.states)
    words = f"{counts[State.OK]} of {total} transects" + (f" ({others})" if others else "")
    return Assessed(counts[State.OK], total, words)
