"""Crossings by geometry: what meets, what nearly meets, and what does not depend on order or place."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import GeometryCollection, LineString, MultiLineString, MultiPoint, Point, Polygon
from shapely.geometry.base import BaseGeometry

from findings.asset import Asset, AssetKind, Crossing, PierInChannel
from findings.imports.crossings import find_crossings, stated_crossings

LON, LAT = 131.2, 34.1
EAST_M, NORTH_M = 92_300.0, 110_920.0
"""Metres of a degree at 34.1 N, to a part in a thousand (the arc of GRS80's parallel and meridian there)."""


def at(east: float, north: float) -> tuple[float, float]:
    return LON + east / EAST_M, LAT + north / NORTH_M


def line(*points: tuple[float, float]) -> LineString:
    return LineString([at(*point) for point in points])


def bridge(geometry: BaseGeometry | None, uid: str = "b", **attributes: Any) -> Asset:
    return Asset(uid, AssetKind.BRIDGE, "試験橋", geometry=geometry, attributes=attributes)


def river(geometry: BaseGeometry | None, uid: str = "r", name: str = "試験川") -> Asset:
    return Asset(uid, AssetKind.RIVER_REACH, name, geometry=geometry)


STRAIGHT = line((0, -500), (0, 500))


def offset_m(crossing: Crossing) -> tuple[float, float]:
    return (crossing.lonlat[0] - LON) * EAST_M, (crossing.lonlat[1] - LAT) * NORTH_M


def test_a_bridge_and_a_river_that_meet_cross_where_they_meet() -> None:
    (found,) = find_crossings([bridge(line((-30, 10), (30, 10))), river(STRAIGHT)])
    assert (found.bridge_uid, found.river_uid, found.distance_m, found.note) == ("b", "r", 0.0, "")
    assert (found.pier_in_channel, found.source) == (PierInChannel.UNKNOWN, "geometry")
    assert offset_m(found) == pytest.approx((0, 10), abs=0.1)


@pytest.mark.parametrize(
    ("over", "water"),
    [
        (Polygon([at(-30, -5), at(30, -5), at(30, 5), at(-30, 5)]), STRAIGHT),
        (line((-30, 0), (30, 0)), Polygon([at(-10, -500), at(10, -500), at(10, 500), at(-10, 500)])),
        (line((-30, 0), (30, 0)), GeometryCollection([STRAIGHT, Polygon([at(-9, -50), at(9, -50), at(9, 50)])])),
        (GeometryCollection([Polygon([at(-30, -5), at(-20, -5), at(-20, 5)]), line((-20, 0), (30, 0))]), STRAIGHT),
        (MultiLineString([line((-30, 0), (30, 0)), line((-30, 15), (30, 15))]), STRAIGHT),
        (line((-30, 0), (30, 0)), Polygon([at(-10, -10), at(10, 10), at(10, -10), at(-10, 10)])),
        (LineString([(*at(-30, 0), 9.0), (*at(30, 0), 9.0)]), STRAIGHT),
    ],
    ids=["outline", "surface", "line and surface", "outline and line", "carriageways", "bow tie", "3D"],
)
def test_outlines_surfaces_and_collections_meet_as_lines_do(over: BaseGeometry, water: BaseGeometry) -> None:
    (found,) = find_crossings([bridge(over), river(water)])
    assert (found.distance_m, found.note) == (0.0, "")
    assert abs(offset_m(found)[0]) < 15


def test_a_river_that_winds_below_a_bridge_is_one_crossing_that_says_so() -> None:
    winding = line((-100, -50), (-100, 50), (100, 50), (100, -50))
    (found,) = find_crossings([bridge(line((-200, 0), (200, 0))), river(winding)])
    assert found.note == "meets it at 2 places"


def test_a_bridge_crosses_every_river_that_it_meets_and_no_other() -> None:
    rivers = [river(line((east, -500), (east, 500)), f"r{east}") for east in (0, 40, 70)]
    found = find_crossings([bridge(line((-30, 0), (62, 0))), *rivers])
    assert [crossing.river_uid for crossing in found] == ["r0", "r40"]


@pytest.mark.parametrize(("gap", "crosses"), [(6.0, True), (9.5, True), (10.5, False)])
def test_a_line_drawn_a_little_short_crosses_the_nearest_river_and_the_gap_is_stated(gap: float, crosses: bool) -> None:
    far = river(line((gap + 3, -500), (gap + 3, 500)), "far")
    found = find_crossings([bridge(line((-30, 0), (-gap, 0))), river(STRAIGHT), far])
    assert [crossing.river_uid for crossing in found] == (["r"] if crosses else [])
    if found:
        assert found[0].distance_m == pytest.approx(gap, abs=0.1)
        assert found[0].note == f"bridge and river are drawn {found[0].distance_m:g} m apart"


@pytest.mark.parametrize(
    ("east", "attributes", "expected"),
    [
        (10, {}, "bridge is a point of unknown length"),
        (60, {}, "bridge is a point of unknown length"),
        (66, {}, None),
        (30, {"length_m": 20.0}, "bridge is a point"),
        (36, {"length_m": 20.0}, None),
        (100, {"length_m": 90.0}, "bridge is a point"),
        (104, {"length_m": 80.0, "width_m": 20.0}, "bridge is a point"),
        (2500, {"length_m": 90_000.0}, None),
    ],
)
def test_a_point_reaches_as_far_as_its_bridge_is_long(
    east: float, attributes: dict[str, Any], expected: str | None
) -> None:
    found = find_crossings([bridge(Point(at(east, 0)), **attributes), river(STRAIGHT)])
    assert [crossing.note for crossing in found] == ([] if expected is None else [expected])
    if found:
        assert found[0].distance_m == pytest.approx(east, rel=0.002, abs=0.1)


def test_of_several_rivers_in_reach_of_a_point_the_list_of_bridges_decides() -> None:
    near, far = river(STRAIGHT, "near", "近川"), river(line((30, -500), (30, 500)), "far", "遠川")
    place = Point(at(5, 0))
    both = find_crossings([bridge(place, length_m=50.0), near, far])
    assert [(c.river_uid, c.note) for c in both] == [
        ("far", "bridge is a point; 2 rivers in reach"), ("near", "bridge is a point; 2 rivers in reach"),
    ]  # fmt: skip
    (one,) = find_crossings([bridge(place, length_m=50.0, river_name="遠川"), near, far])
    assert (one.river_uid, one.note) == ("far", "bridge is a point; its list names 遠川")
    (other,) = find_crossings([bridge(place, length_m=10.0, river_name="別川"), near, far])
    assert other.river_uid == "near"
    assert "its list names 別川, which is not in reach" in other.note


def test_reach_is_a_circle_and_not_a_square() -> None:
    end = river(line((0, 0), (-500, -500)))
    assert find_crossings([bridge(Point(at(60, 60))), end]) == []
    assert len(find_crossings([bridge(Point(at(45, 45))), end])) == 1


def test_a_bridge_near_a_river_but_out_of_reach_crosses_nothing() -> None:
    assert find_crossings([bridge(line((0, -10), (0, -10.5))), river(line((0, 0.2), (0, 1)))]) == []


def test_what_has_no_place_or_only_a_point_for_a_river_crosses_nothing() -> None:
    assert find_crossings([]) == []
    assert find_crossings([bridge(None), river(STRAIGHT)]) == []
    assert find_crossings([bridge(Point(at(0, 0))), river(None)]) == []
    assert find_crossings([bridge(Point(at(0, 0))), river(Point(at(0, 0)))]) == []
    assert len(find_crossings([bridge(MultiPoint([at(0, 0), at(1, 0)])), river(STRAIGHT)])) == 1


def test_many_vertices_and_many_bridges_find_the_same_as_few() -> None:
    dense = LineString([at(0, north / 10) for north in range(-5000, 5001)])
    bridges = [bridge(line((-30, north), (30, north)), f"b{north:+05}") for north in range(-400, 401, 7)]
    few, many = (find_crossings([*bridges, river(shape)]) for shape in (STRAIGHT, dense))
    assert [c.bridge_uid for c in few] == sorted(b.uid for b in bridges)
    assert [(c.bridge_uid, c.distance_m, c.note) for c in few] == [(c.bridge_uid, c.distance_m, c.note) for c in many]


points = st.tuples(st.integers(-300, 300), st.integers(-300, 300))
lines = st.lists(points, min_size=2, max_size=6, unique=True).map(lambda found: line(*found))
shapes = st.one_of(points.map(lambda point: Point(at(*point))), lines)
networks = st.tuples(
    st.lists(shapes, min_size=1, max_size=6), st.lists(lines, min_size=1, max_size=6), st.randoms(use_true_random=False)
)


def network(shapes: list[BaseGeometry], lines: list[BaseGeometry]) -> list[Asset]:
    bridges = [bridge(shape, f"b{i}", length_m=40.0 + i) for i, shape in enumerate(shapes)]
    return bridges + [river(shape, f"r{i}") for i, shape in enumerate(lines)]


@settings(max_examples=40, deadline=None)
@given(networks)
def test_the_order_of_the_assets_does_not_matter(drawn: tuple[Any, Any, random.Random]) -> None:
    assets = network(drawn[0], drawn[1])
    shuffled = list(assets)
    drawn[2].shuffle(shuffled)
    assert find_crossings(shuffled) == find_crossings(assets) == find_crossings(assets)


@settings(max_examples=40, deadline=None)
@given(networks, st.sampled_from([-91.0, -3.25, 0.5, 8.0]))
def test_the_same_network_elsewhere_on_its_parallel_has_the_same_crossings(
    drawn: tuple[Any, Any, random.Random], east_deg: float
) -> None:
    assets = network(drawn[0], drawn[1])
    moved = [replace(a, geometry=shapely.transform(a.geometry, lambda p: p + np.array([east_deg, 0]))) for a in assets]
    here, there = find_crossings(assets), find_crossings(moved)
    assert [(c.bridge_uid, c.river_uid, c.note) for c in here] == [(c.bridge_uid, c.river_uid, c.note) for c in there]
    for one, other in zip(here, there, strict=True):
        assert other.distance_m == pytest.approx(one.distance_m, abs=0.11)
        # Where several points are equally near the middle, rounding may take another one of them.
        assert other.lonlat[1] == pytest.approx(one.lonlat[1], abs=0.01)


@settings(max_examples=40, deadline=None)
@given(networks)
def test_every_crossing_lies_within_its_distance_of_both(drawn: tuple[Any, Any, random.Random]) -> None:
    assets = {asset.uid: asset for asset in network(drawn[0], drawn[1])}
    for crossing in find_crossings(list(assets.values())):
        place = Point(crossing.lonlat)
        for uid, most in ((crossing.river_uid, 0.2), (crossing.bridge_uid, crossing.distance_m + 0.2)):
            assert shapely.distance(place, assets[uid].geometry) * NORTH_M <= most * 1.21  # a degree east is shorter


def test_a_list_that_names_the_river_by_its_id_states_the_crossing() -> None:
    place = Point(at(5, 0))
    assets = [
        bridge(place, "b1", crosses_river_id="r", pier_in_channel=1.0),
        bridge(place, "b2", crosses_river_id="r", pier_in_channel=0.0),
        bridge(None, "b3", crosses_river_id="r"),
        bridge(place, "b4", crosses_river_id="nowhere"),
        bridge(None, "b5", crosses_river_id="dry"),
    ]
    found = stated_crossings(assets, [river(STRAIGHT), river(None, "dry")])
    assert [(c.bridge_uid, c.pier_in_channel.value, c.source) for c in found] == [
        ("b1", "yes", "stated"), ("b2", "no", "stated"), ("b3", "unknown", "stated"),
    ]  # fmt: skip
