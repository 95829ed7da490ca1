"""From a probability map to regions: threshold, join, outline.

A crack is often broken by a few weak pixels. Two fragments of a linear damage are joined when an end of one lies
within ``bridge_px`` of an end of the other and both ends point at each other (within 35 degrees), so that one crack is
one finding. Compact fragments have no direction and are never joined.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely.geometry import Polygon

from imagery.types import Window
from inference.measure.skeleton import trace
from models.card import ClassSpec

LINEAR_DAMAGES = frozenset({"2", "6", "11", "R01"})  # 亀裂, ひびわれ, 床版ひびわれ, 堤防の亀裂
LOOK_BACK_PX = 12  # over which the direction of an end is taken
ALIGNED_COS = float(np.cos(np.radians(35)))
LONGEST_FRAGMENTS = 2000  # at most this many fragments are considered for joining
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Region:
    """One connected place of one class.

    Attributes:
        bbox: in image pixels, half-open.
        mask: ``(bbox.height, bbox.width)`` bool.
        polygon_px: outline, x right and y down, pixel edges at whole numbers, holes filled, valid, within 0.5 px of
        the mask's edge. score: mean probability over the pixels at or above the threshold. area_px: number of pixels
        of the mask. fragments: pieces that were joined; 1 for most.
    """

    bbox: Window
    mask: NDArray[np.bool_]
    polygon_px: Polygon
    score: float
    area_px: int
    fragments: int = 1


def regions(
    probability: NDArray[np.float32],
    spec: ClassSpec,
    *,
    threshold: float | None = None,
    bridge_px: float | None = None,
    limit: int = 5000,
) -> list[Region]:
    """Return the regions of one class, the largest sum of probability first.

    Args:
        probability: ``(H, W)`` scores, NaN where nothing was observed (never part of a region).
        spec: the class; its threshold and least area are the operating point of the card.
        threshold: another operating point than the card's.
        bridge_px: longest gap to join; default 8 px for linear damages, 0 (no joining) for all others.
        limit: at most this many regions, the strongest; what falls away is logged.
    """
    level = spec.threshold if threshold is None else threshold
    gap = (8.0 if spec.damage in LINEAR_DAMAGES else 0.0) if bridge_px is None else bridge_px
    observed = np.isfinite(probability)
    seen = probability if observed.all() else np.where(observed, probability, np.float32(-1.0))
    above = _reached(seen, max(level, 1e-30), spec)  # a pixel of probability 0 belongs to nothing
    if spec.fill_holes_px:
        above = _filled(above, spec.fill_holes_px) & observed
    # no bridge leads over pixels that must not be judged
    joined = _bridge(above, gap) & observed if gap > 0 else above
    labels, stats = _components(joined)
    at = np.flatnonzero(above)  # few of the pixels of a picture
    owner = labels.ravel()[at]
    counts = np.bincount(owner, minlength=len(stats))
    sums = np.bincount(owner, weights=seen.ravel()[at], minlength=len(stats))
    numbers = np.flatnonzero(counts >= spec.minimum_area_px)
    numbers = numbers[numbers > 0]
    numbers = numbers[np.argsort(-sums[numbers], kind="stable")]
    if len(numbers) > limit:
        _log.warning("%s: %d regions, the %d strongest are kept", spec.name, len(numbers), limit)
    return [_region(labels, stats[n], n, sums[n] / counts[n], above) for n in numbers[:limit]]


def region_mask(probability: NDArray[np.float32], spec: ClassSpec) -> NDArray[np.bool_]:
    """Return ``(H, W)``: every pixel that lies in a region of the class, what the product shows and counts."""
    mask = np.zeros(probability.shape, dtype=bool)
    for region in regions(probability, spec, limit=probability.size):
        box = region.bbox
        mask[box.row : box.row + box.height, box.col : box.col + box.width] |= region.mask
    return mask


def _reached(seen: NDArray[np.float32], level: float, spec: ClassSpec) -> NDArray[np.bool_]:
    """Return the pixels at the threshold and, with a lower second one, what hangs together with them down to that.

    Hysteresis as in Canny 1986: a hairline that fades for a few pixels stays one crack, while faint streaks without
    any sure pixel stay out. With ``grow_width_px`` only places count down there into which a disk of that diameter
    fits: the uncertain middle of a broad gap joins its sure edges, and the blur beside a hairline stays out.
    """
    above: NDArray[np.bool_] = seen >= level
    if spec.grow_threshold is None or spec.grow_threshold >= level:
        return above
    faint = seen >= max(spec.grow_threshold, 1e-30)
    if spec.grow_width_px > 1:
        faint = _broad(faint, spec.grow_width_px)
    labels, stats = _components(faint)
    sure = np.zeros(len(stats), dtype=bool)
    sure[np.unique(labels[above])] = True
    sure[0] = False
    return np.asarray(sure[labels] | above, dtype=bool)


def _broad(mask: NDArray[np.bool_], width_px: int) -> NDArray[np.bool_]:
    """Return the union of all disks of that diameter inside the mask, which goes on beyond the picture's edge."""
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width_px, width_px))
    around = cv2.copyMakeBorder(mask.view(np.uint8), *(width_px,) * 4, cv2.BORDER_REPLICATE)
    opened = cv2.morphologyEx(around, cv2.MORPH_OPEN, disk)
    return np.asarray(opened[width_px:-width_px, width_px:-width_px] > 0)


