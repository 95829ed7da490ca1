"""What the record says of each photograph of a flight, on a local plane."""

from __future__ import annotations

import cmath
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyproj

from findings.errors import InputError
from findings.survey import Image, ImageKind
from imagery.flight.join import corners_lonlat, off_vertical_deg

MOST_TILT_DEG = 20.0  # beyond that a picture is no longer a scaled, turned map of level ground
SAME_PLACE_M = 0.5  # receivers write 7 decimals of a degree (1 cm) while they move
FARTHEST_M = 50_000.0  # of one flight; a local plane is good to 1e-5 of the distance there


@dataclass(frozen=True, slots=True)
class Station:
    """One photograph as recorded; complex numbers are east + i north in metres, or right + i up in pixels.

    Attributes:
        image: the record.
        place_m: middle of the picture on the ground, or None.
        factor: ground metres for one pixel, turned from the picture to the ground; None where scale or direction are
            not recorded. ``abs`` is the ground sample distance, ``-phase`` the direction of the upper edge.
        mirrored: the recorded outline runs the other way round: the picture is stored mirrored, and is known to be.
    """

    image: Image
    place_m: complex | None
    factor: complex | None
    mirrored: bool = False

    @property
    def name(self) -> str:
        """File name."""
        return Path(self.image.path).name

    @property
    def centre_px(self) -> tuple[float, float]:
        """Middle of the picture, x right, y down."""
        return self.image.width_px / 2, self.image.height_px / 2

    @property
    def corners_m(self) -> tuple[complex, ...] | None:
        """Corners on the ground by place and factor: top left, top right, bottom right, bottom left."""
        if self.place_m is None or self.factor is None:
            return None
        w, h = self.centre_px
        flip = -1.0 if self.mirrored else 1.0
        return tuple(self.place_m + self.factor * complex(flip * x, y) for x, y in ((-w, h), (w, h), (w, -h), (-w, -h)))


@dataclass(frozen=True, slots=True)
class Flight:
    """Photographs in the order in which they were taken, on one plane.

    Attributes:
        stations: of the photographs that take part.
        left_out: name and reason of each picture that does not.
        origin_lonlat: where the plane touches the ellipsoid.
    """

    stations: tuple[Station, ...]
    left_out: tuple[tuple[Image, str], ...]
    origin_lonlat: tuple[float, float]

    def lonlat(self, place_m: complex) -> tuple[float, float]:
        """Return WGS84 lon, lat of a place on the plane."""
        lon, lat = _plane(self.origin_lonlat)(place_m.real, place_m.imag, inverse=True)
        return float(lon), float(lat)

    def place(self, lonlat: tuple[float, float]) -> complex:
        """Return the place on the plane of a WGS84 lon, lat."""
        east, north = _plane(self.origin_lonlat)(*lonlat)
        return complex(east, north)


def flight_of(images: Sequence[Image]) -> Flight:
    """Return the flight that the photographs of a survey make up.

    Raises:
        InputError: fewer than two photographs, fewer than two recorded places, or all of them at one place.
    """
    kept, left_out = _select(images)
    if len(kept) < 2:
        reasons = "".join(f"; {Path(image.path).name}: {reason}" for image, reason in left_out[:3])
        raise InputError(
            f"{len(kept)} photograph(s) that can take part; a flight checks itself from 2 overlapping photographs that "
            f"look down{reasons}"
        )
    placed = [image.position_lonlat for image in kept if image.position_lonlat is not None]
    if len(placed) < 2:
        raise InputError(
            f"{len(placed)} of {len(kept)} photographs have a recorded position; at least 2 are needed to check "
            "against: take the original files from the camera (messengers and editors remove GPS), or import an "
            "adjustment with --odm"
        )
    lon, lat = np.median(np.array(placed), axis=0)
    origin = (float(lon), float(lat))
    project = _plane(origin)
    spread = max(abs(complex(*project(*place)) - complex(*project(*placed[0]))) for place in placed)
    if spread < SAME_PLACE_M:
        raise InputError(
            f"all {len(placed)} recorded positions are the same to {spread:.2f} m (lon {lon:.6f}, lat {lat:.6f}): the "
            "receiver stood still or froze, so there is no offset to check; take the original files, or import an "
            "adjustment with --odm"
        )
    return Flight(tuple(_station(image, project) for image in _in_order(kept)), tuple(left_out), origin)


def natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts ``DJI_2`` before ``DJI_10``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name.casefold())]


def _select(images: Sequence[Image]) -> tuple[list[Image], list[tuple[Image, str]]]:
    kept: list[Image] = []
    left_out: list[tuple[Image, str]] = []
    for image in images:
        reason = _unfit(image)
        if reason is None:
            kept.append(image)
        else:
            left_out.append((image, reason))
    return kept, left_out


def _unfit(image: Image) -> str | None:
    """Return why an image cannot take part, or None."""
    if image.kind is not ImageKind.PHOTO:
        return "no photograph: its place comes from a georeference"
    try:
        tilt = off_vertical_deg(image)
    except InputError as error:
        return str(error)
    if tilt is not None and tilt > MOST_TILT_DEG:
        return f"looks {tilt:.0f} degrees off the vertical; up to {MOST_TILT_DEG:.0f} overlap is a plain shift"
    return None


def _in_order(images: list[Image]) -> list[Image]:
    """Sort by time where every picture has one and they differ, else by name: cameras number what they take."""
    names = sorted(images, key=lambda image: natural(Path(image.path).name))
    times = [image.captured_at for image in names]
    if all(times) and len(set(times)) > 1:
        return sorted(names, key=lambda image: image.captured_at.timestamp() if image.captured_at else 0.0)
    return names


def _plane(origin: tuple[float, float]) -> pyproj.Proj:
    return pyproj.Proj(proj="aeqd", lon_0=origin[0], lat_0=origin[1], ellps="WGS84")


def _station(image: Image, project: pyproj.Proj) -> Station:
    place, factor, mirrored = None, None, False
    lonlat = corners_lonlat(image)
    if lonlat is not None:
        corners = [complex(*project(lon, lat)) for lon, lat in lonlat]
        if all(map(cmath.isfinite, corners)):
            place = sum(corners) / 4
            factor, mirrored = _factor(corners, image.width_px, image.height_px)
    if image.position_lonlat is not None and place is None:
        place = complex(*project(*image.position_lonlat))
    if place is not None and not cmath.isfinite(place):
        place = None  # on the other side of the globe from the rest
    return Station(image, place, factor, mirrored)


def _factor(corners: list[complex], width_px: int, height_px: int) -> tuple[complex | None, bool]:
    """Return metres a pixel with the turn from picture to ground, and whether the outline is mirrored."""
    top_left, top_right, bottom_right, bottom_left = corners
    right = ((top_right - top_left) + (bottom_right - bottom_left)) / 2 / width_px
    up = ((top_left - bottom_left) + (top_right - bottom_right)) / 2 / height_px
    if not (abs(right) > 0 and abs(up) > 0):
        return None, False
    mirrored = (right.conjugate() * up).imag < 0
    factor = ((-right if mirrored else right) - 1j * up) / 2
    return (factor if abs(factor) > 0 else None), mirrored


def yaw_deg(factor: complex) -> float:
    """Return the direction of the upper image edge of a factor, clockwise from north, -180..180."""
    return -math.degrees(cmath.phase(factor))


def wrapped(angle_deg: float) -> float:
    """Return an angle brought to -180 (excluded) .. 180."""
    return 180.0 - (180.0 - angle_deg) % 360.0
