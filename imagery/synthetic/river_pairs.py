"""Endless small training scenes of water and of all that is mistaken for it, with exact sub-pixel water cover."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from imagery.synthetic.river_course import curvature, meander, normals, paint, place
from imagery.synthetic.river_ground import cover, paint_land
from imagery.synthetic.sky import add_sky, light, sense
from imagery.synthetic.spectra import BARE, LAND, SNOW, WATER, mixture, vary
from imagery.synthetic.textures import Array, Bool, Byte, fraction, grid_cells, point_spread, smooth_noise, soft_step

FINE = 4
"""Shapes are drawn this many times finer than the scene; the mean of the fine pixels is the exact cover."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingScene:
    """One generated scene with its truth.

    Attributes:
        bands: ``(6, H, W)`` float32, blue, green, red, nir, swir1, swir2, reflectance x 10000; 0 where not observed.
        water: ``(H, W)`` float32, 0 to 1, water cover of the ground under the pixel.
        channel: ``(H, W)`` float32, share of the pixel between the banks of a river, water and bars.
        ground: ``(6, H, W)`` float32, what lies on the ground, before snow, air and sensor.
        observed: ``(H, W)`` bool, False under thick cloud and outside the swath.
        pixel_m: side of a pixel.
    """

    bands: Array
    water: Array
    channel: Array
    ground: Array
    observed: Bool
    pixel_m: float


def random_training_pair(rng: np.random.Generator, size_px: int) -> tuple[Array, Array, Bool]:
    """Return bands ``(6, H, W)``, water cover ``(H, W)`` and where it was observed, of `random_training_scene`."""
    scene = random_training_scene(rng, size_px)
    return scene.bands, scene.water, scene.observed


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Painted ground: bands ``(6, H, W)``, water and river channel cover ``(H, W)``, and the pixel's side."""

    bands: Array
    water: Array
    channel: Array
    pixel_m: float


def paint_ground(rng: np.random.Generator, size_px: int) -> Ground:
    """Return ground with its waters, lit, without snow, air and sensor."""
    shape = (size_px, size_px)
    pixel_m = float(np.exp(rng.uniform(math.log(5), math.log(30))))
    bands = paint_land(rng, shape, pixel_m)
    bands = light(rng, bands, strength=float(rng.choice([0.0, 0.0, 0.25, 0.6, 1.1])), pixel_m=pixel_m)
    bands, water, channel = _add_water(rng, bands, shape, pixel_m)
    return Ground(bands, water, channel, pixel_m)


def random_training_scene(rng: np.random.Generator, size_px: int) -> TrainingScene:
    """Return one generated scene with its truth.

    Scenes vary in what holds the water (meandering river, braided river, delta, lakes, paddies, none), in the water's
    colour, land cover, season, relief and shadow, snow, cloud, haze, sensor noise, blur and a pixel of 5 to 30 m.

    Args:
        rng: source of randomness; the same state gives the same pair.
        size_px: H = W of the scene.
    """
    painted = paint_ground(rng, size_px)
    shape, bands = (size_px, size_px), painted.bands.copy()
    ground, water, channel, pixel_m = painted.bands, painted.water, painted.channel, painted.pixel_m
    if rng.random() < 0.08:
        bands = _add_snow(rng, bands, water)
    bands, thick = add_sky(rng, bands)
    bands = sense(rng, bands, blur_px=float(rng.uniform(0.35, 0.9)), coarse_swir=rng.random() < 0.5)
    observed = ~thick
    if rng.random() < 0.08:
        observed &= ~_swath_edge(rng, shape)
    bands *= observed
    return TrainingScene(np.ascontiguousarray(bands, dtype=np.float32), water, channel, ground, observed, pixel_m)


def _add_water(
    rng: np.random.Generator, bands: Array, shape: tuple[int, int], pixel_m: float
) -> tuple[Array, Array, Array]:
    """Return the bands with water bodies and their shores, the water cover and the rivers' channels."""
    water, channel = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    kinds = ["river", "braided", "delta", "lakes", "paddy", "none"]
    kind = str(rng.choice(kinds, p=[0.46, 0.14, 0.08, 0.17, 0.05, 0.10]))
    if kind in ("river", "braided", "delta"):
        for _ in range(1 if kind != "delta" else int(rng.integers(2, 5))):
            bands, body, between = _river(rng, bands, shape, braided=kind == "braided")
            bands = _pour(rng, bands, body)
            water, channel = np.maximum(water, body), np.maximum(channel, between)
    if kind in ("lakes", "delta") or (kind == "river" and rng.random() < 0.2):
        body = _lakes(rng, shape)
        bands = _shore(rng, bands, body)
        bands = _pour(rng, bands, body)
        water = np.maximum(water, body)
    if kind == "paddy":
        body = _paddies(rng, shape, pixel_m)
        bands = _pour(rng, bands, body)
        water = np.maximum(water, body)
    return bands, np.clip(water, 0, 1), np.clip(channel, 0, 1)


