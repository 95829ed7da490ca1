"""Where the flight check meets the pose of a picture: its corners on the ground, and the pose put right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyproj
from shapely.geometry import Polygon

from findings.survey import Image
from imagery.pose import Pose

Corners = list[tuple[float, float]]
_GEOD = pyproj.Geod(ellps="WGS84")
LEFT_RIGHT, HALF = (1, 0, 3, 2), (2, 3, 0, 1)


def corners_lonlat(image: Image) -> Corners | None:
    """Return lon, lat of the picture's corners (top left, top right, bottom right, bottom left), or None.

    From the pose where there is one: an outline may have been cut off at the horizon. Without a pose from the outline,
    which has as many points on each side.

    Raises:
        InputError: the view cannot be read.
    """
    if image.view is not None:
        w, h = image.width_px, image.height_px
        found = Pose.from_json(image.view).to_lonlat(np.array([[0, 0], [w, 0], [w, h], [0, h]], float))
        return [(float(lon), float(lat)) for lon, lat in found] if np.isfinite(found).all() else None
    ring = [] if image.footprint is None else list(image.footprint.exterior.coords)[:-1]
    if len(ring) < 4 or len(ring) % 4:
        return None
    return [(float(point[0]), float(point[1])) for point in ring[:: len(ring) // 4]]


def off_vertical_deg(image: Image) -> float | None:
    """Return the angle between the view and the vertical, 90 for a picture of an upright face, or None if unknown.

    Raises:
        InputError: the view cannot be read.
    """
    if image.view is None:
        return image.incidence_deg
    forward = Pose.from_json(image.view).rotation()[:, 2]
    return float(np.degrees(np.arccos(np.clip(-forward[2], -1.0, 1.0))))


def turned(image: Image, degrees: float, *, in_file: bool, mirrored: bool) -> Image:
    """Return the image with its upper edge so many degrees further anticlockwise on the ground.

    Args:
        image: the record.
        degrees: to be taken off the recorded direction of the upper edge.
        in_file: the stored picture was turned after it was taken; otherwise the recorded direction was wrong.
        mirrored: the stored picture is flipped left to right. A pose knows no such camera, so the view is dropped.
    """
    if image.view is not None and not mirrored:
        pose = Pose.from_json(image.view)
        if in_file:
            pose = replace(pose, turned_deg=_within(pose.turned_deg + degrees))
        else:
            pose = replace(pose, yaw_deg=_within(pose.yaw_deg - degrees))
        outline, _ = pose.outline()
        return replace(image, view=pose.to_json(), footprint=outline)
    corners = corners_lonlat(image)
    if corners is None:
        return image
    if mirrored:
        corners = [corners[k] for k in LEFT_RIGHT]
    if abs(_within(degrees)) == 180.0:
        corners = [corners[k] for k in HALF]
    elif degrees:
        corners = _carried(corners, degrees)
    return replace(image, footprint=Polygon(corners), view=None if mirrored else image.view)


def _carried(corners: Sequence[tuple[float, float]], degrees: float) -> Corners:
    """Return corners turned anticlockwise about their middle."""
    lon, lat = np.mean(corners, axis=0)
    carried = []
    for corner in corners:
        azimuth, _, distance = _GEOD.inv(lon, lat, *corner)
        x, y, _ = _GEOD.fwd(lon, lat, azimuth - degrees, distance)
        carried.append((float(x), float(y)))
    return carried


def _within(angle_deg: float) -> float:
    return 180.0 - (180.0 - angle_deg) % 360.0
