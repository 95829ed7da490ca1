"""The land around a generated river through the seasons: paddies, hills with forest, a town, roads and levees."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.synthetic.river_ground import cover
from imagery.synthetic.spectra import BARE, BUILT, LAND, spectrum
from imagery.synthetic.textures import Array, grid_cells, smooth_noise, soft_step


@dataclass(frozen=True, slots=True)
class Scenery:
    """What does not move: cover shares ``(H, W)`` 0 to 1 and textures.

    Attributes:
        relief: height of the hills, arbitrary unit. conifer: share of planted cedar within the forest.
        parcels: parcel number of each pixel. ridges: share of field boundary. lateness: each parcel's shift of the
            season in days. crops: each parcel's use, 0 paddy, 1 vegetables, 2 fallow grass, 3 greenhouse.
        town_colour: ``(6, H, W)``. grains: fine and coarse brightness texture of plants.
    """

    hills: Array
    relief: Array
    conifer: Array
    fields: Array
    parcels: NDArray[np.int64]
    ridges: Array
    lateness: Array
    crops: NDArray[np.int64]
    brightness: Array
    town: Array
    town_colour: Array
    roads: Array
    levee: Array
    riparian: Array
    grain: Array


def draw_scenery(rng: np.random.Generator, distance_px: Array, pixel_m: float) -> Scenery:
    """Return random scenery around a river.

    Args:
        rng: source of randomness.
        distance_px: ``(H, W)`` distance of each pixel to the nearest bank at the first date; negative in the channel.
        pixel_m: side of a pixel.
    """
    shape = (distance_px.shape[0], distance_px.shape[1])
    relief = smooth_noise(rng, shape, 900 / pixel_m, 5, 0.5)
    tilt = _tilt(rng, shape)
    plain = np.clip(distance_px * pixel_m / 700, 0, 1.3)
    hills = soft_step(1.2 * tilt + 0.5 * relief + 1.3 * plain, 1.75, 0.12)
    angle = float(rng.uniform(0, math.pi))
    parcels, edge = grid_cells(rng, shape, (100 / pixel_m, 32 / pixel_m), angle, 0.8)
    blocks, lane = grid_cells(rng, shape, (420 / pixel_m, 260 / pixel_m), angle, 0.8)
    towns = smooth_noise(rng, shape, 600 / pixel_m, 3, 0.6) + 0.35 * (blocks % 3 == 0)
    town = soft_step(towns - 1.2 * hills, float(np.quantile(towns, 0.82)), 0.35) * (distance_px > 5)
    levee = np.clip(1.6 - np.abs(distance_px - 35 / pixel_m), 0, 1)
    table = rng.choice(4, 4093, p=[0.66, 0.18, 0.153, 0.007])
    return Scenery(
        hills * (distance_px > 2),
        relief,
        soft_step(smooth_noise(rng, shape, 250 / pixel_m, 4, 0.6), -0.1, 0.35),
        ((1 - hills) * (distance_px * pixel_m > 45)).astype(np.float32),
        parcels,
        np.clip(0.9 - edge, 0, 1) * 0.5,
        rng.normal(0, 11, 4093).astype(np.float32),
        np.where(rng.random(4093) < 0.55, table, table[(np.arange(4093) // 7) % 4093]),
        np.exp(rng.normal(0, 0.13, 4093)).astype(np.float32),
        town.astype(np.float32),
        _town(rng, shape, angle, pixel_m),
        (np.clip(0.75 - lane, 0, 1) * 0.75 * (1 - hills) * (distance_px > 4)).astype(np.float32),
        levee.astype(np.float32),
        (soft_step(smooth_noise(rng, shape, 14, 3), 0.1, 0.5) * np.clip(1 - np.abs(distance_px - 1.2) / 1.8, 0, 1)),
        smooth_noise(rng, shape, 4, 3, 0.9),
    )


def _tilt(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    angle = float(rng.uniform(0, 2 * math.pi))
    along = (cols / shape[1] - 0.5) * math.cos(angle) + (rows / shape[0] - 0.5) * math.sin(angle)
    return np.asarray(along * 2, dtype=np.float32)


def _town(rng: np.random.Generator, shape: tuple[int, int], angle: float, pixel_m: float) -> Array:
    """Return the colours of roofs, yards and streets ``(6, H, W)``, drawn finer than the scene and averaged."""
    fine = (shape[0] * 2, shape[1] * 2)
    lots, _ = grid_cells(rng, fine, (34 / pixel_m, 26 / pixel_m), angle, 0.5)
    names = ["grey_tile", "dark_roof", "asphalt", "concrete", "metal_roof", "red_roof", "blue_roof"]
    weights = np.array([0.3, 0.22, 0.12, 0.08, 0.015, 0.04, 0.04, 0.12, 0.065])
    table = np.asarray([*(BUILT[n] for n in names), LAND["grass"], LAND["conifer"]], dtype=np.float32)
    kinds = rng.choice(len(table), 4093, p=weights / weights.sum())
    colours = (table[kinds] * np.exp(rng.normal(0, 0.13, (4093, 1)))).astype(np.float32)
    painted = colours[lots]
    _, street = grid_cells(rng, fine, (160 / pixel_m, 90 / pixel_m), angle, 0.5)
    road = np.clip(1.1 - street, 0, 1)[..., None] * 0.7
    painted += (np.asarray(BUILT["asphalt"], dtype=np.float32) - painted) * road
    small = cv2.resize(painted, shape[::-1], interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(np.moveaxis(small, -1, 0), dtype=np.float32)


def greenness(day: Array | float, rise: float = 105.0, fall: float = 310.0) -> Array:
    """Return the leaf phase 0 to 1 of deciduous plants on a day of the year (two logistic slopes)."""
    value = np.asarray(day, dtype=np.float32)
    return np.asarray(1 / (1 + np.exp(-(value - rise) / 11)) - 1 / (1 + np.exp(-(value - fall) / 11)), dtype=np.float32)


def render(scenery: Scenery, day: float, rng: np.random.Generator) -> Array:
    """Return the land's reflectance ``(6, H, W)`` on a day of the year, before light and air."""
    leaf = float(greenness(day))
    grass = _between("dry_grass", "grass", float(greenness(day, 95, 320)))
    texture = np.exp(0.07 * scenery.grain)
    bands = (grass * texture).astype(np.float32)
    bands = cover(bands, scenery.fields, _field_colours(scenery, day), rng, 0.03)
    bands = cover(bands, scenery.fields * scenery.ridges, grass, rng, 0.05)
    bands = cover(bands, scenery.town, scenery.town_colour, rng, 0.02)
    bands = cover(bands, scenery.levee, grass * 0.95, rng, 0.05)
    bands = cover(bands, scenery.roads, spectrum(BUILT["asphalt"]), rng, 0.05)
    broad = _between("bare_forest", "broadleaf", leaf)
    evergreen = spectrum(LAND["broadleaf"]) * 0.8
    forest = 0.45 * broad + 0.55 * evergreen
    forest = forest + (spectrum(LAND["conifer"]) - forest) * scenery.conifer
    bands = cover(bands, scenery.hills, forest * np.exp(0.11 * scenery.grain), rng, 0.04)
    return cover(bands, scenery.riparian, _between("reed", "broadleaf", 0.35 + 0.5 * leaf), rng, 0.12)


