"""A bridge with points whose movement is known."""

from __future__ import annotations

import math

import numpy as np
from shapely.geometry import LineString

from findings.asset import Asset, AssetKind
from findings.insar import Floats, InsarPoints
from findings.links import METRES_PER_DEGREE

LON, LAT = 131.47, 34.18
EAST = 1 / (METRES_PER_DEGREE * math.cos(math.radians(LAT)))


def at(metres: Floats | list[list[float]]) -> Floats:
    """Return lon, lat of metres east and north of the bridge's western end."""
    return np.asarray(metres, dtype=float) * [EAST, 1 / METRES_PER_DEGREE] + [LON, LAT]


def a_deck(length_m: float = 200.0, uid: str = "bridge") -> Asset:
    return Asset(uid, AssetKind.BRIDGE, "水橋", geometry=LineString(at([[0, 0], [length_m, 0]])))


def days(count: int = 90, step: int = 12) -> np.ndarray:
    return np.datetime64("2019-01-03") + np.arange(count) * np.timedelta64(step, "D")


def degrees(dates: np.ndarray, rng: np.random.Generator) -> Floats:
    phase = 2 * np.pi * (dates - np.datetime64("2019-01-20")).astype(float) / 365.25
    return np.asarray(15 - 11 * np.cos(phase) + rng.normal(0, 3, len(dates)))


def points_on(
    rng: np.random.Generator, velocity: dict[int, float], *, length_m: float = 200.0, each: int = 5,
    per_degree: float = 0.25, temperature: Floats | None = None, dates: np.ndarray | None = None, noise_mm: float = 2.0,
) -> InsarPoints:  # fmt: skip
    """Return points on every 20 m of a deck; ``velocity`` in mm/yr by segment from 1, 0 elsewhere."""
    dates = days() if dates is None else dates
    warm = degrees(dates, rng) if temperature is None else temperature
    years = (dates - dates[0]).astype(float) / 365.2425
    places, series = [], []
    for segment in range(1, round(length_m / 20) + 1):
        for _ in range(each):
            places.append([20 * (segment - 1) + rng.uniform(1, 19), rng.uniform(-4, 4)])
            moved = velocity.get(segment, 0.0) * years + per_degree * (warm - 15)
            series.append(moved + rng.normal(0, noise_mm, len(dates)) + rng.normal(0, 10))
    table = np.array(series)
    return InsarPoints(at(np.array(places)), rng.normal(12, 0.4, len(places)), dates, table, 0.0)
