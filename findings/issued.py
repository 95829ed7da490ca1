"""A priority list as it was handed out: what the next list's moves are counted from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class IssuedRow:
    """One row of an issued list.

    Attributes:
        rank: 1 is first.
        section: ``official``, ``confirmed`` or ``candidate``.
        terms: points of the score by term.
        values: what each term knew, None where it was missing; so that the next list can tell data from weights.
        facts: review state, grades, model and hard rules then, in words of the record (`findings.moves`).
    """

    rank: int
    finding_uid: str
    asset_uid: str | None
    score: float
    section: str
    terms: Mapping[str, float]
    values: Mapping[str, float | None] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IssuedList:
    """A priority list that was handed out.

    Attributes:
        uid: of the list.
        issued_at: aware.
        actor: who issued it.
        profile: label of the priority profile.
        rows: in rank order; empty where only the lists are listed.
    """

    uid: str
    issued_at: datetime
    actor: str
    profile: str
    rows: tuple[IssuedRow, ...] = ()
