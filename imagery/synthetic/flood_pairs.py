"""Generated pairs of the same place before and after a flood: radar and optical, with the exact new water.

What floods is low ground beside water and in fields; what must not be called a flood changes as well: crops are cut and
grow, soil is wet, clouds and their shadows pass, fields lie smooth in the radar, and every picture has its own stretch.
Radar, optical sensor and the map of the flood are of different hours: each picture shows a little less or more water
than the truth, and wet ground where the water has gone.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from imagery.flood_planes import FULL, PLANES
from imagery.synthetic.radar import Channel, Site, backscatter_db, draw_site, seen_by_radar, straight
from imagery.synthetic.river_pairs import Ground, paint_ground
from imagery.synthetic.sky import THICK, cloud_field, moved, sense, shade
from imagery.synthetic.spectra import CLOUD, HAZE, LAND, WATER, mixture, spectrum, vary
from imagery.synthetic.textures import Array, Bool, grid_cells, smooth_noise, soft_step

BANDS = PLANES
"""One radar channel and three optical bands for each date; of the optical ones short-wave first, as sets store them."""
SWIR1, NIR, VISIBLE = 4, 3, (2, 2, 2, 1, 0)
"""Places among the six optical bands; the visible one is mostly red, sometimes green or blue."""
TEAL = (1300, 1750, 1900, 2000, 250, 150)
"""Silt-laden flood water seen through hazy air: bright in the visible and near infrared, dark in the short-wave."""


@dataclass(frozen=True, slots=True, eq=False)
class FloodPair:
    """One generated pair.

    Attributes:
        pixels: ``(8, H, W)`` float32 in the order of ``BANDS``, 0..255, NaN where nothing was observed.
        new_water: ``(H, W)`` bool, water after that was dry before.
        water_before: ``(H, W)`` bool.
        known: ``(H, W)`` bool; False on mixed shores, where plants stand in water, and where nobody could see.
    """

    pixels: Array
    new_water: Bool
    water_before: Bool
    known: Bool


def random_flood_pair(
    rng: np.random.Generator, size_px: int, ground: Ground | None = None, later: Array | None = None
) -> FloodPair:
    """Return one generated pair with its truth; one in eight shows no flood at all.

    Args:
        rng: source of randomness; the same state gives the same pair.
        size_px: H = W.
        ground: what there was before, ``size_px`` squared; drawn if None.
        later: ``(6, H, W)`` the same ground at a later date without the flood; made of ``ground`` if None.
    """
    ground = _ground(rng, size_px) if ground is None else ground
    lowness = _lowness(rng, ground.water)
    share = float(np.clip(rng.beta(1.1, 2.4), 0.02, 0.97)) if rng.random() < 0.87 else 0.0
    flood = _cover(lowness, ground.water, share)
    at_pass, in_picture = (_at_hour(rng, lowness, ground.water, share, flood) for _ in range(2))
    later = _seasons(rng, ground.bands, ground.water) if later is None else later
    later = later * np.float32(min(np.exp(rng.normal(-0.15, 0.35)), 1.6))  # a lower sun dims the whole picture
    plants = _plants(rng, later, flood)
    shore = cv2.GaussianBlur(flood, (0, 0), 3.0) * float(rng.uniform(0, 1.2))  # what fell dry again is wet
    wet = np.clip(shore + _wet_patches(rng, (size_px, size_px)), 0, 1) * (1 - in_picture)
    gaps = _gaps(rng, (size_px, size_px))
    after = _wetted(_flooded(rng, later, in_picture * (1 - 0.7 * plants) * (1 - gaps)), wet)
    radar = _radar(rng, ground, after, np.clip(at_pass * (1 - gaps * _gaps_seen(rng)), 0, 1), plants, wet)
    optical, clear = _optical(rng, ground.bands, after)
    pixels = np.concatenate([radar, optical]).astype(np.float32)
    new, old = (flood > 0.5) & (ground.water < 0.5), ground.water >= 0.5
    known = ~((np.abs(np.maximum(flood, ground.water) - 0.5) < 0.2) & ~old) & (plants * flood < 0.4)
    known &= np.isfinite(pixels[:2]).all(axis=0) | clear
    return FloodPair(pixels, new, old, known)


def _gaps(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Return the share ``(H, W)`` of flooded ground that stands out of the water in spots too small to be mapped."""
    if rng.random() < 0.5:
        return np.zeros(shape, dtype=np.float32)
    spots = smooth_noise(rng, shape, float(rng.uniform(1.5, 5)), 2)
    region = soft_step(smooth_noise(rng, shape, float(rng.uniform(15, 80)), 3), float(rng.uniform(-0.5, 1.0)), 0.6)
    return np.asarray(soft_step(spots, float(rng.uniform(0.2, 1.5)), 0.6) * region * rng.uniform(0.3, 1), np.float32)


