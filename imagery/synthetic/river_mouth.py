"""Generated river mouths: a river, its lagoon, a sand spit with an opening of known width, the sea with surf."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from imagery.synthetic.river_ground import cover
from imagery.synthetic.sky import sense
from imagery.synthetic.spectra import BARE, LAND, WATER, spectrum
from imagery.synthetic.textures import Array, fraction, smooth_noise

FINE = 8
"""Shapes are drawn this many times finer than the scene."""


@dataclass(frozen=True, slots=True, eq=False)
class MouthScene:
    """One generated mouth with its truth; the river comes from the west, the sea lies east.

    Attributes:
        bands: ``(6, H, W)`` blue, green, red, nir, swir1, swir2, reflectance x 10000.
        water: ``(H, W)`` share of the pixel under water.
        open_m: width of the opening in the spit; 0: closed.
        river_m: width of the river before the mouth.
        pixel_m: side of a pixel.
        line_px: ``(M, 2)`` middle of the river downstream to the lagoon, x, y in pixels.
    """

    bands: Array
    water: Array
    open_m: float
    river_m: float
    pixel_m: float
    line_px: np.ndarray


def draw_mouth(
    rng: np.random.Generator, open_m: float, *, river_m: float = 90.0, pixel_m: float = 10.0, size_px: int = 128
) -> MouthScene:
    """Return a mouth whose opening has a given width.

    Args:
        rng: source of randomness; the same state gives the same scene.
        open_m: width of the opening across the spit; 0 closes the mouth.
        river_m: width of the river.
        pixel_m: side of a pixel.
        size_px: H = W.
    """
    n = size_px * FINE
    fine_m = pixel_m / FINE
    y, x = np.mgrid[0:n, 0:n].astype(np.float32) * np.float32(fine_m)
    extent = n * fine_m
    coast = 0.62 * extent + 12 * _curve(rng, n)[:, None]
    middle = 0.5 * extent + 25 * _curve(rng, n)[None, :] * np.clip(x[:1] / extent, 0, 1)
    river = np.abs(y - middle) <= river_m / 2
    lagoon_m = float(rng.uniform(1.3, 2.5)) * river_m
    sea = x >= coast
    spit = float(rng.uniform(40, 70))
    back = (x - (coast - spit - 60)) / 100
    lagoon = back**2 + ((y - middle[:, int(0.5 * n) : int(0.5 * n) + 1]) / lagoon_m) ** 2 <= 1
    berm = (x < coast) & (x >= coast - spit) & (np.abs(y - 0.5 * extent) < 3 * lagoon_m)
    at = 0.5 * extent + float(rng.uniform(-0.4, 0.4)) * lagoon_m
    turn = float(rng.uniform(-0.4, 0.4))
    across = (y - at - turn * (x - coast)) * np.float32(np.cos(np.arctan(turn)))
    opening = (np.abs(across) <= open_m / 2) & (x >= coast - spit - 60) & (x <= coast + 5)
    water = sea | ((river | lagoon) & (x < coast - spit)) | opening
    covered = fraction(water.astype(np.float32), FINE)
    bands = _painted(
        rng, covered, fraction((berm & ~opening).astype(np.float32), FINE), fraction(sea.astype(np.float32), FINE)
    )
    steps = np.linspace(4 * pixel_m, float(coast.min()) - spit - 120, 40)
    line = np.stack([steps / pixel_m, np.interp(steps, x[0], middle[0]) / pixel_m], axis=1)
    return MouthScene(sense(rng, bands, 0.55, coarse_swir=False, noise=14.0), covered, open_m, river_m, pixel_m, line)


def _curve(rng: np.random.Generator, count: int) -> Array:
    """Return a smooth random line ``(count,)`` of deviation about 1."""
    nodes = rng.standard_normal(7).astype(np.float32)[None, :]
    return np.asarray(cv2.resize(nodes, (count, 1), interpolation=cv2.INTER_CUBIC)[0], dtype=np.float32)


def _painted(rng: np.random.Generator, water: Array, sand: Array, sea: Array) -> Array:
    shape = (water.shape[0], water.shape[1])
    bands = np.broadcast_to(spectrum(LAND["grass"]), (6, *shape)).astype(np.float32)
    bands = bands * (1 + 0.12 * smooth_noise(rng, shape, 14))
    beach = np.clip(cv2.GaussianBlur(sea, (0, 0), 3.0) * 2.5, 0, 1)
    bands = cover(bands, np.maximum(beach, sand), spectrum(BARE["sand"]), rng, 0.05)
    green = spectrum(WATER["green"]) * 0.7 + spectrum(WATER["turbid"]) * 0.3
    colour = green * (1 - sea) + spectrum(WATER["deep_blue"]) * sea
    bands = bands + (colour * (1 + 0.04 * smooth_noise(rng, shape, 9)) - bands) * water
    surf = np.clip(smooth_noise(rng, shape, 6) - 0.8, 0, 1) * np.clip(
        1 - np.abs(cv2.GaussianBlur(sea, (0, 0), 2) - 0.75) * 4, 0, 1
    )
    return np.asarray(bands + (np.float32(2600.0) - bands) * np.clip(surf, 0, 0.6) * sea, dtype=np.float32)
