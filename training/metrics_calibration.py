"""Whether a score of 0.7 is right in 7 of 10 cases: reliability bins and the expected calibration error over pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from findings.errors import InputError
from training.counts import Floats

BINS = 15
FOREGROUND_FROM = 0.05  # nearly every pixel is sure background, which hides how wrong the others are


def reliability(probabilities: npt.ArrayLike, truth: npt.ArrayLike, bins: int = BINS, least: float = 0.0) -> Floats:
    """Return ``(bins, 3)``, additive over pictures: sum of the probabilities, number of true ones, number of pixels.

    Bins are of equal width over [0, 1], the lower edge inside, 1.0 in the last one (Guo et al. 2017, On Calibration
    of Modern Neural Networks, section 2, for the probability of the class itself, as one class of many has it).

    Args:
        probabilities: scores in [0, 1] of known pixels, any shape; NaN is left out.
        truth: same shape, True where the class is.
        bins: how many.
        least: pixels below this probability are left out.

    Raises:
        InputError: shapes differ, or a score is outside [0, 1].
    """
    scores, true = np.asarray(probabilities, dtype=np.float64).ravel(), np.asarray(truth, dtype=bool).ravel()
    if scores.shape != true.shape:
        raise InputError(f"{scores.size} probabilities and {true.size} truths; expected one truth a probability")
    used = ~np.isnan(scores) & (scores >= least)
    scores, true = scores[used], true[used]
    if scores.size and (scores.min() < 0 or scores.max() > 1):
        raise InputError(f"probabilities from {scores.min():g} to {scores.max():g}; expected 0 to 1, sigmoid first")
    place = np.minimum((scores * bins).astype(np.int64), bins - 1)
    columns = [np.bincount(place, weights=w, minlength=bins) for w in (scores, true.astype(np.float64), None)]
    return np.stack(columns, axis=1).astype(np.float64)


def calibration_error(table: npt.NDArray[Any]) -> float:
    """Return ECE of pooled ``reliability`` bins: sum over bins of n_b / n |share true - mean probability|.

    NaN without a pixel. Guo et al. 2017, equation 3.
    """
    sums = table.reshape(-1, 3)
    total = float(sums[:, 2].sum())
    return float(np.abs(sums[:, 1] - sums[:, 0]).sum()) / total if total else math.nan


def reliability_points(table: npt.NDArray[Any]) -> tuple[tuple[float, float, int], ...]:
    """Return (mean probability, share that is true, pixels) of each bin that has pixels, as a card keeps them."""
    rows = table.reshape(-1, 3)
    return tuple((float(p / n), float(t / n), int(n)) for p, t, n in rows if n > 0)
