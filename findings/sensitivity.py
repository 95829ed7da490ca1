"""How stable the head of the list is when the weights of the consequence are not quite as the profile says.

The weights of each table are drawn again and again from a Dirichlet distribution around the profile's
(concentration x weight), so that they stay positive and keep their sum; everything else stays. What stays in the head
in nearly every draw does not hang on a weight that somebody chose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from findings.profile import Profile
from findings.ranking import Ranking

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
        concentration: of the Dirichlet distribution; larger means smaller changes.
    """
    rng = np.random.default_rng(seed)
    count, size = len(ranking), min(head, len(ranking))
    if size == 0:
        return Sensitivity(0, draws, {}, {}, 1.0, 1.0)
    parts = [_part(ranking, river) for river in (False, True)]
    inside, taus = np.zeros(count), []
    for _ in range(draws):
        score = np.zeros(count)
        for part in parts:
            if len(part.index):
                drawn = rng.dirichlet(concentration * part.weights) * part.weights.sum()
                score[part.index] = part.scores(drawn, ranking.profile)
        order = np.lexsort((np.arange(count), -np.round(score, 9), ranking.bands))
        inside[order[:size]] += 1
        place = np.empty(count)
        place[order] = np.arange(count)
        taus.append(1.0 if size < 2 else float(kendalltau(np.arange(size), place[:size]).statistic))
    share = inside / draws
    uids = [finding.uid for finding in ranking.findings]
    others = sorted(
        ((float(share[i]), uids[i]) for i in range(size, count) if share[i] > 0), key=lambda r: (-r[0], r[1])
    )
    return Sensitivity(
        size, draws, {uids[i]: float(share[i]) for i in range(size)}, {uid: part for part, uid in others},
        float(share[:size].mean()), float(np.mean(taus)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Part:
    """The findings that one table of weights speaks of."""

    index: NDArray[np.int64]
    weights: NDArray[np.float64]
    values: NDArray[np.float64]  # (N, weights), each 0 to 1
    likelihood: NDArray[np.float64]
    closed: NDArray[np.bool_]

    def scores(self, weights: NDArray[np.float64], profile: Profile) -> NDArray[np.float64]:
        consequence = np.minimum(self.values @ weights, 1.0)
        data = profile.data
        if data["formula"] == "sum":
            return np.where(self.closed, 0.0, 100 * (float(data["condition_weight"]) * self.likelihood + consequence))
        base = float(data["base"])
        return np.asarray(100 * self.likelihood * (base + (1 - base) * consequence))


def _part(ranking: Ranking, river: bool) -> _Part:
    rows = ranking.profile.data["consequence_river" if river else "consequence"]
    names = list(rows)
    index, values, likelihood, closed = [], [], [], []
    for i in range(len(ranking)):
        facts = ranking.facts(i)
        if facts.river is not river:
            continue
        used = ranking.consequence_values(i)
        index.append(i)
        values.append([used[name] for name in names])
        likelihood.append(ranking.likelihood[i])
        closed.append(ranking.closed[i])
    weights = np.array([float(rows[name]["weight"]) for name in names])
    return _Part(
        np.array(index, np.int64), weights, np.array(values, float).reshape(len(index), len(names)),
        np.array(likelihood, float), np.array(closed, bool),
    )  # fmt: skip
