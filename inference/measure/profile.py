"""Grey-value profiles across a crack, in linear light and relative to the surface beside it.

A pixel that a crack covers by the share ``f`` receives ``(1 - f) * background + f * core`` of *light*. Files hold
sRGB-encoded values, in which the same pixel looks brighter than that mix: integrating encoded values understates a
hairline by about 40 %. So the values are decoded first (IEC 61966-2-1).

*Darkness* is ``1 - light / background``: 0 on the surface, ``1 - core / background`` in a crack that is wide enough to
show its core.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.measure.skeleton import Branch

Array = NDArray[np.floating]
STEP_PX = 0.5  # between samples along a normal
BLOCK = 9  # stations (1 px apart) averaged into one: texture and noise fall threefold
CALM = 51  # stations of a running median: a stone, a pore or a patch of lime beside the crack is not its background
SURFACE_PX = 8.0  # width of the strip on either side that gives the background
LOCAL_PX = 4.0  # width of the strips right beside the crack: dirt and damp there are background, not crack
MOST_STATIONS = 6000


def to_linear(grey: NDArray[np.floating]) -> Array:
    """Return linear light 0..1 of sRGB-encoded grey values 0..255 (IEC 61966-2-1)."""
    encoded = np.asarray(grey, float) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((np.maximum(encoded, 0) + 0.055) / 1.055) ** 2.4)


@dataclass(frozen=True, slots=True)
class Profiles:
    """Profiles across one crack, one a station, all centred on the dark line.

    Attributes:
        darkness: ``(S, N)`` block-averaged, relative to the surface right beside the crack, 0 .. 1.
        offset_px: ``(N,)`` distance from the dark line, negative to the left.
        reach_px: ``(S, 2)`` how far the darkness extends to the left and to the right, both positive.
        integral_px: ``(S,)`` darkness integrated across: width times contrast.
        peak: ``(S,)`` greatest darkness.
        noise_px: standard deviation of ``integral_px`` where there is no crack: measured the same way on both sides
            beside it.
        search_px: how far to either side of the mask's centreline the dark line was looked for.
        centre: ``(S, 2)`` row and column of the dark line.
        normal: ``(S, 2)`` unit normals.
        branch: ``(S,)`` index of the branch that each station lies on.
    """

    darkness: Array
    offset_px: Array
    reach_px: Array
    integral_px: Array
    peak: Array
    noise_px: float
    search_px: float
    centre: Array
    normal: Array
    branch: NDArray[np.int64]

    @property
    def selection_px(self) -> float:
        """What the search for the darkest line adds to an integral where there is only texture.

        The expected greatest of K normal draws is about ``sigma * sqrt(2 ln K)``; K lines fit side by side into the
        search.
        """
        lines = 1 + self.search_px / float(np.median(self.reach_px))
        return self.noise_px * float(np.sqrt(2 * np.log(lines))) if np.isfinite(self.noise_px) else 0.0


@dataclass(frozen=True, slots=True)
class _Stations:
    centre: Array
    normal: Array
    usable: NDArray[np.bool_]


def stations(branch: Branch) -> _Stations:
    """Return points 1 px apart on a branch with their normals, and which of them are clear of junctions and ends."""
    steps = np.hypot(*np.diff(branch.points, axis=0).T)
    arc = np.concatenate([[0.0], np.cumsum(steps)])
    spacing = max(1.0, arc[-1] / MOST_STATIONS)
    at = np.arange(0, arc[-1] + 1e-9, spacing)
    centre = np.stack([np.interp(at, arc, branch.points[:, k]) for k in (0, 1)], axis=1)
    run = np.gradient(ndimage.gaussian_filter1d(centre, 3.0, axis=0, mode="nearest"), axis=0)
    run /= np.maximum(np.hypot(run[:, 0], run[:, 1]), 1e-9)[:, None]
    normal = np.stack([run[:, 1], -run[:, 0]], axis=1)
    half = float(np.median(branch.half_width_px))
    margins = [half + (0.0 if free else 3.0) for free in (branch.free_start, branch.free_end)]
    usable = (at >= margins[0]) & (at <= arc[-1] - margins[1])
    return _Stations(centre, normal, usable)


def sample(image: Array, centre: Array, normal: Array, offsets: Array) -> Array:
    """Return image values ``(S, N)`` at ``centre + offset * normal``; NaN outside the image."""
    where = np.empty((2, len(centre), len(offsets)))
    for axis in (0, 1):
        np.multiply(normal[:, axis, None], offsets, out=where[axis])
        where[axis] += centre[:, axis, None]
    values = ndimage.map_coordinates(image, where, order=1, mode="constant", cval=np.nan)
    return np.asarray(values, float)


def measure_profiles(grey: NDArray[np.floating], branches: list[Branch], blur_px: float) -> Profiles | None:
    """Return the profiles across a crack, or None if no station has a clear view of both sides.

    Args:
        grey: ``(H, W)`` sRGB-encoded values 0..255 around the crack, NaN where nothing was observed.
        branches: centrelines in the pixel coordinates of ``grey``.
        blur_px: 1-sigma of the point spread, sets how far a hairline's darkness can extend.
    """
    light = to_linear(grey)
    parts = [part for i, branch in enumerate(branches) if (part := _branch_profiles(light, branch, blur_px, i))]
    if not parts:
        return None
    widest = max(parts, key=lambda part: len(part.offset_px))
    noise = np.concatenate([np.atleast_1d(part.noise_px) for part in parts])
    weight = np.array([len(part.peak) for part in parts], float)
    return Profiles(
        np.concatenate([_widen(part.darkness, len(widest.offset_px)) for part in parts]),
        widest.offset_px,
        np.concatenate([part.reach_px for part in parts]),
        np.concatenate([part.integral_px for part in parts]),
        np.concatenate([part.peak for part in parts]),
        float(np.sqrt(np.average(noise**2, weights=weight))),
        widest.search_px,
        np.concatenate([part.centre for part in parts]),
        np.concatenate([part.normal for part in parts]),
        np.concatenate([part.branch for part in parts]),
    )


def _widen(darkness: Array, columns: int) -> Array:
    pad = (columns - darkness.shape[1]) // 2
    return np.pad(darkness, ((0, 0), (pad, pad)))


def _branch_profiles(light: Array, branch: Branch, blur_px: float, index: int) -> Profiles | None:
    line = stations(branch)
    if line.usable.sum() < BLOCK // 2:
        return None
    half = float(np.clip(np.percentile(branch.half_width_px, 90), 1.0, 60.0)) + 1 + blur_px
    reach = 3 * half + LOCAL_PX + SURFACE_PX + 4
    offsets = np.arange(-round(reach / STEP_PX), round(reach / STEP_PX) + 1) * STEP_PX
    dark = _darkness(sample(light, line.centre, line.normal, offsets), offsets, half)
    at = _trace_dark_line(dark, offsets, half)
    inner = round((half + 2 + LOCAL_PX) / STEP_PX)
    columns = at[:, None] + np.arange(-inner, inner + 1)
    aligned = np.take_along_axis(dark, columns, axis=1)
    good = line.usable & np.isfinite(aligned).all(axis=1)
    if good.sum() < BLOCK // 2:
        return None
    across = np.arange(-inner, inner + 1) * STEP_PX
    blocks = _block_mean(aligned, good)
    reach_px = _reach(aligned, good, across, half, blur_px)
    strips = _strips(across, reach_px)
    local, integral = _integrate(blocks, strips)
    noise = _noise(dark, at, good, strips, reach_px, half)
    near = np.abs(across)[None] <= np.maximum(reach_px.max(axis=1, keepdims=True), 1.0)
    peak = np.where(near, local, -np.inf).max(axis=1)
    # dark only beside something bright (lime in the crack, a lit lip), not against the surface: no crack is seen
    good &= np.where(near, blocks, -np.inf).max(axis=1) >= 0.5 * peak
    if good.sum() < BLOCK // 2:
        return None
    return Profiles(
        local[good],
        across,
        reach_px[good],
        integral[good],
        peak[good],
        noise,
        half,
        (line.centre + offsets[at][:, None] * line.normal)[good],
        line.normal[good],
        np.full(int(good.sum()), index, np.int64),
    )


def _darkness(values: Array, offsets: Array, half: float) -> Array:
    """Return ``1 - light / background``; the background runs straight from one side to the other."""
    sides = []
    for side in (-1, 1):
        strip = (side * offsets > half + 1) & (side * offsets <= half + 1 + SURFACE_PX)
        beside = values[:, strip]
        finite = np.isfinite(beside)
        seen, whole = finite.any(axis=1), finite.all(axis=1)
        level = np.full(len(values), np.nan)
        level[whole] = _quantile(beside[whole], 0.5)  # many times faster than nanmedian
        if (seen & ~whole).any():
            level[seen & ~whole] = np.nanmedian(beside[seen & ~whole], axis=1)
        if seen.any():
            level = np.interp(np.arange(len(level)), np.flatnonzero(seen), level[seen])
        sides.append(ndimage.median_filter(level, size=CALM, mode="nearest"))
    left, right = sides
    share = np.clip((offsets + half + 1 + SURFACE_PX / 2) / (2 * half + 2 + SURFACE_PX), 0, 1)
    background = left[:, None] * (1 - share) + right[:, None] * share
    return np.asarray(1 - values / np.maximum(background, 1e-3))


def _trace_dark_line(dark: Array, offsets: Array, half: float) -> NDArray[np.int64]:
    """Return the columns of the darkest smooth line: dynamic programming, at most half a pixel a station."""
    allowed = np.flatnonzero(np.abs(offsets) <= half)
    around = round(4.0 / STEP_PX)  # the filter's reach: columns beyond it change nothing
    first = max(0, int(allowed[0]) - around)
    near = dark[:, first : int(allowed[-1]) + around + 1]
    gain = ndimage.gaussian_filter(np.where(np.isfinite(near), near, 0.0), (2.0, 1.0 / STEP_PX), mode="nearest")
    gain = gain[:, allowed - first]
    scale = max(float(np.percentile(gain, 95)), 1e-6)
    straight, columns = 0.1 * scale, gain.shape[1]
    before = np.full((len(gain), columns + 2), -np.inf)  # a guard on either side, so that shifts are plain slices
    total = before[0].copy()
    total[1:-1] = gain[0]
    for row in range(1, len(gain)):
        before[row] = total
        best = np.maximum(np.maximum(total[:-2], total[1:-1] + straight), total[2:])
        total[1:-1] = best + gain[row]
    path = np.empty(len(gain), np.int64)
    at = int(total[1:-1].argmax())
    path[-1] = at
    for row in range(len(gain) - 1, 0, -1):  # the way back asks for few cells: no table of steps is kept
        left, here, right = before[row, at : at + 3].tolist()
        here += straight
        at += 0 if here >= max(left, right) else -1 if left >= right else 1
        path[row - 1] = at
    return allowed[path]


def _block_mean(values: Array, good: NDArray[np.bool_]) -> Array:
    """Average over ``BLOCK`` neighbouring stations, leaving out those that cannot be used."""
    kept = ndimage.uniform_filter1d(good.astype(float), BLOCK, mode="constant")[:, None]
    total = ndimage.uniform_filter1d(np.where(good[:, None], values, 0.0), BLOCK, axis=0, mode="constant")
    return np.asarray(total / np.maximum(kept, 1e-9))


def _reach(aligned: Array, good: NDArray[np.bool_], across: Array, half: float, blur_px: float) -> Array:
    """Return how far the darkness extends to either side, from profiles averaged over some 40 stations."""
    weight = ndimage.gaussian_filter1d(good.astype(float), 15.0, mode="constant")[:, None]
    total = ndimage.gaussian_filter1d(np.where(good[:, None], aligned, 0.0), 15.0, axis=0, mode="constant")
    mean = total / np.maximum(weight, 1e-9)
    centre = len(across) // 2
    floor = _quantile(mean, 0.25)
    level = (floor + 0.1 * (mean[:, centre] - floor))[:, None]
    sides = []
    for side in (mean[:, centre::-1], mean[:, centre:]):
        below = side < level
        first = np.where(below.any(axis=1), below.argmax(axis=1), below.shape[1] - 1)
        sides.append(np.clip(first * STEP_PX + 0.5, max(1.5, 2.5 * blur_px), half + 2))
    return np.stack(sides, axis=1)


def _quantile(values: Array, share: float) -> Array:
    """Return a quantile of each row, as `numpy.quantile` has it; on short rows sorting is much faster."""
    place = (values.shape[1] - 1) * share
    below = int(place)
    ordered = np.sort(values, axis=1)
    upper = ordered[:, min(below + 1, values.shape[1] - 1)]
    return np.asarray(ordered[:, below] + (upper - ordered[:, below]) * (place - below))


@dataclass(frozen=True, slots=True)
class _Strips:
    """Which columns of the profiles are crack and which are the surface beside it, ``(S, N)`` each.

    Attributes:
        beside: left and right, with the number of columns ``(S,)`` of each.
        share: how far over from the left side to the right one, 0 to 1.
    """

    beside: tuple[tuple[NDArray[np.bool_], Array], tuple[NDArray[np.bool_], Array]]
    inside: NDArray[np.bool_]
    share: Array


def _strips(across: Array, reach_px: Array) -> _Strips:
    left, right = reach_px[:, :1], reach_px[:, 1:]
    one = (across < -left) & (across >= -left - LOCAL_PX)
    other = (across > right) & (across <= right + LOCAL_PX)
    share = np.clip((across + left + LOCAL_PX / 2) / (left + right + LOCAL_PX), 0, 1)
    inside = (across >= -left) & (across <= right)
    counts = [np.maximum(np.count_nonzero(mask, axis=1), 1) for mask in (one, other)]
    return _Strips(((one, counts[0]), (other, counts[1])), inside, share)


def _integrate(blocks: Array, strips: _Strips) -> tuple[Array, Array]:
    """Return the darkness over the surface right beside the crack, and its integral across the crack in px."""
    base = [np.where(mask, blocks, 0).sum(axis=1) / count for mask, count in strips.beside]
    base = [ndimage.uniform_filter1d(ndimage.median_filter(b, size=CALM, mode="nearest"), 3 * BLOCK) for b in base]
    floor = base[0][:, None] * (1 - strips.share) + base[1][:, None] * strips.share
    local = (blocks - floor) / np.maximum(1 - floor, 0.05)
    return local, np.where(strips.inside, local, 0).sum(axis=1) * STEP_PX


def _noise(
    dark: Array, at: NDArray[np.int64], good: NDArray[np.bool_], strips: _Strips, reach_px: Array, half: float
) -> float:
    """Return the spread of the same integral over strips of the surface beside the crack."""
    width = strips.inside.shape[1]
    found = []
    for side in (-1, 1):
        middle = at + side * round((half + reach_px.max() + LOCAL_PX / 2) / STEP_PX)
        columns = middle[:, None] + np.arange(-(width // 2), width // 2 + 1)
        columns = np.clip(columns, 0, dark.shape[1] - 1)
        strip = np.take_along_axis(dark, columns, axis=1)
        usable = good & np.isfinite(strip).all(axis=1)
        if usable.any():
            found.append(_integrate(_block_mean(np.nan_to_num(strip), usable), strips)[1][usable])
    if not found:
        return float("nan")
    values = np.concatenate(found)
    off = np.abs(values - np.median(values))
    # concrete has pores and stains: its tails are heavier than a normal distribution's, and the 95 % matter here
    return float(max(1.4826 * np.median(off), np.percentile(off, 95) / 1.96))
