"""Rivers of 国土数値情報 河川 (KSJ W05): the lines of one river code become one reach.

A Stream line carries W05_001 水系域コード, W05_002 河川コード, W05_003 区間種別 and W05_004 河川名; a river is cut into
lines at every confluence [L81][L82]. The data are JGD2000, though many editions come without a ``.prj``. The agency
loads them itself: the pages of some editions allow no commercial use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import shapely
from shapely.geometry import MultiLineString
from shapely.geometry.base import BaseGeometry

from findings.asset_columns import heading
from findings.assets_file import Row, Rows

CRS = "EPSG:4612"
"""JGD2000, which the schema prescribes."""

SECTION_TYPES: Mapping[str, str] = {
    "0": "不明",
    "1": "1級直轄区間",
    "2": "1級指定区間",
    "3": "2級河川区間",
    "4": "指定区間外",
    "5": "1級直轄区間(湖沼)",
    "6": "1級指定区間(湖沼)",
    "7": "2級河川区間(湖沼)",
    "8": "指定区間外(湖沼)",
}
UNNAMED = ("名称不明", "不明", "")


def is_stream(headings: Sequence[str]) -> bool:
    """Return whether these are the columns of W05's Stream."""
    found = {heading(text) for text in headings}
    return {"w05_001", "w05_002"} <= found


def is_river_node(headings: Sequence[str]) -> bool:
    """Return whether these are the columns of W05's RiverNode, which holds no rivers."""
    found = {heading(text) for text in headings}
    return {"w05_000", "w05_001"} <= found and "w05_002" not in found


@dataclass(slots=True)
class _River:
    """The lines of one river code as they come in."""

    where: str
    lines: list[BaseGeometry] = field(default_factory=list)
    names: dict[str, float] = field(default_factory=dict)
    sections: set[str] = field(default_factory=set)
    area: str = ""


def merged(rows: Rows) -> Iterator[tuple[str, Row]]:
    """Yield one row a river, after the rows that cannot be read; lines without a code stay rows of their own.

    Args:
        rows: of a Stream layer, values by our field names, geometry in WGS84 lon, lat.
    """
    rivers: dict[str, _River] = {}
    for where, item in rows:
        if isinstance(item, Exception):
            yield where, item
            continue
        values, geometry = item
        code = _text(values, "w05_river_code")
        if not code.strip("0") or geometry is None:
            yield where, ({**_named(values, where), "kind": "river_reach"}, geometry)
            continue
        river = rivers.setdefault(code, _River(where))
        river.lines.append(geometry)
        name = _text(values, "river_name")
        river.names[name] = river.names.get(name, 0.0) + geometry.length
        river.sections.add(_section(_text(values, "w05_section_type")))
        river.area = river.area or _text(values, "w05_area_code")
    for code, river in sorted(rivers.items()):
        yield f"river {code} (from {river.where})", (_values(code, river), _line(river.lines))


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name, "")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _section(code: str) -> str:
    return SECTION_TYPES.get(code, code)


def _named(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the values with a name, for the layer has many lines without one."""
    found = dict(values)
    if _text(values, "river_name") in UNNAMED:
        found["river_name"] = f"名称不明の河川 ({where})"
    if "w05_section_type" in found:
        found["w05_section_type"] = _section(_text(values, "w05_section_type"))
    return found


def _values(code: str, river: _River) -> dict[str, Any]:
    known = {name: length for name, length in river.names.items() if name not in UNNAMED}
    # Of several names (上流 and 下流 differ) the one of the longest stretch; on a tie the first in order.
    name = min(known, key=lambda text: (-known[text], text)) if known else f"名称不明の河川 {code}"
    found = {"uid": f"w05-{code}", "kind": "river_reach", "name": name, "w05_river_code": code}
    if river.area:
        found["w05_area_code"] = river.area
    if sections := "・".join(sorted(river.sections - {""})):
        found["w05_section_type"] = sections
    return found


def _line(parts: Sequence[BaseGeometry]) -> BaseGeometry:
    lines = [line for part in parts for line in getattr(part, "geoms", [part])]
    if not all(line.geom_type == "LineString" for line in lines):
        return shapely.GeometryCollection(lines)
    ordered = sorted(lines, key=lambda line: line.wkb)  # whatever the order of the file, the river is the same
    whole: BaseGeometry = shapely.line_merge(MultiLineString(ordered))
    return shapely.normalize(whole)
