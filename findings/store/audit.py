"""The append-only audit: who changed what, in a chain of hashes that shows any later edit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from findings.store.engine import to_json
from findings.store.schema import AuditRecord, Base
from findings.store.values import AuditRow

FIRST_HASH = "0" * 64
"""What stands for the hash before the first row."""

_LOCK = 0x6D697A75  # "mizu": the advisory lock under which PostgreSQL appends, so that the chain never forks


@dataclass(frozen=True, slots=True)
class Entry:
    """One change, before it has its place in the chain."""

    action: str
    entity: str
    entity_uid: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


def append(session: Session, actor: str, entries: Sequence[Entry]) -> None:
    """Append entries to the chain; the last step of a write, for PostgreSQL's writers queue here until they commit."""
    if not entries:
        return
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    last = sa.select(AuditRecord.hash).order_by(AuditRecord.id.desc()).limit(1)
    previous, at = session.scalar(last) or FIRST_HASH, datetime.now(UTC)
    rows = []
    for entry in entries:
        row: dict[str, Any] = {
            "at": at,
            "actor": actor,
            "action": entry.action,
            "entity": entry.entity,
            "entity_uid": entry.entity_uid,
            "before": entry.before,
            "after": entry.after,
            "prev_hash": previous,
        }
        row["hash"] = previous = _digest(row)
        rows.append(row)
    session.flush()  # the changes that the entries speak of come first
    session.execute(sa.insert(AuditRecord), rows)


def rows(session: Session, entity_uid: str | None = None) -> list[AuditRow]:
    """Return the audit in order, of one entity or of all."""
    query = sa.select(AuditRecord).order_by(AuditRecord.id)
    if entity_uid is not None:
        query = query.where(AuditRecord.entity_uid == entity_uid)
    return [_value(record) for record in session.scalars(query)]


def broken_link(session: Session) -> int | None:
    """Return the id of the first audit row whose hash or predecessor is wrong, or None.

    Rows cut off at the very end cannot be seen from within; keep the last hash elsewhere to notice that.
    """
    previous = FIRST_HASH
    query = sa.select(AuditRecord).order_by(AuditRecord.id).execution_options(yield_per=1000)
    with closing(session.scalars(query)) as records:  # a cursor on the server stays open when we leave early
        for record in records:
            row = {name: getattr(record, name) for name in _HASHED}
            if record.prev_hash != previous or record.hash != _digest(row):
                return record.id
            previous = record.hash
    return None


def change(record: Base, values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write differing values into a row and return them as (before, after); both empty if nothing differs."""
    differing = [name for name, value in values.items() if getattr(record, name) != value]
    before = readable({name: getattr(record, name) for name in differing})
    for name in differing:
        setattr(record, name, values[name])
    return before, readable({name: values[name] for name in differing})


def readable(values: dict[str, Any]) -> dict[str, Any]:
    """Return column values as plain JSON for the audit; geometries as their digest, which names them well enough."""
    return {name: _plain(value) for name, value in values.items()}


_HASHED: Iterable[str] = ("at", "actor", "action", "entity", "entity_uid", "before", "after", "prev_hash")


def _digest(row: dict[str, Any]) -> str:
    return hashlib.sha256(to_json([row[name] for name in _HASHED]).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return a column value as JSON keeps it; JSON columns are so already (``convert`` makes them canonical)."""
    if isinstance(value, BaseGeometry):
        return _outline_digest(value)
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _outline_digest(geometry: BaseGeometry) -> str:
    return f"{geometry.geom_type} sha256:{hashlib.sha256(geometry.wkb).hexdigest()[:16]}"


def _value(record: AuditRecord) -> AuditRow:
    return AuditRow(**{column.key: getattr(record, column.key) for column in sa.inspect(AuditRecord).column_attrs})
