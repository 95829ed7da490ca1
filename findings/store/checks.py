"""Is the database whole? Each function returns messages; none means it is."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from findings.store import audit
from findings.store.native import (
    POSTGRESQL_REVIEW_TRIGGERS,
    POSTGRESQL_TRIGGERS,
    SQLITE_REVIEW_TRIGGERS,
    SQLITE_TRIGGERS,
)
from findings.store.schema import Base


def problems(session: Session) -> list[str]:
    """Return what is wrong with a database at head, in plain sentences."""
    if session.get_bind().dialect.name == "sqlite":
        found = _sqlite_integrity(session)
        if found:
            return found  # a damaged file makes every further answer doubtful
        found = _missing_triggers(
            session,
            {*SQLITE_TRIGGERS, *SQLITE_REVIEW_TRIGGERS},
            "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        )
        found += _tree_out_of_step(session)
    else:
        query = (
            "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D' "
            "AND tgrelid IN ('audit'::regclass, 'review'::regclass, 'picture_review'::regclass)"
        )
        found = _missing_triggers(session, {*POSTGRESQL_TRIGGERS, *POSTGRESQL_REVIEW_TRIGGERS}, query)
    return found + _orphans(session) + _broken_audit(session)


def _sqlite_integrity(session: Session) -> list[str]:
    rows = session.scalars(sa.text("PRAGMA integrity_check")).all()
    return [] if rows == ["ok"] else [f"SQLite integrity: {row}; restore a copy of the database" for row in rows[:10]]


def _missing_triggers(session: Session, wanted: set[str], query: str) -> list[str]:
    missing = sorted(wanted - set(session.scalars(sa.text(query))))
    return [f"trigger {name} is missing; the database was changed by hand, restore a copy" for name in missing]


def _tree_out_of_step(session: Session) -> list[str]:
    both = "FROM finding f JOIN finding_rtree r USING (id)"
    queries = {
        "findings lack their entry in": "SELECT count(*) FROM finding f LEFT JOIN finding_rtree r USING (id) "
        "WHERE f.minx IS NOT NULL AND r.id IS NULL",
        "findings lie outside their box in": f"SELECT count(*) {both} "
        "WHERE r.minx > f.minx OR r.miny > f.miny OR r.maxx < f.maxx OR r.maxy < f.maxy",
        "entries without a placed finding are in": "SELECT count(*) FROM finding_rtree r "
        "LEFT JOIN finding f USING (id) WHERE f.minx IS NULL",
    }
    counts = {text: session.scalar(sa.text(query)) for text, query in queries.items()}
    return [f"{count} {text} the spatial index (R*Tree)" for text, count in counts.items() if count]


def _orphans(session: Session) -> list[str]:
    messages = []
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_keys:
            child, parent = key.parent, key.column
            lost = sa.select(sa.func.count()).select_from(table.outerjoin(parent.table, child == parent))
            count = session.scalar(lost.where(child.is_not(None), parent.is_(None)))
            if count:
                messages.append(
                    f"{count} rows of {table.name} name a {parent.table.name} that is not there ({child.name})"
                )
    return messages


def _broken_audit(session: Session) -> list[str]:
    row = audit.broken_link(session)
    return [] if row is None else [f"the audit was altered: its chain of hashes breaks at row {row}"]
