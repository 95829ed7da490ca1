"""Grades from one quantity against limits (③ ⑭ ⑮, weathering steel of ⑤, R04), and ⑤ 防食機能の劣化 by its class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from findings.errors import GradingError
from findings.finding import Alternative, Grade
from findings.grading.chance import chances
from findings.grading.interval import UNBOUNDED, Interval, first_measure, interval, no_more_than_all
from findings.grading.observations import flag, grade_observed
from findings.grading.trace import Words, alternative, make_grade, number
from findings.measure import Measure, by_name
from findings.standard import load_standard
from findings.taxonomy import DamageType, damage_type

Rule = Mapping[str, Any]


def grade_measured(rule: Rule, kind: DamageType, measures: tuple[Measure, ...], details: Mapping[str, Any]) -> Grade:
    """Return the grades that a quantity leaves possible, with their probabilities where its interval straddles a limit.

    A quantity measured as 0 gives the rule's ``zero``; an interval that reaches 0 leaves that open. The rule's ``flag``
    decides by itself where it was seen; where nobody looked its grade stays open.

    Args:
        rule: with ``measures``, ``units``, ``steps``, ``zero``, and perhaps ``share`` (n of N), ``flag``, ``unknown``.
        kind: of the damage.
        measures: what was measured; the first of the rule's names counts.
        details: the rule's flag, if it has one.

    Raises:
        GradingError: an interval is out of order, a part is more than its whole, or the flag is no yes or no.
    """
    units = dict(rule["units"])
    measure, counted = _quantity(rule, units, measures)
    span = interval(measure, units)
    seen = flag(rule["flag"]["name"], details.get(rule["flag"]["name"])) if "flag" in rule else False
    if seen:
        return make_grade(rule, kind.grades, rule["flag"]["grades"], [Words(rule["flag"]["ja"], rule["flag"]["en"])])
    codes, chance, steps = _by_limits(rule, measure, units, span)
    fact = _fact(rule, measure, units, span, counted, steps)
    reasons: list[Words] = []
    if span == UNBOUNDED:
        reasons.append(Words(f"{rule['quantity']['ja']}が不明", f"{rule['quantity']['en']}: unknown"))
    elif len(steps) > 1:
        reasons.append(Words("95%区間が区分の境界をまたぐ", "the 95 % interval straddles a limit"))
    if span != UNBOUNDED and span.low == 0 < span.high:
        reasons.append(Words("区間が0を含む", "the interval reaches zero"))
    if seen is False:
        return make_grade(rule, kind.grades, codes, [fact], reasons, chance)
    words = rule["flag"]
    reasons.append(Words(f"{words['ja']}の有無が不明", f"{words['en']}: unknown"))
    cases = [
        alternative(Words(f"{words['ja']}なし", f"no {words['en']}"), kind.grades, chance or codes),
        alternative(Words(f"{words['ja']}あり", words["en"]), kind.grades, words["grades"]),
    ]
    return make_grade(rule, kind.grades, {*codes, *words["grades"]}, [fact], reasons, alternatives=cases)


def _by_limits(
    rule: Rule, measure: Measure | None, units: dict[str, float], span: Interval
) -> tuple[set[str], dict[str, float] | None, list[Rule]]:
    """Return the possible codes, their probabilities or None, and the steps that the interval touches."""
    if span == UNBOUNDED:
        steps = list(rule["steps"])
        return set(rule.get("unknown") or {c for step in steps for c in step["grades"]}), None, steps
    if span.high == 0:
        return set(rule["zero"]), None, []
    uppers = [*(step["from"] for step in rule["steps"][1:]), float("inf")]
    touched = [span.low < upper and span.high >= s["from"] for s, upper in zip(rule["steps"], uppers, strict=True)]
    steps = [step for step, yes in zip(rule["steps"], touched, strict=True) if yes]
    codes = {code for step in steps for code in step["grades"]}
    of_steps = chances(measure, units, uppers[:-1])
    if span.low == 0:
        return codes | set(rule["zero"]), None, steps
    if of_steps is None or any(len(step["grades"]) > 1 for step in steps):
        return codes, None, steps
    chance = dict.fromkeys(codes, 0.0)
    for step, yes, p in zip(rule["steps"], touched, of_steps, strict=True):
        if yes:
            chance[step["grades"][0]] += p
    return codes, chance, steps


def _quantity(
    rule: Rule, units: dict[str, float], measures: tuple[Measure, ...]
) -> tuple[Measure | None, tuple[Measure, Measure] | None]:
    """Return the measure of the rule, and part and whole where it is a share that was counted."""
    given = first_measure(measures, rule["measures"], units)
    if "share" not in rule:
        return given, None
    no_more_than_all(given)
    part, whole = (by_name(measures, rule["share"][name]) for name in ("part", "whole"))
    if part is None or whole is None or whole.value is None or (part.value is None and part.high is None):
        none_loose = part is not None and interval(part).high == 0
        return given or (Measure("share", 0.0, "ratio", 0.0, 0.0, "none counted") if none_loose else None), None
    n, total = interval(part), interval(whole)
    if total.low <= 0 or n.low > total.high or (part.value or 0.0) > whole.value:
        raise GradingError(
            f"{part.name} {part.value!r} of {whole.name} {whole.value!r}; expected a part of a whole above 0: "
            "count again"
        )
    value = None if part.value is None else part.value / whole.value
    share = Measure(rule["measures"][0], value, "ratio", n.low / total.high, min(n.high / total.low, 1.0), "counted")
    return share, (part, whole)


def _fact(
    rule: Rule,
    measure: Measure | None,
    units: dict[str, float],
    span: Interval,
    counted: tuple[Measure, Measure] | None,
    steps: list[Rule],
) -> Words:
    name = rule["quantity"]
    if span == UNBOUNDED or measure is None:
        return Words(f"{name['ja']}あり", f"{name['en']} present")
    in_class = Words(f"({steps[0]['ja']})", f" ({steps[0]['en']})") if len(steps) == 1 else Words("", "")
    if counted is not None and counted[0].value is not None and counted[1].value is not None:
        n, total = number(counted[0].value), number(counted[1].value)
        ja, en = f"{total}{rule['share']['counter_ja']}中{n}{rule['share']['counter_ja']}", f"{n} of {total}"
        return Words(f"{name['ja']} {ja}{in_class.ja}", f"{name['en']} {en}{in_class.en}")
    factor, after = (100.0, Words("%", " %")) if "ratio" in units else (1.0, Words(name["unit_ja"], name["unit_en"]))
    if measure.value is None:
        top = number(span.high * factor)
        return Words(
            f"{name['ja']}{top}{after.ja}以下{in_class.ja}", f"{name['en']} up to {top}{after.en}{in_class.en}"
        )
    value = number(measure.value * units[measure.unit] * factor)
    return Words(f"{name['ja']}{value}{after.ja}{in_class.ja}", f"{name['en']} {value}{after.en}{in_class.en}")


def grade_coating(measures: tuple[Measure, ...], details: Mapping[str, Any]) -> Grade:
    """Return the grade of the corrosion protection by its class: 1 paint, 2 galvanised or sprayed, 3 weathering steel.

    Args:
        measures: ``rust_flake`` (mm) for weathering steel.
        details: ``protection_class``: ``"1"``, ``"2"``, ``"3"``, or absent: then every class is graded; further the
            observations of the class (``paint_rust_spots_wide``, ``primer_exposed``, ``coating_lost_widely``,
            ``layered_peeling``).

    Raises:
        GradingError: there is no such class, or an observation or measure is impossible.
    """
    rule = load_standard("grade_rules")["coating"]
    kind = damage_type("5")
    wanted = details.get("protection_class")
    if wanted is not None and str(wanted) not in rule["classes"]:
        raise GradingError(
            f"protection_class is {wanted!r}; expected {', '.join(rule['classes'])}, or nothing where it is unknown"
        )
    grades = {
        name: _of_class(rule, kind, own, measures, details)
        for name, own in rule["classes"].items()
        if wanted is None or name == str(wanted)
    }
    if len(grades) == 1:
        return next(iter(grades.values()))
    cases = [
        Alternative(rule["classes"][name]["ja"], rule["classes"][name]["en"], one.codes, one.probabilities)
        for name, one in grades.items()
    ]
    reason = Words("防食の分類が不明のため全分類で評価", "class of the protection unknown, graded by every class")
    codes = {code for one in grades.values() for code in one.codes}
    return make_grade(
        rule, kind.grades, codes, [Words(f"{kind.ja}あり", f"{kind.en} present")], [reason], alternatives=cases
    )


def _of_class(
    rule: Rule, kind: DamageType, own: Rule, measures: tuple[Measure, ...], details: Mapping[str, Any]
) -> Grade:
    own = {**own, "status": rule["status"], "scheme": rule["scheme"]}
    if "cases" in own:
        return grade_observed(own, kind, details)
    return grade_measured(own, kind, measures, details)
