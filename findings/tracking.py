"""What became of a finding between two inspections."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from findings.registration import PictureRegistration
from findings.status import FindingStatus


class TrackState(StrEnum):
    """What the comparison with the last inspection says about one finding."""

    NEW = "new"
    PROGRESSED = "progressed"
    UNCHANGED = "unchanged"
    REPAIRED_SUSPECTED = "repaired_suspected"  # seen clearly, nothing found, the surface looks different
    NOT_FOUND = "not_found"  # recorded last time, absent now: must be explained (the forms' NG)
    NOT_ASSESSABLE = "not_assessable"


@dataclass(frozen=True, slots=True)
class Growth:
    """How fast one measure grew: per year, with its 95 % interval.

    Attributes:
        name: of the measure.
        unit: of the rate, e.g. ``mm/yr``.
        per_year: None where only bounds are known.
        low: lower end of the interval.
        high: upper end of the interval.
        years: between the two captures.
    """

    name: str
    unit: str
    per_year: float | None
    low: float | None
    high: float | None
    years: float


@dataclass(frozen=True, slots=True)
class Track:
    """One finding of this survey, of the previous one, or of both.

    Attributes:
        finding_uid: of this survey; None where nothing was found now.
        previous_uid: of the previous survey; None where it is new.
        confidence: 0..1 of the match, 0 without one.
        registration: the previous picture in the present one, or None.
        sights: uids of the previous and the present sight whose pictures it joins, of a damage seen both times; the
            sights that lead may stand on other pictures.
        previous_status: what people decided about the previous finding.
        previous_grade: its final grade, else its worst suggested one.
    """

    survey_uid: str
    previous_survey_uid: str
    finding_uid: str | None
    previous_uid: str | None
    state: TrackState
    growth: tuple[Growth, ...] = ()
    confidence: float = 0.0
    registration: PictureRegistration | None = None
    note_ja: str = ""
    note_en: str = ""
    previous_status: FindingStatus | None = None
    previous_grade: str | None = None
    sights: tuple[str, str] | None = None
