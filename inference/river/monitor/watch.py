"""CuSum, EWMA and MOSUM of residuals from the baseline, behind one protocol, vectorised over transects.

All three look at standardised residuals z, clipped at ``CLIP`` so that one spike (an undetected cloud, a flood)
cannot raise an alarm by itself. A departure is confirmed when the statistic stands above its threshold in ``CONFIRM``
scenes in a row that see the transect; it is taken back when ``RETURN`` scenes in a row lie near the baseline again.
Nothing whose shift stays under the floor is called.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from findings.errors import InputError, NotAssessable
from findings.river_series import Floats
from inference.river.monitor.baseline import LEAST_SCENES, Baseline, fit_baseline
from inference.river.monitor.values import History, MonitorReport, Point

CLIP = 3.5
CONFIRM = 2
RETURN, NEAR = 3, 1.5
FORGET = 2
"""So many scenes near the baseline in a row part a departure that is not yet confirmed from an earlier one."""
RECENT = 5
"""Residuals that are kept a transect; the shift is their median since the departure began."""
SYSTEMATIC = 0.6
"""Share of a scene's stated 1-sigma that no number of scenes takes away: another light, another leaf, the same edge."""
MEDIAN_LOSS = 1.2533
"""Standard error of a median over that of a mean (normal noise)."""
NAT = np.datetime64("NaT", "s")


