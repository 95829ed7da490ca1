"""Bridges and river reaches from a GeoJSON FeatureCollection or a CSV table; a wrong row never stops the others.

Other formats are read in `findings.imports`, which brings its rows here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from findings.asset import Asset, AssetKind
from findings.asset_columns import Columns
from findings.asset_rows import ToLonlat, make_asset
from findings.asset_table import decoded, table_rows
from findings.errors import RecordError

MAX_BYTES = 256 * 1024 * 1024
# Declared reference systems whose coordinates are WGS84 lon, lat to within what a finding needs (JGD2011, JGD2000).
LONLAT_CRS = ("CRS84", "EPSG::4326", "EPSG:4326", "EPSG::6668", "EPSG:6668", "EPSG::4612", "EPSG:4612")
JAPAN = (122.0, 20.0, 154.0, 46.0)
"""West, south, east, north: what tells swapped coordinates (domain guide 4)."""

Row = tuple[Mapping[str, Any], BaseGeometry | None] | RecordError
Rows = Iterable[tuple[str, Row]]
"""Where a row stands, and its values by our field names with its geometry, or what is wrong with it."""

Reference = Callable[[str | None], ToLonlat | None]
"""From what a file declares about its coordinates (None: nothing) to the way to WGS84; raises RecordError."""


def read_assets(
    path: Path, *, kind: AssetKind | None = None, reference: Reference | None = None
) -> tuple[list[Asset], list[RecordError]]:
    """Return the assets of a file and one error for each row that could not be taken.

    CSV may be UTF-8 (with or without BOM), UTF-16 or cp932, separated by commas, semicolons or tabs; columns are known
    by English names, the names of the municipal standard data sets, and those of the road-structure database. The id
    column gives the uid; without one it follows from kind, name and position, so that a second reading adds nothing.

    Args:
        path: ``.geojson``/``.json`` or any text table; told apart by content.
        kind: counts for rows that do not say it.
        reference: what to do with the coordinates; by default WGS84 and JGD2011 are taken, others refused.

    Raises:
        RecordError: the file as a whole cannot be read: missing, empty, not text, no known columns, another datum.
    """
    text = read_text(path)
    if text.lstrip()[:1] in ("{", "["):
        rows, declared = geojson_rows(parsed_json(text, path.name), path.name)
    else:
        rows, declared = csv_rows(text, path.name, datum_is_given=reference is not None), None
    return collect(rows, path.name, kind=kind, to_lonlat=(reference or _lonlat_only(path.name))(declared))


def collect(
    rows: Rows, name: str, *, kind: AssetKind | None = None, to_lonlat: ToLonlat | None = None
) -> tuple[list[Asset], list[RecordError]]:
    """Return the assets of rows and one error for each that could not be taken or repeats an id.

    Args:
        rows: of one file.
        name: of that file, for the messages.
        kind: counts for rows that do not say it.
        to_lonlat: brings geometries to WGS84 lon, lat.
    """
    assets: list[Asset] = []
    errors: list[RecordError] = []
    seen: dict[str, str] = {}
    for where, item in rows:
        try:
            if isinstance(item, RecordError):
                raise item
            values, geometry = item
            check_texts(values)
            asset = make_asset(values, geometry, kind=kind, to_lonlat=to_lonlat)
            check_lonlat(asset.geometry)
            if asset.uid in seen:
                raise RecordError(f"id {asset.uid!r} was already given by {seen[asset.uid]}; ids must differ")
        except RecordError as error:
            errors.append(RecordError(f"{name}: {where}: {error}"))
        else:
            seen[asset.uid] = where
            assets.append(asset)
    return assets, errors


def read_text(path: Path) -> str:
    """Return the text of a file of any encoding in use.

    Raises:
        RecordError: missing, empty, over the cap, or not text.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RecordError(f"{path.name}: larger than {MAX_BYTES // 2**20} MiB; split the list of assets")
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    if not content.strip():
        raise RecordError(f"{path.name}: is empty; expected GeoJSON or a CSV table with a header")
    return decoded(content, path.name)


