"""What an OpenStreetMap extract holds of bridges and waters: tagged ways, the relations that group them, their nodes.

The file is gone through by kind of object, and only what is needed is kept: memory grows with the bridges and rivers
of a region, not with its houses.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from findings.errors import RecordError
from findings.imports.values import MAX_FEATURES, MAX_VERTICES

WATERWAYS = ("river", "stream", "canal")
WATERS = ("river", "stream", "canal")
NO_BRIDGE = ("no", "proposed", "abandoned", "demolished", "removed", "razed", "dismantled", "collapsed")
_KEYS = ("bridge", "waterway", "natural", "man_made")

Tags = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Way:
    """A way: its tags and the ids of its nodes in order."""

    id: int
    tags: Tags
    nodes: tuple[int, ...]

    @property
    def is_closed(self) -> bool:
        """Whether it ends where it begins."""
        return len(self.nodes) > 3 and self.nodes[0] == self.nodes[-1]


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation: its tags and (type, id, role) of its members."""

    id: int
    tags: Tags
    members: tuple[tuple[str, int, str], ...]

    def ways(self, *roles: str) -> list[int]:
        """Return the ids of its ways, of some roles or of all."""
        return [ref for kind, ref, role in self.members if kind == "w" and (not roles or role in roles)]


@dataclass(slots=True)
class Extract:
    """The bridges and waters of one file.

    Attributes:
        ways: by id; tagged ones, and untagged ones that a relation needs.
        relations: bridges, waterways, and multipolygons of either.
        node_ids: sorted, with ``node_lonlat`` (N, 2) of the same order.
    """

    ways: dict[int, Way] = field(default_factory=dict)
    relations: list[Relation] = field(default_factory=list)
    node_ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    node_lonlat: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))

    def pieces(self, way: Way) -> tuple[list[BaseGeometry], bool]:
        """Return the lines of a way in WGS84 lon, lat, and whether the extract cut it.

        A node that is not in the file splits the way: no straight line is drawn across the gap.
        """
        wanted = np.asarray(way.nodes, np.int64)
        found = np.searchsorted(self.node_ids, wanted)
        found[found == len(self.node_ids)] = 0
        known = self.node_ids[found] == wanted if len(self.node_ids) else np.zeros(len(wanted), bool)
        if known.all():
            points = self.node_lonlat[found]
            return ([shapely.linestrings(points)] if len(points) > 1 else []), False
        runs = np.split(np.arange(len(known)), np.flatnonzero(np.diff(known.astype(np.int8))) + 1)
        kept = [run for run in runs if known[run[0]] and len(run) > 1]
        return [shapely.linestrings(self.node_lonlat[found[run]]) for run in kept], True


def is_bridge(tags: Tags) -> bool:
    """Return whether a way carries something over something."""
    return tags.get("bridge", "no") not in NO_BRIDGE and tags.get("highway") not in ("proposed", "abandoned", "razed")


def is_bridge_area(tags: Tags) -> bool:
    """Return whether an area is the outline of a bridge."""
    return tags.get("man_made") == "bridge"


def is_water_line(tags: Tags) -> bool:
    """Return whether a way is the line of a river, stream or canal."""
    return tags.get("waterway") in WATERWAYS and tags.get("area") != "yes"


def is_water_area(tags: Tags) -> bool:
    """Return whether an area is the water of a river, not a lake or pond."""
    old = tags.get("waterway") == "riverbank" or (tags.get("waterway") in WATERWAYS and tags.get("area") == "yes")
    return old or (tags.get("natural") == "water" and tags.get("water") in WATERS)


def _wanted(tags: Tags) -> bool:
    return is_bridge(tags) or is_bridge_area(tags) or is_water_line(tags) or is_water_area(tags)


def _wanted_relation(tags: Tags) -> bool:
    kind = tags.get("type")
    if kind == "waterway":
        return tags.get("waterway", "river") in WATERWAYS
    return kind == "bridge" or (kind == "multipolygon" and (is_water_area(tags) or is_bridge_area(tags)))


def read_extract(path: Path) -> Extract:
    """Return the bridges and waters of an ``.osm.pbf``.

    Raises:
        RecordError: damaged, of another format, or more of them than the caps allow.
    """
    extract = Extract()
    try:
        _read_relations(path, extract)
        _read_ways(path, extract)
        _read_nodes(path, extract)
    except (RuntimeError, OSError, ValueError) as error:  # what osmium raises for a damaged file
        raise RecordError(f"{path.name}: the extract is damaged ({error}); download it again") from error
    return extract


def _objects(path: Path, kind: Any, *filters: Any) -> Iterator[Any]:
    import osmium

    processor = osmium.FileProcessor(osmium.io.File(str(path), "pbf"), kind)  # never another format by its name
    for each in filters:
        processor = processor.with_filter(each)
    return iter(processor)


def _read_relations(path: Path, extract: Extract) -> None:
    import osmium

    for each in _objects(path, osmium.osm.RELATION, osmium.filter.KeyFilter("type")):
        tags = dict(each.tags)
        if _wanted_relation(tags):
            members = tuple((member.type, member.ref, member.role) for member in each.members)
            extract.relations.append(Relation(each.id, tags, members))
    extract.relations.sort(key=lambda relation: relation.id)


def _read_ways(path: Path, extract: Extract) -> None:
    import osmium

    for each in _objects(path, osmium.osm.WAY, osmium.filter.KeyFilter(*_KEYS)):
        tags = dict(each.tags)
        if _wanted(tags):
            _add(extract, path, each.id, tags, (node.ref for node in each.nodes))
    members = {ref for relation in extract.relations for ref in relation.ways()} - extract.ways.keys()
    if members:
        for each in _objects(path, osmium.osm.WAY, osmium.filter.IdFilter(members)):
            _add(extract, path, each.id, dict(each.tags), (node.ref for node in each.nodes))


def _add(extract: Extract, path: Path, way: int, tags: Tags, nodes: Iterable[int]) -> None:
    if len(extract.ways) >= MAX_FEATURES:
        raise RecordError(f"{path.name}: holds over {MAX_FEATURES} bridges and waters; take a smaller region")
    extract.ways[way] = Way(way, tags, tuple(nodes))


def _read_nodes(path: Path, extract: Extract) -> None:
    import osmium

    wanted = {node for way in extract.ways.values() for node in way.nodes}
    if len(wanted) > MAX_VERTICES:
        raise RecordError(f"{path.name}: holds {len(wanted)} nodes of bridges and waters; take a smaller region")
    ids, lonlat = array("q"), array("d")
    if wanted:
        for each in _objects(path, osmium.osm.NODE, osmium.filter.IdFilter(wanted)):
            if each.location.valid():
                ids.append(each.id)
                lonlat.extend((each.location.lon, each.location.lat))
    found = np.frombuffer(ids, np.int64) if ids else np.empty(0, np.int64)
    order = np.argsort(found, kind="stable")
    extract.node_ids = found[order]
    extract.node_lonlat = np.frombuffer(lonlat, np.float64).reshape(-1, 2)[order] if ids else np.empty((0, 2))
