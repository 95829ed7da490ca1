"""Radar backscatter of generated ground: C-band levels of covers, wind on water, wet soil, speckle."""

from __future__ import annotations

from typing import Literal

import numpy as np

from imagery.synthetic.textures import Array, smooth_noise, soft_step

Channel = Literal["vv", "vh"]
BARE_DB = {"vv": (-15.5, 2.2), "vh": (-22.5, 2.2)}
"""Level of dry bare soil by roughness, mean and spread; typical of Sentinel-1 over farmland (Veloso et al. 2017)."""
GREEN_DB = {"vv": 5.0, "vh": 8.0}
"""Added by dense vegetation."""
WATER_DB = {"vv": (-20.5, 2.4), "vh": (-27.0, 1.8)}
"""Level of open water; wind roughens it most in VV (Twele et al. 2016)."""
BUILT_DB = 9.0
"""Added by corners of houses."""
WET_DB = {"vv": 3.5, "vh": 2.5}
"""Added by water in the pores of bare soil (Ulaby et al. 1978)."""
FLOOR_DB = {"vv": -25.0, "vh": -30.0}
"""Noise floor of the sensor."""


def backscatter_db(
    rng: np.random.Generator, bands: Array, water: Array, wet: Array, texture: Array, channel: Channel
) -> Array:
    """Return backscatter ``(H, W)`` in dB without speckle.

    Args:
        rng: source of the day's wind and roughness.
        bands: ``(6, H, W)`` reflectance x 10000 of the ground, from which greenness is read.
        water: ``(H, W)`` cover of open water, 0 to 1.
        wet: ``(H, W)`` wetness of the soil, 0 to 1.
        texture: ``(H, W)`` of 1-sigma 1, roughness that both dates share.
        channel: ``vv`` or ``vh``.
    """
    red, nir, swir = bands[2], bands[3], bands[4]
    green = np.clip(((nir - red) / np.maximum(nir + red, 1.0) - 0.15) / 0.55, 0, 1)
    level, spread = BARE_DB[channel]
    land = (
        level + rng.normal(0, 1.0) + spread * 0.7 * texture + GREEN_DB[channel] * green * float(rng.uniform(0.7, 1.2))
    )
    bright = np.clip((bands[:3].mean(axis=0) - 1300) / 1500, 0, 1) * (1 - green) * (swir > 1500)
    corners = bright * (smooth_noise(rng, water.shape, 2.5, 2) > 0.6)
    land = land + BUILT_DB * corners + WET_DB[channel] * wet * (1 - 0.7 * green)
    if rng.random() < 0.4:  # rolled fields, dry sand and roads are as smooth as water
        smooth = soft_step(
            smooth_noise(rng, water.shape, float(rng.uniform(6, 30)), 3), float(rng.uniform(0.9, 2.0)), 0.2
        )
        land = land - float(rng.uniform(2, 7)) * smooth * (1 - green)
    low, wind = WATER_DB[channel]
    calm = low + wind * float(np.clip(rng.normal(0, 1), -1, 2.6)) + 0.6 * smooth_noise(rng, water.shape, 25, 3)
    power = 10 ** (land / 10) * (1 - water) + 10 ** (calm / 10) * water + 10 ** (FLOOR_DB[channel] / 10)
    return np.asarray(10 * np.log10(power), dtype=np.float32)


def speckled(rng: np.random.Generator, db: Array, looks: float) -> Array:
    """Return backscatter in dB with speckle: power times a gamma of so many looks (Goodman 1976)."""
    grain = rng.gamma(looks, 1.0 / looks, db.shape)
    return np.asarray(db + 10 * np.log10(np.maximum(grain, 1e-4)), dtype=np.float32)
