"""Leakage: the same photo, structure or place on both sides of a split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from findings.errors import ConfigError
from training.fingerprint import NEAR_BITS, Fingerprint, distances, orientations

MOST_NAMED = 5  # leaks that a message shows
_BLOCK = 2048  # hashes compared at once: 8 x 2048 x 2048 x 8 bytes


@dataclass(frozen=True, slots=True)
class Member:
    """A picture on one side of a split.

    Attributes:
        side: e.g. ``train``.
        name: for messages, e.g. ``cracks/uav_concrete: slide0030``.
        place: what its group is a group of: groups of two data sets are different ones, whatever their names.
        group: photo, structure or place.
        print: its fingerprint.
    """

    side: str
    name: str
    place: str
    group: str
    print: Fingerprint


@dataclass(frozen=True, slots=True)
class Leak:
    """Two pictures that must not be on two sides."""

    one: Member
    other: Member
    reason: str

    def __str__(self) -> str:
        return f"{self.one.name} ({self.one.side}) and {self.other.name} ({self.other.side}): {self.reason}"


def find_leaks(members: Iterable[Member], near_bits: int = NEAR_BITS) -> list[Leak]:
    """Return the pairs that leak between different sides: same bytes, same group, or nearly the same picture.

    Of the pairs of one group on two sides, one is named. Pictures too flat for a hash are compared by bytes and group.
    """
    sides: dict[str, list[Member]] = {}
    for member in members:
        sides.setdefault(member.side, []).append(member)
    leaks: list[Leak] = []
    for one, other in combinations(sides.values(), 2):
        leaks += _same_bytes(one, other) + _same_group(one, other) + _near(one, other, near_bits)
    return leaks


def _same_bytes(some: Sequence[Member], others: Sequence[Member]) -> list[Leak]:
    first = {member.print.sha256: member for member in some}
    return [
        Leak(first[member.print.sha256], member, "the same file") for member in others if member.print.sha256 in first
    ]


def _same_group(some: Sequence[Member], others: Sequence[Member]) -> list[Leak]:
    first = {(member.place, member.group): member for member in some}
    seen, leaks = set(), []
    for member in others:
        key = (member.place, member.group)
        if key in first and key not in seen:
            seen.add(key)
            leaks.append(Leak(first[key], member, f"both of the group {member.group!r}"))
    return leaks


def _near(some: Sequence[Member], others: Sequence[Member], near_bits: int) -> list[Leak]:
    some = [member for member in some if member.print.hash is not None]
    others = [member for member in others if member.print.hash is not None]
    if not some or not others:
        return []
    left = orientations([str(member.print.hash) for member in some])
    right = orientations([str(member.print.hash) for member in others])
    leaks = []
    for top in range(0, len(left), _BLOCK):
        for start in range(0, len(right), _BLOCK):
            bits = distances(left[top : top + _BLOCK], right[start : start + _BLOCK])
            for row, col in np.argwhere(bits <= near_bits):
                one, other = some[top + row], others[start + col]
                if one.print.sha256 != other.print.sha256:
                    text = f"nearly the same picture ({bits[row, col]} of 63 bits differ)"
                    leaks.append(Leak(one, other, text))
    return leaks


def refuse(leaks: Sequence[Leak], what: str, remedy: str) -> None:
    """Raise ConfigError if anything leaks, naming the first few pairs.

    Raises:
        ConfigError: something leaks.
    """
    if not leaks:
        return
    lines = "; ".join(str(leak) for leak in leaks[:MOST_NAMED])
    more = f"; and {len(leaks) - MOST_NAMED} more" if len(leaks) > MOST_NAMED else ""
    raise ConfigError(f"{what}: {len(leaks)} leak(s) between splits: {lines}{more}. {remedy}")
