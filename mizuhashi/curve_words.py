"""A growth curve in lines for a reader."""

from __future__ import annotations

from findings.growth import Crossing, Curve, Point
from findings.growth_words import growth_text
from findings.wording import measure_name, number


def curve_lines(curve: Curve) -> list[str]:
    """Return the points, the rate and the limits ahead; dates ahead are called extrapolations."""
    lines = [f"{measure_name(curve.name, 'ja')} / {measure_name(curve.name, 'en')}, {curve.unit}"]
    lines += [f"{point.at:%Y-%m-%d}  {_value(point, curve.unit)}  [{point.finding_uid[:12]}]" for point in curve.points]
    if curve.rate is None:
        lines.append("rate        none: it takes two dated inspections with a value and an interval")
    else:
        lines.append(f"rate        {growth_text(curve.rate)}")
    lines += [f"limit       {_limit(crossing, curve.unit)}" for crossing in curve.crossings]
    return lines + [f"left out    {line}" for line in curve.left_out]


def _value(point: Point, unit: str) -> str:
    if point.value is None:
        return "not measured" if point.high is None else f"below {number(point.high)} {unit}"
    if point.low is None or point.high is None:
        return f"{number(point.value)} {unit}"
    return f"{number(point.value)} {unit} ({number(point.low)} to {number(point.high)})"


def _limit(crossing: Crossing, unit: str) -> str:
    days = [None if day is None else day.isoformat() for day in (crossing.earliest, crossing.likely, crossing.latest)]
    head = f"{crossing.words_ja} / {crossing.words_en}"
    if days[0] is None:
        return f"{head}: not within 50 years (外挿 / extrapolated)"
    latest = days[2] or "no date within 50 years"
    return f"{head}: {days[0]} to {latest}, likely {days[1] or 'not within 50 years'} (外挿 / extrapolated)"
