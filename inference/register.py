"""Two pictures of one plane registered by their features: a homography, or nothing.

Close-range pictures of walls repeat themselves (boards, tie holes, joints), overlap by a third, and are taken aslant in
changing light. So matches must pass the ratio test both ways, agree on one homography (MAGSAC: Barath, Noskova,
Ivashechkin and Matas, CVPR 2020) beyond what chance would give, and the homography must be one that two views of a
wall can have. A wrong registration makes two damages one, which is worse than a missing one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPoint, Polygon, box

from findings.registration import PictureRegistration
from findings.survey import Image
from imagery.flight.features import Features, FeatureStore
from imagery.flight.register import match

TOLERANCE = 3.0  # pixels of the reduced picture; unevenness of a wall and the lens stay below
LEAST_INLIERS = 15  # distinct places
LEAST_SHARE = 0.08  # of the matches: a true overlap of 30 % leaves more
LOG10_CHANCE = -8.0  # log10 of the number of such agreements to be expected by chance
LEAST_SPREAD = 0.04  # of the width: across the narrow side of the places that agree
SCALE_RANGE = (0.33, 3.0)  # linear, second to first
MOST_STRETCH = 2.2  # larger over smaller scale at one place: 60 degrees aslant is 2
MOST_CHANGE = 2.5  # of the scale over the picture
SUPPORT = 0.12  # of the width: beyond the places that agree by more, a homography says nothing
ROUNDS = 10_000  # of RANSAC

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture, or a window of a raster, as features see it: size in its own pixels and where it begins."""

    width_px: int
    height_px: int
    left_px: int = 0
    top_px: int = 0


def register_pictures(first: Image, second: Image, store: FeatureStore) -> PictureRegistration | None:
    """Return how the pixels of one picture lie in the other, or None where nothing but chance speaks for it.

    ``overlap_second`` is what both show as far as matched places support it.

    Args:
        first: one of the store's pictures.
        second: another one.
        store: their features, computed once each.

    Raises:
        InputError: a picture cannot be read.
    """
    one, two = (Frame(image.width_px, image.height_px) for image in (first, second))
    return register_features(store.of(first), one, store.of(second), two)


def register_features(one: Features, frame_one: Frame, two: Features, frame_two: Frame) -> PictureRegistration | None:
    """Return how the pixels of one frame lie in the other, from their features, or None."""
    matches = match(one, two)
    if len(matches) < LEAST_INLIERS:
        return None
    p, q = _pixels(one, frame_one)[matches[:, 0]], _pixels(two, frame_two)[matches[:, 1]]
    tolerance = TOLERANCE * two.step_px
    fit = _agreeing(p, q, tolerance)
    if fit is None:
        return None
    matrix, inside = fit
    places = _distinct(p[inside], q[inside], tolerance)
    enough = max(LEAST_INLIERS, LEAST_SHARE * len(p))
    if len(places) < enough or _log10_chance(len(p), len(places), q, tolerance) > LOG10_CHANCE:
        return None
    if not plausible(matrix, frame_one) or not _spread(q[inside], frame_two):
        return None
    left = _apply(matrix, p[inside]) - q[inside]
    rms = float(np.sqrt(np.mean(np.sum(left**2, axis=1))))
    overlap = _overlap(matrix, frame_one, frame_two, q[inside])
    if overlap.is_empty:
        return None
    return _placed(PictureRegistration(_row_major(matrix), len(places), rms, overlap), frame_one, frame_two)


def _pixels(features: Features, frame: Frame) -> Points:
    """Return positions ``(N, 2)`` x right, y down, from the upper left corner of the frame."""
    at = features.points_px
    return np.column_stack([at.real + frame.width_px / 2, frame.height_px / 2 - at.imag])


def _agreeing(p: Points, q: Points, tolerance: float) -> tuple[Points, NDArray[np.bool_]] | None:
    """Return the homography that most matches agree with, fitted to all of them, and which these are."""
    found, _ = cv2.findHomography(p, q, cv2.USAC_MAGSAC, tolerance, maxIters=ROUNDS, confidence=0.9999)
    inside = np.zeros(len(p), bool)
    for _ in range(5):  # the set settles at once
        if found is None or not np.isfinite(found).all() or abs(found[2, 2]) < 1e-12:
            return None
        now = _error(np.asarray(found, np.float64), p, q) < tolerance
        if now.sum() < LEAST_INLIERS:
            return None
        if np.array_equal(now, inside):
            break
        inside = now
        found, _ = cv2.findHomography(p[inside], q[inside], 0)
    if found is None or not np.isfinite(found).all():
        return None
    return np.asarray(found / found[2, 2], float), inside


