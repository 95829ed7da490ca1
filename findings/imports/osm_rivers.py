"""Rivers of an OpenStreetMap extract: one asset a river, its lines and its water areas together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from findings.assets_file import Row
from findings.imports.osm_extract import Extract, Relation, Tags, is_water_area, is_water_line
from findings.imports.osm_shapes import Groups, Item, by_node, collected, common, line_item, relation_area, way_area


def rivers(extract: Extract) -> Iterator[tuple[str, Row]]:
    """Yield one row a river: the lines of a ``type=waterway`` relation, or connected lines of one name.

    Lines without a name are one water where exactly two of them meet end to end. A water area belongs to the river
    that runs farthest through it; one without a river is a row of its own.
    """
    lines = {f"way/{w.id}": line_item(extract, w) for w in extract.ways.values() if is_water_line(w.tags)}
    groups = Groups(lines)
    relations = _unite_by_relations(groups, extract)
    _unite_by_name(groups, lines)
    found = groups.lists()
    holder = {key: number for number, keys in enumerate(found) for key in keys}
    areas = [way_area(extract, w) for w in extract.ways.values() if is_water_area(w.tags)]
    areas += [relation_area(extract, r) for r in extract.relations if is_water_area(r.tags)]
    held, alone = _areas_of(areas, lines, holder)
    for number, keys in enumerate(found):
        items = [lines[key] for key in keys]
        mine = sorted({relations[key] for key in keys if key in relations})
        row = _row(items, held.get(number, []), [extract.relations[i] for i in mine], extract)
        if row is not None:
            yield keys[0], row
    for item in alone:
        row = _row([], [item], [], extract)
        if row is not None:
            yield item.key, row


def _unite_by_relations(groups: Groups, extract: Extract) -> dict[str, int]:
    """Unite the lines of each waterway relation; return which relation (its place in the list) a line is in."""
    found: dict[str, int] = {}
    for number, relation in enumerate(extract.relations):
        if relation.tags.get("type") != "waterway":
            continue
        known = [key for key in (f"way/{ref}" for ref in relation.ways()) if key in groups]
        for key in known:
            groups.unite(known[0], key)
            found.setdefault(key, number)
    return found


def river_name(tags: Tags) -> str | None:
    """Return the name of a water."""
    return tags.get("name:ja") or tags.get("name")


def _unite_by_name(groups: Groups, lines: dict[str, Item]) -> None:
    for keys in by_node((key, item.nodes) for key, item in lines.items()).values():
        named: dict[str, str] = {}
        for key in keys:
            if name := river_name(lines[key].tags):
                groups.unite(named.setdefault(name, key), key)
    ends = by_node((key, item.ends) for key, item in lines.items())
    for keys in ends.values():
        if len(keys) == 2 and not any(river_name(lines[key].tags) for key in keys):
            a, b = (lines[key] for key in keys)
            if a.tags.get("waterway") == b.tags.get("waterway"):
                groups.unite(*keys)


def _areas_of(
    areas: Sequence[Item], lines: dict[str, Item], holder: dict[str, int]
) -> tuple[dict[int, list[Item]], list[Item]]:
    """Return the areas of each river (by its number), and those through which none runs."""
    keys = [key for key, item in lines.items() if item.geometry is not None]
    tree = shapely.STRtree([lines[key].geometry for key in keys])
    held: dict[int, list[Item]] = {}
    alone: list[Item] = []
    for area in sorted(areas, key=lambda item: item.key):
        lengths: dict[int, float] = {}
        if area.geometry is not None and keys:
            water = _water(area.geometry)
            shapely.prepare(water)
            for i in tree.query(water, predicate="intersects"):
                line = lines[keys[i]]
                inside = _length_inside(line.geometry, water)
                bonus = 1e6 if river_name(area.tags) and river_name(area.tags) == river_name(line.tags) else 1.0
                lengths[holder[keys[i]]] = lengths.get(holder[keys[i]], 0.0) + inside * bonus
        best = max(lengths, key=lambda number: (lengths[number], -number), default=None)
        if best is not None and lengths[best] > 0:
            held.setdefault(best, []).append(area)
        else:
            alone.append(area)
    return held, alone


def _water(geometry: BaseGeometry) -> BaseGeometry:
    """Return the surface of an area; of one whose ring is cut, the hull of its banks stands for it."""
    parts = [part for part in getattr(geometry, "geoms", [geometry]) if part.geom_type == "Polygon"]
    return shapely.union_all(parts) if parts else shapely.convex_hull(geometry)


def _length_inside(line: BaseGeometry, water: BaseGeometry) -> float:
    inside = line if shapely.contains_properly(water, line) else shapely.intersection(line, water)
    return float(shapely.length(inside))


def _row(lines: Sequence[Item], areas: Sequence[Item], relations: Sequence[Relation], extract: Extract) -> Row | None:
    items = [*lines, *areas]
    parts = [item.geometry for item in items if item.geometry is not None]
    if not parts:
        return None
    key = items[0].key
    name = (
        common(river_name(relation.tags) for relation in relations)
        or common(river_name(item.tags) for item in lines)
        or common(river_name(item.tags) for item in areas)
    )
    values: dict[str, Any] = {
        "uid": f"osm-{key.replace('/', '-')}",
        "kind": "river_reach",
        "name": name or f"名称不明の河川 ({key})",
        "osm": key,
        "osm_class": "・".join(sorted({_kind(item.tags) for item in items})),
        "osm_members": " ".join(item.key for item in items),
    }
    notes = [item.clipped for item in items if item.clipped]
    for relation in relations:
        ways = relation.ways()
        if missing := sum(way not in extract.ways for way in ways):
            notes.append(f"relation/{relation.id}: {missing} of its {len(ways)} ways are not in the extract")
    if notes:
        values["source_note"] = "; ".join(notes)
    return values, collected(parts)


def _kind(tags: Tags) -> str:
    return f"waterway={tags['waterway']}" if "waterway" in tags else f"water={tags.get('water', 'river')}"
