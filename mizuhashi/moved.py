"""Where rows of the priority list stood in the last issued list, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from findings.moves import Cause, Move, moves, predecessors
from mizuhashi.prioritised import PriorityRow

if TYPE_CHECKING:
    from findings.store import Store


def since_last_list(store: Store, rows: Sequence[PriorityRow]) -> Mapping[str, Move]:
    """Return how the rows moved since the last list that was issued, by finding; empty where none was issued."""
    if not store.issued_lists():
        return {}
    found = {row.finding.uid: row.finding for row in rows}
    return moves(store.issued_list(), [row.priority for row in rows], found, predecessors(store.tracks()))


def move_text(moved: Mapping[str, Move], row: PriorityRow) -> str:
    """Return the move of a row in words; empty where no list was issued."""
    move = moved.get(row.finding.uid)
    return "" if move is None else move.words_en


def move_record(moved: Mapping[str, Move], row: PriorityRow) -> dict[str, Any] | None:
    """Return the move of a row as plain JSON values, or None where no list was issued."""
    move = moved.get(row.finding.uid)
    if move is None:
        return None
    return {
        "previous_rank": move.previous_rank,
        "places": None if Cause.NEW in dict(move.causes) else move.places,
        "causes": [{"cause": cause.value, "points": points} for cause, points in move.causes],
        "words_ja": move.words_ja,
        "words_en": move.words_en,
    }