def _gaps_seen(rng: np.random.Generator) -> float:
    """Return how much the radar sees of what stands out of the water: more than the eye, since stems scatter."""
    return float(rng.uniform(0.7, 1.3)) if rng.random() < 0.8 else 0.0


def _ground(rng: np.random.Generator, size_px: int) -> Ground:
    """Return ground that is mostly dry: a flood map of a lake teaches little."""
    ground = paint_ground(rng, size_px)
    for _ in range(2):
        if float(ground.water.mean()) < 0.2 or rng.random() < 0.25:
            break
        ground = paint_ground(rng, size_px)
    return ground


def _lowness(rng: np.random.Generator, water: Array) -> Array:
    """Return how low the ground lies ``(H, W)``: beside water, in banked-up fields; roads and dykes stand out of it."""
    shape = (water.shape[0], water.shape[1])
    low: Array = smooth_noise(rng, shape, float(rng.uniform(20, 130)), 5, float(rng.uniform(0.35, 0.6)))
    if water.max() > 0.5 and rng.random() < 0.7:
        far = cv2.distanceTransform((water < 0.5).astype(np.uint8), cv2.DIST_L2, 3)
        low = np.asarray(low - far / float(rng.uniform(15, 120)), dtype=np.float32)
    if rng.random() < 0.3:  # creeks fill first, or their natural levees stay dry
        ridges = np.abs(smooth_noise(rng, shape, float(rng.uniform(15, 50)), 3))
        creeks = np.exp(-np.square(ridges / np.float32(0.12)))
        low = np.asarray(low + float(rng.choice([-1.2, 1.2])) * creeks, dtype=np.float32)
    if rng.random() < 0.5:
        sides = (float(rng.uniform(8, 40)), float(rng.uniform(6, 24)))
        cells, edge = grid_cells(rng, shape, sides, float(rng.uniform(0, 3)), 0.8)
        drawn = np.float32(rng.uniform(0.2, 1.2)) * rng.standard_normal(4093).astype(np.float32)
        low = np.asarray(low + drawn[cells], dtype=np.float32)
        if rng.random() < 0.6:
            low = np.asarray(low - 2.0 * (edge < float(rng.uniform(0.5, 1.6))), dtype=np.float32)
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(1, 4))):
            low = low - 3.0 * straight(rng, shape, float(rng.uniform(0.8, 4.0)))
    if rng.random() < 0.3:  # trees, yards and houses stand out of it
        spots = smooth_noise(rng, shape, float(rng.uniform(3, 12)), 3)
        low = low - 3.0 * soft_step(spots, float(rng.uniform(1.2, 2.2)), 0.15)
    return low.astype(np.float32)


def _cover(low: Array, water: Array, share: float) -> Array:
    """Return the cover ``(H, W)`` of new water when the lowest ``share`` of the dry ground is under it."""
    dry = water < 0.5
    if share <= 0 or not dry.any():
        return np.zeros_like(water)
    level = float(np.quantile(low[dry], 1 - share))
    return np.asarray(soft_step(low, level, 0.1) * (1 - water), dtype=np.float32)


def _at_hour(rng: np.random.Generator, low: Array, water: Array, share: float, flood: Array) -> Array:
    """Return the cover of new water at the hour of a pass: often less than was mapped, since floods fall."""
    if rng.random() < 0.4:
        return flood
    change = 0.1 - abs(float(rng.normal(0, 0.4)))
    return _cover(low, water, min(share * float(np.exp(change)), 0.98))


