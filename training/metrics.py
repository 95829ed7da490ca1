"""How good a model's masks are, each measure with its protocol; counts are pooled, so pictures are fed one by one.

The counts themselves stand in ``training.counts`` and are at hand here too. What is undefined (0 / 0) is None in the
dictionaries that go into a model card. Thresholds are chosen on the validation split (``choose_threshold``); one that
is best on the test split (ODS, OIS) is not a result.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from findings.errors import InputError
from training.counts import (
    Counts,
    Floats,
    TolerantCounts,
    boundary_distances,
    centreline_counts,
    cut_masks,
    pixel_counts,
    ratio,
    skeleton,
    skeleton_counts,
    tolerant_counts,
)
from training.metrics_classes import WATER, crack_mask_counts, crack_mask_statistics, water_counts
from training.metrics_pool import Interval, Row, bootstrap_interval, summary

__all__ = [
    "Counts",
    "CrackCounts",
    "CurvePoint",
    "Interval",
    "ThresholdChoice",
    "TolerantCounts",
    "WaterCounts",
    "auroc",
    "bootstrap_interval",
    "boundary_distances",
    "centreline_counts",
    "choose_threshold",
    "pixel_counts",
    "tolerant_counts",
]

Scored = tuple[npt.NDArray[np.floating[Any]], npt.NDArray[Any]]
Goal = Literal["iou", "f1", "f1_tolerant", "cliou"]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One threshold of a sweep: the score that was asked for, and strict precision and recall."""

    threshold: float
    score: float
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """The operating point and the curve it was chosen from."""

    threshold: float
    score: float
    curve: tuple[CurvePoint, ...]


def auroc(scores: npt.ArrayLike, is_positive: npt.ArrayLike) -> float:
    """Return the area under the ROC curve: the share of (positive, negative) pairs in the right order, ties half.

    NaN if either kind is missing (Mann-Whitney U over the product of the counts).
    """
    values, flags = np.asarray(scores, dtype=float), np.asarray(is_positive, dtype=bool)
    n, m = int(flags.sum()), int((~flags).sum())
    return ratio(float(rankdata(values)[flags].sum()) - n * (n + 1) / 2, n * m)


class CrackCounts:
    """Pooled crack measures of masks: crack-only IoU, strict P/R/F1, F1@t and clIoU@t, side by side."""

    def __init__(self, tolerance_px: float = 2.0, centreline_tolerance_px: float = 4.0) -> None:
        self.tolerance_px, self.centreline_tolerance_px = tolerance_px, centreline_tolerance_px
        self._rows: list[Row] = []

    def add(
        self,
        prediction: npt.NDArray[Any],
        truth: npt.NDArray[Any],
        *,
        valid: npt.NDArray[Any] | None = None,
        group: str = "all",
    ) -> None:
        """Count one picture; ``group`` names its source (photo, block), the unit of the bootstrap.

        Raises:
            InputError: the masks differ in shape.
        """
        counts, _ = crack_mask_counts(prediction, truth, valid, self.tolerance_px, self.centreline_tolerance_px)
        self._rows.append(Row(f"{len(self._rows)}", group, counts))

    def result(self, rng: np.random.Generator | None = None) -> dict[str, Any]:
        """Return the pooled numbers for a card; with ``rng`` also 1,000-fold bootstrap intervals over the groups.

        ``iou_macro`` is the mean of the groups' own IoU; ``cl_recall@..`` the share of true skeleton length found.
        """
        return summary(self._rows, crack_mask_statistics("", self.tolerance_px, self.centreline_tolerance_px), rng)


