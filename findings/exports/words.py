"""What became of a finding since the last inspection, in the words of the forms."""

from __future__ import annotations

from findings.comparison_words import STATES
from findings.errors import GradingError
from findings.exports.record import Entry
from findings.growth_words import growth_text, told
from findings.taxonomy import damage_type, member_kind
from findings.tracking import TrackState
from findings.wording import Language

NOT_COMPARED = ("前回の調査と比較していない", "not compared with an earlier survey")


def pick(pair: tuple[str, str], language: Language) -> str:
    """Return one of a pair of words, ja and en."""
    return pair[0] if language == "ja" else pair[1]


def state_words(state: TrackState, language: Language) -> str:
    """Return a track's state in words; what must be explained is marked NG, as the forms mark it."""
    words = STATES[state]
    return words.ja if language == "ja" else words.en


def previous_words(entry: Entry, language: Language) -> str:
    """Return what became of a finding since the last inspection: state, last grade, growth."""
    track = entry.track
    if track is None:
        return pick(NOT_COMPARED, language)
    parts = [state_words(track.state, language)]
    if entry.previous_grade:
        parts.append(f"前回 {entry.previous_grade}" if language == "ja" else f"last time {entry.previous_grade}")
    shown = told(track.growth)
    parts += [growth_text(growth, language) for growth in shown]
    parts += [f"{shown[0].years:.1f}年間" if language == "ja" else f"over {shown[0].years:.1f} years"] if shown else []
    note = track.note_ja if language == "ja" else track.note_en
    return ", ".join([*parts, *([note] if note else [])])


def damage_words(code: str, language: Language) -> str:
    """Return ``⑥ひびわれ`` or ``⑥ Cracking (concrete)``."""
    kind = damage_type(code)
    return f"{kind.number}{kind.ja}" if language == "ja" else f"{kind.number} {kind.en}".strip()


def member_words(member: str | None, language: Language) -> str:
    """Return ``Mg 主桁`` or ``Mg main girder``; a name that the standard does not know as it is; empty for None."""
    if member is None:
        return ""
    try:
        kind = member_kind(member)
    except GradingError:
        return member
    return f"{kind.symbol} {kind.ja if language == 'ja' else kind.en}"


def member_ja(member: str | None) -> str | None:
    """Return the Japanese name of a member for the forms, e.g. 主桁; an unknown one as it is."""
    try:
        return member_kind(member).ja if member else None
    except GradingError:
        return member


def damage_ja(code: str) -> str:
    """Return ``⑥ひびわれ``; an anomaly of a river with its code."""
    kind = damage_type(code)
    return f"{kind.number}{kind.ja}"
