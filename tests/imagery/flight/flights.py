"""Generated flights: pictures of one textured ground from known poses, and records of them with known errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pyproj
from numpy.typing import NDArray
from shapely.geometry import Polygon

from findings.survey import Image, ImageKind, Quality, Scale, ScaleSource
from imagery.synthetic.textures import smooth_noise

WIDTH, HEIGHT = 480, 320
GSD_M = 0.1  # of the pictures and the ground
ORIGIN = (131.47, 34.18)
PLANE = pyproj.Proj(proj="aeqd", lon_0=ORIGIN[0], lat_0=ORIGIN[1], ellps="WGS84")
Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Truth:
    """Where a picture really was: metres east and north, direction of its upper edge, metres a pixel."""

    place_m: complex
    yaw_deg: float
    gsd_m: float


@dataclass(frozen=True, slots=True)
class Lies:
    """What is wrong with a picture or its record.

    Attributes:
        stored: how the file was changed after it was taken: ``half``, ``clockwise``, ``anticlockwise``, ``mirror``.
        yaw_sign: the record counts directions anticlockwise.
        moved_m: added to the recorded place.
        ground: seed of another ground that the picture shows.
        blank: the picture shows nothing.
    """

    stored: str | None = None
    yaw_sign: bool = False
    moved_m: complex = 0j
    ground: int | None = None
    blank: bool = False


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated flight: records, and the truth beside them."""

    images: list[Image]
    truths: list[Truth]
    errors_m: list[complex] = field(default_factory=list)


def generate(
    folder: Path,
    seed: int,
    *,
    lines: int = 2,
    on_line: int = 4,
    place_sigma_m: float = 1.0,
    yaw_sigma_deg: float = 2.0,
    recorded_scale: float = 1.0,
    heading_deg: float = 30.0,
    lies: Mapping[int, Lies] | None = None,
) -> Generated:
    """Return a flight of parallel lines, flown to and fro with 60 % overlap along and 45 % across.

    Args:
        folder: where the pictures go.
        seed: of everything.
        lines: flown to and fro.
        on_line: pictures on each.
        place_sigma_m: of the recorded places, an axis.
        yaw_sigma_deg: of the recorded directions.
        recorded_scale: recorded over true ground sample distance.
        heading_deg: of the first line.
        lies: by index.
    """
    rng = np.random.default_rng(seed)
    grounds: dict[int, Grey] = {}
    images, truths, errors = [], [], []
    for index in range(lines * on_line):
        lie = (lies or {}).get(index, Lies())
        truth = _truth(rng, index, lines, on_line, heading_deg)
        error = place_sigma_m * complex(*rng.standard_normal(2)) + lie.moved_m
        key = seed if lie.ground is None else lie.ground
        if key not in grounds:
            grounds[key] = make_ground(key)
        pixels = np.full((HEIGHT, WIDTH), 128, np.uint8) if lie.blank else shoot(grounds[key], truth)
        pixels = np.clip(pixels + rng.normal(0, 2.0, pixels.shape), 0, 255).astype(np.uint8)
        yaw = truth.yaw_deg + yaw_sigma_deg * float(rng.standard_normal())
        images.append(
            record(
                folder / f"IMG_{index + 1:04d}.png",
                _stored(pixels, lie.stored),
                truth.place_m + error,
                -yaw if lie.yaw_sign else yaw,
                truth.gsd_m * recorded_scale,
            )
        )
        truths.append(truth)
        errors.append(error)
    return Generated(images, truths, errors)


def make_ground(seed: int, size: int = 1500) -> Grey:
    """Return textured ground, one pixel for ``GSD_M``, its middle at the origin."""
    rng = np.random.default_rng([seed, 7])
    field_ = smooth_noise(rng, (size, size), 120, 7, 0.75)
    return np.asarray(np.clip(128 + 38 * field_, 0, 255), np.uint8)


def shoot(ground: Grey, truth: Truth) -> Grey:
    """Return the picture that a camera looking straight down takes."""
    step = truth.gsd_m / GSD_M
    yaw = math.radians(truth.yaw_deg)
    # picture (x right, y down, from the middle) -> ground raster (column east, row south)
    turn = step * np.array([[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]])
    half = len(ground) / 2
    middle = np.array([half + truth.place_m.real / GSD_M, half - truth.place_m.imag / GSD_M])
    shift = middle - 0.5 - turn @ np.array([WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5])
    matrix = np.column_stack([turn, shift])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(ground, matrix, (WIDTH, HEIGHT), flags=flags), np.uint8)


def record(path: Path, pixels: Grey, place_m: complex | None, yaw_deg: float | None, gsd_m: float) -> Image:
    """Write a picture and return its record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR))
    height, width = pixels.shape
    position = None if place_m is None else lonlat(place_m)
    outline = None if place_m is None or yaw_deg is None else footprint(place_m, yaw_deg, gsd_m, width, height)
    return Image(
        uid=path.stem,
        survey_uid="survey",
        path=str(path),
        sha256=path.stem.ljust(64, "0"),
        kind=ImageKind.PHOTO,
        width_px=width,
        height_px=height,
        band_names=("red", "green", "blue"),
        scale=Scale(gsd_m * 1000, gsd_m * 100, ScaleSource.NADIR_ALTITUDE),
        quality=Quality(True),
        position_lonlat=position,
        footprint=outline,
    )


def footprint(place_m: complex, yaw_deg: float, gsd_m: float, width: int, height: int) -> Polygon:
    """Return the outline as `imagery.footprint` writes it: from the top left corner of the picture, clockwise in it."""
    turn = gsd_m * complex(math.cos(math.radians(yaw_deg)), -math.sin(math.radians(yaw_deg)))
    corners = [complex(x, y) for x, y in ((-1, 1), (1, 1), (1, -1), (-1, -1))]
    return Polygon([lonlat(place_m + turn * complex(c.real * width / 2, c.imag * height / 2)) for c in corners])


def lonlat(place_m: complex) -> tuple[float, float]:
    lon, lat = PLANE(place_m.real, place_m.imag, inverse=True)
    return float(lon), float(lat)


def _truth(rng: np.random.Generator, index: int, lines: int, on_line: int, heading_deg: float) -> Truth:
    line, step = divmod(index, on_line)
    back = line % 2 == 1
    along = (on_line - 1 - step if back else step) - (on_line - 1) / 2
    forward = 0.4 * HEIGHT * GSD_M * along + rng.normal(0, 0.4)
    right = 0.55 * WIDTH * GSD_M * (line - (lines - 1) / 2) + rng.normal(0, 0.4)
    heading = math.radians(heading_deg)
    place = complex(right, forward) * complex(math.cos(heading), -math.sin(heading))
    yaw = heading_deg + (180.0 if back else 0.0) + rng.normal(0, 1.5)
    return Truth(place, yaw, GSD_M * (1.0 + rng.normal(0, 0.005)))


def _stored(pixels: Grey, how: str | None) -> Grey:
    if how is None:
        return pixels
    turned = {
        "half": cv2.ROTATE_180,
        "clockwise": cv2.ROTATE_90_CLOCKWISE,
        "anticlockwise": cv2.ROTATE_90_COUNTERCLOCKWISE,
    }
    return np.asarray(pixels[:, ::-1] if how == "mirror" else cv2.rotate(pixels, turned[how]), np.uint8)
