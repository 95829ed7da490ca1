"""Grades from what is seen (② ⑤ ⑦ ⑧ ⑩ ⑫ ⑬ ⑱ ㉑ ㉒ ㉓ ㉖): an observation nobody made stays open ([L3], from memory)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from findings.errors import GradingError
from findings.finding import Grade
from findings.grading.trace import Words, make_grade
from findings.measure import Measure, by_name
from findings.standard import load_standard
from findings.taxonomy import DamageType, damage_type

Rule = Mapping[str, Any]


def grade_spalling(measures: tuple[Measure, ...], details: Mapping[str, Any]) -> Grade:
    """Return the grade of spalling: c alone, d with exposed rebar, e with heavily corroded rebar.

    Args:
        measures: a ``rebar_length`` whose interval excludes zero counts as exposed rebar.
        details: ``rebar_exposed`` and ``rebar_corrosion_severe``: True, False, or absent where nobody looked.

    Raises:
        GradingError: an observation is neither true, false nor absent.
    """
    rule = load_standard("grade_rules")["spalling"]
    rebar = by_name(measures, "rebar_length")
    seen = dict(details)
    if rebar is not None and rebar.value is not None and (rebar.value if rebar.low is None else rebar.low) > 0:
        if seen.get("rebar_exposed") is False:
            return _contradiction(rule, damage_type("7"), Words("鉄筋露出長ありと鉄筋露出なし", "bare steel, no rebar"))
        seen["rebar_exposed"] = True
    return grade_observed(rule, damage_type("7"), seen)


def grade_leakage(measures: tuple[Measure, ...], details: Mapping[str, Any]) -> Grade:
    """Return the grade of leakage: c water only, d efflorescence, e icicles, mud or rust.

    Args:
        measures: not used by this rule; every rule of observations has the same door.
        details: ``efflorescence``, ``icicles``, ``rust_or_mud``: True, False, or absent where nobody looked.

    Raises:
        GradingError: an observation is neither true, false nor absent.
    """
    return grade_observed(load_standard("grade_rules")["leakage"], damage_type("8"), details)


def grade_observed(rule: Rule, kind: DamageType, details: Mapping[str, Any]) -> Grade:
    """Return the grade of a rule of cases, or the set of grades that the observations nobody made leave open.

    Observations that contradict each other (``implies`` of the rule) leave every grade of the rule, and say so.

    Args:
        rule: with ``flags``, ``cases`` (first match wins) and perhaps ``implies``, ``reason``.
        kind: of the damage.
        details: each flag of the rule: True, False, or absent where nobody looked.

    Raises:
        GradingError: an observation is neither true, false nor absent.
    """
    flags = {name: flag(name, details.get(name)) for name in rule["flags"]}
    for special, general in rule.get("implies", {}).items():
        if flags[special] and flags[general] is False:
            one, other = (rule["flags"][name] for name in (special, general))
            both = Words(f"{one['ja']}ありと{other['ja']}なし", f"{one['en']}, no {other['en']}")
            return _contradiction(rule, kind, both)
    unknown = [name for name, value in flags.items() if value is None]
    reached = []
    for guess in product((False, True), repeat=len(unknown)):
        case = _first_case(rule, {**flags, **dict(zip(unknown, guess, strict=True))})
        if case not in reached:
            reached.append(case)
    codes = {case["grade"] for case in reached}
    if len(codes) == 1:
        return make_grade(rule, kind.grades, codes, [Words(reached[0]["ja"], reached[0]["en"])])
    if "reason" in rule:
        suspected = Words(f"{kind.ja}の疑い", f"suspected: {kind.en}")
        return make_grade(rule, kind.grades, codes, [suspected], [Words(**rule["reason"])])
    reasons = [Words(f"{rule['flags'][f]['ja']}の有無が不明", f"{rule['flags'][f]['en']}: unknown") for f in unknown]
    return make_grade(rule, kind.grades, codes, _facts(rule, kind, flags), reasons)


def _contradiction(rule: Rule, kind: DamageType, words: Words) -> Grade:
    codes = {case["grade"] for case in rule["cases"]}
    reason = Words(f"観察が矛盾: {words.ja}", f"contradictory observations: {words.en}")
    return make_grade(rule, kind.grades, codes, [Words(kind.ja, kind.en)], [reason])


def flag(name: str, value: object) -> bool | None:
    """Return an observation: True, False, or None where nobody looked.

    Raises:
        GradingError: it is something else.
    """
    if value is None or isinstance(value, bool):
        return value
    raise GradingError(f"{name} is {value!r}; expected true, false, or nothing where it was not looked at")


def _first_case(rule: Rule, flags: Mapping[str, bool | None]) -> Rule:
    for case in rule["cases"]:
        if any(all(flags[flag] for flag in conjunction) for conjunction in case["when"]):
            found: Rule = case
            return found
    raise GradingError(f"no case of the rule holds for {dict(flags)}; end the cases with [[]]")


def _facts(rule: Rule, kind: DamageType, flags: Mapping[str, bool | None]) -> list[Words]:
    facts = [Words(kind.ja, kind.en)]
    for name, value in flags.items():
        words = rule["flags"][name]
        if value is not None:
            facts.append(Words(f"{words['ja']}{'あり' if value else 'なし'}", f"{'' if value else 'no '}{words['en']}"))
    return facts
