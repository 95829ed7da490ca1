"""Haze: light that is added on the way, so that nothing is dark any more and contrast is lost.

The dark channel of He, Sun & Tang (CVPR 2009, eq. 5: the least of the three colours in a patch) is near black in
pictures without haze, except of bright things without shadow, and concrete is just that. Smooth plaster beside a crack
is bright and flat and yet sound. Pixels are therefore only given up where the picture as a whole is hazy, has little
contrast anywhere, and shows nothing but noise in at least half of its patches. Fog in one part of a picture is not
found (docs/decisions/0018).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from imagery.types import BoolArray, FloatArray

AIRLIGHT = 230.0  # our assumption for the grey of thick fog
PATCHES_ACROSS = 40  # 15 px of 600, as in the paper
LEAST_PATCH = 16
DARK_AT_LEAST = 140.0
NOISE_SPREAD, SPARE = 4.1, 3.0  # noise of 1-sigma n spans 4.1 n from its 2nd to its 98th percentile
WARN_HAZE, WARN_RANGE = 0.6, 40.0
MOST = 0.5


@dataclass(frozen=True, slots=True)
class Haze:
    """What haze there is.

    Attributes:
        share: 0..1, the most of the contrast that haze can have taken: the darkest twentieth of the patches over the
            airlight. High for plain bright walls as well.
        is_hazy: high share, and little contrast in the whole picture.
        hidden: ``(rows, cols)`` of patches in which nothing but noise is left; none unless most are so.
        patch: side of a patch in samples.
    """

    share: float
    is_hazy: bool
    hidden: BoolArray
    patch: int


def find_haze(darkest: FloatArray, grey: FloatArray, noise: float) -> Haze | None:
    """Return the haze of a picture from samples of it, or None if it is smaller than a patch.

    Args:
        darkest: ``(H, W)`` least of the colours, 0..255, on a grid of samples about 1,000 wide; NaN = not observed.
        grey: ``(H, W)`` of the same samples.
        noise: 1-sigma of the picture's noise.
    """
    patch = max(LEAST_PATCH, grey.shape[1] // PATCHES_ACROSS)
    dark, light = _patches(darkest, patch), _patches(grey, patch)
    if dark.size == 0:
        return None
    known = np.asarray(np.isfinite(light).all(axis=2) & np.isfinite(dark).all(axis=2))
    if not known.any():
        return None
    floor = np.percentile(np.where(known[..., None], dark, 0.0), 2, axis=2)
    low, high = np.percentile(np.where(known[..., None], light, 0.0), [2, 98], axis=2)
    hidden = known & (floor >= DARK_AT_LEAST) & (high - low <= NOISE_SPREAD * min(noise, 3.0) + SPARE)
    share = min(1.0, float(np.percentile(floor[known], 5)) / AIRLIGHT)
    bottom, top = np.nanpercentile(grey, [1, 99])
    is_hazy = share > WARN_HAZE and float(top - bottom) < WARN_RANGE
    thick = is_hazy and hidden.sum() >= MOST * known.sum()
    return Haze(share, is_hazy, hidden if thick else np.zeros_like(hidden), patch)


def _patches(samples: FloatArray, side: int) -> FloatArray:
    """Return ``(rows, cols, side * side)``; what is left over at the far edges is not judged."""
    rows, cols = (math.floor(length / side) for length in samples.shape)
    cut = samples[: rows * side, : cols * side].reshape(rows, side, cols, side)
    return np.asarray(cut.transpose(0, 2, 1, 3).reshape(rows, cols, side * side))
