"""Surveys and their images in the store."""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from findings.errors import NotFound, StoreError, SurveyConflict
from findings.store import assets, audit
from findings.store.convert import image_columns, image_value, survey_value
from findings.store.schema import AssetRecord, ImageRecord, SurveyRecord
from findings.store.values import Counts
from findings.survey import Image, Survey

LONGEST_NAME = 200
"""What the HTTP door takes as well."""

_DESCRIPTION = ("scale", "band_names", "captured_at", "lon", "lat", "span", "member")
"""What a user can give or correct at ingest; a second call that differs here is told so."""


def open_one(
    session: Session, actor: str, name: str, asset_uid: str | None, images: Sequence[Image]
) -> tuple[Survey, Counts]:
    """Return the survey of that name with these images in it, made if it is new.

    Files are told apart by their sha256. The images that the survey has already keep their first description; a
    call may repeat them, all or some, and adds nothing then; a call that brings new files repeats all earlier ones.

    Raises:
        SurveyConflict: the name exists with other files or for another asset.
        NotFound: no such asset.
        StoreError: no images are given.
    """
    if not images:
        raise StoreError(f"survey {name!r}: no image to store; give at least one that can be read")
    given = {image.sha256: image for image in reversed(images)}  # of copies of one file the first one counts
    record = session.scalar(sa.select(SurveyRecord).where(SurveyRecord.name == name))
    entries: list[audit.Entry] = []
    if record is None:
        record = _new(session, name, asset_uid)
        after = {"name": name, "asset_uid": asset_uid, "images": len(given)}
        entries.append(audit.Entry("added", "survey", record.uid, after=after))
    elif record.asset_uid != asset_uid:
        raise SurveyConflict(
            f"survey {name!r} belongs to asset {record.asset_uid or 'none'}, not {asset_uid or 'none'}; "
            "choose another survey name, or name the same asset"
        )
    known = {row.sha256: row for row in session.scalars(_of(record.uid))}
    _refuse_other_files(name, known, given)
    fresh = [image for image in images if given.get(image.sha256) is image and image.sha256 not in known]
    taken = _taken_uids(session, [image.uid for image in fresh])
    for image in fresh:
        uid = str(uuid.uuid5(uuid.UUID(record.uid), image.sha256)) if image.uid in taken else image.uid
        values = image_columns(replace(image, uid=uid, survey_uid=record.uid))
        session.add(ImageRecord(**values))
        entries.append(audit.Entry("added", "image", uid, after=audit.readable(values)))
    audit.append(session, actor, entries)
    differing = sum(_differs(row, given[sha256]) for sha256, row in known.items() if sha256 in given)
    return survey_value(record), Counts(added=len(fresh), unchanged=len(images) - len(fresh), differing=differing)


def one(session: Session, name: str) -> Survey:
    """Return the survey of that name.

    Raises:
        NotFound: there is none.
    """
    record = session.scalar(sa.select(SurveyRecord).where(SurveyRecord.name == name))
    if record is None:
        names = list(session.scalars(sa.select(SurveyRecord.name).order_by(SurveyRecord.created_at.desc()).limit(5)))
        raise NotFound(
            f"no survey named {name!r}; the latest are {names}; `mizuhashi ingest PATH --survey NAME` makes one"
        )
    return survey_value(record)


def every(session: Session) -> list[Survey]:
    """Return all surveys, oldest first."""
    return [survey_value(row) for row in session.scalars(sa.select(SurveyRecord).order_by(SurveyRecord.id))]


def images(session: Session, survey_uid: str) -> list[Image]:
    """Return the images of a survey in the order they were added."""
    return [image_value(row) for row in session.scalars(_of(survey_uid))]


def image(session: Session, uid: str) -> Image:
    """Return one image.

    Raises:
        NotFound: there is none of that uid.
    """
    record = session.scalar(sa.select(ImageRecord).where(ImageRecord.uid == uid))
    if record is None:
        raise NotFound(f"no image with id {uid!r}; ingest it into a survey first")
    return image_value(record)


def images_of(session: Session, uids: Sequence[str]) -> dict[str, Image]:
    """Return images by uid, in the order given.

    Raises:
        NotFound: one is missing.
    """
    found: dict[str, Image] = {}
    for part in assets.chunks(uids):
        rows = session.scalars(sa.select(ImageRecord).where(ImageRecord.uid.in_(part)))
        found |= {row.uid: image_value(row) for row in rows}
    missing = next((uid for uid in uids if uid not in found), None)
    if missing is not None:
        raise NotFound(f"no image with id {missing!r}; ingest it into a survey first")
    return {uid: found[uid] for uid in uids}


def _new(session: Session, name: str, asset_uid: str | None) -> SurveyRecord:
    if not name.strip():
        raise StoreError(f"survey name {name!r} is blank; give it a name")
    if len(name) > LONGEST_NAME or any(unicodedata.category(character) == "Cc" for character in name):
        raise StoreError(
            f"survey name {name[:40]!a}: expected at most {LONGEST_NAME} characters, no control characters"
        )
    if asset_uid is not None and session.scalar(sa.select(AssetRecord.id).where(AssetRecord.uid == asset_uid)) is None:
        raise NotFound(
            f"no asset with uid {asset_uid!r}; `mizuhashi assets list` shows them, `assets import FILE` adds some"
        )
    record = SurveyRecord(uid=str(uuid.uuid4()), name=name, asset_uid=asset_uid, created_at=datetime.now(UTC))
    session.add(record)
    session.flush()
    return record


def _refuse_other_files(name: str, known: dict[str, ImageRecord], given: dict[str, Image]) -> None:
    """Raise SurveyConflict where a call brings new files into a survey without repeating the earlier ones."""
    missing, extra = known.keys() - given.keys(), given.keys() - known.keys()
    if missing and extra:
        first = next(row.path for sha256, row in known.items() if sha256 in missing)
        raise SurveyConflict(
            f"survey {name!r} exists with {len(known)} files, {len(missing)} of them not given here (e.g. {first}); "
            "choose another survey name, or give the earlier files too"
        )


def _taken_uids(session: Session, uids: Sequence[str]) -> set[str]:
    taken: set[str] = set()
    for part in assets.chunks(uids):
        taken.update(session.scalars(sa.select(ImageRecord.uid).where(ImageRecord.uid.in_(part))))
    return taken


def _differs(row: ImageRecord, image: Image) -> bool:
    values = image_columns(image)
    return any(getattr(row, name) != values[name] for name in _DESCRIPTION)


def _of(survey_uid: str) -> sa.Select[ImageRecord]:
    return sa.select(ImageRecord).where(ImageRecord.survey_uid == survey_uid).order_by(ImageRecord.id)
