"""Which asset a photograph shows, by distance; the confidence is a stated formula, not a feeling.

For every asset i within reach, with distance d_i in metres from the camera's place (or, where it is nearer, from the
footprint), and for "none of them":

    L_i = exp(-d_i^2 / (2 s_i^2)),      s_i^2 = w^2 + sigma_position^2 + sigma_asset,i^2
    L_0 = exp(-D^2 / (2 s_1^2))
    confidence = min(0.95, L_1 / (L_0 + sum of all L_i))

w = 30 m is how far from its structure a camera works, D the largest distance; sigma_asset is 5 m for a drawn line or
outline and half the bridge's length for a point. So an asset at D has 1/2 even when nothing else is near, and of two
equally near ones each has at most 1/2. The normal law, w and the cap are our choice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import PurePath

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from findings.asset import Asset, AssetKind
from findings.survey import Assignment, AssignmentSource, Image, ImageKind
from imagery.assign import Outcome
from imagery.rtk import GPS_SIGMA_M

MAX_DISTANCE_M = 100.0
WORKING_DISTANCE_M = 30.0
MAP_SIGMA_M = 5.0
CAP = 0.95
_EARTH_M = 6_371_008.8
_REACH = 3.0  # assets up to this many times the largest distance count as rivals


class AssetPlaces:
    """The geometries of assets in an index; bridges before river reaches, for photographs are of structures."""

    def __init__(self, assets: Sequence[Asset]) -> None:
        self._kinds = []
        for kind in (AssetKind.BRIDGE, AssetKind.RIVER_REACH):
            placed = [a for a in assets if a.kind is kind and a.geometry is not None and not a.geometry.is_empty]
            self._kinds.append((placed, shapely.STRtree([asset.geometry for asset in placed])))
        self.any = any(placed for placed, _ in self._kinds)

    def near(self, image: Image, reach_m: float) -> list[list[tuple[float, Asset]]]:
        """Return (metres, asset) within a distance of a photograph, nearest first; bridges, then river reaches."""
        frame = _frame(image)
        if frame is None:
            return [[], []]
        lon, lat = frame
        dlat = math.degrees(reach_m / _EARTH_M)
        dlon = dlat / max(math.cos(math.radians(lat)), 0.01)
        west, south, east, north = image.footprint.bounds if image.footprint else (lon, lat, lon, lat)
        box = shapely.box(west - dlon, south - dlat, east + dlon, north + dlat)
        shown = _shown(image, frame)
        found = []
        for placed, tree in self._kinds:
            rows = []
            for i in tree.query(box):
                metres = [float(one.distance(_metres(placed[i].geometry, frame))) for one in shown]
                if min(metres) <= reach_m:
                    # of two in view the one nearer to the camera comes first
                    rows.append((min(metres), metres[0], placed[i].uid, placed[i]))
            found.append([(distance, asset) for distance, _, _, asset in sorted(rows, key=lambda row: row[:3])])
        return found


def from_distance(images: Sequence[Image], assets: Sequence[Asset], max_distance_m: float = MAX_DISTANCE_M) -> Outcome:
    """Return the nearest bridge of each photograph, or where none is near the nearest river reach.

    Scenes are left out: a scene shows many assets, and the nearest to its middle means nothing.

    Args:
        images: of one survey.
        assets: all of them; those without a geometry cannot be near anything.
        max_distance_m: farthest asset to take.
    """
    places = AssetPlaces(assets)
    outcome = Outcome()
    for image in images:
        name = PurePath(image.path).name
        if image.kind is not ImageKind.PHOTO:
            outcome.remarks.append((name, "a scene shows many assets; assign it by hand, or name the survey's asset"))
        elif _frame(image) is None:
            outcome.remarks.append((name, "no position: the nearest asset is unknown"))
        else:
            found = _choose(places.near(image, _REACH * max_distance_m), image, max_distance_m)
            if isinstance(found, Assignment):
                outcome.given[image.uid] = found
            else:
                outcome.remarks.append((name, found))
    return outcome


def _choose(near: list[list[tuple[float, Asset]]], image: Image, max_m: float) -> Assignment | str:
    """Return the assignment to the nearest asset of the first kind that has one near, or why there is none."""
    for rows in near:
        if rows and rows[0][0] <= max_m:
            value = confidence(rows, position_sigma_m(image), max_m)
            distance, asset = rows[0]
            note = f"{distance:.0f} m away" if distance > 0 else "in view"
            if len(rows) > 1:
                note += f"; next {rows[1][1].name} ({rows[1][1].uid}) at {rows[1][0]:.0f} m"
            return Assignment(asset.uid, None, None, AssignmentSource.NEAREST, value, note)
    beyond = min((row for rows in near for row in rows), key=lambda row: row[0], default=None)
    if beyond is None:
        return f"no asset within {_REACH * max_m:.0f} m"
    return f"no asset within {max_m:.0f} m; the nearest is {beyond[1].name} ({beyond[1].uid}) at {beyond[0]:.0f} m"


def confidence(rows: Sequence[tuple[float, Asset]], position_sigma: float, max_distance_m: float) -> float:
    """Return the probability that the first of some assets is the one shown; see the module for the formula.

    Args:
        rows: (metres, asset), nearest first.
        position_sigma: 1-sigma of the camera's place in metres.
        max_distance_m: D of the formula.
    """
    spread = [math.hypot(WORKING_DISTANCE_M, position_sigma, asset_sigma_m(asset)) for _, asset in rows]
    # relative to the first, so that distances far beyond the spread do not end as 0 / 0
    first = rows[0][0] ** 2 / (2 * spread[0] ** 2)
    none = math.exp(min(first - max_distance_m**2 / (2 * spread[0] ** 2), 700.0))
    total = sum(math.exp(min(first - d**2 / (2 * s**2), 700.0)) for (d, _), s in zip(rows, spread, strict=True))
    return round(min(CAP, 1.0 / (none + total)), 3)


def asset_sigma_m(asset: Asset) -> float:
    """Return how far an asset's parts may lie from its geometry: half the length of a bridge that is only a point."""
    length = asset.attributes.get("length_m")
    if asset.geometry is not None and asset.geometry.geom_type == "Point" and isinstance(length, int | float):
        return math.hypot(MAP_SIGMA_M, min(max(float(length), 0.0), 5000.0) / 2)
    return MAP_SIGMA_M


