"""Bars as objects: bare sediment between the banks, with one identity through the dates.

A bar is the same as an earlier one where the two share enough ground; the one that shares most keeps the name. High
water drowns bars: one that is not seen keeps its name and waits. A piece that parted, and bars that grew together, say
so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
import shapely
from scipy.spatial import cKDTree
from shapely.geometry import Polygon

from findings.river_series import Floats, Observation, Quantity, ReachFrame
from inference.regions import outline
from inference.river.bars import parts
from inference.river.finding import area_measure
from inference.river.grid import Grid
from inference.river.surfaces import Surfaces

SHARED = 0.3
"""Share of the smaller of two outlines from which they are one bar."""
BESIDE_PX = 1.0
"""Pixels so far outside the measured banks still belong to the channel."""
YEAR_S = 365.2425 * 86_400


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar in one scene: outline in the frame's CRS, area with its 95 % interval, where it lies."""

    outline: Polygon
    area_m2: float
    low_m2: float
    high_m2: float
    post_km: float
    side: str


@dataclass(frozen=True, slots=True)
class KnownBar:
    """A bar through the dates.

    Attributes:
        name: ``B1``, ``B2`` ... in the order in which they were first seen.
        bar: as it was seen last.
        first_seen: day.
        last_seen: day.
        scenes: that showed it.
        largest_m2: its largest area so far.
        parted_from: bar that it was part of, or None.
        joined: bars that grew into it.
        sums: n, sums of t, a, t * t, t * a (years since 2000, m2), for its growth without its history.
    """

    name: str
    bar: Bar
    first_seen: str
    last_seen: str
    scenes: int
    largest_m2: float
    parted_from: str | None = None
    joined: tuple[str, ...] = ()
    sums: tuple[float, float, float, float, float] = field(default=(0.0, 0.0, 0.0, 0.0, 0.0))

    @property
    def growth_m2_per_year(self) -> float | None:
        """Least-squares growth over all its scenes, or None under four of them or half a year."""
        n, t, a, tt, ta = self.sums
        spread = n * tt - t * t
        if n < 4 or spread / max(n * n, 1.0) < 0.02:
            return None
        return (n * ta - t * a) / spread

    def to_json(self) -> dict[str, Any]:
        """Return the bar as plain values; its size does not grow with the number of scenes."""
        ring = np.round(np.asarray(self.bar.outline.exterior.coords)[:, :2], 1).tolist()
        return {
            "name": self.name, "outline": ring, "area_m2": round(self.bar.area_m2, 1),
            "low_m2": round(self.bar.low_m2, 1), "high_m2": round(self.bar.high_m2, 1),
            "post_km": round(self.bar.post_km, 3), "side": self.bar.side, "first_seen": self.first_seen,
            "last_seen": self.last_seen, "scenes": self.scenes, "largest_m2": round(self.largest_m2, 1),
            "parted_from": self.parted_from, "joined": list(self.joined), "sums": [round(v, 6) for v in self.sums],
        }  # fmt: skip

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> KnownBar:
        """Return the bar that ``to_json`` wrote."""
        bar = Bar(
            Polygon(row["outline"]).buffer(0),
            row["area_m2"],
            row["low_m2"],
            row["high_m2"],
            row["post_km"],
            row["side"],
        )
        n, t, a, tt, ta = row["sums"]
        return cls(
            row["name"], bar, row["first_seen"], row["last_seen"], row["scenes"], row["largest_m2"],
            row["parted_from"], tuple(row["joined"]), (n, t, a, tt, ta),
        )  # fmt: skip


def bars_of(frame: ReachFrame, grid: Grid, surfaces: Surfaces, observation: Observation) -> list[Bar]:
    """Return the bars of a scene, the largest first; none where the scene cannot tell sediment.

    Args:
        frame: of the reach.
        grid: of the surfaces.
        surfaces: of the scene.
        observation: of the same scene, whose banks bound the channel.
    """
    if surfaces.sediment is None or Quantity.LEFT_BANK not in observation.values:
        return []
    bare = np.nan_to_num(surfaces.sediment) >= 0.5
    rows, cols = np.nonzero(bare)
    if not rows.size:
        return []
    xy = grid.points(np.stack([cols + 0.5, rows + 0.5], axis=1).astype(float), frame.crs)
    transect, offset = _beside(frame, xy)
    left, right = observation.values[Quantity.LEFT_BANK], observation.values[Quantity.RIGHT_BANK]
    reach = BESIDE_PX * grid.pixel_m
    inside = (offset <= left[transect] + reach) & (offset >= right[transect] - reach)
    mask = np.zeros(bare.shape, dtype=bool)
    mask[rows[inside], cols[inside]] = True
    found = [_bar(frame, grid, observation, part, box) for part, box in parts(mask)]
    return sorted((bar for bar in found if bar is not None), key=lambda bar: -bar.area_m2)


