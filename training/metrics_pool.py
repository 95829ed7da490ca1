"""Counts per picture, pooled; numbers made from the pooled counts, with intervals over groups.

A picture gives a ``Row`` of additive counts. A ``Statistic`` makes a number of counts that were added up over
pictures; nothing is averaged over pictures. Groups (source photos, structures, sites) are the unit of every interval,
since tiles of one photo are no independent witnesses; with one group only, pictures are, which is too optimistic and
is said (``interval_unit``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from training.counts import Floats

Unit = Literal["group", "picture"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Row:
    """What was counted on one picture.

    Attributes:
        name: which picture.
        group: what must not be split: photo, structure, place.
        counts: arrays by name that are added up over pictures; the same names and shapes in every row of a set.
    """

    name: str
    group: str
    counts: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Statistic:
    """A number made of pooled counts.

    Attributes:
        entries: which counts of a row it needs.
        value: from those, flattened and one after the other, to the number; NaN where it is undefined.
        lower_is_better: of error rates.
        macro: whether the mean over the groups' own numbers stands beside it.
    """

    entries: tuple[str, ...]
    value: Callable[[Floats], float]
    lower_is_better: bool = False
    macro: bool = False


def plain(value: float) -> float | None:
    """Return the number, None for NaN."""
    return None if math.isnan(value) else float(value)


def total(rows: Sequence[Row], entry: str) -> Floats:
    """Return the sum of one kind of counts over all rows."""
    return np.asarray(np.sum([row.counts[entry] for row in rows], axis=0, dtype=float), np.float64)


def units(rows: Sequence[Row]) -> tuple[Unit, list[str]]:
    """Return what the bootstrap draws, and to which unit each row belongs: its group; itself if there is one group."""
    names = [row.group for row in rows]
    if len(set(names)) > 1:
        return "group", names
    return "picture", [f"{row.name}#{index}" for index, row in enumerate(rows)]


def pooled_table(rows: Sequence[Row], owners: Sequence[str], entries: Sequence[str]) -> Floats:
    """Return ``(U, K)``: the counts of each unit in the order of their first row, entries flattened side by side."""
    order = {owner: place for place, owner in enumerate(dict.fromkeys(owners))}
    vectors = np.array([np.concatenate([np.ravel(row.counts[e]) for e in entries]) for row in rows], dtype=float)
    table = np.zeros((len(order), vectors.shape[1] if len(rows) else 0))
    np.add.at(table, [order[owner] for owner in owners], vectors)
    return table


def bootstrap_interval(
    table: npt.NDArray[Any],
    statistic: Callable[[npt.NDArray[Any]], float],
    rng: np.random.Generator,
    repeats: int = 1000,
) -> Interval | None:
    """Return the 95 % percentile interval of a pooled statistic when whole groups are drawn with replacement.

    Groups (source photos, sites) are the unit, since tiles of one photo are no independent witnesses.

    Args:
        table: ``(G, K)`` counts, a row a group.
        statistic: from the pooled counts ``(K,)`` to a number; NaN draws are left out.
        rng: source of the draws.
        repeats: number of draws.

    Returns:
        The interval, or None with fewer than two groups.
    """
    groups = len(table)
    if groups < 2:
        return None
    draws = rng.multinomial(groups, np.full(groups, 1 / groups), size=repeats) @ table
    values = np.array([statistic(row) for row in draws])
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(float(low), float(high))


def summary(
    rows: Sequence[Row], statistics: Mapping[str, Statistic], rng: np.random.Generator | None
) -> dict[str, Any]:
    """Return each statistic over all rows; ``NAME_95`` with ``rng``, ``NAME_macro`` over groups where it has one."""
    unit, owners = units(rows)
    groups = [row.group for row in rows]
    result: dict[str, Any] = {"images": len(rows), "groups": len(set(groups))}
    if rng is not None:
        result["interval_unit"] = unit if len(set(owners)) > 1 else None
    for name, statistic in statistics.items():
        table = pooled_table(rows, owners, statistic.entries)
        result[name] = plain(statistic.value(table.sum(axis=0)))
        interval = None if rng is None else bootstrap_interval(table, statistic.value, rng)
        if interval is not None:
            result[f"{name}_95"] = [interval.low, interval.high]
        if statistic.macro:
            each = np.array([statistic.value(row) for row in pooled_table(rows, groups, statistic.entries)])
            result[f"{name}_macro"] = plain(float(np.nanmean(each))) if np.isfinite(each).any() else None
    return result
