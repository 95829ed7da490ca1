"""Lists of bridges and rivers: every encoding, three naming traditions, and one error for each wrong row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from findings.asset import AssetKind, Structure
from findings.assets_file import read_assets
from findings.errors import RecordError

Write = Callable[[str | bytes], Path]

MUNICIPAL = (
    "全国地方公共団体コード,ID,橋梁名,緯度,経度,構造形式,判定区分,緊急輸送道路,交通量,迂回路,第三者被害,径間数,点検年度\n"
    '350001,350001S00001,水橋,34.1,131.2,RC橋,Ⅲ,第1次,"12,000",なし,有,3,2021\n'
)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(content: str | bytes) -> Path:
        path = tmp_path / "assets.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return _write


def collection(*features: Any, **members: Any) -> str:
    return json.dumps({"type": "FeatureCollection", "features": list(features), **members})


def a_feature(**members: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [131.2, 34.1]},
        "properties": {"kind": "bridge", "name": "水橋"},
    } | members


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_municipal_list_is_read_in_every_encoding_in_use(write: Write, encoding: str) -> None:
    (asset,), errors = read_assets(write(MUNICIPAL.encode(encoding)))
    assert errors == []
    assert (asset.uid, asset.kind, asset.name) == ("350001S00001", AssetKind.BRIDGE, "水橋")
    assert (asset.structure, asset.soundness, len(asset.spans)) == (Structure.RC, "III", 3)
    assert asset.geometry is not None
    assert (asset.geometry.x, asset.geometry.y) == (131.2, 34.1)
    assert asset.attributes == {
        "aadt": 12000.0, "inspection_fy": 2021, "third_party_below": 1.0, "emergency_route": "1",
        "detour_km": "isolated",
    }  # fmt: skip


def test_a_list_of_the_road_structure_database_keeps_its_ids_apart_from_ours(write: Write) -> None:
    text = (
        "RSDB:shisetsu_id\tRSDB:shisetsu_kubun\tRSDB:syogen_shisetsu_meisyou\tRSDB:syogen_ichi_ido\tRSDB:syogen_ichi_keido"
        "\tRSDB:syogen_kyouchou\tRSDB:tenken_kiroku_hantei_kubun\n43.03892,141.35859\t橋梁\t水橋\t43.03892\t141.35859\t25.5\t2\n"
    )
    (asset,), errors = read_assets(write(text))
    assert errors == []
    assert asset.external_ids == {"xroad_shisetsu_id": "43.03892,141.35859"}
    assert asset.uid != "43.03892,141.35859"
    assert (asset.soundness, asset.attributes["length_m"]) == ("II", 25.5)


def test_wrong_rows_are_told_by_their_number_and_the_others_are_taken(write: Write) -> None:
    rows = [
        "id,kind,name,lat,lon,structure,soundness,aadt",
        "B1,bridge,good,34,131,PC,,",
        "B2,bridge,swapped,131,34,,,",
        "B3,tunnel,wrong kind,34,131,,,",
        "B4,bridge,,34,131,,,",
        "B1,bridge,same id,34,131,,,",
        "B6,bridge,half a place,34,,,,",
        "B7,bridge,wrong class,34,131,,V,",
        "B8,bridge,wrong traffic,34,131,,,much",
        "B9,bridge,too,many,cells,,,,,,",
        "",
        "B11,river,last,-,不明,,,",
    ]
    assets, errors = read_assets(write("\n".join(rows)))
    assert [a.uid for a in assets] == ["B1", "B11"]
    assert assets[1].geometry is None
    shown = [str(error).split(": ", 2)[1:] for error in errors]
    assert [row for row, _ in shown] == [f"row {n}" for n in range(3, 11)]
    for (_, message), word in zip(
        shown, ["swapped", "'tunnel'", "name", "already", "together", "'V'", "'much'", "cells"], strict=True
    ):
        assert word in message


def test_without_an_id_the_uid_follows_from_kind_name_and_position(write: Write) -> None:
    text = "kind,name,lat,lon\nbridge,水橋,34.1,131.2\n"
    (first,), _ = read_assets(write(text))
    (again,), _ = read_assets(write(text.replace("34.1,", "34.100000,")))
    (moved,), _ = read_assets(write(text.replace("34.1,", "34.2,")))
    assert first.uid == again.uid != moved.uid


@pytest.mark.parametrize(
    ("words", "structure"),
    [("RC", "RC"), ("ＰＣ橋", "PC"), ("鋼橋", "S"), ("steel", "S"), ("鋼・RC混合", "unknown"),
     ("木橋", "unknown"), ("", "unknown")],
)  # fmt: skip
def test_a_structure_is_only_known_where_the_text_names_one(write: Write, words: str, structure: str) -> None:
    (asset,), _ = read_assets(write(f"橋梁名,構造形式\n水橋,{words}\n"))
    assert asset.structure.value == structure


def test_a_river_reach_comes_from_geojson_with_its_line_and_chainage(write: Write) -> None:
    line = {"type": "LineString", "coordinates": [[131.0, 34.0, 5.0], [131.1, 34.1, 6.0]]}
    feature = a_feature(
        id="R-1",
        geometry=line,
        properties={"河川名": "水川", "距離標（自）": "3.4k", "距離標（至）": "1.2k", "重要水防箇所": "要注意"},
    )
    (asset,), errors = read_assets(write(collection(feature)))
    assert errors == []
    assert (asset.uid, asset.kind, asset.chainage_km) == ("R-1", AssetKind.RIVER_REACH, (1.2, 3.4))
    assert asset.geometry is not None
    assert not asset.geometry.has_z
    assert asset.attributes == {"flood_defence_class": "watch"}


def test_wrong_features_are_told_by_their_number(write: Write) -> None:
    swapped = {"type": "Point", "coordinates": [34.1, 131.2]}
    text = collection(
        a_feature(), a_feature(geometry=swapped), 5, a_feature(geometry={"type": "Blob"}), a_feature(properties={})
    )
    assets, errors = read_assets(write(text))
    assert len(assets) == 1
    assert [str(e).split(": ")[1] for e in errors] == [f"feature {n}" for n in (2, 3, 4, 5)]
    assert "longitude and latitude are swapped" in str(errors[0])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xfe\xdc", "not text|no column"),
        (b"\x81\xff\xfe\xfd", "not text"),
        (b"a,b,c\n1,2,3\n", "no column holds a name"),
        ("橋梁名,緯度(日本測地系),経度\n".encode(), "old Tokyo datum"),
        (b'{"type": "FeatureCollection"', "not valid JSON"),
        (b"[1, 2]", "no list of features"),
        (b'{"type": "Feature"}', "no list of features"),
        (collection(crs={"properties": {"name": "urn:ogc:def:crs:EPSG::6671"}}).encode(), "reproject"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_a_file_that_is_no_list_of_assets_is_refused_as_a_whole(write: Write, content: bytes, expected: str) -> None:
    with pytest.raises(RecordError, match=expected):
        read_assets(write(content))


def test_a_missing_file_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="check the path"):
        read_assets(tmp_path / "none.csv")


def test_a_declared_lon_lat_system_is_taken(write: Write) -> None:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    assets, errors = read_assets(write(collection(a_feature(), crs=crs)))
    assert (len(assets), errors) == (1, [])


@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
@pytest.mark.parametrize(
    "broken",
    ['"石"橋,B2', '"石橋,B2', '石橋,"B2', '"石橋",B2"x"", ""'],
    ids=["after", "open", "open in the last", "both"],
)
def test_a_broken_quote_costs_one_row_and_not_those_after_it(write: Write, broken: str, encoding: str) -> None:
    rows = ["橋梁名,ID", "水橋,B1", broken, "元橋,B3", '"大,橋",B4', "小橋,B5"]
    assets, errors = read_assets(write("\r\n".join(rows).encode(encoding)))
    assert [a.uid for a in assets] == ["B1", "B3", "B4", "B5"]
    assert [str(error).split(": ")[1] for error in errors] == ["row 3"]


def test_a_cp932_table_with_a_damaged_row_loses_only_that_row(write: Write) -> None:
    lines = ["橋梁名,ID".encode("cp932"), *(f"試験橋{n},B{n}".encode("cp932") for n in range(2, 8))]
    lines[4] = b"\x8e\x8e\x8c\xb1\xfd\xff,B5"
    assets, errors = read_assets(write(b"\n".join(lines)))
    assert [a.name for a in assets] == [f"試験橋{n}" for n in (2, 3, 4, 6, 7)]
    assert "row 5" in str(errors[0])
    assert "no text in the file's encoding" in str(errors[0])


def test_a_row_behind_a_cell_of_two_lines_is_told_by_row_and_by_line(write: Write) -> None:
    assets, errors = read_assets(write('橋梁名,ID,備考\n水橋,B1,"一行\n二行"\n元橋,B2,,,\n石橋,B3,\n'))
    assert [a.uid for a in assets] == ["B1", "B3"]
    assert "row 3 (line 4)" in str(errors[0])


def test_a_file_of_nothing_but_broken_rows_is_not_read_for_ever(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("findings.asset_table.MAX_BROKEN", 10)
    _, errors = read_assets(write("橋梁名,ID\n" + '"石"橋,B\n' * 1000))
    assert len(errors) == 11
    assert "were not read" in str(errors[-1])


@pytest.mark.parametrize(
    ("heading", "cells"),
    [
        ("緯度（世界測地系）,経度（世界測地系）", "34.1,131.2"),
        ("緯度(JGD2011),経度(JGD2011)", "34.1,131.2"),
        ("緯度,経度", "34°06'00.0\",131°12′00″"),
        ("緯度,経度", "34度6分0秒,131度12分0秒"),
        ("syogen.ichi.ido,syogen.ichi.keido", "34.1,131.2"),
        ("meta_RSDB:syogen_ichi_ido,meta_RSDB:syogen_ichi_keido", "34.1,131.2"),
    ],
)
def test_a_position_is_read_as_ledgers_write_it(write: Write, heading: str, cells: str) -> None:
    cells = ",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in cells.split(","))
    (asset,), errors = read_assets(write(f"橋梁名,{heading}\n水橋,{cells}\n"))
    assert errors == []
    assert asset.geometry is not None
    assert (asset.geometry.x, asset.geometry.y) == pytest.approx((131.2, 34.1))


def test_minutes_over_sixty_are_no_position(write: Write) -> None:
    _, errors = read_assets(write('橋梁名,緯度,経度\n水橋,34°75\'00""",131.2\n'.replace('"""', '"').replace('"', "秒")))
    assert "below 60" in str(errors[0])


def test_a_dotted_list_of_xroad_takes_its_position_from_the_id_and_its_kind_from_the_number(write: Write) -> None:
    text = (
        "shisetsu_id,shisetsu_bangou,syogen.shisetsu.meisyou,tenken.kiroku.hantei_kubun,syogen.kouzou_keishiki.joubu\n"
        '"34.10001, 131.20002",BR0-999999-00001,試験水橋,3,RC床版橋\n'
    )
    (asset,), errors = read_assets(write(text))
    assert errors == []
    assert asset.geometry is not None
    assert (asset.geometry.x, asset.geometry.y) == (131.20002, 34.10001)
    assert (asset.kind, asset.soundness, asset.structure) == (AssetKind.BRIDGE, "III", Structure.RC)
    (moved,), _ = read_assets(write(text.replace("34.10001", "34.10009")))
    assert moved.uid == asset.uid


def test_a_serial_number_counts_within_its_municipality(write: Write) -> None:
    text = "都道府県コード又は市区町村コード,NO,名称,緯度,経度\n999991,1,水橋,34.1,131.2\n999992,1,水橋,34.1,131.2\n"
    assets, errors = read_assets(write(text), kind=AssetKind.BRIDGE)
    assert ([a.uid for a in assets], errors) == (["999991-1", "999992-1"], [])


def test_a_list_of_bridges_keeps_the_name_of_the_river_below(write: Write) -> None:
    (asset,), _ = read_assets(write("橋梁名,河川名\n水橋,試験川\n"))
    assert (asset.kind, asset.attributes) == (AssetKind.BRIDGE, {"river_name": "試験川"})


def test_the_kind_of_the_call_counts_only_for_rows_that_do_not_say_it(write: Write) -> None:
    assets, errors = read_assets(write("名称,種別\n水橋,橋梁\n水川,\n"), kind=AssetKind.RIVER_REACH)
    assert ([a.kind for a in assets], errors) == ([AssetKind.BRIDGE, AssetKind.RIVER_REACH], [])
    assert "--kind" in str(read_assets(write("名称,種別\n水橋,\n"))[1][0])


@pytest.mark.parametrize(
    "feature",
    [
        '{"type": "Feature", "properties": {"kind": "bridge", "name": "a\\ud800"}, "geometry": null}',
        '{"type": "Feature", "properties": {"kind": "bridge", "name": "a\\u0000"}, "geometry": null}',
        json.dumps(a_feature(geometry={"type": "Point", "coordinates": [10**400, 36]})),
        json.dumps(a_feature(geometry={"type": "LineString", "coordinates": [[137, 36], [float("nan"), 36]]})),
    ],
)
def test_a_feature_that_no_database_takes_does_not_stop_the_others(write: Write, feature: str) -> None:
    good = json.dumps(a_feature(properties={"kind": "bridge", "name": "good"}, id="good"))
    text = f'{{"type": "FeatureCollection", "features": [{feature}, {good}]}}'
    assets, errors = read_assets(write(text))
    assert [asset.name for asset in assets] == ["good"]
    assert len(errors) == 1


def test_a_reference_system_without_properties_is_refused(write: Write) -> None:
    with pytest.raises(RecordError, match="reproject"):
        read_assets(write(collection(a_feature(), crs={"properties": None})))
