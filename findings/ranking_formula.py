"""The formula of a priority profile, over one finding and over arrays of findings.

::

    likelihood = clip(more + (1 - more) second_share less + added, 0, 1)   more, less: of own part and official class
    product:     score = 100 likelihood (base + (1 - base) consequence)
    sum:         score = 100 (condition_weight likelihood + consequence)

What was rejected scores 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from findings.profile import Profile

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Formula:
    """The numbers of a profile's formula.

    Attributes:
        is_sum: whether condition and consequence add up instead of being multiplied.
        fixed: ``base`` or ``condition_weight``: what the likelihood counts without any consequence.
    """

    is_sum: bool
    fixed: float
    second_share: float

    @classmethod
    def of(cls, profile: Profile) -> Formula:
        """Return the formula of a profile."""
        data = profile.data
        is_sum = data["formula"] == "sum"
        return cls(is_sum, float(data["condition_weight" if is_sum else "base"]), float(data["second_share"]))

    def shares(self, own: float, official: float) -> tuple[float, float]:
        """Return what own part and official class bring to the likelihood: the larger in full, the smaller in part."""
        own = min(own, 1.0)
        if own >= official:
            return own, (1.0 - own) * self.second_share * official
        return (1.0 - official) * self.second_share * own, official

    def likelihood(self, own: float, official: float, added: float) -> float:
        """Return the likelihood of a finding that was not rejected, 0 to 1."""
        return min(max(sum(self.shares(own, official)) + added, 0.0), 1.0)

    def factors(self, likelihood: float) -> tuple[float, float]:
        """Return the points of a likelihood of 1, and those of a consequence of 1 at this likelihood."""
        if self.is_sum:
            return 100.0 * self.fixed, 100.0
        return 100.0 * self.fixed, 100.0 * likelihood * (1.0 - self.fixed)

    def score(self, own: float, official: float, added: float, consequence: float) -> float:
        """Return the score of a finding that was not rejected, 0 to 100."""
        likelihood = self.likelihood(own, official, added)
        fixed, factor = self.factors(likelihood)
        return fixed * likelihood + factor * min(consequence, 1.0)

    def likelihoods(self, own: Array, official: Array, added: Array, closed: NDArray[np.bool_]) -> Array:
        """Return the likelihoods ``(N,)``, 0 for what was rejected."""
        own = np.minimum(own, 1.0)
        more, less = np.maximum(own, official), np.minimum(own, official)
        return np.where(closed, 0.0, np.clip(more + (1 - more) * self.second_share * less + added, 0, 1))

    def scores(self, likelihood: Array, consequence: Array, closed: NDArray[np.bool_]) -> Array:
        """Return the scores ``(N,)`` of likelihoods and consequences ``(N,)``."""
        consequence = np.minimum(consequence, 1.0)
        if self.is_sum:
            return np.where(closed, 0.0, 100 * (self.fixed * likelihood + consequence))
        return np.asarray(100 * likelihood * (self.fixed + (1 - self.fixed) * consequence))
