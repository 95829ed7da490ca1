"""What a measure leaves possible: its 95 % interval, in the unit that a rule asks for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from findings.errors import GradingError
from findings.measure import Measure

TO_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
TO_M = {"mm": 0.001, "cm": 0.01, "m": 1.0}
SHARE = {"ratio": 1.0}


@dataclass(frozen=True, slots=True)
class Interval:
    """The values that remain possible: ``low`` to ``high``, both inclusive; ``measured`` if it excludes zero."""

    low: float
    high: float
    measured: bool

    @property
    def certain(self) -> bool:
        """Whether a single value remains."""
        return self.low == self.high


UNBOUNDED = Interval(0.0, math.inf, False)


def interval(measure: Measure | None, scale: dict[str, float] | None = None) -> Interval:
    """Return the interval of a measure; everything from 0 upwards if there is none or its unit has no scale.

    Args:
        measure: the measure, or None where nothing was measured.
        scale: factors from the units that the rule understands to its own; None for any unit, factor 1.

    Raises:
        GradingError: a bound is not a finite number of 0 or more, or low, value and high are out of order.
    """
    if measure is None:
        return UNBOUNDED
    present = [v for v in (measure.low, measure.value, measure.high) if v is not None]
    if any(not math.isfinite(v) or v < 0 for v in present) or present != sorted(present):
        raise GradingError(
            f"{measure.name}: low {measure.low!r}, value {measure.value!r}, high {measure.high!r} {measure.unit}; "
            "expected finite numbers of 0 or more in this order"
        )
    factor = 1.0 if scale is None else scale.get(measure.unit)
    if factor is None:
        return UNBOUNDED
    if measure.value is None:
        return Interval(
            (measure.low or 0.0) * factor, math.inf if measure.high is None else measure.high * factor, False
        )
    low = measure.value if measure.low is None else measure.low
    high = measure.value if measure.high is None else measure.high
    return Interval(low * factor, high * factor, low > 0)


def first_measure(measures: tuple[Measure, ...], names: tuple[str, ...], units: dict[str, float]) -> Measure | None:
    """Return the first measure with one of the names, one that has a value in a unit of the rule before others."""
    found = [m for name in names for m in measures if m.name == name]
    good = [m for m in found if m.unit in units and m.value is not None]
    fair = [m for m in found if m.unit in units]
    return next(iter(good + fair + found), None)


def no_more_than_all(share: Measure | None) -> None:
    """Refuse a share of a whole whose value or lower end lies above 1.

    Raises:
        GradingError: it does; a percentage was given for a ratio, or the whole is too small.
    """
    if share is None or share.unit not in SHARE:
        return
    least = share.value if share.low is None else share.low
    if least is not None and least > 1 + 1e-9:
        raise GradingError(
            f"{share.name} is {least:g}; a share of a whole is 0 to 1: give 0.05 for 5 %, and check the whole"
        )
