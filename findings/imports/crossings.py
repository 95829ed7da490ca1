"""Which bridges cross which rivers, found by geometry."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from findings.asset import Asset, AssetKind, Crossing, PierInChannel

DRAWN_M = 10.0
"""How far a line or outline of a bridge may end short of the river's and still be meant to cross it."""

POINT_M = 15.0
"""How far a bridge's point may be off: ledgers round to a second (30 m north to south, half of it on average)."""

UNKNOWN_LENGTH_M = 50.0
"""Search radius of a point without a length; most road bridges over prefectural rivers are shorter."""

LONGEST_M = 2_000.0
"""Cap of the radius: a longer one comes from a wrong length (millimetres, a viaduct)."""

SAME_PLACE_M = 50.0
"""Carriageways of one bridge meet a river at one place; a river that winds meets it at several."""

_PIECE = 64
"""Vertices in one piece of a river's line: whole rivers would all have the box of their basin."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Parts of geometries, and which asset each belongs to."""

    geometries: NDArray[Any]
    owners: NDArray[np.int64]


def find_crossings(assets: Sequence[Asset]) -> list[Crossing]:
    """Return where bridges cross rivers, ordered by their uids, one crossing for each pair.

    A line or outline crosses the rivers that it meets; one that ends up to 10 m short of the nearest river and meets
    none crosses that one. A point crosses the nearest river within the bridge's length (it may stand for either end)
    plus 15 m, and every river within half of the length, as if it stood for the middle. Where a list of bridges names
    the river below and one of that name is in reach, only that one counts. Rivers known only by a point, and assets
    without a place, have no crossings. Distances are metres in a plane that touches the ellipsoid (GRS80) at the
    bridge; pier answers start unknown.

    Args:
        assets: in any order; the result does not depend on it.
    """
    bridges = sorted(_placed(assets, AssetKind.BRIDGE), key=lambda asset: asset.uid)
    rivers = sorted(_placed(assets, AssetKind.RIVER_REACH), key=lambda asset: asset.uid)
    pieces = _river_pieces(rivers)
    if not bridges or not len(pieces.geometries):
        return []
    radii = np.array([_radius_m(bridge) for bridge in bridges])
    tree = shapely.STRtree(pieces.geometries)
    found: list[Crossing] = []
    for start in range(0, len(bridges), 2_000):  # bounds the memory of the pairs
        block = bridges[start : start + 2_000]
        found += _block(block, radii[start : start + 2_000], rivers, pieces, tree)
    return found


def stated_crossings(assets: Sequence[Asset], known: Sequence[Asset] = ()) -> list[Crossing]:
    """Return the crossings that a list itself states in ``crosses_river_id``, with the answer in ``pier_in_channel``.

    Args:
        assets: of the list.
        known: rivers that the list may name beside its own.
    """
    rivers = {a.uid: a for a in (*known, *assets) if a.kind is AssetKind.RIVER_REACH}
    found = []
    for bridge in assets:
        river = rivers.get(str(bridge.attributes.get("crosses_river_id", "")))
        place = bridge.geometry if bridge.geometry is not None else river.geometry if river else None
        if bridge.kind is not AssetKind.BRIDGE or river is None or place is None:
            continue
        point = shapely.point_on_surface(place)
        answers = {1.0: PierInChannel.YES, 0.0: PierInChannel.NO}
        pier = answers.get(bridge.attributes.get("pier_in_channel", -1.0), PierInChannel.UNKNOWN)
        lonlat = (round(point.x, 7), round(point.y, 7))
        note = "stated in the list of bridges"
        found.append(Crossing(bridge.uid, river.uid, lonlat, pier, source="stated", note=note))
    return sorted(found, key=lambda crossing: (crossing.bridge_uid, crossing.river_uid))


def _placed(assets: Sequence[Asset], kind: AssetKind) -> list[Asset]:
    return [asset for asset in assets if asset.kind is kind and asset.geometry is not None]


