"""Bridges and rivers of an OpenStreetMap extract (``.osm.pbf``).

The data are © OpenStreetMap contributors, ODbL: the agency loads an extract itself, and a list made of it names them.
"""

from __future__ import annotations

import itertools
from pathlib import Path

from findings.asset import Asset, AssetKind
from findings.assets_file import Rows, collect
from findings.errors import RecordError
from findings.imports.osm_bridges import bridges
from findings.imports.osm_extract import (
    Extract,
    Tags,
    is_bridge,
    is_bridge_area,
    is_water_area,
    is_water_line,
    read_extract,
)
from findings.imports.osm_rivers import rivers
from findings.imports.reference import reference_system
from findings.imports.values import Imported, Options

SHOWN = 20
"""Clipped features named one by one; the others are counted, and each asset keeps its own note."""


def read_osm(path: Path, options: Options) -> Imported:
    """Return the bridges and rivers of an extract; ``options.kind`` takes only one of the two.

    Raises:
        RecordError: the file is damaged, holds neither, or is said to be in another reference system.
    """
    if options.crs is not None and reference_system(options.crs).transformer is not None:
        raise RecordError(f"{path.name}: OpenStreetMap is always WGS84, not {options.crs}; leave --crs out")
    extract = read_extract(path)
    rows: Rows = itertools.chain(
        bridges(extract) if options.kind in (None, AssetKind.BRIDGE) else (),
        rivers(extract) if options.kind in (None, AssetKind.RIVER_REACH) else (),
    )
    assets, errors = collect(rows, path.name)
    if not assets and not errors:
        raise RecordError(f"{path.name}: holds no bridge and no river; expected an extract of a region that has some")
    lost = list(_lost(extract, assets, path.name, options))
    return Imported(tuple(assets), (*errors, *lost), tuple(_notes(extract, assets, len(lost))))


def _notes(extract: Extract, assets: list[Asset], lost: int) -> list[str]:
    found = [asset for asset in assets if asset.kind is AssetKind.BRIDGE]
    unnamed = sum(asset.name.startswith("名称不明") for asset in assets)
    other = sum("highway=" not in asset.attributes.get("osm_class", "highway=") for asset in found)
    notes = [
        "recognised: OpenStreetMap (© OpenStreetMap contributors, ODbL)",
        f"{len(extract.ways)} ways and {len(extract.relations)} relations became {len(found)} bridges and "
        f"{len(assets) - len(found)} rivers",
    ]
    if unnamed:
        notes.append(f"{unnamed} have no name in OpenStreetMap and are listed by their number there")
    if other:
        notes.append(f"{other} bridges carry no road (railways, aqueducts, outlines): see osm_class")
    clipped = [asset for asset in assets if "source_note" in asset.attributes]
    notes += [f"{asset.name}: {asset.attributes['source_note']}" for asset in clipped[:SHOWN]]
    if len(clipped) > SHOWN:
        notes.append(f"{len(clipped) - SHOWN} more were cut at the edge of the extract; each keeps its note")
    return notes + ([f"{lost} objects are wholly outside of the extract"] if lost else [])


def _lost(extract: Extract, assets: list[Asset], name: str, options: Options) -> list[RecordError]:
    """Return an error for each object of which the file holds the tags but no part of the shape."""
    kept = {key for asset in assets for key in str(asset.attributes.get("osm_members", "")).split()}
    objects = [(f"way/{way.id}", way.tags) for way in extract.ways.values()]
    objects += [(f"relation/{r.id}", r.tags) for r in extract.relations if r.tags.get("type") == "multipolygon"]
    return [
        RecordError(f"{name}: {key}: none of its nodes are in the extract; take an extract with complete ways")
        for key, tags in objects
        if key not in kept and _is_wanted(tags, options.kind)
    ]


def _is_wanted(tags: Tags, kind: AssetKind | None) -> bool:
    bridge = is_bridge(tags) or is_bridge_area(tags)
    river = is_water_line(tags) or is_water_area(tags)
    return (bridge and kind is not AssetKind.RIVER_REACH) or (river and kind is not AssetKind.BRIDGE)
