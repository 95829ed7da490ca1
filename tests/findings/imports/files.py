"""Writers of small files in every format that is imported; all names and numbers are made up."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import pyogrio.raw
import pyproj
import shapely
from osmium.osm.mutable import Node, Relation, Way
from shapely.geometry import LineString, Point
from shapely.geometry.base import BaseGeometry

Feature = tuple[Mapping[str, Any], BaseGeometry | None]

JGD2011 = "EPSG:6668"
PLANE = "EPSG:6671"

BRIDGES: tuple[Feature, ...] = (
    ({"ID": "T001", "橋梁名": "試験水橋", "判定区分": "Ⅱ", "径間数": 2}, Point(131.20, 34.10)),
    ({"ID": "T002", "橋梁名": "試験石橋", "判定区分": "Ⅲ", "径間数": 1}, Point(131.25, 34.12)),
)

STREAMS: tuple[Feature, ...] = (
    ({"W05_001": "999901", "W05_002": "9999010001", "W05_003": "2", "W05_004": "試験川"},
     LineString([(131.19, 34.09), (131.20, 34.10)])),
    ({"W05_001": "999901", "W05_002": "9999010001", "W05_003": "1", "W05_004": "試験川"},
     LineString([(131.20, 34.10), (131.21, 34.11), (131.22, 34.12)])),
    ({"W05_001": "999901", "W05_002": "9999010002", "W05_003": "4", "W05_004": "名称不明"},
     LineString([(131.22, 34.12), (131.23, 34.10)])),
)  # fmt: skip


def write_vector(
    path: Path,
    features: Sequence[Feature],
    *,
    driver: str,
    crs: str | None = JGD2011,
    encoding: str | None = None,
    layer: str | None = None,
    append: bool = False,
    geometry_type: str | None = None,
) -> Path:
    """Write features by GDAL; a geometry of None is null."""
    fields = list(features[0][0])
    columns = []
    for name in fields:
        values = [properties.get(name) for properties, _ in features]
        kind: Any = object if any(isinstance(value, str) or value is None for value in values) else None
        columns.append(np.array(values, dtype=kind))
    shapes = np.array([None if g is None else shapely.to_wkb(g, output_dimension=3) for _, g in features], object)
    kinds = {g.geom_type for _, g in features if g is not None}
    kind = geometry_type or (kinds.pop() if len(kinds) == 1 else "Unknown")
    pyogrio.raw.write(
        path, shapes, columns, fields, driver=driver, crs=crs, encoding=encoding, layer=layer, append=append,
        geometry_type=kind,
    )  # fmt: skip
    return path


def write_geopackage(path: Path, features: Sequence[Feature] = BRIDGES, **options: Any) -> Path:
    return write_vector(path, features, driver="GPKG", **options)


def write_shapefile(path: Path, features: Sequence[Feature] = BRIDGES, **options: Any) -> Path:
    return write_vector(path, features, driver="ESRI Shapefile", **options)


def without(path: Path, *suffixes: str) -> Path:
    """Remove parts of a shapefile."""
    for suffix in suffixes:
        path.with_suffix(suffix).unlink()
    return path


def zipped(path: Path, files: Mapping[str, bytes | Path]) -> Path:
    """Write a zip archive of contents by name."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content.read_bytes() if isinstance(content, Path) else content)
    return path


def parts(path: Path, prefix: str = "") -> dict[str, bytes | Path]:
    """Return the parts of a shapefile by their names in an archive."""
    return {f"{prefix}{file.name}": file for file in sorted(path.parent.glob(f"{path.stem}.*"))}


def in_plane(geometry: BaseGeometry, crs: str = PLANE, *, swapped: bool = False) -> BaseGeometry:
    """Return a lon-lat geometry in a projected system, x east; swapped: x north, as surveyors write it."""
    transformer = pyproj.Transformer.from_crs("EPSG:6668", crs, always_xy=True)

    def move(points: Any) -> Any:
        x, y = transformer.transform(points[:, 0], points[:, 1])
        return np.column_stack([y, x] if swapped else [x, y])

    return shapely.transform(geometry, move)


class Osm:
    """An extract in the making: nodes by number, ways and relations with their tags.

    Coordinates are metres east and north of 131.2 E, 34.1 N (on a sphere: good enough for tests).
    """

    def __init__(self) -> None:
        self.nodes: dict[int, tuple[float, float]] = {}
        self.ways: list[tuple[int, list[int], dict[str, str]]] = []
        self.relations: list[tuple[int, list[tuple[str, int, str]], dict[str, str]]] = []

    def way(self, number: int, points: Sequence[tuple[int, float, float]], **tags: str) -> Osm:
        """Add a way; each point is the number of its node, metres east, metres north. ``a__b`` in a key is ``a:b``."""
        for node, east, north in points:
            self.nodes[node] = (131.2 + east / 92_300, 34.1 + north / 110_900)
        self.ways.append((number, [node for node, _, _ in points], _tags(tags)))
        return self

    def relation(self, number: int, members: Sequence[tuple[str, int, str]], **tags: str) -> Osm:
        """Add a relation of (type, id, role)."""
        self.relations.append((number, list(members), _tags(tags)))
        return self

    def write(self, path: Path, *, missing: Sequence[int] = ()) -> Path:
        """Write the extract, without some of its nodes, as a clip without complete ways does."""
        with osmium.SimpleWriter(str(path)) as writer:
            for node, lonlat in sorted(self.nodes.items()):
                if node not in missing:
                    writer.add_node(Node(id=node, location=lonlat))
            for number, refs, tags in sorted(self.ways):
                writer.add_way(Way(id=number, nodes=refs, tags=tags))
            for number, members, tags in sorted(self.relations):
                writer.add_relation(Relation(id=number, members=members, tags=tags))
        return path


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {key.replace("__", ":"): value for key, value in tags.items()}
