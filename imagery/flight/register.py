"""Two photographs registered by their features: a similarity that takes the pixels of one to those of the other."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.flight.features import Features

RATIO = 0.8  # Lowe's ratio test
LEAST_INLIERS = 10
LOG10_CHANCE = -6.0  # log10 of the number of such agreements to be expected by chance
TOLERANCE = 0.004  # of the width: 5 px of the reduced picture; lens, relief and a tilt of 1 degree stay below
RELIEF = 0.03  # of the width: ground 10 % of the height higher or lower, at a third of a width of offset
SPOT = 0.04  # of the width
SCALE_RANGE = (0.4, 2.5)  # pictures of one flight
LEAST_SPREAD = 0.02  # of the width: inliers on one spot say nothing about turn and scale

Complex = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class Registration:
    """How the pixels of picture ``first`` lie in picture ``second``; complex: right + i up from the middle, pixels.

    ``q - centroid_second = factor * (p - centroid_first)``: the fit holds best at the middle of what both see.

    Attributes:
        first: index of the picture.
        second: index of the picture.
        centroid_first: middle of the agreeing points in the first picture.
        centroid_second: the same in the second picture.
        factor: pixels of the second for one of the first, turned (anticlockwise) from the first to the second.
        inliers: points that agree.
        matches: points that look alike.
        rms_px: what the fit leaves of the spots, in pixels of the second picture.
        spread_px: root mean square distance of the spots from their middle, in the first picture.
        spots: places on the ground that the agreeing points make up.
        mirrored_first: the first picture was flipped left to right before.
        mirrored_second: the second one was.
    """

    first: int
    second: int
    centroid_first: complex
    centroid_second: complex
    factor: complex
    inliers: int
    matches: int
    rms_px: float
    spread_px: float
    spots: int
    mirrored_first: bool = False
    mirrored_second: bool = False

    @property
    def rotation_deg(self) -> float:
        """Anticlockwise turn of the content from the first picture to the second."""
        return math.degrees(cmath.phase(self.factor))


def register(first: int, one: Features, second: int, two: Features) -> Registration | None:
    """Return how two pictures fit, or None where nothing but chance speaks for it.

    Mutual nearest neighbours that pass the ratio test, a similarity by RANSAC, least squares over all that agrees but
    for relief. The points that agree to ``TOLERANCE`` must be ``LEAST_INLIERS`` and beyond chance (`log10_chance`).
    """
    matches = match(one, two)
    if len(matches) < LEAST_INLIERS:
        return None
    p, q = one.points_px[matches[:, 0]], two.points_px[matches[:, 1]]
    tolerance = TOLERANCE * two.width_px
    guess = _ransac(p, q, tolerance)
    if guess is None:
        return None
    inside = np.zeros(len(p), bool)
    for _ in range(3):  # the best two points of RANSAC are rough; the set settles at once
        factor, shift = guess
        kept = np.abs(factor * p + shift - q) < tolerance
        if kept.sum() < LEAST_INLIERS or np.array_equal(kept, inside):
            inside = kept
            break
        inside, guess = kept, _fit(p[kept], q[kept])
    strict = _distinct(p[inside], q[inside], tolerance)
    if len(strict) < LEAST_INLIERS or log10_chance(len(p), len(strict), two) > LOG10_CHANCE:
        return None
    agreeing, spots = _over_relief(p, q, guess, two.width_px)
    if len(spots) < 2:
        return None
    factor, shift = _fit(spots[:, 0], spots[:, 1])
    spread = float(np.sqrt(np.mean(np.abs(spots[:, 0] - spots[:, 0].mean()) ** 2)))
    if not SCALE_RANGE[0] < abs(factor) < SCALE_RANGE[1] or spread < LEAST_SPREAD * one.width_px:
        return None
    rms = float(np.sqrt(np.mean(np.abs(factor * spots[:, 0] + shift - spots[:, 1]) ** 2)))
    middle = complex(spots[:, 0].mean()), complex(spots[:, 1].mean())
    return Registration(first, second, *middle, factor, agreeing, len(matches), rms, spread, len(spots))


def _over_relief(p: Complex, q: Complex, guess: tuple[complex, complex], width_px: int) -> tuple[int, Complex]:
    """Return how many matches agree but for relief, and their means by spot ``(N, 2)``: in the first, in the second.

    RANSAC holds on to one level: a bank, a deck or the crowns of trees. Ground a few metres higher or lower moves by
    more than its tolerance, and all of it is the picture's place. So the matches near the similarity are taken, too
    few by chance to matter, and each spot of the ground counts once, however rich its texture.
    """
    kept = np.zeros(len(p), bool)
    spots = np.zeros((0, 2), complex)
    for _ in range(10):
        now = np.abs(guess[0] * p + guess[1] - q) < RELIEF * width_px
        if now.sum() < 2 or np.array_equal(now, kept):
            break
        kept = now
        spots = _spots(p[kept], q[kept], SPOT * width_px)
        guess = _fit(spots[:, 0], spots[:, 1])
    return len(_distinct(p[kept], q[kept], TOLERANCE * width_px)), spots


def _spots(p: Complex, q: Complex, size_px: float) -> Complex:
    """Return the means ``(N, 2)`` of the matches in each cell of a grid over the first picture."""
    cells = np.round(p / size_px)
    _, group = np.unique(np.column_stack([cells.real, cells.imag]), axis=0, return_inverse=True)
    group = group.ravel()
    count = np.bincount(group)
    means = [np.bincount(group, part.real) + 1j * np.bincount(group, part.imag) for part in (p, q)]
    return np.column_stack([mean / count for mean in means])


def match(one: Features, two: Features) -> NDArray[np.int64]:
    """Return index pairs ``(N, 2)`` of features that are each other's nearest and pass the ratio test."""
    if len(one) < 2 or len(two) < 2:
        return np.zeros((0, 2), np.int64)
    a, b = rooted(one.descriptors), rooted(two.descriptors)
    likeness = a @ b.T  # cosine: distance^2 = 2 - 2 cosine
    rows = np.arange(len(one))
    best = likeness.argmax(axis=1)
    near = likeness[rows, best]
    likeness[rows, best] = -1.0
    second = likeness.max(axis=1)
    clear = np.flatnonzero(2 - 2 * near < RATIO**2 * (2 - 2 * second))
    back = (b[best[clear]] @ a.T).argmax(axis=1)  # a second product of the few is faster than columns of the first
    mutual = clear[back == clear]
    return np.column_stack([mutual, best[mutual]])


