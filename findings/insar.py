"""External InSAR points on a bridge: 20 m segments of its deck, temperature taken out, velocities compared.

Each point's series is brought to one level, in turns with the median over points: the points of a segment share the
deck's movement, not their own offset. The segment's series is fitted robustly (Huber 1964) as ::

    d(t) = a + v t + k (T(t) - mean T)            with temperatures
    d(t) = a + v t + p cos(2 pi t) + q sin(2 pi t)   without: what repeats every year counts as thermal

``v`` is the residual velocity. Residuals of neighbouring dates resemble each other (atmosphere, processing), so the
effective number of dates is n (1 - r) / (1 + r) with r their correlation from one date to the next.

The z-score of a segment is ``(v - median of the others) / hypot(1.4826 MAD of the others, its own 1-sigma)``: a deck
that moves as a whole has none. Nothing here says damage; a point may lie on the road, a rail or a lamp.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import shapely
import shapely.ops
from numpy.typing import NDArray
from scipy.special import stdtrit
from shapely.geometry import LineString

from findings.asset import Asset
from findings.errors import InputError, NotAssessable
from findings.grading.trace import Words
from findings.links import METRES_PER_DEGREE, to_metres
from findings.measure import Measure

Floats = NDArray[np.float64]

SEGMENT_M = 20.0
WITHIN_M = 10.0
"""Lateral distance from the deck line up to which points count as the deck's; the command states another."""
NEAR_M = 100.0
"""Points up to so far from the deck line are the surroundings that a short deck is held against."""
LEAST_POINTS = 3
LEAST_DATES = 20
LEAST_DAYS = 365.0
LEAST_SHARE = 0.5
"""A point without so many of the dates is left out."""
LEAST_OTHERS = 4
"""Segments that a segment is held against; a shorter deck is held against points around it."""
LEAST_AROUND = 10
HUBER_K, ROUNDS = 1.345, 12
MOST_ALIKE = 0.9
"""Cap of the correlation of neighbouring residuals: a longer memory than that no short series can tell."""
STRIKING = 3.0
"""From this absolute z-score on a segment is marked."""
YEAR_DAYS = 365.2425


@dataclass(frozen=True, slots=True, eq=False)
class InsarPoints:
    """Displacements of points around one place.

    Attributes:
        lonlat: ``(P, 2)`` WGS84.
        height_m: ``(P,)`` as the file has it, NaN where unknown.
        dates: ``(T,)`` datetime64[D], rising.
        displacement_mm: ``(P, T)``, NaN where there is none.
        nearest_m: of all points of the file to the middle of the place that was asked for; NaN: the file has none.
        notes: how the file was read.
    """

    lonlat: Floats
    height_m: Floats
    dates: NDArray[np.datetime64]
    displacement_mm: Floats
    nearest_m: float = math.nan
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeckSegment:
    """One part of the deck.

    Attributes:
        number: from 1 at the start of the deck line.
        from_m, to_m: along the deck line.
        line_lonlat: its part of the deck line.
        points: on it.
        dates: behind its velocity.
        height_m: median and range of the points' heights: a wide range tells that some lie below the deck.
        velocity: mm/yr after temperature, with its 95 % interval; None where it is not assessable.
        thermal: mm per degree, or the yearly wave's amplitude in mm.
        z: see the module; None where there is nothing to hold it against.
        compared_with: ``segments``, ``surroundings`` or "".
        reason: why something is not assessable.
    """

    number: int
    from_m: float
    to_m: float
    line_lonlat: LineString
    points: int
    dates: int = 0
    height_m: tuple[float, float, float] | None = None
    velocity: Measure | None = None
    thermal: Measure | None = None
    z: float | None = None
    compared_with: str = ""
    reason: Words | None = None

    @property
    def striking(self) -> bool:
        """Whether its velocity stands out of those that it was held against."""
        return self.z is not None and abs(self.z) >= STRIKING


@dataclass(frozen=True, slots=True)
class DeckMotion:
    """All segments of one deck, and how they came about.

    Attributes:
        within_m: lateral distance up to which points count.
        on_deck, around: numbers of points.
        first, last: days of the series; None without points.
        thermal_model: ``temperature`` or ``yearly wave``.
    """

    asset_uid: str
    segments: tuple[DeckSegment, ...]
    length_m: float
    within_m: float
    on_deck: int
    around: int
    first: np.datetime64 | None
    last: np.datetime64 | None
    thermal_model: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Fit:
    velocity: float
    sigma: float
    low: float
    high: float
    thermal: tuple[float, float, float]
    dates: int


