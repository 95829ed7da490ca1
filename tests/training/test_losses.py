from __future__ import annotations

import numpy as np
import pytest
import torch

from training.config import LossConfig
from training.losses import cldice, cross_entropy, dice, focal, loss, skeleton_recall, soft_skeleton
from training.soften import soften, tubes

ALL = LossConfig(cross_entropy=1, dice=1, focal=1, cldice=1, skeleton_recall=1)


def crossing() -> torch.Tensor:
    target = torch.zeros(2, 1, 48, 48)
    target[0, 0, 20:24, 4:44] = 1
    return target


def sure(target: torch.Tensor) -> torch.Tensor:
    return (target * 2 - 1) * 12


def test_a_perfect_answer_costs_next_to_nothing_in_every_part() -> None:
    target = crossing()
    tube = torch.from_numpy(np.stack([tubes(t, [True]) for t in target.numpy()]))
    total, parts = loss(sure(target), target, torch.ones_like(target, dtype=torch.bool), ALL, tube)
    assert set(parts) == {"cross_entropy", "dice", "focal", "cldice", "skeleton_recall"}
    assert float(total) == pytest.approx(sum(map(float, parts.values())), rel=1e-5)
    assert all(float(part) < 0.02 for part in parts.values())


def test_unknown_pixels_and_classes_change_no_part() -> None:
    target = torch.cat([crossing(), crossing()], dim=1)
    known = torch.ones_like(target, dtype=torch.bool)
    known[:, 1] = False  # the second class is not labelled here
    known[:, 0, :, 30:] = False
    logits = torch.randn(target.shape, generator=torch.Generator().manual_seed(1))
    tube = torch.from_numpy(np.stack([tubes(t, [True, True]) for t in target.numpy()]))
    other_logits, other_target = logits.clone(), target.clone()
    other_logits[~known] = 9.0
    other_target[~known] = 1.0
    a, _ = loss(logits, target, known, ALL, tube)
    b, _ = loss(other_logits, other_target, known, ALL, tube)
    assert float(a) == pytest.approx(float(b), rel=1e-6)
    alone, _ = loss(logits[:, :1], target[:, :1], known[:, :1], ALL, tube[:, :1])
    assert float(a) == pytest.approx(float(alone), rel=1e-5)


def test_parts_of_weight_zero_are_not_computed() -> None:
    target = crossing()
    _, parts = loss(sure(target), target, torch.ones_like(target, dtype=torch.bool), LossConfig(dice=0))
    assert set(parts) == {"cross_entropy"}


def test_dice_is_one_minus_two_overlaps_over_the_sum() -> None:
    p = torch.tensor([[[[1.0, 0.5], [0.0, 0.0]]]])
    t = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    assert float(dice(p, t, torch.ones_like(p))) == pytest.approx(1 - (2 * 1 + 1) / (1.5 + 2 + 1))


def test_focal_with_gamma_zero_is_cross_entropy_and_grows_smaller_with_gamma() -> None:
    logits = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    target = (torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(3)) > 0).float()
    weight = torch.ones_like(logits)
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
    assert float(focal(logits, target, weight, 0.0)) == pytest.approx(float(plain), rel=1e-6)
    assert focal(logits, target, weight, 2.0) < plain


def test_a_gap_in_a_line_costs_skeleton_recall_and_cldice_but_a_thinner_line_does_not() -> None:
    target = crossing()
    tube = torch.from_numpy(np.stack([tubes(t, [True]) for t in target.numpy()])).float()
    broken, thin = target.clone(), target.clone()
    broken[0, 0, :, 20:26] = 0
    thin[0, 0, 23] = 0  # three of four rows: the centre line is still covered
    assert float(skeleton_recall(broken, tube)) > 0.1
    assert float(skeleton_recall(target, tube)) < 1e-6
    ones = torch.ones_like(target)
    assert float(cldice(broken, target, ones)) > float(cldice(thin, target, ones)) + 0.03


def test_the_soft_skeleton_of_a_band_is_its_middle() -> None:
    band = torch.zeros(1, 1, 21, 40)
    band[0, 0, 8:13] = 1
    skeleton = soft_skeleton(band)[0, 0]
    assert skeleton[10, 10:30].min() == 1
    assert skeleton[:9].max() == skeleton[12:].max() == 0


def test_gradients_reach_the_logits_from_every_part() -> None:
    target = crossing()
    logits = torch.zeros_like(target, requires_grad=True)
    tube = torch.from_numpy(np.stack([tubes(t, [True]) for t in target.numpy()]))
    total, _ = loss(logits, target, torch.ones_like(target, dtype=torch.bool), ALL, tube)
    torch.autograd.backward(total)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert float(logits.grad[0, 0, 21, 20]) < 0 < float(logits.grad[1, 0, 5, 5])


def test_soft_targets_keep_the_centre_line_and_the_inside_of_wide_cracks_and_leave_areas_alone() -> None:
    target = np.zeros((2, 40, 40), np.float32)
    target[0, 10:13, 5:35] = 1  # as people draw a hairline
    target[0, 20:32, 5:35] = 1  # a wide crack
    target[1] = target[0]
    soft = soften(target, [True, False])
    assert soft[0, 11, 10:30].min() == 1
    assert 0.6 < soft[0, 10, 20] < 0.9
    assert 0.1 < soft[0, 9, 20] < 0.4
    assert soft[0, 26, 20] == pytest.approx(1)
    np.testing.assert_array_equal(soft[1], target[1])
    np.testing.assert_array_equal(target[0], target[1])


def test_tubes_lie_in_the_label_and_hold_its_centre_line() -> None:
    target = np.zeros((2, 40, 40), np.float32)
    target[:, 20:32, 5:35] = 1
    tube = tubes(target, [True, False])
    assert tube[0].sum() < 4 * 30
    assert tube[0, 25:27, 15:25].any(axis=0).all()
    assert not tube[1].any()
    assert not (tube[0] & (target[0] < 0.5)).any()


def test_a_positive_weight_counts_damaged_pixels_more_and_sound_ones_the_same() -> None:
    logits = torch.zeros(1, 1, 4, 4)
    ones = torch.ones_like(logits)
    plain, heavy = (cross_entropy(logits, t, ones, w) for t, w in ((ones, 1.0), (ones, 5.0)))
    assert float(heavy) == pytest.approx(5 * float(plain))
    assert float(cross_entropy(logits, 0 * ones, ones, 5.0)) == pytest.approx(float(plain))


def test_a_class_that_no_crop_of_the_batch_shows_leaves_dice_to_the_others() -> None:
    shown = crossing()
    target = torch.cat([shown, torch.zeros_like(shown)], dim=1)
    p = torch.full_like(target, 0.5)
    ones = torch.ones_like(target)
    assert float(dice(p, target, ones)) == pytest.approx(float(dice(p[:, :1], shown, ones[:, :1])))


def test_a_single_class_that_no_crop_shows_still_pushes_false_alarms_down() -> None:
    nothing = torch.zeros(1, 1, 8, 8)
    assert float(dice(torch.full_like(nothing, 0.5), nothing, torch.ones_like(nothing))) > 0.9
