"""From pixels to millimetres and metres: the one place where the uncertainty of the ground sample distance enters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from findings.measure import Measure
from findings.survey import Scale

Z95 = 1.96
MM_PER_M = 1000.0


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate in px with its 95 % interval; ``value`` is None where zero cannot be excluded."""

    value: float | None
    low: float
    high: float

    def rounded(self) -> list[float | None]:
        """Return value, low and high as plain JSON numbers."""
        return [None if self.value is None else round(self.value, 3), round(self.low, 3), round(self.high, 3)]


def around(value: float, slack: float) -> Interval:
    """Return a value that may be off by so much either way, never below 0."""
    return Interval(value, max(0.0, value - slack), value + slack)


def gsd_slack(scale: Scale) -> float:
    """Return how far the ground sample distance may be off, relative to it, at 95 %; 0 where it is unknown."""
    return 0.0 if scale.gsd_mm is None else Z95 * (scale.sigma_mm or 0.0) / scale.gsd_mm


def to_world(name: str, found: Interval, scale: Scale, unit: str, how: str, *, vanishes: bool = False) -> Measure:
    """Return a measure in the unit, or in px (px2 for an area) where no scale is known.

    Args:
        name: of the measure.
        found: in px, or px2 for an area, without the uncertainty of the scale.
        scale: where it lies.
        unit: ``mm``, ``m``, ``mm2`` or ``m2``; an area goes with the square of the scale, its uncertainty twice.
        how: the method in a few words.
        vanishes: a size whose interval reaches zero by the scale alone has no value, only an upper bound (widths).
    """
    power = 2 if unit.endswith("2") else 1
    if scale.gsd_mm is None:
        return Measure(name, found.value, "px2" if power == 2 else "px", found.low, found.high, how)
    factor = (scale.gsd_mm / (MM_PER_M if unit.startswith("m") and not unit.startswith("mm") else 1.0)) ** power
    relative = power * gsd_slack(scale)
    if found.value is None:
        return Measure(name, None, unit, 0.0, found.high * (1 + relative) * factor, how)
    value, extra = found.value, relative * found.value
    down, up = float(np.hypot(value - found.low, extra)), float(np.hypot(found.high - value, extra))
    known = None if vanishes and value <= down else value * factor
    return Measure(name, known, unit, max(0.0, value - down) * factor, (value + up) * factor, how)
