"""One row of a list of assets becomes a bridge or a river reach."""

from __future__ import annotations

import math
import re
import unicodedata
import uuid
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from findings.asset import Asset, AssetKind, Span, Structure
from findings.errors import GradingError, RecordError
from findings.identity import NAMESPACE
from findings.taxonomy import member_kind, normalise_soundness

KINDS = {
    AssetKind.BRIDGE: ("bridge", "橋", "橋梁", "道路橋", "溝橋", "高架橋"),
    AssetKind.RIVER_REACH: ("river_reach", "river", "reach", "河川", "川", "河道"),
}
UNKNOWN = ("", "-", "不明", "未記入", "unknown", "n/a", "null", "none", "nan")
YES, NO = (
    ("true", "yes", "1", "有", "あり", "有り", "○", "該当"),
    ("false", "no", "0", "無", "なし", "無し", "×", "非該当"),
)
EXTERNAL = ("xroad_shisetsu_id", "xroad_shisetsu_bangou", "w05_river_code", "poi_code", "osm")
TEXTS = (
    "name_kana", "route_name", "administrator_name", "administrator_class", "office_name", "prefecture", "municipality",
    "measure_deadline", "crosses_river_id", "w05_area_code", "w05_section_type", "osm_class", "osm_members",
    "source_note",
)  # fmt: skip
NUMBERS = ("length_m", "width_m", "aadt", "population_flood")
YEARS = ("built_fy", "inspection_fy")
SHARES = (
    "third_party_below", "replaceability", "crossing_bridge", "backwater", "pier_in_channel", "design_redundancy",
    "structure_capacity", "cost_effectiveness", "fatigue_risk", "flooding_risk", "truck_damage_risk",
)  # fmt: skip
MAX_SPANS = 1000
# The id of xROAD is the position itself, latitude first: 43.03892,141.35859 [L35].
COORDINATE_ID = re.compile(r"\s*(\d{1,2}\.\d+)\s*,\s*(\d{1,3}\.\d+)\s*")
# 34°10'30.5", 34度10分30.5秒, as older ledgers write positions.
SEXAGESIMAL = re.compile(r"""([0-9]+)(?:°|度)\s*([0-9]+)(?:'|′|’|分)\s*([0-9]+(?:\.[0-9]+)?)(?:"|″|′′|”|''|秒)""")
EVENTS = {"疲労": "fatigue", "塩害": "chloride", "アルカリ骨材反応": "ASR", "洗掘": "scour"}


ToLonlat = Callable[[BaseGeometry], BaseGeometry]
"""From the coordinates of a file to WGS84 lon, lat; raises RecordError."""


def make_asset(
    values: Mapping[str, Any],
    geometry: BaseGeometry | None = None,
    *,
    kind: AssetKind | None = None,
    to_lonlat: ToLonlat | None = None,
) -> Asset:
    """Return the asset of a row.

    Args:
        values: by our field names (`findings.asset_columns`).
        geometry: in the coordinates of the file; None if the row has columns for it or no place at all.
        kind: counts for rows that do not say it themselves.
        to_lonlat: brings the position to WGS84 lon, lat; None if it is so already.

    Raises:
        RecordError: the name or kind is missing, or a value cannot be read.
    """
    name = _name(values)
    kind = _kind(values, kind)
    place = geometry if geometry is not None else _point(values)
    if place is not None and to_lonlat is not None:
        place = to_lonlat(place)
    soundness = None
    if not _is_unknown(values.get("soundness")):
        soundness = normalise_soundness(values["soundness"])
        if soundness is None:
            raise _bad("soundness", values["soundness"], "I to IV, 1 to 4, or 健全 ... 緊急措置段階")
    return Asset(
        uid=_uid(values, kind, name, place),
        kind=kind,
        name=name,
        structure=_structure(values.get("structure")),
        geometry=place,
        spans=_spans(values),
        chainage_km=_chainage(values),
        soundness=soundness,
        external_ids={key: _code(values[key]) for key in EXTERNAL if not _is_unknown(values.get(key))},
        attributes=_attributes(values, kind),
    )


def _bad(field: str, value: object, expected: str) -> RecordError:
    return RecordError(f"{field} is {value!r}; expected {expected}")


def _plain(value: object) -> str:
    return unicodedata.normalize("NFKC", str(value)).strip()


def _is_unknown(value: object) -> bool:
    return value is None or _plain(value).casefold() in UNKNOWN


