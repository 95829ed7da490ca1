"""Grades with their reason in the manual's words, Japanese and English."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from findings.finding import Alternative, Grade
from findings.grading.chance import in_order
from findings.standard import load_standard
from findings.taxonomy import code_range

MOST_TOLD = 2  # suppositions that a line of a form has room for; the grade itself keeps all of them


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
    chance: Mapping[str, float] | None = None,
    alternatives: Sequence[Alternative] = (),
) -> Grade:
    """Return the grade of a rule: codes best first, trace ``facts → codes: reasons``, and whether it is provisional.

    Args:
        rule: a rule of ``grade_rules`` (its ``scheme`` and ``status`` are taken over).
        ladder: the codes of the damage, best first.
        possible: the codes that remain; empty if the rules have no answer.
        facts: what was measured or seen.
        reasons: why more than one code remains.
        chance: the probability of each code, or None where nobody knows.
        alternatives: what each supposition about the unknown would give; kept and named where they differ, and where
            they agree (or there is but one) their probabilities are the grade's.
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
    cases = () if len({(one.codes, one.probabilities) for one in alternatives}) < 2 else tuple(alternatives)
    if not cases and alternatives and alternatives[0].codes == codes:
        chance = dict(zip(codes, alternatives[0].probabilities, strict=False)) or None
    told = _told(cases, ladder)
    ja = f"{fact.ja} → {result.ja}" + (f" (理由: {reason.ja}{told.ja})" if reason.ja else "")
    en = f"{fact.en} -> {result.en}" + (f" (reason: {reason.en}{told.en})" if reason.en else "")
    if rule["status"] == "draft":
        ja, en = f"{ja}〔暫定〕", f"{en} [provisional]"
    standard = load_standard("grade_rules")
    probabilities = () if cases else in_order(codes, chance)
    return Grade(
        rule["scheme"], codes, ja, en, "grade_rules", standard["version"], rule["status"], probabilities, cases
    )


def _told(cases: Sequence[Alternative], ladder: tuple[str, ...]) -> Words:
    """Return ``。RCならc、PCならd``: what each supposition gives, where they give different codes."""
    if len({one.codes for one in cases}) < 2 or len(cases) > MOST_TOLD:
        return Words("", "")
    ja = "、".join(f"{one.words_ja}なら{code_range(one.codes, ladder)}" for one in cases)
    en = ", ".join(f"{one.words_en}: {code_range(one.codes, ladder)}" for one in cases)
    return Words(f"。{ja}", f"; {en}")


def alternative(
    words: Words, ladder: tuple[str, ...], chance: Mapping[str, float] | Iterable[str], structure: str | None = None
) -> Alternative:
    """Return a supposition with its codes, best first; ``chance`` holds their probabilities, or the codes alone."""
    codes = tuple(code for code in ladder if code in set(chance))
    return Alternative(
        words.ja, words.en, codes, in_order(codes, chance if isinstance(chance, Mapping) else None), structure
    )
