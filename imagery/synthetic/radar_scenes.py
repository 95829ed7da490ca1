"""Generated radar scenes of water and of all that is mistaken for it: VV and VH in dB, with the exact water."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from imagery.synthetic.radar import backscatter_db, draw_site, seen_by_radar
from imagery.synthetic.river_pairs import paint_ground
from imagery.synthetic.textures import Array, Bool, smooth_noise, soft_step


@dataclass(frozen=True, slots=True, eq=False)
class RadarScene:
    """One generated scene.

    Attributes:
        db: ``(2, H, W)`` float32, VV and VH; NaN outside the swath.
        water: ``(H, W)`` bool, open water over half of the pixel.
        known: ``(H, W)`` bool; False on mixed shores, where plants stand in water, and outside the swath.
    """

    db: Array
    water: Bool
    known: Bool


def random_radar_scene(rng: np.random.Generator, size_px: int) -> RadarScene:
    """Return one generated scene with its truth.

    Args:
        rng: source of randomness; the same state gives the same scene.
        size_px: H = W.
    """
    ground = paint_ground(rng, size_px)
    shape, water = (size_px, size_px), ground.water
    site = draw_site(rng, shape)
    wet = np.zeros(shape, dtype=np.float32)
    if rng.random() < 0.5:
        wet = soft_step(smooth_noise(rng, shape, float(rng.uniform(8, 60)), 3), float(rng.uniform(-0.5, 1.6)), 0.4)
    reeds = np.zeros(shape, dtype=np.float32)
    if rng.random() < 0.3:
        reeds = soft_step(smooth_noise(rng, shape, float(rng.uniform(5, 40)), 3), float(rng.uniform(0.5, 1.5)), 0.3)
        reeds = reeds * (water > 0.3)
    wind = float(np.clip(rng.normal(0.3, 1.0), -1, 2.6))
    looks, coarse = float(np.exp(rng.uniform(math.log(3), math.log(30)))), float(rng.uniform(1.0, 3.5))
    planes = [
        seen_by_radar(
            rng,
            backscatter_db(rng, ground.bands, water * (1 - reeds), wet, site, channel, bounce=reeds, wind=wind),
            looks,
            coarse,
        )
        for channel in ("vv", "vh")
    ]
    db = np.stack(planes).astype(np.float32)
    known = ~(np.abs(water - 0.5) < 0.25) & (reeds < 0.3)
    known &= ~((site.bridges > 0.3) & (water > 0.3))
    if rng.random() < 0.1:
        edge = int(rng.integers(2, max(size_px // 4, 3)))
        db[:, :edge] = np.nan
        known[:edge] = False
    return RadarScene(db, water >= 0.5, known)
