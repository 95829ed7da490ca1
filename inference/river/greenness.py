"""Bare or overgrown: the vegetation index and where it divides the two, and what hides the ground."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from inference.river.finding import Array, Bool

OVERGROWN_FROM = (0.35, 0.45)
"""Range of the NDVI from which ground is overgrown, on reflectance; Otsu's division is kept inside it."""
BARE_BELOW = 0.20
"""NDVI below which ground is bare, on reflectance; dead grass and stubble lie between bare and overgrown."""
SEDIMENT_MNDWI = -0.40
"""MNDWI from which bare ground is river sediment; dry soil of fields lies lower (Boothroyd et al. 2021, active channel:
NDVI <= 0.2 and MNDWI >= -0.4)."""
CLOUD_FROM = 3500.0
"""Reflectance x 10000 of green and red from which a pixel is cloud or snow; dry sand stays below 3,000."""


def reflectance_like(bands: Mapping[str, Array]) -> bool:
    """Return whether the bands are reflectance x 10000 rather than an 8-bit picture with a stretch of its own."""
    return any(float(np.nanmax(band, initial=0.0)) > 255 for band in bands.values() if np.isfinite(band).any())


def ndvi(bands: Mapping[str, Array]) -> Array | None:
    """Return (nir - red) / (nir + red), NaN where either is missing or both are 0; None without both bands."""
    if "nir" not in bands or "red" not in bands:
        return None
    index = _difference(bands["nir"], bands["red"])
    return index if np.isfinite(index).any() else None


def mndwi(bands: Mapping[str, Array]) -> Array | None:
    """Return (green - swir1) / (green + swir1) of reflectance; None without both, or of stretched pictures."""
    if "green" not in bands or "swir1" not in bands or not reflectance_like(bands):
        return None
    index = _difference(bands["green"], bands["swir1"])
    return index if np.isfinite(index).any() else None


def _difference(one: Array, other: Array) -> Array:
    total = (one + other).astype(np.float32)
    valid = np.isfinite(total) & (total > 0)
    index = np.full(total.shape, np.nan, dtype=np.float32)
    index[valid] = np.clip((one[valid] - other[valid]) / total[valid], -1, 1)
    return index


def hidden(bands: Mapping[str, Array]) -> Bool | None:
    """Return where cloud or snow hides the ground, grown by 2 px; None where the bands cannot tell.

    A plain brightness rule that keeps white cloud from being called a bare bar; thin cloud and shadow pass.
    """
    if "green" not in bands or "red" not in bands or not reflectance_like(bands):
        return None
    bright = (np.nan_to_num(bands["green"]) > CLOUD_FROM) & (np.nan_to_num(bands["red"]) > CLOUD_FROM)
    opened = cv2.morphologyEx(bright.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.dilate(opened, np.ones((5, 5), np.uint8)), dtype=bool)


def division(index: Array, where: Bool, *, reflectance: bool) -> float:
    """Return the NDVI that divides bare from overgrown among the given dry pixels.

    Otsu's threshold (1979), kept in ``OVERGROWN_FROM`` on reflectance; an 8-bit picture has its own stretch: only
    the division of its own histogram means anything.
    """
    values = index[where & np.isfinite(index)]
    low, high = OVERGROWN_FROM
    if values.size < 50:
        return (low + high) / 2
    grey = np.clip((values + 1) * 127.5, 0, 255).astype(np.uint8)
    level, _ = cv2.threshold(grey.reshape(1, -1), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    otsu = (float(level) + 0.5) / 127.5 - 1
    return float(np.clip(otsu, low, high)) if reflectance else otsu
