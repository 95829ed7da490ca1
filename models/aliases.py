"""Which version has which alias, and how that came about: one state file that changes whole, and a chained history.

::

    HOME/models/aliases.json    {"crack": {"champion": "2"}, "_history": {"last": "<the newest line of the history>"}}
    HOME/models/history.jsonl   one line a move, each with the hash of the line before it

A move is done at the moment when aliases.json is renamed into place. That file carries the newest line of the history,
which is then appended to history.jsonl: a crash before the rename leaves the old state, a crash after it the new one,
and the line that is not yet appended is read from aliases.json and appended by the next move. For the same reason lines
that somebody cuts off at the end of the history are noticed. History and aliases both changed by one who also computes
the hashes anew cannot be told from within; the store's audit has the same limit.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from findings.errors import ModelError, OutputError

CHAMPION = "champion"
CHALLENGER = "challenger"

Action = Literal["promoted", "nominated", "rolled back", "set", "frozen"]
AliasesOfNames = dict[str, dict[str, str]]

FIRST_HASH = "0" * 64
"""What stands for the hash before the first line."""

_STATE, _HISTORY, _LOCK = "aliases.json", "history.jsonl", ".moving"
_KEY = "_history"  # no model is named so: names begin with a letter or a digit
_LOCK_WAIT_S = 10.0
_START_ANEW = (
    f"put both files back from a backup, or move {_STATE} and {_HISTORY} away together (they are the evidence) "
    "and promote again"
)


@dataclass(frozen=True, slots=True)
class Move:
    """One line of the history.

    Attributes:
        actor: account of the person, or ``system``.
        action: what happened.
        name: name of the model.
        before: version that was champion, None if none was.
        after: version that is champion from then on.
        aliases: every alias that was moved and the version that it means now; None: the alias is gone.
        verdict: outcome of the comparison in words.
        at: UTC time in ISO 8601.
        numbers: what the verdict rests on.
        reason: why, in the words of the person; needed where the rule was overruled.
        forced: whether the rule was overruled.
        files_sha256: digest of the manifest of the version's files.
        prev_hash: hash of the line before.
        hash: SHA-256 of all the above.
    """

    actor: str
    action: Action
    name: str
    before: str | None
    after: str | None
    aliases: dict[str, str | None]
    verdict: str
    at: str = ""
    numbers: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None
    forced: bool = False
    files_sha256: str | None = None
    prev_hash: str = FIRST_HASH
    hash: str = ""


class Aliases:
    """The aliases of a folder of models and the history of their moves; nothing is created before the first move.

    Args:
        folder: ``HOME/models``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> AliasesOfNames:
        """Return the aliases of each name.

        A missing file is rebuilt from the history, so that removing it cannot change which model runs.

        Raises:
            ModelError: the file is damaged.
        """
        stored, _ = self._state()
        if stored is not None:
            return stored
        rebuilt: AliasesOfNames = {}
        for move in self.moves():
            rebuilt[move.name] = _applied(rebuilt.get(move.name, {}), move.aliases)
        return {name: of for name, of in rebuilt.items() if of}

    def moves(self, name: str | None = None) -> tuple[Move, ...]:
        """Return the history in order, of one name or of all, after the whole chain was verified.

        Raises:
            ModelError: a line was changed, removed or cannot be read.
        """
        _, last = self._state()
        moves = _verified(self._lines(last), self._folder / _HISTORY)
        return tuple(move for move in moves if name in (None, move.name))

    def problems(self) -> tuple[str, ...]:
        """Return a line for each thing that is wrong with aliases and history; () is fine."""
        try:
            stored, _ = self._state()
            moves = self.moves()
        except ModelError as error:
            return (str(error),)
        if stored is None:
            return (f"{self._folder / _STATE}: missing; the next promotion writes it anew",) if moves else ()
        told: AliasesOfNames = {}
        for move in moves:
            told[move.name] = _applied(told.get(move.name, {}), move.aliases)
        return tuple(
            f"{self._folder / _STATE}: {name}@{alias} is {stored.get(name, {}).get(alias)}, but the history says "
            f"{version}; the file was changed by hand: promote or roll back instead"
            for name, of in told.items()
            for alias, version in {**dict.fromkeys(stored.get(name, {})), **of}.items()
            if stored.get(name, {}).get(alias) != version
        )

    def record(self, move: Move, expected: Mapping[str, str | None] | None = None) -> Move:
        """Move aliases and keep that in the history; return the move with its time and its place in the chain.

        Args:
            move: what is done; ``at``, ``prev_hash`` and ``hash`` are filled in here.
            expected: versions that aliases of the name must still have (None: not set); another process may have moved
                them since they were compared with.

        Raises:
            ModelError: an alias has moved meanwhile, or aliases or history are damaged.
            OutputError: the folder cannot be written; the aliases then are as before.
        """
        with self._locked():
            aliases = self.read()
            for alias, version in (expected or {}).items():
                now = aliases.get(move.name, {}).get(alias)
                if now != version:
                    raise ModelError(
                        f"the {alias} of {move.name} is {now or 'not set'} and no longer {version or 'not set'}: "
                        "somebody moved it meanwhile; run the command again, which compares with that version"
                    )
            moves = self.moves()
            previous = moves[-1].hash if moves else FIRST_HASH
            whole = _sealed(move, datetime.now(UTC).isoformat(timespec="microseconds"), previous)
            aliases[move.name] = _applied(aliases.get(move.name, {}), move.aliases)
            line = _line(whole)
            self._complete_history(moves)  # the state file holds the only copy of a line that is not yet appended
            self._write_state({name: of for name, of in aliases.items() if of} | {_KEY: {"last": line}})
            self._append_to_history(line)
        return whole

    def _state(self) -> tuple[AliasesOfNames | None, str | None]:
        """Return the aliases (None: there is no file) and the newest line of the history that the file carries."""
        path = self._folder / _STATE
        try:
            stored = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None, None
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(f"{path}: unreadable ({error}); {_remedy(self._folder)}") from error
        sound = isinstance(stored, dict) and all(
            isinstance(of, dict) and all(isinstance(v, str) for v in of.values()) for of in stored.values()
        )
        if not sound:
            raise ModelError(f'{path}: expected {{"name": {{"champion": "version"}}}}; {_remedy(self._folder)}')
        carried = stored.pop(_KEY, {})
        return {str(name): dict(of) for name, of in stored.items()}, carried.get("last")

    def _lines(self, last: str | None) -> list[str]:
        """Return the lines of the history, with the newest one if it is not yet appended.

        Raises:
            ModelError: the file goes on after the newest line, or ends in something else than a piece of it.
        """
        path = self._folder / _HISTORY
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            text = ""
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"{path}: unreadable ({error}); {_START_ANEW}") from error
        *lines, torn = text.split("\n")
        if last is None:
            if torn:
                raise ModelError(f"{path}: its last line is cut off; {_START_ANEW}")
            return lines
        if lines and lines[-1] == last and not torn:
            return lines
        if last in lines or not last.startswith(torn):
            raise ModelError(f"{path}: goes on after the last move that {_STATE} knows; {_START_ANEW}")
        return [*lines, last]

    def _complete_history(self, moves: tuple[Move, ...]) -> None:
        """Append what a crash has left out; a line that was written in part gives way to the whole one."""
        whole = "".join(_line(move) + "\n" for move in moves).encode()
        path = self._folder / _HISTORY
        try:
            stored = path.read_bytes() if path.exists() else b""
            if stored != whole:
                with path.open("r+b" if path.exists() else "xb") as file:
                    file.truncate(stored.rfind(b"\n") + 1)
                    file.seek(0, os.SEEK_END)
                    file.write(whole[file.tell() :])
                    _to_disk(file.fileno(), file.flush)
        except OSError as error:
            raise OutputError(f"{path}: could not be written ({error}); free space or choose --home") from error

    def _append_to_history(self, line: str) -> None:
        path = self._folder / _HISTORY
        try:
            with path.open("ab") as file:
                file.write(f"{line}\n".encode())
                _to_disk(file.fileno(), file.flush)
        except OSError as error:
            raise OutputError(
                f"{path}: the move is done and kept in {_STATE}, but could not be appended here ({error}); free space: "
                "the next move appends it"
            ) from error

    def _write_state(self, value: object) -> None:
        path = self._folder / _STATE
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        try:
            with partial.open("w", encoding="utf-8") as file:
                file.write(json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n")
                _to_disk(file.fileno(), file.flush)
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise OutputError(f"{path}: could not be written ({error}); free space or choose --home") from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of the folder; the system lets go of it when the process ends, however it ends."""
        import fcntl

        path = self._folder / _LOCK
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = path.open("ab")
        except OSError as error:
            raise OutputError(f"{path}: could not be written ({error}); free space or choose --home") from error
        with file:
            until = time.monotonic() + _LOCK_WAIT_S
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > until:
                        raise ModelError(f"{path}: another process is moving aliases; run the command again") from error
                    time.sleep(0.02)
            yield


def _applied(of: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    return {alias: version for alias, version in {**of, **changes}.items() if version is not None}


def _line(move: Move) -> str:
    return json.dumps(asdict(move), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _sealed(move: Move, at: str, previous: str) -> Move:
    content = asdict(move) | {"at": at, "prev_hash": previous}
    return Move(**(content | {"hash": _digest(content)}))


def _digest(content: Mapping[str, Any]) -> str:
    hashed = {name: value for name, value in content.items() if name != "hash"}
    text = json.dumps(hashed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _verified(lines: list[str], path: Path) -> list[Move]:
    moves: list[Move] = []
    names = {one.name for one in fields(Move)}
    for number, line in enumerate(lines, 1):
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            content = None
        previous = moves[-1].hash if moves else FIRST_HASH
        sound = isinstance(content, dict) and set(content) == names and isinstance(content["aliases"], dict)
        if not sound or content["prev_hash"] != previous or content["hash"] != _digest(content):
            raise ModelError(f"{path}: line {number} was changed, or lines before it are missing; {_START_ANEW}")
        moves.append(Move(**content))
    return moves


def _to_disk(descriptor: int, flush: Any) -> None:
    flush()
    os.fsync(descriptor)


def _remedy(folder: Path) -> str:
    if (folder / _HISTORY).exists():
        return f"put it back from a backup, or remove it: the aliases then follow from {_HISTORY}"
    return "repair or remove it and promote again"
