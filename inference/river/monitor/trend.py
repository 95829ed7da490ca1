"""Trends with intervals: Theil-Sen slopes, overall or between like seasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import theilslopes

from findings.river_series import Floats
from inference.river.monitor.values import Moments, years_since

LEAST = 5
LIKE_SEASON_YEARS = 1 / 6
"""Two scenes are of like season where their days of the year lie within two months."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A slope per year with its 95 % interval, and how many scenes are behind it."""

    per_year: float
    low: float
    high: float
    scenes: int


def theil_sen(times: Moments, values: Floats, *, like_seasons: bool = False) -> Trend | None:
    """Return the median slope of all pairs of scenes with its interval, or None under ``LEAST`` scenes.

    Theil 1950 and Sen 1968, with Sen's interval from Kendall's tau (scipy). With ``like_seasons`` only pairs whose days
    of the year lie within two months count (Hirsch, Slack and Smith 1982); its interval is that of the median of the
    slopes with as many degrees as scenes.

    Args:
        times: ``(T,)``.
        values: ``(T,)``, NaN where unknown.
        like_seasons: compare like seasons alone.
    """
    known = np.isfinite(values)
    if known.sum() < LEAST or len(np.unique(times[known])) < LEAST:
        return None
    years = years_since(times[known], times[known][0])
    if not like_seasons:
        slope, _, low, high = theilslopes(values[known], years, 0.95)
        return Trend(float(slope), float(low), float(high), int(known.sum()))
    return _between_like_seasons(years, values[known])


def _between_like_seasons(years: Floats, values: Floats) -> Trend | None:
    one, other = np.triu_indices(len(years), 1)
    apart = years[other] - years[one]
    season = np.abs(apart - np.round(apart))
    kept = (season <= LIKE_SEASON_YEARS) & (apart >= 0.5)
    if kept.sum() < LEAST:
        return None
    slopes = (values[other] - values[one])[kept] / apart[kept]
    middle = float(np.median(slopes))
    residual = values - middle * years
    phase = 2 * np.pi * years
    waves = np.stack([np.ones(len(years)), np.cos(phase), np.sin(phase)], axis=1)
    residual = residual - waves @ np.linalg.lstsq(waves, residual, rcond=None)[0]
    scatter = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
    spread = float(np.sqrt(((years - years.mean()) ** 2).sum()))
    half = 1.96 * 1.06 * scatter / max(spread, 1e-9)  # a Theil-Sen slope errs 6 % more than least squares (Sen 1968)
    return Trend(middle, middle - half, middle + half, len(years))
