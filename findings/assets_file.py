"""Bridges and river reaches from a GeoJSON FeatureCollection or a CSV table; a wrong row never stops the others."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from findings.asset import Asset
from findings.asset_columns import Columns
from findings.asset_rows import make_asset
from findings.errors import RecordError

MAX_BYTES = 256 * 1024 * 1024
# Declared reference systems whose coordinates are WGS84 lon, lat to within what a finding needs (JGD2011, JGD2000).
LONLAT_CRS = ("CRS84", "EPSG::4326", "EPSG:4326", "EPSG::6668", "EPSG:6668", "EPSG::4612", "EPSG:4612")


def read_assets(path: Path) -> tuple[list[Asset], list[RecordError]]:
    """Return the assets of a file and one error for each row that could not be taken.

    CSV may be UTF-8 (with or without BOM), UTF-16 or cp932, separated by commas, semicolons or tabs; columns are known
    by English names, the names of the municipal standard data sets, and those of the road-structure database. The id
    column gives the uid; without one it follows from kind, name and position, so that a second reading adds nothing.

    Args:
        path: ``.geojson``/``.json`` or any text table; told apart by content.

    Raises:
        RecordError: the file as a whole cannot be read: missing, empty, not text, no known columns, another datum.
    """
    content = _content(path)
    text = _decoded(content, path.name)
    rows = _geojson_rows(text, path.name) if text.lstrip()[:1] in ("{", "[") else _csv_rows(text, path.name)
    assets: list[Asset] = []
    errors: list[RecordError] = []
    seen: dict[str, str] = {}
    for where, item in rows:
        try:
            if isinstance(item, RecordError):
                raise item
            values, geometry = item
            _check_texts(values)
            asset = make_asset(values, geometry)
            if asset.uid in seen:
                raise RecordError(f"id {asset.uid!r} was already given by {seen[asset.uid]}; ids must differ")
        except RecordError as error:
            errors.append(RecordError(f"{path.name}: {where}: {error}"))
        else:
            seen[asset.uid] = where
            assets.append(asset)
    return assets, errors


Rows = Iterator[tuple[str, tuple[Mapping[str, Any], BaseGeometry | None] | RecordError]]


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RecordError(f"{path.name}: larger than {MAX_BYTES // 2**20} MiB; split the list of assets")
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    if not content.strip():
        raise RecordError(f"{path.name}: is empty; expected GeoJSON or a CSV table with a header")
    return content


def _decoded(content: bytes, name: str) -> str:
    """Return the text; the encoding is told by BOM, then by the pattern of zero bytes, then UTF-8 before cp932."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif b"\0" in content[:200]:
        # ASCII characters have their zero byte second in little-endian and first in big-endian text.
        little = content[1:4000:2].count(0) > content[0:4000:2].count(0)
        encodings = ["utf-16-le" if little else "utf-16-be"]
    else:
        encodings = ["utf-8-sig", "cp932"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise RecordError(f"{name}: not text in {' or '.join(encodings)}; save it as UTF-8 CSV or GeoJSON")


def _csv_rows(text: str, name: str) -> Rows:
    """Yield the rows of a table with the row number that a spreadsheet shows (the header is row 1)."""
    header, _, _ = text.partition("\n")
    delimiter = max(",\t;", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = Columns.of(next(reader))
    except (csv.Error, StopIteration) as error:
        raise RecordError(f"{name}: no header can be read ({error}); expected a CSV table") from error
    columns.check(name)
    number = 1
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # After a broken quote the reader cannot tell where the next row begins.
            yield f"row {number}", RecordError(f"cannot be read as CSV ({error}); the rows after it were not read")
            return
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > columns.count:
            yield (
                f"row {number}",
                RecordError(f"has {len(cells)} cells, the header {columns.count}; quote commas in text"),
            )
        else:
            yield f"row {number}", (columns.values(cells), None)


def _geojson_rows(text: str, name: str) -> Rows:
    """Yield the features of a FeatureCollection, counted from 1."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{name}: not valid JSON ({error}); expected a GeoJSON FeatureCollection") from error
    features = document.get("features") if isinstance(document, Mapping) else None
    if not isinstance(features, list):
        raise RecordError(f"{name}: has no list of features; expected a GeoJSON FeatureCollection")
    _check_crs(document.get("crs"), name)
    for number, feature in enumerate(features, start=1):
        where = f"feature {number}"
        if not isinstance(feature, Mapping) or not isinstance(feature.get("properties") or {}, Mapping):
            yield where, RecordError("is not a GeoJSON feature with properties")
            continue
        given = dict(feature.get("properties") or {})
        columns = Columns.of([str(key) for key in given])
        values = columns.values(list(given.values()))
        if "uid" not in values and feature.get("id") not in (None, ""):
            values["uid"] = feature["id"]
        try:
            yield where, (values, _shape(feature.get("geometry")))
        except RecordError as error:
            yield where, error


def _check_texts(values: Mapping[str, Any]) -> None:
    """Raise RecordError for text that no database takes: a zero character, or half of a surrogate pair."""
    for field, value in values.items():
        text = "".join(map(str, value)) if isinstance(value, list) else str(value)
        if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
            raise RecordError(f"{field} is {value!a}; expected whole characters: save the file again as UTF-8")


def _check_crs(crs: object, name: str) -> None:
    if crs is None:
        return
    properties = crs.get("properties") if isinstance(crs, Mapping) else None
    declared = str(properties.get("name", crs)) if isinstance(properties, Mapping) else str(crs)
    if not declared.endswith(LONLAT_CRS):
        raise RecordError(
            f"{name}: coordinates are declared as {declared}; expected WGS84 or JGD2011 lon, lat: reproject"
        )


def _shape(member: object) -> BaseGeometry | None:
    if member is None:
        return None
    try:
        with np.errstate(invalid="ignore"):  # NaN is refused below
            geometry = shapely.force_2d(shape(member))
    except (ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
        raise RecordError(f"geometry cannot be read ({error}); expected a GeoJSON geometry or null") from error
    if geometry.is_empty:
        return None
    west, south, east, north = geometry.bounds
    if (
        not np.isfinite(shapely.get_coordinates(geometry)).all()
        or west < -180
        or east > 180
        or south < -90
        or north > 90
    ):
        raise RecordError(f"geometry reaches {geometry.bounds}; expected WGS84 longitude, latitude in this order")
    found: BaseGeometry = geometry
    return found