def _code(value: object) -> str:
    """Return a code as text; a spreadsheet or shapefile may have made a number of it (8808010001.0)."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _kind(values: Mapping[str, Any], default: AssetKind | None) -> AssetKind:
    given = values.get("kind", values.get("rsdb_kind"))
    if _is_unknown(given):
        # A heading such as 橋梁名 says what the rows are; a list of bridges may name the river below in 河川名.
        if "bridge_name" in values:
            return AssetKind.BRIDGE
        if "river_name" in values and "name" not in values:
            return AssetKind.RIVER_REACH
        if str(values.get("xroad_shisetsu_bangou", "")).startswith("BR"):
            return AssetKind.BRIDGE
        if default is not None:
            return default
        raise RecordError(
            "kind is missing; expected a column kind with bridge or river_reach, a column 橋梁名 or 河川名, or --kind"
        )
    wanted = _plain(given).casefold()
    for kind, words in KINDS.items():
        if wanted in words:
            return kind
    if "kind" not in values and default is not None and wanted.isdigit():
        return default  # a code of the database whose meaning its user knows
    raise _bad("kind", given, "bridge or river_reach (橋梁, 河川)")


def _name(values: Mapping[str, Any]) -> str:
    for field in ("name", "bridge_name", "river_name"):
        if not _is_unknown(values.get(field)):
            return str(values[field]).strip()
    raise RecordError("the name is missing; every asset needs one")


def _number(values: Mapping[str, Any], field: str, low: float, high: float) -> float | None:
    given = values.get(field)
    if _is_unknown(given):
        return None
    text = _plain(given).replace(",", "")
    for unit in ("km", "m", "台", "人", "k"):
        text = text.removesuffix(unit).strip()
    try:
        number = float(text)
    except ValueError as error:
        raise _bad(field, given, f"a number from {low:g} to {high:g}, or nothing if unknown") from error
    if isinstance(given, bool) or not math.isfinite(number) or not low <= number <= high:
        raise _bad(field, given, f"a number from {low:g} to {high:g}, or nothing if unknown")
    return number


def _whole(values: Mapping[str, Any], field: str, low: int, high: int) -> int | None:
    number = _number(values, field, low, high)
    if number is not None and not number.is_integer():
        raise _bad(field, values[field], "a whole number")
    return None if number is None else int(number)


def _spans(values: Mapping[str, Any]) -> tuple[Span, ...]:
    """Return the spans of a bridge from their number, or from ``[{"number": 1, "members": ["Mg", "Ds"]}, ...]``."""
    given = values.get("span_count")
    if not isinstance(given, list):
        return tuple(Span(n) for n in range(1, (_whole(values, "span_count", 1, MAX_SPANS) or 0) + 1))
    spans = []
    for row in given[:MAX_SPANS]:
        number, members = (row.get("number"), row.get("members", [])) if isinstance(row, Mapping) else (None, [])
        if not isinstance(number, int) or isinstance(number, bool) or not isinstance(members, list):
            raise _bad("spans", row, 'a number of spans, or objects like {"number": 1, "members": ["Mg", "Ds"]}')
        try:
            spans.append(Span(number, tuple(member_kind(str(member)).symbol for member in members)))
        except GradingError as error:
            raise RecordError(f"span {number}: {error}") from error
    return tuple(spans)


def _point(values: Mapping[str, Any]) -> Point | None:
    given = (values.get("lat"), values.get("lon"))
    if all(_is_unknown(v) for v in given):
        written = COORDINATE_ID.fullmatch(_plain(values.get("xroad_shisetsu_id", "")))
        if written is None:
            return None
        values = {"lat": written[1], "lon": written[2]}
    try:
        lat = _number({"lat": _decimal(values.get("lat"))}, "lat", -90, 90)
        lon = _number({"lon": _decimal(values.get("lon"))}, "lon", -180, 180)
    except RecordError as error:
        raise RecordError(
            f"{error} (decimal degrees, WGS84 or JGD2011; are latitude and longitude swapped?)"
        ) from error
    if lat is None or lon is None:
        raise RecordError(f"lat {given[0]!r} and lon {given[1]!r} must come together; give both or neither")
    return Point(lon, lat)


def _decimal(given: object) -> object:
    """Return degrees, minutes and seconds as decimal degrees; anything else as it is."""
    found = SEXAGESIMAL.fullmatch(_plain(given)) if isinstance(given, str) else None
    if found is None:
        return given
    degrees, minutes, seconds = (float(part) for part in found.groups())
    if minutes >= 60 or seconds >= 60:
        raise _bad("position", given, "minutes and seconds below 60")
    return degrees + minutes / 60 + seconds / 3600


def _structure(given: object) -> Structure:
    """Return RC, PC or S where the text names one of them; unknown where it names none or several."""
    if _is_unknown(given):
        return Structure.UNKNOWN
    text = _plain(given).upper()
    steel = text in ("S", "STEEL") or "鋼" in text
    found = [Structure.PC] if "PC" in text or "プレストレスト" in text else []
    found += [Structure.RC] if "RC" in text or "鉄筋コンクリート" in text else []
    found += [Structure.STEEL] if steel else []
    return found[0] if len(found) == 1 else Structure.UNKNOWN


def _chainage(values: Mapping[str, Any]) -> tuple[float, float] | None:
    first, last = (_number(values, f"chainage_{end}_km", -1000, 10000) for end in ("from", "to"))
    if first is None or last is None:
        return None
    return (min(first, last), max(first, last))


def _uid(values: Mapping[str, Any], kind: AssetKind, name: str, place: BaseGeometry | None) -> str:
    if not _is_unknown(values.get("uid")):
        uid = _code(values["uid"])
        if len(uid) > 200 or not uid.isprintable():
            raise _bad("id", uid[:40], "at most 200 printable characters")
        return uid
    if not _is_unknown(values.get("serial")) and not _is_unknown(values.get("municipal_code")):
        return f"{_code(values['municipal_code'])}-{_code(values['serial'])}"  # NO counts within one municipality
    if not _is_unknown(values.get("xroad_shisetsu_bangou")):
        # Survives a corrected position, which xROAD's own id (the coordinates) does not.
        return str(uuid.uuid5(NAMESPACE, f"asset {kind.value} xroad {_code(values['xroad_shisetsu_bangou'])}"))
    # A metre's rounding, so that another writing of the same position keeps the id.
    point = place.representative_point() if place is not None else None
    where = f"{point.x:.5f} {point.y:.5f}" if point is not None else "nowhere"
    return str(uuid.uuid5(NAMESPACE, f"asset {kind.value} {name} {where}"))


def _attributes(values: Mapping[str, Any], kind: AssetKind) -> dict[str, Any]:
    """Return the inventory values that are known; what is missing stays missing and never counts as 0."""
    found: dict[str, Any] = {key: _code(values[key]) for key in TEXTS if not _is_unknown(values.get(key))}
    if kind is AssetKind.BRIDGE and not _is_unknown(values.get("river_name")):
        found["river_name"] = str(values["river_name"]).strip()  # the river below, in a list of bridges
    found |= {key: _number(values, key, 0, 1e9) for key in NUMBERS}
    found |= {key: _whole(values, key, 1800, 2200) for key in YEARS}
    found |= {key: _share(values, key) for key in SHARES}
    found["emergency_route"] = _route(values.get("emergency_route"))
    found["detour_km"] = _detour(values)
    if "measure_deadline" in found:
        found["measure_deadline"] = _day(found["measure_deadline"])
    if not _is_unknown(values.get("specific_events")):
        found["specific_events"] = _events(values["specific_events"])
    for key in ("measure_class", "flood_defence_class"):
        found[key] = None if _is_unknown(values.get(key)) else _plain(values[key])
    if found["flood_defence_class"] in ("要注意", "なし", "無"):
        found["flood_defence_class"] = "watch" if found["flood_defence_class"] == "要注意" else "none"
    return {key: value for key, value in found.items() if value is not None}


def _share(values: Mapping[str, Any], field: str) -> float | None:
    given = values.get(field)
    if _is_unknown(given):
        return None
    word = _plain(given).casefold()
    if word in YES or word in NO:
        return 1.0 if word in YES else 0.0
    return _number(values, field, 0, 1)


def _day(given: str) -> str:
    try:
        return date.fromisoformat(_plain(given).replace("/", "-")).isoformat()
    except ValueError as error:
        raise _bad("measure_deadline", given, "a date such as 2027-03-31") from error


def _events(given: object) -> tuple[str, ...]:
    """Return the specific events (特定事象) by the profile's names."""
    words = given if isinstance(given, list) else _plain(given).replace("、", ",").replace("・", ",").split(",")
    return tuple(EVENTS.get(_plain(word), _plain(word)) for word in words if not _is_unknown(word))


def _route(given: object) -> str | None:
    """Return the class of an emergency route as ``1``, ``2``, ``3``, or ``0`` for none: 第1次緊急輸送道路 -> ``1``."""
    if _is_unknown(given):
        return None
    text = _plain(given).casefold()
    if text in NO or text in ("指定なし", "対象外"):
        return "0"
    digits = [character for character in text if character in "123"]
    if len(digits) != 1:
        raise _bad("emergency_route", given, "1, 2 or 3 (1次 to 3次), or 0 for none")
    return digits[0]


def _detour(values: Mapping[str, Any]) -> float | str | None:
    given = values.get("detour_km")
    # 迂回路なし means that nobody gets out when the bridge closes, the very opposite of 0 km.
    if given is not None and _plain(given).casefold() in ("なし", "無", "無し", "isolated", "孤立", "迂回路なし"):
        return "isolated"
    return _number(values, "detour_km", 0, 10000)