def _filled(mask: NDArray[np.bool_], most_px: int) -> NDArray[np.bool_]:
    """Return the mask with its holes of at most ``most_px`` pixels; a place at the picture's edge is no hole."""
    around = cv2.copyMakeBorder((~mask).view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(around, connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] <= most_px
    small[[0, labels[0, 0]]] = False
    return np.asarray(mask | small[labels[1:-1, 1:-1]])


def _components(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    # Grana 2010 takes half the time of the default on the sparse masks of cracks
    _, labels, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(
        mask.view(np.uint8), 8, cv2.CV_32S, cv2.CCL_GRANA
    )
    return np.asarray(labels, np.int32), np.asarray(stats, np.int32)


def _region(
    labels: NDArray[np.int32], stats: NDArray[np.int32], number: int, score: float, above: NDArray[np.bool_]
) -> Region:
    left, top, width, height = (int(v) for v in stats[:4])
    box = (slice(top, top + height), slice(left, left + width))
    mask = labels[box] == number
    pieces = cv2.connectedComponents((mask & above[box]).view(np.uint8), connectivity=8)[0] - 1
    polygon = outline(mask, left, top)
    return Region(Window(left, top, width, height), mask, polygon, float(score), int(mask.sum()), max(1, pieces))


def outline(mask: NDArray[np.bool_], left: int = 0, top: int = 0, *, tolerance_px: float = 0.5) -> Polygon:
    """Return the outline of one 8-connected mask as a valid polygon, holes filled.

    OpenCV's contours run through pixel centres, which loses half a pixel all around (a line of one pixel has no area);
    here the contour of the doubled mask, 0.25 px inside the true edge, is grown by 0.25 px: pixel edges stand at whole
    numbers.
    """
    doubled = np.repeat(np.repeat(mask.astype(np.uint8), 2, axis=0), 2, axis=1)
    contours, _ = cv2.findContours(doubled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    ring = max(contours, key=len)[:, 0, :]
    # make_valid keeps the thin necks between diagonal pixels as lines, and growing makes them part of one polygon
    inner = shapely.make_valid(Polygon((ring + 0.5) / 2))
    grown = shapely.buffer(inner, 0.25, join_style="mitre", cap_style="square")
    if grown.geom_type != "Polygon":
        grown = max(grown.geoms, key=lambda part: part.area)
    thin = shapely.simplify(Polygon(grown.exterior), tolerance_px, preserve_topology=True)
    return shapely.affinity.translate(shapely.normalize(thin), left, top)


@dataclass(frozen=True, slots=True)
class _Ends:
    owner: NDArray[np.int64]
    place: NDArray[np.float64]
    direction: NDArray[np.float64]  # unit vectors that point out of the fragment


def _bridge(above: NDArray[np.bool_], gap: float) -> NDArray[np.bool_]:
    """Draw a line over each gap between two ends that point at each other."""
    ends = _find_ends(above)
    if ends is None:
        return above
    drawn = above.astype(np.uint8)
    for a, b in sorted(cKDTree(ends.place).query_pairs(gap + 1)):
        step = ends.place[b] - ends.place[a]
        distance = float(np.hypot(*step))
        if ends.owner[a] == ends.owner[b] or distance == 0:
            continue
        toward = step / distance
        if min(ends.direction[a] @ toward, -(ends.direction[b] @ toward)) >= ALIGNED_COS:
            points = [tuple(round(v) for v in ends.place[k][::-1]) for k in (a, b)]
            cv2.line(drawn, points[0], points[1], 1, thickness=2)
    return drawn.astype(bool)


def _find_ends(above: NDArray[np.bool_]) -> _Ends | None:
    labels, stats = _components(above)
    longest = np.hypot(stats[1:, cv2.CC_STAT_WIDTH], stats[1:, cv2.CC_STAT_HEIGHT])
    owners, places, directions = [], [], []
    for index in np.argsort(-longest, kind="stable")[:LONGEST_FRAGMENTS]:
        if longest[index] < LOOK_BACK_PX / 2 or len(longest) < 2:
            break
        left, top, width, height = stats[index + 1][:4]
        mask = labels[top : top + height, left : left + width] == index + 1
        for branch in trace(mask):
            for line, free in ((branch.points, branch.free_end), (branch.points[::-1], branch.free_start)):
                out = line[-1] - line[max(0, len(line) - LOOK_BACK_PX)]
                size = float(np.hypot(*out))
                if free and size >= LOOK_BACK_PX / 2 and branch.half_width_px.mean() * 2 < size:
                    # the skeleton stops short of the mask's end by about half the mask's width
                    tip = line[-1] + out / size * min(branch.half_width_px[-1], 4.0)
                    owners.append(index)
                    places.append(tip + np.array([top, left]))
                    directions.append(out / size)
    if not owners:
        return None
    return _Ends(np.array(owners), np.array(places), np.array(directions))
