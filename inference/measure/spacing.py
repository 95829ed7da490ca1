"""Spacing of the cracks in one image: the second input of the crack grade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from findings.measure import Measure
from findings.survey import Scale
from inference.measure.world import around, to_world
from inference.regions import Region

PARALLEL_DEG = 30.0
SHORTEST_PX = 20.0
ELONGATED = 3.0
SIDE_BY_SIDE = 0.5
STRANDS = 3.0
LONGEST_CRACKS = 400  # pairs are compared: the longest count
WANDER_PX = 2.0  # the lines wander within their masks


@dataclass(frozen=True, slots=True)
class _Line:
    points: NDArray[np.float64]  # (N, 2) x, y of mask pixels, thinned
    direction: NDArray[np.float64]
    length: float
    middle: NDArray[np.float64]
    reach: float  # of the points around their middle


def spacing_m(regions: Sequence[Region], scales: Sequence[Scale]) -> list[Measure | None]:
    """Return for each crack of an image its distance to the nearest roughly parallel one (``min_spacing``).

    Two cracks are compared if their main directions differ by less than 30 degrees and they lie side by side along at
    least half of the shorter one and no shorter than the gap between them; closer than three times their masks' widths
    they are strands of one crack, not two. The distance is the median gap of the centrelines. None where a crack has
    no such neighbour. In m where the ground sample distance is known, else in px.

    Args:
        regions: of the cracks.
        scales: where each of them lies; under tilt the pixels of the gap are taken as the mean of both ends'.
    """
    lines = [_line(region) for region in regions]
    order = sorted((i for i, line in enumerate(lines) if line is not None), key=lambda i: -_length(lines[i]))
    order = order[:LONGEST_CRACKS]
    nearest: dict[int, tuple[float, int]] = {}
    for a, b in _near([line for i in order if (line := lines[i]) is not None]):
        i, j = order[a], order[b]
        gap = _gap(lines[i], lines[j])
        for one, other in ((i, j), (j, i)):
            if gap < nearest.get(one, (np.inf, -1))[0]:
                nearest[one] = (gap, other)
    return [
        _measure(nearest[i][0], scales[i], scales[nearest[i][1]]) if i in nearest else None for i in range(len(lines))
    ]


def _near(lines: Sequence[_Line]) -> list[tuple[int, int]]:
    """Return the pairs that may lie side by side: roughly parallel, and no further apart than both reach."""
    if len(lines) < 2:
        return []
    direction = np.array([line.direction for line in lines])
    middle, reach = np.array([line.middle for line in lines]), np.array([line.reach for line in lines])
    parallel = np.abs(direction @ direction.T) >= np.cos(np.radians(PARALLEL_DEG))
    apart = np.hypot(*(middle[:, None] - middle[None]).transpose(2, 0, 1))
    # further apart than both reach and the shorter one is long, they cannot lie side by side
    close = apart <= reach[:, None] + reach[None] + 2 * np.minimum(reach[:, None], reach[None])
    first, second = np.nonzero(np.triu(parallel & close, 1))
    return list(zip(first.tolist(), second.tolist(), strict=True))


def _measure(gap: float, here: Scale, there: Scale) -> Measure:
    scale = here
    if here.gsd_mm is not None and there.gsd_mm is not None:
        # how far the two ends differ, the gap between them does not know: uniform between both, (a - b) / sqrt(12)
        spread = abs(here.gsd_mm - there.gsd_mm) / np.sqrt(12)
        sigma = float(np.hypot(max(here.sigma_mm or 0.0, there.sigma_mm or 0.0), spread))
        scale = replace(here, gsd_mm=(here.gsd_mm + there.gsd_mm) / 2, sigma_mm=sigma)
    how = "median gap to the nearest roughly parallel crack of this image"
    return to_world("min_spacing", around(gap, WANDER_PX), scale, "m", how)


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
    if a is None or b is None:
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
