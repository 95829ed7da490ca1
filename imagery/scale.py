"""Ground sample distance with its source and its uncertainty.

GSD = distance x sensor width / (focal length x image width). Sources in order of trust: laser range, given GSD, given
stand-off, altitude of a camera that looks straight down, georeference; else unknown, and sizes stay in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pyproj
from pyproj.exceptions import CRSError, ProjError

from findings.errors import InputError
from findings.survey import Scale, ScaleSource
from imagery.camera import camera_of
from imagery.photo import PhotoMetadata

LASER_SIGMA_M, LASER_SIGMA_SHARE = 0.2, 0.0015  # our assumption, of the order that makers of drone payloads state
GIVEN_SIGMA_SHARE = 0.05  # our assumption for a GSD that was given without its sigma
STAND_OFF_SIGMA_SHARE = 0.10  # our assumption: a held distance
ALTITUDE_SIGMA_SHARE = 0.10  # our assumption: RelativeAltitude counts from the take-off point
NADIR_TOLERANCE_DEG = 10.0
CONFLICT = 0.2
GIVEN_RANGE = (1e-6, 1e9)  # of any stated number; its square must stay a finite area
_GEOD = pyproj.Geod(ellps="WGS84")


@lru_cache(maxsize=64)
def to_lonlat(crs: str) -> pyproj.Transformer:
    """Return the transformer from a CRS to WGS84 lon, lat.

    Raises:
        pyproj.exceptions.CRSError: no such CRS.
    """
    return pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)


def ground_sample_distance(
    metadata: PhotoMetadata,
    width_px: int,
    *,
    gsd_mm: float | None = None,
    gsd_sigma_mm: float | None = None,
    stand_off_m: float | None = None,
) -> Scale:
    """Return mm per pixel of a photograph from the most trusted source there is.

    Args:
        metadata: of the photograph.
        width_px: columns of the picture as stored.
        gsd_mm: GSD that the user states, with ``gsd_sigma_mm`` (5 % if not given).
        gsd_sigma_mm: its 1-sigma.
        stand_off_m: distance to the surface that the user states (sigma 10 %).

    Raises:
        InputError: a given value is not positive and finite.
    """
    _check_given(gsd_mm=gsd_mm, gsd_sigma_mm=gsd_sigma_mm, stand_off_m=stand_off_m)
    given = _given(gsd_mm, gsd_sigma_mm)
    laser = metadata.laser_range_m
    if laser is not None:
        sigma = math.hypot(LASER_SIGMA_M, LASER_SIGMA_SHARE * laser)
        found = _at_distance(metadata, width_px, laser, sigma, ScaleSource.LASER_RANGE, f"laser range {laser:g} m")
        if found.gsd_mm is not None:
            return _with_conflict(found, given)
    if given is not None:
        return given
    if stand_off_m is not None:
        sigma = STAND_OFF_SIGMA_SHARE * stand_off_m
        words = f"stated stand-off {stand_off_m:g} m, sigma assumed 10 %"
        return _at_distance(metadata, width_px, stand_off_m, sigma, ScaleSource.STAND_OFF, words)
    return _from_altitude(metadata, width_px)


def is_nadir(metadata: PhotoMetadata) -> bool:
    """Return whether the camera looked straight down, within 10 degrees."""
    pitch = metadata.gimbal_pitch_deg
    return pitch is not None and abs(pitch + 90.0) <= NADIR_TOLERANCE_DEG


def _check_given(**given: float | None) -> None:
    for name, value in given.items():
        if value is not None and not GIVEN_RANGE[0] <= value <= GIVEN_RANGE[1]:
            option = "--" + name.removesuffix("_mm").removesuffix("_m").replace("_", "-")
            raise InputError(
                f"{name} = {value}: expected a positive number, {GIVEN_RANGE[0]:g} to {GIVEN_RANGE[1]:g}; "
                f"correct {option} or leave it out"
            )


def _given(gsd_mm: float | None, gsd_sigma_mm: float | None) -> Scale | None:
    if gsd_mm is None:
        return None
    if gsd_sigma_mm is not None:
        return Scale(gsd_mm, gsd_sigma_mm, ScaleSource.GIVEN_GSD, "stated by the user")
    note = "stated by the user, sigma assumed 5 %"
    return Scale(gsd_mm, GIVEN_SIGMA_SHARE * gsd_mm, ScaleSource.GIVEN_GSD, note)


def _with_conflict(found: Scale, given: Scale | None) -> Scale:
    if given is None or given.gsd_mm is None or found.gsd_mm is None:
        return found
    if abs(given.gsd_mm / found.gsd_mm - 1.0) <= CONFLICT:
        return found
    note = f"{found.note}; the stated {given.gsd_mm:g} mm/px differs by more than {CONFLICT:.0%} and is not used"
    return Scale(found.gsd_mm, found.sigma_mm, found.source, note)


def _at_distance(
    metadata: PhotoMetadata, width_px: int, distance_m: float, sigma_m: float, source: ScaleSource, words: str
) -> Scale:
    camera = camera_of(metadata, width_px, metadata.height_px) if metadata.height_px else None
    if camera is None:
        return Scale(note=f"{words}, but sensor width and focal length are not known: give --gsd-mm")
    gsd = distance_m * 1000.0 / camera.focal_px
    sigma = gsd * math.hypot(sigma_m / distance_m, camera.sigma_share)
    return Scale(gsd, sigma, source, f"{words}; {camera.source}")


def _from_altitude(metadata: PhotoMetadata, width_px: int) -> Scale:
    height, pitch = metadata.relative_altitude_m, metadata.gimbal_pitch_deg
    if height is None or pitch is None:
        return Scale(note="no distance is known: give --gsd-mm or --stand-off")
    if not is_nadir(metadata):
        return Scale(note=f"gimbal pitch {pitch:g} degrees: altitude is no distance; give --gsd-mm or --stand-off")
    if height <= 0:
        return Scale(note=f"altitude {height:g} m above take-off is no distance; give --gsd-mm or --stand-off")
    words = f"{height:g} m above take-off, looking down, sigma assumed 10 % (ground level unknown)"
    return _at_distance(metadata, width_px, height, ALTITUDE_SIGMA_SHARE * height, ScaleSource.NADIR_ALTITUDE, words)


def scene_scale(
    crs: str | None,
    transform: Sequence[float] | None,
    width_px: int,
    height_px: int,
    *,
    gsd_mm: float | None = None,
    gsd_sigma_mm: float | None = None,
) -> Scale:
    """Return mm per pixel of a scene, measured along the ellipsoid at its centre.

    That is right in degrees (where a pixel's width shrinks with the cosine of the latitude) and in Web Mercator alike.
    The value is the root of the pixel's area; its sigma holds half the difference of the sides.

    Raises:
        InputError: a given value is not positive and finite.
    """
    _check_given(gsd_mm=gsd_mm, gsd_sigma_mm=gsd_sigma_mm)
    given = _given(gsd_mm, gsd_sigma_mm)
    if given is not None:
        return given
    if crs is None or transform is None:
        return Scale(note="no georeference: give --gsd-mm")
    sides = _pixel_sides_m(crs, transform, width_px / 2, height_px / 2)
    if sides is None:
        return Scale(note="the georeference cannot be resolved: give --gsd-mm")
    across, down = sides
    gsd = math.sqrt(across * down) * 1000.0
    sigma = math.hypot(abs(across - down) / 2 * 1000.0, 0.001 * gsd)  # 0.1 %: scale factor of a projection
    return Scale(gsd, sigma, ScaleSource.GEOREFERENCE, f"pixels of {across:.4g} x {down:.4g} m at the centre")


def _pixel_sides_m(crs: str, transform: Sequence[float], col: float, row: float) -> tuple[float, float] | None:
    a, b, c, d, e, f = transform
    cols, rows = np.array([col, col + 1, col]), np.array([row, row, row + 1])
    try:
        lon, lat = to_lonlat(crs).transform(a * cols + b * rows + c, d * cols + e * rows + f, errcheck=True)
        _, _, metres = _GEOD.inv(lon[[0, 0]], lat[[0, 0]], lon[1:], lat[1:])
    except (CRSError, ProjError):
        return None
    across, down = float(metres[0]), float(metres[1])
    return (across, down) if 0 < across < 1e6 and 0 < down < 1e6 else None
