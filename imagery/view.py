"""From metadata to the pose of a photograph, the scale of its middle and the outline on the ground.

What a picture shows is stated by the user (``--face``, ``--terrain``, ``--ground-height``), or it is level ground at
the height that the scale tells, for a camera that looks straight down. An oblique picture without such a statement has
a pose but no surface: a girder's side is not the ground behind it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from shapely.geometry import Polygon

from findings.errors import InputError
from findings.survey import Scale, ScaleSource
from imagery.camera import Camera, camera_of
from imagery.photo import PhotoMetadata
from imagery.pose import FrameScale, Pose, PoseSigma, corner_sigma_m, frame_scale
from imagery.rtk import GPS_HEIGHT_SIGMA_M, GPS_SIGMA_M, PositionSigma
from imagery.sanity import CameraHeight, camera_height
from imagery.scale import LASER_SIGMA_M, LASER_SIGMA_SHARE, is_nadir
from imagery.surface import MAX_INCIDENCE_DEG, Face, Level, Surface
from imagery.terrain import ground_around, relief

GIMBAL_YAW_SIGMA_DEG, FLIGHT_YAW_SIGMA_DEG = 3.0, 10.0  # our assumptions: a compass; the nose of a drone in side wind
TILT_SIGMA_DEG = 1.0  # our assumption for the pitch and the roll of a gimbal
STATED_GROUND_SIGMA_M = 1.5  # our assumption: drift of a barometer, and a height that somebody read off a plan


@dataclass(frozen=True, slots=True)
class Stated:
    """What the user says about what the pictures show; at most one of the three.

    Attributes:
        face_azimuth_deg: they show an upright face that looks there, clockwise from true north.
        terrain: GeoTIFF of the ground that they show.
        ground_height_m: they show level ground so much above the take-off point (below it: negative).
    """

    face_azimuth_deg: float | None = None
    terrain: Path | None = None
    ground_height_m: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot all be meant.

        Raises:
            InputError: more than one kind of surface, or a number that is none.
        """
        kinds = (self.face_azimuth_deg, self.terrain, self.ground_height_m)
        if sum(kind is not None for kind in kinds) > 1:
            raise InputError("--face, --terrain and --ground-height are answers to one question: give one of them")
        for name, value, low, high in (
            ("--face", self.face_azimuth_deg, -360.0, 360.0),
            ("--ground-height", self.ground_height_m, -500.0, 500.0),
        ):
            if value is not None and not low <= value <= high:
                raise InputError(f"{name} {value:g}: expected a number from {low:g} to {high:g}")

    @property
    def surface(self) -> str | None:
        """Return the option that names the surface, or None."""
        options = (
            ("--face", self.face_azimuth_deg),
            ("--terrain", self.terrain),
            ("--ground-height", self.ground_height_m),
        )
        return next((name for name, value in options if value is not None), None)


@dataclass(frozen=True, slots=True)
class PhotoView:
    """What is known of where a photograph looks; everything may be missing."""

    pose: Pose | None
    scale: Scale
    outline: Polygon | None = None
    sigma_m: float | None = None
    incidence_deg: float | None = None
    notes: tuple[str, ...] = ()


def photo_view(
    metadata: PhotoMetadata, width_px: int, height_px: int, scale: Scale, stated: Stated | None = None
) -> PhotoView:
    """Return pose, scale and outline of a photograph.

    Args:
        metadata: of the photograph.
        width_px: columns as stored.
        height_px: rows as stored.
        scale: as `imagery.scale.ground_sample_distance` gives it: for a camera that looks straight at the surface.
        stated: what the user says that the pictures show.

    Raises:
        InputError: the terrain model cannot be used.
    """
    stated = stated or Stated()
    found = _bare_pose(metadata, width_px, height_px)
    if isinstance(found, str):
        return PhotoView(None, scale, notes=(f"{stated.surface} not used: {found}",) if stated.surface else ())
    surface, notes = _surface(metadata, found, scale, stated)
    if surface is None:
        return PhotoView(found, scale, notes=tuple(notes))
    pose = replace(found, surface=surface[0], sigma=replace(found.sigma, distance_m=surface[1]))
    frame = frame_scale(pose)
    if frame is None:  # the middle itself is seen too flatly, or lies outside the terrain model
        return PhotoView(found, scale, notes=(*notes, "the middle of the picture meets no known ground: not placed"))
    outline, cut = pose.outline()
    if cut:
        notes.append(
            f"ground seen flatter than {MAX_INCIDENCE_DEG:g} degrees, or not covered, is left out of the outline"
        )
    sigma = corner_sigma_m(pose) if pose.lonlat is not None else None
    return PhotoView(
        pose, _scale(scale, frame, pose), outline, sigma, frame.incidence_deg, (*notes, *_words(frame, pose))
    )


