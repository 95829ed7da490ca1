"""Metadata that contradicts itself or the world: each doubt as a note that says what was done about it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyproj
from shapely.affinity import affine_transform
from shapely.geometry import Point

from findings.asset import Asset
from findings.survey import Image
from imagery.photo import PhotoMetadata
from imagery.terrain import Ground

FAR_KM = 2.0
_GEOD = pyproj.Geod(ellps="WGS84")
_DATUM_STEP_M = 50.0  # two altitudes of one picture that differ by more are of two datums (geoid: up to 107 m)
_TERRAIN_TOLERANCE_M = 10.0
_YAW_STEP_DEG = 45.0
# Names that messengers give to the files they write; they strip EXIF (OpenAthena, issue 67).
_MESSENGERS = re.compile(
    r"^(IMG-\d{8}-WA\d+|WhatsApp Image|photo_\d+@|photo_\d{4}-\d\d-\d\d|signal-\d{4}-|LINE_|S__\d+|FB_IMG_|"
    r"received_\d+|mmexport\d+)",
    re.IGNORECASE,
)


def doubts(metadata: PhotoMetadata, path: Path) -> tuple[str, ...]:
    """Return what in a photograph's metadata cannot all be true, as notes; `imagery.photo` has told the rest."""
    checks = (_stripped(metadata, path), _altitudes(metadata), _laser_and_height(metadata), _laser_target(metadata),
              _directions(metadata))  # fmt: skip
    return tuple(note for note in checks if note is not None)


def _stripped(metadata: PhotoMetadata, path: Path) -> str | None:
    if metadata.has_exif or not _MESSENGERS.match(path.name):
        return None
    return "a messenger has taken the metadata away (and pixels with it): ask for the original file from the camera"


def _altitudes(metadata: PhotoMetadata) -> str | None:
    high, tag, relative = metadata.absolute_altitude_m, metadata.altitude_m, metadata.relative_altitude_m
    if high is not None and tag is not None and abs(high - tag) > _DATUM_STEP_M:
        return f"altitude {high:g} m in XMP, {tag:g} m in EXIF: of two datums; neither is used without a terrain model"
    if relative is not None and high is not None and relative == high and relative > 150:
        return f"height above take-off equals the absolute altitude ({high:g} m): it may count from the sea; doubtful"
    return None


def _laser_and_height(metadata: PhotoMetadata) -> str | None:
    laser, height, pitch = metadata.laser_range_m, metadata.relative_altitude_m, metadata.gimbal_pitch_deg
    if laser is None or height is None or pitch is None or pitch > -60:
        return None
    drop = laser * math.sin(math.radians(-pitch))
    if abs(drop - height) <= max(5.0, 0.3 * abs(height)):
        return None
    return (
        f"the laser met something {drop:.1f} m below, the take-off point lies {height:.1f} m below: "
        "the scale is the laser's and holds for what stands in the middle"
    )


def _laser_target(metadata: PhotoMetadata) -> str | None:
    target, place, laser = metadata.laser_target, metadata.position_lonlat, metadata.laser_range_m
    if target is None or place is None or laser is None:
        return None
    away = float(_GEOD.inv(*place, target[0], target[1])[2])
    if away <= laser + max(10.0, 0.1 * laser):
        return None
    return f"the laser's target lies {away:.0f} m away by its place, {laser:.1f} m by its range: only the range is used"


def _directions(metadata: PhotoMetadata) -> str | None:
    gimbal, flight, pitch = metadata.gimbal_yaw_deg, metadata.flight_yaw_deg, metadata.gimbal_pitch_deg
    if gimbal is None or flight is None or pitch is None:
        return None
    # Straight down, a roll of 180 degrees and a yaw of 180 are the same camera: compare where the picture's top points.
    top = gimbal + 180.0 if abs(abs(metadata.gimbal_roll_deg or 0.0) - 180.0) < 30 and pitch < -60 else gimbal
    apart = abs((top - flight + 180.0) % 360.0 - 180.0)
    if apart <= _YAW_STEP_DEG:
        return None
    return f"camera and aircraft point {apart:.0f} degrees apart: the camera's own direction is used"