def deck_line(asset: Asset) -> LineString:
    """Return the deck's middle line, lon, lat: the line itself, or the long axis of an outline.

    Raises:
        NotAssessable: the bridge has no geometry or only a point.
    """
    shape = asset.geometry
    if shape is not None and shape.geom_type == "MultiLineString":
        shape = shapely.line_merge(shape)
    if shape is None or shape.is_empty or shape.geom_type not in ("LineString", "Polygon"):
        have = "no place" if shape is None or shape.is_empty else f"a {shape.geom_type}"
        raise NotAssessable(
            f"bridge {asset.uid} has {have}; deck segments need its line or outline: import the bridge with one, "
            "e.g. from OpenStreetMap"
        )
    if shape.geom_type == "LineString":
        return LineString(shapely.get_coordinates(shape))
    lon, lat = shape.centroid.x, shape.centroid.y
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(to_metres(shape, lon, lat)))[:4]
    sides = np.roll(corners, -1, axis=0) - corners
    short = int(np.argmin(np.hypot(*sides[:2].T)))
    ends = np.array([corners[i] + sides[i] / 2 for i in (short, short + 2)])
    return _to_lonlat(LineString(ends), lon, lat)


def deck_motion(
    asset: Asset, points: InsarPoints, temperature: Floats | None = None, *, within_m: float = WITHIN_M
) -> DeckMotion:
    """Return velocity, thermal movement and z-score of every 20 m of a deck.

    Args:
        asset: a bridge with a line or outline.
        points: around it.
        temperature: ``(T,)`` degrees at the points' dates, NaN where unknown; None: a yearly wave stands for it.
        within_m: lateral distance from the deck line up to which points count; points beyond its ends never do.

    Raises:
        InputError: a distance that is not above 0 and under `NEAR_M`.
        NotAssessable: no deck line, or no point near it.
    """
    if not 0 < within_m < NEAR_M:
        raise InputError(f"the distance from the deck line is {within_m} m; expected above 0 and under {NEAR_M:.0f} m")
    line = deck_line(asset)
    lon, lat = line.centroid.x, line.centroid.y
    flat = LineString(shapely.get_coordinates(to_metres(line, lon, lat)))
    along, away = _places(points.lonlat, flat, lon, lat)
    on_deck, around = away <= within_m, (away > within_m) & (away <= NEAR_M)
    if not on_deck.any():
        raise NotAssessable(_nothing(asset, points, away, within_m))
    edges = _edges(flat.length)
    fits = []
    segments = []
    for number, (start, end) in enumerate(pairwise(edges), start=1):
        inside = on_deck & (along >= start) & ((along < end) | (end == edges[-1]))
        part = _to_lonlat(shapely.ops.substring(flat, start, end), lon, lat)
        plain = DeckSegment(number, start, end, part, int(inside.sum()), height_m=_heights(points.height_m[inside]))
        fit = _fit_segment(points, inside, temperature)
        fits.append(fit if isinstance(fit, _Fit) else None)
        segments.append(_told(plain, fit, temperature is not None))
    segments = _with_scores(segments, fits, points, around, temperature)
    seen = np.isfinite(points.displacement_mm[on_deck]).any(axis=0)
    days = points.dates[seen]
    return DeckMotion(
        asset.uid, tuple(segments), float(flat.length), within_m, int(on_deck.sum()), int(around.sum()),
        days[0] if days.size else None, days[-1] if days.size else None,
        "yearly wave" if temperature is None else "temperature", points.notes,
    )  # fmt: skip


def _places(lonlat: Floats, line: LineString, lon: float, lat: float) -> tuple[Floats, Floats]:
    """Return distance along and away from a line in metres; away is infinite beyond its ends."""
    scale = np.array([METRES_PER_DEGREE * math.cos(math.radians(lat)), METRES_PER_DEGREE])
    shapes = shapely.points((lonlat - [lon, lat]) * scale)
    along = np.atleast_1d(shapely.line_locate_point(line, shapes))
    away = np.atleast_1d(shapely.distance(line, shapes))
    xy = np.atleast_2d(shapely.get_coordinates(shapes))
    corners = shapely.get_coordinates(line)
    for end, inwards in ((corners[0], corners[1] - corners[0]), (corners[-1], corners[-2] - corners[-1])):
        nearest = np.hypot(*(xy - end).T) <= away + 1e-6
        away = np.where(nearest & ((xy - end) @ inwards < 0), np.inf, away)
    return np.asarray(along), np.asarray(away)


