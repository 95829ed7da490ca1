"""A PostgreSQL + PostGIS of the tests' own: fresh data folder, free loopback port, stopped at the end.

``python -m tests.postgres install`` installs Debian's packages where they are missing. ``MIZUHASHI_TEST_PG`` names a
server to use instead (postgresql+psycopg://...; its role may create schemas, PostGIS is installed in the database).

The workers of one pytest-xdist run share one server: each signs its process id into the run's folder, the last to
sign off stops the server. A run that was killed leaves its folder behind; the next run finds that none of its
processes lives and clears it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

PACKAGE = "postgresql-15-postgis-3"
REMEDY = f"apt-get update && apt-get install -y --no-install-recommends {PACKAGE}"
_PREFIX = f"mizuhashi-pg-{os.geteuid()}-"
_OPTIONS = "-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c full_page_writes=off"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of a database with PostGIS, whose role may create schemas."""
    given = os.environ.get("MIZUHASHI_TEST_PG")
    if given:
        yield given
        return
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    folder = _reachable_temp() / f"{_PREFIX}{run}"
    _clear_abandoned(folder.parent)
    yield _sign_in(folder)
    _sign_off(folder)


def install() -> int:
    """Install PostgreSQL and PostGIS where they are missing; return the exit status."""
    if _binaries() is not None:
        print(f"PostgreSQL with PostGIS is there: {_binaries()}")
        return 0
    if os.geteuid() != 0:
        print(f"The tests need PostgreSQL with PostGIS. As root: {REMEDY}", file=sys.stderr)
        return 1
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", PACKAGE]):
        subprocess.run(["apt-get", "-q", *arguments], check=True, env=environment)
    return 0


def _binaries() -> Path | None:
    """Return the newest PostgreSQL's folder of programs (15 or later) that has PostGIS."""
    found = [
        (int(folder.parent.name), folder)
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if folder.parent.name.isdigit()
        and int(folder.parent.name) >= 15
        and (folder / "initdb").exists()
        and Path(f"/usr/share/postgresql/{folder.parent.name}/extension/postgis.control").exists()
    ]
    return max(found)[1] if found else None


def _reachable_temp() -> Path:
    """Return a temporary folder that the postgres account can pass through, where it is not the account at work."""
    for folder in (Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/tmp")):
        chain = (folder.resolve(), *folder.resolve().parents)
        if os.geteuid() != 0 or all(step.stat().st_mode & 0o001 for step in chain):
            return folder.resolve()
    pytest.fail("no temporary folder whose parents are open to others (o+x); set TMPDIR to one")


def _sign_in(folder: Path) -> str:
    """Start the run's server if nobody has, and return its URL."""
    with _locked(folder.parent):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)  # whatever the umask says: the postgres account passes through
        address = folder / "url"
        if not address.exists():
            address.write_text(_start(folder))
        with (folder / "users").open("a") as users:
            users.write(f"{os.getpid()}\n")
        return address.read_text()


def _sign_off(folder: Path) -> None:
    with _locked(folder.parent):
        others = _users(folder)
        others.remove(os.getpid())  # once: test modules that import the fixture sign in once each
        (folder / "users").write_text("".join(f"{pid}\n" for pid in others))
        if not any(_lives(pid) for pid in others):
            _remove(folder)


def _clear_abandoned(parent: Path) -> None:
    with _locked(parent):
        for folder in parent.glob(f"{_PREFIX}*"):
            if folder.is_dir() and not any(_lives(pid) for pid in _users(folder)):
                _remove(folder)


def _start(folder: Path) -> str:
    binaries = _binaries()
    if binaries is None:
        pytest.fail(f"the store's tests need PostgreSQL with PostGIS; as root: {REMEDY}")
    data = folder / "data"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(data, account.pw_uid, account.pw_gid)
    _call(binaries / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    _call(binaries / "pg_ctl", "-D", data, "-w", "-l", data / "log", "-o", f"{_OPTIONS} -p {port}", "start")
    engine = sa.create_engine(f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CREATE ROLE mizuhashi LOGIN")
        connection.exec_driver_sql("CREATE DATABASE mizuhashi OWNER mizuhashi")
    engine.dispose()
    engine = sa.create_engine(f"postgresql+psycopg://postgres@127.0.0.1:{port}/mizuhashi")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE EXTENSION postgis")
    engine.dispose()
    return f"postgresql+psycopg://mizuhashi@127.0.0.1:{port}/mizuhashi"


def _remove(folder: Path) -> None:
    binaries = _binaries()
    if binaries is not None and (folder / "data" / "postmaster.pid").exists():
        _call(binaries / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop", check=False)
    shutil.rmtree(folder, ignore_errors=True)


def _call(program: Path, *arguments: object, check: bool = True) -> None:
    """Run a PostgreSQL program, which refuses to be root, as the account ``postgres`` where we are root."""
    account = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    # The server inherits its output from pg_ctl: a pipe would stay open, and reading it would never end.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [*account, str(program), *map(str, arguments)],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            check=False,
        )
        if check and done.returncode:
            output.seek(0)
            pytest.fail(f"{program.name} failed: {output.read().decode(errors='replace')[-2000:]}")


def _users(folder: Path) -> list[int]:
    file = folder / "users"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextlib.contextmanager
def _locked(parent: Path) -> Iterator[None]:
    """Hold the one lock of all runs; its file stays, for removing a lock file races with those who wait on it."""
    with (parent / f".{_PREFIX}lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    if sys.argv[1:] != ["install"]:
        sys.exit("usage: python -m tests.postgres install")
    sys.exit(install())
