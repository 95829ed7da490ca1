"""The priority profile: an agency's own table of weights, versioned, checked and named in every score."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from findings.errors import StandardError
from findings.profile_checks import profile_problems
from findings.standard import check, freeze, load_standard, read_yaml, standard_folders

STANDARD = "priority_profile"
DEFAULT = ""
"""Names the profile in force: the packaged one, or the agency's own in its place, whatever its id is."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A checked priority profile.

    Attributes:
        id: e.g. ``default-v1``.
        digest: first eight hexadecimal digits of the SHA-256 of its content: an edited weight shows in every score.
        data: the content, immutable; see ``findings/standards/priority_profile.yaml``.
    """

    id: str
    version: str
    status: str
    digest: str
    data: Mapping[str, Any]

    @property
    def label(self) -> str:
        """What a score names: id, version and digest."""
        return f"{self.id}@{self.version}+{self.digest}"


def load_profile(name_or_path: str = DEFAULT) -> Profile:
    """Return the priority profile of that id, the one in a YAML file, or the one in force where no name is given.

    Raises:
        StandardError: there is no such profile, or it is refused (weights that do not sum to 1, ...).
    """
    if name_or_path == DEFAULT:
        return _profile(load_standard(STANDARD))
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return _profile(_checked(path))
    known = profiles()
    for profile in known:
        if profile.id == name_or_path:
            return profile
    names = ", ".join(repr(profile.id) for profile in known)
    raise StandardError(f"there is no priority profile {name_or_path!r}; expected {names} or the path of a .yaml file")


def profiles() -> tuple[Profile, ...]:
    """Return the profiles that are here: the one in force first, then those of ``profiles/`` among the standards.

    Raises:
        StandardError: one of them is refused, or two have one id.
    """
    found = [_profile(load_standard(STANDARD))]
    taken: set[str] = set()
    for folder in standard_folders():
        for path in sorted((folder / "profiles").glob("*.yaml")):
            if path.name in taken:  # the agency's own file stands in place of the packaged one
                continue
            taken.add(path.name)
            profile = _profile(_checked(path))
            if any(other.id == profile.id for other in found):
                raise StandardError(f"{path.name}: a profile with the id {profile.id!r} is there already; take another")
            found.append(profile)
    return tuple(found)


def file_problems(path: Path) -> list[str]:
    """Return everything that is wrong with a profile's file, in sentences; empty if it is sound.

    Raises:
        StandardError: it cannot be read, is not YAML or is another standard.
    """
    return profile_problems(_read(path), load_standard)


def _read(path: Path) -> Mapping[str, Any]:
    data = read_yaml(path)
    if data["standard"] != STANDARD:
        raise StandardError(f"{path.name}: standard is {data['standard']!r}; expected {STANDARD!r}")
    return data


def _checked(path: Path) -> Mapping[str, Any]:
    data = _read(path)
    try:
        check(data, load_standard)
    except StandardError as error:
        raise StandardError(f"{path.name}: {error}") from error
    return data


def _profile(data: Mapping[str, Any]) -> Profile:
    frozen = freeze(data)
    text = json.dumps(_plain(frozen), sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return Profile(frozen["id"], frozen["version"], frozen["status"], digest, frozen)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def normalised(row: Mapping[str, Any], value: object) -> float | None:
    """Return an inventory value on the profile's 0 to 1, or None if it cannot be read as the profile asks.

    Args:
        row: an input of ``consequence``: ``kind`` table, share, linear or log10.
        value: as in the asset's attributes.
    """
    table = row.get("table", {})
    if isinstance(value, str | int) and not isinstance(value, bool) and str(value) in table:
        return float(table[str(value)])
    if row["kind"] == "table":
        return None
    if isinstance(value, bool):
        return float(value) if row["kind"] == "share" else None
    if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    if row["kind"] == "share":
        return float(value) if value <= 1 else None
    if row["kind"] == "linear":
        return min(float(value) / float(row["at_one"]), 1.0)
    return min(math.log10(float(value) + 1) / math.log10(float(row["at_one"]) + 1), 1.0)