def _between(one: str, other: str, share: float) -> Array:
    return np.asarray(spectrum(LAND[one]) * (1 - share) + spectrum(LAND[other]) * share, dtype=np.float32)


def _field_colours(scenery: Scenery, day: float) -> Array:
    """Return parcels by their calendar: paddies are wet in June, green in August, cut in October."""
    days = day + scenery.lateness
    paddy_days = np.array([0, 110, 140, 160, 185, 215, 255, 275, 300, 366], dtype=np.float32)
    stages = ["stubble", "bare_soil", "dark_soil", "wet_soil", "young_crop", "crop", "crop", "dry_grass", "stubble"]
    paddy = _calendar(days, paddy_days, [*stages, "stubble"])
    garden = _calendar(
        days + 40,
        np.array([0, 90, 170, 200, 290, 420], dtype=np.float32),
        ["dark_soil", "young_crop", "crop", "bare_soil", "young_crop", "dark_soil"],
    )
    fallow = _calendar(
        days,
        np.array([0, 80, 140, 280, 366], dtype=np.float32),
        ["dry_grass", "dry_grass", "grass", "grass", "dry_grass"],
    )
    glass = np.broadcast_to(np.asarray(BUILT["metal_roof"], dtype=np.float32) * 0.6, paddy.shape)
    colours = np.stack([paddy, garden, fallow, glass])[scenery.crops, np.arange(len(days))]
    colours = colours * scenery.brightness[:, None]
    return np.ascontiguousarray(np.moveaxis(colours[scenery.parcels], -1, 0), dtype=np.float32)


def _calendar(days: Array, nodes: Array, names: list[str]) -> Array:
    table = np.asarray([LAND[name] for name in names], dtype=np.float32)
    return np.stack([np.interp(days, nodes, table[:, band]) for band in range(6)], axis=1).astype(np.float32)


def gravel(rng: np.random.Generator, wetness: Array) -> Array:
    """Return the reflectance ``(6, H, W)`` of a gravel and sand bar that is wet near the waterline."""
    shape = (wetness.shape[0], wetness.shape[1])
    sandy = soft_step(smooth_noise(rng, shape, 18, 3), 0.3, 1.0)
    dry = spectrum(BARE["gravel"]) * (1 - 0.7 * sandy) + spectrum(BARE["sand"]) * 0.7 * sandy
    wet = spectrum(BARE["wet_gravel"])
    return np.asarray(
        (dry + (wet - dry) * wetness) * np.exp(0.06 * smooth_noise(rng, shape, 5, 3, 0.8)), dtype=np.float32
    )
