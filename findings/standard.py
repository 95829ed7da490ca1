"""Versioned standards as data: read YAML safely, refuse what contradicts itself, hand out immutable values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from findings.errors import StandardError
from findings.plain_yaml import MAX_BYTES, PlainYamlError, parse_yaml

FOLDER = Path(__file__).resolve().parent / "standards"
STATUSES = ("confirmed", "draft")

Checker = Callable[[Mapping[str, Any], Callable[[str], Mapping[str, Any]]], None]


def freeze(value: Any) -> Any:
    """Return the value with every mapping read-only and every list a tuple, so that a cached standard cannot change."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: freeze(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    return value


def read_yaml(path: Path) -> Mapping[str, Any]:
    """Return one YAML file with its header checked: standard, version (text), status, title, source.

    Raises:
        StandardError: the file cannot be read, is not YAML, gives a key twice or lacks a header field.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise StandardError(f"{path.name}: larger than {MAX_BYTES} bytes; a standard is a small text file")
        data = parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StandardError(f"{path}: no such standard can be read ({error.strerror}); check the name") from error
    except UnicodeDecodeError as error:
        raise StandardError(f"{path.name}: not UTF-8 text; save the file as UTF-8") from error
    except PlainYamlError as error:
        raise StandardError(f"{path.name}: not valid YAML: {error}") from error
    if not isinstance(data, Mapping):
        raise StandardError(f"{path.name}: expected a mapping at the top, got {type(data).__name__}")
    _check_header(path.name, data)
    return data


def _check_header(file: str, data: Mapping[str, Any]) -> None:
    for field in ("standard", "version"):
        value = data.get(field)
        if not isinstance(value, str) or not value:
            raise StandardError(f'{file}: {field} is {value!r}; expected quoted text, e.g. {field}: "1.0.0"')
    if data.get("status") not in STATUSES:
        raise StandardError(f"{file}: status is {data.get('status')!r}; expected one of {', '.join(STATUSES)}")
    title = data.get("title")
    if not isinstance(title, Mapping) or not all(isinstance(title.get(k), str) for k in ("ja", "en")):
        raise StandardError(f"{file}: title is {title!r}; expected {{ja: ..., en: ...}}")
    source = data.get("source")
    if not isinstance(source, list) or not source or not all(isinstance(s, str) for s in source):
        raise StandardError(f"{file}: source is {source!r}; expected a list of texts that name where it comes from")


class Standards:
    """The standards of a folder, read once each; files in ``overrides`` take the place of the packaged ones."""

    def __init__(self, folder: Path = FOLDER, overrides: Path | None = None) -> None:
        self._folder = folder
        self.overrides = overrides
        self._read: dict[str, Mapping[str, Any]] = {}

    def names(self) -> tuple[str, ...]:
        """Return the names of all standards that can be had here, sorted."""
        folders = [self._folder] + ([self.overrides] if self.overrides else [])
        return tuple(sorted({p.stem for f in folders for p in f.glob("*.yaml")}))

    def get(self, name: str) -> Mapping[str, Any]:
        """Return a checked, immutable standard.

        Raises:
            StandardError: there is no such standard, or it is incomplete, or it contradicts itself or another one.
        """
        if name not in self._read:
            path = self._path(name)
            data = read_yaml(path)
            if data["standard"] != name:
                raise StandardError(
                    f"{path.name}: standard is {data['standard']!r}; expected {name!r}, as the file is named"
                )
            check(data, self.get)
            self._read[name] = freeze(data)
        return self._read[name]

    def _path(self, name: str) -> Path:
        if not name.replace("_", "").replace("-", "").isalnum():
            raise StandardError(f"{name!r} is not the name of a standard; expected one of {', '.join(self.names())}")
        if self.overrides is not None and (own := self.overrides / f"{name}.yaml").is_file():
            return own
        path = self._folder / f"{name}.yaml"
        if not path.is_file():
            raise StandardError(f"there is no standard {name!r}; expected one of {', '.join(self.names())}")
        return path


def check(data: Mapping[str, Any], get: Callable[[str], Mapping[str, Any]]) -> None:
    """Check one standard by the rules of its name; ``get`` fetches the standards that it must agree with.

    Raises:
        StandardError: it is incomplete or contradicts itself or another standard.
    """
    from findings.standard_checks import CHECKERS

    checker = CHECKERS.get(data["standard"])
    if checker is None:
        raise StandardError(
            f"{data['standard']!r} is not a known standard; expected one of {', '.join(sorted(CHECKERS))}"
        )
    try:
        checker(data, get)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise StandardError(
            f"{data['standard']}: incomplete or of the wrong shape ({error!r}); compare with the packaged file"
        ) from error


@lru_cache(maxsize=1)
def _packaged() -> Standards:
    return Standards()


_active: Standards | None = None


def use_standards(overrides: Path | None) -> None:
    """Let the files of a folder take the place of the packaged standards of the same name; None goes back.

    An agency keeps its own tables there. Called at the edge (settings), never by the core.

    Raises:
        StandardError: the folder does not exist, or one of its files is refused.
    """
    global _active
    if overrides is None:
        _active = None
        return
    if not overrides.is_dir():
        raise StandardError(f"{overrides}: no such folder of standards; give a folder with <name>.yaml files")
    candidate = Standards(overrides=overrides)
    for name in candidate.names():
        candidate.get(name)
    _active = candidate


def load_standard(name: str) -> Mapping[str, Any]:
    """Return the standard ``findings/standards/<name>.yaml`` (or the agency's own one in force), immutable and cached.

    Raises:
        StandardError: there is no such standard, or it is refused.
    """
    return (_active or _packaged()).get(name)


def standard_folders() -> tuple[Path, ...]:
    """Return the folders of the standards in force: the agency's own one first, if there is one, then the packaged."""
    own = _active.overrides if _active is not None else None
    return (own, FOLDER) if own is not None else (FOLDER,)
