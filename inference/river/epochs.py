"""Early against late: a stack of dates reduced to two robust states of the river."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from findings.errors import NotAssessable
from inference.river.bars import sight
from inference.river.finding import Array, Bool
from inference.river.greenness import mndwi, ndvi, reflectance_like

THIRDS_FROM = 6
"""From so many dates the first and last third are compared by their medians; below, one date with one date."""
SEASON_DAYS = 60
"""Two dates at most so many days of the year apart are of one season."""
DAYS_PER_YEAR = 365.2425


@dataclass(frozen=True, slots=True)
class Epoch:
    """The state of a river over one or several dates.

    Attributes:
        probability: ``(H, W)`` median water probability, NaN where no date observed the ground.
        index: ``(H, W)`` median NDVI, or None without red and nir.
        moisture: ``(H, W)`` median MNDWI, or None without green and swir1 as reflectance.
        reflectance: whether the bands behind the index are reflectance rather than an 8-bit picture.
        dates: of its scenes, empty where unknown.
        scenes: number of scenes.
    """

    probability: Array
    index: Array | None
    moisture: Array | None
    reflectance: bool
    dates: tuple[datetime, ...]
    scenes: int

    @property
    def observed(self) -> Bool:
        """Where at least one date saw the ground."""
        return np.isfinite(self.probability)

    @property
    def water(self) -> Bool:
        """Where the median says water."""
        return np.asarray(np.nan_to_num(self.probability) >= 0.5, dtype=bool)

    @property
    def middle(self) -> datetime | None:
        """Mean date, or None."""
        if not self.dates:
            return None
        return datetime.fromtimestamp(sum(d.timestamp() for d in self.dates) / len(self.dates), UTC)


def early_and_late(
    dates: Sequence[datetime | None], probabilities: Sequence[Array], bands: Sequence[Mapping[str, Array]]
) -> tuple[Epoch, Epoch]:
    """Return the early and the late state of a stack on one grid.

    Raises:
        NotAssessable: the scenes are not of one size, or their counts differ.
    """
    if not len(dates) == len(probabilities) == len(bands):
        raise NotAssessable(
            f"{len(dates)} dates, {len(probabilities)} water maps and {len(bands)} sets of bands; "
            "expected one of each a scene"
        )
    shapes = {p.shape for p in probabilities}
    if len(shapes) != 1:
        raise NotAssessable(
            f"scenes of sizes {sorted(shapes)}; expected one grid: resample them to the first scene's grid"
        )
    order = list(range(len(dates)))
    times = [date.timestamp() for date in dates if date is not None]
    if len(times) == len(dates):
        order.sort(key=times.__getitem__)
    if len(order) >= THIRDS_FROM:
        third = len(order) // 3
        first, last = order[:third], order[-third:]
    else:
        first, last = _best_pair(order, dates)
    return _epoch(first, dates, probabilities, bands), _epoch(last, dates, probabilities, bands)


def _best_pair(order: Sequence[int], dates: Sequence[datetime | None]) -> tuple[list[int], list[int]]:
    """Return the longest pair of one season that spans half the stack's time, else the first and the last date."""
    first, last = dates[order[0]], dates[order[-1]]
    if first is not None and last is not None:
        whole = last - first
        pairs = [(b - a, i, j) for i in order for j in order if (a := dates[i]) and (b := dates[j]) and b > a]
        fitting = [p for p in pairs if p[0] >= whole / 2 and _season_gap(dates[p[1]], dates[p[2]]) <= SEASON_DAYS]
        if fitting:
            _, i, j = max(fitting)
            return [i], [j]
    return [order[0]], [order[-1]]


def _season_gap(one: datetime | None, other: datetime | None) -> int:
    """Return how many days of the year lie between two dates, at most 183; 0 where one is unknown."""
    if one is None or other is None:
        return 0
    gap = abs(one.timetuple().tm_yday - other.timetuple().tm_yday)
    return min(gap, 366 - gap)


def same_season(early: Epoch, late: Epoch) -> bool:
    """Return whether two epochs may be compared in what changes with the season: bars and leaves.

    Epochs of one date each must be of one season; thirds of a series hold all seasons. Unknown dates are given the
    benefit of the doubt; the findings' caveat stands.
    """
    if early.scenes > 1 or late.scenes > 1 or not early.dates or not late.dates:
        return True
    return _season_gap(early.dates[0], late.dates[0]) <= SEASON_DAYS


def years_between(early: Epoch, late: Epoch) -> float | None:
    """Return the years between the mean dates of two epochs, or None where a date is unknown."""
    if early.middle is None or late.middle is None:
        return None
    return (late.middle - early.middle).total_seconds() / 86400 / DAYS_PER_YEAR


def _epoch(
    chosen: Sequence[int],
    dates: Sequence[datetime | None],
    probabilities: Sequence[Array],
    bands: Sequence[Mapping[str, Array]],
) -> Epoch:
    seen: list[Array] = []
    greens: list[Array] = []
    moistures: list[Array] = []
    for i in chosen:
        visible = sight(bands[i], probabilities[i])
        seen.append(np.where(visible, probabilities[i], np.nan).astype(np.float32))
        for index, kept in ((ndvi(bands[i]), greens), (mndwi(bands[i]), moistures)):
            if index is not None:
                kept.append(np.where(visible, index, np.nan).astype(np.float32))
    known = tuple(date for i in chosen if (date := dates[i]) is not None)
    return Epoch(
        _median(seen),
        _median(greens) if len(greens) == len(chosen) else None,
        _median(moistures) if len(moistures) == len(chosen) else None,
        all(reflectance_like(bands[i]) for i in chosen),
        known if len(known) == len(chosen) else (),
        len(chosen),
    )


def _median(layers: Sequence[Array]) -> Array:
    """Return the median over the layers that are not NaN; NaN where all are (numpy's own warns there)."""
    if len(layers) == 1:
        return layers[0]
    stack = np.sort(np.stack(layers), axis=0)  # NaN sorts last
    count = np.isfinite(stack).sum(axis=0)
    low = np.take_along_axis(stack, np.maximum((count - 1) // 2, 0)[None], 0)[0]
    high = np.take_along_axis(stack, np.minimum(count // 2, len(layers) - 1)[None], 0)[0]
    return np.where(count > 0, (low + high) / 2, np.nan).astype(np.float32)