@dataclass(frozen=True, slots=True)
class CameraHeight:
    """Height of a camera above the datum of a terrain model, its 1-sigma, and what was done to get it."""

    height_m: float
    sigma_m: float
    note: str = ""


def camera_height(metadata: PhotoMetadata, ground: Ground) -> CameraHeight | str:
    """Return how high a camera was above the datum of the ground, or why nobody knows.

    The absolute altitude is believed if the take-off point that follows from it lies on the terrain around (within
    10 m). Otherwise the height above take-off is taken from the ground below the camera: the relief around is its
    uncertainty.
    """
    below = float(ground.height(np.zeros(1), np.zeros(1))[0])
    if metadata.above_ground_m is not None and metadata.above_ground_m > 0:
        share = 0.05 * metadata.above_ground_m
        return CameraHeight(below + metadata.above_ground_m, math.hypot(2.0, share), "height above ground by the drone")
    known = ground.heights_m[np.isfinite(ground.heights_m)]
    relative = metadata.relative_altitude_m
    absolute = metadata.absolute_altitude_m if metadata.absolute_altitude_m is not None else metadata.altitude_m
    relief = float(np.subtract(*np.percentile(known, [95, 5]))) / 2
    if relative is None:
        return _from_absolute(metadata, absolute, below)
    if absolute is None:
        note = "no absolute altitude: the height above take-off is taken from the ground below the camera"
        return CameraHeight(below + relative, math.hypot(3.0, relief), note)
    start, low, high = absolute - relative, float(known.min()), float(known.max())
    if low - _TERRAIN_TOLERANCE_M <= start <= high + _TERRAIN_TOLERANCE_M:
        return CameraHeight(absolute, 5.0)
    off = start - (low if start < low else high)
    note = (
        f"altitude of another datum: it puts the take-off point at {start:.0f} m, the terrain lies at {low:.0f} to "
        f"{high:.0f} m ({off:+.0f} m); the height above take-off is taken from the ground below the camera instead"
    )
    return CameraHeight(below + relative, math.hypot(3.0, relief), note)


def _from_absolute(metadata: PhotoMetadata, absolute: float | None, below: float) -> CameraHeight | str:
    if absolute is None:
        return "no altitude at all: give --ground-height, --gsd-mm or --stand-off"
    if metadata.altitude_reference == "ellipsoid":
        return f"altitude {absolute:g} m counts from the ellipsoid, the terrain from the sea: the step is not known"
    if absolute - below <= 0:
        return f"altitude {absolute:g} m lies below the ground ({below:.0f} m): of another datum; not used"
    sigma = metadata.position_sigma.height_m if metadata.position_sigma is not None else 10.0
    return CameraHeight(absolute, sigma, f"absolute altitude {absolute:g} m, datum not checked")


def far_from(image: Image, asset: Asset, limit_km: float = FAR_KM) -> str | None:
    """Return a note if a picture was taken further from its asset than that, or None; None if either has no place."""
    if image.position_lonlat is None or asset.geometry is None or asset.geometry.is_empty:
        return None
    lon, lat = image.position_lonlat
    # Kilometres in a plane around the camera (mean radius 6371 km), good to 1 % for what is near enough to matter.
    per_degree = math.pi / 180 * 6371.0
    across = per_degree * math.cos(math.radians(lat))
    flat = affine_transform(asset.geometry, [across, 0, 0, per_degree, -lon * across, -lat * per_degree])
    away = float(flat.distance(Point(0, 0)))
    if away <= limit_km:
        return None
    return f"taken {away:.3g} km from {asset.name}, further than {limit_km:g} km: right asset, right position?"
