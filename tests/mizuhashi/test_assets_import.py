"""`mizuhashi assets` as a user meets it: import in every format, crossings, and answers about piers."""

from __future__ import annotations

from pathlib import Path

from shapely.geometry import LineString, Point

from tests.findings.imports.files import Osm, without, write_geopackage, write_shapefile
from tests.mizuhashi.conftest import Program

RIVERS = [
    ({"ID": "R1", "河川名": "試験川"}, LineString([(131.2, 34.0), (131.2, 34.2)])),
    ({"ID": "R2", "河川名": "遠川"}, LineString([(131.9, 34.0), (131.9, 34.2)])),
]
BRIDGES = [
    ({"ID": "B1", "橋梁名": "試験水橋", "橋長": 40.0}, Point(131.2001, 34.1)),
    ({"ID": "B2", "橋梁名": "陸橋", "橋長": 40.0}, Point(131.5, 34.1)),
    ({"ID": "B3", "橋梁名": "無位置橋", "橋長": 40.0}, None),
]


def imported(program: Program, folder: Path) -> None:
    for name, features in (("rivers", RIVERS), ("bridges", BRIDGES)):
        assert program("assets", "import", write_geopackage(folder / f"{name}.gpkg", features)).status == 0


def test_a_bridge_is_imported_crosses_a_river_and_gets_its_answer(program: Program, tmp_path: Path) -> None:
    imported(program, tmp_path)
    found = program("assets", "crossings", "--find")
    assert found.status == 0
    assert "1 of 3 bridges cross a river, 1 crossings: 1 new" in found.out
    assert "1 bridges have no place" in found.out
    assert program("assets", "pier", "B1", "R1", "yes").out == "試験水橋 over 試験川: pier in the water: yes\n"
    (row,) = program("assets", "crossings", "--find", "--json").document
    assert (row["bridge"], row["river"], row["pier_in_channel"], row["source"]) == ("B1", "R1", "yes", "geometry")
    assert row["distance_m"] == 9.2
    assert row["note"] == "bridge is a point"
    attributes = {a["uid"]: a["attributes"] for a in program("assets", "list", "--json").document}
    assert attributes["B1"] == {"length_m": 40.0, "crosses_river_id": "R1", "pier_in_channel": 1.0}
    assert attributes["B2"] == {"length_m": 40.0}
    program("assets", "pier", "B1", "R1", "unknown")
    attributes = {a["uid"]: a["attributes"] for a in program("assets", "list", "--json").document}
    assert attributes["B1"] == {"length_m": 40.0, "crosses_river_id": "R1"}


def test_an_answer_for_a_pair_that_does_not_cross_needs_to_state_the_crossing(program: Program, tmp_path: Path) -> None:
    imported(program, tmp_path)
    refused = program("assets", "pier", "B3", "R1", "no")
    assert refused.status == 1
    assert "--state" in refused.err
    assert program("assets", "crossings", "--json").document == []
    assert program("assets", "pier", "B3", "R1", "no", "--state").status == 0
    (row,) = program("assets", "crossings", "--find", "--json").document[1:]
    assert (row["bridge"], row["pier_in_channel"], row["source"]) == ("B3", "no", "stated")
    assert program("assets", "pier", "R1", "B1", "no").status == 1  # the bridge comes first
    assert program("assets", "pier", "B1", "R1", "perhaps").status == 2


def test_a_list_that_states_its_crossings_is_taken_at_its_word(program: Program, tmp_path: Path) -> None:
    imported(program, tmp_path)
    path = tmp_path / "stated.csv"
    path.write_text("ID,橋梁名,crosses_river_id,pier_in_channel\nB3,無位置橋,R1,1\n", encoding="utf-8")
    assert "1 crossings as the list states them" in program("assets", "import", path).out
    (row,) = program("assets", "crossings", "--json").document
    assert (row["bridge"], row["river"], row["pier_in_channel"], row["source"]) == ("B3", "R1", "yes", "stated")


def test_a_shapefile_without_a_datum_is_refused_and_nothing_is_stored(program: Program, tmp_path: Path) -> None:
    path = without(write_shapefile(tmp_path / "b.shp", BRIDGES[:2], encoding="cp932"), ".prj")
    refused = program("assets", "import", path)
    assert (refused.status, refused.out) == (1, "")
    assert refused.err.count("\n") == 1
    assert "--crs EPSG:6668" in refused.err
    assert program("assets", "list", "--json").document == []
    assert program("assets", "import", path, "--crs", "EPSG:6668").status == 0
    assert len(program("assets", "list", "--json").document) == 2


def test_wrong_rows_are_told_the_others_taken_and_a_second_import_adds_nothing(
    program: Program, tmp_path: Path
) -> None:
    path = tmp_path / "b.csv"
    path.write_bytes('ID,橋梁名,緯度,経度\nB1,試験水橋,34.1,131.2\nB2,"石"橋,34,131\nB3,元橋,131,34\n'.encode("cp932"))
    first = program("assets", "import", path)
    assert first.status == 3
    assert [line.split(": ")[2] for line in first.err.splitlines()] == ["row 3", "row 4"]
    assert "1 assets read (1 bridges, 0 rivers), 1 new, 0 updated" in first.out
    assert "1 assets read (1 bridges, 0 rivers), 0 new, 0 updated" in program("assets", "import", path).out


def test_an_extract_of_openstreetmap_is_imported_with_its_notes(program: Program, tmp_path: Path) -> None:
    osm = Osm().way(1, [(1, -60, 0), (2, 60, 0)], highway="primary", bridge="yes", name="試験橋")
    osm.way(2, [(3, 0, -500), (4, 0, 0), (5, 0, 500)], waterway="river", name="試験川")
    ran = program("assets", "import", osm.write(tmp_path / "x.osm.pbf", missing=[3]))
    assert ran.status == 0
    assert "note: 試験川: way/2 was cut at the edge of the extract" in ran.out
    assert "2 assets read (1 bridges, 1 rivers), 2 new" in ran.out
    only = program("assets", "import", tmp_path / "x.osm.pbf", "--kind", "river")
    assert "1 assets read (0 bridges, 1 rivers), 0 new, 0 updated" in only.out
    assert "1 crossings: 1 new" in program("assets", "crossings", "--find").out


def test_one_layer_of_two_is_named(program: Program, tmp_path: Path) -> None:
    path = write_geopackage(tmp_path / "two.gpkg", BRIDGES, layer="bridges")
    write_geopackage(path, RIVERS, layer="rivers", append=True)
    refused = program("assets", "import", path)
    assert refused.status == 1
    assert "--layer: bridges, rivers" in refused.err
    assert program("assets", "import", path, "--layer", "rivers").status == 0
