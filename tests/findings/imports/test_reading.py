"""Files of bridges and rivers in every format: what is read, and what is refused in which words."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely.geometry import LineString, MultiLineString, Point, Polygon

from findings.asset import AssetKind
from findings.errors import RecordError
from findings.imports import Imported, Options, read_file, shapefile
from tests.findings.imports.files import (
    BRIDGES,
    PLANE,
    STREAMS,
    in_plane,
    parts,
    without,
    write_geopackage,
    write_shapefile,
    zipped,
)

# What GDAL says when it cuts names of columns to the ten bytes of a .dbf.
pytestmark = pytest.mark.filterwarnings("ignore:.*laundered:RuntimeWarning", "ignore:Could not decode:RuntimeWarning")

NAMES = ["試験水橋", "試験石橋"]
PLACES = [(131.20, 34.10), (131.25, 34.12)]
IN_PLANE = tuple((values, in_plane(geometry)) for values, geometry in BRIDGES if geometry is not None)
SWAPPED = tuple((values, in_plane(geometry, swapped=True)) for values, geometry in BRIDGES if geometry is not None)


def places(found: Imported) -> list[tuple[float, float]]:
    return [(round(a.geometry.x, 6), round(a.geometry.y, 6)) for a in found.assets if a.geometry is not None]


@pytest.mark.parametrize(
    "write",
    [
        lambda t: write_geopackage(t / "b.gpkg"),
        lambda t: write_geopackage(t / "b.gpkg", IN_PLANE, crs=PLANE),
        lambda t: write_shapefile(t / "b.shp", encoding="cp932"),
        lambda t: write_shapefile(t / "b.shp", encoding="utf-8"),
        lambda t: write_shapefile(t / "b.shp", IN_PLANE, crs=PLANE, encoding="cp932"),
        lambda t: without(write_shapefile(t / "b.shp", encoding="cp932"), ".cpg"),
        lambda t: without(write_shapefile(t / "b.shp", encoding="utf-8"), ".cpg"),
        lambda t: zipped(t / "b.zip", parts(write_shapefile(t / "b.shp", encoding="cp932"), "橋/")),
        lambda t: zipped(t / "b.zip", {"b.gpkg": write_geopackage(t / "b.gpkg")}),
    ],
    ids=[
        "gpkg", "gpkg in the plane", "shp cp932", "shp utf-8", "shp in the plane", "shp cp932 undeclared",
        "shp utf-8 undeclared", "zipped shp", "zipped gpkg",
    ],
)  # fmt: skip
def test_the_same_bridges_come_from_every_format(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    found = read_file(write(tmp_path))
    assert found.errors == ()
    assert [asset.name for asset in found.assets] == NAMES
    assert [asset.uid for asset in found.assets] == ["T001", "T002"]
    assert [(asset.soundness, len(asset.spans)) for asset in found.assets] == [("II", 2), ("III", 1)]
    assert places(found) == PLACES


def test_text_and_json_come_through_the_same_door(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    path.write_bytes("全国地方公共団体コード,ID,橋梁名,緯度,経度\n999999,T001,試験水橋,34.1,131.2\n".encode("cp932"))
    found = read_file(path)
    assert (places(found), found.errors) == (PLACES[:1], ())
    assert found.notes == ("recognised: 自治体標準オープンデータセット",)
    geometry = shapely.geometry.mapping(IN_PLANE[0][1])
    features = [{"type": "Feature", "properties": {"橋梁名": "試験水橋"}, "geometry": geometry}]
    declared = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::6671"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": declared, "features": features}))
    found = read_file(path)
    assert (places(found), found.errors) == (PLACES[:1], ())
    assert "accuracy of about 1 m" in found.notes[0]


def test_an_answer_of_xroad_and_one_of_the_data_platform_are_the_same_bridge(tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    record = {
        "shisetsu_id": "34.1,131.2", "shisetsu_bangou": "BR0-999999-00001",
        "syogen": {"shisetsu": {"meisyou": "試験水橋", "furigana": "シケンミズハシ"}, "kyouchou": 25.5, "fukuin": 6,
                   "ichi": {"ido": 34.1, "keido": 131.2, "todofuken_meisyou": "試験県"}, "kasetsu_nendo": 1975},
        "tenken": {"kiroku": {"hantei_kubun": 3}},
    }  # fmt: skip
    path.write_text(json.dumps({"result": [record, "no record", {"syogen": {}}]}))
    found = read_file(path)
    (bridge,) = found.assets
    assert (bridge.name, bridge.kind, bridge.soundness) == ("試験水橋", AssetKind.BRIDGE, "III")
    assert bridge.external_ids == {"xroad_shisetsu_id": "34.1,131.2", "xroad_shisetsu_bangou": "BR0-999999-00001"}
    assert bridge.attributes["length_m"] == 25.5
    assert bridge.attributes["prefecture"] == "試験県"
    assert [str(error).split(": ")[1] for error in found.errors] == ["result 2", "result 3"]
    metadata = {
        "RSDB:syogen_shisetsu_meisyou": "試験水橋", "RSDB:syogen_ichi_ido": 34.1, "RSDB:syogen_ichi_keido": 131.2,
        "RSDB:tenken_kiroku_hantei_kubun": 3, "RSDB:shisetsu_id": "34.1,131.2", "RSDB:shisetsu_kubun": "橋梁",
        "RSDB:shisetsu_bangou": "BR0-999999-00001", "RSDB:syogen_kyouchou": 25.5,
    }  # fmt: skip
    results = [{"id": "an id of the edition", "title": "他の題", "lat": 0, "lon": 0, "metadata": metadata}]
    path.write_text(json.dumps({"data": {"search": {"totalNumber": 1, "searchResults": results}}}))
    (other,) = read_file(path).assets
    assert (other.uid, other.name, other.soundness, other.geometry) == (bridge.uid, bridge.name, "III", bridge.geometry)


@pytest.mark.parametrize("declared", [True, False])
def test_rivers_of_w05_are_one_reach_a_river_code_and_in_the_datum_of_the_schema(
    tmp_path: Path, declared: bool
) -> None:
    path = write_shapefile(tmp_path / "W05-99_35-g_Stream.shp", STREAMS, encoding="cp932")
    if not declared:
        without(path, ".prj", ".cpg")
    nodes = [({"W05_000": "n1", "W05_001": "999901", "W05_011": 3}, Point(131.19, 34.09))]
    node = write_shapefile(tmp_path / "W05-99_35-g_RiverNode.shp", nodes)
    found = read_file(zipped(tmp_path / "W05-99_35_GML.zip", {**parts(path), **parts(node), "KS-META.xml": b"<x/>"}))
    first, second = found.assets
    assert (first.uid, first.name, first.kind) == ("w05-9999010001", "試験川", AssetKind.RIVER_REACH)
    assert first.external_ids == {"w05_river_code": "9999010001"}
    assert first.attributes == {"w05_area_code": "999901", "w05_section_type": "1級指定区間・1級直轄区間"}
    assert first.geometry is not None
    assert first.geometry.equals(LineString([(131.19, 34.09), (131.20, 34.10), (131.21, 34.11), (131.22, 34.12)]))
    assert second.name == "名称不明の河川 9999010002"
    assert any("JGD2000, as the schema prescribes" in note for note in found.notes) is not declared
    with pytest.raises(RecordError, match="nodes of KSJ W05"):
        read_file(node)


def test_names_of_columns_that_a_dbf_cut_are_known_where_only_one_fits(tmp_path: Path) -> None:
    values = {"橋梁名": "試験水橋", "緊急輸送道路": "1次", "inspection_fy": 2021}
    path = write_shapefile(tmp_path / "b.shp", [(values, Point(131.2, 34.1))], encoding="utf-8")
    (asset,) = read_file(path).assets
    assert asset.attributes == {"emergency_route": "1", "inspection_fy": 2021}


def test_shapes_of_three_dimensions_many_parts_or_none_are_taken(tmp_path: Path) -> None:
    lines = MultiLineString([[(131.0, 34.0, 5), (131.1, 34.1, 6)], [(131.2, 34.1, 5), (131.3, 34.2, 6)]])
    features = [({"name": "立体川", "kind": "river"}, lines), ({"name": "無位置川", "kind": "river"}, None),
                ({"name": "空川", "kind": "river"}, LineString())]  # fmt: skip
    for path in (
        write_geopackage(tmp_path / "r.gpkg", features, geometry_type="MultiLineString Z"),
        write_shapefile(tmp_path / "r.shp", features, geometry_type="MultiLineString Z", encoding="utf-8"),
    ):
        found = read_file(path)
        assert [asset.name for asset in found.assets] == ["立体川", "無位置川", "空川"]
        assert [asset.geometry is None for asset in found.assets] == [False, True, True]
        assert found.assets[0].geometry is not None
        assert not found.assets[0].geometry.has_z
        assert len(found.assets[0].geometry.geoms) == 2
        assert "2 of 3 have no place" in found.notes[-1]


def test_one_layer_of_several_is_chosen_by_name(tmp_path: Path) -> None:
    path = write_geopackage(tmp_path / "two.gpkg", BRIDGES[:1], layer="old")
    write_geopackage(path, BRIDGES, layer="new", append=True)
    with pytest.raises(RecordError, match="2 layers; name one by --layer: new, old"):
        read_file(path)
    assert len(read_file(path, Options(layer="new")).assets) == 2
    with pytest.raises(RecordError, match="no layer 'newer'; it has new, old"):
        read_file(path, Options(layer="newer"))


def test_coordinates_without_a_datum_are_refused_until_the_user_gives_it(tmp_path: Path) -> None:
    path = without(write_shapefile(tmp_path / "b.shp", encoding="cp932"), ".prj")
    with pytest.raises(RecordError, match=r"no \.prj.*--crs EPSG:6668"):
        read_file(path)
    assert places(read_file(path, Options(crs="EPSG:6668"))) == PLACES


def test_the_old_datum_moves_by_its_hundreds_of_metres_and_says_how_sure_that_is(tmp_path: Path) -> None:
    found = read_file(write_geopackage(tmp_path / "b.gpkg", crs="EPSG:4301"))
    (x, y), *_ = places(found)
    east, north = (x - 131.20) * 92_300, (y - 34.10) * 110_900
    # In western Japan Tokyo to JGD2000 is about 12" north, 8" to 9" west (GSI): 350 m and 210 m.
    assert north == pytest.approx(358, abs=15)
    assert east == pytest.approx(-212, abs=15)
    assert "from Tokyo to WGS84 with an accuracy of about 9 m" in found.notes[0]
    path = tmp_path / "b.csv"
    path.write_text("橋梁名,緯度(日本測地系),経度(日本測地系)\n試験水橋,34.1,131.2\n")
    with pytest.raises(RecordError, match="old Tokyo datum; give --crs EPSG:4301"):
        read_file(path)
    assert places(read_file(path, Options(crs="EPSG:4301")))[0] == (x, y)


def test_a_truncated_shapefile_gives_what_it_has_and_an_error_for_each_lost_feature(
    tmp_path: Path,
) -> None:
    points = [({"name": f"橋{i}", "kind": "bridge"}, Point(131, 34)) for i in range(50)]
    path = write_shapefile(tmp_path / "t.shp", points, encoding="utf-8")
    path.write_bytes(path.read_bytes()[: 100 + 28 * 20])  # a header of 100 bytes, a point of 28
    found = read_file(path)
    assert [asset.name for asset in found.assets] == [f"橋{i}" for i in range(20)]
    assert len(found.errors) == 30
    assert "feature 21: the shapefile is damaged here" in str(found.errors[0])


def test_damaged_features_are_told_one_by_one_until_there_are_too_many_on_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [({"name": f"橋{i}", "kind": "bridge"}, Point(131, 34)) for i in range(50)]
    path = write_shapefile(tmp_path / "t.shp", points, encoding="utf-8")
    whole = shapefile._batch

    def damaged(path: Path, start: int, size: int, encoding: str) -> list[shapefile.Row]:
        if start <= 7 < start + size or start + size > 20:
            raise RecordError("damaged here")
        return whole(path, start, size, encoding)

    monkeypatch.setattr(shapefile, "_batch", damaged)
    found = read_file(path)
    assert [asset.name for asset in found.assets] == [f"橋{i}" for i in range(20) if i != 7]
    assert [str(error).split(": ")[1] for error in found.errors] == [f"feature {i + 1}" for i in (7, *range(20, 50))]
    monkeypatch.setattr(shapefile, "MAX_BROKEN", 5)
    found = read_file(path)
    assert (len(found.assets), len(found.errors)) == (19, 7)
    assert "were not read" in str(found.errors[-1])


@pytest.mark.parametrize(
    ("features", "crs", "expected"),
    [
        (SWAPPED, PLANE, "easting and northing are swapped"),
        (BRIDGES, PLANE, "look like degrees"),
        (IN_PLANE, "EPSG:6668", "look like metres: give their reference system by --crs"),
        (tuple((v, Point(g.y, g.x)) for v, g in BRIDGES if g is not None), "EPSG:6668", "latitude are swapped"),
        (tuple((v, Point(5e6, 5e6)) for v, _ in BRIDGES), PLANE, "outside the area of"),
    ],
)
def test_coordinates_that_cannot_be_of_their_system_are_told_and_never_mended_silently(
    tmp_path: Path, features: tuple[tuple[dict[str, object], Point], ...], crs: str, expected: str
) -> None:
    for path in (
        write_geopackage(tmp_path / "b.gpkg", features, crs=crs),
        write_shapefile(tmp_path / "b.shp", features, crs=crs, encoding="cp932"),
    ):
        found = read_file(path)
        assert found.assets == ()
        assert len(found.errors) == 2
        assert expected in str(found.errors[0])


def test_a_table_of_degrees_is_not_read_in_a_system_of_metres(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    path.write_text("橋梁名,緯度,経度\n試験水橋,34.1,131.2\n")
    with pytest.raises(RecordError, match="of a table are degrees"):
        read_file(path, Options(crs=PLANE))
    with pytest.raises(RecordError, match="no known reference system"):
        read_file(path, Options(crs="EPSG:99999999"))


def test_a_wrong_feature_costs_only_itself(tmp_path: Path) -> None:
    second = BRIDGES[1][0]
    wrong = [({**second, "ID": "T001"}, Point(131.3, 34.1)), ({**second, "判定区分": "Ⅴ"}, None)]
    features = [BRIDGES[0], *wrong, BRIDGES[1]]
    found = read_file(write_geopackage(tmp_path / "b.gpkg", features))
    assert [asset.uid for asset in found.assets] == ["T001", "T002"]
    assert ["already given" in str(found.errors[0]), "soundness" in str(found.errors[1])] == [True, True]
    path = tmp_path / "b.gpkg"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA writable_schema=ON")
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{trigger}"')
        database.execute("UPDATE b SET geom = x'0102' WHERE ID = 'T002'")
    database.close()
    assert "no GeoPackage geometry" in str(read_file(path).errors[-1])


def test_a_cell_that_the_dbf_cut_inside_a_character_loses_that_character_only(tmp_path: Path) -> None:
    path = without(write_shapefile(tmp_path / "b.shp", encoding="cp932"), ".cpg")
    dbf = path.with_suffix(".dbf")
    content = dbf.read_bytes()
    whole = "試験石橋".encode("cp932")
    dbf.write_bytes(content.replace(whole, whole[:-1] + b" ").replace(whole[:-1] + b" ", whole[:-1] + b"\x00"))
    names = [asset.name for asset in read_file(path).assets]
    assert names == ["試験水橋", "試験石"]


def test_features_over_the_cap_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features = [({"name": f"橋{i}", "kind": "bridge"}, Point(131 + i / 1000, 34)) for i in range(30)]
    monkeypatch.setattr("findings.imports.geopackage.MAX_FEATURES", 20)
    monkeypatch.setattr("findings.imports.shapefile.MAX_FEATURES", 20)
    monkeypatch.setattr("findings.imports.shapefile._BATCH", 10)
    for path in (
        write_geopackage(tmp_path / "b.gpkg", features),
        write_shapefile(tmp_path / "b.shp", features, encoding="utf-8"),
    ):
        found = read_file(path)
        assert len(found.assets) == 20
        assert "over 20 features" in str(found.errors[0])


def test_an_outline_that_crosses_itself_is_taken(tmp_path: Path) -> None:
    bowtie = Polygon([(131, 34), (131.01, 34.01), (131.01, 34), (131, 34.01)])
    (asset,) = read_file(write_geopackage(tmp_path / "b.gpkg", [({"name": "池川", "kind": "river"}, bowtie)])).assets
    assert asset.geometry is not None
    assert np.isfinite(asset.geometry.bounds).all()
