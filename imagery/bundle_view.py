"""Images placed by a bundle adjustment: pose, outline and scale, with where they come from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyproj
from numpy.typing import NDArray
from shapely.geometry import Polygon

from findings.errors import InputError
from findings.survey import Image, ImageKind, Scale, ScaleSource
from imagery.bundle import Bundle, Shot
from imagery.bundle_camera import BundleCamera
from imagery.camera import Points
from imagery.pose import Pose, PoseSigma
from imagery.surface import Level

REPROJECTION_PX = 1.0  # our assumption where no statistics came with the adjustment
GPS_ERROR_M = 1.5  # the same
RELIEF_SHARE = 0.02  # of the height; our assumption: how level the ground is
FARTHEST_M = 1000.0  # between adjusted and recorded place, beyond which the adjustment is another place's
FLATTEST = -0.17  # downward part of a ray that still meets the ground within 6 heights
MARK = "bundle adjustment: "
_GEOD = pyproj.Geod(ellps="WGS84")


@dataclass(frozen=True, slots=True)
class Placement:
    """Images after a bundle adjustment.

    Attributes:
        images: all that were given, in their order; those with a shot are placed by it.
        placed: names of those.
        missing: names of photographs without a shot.
        unused: names of shots without a photograph.
        notes: what was passed over, and why.
    """

    images: tuple[Image, ...]
    placed: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    notes: tuple[str, ...]


def place(images: Sequence[Image], bundle: Bundle, *, ground_m: float | None = None) -> Placement:
    """Return the images with the poses of a bundle adjustment, matched by file name (case does not count).

    Args:
        images: of a survey.
        bundle: the adjustment.
        ground_m: height of the ground in the heights of the adjustment; by default the one that its average GSD stands
            for, else each picture's own recorded ground sample distance.

    Raises:
        InputError: no image has the name of a shot.
    """
    names = Counter(Path(image.path).name.lower() for image in images)
    done: list[Image] = []
    placed, missing, notes = [], [], list(bundle.notes)
    for image in images:
        name = Path(image.path).name
        shot = bundle.shots.get(name.lower())
        if image.kind is not ImageKind.PHOTO or shot is None:
            missing += [name] if image.kind is ImageKind.PHOTO else []
            done.append(image)
            continue
        try:
            if names[name.lower()] > 1:
                raise InputError(f"{name}: {names[name.lower()]} pictures have this name; none of them is placed")
            done.append(_placed(image, shot, bundle, ground_m))
            placed.append(name)
        except InputError as error:
            notes.append(str(error))
            done.append(image)
    if not placed:
        shots = ", ".join(shot.name for shot in list(bundle.shots.values())[:3])
        why = "; ".join(notes[:2])
        raise InputError(
            f"none of the {len(images)} images could be placed by the {len(bundle.shots)} shots ({shots}, ...)"
            f"{why and ': '}{why}; is this the adjustment of another flight, or were the files renamed?"
        )
    unused = [shot.name for key, shot in bundle.shots.items() if key not in names]
    return Placement(tuple(done), tuple(placed), tuple(missing), tuple(unused), tuple(dict.fromkeys(notes)))


def _placed(image: Image, shot: Shot, bundle: Bundle, ground_m: float | None) -> Image:
    name, camera = Path(image.path).name, bundle.cameras[shot.camera]
    shape, stored = camera.width_px / camera.height_px, image.width_px / image.height_px
    if abs(shape / stored - 1.0) > 0.01:
        raise InputError(
            f"{name}: {image.width_px} x {image.height_px} px, but its camera has {camera.width_px} x "
            f"{camera.height_px}: cropped or turned since the adjustment; not placed"
        )
    if image.position_lonlat is not None:
        moved = _GEOD.inv(*image.position_lonlat, *shot.lonlat)[2]
        if moved > FARTHEST_M:
            raise InputError(f"{name}: the adjustment puts it {moved:.0f} m from its recorded place; not placed")
    focal_px = camera.focal_px * max(image.width_px, image.height_px) / max(camera.width_px, camera.height_px)
    height, height_sigma, source = _height(image, shot, bundle, ground_m, focal_px)
    pixel = bundle.reprojection_px if bundle.reprojection_px is not None else REPROJECTION_PX
    pixel *= max(image.width_px, image.height_px) / max(camera.width_px, camera.height_px)
    # Depth from a neighbour at the base B errs by h / B times the error of a ray, which is pixel / focal length.
    base = 0.0 if not shot.nearest_m else height / shot.nearest_m * pixel / focal_px
    distance_sigma = math.hypot(height_sigma, RELIEF_SHARE * height, height * base)
    gps = bundle.gps_error_m if bundle.gps_error_m is not None else GPS_ERROR_M
    angle = math.degrees(pixel / focal_px)
    sigma = PoseSigma(gps / math.sqrt(2.0 * len(bundle.shots)), distance_sigma, angle, angle)
    flat = camera.flat(image.width_px, image.height_px, 0.0)
    yaw, pitch, roll = angles(shot.rotation)
    words = f"{MARK}placed by OpenDroneMap, {_error(bundle)}; {source}; level ground assumed"
    notes = tuple(note for note in image.notes if not note.startswith(MARK) and not _answered(note))
    tilt = math.degrees(math.acos(np.clip(-shot.rotation[2, 2], -1.0, 1.0)))
    if flat is not None:
        pose = Pose(flat, shot.lonlat, yaw, pitch, roll, Level(height, source), sigma)
        outline, cut = pose.outline()
        view = pose.to_json()
        words += "; cut off towards the horizon" if cut else ""
    else:
        outline, view = _fisheye_outline(camera, image, shot, height), None
        words += "; fisheye: places inside the outline are between its corners only"
    return replace(
        image,
        position_lonlat=shot.lonlat,
        footprint=outline,
        view=view,
        scale=_scale(image, tilt, height, distance_sigma, focal_px, source),
        incidence_deg=tilt if tilt < 90.0 else None,
        notes=(*notes, words),
    )


def angles(rotation: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return yaw, pitch and roll in degrees, as `imagery.pose` counts them.

    The rotation ``(3, 3)`` leads from right, down, forward to east, north, up. Looking straight down, yaw and roll are
    one turn; roll is 0 then.
    """
    to_ned = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]]) @ rotation @ np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    pitch = math.asin(float(np.clip(-to_ned[2, 0], -1.0, 1.0)))
    if math.cos(pitch) < 1e-6:
        return math.degrees(math.atan2(-to_ned[0, 1], to_ned[1, 1])), math.degrees(pitch), 0.0
    yaw = math.atan2(to_ned[1, 0], to_ned[0, 0])
    roll = math.atan2(to_ned[2, 1], to_ned[2, 2])
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)


