"""Which photographs of a flight should show the same ground."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from scipy.spatial import cKDTree
from shapely.geometry import Polygon

from imagery.flight.stations import Station

LEAST_OVERLAP = 0.05  # of the smaller footprint
MOST_NEIGHBOURS = 10  # of one picture by overlap: bounds the work on dense flights
SEARCH = 24  # places looked at for each picture
FAR_SEARCH = 20  # pictures that a picture without any partner is tried with besides

Pair = tuple[int, int]


def candidate_pairs(stations: Sequence[Station]) -> list[Pair]:
    """Return index pairs ``(i, j)``, i < j, that overlap by their footprints or follow each other in time.

    At most ``MOST_NEIGHBOURS`` by overlap for each picture, nearest first, so that the work grows with the number of
    pictures and not with its square.
    """
    pairs = {(i, i + 1) for i in range(len(stations) - 1)}
    for i in (k for k, station in enumerate(stations) if station.place_m is None):
        pairs |= {_ordered(i, j) for j in range(i - 3, i + 4) if 0 <= j < len(stations) and j != i}
    placed = [k for k, station in enumerate(stations) if station.place_m is not None]
    for row, neighbours in zip(placed, _nearest(stations, placed, SEARCH), strict=True):
        taken = 0
        for other in neighbours:
            if taken < MOST_NEIGHBOURS and overlaps(stations[row], stations[other]):
                pairs.add(_ordered(row, other))
                taken += 1
    return sorted(pairs)


def rescue_pairs(stations: Sequence[Station], lonely: Collection[int], tried: Collection[Pair]) -> list[Pair]:
    """Return further pairs for pictures that fitted nobody: their recorded place may be wrong.

    Neighbours in time, the nearest by place, and, where that leaves room, pictures spread evenly over the flight.
    """
    count = len(stations)
    placed = [k for k, station in enumerate(stations) if station.place_m is not None]
    nearest = dict(zip(placed, _nearest(stations, placed, FAR_SEARCH // 2), strict=True))
    pairs: set[Pair] = set()
    for i in lonely:
        near_in_time = [j for j in range(i - 4, i + 5) if 0 <= j < count]
        spread = np.unique(np.linspace(0, count - 1, FAR_SEARCH).round().astype(int)).tolist()
        pairs |= {_ordered(i, j) for j in [*near_in_time, *nearest.get(i, []), *spread] if j != i}
    return sorted(pairs - set(tried))


def overlaps(first: Station, second: Station) -> bool:
    """Return whether the recorded outlines share enough ground; without outlines: whether the places are near."""
    if first.place_m is None or second.place_m is None:
        return False
    if first.corners_m is None or second.corners_m is None:
        return True  # the nearest places are all that is known
    one, two = (Polygon([(c.real, c.imag) for c in corners]) for corners in (first.corners_m, second.corners_m))
    return bool(one.intersection(two).area >= LEAST_OVERLAP * min(one.area, two.area))


def _nearest(stations: Sequence[Station], placed: list[int], count: int) -> list[list[int]]:
    """Return for each placed picture the indices of the nearest others, nearest first."""
    if len(placed) < 2:
        return [[] for _ in placed]
    places = [stations[k].place_m or 0j for k in placed]
    points = np.array([(place.real, place.imag) for place in places])
    _, found = cKDTree(points).query(points, k=min(count + 1, len(placed)))
    return [[placed[j] for j in row if placed[j] != placed[i]] for i, row in enumerate(found)]


def _ordered(i: int, j: int) -> Pair:
    return (i, j) if i < j else (j, i)
