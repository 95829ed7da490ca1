"""Zones: neighbouring transects where one quantity has left its history in one direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from findings.measure import Measure
from findings.river_series import Floats, Quantity, ReachFrame
from inference.river.finding import EROSION, SEDIMENT, VEGETATION
from inference.river.monitor import MonitorReport

GAP = 1
"""So many quiet transects between alarmed ones do not part a zone."""
BANKS = {Quantity.LEFT_BANK: 1, Quantity.RIGHT_BANK: -1}
"""Banks, and the sign of their offset's change that takes ground away."""
GROWN = 0.5
"""Share of vegetation in the ground that a bank has gained from which it is overgrown."""
MONITORED = (
    Quantity.LEFT_BANK, Quantity.RIGHT_BANK, Quantity.SEDIMENT_WIDTH, Quantity.VEGETATION_WIDTH, Quantity.CHANNEL_WIDTH,
)  # fmt: skip
"""Quantities whose alarms become findings; the wetted width follows the water level and raises none."""


@dataclass(frozen=True, slots=True)
class Zone:
    """Neighbouring transects with one confirmed change.

    Attributes:
        quantity: what changed.
        direction: +1 grew, -1 fell; of banks: the sign of the offset.
        first, last: transects, inclusive.
        peak: the transect with the largest change that its neighbours bear out.
        shift_m: change there, absolute, with its 95 % interval ``low_m`` to ``high_m``.
        area_m2: change times spacing over the zone; the interval takes the transects as wrong together.
        first_seen: of the first transect that left its history.
        confirmed_at: when the first of them was confirmed.
        outline: in the frame's CRS.
    """

    quantity: Quantity
    direction: int
    first: int
    last: int
    peak: int
    shift_m: float
    low_m: float
    high_m: float
    area_m2: tuple[float, float, float]
    first_seen: np.datetime64
    confirmed_at: np.datetime64
    outline: Polygon

    @property
    def side(self) -> str | None:
        """``left`` or ``right`` bank looking downstream, or None where it is no bank that changed."""
        return {Quantity.LEFT_BANK: "left", Quantity.RIGHT_BANK: "right"}.get(self.quantity)

    @property
    def takes_ground(self) -> bool:
        """Whether a bank moved away from the river."""
        return BANKS.get(self.quantity, 0) == self.direction

    def damage(self, overgrown_share: float | None) -> tuple[str, str] | None:
        """Return the damage code and kind of change, or None where it is no anomaly.

        Args:
            overgrown_share: share of the changed ground with vegetation now; None where unknown.
        """
        if self.quantity in BANKS:
            if self.takes_ground:
                return EROSION, "bank retreat"
            grown = overgrown_share is not None and overgrown_share >= GROWN
            return (VEGETATION if grown else SEDIMENT), "channel narrowing"
        named = {
            (Quantity.SEDIMENT_WIDTH, 1): (SEDIMENT, "bar growth"),
            (Quantity.VEGETATION_WIDTH, 1): (VEGETATION, "tree encroachment"),
            (Quantity.CHANNEL_WIDTH, -1): (SEDIMENT, "channel narrowing"),
        }
        return named.get((self.quantity, self.direction))

    def area(self) -> Measure:
        """Return the changed ground with its interval."""
        value, low, high = self.area_m2
        how = "change of the transects times their spacing; interval: all transects wrong together"
        return Measure("area", value, "m2", low, high, how)


def find_zones(
    frame: ReachFrame, reports: Mapping[Quantity, MonitorReport], current: Mapping[Quantity, Floats]
) -> list[Zone]:
    """Return the zones of confirmed change, along the river.

    A channel that narrows where one of its banks is told to move in, or where its bars grow, is told once.

    Args:
        frame: of the reach.
        reports: of the monitors, a quantity each.
        current: per quantity ``(N,)`` latest values in metres, NaN where unknown; banks give the outlines.
    """
    found: list[Zone] = []
    for quantity in MONITORED:
        if quantity in reports:
            found += _zones_of(frame, quantity, reports[quantity], current)
    told = np.zeros(len(frame), dtype=bool)
    for zone in found:
        if zone.quantity is not Quantity.CHANNEL_WIDTH:
            told[zone.first : zone.last + 1] = True
    kept = [
        zone
        for zone in found
        if zone.quantity is not Quantity.CHANNEL_WIDTH or not told[zone.first : zone.last + 1].any()
    ]
    return sorted(kept, key=lambda zone: (zone.first, zone.quantity))


