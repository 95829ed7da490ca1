"""Lists of assets that were made to crash the program, to fill its memory or to run their own code."""

from __future__ import annotations

import os
import random
import sqlite3
import struct
import zipfile
from pathlib import Path

import osmium
import pytest
import shapely
from osmium.osm.mutable import Node, Way

from findings.errors import RecordError
from findings.imports import read_file
from findings.imports.geopackage import geometry_of
from tests.findings.imports.files import write_geopackage, write_shapefile, zipped

pytestmark = pytest.mark.filterwarnings("ignore:.*laundered:RuntimeWarning", "ignore:Could not decode:RuntimeWarning")
HEADER = b"GP\0\1" + struct.pack("<i", 4326)


def altered(path: Path, *statements: str) -> Path:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA writable_schema=ON")
        for statement in statements:
            database.execute(statement)
    return path


# --- geopackages ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [7, 4, 6, 1007, 0x8000_0007, 0x1_0007, 12])
def test_geometries_inside_each_other_are_refused_before_they_crash_the_reader(code: int) -> None:
    """GEOS reads each level by recursion: 20,000 of them end the process without a word."""
    nested = struct.pack("<BII", 1, code, 1) * 50_000 + struct.pack("<BII", 1, 7, 0)
    with pytest.raises(RecordError, match=r"nested|cannot be read"):
        geometry_of(HEADER + nested)


def test_the_last_part_of_a_collection_is_looked_into_as_well() -> None:
    point = struct.pack("<BIdd", 1, 1, 131.0, 34.0)
    level = struct.pack("<BII", 1, 7, 2) + point
    with pytest.raises(RecordError, match="nested"):
        geometry_of(HEADER + level * 30_000 + point)


def test_a_byte_order_that_is_none_is_refused() -> None:
    nested = struct.pack("<BII", 1, 7, 1) + struct.pack("<BII", 2, 7, 1) * 50_000
    with pytest.raises(RecordError, match="byte order 2"):
        geometry_of(HEADER + nested)


@pytest.mark.parametrize(
    "wkt",
    [
        "POINT (131 34)", "POINT Z (131 34 5)", "LINESTRING (131 34, 132 35)", "MULTIPOINT (131 34, 132 35)",
        "POLYGON ((0 0, 4 0, 4 4, 0 0), (1 1, 2 1, 2 2, 1 1))", "MULTILINESTRING Z ((0 0 1, 1 1 1), (2 2 2, 3 3 3))",
        "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), ((5 5, 6 5, 6 6, 5 5), (5.1 5.1, 5.2 5.1, 5.2 5.2, 5.1 5.1)))",
        "GEOMETRYCOLLECTION (POINT (1 2), GEOMETRYCOLLECTION (MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0))), POINT (3 4)))",
    ],
)  # fmt: skip
@pytest.mark.parametrize("flavor", ["iso", "extended"])
@pytest.mark.parametrize("order", [0, 1])
def test_sound_geometries_pass_the_look_at_their_nesting(wkt: str, flavor: str, order: int) -> None:
    shape = shapely.from_wkt(wkt)
    content = HEADER + shapely.to_wkb(shape, output_dimension=3, byte_order=order, flavor=flavor)
    assert geometry_of(content) == shapely.force_2d(shape)


