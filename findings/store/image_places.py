"""Where a stored image lies, corrected after its ingest."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from findings.errors import NotFound, StaleWrite
from findings.store import audit
from findings.store.assets import chunks
from findings.store.convert import image_columns, image_value
from findings.store.schema import ImageRecord
from findings.store.values import Counts
from findings.survey import Image

PLACE = ("lon", "lat", "footprint", "view", "scale", "incidence_deg", "notes")
"""The columns of an image's place; nothing else of it, and no finding, is touched."""


def update(session: Session, actor: str, changes: Sequence[tuple[Image, Image]]) -> Counts:
    """Write places, views, scales and notes of images that are stored already; all or nothing.

    Findings stay as they are, reviewed or not: a finding's own place follows when its image is inspected again.

    Args:
        session: open.
        actor: who is at work.
        changes: each image as it was read, and as it shall be.

    Raises:
        NotFound: no such image.
        StaleWrite: an image's place has changed since it was read.
    """
    records = {}
    for part in chunks([after.uid for _, after in changes]):
        query = sa.select(ImageRecord).where(ImageRecord.uid.in_(part)).order_by(ImageRecord.id).with_for_update()
        records.update({record.uid: record for record in session.scalars(query)})
    entries = []
    for before, after in changes:
        record = records.get(after.uid)
        if record is None:
            raise NotFound(f"no image with id {after.uid!r} ({after.path}); ingest it into a survey first")
        if _place(image_value(record)) != _place(before):
            raise StaleWrite(f"the place of image {after.uid} ({after.path}) has changed meanwhile; check it again")
        was, now = audit.change(record, _place(after))
        if now:
            entries.append(audit.Entry("placed", "image", after.uid, was, now))
    audit.append(session, actor, entries)
    return Counts(updated=len(entries), unchanged=len(changes) - len(entries))


def _place(image: Image) -> dict[str, object]:
    columns = image_columns(image)
    return {name: columns[name] for name in PLACE}
