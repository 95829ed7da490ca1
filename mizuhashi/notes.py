"""What the reader should know of many pictures at once: common notes are said once, the others with their picture."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain

COMMON_FROM = 3
"""A note that at least so many pictures and at least half of all have is common."""

_VALUE = re.compile(r"(?<![\w.:])(?:\d{4}-\d\d-\d\d(?:T[\d:.]+)?|-?\d+(?:\.\d+)?)(?![\w:])")


def without_repeats(notes: Sequence[str]) -> list[str]:
    """Return notes in their order, without those that stand in another one word for word."""
    distinct = list(dict.fromkeys(notes))
    return [note for note in distinct if not any(note in other for other in distinct if other != note)]


def common_notes(notes: Sequence[Sequence[str]]) -> tuple[list[list[str]], list[str]]:
    """Return the notes that stay with each picture, in their order, and one line for each common note.

    Notes that differ in numbers or times alone are one note: ``all 8: on a plane 40.0 to 40.2 m below the camera``.

    Args:
        notes: of each picture.
    """
    holders: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for number, own in enumerate(notes):
        for note in own:
            holders[_VALUE.sub("\0", note)][number].append(note)
    least = max(COMMON_FROM, -(-len(notes) // 2))
    common = {key: held for key, held in holders.items() if len(held) >= least}
    left = [[note for note in own if _VALUE.sub("\0", note) not in common] for own in notes]
    return left, [
        f"{_share(len(held), len(notes))}: {_merged(list(chain(*held.values())))}" for held in common.values()
    ]


def _share(held: int, count: int) -> str:
    return f"all {count}" if held == count else f"{held} of {count}"


def _merged(texts: Sequence[str]) -> str:
    """Return texts that differ in values alone as one, each value as the range of all."""
    columns = zip(*(_VALUE.findall(text) for text in texts), strict=True)
    ranges = iter([_range(column) for column in columns])
    return _VALUE.sub(lambda _: next(ranges), texts[0])


def _range(values: Sequence[str]) -> str:
    ordered = sorted(set(values), key=lambda value: (0.0, value) if value[4:5] == "-" else (float(value), value))
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"
