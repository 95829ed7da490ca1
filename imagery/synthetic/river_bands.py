"""From a generated river's shape and scenery to the numbers a satellite stores."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.synthetic.river_ground import cover
from imagery.synthetic.river_scenery import Scenery, gravel, greenness, render
from imagery.synthetic.river_shape import FINE, RiverShape
from imagery.synthetic.sky import THICK, cloud_field, moved, sense, shade
from imagery.synthetic.spectra import BUILT, CLOUD, HAZE, LAND, SKY_SHARE, WATER, spectrum
from imagery.synthetic.textures import Array, Bool, fraction, smooth_noise

DARKEST = 1
"""Least stored number; 0 means nodata."""


def share(mask: Bool) -> Array:
    """Return the sub-pixel share ``(H, W)`` of a fine mask."""
    return fraction(mask.astype(np.float32), FINE)


def paint_scene(
    rng: np.random.Generator, shape: RiverShape, scenery: Scenery, masks: dict[str, Bool], day: float, level: float
) -> Array:
    """Return ground reflectance ``(6, H, W)`` of one date, lit by the season's sun, without air and sensor.

    Args:
        rng: source of the date's own textures.
        shape: the river.
        scenery: the land.
        masks: fine masks ``channel``, ``water``, ``trees`` of the date.
        day: of the year.
        level: -1 low to +1 high season.
    """
    bands = render(scenery, day, rng)
    channel, water, trees = (share(masks[name]) for name in ("channel", "water", "trees"))
    near_water = np.clip(cv2.GaussianBlur(water, (0, 0), 1.2) * 1.6, 0, 1)
    bands = cover(bands, channel, gravel(rng, near_water), rng, 0.02)
    leaf = 0.25 + 0.75 * float(greenness(day, 100, 315))
    willow = spectrum(LAND["bare_forest"]) * (1 - leaf) + spectrum(LAND["broadleaf"]) * leaf
    bands = cover(bands, trees, willow, rng, 0.12)
    bands = light_hills(bands, scenery, day)
    bands = bands + (water_colour(rng, water, level) - bands) * water
    deck = share(shape.bridge)
    shadow = moved(deck, -1, 0) * (1 - deck)
    bands = shade(bands, np.clip(shadow * 0.5, 0, 1))
    return cover(bands, deck, spectrum(BUILT["concrete"]) * 0.75 + spectrum(BUILT["asphalt"]) * 0.25, rng, 0.03)


def water_colour(rng: np.random.Generator, water: Array, level: float) -> Array:
    """Return the river's reflectance ``(6, H, W)``: green at low level, silty at high, brighter where shallow."""
    turbid = float(np.clip(0.25 + 0.45 * level + rng.normal(0, 0.15), 0, 1))
    clear = spectrum(WATER["clear"]) * 0.5 + spectrum(WATER["green"]) * 0.5
    colour = clear * (1 - turbid) + spectrum(WATER["turbid"]) * turbid
    depth = np.clip(cv2.GaussianBlur(water, (0, 0), 2.2) * 1.5 - 0.4, 0, 1)
    shallow = spectrum(WATER["shallow"]) * (1 - 0.5 * turbid) + spectrum(WATER["turbid"]) * 0.5 * turbid
    streaks = 1 + 0.04 * smooth_noise(rng, (water.shape[0], water.shape[1]), 22, 4)
    return np.asarray((shallow + (colour - shallow) * depth) * streaks, dtype=np.float32)


def light_hills(bands: Array, scenery: Scenery, day: float) -> Array:
    """Return bands with the hills lit from the south-east, as at 10:40 local time; low winter sun throws deep shade."""
    elevation = math.radians(56 + 22 * math.sin(2 * math.pi * (day - 81) / 365.25))
    slope_y, slope_x = np.gradient(cv2.GaussianBlur(scenery.relief, (0, 0), 0.8))
    steep = 0.3 / max(float(np.std(slope_x)), 1e-6) / math.tan(elevation)
    facing = 1 + steep * (slope_x * math.cos(math.radians(55)) * -1 + slope_y * math.sin(math.radians(55)) * -1)
    direct = 1 + (np.clip(facing, 0.05, 1.8) - 1) * scenery.hills
    sky = np.asarray(SKY_SHARE, dtype=np.float32)[:, None, None]
    return np.asarray(bands * (sky + (1 - sky) * direct), dtype=np.float32)


def add_air(rng: np.random.Generator, bands: Array, *, cloudy: bool, day: float) -> tuple[Array, Bool]:
    """Return bands under haze and, if cloudy, clouds with their shadows to the north-west; and where cloud hides."""
    size = (bands.shape[1], bands.shape[2])
    hidden = np.zeros(size, dtype=bool)
    if cloudy:
        cover_share = float(rng.uniform(0.04, 0.3))
        cloud = cloud_field(rng, size, cover_share, float(rng.uniform(25, 60)), float(rng.uniform(0.5, 0.9)))
        away = int(rng.integers(8, 22) * (1.5 - math.cos(2 * math.pi * (day - 172) / 365.25) * 0.5))
        shadow = moved(np.asarray(cv2.GaussianBlur(cloud, (0, 0), 1.5), dtype=np.float32), -away, -round(away * 0.7))
        bands = shade(bands, shadow * 0.75)
        billow = 1 + 0.10 * smooth_noise(rng, size, 20, 4, 0.7)
        bands = bands + (spectrum(CLOUD) * billow - bands) * cloud
        hidden = cloud > THICK
    amount = float(np.clip(rng.exponential(0.04), 0, 0.25))
    veil = np.float32(amount) * np.clip(1 + 0.3 * smooth_noise(rng, size, 120, 2), 0, 2)
    return np.asarray(bands * (1 - 0.6 * veil) + spectrum(HAZE) * veil, dtype=np.float32), hidden


def store(rng: np.random.Generator, bands: Array) -> NDArray[np.uint16]:
    """Return bands as stored: point spread, SWIR at 20 m, noise, stripes, whole numbers above 0."""
    seen = sense(rng, bands, blur_px=0.55, coarse_swir=True, noise=14.0)
    return np.clip(np.round(seen), DARKEST, 16000).astype(np.uint16)