class WaterCounts:
    """Pooled water measures: IoU, P/R/F1 and the distance between the boundaries, in px and where known in metres."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._distances_px: list[Floats] = []
        self._distances_m: list[Floats] = []
        self._all_have_size, self._unmatched = True, 0

    def add(
        self,
        prediction: npt.NDArray[Any],
        truth: npt.NDArray[Any],
        *,
        valid: npt.NDArray[Any] | None = None,
        name: str = "",
        group: str = "all",
        pixel_size_m: float | None = None,
    ) -> Row:
        """Count one scene and return its row; ``pixel_size_m`` is the side of a (square) pixel in metres.

        Raises:
            InputError: the masks differ in shape.
        """
        counts, distances, unmatched = water_counts(prediction, truth, valid)
        self._unmatched += unmatched
        self._distances_px.append(distances)
        if pixel_size_m is not None:
            self._distances_m.append(distances * pixel_size_m)
        self._all_have_size &= pixel_size_m is not None
        self.rows.append(Row(name or f"{len(self.rows)}", group, counts))
        return self.rows[-1]

    def result(self, rng: np.random.Generator | None = None) -> dict[str, Any]:
        """Return the pooled numbers for a card; metres only if every scene came with a pixel size.

        ``boundary_unmatched`` counts boundary points of scenes in which only one of the masks has a boundary.
        """
        return summary(self.rows, WATER, rng) | self.boundary()

    def boundary(self) -> dict[str, Any]:
        """Return what needs the distances themselves and not their sums: medians, metres, unmatched points."""
        result: dict[str, Any] = {"boundary_unmatched": self._unmatched}
        pixels = np.concatenate([np.zeros(0), *self._distances_px])
        result["boundary_median_px"] = float(np.median(pixels)) if len(pixels) else None
        if self._all_have_size and len(pixels):
            metres = np.concatenate(self._distances_m)
            result |= {"boundary_mean_m": float(metres.mean()), "boundary_median_m": float(np.median(metres))}
        return result


def choose_threshold(
    pairs: Iterable[Scored],
    metric: Goal = "f1",
    *,
    tolerance_px: float | None = None,
    thresholds: Iterable[float] | None = None,
) -> ThresholdChoice:
    """Return the threshold with the best pooled score over validation pairs; a pixel is foreground at score >= it.

    One pass over ``pairs``, so they may come from a generator. Among equal scores the middle threshold is taken, away
    from both slopes. A NaN score is an unobserved pixel and is left out.

    Args:
        pairs: ``(scores (H, W) in [0, 1], truth (H, W))`` of the validation split.
        metric: what to maximise; ``f1_tolerant`` and ``cliou`` use ``tolerance_px``.
        tolerance_px: by default 2 for ``f1_tolerant`` and 4 for ``cliou``.
        thresholds: candidates; by default 0.05, 0.10 ... 0.95.

    Raises:
        InputError: no pair has anything to score, or shapes differ.
    """
    grid = [round(0.05 * i, 2) for i in range(1, 20)] if thresholds is None else sorted(thresholds)
    tolerance = tolerance_px if tolerance_px is not None else (4.0 if metric == "cliou" else 2.0)
    strict = [Counts() for _ in grid]
    tolerant, centre = [TolerantCounts() for _ in grid], [Counts() for _ in grid]
    for scores, truth in pairs:
        valid = ~np.isnan(scores)
        thin = skeleton(cut_masks(truth, truth, valid)[0]) if metric == "cliou" else None
        for i, threshold in enumerate(grid):
            mask = scores >= threshold
            strict[i] += pixel_counts(mask, truth, valid)
            if metric == "f1_tolerant":
                tolerant[i] += tolerant_counts(mask, truth, tolerance, valid)
            elif thin is not None:
                centre[i] += skeleton_counts(skeleton(mask & valid), thin, tolerance)
    values = {
        "iou": [c.iou for c in strict],
        "f1": [c.f1 for c in strict],
        "f1_tolerant": [c.f1 for c in tolerant],
        "cliou": [c.iou for c in centre],
    }[metric]
    curve = tuple(CurvePoint(g, v, c.precision, c.recall) for g, v, c in zip(grid, values, strict, strict=True))
    defined = [point for point in curve if not math.isnan(point.score)]
    if not defined:
        raise InputError(f"no {metric} over the validation pairs: neither truth nor prediction has any foreground")
    top = max(point.score for point in defined)
    tied = [point for point in defined if point.score == top]
    chosen = tied[(len(tied) - 1) // 2]
    return ThresholdChoice(chosen.threshold, chosen.score, curve)