def csv_rows(text: str, name: str, *, datum_is_given: bool = False) -> Rows:
    """Return the rows of a table with the row number that a spreadsheet shows (the header is row 1).

    Raises:
        RecordError: no header, no column with a name, or positions in the old datum.
    """
    rows = table_rows(text)
    _, header = next(rows, ("", RecordError("the table is empty")))
    if isinstance(header, RecordError):
        raise RecordError(f"{name}: no header can be read ({header}); expected a CSV table") from header
    columns = Columns.of(header)
    columns.check(name, datum_is_given=datum_is_given)
    return _table(rows, columns)


def _table(rows: Iterator[tuple[str, list[str] | RecordError]], columns: Columns) -> Rows:
    for where, cells in rows:
        if isinstance(cells, RecordError):
            yield where, cells
        elif len(cells) > columns.count:
            yield where, RecordError(f"has {len(cells)} cells, the header {columns.count}; quote commas in text")
        else:
            yield where, (columns.values(cells), None)


def parsed_json(text: str, name: str) -> Any:
    """Return the JSON document.

    Raises:
        RecordError: it is none.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{name}: not valid JSON ({error}); expected a GeoJSON FeatureCollection") from error


def geojson_rows(document: Any, name: str) -> tuple[Rows, str | None]:
    """Return the features of a FeatureCollection, counted from 1, and the reference system that it declares.

    Raises:
        RecordError: no list of features.
    """
    features = document.get("features") if isinstance(document, Mapping) else None
    if not isinstance(features, list):
        raise RecordError(f"{name}: has no list of features; expected a GeoJSON FeatureCollection")
    return _features(features), _declared(document.get("crs"))


def _features(features: list[Any]) -> Rows:
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


def check_texts(values: Mapping[str, Any]) -> None:
    """Refuse text that no database takes.

    Raises:
        RecordError: a zero character, half of a surrogate pair, or a sign that stands for a damaged character.
    """
    for field, value in values.items():
        text = "".join(map(str, value)) if isinstance(value, list) else str(value)
        if any(character in "\0\ufffd" or "\ud800" <= character <= "\udfff" for character in text):
            raise RecordError(f"{field} is {value!a}; expected whole characters: save the file again as UTF-8")


def check_lonlat(geometry: BaseGeometry | None) -> None:
    """Refuse coordinates that are no WGS84 longitude and latitude.

    Raises:
        RecordError: not finite, swapped, or in metres.
    """
    if geometry is None:
        return
    west, south, east, north = geometry.bounds
    if np.isfinite(shapely.get_coordinates(geometry)).all() and west >= -180 and east <= 180:
        if south >= -90 and north <= 90:
            return
        if JAPAN[1] <= west and east <= JAPAN[3] and JAPAN[0] <= south and north <= JAPAN[2]:
            raise RecordError(
                f"longitude and latitude are swapped (x {west:.4f}, y {south:.4f}); expected longitude first: "
                "exchange them in the file"
            )
    metres = max(map(abs, geometry.bounds)) > 1000
    raise RecordError(
        f"geometry reaches {geometry.bounds}; expected WGS84 longitude, latitude in this order"
        + ("; these look like metres: give their reference system by --crs EPSG:n" if metres else "")
    )


def _declared(crs: object) -> str | None:
    if crs is None:
        return None
    properties = crs.get("properties") if isinstance(crs, Mapping) else None
    return str(properties.get("name", crs)) if isinstance(properties, Mapping) else str(crs)


def _lonlat_only(name: str) -> Reference:
    def reference(declared: str | None) -> None:
        if declared is not None and not declared.endswith(LONLAT_CRS):
            raise RecordError(
                f"{name}: coordinates are declared as {declared}; expected WGS84 or JGD2011 lon, lat: reproject"
            )

    return reference


def _shape(member: object) -> BaseGeometry | None:
    if member is None:
        return None
    try:
        with np.errstate(invalid="ignore"):  # NaN is refused later
            geometry: BaseGeometry = shapely.force_2d(shape(member))
    except (ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
        raise RecordError(f"geometry cannot be read ({error}); expected a GeoJSON geometry or null") from error
    return None if geometry.is_empty else geometry
