"""What every command starts from: the output, the settings, the open store and the model registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from findings.errors import OutputError
from mizuhashi.output import Output

if TYPE_CHECKING:
    from findings.store import Store
    from mizuhashi.settings import Settings
    from models.backends import Backend
    from models.registry import Registry

PARTIAL = 3
"""Exit status when some images failed and the rest was done."""


class Session:
    """The global options of one call, and what follows from them.

    Args:
        output: where results and remarks go.
        home: the ``--home`` flag.
    """

    def __init__(self, output: Output, home: Path | None = None) -> None:
        self.output = output
        self._home = home
        self._settings: Settings | None = None

    def settings(self) -> Settings:
        """Return the settings; the agency's own standards are in force from the first call on.

        Raises:
            ConfigError: a setting that does not exist, or an impossible value.
            StandardError: the folder of own standards is missing, or one of its files is refused.
        """
        if self._settings is None:
            from findings.standard import use_standards
            from mizuhashi.settings import load_settings

            self._settings = load_settings(home=self._home)
            use_standards(self._settings.standards)
        return self._settings

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Yield the open store; a fresh one gets its tables now, an old one is refused with the command to run.

        Raises:
            MigrationNeeded: the database is behind the code.
            OutputError: the home folder cannot be made.
        """
        with open_store(self.settings()) as store:
            yield store

    def registry(self, backend: Backend = "torch") -> Registry:
        """Return the registry of shipped and own model versions, whose networks run in that backend."""
        from models.registry import Registry

        return Registry(self.settings().home, backend=backend)


def session_of(ctx: typer.Context) -> Session:
    """Return the session that the root command made."""
    session = ctx.find_object(Session)
    if session is None:  # a command that is called outside the program's own group
        session = Session(Output())
    return session


def store_url_of(settings: Settings) -> str:
    """Return the URL of the store: the one that is set, else the SQLite file in the home."""
    from findings.store import store_url

    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return store_url(settings.home)


def make_home(home: Path) -> Path:
    """Return the home folder, made if it is missing.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{home}: the home folder cannot be made ({error.strerror}); choose another one by --home"
        ) from error
    return home


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """Yield the store of these settings, see `Session.store`."""
    from findings.store import SchemaState, Store

    make_home(settings.home)
    with Store(store_url_of(settings), settings.home) as store:
        if store.state() is SchemaState.FRESH:
            store.upgrade()
        yield store
