"""What a crack's darkness says about its core: the largest unknown of a hairline's width.

A crack narrower than the point spread shows neither its width nor its core, only their product: the integrated darkness
``D = contrast * width``. Where it is wide enough, the peak of its profile tells them apart:
``peak = contrast * erf(width / (2 * sqrt(2) * sigma))``. Both facts enter through Bayes' rule over a grid of contrasts
and point spreads; a hairline is left with the prior, and its interval is as wide as the prior is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

# Core over background in linear light: 0.02 (open, deep) to 0.40 (dusty) alike, falling to nothing at 0.65 (filled,
# worn). Wide cracks of old concrete seen from a drone have 0.07 to 0.68, median 0.42:
# docs/decisions/0006-crack-width.md
CORE_RATIO = (0.02, 0.40, 0.65)
BLUR_SPREAD = 0.25  # relative 1-sigma of a blur that was estimated from the image
UNKNOWN_BLUR_PX = 0.9  # demosaicked, sharp photographs lie between 0.6 and 1.3 px
UNKNOWN_BLUR_SPREAD = 0.4
PEAK_ERROR = 0.04  # absolute: uneven cores, interpolation, misaligned profiles


@dataclass(frozen=True, slots=True)
class Core:
    """Contrast of a crack's core in linear light, and by how much a width in px may be off because of it.

    Attributes:
        contrast: such that the width is ``integral / contrast``.
        low_factor, high_factor: the 95 % interval of the width, relative to it.
    """

    contrast: float
    low_factor: float
    high_factor: float


def estimate_core(
    integral_px: NDArray[np.floating], peak: NDArray[np.floating], noise_px: float, blur_px: float | None
) -> Core:
    """Return the contrast of one crack's core from its widest part and the prior.

    Args:
        integral_px: ``(S,)`` integrated darkness of the stations.
        peak: ``(S,)`` greatest darkness of the stations.
        noise_px: standard deviation of the integral.
        blur_px: 1-sigma of the point spread, None if unknown.
    """
    widest = integral_px >= np.percentile(integral_px, 80)
    total, top = float(np.median(integral_px[widest])), float(np.median(peak[widest]))
    ratio = np.linspace(CORE_RATIO[0], CORE_RATIO[2], 64)
    prior = np.clip((CORE_RATIO[2] - ratio) / (CORE_RATIO[2] - CORE_RATIO[1]), 0, 1)
    contrast = 1 - ratio[:, None]
    middle = UNKNOWN_BLUR_PX if blur_px is None else max(blur_px, 0.3)
    spread = UNKNOWN_BLUR_SPREAD if blur_px is None else BLUR_SPREAD
    z = np.linspace(-2, 2, 17)[None, :]
    # bilinear sampling at any phase adds 1/12 to 1/6 px2 to the variance of the point spread
    sigma = np.sqrt((middle * np.exp(spread * z)) ** 2 + 0.12)
    predicted = contrast * erf(max(total, 0.0) / contrast / (2 * np.sqrt(2) * sigma))
    error = np.hypot(PEAK_ERROR, noise_px / 4 if np.isfinite(noise_px) else 0.0)
    log_weight = -0.5 * ((predicted - top) / error) ** 2 - 0.5 * z**2
    weight = np.exp(log_weight - log_weight.max()).sum(axis=1) * prior
    return _summarise(1 / contrast[:, 0], weight / weight.sum())


def _summarise(width_per_integral: NDArray[np.floating], weight: NDArray[np.floating]) -> Core:
    order = np.argsort(width_per_integral)
    value, total = width_per_integral[order], np.cumsum(weight[order])
    low, middle, high = (float(np.interp(q, total, value)) for q in (0.025, 0.5, 0.975))
    return Core(1 / middle, low / middle, high / middle)
