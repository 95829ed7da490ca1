"""The database behind the store: one engine for SQLite and PostgreSQL, and what their errors mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from findings.errors import ConfigError, MizuhashiError, OutputError, StaleWrite, StoreError

_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000", "foreign_keys=ON", "recursive_triggers=ON")


def make_engine(url: str) -> sa.Engine:
    """Return the engine of a SQLite or PostgreSQL URL; nothing is opened yet.

    Raises:
        ConfigError: the URL names another database, or cannot be read.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise ConfigError("the database URL cannot be read; expected sqlite:///PATH or postgresql://...") from error
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")  # the one driver that the project ships
    if parsed.get_backend_name() == "postgresql":
        return sa.create_engine(parsed, pool_pre_ping=True, json_serializer=to_json)
    if parsed.get_backend_name() != "sqlite":
        raise ConfigError(f"database {parsed.drivername!r} is not known; expected sqlite:///PATH or postgresql://...")
    engine = sa.create_engine(parsed, json_serializer=to_json)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # else the driver opens transactions of its own
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A deferred transaction that reads and then writes fails at once with "database is locked" on a stale
    # snapshot, whatever busy_timeout says: writers take the lock first.
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextmanager
def transaction(engine: sa.Engine, *, write: bool = False) -> Iterator[Session]:
    """Yield a session in one transaction: committed at the end, rolled back on any exception.

    Raises:
        StaleWrite: somebody else wrote the same rows in between.
        OutputError: the disk is full, or the database file cannot be written.
        StoreError: anything else that the database refuses.
    """
    with translated(engine), Session(engine, expire_on_commit=False) as session, session.begin():
        if write:
            session.connection(execution_options={"write": True})
        yield session


@contextmanager
def translated(engine: sa.Engine) -> Iterator[None]:
    """Turn the database's exceptions into the project's; the one seam where this happens."""
    try:
        yield
    except MizuhashiError:
        raise
    except StaleDataError as error:
        raise StaleWrite("somebody else changed this row in between; read it again and repeat the change") from error
    except sa.exc.IntegrityError as error:
        raise StaleWrite(f"another write came first ({_first_line(error)}); repeat the command") from error
    except (sa.exc.DBAPIError, UnicodeEncodeError) as error:
        raise _refusal(error, engine) from error
    except sa.exc.StatementError as error:  # a value that cannot be bound: a naive time, NaN in JSON ...
        raise StoreError(f"a value cannot be stored: {_first_line(error)}") from error


def _refusal(error: Exception, engine: sa.Engine) -> MizuhashiError:
    text, where = _first_line(error), engine.url.render_as_string(hide_password=True)
    if "disk is full" in text or "No space left" in text:
        return OutputError(f"{where}: the disk is full; nothing of this step was kept. Free space and run it again")
    if "disk I/O error" in text:  # a quota, a limit on file sizes, or a failing disk
        return OutputError(f"{where}: cannot be written or read ({text}); check the disk or choose another --home")
    if "readonly database" in text or "unable to open database file" in text:
        return OutputError(f"{where}: cannot be written ({text}); choose a writable folder with --home")
    if "database is locked" in text:
        return StaleWrite(f"{where}: another process holds the database for longer than 5 s; run it again")
    if "not a database" in text or "malformed" in text:
        return StoreError(
            f"{where}: is damaged or no SQLite database ({text}); restore a copy or choose another --home"
        )
    if isinstance(error, sa.exc.OperationalError) and engine.dialect.name == "postgresql":
        return StoreError(f"{where}: no connection ({text}); is the server up, and the URL right?")
    return StoreError(f"{where}: the database refused ({text})")


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().partition("\n")[0]


def to_json(value: Any) -> str:
    """Return canonical JSON: sorted keys, no NaN; numpy scalars and times become plain values.

    Raises:
        ValueError: a number is NaN or infinite.
        TypeError: a value has no JSON form.
    """
    return _ENCODER.encode(value)


def canonical(value: Any) -> Any:
    """Return the value as it will come back out of a JSON column: lists for tuples, dicts for mappings.

    Raises:
        StoreError: it has no JSON form (NaN, or an object that is no plain value).
    """
    try:
        return json.loads(to_json(value))
    except (TypeError, ValueError) as error:
        raise StoreError(f"{value!r:.200} cannot be stored: {error}; expected plain, finite JSON values") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value):  # not asdict(): it copies deeply, which read-only mappings refuse
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "item") and not getattr(value, "shape", ()):  # a numpy scalar
        return value.item()
    raise TypeError(f"{type(value).__name__} has no JSON form")


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, default=_plain)
