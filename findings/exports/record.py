"""One survey as sheets and reports show it: findings in their order, what became of earlier ones, what was not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from findings.asset import Asset
from findings.finding import Domain, Finding, FindingStatus, Priority
from findings.registration import PictureRegistration
from findings.review import Review
from findings.survey import Image, Survey
from findings.taxonomy import damage_type
from findings.tracking import Track
from findings.wording import Language

DRAFT: Mapping[Language, str] = {"ja": "暫定", "en": "provisional"}
LEFT_OUT = (FindingStatus.REJECTED, FindingStatus.DUPLICATE)
"""Decisions that keep a finding out of the forms; it stays in the list and in the record."""


@dataclass(frozen=True, slots=True)
class Joined:
    """One damage on two registered pictures: what was seen last time and what is seen now."""

    then: Finding
    then_image: Image
    now: Finding
    now_image: Image
    registration: PictureRegistration


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding with everything that belongs to it.

    Attributes:
        rank: 1 is looked at first, within the survey.
        reviews: oldest first.
        sights: further sights of the same defect.
        sight_pictures: names of their picture files.
        track: against the previous survey; None where nobody compared.
        previous: the finding of the previous survey, or None.
        joined: the sights then and now whose pictures one registration joins, or None.
    """

    rank: int
    finding: Finding
    priority: Priority | None
    asset: Asset | None
    image: Image | None
    reviews: tuple[Review, ...] = ()
    sights: tuple[Finding, ...] = ()
    sight_pictures: tuple[str, ...] = ()
    track: Track | None = None
    previous: Finding | None = None
    joined: Joined | None = None

    @property
    def grade(self) -> str:
        """The final grade, else the suggested ones: ``d``, ``b～d``, ``c/e``; empty without a rule."""
        return grade_text(self.finding)

    @property
    def draft(self) -> bool:
        """Whether the grade comes from a rule that nobody confirmed yet."""
        return is_draft(self.finding)

    @property
    def previous_grade(self) -> str:
        """What was recorded last time; empty where nothing was or nobody compared."""
        if self.track is not None and self.track.previous_grade is not None:
            return self.track.previous_grade
        return grade_text(self.previous) if self.previous is not None else ""

    @property
    def picture_name(self) -> str:
        """Name of the picture's file."""
        return Path(self.image.path).name if self.image is not None else ""


@dataclass(frozen=True, slots=True)
class Lost:
    """A finding of the previous survey that this one does not have: it must be explained (NG)."""

    track: Track
    previous: Finding
    asset: Asset | None


