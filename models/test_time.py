"""Test-time augmentation: the mean probability over flipped and rescaled views of a window.

Views (``card.test_time``):

* ``flips``: the window, mirrored left-right, upside-down, and both: the four members of the dihedral group that keep a
  window's shape. The quarter turns are left out: they double the cost, and non-square windows would change shape.
* ``scales``: the window resized by each factor (bilinear, antialiased), padded to multiples of 32 with "no
  observation", predicted, cut, and the probabilities resized back.

The views' probabilities are averaged with equal weight (every flip at every scale). Pixels without observation (NaN)
are left out of the resizing band by band (normalised convolution: sum of weight x value over sum of weight, Knutsson
and Westin 1993), so that no NaN and no invented value reaches a neighbour.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from models.card import TestTime

STRIDE_PX = 32  # networks take sides that are multiples of it
_LEAST_WEIGHT = 1e-3  # share of a resized pixel that must have been observed; below, its value is noise over noise
_FLIPS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))

Predict = Callable[[Tensor], Tensor]


def is_plain(rule: TestTime) -> bool:
    """Return whether the rule asks for nothing but the window itself."""
    return not rule.flips and rule.scales == (1.0,)


def mean_over_views(predict: Predict, pixels: Tensor, rule: TestTime) -> Tensor:
    """Return the mean of ``predict``'s probabilities ``(B, K, H, W)`` over the views of the rule.

    Args:
        predict: gives probabilities ``(B, K, h, w)`` without NaN for pixels ``(B, C, h, w)``, sides multiples of 32.
        pixels: ``(B, C, H, W)`` float32, NaN for no observation.
        rule: the card's.
    """
    height, width = pixels.shape[-2:]
    total: Tensor | None = None
    for scale in rule.scales:
        view = pixels if scale == 1.0 else _padded(resize_observed(pixels, _scaled(height, width, scale)))
        seen = _mean_over_flips(predict, view) if rule.flips else predict(view)
        if scale != 1.0:
            rows, cols = _scaled(height, width, scale)
            seen = _resize(seen[..., :rows, :cols], (height, width))
        total = seen if total is None else total + seen
    if total is None:
        raise ValueError("test_time.scales is empty; expected at least one factor, e.g. [1.0]")
    return total / len(rule.scales)


def resize_observed(pixels: Tensor, size_px: tuple[int, int]) -> Tensor:
    """Return ``(B, C, *size_px)``: each pixel the mean of what was observed under it, NaN where nothing was.

    Args:
        pixels: ``(B, C, H, W)`` with NaN for no observation.
        size_px: rows and columns of the result.
    """
    observed = ~torch.isnan(pixels)
    if bool(observed.all()):
        return _resize(pixels, size_px)
    weight = _resize(observed.to(pixels.dtype), size_px)
    total = _resize(torch.nan_to_num(pixels, nan=0.0), size_px)
    return torch.where(weight > _LEAST_WEIGHT, total / weight.clamp_min(_LEAST_WEIGHT), torch.nan)


def _mean_over_flips(predict: Predict, pixels: Tensor) -> Tensor:
    total = predict(pixels)
    for axes in _FLIPS[1:]:
        total = total + predict(pixels.flip(axes)).flip(axes)
    return total / len(_FLIPS)


def _scaled(height: int, width: int, scale: float) -> tuple[int, int]:
    return max(1, round(height * scale)), max(1, round(width * scale))


def _padded(pixels: Tensor) -> Tensor:
    """Pad below and to the right to multiples of 32 with "no observation"."""
    height, width = pixels.shape[-2:]
    return functional.pad(pixels, (0, -width % STRIDE_PX, 0, -height % STRIDE_PX), value=torch.nan)


def _resize(planes: Tensor, size_px: tuple[int, int]) -> Tensor:
    return functional.interpolate(planes, size_px, mode="bilinear", antialias=True, align_corners=False)
