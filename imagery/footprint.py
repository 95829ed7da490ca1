"""Where the pixels of a picture lie on the ground."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from pyproj.exceptions import CRSError, ProjError
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from findings.survey import Image, ImageKind, Scale
from imagery.photo import PhotoMetadata
from imagery.pose import Pose
from imagery.rtk import GPS_SIGMA_M
from imagery.scale import is_nadir, to_lonlat
from imagery.surface import Face, Level, Relief
from imagery.view import photo_view

Points = NDArray[np.float64]
_GEOD = pyproj.Geod(ellps="WGS84")
_SOURCES = {Level: "footprint", Relief: "terrain", Face: "face"}


@dataclass(frozen=True, slots=True)
class Footprint:
    """A photograph that looks straight down on a level plane, by its pose if there is one.

    Attributes:
        width_px: columns.
        height_px: rows.
        position_lonlat: below the camera, the middle of the picture.
        gsd_m: metres per pixel.
        yaw_deg: direction of the upper image edge, clockwise from north.
        sigma_m: 1-sigma of the place of a corner: position, scale and tilt together.
        notes: doubts.
        pose: camera and angles, where they are known.
    """

    width_px: int
    height_px: int
    position_lonlat: tuple[float, float]
    gsd_m: float
    yaw_deg: float
    sigma_m: float
    notes: tuple[str, ...] = ()
    pose: Pose | None = None

    @property
    def polygon_lonlat(self) -> Polygon:
        """Corners in WGS84 lon, lat, in the order top left, top right, bottom right, bottom left of the picture."""
        w, h = self.width_px, self.height_px
        return Polygon(self.pixel_to_lonlat(np.array([[0, 0], [w, 0], [w, h], [0, h]], float)))

    def pixel_to_lonlat(self, xy: Points) -> Points:
        """Return lon, lat ``(N, 2)`` of image positions x right, y down ``(N, 2)``."""
        if self.pose is not None:
            return self.pose.to_lonlat(xy)
        right = (xy[:, 0] - self.width_px / 2) * self.gsd_m
        up = (self.height_px / 2 - xy[:, 1]) * self.gsd_m
        azimuth = np.degrees(np.arctan2(right, up)) + self.yaw_deg
        lon0, lat0 = (np.full(len(xy), value) for value in self.position_lonlat)
        lon, lat, _ = _GEOD.fwd(lon0, lat0, azimuth, np.hypot(right, up))
        return np.column_stack([lon, lat])

    def lonlat_to_pixel(self, lonlat: Points) -> Points:
        """Return image positions ``(N, 2)`` of lon, lat ``(N, 2)``; the inverse of :meth:`pixel_to_lonlat`."""
        if self.pose is not None:
            return self.pose.to_pixels(lonlat)
        lon0, lat0 = (np.full(len(lonlat), value) for value in self.position_lonlat)
        azimuth, _, distance = _GEOD.inv(lon0, lat0, lonlat[:, 0], lonlat[:, 1])
        angle = np.radians(azimuth - self.yaw_deg)
        right, up = distance * np.sin(angle), distance * np.cos(angle)
        return np.column_stack([right / self.gsd_m + self.width_px / 2, self.height_px / 2 - up / self.gsd_m])


def photo_footprint(metadata: PhotoMetadata, width_px: int, height_px: int, scale: Scale) -> Footprint | None:
    """Return the footprint of a photograph, or None unless position, scale, direction and a nadir view are known.

    Other views, and what the user states of the surface: `imagery.view.photo_view`.
    """
    yaw = metadata.gimbal_yaw_deg if metadata.gimbal_yaw_deg is not None else metadata.flight_yaw_deg
    if metadata.position_lonlat is None or scale.gsd_mm is None or yaw is None or not is_nadir(metadata):
        return None
    edited = edited_note(metadata)
    view = photo_view(metadata, width_px, height_px, scale)
    if view.pose is not None and view.pose.surface is not None and view.sigma_m is not None:
        gsd_m = (view.scale.gsd_mm or scale.gsd_mm) / 1000.0
        notes = (*view.notes, *edited)
        return Footprint(width_px, height_px, metadata.position_lonlat, gsd_m, yaw, view.sigma_m, notes, view.pose)
    gsd_m = scale.gsd_mm / 1000.0
    half_diagonal_m = math.hypot(width_px, height_px) / 2 * gsd_m
    share = (scale.sigma_mm or 0.0) / scale.gsd_mm
    off_nadir = abs((metadata.gimbal_pitch_deg or -90.0) + 90.0)
    tilt_m = math.tan(math.radians(off_nadir)) * (metadata.relative_altitude_m or 0.0)
    place = metadata.position_sigma.horizontal_m if metadata.position_sigma is not None else GPS_SIGMA_M
    sigma = math.hypot(place, half_diagonal_m * share, tilt_m)
    notes = ("footprint on a level plane, as if straight down: the focal length is not known", *edited)
    return Footprint(width_px, height_px, metadata.position_lonlat, gsd_m, yaw, sigma, notes)


def edited_note(metadata: PhotoMetadata) -> tuple[str, ...]:
    """Return the doubt that an editor leaves about the direction of a picture, as notes."""
    if not metadata.edited_by:
        return ()
    return (
        f"saved again by {metadata.edited_by}: if it was turned by 180 degrees there, the outline holds, "
        "but places inside it are mirrored about its centre",
    )


def scene_to_lonlat(transform: Sequence[float], crs: str, xy: Points) -> Points:
    """Return WGS84 lon, lat ``(N, 2)`` of positions ``(N, 2)`` in a georeferenced raster (x right, y down)."""
    a, b, c, d, e, f = transform
    x, y = xy[:, 0], xy[:, 1]
    lon, lat = to_lonlat(crs).transform(a * x + b * y + c, d * x + e * y + f)
    return np.column_stack([lon, lat])


def scene_footprint(transform: Sequence[float], crs: str, width_px: int, height_px: int) -> Polygon | None:
    """Return the outline of a scene in WGS84 with 8 points a side (edges bend), or None if it cannot be projected."""
    steps = np.arange(8) / 8.0
    sides = [np.column_stack([steps, 0 * steps]), np.column_stack([1 + 0 * steps, steps])]
    unit = np.vstack([*sides, *(1.0 - side for side in sides)])
    try:
        lonlat = scene_to_lonlat(transform, crs, unit * [width_px, height_px])
    except (CRSError, ProjError):
        return None
    if not (np.isfinite(lonlat).all() and (np.abs(lonlat) <= [360.0, 90.0]).all()):  # some grids run from 0 to 360
        return None
    return Polygon(lonlat)


def locator(image: Image) -> tuple[Callable[[Points], Points], str] | None:
    """Return a function from image positions ``(N, 2)`` to lon, lat ``(N, 2)`` and its ``position_source``.

    Scenes are placed by their georeference, photographs by their pose (NaN for pixels that show no known ground), and
    photographs without a pose by the four corners of their footprint; None where the place of a pixel is not known.
    An outline is placed by `place_outline`.

    Raises:
        InputError: the stored view cannot be read.
    """
    crs, transform = image.crs, image.transform
    if image.kind is ImageKind.SCENE:
        if crs is None or transform is None or scene_footprint(transform, crs, image.width_px, image.height_px) is None:
            return None
        return (lambda xy: scene_to_lonlat(transform, crs, xy)), "georeference"
    pose = Pose.from_json(image.view) if image.view is not None else None
    if pose is not None and pose.surface is not None and pose.lonlat is not None:
        return pose.to_lonlat, _SOURCES[type(pose.surface)]
    if image.footprint is None or (pose is not None and pose.surface is not None):
        return None
    corners = np.asarray(image.footprint.exterior.coords, float)[:4]
    size = np.array([image.width_px, image.height_px], float)

    def place(xy: Points) -> Points:
        u, v = (xy / size).T
        weights = np.stack([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v], axis=1)
        return np.asarray(weights @ corners)

    return place, "footprint"


def place_outline(image: Image, outline_px: Polygon) -> tuple[BaseGeometry, str] | None:
    """Return the place of an outline of image positions in WGS84 and its ``position_source``, or None.

    None if a part of it shows no known ground. On an upright face an outline has no area on the map: there it is the
    line that it covers, or a point.

    Raises:
        InputError: the stored view cannot be read.
    """
    found = locator(image)
    if found is None:
        return None
    place, source = found
    corners = place(shapely.get_coordinates(outline_px))
    if not np.isfinite(corners).all():
        return None
    if source != "face":
        return shapely.transform(outline_px, place), source
    ends = corners[np.lexsort((corners[:, 1], corners[:, 0]))[[0, -1]]]
    return (LineString(ends) if (ends[0] != ends[1]).any() else Point(ends[0])), source
