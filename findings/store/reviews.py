"""Reviews in the store: appended, never changed; a finding's status and final grade follow them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from findings.errors import NotFound, RecordError, StoreError
from findings.finding import Finding
from findings.labels import label_named
from findings.review import LISTED, PERSON, PictureReview, Review, check_outline, check_review, says_the_same
from findings.store import audit
from findings.store.assets import chunks
from findings.store.convert import finding_columns, picture_review_value, review_columns, review_value
from findings.store.recording import new_record
from findings.store.schema import FindingRecord, ImageRecord, PictureReviewRecord, ReviewRecord, SurveyRecord
from findings.store.values import Counts
from findings.taxonomy import damage_type

Entries = dict[str, list[audit.Entry]]


def add(
    session: Session,
    reviews: Sequence[Review],
    drawn: Sequence[Finding] = (),
    pictures: Sequence[PictureReview] = (),
) -> Counts:
    """Append reviews, all or nothing, and let the findings' status and final grade follow.

    A review whose uid is known, or that says what the finding's latest review of the same person said, adds nothing.

    Args:
        session: of the store.
        reviews: in the order in which they were made.
        drawn: findings that people drew; those whose uid is known already are left as they are.
        pictures: whether whole pictures were looked over.

    Raises:
        NotFound: a finding or picture is not in the store.
        RecordError: a review that cannot be kept truly, or a final grade that the damage does not have.
        StoreError: a drawn finding claims to be a model's.
    """
    for review in reviews:
        check_review(review)
    entries: Entries = {}
    made = _draw(session, entries, drawn, {review.finding_uid: review.reviewer for review in reviews})
    added = _append(session, entries, reviews)
    seen = _append_pictures(session, entries, pictures)
    for reviewer, theirs in entries.items():
        audit.append(session, reviewer, theirs)
    given = len(drawn) + len(reviews) + len(pictures)
    return Counts(added=made + added + seen, unchanged=given - made - added - seen)


def every(
    session: Session, finding_uid: str | None = None, survey: str | None = None, image_uid: str | None = None
) -> list[Review]:
    """Return reviews in the order in which they were added.

    Raises:
        NotFound: no survey of that name.
    """
    query = _narrowed(session, sa.select(ReviewRecord).order_by(ReviewRecord.id), ReviewRecord, survey, image_uid)
    if finding_uid is not None:
        query = query.where(ReviewRecord.finding_uid == finding_uid)
    return [review_value(row) for row in session.scalars(query)]


def pictures(session: Session, survey: str | None = None, image_uid: str | None = None) -> list[PictureReview]:
    """Return reviews of whole pictures in the order in which they were added."""
    query = sa.select(PictureReviewRecord).order_by(PictureReviewRecord.id)
    query = _narrowed(session, query, PictureReviewRecord, survey, image_uid)
    return [picture_review_value(row) for row in session.scalars(query)]


def _narrowed(session: Session, query: Any, table: Any, survey: str | None, image_uid: str | None) -> Any:
    if survey is not None:
        uid = session.scalar(sa.select(SurveyRecord.uid).where(SurveyRecord.name == survey))
        if uid is None:
            raise NotFound(f"no survey named {survey!r}; `mizuhashi surveys list` shows them")
        of_survey = sa.select(ImageRecord.uid).where(ImageRecord.survey_uid == uid)
        query = query.where(table.image_uid.in_(of_survey))
    return query if image_uid is None else query.where(table.image_uid == image_uid)


def _draw(session: Session, entries: Entries, drawn: Sequence[Finding], by: dict[str, str]) -> int:
    known = _findings(session, [finding.uid for finding in drawn])
    made = 0
    for finding in drawn:
        if finding.provenance.model != PERSON:
            raise StoreError(f"finding {finding.uid} is model {finding.provenance.model}'s; only people draw by review")
        check_outline(finding.geometry_px, f"finding {finding.uid}")
        if finding.uid in known:
            continue
        values = {**finding_columns(finding), "active": True}
        session.add(new_record(finding, values))
        entry = audit.Entry("added", "finding", finding.uid, after=audit.readable(values))
        entries.setdefault(by.get(finding.uid, PERSON), []).append(entry)
        made += 1
    session.flush()
    return made


def _append(session: Session, entries: Entries, reviews: Sequence[Review]) -> int:
    findings = _findings(session, list(dict.fromkeys(review.finding_uid for review in reviews)))
    missing = next((review.finding_uid for review in reviews if review.finding_uid not in findings), None)
    if missing is not None:
        raise NotFound(f"no finding with id {missing!r}, which was reviewed; `mizuhashi findings list` shows them")
    uids, latest = _known(session, reviews)
    added = 0
    for review in reviews:
        before = latest.get(review.finding_uid)
        if review.uid in uids or (before is not None and says_the_same(before, review)):
            continue
        record = findings[review.finding_uid]
        _check_grade(record, review)
        values = review_columns(review, record.image_uid)
        session.add(ReviewRecord(**values))
        entry = audit.Entry("added", "review", review.uid, after=audit.readable(values))
        entries.setdefault(review.reviewer, []).extend([entry, *_follow(record, review)])
        uids.add(review.uid)
        latest[review.finding_uid] = review
        added += 1
    return added


def _follow(record: FindingRecord, review: Review) -> list[audit.Entry]:
    """Let the finding's review columns follow; its version grows with every review, so that stale writers notice."""
    wanted: dict[str, Any] = {"status": review.decision.value}
    if review.final_grade is not None:
        wanted["final_grade"] = review.final_grade
    if review.decision in LISTED:
        wanted["active"] = True  # a person saw it, whatever the latest model run says
    before, after = audit.change(record, wanted)
    flag_modified(record, "status")
    return [audit.Entry("reviewed", "finding", record.uid, before, after)] if after else []


