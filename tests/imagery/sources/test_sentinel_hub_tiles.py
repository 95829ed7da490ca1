"""Tiles: on multiples of the pixel, in their UTM zones, only where the area is."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from shapely.geometry import LineString, Point, Polygon, box

from findings.errors import InputError, RefusedSource
from imagery.sources.sentinel_tiles import box_area, buffered, zone_tiles
from imagery.sources.sentinel_units import processing_units

YAMAGUCHI = (130.77, 33.71, 132.50, 34.80)


def test_edges_are_multiples_of_the_pixel_and_sizes_are_exact() -> None:
    (zone,) = zone_tiles(box(131.400123, 34.100456, 131.520789, 34.170321), 10.0)
    assert len(zone.tiles) > 1
    for tile in zone.tiles:
        west, south, east, north = tile.bounds
        assert all(edge % 10 == 0 for edge in tile.bounds)
        assert (east - west, north - south) == (tile.window.width * 10, tile.window.height * 10)
        assert max(tile.window.width, tile.window.height) <= 512
        a, _, c, _, e, f = zone.grid.transform
        assert (c + a * tile.window.col, f + e * tile.window.row) == (west, north)
        assert tile.window.clip(zone.grid.width_px, zone.grid.height_px) == tile.window


@settings(max_examples=30, deadline=None)
@given(
    st.floats(126.2, 137.8), st.floats(25.0, 44.0), st.floats(0.001, 0.05), st.floats(0.001, 0.05),
    st.integers(16, 600),
)  # fmt: skip
def test_tiles_cover_the_area_once_each_pixel(lon: float, lat: float, wide: float, high: float, size: int) -> None:
    area = box(lon, lat, lon + wide, lat + high)
    for zone in zone_tiles(area, 10.0, size):
        count = np.zeros((zone.grid.height_px, zone.grid.width_px), int)
        for tile in zone.tiles:
            window = tile.window
            count[window.row : window.bottom, window.col : window.right] += 1
        assert count.max() == 1
        west, south = max(area.bounds[0], -186 + 6 * (zone.epsg % 100)), area.bounds[1]
        east, north = min(area.bounds[2], -180 + 6 * (zone.epsg % 100)), area.bounds[3]
        inside = shapely.segmentize(box(west, south, east, north), 0.001).buffer(-1e-7)
        move = Transformer.from_crs("EPSG:4326", f"EPSG:{zone.epsg}", always_xy=True)
        xs, ys = move.transform(*np.array(inside.exterior.coords).T)
        cols = np.floor((np.array(xs) - zone.grid.transform[2]) / 10).astype(int)
        rows = np.floor((zone.grid.transform[5] - np.array(ys)) / 10).astype(int)
        assert (count[rows, cols] == 1).all()


def test_the_prefecture_lies_in_two_zones_which_end_at_132_degrees() -> None:
    west, east = zone_tiles(box(*YAMAGUCHI), 10.0)
    assert (west.epsg, east.epsg) == (32652, 32653)
    assert (west.grid.crs, east.grid.crs) == ("EPSG:32652", "EPSG:32653")
    # anchors, 4.3: 801 tiles on a fixed grid; cells that start at the area's corner need a few fewer
    assert 700 < len(west.tiles) + len(east.tiles) < 850
    assert max(tile.outline_lonlat.bounds[0] for tile in west.tiles) < 132.0
    assert min(tile.outline_lonlat.bounds[2] for tile in east.tiles) > 132.0


def test_only_tiles_that_a_winding_reach_touches_are_planned() -> None:
    line = LineString([(131.40, 34.10), (131.46, 34.12), (131.50, 34.20)])
    area = buffered(line, 200)
    (zone,) = zone_tiles(area, 10.0, 64)
    cells = -(-zone.grid.width_px // 64) * -(-zone.grid.height_px // 64)
    assert len(zone.tiles) < cells / 2
    assert all(area.intersects(tile.outline_lonlat) for tile in zone.tiles)
    paid = sum(tile.window.width * tile.window.height for tile in zone.tiles)
    assert paid < 0.5 * zone.grid.width_px * zone.grid.height_px


def test_a_buffer_is_metres_on_the_ground() -> None:
    grown = buffered(Point(131.5, 34.2), 500)
    move = Transformer.from_crs("EPSG:4326", "EPSG:32652", always_xy=True)
    xs, ys = move.transform(*np.array(grown.exterior.coords).T)
    x, y = move.transform(131.5, 34.2)
    radius = np.hypot(np.array(xs) - x, np.array(ys) - y)
    assert radius == pytest.approx(500, rel=2e-3)


def test_a_line_without_buffer_has_no_area() -> None:
    with pytest.raises(InputError, match="give --buffer"):
        buffered(LineString([(131.4, 34.1), (131.5, 34.2)]), 0)


@pytest.mark.parametrize(
    "bounds",
    [(132.0, 34.0, 131.0, 35.0), (131.0, 35.0, 132.0, 34.0), (131.0, 34.0, 131.0, 35.0), (0.0, 80.0, 1.0, 85.0),
     (179.0, 10.0, 181.0, 11.0), (float("nan"), 34.0, 132.0, 35.0)],
)  # fmt: skip
def test_a_box_that_is_none_is_refused(bounds: tuple[float, float, float, float]) -> None:
    with pytest.raises(InputError, match="west,south,east,north"):
        box_area(bounds)


def test_a_box_of_half_the_world_is_refused_at_once() -> None:
    with pytest.raises(RefusedSource, match="over the cap of 20,000"):
        zone_tiles(box(-170, -60, 170, 60), 10.0)


def test_tiles_over_the_service_limit_are_refused() -> None:
    with pytest.raises(InputError, match="1 to 2500"):
        zone_tiles(box(131, 34, 131.1, 34.1), 10.0, 2501)


def test_an_area_south_of_the_equator_gets_a_southern_zone() -> None:
    (zone,) = zone_tiles(Polygon([(-74.0, -8.0), (-73.9, -8.0), (-73.9, -7.9)]), 10.0)
    assert zone.epsg == 32718


def test_processing_units_follow_the_published_table() -> None:
    assert processing_units(512, 512, 3) == 1
    assert processing_units(512, 512, 6) == 2
    assert processing_units(512, 512, 3, bits=32) == 2
    assert processing_units(512, 512, 3, bits=32, orthorectified=True) == 4
    assert processing_units(512, 512, 3, samples=5) == 5
    assert processing_units(1, 1, 3) == 0.01  # the least area
    assert processing_units(1, 1, 1) == 0.005  # the least request
    assert processing_units(1, 1, 1, least=0.01) == 0.01
