"""Water level or rain beside the scenes: a CSV of times and values, brought to the times of scenes."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from findings.errors import InputError
from findings.river_series import Floats
from inference.river.monitor.values import Moments

NEAREST_HOURS = 6.0
"""A scene takes the nearest reading up to so many hours away; else its value is unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class Covariate:
    """Readings in order of time."""

    times: Moments
    values: Floats

    def at(self, moments: Moments) -> list[float | None]:
        """Return the nearest reading of each moment, None where a gap is wider than ``NEAREST_HOURS``."""
        found: list[float | None] = []
        for moment in moments:
            away = np.abs((self.times - moment).astype("timedelta64[s]").astype(float)) / 3600
            best = int(np.argmin(away))
            found.append(float(self.values[best]) if away[best] <= NEAREST_HOURS else None)
        return found


def read_covariate(path: Path) -> Covariate:
    """Return the readings of a CSV with the columns ``time`` (ISO 8601 with its zone) and ``value``.

    Empty values are gaps.

    Raises:
        InputError: no such file or columns, a time without zone, a value that is no number, or no reading.
    """
    rows: list[tuple[np.datetime64, float]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            if not {"time", "value"} <= set(reader.fieldnames or ()):
                raise InputError(f"{path.name}: columns {reader.fieldnames}; expected time and value")
            for number, row in enumerate(reader, 2):
                if (row["value"] or "").strip():
                    rows.append((_moment(path, number, row["time"]), _number(path, number, row["value"])))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name}: not a readable CSV ({error})") from error
    if not rows:
        raise InputError(f"{path.name}: holds no reading")
    rows.sort(key=lambda row: row[0])
    return Covariate(np.array([t for t, _ in rows]), np.array([v for _, v in rows], dtype=float))


def _moment(path: Path, number: int, text: str | None) -> np.datetime64:
    try:
        at = datetime.fromisoformat((text or "").strip())
    except ValueError as error:
        raise InputError(
            f"{path.name}, line {number}: time {text!r}; expected ISO 8601, e.g. 2024-07-01T09:00+09:00"
        ) from error
    if at.tzinfo is None:
        raise InputError(f"{path.name}, line {number}: time {text!r} has no zone; add it, e.g. {text}+09:00")
    return np.datetime64(int(at.timestamp()), "s")


def _number(path: Path, number: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise InputError(f"{path.name}, line {number}: value {text!r} is no number") from error
    if not np.isfinite(value):
        raise InputError(f"{path.name}, line {number}: value {text!r} is not finite; leave it empty for a gap")
    return value
