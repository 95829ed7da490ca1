"""Metrics against hand-made cases, an independent implementation and their invariants."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.morphology import dilation, skeletonize
from skimage.morphology import disk as untyped_disk

from findings.errors import InputError
from training.metrics import (
    Counts,
    CrackCounts,
    TolerantCounts,
    WaterCounts,
    auroc,
    bootstrap_interval,
    boundary_distances,
    centreline_counts,
    choose_threshold,
    pixel_counts,
    tolerant_counts,
)

Mask = npt.NDArray[np.bool_]
masks = arrays(np.bool_, st.tuples(st.integers(1, 14), st.integers(1, 14)))
pairs = st.tuples(st.integers(1, 14), st.integers(1, 14)).flatmap(
    lambda shape: st.tuples(arrays(np.bool_, shape), arrays(np.bool_, shape))
)


def disk(radius: int) -> npt.NDArray[Any]:
    footprint: npt.NDArray[Any] = untyped_disk(radius)  # type: ignore[no-untyped-call]
    return footprint


def line(row: int, size: int = 40, width: int = 1) -> Mask:
    mask = np.zeros((size, size), bool)
    mask[row : row + width] = True
    return mask


def scribbles(seed: int) -> tuple[Mask, Mask]:
    rng = np.random.default_rng(seed)
    blobs = dilation(rng.random((60, 70)) > 0.985, disk(3))
    return blobs, np.roll(dilation(blobs & (rng.random((60, 70)) > 0.3), disk(1)), 2, axis=1)


def brute_near(mask: Mask, other: Mask, tolerance: float) -> int:
    targets = np.argwhere(other)
    return sum(
        bool(len(targets)) and bool((np.hypot(*(targets - point).T) <= tolerance).any()) for point in np.argwhere(mask)
    )


def test_strict_counts_ignore_the_background_and_invalid_pixels() -> None:
    prediction = np.array([[1, 1, 0, 0], [0, 1, 0, 1]])
    truth = np.array([[1, 0, 1, 0], [0, 1, 0, 0]])
    assert pixel_counts(prediction, truth) == Counts(tp=2, fp=2, fn=1)
    valid = np.array([[1, 0, 1, 1], [1, 1, 1, 1]])
    assert pixel_counts(prediction, truth, valid) == Counts(tp=2, fp=1, fn=1)
    assert Counts(2, 2, 1).iou == pytest.approx(0.4)
    assert Counts(2, 2, 1).f1 == pytest.approx(4 / 7)


def test_a_line_two_pixels_beside_the_truth_counts_from_tolerance_two_on() -> None:
    prediction, truth = line(12), line(10)
    assert pixel_counts(prediction, truth).f1 == 0
    assert tolerant_counts(prediction, truth, 1.9).f1 == 0
    assert tolerant_counts(prediction, truth, 2).f1 == 1
    assert centreline_counts(prediction, truth, 2).iou == 1


def test_the_centreline_measure_forgives_width_but_not_missing_length() -> None:
    truth, wide = line(10, width=3), line(8, width=7)
    assert pixel_counts(wide, truth).iou < 0.5
    assert centreline_counts(wide, truth, 4).recall > 0.85
    half = truth.copy()
    half[:, 20:] = False
    assert centreline_counts(half, truth, 4).recall == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tolerance", [1, 2, 4, 5])
def test_counts_agree_with_brute_force_and_with_dilation_by_a_disk(seed: int, tolerance: int) -> None:
    prediction, truth = scribbles(seed)
    assert tolerant_counts(prediction, truth, tolerance) == TolerantCounts(
        brute_near(prediction, truth, tolerance),
        int(prediction.sum()),
        brute_near(truth, prediction, tolerance),
        int(truth.sum()),
    )
    sp, sg = skeletonize(prediction), skeletonize(truth)  # type: ignore[no-untyped-call]
    grown_p, grown_g = dilation(sp, disk(tolerance)), dilation(sg, disk(tolerance))
    expected = Counts(int((sg & grown_p).sum()), int((sp & ~grown_g).sum()), int((sg & ~grown_p).sum()))
    assert centreline_counts(prediction, truth, tolerance) == expected


@given(pairs)
@settings(max_examples=60, deadline=None)
def test_no_tolerance_is_the_strict_measure(pair: tuple[Mask, Mask]) -> None:
    strict, tolerant = pixel_counts(*pair), tolerant_counts(*pair, 0)
    assert tolerant.f1 == pytest.approx(strict.f1, nan_ok=True)
    assert tolerant.precision == pytest.approx(strict.precision, nan_ok=True)


@given(masks)
@settings(max_examples=40, deadline=None)
def test_identical_masks_are_perfect(mask: Mask) -> None:
    perfect = pytest.approx(1.0 if mask.any() else math.nan, nan_ok=True)
    assert pixel_counts(mask, mask).iou == perfect
    assert tolerant_counts(mask, mask, 2).f1 == perfect
    assert centreline_counts(mask, mask, 4).iou == perfect
    distances, unmatched = boundary_distances(mask, mask)
    assert not distances.any()
    assert not unmatched


@given(pairs)
@settings(max_examples=40, deadline=None)
def test_more_tolerance_never_lowers_a_score(pair: tuple[Mask, Mask]) -> None:
    f1 = [tolerant_counts(*pair, t).f1 for t in (0, 1, 1.5, 3, 6)]
    cliou = [centreline_counts(*pair, t).iou for t in (0, 1, 1.5, 3, 6)]
    for low, high in [*pairwise(f1), *pairwise(cliou)]:
        assert math.isnan(low) or high >= low - 1e-12


@given(pairs)
@settings(max_examples=40, deadline=None)
def test_exchanging_prediction_and_truth_keeps_the_boundary_error(pair: tuple[Mask, Mask]) -> None:
    there, back = boundary_distances(*pair), boundary_distances(*reversed(pair))
    assert np.sort(there[0]) == pytest.approx(np.sort(back[0]))
    assert there[1] == back[1]


def test_a_bank_moved_by_three_pixels_has_a_boundary_error_of_three() -> None:
    truth, prediction = np.zeros((2, 50, 60), bool)
    truth[:, :20], prediction[:, :23] = True, True
    distances, unmatched = boundary_distances(prediction, truth)
    assert distances == pytest.approx(np.full(100, 3.0))
    assert unmatched == 0


def test_the_edge_of_an_invalid_area_is_no_boundary() -> None:
    truth = np.zeros((30, 30), bool)
    truth[:, :15] = True
    valid = np.ones_like(truth)
    valid[10:20] = False
    distances, _ = boundary_distances(truth, truth, valid)
    assert len(distances) == 2 * 20
    dry = np.zeros_like(truth)
    assert boundary_distances(dry, truth, valid)[1] == 20


def test_water_is_measured_in_metres_only_where_every_scene_has_a_pixel_size() -> None:
    truth, prediction = np.zeros((2, 50, 60), bool)
    truth[:, :20], prediction[:, :22] = True, True
    counts = WaterCounts()
    counts.add(prediction, truth, pixel_size_m=30, group="a")
    assert counts.result()["boundary_mean_m"] == pytest.approx(60)
    assert counts.result()["boundary_median_px"] == pytest.approx(2)
    counts.add(truth, truth, group="b")
    result = counts.result()
    assert "boundary_mean_m" not in result
    assert result["boundary_mean_px"] == pytest.approx(1)
    assert result["iou"] == pytest.approx(2 * 1000 / (1000 + 1100))
    assert result["iou_macro"] == pytest.approx((1 + 1000 / 1100) / 2)


def test_crack_counts_are_pooled_over_pictures_and_not_averaged() -> None:
    counts = CrackCounts()
    counts.add(line(10), line(10), group="a")
    counts.add(np.zeros((40, 40), bool), line(10), group="b")
    result = counts.result(np.random.default_rng(0))
    assert (result["iou"], result["precision"], result["recall"]) == (0.5, 1.0, 0.5)
    assert result["f1@2px"] == pytest.approx(2 / 3)
    assert result["cliou@4px"] == pytest.approx(0.5)
    assert (result["images"], result["groups"]) == (2, 2)
    assert result["iou_95"] == [0.0, 1.0]


def test_nothing_to_find_and_nothing_found_is_undefined_and_not_perfect() -> None:
    counts = CrackCounts()
    counts.add(np.zeros((8, 8), bool), np.zeros((8, 8), bool))
    result = counts.result(np.random.default_rng(0))
    assert result["iou"] is None
    assert result["f1@2px"] is None
    assert result["iou_macro"] is None


def test_the_threshold_is_the_middle_of_the_best_ones() -> None:
    truth = line(10, width=3)
    scores = np.where(truth, 0.72, 0.31) + np.where(line(20), 0.2, 0.0)
    choice = choose_threshold(iter([(scores, truth)]), "iou")
    assert choice.threshold == 0.6  # of 0.55, 0.60, 0.65, 0.70
    assert choice.score == 1
    assert choice.curve[0].precision == pytest.approx(3 / 40)


def test_unobserved_pixels_do_not_move_the_threshold() -> None:
    truth = line(10)
    scores = np.where(truth, 0.8, 0.1)
    scores[20:] = np.nan
    truth[25:] = True
    assert choose_threshold([(scores, truth)], "f1").score == 1


def test_a_tolerant_goal_prefers_what_a_strict_one_rejects() -> None:
    truth = line(10)
    scores = np.where(line(9, width=3), 0.5, 0.0) + np.where(line(10, size=40) & (np.arange(40) < 12), 0.3, 0.0)
    assert choose_threshold([(scores, truth)], "f1_tolerant").threshold <= 0.5
    assert choose_threshold([(scores, truth)], "cliou").score == pytest.approx(1, abs=0.1)


def test_no_foreground_at_all_gives_no_threshold() -> None:
    with pytest.raises(InputError, match="neither truth nor prediction"):
        choose_threshold([(np.zeros((4, 4)), np.zeros((4, 4), bool))])


def test_masks_of_different_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="must share one"):
        pixel_counts(np.zeros((4, 4)), np.zeros((4, 5)))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=25))
@settings(max_examples=60, deadline=None)
def test_auroc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[int, bool]]) -> None:
    good = [score for score, bad in rows if not bad]
    bad = [score for score, is_bad in rows if is_bad]
    wins = [1.0 if b > g else 0.5 if b == g else 0.0 for b in bad for g in good]
    expected = float(np.mean(wins)) if wins else math.nan
    assert auroc([s for s, _ in rows], [b for _, b in rows]) == pytest.approx(expected, nan_ok=True)


def test_the_bootstrap_interval_covers_the_binomial_one() -> None:
    rng = np.random.default_rng(5)
    hits = (rng.random(400) < 0.3).astype(float)
    table = np.stack([hits, np.ones(400)], axis=1)

    def share(row: npt.NDArray[Any]) -> float:
        return float(row[0] / row[1])

    interval = bootstrap_interval(table, share, rng)
    assert interval is not None
    spread = 1.96 * np.sqrt(hits.mean() * (1 - hits.mean()) / 400)
    assert interval.high - interval.low == pytest.approx(2 * spread, rel=0.1)
    assert interval.low < hits.mean() < interval.high
    assert bootstrap_interval(table[:1], share, rng) is None
