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
from typing import Literal

import shapely
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from findings.errors import RecordError
from findings.imports.values import MAX_FEATURES, Layer

MAGIC = b"SQLite format 3\0"
APPLICATION_IDS = (b"GPKG", b"GP10", b"GP11")
_ENVELOPE_BYTES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}
MAX_DEPTH = 16
"""Geometries inside each other; a collection of multi-polygons has three levels."""
_SECONDS = 120.0
"""Longest time without a row: a damaged file must not hold the program."""
_READING = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ)
MAX_VALUE_BYTES = 128 << 20
"""Of one cell; a geometry of `MAX_VERTICES` would be larger, but no bridge or river is."""
_TABLES = ("gpkg_contents", "gpkg_geometry_columns", "gpkg_spatial_ref_sys")


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
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA cell_size_check=ON")
        connection.text_factory = _text
        computed = _computed(connection)
        connection.set_authorizer(_only_reading)
        _start_clock(connection)
        yield lambda: _layers(connection, path.name, computed)
    except (sqlite3.Error, UnicodeError) as error:  # UnicodeError: what SQLite says quotes the damaged name
        raise RecordError(f"{path.name}: the GeoPackage is damaged ({error}); export it again") from error
    finally:
        connection.close()


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")  # U+FFFD is told row by row


def _only_reading(action: int, *_: object) -> int:
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY  # our own queries call no function


def _computed(connection: sqlite3.Connection) -> frozenset[str]:
    """Return the names, case folded, of what is no plain table or has columns that SQL of the file computes.

    SQLite itself is asked, for it knows what the text in ``sqlite_master`` means whatever comments stand in it.
    """
    listed = connection.execute("SELECT name, type FROM pragma_table_list WHERE schema = 'main'").fetchall()
    columns = connection.execute(
        "SELECT t.name FROM pragma_table_list t, pragma_table_xinfo(t.name) c "
        "WHERE t.schema = 'main' AND t.type = 'table' AND c.hidden <> 0"
    ).fetchall()
    return frozenset(str(name).casefold() for name, kind in listed if kind != "table") | frozenset(
        str(name).casefold() for (name,) in columns
    )


def _start_clock(connection: sqlite3.Connection) -> None:
    """Let whatever SQLite does end after `_SECONDS`, counted from now."""
    last = time.monotonic()
    connection.set_progress_handler(lambda: int(time.monotonic() - last > _SECONDS), 100_000)


def _layers(connection: sqlite3.Connection, file: str, computed: frozenset[str]) -> list[Layer]:
    if hidden := next((name for name in _TABLES if name in computed), None):
        raise RecordError(f"{file}: {hidden} is SQL of the file's own; expected a table: export the file again")
    names = connection.execute(
        "SELECT g.table_name, g.column_name, g.srs_id FROM gpkg_geometry_columns g "
        "JOIN gpkg_contents c ON c.table_name = g.table_name WHERE c.data_type = 'features' ORDER BY g.table_name"
    ).fetchall()
    layers, left_out = [], []
    for name, geometry, srs in names:
        if str(name).casefold() in computed:
            left_out.append(str(name))
            continue
        layers.append(_layer(connection, str(name), str(geometry), srs))
    if left_out and not layers:
        raise RecordError(
            f"{file}: layer {left_out[0]!r} is a view or computes its columns; expected a table: export it as a layer "
            "of its own"
        )
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
    for number, row in enumerate(connection.execute(f"SELECT * FROM {_quoted(name)}"), start=1):  # noqa: S608
        _start_clock(connection)
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
    _check_depth(blob, 8 + envelope)
    try:
        geometry: BaseGeometry = shapely.force_2d(shapely.from_wkb(blob[8 + envelope :]))
    except ShapelyError as error:
        raise RecordError(f"geometry cannot be read ({error}); export the layer again") from error
    return None if geometry.is_empty else geometry


def _check_depth(wkb: bytes, at: int) -> None:
    """Raise RecordError for geometries inside each other without end: GEOS reads them by recursion, and would crash.

    What is cut off or unknown is left to GEOS, which refuses it; only the nesting is looked at here.

    Args:
        wkb: a blob.
        at: where its geometry begins (OGC 06-103r4, 8.2: byte order, type, count, parts).
    """
    waiting: list[int] = []  # how many parts are still to come, a level each
    while at + 9 <= len(wkb):
        if wkb[at] > 1:  # GEOS would go on in the order of the geometry around it
            raise RecordError(f"geometry has the byte order {wkb[at]}; expected 0 or 1: export the layer again")
        order: Literal["little", "big"] = "little" if wkb[at] else "big"
        code = int.from_bytes(wkb[at + 1 : at + 5], order)
        # Z, M and both: thousands of the type (ISO), or its two highest bits (PostGIS), where the third one adds a srid
        more, kind = divmod(code & 0xFFFF, 1000)
        size = 8 * (2 + bool(code & 0x8000_0000 or more in (1, 3)) + bool(code & 0x4000_0000 or more in (2, 3)))
        at += 9 if code & 0x2000_0000 else 5
        if kind == 1:
            at += size
        else:
            count = int.from_bytes(wkb[at : at + 4], order)
            at += 4
            if kind in (2, 8):
                at += count * size
            elif kind == 3:
                for _ in range(count):
                    at += 4 + int.from_bytes(wkb[at : at + 4], order) * size
                    if at > len(wkb):
                        return
            elif count:
                waiting.append(count)
                if len(waiting) > MAX_DEPTH:
                    raise RecordError(f"geometry is nested more than {MAX_DEPTH} deep; export the layer again")
                continue
        while waiting and waiting[-1] == 1:
            waiting.pop()
        if not waiting:
            return
        waiting[-1] -= 1


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
