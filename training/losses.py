"""Losses over pixels whose truth is known; each part with its equation and source.

``p`` are the sigmoid scores, ``t`` the targets, both zero where the truth is unknown. Sums run over the whole batch,
class by class, so that crops without a defect do not divide by nothing; classes without a known pixel weigh nothing.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from training.config import LossConfig

Parts = dict[str, torch.Tensor]
CLDICE_STEPS = 8  # erosions: masks up to 16 px wide get a full skeleton


def loss(
    logits: torch.Tensor,
    target: torch.Tensor,
    known: torch.Tensor,
    config: LossConfig,
    skeleton: torch.Tensor | None = None,
) -> tuple[torch.Tensor, Parts]:
    """Return the weighted sum of the parts, a scalar, and each part by name before its weight.

    Args:
        logits: ``(B, K, H, W)``.
        target: ``(B, K, H, W)`` in [0, 1].
        known: ``(B, K, H, W)`` bool; unknown pixels weigh nothing.
        config: weight of each part; a part of weight 0 is not computed.
        skeleton: ``(B, K, H, W)`` bool, tubes around the true centre lines (``training.soften.tubes``); needed for
            ``skeleton_recall``.
    """
    weight = known.float()
    logits = logits.float()
    parts: Parts = {}
    if config.cross_entropy:
        parts["cross_entropy"] = cross_entropy(logits, target, weight, config.positive_weight)
    if config.focal:
        parts["focal"] = focal(logits, target, weight, config.focal_gamma)
    p, t = torch.sigmoid(logits) * weight, target * weight
    if config.dice:
        parts["dice"] = dice(p, t, weight)
    if config.cldice:
        parts["cldice"] = cldice(p, t, weight)
    if config.skeleton_recall and skeleton is not None:
        parts["skeleton_recall"] = skeleton_recall(p, skeleton.float() * weight)
    total = logits.sum() * 0.0
    for name, value in parts.items():
        total = total + getattr(config, name) * value
    return total, parts


def cross_entropy(
    logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor, positive_weight: float = 1.0
) -> torch.Tensor:
    """Return the mean binary cross-entropy ``-(w t log p + (1 - t) log(1 - p))`` over known pixels.

    A weight ``w`` above 1 keeps classes of a few pixels in a hundred from being given up as background.
    """
    more = logits.new_tensor(positive_weight)
    pixelwise = functional.binary_cross_entropy_with_logits(logits, target, reduction="none", pos_weight=more)
    return (pixelwise * weight).sum() / weight.sum().clamp(min=1.0)


def focal(logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor, gamma: float) -> torch.Tensor:
    """Return the mean of ``|t - p| ** gamma`` times the cross-entropy over known pixels.

    Source: Lin et al. 2017, Focal Loss for Dense Object Detection, eq. 4 without alpha, written for soft targets
    (Li et al. 2020, Generalized Focal Loss, eq. 4).
    """
    pixelwise = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    away = (target - torch.sigmoid(logits)).abs() ** gamma
    return (away * pixelwise * weight).sum() / weight.sum().clamp(min=1.0)


def dice(p: torch.Tensor, t: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return the mean over classes of ``1 - (2 sum(p t) + 1) / (sum(p) + sum(t) + 1)``.

    Source: Milletari et al. 2016, V-Net, eq. 3 without squares, pooled over the batch. Where several classes are told
    apart, those without a true pixel in the batch are left to the cross-entropy: their term is almost 1 whatever the
    network says, and with six rare classes it drowned the others (decision 0028).
    """
    overlap, true = (p * t).sum(dim=(0, 2, 3)), t.sum(dim=(0, 2, 3))
    each = 1.0 - (2.0 * overlap + 1.0) / (p.sum(dim=(0, 2, 3)) + true + 1.0)
    return _mean_of_known(each, weight if len(true) == 1 else weight * (true > 0).float()[:, None, None])


def cldice(p: torch.Tensor, t: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return the mean over classes of 1 - clDice, the harmonic mean of topology precision and sensitivity.

    ``Tprec = (sum(s(p) t) + 1) / (sum(s(p)) + 1)``, ``Tsens = (sum(s(t) p) + 1) / (sum(s(t)) + 1)`` with s the soft
    skeleton. Source: Shit et al. 2021, clDice, eq. 1, 2 and algorithm 1.
    """
    sp, st = soft_skeleton(p), soft_skeleton(t)
    precision = ((sp * t).sum(dim=(0, 2, 3)) + 1.0) / (sp.sum(dim=(0, 2, 3)) + 1.0)
    sensitivity = ((st * p).sum(dim=(0, 2, 3)) + 1.0) / (st.sum(dim=(0, 2, 3)) + 1.0)
    return _mean_of_known(1.0 - 2.0 * precision * sensitivity / (precision + sensitivity), weight)


def soft_skeleton(values: torch.Tensor, steps: int = CLDICE_STEPS) -> torch.Tensor:
    """Return the soft skeleton ``(B, K, H, W)``: what repeated soft opening takes away (Shit et al., algorithm 1)."""
    skeleton = functional.relu(values - _open(values))
    for _ in range(steps):
        values = _erode(values)
        delta = functional.relu(values - _open(values))
        skeleton = skeleton + functional.relu(delta - skeleton * delta)
    return skeleton


def skeleton_recall(p: torch.Tensor, tubes: torch.Tensor) -> torch.Tensor:
    """Return the mean over classes of ``1 - (sum(p s) + 1) / (sum(s) + 1)``, s the tubed true skeleton.

    A broken hairline costs as much as a broken wide crack of that length. Source: Kirchhoff et al. 2024, Skeleton
    Recall Loss, eq. 3; classes without a centre line in the batch cost nothing.
    """
    found = ((p * tubes).sum(dim=(0, 2, 3)) + 1.0) / (tubes.sum(dim=(0, 2, 3)) + 1.0)
    lined = (tubes.sum(dim=(0, 2, 3)) > 0).float()
    return ((1.0 - found) * lined).sum() / lined.sum().clamp(min=1.0)


def _mean_of_known(each: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    known = (weight.sum(dim=(0, 2, 3)) > 0).float()
    return (each * known).sum() / known.sum().clamp(min=1.0)


def _erode(values: torch.Tensor) -> torch.Tensor:
    down = -functional.max_pool2d(-values, (3, 1), 1, (1, 0))
    right = -functional.max_pool2d(-values, (1, 3), 1, (0, 1))
    return torch.minimum(down, right)


def _open(values: torch.Tensor) -> torch.Tensor:
    return functional.max_pool2d(_erode(values), 3, 1, 1)
