"""How probable each grade is, given that a measure is a distribution and not a number.

A measure with a value is a two-piece normal: the value is its median, ``low`` and ``high`` are its 2.5 % and 97.5 %
points, and it is cut off at both, because the possible codes are those of the 95 % interval. Cut off there, it never
gives more to the better grades when value, low or high grow (stochastic order). A lognormal would not do: the lower
end of a crack's width may be 0. A measure without a value has an upper bound only; between its lower bound (0 if there
is none) and that it is uniform, which is our prior and not a measurement: real cracks are more often narrow than wide,
so it errs towards the worse grade.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from findings.errors import GradingError
from findings.finding import Alternative, Grade
from findings.grading.interval import interval
from findings.measure import Measure

Z95 = 1.959963984540054  # of the normal distribution: 97.5 % lie below
TAIL = 0.025


def below(measure: Measure | None, scale: dict[str, float] | None, limit: float) -> float | None:
    """Return the probability that the true value lies below a limit; None where the measure does not say.

    Args:
        measure: the measure, or None where nothing was measured.
        scale: factors from the units that the rule understands to its own; None for any unit.
        limit: in the unit of the rule; the limit itself does not lie below it.

    Raises:
        GradingError: the interval is out of order, negative or not finite.
    """
    span = interval(measure, scale)
    if limit <= span.low:
        return 0.0
    if limit > span.high:
        return 1.0
    if math.isinf(span.high) or measure is None:
        return None
    if measure.value is None:
        return (limit - span.low) / (span.high - span.low)
    middle = measure.value * (1.0 if scale is None else scale[measure.unit])
    side = middle - span.low if limit <= middle else span.high - middle  # not 0: the limit lies between the ends
    return min(max((_normal(Z95 * (limit - middle) / side) - TAIL) / (1 - 2 * TAIL), 0.0), 1.0)


def _normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


def chances(
    measure: Measure | None, scale: dict[str, float] | None, limits: Sequence[float]
) -> tuple[float, ...] | None:
    """Return the probability of each class between increasing limits, lowest class first; None where nobody knows.

    Args:
        measure: the measure, or None.
        scale: factors to the unit of the limits.
        limits: lower bounds, inclusive, of all classes but the lowest: n limits part n + 1 classes.

    Raises:
        GradingError: the interval is out of order, negative or not finite.
    """
    parts = [0.0]
    for limit in limits:
        part = below(measure, scale, limit)
        if part is None:
            return None
        parts.append(part)
    return tuple(b - a for a, b in pairwise([*parts, 1.0]))


def above(limit: float) -> float:
    """Return the smallest number above a limit: the inclusive lower bound of what exceeds it."""
    return math.nextafter(limit, math.inf)


def in_order(codes: Sequence[str], chance: Mapping[str, float] | None) -> tuple[float, ...]:
    """Return the probabilities of the codes in their order, normalised over them; 1 for a single code; else ().

    Raises:
        GradingError: a code that is not among them has a probability (a rule that contradicts itself).
    """
    if len(codes) == 1:
        return (1.0,)
    if chance is None or not codes:
        return ()
    total = sum(chance.get(code, 0.0) for code in codes)
    if not math.isclose(total, sum(chance.values()), abs_tol=1e-9) or total <= 0:
        raise GradingError(f"probabilities {dict(chance)} do not fit the possible codes {tuple(codes)}")
    return tuple(chance.get(code, 0.0) / total for code in codes)


def code_weights(grade: Grade) -> dict[str, float]:
    """Return what each possible code counts in a ranking, 1 in all; empty for a grade without codes.

    The probabilities where there are any. Where the structure is unknown: those of the structure with the worse grade
    (domain guide 1.5). Where something else is unknown: all suppositions in equal parts, and all codes of one in equal
    parts. That is a convention for a list, not knowledge: ``probabilities`` stays empty then.
    """
    if grade.probabilities:
        return dict(zip(grade.codes, grade.probabilities, strict=True))
    if not grade.alternatives:
        return _equal(grade.codes)
    structures = list(dict.fromkeys(one.structure for one in grade.alternatives))
    mixed = [_mixed(one for one in grade.alternatives if one.structure == kind) for kind in structures]
    order = {code: place for place, code in enumerate(grade.codes)}
    return max(mixed, key=lambda weights: sum(order[code] * share for code, share in weights.items()))


def _equal(codes: Sequence[str]) -> dict[str, float]:
    return {code: 1.0 / len(codes) for code in codes}


def _mixed(cases: Iterable[Alternative]) -> dict[str, float]:
    cases = tuple(cases)
    weights: dict[str, float] = {}
    for case in cases:
        own = dict(zip(case.codes, case.probabilities, strict=True)) if case.probabilities else _equal(case.codes)
        for code, share in own.items():
            weights[code] = weights.get(code, 0.0) + share / len(cases)
    return weights