class Watch(ABC):
    """What the three statistics share.

    Args:
        threshold: of the statistic, from `thresholds`.
        floor_m: no shift under it is called.
    """

    kind: ClassVar[str] = ""

    def __init__(self, threshold: float, floor_m: float) -> None:
        self.threshold, self.floor_m = float(threshold), float(floor_m)
        self._baseline: Baseline | None = None

    def fit(self, history: History) -> None:
        """Learn the baseline of a stable history.

        Raises:
            NotAssessable: no transect has enough scenes.
        """
        self.start(fit_baseline(history), history.times[-1])

    def start(self, baseline: Baseline, last: np.datetime64) -> None:
        """Begin to watch with a baseline, after a scene of time ``last``."""
        count = len(baseline.scale)
        self._baseline, self._last = baseline, last.astype("datetime64[s]")
        self._statistic = np.zeros((2, count))
        self._recent = np.full((RECENT, count), np.nan)
        self._spread = np.full(count, np.nan)
        self._above = np.zeros(count, dtype=np.int64)
        self._near = np.zeros(count, dtype=np.int64)
        self._seen = baseline.scenes.astype(np.int64)
        self._since = np.zeros(count, dtype=np.int64)
        self._direction = np.zeros(count, dtype=np.int8)
        self._sign = np.zeros(count, dtype=np.int8)
        self._first = np.full(count, NAT)
        self._confirmed = np.full(count, NAT)

    def update(self, point: Point) -> None:
        """Take one scene.

        Raises:
            InputError: it is not later than the last one, or of another number of transects.
            NotAssessable: there is no baseline yet.
        """
        baseline = self._require()
        time = point.time.astype("datetime64[s]")
        if time <= self._last:
            raise InputError(f"the scene of {time} is not later than the last one ({self._last}); scenes come in order")
        if len(point.values) != len(baseline.scale):
            raise InputError(f"{len(point.values)} values for {len(baseline.scale)} transects")
        expected, doubt = baseline.expected(time, point.covariate)
        residual = point.values - expected
        with np.errstate(invalid="ignore", divide="ignore"):
            noise = baseline.scale * np.fmax(np.nan_to_num(point.sigmas / baseline.typical, nan=1.0, posinf=1.0), 1.0)
            z = np.clip(residual / np.hypot(noise, doubt), -CLIP, CLIP)
        seen = np.isfinite(z)
        self._push(residual, doubt, seen)
        self._advance(np.where(seen, z, 0.0), seen)
        self._judge(np.where(seen, z, 0.0), seen, time)
        self._seen += seen
        self._last = time

    def _push(self, residual: Floats, doubt: Floats, seen: np.ndarray) -> None:
        self._recent[:, seen] = np.concatenate([self._recent[1:, seen], residual[None, seen]])
        self._spread[seen] = doubt[seen]

    @abstractmethod
    def _advance(self, z: Floats, seen: np.ndarray) -> None:
        """Bring the statistic ``(2, N)``, upwards and downwards, forward where the transect was seen."""

    def _judge(self, z: Floats, seen: np.ndarray, time: np.datetime64) -> None:
        side = np.argmax(self._statistic, axis=0)
        top = self._statistic[side, np.arange(len(side))]
        direction = np.where(side == 0, 1, -1).astype(np.int8)
        # a departure begins with the first of the scenes that stand apart to one side without two near ones between
        flipped = seen & (np.abs(z) >= NEAR) & (np.sign(z) != self._sign)
        open_yet = np.isnat(self._confirmed)
        self._first = np.where(open_yet & (flipped | (self._near >= FORGET)), NAT, self._first)
        self._sign = np.where(flipped, np.sign(z), self._sign).astype(np.int8)
        beginning = seen & (np.abs(z) >= NEAR) & np.isnat(self._first)
        self._first = np.where(beginning, time, self._first)
        self._since = np.where(beginning, 0, self._since) + (seen & ~np.isnat(np.where(beginning, time, self._first)))
        above = seen & (top > self.threshold)
        self._above = np.where(seen, np.where(above, self._above + 1, 0), self._above)
        confirming = (self._above >= CONFIRM) & np.isnat(self._confirmed)
        self._confirmed = np.where(confirming, time, self._confirmed)
        self._direction = np.where(confirming, direction, self._direction).astype(np.int8)
        near = seen & (np.abs(z) < NEAR)
        self._near = np.where(seen, np.where(near, self._near + 1, 0), self._near)
        back = self._near >= RETURN
        self._first = np.where(back & (np.isnat(self._confirmed) | (self._above == 0)), NAT, self._first)
        gone = back & (self._near == RETURN)
        self._confirmed = np.where(gone, NAT, self._confirmed)
        self._first = np.where(gone, NAT, self._first)
        self._since = np.where(np.isnat(self._first), 0, self._since)
        self._direction = np.where(gone, 0, self._direction).astype(np.int8)
        self._forget(gone)

    def _forget(self, gone: np.ndarray) -> None:
        self._statistic[:, gone] = 0.0
        self._above = np.where(gone, 0, self._above)

    def highest(self) -> Floats:
        """Return the statistic ``(N,)`` in the direction in which it is larger."""
        return np.asarray(self._statistic.max(axis=0))

    def report(self) -> MonitorReport:
        """Return what it says of each transect now."""
        baseline = self._require()
        shift, half = self._shift()
        called = np.nan_to_num(np.abs(shift)) > self.floor_m
        same = np.sign(np.nan_to_num(shift)) == self._direction
        alarmed = ~np.isnat(self._confirmed) & called & same
        assessable = np.isfinite(baseline.scale)
        reasons = {
            int(row): f"{int(baseline.scenes[row])} scenes in the history; {LEAST_SCENES} are needed"
            for row in np.flatnonzero(~assessable)
        }
        return MonitorReport(
            alarmed=alarmed,
            first_seen=np.where(alarmed, self._first, NAT),
            confirmed_at=np.where(alarmed, self._confirmed, NAT),
            direction=np.where(alarmed, self._direction, 0).astype(np.int8),
            shift=shift,
            shift_low=shift - half,
            shift_high=shift + half,
            observations=self._seen.copy(),
            assessable=assessable,
            reasons=reasons,
        )

    def _shift(self) -> tuple[Floats, Floats]:
        """Return the median of the residuals since the departure began (at most ``RECENT``), and half its interval."""
        baseline = self._require()
        age = np.arange(RECENT)[::-1, None]
        kept = np.isfinite(self._recent) & ((age < np.maximum(self._since, 1)) | np.isnat(self._first))
        count = kept.sum(axis=0)
        shift = np.full(len(count), np.nan)
        known = count > 0
        if known.any():
            shift[known] = np.nanmedian(np.where(kept, self._recent, np.nan)[:, known], axis=0)
        loss = np.where(count > 2, MEDIAN_LOSS, 1.0)
        apart = np.where(kept, np.abs(self._recent - shift), np.nan)
        wide = np.zeros(len(count))
        wide[known] = 1.4826 * np.nanmedian(apart[:, known], axis=0)
        scatter = np.fmax(baseline.scale, np.where(count > 2, wide, 0.0))
        error = np.hypot(loss * scatter / np.sqrt(np.maximum(count, 1)), np.nan_to_num(self._spread))
        return shift, 1.96 * np.hypot(error, SYSTEMATIC * np.nan_to_num(baseline.typical))

    def _require(self) -> Baseline:
        if self._baseline is None:
            raise NotAssessable("the monitor has no baseline yet; fit it on a history first")
        return self._baseline

    def to_json(self) -> dict[str, Any]:
        """Return the state; its size does not grow with the number of scenes."""
        return {
            "kind": self.kind,
            "threshold": self.threshold,
            "floor_m": self.floor_m,
            "baseline": self._require().to_json(),
            "last": str(self._last),
            "first": [None if np.isnat(t) else str(t) for t in self._first],
            "confirmed": [None if np.isnat(t) else str(t) for t in self._confirmed],
            **{name: _plain(getattr(self, f"_{name}")) for name in (*_ARRAYS, *self.extra)},
        }

    extra: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Watch:
        """Return the monitor that ``to_json`` wrote."""
        watch = cls(row["threshold"], row["floor_m"])
        watch.start(Baseline.from_json(row["baseline"]), np.datetime64(row["last"]))
        watch._first = np.array([np.datetime64(t or "NaT", "s") for t in row["first"]])
        watch._confirmed = np.array([np.datetime64(t or "NaT", "s") for t in row["confirmed"]])
        for name in (*_ARRAYS, *cls.extra):
            there = getattr(watch, f"_{name}")
            setattr(watch, f"_{name}", _array(row[name], there.dtype))
        return watch