@dataclass(frozen=True, slots=True)
class MemberSeen:
    """How one member of one span was photographed; ``gaps``: why pictures do not count, ja, en and how many."""

    span: int | None
    member: str | None
    pictures: int
    fit: int
    judged: int
    area_m2: float | None
    gaps: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class DaySeen:
    """How much of a reach's length the scenes of one day show; ``unmasked``: nobody looked for clouds."""

    day: str
    scenes: int
    in_view: float
    clear: float
    unmasked: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of one asset was seen well enough.

    Attributes:
        cracks: (target width mm, GSD mm/px that it needs, photographs that can show it, photographs); None: not asked.
        plan: (total, unit, share photographed, share finely and clearly enough), or None.
        notes: what must be known before trusting the rows, ja and en.
    """

    asset_name: str
    cracks: tuple[float, float, int, int] | None
    members: tuple[MemberSeen, ...]
    plan: tuple[float, str, float, float] | None
    days: tuple[DaySeen, ...]
    notes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Unseen:
    """Something that was not seen: a member without pictures, or a picture that does not count.

    Attributes:
        picture: file name; empty for a member that no picture shows.
        ja, en: the reason as one word, e.g. 分解能不足.
        why: the numbers behind it.
    """

    asset_name: str
    span: int | None
    member: str | None
    picture: str
    ja: str
    en: str
    why: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What one class of a model was measured at on its test pictures.

    Attributes:
        damage: code, or ``water``.
        recall, precision: shares of pixels (検出率, 的中率); None: not measured.
        recall_95, precision_95: their 95 % intervals.
        data: the test set in words.
    """

    name: str
    damage: str
    recall: float | None
    recall_95: tuple[float, float] | None
    precision: float | None
    precision_95: tuple[float, float] | None
    data: str


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One model version that made findings of the survey; ``limits`` as its card states them, in English."""

    name: str
    version: str
    weights_sha256: str
    findings: int
    verified: tuple[Verified, ...] = ()
    limits: tuple[str, ...] = ()
    gsd_range_mm: tuple[float, float] | None = None
    note: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class SurveyRecord:
    """One survey, whole.

    Attributes:
        as_of: the last change of what is shown here: pictures, findings or reviews; not the clock of the day.
        entries: what leads its defect, in the order of the ranking; rejected ones too.
        lost: findings of the previous survey that must be explained.
        previous: name of the survey that this one was compared with; None: with none.
        previous_findings: what leads its defect there and is still found, for the worst grades of last time.
        software: name and version of this program.
    """

    survey: Survey
    as_of: datetime
    asset: Asset | None
    assets: Mapping[str, Asset]
    images: tuple[Image, ...]
    entries: tuple[Entry, ...]
    software: str
    lost: tuple[Lost, ...] = ()
    previous: str | None = None
    coverage: tuple[Coverage, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    models: tuple[ModelFacts, ...] = ()
    code_versions: tuple[str, ...] = ()
    previous_findings: tuple[Finding, ...] = ()

    @property
    def asset_uids(self) -> tuple[str, ...]:
        """The assets of the survey: its own first, then those of its findings and pictures."""
        uids = [self.asset.uid] if self.asset is not None else []
        uids += [entry.finding.asset_uid for entry in self.entries if entry.finding.asset_uid]
        own = (image.assignment.asset_uid for image in self.images if image.assignment is not None)
        uids += [uid for uid in own if uid]
        return tuple(uid for uid in dict.fromkeys(uids) if uid in self.assets)

    @property
    def forms(self) -> tuple[Entry, ...]:
        """The entries that belong into the forms: what people rejected or called a duplicate is left out."""
        return tuple(entry for entry in self.entries if entry.finding.status not in LEFT_OUT)

    @property
    def bridge(self) -> tuple[Entry, ...]:
        """The entries of the bridge forms."""
        return tuple(entry for entry in self.forms if entry.finding.domain is Domain.BRIDGE)

    @property
    def river(self) -> tuple[Entry, ...]:
        """The entries of the river record."""
        return tuple(entry for entry in self.forms if entry.finding.domain is Domain.RIVER)


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A JPEG file in memory and its size in pixels."""

    content: bytes
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class Shot:
    """The picture of one finding with outline and scale bar.

    Attributes:
        detail: the place; None: there is no picture, and ``note`` says why.
        whole: the whole picture with a box around the place, or None.
        pair: the place then and now in one frame; None where no registration joins the two pictures.
        note: what the reader must know, ja and en; empty texts where there is nothing.
    """

    detail: Jpeg | None
    whole: Jpeg | None = None
    pair: Jpeg | None = None
    note: tuple[str, str] = ("", "")


class Shots(Protocol):
    """Gives the picture of a finding when it is needed, so that a long survey stays small in memory."""

    def __call__(self, entry: Entry) -> Shot:
        """Return the picture of an entry."""


def grade_text(finding: Finding) -> str:
    """Return the final grade of a finding, else its suggested ones: ``d``, ``b～d``; empty without a rule."""
    if finding.final_grade is not None:
        return finding.final_grade
    token = damage_type(finding.damage).label(finding.grade)
    return token[len(damage_type(finding.damage).label()) + 1 :]


def is_draft(finding: Finding) -> bool:
    """Return whether the grade is no person's and comes from a draft of the rules."""
    return finding.final_grade is None and finding.grade is not None and finding.grade.status == "draft"
