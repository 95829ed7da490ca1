"""Brings a database to the schema of this code, in one transaction, and says where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from findings.errors import MigrationNeeded, OutputError, StoreError
from findings.store.values import SchemaState

_LOCK = 0x6D696772  # "migr": the advisory lock under which PostgreSQL migrates
_FOLDER = Path(__file__).parent / "migrations"


def state(engine: sa.Engine) -> SchemaState:
    """Return how the database relates to this code; makes no file."""
    if database_file(engine) is not None and not _exists(engine):
        return SchemaState.FRESH
    with engine.connect() as connection:
        return _state(connection)


def upgrade(engine: sa.Engine) -> None:
    """Bring the database to head; does nothing if it is there.

    Raises:
        MigrationNeeded: a later version of the code wrote it.
        StoreError: PostGIS is missing on a PostgreSQL, or a migration leaves rows that point nowhere.
        OutputError: the home folder cannot be made.
    """
    file = database_file(engine)
    if file is not None:
        _make_folder(file.parent)
    with _exclusive(engine) as connection:
        found = _state(connection)
        if found is SchemaState.NEWER:
            raise behind_or_newer(found)
        if found is SchemaState.HEAD:
            return
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if engine.dialect.name == "sqlite":
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise StoreError(
                    f"the migration would leave {len(broken)} rows that point nowhere; nothing was changed"
                )


def behind_or_newer(found: SchemaState) -> MigrationNeeded:
    """Return the error, with its remedy, for a database that is not at head."""
    if found is SchemaState.NEWER:
        return MigrationNeeded(
            "the database was written by a later version of mizuhashi; install that version to use it"
        )
    what = "is empty" if found is SchemaState.FRESH else "has an earlier schema"
    return MigrationNeeded(f"the database {what}; run `mizuhashi db upgrade`")


def configuration() -> Config:
    """Return Alembic's configuration: the migrations that lie in this package, no ini file."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def database_file(engine: sa.Engine) -> Path | None:
    """Return the file of a SQLite database, or None for a server or a database in memory."""
    name = engine.url.database
    if engine.dialect.name != "sqlite" or not name or name == ":memory:":
        return None
    return Path(name)


def is_ours(item: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
    """Tell Alembic's autogenerate to leave alone what the databases keep beside the model, or it drops it."""
    if kind == "table":
        return name != "spatial_ref_sys" and not str(name).startswith("finding_rtree")
    return (kind, name) not in (("column", "geom_pg"), ("index", "ix_geom"))


def _state(connection: sa.Connection) -> SchemaState:
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        return SchemaState.FRESH
    script = ScriptDirectory.from_config(configuration())
    if revision == script.get_current_head():
        return SchemaState.HEAD
    return (
        SchemaState.BEHIND if revision in {known.revision for known in script.walk_revisions()} else SchemaState.NEWER
    )


def _exists(engine: sa.Engine) -> bool:
    file = database_file(engine)
    return file is not None and file.is_file() and file.stat().st_size > 0


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"home folder {folder} cannot be made ({error.strerror}); choose another with --home"
        ) from error


@contextmanager
def _exclusive(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a connection in a write transaction that no other migration shares.

    On SQLite foreign keys are off meanwhile: a batch migration drops and remakes tables, and with them on, that
    deletes the rows of referring tables. The switch works only outside a transaction, hence on the raw connection.
    """
    with engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        sqlite = engine.dialect.name == "sqlite"
        if sqlite:
            raw.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.execution_options(write=True).begin():
                if not sqlite:
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                yield connection
        finally:
            if sqlite:
                raw.execute("PRAGMA foreign_keys=ON")
