"""What a returned file decides, held against what the record knows: nothing is written here.

- A mark whose decision is ``pending`` and that nobody changed decides nothing.
- An outline that moved by more than half a pixel, or another class, is a correction; it confirms a candidate.
- A mark without finding id was drawn by a person: it is a new finding, unless it lies on one that the picture has.
- A mark that is gone decides nothing, unless the caller says that deleting means rejecting; then only on pictures that
  still have the findings that went out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import PurePosixPath

import shapely
from shapely.geometry import Polygon

from findings.errors import RecordError
from findings.exports.task import DECISIONS, PENDING, ReviewItem, ReviewPicture, ReviewTask, content_digest, one_part
from findings.finding import Finding, FindingStatus
from findings.identity import finding_uid
from findings.labels import class_key, label_named
from findings.review import PictureReview, Review, Standing, moved, review_uid, says_the_same, standing
from findings.survey import Image

SETTLED = frozenset({FindingStatus.REJECTED, FindingStatus.DUPLICATE})
"""Findings that do not go out for review again."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the record knows of the pictures in a file.

    Attributes:
        images: by uid.
        findings: of these images, active or not.
        active: uids of those that are listed.
        reviews: by finding, oldest first.
        complete: uids of images that somebody looked over whole.
    """

    images: Mapping[str, Image]
    findings: Sequence[Finding]
    active: frozenset[str]
    reviews: Mapping[str, Sequence[Review]]
    complete: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Door:
    """Who brings the file, when, by which door, and what silence means.

    Attributes:
        source: e.g. ``import:cvat``.
        file_digest: of the file; the same file twice makes the same reviews.
        missing_rejects: a mark that is gone was rejected.
        pending_confirms: a mark that was left as it was is confirmed.
    """

    reviewer: str
    at: datetime
    source: str
    file_digest: str
    missing_rejects: bool = False
    pending_confirms: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """A damage that a person drew: a finding to be made, with the uid by the rule of identity."""

    uid: str
    image: Image
    label: str
    outline_px: Polygon


@dataclass(slots=True)
class Incoming:
    """What a file decides, and what it leaves alone.

    Attributes:
        pending: marks without a decision.
        corrected: reviews that bring another outline or class.
        missing: findings that went out and are not in the file.
        unclear: pictures whose findings changed since they went out, so that nobody can tell what is missing.
        superseded: decisions that this person made before and somebody else has overruled since.
    """

    reviews: list[Review] = field(default_factory=list)
    drawn: list[Drawn] = field(default_factory=list)
    pictures: list[PictureReview] = field(default_factory=list)
    pending: int = 0
    corrected: int = 0
    missing: int = 0
    unclear: int = 0
    superseded: int = 0


def picture_names(images: Sequence[Image]) -> dict[str, str]:
    """Return the name of each image in a file by uid: that of its own file, with the uid in front where two agree."""
    names = [PurePosixPath(image.path.replace("\\", "/")).name for image in images]
    lower = [name.lower() for name in names]
    return {
        image.uid: name if lower.count(name.lower()) == 1 else f"{image.uid[:8]}_{name}"
        for image, name in zip(images, names, strict=True)
    }


def match_pictures(task: ReviewTask, images: Sequence[Image]) -> dict[str, ReviewPicture]:
    """Return the file's pictures by image uid, told by uid or by name.

    Raises:
        RecordError: a picture of none of the images, of another size, or twice.
    """
    by_uid = {image.uid: image for image in images}
    names = {name: uid for uid, name in picture_names(images).items()}
    found: dict[str, ReviewPicture] = {}
    for picture in task.pictures:
        uid = picture.image_uid or names.get(PurePosixPath(picture.file_name).name, "")
        image = by_uid.get(uid)
        if image is None:
            raise RecordError(
                f"picture {picture.file_name[:80]!r} (id {picture.image_uid[:40] or 'none'}) is none of the survey's "
                f"{len(images)} pictures; name the right survey with --survey"
            )
        if (picture.width_px, picture.height_px) != (image.width_px, image.height_px):
            raise RecordError(
                f"picture {picture.file_name[:80]!r} is {picture.width_px} x {picture.height_px} px in the file and "
                f"{image.width_px} x {image.height_px} px in the record; review the pictures in their own size"
            )
        if uid in found:
            raise RecordError(f"picture {picture.file_name[:80]!r} stands twice in the file; keep one of them")
        found[uid] = picture
    return found


def decide(pictures: Mapping[str, ReviewPicture], known: Known, door: Door) -> Incoming:
    """Return what the pictures of a file decide, by image uid.

    Raises:
        RecordError: a finding that is not in the record or lies on another picture, an unknown class, or an outline
            beside the picture.
    """
    found = Incoming()
    by_uid = {finding.uid: finding for finding in known.findings}
    for image_uid, picture in pictures.items():
        marks = {item.finding_uid for item in picture.items if item.finding_uid}
        for number, item in enumerate(picture.items, start=1):
            about = f"{picture.file_name[:80]}, mark {number}"
            label_named(item.label)
            if item.finding_uid:
                finding = by_uid.get(item.finding_uid)
                if finding is None or finding.image_uid != image_uid:
                    raise RecordError(
                        f"{about}: finding {item.finding_uid[:60]!r} is not a finding of that picture in this store; "
                        "import into the store that exported it, or empty the id of a mark drawn anew"
                    )
                _marked(found, finding, item, known, door, about)
            else:
                _drawn(found, item, known, door, known.images[image_uid], marks, about)
        _gone(found, image_uid, picture, marks, known, door)
        if picture.complete is not None and picture.complete != (image_uid in known.complete):
            uid = review_uid(door.file_digest, "picture", image_uid, door.reviewer)
            args = (uid, image_uid, picture.complete, door.reviewer, door.at, door.source)
            found.pictures.append(PictureReview(*args))
    return found


def _marked(found: Incoming, finding: Finding, item: ReviewItem, known: Known, door: Door, about: str) -> None:
    earlier = known.reviews.get(finding.uid, ())
    now = standing(finding, earlier)
    outline = (
        _inside(item.outline_px, known, finding.image_uid, about) if moved(item.outline_px, now.outline_px) else None
    )
    label = item.label if item.label != now.label else None
    grade = item.final_grade if item.final_grade and item.final_grade != now.final_grade else None
    changed = outline is not None or label is not None or grade is not None
    decision = _decision(item.decision, now, changed, door)
    if decision is None:
        found.pending += 1
        return
    review = Review(
        uid=review_uid(door.file_digest, finding.uid, door.reviewer),
        finding_uid=finding.uid,
        decision=decision,
        reviewer=door.reviewer,
        at=door.at,
        source=door.source,
        geometry_px=outline,
        label=label,
        final_grade=grade,
        note=item.note,
        model=item.model or f"{finding.provenance.model}@{finding.provenance.model_version}",
        external_ids=item.external_ids,
    )
    if _overruled(review, earlier):
        found.superseded += 1
        return
    found.corrected += outline is not None or label is not None
    found.reviews.append(review)


def _decision(text: str, now: Standing, changed: bool, door: Door) -> FindingStatus | None:
    if text != PENDING:
        return DECISIONS[text]
    if changed:  # whoever mends an outline has looked at it
        return FindingStatus.CONFIRMED if now.decision is FindingStatus.CANDIDATE else now.decision
    return FindingStatus.CONFIRMED if door.pending_confirms and now.latest is None else None


def _overruled(review: Review, earlier: Sequence[Review]) -> bool:
    """Return whether this person said so before and somebody else has decided otherwise since: a file used again."""
    if not earlier or earlier[-1].reviewer == review.reviewer:
        return False
    return any(says_the_same(old, review) for old in earlier)


def _drawn(
    found: Incoming, item: ReviewItem, known: Known, door: Door, image: Image, marks: set[str], about: str
) -> None:
    outline = _inside(item.outline_px, known, image.uid, about)
    label = label_named(item.label)
    others = [finding for finding in known.findings if finding.image_uid == image.uid and finding.uid not in marks]
    alike = [
        replace(finding, damage=label.damage, geometry_px=now.outline_px, details={"class": class_key(label)})
        for finding in others
        if (now := standing(finding, known.reviews.get(finding.uid, ()))).label == item.label
    ]
    taken = frozenset(drawn.uid for drawn in found.drawn)
    uid = finding_uid(image.uid, label.damage, outline, alike, taken, class_key(label))
    finding = next((finding for finding in others if finding.uid == uid), None)
    if finding is not None:
        decided = item.decision if item.decision != PENDING else "confirmed"
        again = ReviewItem(uid, item.label, outline, decision=decided, final_grade=item.final_grade, note=item.note)
        marks.add(uid)
        _marked(found, finding, again, known, door, about)
        return
    found.drawn.append(Drawn(uid, image, item.label, outline))
    found.reviews.append(
        Review(
            uid=review_uid(door.file_digest, uid, door.reviewer),
            finding_uid=uid,
            decision=DECISIONS.get(item.decision, FindingStatus.CONFIRMED),  # drawing is deciding
            reviewer=door.reviewer,
            at=door.at,
            source=door.source,
            final_grade=item.final_grade or None,
            note=item.note,
            external_ids=item.external_ids,
        )
    )


def _gone(found: Incoming, image_uid: str, picture: ReviewPicture, marks: set[str], known: Known, door: Door) -> None:
    listed = {f.uid: f for f in known.findings if f.image_uid == image_uid and f.uid in known.active}
    open_ = {uid for uid, finding in listed.items() if finding.status not in SETTLED}
    sent = next((uids for uids in (open_, set(listed)) if content_digest(uids) == picture.content), None)
    if sent is None:
        found.unclear += bool(open_ - marks)
        return
    gone = sorted(sent - marks)
    found.missing += len(gone)
    for uid in gone if door.missing_rejects else ():
        if listed[uid].status in SETTLED:
            continue
        made = listed[uid].provenance
        found.reviews.append(
            Review(
                uid=review_uid(door.file_digest, uid, door.reviewer),
                finding_uid=uid,
                decision=FindingStatus.REJECTED,
                reviewer=door.reviewer,
                at=door.at,
                source=door.source,
                note="deleted in the label tool",
                model=f"{made.model}@{made.model_version}",
            )
        )


def _inside(outline: Polygon, known: Known, image_uid: str, about: str) -> Polygon:
    """Return the part of an outline that lies on the picture."""
    image = known.images[image_uid]
    frame = shapely.box(0, 0, image.width_px, image.height_px)
    if frame.covers(outline):
        return outline
    inside = shapely.intersection(outline, frame)
    if inside.area < 0.5 * outline.area:
        raise RecordError(
            f"{about}: more than half of the outline lies beside the picture of "
            f"{image.width_px} x {image.height_px} px; was it drawn on a resized copy?"
        )
    return one_part(inside, about)