def test_damaged_geometries_end_in_an_error_or_a_geometry() -> None:
    sound = shapely.to_wkb(
        shapely.from_wkt("GEOMETRYCOLLECTION (POLYGON ((0 0, 4 0, 4 4, 0 0)), MULTIPOINT (1 2, 3 4))")
    )
    rng = random.Random(3)
    for _ in range(500):
        content = bytearray(sound)
        for _ in range(rng.randint(1, 4)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        try:
            geometry_of(HEADER + bytes(content[: rng.randint(5, len(content))]))
        except RecordError:
            continue


def test_tables_of_the_standard_that_are_sql_of_the_file_are_not_asked(tmp_path: Path) -> None:
    path = altered(
        write_geopackage(tmp_path / "b.gpkg"),
        "ALTER TABLE gpkg_contents RENAME TO kept",
        "CREATE VIEW gpkg_contents AS SELECT kept.* FROM kept, (SELECT zeroblob(900000000) z) WHERE length(hex(z)) > 1",
    )
    with pytest.raises(RecordError, match="gpkg_contents is SQL"):
        read_file(path)


def test_columns_that_sql_of_the_file_computes_are_not_computed(tmp_path: Path) -> None:
    path = altered(
        write_geopackage(tmp_path / "b.gpkg"),
        "UPDATE sqlite_master SET sql = substr(sql, 1, length(sql) - 1) || ', boom TEXT AS (hex(zeroblob(400000000))))'"
        " WHERE name = 'b'",
    )
    with pytest.raises(RecordError, match="computes its columns"):
        read_file(path)


def test_a_virtual_table_is_known_whatever_comments_stand_in_its_sql(tmp_path: Path) -> None:
    path = altered(
        write_geopackage(tmp_path / "b.gpkg"),
        "CREATE VIRTUAL TABLE v USING fts5(橋梁名, geom)",
        "UPDATE sqlite_master SET sql = replace(sql, 'CREATE VIRTUAL TABLE', 'CREATE/**/VIRTUAL/**/TABLE')"
        " WHERE name = 'v'",
        "UPDATE gpkg_geometry_columns SET table_name = 'v'",
        "UPDATE gpkg_contents SET table_name = 'v'",
    )
    with pytest.raises(RecordError, match="is a view"):
        read_file(path)


# --- archives -------------------------------------------------------------------------------------------------------


def test_an_archive_inside_an_archive_is_not_opened(tmp_path: Path) -> None:
    """Each level would have the caps anew, and an archive can be made that holds itself."""
    inner = zipped(tmp_path / "inner.zip", {"b.csv": b"name,kind\nx,bridge\n"})
    with pytest.raises(RecordError, match="archive inside an archive"):
        read_file(zipped(tmp_path / "outer.zip", {"b.csv": inner.read_bytes()}))


def spoilt(path: Path, method: int) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("b.csv", random.Random(1).randbytes(3000))
    content = bytearray(path.read_bytes())
    content[60:400] = bytes(byte ^ 0x5A for byte in content[60:400])
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_entry_is_told_whatever_its_compression(tmp_path: Path, method: int) -> None:
    with pytest.raises(RecordError, match="cannot be unpacked"):
        read_file(spoilt(tmp_path / "b.zip", method))


def test_a_name_that_is_not_the_utf8_it_says_is_told(tmp_path: Path) -> None:
    path = zipped(tmp_path / "b.zip", {"橋.csv": b"name,kind\nx,bridge\n"})
    path.write_bytes(path.read_bytes().replace("橋".encode(), b"\xff\xfe\xfd"))
    with pytest.raises(RecordError, match="cannot be unpacked"):
        read_file(path)


# --- shapefiles -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["rot13", "hex", "undefined", "idna", "punycode", "unicode_escape", "utf-16", "utf-7"])
def test_an_encoding_that_no_table_has_is_not_believed(tmp_path: Path, word: str) -> None:
    path = write_shapefile(tmp_path / "b.shp", encoding="utf-8")
    path.with_suffix(".cpg").write_text(word)
    assert [asset.name for asset in read_file(path).assets] == ["試験水橋", "試験石橋"]


def test_a_reference_system_of_megabytes_is_not_parsed(tmp_path: Path) -> None:
    path = write_shapefile(tmp_path / "b.shp", encoding="utf-8")
    path.with_suffix(".prj").write_text("A" * 2_000_000)
    with pytest.raises(RecordError, match=r"b\.prj.*more than"):
        read_file(path)


# --- text -----------------------------------------------------------------------------------------------------------


def test_json_as_deep_as_python_reads_it_is_an_error_and_no_crash(tmp_path: Path) -> None:
    """Just below the depth that the JSON reader refuses, others that follow it go one level deeper."""
    path = tmp_path / "b.geojson"
    refused = 0
    for depth in range(440, 500):
        point = '{"type": "Point", "coordinates": [131, 34]}'
        place = '{"type": "GeometryCollection", "geometries": [' * depth + point + "]}" * depth
        bridge = '{"type": "Feature", "properties": {"name": "a", "kind": "bridge"}, "geometry": ' + place + "}"
        path.write_text('{"type": "FeatureCollection", "features": [' + bridge + "]}")
        try:
            read_file(path)
        except RecordError:
            refused += 1
    assert 0 < refused < 60


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    os.mkfifo(path)
    with pytest.raises(RecordError, match="no plain file"):
        read_file(path)


def test_a_geopackage_with_any_bytes_changed_is_read_or_refused(tmp_path: Path) -> None:
    """What SQLite says of damage may quote bytes that are no text."""
    path = write_geopackage(tmp_path / "b.gpkg")
    sound, rng = path.read_bytes(), random.Random(0)
    for _ in range(60):
        content = bytearray(sound)
        for _ in range(30):
            content[rng.randrange(100, len(content))] = rng.randrange(256)
        path.write_bytes(content)
        try:
            read_file(path)
        except RecordError:
            continue


def test_an_index_that_ends_inside_a_number_is_read_up_to_there(tmp_path: Path) -> None:
    path = write_shapefile(tmp_path / "b.shp", encoding="utf-8")
    index = path.with_suffix(".shx")
    index.write_bytes(index.read_bytes() + b"x")
    assert len(read_file(path).assets) == 2


def test_ways_without_nodes_are_told_and_stop_nothing(tmp_path: Path) -> None:
    path = tmp_path / "b.osm.pbf"
    with osmium.SimpleWriter(str(path)) as writer:
        for number, place in enumerate([(131.0, 34.0), (131.001, 34.001)], start=1):
            writer.add_node(Node(id=number, location=place))
        writer.add_way(Way(id=1, tags={"bridge": "yes", "highway": "primary"}, nodes=[]))
        writer.add_way(Way(id=2, tags={"waterway": "river"}, nodes=[]))
        writer.add_way(Way(id=3, tags={"bridge": "yes", "highway": "primary", "name": "試験橋"}, nodes=[1, 2]))
    found = read_file(path)
    assert [asset.name for asset in found.assets] == ["試験橋"]
    assert len(found.errors) == 2
