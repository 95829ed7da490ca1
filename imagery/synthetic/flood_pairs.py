"""Generated pairs of the same place before and after a flood: radar and optical, with the exact new water.

What floods is low ground beside water and in fields; what must not be called a flood changes as well: crops are cut and
grow, soil is wet, clouds and their shadows pass, fields lie smooth in the radar, and every picture has its own stretch.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.synthetic.radar import backscatter_db, speckled
from imagery.synthetic.river_pairs import paint_ground
from imagery.synthetic.sky import add_sky, sense
from imagery.synthetic.spectra import LAND, WATER, mixture, vary
from imagery.synthetic.textures import Array, Bool, grid_cells, smooth_noise, soft_step

BANDS = (
    "s1_before", "s1_after",
    "swir_before", "nir_before", "visible_before", "swir_after", "nir_after", "visible_after",
)  # fmt: skip
"""One radar channel and three optical bands for each date; of the optical ones short-wave first, as sets store them."""
OPTICAL = (4, 3, 2)
"""Places of swir1, nir and red among the six optical bands."""


@dataclass(frozen=True, slots=True, eq=False)
class FloodPair:
    """One generated pair.

    Attributes:
        pixels: ``(8, H, W)`` float32 in the order of ``BANDS``, 0..255, NaN where nothing was observed.
        new_water: ``(H, W)`` bool, water after that was dry before.
        water_before: ``(H, W)`` bool.
        known: ``(H, W)`` bool; False where less than half of a pixel decides, and where nobody could see.
    """

    pixels: Array
    new_water: Bool
    water_before: Bool
    known: Bool


def random_flood_pair(rng: np.random.Generator, size_px: int) -> FloodPair:
    """Return one generated pair with its truth; one in six shows no flood at all.

    Args:
        rng: source of randomness; the same state gives the same pair.
        size_px: H = W.
    """
    ground = paint_ground(rng, size_px)
    flood = _flood(rng, ground.water) if rng.random() < 0.84 else np.zeros_like(ground.water)
    before = ground.bands
    later = _seasons(rng, before, ground.water)
    after = _flooded(rng, later, flood)
    wet = np.clip(cv2.GaussianBlur(flood, (0, 0), 4.0) * 1.5 + _wet_patches(rng, flood.shape), 0, 1) * (1 - flood)
    after = _wetted(after, wet)
    radar = _radar(rng, before, ground.water, after, np.maximum(ground.water, flood), wet)
    optical, clear = _optical(rng, before, after)
    pixels = np.concatenate([radar, optical]).astype(np.float32)
    new, old = (flood > 0.5) & (ground.water < 0.5), ground.water >= 0.5
    known = ~((np.abs(np.maximum(flood, ground.water) - 0.5) < 0.2) & ~old)
    known &= np.isfinite(pixels[:2]).all(axis=0) | clear
    return FloodPair(pixels, new, old, known)


def _flood(rng: np.random.Generator, water: Array) -> Array:
    """Return the cover ``(H, W)`` of new water: low ground beside water, or fields that are banked up."""
    shape = water.shape
    low = smooth_noise(rng, shape, float(rng.uniform(15, 90)), 4, 0.55)
    if water.max() > 0.5:
        far = cv2.distanceTransform((water < 0.5).astype(np.uint8), cv2.DIST_L2, 3)
        low = low - far / float(rng.uniform(15, 80))
    if rng.random() < 0.45:
        cells, edge = grid_cells(
            rng,
            (shape[0], shape[1]),
            (float(rng.uniform(6, 26)), float(rng.uniform(5, 18))),
            float(rng.uniform(0, 3)),
            0.8,
        )
        drawn = rng.normal(0, 0.8, 4093).astype(np.float32)
        low = low + drawn[cells]
        low = np.where(edge < 0.9, low - 1.0, low)
    share = float(np.clip(rng.beta(1.1, 2.6), 0.02, 0.95))
    cover = soft_step(
        low.astype(np.float32), float(np.quantile(low[water < 0.5] if (water < 0.5).any() else low, 1 - share)), 0.1
    )
    if rng.random() < 0.5:  # trees, roads and houses stand out of it
        holes = soft_step(smooth_noise(rng, shape, float(rng.uniform(2, 8)), 3), float(rng.uniform(0.9, 1.8)), 0.15)
        cover = cover * (1 - holes)
    return np.asarray(np.clip(cover, 0, 1) * (1 - water), dtype=np.float32)


def _seasons(rng: np.random.Generator, bands: Array, water: Array) -> Array:
    """Return the ground some weeks or months later: crops cut and grown, all of it a little greener or drier."""
    shape = (bands.shape[1], bands.shape[2])
    out = bands
    for _ in range(int(rng.integers(0, 4))):
        cells, _ = grid_cells(
            rng, shape, (float(rng.uniform(6, 40)), float(rng.uniform(5, 25))), float(rng.uniform(0, 3)), 0.6
        )
        chosen = (rng.random(4093) < rng.uniform(0.1, 0.5)).astype(np.float32)[cells]
        share = chosen * (smooth_noise(rng, shape, 40, 2) > rng.uniform(-1, 1)) * (water < 0.2)
        out = out + (mixture(rng, LAND) - out) * share.astype(np.float32) * float(rng.uniform(0.4, 1.0))
    gain = np.exp(rng.normal(0, 0.12, (6, 1, 1))).astype(np.float32)
    drift = np.exp(np.float32(0.1) * smooth_noise(rng, shape, 50, 3))
    return np.asarray(out * gain * drift, dtype=np.float32)


def _flooded(rng: np.random.Generator, bands: Array, flood: Array) -> Array:
    name = str(rng.choice(["turbid", "silt", "mud", "shallow", "turbid", "silt", "humic", "green"]))
    colour = vary(rng, WATER[name], 0.25, 0.12)
    if rng.random() < 0.6:  # fields show through shallow water, reeds stand in it
        through = float(rng.uniform(0.05, 0.4))
        colour = colour * (1 - through) + bands * through * 0.5
    calm = 1 + 0.06 * smooth_noise(rng, flood.shape, 14, 3)
    return np.asarray(bands + (colour * calm - bands) * flood, dtype=np.float32)


def _wet_patches(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    if rng.random() < 0.5:
        return np.zeros(shape, dtype=np.float32)
    return soft_step(smooth_noise(rng, shape, float(rng.uniform(8, 50)), 3), float(rng.uniform(0.5, 1.6)), 0.4)


def _wetted(bands: Array, wet: Array) -> Array:
    """Return ground darkened by water in its pores, most in the short-wave bands (Lekner and Dorf 1988)."""
    dark = np.array([0.75, 0.72, 0.68, 0.65, 0.5, 0.45], dtype=np.float32)[:, None, None]
    return np.asarray(bands * (1 - wet * (1 - dark)), dtype=np.float32)


def _radar(rng: np.random.Generator, before: Array, old: Array, after: Array, now: Array, wet: Array) -> Array:
    """Return both dates ``(2, H, W)`` 0..255, each with wind, speckle and a stretch of its own; NaN for a cut edge."""
    looks = float(rng.uniform(2.5, 14))
    dry = np.zeros_like(wet)
    texture = smooth_noise(rng, old.shape, float(rng.uniform(3, 9)), 3, 0.8)
    channel = "vv" if rng.random() < 0.6 else "vh"
    planes = []
    for bands, water, damp in ((before, old, dry), (after, now, wet)):
        db = backscatter_db(rng, bands, water, damp, texture, channel)
        planes.append(_stretched(rng, speckled(rng, db, looks * float(rng.uniform(0.7, 1.4)))))
    radar = np.stack(planes)
    if rng.random() < 0.15:
        edge = int(rng.integers(2, max(old.shape[0] // 6, 3)))
        radar[:, :edge] = np.nan
    return np.asarray(radar, dtype=np.float32)


def _optical(rng: np.random.Generator, before: Array, after: Array) -> tuple[Array, Bool]:
    """Return three bands of both dates ``(6, H, W)`` 0..255, and where the later one is clear of thick cloud."""
    planes, clear = [], np.ones(before.shape[1:], dtype=bool)
    for place, bands in enumerate((before, after)):
        seen, thick = add_sky(rng, bands)
        if place and rng.random() < 0.3:
            seen, more = add_sky(rng, seen)
            thick = thick | more
        seen = sense(rng, seen, blur_px=float(rng.uniform(0.35, 0.9)), coarse_swir=rng.random() < 0.6)
        three = np.stack([seen[band] for band in OPTICAL])
        three = _picture(rng, three)
        if rng.random() < 0.06:
            three[:, :, : int(rng.integers(4, before.shape[2] // 3))] = np.nan
        if place:
            clear = ~thick & np.isfinite(three).all(axis=0)
        planes.append(three)
    return np.concatenate(planes), clear


def _picture(rng: np.random.Generator, bands: Array) -> Array:
    """Return reflectance as an 8-bit picture: one stretch for all bands, or one for each."""
    top = float(rng.uniform(2500, 6500))
    if rng.random() < 0.3:
        tops = np.array([np.quantile(band, float(rng.uniform(0.95, 0.999))) for band in bands])[:, None, None] * 1.1
    else:
        tops = np.full((3, 1, 1), top)
    return np.asarray(np.clip(bands / np.maximum(tops, 50.0), 0, 1) * 255, dtype=np.float32)


def _stretched(rng: np.random.Generator, db: Array) -> Array:
    """Return backscatter as an 8-bit picture between two percentiles, or between two fixed levels."""
    if rng.random() < 0.6:
        low, high = (float(np.quantile(db, q)) for q in (rng.uniform(0.0, 0.03), rng.uniform(0.97, 1.0)))
    else:
        low, high = float(rng.uniform(-30, -22)), float(rng.uniform(-6, 2))
    return np.asarray(np.clip((db - low) / max(high - low, 0.5), 0, 1) * 255, dtype=np.float32)


def drop_sensor(pixels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return pixels ``(8, H, W)`` with one sensor or one date missing by chance, as users have them.

    Half of the time both sensors are there, a fifth of the time only one of them; sometimes the date before is missing
    of one sensor.
    """
    out = pixels.copy()
    chance = rng.random()
    if chance < 0.22:
        out[2:] = np.nan
    elif chance < 0.44:
        out[:2] = np.nan
    elif chance < 0.54:
        out[2:5] = np.nan
    elif chance < 0.60:
        out[0] = np.nan
    return out
