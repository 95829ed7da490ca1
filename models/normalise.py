"""From raw pixel values with NaN holes to network input without holes."""

from __future__ import annotations

import torch

from models.card import Normalisation

PER_PATCH_FLOOR = 1e-3  # of the patch's mean level: a patch of one constant value is not amplified to noise


def normalise(pixels: torch.Tensor, rule: Normalisation) -> torch.Tensor:
    """Return network input ``(B, C, H, W)``; what was not observed (NaN) becomes 0, the mean after normalisation.

    Args:
        pixels: ``(B, C, H, W)`` float32 with NaN where nothing was observed.
        rule: the card's normalisation.
    """
    if rule.method == "per_patch":
        mean, std = _patch_moments(pixels)
        return torch.nan_to_num((pixels - mean) / std, nan=0.0).clamp(-6.0, 6.0)
    if rule.method == "fixed":
        shape = (1, len(rule.mean), 1, 1)
        mean = torch.tensor(rule.mean, device=pixels.device, dtype=pixels.dtype).view(shape)
        std = torch.tensor(rule.std, device=pixels.device, dtype=pixels.dtype).view(shape)
        return torch.nan_to_num((pixels - mean) / std, nan=0.0)
    return torch.nan_to_num(pixels, nan=0.0)


def _patch_moments(pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and standard deviation ``(B, 1, 1, 1)`` over all observed values of a patch, bands together.

    One pair for all bands keeps the relations between them: with a pair for each band a patch of nothing but water
    becomes noise around zero, which no network can tell from a patch of nothing but land.
    """
    mean = torch.nan_to_num(pixels.nanmean(dim=(1, 2, 3), keepdim=True), nan=0.0)
    variance = torch.nan_to_num((pixels - mean).square().nanmean(dim=(1, 2, 3), keepdim=True), nan=0.0)
    floor = PER_PATCH_FLOOR * mean.abs() + 1e-6
    return mean, torch.maximum(variance.sqrt(), floor)