def position_sigma_m(image: Image) -> float:
    """Return the 1-sigma of a photograph's place: as its pose states it, else that of a receiver without correction."""
    sigma = (image.view or {}).get("sigma")
    stated = sigma.get("horizontal_m") if isinstance(sigma, Mapping) else None
    sound = isinstance(stated, int | float) and not isinstance(stated, bool) and 0 < stated < 1e5
    return float(stated) if sound and stated is not None else GPS_SIGMA_M


def _frame(image: Image) -> tuple[float, float] | None:
    """Return lon, lat of the origin for distances: the camera, or the middle of the footprint."""
    place = image.position_lonlat
    if place is None and image.footprint is not None and not image.footprint.is_empty:
        middle = image.footprint.centroid
        place = (middle.x, middle.y)
    return place if place is not None and all(map(math.isfinite, place)) else None


def _shown(image: Image, frame: tuple[float, float]) -> list[BaseGeometry]:
    """Return camera and footprint in metres around the frame, as far as they are known."""
    known: list[BaseGeometry] = []
    if image.position_lonlat is not None:
        known.append(_metres(shapely.Point(image.position_lonlat), frame))
    if image.footprint is not None and not image.footprint.is_empty:
        known.append(_metres(shapely.convex_hull(image.footprint), frame))
    return known


def _metres(geometry: BaseGeometry, frame: tuple[float, float]) -> BaseGeometry:
    """Return a lon, lat geometry in metres east and north of a place; good to 0.1 % below 10 km (mean radius)."""
    lon, lat = frame

    def flat(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        east = (lonlat[:, 0] - lon + 180.0) % 360.0 - 180.0
        return np.radians(np.column_stack([east * math.cos(math.radians(lat)), lonlat[:, 1] - lat])) * _EARTH_M

    return shapely.transform(geometry, flat)
