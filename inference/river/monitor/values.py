"""What monitors take and give: a history, one scene more, a report; arrays are over the N transects of a reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from findings.errors import InputError
from findings.river_series import Floats

Moments = NDArray[np.datetime64]
YEAR_DAYS = 365.2425


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Scenes that a baseline is learnt from.

    Attributes:
        times: ``(T,)`` datetime64[s] UTC, rising.
        values: ``(T, N)``, NaN where a scene says nothing.
        sigmas: ``(T, N)`` 1-sigma of the values.
        covariate: ``(T,)`` water level or rain, NaN where unknown; None where there is none.
    """

    times: Moments
    values: Floats
    sigmas: Floats
    covariate: Floats | None = None

    def __post_init__(self) -> None:
        """Refuse scenes that are not in order of time.

        Raises:
            InputError: two scenes of one time, or a later one before an earlier one.
        """
        steps = np.diff(self.times.astype("datetime64[s]").astype(np.int64))
        wrong = np.flatnonzero(steps <= 0)
        if wrong.size:
            one, other = self.times[wrong[0]], self.times[wrong[0] + 1]
            what = "twice" if one == other else "out of order"
            raise InputError(f"scenes of {one} and {other} are {what}; a series has one scene a time, oldest first")


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """One scene more: values and sigmas ``(N,)``, NaN where it says nothing."""

    time: np.datetime64
    values: Floats
    sigmas: Floats
    covariate: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MonitorReport:
    """What a monitor says of each transect.

    Attributes:
        alarmed: ``(N,)`` confirmed, above the floor, and not taken back since.
        first_seen: ``(N,)`` scene with which the departure began; NaT where there is none.
        confirmed_at: ``(N,)`` scene that confirmed it; NaT where it is not confirmed.
        direction: ``(N,)`` +1, -1, or 0 where there is no departure.
        shift: ``(N,)`` departure from the baseline over the latest scenes, with its 95 % interval
            ``shift_low`` to ``shift_high``; NaN where unknown.
        observations: ``(N,)`` scenes that said something.
        assessable: ``(N,)`` whether there is a baseline.
        reasons: for each transect that is not assessable, why, by its number.
    """

    alarmed: NDArray[np.bool_]
    first_seen: Moments
    confirmed_at: Moments
    direction: NDArray[np.int8]
    shift: Floats
    shift_low: Floats
    shift_high: Floats
    observations: NDArray[np.int64]
    assessable: NDArray[np.bool_]
    reasons: Mapping[int, str]


class Monitor(Protocol):
    """A watch over N transects: learn a history, take scenes one by one, report."""

    def fit(self, history: History) -> None:
        """Learn the baseline; NotAssessable where no transect has enough scenes."""
        ...

    def update(self, point: Point) -> None:
        """Take one scene; InputError if it is not later than the last. The cost does not depend on the history."""
        ...

    def report(self) -> MonitorReport:
        """Return what it says now."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return the state; its size does not grow with the number of scenes."""
        ...


def years_since(times: Moments, start: np.datetime64) -> Floats:
    """Return times ``(T,)`` as years since a start."""
    days = (times - start).astype("timedelta64[s]").astype(np.float64) / 86400
    return np.asarray(days / YEAR_DAYS)
