"""The worst of several uncertain grades: a member has the grade of its worst place."""

from __future__ import annotations

from collections.abc import Sequence

Chosen = tuple[tuple[str, ...], tuple[float, ...]]


def worst_of(ladder: Sequence[str], grades: Sequence[Chosen]) -> Chosen:
    """Return the codes that the worst of several grades may have, and their probabilities where all are known.

    Every code that one of the grades may have and that no other grade is bound to exceed. The grades are taken as
    independent: P(worst <= c) is the product of P(each <= c). Order does not matter.

    Args:
        ladder: codes, best first.
        grades: ``(codes, probabilities)`` of each; the probabilities may be (); grades without codes do not count.
    """
    rank = {code: place for place, code in enumerate(ladder)}
    counted = [(codes, (1.0,) if len(codes) == 1 else chance) for codes, chance in grades if codes]
    if not counted:
        return (), ()
    floor = max(min(rank[code] for code in codes) for codes, _ in counted)
    reached = {code for codes, _ in counted for code in codes if rank[code] >= floor}
    codes = tuple(code for code in ladder if code in reached)
    if len(codes) == 1 or not all(chance for _, chance in counted):
        return codes, (1.0,) if len(codes) == 1 else ()
    at_most = []
    for code in codes:
        product = 1.0
        for own, chance in sorted(counted):
            product *= min(sum(p for c, p in zip(own, chance, strict=True) if rank[c] <= rank[code]), 1.0)
        at_most.append(product)
    parts = [max(b - a, 0.0) for a, b in zip([0.0, *at_most], at_most, strict=False)]
    return codes, tuple(part / sum(parts) for part in parts)
