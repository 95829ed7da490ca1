"""The segments of a deck with their InSAR velocities as a table or GeoJSON."""

from __future__ import annotations

from typing import Any

import numpy as np
from shapely.geometry import mapping

from findings.exports.encoding import Row, csv_text
from findings.geojson import finite
from findings.insar import DeckMotion, DeckSegment
from findings.measure import Measure

COLUMNS = (
    "橋梁ID", "区間", "起点(m)", "終点(m)", "点数", "観測回数", "高さ中央値(m)", "高さ最小(m)", "高さ最大(m)",
    "残差速度(mm/年)", "残差速度下限", "残差速度上限", "温度の扱い", "温度応答", "温度応答単位", "z値", "比較対象",
    "評価できない理由", "reason",
)  # fmt: skip
MODELS = {"temperature": "気温回帰", "yearly wave": "年周正弦(気温なし)"}
COMPARED = {"segments": "他の区間", "surroundings": "周辺の点", "": None}


def segments_csv(motion: DeckMotion) -> str:
    """Return one row a segment; what is not assessable has its reason and no numbers."""
    return csv_text(COLUMNS, [_row(motion, segment) for segment in motion.segments])


def _row(motion: DeckMotion, segment: DeckSegment) -> Row:
    velocity, thermal, heights = segment.velocity, segment.thermal, segment.height_m or (None, None, None)
    cells = (
        motion.asset_uid, segment.number, round(segment.from_m, 1), round(segment.to_m, 1), segment.points,
        segment.dates or None, *(None if h is None else round(h, 2) for h in heights),
        *(_rounded(v, 2) for v in _interval(velocity)), MODELS[motion.thermal_model],
        _rounded(thermal.value if thermal else None, 3), thermal.unit if thermal else None, _rounded(segment.z, 2),
        COMPARED[segment.compared_with], segment.reason.ja if segment.reason else None,
        segment.reason.en if segment.reason else None,
    )  # fmt: skip
    return dict(zip(COLUMNS, cells, strict=True))


def _interval(measure: Measure | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if measure is None else (measure.value, measure.low, measure.high)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def segments_geojson(motion: DeckMotion) -> dict[str, Any]:
    """Return a FeatureCollection with a line a segment, WGS84."""
    return {
        "type": "FeatureCollection",
        "asset_id": motion.asset_uid,
        "within_m": motion.within_m,
        "points_on_deck": motion.on_deck,
        "first_date": None if motion.first is None else str(np.datetime_as_string(motion.first, unit="D")),
        "last_date": None if motion.last is None else str(np.datetime_as_string(motion.last, unit="D")),
        "thermal_model": motion.thermal_model,
        "notes": list(motion.notes),
        "features": [_feature(segment) for segment in motion.segments],
    }


def _feature(segment: DeckSegment) -> dict[str, Any]:
    line = mapping(segment.line_lonlat)
    properties = {
        "segment": segment.number,
        "from_m": round(segment.from_m, 2),
        "to_m": round(segment.to_m, 2),
        "points": segment.points,
        "dates": segment.dates,
        "height_m": segment.height_m[0] if segment.height_m else None,
        "residual_velocity": segment.velocity.to_json() if segment.velocity else None,
        "thermal": segment.thermal.to_json() if segment.thermal else None,
        "z": segment.z,
        "compared_with": segment.compared_with or None,
        "assessable": segment.reason is None,
        "reason_ja": segment.reason.ja if segment.reason else None,
        "reason_en": segment.reason.en if segment.reason else None,
    }
    corners = [[round(x, 7), round(y, 7)] for x, y, *_ in line["coordinates"]]
    return {
        "type": "Feature",
        "geometry": {"type": "LineString", "coordinates": corners},
        "properties": finite(properties),
    }
