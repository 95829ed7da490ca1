"""Reflectance of ground covers in the six optical bands that river models read.

Values are surface reflectance x 10000, typical of published spectral libraries (ECOSTRESS, USGS splib07) and of
Sentinel-2 level-2A scenes, rounded to what a generator needs: the order and rough size of the bands, not a calibration.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")
"""Band order of every array of this package."""

WATER: dict[str, tuple[int, ...]] = {
    "clear": (330, 330, 190, 100, 50, 35),
    "deep_blue": (480, 360, 160, 70, 35, 25),
    "humic": (160, 180, 150, 80, 40, 30),
    "green": (300, 620, 380, 330, 110, 70),
    "shallow": (560, 760, 620, 300, 110, 70),
    "turbid": (650, 950, 1000, 480, 120, 80),
    "silt": (850, 1250, 1600, 1050, 190, 120),
    "mud": (950, 1400, 2000, 1750, 380, 230),
}

LAND: dict[str, tuple[int, ...]] = {
    "grass": (380, 680, 480, 3100, 2000, 1050),
    "crop": (320, 620, 400, 3900, 1850, 850),
    "young_crop": (520, 800, 800, 2300, 2200, 1500),
    "stubble": (760, 1080, 1450, 2350, 3050, 2350),
    "dry_grass": (700, 1000, 1350, 2500, 3100, 2200),
    "bare_soil": (820, 1150, 1600, 2300, 3050, 2650),
    "dark_soil": (480, 620, 800, 1150, 1700, 1550),
    "wet_soil": (470, 640, 800, 1150, 1150, 800),
    "red_soil": (550, 850, 1750, 2500, 3200, 2700),
    "broadleaf": (240, 460, 270, 3300, 1550, 650),
    "conifer": (190, 320, 210, 2050, 950, 420),
    "bare_forest": (380, 520, 600, 1650, 1750, 1050),
    "reed": (420, 650, 620, 2300, 1500, 850),
    "tundra": (350, 520, 560, 1900, 1800, 1000),
}

BARE: dict[str, tuple[int, ...]] = {
    "sand": (1450, 1950, 2450, 2950, 3500, 3050),
    "gravel": (1250, 1450, 1640, 1900, 2300, 2100),
    "wet_gravel": (760, 900, 1010, 1120, 980, 780),
    "wet_sand": (800, 1080, 1320, 1500, 1350, 1000),
    "mud_flat": (620, 850, 1040, 1250, 1000, 700),
}

BUILT: dict[str, tuple[int, ...]] = {
    "asphalt": (800, 870, 930, 1120, 1350, 1250),
    "concrete": (1650, 1800, 1930, 2150, 2450, 2300),
    "dark_roof": (560, 600, 640, 800, 980, 950),
    "grey_tile": (900, 980, 1060, 1350, 1600, 1500),
    "red_roof": (850, 1100, 2000, 2500, 2900, 2700),
    "blue_roof": (1700, 1450, 1050, 1500, 1900, 1700),
    "metal_roof": (3400, 3500, 3600, 3900, 3900, 3500),
}

SNOW = (8600, 8500, 8300, 7300, 1250, 850)
CLOUD = (6200, 6000, 6100, 6300, 4700, 3500)
HAZE = (1750, 1350, 1080, 720, 260, 150)
SKY_SHARE = (0.30, 0.20, 0.14, 0.08, 0.04, 0.03)
"""Share of the irradiance that comes from the sky and still lights a shadow; falls with the wavelength."""


def spectrum(values: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a spectrum as ``(6, 1, 1)`` float32, ready to be spread over an image."""
    return np.asarray(values, dtype=np.float32)[:, None, None]


def vary(
    rng: np.random.Generator, values: tuple[int, ...], brightness: float = 0.12, colour: float = 0.05
) -> NDArray[np.float32]:
    """Return a spectrum ``(6, 1, 1)`` with a random common gain and small random gains of the bands."""
    gain = np.exp(rng.normal(0, brightness) + rng.normal(0, colour, len(values)))
    return spectrum(values) * gain.astype(np.float32)[:, None, None]


def mixture(rng: np.random.Generator, group: dict[str, tuple[int, ...]], spread: float = 0.6) -> NDArray[np.float32]:
    """Return a random mixture ``(6, 1, 1)`` of a group's spectra, mostly of one or two of them."""
    weights = rng.dirichlet(np.full(len(group), spread / 2))
    mean = weights @ np.asarray(list(group.values()), dtype=float)
    return vary(rng, tuple(mean), 0.15, 0.06)