def _river_pieces(rivers: Sequence[Asset]) -> _Pieces:
    """Return short pieces of all rivers' lines, and their areas whole; points are left out."""
    geometries: list[BaseGeometry] = []
    owners: list[int] = []
    for number, river in enumerate(rivers):
        for part in _parts(river.geometry):
            if part.geom_type == "Polygon":
                cut = [part if part.is_valid else shapely.make_valid(part)]
            elif part.geom_type in ("LineString", "LinearRing"):
                points = shapely.get_coordinates(part)
                cut = [shapely.linestrings(points[i : i + _PIECE + 1]) for i in range(0, len(points) - 1, _PIECE)]
            else:
                continue
            geometries += cut
            owners += [number] * len(cut)
    return _Pieces(np.array(geometries, object), np.array(owners, np.int64))


def _parts(geometry: BaseGeometry | None) -> list[BaseGeometry]:
    if geometry is None:
        return []
    if hasattr(geometry, "geoms"):
        return [part for child in geometry.geoms for part in _parts(child)]
    return [geometry]


def _is_point(bridge: Asset) -> bool:
    return all(part.geom_type == "Point" for part in _parts(bridge.geometry))


def _radius_m(bridge: Asset) -> float:
    """Return how far from a bridge its rivers are looked for."""
    if not _is_point(bridge):
        return DRAWN_M
    length = bridge.attributes.get("length_m")
    width = bridge.attributes.get("width_m") or 0.0
    reach = float(length) if length else UNKNOWN_LENGTH_M
    return min(reach + float(width) / 2 + POINT_M, LONGEST_M)


def _block(
    bridges: Sequence[Asset], radii: Floats, rivers: Sequence[Asset], pieces: _Pieces, tree: shapely.STRtree
) -> list[Crossing]:
    shapes = np.array([_sound(bridge.geometry) for bridge in bridges], object)
    middles = shapely.get_coordinates(shapely.centroid(shapes))
    scales = _metres_per_degree(middles[:, 1])
    boxes = shapely.bounds(shapes)
    margin = radii[:, None] * 1.01 / scales
    reach = shapely.box(*(boxes + np.hstack([-margin, margin])).T)
    which, piece = tree.query(reach)  # boxes against boxes: a superset of the pairs in reach
    if not len(which):
        return []
    plane = [_in_plane(g[i], middles[which], scales[which]) for g, i in ((shapes, which), (pieces.geometries, piece))]
    distances = shapely.distance(*plane)
    near = distances <= radii[which]
    order = np.flatnonzero(near)[np.argsort(which[near], kind="stable")]
    if not len(order):
        return []
    which, piece, distances = which[order], piece[order], distances[order]
    over, water = plane[0][order], plane[1][order]
    numbers, starts = np.unique(which, return_index=True)
    found: list[Crossing] = []
    for number, mine in zip(numbers, np.split(np.arange(len(which)), starts[1:]), strict=True):
        meetings = _meetings(over[mine], water[mine], pieces.owners[piece[mine]], distances[mine])
        where = (middles[number], scales[number])
        found += _crossings(bridges[number], rivers, _kept(bridges[number], rivers, meetings), where)
    return found


def _sound(geometry: BaseGeometry | None) -> BaseGeometry:
    valid = geometry is not None and (geometry.is_valid or "Polygon" not in geometry.geom_type)
    return geometry if valid else shapely.make_valid(geometry)


def _metres_per_degree(latitude: Floats) -> Floats:
    """Return metres of one degree of longitude and of latitude, (N, 2), on GRS80 (Snyder 1987, eq. 4-18, 4-20)."""
    a, e2 = 6_378_137.0, 0.006_694_380_022_9
    sine = np.sin(np.radians(latitude))
    root = np.sqrt(1 - e2 * sine**2)
    east = a / root * np.cos(np.radians(latitude))
    north = a * (1 - e2) / root**3
    scales: Floats = np.radians(1.0) * np.column_stack([east, north])
    return scales


