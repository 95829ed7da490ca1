"""Monitors of reaches: seasonal baselines, CuSum, EWMA and MOSUM, thresholds from a false-alarm budget, trends."""

from collections.abc import Mapping
from typing import Any

from findings.errors import InputError
from inference.river.monitor.baseline import Baseline, fit_baseline
from inference.river.monitor.covariate import Covariate, read_covariate
from inference.river.monitor.despike import despiked
from inference.river.monitor.thresholds import KINDS, threshold_of
from inference.river.monitor.trend import Trend, theil_sen
from inference.river.monitor.values import History, Monitor, MonitorReport, Point
from inference.river.monitor.watch import CuSum, Ewma, MoSum, Watch

MONITORS = tuple(KINDS)


def make_monitor(kind: str, threshold: float, *, floor_m: float) -> Watch:
    """Return a monitor that has no baseline yet.

    Raises:
        InputError: an unknown kind.
    """
    if kind not in KINDS:
        raise InputError(f"monitor {kind!r}; expected one of {', '.join(KINDS)}")
    return KINDS[kind](threshold, floor_m)


def monitor_from_json(row: Mapping[str, Any]) -> Watch:
    """Return the monitor that its ``to_json`` wrote."""
    return KINDS[str(row["kind"])].from_json(row)


__all__ = [
    "MONITORS",
    "Baseline",
    "Covariate",
    "CuSum",
    "Ewma",
    "History",
    "MoSum",
    "Monitor",
    "MonitorReport",
    "Point",
    "Trend",
    "Watch",
    "despiked",
    "fit_baseline",
    "make_monitor",
    "monitor_from_json",
    "read_covariate",
    "theil_sen",
    "threshold_of",
]