def _river(
    rng: np.random.Generator, bands: Array, shape: tuple[int, int], *, braided: bool
) -> tuple[Array, Array, Array]:
    """Return the bands with the river's bars and banks painted, its water cover and its channel between the banks."""
    size = shape[0]
    width = float(np.exp(rng.uniform(math.log(1.5), math.log(size * 0.35))))
    if braided:
        width = float(rng.uniform(0.15, 0.6) * size)
    line = meander(
        rng, size * 2.6, max(width * rng.uniform(7, 14), 14), float(rng.uniform(0.1, 1.5)), max(1.0, width / 6)
    )
    through = (float(rng.uniform(0.15, 0.85) * size), float(rng.uniform(0.15, 0.85) * size))
    line = place(line, through, float(rng.uniform(0, 2 * math.pi)))
    nodes = rng.standard_normal(len(line) // 9 + 2)
    wobble = 1 + 0.18 * np.interp(np.arange(len(line)) / 9, np.arange(len(nodes)), nodes)
    widths = width * np.clip(wobble, 0.4, 1.8)
    channel = _ragged(rng, paint(shape, line, widths, FINE), width, braided)
    body = channel
    if braided or rng.random() < 0.55:
        # Where the flow is low it keeps to the outer bank, and the inner bank shows its bar.
        low = float(rng.uniform(0.25, 0.95))
        bend = np.clip(curvature(line) * width * 2.5, -1, 1)
        inside = line - normals(line) * (bend * widths * (1 - low) * 0.5)[:, None]
        body = np.minimum(paint(shape, inside, widths * low, FINE), channel)
        if braided:
            body = np.minimum(body, _threads(rng, body.shape, width * FINE))
        bands = cover(bands, _share(channel), mixture(rng, BARE), rng, 0.16)
        if rng.random() < 0.6:
            bands = _overgrow(rng, bands, _share(channel))
    bands = _fringe(rng, bands, channel, width)
    return bands, _share(body), _share(channel)


def _share(mask: Byte) -> Array:
    """Return the sub-pixel share ``(H, W)`` of a fine mask of 0 and 255."""
    return np.asarray(fraction(mask, FINE) / np.float32(255), dtype=np.float32)


def _ragged(rng: np.random.Generator, mask: Byte, width: float, braided: bool) -> Byte:
    """Return a fine mask with banks that are not drawn with a compass."""
    if width < 3 and not braided:
        return mask
    reach = max(2.0, width * FINE * 0.06)
    soft = cv2.GaussianBlur(mask, (0, 0), reach).astype(np.float32)
    small = smooth_noise(rng, (mask.shape[0] // 4, mask.shape[1] // 4), max(width * 0.5, 3.0), 3)
    rough = cv2.resize(small, mask.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return ((soft + 38 * rough > 127) * np.uint8(255)).astype(np.uint8)


def _threads(rng: np.random.Generator, fine: tuple[int, ...], width: float) -> Byte:
    quarter = (fine[0] // 4, fine[1] // 4)
    ridges = np.abs(smooth_noise(rng, quarter, max(width / 10, 4.0), 3))
    ridges = cv2.resize(ridges, (fine[1], fine[0]), interpolation=cv2.INTER_LINEAR)
    return ((ridges < rng.uniform(0.25, 0.8)) * np.uint8(255)).astype(np.uint8)


def _overgrow(rng: np.random.Generator, bands: Array, channel: Array) -> Array:
    patches = soft_step(smooth_noise(rng, channel.shape, float(rng.uniform(5, 25)), 3), float(rng.uniform(0, 1.2)), 0.3)
    return cover(bands, channel * patches, mixture(rng, LAND), rng, 0.15)


def _fringe(rng: np.random.Generator, bands: Array, channel: Byte, width: float) -> Array:
    """Return the bands with a strip of trees, reeds or wet soil along the banks."""
    if rng.random() < 0.35:
        return bands
    small = _share(channel)
    near = cv2.GaussianBlur(small, (0, 0), float(rng.uniform(1, 3 + width * 0.2)))
    ragged = near + 0.15 * smooth_noise(rng, small.shape, 6, 2)
    name = str(rng.choice(["broadleaf", "reed", "wet_soil", "grass", "conifer"]))
    return cover(bands, soft_step(ragged, 0.25, 0.15) * (1 - small), vary(rng, LAND[name]), rng, 0.15)


def _lakes(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    fine = (shape[0] * 2, shape[1] * 2)
    field = smooth_noise(rng, fine, float(np.exp(rng.uniform(math.log(10), math.log(160)))), 4, 0.45)
    edge = float(np.quantile(field[::4, ::4], 1 - float(rng.uniform(0.03, 0.7)) ** 1.5))
    fine_mask = cv2.resize(field, (shape[1] * FINE, shape[0] * FINE), interpolation=cv2.INTER_LINEAR) > edge
    return fraction(fine_mask.astype(np.float32), FINE)


def _shore(rng: np.random.Generator, bands: Array, body: Array) -> Array:
    if rng.random() < 0.5:
        return bands
    near = np.asarray(cv2.GaussianBlur(body, (0, 0), float(rng.uniform(0.8, 4))), dtype=np.float32)
    spectra = mixture(rng, BARE) if rng.random() < 0.5 else mixture(rng, LAND)
    return cover(bands, soft_step(near, 0.15, 0.2) * (1 - body), spectra, rng, 0.15)


def _paddies(rng: np.random.Generator, shape: tuple[int, int], pixel_m: float) -> Array:
    cell = (rng.uniform(90, 200) / pixel_m, rng.uniform(30, 90) / pixel_m)
    cells, edge = grid_cells(rng, shape, (max(cell[0], 4), max(cell[1], 3)), float(rng.uniform(0, 3.14)), 1.0)
    flooded = rng.random(4093) < rng.uniform(0.2, 0.9)
    region = smooth_noise(rng, shape, 60, 2) > rng.uniform(-1.0, 0.5)
    return np.asarray((flooded[cells] & region) * np.clip(edge - 0.2, 0, 1), dtype=np.float32)


def _pour(rng: np.random.Generator, bands: Array, body: Array) -> Array:
    """Return the bands with the water body's reflectance mixed in by its cover."""
    name = str(rng.choice(list(WATER)))
    colour = vary(rng, WATER[name], 0.18, 0.08)
    if rng.random() < 0.4:
        other = vary(rng, WATER[str(rng.choice(list(WATER)))], 0.18, 0.08)
        share = soft_step(smooth_noise(rng, body.shape, float(rng.uniform(10, 90)), 3), 0.3, 1.5)
        colour = colour + (other - colour) * share
    calm = 1 + 0.02 * smooth_noise(rng, body.shape, 8, 3)
    glint = float(rng.exponential(120)) if rng.random() < 0.12 else 0.0
    filled = colour * calm + glint
    if rng.random() < 0.5:
        # Shallow margins show the bed: brighter, above all where water is clear.
        depth = point_spread(body[None], float(rng.uniform(0.8, 3)))[0]
        filled = filled * (1 + float(rng.uniform(0, 0.8)) * np.clip(1 - depth, 0, 1))
    return np.asarray(bands + (filled - bands) * body, dtype=np.float32)


def _add_snow(rng: np.random.Generator, bands: Array, water: Array) -> Array:
    field = smooth_noise(rng, water.shape, float(rng.uniform(10, 100)), 3)
    snow = soft_step(field, float(rng.uniform(-1.5, 1)), 0.5) * (1 - water)
    return cover(bands, snow * float(rng.uniform(0.5, 1)), vary(rng, SNOW, 0.1, 0.03), rng, 0.05)


def _swath_edge(rng: np.random.Generator, shape: tuple[int, int]) -> Bool:
    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]]
    angle = float(rng.uniform(0, 2 * math.pi))
    along = (cols - shape[1] / 2) * math.cos(angle) + (rows - shape[0] / 2) * math.sin(angle)
    return np.asarray(along > rng.uniform(0.1, 0.5) * shape[0])
