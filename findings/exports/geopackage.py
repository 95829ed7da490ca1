"""Findings, assets and footprints as a GeoPackage (OGC 12-128) that QGIS opens styled.

Four layers in WGS84: ``findings`` (one point each, with grade and reason), ``finding_outlines`` (where the outline's
place on the ground is known), ``assets`` and ``images``. Styles stand in the table ``layer_styles``, where QGIS looks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from findings.asset import Asset
from findings.errors import OutputError
from findings.exports.encoding import Cell, guarded
from findings.exports.qml import findings_style, images_style, outlines_style
from findings.exports.record import Entry
from findings.exports.words import damage_ja, member_ja, state_words
from findings.files import whole_file
from findings.survey import Image
from findings.tables import status_ja
from findings.wording import measure_text

Columns = dict[str, tuple[type, list[Any]]]
STYLES = """CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT(256),
f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT,
styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME)"""


def write_geopackage(
    path: Path,
    entries: Sequence[Entry],
    assets: Sequence[Asset],
    images: Sequence[Image],
    gaps: Mapping[str, str],
    as_of: datetime,
) -> None:
    """Write the layers and their styles, whole or not at all; the same values give the same bytes.

    Args:
        path: of the .gpkg file.
        entries: findings in the order of the list.
        assets: bridges and river reaches.
        images: pictures; those without a footprint have no geometry.
        gaps: by image uid: why a picture does not count as seen, in Japanese.
        as_of: stands for the time of the last change.

    Raises:
        OutputError: the file cannot be written.
    """
    moment = as_of.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    layers = {
        "findings": _findings(entries),
        "finding_outlines": _outlines(entries),
        "assets": _assets(assets),
        "images": _images(images, gaps),
    }
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": moment})
    try:
        # GDAL wants the ending .gpkg
        with whole_file(path) as partial:
            made = partial.with_name(f"{partial.name}.gpkg")
            made.parent.mkdir(parents=True, exist_ok=True)
            try:
                for name, (kind, shapes, columns) in layers.items():
                    _write_layer(made, name, kind, shapes, columns)
                _write_styles(made, moment)
                made.replace(partial)
            finally:
                made.unlink(missing_ok=True)
    except (DataSourceError, DataLayerError, sqlite3.Error) as error:
        raise OutputError(f"{path}: could not be written ({error}); free some space or choose another place") from error
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _write_layer(path: Path, name: str, kind: str, shapes: Sequence[BaseGeometry | None], columns: Columns) -> None:
    arrays: list[np.ndarray[Any, Any]] = []
    masks: list[np.ndarray[Any, Any]] = []
    for type_, values in columns.values():
        lacking = np.array([value is None for value in values], bool)
        filled = [_filler(type_) if value is None else value for value in values]
        arrays.append(np.array(filled, object if type_ is str else type_))
        masks.append(lacking)
    pyogrio.raw.write(
        str(path),
        geometry=np.array([None if one is None else shapely.to_wkb(one) for one in shapes], object),
        field_data=arrays,
        fields=list(columns),
        field_mask=masks,
        layer=name,
        driver="GPKG",
        geometry_type=kind,
        crs="EPSG:4326",
        append=path.exists(),
    )


def _filler(type_: type) -> Cell:
    return "" if type_ is str else 0


def _write_styles(path: Path, moment: str) -> None:
    styles = (
        ("findings", "所見(程度別)", findings_style()),
        ("finding_outlines", "所見の範囲", outlines_style()),
        ("images", "撮影範囲", images_style()),
    )
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(STYLES)
        file.executemany(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
            "styleQML, styleSLD, useAsDefault, description, owner, ui, update_time) "
            "VALUES ('', '', ?, 'geom', ?, ?, '', 1, '', '', NULL, ?)",
            [(*style, moment) for style in styles],
        )
        file.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?)",
            (moment,),
        )


def _text(value: object) -> str | None:
    """Return text that no spreadsheet runs when somebody copies the table; None for nothing."""
    return None if value is None or value == "" else str(guarded(str(value)))


def _findings(entries: Sequence[Entry]) -> tuple[str, list[BaseGeometry | None], Columns]:
    shapes = [one.finding.geometry_lonlat for one in entries]
    points = [None if shape is None or shape.is_empty else shape.representative_point() for shape in shapes]
    return "Point", points, _finding_columns(entries)


def _outlines(entries: Sequence[Entry]) -> tuple[str, list[BaseGeometry | None], Columns]:
    known = [one for one in entries if isinstance(one.finding.geometry_lonlat, Polygon | MultiPolygon)]
    shapes: list[BaseGeometry | None] = []
    for one in known:
        shape = one.finding.geometry_lonlat
        shapes.append(MultiPolygon([shape]) if isinstance(shape, Polygon) else shape)
    return "MultiPolygon", shapes, _finding_columns(known)


def _finding_columns(entries: Sequence[Entry]) -> Columns:
    findings = [one.finding for one in entries]
    worst = [one.final_grade or (one.grade.worst if one.grade is not None else None) for one in findings]
    schemes = [one.grade.scheme if one.grade is not None else None for one in findings]
    priorities = [one.priority for one in entries]
    return {
        "id": (str, [_text(one.uid) for one in findings]),
        "rank": (np.int32, [one.rank for one in entries]),
        "score": (float, [one.score if one is not None else None for one in priorities]),
        "score_low": (float, [one.low if one is not None else None for one in priorities]),
        "score_high": (float, [one.high if one is not None else None for one in priorities]),
        "label": (str, [_text(label_of(one)) for one in entries]),
        "damage": (str, [_text(damage_ja(one.damage)) for one in findings]),
        "scheme": (str, schemes),
        "grade": (str, [_text(one.grade) for one in entries]),
        "worst": (str, worst),
        "provisional": (str, ["暫定" if one.draft else None for one in entries]),
        "review": (str, [status_ja(one.status) for one in findings]),
        "asset_id": (str, [_text(one.asset_uid) for one in findings]),
        "asset": (str, [_text(one.asset.name) if one.asset is not None else None for one in entries]),
        "span": (np.int32, [one.span for one in findings]),
        "member": (str, [_text(member_ja(one.member)) for one in findings]),
        "element_no": (str, [_text(one.element_no) for one in findings]),
        "measures": (str, [_text("; ".join(measure_text(m, "ja") for m in one.measures)) for one in findings]),
        "rule": (str, [_text(one.grade.trace_ja) if one.grade is not None else None for one in findings]),
        "previous": (str, [_text(one.previous_grade) for one in entries]),
        "change": (str, [state_words(one.track.state, "ja") if one.track is not None else None for one in entries]),
        "captured": (str, [one.captured_at.isoformat() if one.captured_at is not None else None for one in findings]),
        "position": (str, [_text(one.position_source) for one in findings]),
        "picture": (str, [_text(one.picture_name) for one in entries]),
        "model": (str, [_text(f"{one.provenance.model}@{one.provenance.model_version}") for one in findings]),
    }


def label_of(entry: Entry) -> str:
    """Return what stands beside a finding on the map: damage, grade, 暫定, and that nobody reviewed it."""
    parts = [damage_ja(entry.finding.damage) + (f"-{entry.grade}" if entry.grade else "")]
    parts += ["暫定"] if entry.draft else []
    parts += ["未確認"] if entry.finding.status.value == "candidate" else []
    return " ".join(parts)


def _assets(assets: Sequence[Asset]) -> tuple[str, list[BaseGeometry | None], Columns]:
    columns: Columns = {
        "id": (str, [_text(one.uid) for one in assets]),
        "name": (str, [_text(one.name) for one in assets]),
        "kind": (str, ["橋梁" if one.kind.value == "bridge" else "河川区間" for one in assets]),
        "structure": (str, [one.structure.value for one in assets]),
        "soundness_official": (str, [_text(one.soundness) for one in assets]),
        "spans": (np.int32, [len(one.spans) or None for one in assets]),
    }
    return "Unknown", [one.geometry for one in assets], columns


def _images(images: Sequence[Image], gaps: Mapping[str, str]) -> tuple[str, list[BaseGeometry | None], Columns]:
    columns: Columns = {
        "id": (str, [_text(one.uid) for one in images]),
        "file": (str, [_text(Path(one.path).name) for one in images]),
        "kind": (str, [one.kind.value for one in images]),
        "captured": (str, [one.captured_at.isoformat() if one.captured_at is not None else None for one in images]),
        "gsd_mm": (float, [one.scale.gsd_mm for one in images]),
        "status": (str, [one.status.value for one in images]),
        "gap": (str, [_text(gaps.get(one.uid)) for one in images]),
        "reason": (str, [_text(one.reason) for one in images]),
    }
    return "Polygon", [one.footprint for one in images], columns
