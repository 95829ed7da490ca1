"""Bridges of an OpenStreetMap extract: one asset a structure, however many ways lead over it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from findings.assets_file import Row
from findings.imports.osm_extract import Extract, Tags, is_bridge, is_bridge_area
from findings.imports.osm_shapes import Groups, Item, by_node, collected, common, line_item, relation_area, way_area

# What marks a road's name as that of the bridge itself.
ENDINGS = ("橋", "高架", "はし", "ばし", "bridge", "viaduct")
NEAR_DEG = 40 / 111_000
"""Carriageways of one named bridge lie no farther apart (40 m)."""
_ELEVATED = ("motorway", "motorway_link", "trunk", "trunk_link")
_CARRIES = ("highway", "railway", "waterway", "man_made", "aeroway", "pipeline")


def bridges(extract: Extract) -> Iterator[tuple[str, Row]]:
    """Yield one row a structure: an outline (``man_made=bridge``) with the ways on it, or connected ways.

    Ways are one structure where a ``type=bridge`` relation says so, where most of a way lies in one outline, where two
    of them meet end to end and their names do not differ, and where parallel ways carry the same bridge name or
    number. Elevated motorways branch for kilometres: there a fork parts two structures.
    """
    lines = {f"way/{w.id}": line_item(extract, w) for w in extract.ways.values() if _is_line(w.tags)}
    areas = {f"way/{w.id}": way_area(extract, w) for w in extract.ways.values() if is_bridge_area(w.tags)}
    areas |= {f"relation/{r.id}": relation_area(extract, r) for r in extract.relations if is_bridge_area(r.tags)}
    items = lines | areas
    groups = Groups(items)
    relations: dict[str, Tags] = {}
    for relation in extract.relations:
        if relation.tags.get("type") != "bridge":
            continue
        keys = [f"{_LETTERS[kind]}/{ref}" for kind, ref, role in relation.members if role != "under" and kind in "wr"]
        known = [key for key in keys if key in groups]
        for key in known:
            groups.unite(known[0], key)
            relations[key] = relation.tags
    _unite_on_outlines(groups, lines, areas)
    _unite_end_to_end(groups, lines)
    _unite_parallel(groups, lines)
    for keys in groups.lists():
        row = _row([items[key] for key in keys], [relations[key] for key in keys if key in relations])
        if row is not None:
            yield keys[0], row


_LETTERS = {"w": "way", "r": "relation"}


def _is_line(tags: Tags) -> bool:
    return is_bridge(tags) and not is_bridge_area(tags)


def bridge_name(tags: Tags) -> str | None:
    """Return the name of the bridge itself, not of the road on it."""
    name = tags.get("bridge:name:ja") or tags.get("bridge:name")
    own = tags.get("name:ja") or tags.get("name")
    if name is None and own is not None and (is_bridge_area(tags) or own.casefold().endswith(ENDINGS)):
        name = own
    return name


def _agree(a: Tags, b: Tags) -> bool:
    """Return whether nothing says that two ways are different bridges."""
    for of in (bridge_name, lambda tags: tags.get("bridge:ref")):
        one, other = of(a), of(b)
        if one and other and one != other:
            return False
    kinds = [next((key for key in _CARRIES if key in tags), "") for tags in (a, b)]
    return kinds[0] == kinds[1] and a.get("layer", "1") == b.get("layer", "1")


def _unite_on_outlines(groups: Groups, lines: dict[str, Item], areas: dict[str, Item]) -> None:
    """Unite each way with the outline that holds most of it."""
    keys = [key for key, item in areas.items() if item.geometry is not None and item.geometry.area > 0]
    tree = shapely.STRtree([areas[key].geometry for key in keys])
    for line_key, line in lines.items():
        if line.geometry is None or not keys:
            continue
        best = (0.5, "")
        for i in sorted(tree.query(line.geometry, predicate="intersects")):
            outline = areas[keys[i]]
            if outline.tags.get("layer", "1") == line.tags.get("layer", "1"):
                share = shapely.intersection(line.geometry, outline.geometry).length / line.geometry.length
                best = max(best, (share, keys[i]))
        if best[1]:
            groups.unite(best[1], line_key)


def _unite_end_to_end(groups: Groups, lines: dict[str, Item]) -> None:
    for keys in by_node((key, item.ends) for key, item in lines.items()).values():
        elevated = any(
            lines[key].tags.get("bridge") == "viaduct" or lines[key].tags.get("highway") in _ELEVATED for key in keys
        )
        for i, one in enumerate(keys):
            for other in keys[i + 1 :]:
                a, b = lines[one].tags, lines[other].tags
                same = bridge_name(a) is not None and bridge_name(a) == bridge_name(b)
                if _agree(a, b) and (same or len(keys) == 2 or not elevated):
                    groups.unite(one, other)


def _unite_parallel(groups: Groups, lines: dict[str, Item]) -> None:
    """Unite ways of one bridge name or number that lie side by side."""
    named: dict[tuple[str, str], list[str]] = {}
    for key, item in lines.items():
        for word, value in (("name", bridge_name(item.tags)), ("ref", item.tags.get("bridge:ref"))):
            if value and item.geometry is not None:
                named.setdefault((word, value), []).append(key)
    for keys in named.values():
        tree = shapely.STRtree([lines[key].geometry for key in keys])
        near = tree.query([lines[key].geometry for key in keys], predicate="dwithin", distance=NEAR_DEG)
        for i, j in near.T:
            if i < j and _agree(lines[keys[i]].tags, lines[keys[j]].tags):
                groups.unite(keys[i], keys[j])


def _row(items: Sequence[Item], relations: Sequence[Tags]) -> Row | None:
    parts = _parts(items)
    if not parts:
        return None
    key = items[0].key
    name = common(bridge_name({"man_made": "bridge", **tags}) for tags in relations)
    name = name or common(bridge_name(item.tags) for item in items if is_bridge_area(item.tags))
    name = name or common(bridge_name(item.tags) for item in items)
    road = common(item.tags.get("name:ja") or item.tags.get("name") for item in items if _is_line(item.tags))
    values: dict[str, Any] = {
        "uid": f"osm-{key.replace('/', '-')}",
        "kind": "bridge",
        "name": name or (f"名称不明の橋 ({road}, {key})" if road else f"名称不明の橋 ({key})"),
        "osm": key,
        "osm_class": "・".join(sorted({f"{k}={v}" for item in items for k, v in item.tags.items() if k in _CARRIES})),
        "osm_members": " ".join(item.key for item in items),
    }
    route = common(item.tags.get("ref") for item in items) or (road if road != name else None)
    if route:
        values["route_name"] = route
    if notes := [item.clipped for item in items if item.clipped]:
        values["source_note"] = "; ".join(notes)
    return values, collected(parts)


def _parts(items: Sequence[Item]) -> list[BaseGeometry]:
    """Return the outlines, and the ways that lie mostly outside of them."""
    areas = [item.geometry for item in items if item.geometry is not None and is_bridge_area(item.tags)]
    lines = [item.geometry for item in items if item.geometry is not None and not is_bridge_area(item.tags)]
    if not areas:
        return lines
    outline = shapely.union_all(areas)
    return [*areas, *(line for line in lines if shapely.difference(line, outline).length > 0.5 * line.length)]
