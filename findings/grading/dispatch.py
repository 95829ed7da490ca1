"""The one door of grading: from a damage code to its rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from findings.asset import Structure
from findings.errors import GradingError
from findings.finding import Domain, Grade
from findings.grading.corrosion import grade_corrosion
from findings.grading.crack import grade_crack, grade_slab_crack
from findings.grading.interval import TO_M, TO_MM, first_measure
from findings.grading.measured import grade_coating, grade_measured
from findings.grading.observations import grade_leakage, grade_observed, grade_spalling
from findings.grading.river import grade_river
from findings.grading.trace import Words, make_grade
from findings.measure import Measure
from findings.standard import load_standard
from findings.taxonomy import ANOMALY, DamageType, damage_type

NOT_MEASURED = Measure("width", None, "mm", None, None, "not measured")


def grade(damage: str, measures: tuple[Measure, ...], structure: Structure, details: Mapping[str, Any]) -> Grade:
    """Return the grade of a damage, or the set of grades that the measures leave possible, with the rule's trace.

    Args:
        damage: ``"1"`` to ``"26"``, ``"R01"`` to ``"R22"`` or ``"anomaly"`` (no rule: codes ``()``).
        measures: what was measured; each rule takes the names it knows (``width_p95``, ``min_spacing``, ...).
        structure: of the asset; ``UNKNOWN`` is graded both ways.
        details: observations that are not measures; each rule names the ones it knows.

    Raises:
        GradingError: the damage is unknown, or a measure or observation is impossible.
    """
    kind = damage_type(damage)
    if not isinstance(structure, Structure):
        raise GradingError(
            f"structure is {structure!r}; expected one of {', '.join(Structure)}; UNKNOWN is graded as RC and as PC"
        )
    if damage == ANOMALY:
        return _grade_anomaly(kind)
    if kind.domain is Domain.RIVER:
        return grade_river(damage, measures, details)
    rules = load_standard("grade_rules")
    if damage in rules["crack"]["damages"]:
        width, spacing = _crack_measures(rules["crack"], measures)
        return grade_crack(width, spacing, structure)
    if damage in rules["slab_crack"]["damages"]:
        width, spacing = _crack_measures(rules["slab_crack"], measures)
        return grade_slab_crack(width, spacing, details)
    if damage in rules["spalling"]["damages"]:
        return grade_spalling(measures, details)
    if damage in rules["leakage"]["damages"]:
        return grade_leakage(measures, details)
    if damage in rules["corrosion"]["damages"]:
        return grade_corrosion(measures, details)
    if damage in rules["coating"]["damages"]:
        return grade_coating(measures, details)
    for rule in rules["observed"].values():
        if damage in rule["damages"]:
            return grade_observed(rule, kind, details)
    for rule in rules["measured"].values():
        if damage in rule["damages"]:
            return grade_measured(rule, kind, measures, details)
    return _grade_presence(kind, rules["status"])


def _crack_measures(rule: Mapping[str, Any], measures: tuple[Measure, ...]) -> tuple[Measure, Measure | None]:
    width = first_measure(measures, rule["width_measures"], TO_MM)
    return width or NOT_MEASURED, first_measure(measures, rule["spacing_measures"], TO_M)


def _grade_anomaly(kind: DamageType) -> Grade:
    rule = {"scheme": kind.scheme, "status": load_standard("grade_rules")["status"]}
    fact = Words(
        "損傷の種類が不明で、程度を決める規則がない", "the kind of damage is unknown and no rule exists for it"
    )
    return make_grade(rule, (), (), [fact])


def _grade_presence(kind: DamageType, status: str) -> Grade:
    """Return what the mere presence of a damage says: every grade but a."""
    if not kind.grades:
        raise GradingError(f"{kind.code}: has no grades")
    rule = {"scheme": kind.scheme, "status": status}
    reason = Words("程度を決める規則が未収録", "no rule for the degree yet")
    return make_grade(rule, kind.grades, kind.grades[1:], [Words(f"{kind.ja}あり", f"{kind.en} present")], [reason])
