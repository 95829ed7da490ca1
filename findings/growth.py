"""A measure of one damage over the inspections: points, rate, and when the next limit of a grade may be reached.

The line is fitted by least squares weighted with each point's own interval. Where the points scatter more than their
intervals allow, the line's errors are widened by the root of the reduced chi-square (the Birge ratio) and Student's
quantile replaces the normal one. Dates beyond the last inspection are extrapolations and are marked so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from scipy import stats

from findings.asset import Structure
from findings.change import UNITS, YEAR_DAYS, Z95
from findings.errors import RecordError
from findings.finding import Finding
from findings.measure import Measure
from findings.standard import load_standard
from findings.tracking import Growth

HORIZON_YEARS = 50.0
STEP_YEARS = 1 / 52
DRAWN = ("width_p95", "length", "area", "displacement", "rebar_length", "plan_cover_ratio")
"""Measures by which a curve is drawn where nobody names one, in this order."""


@dataclass(frozen=True, slots=True)
class Point:
    """One inspection of the curve.

    Attributes:
        at: of the capture, aware.
        years: since the first point.
        value: None where the picture could not resolve it; then ``high`` is a bound.
    """

    finding_uid: str
    at: datetime
    years: float
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """A fitted line ``start + rate * years`` and the covariance of both."""

    start: float
    rate: float
    covariance: tuple[tuple[float, float], tuple[float, float]]
    quantile: float
    points: int

    def at(self, years: float) -> tuple[float, float, float]:
        """Return value, lower and upper end of the 95 % band at a time."""
        (a, b), (_, d) = self.covariance
        half = self.quantile * math.sqrt(max(a + 2 * years * b + years**2 * d, 0.0))
        value = self.start + self.rate * years
        return value, value - half, value + half


@dataclass(frozen=True, slots=True)
class Crossing:
    """When a limit of the standard may be reached: an extrapolation, as a range.

    Attributes:
        limit: in the unit of the curve.
        words_ja, words_en: what the limit is.
        earliest, likely, latest: None: not within 50 years, or not at this rate.
    """

    limit: float
    words_ja: str
    words_en: str
    earliest: date | None
    likely: date | None
    latest: date | None


@dataclass(frozen=True, slots=True)
class Curve:
    """One measure of one damage over the inspections.

    Attributes:
        rate: growth per year with its interval; None with fewer than two fitted points.
        crossings: limits above the last value, nearest first.
        left_out: why points of the history have no place on the curve.
    """

    name: str
    unit: str
    points: tuple[Point, ...]
    line: Line | None
    rate: Growth | None
    crossings: tuple[Crossing, ...]
    left_out: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the curve as plain JSON values."""
        return {
            "measure": self.name,
            "unit": self.unit,
            "points": [
                {"finding": p.finding_uid, "at": p.at.isoformat(), "value": p.value, "low": p.low, "high": p.high}
                for p in self.points
            ],
            "rate": None
            if self.rate is None
            else {"unit": self.rate.unit, "per_year": self.rate.per_year, "low": self.rate.low, "high": self.rate.high},
            "limits": [
                {
                    "limit": c.limit,
                    "words_ja": c.words_ja,
                    "words_en": c.words_en,
                    "extrapolated": True,
                    **{name: _day(getattr(c, name)) for name in ("earliest", "likely", "latest")},
                }
                for c in self.crossings
            ],
            "left_out": list(self.left_out),
        }


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def growth_curve(
    history: Sequence[Finding], name: str | None = None, structure: Structure = Structure.UNKNOWN
) -> Curve:
    """Return the curve of a measure over the findings of one damage, whatever their order.

    Args:
        history: of one damage, as `Store.history` gives it.
        name: of the measure; None: the first of `DRAWN` that the findings have.
        structure: of the asset, for the limits; unknown: the limits of RC and of PC.

    Raises:
        RecordError: the findings have no such measure, or none with a date.
    """
    chosen, unit = _chosen(history, name)
    points: list[Point] = []
    left_out: list[str] = []
    dated = sorted((f for f in history if f.captured_at is not None), key=lambda f: (f.captured_at, f.uid))
    left_out += [f"{f.uid[:12]}: no capture date" for f in history if f.captured_at is None]
    for finding in dated:
        measure = _measure(finding, chosen, unit)
        if measure is None or finding.captured_at is None:
            left_out.append(f"{finding.uid[:12]}: no {chosen} in {unit}")
            continue
        years = (finding.captured_at - (points[0].at if points else finding.captured_at)).total_seconds()
        points.append(
            Point(
                finding.uid, finding.captured_at, years / 86_400 / YEAR_DAYS, measure.value, measure.low, measure.high
            )
        )
    if not points:
        raise RecordError(f"no dated finding with {chosen}: {'; '.join(left_out)}; a curve needs capture dates")
    fitted = [p for p in points if p.value is not None and p.low is not None and p.high is not None]
    left_out += [f"{p.finding_uid[:12]}: a bound or no interval; shown, not fitted" for p in points if p not in fitted]
    line = _line(fitted)
    return Curve(
        chosen, unit, tuple(points), line, _rate(chosen, unit, line, fitted),
        _crossings(history[-1].damage, structure, chosen, unit, points, line), tuple(left_out),
    )  # fmt: skip


