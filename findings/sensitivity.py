"""How stable the head of the list is when the weights are not quite as the profile says.

The weights of each consequence table are drawn again and again from a Dirichlet distribution around the profile's
(concentration x weight), so that they stay positive and keep their sum; the share of the likelihood alone (``base``, or
``condition_weight``) is drawn from a Beta distribution of the same concentration. The tables of the likelihood and the
hard rules stay as they are. What stays in the head in nearly every draw does not hang on a weight that somebody chose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from findings.ranking import ROUNDED, Ranking
from findings.ranking_formula import Array, Formula

DRAWS = 200
HEAD = 50
CONCENTRATION = 40.0  # a weight of 0.2 is drawn with a standard deviation of 0.06
FRAGILE = 0.9  # share of draws below which a place in the head counts as fragile


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How the head of the list behaves under drawn weights.

    Attributes:
        head: how many findings the head has.
        draws: how many times weights were drawn.
        stays: by finding uid, for the head of the list in list order: share of draws in which it stays there.
        enters: findings that are not in the head, and the share of draws in which they would be; most often first.
        kept: share of the head that stays, mean over the draws.
        kendall_tau: agreement of the head's order with the drawn order, mean over the draws; 1 is the same order.
    """

    head: int
    draws: int
    stays: dict[str, float]
    enters: dict[str, float]
    kept: float
    kendall_tau: float

    @property
    def fragile(self) -> list[str]:
        """Findings of the head that leave it in more than a tenth of the draws."""
        return [uid for uid, share in self.stays.items() if share < FRAGILE]


def sensitivity(
    ranking: Ranking, *, draws: int = DRAWS, head: int = HEAD, seed: int = 0, concentration: float = CONCENTRATION
) -> Sensitivity:
    """Return how stable the head of a ranked list is under changes of the weights.

    Args:
        ranking: made by the profile whose weights are drawn.
        draws: how many.
        head: of how many findings.
        seed: of the draws.
        concentration: of the distributions; larger means smaller changes.
    """
    rng, size = np.random.default_rng(seed), min(head, len(ranking))
    if size == 0:
        return Sensitivity(0, draws, {}, {}, 1.0, 1.0)
    # No score leads out of its band, so nothing behind the band of the head's last place can come into the head.
    last = ranking.bands[size - 1]
    count = int(np.searchsorted(ranking.bands, last, "right"))
    first = int(np.searchsorted(ranking.bands, last, "left"))  # all before it are in the head whatever the weights
    parts = [_part(ranking, count, river) for river in (False, True)]
    inside, taus = np.zeros(count), []
    inside[:first] = draws
    for _ in range(draws):
        formula, scale = _drawn(ranking.formula, concentration, rng)
        score = np.zeros(count)
        for part in parts:
            weights = rng.dirichlet(concentration * part.weights) * part.weights.sum() * scale
            score[part.index] = formula.scores(part.likelihood, part.values @ weights, part.closed)
        falling = -np.round(score, ROUNDED)
        inside[first + _head(falling[first:], size - first)] += 1
        taus.append(_agreement(ranking.bands[:size], falling[:size]))
    share, uids = inside / draws, [finding.uid for finding in ranking.findings[:count]]
    others = sorted((i for i in range(size, count) if share[i] > 0), key=lambda i: (-share[i], uids[i]))
    return Sensitivity(
        size, draws, {uids[i]: float(share[i]) for i in range(size)}, {uids[i]: float(share[i]) for i in others},
        float(share[:size].mean()), float(np.mean(taus)),
    )  # fmt: skip


def _drawn(formula: Formula, concentration: float, rng: np.random.Generator) -> tuple[Formula, float]:
    """Return a formula with its share drawn, and the factor by which a sum's other weights make room for it."""
    if not 0 < formula.fixed < 1:
        return formula, 1.0
    fixed = float(rng.beta(concentration * formula.fixed, concentration * (1 - formula.fixed)))
    return replace(formula, fixed=fixed), (1 - fixed) / (1 - formula.fixed) if formula.is_sum else 1.0


def _head(falling: Array, size: int) -> NDArray[np.int64]:
    """Return the indices of so many least values; of equal ones the first in list order."""
    if size >= len(falling):
        return np.arange(len(falling))
    limit = np.partition(falling, size - 1)[size - 1]
    before = np.flatnonzero(falling < limit)
    return np.concatenate([before, np.flatnonzero(falling == limit)[: size - len(before)]])


def _agreement(bands: NDArray[np.int64], falling: Array) -> float:
    """Return Kendall's tau between the head as listed and as drawn."""
    size = len(falling)
    if size < 2:
        return 1.0
    place = np.empty(size)
    place[np.lexsort((np.arange(size), falling, bands))] = np.arange(size)
    turned = np.count_nonzero(np.triu(place[:, None] > place[None, :]))  # pairs in the other order; there are no ties
    return 1 - 4 * float(turned) / (size * (size - 1))


@dataclass(frozen=True, slots=True)
class _Part:
    """The findings that one table of weights speaks of."""

    index: NDArray[np.int64]
    weights: Array
    values: Array  # (N, weights), each 0 to 1
    likelihood: Array
    closed: NDArray[np.bool_]


def _part(ranking: Ranking, count: int, river: bool) -> _Part:
    rows = ranking.profile.data["consequence_river" if river else "consequence"]
    weights = np.array([float(row["weight"]) for row in rows.values()])
    index = np.array([i for i in range(count) if ranking.facts(i).river is river], np.int64)
    values = np.array([ranking.consequence_values(int(i)) for i in index], float).reshape(len(index), len(weights))
    # A weight of 0 stays 0: what the profile does not count is not drawn in.
    return _Part(index, np.maximum(weights, 1e-9), values, ranking.likelihood[index], ranking.closed[index])
