"""Thresholds from a stated false-alarm budget: alarms per 100 reach-years, by simulation (after Grobler et al. 2013).

A quiet reach is simulated many times: transects with noise that neighbours share, a baseline that is learnt from as
few scenes as the real one, years of monitoring. The threshold is the level that the confirmed statistic of a reach
passes in so many of 100 years. The table lies beside this file; ``python -m benchmarks.river_thresholds`` writes it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np

from findings.errors import InputError
from findings.river_series import Floats
from inference.river.monitor.baseline import fit_baseline
from inference.river.monitor.values import History, Point
from inference.river.monitor.watch import CONFIRM, CuSum, Ewma, MoSum, Watch

KINDS: dict[str, type[Watch]] = {"cusum": CuSum, "ewma": Ewma, "mosum": MoSum}
TABLE = "thresholds.json"
BUDGETS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
HISTORIES = (8, 12, 20, 40, 80)
RATES = (4, 12, 36)
TRANSECTS = (20, 60, 200)
NEIGHBOURS = 0.7
"""Correlation of the noise of transects next to each other: one bank of trees, one haze, one threshold."""
COMMON = 0.3
"""Share of the noise variance that all transects of a scene have in common: its place, its water level."""
TAIL = 6.0
"""Degrees of freedom of the noise (Student's t): scenes err more often and more than a normal law says."""
REACHES, YEARS = 120, 5


def threshold_of(kind: str, false_alarms: float, *, history: int, per_year: float, transects: int) -> float:
    """Return the threshold of a statistic for a false-alarm budget.

    Args:
        kind: ``cusum``, ``ewma`` or ``mosum``.
        false_alarms: per 100 reach-years, 1 to 50.
        history: scenes behind the baseline.
        per_year: scenes a year.
        transects: of the reach.

    Raises:
        InputError: an unknown kind, or a budget outside 1 to 50.
    """
    if kind not in KINDS:
        raise InputError(f"monitor {kind!r}; expected one of {', '.join(KINDS)}")
    if not BUDGETS[0] <= false_alarms <= BUDGETS[-1]:
        raise InputError(
            f"{false_alarms:g} false alarms per 100 reach-years; thresholds are simulated for {BUDGETS[0]:g} to "
            f"{BUDGETS[-1]:g}"
        )
    table = np.asarray(_table()["thresholds"][kind], dtype=float)
    axes = [np.log(np.asarray(axis, dtype=float)) for axis in (HISTORIES, RATES, TRANSECTS, BUDGETS)]
    at = [np.log(max(value, 1e-9)) for value in (history, per_year, transects, false_alarms)]
    for axis, value in zip(axes, at, strict=True):
        table = _along(table, axis, float(np.clip(value, axis[0], axis[-1])))
    return float(table)


def _along(table: Floats, axis: Floats, at: float) -> Floats:
    """Return a table interpolated along its first axis."""
    index = int(np.clip(np.searchsorted(axis, at) - 1, 0, len(axis) - 2))
    share = (at - axis[index]) / (axis[index + 1] - axis[index])
    return np.asarray(table[index] * (1 - share) + table[index + 1] * share)


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    text = resources.files("inference.river.monitor").joinpath(TABLE).read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def quiet_noise(rng: np.random.Generator, scenes: int, reaches: int, transects: int) -> Floats:
    """Return noise ``(scenes, reaches, transects)`` of 1-sigma 1 that neighbours and a whole scene share."""
    steps = rng.standard_t(TAIL, (scenes, reaches, transects)) / np.sqrt(TAIL / (TAIL - 2))
    near = np.empty_like(steps)
    near[..., 0] = steps[..., 0]
    for k in range(1, transects):
        near[..., k] = NEIGHBOURS * near[..., k - 1] + np.sqrt(1 - NEIGHBOURS**2) * steps[..., k]
    common = rng.standard_t(TAIL, (scenes, reaches, 1)) / np.sqrt(TAIL / (TAIL - 2))
    return np.asarray(np.sqrt(1 - COMMON) * near + np.sqrt(COMMON) * common)


def simulate(
    kind: str, *, history: int, per_year: int, transects: int, seed: int, reaches: int = REACHES, years: int = YEARS
) -> Floats:
    """Return the highest confirmed statistic of each simulated quiet reach-year ``(reaches * years,)``."""
    rng = np.random.default_rng(seed)
    scenes = history + per_year * years
    noise = quiet_noise(rng, scenes, reaches, transects).reshape(scenes, -1)
    # a history of few scenes spans a year all the same: seasons are not learnt from less
    apart = np.full(scenes, 1.0 / per_year)
    apart[:history] = max(1.0 / per_year, 1.05 / history)
    seconds = np.round(np.cumsum(apart) * 365.2425 * 86400).astype("timedelta64[s]")
    times = np.datetime64("2015-01-10T00:00:00", "s") + seconds
    watch = KINDS[kind](np.inf, 0.0)
    sigma = np.full(noise.shape[1], 1e-3)
    watch.start(
        fit_baseline(History(times[:history], noise[:history], np.full((history, 1), 1e-3))), times[history - 1]
    )
    highest = np.zeros((years, reaches))
    recent: list[Floats] = []
    for k in range(history, scenes):
        watch.update(Point(times[k], noise[k], sigma))
        recent = [*recent, watch.highest()][-CONFIRM:]
        year = (k - history) // per_year
        if len(recent) == CONFIRM:
            confirmed = np.minimum.reduce(recent).reshape(reaches, transects).max(axis=1)
            highest[year] = np.maximum(highest[year], confirmed)
    return highest.ravel()


def make_table() -> dict[str, Any]:
    """Return thresholds by kind, history, scenes a year, transects and budget."""
    table: dict[str, Any] = {}
    for kind in KINDS:
        table[kind] = [
            [
                [
                    _levels(simulate(kind, history=h, per_year=r, transects=n, seed=h * 1000 + r * 10 + n))
                    for n in TRANSECTS
                ]
                for r in RATES
            ]
            for h in HISTORIES
        ]
    axes = {"history": HISTORIES, "per_year": RATES, "transects": TRANSECTS, "budgets": BUDGETS}
    return {"made_by": "python -m benchmarks.river_thresholds", "axes": axes, "thresholds": table}


def _levels(highest: Floats) -> list[float]:
    """Return the level that a reach passes in so many of 100 years, for each budget; never falling with it."""
    # alarms come as a Poisson process: at a budget b the chance of a quiet year is exp(-b / 100)
    return [round(float(np.quantile(highest, np.exp(-budget / 100))), 3) for budget in BUDGETS]