def _bare_pose(metadata: PhotoMetadata, width_px: int, height_px: int) -> Pose | str:
    """Return the pose without a surface, or what is missing."""
    camera = camera_of(metadata, width_px, height_px)
    if camera is None:
        return "sensor width and focal length are not known"
    pitch, yaw = metadata.gimbal_pitch_deg, metadata.gimbal_yaw_deg
    sigma = GIMBAL_YAW_SIGMA_DEG
    if pitch is None:
        return "the camera's angles are not known"
    if yaw is None and is_nadir(metadata):
        yaw, sigma = metadata.flight_yaw_deg, FLIGHT_YAW_SIGMA_DEG
    if yaw is None:
        return "the camera's direction is not known"
    place = metadata.position_sigma or PositionSigma(GPS_SIGMA_M, GPS_HEIGHT_SIGMA_M, "")
    return Pose(
        camera,
        metadata.position_lonlat,
        yaw,
        pitch,
        metadata.gimbal_roll_deg or 0.0,
        None,
        PoseSigma(place.horizontal_m, 0.0, sigma, TILT_SIGMA_DEG),
    )


_Known = tuple[Surface, float]  # with the 1-sigma of its distance in metres


def _surface(metadata: PhotoMetadata, pose: Pose, scale: Scale, stated: Stated) -> tuple[_Known | None, list[str]]:
    """Return what the picture shows, or None, and notes why."""
    if stated.face_azimuth_deg is not None:
        return _face(metadata, pose, scale, stated.face_azimuth_deg)
    if stated.terrain is not None:
        return _terrain(metadata, pose, stated.terrain)
    if stated.ground_height_m is not None:
        return _stated_ground(metadata, stated.ground_height_m)
    if not is_nadir(metadata):
        return None, [
            f"gimbal pitch {pose.pitch_deg:g} degrees: pixels are placed only with --face, --ground-height or --terrain"
        ]
    if scale.gsd_mm is None or scale.sigma_mm is None:
        return None, []
    distance, sigma = _distance(metadata, pose.camera, scale, _cosine(pose, np.array([0.0, 0.0, 1.0])))
    known = scale.source.value.replace("_", " ")
    notes = [f"places on a level plane {distance:.1f} m below the camera ({known})"]
    if metadata.gimbal_yaw_deg is None:
        notes.append("direction from the flight, not from the gimbal")
    return (Level(distance, known), sigma), notes


def _cosine(pose: Pose, normal: np.ndarray) -> float:
    """Return the cosine of the angle between the middle ray and a surface's normal; below 0: it looks away."""
    middle = np.array([[pose.camera.width_px / 2, pose.camera.height_px / 2]])
    ray = (pose.camera.rays(middle) @ pose.rotation().T)[0]
    return float(-(ray @ normal) / np.linalg.norm(ray))


def _distance(metadata: PhotoMetadata, camera: Camera, scale: Scale, cosine: float) -> tuple[float, float]:
    """Return the distance at right angles to a surface that a scale implies, with its 1-sigma.

    A laser measures along the ray; a stated GSD is that of the middle pixel's area, h / (f cos^1.5 t).
    """
    gsd_m, sigma_m = (scale.gsd_mm or 0.0) / 1000, (scale.sigma_mm or 0.0) / 1000
    if scale.source is ScaleSource.LASER_RANGE and metadata.laser_range_m is not None:
        laser = metadata.laser_range_m
        return laser * cosine, math.hypot(LASER_SIGMA_M, LASER_SIGMA_SHARE * laser)
    if scale.source is ScaleSource.GIVEN_GSD:
        return gsd_m * camera.focal_px * cosine**1.5, sigma_m * camera.focal_px
    share = math.sqrt(max((sigma_m / gsd_m) ** 2 - camera.sigma_share**2, 1e-8))
    return gsd_m * camera.focal_px, gsd_m * camera.focal_px * share


