"""Geometries and paths as STAC wants them: GeoJSON in -180..180, and links that survive their characters."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon, box, mapping
from shapely.geometry.polygon import orient

DECIMALS = 8  # a millimetre
Box = tuple[float, float, float, float]


def geojson_place(footprint: Polygon | None, position: tuple[float, float] | None) -> tuple[Any, list[float] | None]:
    """Return the GeoJSON geometry and the bbox of a picture: its outline, else its position, else (None, None).

    STAC 1.1 wants a bbox with every geometry and none without one. An outline across the antimeridian is cut there
    and its bbox runs from its western edge in the east to its eastern one in the west (RFC 7946, sections 3.1.9, 5.2).
    """
    parts = _parts(footprint) if footprint is not None else []
    if parts:
        shape = MultiPolygon(parts) if len(parts) > 1 else parts[0]
        west, south, east, north = shape.bounds
        if len(parts) > 1 and (west, east) == (-180.0, 180.0):
            west = min(part.bounds[0] for part in parts if part.bounds[2] == 180.0)
            east = max(part.bounds[2] for part in parts if part.bounds[0] == -180.0)
        return _plain(mapping(shape)), _rounded((west, south, east, north))
    if position is not None and _on_earth(position):
        lon, lat = _rounded(((position[0] + 180.0) % 360.0 - 180.0, position[1]))
        return {"type": "Point", "coordinates": [lon, lat]}, [lon, lat, lon, lat]
    return None, None


def _parts(outline: Polygon) -> list[Polygon]:
    """Return sound polygons inside -180..180 with the ring counter-clockwise; none for an outline of no area."""
    lonlat = np.asarray(outline.exterior.coords, float)
    if len(lonlat) < 4 or not np.isfinite(lonlat).all() or np.abs(lonlat[:, 1]).max() > 90.0:
        return []
    lon = np.unwrap(lonlat[:, 0], period=360.0)  # an edge is the short way round
    lon -= 360.0 * np.floor((lon.min() + 180.0) / 360.0)
    with np.errstate(all="ignore"):  # slivers of a picometre divide by zero inside; they have no area below
        sound = shapely.make_valid(Polygon(np.round(np.column_stack([lon, lonlat[:, 1]]), DECIMALS)))
    if lon.max() <= 180.0 and isinstance(sound, Polygon):
        return [orient(sound)] if sound.area > 0 else []
    inside = shapely.intersection(sound, box(-180, -90, 180, 90))
    beyond = shapely.transform(shapely.intersection(sound, box(180, -90, 540, 90)), lambda xy: xy - [360.0, 0.0])
    found = [part for one in (inside, beyond) for part in shapely.get_parts(one)]
    found = [polygon for part in found for polygon in shapely.get_parts(part)]
    return [orient(polygon) for polygon in found if isinstance(polygon, Polygon) and polygon.area > 0]


def _on_earth(position: tuple[float, float]) -> bool:
    return bool(np.isfinite(position).all()) and abs(position[1]) <= 90.0 and abs(position[0]) <= 360.0


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(float(value), DECIMALS) for value in values]


def _plain(value: Any) -> Any:
    """Return a GeoJSON mapping with lists for tuples and coordinates to the millimetre."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return round(value, DECIMALS) if isinstance(value, float) else value


_MISREAD = re.compile(r"[#?]|%(?=[0-9A-Fa-f]{2})")


def href_of(file: Path, folder: Path) -> str:
    """Return the relative link from a folder to a file.

    Characters stay as they are, for the programs that open a link as a path are many; only ``#``, ``?`` and a ``%``
    that looks like an escape are escaped, because every reader takes those for something else.
    """
    text = _MISREAD.sub(lambda found: f"%{ord(found[0]):02X}", Path(os.path.relpath(file, folder)).as_posix())
    return text if text.startswith("../") else f"./{text}"


def path_of(href: str, folder: Path) -> Path:
    """Return the absolute path that a relative link of ours leads to."""
    return Path(os.path.normpath(folder / unquote(href)))


def folder_name(title: str, uid: str) -> str:
    """Return a name for a survey's folder that people can read, and that no other survey has."""
    words = re.sub(r"[^\w.-]+", "-", title).strip("-._")[:40]
    return f"{words or 'survey'}-{uid[:8]}"


def joined(one: Box | None, other: Sequence[float]) -> Box:
    """Return the box around both; one across the antimeridian makes it run all around."""
    west, south, east, north = other
    if west > east:
        west, east = -180.0, 180.0
    if one is None:
        return (west, south, east, north)
    return (min(one[0], west), min(one[1], south), max(one[2], east), max(one[3], north))
