"""The series of a reach: monitors over its observations, and a state that one new scene brings forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from findings.errors import InputError, NotAssessable
from findings.river_series import Floats, Observation, Quantity
from inference.river.monitor import (
    MONITORS,
    History,
    Monitor,
    MonitorReport,
    Point,
    despiked,
    make_monitor,
    monitor_from_json,
    threshold_of,
)
from inference.river.monitor.thresholds import BUDGETS
from inference.river.monitor.values import YEAR_DAYS
from inference.river.zones import MONITORED

HISTORY_SHARE = 0.5
"""Share of the scenes that the baseline is learnt from, unless a date is given."""
LEAST_HISTORY = 8
"""Scenes of the history at least: two unknowns of the level, two of the season, and as many to judge them by."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a reach is scanned with; another value means another series.

    Attributes:
        model: ``NAME@VERSION`` behind the observations.
        spacing_m: between transects.
        monitor: ``cusum``, ``ewma`` or ``mosum``.
        false_alarms: alarms per 100 reach-years that the thresholds are set for.
        history_until: the baseline is learnt from scenes before it; None: the first half of the series.
        covariate: where water level or rain comes from; "" for none.
    """

    model: str
    spacing_m: float = 50.0
    monitor: str = "cusum"
    false_alarms: float = 10.0
    history_until: str | None = None
    covariate: str = ""

    def __post_init__(self) -> None:
        """Refuse what means nothing.

        Raises:
            InputError: an unknown monitor, or a number that is not positive.
        """
        if self.monitor not in MONITORS:
            raise InputError(f"monitor {self.monitor!r}; expected one of {', '.join(MONITORS)}")
        if not self.spacing_m > 0 or not self.false_alarms > 0:
            raise InputError(
                f"spacing {self.spacing_m} m and {self.false_alarms} false alarms per 100 reach-years: both above 0"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Settings:
        """Return the settings that ``to_json`` wrote."""
        return cls(**row)


@dataclass(frozen=True, slots=True)
class Reports:
    """What the monitors say.

    Attributes:
        by_quantity: of those that have a baseline.
        refusals: by quantity, why there is none.
        history_until: last scene that the baselines were learnt from; None where there is none.
    """

    by_quantity: Mapping[Quantity, MonitorReport]
    refusals: Mapping[Quantity, str]
    history_until: datetime | None


class Series:
    """Monitors of one reach, one a quantity.

    Made by :meth:`learn` from observations, or by :meth:`from_json` from the state that was kept.
    """

    def __init__(
        self, monitors: dict[Quantity, Monitor], refusals: dict[Quantity, str], until: datetime | None, last: datetime
    ) -> None:
        self._monitors, self._refusals, self._until, self._last = monitors, refusals, until, last

    @property
    def last(self) -> datetime:
        """When the latest scene in it was taken."""
        return self._last

    @classmethod
    def learn(cls, observed: Sequence[Observation], settings: Settings, covariate: Sequence[float | None]) -> Series:
        """Return monitors fitted on the stable history and brought forward over the rest.

        Args:
            observed: in order of time.
            settings: of the scan.
            covariate: one value a scene, None where unknown or not used.

        Raises:
            NotAssessable: no observation.
        """
        if not observed:
            raise NotAssessable("no scene shows the reach")
        count = _history_count(observed, settings)
        monitors: dict[Quantity, Monitor] = {}
        refusals: dict[Quantity, str] = {}
        threshold = _threshold(observed, count, settings)
        used = any(value is not None for value in covariate)
        for quantity in MONITORED:
            if not any(quantity in one.values for one in observed):
                refusals[quantity] = "no scene of the series shows it"
                continue
            try:
                monitor = make_monitor(settings.monitor, threshold, floor_m=floor_m(observed))
                history = _history(observed[:count], quantity, covariate[:count] if used else None)
                monitor.fit(history)
            except NotAssessable as error:
                refusals[quantity] = str(error)
                continue
            for one, value in zip(observed[count:], covariate[count:], strict=True):
                monitor.update(_point(one, quantity, value if used else None))
            monitors[quantity] = monitor
        until = observed[count - 1].captured_at if monitors else None
        return cls(monitors, refusals, until, observed[-1].captured_at)

    def update(self, observation: Observation, covariate: float | None = None) -> None:
        """Bring the monitors forward by one scene, at a cost that does not depend on how many came before.

        Raises:
            InputError: the scene is not later than the last one.
        """
        if observation.captured_at <= self._last:
            raise InputError(
                f"the scene of {observation.captured_at:%Y-%m-%d %H:%M} UTC is not later than the last of the series "
                f"({self._last:%Y-%m-%d %H:%M} UTC); `mizuhashi river scan` takes scenes in any order"
            )
        for quantity, monitor in self._monitors.items():
            monitor.update(_point(observation, quantity, covariate))
        self._last = observation.captured_at

    def reports(self) -> Reports:
        """Return what the monitors say now."""
        return Reports(
            {quantity: monitor.report() for quantity, monitor in self._monitors.items()}, self._refusals, self._until
        )

    def to_json(self) -> dict[str, Any]:
        """Return the state as plain values; its size does not grow with the number of scenes."""
        return {
            "monitors": {quantity.value: monitor.to_json() for quantity, monitor in self._monitors.items()},
            "refusals": {quantity.value: why for quantity, why in self._refusals.items()},
            "history_until": None if self._until is None else self._until.isoformat(),
            "last": self._last.isoformat(),
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Series:
        """Return the series that ``to_json`` wrote."""
        until = row["history_until"]
        return cls(
            {Quantity(name): monitor_from_json(state) for name, state in row["monitors"].items()},
            {Quantity(name): why for name, why in row["refusals"].items()},
            None if until is None else datetime.fromisoformat(until),
            datetime.fromisoformat(row["last"]),
        )


def moments(observed: Sequence[Observation]) -> np.ndarray:
    """Return the times of observations ``(T,)`` as datetime64[s] UTC."""
    return np.asarray([_moment(one) for one in observed], dtype="datetime64[s]")


def stacked(observed: Sequence[Observation], quantity: Quantity) -> tuple[Floats, Floats]:
    """Return values and sigmas ``(T, N)`` of a quantity, NaN where a scene says nothing."""
    count = len(observed[0].states) if observed else 0
    nothing = np.full(count, np.nan)
    values = np.stack([one.values.get(quantity, nothing) for one in observed]) if observed else np.zeros((0, 0))
    sigmas = np.stack([_sigma(one, quantity, nothing) for one in observed]) if observed else np.zeros((0, 0))
    return values, sigmas


def _sigma(one: Observation, quantity: Quantity, nothing: Floats) -> Floats:
    """Return the 1-sigma of a scene's values; where the scene lies matters to banks, and cancels in widths."""
    own = one.sigmas.get(quantity, nothing)
    if quantity in (Quantity.LEFT_BANK, Quantity.RIGHT_BANK):
        return np.asarray(np.hypot(own, one.geolocation_sigma_m))
    return own


