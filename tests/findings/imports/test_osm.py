"""OpenStreetMap extracts: one asset a structure, one a river, and nothing lost where the extract was cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from findings.asset import Asset, AssetKind
from findings.errors import RecordError
from findings.imports import Options, read_file
from findings.imports.crossings import find_crossings
from tests.findings.imports.files import Osm

LINE = [(1, 0.0, 0.0), (2, 60.0, 0.0)]
NEXT = [(2, 60.0, 0.0), (3, 120.0, 0.0)]
ROAD = {"highway": "primary", "bridge": "yes"}
SQUARE = [(20, -30.0, -200.0), (21, 30.0, -200.0), (22, 30.0, 200.0), (23, -30.0, 200.0), (20, -30.0, -200.0)]


def beside(north: float, first: int = 4) -> list[tuple[int, float, float]]:
    return [(first, 0.0, north), (first + 1, 60.0, north)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "extract.osm.pbf"


def bridges(osm: Osm, path: Path) -> list[Asset]:
    return [a for a in read_file(osm.write(path)).assets if a.kind is AssetKind.BRIDGE]


def rivers(osm: Osm, path: Path) -> list[Asset]:
    return [a for a in read_file(osm.write(path)).assets if a.kind is AssetKind.RIVER_REACH]


def shape(asset: Asset) -> BaseGeometry:
    assert asset.geometry is not None
    return asset.geometry


ONE_STRUCTURE: list[tuple[str, Osm, str]] = [
    ("end to end", Osm().way(1, LINE, name="試験橋", **ROAD).way(2, NEXT, **ROAD), "試験橋"),
    ("lanes that fork", Osm().way(1, LINE, **ROAD).way(2, NEXT, **ROAD).way(3, [(2, 60, 0), (9, 90, 9)], **ROAD), ""),
    ("carriageways of one name", Osm().way(1, LINE, bridge__name="試験橋", **ROAD).way(
        2, beside(20), bridge__name="試験橋", **ROAD), "試験橋"),
    ("carriageways of one number", Osm().way(1, LINE, bridge__ref="B-7", **ROAD).way(
        2, beside(20), bridge__ref="B-7", **ROAD), ""),
    ("on one outline", Osm().way(1, LINE, **ROAD).way(2, beside(8), highway="footway", bridge="yes").way(
        3, [(30, -5, -5), (31, 65, -5), (32, 65, 12), (33, -5, 12), (30, -5, -5)], man_made="bridge", name="試験橋"),
     "試験橋"),
    ("by relation", Osm().way(1, LINE, **ROAD).way(2, beside(200), **ROAD).way(5, beside(90, 50), **ROAD).relation(
        7, [("w", 1, "across"), ("w", 2, "across"), ("w", 5, "across")], type="bridge", name="試験橋"), "試験橋"),
]  # fmt: skip


@pytest.mark.parametrize(("osm", "name"), [case[1:] for case in ONE_STRUCTURE], ids=[case[0] for case in ONE_STRUCTURE])
def test_ways_of_one_structure_are_one_bridge(path: Path, osm: Osm, name: str) -> None:
    (bridge,) = bridges(osm, path)
    assert bridge.name == name or (not name and bridge.name.startswith("名称不明の橋"))
    assert sorted(bridge.attributes["osm_members"].split()) == [f"way/{number}" for number, _, _ in osm.ways]


TWO_STRUCTURES: list[tuple[str, Osm]] = [
    ("names differ", Osm().way(1, LINE, name="東橋", **ROAD).way(2, NEXT, name="西橋", **ROAD)),
    ("levels differ", Osm().way(1, LINE, **ROAD).way(2, NEXT, layer="2", **ROAD)),
    ("a railway beside a road", Osm().way(1, LINE, **ROAD).way(2, NEXT, railway="rail", bridge="yes")),
    ("one road's name, far apart", Osm().way(1, LINE, name="新道", **ROAD).way(2, beside(900), name="新道", **ROAD)),
    ("one bridge's name, far apart", Osm().way(1, LINE, name="新橋", **ROAD).way(2, beside(900), name="新橋", **ROAD)),
    ("side by side without a name", Osm().way(1, LINE, **ROAD).way(2, beside(20), **ROAD)),
    ("only below", Osm().way(1, LINE, **ROAD).way(2, beside(90), **ROAD).relation(
        7, [("w", 1, "across"), ("w", 2, "under")], type="bridge")),
]  # fmt: skip


@pytest.mark.parametrize("osm", [case[1] for case in TWO_STRUCTURES], ids=[case[0] for case in TWO_STRUCTURES])
def test_ways_of_two_structures_are_two_bridges(path: Path, osm: Osm) -> None:
    assert len(bridges(osm, path)) == 2


def test_the_ramps_of_an_elevated_motorway_do_not_make_one_bridge_of_a_city(path: Path) -> None:
    way = {"highway": "motorway", "bridge": "viaduct"}
    ramp = {"highway": "motorway_link", "bridge": "viaduct"}
    osm = Osm().way(1, LINE, **way).way(2, NEXT, **way).way(3, [(2, 60, 0), (9, 90, 40)], **ramp)
    assert len(bridges(osm, path)) == 3


def test_what_is_no_bridge_any_more_or_not_yet_is_left_out(path: Path) -> None:
    osm = Osm().way(1, LINE, **ROAD)
    for number, value in enumerate(("no", "proposed", "abandoned"), start=2):
        osm.way(number, beside(number * 100, number * 10), highway="primary", bridge=value)
    assert [asset.uid for asset in bridges(osm, path)] == ["osm-way-1"]


def test_a_bridge_keeps_its_outline_and_says_what_it_carries(path: Path) -> None:
    outline = [(30, -5, -5), (31, 65, -5), (32, 65, 12), (33, -5, 12), (30, -5, -5)]
    osm = Osm().way(1, LINE, name="国道9号", ref="9", **ROAD).way(3, outline, man_made="bridge", bridge__name="試験橋")
    (bridge,) = bridges(osm, path)
    assert (bridge.name, bridge.attributes["route_name"]) == ("試験橋", "9")
    assert bridge.attributes["osm_class"] == "highway=primary・man_made=bridge"
    assert bridge.external_ids == {"osm": "way/1"}
    assert shape(bridge).geom_type == "Polygon"
    assert "length_m" not in bridge.attributes  # a drawn length is not 橋長


RIVER = {"waterway": "river", "name": "試験川"}


def test_lines_of_one_name_that_touch_are_one_river_and_those_elsewhere_are_another(path: Path) -> None:
    osm = Osm().way(1, [(1, 0, 0), (2, 0, 100)], **RIVER).way(2, [(2, 0, 100), (3, 0, 200)], **RIVER)
    osm.way(3, [(4, 900, 0), (5, 900, 100)], **RIVER).way(
        4, [(2, 0, 100), (6, 50, 150)], waterway="stream", name="枝川"
    )
    found = rivers(osm, path)
    assert [(a.name, a.attributes["osm_members"]) for a in found] == [
        ("試験川", "way/1 way/2"), ("試験川", "way/3"), ("枝川", "way/4"),
    ]  # fmt: skip
    assert shape(found[0]).geom_type == "LineString"


def test_a_relation_unites_a_river_across_a_gap_and_names_it(path: Path) -> None:
    osm = Osm().way(1, [(1, 0, 0), (2, 0, 100)], waterway="river").way(2, [(3, 0, 500), (4, 0, 600)], waterway="river")
    osm.relation(
        9, [("w", 1, "main_stream"), ("w", 2, "main_stream")], type="waterway", waterway="river", name="試験川"
    )
    (found,) = rivers(osm, path)
    assert (found.name, shape(found).geom_type) == ("試験川", "MultiLineString")


def test_a_relation_of_which_the_extract_holds_a_part_says_so(path: Path) -> None:
    osm = Osm().way(1, [(1, 0, 0), (2, 0, 100)], waterway="river")
    osm.relation(9, [("w", 1, "main_stream"), ("w", 2, "main_stream")], type="waterway", name="試験川")
    (found,) = rivers(osm, path)
    assert found.attributes["source_note"] == "relation/9: 1 of its 2 ways are not in the extract"


def test_nameless_lines_go_on_into_each_other_but_not_through_a_fork(path: Path) -> None:
    osm = (
        Osm().way(1, [(1, 0, 0), (2, 0, 100)], waterway="stream").way(2, [(2, 0, 100), (3, 0, 200)], waterway="stream")
    )
    osm.way(3, [(3, 0, 200), (4, 0, 300)], waterway="stream").way(4, [(3, 0, 200), (5, 50, 300)], waterway="stream")
    assert [a.attributes["osm_members"] for a in rivers(osm, path)] == ["way/1 way/2", "way/3", "way/4"]


def test_a_water_area_belongs_to_the_river_that_runs_through_it_and_ponds_are_no_rivers(path: Path) -> None:
    osm = Osm().way(1, [(1, 0, -500), (2, 0, 500)], **RIVER).way(5, SQUARE, natural="water", water="river")
    osm.way(6, [(40, 300, 0), (41, 310, 0), (42, 310, 9), (40, 300, 0)], natural="water", water="pond")
    osm.way(7, [(50, 600, 0), (51, 700, 0), (52, 700, 90), (50, 600, 0)], waterway="riverbank", name="孤川")
    found = rivers(osm, path)
    assert [(a.name, a.attributes["osm_members"]) for a in found] == [("試験川", "way/1 way/5"), ("孤川", "way/7")]
    assert {part.geom_type for part in shape(found[0]).geoms} == {"Polygon", "LineString"}


def test_an_area_of_several_ways_keeps_its_island(path: Path) -> None:
    osm = Osm().way(1, [(1, 0, -500), (2, 0, 500)], **RIVER)
    osm.way(2, [(20, -90, -90), (21, 90, -90), (22, 90, 90)]).way(3, [(22, 90, 90), (23, -90, 90), (20, -90, -90)])
    osm.way(4, [(30, -9, -9), (31, 9, -9), (32, 9, 9), (30, -9, -9)])
    members = [("w", 2, "outer"), ("w", 3, "outer"), ("w", 4, "inner")]
    (found,) = rivers(osm.relation(8, members, type="multipolygon", natural="water", water="river"), path)
    (area,) = [part for part in shape(found).geoms if part.geom_type == "Polygon"]
    assert len(area.interiors) == 1


CLIPPED: list[tuple[str, Osm, list[int], str]] = [
    ("a line", Osm().way(1, [(1, 0, 0), (2, 0, 100), (3, 0, 200)], **RIVER), [3], "way/1 was cut"),
    ("a line in its middle", Osm().way(1, [(n, 0, n * 100) for n in range(1, 7)], **RIVER), [3], "way/1 was cut"),
    ("a ring", Osm().way(1, [(1, 0, -500), (2, 0, 500)], **RIVER).way(5, SQUARE, natural="water", water="river"), [22],
     "way/5: a ring is cut"),
    ("a ring's way", Osm().way(1, [(1, 0, -500), (2, 0, 500)], **RIVER).way(5, SQUARE[:3]).relation(
        8, [("w", 5, "outer"), ("w", 6, "outer")], type="multipolygon", natural="water", water="river"), [],
     "relation/8: 1 of its 2 ways are not in the extract"),
    ("a ring that does not close", Osm().way(1, [(1, 0, -500), (2, 0, 500)], **RIVER).way(5, SQUARE[:3]).relation(
        8, [("w", 5, "outer")], type="multipolygon", natural="water", water="river"), [], "a ring does not close"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("osm", "missing", "expected"), [case[1:] for case in CLIPPED], ids=[case[0] for case in CLIPPED]
)
def test_what_the_extract_cut_is_kept_in_part_and_said_so(
    path: Path, osm: Osm, missing: list[int], expected: str
) -> None:
    found = read_file(osm.write(path, missing=missing))
    (river,) = found.assets
    assert (river.name, found.errors) == ("試験川", ())
    assert expected in river.attributes["source_note"]
    assert any(expected in note for note in found.notes)
    kinds = {part.geom_type for part in getattr(shape(river), "geoms", [shape(river)])}
    assert kinds == {"LineString"}  # no area is invented where the ring is open
    if osm.relations or len(osm.ways) > 1:
        assert "5" in river.attributes["osm_members"] or "relation/8" in river.attributes["osm_members"]


def test_no_straight_line_is_drawn_across_a_missing_node(path: Path) -> None:
    osm = Osm().way(1, [(1, 0, 0), (2, 0, 100), (3, 500, 100), (4, 500, 200), (5, 500, 300)], **RIVER)
    (river,) = read_file(osm.write(path, missing=[3])).assets
    assert [len(part.coords) for part in shape(river).geoms] == [2, 2]


def test_an_object_without_any_node_in_the_file_is_told(path: Path) -> None:
    osm = Osm().way(1, LINE, **ROAD).way(2, beside(90), name="試験橋", **ROAD)
    found = read_file(osm.write(path, missing=[4, 5]))
    assert len(found.assets) == 1
    assert [str(error) for error in found.errors] == [
        "extract.osm.pbf: way/2: none of its nodes are in the extract; take an extract with complete ways"
    ]


def test_a_bridge_of_the_extract_crosses_its_river(path: Path) -> None:
    osm = Osm().way(1, [(1, -60, 0), (2, 60, 0)], name="試験橋", **ROAD).way(2, [(3, 0, -500), (4, 0, 500)], **RIVER)
    osm.way(5, SQUARE, natural="water", water="river")
    (crossing,) = find_crossings(read_file(osm.write(path)).assets)
    assert (crossing.bridge_uid, crossing.river_uid, crossing.distance_m) == ("osm-way-1", "osm-way-2", 0.0)
    assert Point(crossing.lonlat).distance(Point(131.2, 34.1)) < 1e-4


def test_only_one_kind_is_taken_on_demand(path: Path) -> None:
    osm = Osm().way(1, LINE, **ROAD).way(2, [(3, 0, -500), (4, 0, 500)], **RIVER)
    osm.write(path)
    for kind in AssetKind:
        assert [asset.kind for asset in read_file(path, Options(kind=kind)).assets] == [kind]


def test_a_second_reading_gives_the_same_assets(path: Path, tmp_path: Path) -> None:
    osm = Osm().way(1, LINE, **ROAD).way(2, NEXT, **ROAD).way(5, SQUARE, natural="water", water="river")
    first = read_file(osm.write(path)).assets
    osm.ways.reverse()
    osm.way(90, beside(500), **ROAD)
    again = read_file(osm.write(tmp_path / "again.osm.pbf")).assets
    assert len(first) == 2
    assert [a for a in again if a.uid != "osm-way-90"] == list(first)


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda p: Osm().way(1, LINE, highway="primary").write(p), "no bridge and no river"),
        (lambda p: p.write_bytes(Osm().way(1, LINE, **ROAD).write(p).read_bytes()[:-30]), "is damaged"),
        (lambda p: p.write_bytes(b"\0\0\0\x0e\n\tOSMHeader and then nothing of the sort"), "is damaged"),
    ],
    ids=["nothing of ours", "truncated", "header only"],
)
def test_an_extract_that_cannot_be_used_is_refused(path: Path, write: object, expected: str) -> None:
    write(path)  # type: ignore[operator]
    with pytest.raises(RecordError, match=expected):
        read_file(path)


def test_another_reference_system_for_openstreetmap_is_refused(path: Path) -> None:
    Osm().way(1, LINE, **ROAD).write(path)
    with pytest.raises(RecordError, match="always WGS84"):
        read_file(path, Options(crs="EPSG:4301"))
    assert len(read_file(path, Options(crs="EPSG:4326")).assets) == 1


def test_an_extract_over_the_cap_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Osm().way(1, LINE, **ROAD).way(2, beside(90), **ROAD).write(path)
    monkeypatch.setattr("findings.imports.osm_extract.MAX_FEATURES", 1)
    with pytest.raises(RecordError, match="take a smaller region"):
        read_file(path)
    monkeypatch.undo()
    monkeypatch.setattr("findings.imports.osm_extract.MAX_VERTICES", 3)
    with pytest.raises(RecordError, match="4 nodes"):
        read_file(path)
