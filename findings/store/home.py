"""Where the store lives on disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from findings.errors import ConfigError

DATABASE_FILE = "mizuhashi.db"


def store_home(flag: Path | None = None, environment: Mapping[str, str] | None = None) -> Path:
    """Return the home folder, absolute, whether or not it exists.

    The first that is given counts: ``flag``, ``MIZUHASHI_HOME``, ``XDG_DATA_HOME/mizuhashi``,
    ``~/.local/share/mizuhashi``.

    Args:
        flag: the folder that the command line names.
        environment: variables to read; the process's own when None.
    """
    variables = os.environ if environment is None else environment
    if flag is not None:
        return _absolute(flag)
    if variables.get("MIZUHASHI_HOME"):
        return _absolute(Path(variables["MIZUHASHI_HOME"]))
    data = Path(variables.get("XDG_DATA_HOME", ""))
    if not data.is_absolute():  # the XDG base directory specification: relative paths are to be ignored
        data = Path.home() / ".local" / "share"
    return data / "mizuhashi"


def store_url(home: Path) -> str:
    """Return the URL of the SQLite database in a home folder.

    Raises:
        ConfigError: the path cannot stand in a database URL.
    """
    path = _absolute(home) / DATABASE_FILE
    if "?" in str(path):
        raise ConfigError(f"home folder {home}: a path with '?' cannot stand in a database URL; choose another folder")
    return f"sqlite:///{path}"


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()