def log10_chance(matches: int, inliers: int, two: Features) -> float:
    """Return log10 of how many sets of that many agreeing matches chance would give.

    The a-contrario reckoning of Moisan and Stival (IJCV 57, 2004) for a similarity, which two matches fix: each other
    match agrees by chance with the share of the picture that lies within the tolerance.
    """
    tolerance = TOLERANCE * two.width_px
    extent = max(float(np.ptp(two.points_px.real) * np.ptp(two.points_px.imag)), 1.0)
    share = min(1.0, math.pi * tolerance**2 / extent)
    ways = math.log10(max(matches - 2, 1)) + _log10_choose(matches, inliers) + _log10_choose(inliers, 2)
    return ways + (inliers - 2) * math.log10(share)


def _log10_choose(n: int, k: int) -> float:
    return (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(10)


def rooted(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return descriptors ``(N, 128)`` as RootSIFT: their dot product is the cosine of likeness."""
    values = descriptors.astype(np.float32)
    return np.asarray(np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1.0)), np.float32)


def _ransac(p: Complex, q: Complex, tolerance: float) -> tuple[complex, complex] | None:
    """Return factor and shift of the similarity that most matches agree with; the draw is seeded by OpenCV itself."""
    found, _ = cv2.estimateAffinePartial2D(
        np.column_stack([p.real, p.imag]),
        np.column_stack([q.real, q.imag]),
        method=cv2.RANSAC,
        ransacReprojThreshold=tolerance,
        maxIters=5000,
        confidence=0.999,
    )
    if found is None or not np.isfinite(found).all():
        return None
    return complex(found[0, 0], found[1, 0]), complex(found[0, 2], found[1, 2])


def _fit(p: Complex, q: Complex) -> tuple[complex, complex]:
    """Return factor and shift of the least-squares similarity."""
    from_p, from_q = p - p.mean(), q - q.mean()
    factor = complex(np.vdot(from_p, from_q) / max(float(np.vdot(from_p, from_p).real), 1e-12))
    return factor, complex(q.mean() - factor * p.mean())


def _distinct(p: Complex, q: Complex, tolerance: float) -> list[tuple[complex, complex]]:
    """Keep one match a spot: SIFT finds one corner at several scales, and that is one witness."""
    cells = np.round(p / tolerance)
    _, first = np.unique(np.column_stack([cells.real, cells.imag]), axis=0, return_index=True)
    return [(complex(p[k]), complex(q[k])) for k in sorted(first)]