def _edges(length_m: float) -> list[float]:
    """Return where segments begin and end: 20 m each, the last one takes a remainder of up to half of that."""
    count = max(round(length_m / SEGMENT_M), 1)
    return [SEGMENT_M * i for i in range(count)] + [float(length_m)]


def _nothing(asset: Asset, points: InsarPoints, away: Floats, within_m: float) -> str:
    reach = away[np.isfinite(away)]
    where = (
        "the file has no point" if math.isnan(points.nearest_m) else f"the nearest lies {points.nearest_m:,.0f} m off"
    )
    if reach.size:
        where = f"the nearest lies {reach.min():.0f} m beside it"
    return (
        f"no point within {within_m:g} m of the deck line of {asset.uid}: {where}; check the bridge's place and the "
        "reference system of the points, or allow a larger distance"
    )


def _heights(height_m: Floats) -> tuple[float, float, float] | None:
    known = height_m[np.isfinite(height_m)]
    return (float(np.median(known)), float(known.min()), float(known.max())) if known.size else None


def _fit_segment(points: InsarPoints, inside: NDArray[np.bool_], temperature: Floats | None) -> _Fit | Words:
    """Return the fit of the points inside, or why there is none."""
    table = points.displacement_mm[inside]
    usable = np.ones(len(points.dates), bool) if temperature is None else np.isfinite(temperature)
    table = np.where(usable, table, np.nan)
    enough = np.isfinite(table).sum(axis=1) >= max(LEAST_SHARE * usable.sum(), 1)
    if enough.sum() < LEAST_POINTS:
        n = int(enough.sum())
        return Words(
            f"点数不足({n}点、{LEAST_POINTS}点以上必要)", f"too few points ({n}, at least {LEAST_POINTS} needed)"
        )
    return _fit_points(points.dates, table[enough], temperature)


def _fit_points(dates: NDArray[np.datetime64], table: Floats, temperature: Floats | None) -> _Fit | Words:
    series = _common(table)
    known = np.isfinite(series)
    if known.sum() < LEAST_DATES:
        n = int(known.sum())
        return Words(
            f"観測回数不足({n}回、{LEAST_DATES}回以上必要)", f"too few dates ({n}, at least {LEAST_DATES} needed)"
        )
    days = (dates[known] - dates[known][0]).astype("timedelta64[D]").astype(float)
    if days[-1] < LEAST_DAYS:
        return Words(
            f"観測期間不足({days[-1]:.0f}日、1年以上必要)", f"too short ({days[-1]:.0f} days, a year is needed)"
        )
    return _regress(days / YEAR_DAYS, series[known], None if temperature is None else temperature[known])


def _common(table: Floats) -> Floats:
    """Return the median series ``(T,)`` of points ``(P, T)`` whose own levels differ; NaN where none was seen."""
    seen = np.isfinite(table).any(axis=0)
    out = np.full(table.shape[1], np.nan)
    part = table[:, seen]
    offsets = np.nanmean(part, axis=1, keepdims=True)  # means: a trend of all points stays a trend exactly
    for _ in range(4):
        series = np.nanmedian(part - offsets, axis=0)
        offsets = np.nanmean(part - series, axis=1, keepdims=True)
    out[seen] = np.nanmedian(part - offsets, axis=0)
    return out


def _regress(years: Floats, values: Floats, temperature: Floats | None) -> _Fit:
    columns = [np.ones_like(years), years - years.mean()]
    if temperature is None:
        columns += [np.cos(2 * np.pi * years), np.sin(2 * np.pi * years)]
    else:
        columns.append(temperature - temperature.mean())
    matrix = np.stack(columns, axis=1)
    weights = np.ones(len(values))
    beta, scale, residual = np.zeros(matrix.shape[1]), 0.0, values
    for _ in range(ROUNDS):
        root = np.sqrt(weights)
        beta = np.linalg.lstsq(matrix * root[:, None], values * root, rcond=None)[0]
        residual = values - matrix @ beta
        scale = max(1.4826 * float(np.median(np.abs(residual))), 1e-9)
        weights = np.minimum(1.0, HUBER_K * scale / np.maximum(np.abs(residual), 1e-12))
    clipped = np.clip(residual, -3 * scale, 3 * scale)
    power = float(clipped @ clipped)
    alike = float(clipped[1:] @ clipped[:-1]) / power if power > 0 else 0.0
    alike += (matrix.shape[1] + 4 * alike) / len(values)  # the fit makes residuals less alike than the errors are
    alike = min(max(alike, 0.0), MOST_ALIKE)
    effective = len(values) * (1 - alike) / (1 + alike)
    freedom = max(effective - matrix.shape[1], 1.0)
    spread = math.sqrt(power / max(len(values) - matrix.shape[1], 1) * len(values) / effective)
    covariance = np.linalg.pinv((matrix * weights[:, None]).T @ matrix) * spread**2
    t = float(stdtrit(freedom, 0.975))
    sigma = math.sqrt(covariance[1, 1])
    v = float(beta[1])
    return _Fit(v, sigma * t / 1.96, v - t * sigma, v + t * sigma, _thermal(beta, covariance, t), len(values))