def _seasons(rng: np.random.Generator, bands: Array, water: Array) -> Array:
    """Return the ground some weeks or months later: crops cut and grown, all of it greener, drier or dimmer."""
    shape = (bands.shape[1], bands.shape[2])
    out = bands
    if rng.random() < 0.5:
        out = out + (mixture(rng, LAND) - out) * float(rng.uniform(0, 0.7)) * (1 - water)
    for _ in range(int(rng.integers(0, 4))):
        cells, _ = grid_cells(
            rng, shape, (float(rng.uniform(6, 40)), float(rng.uniform(5, 25))), float(rng.uniform(0, 3)), 0.6
        )
        chosen = (rng.random(4093) < rng.uniform(0.1, 0.5)).astype(np.float32)[cells]
        share = chosen * (smooth_noise(rng, shape, 40, 2) > rng.uniform(-1, 1)) * (water < 0.2)
        out = out + (mixture(rng, LAND) - out) * share.astype(np.float32) * float(rng.uniform(0.4, 1.0))
    gain = np.exp(rng.normal(0, 0.10, (6, 1, 1))).astype(np.float32)
    drift = np.exp(np.float32(0.1) * smooth_noise(rng, shape, 50, 3))
    return np.asarray(out * gain * drift, dtype=np.float32)


def _plants(rng: np.random.Generator, bands: Array, flood: Array) -> Array:
    """Return the share ``(H, W)`` of flooded ground whose plants stand out of the water."""
    if rng.random() < 0.6:
        return np.zeros_like(flood)
    red, nir = bands[2], bands[3]
    green = np.clip(((nir - red) / np.maximum(nir + red, 1.0) - 0.4) / 0.25, 0, 1)
    patches = soft_step(smooth_noise(rng, flood.shape, float(rng.uniform(6, 40)), 3), float(rng.uniform(0.3, 1.4)), 0.3)
    return np.asarray(green * patches * (flood > 0.3), dtype=np.float32)


def _flooded(rng: np.random.Generator, bands: Array, flood: Array) -> Array:
    """Return bands ``(6, H, W)`` with flood water: its colour drifts, and fields show through where it is shallow."""
    names = ["turbid", "silt", "mud", "shallow", "humic", "green", "clear"]
    chances = [0.16, 0.14, 0.14, 0.08, 0.14, 0.08, 0.06, 0.20]
    pool = [*(WATER[name] for name in names), TEAL]
    one, other = (vary(rng, pool[int(rng.choice(len(pool), p=chances))], 0.3, 0.12) for _ in range(2))
    mix = soft_step(smooth_noise(rng, flood.shape, float(rng.uniform(20, 120)), 3), 0.0, 2.0)
    colour = one + (other - one) * mix * float(rng.random() < 0.5)
    if rng.random() < 0.6:
        through = float(rng.uniform(0.05, 0.65)) * soft_step(smooth_noise(rng, flood.shape, 40, 3), 0.0, 2.0)
        colour = colour * (1 - through) + bands * through * 0.6
    calm = 1 + 0.05 * smooth_noise(rng, flood.shape, 14, 3)
    return np.asarray(bands + (colour * calm - bands) * flood, dtype=np.float32)