def _height(
    image: Image, shot: Shot, bundle: Bundle, ground_m: float | None, focal_px: float
) -> tuple[float, float, str]:
    """Return height over the ground, its 1-sigma without relief, and where it comes from."""
    name = Path(image.path).name
    if ground_m is not None or bundle.ground_m is not None:
        ground = ground_m if ground_m is not None else bundle.ground_m or 0.0
        height = shot.height_m - ground
        source = f"ground at {ground:.1f} m, " + ("stated" if ground_m is not None else "by the average GSD")
        if not 0.5 < height < 10_000:
            raise InputError(f"{name}: camera at {shot.height_m:.1f} m, {source}: {height:.1f} m is no height")
        return height, 0.0, source
    if image.scale.gsd_mm is None:
        raise InputError(
            f"{name}: no height of the ground: stats.json is missing and no scale is recorded; give --ground M"
        )
    height = image.scale.gsd_mm / 1000.0 * focal_px
    sigma = (image.scale.sigma_mm or 0.0) / 1000.0 * focal_px
    return height, sigma, f"height {height:.1f} m as recorded ({image.scale.source.value.replace('_', ' ')})"


def _scale(image: Image, tilt_deg: float, height: float, sigma_m: float, focal_px: float, source: str) -> Scale:
    """Return the scale in the middle of the picture: h / (f cos^1.5 t), the root of the pixel's area."""
    if image.scale.source is ScaleSource.LASER_RANGE:
        return image.scale  # measured, and more trusted than a depth on assumed level ground
    if tilt_deg > 80.0:
        return Scale(note=f"{source}; the middle of the picture looks past the ground")
    gsd = 1000.0 * height / (focal_px * math.cos(math.radians(tilt_deg)) ** 1.5)
    return Scale(gsd, gsd * sigma_m / height, ScaleSource.BUNDLE, f"bundle adjustment of OpenDroneMap; {source}")


def _fisheye_outline(camera: BundleCamera, image: Image, shot: Shot, height: float) -> Polygon | None:
    w, h = image.width_px, image.height_px
    corners: Points = np.array([[0, 0], [w, 0], [w, h], [0, h]], float)
    rays = camera.rays(corners, w, h) @ shot.rotation.T
    if not (np.isfinite(rays).all() and (rays[:, 2] < FLATTEST * np.linalg.norm(rays, axis=1)).all()):
        return None
    metres = rays[:, :2] * (height / -rays[:, 2])[:, None]
    azimuth, distance = np.degrees(np.arctan2(metres[:, 0], metres[:, 1])), np.hypot(metres[:, 0], metres[:, 1])
    start = np.full(4, shot.lonlat[0]), np.full(4, shot.lonlat[1])
    lon, lat, _ = _GEOD.fwd(*start, azimuth, distance)
    return Polygon(np.column_stack([lon, lat]))


def _answered(note: str) -> bool:
    """Return whether an adjusted pose answers a note of the recorded one."""
    return note.startswith(("place of a pixel to about", "footprint on a level plane", "saved again by "))


def _error(bundle: Bundle) -> str:
    if bundle.reprojection_px is None:
        return f"reprojection error not stated, {REPROJECTION_PX:g} px assumed"
    return f"reprojection error {bundle.reprojection_px:.2f} px"
