"""Pictures of cracks whose width is known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from findings.survey import Quality, Scale, ScaleSource
from imagery.types import Window
from inference.regions import Region, outline

SIZE = 128
FINE = 6  # samples a pixel and axis
UNKNOWN = Scale()
HALF_MM = Scale(0.5, 0.0, ScaleSource.GIVEN_GSD)


def encode(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """sRGB values 0..255 of linear light 0..1 (IEC 61966-2-1)."""
    low, high = 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055
    return np.asarray(np.where(linear <= 0.0031308, low, high) * 255)


def coverage(
    width_px: float, angle_deg: float, *, length_px: float = 84, sway_px: float = 0.0
) -> tuple[NDArray[np.float64], Region]:
    """Share of each pixel that a band covers, and a region 5 px wider than it, as people and networks label cracks."""
    n = SIZE * FINE
    y, x = (np.mgrid[0:n, 0:n] + 0.5) / FINE - SIZE / 2 - np.array([0.13, 0.37])[:, None, None]
    a = np.radians(angle_deg)
    along, across = x * np.cos(a) + y * np.sin(a), -x * np.sin(a) + y * np.cos(a)
    slope = sway_px / 15 * np.cos(along / 15)
    across = np.abs(across - sway_px * np.sin(along / 15)) / np.sqrt(1 + slope**2)
    inside = np.abs(along) <= length_px / 2
    blocks = (SIZE, FINE, SIZE, FINE)
    cover = ((across <= width_px / 2) & inside).reshape(blocks).mean((1, 3))
    label = ((across <= width_px / 2 + 2.5) & (np.abs(along) <= length_px / 2 + 2)).reshape(blocks).mean((1, 3)) > 0.5
    return cover, region_of(label)


def region_of(mask: NDArray[np.bool_]) -> Region:
    rows, cols = np.nonzero(mask)
    box = Window(int(cols.min()), int(rows.min()), int(np.ptp(cols)) + 1, int(np.ptp(rows)) + 1)
    part = mask[box.row : box.bottom, box.col : box.right]
    return Region(box, part, outline(part, box.col, box.row), 0.9, int(part.sum()))


@dataclass(frozen=True)
class Photo:
    """How the picture is taken; ``surface`` and ``core`` in linear light, the core relative to the surface."""

    core: float = 0.2
    surface: float = 0.4
    blur_px: float = 0.7
    noise: float = 1.5
    texture: float = 0.02


def take_photo(
    cover: NDArray[np.float64], rng: np.random.Generator, photo: Photo | None = None
) -> tuple[NDArray[np.float32], Quality]:
    """Mix in linear light, blur, add texture, encode, add noise, round; return grey values and the quality."""
    p = photo or Photo()
    light = ndimage.gaussian_filter(p.surface * (1 - cover + p.core * cover), p.blur_px)
    grain = ndimage.gaussian_filter(rng.normal(size=cover.shape), 1.5)
    light = light * (1 + p.texture * grain / grain.std()) * (1 + 0.1 * np.linspace(-1, 1, cover.shape[1]))
    grey = np.rint(encode(np.clip(light, 0, 1)) + rng.normal(0, p.noise, cover.shape))
    return np.clip(grey, 0, 255).astype(np.float32), Quality(
        True, blur_px=float(np.hypot(p.blur_px, 0.29)), noise=p.noise
    )
