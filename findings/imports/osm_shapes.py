"""Lines and areas of OpenStreetMap as shapely geometries; what the extract cut stays as lines, and says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import shapely
from shapely.geometry import MultiLineString, MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from findings.imports.osm_extract import Extract, Relation, Tags, Way


@dataclass(frozen=True, slots=True)
class Item:
    """One way or area before it is merged with others.

    Attributes:
        key: ``way/123`` or ``relation/5``.
        geometry: WGS84 lon, lat; None if none of it is in the file.
        ends: the ids of its first and last node; empty for areas.
        clipped: the extract cut it, in words; empty if it is whole.
    """

    key: str
    tags: Tags
    geometry: BaseGeometry | None
    ends: tuple[int, ...] = ()
    nodes: frozenset[int] = frozenset()
    clipped: str = ""


class Groups:
    """Sets of keys that are united pair by pair (union-find); the smallest key names its group."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._parent = {key: key for key in keys}

    def __contains__(self, key: str) -> bool:
        return key in self._parent

    def first(self, key: str) -> str:
        """Return the key that names the group."""
        root = key
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[key] != root:
            self._parent[key], key = root, self._parent[key]
        return root

    def unite(self, a: str, b: str) -> None:
        """Make one group of two."""
        low, high = sorted((self.first(a), self.first(b)), key=rank)
        self._parent[high] = low

    def lists(self) -> list[list[str]]:
        """Return the groups, their keys in order."""
        found: dict[str, list[str]] = {}
        for key in self._parent:
            found.setdefault(self.first(key), []).append(key)
        return [sorted(found[first], key=rank) for first in sorted(found, key=rank)]


def rank(key: str) -> tuple[str, int]:
    """Return the order of keys: relations before ways, then by number."""
    kind, _, number = key.partition("/")
    return kind, int(number)


def line_item(extract: Extract, way: Way) -> Item:
    """Return a way as a line."""
    pieces, cut = extract.pieces(way)
    geometry = None if not pieces else pieces[0] if len(pieces) == 1 else MultiLineString(pieces)
    clipped = f"way/{way.id} was cut at the edge of the extract" if cut else ""
    ends = (way.nodes[0], way.nodes[-1]) if way.nodes else ()
    return Item(f"way/{way.id}", way.tags, geometry, ends, frozenset(way.nodes), clipped)


def area_item(extract: Extract, key: str, tags: Tags, outer: Sequence[int], inner: Sequence[int] = ()) -> Item:
    """Return ways as an area; rings that do not close are kept as lines."""
    lines, missing, cut = _lines(extract, outer)
    polygons, rest = _rings(lines)
    holes, open_holes = _rings(_lines(extract, inner)[0])
    area: BaseGeometry = shapely.union_all(polygons) if polygons else MultiPolygon()
    if holes:
        area = shapely.difference(area, shapely.union_all(holes))
    parts = [part for part in [*getattr(area, "geoms", [area]), *rest, *open_holes] if not part.is_empty]
    words = []
    if missing:
        words.append(f"{missing} of its {len(outer)} ways are not in the extract")
    elif cut or rest:
        words.append("a ring is cut at the edge of the extract" if cut else "a ring does not close")
    clipped = f"{key}: {', '.join(words)}; the open part is kept as a line" if words else ""
    if not parts:
        return Item(key, tags, None, clipped=clipped)
    return Item(key, tags, collected(parts), clipped=clipped)


def way_area(extract: Extract, way: Way) -> Item:
    """Return a way that is an area by itself."""
    return area_item(extract, f"way/{way.id}", way.tags, [way.id])


def relation_area(extract: Extract, relation: Relation) -> Item:
    """Return a multipolygon; members without a role count as outer, as in the wiki's old style."""
    key = f"relation/{relation.id}"
    return area_item(extract, key, relation.tags, relation.ways("outer", ""), relation.ways("inner"))


def _lines(extract: Extract, ids: Sequence[int]) -> tuple[list[BaseGeometry], int, bool]:
    """Return the lines of some ways, how many are not in the file, and whether one lost nodes."""
    found: list[BaseGeometry] = []
    missing, cut = 0, False
    for ref in ids:
        way = extract.ways.get(ref)
        pieces, lost = ([], True) if way is None else extract.pieces(way)
        missing += not pieces
        cut = cut or lost
        found += pieces
    return found, missing, cut


def _rings(lines: Sequence[BaseGeometry]) -> tuple[list[BaseGeometry], list[BaseGeometry]]:
    """Return the polygons that the lines close, and the lines that close none."""
    if not lines:
        return [], []
    merged = shapely.line_merge(MultiLineString([line for line in lines if not line.is_empty]))
    polygons: list[BaseGeometry] = []
    rest: list[BaseGeometry] = []
    for line in getattr(merged, "geoms", [merged]):
        if line.is_ring and len(line.coords) > 3:
            polygons.append(Polygon(line.coords))
        elif line.is_closed and len(line.coords) > 3:
            polygons.append(shapely.make_valid(Polygon(line.coords)))  # a ring that crosses itself
        else:
            rest.append(line)
    return polygons, rest


def collected(parts: Sequence[BaseGeometry]) -> BaseGeometry:
    """Return parts as one geometry of the plainest kind: merged lines, polygons, or a collection of both."""
    if len(parts) == 1 and parts[0].geom_type in ("LineString", "Polygon"):
        return parts[0]
    flat = [piece for part in parts for piece in getattr(part, "geoms", [part])]
    lines = sorted((piece for piece in flat if piece.geom_type in ("LineString", "LinearRing")), key=shapely.to_wkb)
    polygons = sorted((piece for piece in flat if piece.geom_type == "Polygon"), key=shapely.to_wkb)
    merged: list[BaseGeometry] = []
    if lines:
        whole = shapely.line_merge(MultiLineString(lines))
        merged = list(getattr(whole, "geoms", [whole]))
    if polygons and not merged:
        return polygons[0] if len(polygons) == 1 else MultiPolygon(polygons)
    if merged and not polygons:
        return merged[0] if len(merged) == 1 else MultiLineString(merged)
    return shapely.GeometryCollection([*polygons, *merged])


def common(values: Iterable[str | None]) -> str | None:
    """Return the most frequent value, the first in order on a tie; None if there is none."""
    counted = Counter(value for value in values if value)
    return min(counted, key=lambda value: (-counted[value], value)) if counted else None


def by_node(items: Iterable[tuple[str, Iterable[Hashable]]]) -> dict[Hashable, list[str]]:
    """Return the keys that stand at each node."""
    found: dict[Hashable, list[str]] = {}
    for key, nodes in items:
        for node in set(nodes):
            found.setdefault(node, []).append(key)
    return found
