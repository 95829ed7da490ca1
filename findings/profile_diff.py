"""What differs between two priority profiles, value by value, and which findings move because of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from findings.profile import Profile
from findings.ranking import Ranking

NAMES = ("standard", "id", "version", "status", "title", "owner", "source")


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that two profiles hold differently; None where one of them lacks it.

    Attributes:
        where: e.g. ``consequence.aadt.weight``; a whole input that is new or gone has its own place alone.
        label: the input's words ja and en, where it has some.
    """

    where: str
    before: Any
    after: Any
    label: str = ""

    @property
    def words(self) -> str:
        """The difference as a line."""
        where = f"{self.where} ({self.label})" if self.label else self.where
        if self.before is None:
            return f"{where}: new, {_shown(self.after)}"
        if self.after is None:
            return f"{where}: gone, was {_shown(self.before)}"
        return f"{where}: {_shown(self.before)} -> {_shown(self.after)}"


def differences(before: Profile, after: Profile) -> list[Difference]:
    """Return every value that differs, by place; names, owner and sources are left out."""
    old, new = (dict(_leaves(profile.data)) for profile in (before, after))
    rows = [_rows(profile.data) for profile in (before, after)]
    found: dict[str, Difference] = {}
    for place in dict.fromkeys([*old, *new]):
        if place.split(".")[0] in NAMES or old.get(place) == new.get(place):
            continue
        row = next((name for name in (*rows[0], *rows[1]) if place.startswith(f"{name}.")), "")
        label = next((f"{r[row]['ja']} / {r[row]['en']}" for r in reversed(rows) if row in r), "")
        if row and (row in rows[0]) != (row in rows[1]):
            weights = [f"weight {r[row]['weight']}" if row in r else None for r in rows]
            found[row] = Difference(row, weights[0], weights[1], label)
        else:
            found[place] = Difference(place, old.get(place), new.get(place), label)
    return list(found.values())


def _rows(data: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the weighted inputs and groups of a profile by their place."""
    tables = {name: data.get(name, {}) for name in ("consequence", "consequence_river", "groups")}
    tables["likelihood.hazards"] = data["likelihood"].get("hazards", {})
    return {f"{table}.{name}": row for table, rows in tables.items() for name, row in rows.items()}


@dataclass(frozen=True, slots=True)
class RankMove:
    """One finding whose place differs between two rankings; 1 is first."""

    finding_uid: str
    before: int
    after: int


def rank_moves(before: Ranking, after: Ranking, more_than: int = 0) -> list[RankMove]:
    """Return the findings that move by more than so many places, the largest move first."""
    old = {finding.uid: place for place, finding in enumerate(before.findings, start=1)}
    moves = [
        RankMove(finding.uid, old[finding.uid], place)
        for place, finding in enumerate(after.findings, start=1)
        if finding.uid in old and abs(old[finding.uid] - place) > more_than
    ]
    return sorted(moves, key=lambda move: (-abs(move.before - move.after), move.after))


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{place}[{number}]")
    else:
        yield place, tuple(value) if isinstance(value, list) else value


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) or "nothing" if isinstance(value, tuple) else f"{value}"
