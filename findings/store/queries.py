"""Reading findings: one, those of an image, or the ranked list page by page."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from findings.errors import NotFound, StoreError
from findings.finding import Finding, FindingStatus, Priority
from findings.store.assets import chunks
from findings.store.bbox import Box, meets_box
from findings.store.convert import UNRANKED, finding_value, priority_value
from findings.store.schema import FindingRecord, ImageRecord, ModelRunRecord, SurveyRecord, TrackRecord
from findings.store.values import Cursor, Page
from findings.survey import ImageStatus

MAXIMUM_LIMIT = 10_000
"""Findings on one page at most: it bounds the memory of one call."""

_ORDER = (FindingRecord.section_rank, FindingRecord.rank_key, FindingRecord.id)


def ranked(
    session: Session,
    *,
    survey: str | None,
    limit: int,
    cursor: Cursor | None,
    bbox: Box | None,
    minimum_score: float | None,
    damage: str | None,
    status: FindingStatus | None,
    inactive: bool,
    sights: bool = False,
) -> Page:
    """Return one page of the ranked list: by section, then place in the list, then age; unranked findings last.

    Raises:
        NotFound: no survey of that name.
        StoreError: a limit or box that cannot be.
    """
    if not 1 <= limit <= MAXIMUM_LIMIT:
        raise StoreError(f"limit {limit}: expected 1 to {MAXIMUM_LIMIT}; page through longer lists with the cursor")
    query = sa.select(FindingRecord).order_by(*_ORDER).limit(limit + 1)  # one more tells whether there is a next page
    for condition in _conditions(session, survey, bbox, minimum_score, damage, status, inactive, sights):
        query = query.where(condition)
    if cursor is not None:
        query = query.where(sa.tuple_(*_ORDER) > sa.tuple_(*(sa.literal(part) for part in cursor)))
    rows = session.scalars(query).all()
    more = len(rows) > limit
    rows = rows[:limit]
    following = Cursor(rows[-1].section_rank, rows[-1].rank_key, rows[-1].id) if more else None
    return Page(tuple((finding_value(row), priority_value(row)) for row in rows), following)


def one(session: Session, uid: str) -> tuple[Finding, Priority | None]:
    """Return one finding, active or not, with its priority.

    Raises:
        NotFound: there is none of that uid.
    """
    row = session.scalar(sa.select(FindingRecord).where(FindingRecord.uid == uid))
    if row is None:
        raise NotFound(f"no finding with id {uid!r}; `mizuhashi findings list` shows them")
    return finding_value(row), priority_value(row)


def of_image(session: Session, image_uid: str, *, inactive: bool) -> list[Finding]:
    """Return the findings of an image in the order they were added."""
    query = sa.select(FindingRecord).where(FindingRecord.image_uid == image_uid).order_by(FindingRecord.id)
    if not inactive:
        query = query.where(FindingRecord.active)
    return [finding_value(row) for row in session.scalars(query)]


def of_images(session: Session, uids: Sequence[str], *, inactive: bool) -> dict[str, list[Finding]]:
    """Return the findings of each of these images in the order they were added; an image without has an empty list."""
    found: dict[str, list[Finding]] = {uid: [] for uid in uids}
    for part in chunks(uids):
        query = sa.select(FindingRecord).where(FindingRecord.image_uid.in_(part)).order_by(FindingRecord.id)
        for row in session.scalars(query if inactive else query.where(FindingRecord.active)):
            found[row.image_uid].append(finding_value(row))
    return found


def models_run(session: Session, survey_uid: str) -> dict[str, frozenset[str]]:
    """Return the names of the models that inspected each image of a survey, by image uid."""
    found: dict[str, set[str]] = {}
    query = sa.select(ModelRunRecord.image_uid, ModelRunRecord.model).join(
        ImageRecord, ImageRecord.uid == ModelRunRecord.image_uid
    )
    inspected = ModelRunRecord.status == ImageStatus.INSPECTED.value
    for image_uid, model in session.execute(query.where(ImageRecord.survey_uid == survey_uid, inspected)):
        found.setdefault(image_uid, set()).add(model)
    return {image_uid: frozenset(models) for image_uid, models in found.items()}


def _conditions(
    session: Session,
    survey: str | None,
    bbox: Box | None,
    minimum_score: float | None,
    damage: str | None,
    status: FindingStatus | None,
    inactive: bool,
    sights: bool,
) -> Sequence[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if survey is not None:
        uid = session.scalar(sa.select(SurveyRecord.uid).where(SurveyRecord.name == survey))
        if uid is None:
            raise NotFound(f"no survey named {survey!r}; `mizuhashi ingest PATH --survey NAME` makes one")
        conditions.append(FindingRecord.survey_uid == uid)
    if bbox is not None:
        conditions.append(meets_box(sa.inspect(FindingRecord).local_table, bbox))  # type: ignore[arg-type]
    if minimum_score is not None:
        conditions += [
            FindingRecord.section_rank < UNRANKED,
            FindingRecord.priority["score"].as_float() >= minimum_score,
        ]
    if damage is not None:
        conditions.append(FindingRecord.damage == damage)
    if status is not None:
        conditions.append(FindingRecord.status == status.value)
    if not inactive:
        conditions.append(FindingRecord.active.is_(True))
    if not sights:
        conditions.append(FindingRecord.leads.is_(True))
    if survey is None and not sights:  # what a later inspection found again stands in the list as its successor
        again = sa.select(TrackRecord.previous_uid).where(
            TrackRecord.previous_uid == FindingRecord.uid, TrackRecord.finding_uid.is_not(None)
        )
        conditions.append(~again.exists())
    return conditions