def _in_plane(geometries: NDArray[Any], origins: Floats, scales: Floats) -> NDArray[Any]:
    """Return lon-lat geometries in metres around one origin each."""
    copies = shapely.force_2d(geometries)
    coordinates, index = shapely.get_coordinates(copies, return_index=True)
    moved: NDArray[Any] = shapely.set_coordinates(copies, (coordinates - origins[index]) * scales[index])
    return moved


@dataclass(frozen=True, slots=True)
class _Meeting:
    """One river in reach of one bridge: its number, the distance, the point (metres), and at how many places."""

    river: int
    distance_m: float
    point: tuple[float, float]
    places: int


def _meetings(over: NDArray[Any], water: NDArray[Any], owners: NDArray[np.int64], distances: Floats) -> list[_Meeting]:
    """Return each river once: where it is nearest; of several places that meet, the one nearest the bridge's middle."""
    found = []
    for river in np.unique(owners):
        mine = owners == river
        least = float(distances[mine].min())
        at = mine & (distances <= least + 1e-9)
        if least == 0.0:
            shared = shapely.union_all(shapely.intersection(over[at], water[at]))
            parts = _parts(shared)
            points = [shapely.point_on_surface(part) if part.area else shapely.centroid(part) for part in parts]
        else:
            ends = shapely.get_point(shapely.shortest_line(over[at], water[at]), 1)
            points, parts = list(ends), []
        places = shapely.union_all(shapely.buffer(points, SAME_PLACE_M / 2)) if len(parts) > 1 else None
        spots = sorted((round(p.x, 2), round(p.y, 2)) for p in points)
        nearest = min(spots, key=lambda spot: (round(float(np.hypot(*spot)), 2), spot))
        found.append(_Meeting(int(river), round(least, 1), nearest, max(len(_parts(places)), 1)))
    return sorted(found, key=lambda meeting: (meeting.distance_m, meeting.river))


def _kept(bridge: Asset, rivers: Sequence[Asset], meetings: list[_Meeting]) -> list[tuple[_Meeting, str]]:
    """Return the meetings that count as crossings, each with its note."""
    said = _plain(bridge.attributes.get("river_name", ""))
    named = [meeting for meeting in meetings if said and _plain(rivers[meeting.river].name) == said]
    if not _is_point(bridge):
        meeting_it = [meeting for meeting in meetings if meeting.distance_m == 0]
        if meeting_it:
            return [(meeting, f"meets it at {meeting.places} places" * (meeting.places > 1)) for meeting in meeting_it]
        first = (named or meetings)[0]
        return [(first, f"bridge and river are drawn {first.distance_m:g} m apart")]
    if named:
        return [(named[0], f"bridge is a point; its list names {said}")]
    length = bridge.attributes.get("length_m")
    half = (float(length) if length else UNKNOWN_LENGTH_M) / 2 + POINT_M
    kept = [meeting for meeting in meetings if meeting.distance_m <= half] or meetings[:1]
    words = "bridge is a point" + ("" if length else " of unknown length")
    if said:
        words += f"; its list names {said}, which is not in reach"
    if len(kept) > 1:
        words += f"; {len(kept)} rivers in reach"
    return [(meeting, words) for meeting in kept]


def _plain(name: object) -> str:
    return unicodedata.normalize("NFKC", str(name)).strip()


def _crossings(
    bridge: Asset, rivers: Sequence[Asset], kept: Sequence[tuple[_Meeting, str]], plane: tuple[Floats, Floats]
) -> list[Crossing]:
    middle, scale = plane
    found = []
    for meeting, note in kept:
        lon, lat = (np.array(meeting.point) / scale + middle).tolist()
        place = (round(lon, 7), round(lat, 7))
        river = rivers[meeting.river].uid
        found.append(Crossing(bridge.uid, river, place, distance_m=meeting.distance_m, note=note))
    return sorted(found, key=lambda crossing: crossing.river_uid)