_ARRAYS = ("statistic", "recent", "spread", "above", "near", "seen", "since", "direction", "sign")


def _plain(array: np.ndarray) -> list[Any]:
    if array.dtype.kind == "f":
        rounded = np.round(array, 4).astype(object)
        rounded[~np.isfinite(array)] = None
        return list(rounded.tolist())
    return list(array.tolist())


def _array(rows: list[Any], dtype: Any) -> np.ndarray:
    if np.dtype(dtype).kind == "f":
        return np.array(rows, dtype=object).astype(float)
    return np.array(rows, dtype=dtype)


class CuSum(Watch):
    """Page's cumulative sum (1954): S = max(0, S + z - k), upwards and downwards."""

    kind = "cusum"
    SLACK = 0.75

    def _advance(self, z: Floats, seen: np.ndarray) -> None:
        pair = np.stack([z, -z])
        self._statistic = np.where(seen, np.maximum(self._statistic + pair - self.SLACK, 0.0), self._statistic)


class Ewma(Watch):
    """Exponentially weighted moving average (Roberts 1959): E = (1 - w) E + w z, in units of its own 1-sigma."""

    kind = "ewma"
    WEIGHT = 0.3

    def _advance(self, z: Floats, seen: np.ndarray) -> None:
        unit = np.sqrt(self.WEIGHT / (2 - self.WEIGHT))
        mean = (1 - self.WEIGHT) * self._statistic[0] * unit + self.WEIGHT * z
        self._statistic = np.where(seen, np.stack([mean, -mean]) / unit, self._statistic)


class MoSum(Watch):
    """Moving sum of the last ``WINDOW`` residuals (Chu et al. 1995), in units of its own 1-sigma."""

    kind = "mosum"
    WINDOW = 5
    extra: ClassVar[tuple[str, ...]] = ("window",)

    def start(self, baseline: Baseline, last: np.datetime64) -> None:
        """Begin to watch with a baseline, after a scene of time ``last``."""
        super().start(baseline, last)
        self._window = np.zeros((self.WINDOW, len(baseline.scale)))

    def _advance(self, z: Floats, seen: np.ndarray) -> None:
        self._window[:, seen] = np.concatenate([self._window[1:, seen], z[None, seen]])
        total = self._window.sum(axis=0) / np.sqrt(self.WINDOW)
        self._statistic = np.stack([total, -total])

    def _forget(self, gone: np.ndarray) -> None:
        super()._forget(gone)
        self._window[:, gone] = 0.0
