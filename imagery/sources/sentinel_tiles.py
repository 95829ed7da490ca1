"""Tiles over an area: in its UTM zones, on multiples of the pixel, small enough for one request, and only where needed.

``bbox_to_dimensions`` of sentinelhub rounds, so that 512 px of ground may come back as 502 (eotdl #241). Here the
pixels come first and the box follows from them. A zone ends at its meridian: the part of an area beyond lies on a grid
of the next zone, and is a scene of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from findings.errors import InputError, RefusedSource
from imagery.scene_product import SceneGrid
from imagery.types import Window

MOST_PX = 2500  # width and height of one request: docs.sentinel-hub.com/api/latest/reference, operation process
TILE_PX = 512
MOST_TILES = 20_000  # 100,000 km2 in tiles of 5.12 km; more is a mistyped number
DEGREE_M = 111_000.0
SOUTH, NORTH = -80.0, 84.0  # where UTM is defined


@dataclass(frozen=True, slots=True)
class Tile:
    """One request's part of a scene.

    Attributes:
        window: its pixels in the scene's grid.
        bounds: min x, min y, max x, max y in the scene's CRS, metres.
        outline_lonlat: of the same, WGS84.
    """

    window: Window
    bounds: tuple[float, float, float, float]
    outline_lonlat: Polygon


@dataclass(frozen=True, slots=True)
class ZoneTiles:
    """The part of an area in one UTM zone: a grid, and the tiles of it that the area touches."""

    epsg: int
    grid: SceneGrid
    tiles: tuple[Tile, ...]


def buffered(shape: BaseGeometry, metres: float) -> BaseGeometry:
    """Return a WGS84 lon, lat geometry grown by some metres, by an equidistant projection about its middle.

    Raises:
        InputError: the result has no area: a line or a point without buffer.
    """
    centre = shapely.centroid(shape)
    plane = CRS.from_proj4(f"+proj=aeqd +lat_0={centre.y} +lon_0={centre.x} +datum=WGS84 +units=m")
    there = _projected(shape, Transformer.from_crs("EPSG:4326", plane, always_xy=True))
    grown = there.buffer(metres) if metres else there
    if grown.is_empty or grown.area <= 0:
        raise InputError(
            f"a {shape.geom_type.lower()} of no width and a buffer of {metres:g} m have no area: give --buffer M"
        )
    return _projected(grown, Transformer.from_crs(plane, "EPSG:4326", always_xy=True))


def box_area(bounds: tuple[float, float, float, float]) -> Polygon:
    """Return the area of west, south, east, north in degrees.

    Raises:
        InputError: not such a box, or one that UTM does not reach.
    """
    west, south, east, north = bounds
    if not (-180 <= west < east <= 180 and SOUTH <= south < north <= NORTH):
        raise InputError(
            f"box {west:g},{south:g},{east:g},{north:g}: expected west,south,east,north in degrees with west < east, "
            f"south < north, within -180..180 and {SOUTH:g}..{NORTH:g}; halve a box that crosses the date line"
        )
    return box(west, south, east, north)


def zone_tiles(area: BaseGeometry, pixel_m: float, tile_px: int = TILE_PX) -> tuple[ZoneTiles, ...]:
    """Return grids and tiles of an area, one entry a UTM zone, from west to east.

    Args:
        area: WGS84 lon, lat.
        pixel_m: side of a pixel; the edges of all tiles are multiples of it.
        tile_px: longest side of a tile, up to 2500.

    Raises:
        InputError: tiles larger than one request may be, or an area that UTM does not reach.
        RefusedSource: more tiles than any river needs.
    """
    if not 1 <= tile_px <= MOST_PX:
        raise InputError(f"tiles of {tile_px} px: one request may have 1 to {MOST_PX}; choose a size within")
    west, south, east, north = area.bounds
    if not (west >= -180 and east <= 180 and south >= SOUTH and north <= NORTH):
        raise InputError(f"area {west:g},{south:g},{east:g},{north:g}: UTM reaches {SOUTH:g} to {NORTH:g} degrees")
    least_m2 = area.area * DEGREE_M**2 * math.cos(math.radians(max(abs(south), abs(north))))
    if least_m2 > MOST_TILES * (tile_px * pixel_m) ** 2:  # before anything is cut: half the world would take minutes
        raise _too_large(int(least_m2 / (tile_px * pixel_m) ** 2))
    found = []
    for zone in range(_zone(west), _zone(east) + 1):
        strip = box(-186 + 6 * zone, SOUTH, -180 + 6 * zone, NORTH)
        part = area.intersection(strip)
        if part.area <= 0:
            continue
        epsg = (32600 if (south + north) / 2 >= 0 else 32700) + zone
        found.append(_one_zone(part, epsg, pixel_m, tile_px))
    return tuple(zone for zone in found if zone.tiles)


def _zone(longitude: float) -> int:
    return min(int((longitude + 180) // 6) + 1, 60)


def _one_zone(part: BaseGeometry, epsg: int, pixel_m: float, tile_px: int) -> ZoneTiles:
    # Straight in degrees is bent in UTM: vertices at most 0.02 degrees (2 km) apart keep it within a tenth of a pixel.
    dense = shapely.segmentize(part, 0.02)
    shape = _projected(dense, Transformer.from_crs("EPSG:4326", f"EPSG:{epsg}", always_xy=True))
    left, bottom, right, top = _snapped(shape.bounds, pixel_m)
    width, height = right - left, top - bottom
    cells = math.ceil(width / tile_px) * math.ceil(height / tile_px)
    if cells > 50 * MOST_TILES:
        raise _too_large(cells)
    shapely.prepare(shape)
    tiles = []
    for row in range(0, height, tile_px):
        for col in range(0, width, tile_px):
            cell = _ground(left + col, top - row, min(tile_px, width - col), min(tile_px, height - row), pixel_m)
            if not shape.intersects(cell):
                continue
            inside = shape.intersection(cell)
            if inside.area <= 0:
                continue
            tiles.append(_tile(inside.bounds, left, top, pixel_m, epsg))
            if len(tiles) > MOST_TILES:
                raise _too_large(len(tiles))
    grid = SceneGrid(f"EPSG:{epsg}", (pixel_m, 0.0, left * pixel_m, 0.0, -pixel_m, top * pixel_m), width, height)
    return ZoneTiles(epsg, grid, tuple(tiles))


def _tile(bounds: tuple[float, ...], left: int, top: int, pixel_m: float, epsg: int) -> Tile:
    """Return the tile of the part of the area in one cell: no pixel is paid for that the area does not need."""
    west, south, east, north = _snapped(bounds, pixel_m)
    window = Window(west - left, top - north, east - west, north - south)
    ground = _ground(west, north, window.width, window.height, pixel_m)
    back = Transformer.from_crs(f"EPSG:{epsg}", "EPSG:4326", always_xy=True)
    low_x, low_y, high_x, high_y = map(float, ground.bounds)
    return Tile(window, (low_x, low_y, high_x, high_y), _projected(ground, back))


def _snapped(bounds: tuple[float, ...], pixel_m: float) -> tuple[int, int, int, int]:
    """Return bounds grown to whole pixels, in pixels. A millionth of a pixel beyond an edge is rounding, not ground."""
    slack = 1e-6
    west, south, east, north = (value / pixel_m for value in bounds)
    return (
        math.floor(west + slack),
        math.floor(south + slack),
        max(math.ceil(east - slack), math.floor(west + slack) + 1),
        max(math.ceil(north - slack), math.floor(south + slack) + 1),
    )


def _ground(left: int, top: int, width: int, height: int, pixel_m: float) -> Polygon:
    return box(left * pixel_m, (top - height) * pixel_m, (left + width) * pixel_m, top * pixel_m)


def _too_large(count: int) -> RefusedSource:
    return RefusedSource(
        f"{count:,} tiles would be needed, over the cap of {MOST_TILES:,}; check the box (west,south,east,north), or "
        "fetch it in parts"
    )


def _projected(shape: BaseGeometry, transformer: Transformer) -> BaseGeometry:
    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    return shapely.transform(shapely.force_2d(shape), move)