def _error(matrix: Points, p: Points, q: Points) -> NDArray[np.float64]:
    """Return how far each match is from agreeing, in pixels of the second picture; the worse of both ways."""
    forth = np.linalg.norm(_apply(matrix, p) - q, axis=1)
    try:
        back = np.linalg.norm(_apply(np.asarray(np.linalg.inv(matrix), np.float64), q) - p, axis=1)
    except np.linalg.LinAlgError:
        return np.full(len(p), np.inf)
    scale = math.sqrt(max(abs(np.linalg.det(matrix[:2, :2])), 1e-12))
    return np.asarray(np.nan_to_num(np.maximum(forth, back * scale), nan=np.inf))


def _apply(matrix: Points, xy: Points) -> Points:
    at = np.column_stack([xy, np.ones(len(xy))]) @ matrix.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(at[:, :2] / at[:, 2:], float)


def _distinct(p: Points, q: Points, tolerance: float) -> Points:
    """Return one match a place, seen from both sides: SIFT finds one corner at several scales, and that is one."""
    for _ in range(2):
        _, first = np.unique(np.round(p / tolerance), axis=0, return_index=True)
        p, q = q[first], p[first]
    return q


def _log10_chance(matches: int, inliers: int, q: Points, tolerance: float) -> float:
    """Return log10 of how many sets of that many agreeing matches chance would give.

    The a-contrario reckoning of Moisan and Stival (IJCV 57, 2004) for a homography, which four matches fix: each other
    match agrees by chance with the share of the picture that lies within the tolerance.
    """
    extent = max(float(np.ptp(q[:, 0]) * np.ptp(q[:, 1])), 1.0)
    share = min(1.0, math.pi * tolerance**2 / extent)
    ways = math.log10(max(matches - 4, 1)) + _log10_choose(matches, inliers) + _log10_choose(inliers, 4)
    return ways + (inliers - 4) * math.log10(share)


def _log10_choose(n: int, k: int) -> float:
    return (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(10)


def plausible(matrix: Points, frame: Frame) -> bool:
    """Return whether two views of one wall can be related so: no mirror, bounded scale, stretch and perspective."""
    w, h = frame.width_px, frame.height_px
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h], [w / 2, h / 2]], float)
    depth = np.column_stack([corners, np.ones(5)]) @ matrix[2]
    if depth.min() <= 0.2 * depth[4] or depth[4] <= 0:  # a corner near or beyond the horizon
        return False
    scales = []
    for corner in corners:
        around = _apply(matrix, corner + np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
        jacobian = (around[1:] - around[0]).T
        if np.linalg.det(jacobian) <= 0:
            return False
        large, small = np.linalg.svd(jacobian, compute_uv=False)
        if large > MOST_STRETCH * small:
            return False
        scales.append(math.sqrt(large * small))
    low, high = SCALE_RANGE
    return max(scales) <= MOST_CHANGE * min(scales) and low <= scales[4] <= high


def _spread(q: Points, frame: Frame) -> bool:
    """Return whether the places that agree are more than a line or a spot."""
    narrow = float(np.sqrt(np.linalg.eigvalsh(np.cov(q.T))[0]))
    return math.sqrt(12) * narrow >= LEAST_SPREAD * frame.width_px


def _overlap(matrix: Points, one: Frame, two: Frame, q: Points) -> Polygon:
    """Return what both frames show, in pixels of the second, as far as the agreeing places reach."""
    corners = np.array([[0, 0], [one.width_px, 0], [one.width_px, one.height_px], [0, one.height_px]], float)
    shown = Polygon(_apply(matrix, corners)).intersection(box(0, 0, two.width_px, two.height_px))
    support = MultiPoint(q).convex_hull.buffer(SUPPORT * two.width_px)
    both = shown.intersection(support)
    return both if isinstance(both, Polygon) else Polygon()


def _row_major(matrix: Points) -> tuple[float, ...]:
    return tuple(float(value) for value in matrix.ravel())


def _placed(found: PictureRegistration, one: Frame, two: Frame) -> PictureRegistration:
    """Return a registration of two windows as one of the whole pictures."""
    if not (one.left_px or one.top_px or two.left_px or two.top_px):
        return found
    into = np.array([[1, 0, -one.left_px], [0, 1, -one.top_px], [0, 0, 1]], float)
    out = np.array([[1, 0, two.left_px], [0, 1, two.top_px], [0, 0, 1]], float)
    matrix = out @ np.asarray(found.matrix, float).reshape(3, 3) @ into
    overlap = found.overlap_second
    if overlap is not None:
        overlap = shapely.affinity.translate(overlap, two.left_px, two.top_px)
    return replace(found, matrix=_row_major(matrix / matrix[2, 2]), overlap_second=overlap)
