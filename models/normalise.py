"""From raw pixel values with NaN holes to network input without holes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from models.card import Normalisation

PER_PATCH_FLOOR = 1e-3  # of the patch's mean level: a patch of one constant value is not amplified to noise
INDEX_FLOOR = 1.0  # raw values are raised to it for indices: small negative reflectances occur over dark water
INDEX_GAIN = 2.0  # indices lie within -1..1; as much spread as the other planes have


def plane_count(bands: Sequence[str], rule: Normalisation) -> int:
    """Return how many planes a network gets for these bands."""
    return len(bands) + len(rule.indices)


def normalise(pixels: torch.Tensor, rule: Normalisation, bands: Sequence[str]) -> torch.Tensor:
    """Return network input ``(B, C, H, W)``; what was not observed (NaN) becomes 0, the mean after normalisation.

    Args:
        pixels: ``(B, bands, H, W)`` float32 with NaN where nothing was observed.
        rule: the card's normalisation; its indices follow the bands.
        bands: names of the bands, in order.
    """
    planes = _planes(pixels, rule, bands)
    if not rule.indices:
        return planes
    order = {band: place for place, band in enumerate(bands)}
    return torch.cat([planes, *(_index(pixels, order[one], order[other]) for one, other in rule.indices)], dim=1)


def _planes(pixels: torch.Tensor, rule: Normalisation, bands: Sequence[str]) -> torch.Tensor:
    if rule.method == "per_group":
        return _by_group(pixels, rule.groups, bands)
    if rule.method in ("per_patch", "per_band"):
        mean, std = _moments(pixels, (1, 2, 3) if rule.method == "per_patch" else (2, 3))
        return torch.nan_to_num((pixels - mean) / std, nan=0.0).clamp(-6.0, 6.0)
    if rule.method == "fixed":
        shape = (1, len(rule.mean), 1, 1)
        mean = torch.tensor(rule.mean, device=pixels.device, dtype=pixels.dtype).view(shape)
        std = torch.tensor(rule.std, device=pixels.device, dtype=pixels.dtype).view(shape)
        return torch.nan_to_num((pixels - mean) / std, nan=0.0)
    return torch.nan_to_num(pixels, nan=0.0)


def _by_group(pixels: torch.Tensor, groups: Sequence[Sequence[str]], bands: Sequence[str]) -> torch.Tensor:
    """Return planes normalised by the moments of their group over the patch; a band outside the groups by its own."""
    planes = torch.empty_like(pixels)
    grouped = {band for group in groups for band in group}
    for group in (*groups, *((band,) for band in bands if band not in grouped)):
        places = [place for place, band in enumerate(bands) if band in group]
        mean, std = _moments(pixels[:, places], (1, 2, 3))
        planes[:, places] = (pixels[:, places] - mean) / std
    return torch.nan_to_num(planes, nan=0.0).clamp(-6.0, 6.0)


def _index(pixels: torch.Tensor, one: int, other: int) -> torch.Tensor:
    """Return the normalised difference of two raw bands ``(B, 1, H, W)``, 0 where either is missing."""
    a, b = (pixels[:, band : band + 1].clamp(min=INDEX_FLOOR) for band in (one, other))
    return INDEX_GAIN * torch.nan_to_num((a - b) / (a + b), nan=0.0)


def _moments(pixels: torch.Tensor, over: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and standard deviation over all observed values of a patch.

    One pair for all bands keeps the relations between them: with a pair for each band a patch of nothing but water
    becomes noise around zero, which no network can tell from a patch of nothing but land.
    """
    mean = torch.nan_to_num(pixels.nanmean(dim=over, keepdim=True), nan=0.0)
    variance = torch.nan_to_num((pixels - mean).square().nanmean(dim=over, keepdim=True), nan=0.0)
    floor = PER_PATCH_FLOOR * mean.abs() + 1e-6
    return mean, torch.maximum(variance.sqrt(), floor)
