"""Every picture with its outline and flat columns in one GeoJSON, for any desktop GIS; one feature a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from imagery.catalog.collections import Summary
from imagery.catalog.files import read_json, whole
from imagery.catalog.items import Json, Shelf
from imagery.catalog.soundness import is_sound, main_asset

INDEX = "images.geojson"
_HEAD = b'{"type": "FeatureCollection", "name": "images", "features": [\n'
_COLUMNS = ("mizuhashi:survey", "title", "datetime", "mizuhashi:kind", "mizuhashi:gsd_mm", "mizuhashi:gsd_sigma_mm",
            "mizuhashi:gsd_source", "mizuhashi:radiometry", "mizuhashi:asset_uid", "mizuhashi:asset_name",
            "mizuhashi:span", "mizuhashi:member", "eo:cloud_cover", "view:off_nadir", "view:azimuth")  # fmt: skip


def write_index(path: Path, shelf: Shelf, summary: Summary) -> None:
    """Write one feature a line with flat columns; the geometry is the item's."""
    with _framed(path) as file:
        for number, (uid, _) in enumerate(summary.links):
            item = read_json(shelf.item_path(uid))
            if is_sound(item, uid):
                file.write((b",\n" if number else b"") + json.dumps(_row(item, shelf), ensure_ascii=False).encode())


def _row(item: Json, shelf: Shelf) -> Json:
    facts = item["properties"]
    given = facts.get("mizuhashi:assignment") or {}
    href = main_asset(item).get("href", "")
    columns = {name.removeprefix("mizuhashi:"): facts.get(name) for name in _COLUMNS}
    columns |= {
        "assigned_by": given.get("source"),
        "confidence": given.get("confidence"),
        "assessable": (facts.get("mizuhashi:quality") or {}).get("assessable"),
        "item": f"{shelf.folder.name}/{item['id']}.json",
        "file": href.removeprefix("../") if href.startswith("../") else f"{shelf.folder.name}/{href[2:]}",
    }
    return {"type": "Feature", "id": item["id"], "geometry": item["geometry"], "properties": columns}


def join_indexes(folder: Path, names: Sequence[str]) -> None:
    """Write the index of all collections from theirs, line by line."""
    with _framed(folder / INDEX) as file:
        first = True
        for name in names:
            part = folder / name / INDEX
            if not part.is_file():
                continue
            with part.open("rb") as lines:
                for line in lines:
                    if line.startswith(b'{"type": "Feature",'):
                        file.write((b"" if first else b",\n") + line.rstrip(b",\n"))
                        first = False


@contextmanager
def _framed(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that takes features, with the frame of a collection around them."""
    with whole(path) as file:
        file.write(_HEAD)
        yield file
        file.write(b"\n]}\n")
