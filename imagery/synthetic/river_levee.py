"""Generated levees: a grass strip with crest road and season, mown parts, bare patches and trees, with truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from imagery.synthetic.sky import sense
from imagery.synthetic.spectra import BARE, BUILT, LAND, WATER, spectrum
from imagery.synthetic.textures import Array, Bool, fraction, smooth_noise

FINE = 4


@dataclass(frozen=True, slots=True, eq=False)
class LeveeTruth:
    """A levee along the x axis of the picture.

    Attributes:
        line_px: ``(M, 2)`` its crest, x, y in pixels, from upstream (west) to downstream.
        half_m: half of the strip's breadth.
        pixel_m: side of a pixel.
        bare: ``(H, W)`` share of the pixel that is a bare patch.
        trees: ``(H, W)`` share of the pixel under trees.
        shares: covers of the ground at finer pixels, for `levee_scene`.
    """

    line_px: np.ndarray
    half_m: float
    pixel_m: float
    bare: Array
    trees: Array
    shares: dict[str, Array]


def draw_levee(
    rng: np.random.Generator, *, length_px: int = 256, half_m: float = 35.0, pixel_m: float = 10.0, patches: int = 3
) -> LeveeTruth:
    """Return the ground of a levee.

    Args:
        rng: source of randomness.
        length_px: of the picture along the levee; it is a quarter as high.
        half_m: half of the strip's breadth.
        pixel_m: side of a pixel.
        patches: bare patches, and as many groups of trees.
    """
    height, width = length_px // 4 * FINE, length_px * FINE
    fine_m = pixel_m / FINE
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    bend = 0.06 * height * np.sin(2 * np.pi * (x[0] / width) * float(rng.uniform(0.5, 1.2)) + float(rng.uniform(0, 6)))
    crest = height / 2 + bend.astype(np.float32)
    across = (y - crest[None, :]) * fine_m
    levee = np.abs(across) <= half_m
    road = np.abs(across) <= 2.5
    mown = np.zeros_like(levee)
    for _ in range(2):
        start = int(rng.integers(0, width // 2))
        mown[:, start : start + int(rng.integers(width // 8, width // 3))] = True
    bare, trees = (_patches(rng, across, patches, half_m, fine_m) & levee & ~road for _ in range(2))
    trees &= ~bare
    masks = {"levee": levee, "road": road, "mown": mown & levee, "bare": bare, "trees": trees,
             "water": across > half_m + 25}  # fmt: skip
    shares = {name: fraction(mask.astype(np.float32), FINE) for name, mask in masks.items()}
    steps = np.linspace(2 * FINE, width - 2 * FINE, 60)
    line = np.stack([steps, np.interp(steps, np.arange(width), crest)], axis=1) / FINE
    return LeveeTruth(line, half_m, pixel_m, shares["bare"], shares["trees"], shares)


def _patches(rng: np.random.Generator, across: Array, count: int, half_m: float, fine_m: float) -> Bool:
    """Return ragged patches on a slope of the levee, 25 to 60 m long and most of the slope high."""
    height, width = across.shape
    columns = np.arange(width, dtype=np.float32)[None, :]
    found = np.zeros(across.shape, dtype=bool)
    rough = 0.25 * smooth_noise(rng, (height, width), 24 / fine_m)
    slots = rng.permutation(3 * count)[:count]
    for slot in slots:
        middle = (slot + float(rng.uniform(0.25, 0.75))) / (3 * count) * width
        at = float(rng.choice([-0.5, 0.5])) * half_m
        long, high = float(rng.uniform(12, 30)) / fine_m, float(rng.uniform(0.30, 0.45)) * half_m
        found |= ((columns - middle) / long) ** 2 + ((across - at) / high) ** 2 + rough <= 1
    return found


def levee_scene(rng: np.random.Generator, truth: LeveeTruth, day: float) -> Array:
    """Return bands ``(6, H, W)`` blue to swir2, reflectance x 10000, of the levee on a day of the year."""
    shape = (truth.bare.shape[0], truth.bare.shape[1])
    green = 0.5 - 0.5 * math.cos(2 * math.pi * (day - 30) / 365.25)
    grass = spectrum(LAND["dry_grass"]) * (1 - green) + spectrum(LAND["grass"]) * green
    evergreen = spectrum(LAND["broadleaf"]) * (0.55 + 0.45 * green) + spectrum(LAND["conifer"]) * (0.45 - 0.45 * green)
    crop = spectrum(LAND["stubble"]) * (1 - green) + spectrum(LAND["crop"]) * green
    bands = crop * (1 + 0.10 * smooth_noise(rng, shape, 20))
    sward = grass * (1 + 0.05 * smooth_noise(rng, shape, 25)[None] * np.float32(1.0))
    share = truth.shares
    cut = grass * 0.6 + spectrum(LAND["stubble"]) * 0.4
    covers = {
        "levee": sward, "mown": cut, "road": spectrum(BUILT["asphalt"]), "bare": spectrum(LAND["bare_soil"]),
        "trees": evergreen, "water": spectrum(WATER["green"]),
    }  # fmt: skip
    for name, colour in covers.items():
        bands = bands + (colour - bands) * share[name]
    shore = np.clip(cv2.GaussianBlur(share["water"], (0, 0), 1.5) * (1 - share["water"]) * (1 - share["levee"]), 0, 1)
    bands = bands + (spectrum(BARE["gravel"]) - bands) * shore
    return sense(rng, np.asarray(bands, dtype=np.float32), 0.5, coarse_swir=True, noise=14.0)