def follow(known: Sequence[KnownBar], bars: Sequence[Bar], at: datetime) -> list[KnownBar]:
    """Return the bars of a reach after one scene more; those it does not show are kept as they were.

    Args:
        known: through the dates before.
        bars: of the scene.
        at: when it was taken.
    """
    shares = np.zeros((len(known), len(bars)))
    for i, old in enumerate(known):
        shares[i] = [_shared(old.bar.outline, bar.outline) for bar in bars]
    names: dict[int, int] = {}
    pairs = [(shares[i, j], i, j) for i in range(len(known)) for j in range(len(bars)) if shares[i, j] >= SHARED]
    for _, here, new in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if here not in names and new not in names.values():
            names[here] = new
    out, taken = list(known), len(known)
    absorbed = [(i, j) for _, i, j in pairs if i not in names and j in names.values()]
    for here, new in names.items():
        joined = tuple(known[i].name for i, j in absorbed if j == new)
        out[here] = _seen(known[here], bars[new], at, joined)
    for place, bar in enumerate(bars):
        if place in names.values():
            continue
        source = next((known[i].name for _, i, j in pairs if j == place), None)
        taken += 1
        new_bar = KnownBar(f"B{taken}", bar, at.date().isoformat(), "", 0, 0.0, parted_from=source)
        out.append(_seen(new_bar, bar, at, ()))
    return out


def _seen(known: KnownBar, bar: Bar, at: datetime, joined: tuple[str, ...]) -> KnownBar:
    years = (at.timestamp() - 946_684_800.0) / YEAR_S
    n, t, a, tt, ta = known.sums
    sums = (n + 1, t + years, a + bar.area_m2, tt + years * years, ta + years * bar.area_m2)
    return replace(
        known, bar=bar, last_seen=at.date().isoformat(), scenes=known.scenes + 1,
        largest_m2=max(known.largest_m2, bar.area_m2), sums=sums,
        joined=(*known.joined, *(name for name in joined if name not in known.joined)),
    )  # fmt: skip


def _shared(one: Polygon, other: Polygon) -> float:
    if not one.intersects(other):
        return 0.0
    return float(one.intersection(other).area / max(min(one.area, other.area), 1e-9))


def _beside(frame: ReachFrame, xy: Floats) -> tuple[np.ndarray, Floats]:
    """Return the nearest transect of points, and their offset along it."""
    _, nearest = cKDTree(frame.origin_xy).query(xy)
    offset = np.einsum("nk,nk->n", xy - frame.origin_xy[nearest], frame.normal_xy[nearest])
    return nearest, np.asarray(offset)


def _bar(
    frame: ReachFrame, grid: Grid, observation: Observation, part: np.ndarray, box: tuple[slice, slice]
) -> Bar | None:
    ring = outline(part, box[1].start, box[0].start)
    placed = shapely.transform(ring, lambda px: grid.points(px, frame.crs))
    if placed.is_empty or not isinstance(placed, Polygon):
        return None
    area = area_measure(part, grid.pixel_m, "bare sediment between the banks")
    centre = np.array([[placed.centroid.x, placed.centroid.y]])
    transect, offset = _beside(frame, centre)
    row = int(transect[0])
    middle = 0.5 * (observation.values[Quantity.LEFT_BANK][row] + observation.values[Quantity.RIGHT_BANK][row])
    width = observation.values[Quantity.LEFT_BANK][row] - observation.values[Quantity.RIGHT_BANK][row]
    away = float(offset[0] - middle)
    side = "middle" if not np.isfinite(away) or abs(away) < 0.15 * width else "left" if away > 0 else "right"
    value = area.value or 0.0
    return Bar(placed, value, area.low or 0.0, area.high or value, float(frame.post_km[row]), side)
