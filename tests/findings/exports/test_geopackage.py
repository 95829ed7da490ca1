"""The GeoPackage as GIS programs read it: layers, cells, styles."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyogrio
import pytest
import shapely

from findings.errors import OutputError
from findings.exports.encoding import DANGEROUS
from findings.exports.geopackage import write_geopackage
from findings.exports.qml import MARKS, RULES
from findings.imports.reading import read_file
from findings.imports.values import Options
from tests.findings.exports.records import BRIDGE, MOMENT, RIVER, a_picture, entries


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gpkg") / "findings.gpkg"
    outline = shapely.box(131.4, 34.1, 131.6, 34.3)
    images = [a_picture("a", footprint=outline), a_picture("=b", "=b.jpg")]
    write_geopackage(path, entries(), [BRIDGE, RIVER], images, {"=b": "不鮮明"}, MOMENT)
    return path


def layer(path: Path, name: str) -> tuple[dict[str, Any], list[dict[str, Any]], list[Any]]:
    meta, _, shapes, columns = pyogrio.raw.read(path, layer=name)
    rows = [dict(zip(meta["fields"], row, strict=True)) for row in zip(*columns, strict=True)]
    return meta, rows, [None if one is None else shapely.from_wkb(one) for one in shapes]


def styles(path: Path) -> Iterator[tuple[str, str, int]]:
    with closing(sqlite3.connect(path)) as file:
        yield from file.execute("SELECT f_table_name, styleQML, useAsDefault FROM layer_styles")


def test_findings_are_points_in_wgs84_in_the_order_of_the_list(package: Path) -> None:
    meta, rows, shapes = layer(package, "findings")
    assert (meta["geometry_type"], meta["crs"]) == ("Point", "EPSG:4326")
    assert [row["rank"] for row in rows] == [1, 21, 22, 23, 24, 25, 26, 30, 31]
    first = rows[0]
    assert (first["label"], first["worst"], first["review"]) == ("⑥ひびわれ-d/e 暫定 未確認", "e", "AI候補(未確認)")
    assert (first["change"], first["previous"], first["element_no"]) == ("進行", "c", "0101")
    assert shapes[0].within(shapely.box(131.5, 34.2, 131.51, 34.21))
    assert shapes[1] is None


def test_outlines_assets_and_footprints_have_layers_of_their_own(package: Path) -> None:
    assert [row["id"] for row in layer(package, "finding_outlines")[1]] == ["crack"]
    assets = layer(package, "assets")
    assert [row["kind"] for row in assets[1]] == ["橋梁", "河川区間"]
    assert assets[2][0].geom_type == "Point"
    images = layer(package, "images")
    assert [(row["gap"], shape is None) for row, shape in zip(images[1], images[2], strict=True)] == [
        (None, False),
        ("不鮮明", True),
    ]


def test_no_cell_begins_with_what_a_spreadsheet_runs(package: Path) -> None:
    for name in ("findings", "finding_outlines", "assets", "images"):
        for row in layer(package, name)[1]:
            assert [cell for cell in row.values() if isinstance(cell, str) and cell.startswith(DANGEROUS)] == []


def test_every_styled_layer_has_its_default_style_where_qgis_looks(package: Path) -> None:
    found = {name: (ElementTree.fromstring(qml), default) for name, qml, default in styles(package)}
    assert set(found) == {"findings", "finding_outlines", "images"}
    assert all(root.tag == "qgis" and default == 1 for root, default in found.values())
    with closing(sqlite3.connect(package)) as file:
        known = file.execute("SELECT data_type FROM gpkg_contents WHERE table_name = 'layer_styles'").fetchone()
    assert known == ("attributes",)


def test_grades_are_told_by_shape_and_label_not_by_colour_alone(package: Path) -> None:
    root = ElementTree.fromstring(next(qml for name, qml, _ in styles(package) if name == "findings"))
    shapes = [option.get("value") for option in root.iter("Option") if option.get("name") == "name"]
    assert len(shapes) == len(RULES)
    assert len({shape for shape, _, _ in MARKS.values()}) == len(MARKS)
    assert root.get("labelsEnabled") == "1"
    assert [text.get("fieldName") for text in root.iter("text-style")] == ["label"]


def test_each_finding_falls_under_exactly_one_rule(package: Path) -> None:
    with closing(sqlite3.connect(package)) as file:  # the filters are plain SQL that SQLite understands, too
        count = "SELECT " + " + ".join(f"coalesce(({rule}), 0)" for _, rule, _ in RULES) + " FROM findings"
        assert {row[0] for row in file.execute(count)} == {1}


def test_the_same_values_give_the_same_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / "a.gpkg", tmp_path / "b.gpkg"]
    for path in paths:
        write_geopackage(path, entries(), [BRIDGE], [], {}, MOMENT)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert sorted(tmp_path.iterdir()) == paths


def test_our_own_import_reads_the_assets_back(package: Path) -> None:
    found = read_file(package, Options(layer="assets"))
    assert [asset.name for asset in found.assets] == [BRIDGE.name, RIVER.name] or found.errors


def test_no_findings_make_empty_layers(tmp_path: Path) -> None:
    write_geopackage(tmp_path / "e.gpkg", (), (), (), {}, MOMENT)
    assert layer(tmp_path / "e.gpkg", "findings")[1] == []


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="could not be written"):
        write_geopackage(tmp_path / "file" / "x.gpkg", (), (), (), {}, MOMENT)
