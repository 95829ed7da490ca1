"""The frame of a reach out of its first scenes: the middle of the river they show, or the line that the asset has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pyproj import CRS
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info
from shapely.geometry import LineString, MultiLineString
from shapely.geometry.base import BaseGeometry
from shapely.ops import linemerge

from findings.asset import Asset
from findings.errors import InputError, NotAssessable
from findings.river_series import Floats, ReachFrame
from inference.river.channel import find_channel
from inference.river.grid import Grid, reproject
from inference.river.lines import centre_line, smoothed
from inference.river.look import SceneView
from inference.river.monitor.values import YEAR_DAYS
from inference.river.transects import make_frame

LineSource = Literal["water", "asset"]
YAMAGUCHI = (130.7, 33.6, 132.6, 34.9)
YAMAGUCHI_CRS = "EPSG:6671"
"""Japan Plane Rectangular CS III (JGD2011), in which Yamaguchi Prefecture keeps its plans."""
MEDIAN_YEARS = 2.0
SIDE_WIDTHS, SIDE_PX = 1.5, 10.0
"""A transect reaches so many channel widths and pixels to either side: banks move, and land must show beside them."""


def metric_crs(asset: Asset, lonlat: tuple[float, float]) -> str:
    """Return the CRS in which a reach is measured: its own attribute, EPSG:6671 in Yamaguchi, else its UTM zone.

    Raises:
        InputError: the attribute ``metric_crs`` names no metric CRS.
    """
    own = asset.attributes.get("metric_crs")
    if own is not None:
        crs = CRS.from_user_input(str(own))
        if crs.is_geographic or crs.axis_info[0].unit_name != "metre":
            raise InputError(f"metric_crs of {asset.uid} is {own!r}; expected one in metres, e.g. EPSG:6671")
        return str(own)
    lon, lat = lonlat
    if YAMAGUCHI[0] <= lon <= YAMAGUCHI[2] and YAMAGUCHI[1] <= lat <= YAMAGUCHI[3]:
        return YAMAGUCHI_CRS
    found = query_utm_crs_info("WGS 84", AreaOfInterest(lon, lat, lon, lat))
    return f"EPSG:{found[0].code}"


def asset_line(asset: Asset, crs: str) -> Floats | None:
    """Return the asset's line ``(M, 2)`` in a CRS, in its own direction, or None where it has none."""
    line = _longest(asset.geometry)
    if line is None:
        return None
    xy = np.asarray(line.coords)[:, :2]
    return np.stack(reproject("EPSG:4326", crs, xy[:, 0], xy[:, 1]), axis=1)


def make_reach_frame(
    asset: Asset, crs: str, views: Sequence[SceneView], *, spacing_m: float, source: LineSource
) -> ReachFrame:
    """Return the frame of a reach.

    Args:
        asset: the reach; the direction of its line is that of the flow, its chainage gives the posts.
        crs: metric.
        views: its first scenes; those on the grid of the first one and within two years of it give the median water: a
            river that wanders has no median over decades.
        spacing_m: between transects.
        source: ``water``: the middle of the channel that the scenes show; ``asset``: the asset's own line.

    Raises:
        NotAssessable: no scene shows a river that is wide enough.
        InputError: the asset's line was asked for and it has none.
    """
    alike = [view for view in views if grid_of(view) == grid_of(views[0]) and _near(view, views[0])]
    stack = np.stack([view.surfaces.water for view in alike])
    observed = np.asarray(np.isfinite(stack).any(axis=0), dtype=bool)
    if not observed.any():
        raise NotAssessable("the first scenes show nothing of the reach: clouds or no data all over")
    water = np.zeros(observed.shape, dtype=bool)
    water[observed] = np.nanmedian(stack[:, observed], axis=0) >= 0.5
    grid = grid_of(views[0])
    given = asset_line(asset, crs)
    if source == "asset":
        if given is None:
            raise InputError(f"{asset.uid} has no line; import one (KSJ W05, OSM, GeoJSON), or take --line water")
        line = smoothed(given, spacing_m / 2, min(10.0, spacing_m / 4))
    else:
        line = centre_line(water, observed, grid, crs, towards=given)
    channel, reason = find_channel(water, observed)
    if channel is None:
        raise NotAssessable(reason)
    half = (SIDE_WIDTHS * channel.width_px + SIDE_PX) * grid.pixel_m
    return make_frame(
        asset.uid, line, crs, spacing_m=spacing_m, half_length_m=half, chainage_km=_upwards(asset.chainage_km)
    )


def grid_of(view: SceneView) -> Grid:
    """Return where the pixels of a view lie."""
    return view.grid


def _near(view: SceneView, first: SceneView) -> bool:
    one, other = view.image.captured_at, first.image.captured_at
    return one is None or other is None or abs((one - other).total_seconds()) <= MEDIAN_YEARS * YEAR_DAYS * 86_400


def _upwards(chainage_km: tuple[float, float] | None) -> tuple[float, float] | None:
    if chainage_km is None or chainage_km[0] == chainage_km[1]:
        return None
    return (min(chainage_km), max(chainage_km))


def _longest(geometry: BaseGeometry | None) -> LineString | None:
    if geometry is None:
        return None
    if isinstance(geometry, MultiLineString):
        geometry = linemerge(geometry)
    lines = [part for part in getattr(geometry, "geoms", [geometry]) if isinstance(part, LineString)]
    return max((line for line in lines if line.length > 0), key=lambda line: float(line.length), default=None)
