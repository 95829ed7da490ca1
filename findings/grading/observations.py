"""⑦ 剥離・鉄筋露出 and ⑧ 漏水・遊離石灰: grades from what is seen; an observation nobody made stays open ([L3])."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from findings.errors import GradingError
from findings.finding import Grade
from findings.grading.trace import Words, make_grade
from findings.measure import Measure, by_name
from findings.standard import load_standard
from findings.taxonomy import damage_type


def grade_spalling(measures: tuple[Measure, ...], details: Mapping[str, Any]) -> Grade:
    """Return the grade of spalling: c alone, d with exposed rebar, e with heavily corroded rebar.

    Args:
        measures: a ``rebar_length`` whose interval excludes zero counts as exposed rebar.
        details: ``rebar_exposed`` and ``rebar_corrosion_severe``: True, False, or absent where nobody looked.

    Raises:
        GradingError: an observation is neither true, false nor absent.
    """
    rebar = by_name(measures, "rebar_length")
    seen = dict(details)
    if rebar is not None and rebar.value is not None and (rebar.value if rebar.low is None else rebar.low) > 0:
        seen["rebar_exposed"] = True
    return _grade("spalling", "7", seen)


def grade_leakage(measures: tuple[Measure, ...], details: Mapping[str, Any]) -> Grade:
    """Return the grade of leakage: c water only, d efflorescence, e icicles, mud or rust.

    Args:
        measures: not used by this rule; every rule of observations has the same door.
        details: ``efflorescence``, ``icicles``, ``rust_or_mud``: True, False, or absent where nobody looked.

    Raises:
        GradingError: an observation is neither true, false nor absent.
    """
    return _grade("leakage", "8", details)


def _grade(name: str, damage: str, details: Mapping[str, Any]) -> Grade:
    rule = load_standard("grade_rules")[name]
    flags = {flag: _flag(flag, details.get(flag)) for flag in rule["flags"]}
    unknown = [flag for flag, value in flags.items() if value is None]
    reached = []
    for guess in product((False, True), repeat=len(unknown)):
        case = _first_case(rule, {**flags, **dict(zip(unknown, guess, strict=True))})
        if case not in reached:
            reached.append(case)
    codes = {case["grade"] for case in reached}
    if len(codes) == 1:
        facts, open_flags = [Words(reached[0]["ja"], reached[0]["en"])], []
    else:
        facts, open_flags = _facts(rule, damage, flags), unknown
    reasons = [Words(f"{rule['flags'][f]['ja']}の有無が不明", f"{rule['flags'][f]['en']}: unknown") for f in open_flags]
    return make_grade(rule, damage_type(damage).grades, codes, facts, reasons)


def _flag(name: str, value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise GradingError(f"{name} is {value!r}; expected true, false, or nothing where it was not looked at")


def _first_case(rule: Mapping[str, Any], flags: Mapping[str, bool | None]) -> Mapping[str, Any]:
    for case in rule["cases"]:
        if any(all(flags[flag] for flag in conjunction) for conjunction in case["when"]):
            found: Mapping[str, Any] = case
            return found
    raise GradingError(f"{rule['damages'][0]}: no case of the rule holds for {dict(flags)}; end the cases with [[]]")


def _facts(rule: Mapping[str, Any], damage: str, flags: Mapping[str, bool | None]) -> list[Words]:
    kind = damage_type(damage)
    facts = [Words(kind.ja, kind.en)]
    for flag, value in flags.items():
        words = rule["flags"][flag]
        if value is not None:
            facts.append(Words(f"{words['ja']}{'あり' if value else 'なし'}", f"{'' if value else 'no '}{words['en']}"))
    return facts
