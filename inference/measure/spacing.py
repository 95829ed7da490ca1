"""Spacing of the cracks in one image: the second input of the crack grade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from findings.measure import Measure
from findings.survey import Scale
from inference.regions import Region

PARALLEL_DEG = 30.0
SHORTEST_PX = 20.0
ELONGATED = 3.0
SIDE_BY_SIDE = 0.5
STRANDS = 3.0
LONGEST_CRACKS = 400  # pairs are compared: the longest count
Z95 = 1.96


@dataclass(frozen=True, slots=True)
class _Line:
    points: NDArray[np.float64]  # (N, 2) x, y of mask pixels, thinned
    direction: NDArray[np.float64]
    length: float
    middle: NDArray[np.float64]
    reach: float  # of the points around their middle


def spacing_m(regions: Sequence[Region], scale: Scale) -> list[Measure | None]:
    """Return for each crack of an image its distance to the nearest roughly parallel one (``min_spacing``).

    Two cracks are compared if their main directions differ by less than 30 degrees and they lie side by side along at
    least half of the shorter one and no shorter than the gap between them; closer than three times their masks' widths
    they are strands of one crack, not two. The distance is the median gap of the centrelines. None where a crack has
    no such neighbour. In m where the ground sample distance is known, else in px.
    """
    lines = [_line(region) for region in regions]
    order = sorted((i for i, line in enumerate(lines) if line is not None), key=lambda i: -_length(lines[i]))
    nearest = dict.fromkeys(range(len(lines)), np.inf)
    for place, i in enumerate(order[:LONGEST_CRACKS]):
        for j in order[place + 1 : LONGEST_CRACKS]:
            gap = _gap(lines[i], lines[j])
            nearest[i], nearest[j] = min(nearest[i], gap), min(nearest[j], gap)
    return [_measure(gap, scale) if np.isfinite(gap) else None for gap in nearest.values()]


def _measure(gap: float, scale: Scale) -> Measure:
    relative = 0.0 if scale.gsd_mm is None else (scale.sigma_mm or 0.0) / scale.gsd_mm
    slack = float(np.hypot(2.0, Z95 * relative * gap))  # 2 px: the lines wander within their masks
    unit, factor = ("px", 1.0) if scale.gsd_mm is None else ("m", scale.gsd_mm / 1000)
    how = "median gap to the nearest roughly parallel crack of this image"
    return Measure("min_spacing", gap * factor, unit, max(0.0, gap - slack) * factor, (gap + slack) * factor, how)


def _length(line: _Line | None) -> float:
    return 0.0 if line is None else line.length


def _line(region: Region) -> _Line | None:
    rows, cols = np.nonzero(region.mask)
    points = np.stack([cols + region.bbox.col + 0.5, rows + region.bbox.row + 0.5], axis=1)
    if len(points) < SHORTEST_PX:
        return None
    spread, axes = np.linalg.eigh(np.cov(points.T))
    length = float(np.sqrt(12 * spread[1]))
    if length < SHORTEST_PX or spread[1] < ELONGATED**2 * spread[0]:
        return None
    middle = points.mean(axis=0)
    return _Line(points, axes[:, 1], length, middle, float(np.hypot(*(points - middle).T).max()))


def _gap(a: _Line | None, b: _Line | None) -> float:
    """Return the median distance of the two centrelines where they lie side by side, infinite if they do not."""
    if a is None or b is None or abs(float(a.direction @ b.direction)) < np.cos(np.radians(PARALLEL_DEG)):
        return np.inf
    # further apart than both reach and the shorter one is long, they cannot lie side by side
    if np.hypot(*(a.middle - b.middle)) > a.reach + b.reach + 2 * min(a.reach, b.reach):
        return np.inf
    mean = a.direction + b.direction * np.sign(a.direction @ b.direction)
    along = mean / np.hypot(*mean)
    across = np.array([-along[1], along[0]])
    spans = [(line.points @ along, line.points @ across) for line in (a, b)]
    low, high = max(s.min() for s, _ in spans), min(s.max() for s, _ in spans)
    if high - low < SIDE_BY_SIDE * min(a.length, b.length):
        return np.inf
    edges = np.linspace(low, high, 2 + int((high - low) / 10))
    middles = [_middles(s, t, edges) for s, t in spans]
    gaps = np.abs(middles[0] - middles[1])
    if not np.isfinite(gaps).any():
        return np.inf
    gap = float(np.nanmedian(gaps))
    strands = STRANDS * (len(a.points) / a.length + len(b.points) / b.length)
    return gap if strands <= gap <= high - low else np.inf


def _middles(
    along: NDArray[np.float64], across: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    place = np.digitize(along, edges) - 1
    inside = (place >= 0) & (place < len(edges) - 1)
    count = np.bincount(place[inside], minlength=len(edges) - 1)
    total = np.bincount(place[inside], weights=across[inside], minlength=len(edges) - 1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
