"""Alembic's entry: runs inside the connection and transaction that ``findings.store.migrate`` hands over."""

from __future__ import annotations

from alembic import context

from findings.store.migrate import is_ours
from findings.store.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter most things in place
    compare_type=True,
    include_object=is_ours,
)
with context.begin_transaction():
    context.run_migrations()
