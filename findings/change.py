"""By how much a damage grew between two inspections, with its interval.

The difference of two measures has two kinds of error. What each picture adds by itself (noise, blur, where an outline
ends) is independent. The scale is not: where a registration joins the two pictures, it says how many pixels of one
are a pixel of the other, so that both sizes are taken on one common scale, the mean of both by their precision, whose
error only multiplies the difference ::

    d = n - p,   low = d - sqrt(n_down^2 + p_up^2 - 2 s n_down p_up + (Z k g d)^2 + (Z k e p)^2 + (r p)^2)

with ``g`` the relative sigma of the common scale, ``k`` 1 for lengths and 2 for areas, ``e`` the error of the
registration's own scale, ``r`` what two pictures of one unchanged damage differ by (`REPEAT`), and ``s`` how far the
errors of both times are one and the same (`SHARED`). Without a registration both intervals count as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from findings.finding import Finding
from findings.measure import Measure
from findings.registration import PictureRegistration
from findings.tracking import Growth

Z95 = 1.96
YEAR_DAYS = 365.25
LEAST_YEARS = 1 / 12  # a rate over less than a month says nothing about a year
LEAST_SIGMA = 1e-4
REGISTERED_SIGMA = 0.002  # relative, of the local scale of a homography; lens and relief
DISAGREE = 3.0  # sigmas by which two scales may differ before it is said
REPEAT = {"length": 0.06, "area": 0.10, "width_p50": 0.04, "width_p95": 0.04, "width_max": 0.10}
"""Relative 95 % half-width of the difference between two pictures of an unchanged damage beyond the measures' own
intervals: another light and angle move the ends of a crack and the rim of a stain (decision 0033)."""
OTHER_REPEAT = 0.10
SHARED = {"width_p50": 0.6, "width_p95": 0.6, "width_max": 0.6}
"""Correlation of the errors of two widths of one crack that both pictures show whole: how dark it is inside is unknown
both times, and the same. On generated walls it is 0.9 (decision 0033); another light makes it less."""
PARTLY_REPEAT = {"width_p50": 0.25, "width_p95": 0.25}
"""The same where the pictures share only a part of a crack: the widths of its rest are another sample. Assumed."""
NOT_COMPARED = ("min_spacing", "perimeter", "extent", "area_share")  # neighbours, staircase, share of one picture
UNITS = {
    "px": (1, 1.0),
    "mm": (1, 1e-3),
    "m": (1, 1.0),
    "px2": (2, 1.0),
    "mm2": (2, 1e-6),
    "m2": (2, 1.0),
    "ratio": (0, 1.0),
}
"""Dimension of each unit, and what it is in pixels, metres or square metres."""
CRACK_DECIDES = ("length", "width_p95")
AREA_DECIDES = ("length", "area", "rebar_length", "displacement", "plan_cover_ratio")
SIZES = ("length", "area", "rebar_length", "streak_length", "count")


@dataclass(frozen=True, slots=True)
class Change:
    """The difference of one measure, this time less last time, in its unit, with its 95 % interval.

    Attributes:
        value: None where only bounds are known.
        decides: whether this measure decides about progress.
    """

    name: str
    unit: str
    value: float | None
    low: float
    high: float
    decides: bool


@dataclass(frozen=True, slots=True)
class _Common:
    """How the measures of two pictures come to one scale.

    Attributes:
        previous, now: factors of one dimension.
        sigma: relative, of the common scale.
        sigmas: relative, of each picture's own scale, which its intervals hold.
        registered: the pixels of both pictures are joined.
        pixels: present pixels for one previous pixel.
        disagree: relative difference of the two scales where it is more than their sigmas allow.
    """

    previous: float = 1.0
    now: float = 1.0
    sigma: float = 0.0
    sigmas: tuple[float, float] = (0.0, 0.0)
    registered: bool = False
    pixels: float = 1.0
    disagree: float | None = None


def changes(
    previous: Finding, now: Finding, registration: PictureRegistration | None, *, whole: bool = True
) -> tuple[tuple[Change, ...], float | None]:
    """Return what changed of two sights of one damage, and by how much their scales disagree, if they do.

    Measures of one name and unit are compared; an upper bound of last time gives a lower bound of the change. Sizes in
    pixels are compared only through a registration, and typical widths alone where a picture shows only a part.
    """
    common = _common(previous, now, registration)
    deciding = CRACK_DECIDES if any(m.name.startswith("width_") for m in now.measures) else AREA_DECIDES
    found = []
    seen: set[str] = set()
    for measure in now.measures:
        pixels = measure.unit.startswith("px")
        if measure.name in (*NOT_COMPARED, *seen) or measure.unit not in UNITS or (pixels and not common.registered):
            continue
        if not whole and measure.name not in PARTLY_REPEAT:
            continue
        repeat = (REPEAT if whole else PARTLY_REPEAT).get(measure.name, OTHER_REPEAT)
        dimension = UNITS[measure.unit][0]
        before = next((known for m in previous.measures if (known := _in_unit(m, measure)) is not None), None)
        shared = SHARED.get(measure.name, 0.0) if whole and common.registered else 0.0
        change = None if before is None else _change(before, measure, dimension, common, (repeat, shared))
        if change is not None:
            seen.add(measure.name)
            found.append(replace(change, decides=measure.name in deciding))
    return tuple(found), common.disagree


def _in_unit(measure: Measure, like: Measure) -> Measure | None:
    """Return a measure in the unit of another one of its name; None where it is another quantity."""
    if measure.name != like.name or measure.unit not in UNITS:
        return None
    if measure.unit == like.unit:
        return measure
    (mine, here), (other, there) = UNITS[measure.unit], UNITS[like.unit]
    if mine != other or measure.unit.startswith("px") or like.unit.startswith("px"):
        return None
    value, low, high = (None if v is None else v * here / there for v in (measure.value, measure.low, measure.high))
    return replace(measure, unit=like.unit, value=value, low=low, high=high)


def pixel_ratio(sight: Finding, registration: PictureRegistration) -> float:
    """Return how many present pixels a pixel of the previous picture is long where the sight lies."""
    at = sight.geometry_px.centroid
    step = 1.0
    corners = np.array([[at.x, at.y], [at.x + step, at.y], [at.x, at.y + step]])
    a, b, c = registration.points(corners)
    return math.sqrt(abs(float((b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0])))


def _common(previous: Finding, now: Finding, registration: PictureRegistration | None) -> _Common:
    old, new = previous.scale, now.scale
    known = old.gsd_mm is not None and new.gsd_mm is not None
    sigmas = tuple(
        max((scale.sigma_mm or 0.0) / scale.gsd_mm, LEAST_SIGMA) if scale.gsd_mm else 0.0 for scale in (old, new)
    )
    if registration is None:
        return _Common(sigmas=(sigmas[0], sigmas[1]))
    ratio = pixel_ratio(previous, registration)
    if old.gsd_mm is None or new.gsd_mm is None or not known:
        return _Common(registered=True, pixels=ratio)
    weights = [1 / sigma**2 for sigma in sigmas]
    apart = math.log(old.gsd_mm / ratio / new.gsd_mm)  # of the present pixel: by the previous scale, by its own
    common = math.exp(math.log(new.gsd_mm) + apart * weights[0] / sum(weights))
    allowed = math.hypot(*sigmas, REGISTERED_SIGMA)
    differs = abs(apart) > DISAGREE * allowed
    sigma = max(1 / math.sqrt(sum(weights)), abs(apart) / 2 if differs else 0.0)
    return _Common(
        previous=common * ratio / old.gsd_mm,
        now=common / new.gsd_mm,
        sigma=sigma,
        sigmas=(sigmas[0], sigmas[1]),
        registered=True,
        pixels=ratio,
        disagree=math.expm1(apart) if differs else None,
    )


@dataclass(frozen=True, slots=True)
class _Side:
    """A measure on the common scale: its value, how far it reaches down and up without the scale's error."""

    value: float | None
    down: float
    up: float
    low: float
    high: float


