"""AASHTO element condition states: how much of an element is in CS1 to CS4. For display only (``aashto_elements``).

Quantities are in the element's unit: m2 of a deck, m of a girder, each column. A crack on an element measured in area
counts as its length times the width that it affects; on one measured in length as its length, or as that width if it
should cross the element: the direction is not known here. A column counts once, in the worst state of its places. CS4
means that a structural review is warranted, which is an engineer's word: no quantity is ever put there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from findings.asset import Structure
from findings.errors import GradingError
from findings.finding import Finding, FindingStatus
from findings.grading.aashto_defects import DefectState, defect_state, elements, metres, square_metres
from findings.grading.worst import worst_of
from findings.measure import by_name
from findings.standard import load_standard

STATES = ("CS1", "CS2", "CS3", "CS4")
LEFT_OUT = (FindingStatus.REJECTED, FindingStatus.DUPLICATE)


@dataclass(frozen=True, slots=True)
class StateQuantity:
    """How much of an element is in one state.

    ``value``: by the likeliest state of each finding, the worst where nothing says which; ``low`` and ``high`` take
    the intervals of the sizes and every possible state. None where the element's total would have to be known.
    """

    state: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class ElementStates:
    """An element with its quantities in CS1 to CS4; for display only.

    Attributes:
        number: of the element, e.g. ``"110"``.
        unit: ``m2``, ``m`` or ``each``.
        total: of the element in that unit, as somebody stated it; None: unknown, and then CS1 is unknown.
        states: CS1 to CS4 in order.
        unsized: findings without a size in that unit (no scale, no element number): their quantity is not in it.
        uncovered: findings of damage types that have no AASHTO defect here.
        notes_en: doubts in words.
        notes_ja: the same in Japanese.
        status: of the standard.
    """

    number: str
    en: str
    ja: str
    unit: str
    total: float | None
    states: tuple[StateQuantity, ...]
    unsized: tuple[str, ...]
    uncovered: tuple[str, ...]
    notes_en: tuple[str, ...]
    notes_ja: tuple[str, ...]
    status: str


@dataclass(frozen=True, slots=True)
class _Part:
    """What one finding (or one column) adds: its size with interval, and the states it may be in."""

    value: float
    low: float
    high: float
    codes: tuple[str, ...]
    chance: tuple[float, ...]

    @property
    def likeliest(self) -> str:
        if not self.chance:
            return self.codes[-1]
        return max(zip(self.chance, self.codes, strict=True))[1]


def element_states(
    findings: Sequence[Finding], number: str, structure: Structure, total: float | None = None
) -> ElementStates:
    """Return the quantities of one element in CS1 to CS4 from the findings on it.

    Args:
        findings: of that element's members; rejected ones, duplicates and further sights do not count.
        number: of the element; `elements_of` tells which ones a member may be.
        structure: RC or PC decides the limits of cracks; UNKNOWN leaves both possible.
        total: quantity of the whole element in its unit, where somebody stated it; it is never invented.

    Raises:
        GradingError: there is no such element, a finding is of a member that it does not have, or the total is not
            a positive number.
    """
    standard = load_standard("aashto_elements")
    element = next((row for row in standard["elements"] if row["number"] == number), None)
    if element is None:
        known = ", ".join(row["number"] for row in standard["elements"])
        raise GradingError(f"AASHTO element {number!r} is unknown; expected one of {known}")
    if total is not None and not (math.isfinite(total) and total > 0):
        raise GradingError(f"total of element {number} is {total!r}; expected a positive number of {element['unit']}")
    counted = sorted((f for f in findings if f.leads and f.status not in LEFT_OUT), key=lambda f: f.uid)
    for finding in counted:
        if finding.member is not None and finding.member not in element["members"]:
            raise GradingError(
                f"finding {finding.uid} is on {finding.member}; element {number} ({element['en']}) has "
                f"{', '.join(element['members'])}: give it to another element"
            )
    judged = [(finding, defect_state(finding, structure)) for finding in counted]
    parts, unsized = _parts([(f, s) for f, s in judged if s is not None], element["unit"])
    quantities, over = _quantities(parts, total)
    notes = _notes(over, bool(unsized), total is None)
    return ElementStates(
        number, element["en"], element["ja"], element["unit"], total, quantities, unsized,
        tuple(f.uid for f, state in judged if state is None),
        tuple(en for _, en in notes), tuple(ja for ja, _ in notes), standard["status"],
    )  # fmt: skip


def elements_of(member: str, structure: Structure) -> tuple[Mapping[str, Any], ...]:
    """Return the elements that a member may be, e.g. column or wall for ``Pw``; all structures' where it is unknown."""
    return elements(member, structure)


