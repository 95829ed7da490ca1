"""Crack geometry and its exact sub-pixel coverage.

A crack is the gap between two lips that fit each other: over a smooth base path runs a rough line (fractal, so that
it kinks at every scale, as a crack does that goes round the aggregate), and the lips lie half an opening to each side
of it along the base normal. The width that counts is measured across the rough line: opening / sqrt(1 + slope ** 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from imagery.synthetic.noise import Field, profile_noise

Points = NDArray[np.float64]

STEP_PX = 0.5  # distance of the samples along the base path


@dataclass(frozen=True, slots=True, eq=False)
class CrackLine:
    """One crack or branch in pixels, x right, y down, pixel edges at whole numbers.

    Attributes:
        centre_px: ``(N, 2)`` rough centre line.
        normal: ``(N, 2)`` unit normal of the smooth base path, along which the crack opens.
        opening_px: ``(N,)`` gap along ``normal``.
        width_px: ``(N,)`` gap across the centre line.
        parent: index of the crack that this branch leaves, or None.
    """

    centre_px: Points
    normal: Points
    opening_px: NDArray[np.float64]
    width_px: NDArray[np.float64]
    parent: int | None = None

    @property
    def outline_px(self) -> Points:
        """The closed outline ``(2 N, 2)``: one lip forwards, the other back."""
        half = 0.5 * self.opening_px[:, None] * self.normal
        return np.concatenate([self.centre_px + half, (self.centre_px - half)[::-1]])


def grow_crack(
    rng: np.random.Generator,
    start_px: tuple[float, float],
    heading: float,
    length_px: float,
    width_px: float,
    *,
    roughness: float = 1.0,
    open_start: bool = False,
    parent: int | None = None,
) -> CrackLine:
    """Return one crack without branches.

    Args:
        rng: source of the draws.
        start_px: x, y of the first point.
        heading: direction of growth in radians, 0 = right, pi/2 = down.
        length_px: length of the base path.
        width_px: the largest width across the centre line.
        roughness: amplitude of the kinks; 1 is a sway of about 5 px over 64 px.
        open_start: the crack begins at full width (it leaves another crack or the frame there).
        parent: index of the crack that it leaves.
    """
    count = max(int(length_px / STEP_PX), 8)
    turning = gaussian_filter1d(profile_noise(rng, count, STEP_PX, max(length_px / 3, 20.0)), 20, mode="nearest")
    angle = heading + 0.35 * (turning - turning[0])
    steps = np.stack([np.cos(angle), np.sin(angle)], axis=1) * STEP_PX
    base = np.asarray(start_px) + np.cumsum(steps, axis=0) - steps[0]
    normal = np.stack([-np.sin(angle), np.cos(angle)], axis=1)
    return _open_along(rng, base, normal, length_px, width_px, roughness, open_start, parent)


def crack_along(
    rng: np.random.Generator, points_px: Points, width_px: float, *, roughness: float = 1.0, open_ends: bool = False
) -> CrackLine:
    """Return a crack that keeps to a given path ``(M, 2)`` of straight pieces, rough at every scale below it.

    Both ends stay on the path's ends, so that the cracks of a net meet; with ``open_ends`` they are not tapered.
    """
    steps = np.linalg.norm(np.diff(points_px, axis=0), axis=1)
    place = np.concatenate([[0.0], np.cumsum(steps)])
    count = max(int(place[-1] / STEP_PX), 8)
    at = np.linspace(0, place[-1], count)
    base = np.stack([np.interp(at, place, points_px[:, axis]) for axis in (0, 1)], axis=1)
    smooth = gaussian_filter1d(base, 3.0, axis=0, mode="nearest")
    run = np.gradient(smooth, axis=0)
    run /= np.maximum(np.linalg.norm(run, axis=1, keepdims=True), 1e-9)
    normal = np.stack([-run[:, 1], run[:, 0]], axis=1)
    return _open_along(rng, smooth, normal, place[-1], width_px, roughness, open_ends, None, pinned=True)


def _open_along(
    rng: np.random.Generator,
    base: Points,
    normal: Points,
    length_px: float,
    width_px: float,
    roughness: float,
    open_start: bool,
    parent: int | None,
    *,
    pinned: bool = False,
) -> CrackLine:
    """Return the crack that sways about a smooth base path and opens along its normal."""
    count = len(base)
    sway = _sway(rng, count, length_px) * roughness
    sway -= sway[0]
    if pinned:
        sway -= np.linspace(0, sway[-1], count)
    centre = base + sway[:, None] * normal
    run = np.gradient(centre, axis=0)
    across = np.abs(run[:, 0] * normal[:, 1] - run[:, 1] * normal[:, 0]) / np.linalg.norm(run, axis=1)
    opening = _opening(rng, count, width_px, open_start, open_end=pinned and open_start)
    opening *= width_px / float(np.max(opening * across))
    return CrackLine(centre, normal, opening, opening * across, parent)


def _sway(rng: np.random.Generator, count: int, length_px: float) -> NDArray[np.float64]:
    """Return the rough displacement: octaves of linear pieces, amplitude ~ scale ** 0.85, from length / 3 to 2 px."""
    sway = np.zeros(count)
    scale = min(length_px / 3, 300.0)
    while scale >= 2.0:
        strength = 4.0 * (scale / 64.0) ** 0.85
        piece = profile_noise(rng, count, STEP_PX, scale)
        # Roughness comes and goes along a crack: straight through the paste, jagged round the stones.
        gate = np.clip(1.0 + 0.6 * profile_noise(rng, count, STEP_PX, 4 * scale), 0.1, 2.0)
        sway += strength * gaussian_filter1d(piece, 0.12 * scale / STEP_PX, mode="nearest") * gate
        scale /= 2.0
    return np.asarray(gaussian_filter1d(sway, 0.8, mode="nearest"), dtype=np.float64)


def _opening(
    rng: np.random.Generator, count: int, width_px: float, open_start: bool, *, open_end: bool = False
) -> NDArray[np.float64]:
    """Return the relative opening along the path: tapered ends, slow and quick changes, pinches."""
    along = np.linspace(0, 1, count)
    end = np.ones(count) if open_end else np.clip((1 - along) / rng.uniform(0.05, 0.4), 0, 1) ** rng.uniform(0.4, 0.9)
    begin = np.ones(count) if open_start else np.clip(along / rng.uniform(0.05, 0.4), 0, 1) ** rng.uniform(0.4, 0.9)
    slow = profile_noise(rng, count, STEP_PX, 50.0)
    quick = profile_noise(rng, count, STEP_PX, 3.0 + 2.0 * width_px)
    fine = profile_noise(rng, count, STEP_PX, 2.0)
    pinch = np.clip(1.9 + 1.0 * profile_noise(rng, count, STEP_PX, 25.0), 0.2, 1.0)
    shape = end * begin * pinch * np.exp(0.2 * slow + 0.14 * quick + 0.06 * fine)
    return np.asarray(np.maximum(gaussian_filter1d(shape, 1.0, mode="nearest"), 1e-3), dtype=np.float64)


def grow_branches(
    rng: np.random.Generator, lines: list[CrackLine], index: int, mean_count: float, *, roughness: float, depth: int = 0
) -> None:
    """Append branches of ``lines[index]`` to ``lines``, and branches of those, down to the second generation."""
    stem = lines[index]
    count = len(stem.opening_px)
    for _ in range(int(rng.poisson(mean_count))):
        at = int(rng.uniform(0.15, 0.85) * count)
        tangent = np.arctan2(-stem.normal[at, 0], stem.normal[at, 1])
        heading = tangent + float(rng.choice([-1.0, 1.0]) * rng.uniform(0.35, 1.1))
        length = count * STEP_PX * float(rng.uniform(0.1, 0.45))
        width = float(stem.width_px[at] * rng.uniform(0.35, 0.8))
        if length < 10 or width < 0.05:
            continue
        x, y = stem.centre_px[at]
        branch = grow_crack(
            rng, (float(x), float(y)), heading, length, width, roughness=roughness, open_start=True, parent=index
        )
        lines.append(branch)
        if depth < 1:
            grow_branches(rng, lines, len(lines) - 1, 0.4 * mean_count, roughness=roughness, depth=depth + 1)


def polygon_coverage(outline_px: Points, shape: tuple[int, int]) -> Field:
    """Return the exact area fraction ``(H, W)`` of each pixel that a simple polygon covers.

    Signed areas are accumulated edge by edge and summed along the rows, as font rasterisers do; the only error is
    floating point. A polygon that crosses itself is counted by its winding number and cut at 1.

    Args:
        outline_px: ``(N, 2)`` x, y; closed by itself; parts outside the frame are cut off.
        shape: height and width.
    """
    height, width = shape
    first, second = _split_at_pixels(outline_px, np.roll(outline_px, -1, axis=0))
    x = np.clip(np.stack([first[:, 0], second[:, 0]]), 0, width)
    y = np.clip(np.stack([first[:, 1], second[:, 1]]), 0, height)
    rise = y[1] - y[0]
    keep = rise != 0
    x, y, rise = x[:, keep], y[:, keep], rise[keep]
    column = np.minimum(np.floor(x.mean(axis=0)), width - 1).astype(np.int64)
    row = np.minimum(np.floor(y.mean(axis=0)), height - 1).astype(np.int64)
    right = x.mean(axis=0) - column  # share of the pixel that lies left of the edge
    cells = row * (width + 1) + column
    size = height * (width + 1)
    here = np.bincount(cells, rise * (1 - right), minlength=size)
    here += np.bincount(cells + 1, rise * right, minlength=size)[:size]
    coverage = np.abs(np.cumsum(here.reshape(height, width + 1), axis=1)[:, :width])
    return np.clip(coverage, 0, 1).astype(np.float32)


def _split_at_pixels(first: Points, second: Points) -> tuple[Points, Points]:
    """Return the edges cut so that each piece lies within one pixel."""
    parts = np.maximum(np.ceil(np.abs(second - first).max(axis=1)), 1).astype(np.int64)
    index = np.repeat(np.arange(len(first)), parts)
    position = np.arange(len(index)) - np.repeat(np.cumsum(parts) - parts, parts)
    delta = (second - first)[index] / parts[index][:, None]
    begin = first[index] + delta * position[:, None]
    end = begin + delta
    # A piece no longer than one pixel crosses at most one column line and one row line.
    line = np.ceil(np.minimum(begin, end))
    with np.errstate(divide="ignore", invalid="ignore"):
        cut = np.where((line > np.minimum(begin, end)) & (line < np.maximum(begin, end)), (line - begin) / delta, 1.0)
    cut.sort(axis=1)
    one = begin + delta * cut[:, :1]
    two = begin + delta * cut[:, 1:]
    return np.concatenate([begin, one, two]), np.concatenate([one, two, end])


def line_coverage(line: CrackLine, shape: tuple[int, int]) -> Field:
    """Return the area fraction ``(H, W)`` that the crack covers."""
    return polygon_coverage(line.outline_px, shape)


def centre_mask(line: CrackLine, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels ``(H, W)`` that the centre line passes through."""
    mask = np.zeros(shape, dtype=bool)
    col, row = np.floor(line.centre_px).astype(np.int64).T
    inside = (col >= 0) & (row >= 0) & (col < shape[1]) & (row < shape[0])
    mask[row[inside], col[inside]] = True
    return mask