def _check_grade(record: FindingRecord, review: Review) -> None:
    damage = record.damage if review.label is None else label_named(review.label).damage
    grades = damage_type(damage).grades
    if review.final_grade is not None and review.final_grade not in grades:
        raise RecordError(
            f"review of finding {record.uid}: final grade {review.final_grade[:20]!r}; "
            f"{damage_type(damage).label()} has {', '.join(grades) or 'no grades'}"
        )


def _append_pictures(session: Session, entries: Entries, values: Sequence[PictureReview]) -> int:
    uids = [value.image_uid for value in values]
    there: set[str] = set()
    latest: dict[str, PictureReview] = {}
    known: set[str] = set()
    for part in chunks(uids):
        there.update(session.scalars(sa.select(ImageRecord.uid).where(ImageRecord.uid.in_(part))))
        query = sa.select(PictureReviewRecord).where(PictureReviewRecord.image_uid.in_(part))
        for row in session.scalars(query.order_by(PictureReviewRecord.id)):
            latest[row.image_uid] = picture_review_value(row)
            known.add(row.uid)
    added = 0
    for value in values:
        if value.image_uid not in there:
            raise NotFound(f"no image with id {value.image_uid!r}, which was reviewed; ingest it into a survey first")
        before = latest.get(value.image_uid)
        if value.uid in known or value.complete == (before is not None and before.complete):
            continue
        columns = {name: getattr(value, name) for name in ("uid", "image_uid", "complete", "reviewer", "at", "source")}
        session.add(PictureReviewRecord(**columns))
        entry = audit.Entry("added", "picture_review", value.uid, after=audit.readable(columns))
        entries.setdefault(value.reviewer, []).append(entry)
        latest[value.image_uid] = value
        known.add(value.uid)
        added += 1
    return added


def _findings(session: Session, uids: Sequence[str]) -> dict[str, FindingRecord]:
    found: dict[str, FindingRecord] = {}
    for part in chunks(uids):
        query = sa.select(FindingRecord).where(FindingRecord.uid.in_(part)).order_by(FindingRecord.id)
        found.update((record.uid, record) for record in session.scalars(query.with_for_update()))
    return found


def _known(session: Session, reviews: Sequence[Review]) -> tuple[set[str], dict[str, Review]]:
    """Return which of these reviews the store has, and each finding's latest review."""
    uids: set[str] = set()
    latest: dict[str, Review] = {}
    for part in chunks(list(dict.fromkeys(review.finding_uid for review in reviews))):
        query = sa.select(ReviewRecord).where(ReviewRecord.finding_uid.in_(part)).order_by(ReviewRecord.id)
        for row in session.scalars(query):
            latest[row.finding_uid] = review_value(row)
    for part in chunks([review.uid for review in reviews]):
        uids.update(session.scalars(sa.select(ReviewRecord.uid).where(ReviewRecord.uid.in_(part))))
    return uids, latest
