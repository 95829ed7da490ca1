"""Probabilities of grades in words: one place, so that lists, pages and reports agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from findings.finding import Grade


def percent(share: float) -> str:
    """Return a probability as whole percent: ``70 %``; ``<1 %`` and ``>99 %`` where 0 and 100 would say too much."""
    if 0 < share < 0.01:
        return "<1 %"
    return ">99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"


def chance_text(codes: Sequence[str], probabilities: Sequence[float]) -> str:
    """Return ``c 70 %, d 30 %``; nothing for a single code or where nobody knows."""
    if len(codes) < 2 or not probabilities:
        return ""
    return ", ".join(f"{code} {percent(share)}" for code, share in zip(codes, probabilities, strict=True))


def grade_chances(grade: Grade | None, final_grade: str | None = None) -> str:
    """Return the probabilities of a finding's possible grades in words; nothing once a reviewer gave a final grade."""
    return "" if grade is None or final_grade is not None else chance_text(grade.codes, grade.probabilities)


def supposition_lines(grade: Grade) -> list[str]:
    """Return a line for each supposition about what nobody knows: ``PC・疎 / PC sparse: c 6 %, d 94 %``."""
    return [
        f"{one.words_ja} / {one.words_en}: {chance_text(one.codes, one.probabilities) or ', '.join(one.codes)}"
        for one in grade.alternatives
    ]


def chances_record(grade: Grade) -> Mapping[str, float] | None:
    """Return the probabilities by code, rounded to what they are worth; None where nobody knows."""
    if not grade.probabilities:
        return None
    return {code: round(share, 4) for code, share in zip(grade.codes, grade.probabilities, strict=True)}