def _zones_of(
    frame: ReachFrame, quantity: Quantity, report: MonitorReport, current: Mapping[Quantity, Floats]
) -> list[Zone]:
    zones = []
    for direction in (1, -1):
        alarmed = np.flatnonzero(report.alarmed & (report.direction == direction))
        for run in _runs(alarmed):
            outline = _outline(frame, quantity, report, current, run[0], run[-1])
            if outline is not None:
                zones.append(_zone(frame, quantity, direction, report, run, outline))
    return zones


def _runs(indices: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Return runs of indices with at most ``GAP`` missing between neighbours."""
    if indices.size == 0:
        return []
    return list(np.split(indices, np.flatnonzero(np.diff(indices) > GAP + 1) + 1))


def _zone(
    frame: ReachFrame,
    quantity: Quantity,
    direction: int,
    report: MonitorReport,
    run: NDArray[np.intp],
    outline: Polygon,
) -> Zone:
    shift, low, high = (direction * a[run] for a in (report.shift, report.shift_low, report.shift_high))
    low, high = np.minimum(low, high), np.maximum(low, high)
    best = _largest_borne_out(shift)
    spread = frame.spacing_m
    area = float(np.nansum(shift) * spread)
    return Zone(
        quantity,
        direction,
        int(run[0]),
        int(run[-1]),
        int(run[best]),
        float(shift[best]),
        max(float(low[best]), 0.0),
        float(high[best]),
        (area, max(float(np.nansum(low) * spread), 0.0), float(np.nansum(high) * spread)),
        np.nanmin(report.first_seen[run]),
        np.nanmin(report.confirmed_at[run]),
        outline,
    )


def _largest_borne_out(shift: Floats) -> int:
    """Return the place of the largest shift that a neighbour bears out: the median of three next to each other.

    One transect that takes a field for river ground, or meets the bank lengthwise, does not give a zone its size.
    """
    if shift.size < 3:
        return int(np.nanargmin(shift))
    middle = np.array([np.nanmedian(shift[max(k - 1, 0) : k + 2]) for k in range(shift.size)])
    middle[[0, -1]] = np.fmin(middle[[0, -1]], [middle[1], middle[-2]])
    top = float(np.nanmax(middle))
    near = np.flatnonzero(middle == top)[0]
    around = np.arange(max(near - 1, 0), min(near + 2, shift.size))
    return int(around[np.nanargmin(np.abs(shift[around] - top))])


def _outline(
    frame: ReachFrame,
    quantity: Quantity,
    report: MonitorReport,
    current: Mapping[Quantity, Floats],
    first: int,
    last: int,
) -> Polygon | None:
    """Return the ground between the old and the new bank, or the channel of the zone; None where no bank is known."""
    if quantity in BANKS:
        near, far = current[quantity] - report.shift, current[quantity]
    else:
        near, far = current[Quantity.RIGHT_BANK], current[Quantity.LEFT_BANK]
    rows = np.arange(first, last + 1)
    rows = rows[np.isfinite(near[rows]) & np.isfinite(far[rows])]
    if rows.size == 0:
        return None
    one, other = frame.points(near)[rows], frame.points(far)[rows]
    along = 0.5 * frame.spacing_m * np.stack([frame.normal_xy[rows, 1], -frame.normal_xy[rows, 0]], axis=1)
    one = np.concatenate([one[:1] - along[:1], one, one[-1:] + along[-1:]])
    other = np.concatenate([other[:1] - along[:1], other, other[-1:] + along[-1:]])
    polygon = Polygon(np.concatenate([one, other[::-1]])).buffer(0)
    parts = [part for part in getattr(polygon, "geoms", [polygon]) if not part.is_empty]
    return max(parts, key=lambda part: part.area) if parts else None
