"""Whether one model is better than another on the same pictures: paired, group by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from findings.errors import ConfigError
from models.base import PixelModel
from training.config import EvaluationConfig
from training.counts import Floats, ratio
from training.evaluate import BOOTSTRAP_SEED, ClassRows, Measured, measure
from training.metrics_pool import Row, Statistic, Unit, plain, pooled_table, units

Verdict = Literal["better", "worse", "no difference shown"]
REPEATS = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of two models.

    Attributes:
        a, b: the measure of the first (challenger) and of the second model (champion); None where it is undefined.
        difference: a - b.
        low, high: 95 % interval of the difference by paired bootstrap; None where it cannot be had.
        verdict: of the first model: ``better`` or ``worse`` if the interval leaves 0 out.
        headline: whether it decides about a promotion.
        wins, losses, ties: units (groups, or pictures) in which the first model is better, worse, equal.
    """

    a: float | None
    b: float | None
    difference: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    headline: bool
    wins: int
    losses: int
    ties: int


@dataclass(frozen=True, slots=True)
class Pair:
    """One measure of both models on one picture or one group; None where it is undefined."""

    name: str
    group: str
    a: float | None
    b: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences between two models on one data set.

    Attributes:
        a, b: NAME@VERSION of the first (challenger) and the second model (champion).
        data: what they were measured on.
        unit: what the bootstrap drew: groups, or pictures where there is one group only.
        count: how many of them.
        measures: by name; in the protocol ``classes`` CLASS.NAME and the macro mean.
        by_group: of the headline measures, each group's own numbers.
        by_picture: of the headline measures, each picture's own numbers.
    """

    a: str
    b: str
    data: str
    unit: Unit
    count: int
    measures: Mapping[str, Difference]
    by_group: Mapping[str, tuple[Pair, ...]]
    by_picture: Mapping[str, tuple[Pair, ...]]

    @property
    def headline(self) -> dict[str, Difference]:
        """The measures that decide."""
        return {name: found for name, found in self.measures.items() if found.headline}

    @property
    def worse_beyond_interval(self) -> bool:
        """Whether the first model is worse by a headline measure, beyond the interval."""
        return any(found.verdict == "worse" for found in self.headline.values())

    @property
    def better_beyond_interval(self) -> bool:
        """Whether the first model is better by a headline measure beyond the interval, and worse by none."""
        return not self.worse_beyond_interval and any(d.verdict == "better" for d in self.headline.values())

    @property
    def verdict(self) -> Verdict:
        """The verdict over all headline measures: worse if one is worse, else better if one is better."""
        if self.worse_beyond_interval:
            return "worse"
        return "better" if self.better_beyond_interval else "no difference shown"


def compare_models(
    challenger: PixelModel, champion: PixelModel, config: EvaluationConfig, device: torch.device
) -> Comparison:
    """Return how a challenger differs from the champion on one data set, picture by picture.

    Headline measures: ``f1`` and ``cliou@4px`` of cracks, the mean IoU of area classes, ``iou`` of water.

    Raises:
        ConfigError, MissingBands, ModelError: see ``training.evaluate.evaluate``; or nothing can be compared.
    """
    return compare_measured(measure(challenger, config, device), measure(champion, config, device))


def compare_measured(a: Measured, b: Measured) -> Comparison:
    """Return how two models differ that were measured on the same pictures.

    Raises:
        ConfigError: they were measured by other protocols or on other pictures, or share no class.
    """
    names = [name for name in a.classes if name in b.classes]
    refs = [f"{m.card.name}@{m.card.version}" for m in (a, b)]
    if a.config.protocol != b.config.protocol or not names:
        raise ConfigError(f"{refs[0]} and {refs[1]} share no class on {a.config.source.name}; "
                          "measure them by one protocol on a set that labels a class of both")  # fmt: skip
    several = a.config.protocol == "classes"
    rows_a, rows_b = [_joined(m, names) for m in (a, b)]
    statistics: dict[str, Statistic] = {}
    headline = []
    for name in names:
        own, deciding = _statistics(a.classes[name])
        prefix = f"{name}." if several else ""
        for key, value in own.items():
            statistics[prefix + key] = replace(value, entries=tuple(prefix + entry for entry in value.entries))
        headline += [prefix + key for key in deciding]
    areas = [name for name in names if a.classes[name].kind == "area" and name in a.macro_classes]
    if several and areas:
        statistics["area_iou_macro"] = Statistic(tuple(f"{name}.strict" for name in areas), _mean_iou)
        headline.append("area_iou_macro")
    split = f", split {a.config.source.split}" if a.config.source.split else ""
    return compare(rows_a, rows_b, statistics, headline=tuple(headline), a=refs[0], b=refs[1],
                   data=a.config.source.name + split)  # fmt: skip


def compare(
    rows_a: Sequence[Row],
    rows_b: Sequence[Row],
    statistics: Mapping[str, Statistic],
    *,
    headline: tuple[str, ...] = (),
    a: str = "a",
    b: str = "b",
    data: str = "",
    repeats: int = REPEATS,
) -> Comparison:
    """Return how two sets of counts of the same pictures differ.

    Paired bootstrap: whole groups are drawn with replacement, the same draw for both models and every measure; the
    interval is the 2.5 to 97.5 percentile of the differences (Efron and Tibshirani 1993, An Introduction to the
    Bootstrap, chapter 13). Pictures are drawn where there is one group only.

    Args:
        rows_a: of the first model.
        rows_b: of the second, on the same pictures in any order.
        statistics: what is compared.
        headline: names of the measures that decide.
        a: name of the first model.
        b: name of the second model.
        data: name of the set.
        repeats: number of draws.

    Raises:
        ConfigError: the rows are of other pictures or groups.
    """
    partner = {(row.name, row.group): row for row in rows_b}
    mine = {(row.name, row.group) for row in rows_a}
    if len(mine) != len(rows_a) or len(rows_b) != len(rows_a) or mine != set(partner):
        odd = sorted(mine ^ set(partner))[:3]
        raise ConfigError(f"{len(rows_a)} and {len(rows_b)} pictures, different ones such as {odd}: "
                          "a paired comparison needs the same pictures, each once")  # fmt: skip
    unit, owners = units(rows_a)
    pairs = [partner[row.name, row.group] for row in rows_a]
    count = len(set(owners))
    draws = np.random.default_rng(BOOTSTRAP_SEED).multinomial(count, np.full(count, 1 / count), size=repeats)
    found = {}
    for name, statistic in statistics.items():
        tables = [pooled_table(rows, owners, statistic.entries) for rows in (rows_a, pairs)]
        found[name] = _difference(tables, statistic, draws if count > 1 else None, headline=name in headline)
    chosen = {name: statistics[name] for name in headline}
    groups = {n: _pairs(rows_a, pairs, [r.group for r in rows_a], s) for n, s in chosen.items()}
    pictures = {n: _pairs(rows_a, pairs, [f"{i}" for i in range(len(rows_a))], s) for n, s in chosen.items()}
    named = {n: tuple(replace(p, name=r.name) for p, r in zip(ps, rows_a, strict=True)) for n, ps in pictures.items()}
    return Comparison(a, b, data, unit, count, found, groups, named)


def _pairs(
    rows_a: Sequence[Row], rows_b: Sequence[Row], owners: Sequence[str], statistic: Statistic
) -> tuple[Pair, ...]:
    """Return both models' own number of each unit, in the order of the units' first rows."""
    tables = [pooled_table(rows, owners, statistic.entries) for rows in (rows_a, rows_b)]
    groups = {owner: row.group for owner, row in zip(owners, rows_a, strict=True)}
    return tuple(
        Pair(owner, group, plain(statistic.value(a)), plain(statistic.value(b)))
        for (owner, group), a, b in zip(groups.items(), *tables, strict=True)
    )


def _difference(
    tables: Sequence[Floats], statistic: Statistic, draws: np.ndarray | None, *, headline: bool
) -> Difference:
    a, b = (statistic.value(table.sum(axis=0)) for table in tables)
    sign = -1 if statistic.lower_is_better else 1
    each = np.array([[statistic.value(row) for row in table] for table in tables])
    steps = sign * (each[0] - each[1])
    low = high = None
    verdict: Verdict = "no difference shown"
    if draws is not None:
        drawn = [np.array([statistic.value(row) for row in draws @ table]) for table in tables]
        spread = drawn[0] - drawn[1]
        spread = spread[~np.isnan(spread)]
        if len(spread):
            low, high = (float(v) for v in np.percentile(spread, [2.5, 97.5]))
            if low > 0 or high < 0:
                verdict = "better" if sign * low > 0 else "worse"
    wins, losses, ties = (int(n.sum()) for n in (steps > 0, steps < 0, steps == 0))
    return Difference(plain(a), plain(b), plain(a - b), low, high, verdict, headline, wins, losses, ties)


def _joined(measured: Measured, names: Sequence[str]) -> list[Row]:
    """Return one row a picture with the counts of every class, as CLASS.ENTRY where there are several."""
    if measured.config.protocol != "classes":
        return list(measured.classes[names[0]].rows)
    pictures: dict[tuple[str, str], dict[str, Floats]] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for name in names:
        for row in measured.classes[name].rows:
            shapes |= {f"{name}.{entry}": values.shape for entry, values in row.counts.items()}
            own = pictures.setdefault((row.name, row.group), {})
            own |= {f"{name}.{entry}": values for entry, values in row.counts.items()}
    empty = {entry: np.zeros(shape) for entry, shape in shapes.items()}
    return [Row(name, group, {**empty, **counts}) for (name, group), counts in pictures.items()]


def _statistics(rows: ClassRows) -> tuple[dict[str, Statistic], tuple[str, ...]]:
    """Return what is compared of a class, and which of it decides."""
    everything = {**rows.headline, **{f"product.{key}": value for key, value in rows.product.items()}}
    deciding = {"line": ("f1", "cliou@4px"), "area": (), "water": ("iou",)}[rows.kind]
    return everything, deciding


def _mean_iou(row: Floats) -> float:
    """Return the mean IoU over classes from tp, fp, fn of each; classes without a true pixel in the draw are left out.

    Whether a class is left out depends on the truth alone and is therefore the same for both models.
    """
    tables = [t for t in row.reshape(-1, 3) if t[0] + t[2] > 0]
    return float(np.mean([ratio(t[0], t.sum()) for t in tables])) if tables else float("nan")