def _wet_patches(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    if rng.random() < 0.5:
        return np.zeros(shape, dtype=np.float32)
    return soft_step(smooth_noise(rng, shape, float(rng.uniform(8, 50)), 3), float(rng.uniform(0.5, 1.6)), 0.4)


def _wetted(bands: Array, wet: Array) -> Array:
    """Return ground darkened by water in its pores, most in the short-wave bands (Lekner and Dorf 1988)."""
    dark = np.array([0.75, 0.72, 0.68, 0.65, 0.5, 0.45], dtype=np.float32)[:, None, None]
    return np.asarray(bands * (1 - wet * (1 - dark)), dtype=np.float32)


def _radar(rng: np.random.Generator, ground: Ground, after: Array, flood: Array, plants: Array, wet: Array) -> Array:
    """Return both dates ``(2, H, W)`` 0..255, each with wind, speckle and a stretch of its own; NaN for a cut edge."""
    site: Site = draw_site(rng, (flood.shape[0], flood.shape[1]))
    channel: Channel = "vv" if rng.random() < 0.6 else "vh"
    looks, coarse = float(np.exp(rng.uniform(1.2, 3.4))), float(rng.uniform(1.0, 3.5))
    bounce = plants * (flood > 0.3)
    open_water = np.maximum(ground.water, flood * (1 - bounce))
    planes = []
    for date in range(2):
        bands, water, damp = (after, open_water, wet) if date else (ground.bands, ground.water, np.zeros_like(wet))
        level = backscatter_db(rng, bands, water, damp, site, channel, bounce=bounce if date else None)
        width = coarse * float(rng.uniform(0.8, 1.25)) if rng.random() < 0.7 else float(rng.uniform(1.0, 3.5))
        planes.append(_stretched(rng, seen_by_radar(rng, level, looks * float(rng.uniform(0.6, 1.6)), width)))
    radar = np.stack(planes)
    if rng.random() < 0.1:
        radar[:, : int(rng.integers(2, max(flood.shape[0] // 6, 3)))] = np.nan
    return np.asarray(radar, dtype=np.float32)


def _stretched(rng: np.random.Generator, db: Array) -> Array:
    """Return backscatter as an 8-bit picture between two percentiles, or between two fixed levels."""
    if rng.random() < 0.6:
        low, high = (float(np.quantile(db, q)) for q in (rng.uniform(0.0, 0.02), rng.uniform(0.98, 1.0)))
        low, high = low - float(rng.exponential(2.0)), high + float(rng.exponential(2.0))
    else:
        low, high = float(rng.uniform(-32, -22)), float(rng.uniform(-6, 4))
    return np.asarray(np.round(np.clip((db - low) / max(high - low, 0.5), 0, 1) * 255), dtype=np.float32)


def _optical(rng: np.random.Generator, before: Array, after: Array) -> tuple[Array, Bool]:
    """Return three bands of both dates ``(6, H, W)`` 0..255, and where the later one is clear of thick cloud."""
    visible = int(rng.choice(VISIBLE))
    blur, coarse = float(rng.uniform(0.35, 1.1)), bool(rng.random() < 0.7)
    stretch = float(np.exp(rng.normal(0.15, 0.2))) if rng.random() < 0.75 else None
    planes, clear = [], np.ones(before.shape[1:], dtype=bool)
    for late, bands in enumerate((before, after)):
        seen, thick = _air(rng, bands, cloudy=0.4 if late else 0.15)
        seen = sense(rng, seen, blur_px=blur, coarse_swir=coarse, noise=float(rng.uniform(4, 30)))
        three = _picture(rng, np.stack([seen[SWIR1], seen[NIR], seen[visible]]), stretch)
        if rng.random() < 0.06:
            three[:, :, : int(rng.integers(4, max(before.shape[2] // 3, 5)))] = np.nan
        if late:
            clear = ~thick & np.isfinite(three).all(axis=0)
        planes.append(three)
    return np.concatenate(planes), clear


def _air(rng: np.random.Generator, bands: Array, cloudy: float) -> tuple[Array, Bool]:
    """Return bands under haze and, by chance, thin or thick cloud with its shadow; and where cloud hides the ground."""
    shape = (bands.shape[1], bands.shape[2])
    thick = np.zeros(shape, dtype=bool)
    if rng.random() < cloudy:
        scale, soft = float(rng.uniform(20, 120)), float(rng.uniform(0.2, 2.0))
        cloud = cloud_field(rng, shape, float(rng.uniform(0.03, 0.45)), scale, soft)
        away = [int(v) for v in rng.integers(-40, 41, 2)]
        bands = shade(bands, moved(cloud, away[0], away[1]) * float(rng.uniform(0.4, 0.95)))
        white = vary(rng, CLOUD, 0.2, 0.04) * (1 + 0.15 * smooth_noise(rng, shape, 15, 4))
        cloud = cloud * float(rng.uniform(0.3, 1.0))
        bands = bands + (white - bands) * cloud
        thick = cloud > THICK
    amount = min(float(rng.exponential(0.08)), 0.6)
    veil = np.float32(amount) * np.clip(1 + 0.4 * smooth_noise(rng, shape, 90, 2), 0, 2)
    bands = bands * (1 - 0.6 * veil) + vary(rng, HAZE, 0.1, 0.05) * veil
    return np.asarray(bands + spectrum(HAZE) * float(rng.uniform(0, 0.25)), dtype=np.float32), thick


def _picture(rng: np.random.Generator, bands: Array, gain: float | None) -> Array:
    """Return reflectance as an 8-bit picture: one scale for all bands and dates, or a stretch for each band."""
    if gain is not None:
        scale = np.full((3, 1, 1), FULL / 10_000 * gain, dtype=np.float32)
    else:
        tops = [max(float(np.quantile(band, float(rng.uniform(0.95, 0.999)))), 300.0) for band in bands]
        scale = np.array([FULL / (1.1 * top) for top in tops], dtype=np.float32)[:, None, None]
    return np.asarray(np.round(np.clip(bands * scale, 0, FULL)), dtype=np.float32)
