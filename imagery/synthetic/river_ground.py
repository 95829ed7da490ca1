"""Land around a river: forest, fields, towns and roads as reflectance."""

from __future__ import annotations

import math

import numpy as np

from imagery.synthetic.spectra import BARE, BUILT, LAND, mixture, vary
from imagery.synthetic.textures import Array, grid_cells, smooth_noise, soft_step


def cover(bands: Array, share: Array, colour: Array, rng: np.random.Generator, grain: float) -> Array:
    """Return bands ``(6, H, W)`` with ``share`` (H, W) of each pixel covered by a colour.

    Args:
        bands: reflectance x 10000.
        share: covered fraction of each pixel, 0 to 1.
        colour: ``(6, 1, 1)`` or ``(6, H, W)``.
        rng: source of the texture.
        grain: relative deviation of the cover's brightness.
    """
    texture = np.exp(np.float32(grain) * smooth_noise(rng, share.shape, 6, 3, 0.8))
    return np.asarray(bands + (colour * texture - bands) * share, dtype=np.float32)


def paint_land(rng: np.random.Generator, shape: tuple[int, int], pixel_m: float) -> Array:
    """Return land reflectance ``(6, H, W)``: a background, then woods, fields, town and roads by chance."""
    bands = _background(rng, shape)
    if rng.random() < 0.55:
        region = soft_step(smooth_noise(rng, shape, float(rng.uniform(20, 120)), 3), float(rng.uniform(-1.5, 0.8)), 0.1)
        bands = _fields(rng, bands, region, pixel_m)
    for _ in range(int(rng.integers(0, 3))):
        share = soft_step(
            smooth_noise(rng, shape, float(rng.uniform(8, 60)), 4, 0.6), float(rng.uniform(-0.3, 1.3)), 0.25
        )
        bands = cover(bands, share, mixture(rng, LAND), rng, float(rng.uniform(0.05, 0.25)))
    if rng.random() < 0.3:
        region = soft_step(smooth_noise(rng, shape, float(rng.uniform(30, 120)), 3), float(rng.uniform(-0.5, 1.2)), 0.3)
        bands = _town(rng, bands, region, pixel_m)
    if rng.random() < 0.2:
        share = soft_step(smooth_noise(rng, shape, float(rng.uniform(5, 40)), 3), float(rng.uniform(0.6, 1.8)), 0.3)
        bands = cover(bands, share, mixture(rng, BARE), rng, 0.1)
    if rng.random() < 0.15:
        # Burnt, black or wet ground: as dark as water in the visible, not in SWIR.
        share = soft_step(smooth_noise(rng, shape, float(rng.uniform(10, 50)), 3), float(rng.uniform(0.4, 1.5)), 0.3)
        bands = cover(bands, share, mixture(rng, LAND) * np.float32(rng.uniform(0.25, 0.6)), rng, 0.15)
    return bands


def _background(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    one, other = mixture(rng, LAND), mixture(rng, LAND)
    share = soft_step(smooth_noise(rng, shape, float(rng.uniform(15, 120)), 4, 0.6), 0.0, float(rng.uniform(0.3, 3)))
    texture = np.exp(np.float32(rng.uniform(0.02, 0.15)) * smooth_noise(rng, shape, 5, 3, 0.9))
    return np.asarray((one + (other - one) * share) * texture, dtype=np.float32)


def _fields(rng: np.random.Generator, bands: Array, region: Array, pixel_m: float) -> Array:
    shape = region.shape
    long_m, short_m = rng.uniform(60, 700), rng.uniform(40, 350)
    cell = (max(long_m / pixel_m, 4.0), max(short_m / pixel_m, 3.0))
    cells, edge = grid_cells(rng, (shape[0], shape[1]), cell, float(rng.uniform(0, math.pi)), float(rng.uniform(0, 3)))
    names = ["crop", "young_crop", "stubble", "bare_soil", "dark_soil", "grass", "wet_soil", "red_soil", "dry_grass"]
    weights = rng.dirichlet(np.full(len(names), 0.5))
    table = np.asarray([LAND[name] for name in names], dtype=np.float32)
    kinds = rng.choice(len(names), 4093, p=weights)
    colours = table[kinds] * np.exp(rng.normal(0, 0.13, (4093, 1)) + rng.normal(0, 0.05, (4093, 6)))
    painted = np.moveaxis(colours.astype(np.float32)[cells], -1, 0)
    painted = painted * (1 - 0.25 * np.clip(1 - edge, 0, 1) * np.float32(rng.uniform(0, 1)))
    return cover(bands, region, painted, rng, 0.05)


def _town(rng: np.random.Generator, bands: Array, region: Array, pixel_m: float) -> Array:
    shape = (region.shape[0], region.shape[1])
    angle = float(rng.uniform(0, math.pi))
    lot = max(float(rng.uniform(15, 60)) / pixel_m, 1.2)
    cells, _ = grid_cells(rng, shape, (lot, lot), angle, 0.5)
    table = np.asarray([*BUILT.values(), LAND["grass"], LAND["broadleaf"], LAND["bare_soil"]], dtype=np.float32)
    kinds = rng.choice(len(table), 4093, p=rng.dirichlet(np.full(len(table), 1.5)))
    colours = table[kinds] * np.exp(rng.normal(0, 0.15, (4093, 1)))
    painted = np.moveaxis(colours.astype(np.float32)[cells], -1, 0)
    _, street = grid_cells(rng, shape, (max(120 / pixel_m, 5), max(70 / pixel_m, 4)), angle, 0.5)
    road = np.clip(8 / pixel_m + 0.5 - street, 0, 1) * 0.7
    painted = painted + (vary(rng, BUILT["asphalt"]) - painted) * road
    return cover(bands, region * float(rng.uniform(0.7, 1)), painted, rng, 0.08)