def _face(metadata: PhotoMetadata, pose: Pose, scale: Scale, azimuth_deg: float) -> tuple[_Known | None, list[str]]:
    cosine = _cosine(pose, Face(azimuth_deg, 1.0).normal)
    if cosine <= math.cos(math.radians(MAX_INCIDENCE_DEG)):
        away = math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
        return None, [
            f"the camera looks {pose.yaw_deg:g} degrees from north, {away:.0f} degrees off a face that looks to "
            f"{azimuth_deg:g}: not placed on it; --face is where the face looks, towards the camera"
        ]
    if scale.source not in (ScaleSource.LASER_RANGE, ScaleSource.GIVEN_GSD, ScaleSource.STAND_OFF):
        return None, ["a face needs its distance: give --stand-off or --gsd-mm with --face"]
    distance, sigma = _distance(metadata, pose.camera, scale, cosine)
    words = f"places on an upright face that looks to {azimuth_deg:g} degrees, {distance:.2f} m from the camera"
    return (Face(azimuth_deg % 360.0, distance, scale.source.value.replace("_", " ")), sigma), [words]


def _stated_ground(metadata: PhotoMetadata, ground_m: float) -> tuple[_Known | None, list[str]]:
    height = metadata.relative_altitude_m
    if height is None:
        return None, ["--ground-height counts from the take-off point, and the height above it is not known: not used"]
    if height - ground_m <= 0:
        return None, [f"{height:g} m above take-off is below --ground-height {ground_m:g} m: not placed"]
    words = f"places on level ground {height - ground_m:.1f} m below the camera, as stated"
    return (Level(height - ground_m, "stated ground"), STATED_GROUND_SIGMA_M), [words]


def _terrain(metadata: PhotoMetadata, pose: Pose, path: Path) -> tuple[_Known | None, list[str]]:
    if pose.lonlat is None:
        return None, ["--terrain not used: the camera's position is not known"]
    reach = 6.0 * max(metadata.relative_altitude_m or 150.0, 20.0) + 50.0
    ground = ground_around(path, pose.lonlat, reach)
    if ground is None:
        return None, [f"--terrain {path.name} does not cover the camera's position: not used"]
    height = camera_height(metadata, ground)
    if not isinstance(height, CameraHeight):
        return None, [f"--terrain not used: {height}"]
    notes = [height.note] if height.note else []
    found = relief(ground, height.height_m, pose.camera, pose.rotation(), f"terrain {path.name}")
    if found is None:
        return None, [*notes, "the middle of the picture meets no ground of the terrain model: not placed"]
    notes.append(f"places on the terrain of {path.name}, {found.distance_m:.1f} m below the camera in the middle")
    return (found, height.sigma_m), notes


def _scale(scale: Scale, frame: FrameScale, pose: Pose) -> Scale:
    """Return the scale of the middle: what was stated as GSD stays, everything else is seen at the pose's angle."""
    if scale.source is ScaleSource.GIVEN_GSD:
        return scale
    surface = pose.surface
    if isinstance(surface, Face) or (isinstance(surface, Level) and surface.source != "stated ground"):
        return Scale(frame.gsd_mm, frame.sigma_mm, scale.source, scale.note)
    if scale.source in (ScaleSource.LASER_RANGE, ScaleSource.STAND_OFF):
        return scale
    source = surface.source if surface is not None else ""
    words = f"{surface.distance_m if surface else 0:.1f} m above {source}, seen at {frame.incidence_deg:.0f} degrees"
    return Scale(frame.gsd_mm, frame.sigma_mm, ScaleSource.GROUND_POSE, f"{words}; {pose.camera.source}")


def _words(frame: FrameScale, pose: Pose) -> list[str]:
    notes = []
    if frame.greatest_mm / frame.least_mm > 1.05:
        notes.append(
            f"{frame.least_mm:.3g} to {frame.greatest_mm:.3g} mm/px over the picture, along or across, by its tilt"
        )
    if not pose.camera.distortion:
        notes.append("lens distortion not known, not removed")
    return notes