def _history_count(observed: Sequence[Observation], settings: Settings) -> int:
    if settings.history_until is None:
        return max(round(HISTORY_SHARE * len(observed)), min(LEAST_HISTORY, len(observed)))
    until = datetime.fromisoformat(settings.history_until)
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return sum(one.captured_at < until for one in observed)


def floor_m(observed: Sequence[Observation]) -> float:
    """Return the change up to which nothing is called: 10 m or one pixel of the coarsest scene, whichever is larger."""
    return max(10.0, *(one.pixel_m for one in observed))


def _threshold(observed: Sequence[Observation], history: int, settings: Settings) -> float:
    """Return the threshold at which all quantities of the reach together keep to the false-alarm budget."""
    days = (observed[-1].captured_at - observed[0].captured_at).total_seconds() / 86400
    per_year = (len(observed) - 1) / max(days / YEAR_DAYS, 0.1)
    each = max(settings.false_alarms / len(MONITORED), BUDGETS[0])
    count = len(observed[0].states)
    return threshold_of(settings.monitor, each, history=history, per_year=per_year, transects=count)


def _history(observed: Sequence[Observation], quantity: Quantity, covariate: Sequence[float | None] | None) -> History:
    values, sigmas = stacked(observed, quantity)
    values, _ = despiked(values, sigmas)
    known = None if covariate is None else np.array([np.nan if v is None else v for v in covariate], dtype=float)
    return History(moments(observed), values, sigmas, known)


def _point(one: Observation, quantity: Quantity, covariate: float | None) -> Point:
    values, sigmas = stacked([one], quantity)
    return Point(_moment(one), values[0], sigmas[0], covariate)


def _moment(one: Observation) -> np.datetime64:
    return np.datetime64(one.captured_at.astimezone(UTC).replace(tzinfo=None), "s")
