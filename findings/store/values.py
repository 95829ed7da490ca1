"""What the store takes and gives besides the domain's own value types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from findings.finding import Finding, Priority

SECTIONS = ("official", "confirmed", "candidate")
"""Sections of the ranked list in their order; findings that were never ranked come after them."""


class SchemaState(StrEnum):
    """How the database's schema relates to this code."""

    FRESH = "fresh"  # no tables of ours: upgrade() makes them
    BEHIND = "behind"  # an earlier schema: upgrade() brings it to head
    HEAD = "head"
    NEWER = "newer"  # written by a later version of the code, which this one must not touch


@dataclass(frozen=True, slots=True)
class Counts:
    """What one call changed.

    Attributes:
        added: rows that were not there before.
        updated: rows that changed.
        unchanged: rows that were there already, exactly so.
        deactivated: findings that the same model no longer finds (kept, not listed by default).
        differing: files already in the survey that this call describes otherwise (scale, bands, time or place);
            the first description was kept.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    deactivated: int = 0
    differing: int = 0


@dataclass(frozen=True, slots=True)
class ModelRun:
    """One model on one image: with which weights, parameters and code, when and where.

    Two runs are the same run if everything but ``device`` and the times agrees; the first is kept.

    Attributes:
        started_at: aware.
        finished_at: aware.
        device: e.g. ``cpu``.
        parameters: window, overlap, thresholds ...: plain JSON values.
    """

    model: str
    model_version: str
    weights_sha256: str
    code_version: str
    started_at: datetime
    finished_at: datetime
    device: str = "cpu"
    parameters: Mapping[str, Any] = field(default_factory=dict)


class Cursor(NamedTuple):
    """Where a page ended: the sort key of its last row, in the order of the ranked list."""

    section_rank: int
    rank_key: float
    row_id: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some findings in rank order, each with its priority if it was ranked.

    Attributes:
        next_cursor: hand it to the next call; None on the last page.
    """

    items: tuple[tuple[Finding, Priority | None], ...]
    next_cursor: Cursor | None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One line of the append-only audit; ``hash`` covers every field and ``prev_hash``.

    Attributes:
        actor: who did it: a person's account, ``model:NAME@VERSION`` or ``system``.
        action: ``added``, ``updated``, ``deactivated``, ``ranked`` ...
        entity: ``asset``, ``survey``, ``image``, ``model_run``, ``finding`` or ``priority``.
        before: the changed fields as they were; None for new rows.
        after: the changed fields as they are now.
    """

    id: int
    at: datetime
    actor: str
    action: str
    entity: str
    entity_uid: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    prev_hash: str
    hash: str
