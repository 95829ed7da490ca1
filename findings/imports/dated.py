"""Tables with a column of dates: days of any usual spelling, and temperatures beside a series."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from findings.asset_columns import heading
from findings.asset_table import table_rows
from findings.assets_file import read_text
from findings.errors import RecordError

DATE_NAMES = ("date", "time", "datetime", "日付", "年月日", "観測日")
_DATE = re.compile(r"^[d_]?(\d{4})(?:(\d{2})(\d{2})|[-/._年](\d{1,2})[-/._月](\d{1,2})日?)(?:[t_ ].*)?$")
_TEMPERATURE = re.compile(r"^(?:temperature|temp|t_mean|気温|平均気温|日平均気温)(?:[_(\[].*)?$")
PREAMBLE = 10
GAP_DAYS = 1
"""A date takes the temperature of its own day, else of a neighbouring one; beyond that it is unknown."""


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file.

    Raises:
        RecordError: it cannot be read.
    """
    if path.exists() and not path.is_file():
        raise RecordError(f"{path}: is no plain file; name one CSV or GeoParquet file")
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}); check the path") from error


def day_of(text: str) -> date | None:
    """Return the day of ``20200106``, ``D20200106``, ``2020-01-06 05:00`` or ``2020/1/6``; None of any other text."""
    found = _DATE.match(text.strip().casefold())
    try:
        return date(*(int(part) for part in found.groups() if part is not None)) if found else None
    except ValueError:
        return None


def known_day(value: object, name: str) -> date:
    """Return the day of a cell: a text, a date or a time.

    Raises:
        RecordError: it is none.
    """
    if isinstance(value, np.datetime64) and not np.isnat(value):
        value = str(value.astype("datetime64[D]"))
    day = day_of(str(value))
    if day is None:
        raise RecordError(f"{name}: date {str(value)!r}; expected one like 2020-01-06 or 20200106")
    return day


def number_of(cell: object) -> float:
    """Return the number in a cell, NaN where there is none."""
    try:
        return float(str(cell))
    except ValueError:
        return math.nan


def read_temperature(path: Path, days: NDArray[np.datetime64]) -> tuple[NDArray[np.float64], list[str]]:
    """Return the temperature of each day in degrees Celsius (NaN where unknown), and what to tell the user.

    Several readings of a day are averaged. The header may stand below up to ten lines of preamble, as in the tables of
    the Japan Meteorological Agency (``年月日``, ``平均気温(℃)``).

    Args:
        path: CSV with a column of dates and one of temperatures.
        days: ``(T,)`` of the InSAR series.

    Raises:
        RecordError: no such columns, a date or number that is none, or no day of the series in it.
    """
    readings: dict[date, list[float]] = {}
    for where, day, value in _readings(path):
        if not -60 <= value <= 60:
            raise RecordError(f"{path.name}: {where}: {value} degrees; expected air temperatures in degrees Celsius")
        readings.setdefault(day, []).append(value)
    daily = {day: float(np.mean(values)) for day, values in readings.items()}
    found = np.array([_near(daily, day) for day in days.astype("datetime64[D]").tolist()], dtype=float)
    if days.size and not np.isfinite(found).any():
        span = f"{min(daily)} to {max(daily)}" if daily else "no day"
        raise RecordError(
            f"{path.name}: has {span}, the points {days[0]} to {days[-1]}; give temperatures of that time"
        )
    missing = int(np.isnan(found).sum())
    said = [f"{missing} of {len(days)} dates have no temperature and are left out"] if missing else []
    return found, said


def _near(daily: dict[date, float], day: date) -> float:
    for away in (0, *(step for k in range(1, GAP_DAYS + 1) for step in (-k, k))):
        value = daily.get(day + timedelta(days=away))
        if value is not None:
            return value
    return math.nan


def _readings(path: Path) -> Iterator[tuple[str, date, float]]:
    head_of(path)
    at: tuple[int, int] | None = None
    for number, (where, cells) in enumerate(table_rows(read_text(path)), start=1):
        if isinstance(cells, RecordError):
            raise RecordError(f"{path.name}: {where}: {cells}") from cells
        plain = [heading(cell) for cell in cells]
        if at is None:
            dates = [i for i, text in enumerate(plain) if text in DATE_NAMES]
            values = [i for i, text in enumerate(plain) if _TEMPERATURE.match(text)]
            if dates and values:
                at = dates[0], values[0]
            elif number >= PREAMBLE:
                break
            continue
        if len(cells) <= max(at) or not cells[at[0]].strip() or not cells[at[1]].strip():
            continue  # a gap, or the notes on quality under the header
        value = number_of(cells[at[1]])
        if math.isnan(value):
            raise RecordError(f"{path.name}: {where}: temperature {cells[at[1]]!r} is no number")
        yield where, known_day(cells[at[0]], path.name), value
    if at is None:
        raise RecordError(f"{path.name}: no columns of dates and temperatures; expected date and temperature")
