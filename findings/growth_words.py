"""Growth between two inspections in words: which rates a row has room for, and how a rate is written."""

from __future__ import annotations

import math

from findings.change import AREA_DECIDES, CRACK_DECIDES
from findings.tracking import Growth
from findings.wording import Language, measure_name, number

SHOWN = 2


def told(growth: tuple[Growth, ...]) -> tuple[Growth, ...]:
    """Return the growth that a row has room for: what decides about progress, else the first."""
    deciding = CRACK_DECIDES if any(g.name.startswith("width_") for g in growth) else AREA_DECIDES
    return (tuple(g for g in growth if g.name in deciding) or growth)[:SHOWN]


def growth_text(growth: Growth, language: Language = "en") -> str:
    """Return ``width +0.02 mm/yr (-0.01 to +0.05)``, or the bounds where no more is known."""
    unit, factor = growth.unit, 1.0
    ends = [abs(v) for v in (growth.low, growth.high) if v is not None]
    if unit == "m/yr" and (not ends or max(ends) < 1.0):
        unit, factor = "mm/yr", 1000.0
    elif unit == "m2/yr" and (not ends or max(ends) < 0.01):
        unit, factor = "cm²/yr", 10_000.0
    elif unit == "mm2/yr":
        unit, factor = "cm²/yr", 0.01
    unit = unit.replace("px2", "px²").replace("m2", "m²")
    unit, to = (unit.replace("/yr", "/年"), "～") if language == "ja" else (unit, " to ")
    half = None if growth.low is None or growth.high is None else factor * (growth.high - growth.low) / 2
    low, high = ("?" if v is None else signed(v * factor, half) for v in (growth.low, growth.high))
    name = measure_name(growth.name, language)
    if growth.per_year is None:
        return f"{name} {low}{to}{high} {unit}"
    return f"{name} {signed(growth.per_year * factor, half)} {unit} ({low}{to}{high})"


def signed(value: float, half: float | None = None) -> str:
    """Return a number with its sign: to two digits of its interval's half-width, else three significant digits."""
    if half is not None and half > 0:
        text = f"{value:+.{min(max(1 - math.floor(math.log10(half)), 0), 9)}f}"
        return text if any(digit in text for digit in "123456789") else text[1:]
    return f"{'-' if value < 0 else '+'}{number(abs(value))}"