def _thermal(beta: Floats, covariance: Floats, t: float) -> tuple[float, float, float]:
    """Return mm per degree, or the yearly wave's amplitude in mm, with its interval."""
    if len(beta) == 3:
        half = t * math.sqrt(covariance[2, 2])
        return float(beta[2]), float(beta[2] - half), float(beta[2] + half)
    size = math.hypot(beta[2], beta[3])
    unit = beta[2:] / size if size > 0 else np.array([1.0, 0.0])
    half = t * math.sqrt(float(unit @ covariance[2:, 2:] @ unit))
    return size, max(size - half, 0.0), size + half


def _told(segment: DeckSegment, fit: _Fit | Words, with_temperature: bool) -> DeckSegment:
    if isinstance(fit, Words):
        return replace(segment, reason=fit)
    how = "robust slope of the points' common series, temperature taken out"
    if not with_temperature:
        how = "robust slope of the points' common series, what repeats every year taken out (no temperatures given)"
    name, unit = ("thermal_coefficient", "mm/degC") if with_temperature else ("yearly_amplitude", "mm")
    return replace(
        segment,
        dates=fit.dates,
        velocity=Measure("residual_velocity", fit.velocity, "mm/yr", fit.low, fit.high, how),
        thermal=Measure(name, *fit.thermal[:1], unit, *fit.thermal[1:], how),
    )


def _with_scores(
    segments: Sequence[DeckSegment], fits: Sequence[_Fit | None], points: InsarPoints,
    around: NDArray[np.bool_], temperature: Floats | None,
) -> list[DeckSegment]:  # fmt: skip
    """Return segments with their z-scores: against the deck's others, or against points around a short deck."""
    known = [i for i, fit in enumerate(fits) if fit is not None]
    whole = len(known) > LEAST_OTHERS
    outside = np.zeros(0) if whole or not known else _velocities(points, around, temperature)
    scored = []
    for i, segment in enumerate(segments):
        fit = fits[i]
        if fit is None:
            scored.append(segment)
            continue
        others = np.array([f.velocity for k in known if k != i and (f := fits[k]) is not None]) if whole else outside
        if others.size < (LEAST_OTHERS if whole else LEAST_AROUND):
            n, m = len(known) - 1, others.size
            ja = f"比較対象不足(他の区間{n}、周辺の点{m})"
            en = f"nothing to hold it against ({n} other segments, {m} points around)"
            scored.append(replace(segment, reason=Words(ja, en)))
            continue
        middle = float(np.median(others))
        spread = 1.4826 * float(np.median(np.abs(others - middle)))
        z = (fit.velocity - middle) / math.hypot(spread, fit.sigma)
        scored.append(replace(segment, z=z, compared_with="segments" if whole else "surroundings"))
    return scored


def _velocities(points: InsarPoints, around: NDArray[np.bool_], temperature: Floats | None) -> Floats:
    usable = np.ones(len(points.dates), bool) if temperature is None else np.isfinite(temperature)
    fits = []
    for row in points.displacement_mm[around]:
        series = np.where(usable, row, np.nan)
        if np.isfinite(series).sum() >= LEAST_SHARE * usable.sum():
            fits.append(_fit_points(points.dates, series[None, :], temperature))
    return np.array([fit.velocity for fit in fits if isinstance(fit, _Fit)])


def _to_lonlat(line: LineString, lon: float, lat: float) -> LineString:
    scale = np.array([METRES_PER_DEGREE * math.cos(math.radians(lat)), METRES_PER_DEGREE])
    return LineString(shapely.get_coordinates(line) / scale + [lon, lat])
