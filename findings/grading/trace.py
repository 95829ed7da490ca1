"""Grades with their reason in the manual's words, Japanese and English."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from findings.finding import Grade
from findings.standard import load_standard
from findings.taxonomy import code_range


@dataclass(frozen=True, slots=True)
class Words:
    """One phrase in both languages."""

    ja: str
    en: str


def joined(phrases: Iterable[Words], between: str) -> Words:
    """Return phrases as one: ``between`` Japanese ones, a comma between English ones."""
    phrases = tuple(phrases)
    return Words(between.join(p.ja for p in phrases), ", ".join(p.en for p in phrases))


def number(value: float) -> str:
    """Return a number as people write it in a form: two decimals below 10 at most, no trailing zeros."""
    text = f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def make_grade(
    rule: Mapping[str, Any],
    ladder: tuple[str, ...],
    possible: Iterable[str],
    facts: Iterable[Words],
    reasons: Iterable[Words] = (),
) -> Grade:
    """Return the grade of a rule: codes best first, trace ``facts → codes: reasons``, and whether it is provisional.

    Args:
        rule: a rule of ``grade_rules`` (its ``scheme`` and ``status`` are taken over).
        ladder: the codes of the damage, best first.
        possible: the codes that remain; empty if the rules have no answer.
        facts: what was measured or seen.
        reasons: why more than one code remains.
    """
    wanted = set(possible)
    codes = tuple(code for code in ladder if code in wanted)
    fact, reason = joined(facts, "・"), joined(() if len(codes) == 1 else reasons, "、")
    if len(codes) == 1:
        result = Words(codes[0], codes[0])
    elif codes:
        span = code_range(codes, ladder)
        result = Words(f"{span}のいずれか", f"one of {', '.join(codes)}")
    else:
        result = Words("要確認", "needs check")
    ja = f"{fact.ja} → {result.ja}" + (f" (理由: {reason.ja})" if reason.ja else "")
    en = f"{fact.en} -> {result.en}" + (f" (reason: {reason.en})" if reason.en else "")
    if rule["status"] == "draft":
        ja, en = f"{ja}〔暫定〕", f"{en} [provisional]"
    standard = load_standard("grade_rules")
    return Grade(rule["scheme"], codes, ja, en, "grade_rules", standard["version"], rule["status"])
