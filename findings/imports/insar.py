"""InSAR points from a CSV table or a GeoParquet file.

Two shapes are known: one row a point with a column a date (EGMS: ``20200106``; also ``D20200106``, ``2020-01-06``), and
one row a point and date (``date``, ``displacement``). Displacements are millimetres unless the heading says otherwise.
Only points around the place that is asked for are kept, so that a file of a whole track can be read.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from findings.asset_columns import heading
from findings.asset_table import table_rows
from findings.assets_file import MAX_BYTES, read_text
from findings.errors import RecordError
from findings.imports.dated import DATE_NAMES, day_of, head_of, known_day, number_of
from findings.imports.reference import ReferenceSystem, reference_system
from findings.insar import Floats, InsarPoints
from findings.links import METRES_PER_DEGREE

NAMES = {
    "lon": ("lon", "lng", "long", "longitude", "経度"),
    "lat": ("lat", "latitude", "緯度"),
    "x": ("easting", "x"),
    "y": ("northing", "y"),
    "height": ("height", "height_wgs84", "height_m", "elevation", "h", "z", "標高", "高さ", "標高(m)"),
    "point": ("pid", "point_id", "id", "code", "点番号", "点id"),
    "date": DATE_NAMES,
    "displacement": ("displacement", "disp", "los", "value", "変位", "変位量"),
}
FIELDS = {name: key for key, names in NAMES.items() for name in names}
UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
_UNIT = re.compile(r"^(.+?)[_(\[](mm|cm|m)[)\]]?$")
BLOCK = 20_000
MARGIN_DEG = 0.003
"""Some 300 m around the bridge: its surroundings lie within 100 m of the deck line."""
SUSPECT_MM = 0.5
"""A file whose displacements all stay under so much was probably written in metres."""

Column = NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which column means what.

    Attributes:
        at: column of each of `NAMES`.
        dates: days of the columns of a wide table, and their places.
        factor: from the file's unit to mm.
        stated: whether the file says its unit.
    """

    at: dict[str, int]
    dates: tuple[tuple[date, int], ...]
    factor: float
    stated: bool


@dataclass(slots=True)
class _Kept:
    """What was kept so far, block by block."""

    lonlat: list[Floats] = field(default_factory=list)
    height: list[Floats] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    days: list[Any] = field(default_factory=list)
    names: list[Any] = field(default_factory=list)
    nearest_m: float = math.nan
    rows: int = 0
    refused: int = 0


def read_points(
    path: Path, around: tuple[float, float, float, float], *, crs: str | None = None, unit: str | None = None
) -> InsarPoints:
    """Return the points of a file in and around a box.

    Args:
        path: CSV (commas, semicolons or tabs; any encoding in use) or GeoParquet.
        around: west, south, east, north of the place, degrees; points up to some 300 m outside are kept.
        crs: of easting and northing, or of geometries whose system the file does not state.
        unit: ``mm``, ``cm`` or ``m``; wins over the headings.

    Raises:
        RecordError: no such file, no known columns, two columns of one day, a date or number that is none, or a
            reference system that is missing or unknown.
    """
    if unit is not None and unit not in UNITS:
        raise RecordError(f"unit {unit!r}; expected mm, cm or m")
    system = None if crs is None else reference_system(crs)
    kept = _Kept()
    parquet = head_of(path).startswith(b"PAR1")
    layout, notes = (_read_parquet if parquet else _read_csv)(path, around, system, unit, kept)
    if not layout.stated and unit is None:
        notes.append("displacements are read as millimetres: the file does not state a unit (--unit says another)")
    if kept.refused:
        notes.append(f"{kept.refused} of {kept.rows} rows were left out: no place in degrees or no number in them")
    if kept.rows == kept.refused:
        raise RecordError(f"{path.name}: none of its {kept.rows} rows can be read; expected lon and lat in degrees")
    points = _wide(layout, kept, notes) if layout.dates else _long(path, layout, kept, notes)
    return points


# --- the two formats --------------------------------------------------------------------------------------------------


def _read_csv(
    path: Path, around: Sequence[float], system: ReferenceSystem | None, unit: str | None, kept: _Kept
) -> tuple[_Layout, list[str]]:
    if path.stat().st_size > MAX_BYTES:
        raise RecordError(
            f"{path.name}: larger than {MAX_BYTES // 2**20} MiB; save it as GeoParquet, which is read in parts"
        )
    rows = table_rows(read_text(path))
    _, header = next(rows, ("", RecordError("the table is empty")))
    if isinstance(header, RecordError):
        raise RecordError(f"{path.name}: no header can be read ({header}); expected a CSV table") from header
    layout = _layout(header, path.name, unit, placed=False)
    block: list[list[str]] = []
    for _, cells in rows:
        if isinstance(cells, RecordError) or len(cells) != len(header):
            kept.rows += 1
            kept.refused += 1
            continue
        block.append(cells)
        if len(block) == BLOCK:
            _keep(_columns(block), None, layout, around, system, kept, path.name)
            block = []
    if block:
        _keep(_columns(block), None, layout, around, system, kept, path.name)
    return layout, _system_note(layout, system)


