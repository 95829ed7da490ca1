"""What stands between the ground and the stored number: light, cloud, haze, point spread, noise and stripes."""

from __future__ import annotations

import math

import cv2
import numpy as np

from imagery.synthetic.spectra import CLOUD, HAZE, SKY_SHARE, spectrum, vary
from imagery.synthetic.textures import Array, Bool, point_spread, smooth_noise, soft_step

THICK = 0.55
"""Cloud opacity from which the ground counts as not observed."""


def light(rng: np.random.Generator, bands: Array, strength: float, pixel_m: float) -> Array:
    """Return bands lit by a low sun on relief: slopes that turn away lie in blue, dark shadow.

    Args:
        rng: source of randomness.
        bands: ``(6, H, W)`` reflectance x 10000.
        strength: steepness of the relief; 0 is a plain, 1 a mountain.
        pixel_m: size of a pixel, which sets the size of the hills.
    """
    if strength <= 0:
        return bands
    shape = (bands.shape[1], bands.shape[2])
    relief = smooth_noise(rng, shape, max(1200 / pixel_m * float(rng.uniform(0.5, 2)), 8.0), 5, 0.55)
    slope_y, slope_x = np.gradient(relief)
    steep = np.float32(strength / max(float(np.std(slope_x)), 1e-6))
    angle = float(rng.uniform(0, 2 * math.pi))
    facing = 1 + 0.7 * steep * (slope_x * math.cos(angle) + slope_y * math.sin(angle))
    direct = np.clip(facing, 0, 1.7).astype(np.float32)
    sky = spectrum(tuple(int(1000 * v) for v in SKY_SHARE)) / 1000
    return np.asarray(bands * (sky + (1 - sky) * direct), dtype=np.float32)


def shade(bands: Array, depth: Array) -> Array:
    """Return bands ``(6, H, W)`` with a share ``depth`` (H, W) of the direct sun taken away."""
    sky = np.asarray(SKY_SHARE, dtype=np.float32)[:, None, None]
    return np.asarray(bands * (1 - depth * (1 - sky)), dtype=np.float32)


def moved(field: Array, rows: int, cols: int) -> Array:
    """Return a field ``(H, W)`` moved down and to the right; what comes in from outside repeats the border."""
    matrix = np.array([[1, 0, cols], [0, 1, rows]], dtype=np.float32)
    size = (field.shape[1], field.shape[0])
    return np.asarray(cv2.warpAffine(field, matrix, size, borderMode=cv2.BORDER_REPLICATE), dtype=np.float32)


def cloud_field(
    rng: np.random.Generator, shape: tuple[int, int], share: float, scale_px: float, softness: float = 0.8
) -> Array:
    """Return cloud opacity ``(H, W)`` 0 to 1 that covers about ``share`` of the scene."""
    field = smooth_noise(rng, shape, scale_px, 5, 0.55)
    edge = float(np.quantile(field[::2, ::2], min(max(1 - share, 0.0), 1.0)))
    return soft_step(field, edge + softness * 0.3, softness)


def add_sky(rng: np.random.Generator, bands: Array) -> tuple[Array, Bool]:
    """Return bands under haze and, by chance, cloud with its shadow, and where cloud hides the ground."""
    shape = (bands.shape[1], bands.shape[2])
    thick = np.zeros(shape, dtype=bool)
    if rng.random() < 0.22:
        scale = float(rng.uniform(12, 90))
        cloud = cloud_field(rng, shape, float(rng.uniform(0.03, 0.4)), scale, float(rng.uniform(0.2, 1.2)))
        away = moved(cloud, *(int(v) for v in rng.integers(-25, 26, 2)))
        bands = shade(bands, away * float(rng.uniform(0.4, 0.95)))
        bands = bands + (vary(rng, CLOUD, 0.15, 0.03) - bands) * cloud
        thick = cloud > THICK
    amount = float(rng.exponential(0.05)) + (float(rng.uniform(0.1, 0.4)) if rng.random() < 0.12 else 0.0)
    veil = np.float32(min(amount, 0.6)) * np.clip(1 + 0.4 * smooth_noise(rng, shape, 90, 2), 0, 2)
    bands = bands * (1 - 0.6 * veil) + vary(rng, HAZE, 0.1, 0.05) * veil
    return np.asarray(bands, dtype=np.float32), thick


def sense(
    rng: np.random.Generator, bands: Array, blur_px: float, *, coarse_swir: bool, noise: float | None = None
) -> Array:
    """Return bands as a push-broom sensor stores them: blurred, with SWIR at half the resolution, noise and stripes.

    Args:
        rng: source of randomness.
        bands: ``(6, H, W)`` reflectance x 10000.
        blur_px: 1-sigma of the point spread.
        coarse_swir: Sentinel-2 has its SWIR bands at 20 m beside visible bands at 10 m.
        noise: 1-sigma of the read noise in stored units; drawn if None.
    """
    out = point_spread(bands, blur_px)
    height, width = out.shape[1:]
    if coarse_swir:
        for band in (4, 5):
            half = cv2.resize(out[band], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
            out[band] = cv2.resize(half, (width, height), interpolation=cv2.INTER_LINEAR)
    sigma = float(np.exp(rng.uniform(math.log(4), math.log(60)))) if noise is None else noise
    grain = rng.standard_normal(out.shape, dtype=np.float32)
    out += grain * (np.float32(sigma) + np.float32(0.006) * out)
    stripes = rng.standard_normal((out.shape[0], 1, width), dtype=np.float32) * np.float32(sigma * 0.25)
    return np.asarray(out + stripes, dtype=np.float32)
