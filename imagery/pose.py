"""Where a camera stood and looked, and from it the place and size of every pixel.

Angles are DJI's: with yaw clockwise from north, pitch up and roll in north-east-down axes, a direction b in the
camera's body (forward, right, down) is R_z(yaw) R_y(pitch) R_x(roll) b. An image position has the body direction
(1, (column - cx) / f, (row - cy) / f) before distortion. Lengths are metres in the tangent plane at the camera (east,
north, up); geodesics on WGS84 lead from there to longitude and latitude.

On a plane at the distance h, seen at the incidence t at the principal point, a pixel measures

    h / (f cos t) across the tilt,  h / (f cos^2 t) along it,

which is h / f for a camera that looks straight at it: the ray is h / cos t long, and along the tilt the pixel lies on
the plane at the angle t.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyproj
from numpy.typing import NDArray
from shapely.geometry import Point, Polygon
from shapely.ops import unary_union

from findings.errors import InputError
from imagery.camera import Camera, Points
from imagery.surface import MAX_INCIDENCE_DEG, Face, Level, Relief, Surface, surface_from_json

VERSION = 1
_GEOD = pyproj.Geod(ellps="WGS84")
_EDGE_STEPS = 8
_FRAME_STEPS = 9


@dataclass(frozen=True, slots=True)
class PoseSigma:
    """1-sigma of a pose: position along each level axis, distance to the surface, direction, pitch and roll each."""

    horizontal_m: float
    distance_m: float
    yaw_deg: float
    tilt_deg: float


@dataclass(frozen=True, slots=True)
class Pose:
    """A camera in its place.

    Attributes:
        camera: of this picture.
        lonlat: of the camera, WGS84, or None: then pixels have metres, but no place on Earth.
        yaw_deg: clockwise from true north.
        pitch_deg: 0 to the horizon, -90 straight down.
        roll_deg: clockwise as seen from behind the camera.
        surface: what the picture shows, or None if nobody knows.
        sigma: of the pose.
        turned_deg: how far the stored picture was turned clockwise after it was taken.
    """

    camera: Camera
    lonlat: tuple[float, float] | None
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    surface: Surface | None
    sigma: PoseSigma
    turned_deg: float = 0.0

    def rotation(self) -> NDArray[np.float64]:
        """Return the matrix ``(3, 3)`` from right, down, forward of the stored picture to east, north, up."""
        yaw, pitch, roll, turn = (
            math.radians(angle) for angle in (self.yaw_deg, self.pitch_deg, self.roll_deg, self.turned_deg)
        )
        cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (math.cos, math.sin))
        ned = (
            np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
            @ np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
            @ np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
        )
        body = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])  # forward, right, down of right, down, forward
        ct, st = math.cos(turn), math.sin(turn)
        unturned = np.array([[ct, st, 0], [-st, ct, 0], [0, 0, 1]])
        enu = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]])
        return np.asarray(enu @ ned @ body @ unturned)

    def points(self, xy: Points) -> Points:
        """Return metres east, north, up of the camera ``(N, 3)`` of image positions ``(N, 2)``.

        NaN where the ray meets nothing, or too flatly (80 degrees from the normal), or where no surface is known.
        """
        positions = np.asarray(xy, float)
        if self.surface is None:
            return np.full((len(positions), 3), np.nan)
        rays = self.camera.rays(positions) @ self.rotation().T
        return np.asarray(rays * self.surface.depths(positions, rays)[:, None])

    def pixels(self, points: Points) -> Points:
        """Return image positions ``(N, 2)`` of metres east, north, up of the camera ``(N, 3)``; NaN behind it."""
        return self.camera.project(np.asarray(points, float) @ self.rotation())

    def to_lonlat(self, xy: Points) -> Points:
        """Return lon, lat ``(N, 2)`` of image positions ``(N, 2)``; NaN where nothing is met or nobody knows."""
        if self.lonlat is None:
            return np.full((len(xy), 2), np.nan)
        return _metres_to_lonlat(self.lonlat, self.points(xy)[:, :2])

    def to_pixels(self, lonlat: Points) -> Points:
        """Return image positions ``(N, 2)`` of places ``(N, 2)`` on a level plane, the inverse of `to_lonlat`.

        Raises:
            InputError: the surface is no level plane, or the camera has no place.
        """
        if not isinstance(self.surface, Level) or self.lonlat is None:
            raise InputError("a place is one pixel on a level plane only; ask for the pixels of points instead")
        lon, lat = (np.full(len(lonlat), value) for value in self.lonlat)
        azimuth, _, metres = _GEOD.inv(lon, lat, lonlat[:, 0], lonlat[:, 1])
        angle = np.radians(azimuth)
        down = np.full(len(lonlat), -self.surface.distance_m)
        return self.pixels(np.column_stack([metres * np.sin(angle), metres * np.cos(angle), down]))

    def face_coordinates(self, xy: Points) -> Points:
        """Return metres along and up ``(N, 2)`` of image positions on an upright face.

        Along is to the right for somebody who looks at the face. Both count from the point of the face that is right
        opposite the camera.

        Raises:
            InputError: the picture shows no upright face.
        """
        if not isinstance(self.surface, Face):
            raise InputError("the picture shows no upright face; ingest it with --face AZIMUTH")
        found = self.points(xy)
        return np.column_stack([found @ self.surface.along, found[:, 2]])

    def outline(self) -> tuple[Polygon | None, bool]:
        """Return what the picture shows of the ground in WGS84, and whether a part was cut off towards the horizon.

        None without a place on Earth, without ground in view, and for an upright face, whose outline has no area. An
        outline that is not cut starts at the upper left corner and runs clockwise in the picture.
        """
        if self.lonlat is None or self.surface is None or isinstance(self.surface, Face):
            return None, False
        border = self._border(1 if isinstance(self.surface, Level) and not self.camera.distortion else _EDGE_STEPS)
        found = self.points(border)[:, :2]
        if np.isfinite(found).all():
            return Polygon(_metres_to_lonlat(self.lonlat, found)), False
        part = self._level_part() if isinstance(self.surface, Level) else self._relief_part(self.surface)
        if part is None or part.is_empty:
            return None, True
        largest = max(getattr(part, "geoms", [part]), key=lambda one: one.area)
        return Polygon(_metres_to_lonlat(self.lonlat, np.asarray(largest.exterior.coords))), True

    def _border(self, steps: int) -> Points:
        part = np.arange(steps) / steps
        sides = [np.column_stack([part, 0 * part]), np.column_stack([1 + 0 * part, part])]
        unit = np.vstack([*sides, *(1.0 - side for side in sides)])
        return np.asarray(unit * [self.camera.width_px, self.camera.height_px])

    def _level_part(self) -> Polygon | None:
        """Return the visible ground up to the flattest ray that counts, in metres east and north."""
        rays = self.camera.rays(self._border(_EDGE_STEPS)) @ self.rotation().T
        kept = _clip(rays, -0.02)  # a half-plane of the picture that ends above the horizon, far outside the circle
        if len(kept) < 3 or not isinstance(self.surface, Level):
            return None
        ground = kept[:, :2] * (self.surface.distance_m / -kept[:, 2])[:, None]
        circle = Point(0, 0).buffer(self.surface.distance_m * math.tan(math.radians(MAX_INCIDENCE_DEG)), quad_segs=32)
        return Polygon(ground).buffer(0).intersection(circle)

    def _relief_part(self, relief: Relief) -> Polygon | None:
        cols, rows = np.meshgrid(relief.columns, relief.rows)
        found = self.points(np.column_stack([cols.ravel(), rows.ravel()]))[:, :2].reshape(*cols.shape, 2)
        cells = [
            Polygon([found[r, c], found[r, c + 1], found[r + 1, c + 1], found[r + 1, c]]).buffer(0)
            for r in range(cols.shape[0] - 1)
            for c in range(cols.shape[1] - 1)
            if np.isfinite(found[r : r + 2, c : c + 2]).all()
        ]
        return unary_union(cells) if cells else None

    def to_json(self) -> dict[str, Any]:
        """Return the pose as plain JSON, for ``Image.view``."""
        return {
            "version": VERSION,
            "camera": self.camera.to_json(),
            "lonlat": list(self.lonlat) if self.lonlat else None,
            "yaw_deg": self.yaw_deg,
            "pitch_deg": self.pitch_deg,
            "roll_deg": self.roll_deg,
            "turned_deg": self.turned_deg,
            "surface": self.surface.to_json() if self.surface else None,
            "sigma": {
                "horizontal_m": self.sigma.horizontal_m,
                "distance_m": self.sigma.distance_m,
                "yaw_deg": self.sigma.yaw_deg,
                "tilt_deg": self.sigma.tilt_deg,
            },
        }

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> Pose:
        """Return the pose that `to_json` wrote; unknown keys are left alone.

        Raises:
            InputError: not a pose of this version.
        """
        try:
            if stored["version"] != VERSION:
                raise ValueError(f"version {stored['version']}")
            place, surface = stored["lonlat"], stored["surface"]
            return Pose(
                Camera.from_json(stored["camera"]),
                (float(place[0]), float(place[1])) if place else None,
                float(stored["yaw_deg"]),
                float(stored["pitch_deg"]),
                float(stored["roll_deg"]),
                surface_from_json(surface) if surface else None,
                PoseSigma(**{name: float(value) for name, value in stored["sigma"].items()}),
                float(stored["turned_deg"]),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError(f"view cannot be read ({error!r}); expected version {VERSION}: ingest it again") from error


@dataclass(frozen=True, slots=True)
class PixelScale:
    """Size of pixels on the surface ``(N,)``: mm along columns and along rows, root of the area, angle to the normal.

    Where a picture is tilted both ways, the sides of a pixel do not stand at right angles on the surface.
    """

    x_mm: NDArray[np.float64]
    y_mm: NDArray[np.float64]
    mean_mm: NDArray[np.float64]
    incidence_deg: NDArray[np.float64]


def pixel_scale(view: Pose | Mapping[str, Any], xy: Points) -> PixelScale:
    """Return the size of the pixels at image positions ``(N, 2)`` on the surface, and at which angle it is seen.

    By differences over one pixel: exact but for the second order of the perspective (1e-6 of the size). NaN where the
    picture shows no surface.

    Args:
        view: a pose, or ``Image.view``.
        xy: columns and rows.
    """
    pose = view if isinstance(view, Pose) else Pose.from_json(view)
    positions = np.asarray(xy, float)
    right, below = np.array([0.5, 0.0]), np.array([0.0, 0.5])
    across = pose.points(positions + right) - pose.points(positions - right)
    down = pose.points(positions + below) - pose.points(positions - below)
    here = pose.points(positions)
    normal = pose.surface.normals(here) if pose.surface is not None else np.full_like(here, np.nan)
    cross = np.cross(down, across)
    area = np.linalg.norm(cross, axis=1)
    if isinstance(pose.surface, Relief):
        normal = cross / area[:, None]
    cosine = -np.sum(here * normal, axis=1) / np.linalg.norm(here, axis=1)
    incidence = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    x_mm, y_mm = (np.linalg.norm(side, axis=1) * 1000 for side in (across, down))
    return PixelScale(x_mm, y_mm, np.sqrt(area) * 1000, incidence)


@dataclass(frozen=True, slots=True)
class FrameScale:
    """Scale of a picture: mm per pixel in its middle with 1-sigma, shortest and longest pixel side, incidence."""

    gsd_mm: float
    sigma_mm: float
    least_mm: float
    greatest_mm: float
    incidence_deg: float


def frame_scale(pose: Pose) -> FrameScale | None:
    """Return the scale of a picture, or None if its middle shows no known surface.

    The middle's value is the root of the pixel's area, h / (f cos^1.5 t); its 1-sigma follows from distance, focal
    length and tilt: (sigma/gsd)^2 = (sigma_h/h)^2 + (sigma_f/f)^2 + (1.5 tan t sigma_t)^2.
    """
    width, height = pose.camera.width_px, pose.camera.height_px
    middle = pixel_scale(pose, np.array([[width / 2, height / 2]]))
    if pose.surface is None or not np.isfinite(middle.mean_mm).all():
        return None
    gsd, incidence = float(middle.mean_mm[0]), float(middle.incidence_deg[0])
    tilt = 1.5 * math.tan(math.radians(incidence)) * math.radians(pose.sigma.tilt_deg)
    share = math.hypot(pose.sigma.distance_m / pose.surface.distance_m, pose.camera.sigma_share, tilt)
    cols, rows = np.meshgrid(np.linspace(1, width - 1, _FRAME_STEPS), np.linspace(1, height - 1, _FRAME_STEPS))
    frame = pixel_scale(pose, np.column_stack([cols.ravel(), rows.ravel()]))
    sides = np.stack([frame.x_mm, frame.y_mm])
    return FrameScale(gsd, gsd * share, float(np.nanmin(sides)), float(np.nanmax(sides)), incidence)


def place_covariance(pose: Pose, xy: Points) -> NDArray[np.float64]:
    """Return the covariance ``(N, 2, 2)`` in m^2 of east and north of image positions, to first order.

    Position, distance, yaw, pitch, roll and focal length err independently of each other.
    """
    sigma, camera = pose.sigma, pose.camera
    steps: list[tuple[float, Pose]] = [
        (sigma.yaw_deg, replace(pose, yaw_deg=pose.yaw_deg + 1e-4)),
        (sigma.tilt_deg, replace(pose, pitch_deg=pose.pitch_deg + 1e-4)),
        (sigma.tilt_deg, replace(pose, roll_deg=pose.roll_deg + 1e-4)),
        (camera.sigma_share, replace(pose, camera=replace(camera, focal_px=camera.focal_px * (1 + 1e-4)))),
    ]
    if pose.surface is not None:
        steps.append((sigma.distance_m, replace(pose, surface=pose.surface.moved(1e-4))))
    here = pose.points(xy)[:, :2]
    found = np.tile(np.eye(2) * sigma.horizontal_m**2, (len(here), 1, 1))
    for one_sigma, moved in steps:
        slope = (moved.points(xy)[:, :2] - here) / 1e-4 * one_sigma
        found += slope[:, :, None] * slope[:, None, :]
    return found


def corner_sigma_m(pose: Pose) -> float | None:
    """Return the 1-sigma along one axis of the worst corner that shows ground, or None if none does."""
    w, h = pose.camera.width_px, pose.camera.height_px
    spread = place_covariance(pose, np.array([[0, 0], [w, 0], [w, h], [0, h]], float))
    by_corner = np.sqrt((spread[:, 0, 0] + spread[:, 1, 1]) / 2)
    return float(np.nanmax(by_corner)) if np.isfinite(by_corner).any() else None


def _metres_to_lonlat(lonlat: tuple[float, float], metres: Points) -> Points:
    azimuth = np.degrees(np.arctan2(metres[:, 0], metres[:, 1]))
    lon0, lat0 = (np.full(len(metres), value) for value in lonlat)
    known = np.asarray(np.isfinite(metres).all(axis=1))
    lon, lat, _ = _GEOD.fwd(lon0, lat0, np.where(known, azimuth, 0.0), np.where(known, np.hypot(*metres.T), 0.0))
    return np.where(known[:, None], np.column_stack([lon, lat]), np.nan)


def _clip(rays: Points, highest: float) -> Points:
    """Return a polygon of rays ``(N, 3)`` without what rises above ``highest`` (Sutherland and Hodgman, 1974)."""
    kept = []
    for one, two in zip(rays, np.roll(rays, -1, axis=0), strict=True):
        if one[2] <= highest:
            kept.append(one)
        if (one[2] <= highest) != (two[2] <= highest):
            kept.append(one + (two - one) * (highest - one[2]) / (two[2] - one[2]))
    return np.array(kept).reshape(-1, 3)