def _parts(judged: Sequence[tuple[Finding, DefectState]], unit: str) -> tuple[list[_Part], tuple[str, ...]]:
    if unit == "each":
        return _each(judged)
    parts, unsized = [], []
    for finding, state in judged:
        size = _area(finding) if unit == "m2" else _length(finding)
        if size is None:
            unsized.append(finding.uid)
        else:
            parts.append(_Part(*size, state.codes, state.probabilities))
    return parts, tuple(unsized)


def _each(judged: Sequence[tuple[Finding, DefectState]]) -> tuple[list[_Part], tuple[str, ...]]:
    groups: dict[tuple[int | None, str], list[DefectState]] = {}
    for finding, state in judged:
        if finding.element_no is not None:
            groups.setdefault((finding.span, finding.element_no), []).append(state)
    parts = []
    for group in groups.values():
        codes, chance = worst_of(STATES, [(one.codes, one.probabilities) for one in group])
        parts.append(_Part(1.0, 1.0, 1.0, codes, chance))
    return parts, tuple(finding.uid for finding, _ in judged if finding.element_no is None)


def _area(finding: Finding) -> tuple[float, float, float] | None:
    if finding.damage in ("6", "11"):
        length, width = metres(by_name(finding.measures, "length")), _affected_width()
        return None if length is None else (length[0] * width, length[1] * width, length[2] * width)
    return square_metres(by_name(finding.measures, "area"))


def _length(finding: Finding) -> tuple[float, float, float] | None:
    length = metres(by_name(finding.measures, "length"))
    if length is None:  # a place without a length: as long as a circle of its area is wide
        area = square_metres(by_name(finding.measures, "area"))
        return None if area is None else (_diameter(area[0]), _diameter(area[1]), _diameter(area[2]))
    if finding.damage in ("6", "11"):
        return max(length[0], _affected_width()), min(length[1], _affected_width()), max(length[2], _affected_width())
    return length


def _diameter(area: float) -> float:
    return math.sqrt(4 * area / math.pi)


def _affected_width() -> float:
    return float(load_standard("aashto_elements")["affected_width_m"])


def _quantities(parts: Sequence[_Part], total: float | None) -> tuple[tuple[StateQuantity, ...], bool]:
    """Return CS1 to CS4, the worst first in its claim on the total, and whether the findings claim more than it."""
    values = {s: sum(p.value for p in parts if p.likeliest == s) for s in STATES}
    lows = {s: sum(p.low for p in parts if p.codes == (s,)) for s in STATES}
    highs = {s: sum(p.high for p in parts if s in p.codes) for s in STATES}
    over = total is not None and sum(values[s] for s in STATES) > total * (1 + 1e-9)
    found = []
    left = math.inf if total is None else total
    for state in reversed(STATES[1:]):
        value = min(values[state], left)
        left -= value
        cap = math.inf if total is None else total
        found.append(StateQuantity(state, value, min(lows[state], value), max(min(highs[state], cap), value)))
    if total is None:
        return (StateQuantity("CS1", None, None, None), *reversed(found)), over
    worse = ("CS2", "CS3", "CS4")
    most = sum(p.high for p in parts if set(p.codes) & set(worse))
    least = sum(p.low for p in parts if not set(p.codes) - set(worse))
    good = StateQuantity("CS1", left, min(max(total - most, 0.0), left), max(total - least, left))
    return (good, *reversed(found)), over


def _notes(over: bool, unsized: bool, no_total: bool) -> list[tuple[str, str]]:
    notes = [
        ("参考表示: 公式記録には用いない", "for display only, never for an official record"),
        ("CS4は技術者の構造検討による", "CS4 is for an engineer's structural review; no quantity is put there"),
    ]
    if no_total:
        notes.append(("要素の全数量が不明のためCS1は不明", "total quantity of the element unknown, so CS1 is unknown"))
    if unsized:
        notes.append(
            ("寸法又は要素番号の不明な所見は数量に含まない", "findings of unknown size or element are not in it")
        )
    if over:
        notes.append(("所見の合計が要素の全数量を超える(重複又は全数量の誤り)",
                      "the findings add up to more than the element has: overlap, or a wrong total"))  # fmt: skip
    return notes
