"""What people decide about findings: append-only reviews beside the model's prediction, which stays as it is.

The latest review decides; a corrected outline, another class or a final grade holds until a later review states
another one, so that a bare "confirmed" takes no correction back.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import shapely
from shapely.geometry import Polygon

from findings.errors import RecordError
from findings.finding import Finding, FindingStatus
from findings.identity import NAMESPACE
from findings.labels import label_named, label_of

PERSON = "person"
"""Stands for the model in the provenance of findings that a person drew."""

MOVED_PX = 0.5
"""An outline that nowhere lies farther than this from the earlier one is the same outline."""

LONGEST_NAME = 200
LONGEST_NOTE = 4000
LISTED = frozenset({FindingStatus.CONFIRMED, FindingStatus.NEEDS_CLOSE_INSPECTION})
"""Decisions that keep a finding on the list, whatever later model runs say."""


@dataclass(frozen=True, slots=True)
class Review:
    """One decision of one person about one finding.

    Attributes:
        uid: of the review; the same uid twice is the same review.
        finding_uid: what it is about; a damage that the model missed is a finding of the source ``person`` first.
        decision: ``candidate`` means looked at and left open: nobody can tell from this picture.
        reviewer: the person's account or name.
        at: aware; when the decision entered the record.
        source: the door, e.g. ``import:coco``, ``import:cvat``, ``import:labelstudio``, ``api``.
        geometry_px: the outline as corrected, or None: as it was.
        label: the class as corrected (`findings.labels`), or None: as it was.
        final_grade: code of the standard's ladder; only people set it. None: as it was.
        model: ``NAME@VERSION`` whose prediction the reviewer saw.
        external_ids: ids of the record in other tools, for the way back.
    """

    uid: str
    finding_uid: str
    decision: FindingStatus
    reviewer: str
    at: datetime
    source: str
    geometry_px: Polygon | None = None
    label: str | None = None
    final_grade: str | None = None
    note: str = ""
    model: str = ""
    external_ids: Mapping[str, str] = field(default_factory=dict)

    @property
    def damage(self) -> str | None:
        """The damage code of the corrected class, or None."""
        return None if self.label is None else label_named(self.label).damage


@dataclass(frozen=True, slots=True)
class PictureReview:
    """Whether a person looked over a whole picture: then what is not marked on it is not there.

    Attributes:
        complete: True: every damage on it is marked; False takes that back.
        at: aware.
    """

    uid: str
    image_uid: str
    complete: bool
    reviewer: str
    at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for a finding after all its reviews.

    Attributes:
        outline_px: corrected by people, else the model's.
        label: as corrected, else that of the model's prediction.
        corrected: whether people drew the outline.
        latest: the review that decided, or None: nobody has looked.
    """

    finding: Finding
    decision: FindingStatus
    outline_px: Polygon
    label: str
    final_grade: str | None
    corrected: bool
    latest: Review | None


def standing(finding: Finding, reviews: Sequence[Review]) -> Standing:
    """Return what holds for a finding after its reviews, oldest first."""
    outline, label, grade = finding.geometry_px, label_of(finding.damage, finding.details).name, finding.final_grade
    corrected = False
    for review in reviews:
        if review.geometry_px is not None:
            outline, corrected = review.geometry_px, True
        label = review.label or label
        grade = review.final_grade or grade
    latest = reviews[-1] if reviews else None
    decision = finding.status if latest is None else latest.decision
    return Standing(finding, decision, outline, label, grade, corrected, latest)


def review_uid(*parts: str) -> str:
    """Return the id of a review that is made of these parts: the same parts give the same id."""
    return str(uuid.uuid5(NAMESPACE, " ".join(("review", *(part.replace(" ", "_") for part in parts)))))


def says_the_same(a: Review, b: Review) -> bool:
    """Return whether two reviews are the same statement of the same person, whenever and by whatever door."""
    plain = ("finding_uid", "decision", "reviewer", "label", "final_grade", "note")
    if any(getattr(a, name) != getattr(b, name) for name in plain):
        return False
    if a.geometry_px is None or b.geometry_px is None:
        return a.geometry_px is b.geometry_px
    return not moved(a.geometry_px, b.geometry_px)


def moved(a: Polygon, b: Polygon, by_px: float = MOVED_PX) -> bool:
    """Return whether two outlines lie farther apart than that anywhere (Hausdorff distance of the rings)."""
    if a.exterior.coords[:] == b.exterior.coords[:]:
        return False
    if any(abs(x - y) > by_px for x, y in zip(a.bounds, b.bounds, strict=True)):
        return True
    return bool(shapely.hausdorff_distance(a.exterior, b.exterior) > by_px)


def check_review(review: Review) -> None:
    """Refuse what cannot be kept truly.

    Raises:
        RecordError: no reviewer, a time without zone, an outline that is none, a name or note that is too long, or a
            class that is unknown.
    """
    about = f"review of finding {review.finding_uid}"
    if not review.reviewer.strip() or len(review.reviewer) > LONGEST_NAME:
        raise RecordError(f"{about}: reviewer {review.reviewer[:40]!r}; expected the name of a person")
    if review.at.tzinfo is None:
        raise RecordError(f"{about}: time {review.at.isoformat()} has no zone; give an aware time")
    if len(review.note) > LONGEST_NOTE:
        raise RecordError(f"{about}: a note of {len(review.note)} characters; at most {LONGEST_NOTE} are kept")
    if review.label is not None:
        label_named(review.label)
    if review.geometry_px is not None:
        check_outline(review.geometry_px, about)


def check_outline(outline: Polygon, about: str) -> None:
    """Refuse an outline that is empty, not finite, or crosses itself.

    Raises:
        RecordError: so it is.
    """
    if outline.is_empty or outline.area <= 0 or not all(math.isfinite(value) for value in outline.bounds):
        raise RecordError(f"{about}: an outline without area; draw at least three corners that enclose pixels")
    if not outline.is_valid:
        raise RecordError(f"{about}: the outline crosses itself ({shapely.is_valid_reason(outline)}); draw it anew")
