"""Calibration error and precision-recall against hand-made cases and independent implementations."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import average_precision_score, precision_recall_curve

from findings.errors import InputError
from training.metrics_calibration import calibration_error, reliability, reliability_points
from training.metrics_curve import EDGES, average_precision, curve_points, precision_recall, score_histogram


def scored(seed: int, size: int = 3000) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    truth = rng.random(size) < 0.08
    return expit(rng.normal(-3, 2, size) + 4 * truth), truth


def test_the_calibration_error_of_a_case_done_by_hand() -> None:
    scores, truth = np.array([0.01, 0.02, 0.95, 0.97, 0.99]), np.array([0, 0, 1, 1, 0], bool)
    # two bins: 0.03 probability against 0 true ones, 2.91 against 2; five pixels
    assert calibration_error(reliability(scores, truth)) == pytest.approx((0.03 + 0.91) / 5)
    points = np.array(reliability_points(reliability(scores, truth)))
    assert points == pytest.approx(np.array([[0.015, 0, 2], [0.97, 2 / 3, 3]]))


@pytest.mark.parametrize("seed", range(3))
def test_the_calibration_error_agrees_with_a_loop_over_bins(seed: int) -> None:
    scores, truth = scored(seed)
    expected = 0.0
    for low in range(15):
        inside = (scores >= low / 15) & ((scores < (low + 1) / 15) | (low == 14))
        if inside.any():
            expected += inside.mean() * abs(truth[inside].mean() - scores[inside].mean())
    assert calibration_error(reliability(scores, truth)) == pytest.approx(expected)


def test_the_calibration_error_agrees_with_torchmetrics_where_its_protocol_is_ours() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchmetrics.functional.classification import multiclass_calibration_error
    scores, truth = scored(5)
    sure = np.where(scores >= 0.5, scores, np.nan)  # its confidence is that of the larger class
    kept = ~np.isnan(sure)
    both = torch.tensor(np.stack([1 - scores[kept], scores[kept]], axis=1))
    theirs = multiclass_calibration_error(both, torch.tensor(truth[kept].astype(int)), num_classes=2, n_bins=15)
    assert calibration_error(reliability(sure, truth)) == pytest.approx(float(theirs), abs=1e-6)


def test_pictures_are_pooled_and_not_averaged() -> None:
    scores, truth = scored(1)
    parts = reliability(scores[:700], truth[:700]) + reliability(scores[700:], truth[700:])
    assert calibration_error(parts) == pytest.approx(calibration_error(reliability(scores, truth)))
    halves = score_histogram(scores[:700], truth[:700]) + score_histogram(scores[700:], truth[700:])
    assert (halves == score_histogram(scores, truth)).all()


def test_sure_background_is_left_out_of_the_restricted_error() -> None:
    scores, truth = np.array([0.001] * 98 + [0.6, 0.6]), np.array([False] * 98 + [True, True])
    assert calibration_error(reliability(scores, truth)) < 0.01
    assert calibration_error(reliability(scores, truth, least=0.05)) == pytest.approx(0.4)


def test_unobserved_pixels_are_left_out_and_nothing_is_undefined() -> None:
    nothing = np.full(4, np.nan)
    assert math.isnan(calibration_error(reliability(nothing, np.zeros(4, bool))))
    assert math.isnan(average_precision(score_histogram(nothing, np.ones(4, bool))))
    assert math.isnan(average_precision(score_histogram(np.full(4, 0.5), np.zeros(4, bool))))
    assert curve_points(score_histogram(nothing, np.ones(4, bool))) == []


def test_logits_are_refused_as_probabilities() -> None:
    with pytest.raises(InputError, match="sigmoid first"):
        reliability(np.array([-2.0, 3.0]), np.array([False, True]))
    with pytest.raises(InputError, match="one truth a probability"):
        reliability(np.zeros(3), np.zeros(4, bool))


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_that_of_scikit_learn_on_the_binned_scores(seed: int) -> None:
    scores, truth = scored(seed)
    binned = np.searchsorted(EDGES, scores, side="right")
    ours = average_precision(score_histogram(scores, truth))
    assert ours == pytest.approx(average_precision_score(truth, binned))
    assert ours == pytest.approx(average_precision_score(truth, scores), abs=2e-3)


def test_the_curve_goes_through_the_points_of_scikit_learn() -> None:
    scores, truth = scored(9)
    places = np.searchsorted(EDGES, scores, side="right")
    precision, recall, found = precision_recall_curve(truth, places)
    theirs = {int(t): (p, r) for t, p, r in zip(found, precision, recall, strict=False)}
    thresholds, ours_p, ours_r = precision_recall(score_histogram(scores, truth))
    for index, threshold in enumerate(thresholds):
        place = len(EDGES) - index
        if place in theirs:
            assert (ours_p[index], ours_r[index]) == pytest.approx(theirs[place])
            called = scores >= threshold
            assert ours_r[index] == pytest.approx(truth[called].sum() / truth.sum())


def test_scores_that_crowd_at_one_are_still_told_apart() -> None:
    truth = np.array([True] * 50 + [False] * 50)
    scores = np.where(truth, expit(9.0), expit(8.0))  # 0.99988 and 0.99966
    assert average_precision(score_histogram(scores, truth)) == 1


def test_the_listed_points_run_from_the_surest_to_everything() -> None:
    points = curve_points(score_histogram(*scored(2)))
    assert len(points) <= 101
    assert [p[2] for p in points] == sorted(p[2] for p in points)
    assert points[-1][2] == 1
