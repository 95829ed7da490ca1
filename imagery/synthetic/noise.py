"""Random fields: smooth noise of one scale and fractal noise of many, as float32 arrays."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]

# Variance of cubic interpolation between unit-variance knots, averaged over the cell, is about 0.6.
_CUBIC_GAIN = 1.3


def smooth_noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    scale_px: float,
    *,
    stretch: float = 1.0,
    angle: float | None = None,
) -> Field:
    """Return noise ``(H, W)`` of mean 0 and about unit variance whose features are ``scale_px`` wide.

    The lattice is turned by a random angle, so that no axis-parallel grid shows when octaves are summed.

    Args:
        rng: source of the draws.
        shape: height and width in pixels.
        scale_px: distance of the knots; below 1.5 px the noise is drawn for each pixel.
        stretch: length of a feature along ``angle`` divided by its length across.
        angle: direction of the stretch in radians; drawn if None.
    """
    height, width = shape
    if scale_px < 1.5 and stretch == 1.0:
        return rng.standard_normal(shape, dtype=np.float32)
    factor = int(scale_px // 6)
    if factor >= 2 and min(shape) >= 4 * factor:  # features this wide need no full grid
        coarse = (-(-height // factor), -(-width // factor))
        small = smooth_noise(rng, coarse, scale_px / factor, stretch=stretch, angle=angle)
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    turn = float(rng.uniform(0, np.pi)) if angle is None else angle
    along, across = scale_px * stretch, scale_px
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = np.array([[cos / along, sin / along], [-sin / across, cos / across]])
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=np.float64) @ matrix.T
    low = np.floor(corners.min(axis=0)) - 2
    size = np.ceil(corners.max(axis=0) - low).astype(int) + 3
    knots = rng.standard_normal((int(size[1]), int(size[0])), dtype=np.float32)
    shift = rng.random(2) - low
    warp = np.hstack([matrix, shift[:, None]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    noise = cv2.warpAffine(knots, warp, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(noise * np.float32(_CUBIC_GAIN), dtype=np.float32)


def fractal_noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    coarse_px: float,
    fine_px: float = 1.0,
    hurst: float = 0.5,
    *,
    stretch: float = 1.0,
    angle: float | None = None,
) -> Field:
    """Return octaves from ``coarse_px`` down to ``fine_px``, amplitude falling as scale ** hurst, unit variance."""
    total = np.zeros(shape, dtype=np.float32)
    power, scale = 0.0, coarse_px
    while scale >= fine_px:
        weight = (scale / coarse_px) ** hurst
        total += np.float32(weight) * smooth_noise(rng, shape, scale, stretch=stretch, angle=angle)
        power += weight**2
        scale /= 2.0
    return total / np.float32(max(np.sqrt(power), 1e-6))


def profile_noise(rng: np.random.Generator, count: int, step: float, scale: float) -> NDArray[np.float64]:
    """Return piecewise linear noise ``(count,)`` along a line: knots every ``scale``, samples every ``step``."""
    knots = rng.standard_normal(int(count * step / scale) + 4)
    position = np.arange(count) * (step / scale) + rng.random()
    return np.asarray(np.interp(position, np.arange(len(knots)), knots), dtype=np.float64)


def ramp(values: Field, low: float, high: float) -> Field:
    """Return the smooth step from 0 below ``low`` to 1 above ``high``."""
    share = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), dtype=np.float32)


def blur(values: Field, sigma_px: float) -> Field:
    """Return the Gaussian mean; large widths are computed on a reduced grid."""
    height, width = values.shape[:2]
    factor = int(sigma_px // 4)
    if factor >= 2 and min(height, width) > 8 * factor:
        small = cv2.resize(values, (-(-width // factor), -(-height // factor)), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), sigma_px / factor)
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    return np.asarray(cv2.GaussianBlur(values, (0, 0), max(sigma_px, 1e-3)), dtype=np.float32)
