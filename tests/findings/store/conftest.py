"""A store in a fresh database: every test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from findings.store import Store, store_url
from tests.postgres import postgres_url

__all__ = ["postgres_url"]

_numbers = itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database; on PostgreSQL a schema of its own, which tables go into by the search path."""
    if request.param == "sqlite":
        yield store_url(tmp_path)
        return
    server = sa.make_url(request.getfixturevalue("postgres_url"))
    schema = f"test_{os.getpid()}_{next(_numbers)}"
    engine = sa.create_engine(server)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    own = server.update_query_dict({"options": f"-csearch_path={schema},public"})
    yield own.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
    engine.dispose()


@pytest.fixture
def store(url: str, tmp_path: Path) -> Iterator[Store]:
    """A store at head."""
    with Store(url, tmp_path) as opened:
        opened.upgrade()
        yield opened
