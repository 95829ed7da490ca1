"""Radar backscatter of generated ground: C-band levels of covers, wind on water, wet soil, relief, bridges, speckle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from imagery.synthetic.river_course import Line, paint
from imagery.synthetic.textures import Array, Bool, fraction, grid_cells, smooth_noise, soft_step

Channel = Literal["vv", "vh"]
BARE_DB = {"vv": (-14.0, 2.0), "vh": (-21.5, 2.0)}
"""Level of dry bare soil by roughness, mean and spread; typical of Sentinel-1 over farmland (Veloso et al. 2017)."""
GREEN_DB = {"vv": 4.0, "vh": 7.0}
"""Added by dense vegetation."""
WATER_DB = {"vv": (-21.0, 2.2), "vh": (-27.5, 1.6)}
"""Level of open water; wind roughens it most in VV (Twele et al. 2016)."""
BUILT_DB = 9.0
"""Added by corners of houses."""
WET_DB = {"vv": 3.0, "vh": 2.0}
"""Added by water in the pores of bare soil (Ulaby et al. 1978)."""
DOUBLE_BOUNCE_DB = {"vv": 4.5, "vh": 1.5}
"""Added where stems stand in water: water and stem make a corner (Richards et al. 1987)."""
BRIDGE_DB = -4.0
FLOOR_DB = {"vv": -25.0, "vh": -30.0}
"""Noise floor of the sensor."""


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """What the radar sees alike at both dates, ``(H, W)`` each.

    Attributes:
        texture_db: roughness of fields and what grows.
        relief_db: slopes that face the radar are brighter (foreshortened, layover), others darker, in shadow dark.
        shadow: True where hills hide the ground: as dark as water at every date.
        bridges: share of the pixel under bridge decks.
        smooth_db: what asphalt, rolled fields and dry sand lose; they are as dark as water and no flood.
    """

    texture_db: Array
    relief_db: Array
    shadow: Bool
    bridges: Array
    smooth_db: Array


def draw_site(rng: np.random.Generator, shape: tuple[int, int]) -> Site:
    """Return a random site ``(H, W)``."""
    texture = 0.5 * smooth_noise(rng, shape, float(rng.uniform(2.5, 7)), 3, 0.8) + 0.8 * smooth_noise(rng, shape, 60, 3)
    texture = texture + _fields(rng, shape, float(rng.uniform(0.3, 2.0)))
    flat = np.zeros(shape, dtype=np.float32)
    relief, shadow = _relief(rng, shape) if rng.random() < 0.3 else (flat, np.zeros(shape, dtype=bool))
    smooth = flat
    if rng.random() < 0.5:
        patches = smooth_noise(rng, shape, float(rng.uniform(6, 40)), 3)
        smooth = soft_step(patches, float(rng.uniform(0.9, 2.2)), 0.2) * float(rng.uniform(2, 8))
    bridges = _bridges(rng, shape) if rng.random() < 0.35 else flat
    return Site(texture.astype(np.float32), relief, shadow, bridges, np.asarray(smooth, dtype=np.float32))


def backscatter_db(
    rng: np.random.Generator,
    bands: Array,
    water: Array,
    wet: Array,
    site: Site,
    channel: Channel,
    *,
    bounce: Array | None = None,
    wind: float | None = None,
) -> Array:
    """Return backscatter ``(H, W)`` in dB without speckle.

    Args:
        rng: source of the day's wind and roughness.
        bands: ``(6, H, W)`` reflectance x 10000 of the ground, from which greenness is read.
        water: ``(H, W)`` cover of open water, 0 to 1.
        wet: ``(H, W)`` wetness of the soil, 0 to 1.
        site: what both dates share.
        channel: ``vv`` or ``vh``.
        bounce: ``(H, W)`` share of plants that stand in water.
        wind: of the day, 0 calm; roughened water nears the level of bare soil. Drawn if None.
    """
    shape = (water.shape[0], water.shape[1])
    red, nir, swir = bands[2], bands[3], bands[4]
    green = np.clip(((nir - red) / np.maximum(nir + red, 1.0) - 0.15) / 0.55, 0, 1)
    level, spread = BARE_DB[channel]
    day = float(rng.normal(0, 1.2)) + _fields(rng, shape, float(rng.uniform(0, 1.2)))  # ploughed, harvested, frozen
    land = level + day + spread * 0.7 * site.texture_db + GREEN_DB[channel] * green * float(rng.uniform(0.6, 1.2))
    built = np.clip((bands[:3].mean(axis=0) - 1300) / 1500, 0, 1) * (1 - green) * (swir > 1500)
    land = land + BUILT_DB * built * (smooth_noise(rng, shape, 2.5, 2) > 0.6) - site.smooth_db * (1 - green)
    land = land + WET_DB[channel] * wet * (1 - 0.7 * green) + site.relief_db
    low, spread = WATER_DB[channel]
    blown = float(np.clip(rng.normal(0.3, 1), -1, 2.6)) if wind is None else wind
    calm = low + spread * blown + (0.4 + 0.4 * max(blown, 0)) * smooth_noise(rng, shape, 30, 3)
    power = 10 ** (land / 10) * (1 - water) + 10 ** (calm / 10) * water
    if bounce is not None:
        corner = 10 ** ((level + GREEN_DB[channel] + DOUBLE_BOUNCE_DB[channel]) / 10)
        power = power + (corner - power) * bounce
    power = power * ~site.shadow
    power = power + (10 ** (BRIDGE_DB / 10) - power) * site.bridges * water
    return np.asarray(10 * np.log10(power + 10 ** (FLOOR_DB[channel] / 10)), dtype=np.float32)


def speckled(rng: np.random.Generator, db: Array, looks: float) -> Array:
    """Return backscatter in dB with speckle: power times a gamma of so many looks (Goodman 1976)."""
    grain = rng.gamma(looks, 1.0 / looks, db.shape)
    return np.asarray(db + 10 * np.log10(np.maximum(grain, 1e-4)), dtype=np.float32)


def seen_by_radar(rng: np.random.Generator, db: Array, looks: float, coarse: float) -> Array:
    """Return backscatter in dB as delivered: detected on the sensor's grid, then resampled to the map's.

    Args:
        rng: source of the speckle.
        db: ``(H, W)`` without speckle.
        looks: of the sensor's pixels.
        coarse: side of the sensor's pixel in map pixels; above 1 speckle is wider than a pixel, as in most products.
    """
    height, width = db.shape
    if coarse <= 1.05:
        return speckled(rng, db, looks)
    small = (max(round(width / coarse), 8), max(round(height / coarse), 8))
    power = cv2.resize(np.power(10.0, db / 10.0), small, interpolation=cv2.INTER_AREA)
    grained = speckled(rng, np.asarray(10 * np.log10(np.maximum(power, 1e-6)), dtype=np.float32), looks)
    return np.asarray(cv2.resize(grained, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _fields(rng: np.random.Generator, shape: tuple[int, int], spread_db: float) -> Array:
    """Return one level for each field ``(H, W)``, dB."""
    if spread_db < 0.1:
        return np.zeros(shape, dtype=np.float32)
    sides = (float(rng.uniform(8, 45)), float(rng.uniform(6, 25)))
    cells, _ = grid_cells(rng, shape, sides, float(rng.uniform(0, math.pi)), 0.8)
    return np.asarray((spread_db * rng.standard_normal(4093)).astype(np.float32)[cells], dtype=np.float32)


def _relief(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[Array, Bool]:
    """Return dB of slopes ``(H, W)`` seen from one side in a part of the scene, and where hills throw radar shadow."""
    height = smooth_noise(rng, shape, float(rng.uniform(30, 90)), 5, 0.5)
    hilly = soft_step(smooth_noise(rng, shape, 120, 2), float(rng.uniform(-0.5, 1.0)), 0.6)
    slope = np.gradient(height, axis=1) * (1.0 if rng.random() < 0.5 else -1.0)  # radars look east or west
    facing = slope / max(float(np.std(slope)), 1e-6) * hilly
    relief = np.where(facing > 0, 2.6, 1.8) * facing
    return np.clip(relief, -8, 9).astype(np.float32), np.asarray(facing < -2.1, dtype=bool)


def _bridges(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Return the cover ``(H, W)`` of one to three straight decks across the scene; only over water do they show."""
    cover = np.zeros(shape, dtype=np.float32)
    for _ in range(int(rng.integers(1, 4))):
        cover = np.maximum(cover, straight(rng, shape, float(rng.uniform(0.6, 2.0))))
    return cover


def straight(rng: np.random.Generator, shape: tuple[int, int], width_px: float) -> Array:
    """Return the cover ``(H, W)`` of a straight band across the scene: a deck, a road, a dyke."""
    angle, reach = float(rng.uniform(0, math.pi)), 1.5 * max(shape)
    middle = rng.uniform(0.1, 0.9, 2) * np.array(shape[::-1])
    along = np.linspace(-reach, reach, 64)[:, None] * np.array([math.cos(angle), math.sin(angle)])
    line: Line = np.asarray(middle + along)
    return np.asarray(fraction(paint(shape, line, width_px, 4), 4) / np.float32(255), dtype=np.float32)