def _columns(block: list[list[str]]) -> list[Column]:
    return list(np.array(block, dtype=object).T)


def _read_parquet(
    path: Path, around: Sequence[float], system: ReferenceSystem | None, unit: str | None, kept: _Kept
) -> tuple[_Layout, list[str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        names = list(file.schema_arrow.names)
        geo = json.loads((file.schema_arrow.metadata or {}).get(b"geo", b"null"))
        shape = geo.get("primary_column") if isinstance(geo, dict) else None
        layout = _layout(names, path.name, unit, placed=shape in names)
        notes = []
        if shape in names:
            system = system or _declared(geo["columns"][shape], path.name)
            notes = _system_note(layout, system, placed=True)
        for batch in file.iter_batches(batch_size=BLOCK):
            columns = [column.to_numpy(zero_copy_only=False) for column in batch.columns]
            place = columns[names.index(shape)] if shape in names else None
            _keep(columns, place, layout, around, system, kept, path.name)
    except (pa.ArrowException, OSError, KeyError, json.JSONDecodeError) as error:
        raise RecordError(f"{path.name}: damaged or no GeoParquet ({error}); save it again") from error
    return layout, notes or _system_note(layout, system)


def _declared(column: dict[str, Any], name: str) -> ReferenceSystem:
    """Return the system of a geometry column: WGS84 where the key is absent (GeoParquet 1.0)."""
    if column.get("encoding") != "WKB":
        raise RecordError(f"{name}: geometries are encoded as {column.get('encoding')!r}; expected WKB")
    crs = column.get("crs", "OGC:CRS84")
    if crs is None:
        raise RecordError(f"{name}: does not know in which reference system its points are; give it by --crs EPSG:n")
    return reference_system(crs if isinstance(crs, str) else json.dumps(crs))


def _system_note(layout: _Layout, system: ReferenceSystem | None, *, placed: bool = False) -> list[str]:
    used = placed or "lon" not in layout.at
    return [system.note] if used and system is not None and system.note else []


# --- columns ----------------------------------------------------------------------------------------------------------


def _layout(headings: Sequence[str], name: str, unit: str | None, *, placed: bool) -> _Layout:
    at: dict[str, int] = {}
    days: dict[date, int] = {}
    factor, stated = UNITS[unit or "mm"], False
    for i, text in enumerate(headings):
        plain = heading(str(text))
        day = day_of(plain)
        if day is not None:
            if day in days:
                raise RecordError(f"{name}: two columns of the day {day}; keep one")
            days[day] = i
            continue
        bare = _UNIT.match(plain)
        key = FIELDS.get(plain) or (FIELDS.get(bare.group(1)) if bare else None)
        if key is not None and key not in at:
            at[key] = i
            if key == "displacement" and bare is not None and unit is None:
                factor, stated = UNITS[bare.group(2)], True
    shown = ", ".join(str(text) for text in headings[:8])
    if not placed and not ({"lon", "lat"} <= set(at) or {"x", "y"} <= set(at)):
        raise RecordError(f"{name}: no columns with a place (columns: {shown}); expected lon and lat, or easting and "
                          "northing with --crs")  # fmt: skip
    if not days and not {"date", "displacement"} <= set(at):
        raise RecordError(
            f"{name}: no displacements (columns: {shown}); expected a column a date like 20200106, or columns date and "
            "displacement"
        )
    return _Layout(at, tuple(sorted(days.items())), factor, stated)


# --- rows -------------------------------------------------------------------------------------------------------------


def _keep(
    columns: list[Column], shapes: Column | None, layout: _Layout, around: Sequence[float],
    system: ReferenceSystem | None, kept: _Kept, name: str,
) -> None:  # fmt: skip
    """Take the rows of a block that lie around the place."""
    lonlat = _lonlat(columns, shapes, layout, system, name)
    good = np.isfinite(lonlat).all(axis=1) & (np.abs(lonlat) <= [180, 90]).all(axis=1)
    kept.rows += len(lonlat)
    kept.refused += int((~good).sum())
    west, south, east, north = around
    middle = np.array([(west + east) / 2, (south + north) / 2])
    if good.any():
        squeeze = np.array([math.cos(math.radians(middle[1])), 1.0])
        away = float(np.hypot(*((lonlat[good] - middle) * squeeze).T).min()) * METRES_PER_DEGREE
        kept.nearest_m = away if math.isnan(kept.nearest_m) else min(kept.nearest_m, away)
    low, high = np.array([west, south]) - MARGIN_DEG, np.array([east, north]) + MARGIN_DEG
    chosen = good & (lonlat >= low).all(axis=1) & (lonlat <= high).all(axis=1)
    if not chosen.any():
        return
    kept.lonlat.append(lonlat[chosen])
    height = columns[layout.at["height"]][chosen] if "height" in layout.at else np.full(chosen.sum(), np.nan)
    kept.height.append(_numbers(height, name, "height"))
    if layout.dates:
        values = [_numbers(columns[i][chosen], name, f"displacement of {day}") for day, i in layout.dates]
        kept.values.append(np.stack(values, axis=1))
        return
    kept.values.append(_numbers(columns[layout.at["displacement"]][chosen], name, "displacement"))
    kept.days.append(np.array([known_day(text, name) for text in columns[layout.at["date"]][chosen]], "datetime64[D]"))
    if "point" in layout.at:
        kept.names.append(columns[layout.at["point"]][chosen].astype(str))
    else:
        kept.names.append(np.array([f"{lon:.7f} {lat:.7f}" for lon, lat in lonlat[chosen]]))


def _lonlat(
    columns: list[Column], shapes: Column | None, layout: _Layout, system: ReferenceSystem | None, name: str
) -> Floats:
    if shapes is not None:
        points = shapely.from_wkb(shapes)
        if not (shapely.get_type_id(points) == 0).all():
            raise RecordError(f"{name}: holds geometries that are no points; expected a point a row")
        return _transformed(np.stack([shapely.get_x(points), shapely.get_y(points)], axis=1), system)
    if "lon" in layout.at and "lat" in layout.at:
        return np.stack([_places(columns[layout.at[key]]) for key in ("lon", "lat")], axis=1)
    if system is None:
        raise RecordError(
            f"{name}: easting and northing, but not in which reference system; give it by --crs (EGMS: EPSG:3035)"
        )
    return _transformed(np.stack([_places(columns[layout.at[key]]) for key in ("x", "y")], axis=1), system)


def _transformed(xy: Floats, system: ReferenceSystem | None) -> Floats:
    if system is None or system.transformer is None:
        return xy
    known = np.isfinite(xy).all(axis=1)
    out = np.full(xy.shape, np.nan)
    if known.any():
        out[known] = shapely.get_coordinates(system.lonlat(shapely.multipoints(xy[known])))
    return out


def _places(cells: Column) -> Floats:
    """Return coordinates, NaN where a cell is none: the row is left out and counted."""
    try:
        return np.asarray(cells, dtype=float)
    except (ValueError, TypeError):
        return np.array([number_of(cell) for cell in cells])


def _numbers(cells: Column, name: str, what: str) -> Floats:
    try:
        values = np.asarray([math.nan if c is None or (isinstance(c, str) and not c.strip()) else c for c in cells],
                            dtype=float)  # fmt: skip
    except (ValueError, TypeError) as error:
        raise RecordError(f"{name}: {what}: {error}; expected numbers, or empty cells where there is none") from error
    return np.where(np.isfinite(values), values, np.nan)


# --- points -----------------------------------------------------------------------------------------------------------


def _wide(layout: _Layout, kept: _Kept, notes: list[str]) -> InsarPoints:
    days = np.array([day for day, _ in layout.dates], "datetime64[D]")
    if not kept.values:
        return InsarPoints(np.zeros((0, 2)), np.zeros(0), days, np.zeros((0, len(days))), kept.nearest_m, tuple(notes))
    table = np.concatenate(kept.values) * layout.factor
    return _checked(np.concatenate(kept.lonlat), np.concatenate(kept.height), days, table, kept.nearest_m, notes)


def _long(path: Path, layout: _Layout, kept: _Kept, notes: list[str]) -> InsarPoints:
    if not kept.values:
        none = np.zeros(0, "datetime64[D]")
        return InsarPoints(np.zeros((0, 2)), np.zeros(0), none, np.zeros((0, 0)), kept.nearest_m, tuple(notes))
    names, first, row = np.unique(np.concatenate(kept.names), return_index=True, return_inverse=True)
    days, column = np.unique(np.concatenate(kept.days), return_inverse=True)
    cells = row * len(days) + column
    if np.unique(cells).size != cells.size:
        twice = int(cells.size - np.unique(cells).size)
        raise RecordError(f"{path.name}: {twice} rows repeat a point and date; keep one of each")
    table = np.full((len(names), len(days)), np.nan)
    table[row, column] = np.concatenate(kept.values) * layout.factor
    lonlat, height = np.concatenate(kept.lonlat)[first], np.concatenate(kept.height)[first]
    return _checked(lonlat, height, days, table, kept.nearest_m, notes)


def _checked(
    lonlat: Floats, height: Floats, days: NDArray[np.datetime64], table: Floats, nearest_m: float, notes: list[str]
) -> InsarPoints:
    known = table[np.isfinite(table)]
    if known.size and float(np.abs(known).max()) < SUSPECT_MM:
        notes.append(f"no displacement reaches {SUSPECT_MM} mm: were they written in metres? --unit m reads them so")
    return InsarPoints(lonlat, height, days, table, nearest_m, tuple(notes))
