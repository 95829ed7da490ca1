"""A comparison of two surveys as rows: for a person, for a program."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from findings.comparison import grade_of
from findings.comparison_words import STATES
from findings.finding import Finding
from findings.growth_words import growth_text, told
from findings.taxonomy import damage_type
from findings.tracking import Track, TrackState

if TYPE_CHECKING:
    from inference.track import SurveyComparison

COLUMNS = ("state", "damage", "member", "grade then -> now", "growth per year", "note", "id")
ORDER = (TrackState.NOT_FOUND, TrackState.REPAIRED_SUSPECTED, TrackState.PROGRESSED, TrackState.NEW,
         TrackState.NOT_ASSESSABLE, TrackState.UNCHANGED)  # fmt: skip
"""The list's order: what must be explained first."""


def in_order(found: SurveyComparison) -> list[tuple[int, Track]]:
    """Return the tracks with their numbers, those that must be explained first; then by the worst grade."""
    leaders = leading(found)

    def key(item: tuple[int, Track]) -> tuple[int, str, int]:
        finding = leaders[item[1].finding_uid or item[1].previous_uid or ""]
        return ORDER.index(item[1].state), _falling(grade_of(finding)), item[0]

    return sorted(enumerate(found.tracks, 1), key=key)


def _falling(grade: str | None) -> str:
    return "~" if grade is None else chr(0x7A - ord(grade[0]) + 0x61)


def leading(found: SurveyComparison) -> dict[str, Finding]:
    """Return the leading findings of both surveys by uid."""
    return {defect[0].uid: defect[0] for side in (found.before, found.after) for defect in side.defects}


def cells(track: Track, leaders: Mapping[str, Finding]) -> tuple[str, ...]:
    """Return the cells of `COLUMNS`."""
    finding = leaders[track.finding_uid or track.previous_uid or ""]
    words = STATES[track.state.value]
    return (
        f"{words.ja} {words.en}",
        damage_type(finding.damage).label(),
        place_text(finding),
        grades_text(track, leaders),
        "; ".join(growth_text(growth) for growth in told(track.growth)),
        track.note_en,
        finding.uid[:12],
    )


def place_text(finding: Finding) -> str:
    """Return ``span 2 Mg 0101`` as far as it is known."""
    parts = [f"span {finding.span}" if finding.span is not None else "", finding.member or "", finding.element_no or ""]
    return " ".join(part for part in parts if part)


def grades_text(track: Track, leaders: Mapping[str, Finding]) -> str:
    """Return ``c -> d``; a dash where there is none."""
    now = None if track.finding_uid is None else grade_of(leaders[track.finding_uid])
    rejected = "" if track.previous_status is None else {"rejected": " (rejected)", "duplicate": " (duplicate)"}.get(
        track.previous_status.value, ""
    )  # fmt: skip
    return f"{track.previous_grade or '-'}{rejected} -> {now or '-'}"


def record(found: SurveyComparison, pictures: Mapping[int, Path] | None = None) -> dict[str, Any]:
    """Return a comparison as plain JSON values, in the order of the list."""
    leaders = leading(found)
    known = pictures or {}
    return {
        "previous": found.previous.name,
        "survey": found.now.name,
        "counts": found.counts,
        "to_explain": [t.previous_uid for _, t in in_order(found) if t.state is TrackState.NOT_FOUND],
        "tracks": [_track_record(track, leaders, known.get(number)) for number, track in in_order(found)],
        "rejected_and_gone": found.gone,
        "registered": {"pairs": found.pairs, "joined": len(found.registrations)},
        "remarks": list(found.remarks),
    }


def _track_record(track: Track, leaders: Mapping[str, Finding], picture: Path | None) -> dict[str, Any]:
    finding = leaders[track.finding_uid or track.previous_uid or ""]
    now = None if track.finding_uid is None else grade_of(leaders[track.finding_uid])
    return {
        "state": track.state.value,
        "finding": track.finding_uid,
        "previous": track.previous_uid,
        "damage": finding.damage,
        "span": finding.span,
        "member": finding.member,
        "previous_grade": track.previous_grade,
        "previous_status": None if track.previous_status is None else track.previous_status.value,
        "grade": now,
        "growth": [
            {"measure": g.name, "unit": g.unit, "per_year": g.per_year, "low": g.low, "high": g.high, "years": g.years}
            for g in track.growth
        ],
        "confidence": track.confidence,
        "note_ja": track.note_ja,
        "note_en": track.note_en,
        "picture": None if picture is None else str(picture),
    }
