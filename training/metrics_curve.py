"""Precision and recall over all thresholds, from histograms that are pooled picture by picture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from training.counts import Floats

# Equal steps of 0.025 in the logit: scores of networks crowd at 0 and 1, where equal steps of the score would tie them
EDGES: Floats = expit(np.linspace(-12.0, 12.0, 961))


def score_histogram(scores: npt.NDArray[Any], truth: npt.NDArray[Any]) -> Floats:
    """Return ``(2, 962)``, additive over pictures: pixels of the foreground and of the background by score.

    Args:
        scores: in [0, 1], of known pixels, any shape; NaN is left out.
        truth: same shape, bool.
    """
    flat, true = scores.ravel(), truth.ravel().astype(bool)
    used = ~np.isnan(flat)
    place = np.searchsorted(EDGES, flat[used].astype(np.float64), side="right")
    size = len(EDGES) + 1
    return np.stack([np.bincount(place[true[used] == kind], minlength=size) for kind in (True, False)]).astype(float)


def precision_recall(histogram: npt.NDArray[Any]) -> tuple[Floats, Floats, Floats]:
    """Return thresholds, precision and recall, from the highest threshold down to 0 (everything is called).

    A pixel is called at score >= threshold; precision is NaN where nothing is called.
    """
    table = histogram.reshape(2, -1)
    true, false = (np.cumsum(row[::-1]) for row in table)
    called, positives = true + false, float(table[0].sum())
    precision = np.divide(true, called, out=np.full(len(true), np.nan), where=called > 0)
    recall = true / positives if positives else np.full(len(true), np.nan)
    return np.concatenate([EDGES[::-1], [0.0]]), precision, recall


def average_precision(histogram: npt.NDArray[Any]) -> float:
    """Return the area under the pixel precision-recall curve: the sum of (R_n - R_(n-1)) P_n, without interpolation.

    The definition of scikit-learn's ``average_precision_score``, here over the scores sorted into 962 bins (0.025
    wide in the logit), so that pictures are pooled without being kept. NaN without foreground.
    """
    _, precision, recall = precision_recall(histogram)
    if np.isnan(recall).any():
        return math.nan
    return float(np.nansum(np.diff(recall, prepend=0.0) * precision))


def curve_points(histogram: npt.NDArray[Any], most: int = 101) -> list[tuple[float, float, float]]:
    """Return at most ``most`` points (threshold, precision, recall) of the curve, evenly spread over recall."""
    thresholds, precision, recall = precision_recall(histogram)
    usable = np.flatnonzero(~np.isnan(precision) & ~np.isnan(recall))
    if not len(usable):
        return []
    wanted = np.searchsorted(recall[usable], np.linspace(recall[usable[0]], recall[usable[-1]], most))
    chosen = usable[np.unique(np.minimum(wanted, len(usable) - 1))]
    return [(float(thresholds[i]), float(precision[i]), float(recall[i])) for i in chosen]
