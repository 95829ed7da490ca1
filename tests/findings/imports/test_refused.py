"""Files that are refused as a whole: each in one clear line that names the file."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from shapely.geometry import Point

from findings.errors import RecordError
from findings.imports import read_file
from tests.findings.imports.files import without, write_geopackage, write_shapefile, zipped

# What GDAL says when it cuts names of columns to the ten bytes of a .dbf.
pytestmark = pytest.mark.filterwarnings("ignore:.*laundered:RuntimeWarning", "ignore:Could not decode:RuntimeWarning")


def zip_with_link(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("b.csv")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    return path


def zip_bomb(path: Path) -> Path:
    return zipped(path, {"b.csv": b"0" * 30_000_000})


def zip_that_lies(path: Path) -> Path:
    """An archive whose directory gives a smaller size than the entry unpacks to."""
    zipped(path, {"b.csv": b"a,b\n" * 100_000})
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = (10).to_bytes(4, "little")
    path.write_bytes(content)
    return path


def view(path: Path) -> Path:
    """A GeoPackage whose layer is SQL of the file's own."""
    write_geopackage(path)
    with sqlite3.connect(path) as database:
        database.execute("CREATE VIEW v AS SELECT load_extension('/tmp/x') AS 橋梁名, geom FROM b")
        database.execute("UPDATE gpkg_geometry_columns SET table_name = 'v'")
        database.execute("UPDATE gpkg_contents SET table_name = 'v'")
    database.close()
    return path


def plain_database(path: Path) -> Path:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE bridges (name)")
    database.close()
    return path


def damaged_geopackage(path: Path) -> Path:
    content = bytearray(write_geopackage(path).read_bytes())
    content[4096:] = b"\xaa" * (len(content) - 4096)
    path.write_bytes(content)
    return path


def unwritten(path: Path, beside: str = "wal") -> Path:
    write_geopackage(path)
    path.with_name(f"{path.name}-{beside}").write_bytes(b"changes")
    return path


VRT = '<OGRVRTDataSource><OGRVRTLayer name="b"><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer>'


def text(content: str) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_text(content, encoding="utf-8")
        return path

    return write


def raw(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def moved(write: Callable[[Path], Path], suffix: str) -> Callable[[Path], Path]:
    """The file of another driver under this name."""

    def rename(path: Path) -> Path:
        other = path.parent / "other"
        other.mkdir()
        return Path(shutil.copy(write(other / f"{path.stem}{suffix}"), path))

    return rename


REFUSED: list[tuple[str, Callable[[Path], Path], str]] = [
    ("empty.gpkg", text(""), "is empty"),
    ("vrt.shp", text(VRT), "is XML"),
    ("vrt.gpkg", text(VRT), "is XML"),
    ("osm.pbf", text("<?xml version='1.0'?><osm/>"), "is XML.*osm.pbf"),
    ("shape.gpkg", moved(lambda p: write_shapefile(p), ".shp"), "shape.dbf is missing"),
    ("database.gpkg", plain_database, "without the mark of a GeoPackage"),
    ("damaged.gpkg", damaged_geopackage, "damaged|no layer"),
    ("b.gpkg", view, "is a view"),
    ("unwritten.gpkg", unwritten, "unwritten changes"),
    ("interrupted.gpkg", lambda p: unwritten(p, "journal"), "unwritten changes"),
    ("noname.gpkg", lambda p: write_geopackage(p, [({"x": 1}, Point(131, 34))]), "no column holds a name"),
    ("nodbf.shp", lambda p: without(write_shapefile(p), ".dbf"), "nodbf.dbf is missing"),
    ("noshx.shp", lambda p: without(write_shapefile(p), ".shx"), "noshx.shx is missing"),
    ("part.dbf", lambda p: write_shapefile(p.with_suffix(".shp")).with_suffix(".dbf"), "name its .shp"),
    ("local.shp", lambda p: write_shapefile(p, crs='LOCAL_CS["site",UNIT["metre",1]]'), "local system|no .prj"),
    ("escape.zip", lambda p: zipped(p, {"../../b.csv": b"x"}), "leaves its folder"),
    ("absolute.zip", lambda p: zipped(p, {"/etc/b.csv": b"x"}), "leaves its folder"),
    ("windows.zip", lambda p: zipped(p, {"..\\b.csv": b"x"}), "leaves its folder"),
    ("link.zip", zip_with_link, "is a link"),
    ("bomb.zip", zip_bomb, "unpacks 200 times"),
    ("lies.zip", zip_that_lies, "cannot be unpacked"),
    ("nothing.zip", lambda p: zipped(p, {"readme.md": b"x"}), "no list of assets"),
    ("excel.xlsx", lambda p: zipped(p, {"xl/workbook.xml": b"<x/>"}), "Excel file"),
    ("noshp.zip", lambda p: zipped(p, {"b.dbf": b"x", "b.prj": b"x"}), "without its .shp"),
    ("broken.zip", text("PK\x03\x04 and nothing more"), "cannot be unpacked"),
    ("packed.csv.gz", lambda p: raw(p, b"\x1f\x8b\x08\0"), "packed by gzip"),
    ("photo.geojson", lambda p: raw(p, b"\x89PNG\r\n\x1a\n"), "is a picture"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "write", "expected"), REFUSED, ids=[name for name, _, _ in REFUSED])
def test_a_file_that_cannot_be_read_is_refused_in_one_clear_line(
    tmp_path: Path, name: str, write: Callable[[Path], Path], expected: str
) -> None:
    path = write(tmp_path / name)
    with pytest.raises(RecordError, match=expected) as caught:
        read_file(path)
    assert "\n" not in str(caught.value)
    assert path.stem.split(".")[0] in str(caught.value)