def _change(
    before: Measure, after: Measure, dimension: int, common: _Common, between: tuple[float, float]
) -> Change | None:
    """Return a change; ``between`` the two pictures: what they differ by without one, and what their errors share."""
    repeat, same = between
    pixels = after.unit.startswith("px")
    factors = (common.pixels, 1.0) if pixels else (common.previous, common.now)
    # In pixels, and without a registration, no error of the scale is taken out of the intervals.
    shared = (0.0, 0.0) if pixels or not common.registered else common.sigmas
    old = _side(before, factors[0] ** dimension, Z95 * dimension * shared[0])
    new = _side(after, factors[1] ** dimension, Z95 * dimension * shared[1])
    if old is None or new is None or (old.value is None and new.value is None):
        return None
    if old.value is None or new.value is None:
        value, low, high = None, new.low - old.high, new.high - old.low
        slack = repeat * max(new.value or 0.0, old.value or 0.0)
        return Change(after.name, after.unit, value, low - slack, high + slack, False)
    value = new.value - old.value
    scale = 0.0 if pixels else Z95 * dimension * common.sigma * value
    joined = Z95 * dimension * REGISTERED_SIGMA * old.value if common.registered else 0.0
    rest = math.hypot(scale, joined, repeat * old.value)
    low = value - math.hypot(_apart(new.down, old.up, same), rest)
    high = value + math.hypot(_apart(new.up, old.down, same), rest)
    return Change(after.name, after.unit, value, low, high, False)


def _apart(one: float, other: float, same: float) -> float:
    """Return the half-width of a difference whose two errors have the correlation ``same``."""
    return math.sqrt(max(one**2 + other**2 - 2 * same * one * other, 0.0))


def _side(measure: Measure, factor: float, shared: float) -> _Side | None:
    if measure.value is None:
        if measure.high is None:
            return None
        return _Side(None, 0.0, 0.0, factor * (measure.low or 0.0), factor * measure.high)
    if measure.low is None or measure.high is None:
        return None  # a size without an interval says nothing about growth
    down, up = (
        math.sqrt(max(part**2 - (shared * measure.value) ** 2, 0.0))
        for part in (measure.value - measure.low, measure.high - measure.value)
    )
    value, down, up = factor * measure.value, factor * down, factor * up
    return _Side(value, down, up, factor * measure.low, factor * measure.high)


def years_between(previous: datetime | None, now: datetime | None) -> float | None:
    """Return the years from one capture to the other; None where a date is missing or they are too near for a rate."""
    if previous is None or now is None:
        return None
    years = (now - previous).total_seconds() / 86_400 / YEAR_DAYS
    return years if years >= LEAST_YEARS else None


def rates(found: tuple[Change, ...], years: float) -> tuple[Growth, ...]:
    """Return changes as growth per year; what decides about progress first."""
    ordered = sorted(found, key=lambda change: not change.decides)
    return tuple(
        Growth(
            change.name,
            f"{change.unit}/yr",
            None if change.value is None else change.value / years,
            change.low / years,
            change.high / years,
            years,
        )
        for change in ordered
    )
