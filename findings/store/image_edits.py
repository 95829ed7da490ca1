"""What may change about a stored image after its ingest: what it shows, and where its file lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from findings.assignment import check_place, merged
from findings.errors import NotFound, StoreError
from findings.store import audit
from findings.store.assets import chunks
from findings.store.convert import asset_value, image_columns, image_value
from findings.store.schema import AssetRecord, FindingRecord, ImageRecord, SurveyRecord
from findings.store.values import Counts
from findings.survey import Assignment, Image


def assign(session: Session, actor: str, given: Mapping[str, Assignment | None]) -> Counts:
    """Write what images show, by image uid, each merged with what is stored: a weaker source overwrites nothing.

    None takes an assignment back, with its span and member. All or nothing.

    Raises:
        NotFound: no such image or asset.
        RecordError: the asset has no such span or member.
        GradingError: an unknown member.
        StoreError: a confidence outside 0..1.
    """
    records = _records(session, list(given))
    assets = _assets(session, {a.asset_uid for a in given.values() if a is not None and a.asset_uid is not None})
    entries: list[audit.Entry] = []
    for uid, assignment in given.items():
        record = records[uid]
        if assignment is not None:
            _check(record, assignment, assets)
            assignment = merged(image_value(record).assignment, assignment)
        before, after = audit.change(record, _columns(record, assignment))
        if after:
            entries.append(audit.Entry("assigned" if assignment else "cleared", "image", uid, before, after))
    audit.append(session, actor, entries)
    return Counts(updated=len(entries), unchanged=len(given) - len(entries))


def _columns(record: ImageRecord, assignment: Assignment | None) -> dict[str, Any]:
    """Return the columns that an assignment sets; span and member stand beside it, for the findings."""
    image = image_value(record)
    span, member = (None, None) if assignment is None else (assignment.span, assignment.member)
    columns = image_columns(replace(image, assignment=assignment, span=span, member=member))
    return {name: columns[name] for name in ("assignment", "span", "member")}


def move(session: Session, actor: str, image_uid: str, path: str, mask_path: str | None) -> Counts:
    """Write where an image's file, and its mask, lie now; the caller has compared the digest.

    Raises:
        NotFound: no such image.
    """
    record = _records(session, [image_uid])[image_uid]
    before, after = audit.change(record, {"path": path, "mask_path": mask_path})
    if not after:
        return Counts(unchanged=1)
    audit.append(session, actor, [audit.Entry("moved", "image", image_uid, before, after)])
    return Counts(updated=1)


def page(session: Session, survey_uid: str, after: str | None, size: int) -> list[Image]:
    """Return the next images of a survey behind the image of that uid, in the order they were added."""
    query = sa.select(ImageRecord).where(ImageRecord.survey_uid == survey_uid).order_by(ImageRecord.id).limit(size)
    if after is not None:
        last = sa.select(ImageRecord.id).where(ImageRecord.uid == after).scalar_subquery()
        query = query.where(ImageRecord.id > last)
    return [image_value(row) for row in session.scalars(query)]


def count(session: Session) -> int:
    """Return how many images there are."""
    return session.scalar(sa.select(sa.func.count()).select_from(ImageRecord)) or 0


def findings_behind(session: Session, survey_uid: str) -> int:
    """Return how many active findings still carry the asset, span or member of an earlier assignment."""
    survey_asset = session.scalar(sa.select(SurveyRecord.asset_uid).where(SurveyRecord.uid == survey_uid))
    columns = (FindingRecord.asset_uid, FindingRecord.span, FindingRecord.member)
    query = (
        sa.select(*columns, ImageRecord.assignment, ImageRecord.span, ImageRecord.member)
        .join(ImageRecord, ImageRecord.uid == FindingRecord.image_uid)
        .where(FindingRecord.survey_uid == survey_uid, FindingRecord.active)
        .execution_options(yield_per=1000)
    )
    behind = 0
    for asset_uid, span, member, assignment, image_span, image_member in session.execute(query):
        wanted = (assignment or {}).get("asset_uid") or survey_asset
        behind += (asset_uid, span, member) != (wanted, image_span, image_member)
    return behind


def _records(session: Session, uids: Sequence[str]) -> dict[str, ImageRecord]:
    found: dict[str, ImageRecord] = {}
    for part in chunks(uids):
        query = sa.select(ImageRecord).where(ImageRecord.uid.in_(part)).order_by(ImageRecord.id).with_for_update()
        found.update((record.uid, record) for record in session.scalars(query))
    missing = [uid for uid in uids if uid not in found]
    if missing:
        raise NotFound(f"no image with id {missing[0]!r}; `mizuhashi surveys list` shows the surveys' pictures")
    return found


def _assets(session: Session, uids: set[str]) -> dict[str, AssetRecord]:
    found: dict[str, AssetRecord] = {}
    for part in chunks(sorted(uids)):
        found.update((row.uid, row) for row in session.scalars(sa.select(AssetRecord).where(AssetRecord.uid.in_(part))))
    missing = sorted(uids - found.keys())
    if missing:
        raise NotFound(f"no asset with uid {missing[0]!r}; `mizuhashi assets list` shows them")
    return found


def _check(record: ImageRecord, assignment: Assignment, assets: Mapping[str, AssetRecord]) -> None:
    if not 0.0 <= assignment.confidence <= 1.0:
        raise StoreError(f"image {record.uid}: confidence {assignment.confidence}; expected a number in 0..1")
    row = assets.get(assignment.asset_uid) if assignment.asset_uid is not None else None
    check_place(None if row is None else asset_value(row), assignment.span, assignment.member)