def _chosen(history: Sequence[Finding], name: str | None) -> tuple[str, str]:
    """Return the measure to draw and its unit: a real one before pixels, which differ from picture to picture."""
    known: dict[str, list[str]] = {}
    for finding in history:
        for measure in finding.measures:
            known.setdefault(measure.name, []).append(measure.unit)
    real = {key: next((u for u in units if not u.startswith("px")), None) for key, units in known.items()}
    usable = [key for key, unit in real.items() if unit is not None]
    chosen = name or next((key for key in DRAWN if key in usable), usable[0] if usable else None)
    unit = real.get(chosen or "")
    if chosen is None or unit is None:
        pixels = " in mm or m (pixels of different pictures make no curve)" if chosen in known or known else ""
        raise RecordError(f"measure {name or 'any'}{pixels}: these findings have {', '.join(sorted(usable)) or 'none'}")
    return chosen, unit


def _measure(finding: Finding, name: str, unit: str) -> Measure | None:
    for measure in finding.measures:
        if measure.name != name or measure.unit not in UNITS:
            continue
        if measure.unit == unit:
            return measure
        (mine, here), (other, there) = UNITS[measure.unit], UNITS.get(unit, (-1, 1.0))
        if mine == other and not measure.unit.startswith("px"):
            ends = [None if v is None else v * here / there for v in (measure.value, measure.low, measure.high)]
            return Measure(name, ends[0], unit, ends[1], ends[2], measure.how)
    return None


def _line(points: Sequence[Point]) -> Line | None:
    """Return the weighted least-squares line, or None with fewer than two different times."""
    times = np.array([p.years for p in points])
    if len(points) < 2 or np.ptp(times) <= 0:
        return None
    values = np.array([p.value for p in points], float)
    sigma = np.array([((p.high or 0.0) - (p.low or 0.0)) / (2 * Z95) for p in points])
    sigma = np.maximum(sigma, max(1e-9, 1e-6 * float(np.abs(values).max())))
    design = np.column_stack([np.ones_like(times), times]) / sigma[:, None]
    covariance = np.linalg.inv(design.T @ design)
    start, rate = covariance @ design.T @ (values / sigma)
    free = len(points) - 2
    quantile = Z95
    if free > 0:
        birge = float((((values - start - rate * times) / sigma) ** 2).sum() / free)
        if birge > 1:
            covariance = covariance * birge
            quantile = float(stats.t.ppf(0.975, free))
    (a, b), (c, d) = covariance.tolist()
    return Line(float(start), float(rate), ((a, b), (c, d)), quantile, len(points))


def _rate(name: str, unit: str, line: Line | None, points: Sequence[Point]) -> Growth | None:
    if line is None:
        return None
    half = line.quantile * math.sqrt(max(line.covariance[1][1], 0.0))
    years = points[-1].years - points[0].years
    return Growth(name, f"{unit}/yr", line.rate, line.rate - half, line.rate + half, years)


def limits(damage: str, structure: Structure, name: str, unit: str) -> list[tuple[float, str, str]]:
    """Return the limits of the standard's grade classes for a measure, with words in Japanese and English."""
    if not name.startswith("width_") or unit not in ("mm", "m"):
        return []
    rules = load_standard("grade_rules")
    factor = 1.0 if unit == "mm" else 1e-3
    if damage in rules["crack"]["damages"]:
        return [(value * factor, ja, en) for value, ja, en in _crack_limits(rules["crack"], structure)]
    if damage in rules["slab_crack"]["damages"]:
        rows = [row for row in rules["slab_crack"]["width_mm"] if row["upto"] is not None]
        return [
            (float(row["upto"]) * factor, f"床版ひびわれ幅{row['upto']:g}mm", f"slab crack width {row['upto']:g} mm")
            for row in rows
        ]
    return []


def _crack_limits(rule: Mapping[str, Any], structure: Structure) -> list[tuple[float, str, str]]:
    table, words = rule["width_class_mm"], rule["class_words"]
    materials = [structure.value] if structure.value in table else list(table)
    return [
        (float(value), f"ひびわれ幅「{words[name]['ja']}」({material}) {value:g}mm",
         f"width class {words[name]['en']} ({material}) from {value:g} mm")
        for material in materials
        for name, value in table[material].items()
        if value > 0
    ]  # fmt: skip


def _crossings(
    damage: str, structure: Structure, name: str, unit: str, points: Sequence[Point], line: Line | None
) -> tuple[Crossing, ...]:
    """Return when each limit above the last value may be reached."""
    if line is None:
        return ()
    last = points[-1]
    reached = line.at(last.years)[0] if last.value is None else last.value
    times = last.years + np.arange(0.0, HORIZON_YEARS + STEP_YEARS, STEP_YEARS)
    band = np.array([line.at(float(time)) for time in times])
    found = []
    for limit, ja, en in sorted(limits(damage, structure, name, unit)):
        if limit <= reached:
            continue
        days = [_first(band[:, column] >= limit, times, points[0].at) for column in (2, 0, 1)]
        found.append(Crossing(limit, ja, en, *days))
    return tuple(found)


def _first(over: np.ndarray, times: np.ndarray, start: datetime) -> date | None:
    """Return the first day on which something holds, or None within the horizon."""
    if not over.any():
        return None
    return (start.astimezone(UTC) + timedelta(days=float(times[over.argmax()]) * YEAR_DAYS)).date()
