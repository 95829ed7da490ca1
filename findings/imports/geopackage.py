"""GeoPackages, read as the SQLite files they are: plain tables only, so that no SQL of the file itself is run.

OGC 12-128r18: a feature table is named in ``gpkg_contents`` and ``gpkg_geometry_columns``; a geometry is the header of
clause 2.1.3 followed by WKB, x (east) always first. Views and virtual tables are left out: the SQL behind them is the
file's, and SQLite would run it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import shapely
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from findings.errors import RecordError
from findings.imports.values import MAX_FEATURES, Layer

MAGIC = b"SQLite format 3\0"
APPLICATION_IDS = (b"GPKG", b"GP10", b"GP11")
_ENVELOPE_BYTES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}
_SECONDS = 120.0
"""Longest time without a row: a damaged file must not hold the program."""
_READING = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION)


def is_geopackage(head: bytes) -> bool:
    """Return whether the first 100 bytes of a file are those of a GeoPackage (12-128r18, clause 1.1.1.1)."""
    return head.startswith(MAGIC) and head[68:72] in APPLICATION_IDS


@contextmanager
def open_geopackage(path: Path) -> Iterator[Callable[[], list[Layer]]]:
    """Yield a function that returns the feature layers of a GeoPackage; their rows can be read while it is open.

    Raises:
        RecordError: the file is damaged, or a program has changes in it that are not written yet.
    """
    for beside in (path.with_name(f"{path.name}-{suffix}") for suffix in ("wal", "journal")):
        if beside.is_file() and beside.stat().st_size > 0:
            raise RecordError(f"{path.name}: has unwritten changes ({beside.name}); close the program that has it open")
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA cell_size_check=ON")
        connection.text_factory = _text
        connection.set_authorizer(_only_reading)
        yield lambda: _layers(connection, path.name)
    except sqlite3.Error as error:
        raise RecordError(f"{path.name}: the GeoPackage is damaged ({error}); export it again") from error
    finally:
        connection.close()


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")  # U+FFFD is told row by row


def _only_reading(action: int, name: str | None, *_: object) -> int:
    return sqlite3.SQLITE_OK if action in _READING and name != "load_extension" else sqlite3.SQLITE_DENY


def _layers(connection: sqlite3.Connection, file: str) -> list[Layer]:
    names = connection.execute(
        "SELECT g.table_name, g.column_name, g.srs_id, m.type, m.sql FROM gpkg_geometry_columns g "
        "JOIN gpkg_contents c ON c.table_name = g.table_name LEFT JOIN sqlite_master m ON m.name = g.table_name "
        "WHERE c.data_type = 'features' ORDER BY g.table_name"
    ).fetchall()
    layers, left_out = [], []
    for name, geometry, srs, kind, sql in names:
        if kind != "table" or "virtual" in str(sql).casefold().split("(")[0].split():
            left_out.append(str(name))
            continue
        layers.append(_layer(connection, str(name), str(geometry), srs))
    if left_out and not layers:
        raise RecordError(f"{file}: layer {left_out[0]!r} is a view; expected a table: export it as a layer of its own")
    return layers


def _layer(connection: sqlite3.Connection, name: str, geometry: str, srs: object) -> Layer:
    cursor = connection.execute(f"SELECT * FROM {_quoted(name)} LIMIT 0")  # noqa: S608  the name is quoted
    headings = [str(column[0]) for column in cursor.description]
    place = headings.index(geometry) if geometry in headings else None
    others = tuple(text for i, text in enumerate(headings) if i != place)
    return Layer(name, _reference(connection, srs), others, _rows(connection, name, place))


def _reference(connection: sqlite3.Connection, srs: object) -> str | None:
    """Return what the file says of its coordinates; srs_id 0 and -1 mean undefined (clause 1.1.2.1.2)."""
    if srs in (0, -1, None):
        return None
    row = connection.execute(
        "SELECT organization, organization_coordsys_id, definition FROM gpkg_spatial_ref_sys WHERE srs_id = ?", (srs,)
    ).fetchone()
    if row is None:
        return None
    organization, code, definition = row
    if str(organization).upper() == "EPSG" and code:
        return f"EPSG:{code}"
    text = str(definition or "").strip()
    return text if text and text != "undefined" else None


def _rows(
    connection: sqlite3.Connection, name: str, place: int | None
) -> Iterator[tuple[str, tuple[list[object], BaseGeometry | None] | RecordError]]:
    last = time.monotonic()
    connection.set_progress_handler(lambda: int(time.monotonic() - last > _SECONDS), 100_000)
    for number, row in enumerate(connection.execute(f"SELECT * FROM {_quoted(name)}"), start=1):  # noqa: S608
        last = time.monotonic()
        where = f"feature {number}"
        if number > MAX_FEATURES:
            yield where, RecordError(f"over {MAX_FEATURES} features; those from here on were not read: split the layer")
            return
        cells = [cell for i, cell in enumerate(row) if i != place]
        try:
            yield where, (cells, None if place is None else geometry_of(row[place]))
        except RecordError as error:
            yield where, error


def geometry_of(blob: object) -> BaseGeometry | None:
    """Return the 2D geometry of a GeoPackage blob, or None for NULL and empty ones.

    Raises:
        RecordError: no blob of a GeoPackage geometry.
    """
    if blob is None:
        return None
    if not isinstance(blob, bytes) or blob[:2] != b"GP" or len(blob) < 8:
        raise RecordError("geometry is no GeoPackage geometry; export the layer again")
    flags = blob[3]
    envelope = _ENVELOPE_BYTES.get(flags >> 1 & 0b111)
    if envelope is None or flags & 0b10_0000:
        raise RecordError(f"geometry has the flags {flags:#04x}; expected a standard GeoPackage geometry")
    try:
        geometry: BaseGeometry = shapely.force_2d(shapely.from_wkb(blob[8 + envelope :]))
    except ShapelyError as error:
        raise RecordError(f"geometry cannot be read ({error}); export the layer again") from error
    return None if geometry.is_empty else geometry


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
