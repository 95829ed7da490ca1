"""Priority lists as they were handed out: written once, never changed."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from findings.errors import NotFound, StoreError
from findings.issued import IssuedList, IssuedRow
from findings.store import audit
from findings.store.engine import canonical
from findings.store.schema import IssuedListRecord, IssuedRowRecord


def put(session: Session, values: IssuedList) -> None:
    """Write an issued list with its rows.

    Raises:
        StoreError: a list of that uid is there already, or its ranks are not 1, 2, 3 ...
    """
    if [row.rank for row in values.rows] != list(range(1, len(values.rows) + 1)):
        raise StoreError(f"issued list {values.uid}: ranks are not 1 to {len(values.rows)} in order")
    if session.scalar(sa.select(IssuedListRecord.id).where(IssuedListRecord.uid == values.uid)) is not None:
        raise StoreError(f"issued list {values.uid} is there already; a list that was issued never changes")
    record = IssuedListRecord(uid=values.uid, issued_at=values.issued_at, actor=values.actor, profile=values.profile)
    session.add(record)
    session.flush()
    rows = [{"list_id": record.id, "rank": row.rank, "value": canonical(row)} for row in values.rows]
    if rows:
        session.execute(sa.insert(IssuedRowRecord), rows)
    after = {"profile": values.profile, "rows": len(rows)}
    audit.append(session, values.actor, [audit.Entry("issued", "issued_list", values.uid, after=after)])


def every(session: Session) -> list[IssuedList]:
    """Return all issued lists, oldest first, without their rows."""
    query = sa.select(IssuedListRecord).order_by(IssuedListRecord.issued_at, IssuedListRecord.id)
    return [_value(record, ()) for record in session.scalars(query)]


def one(session: Session, uid: str | None) -> IssuedList:
    """Return an issued list with its rows; the newest where no uid is given.

    Raises:
        NotFound: there is none.
    """
    query = sa.select(IssuedListRecord)
    query = query.where(IssuedListRecord.uid == uid) if uid is not None else query
    newest = query.order_by(IssuedListRecord.issued_at.desc(), IssuedListRecord.id.desc()).limit(1)
    record = session.scalar(newest)
    if record is None:
        which = "no list was issued yet" if uid is None else f"no issued list with id {uid!r}"
        raise NotFound(f"{which}; `mizuhashi priorities export` issues one")
    rows = sa.select(IssuedRowRecord.value).where(IssuedRowRecord.list_id == record.id).order_by(IssuedRowRecord.rank)
    return _value(record, tuple(IssuedRow(**value) for value in session.scalars(rows)))


def _value(record: IssuedListRecord, rows: tuple[IssuedRow, ...]) -> IssuedList:
    return IssuedList(record.uid, record.issued_at, record.actor, record.profile, rows)
