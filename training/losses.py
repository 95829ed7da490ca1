"""Losses over pixels whose truth is known."""

from __future__ import annotations

import torch
from torch.nn import functional


def cross_entropy_dice(logits: torch.Tensor, target: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Return binary cross-entropy plus soft Dice loss, a scalar.

    Dice is pooled over the batch, so that crops without a defect do not divide by nothing:
    ``1 - (2 sum(p t) + 1) / (sum(p) + sum(t) + 1)`` per class (Milletari et al. 2016, V-Net, eq. 3 without squares).

    Args:
        logits: ``(B, K, H, W)``.
        target: ``(B, K, H, W)`` in [0, 1].
        known: ``(B, K, H, W)`` bool; unknown pixels weigh nothing.
    """
    weight = known.float()
    logits = logits.float()
    pixelwise = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    entropy = (pixelwise * weight).sum() / weight.sum().clamp(min=1.0)
    p, t = torch.sigmoid(logits) * weight, target * weight
    overlap = (p * t).sum(dim=(0, 2, 3))
    dice = 1.0 - (2.0 * overlap + 1.0) / (p.sum(dim=(0, 2, 3)) + t.sum(dim=(0, 2, 3)) + 1.0)
    return entropy + dice.mean()
