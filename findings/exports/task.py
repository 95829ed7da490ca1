"""What goes out for review and comes back, whatever the file format: pictures with outlined, named, decided marks."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import shapely
from shapely.geometry import Polygon

from findings.errors import RecordError
from findings.finding import FindingStatus

PENDING = "pending"
"""The decision of a mark that nobody has decided about; it imports as nothing."""

UNCERTAIN = "uncertain"
"""Looked at and left open: ``candidate`` in the record."""

DECISIONS = {
    "confirmed": FindingStatus.CONFIRMED,
    "rejected": FindingStatus.REJECTED,
    "needs_close_inspection": FindingStatus.NEEDS_CLOSE_INSPECTION,
    "duplicate": FindingStatus.DUPLICATE,
    UNCERTAIN: FindingStatus.CANDIDATE,
}
"""What a reviewer may choose, beside ``pending``."""

MAX_FILE_BYTES = 256 << 20
MAX_CORNERS = 20_000
"""Of one outline; a hairline crack across a 100-megapixel picture has a few thousand."""

MAX_MARKS = 200_000
_TINY_PART = 0.02  # of the area: what a crossing line cuts off may be dropped, more is refused


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """One mark on a picture.

    Attributes:
        finding_uid: empty for marks that a person drew anew.
        label: name of the class, see `findings.labels`.
        score: of the model, 0..1, or None.
        status: what the record said when the mark went out.
        decision: ``pending`` or one of `DECISIONS`.
        model: ``NAME@VERSION`` that found it.
        external_ids: the tool's own ids.
    """

    finding_uid: str
    label: str
    outline_px: Polygon
    score: float | None = None
    status: str = ""
    decision: str = PENDING
    model: str = ""
    final_grade: str = ""
    note: str = ""
    external_ids: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReviewPicture:
    """One picture with its marks.

    Attributes:
        image_uid: empty where the tool dropped it; then the name tells.
        file_name: as the tool knows it.
        content: `content_digest` of the findings when the picture went out; empty where the tool dropped it.
        complete: a person says that every damage on it is marked; None where the tool cannot say.
    """

    image_uid: str
    file_name: str
    width_px: int
    height_px: int
    items: tuple[ReviewItem, ...]
    content: str = ""
    complete: bool | None = None


@dataclass(frozen=True, slots=True)
class ReviewTask:
    """Everything that one file holds."""

    survey: str
    pictures: tuple[ReviewPicture, ...]
    labels: tuple[str, ...] = ()


def content_digest(finding_uids: Iterable[str]) -> str:
    """Return what tells whether a picture still has the findings that went out."""
    return hashlib.sha256("\n".join(sorted(finding_uids)).encode()).hexdigest()[:16]


def checked_decision(text: object, about: str) -> str:
    """Return a decision.

    Raises:
        RecordError: it is none.
    """
    if text in (None, "", PENDING):
        return PENDING
    if text not in DECISIONS:
        raise RecordError(f"{about}: decision {str(text)[:40]!r}; expected {PENDING}, {', '.join(DECISIONS)}")
    return str(text)


def ring(coordinates: Sequence[Sequence[float]], about: str) -> Polygon:
    """Return the outline of these corners, mended where a line crosses itself by a hair.

    Raises:
        RecordError: too few or too many corners, no finite numbers, or an outline of several parts.
    """
    if len(coordinates) > MAX_CORNERS:
        raise RecordError(f"{about}: {len(coordinates)} corners; at most {MAX_CORNERS} are taken: simplify the outline")
    if len(coordinates) < 3 or not all(_finite(value) for pair in coordinates for value in pair):
        raise RecordError(f"{about}: {len(coordinates)} corners; expected at least 3 of finite numbers")
    outline = Polygon(coordinates)
    if outline.is_valid and outline.area > 0:
        return outline
    return one_part(shapely.make_valid(outline), about)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # JSON knows whole numbers of any size
        return False


def score_of(value: object, about: str) -> float | None:
    """Return the score that a mark came with; None where the tool kept none.

    Raises:
        RecordError: no finite number.
    """
    if value is None or value == "":
        return None
    try:
        score = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        score = math.nan
    if not math.isfinite(score):
        raise RecordError(f"{about}: score {str(value)[:40]!r}; expected a number or nothing")
    return score


def one_part(shape: Any, about: str) -> Polygon:
    """Return the one polygon of a shape; slivers beside it are dropped.

    Raises:
        RecordError: it has no area, or several parts.
    """
    parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon" and part.area > 0]
    parts += [
        inner
        for part in shapely.get_parts(shape)
        if part.geom_type == "MultiPolygon"
        for inner in part.geoms
        if inner.area > 0
    ]
    if not parts:
        raise RecordError(f"{about}: an outline without area; draw at least three corners that enclose pixels")
    largest = max(parts, key=lambda part: part.area)
    rest = sum(part.area for part in parts) - largest.area
    if rest > _TINY_PART * largest.area:
        raise RecordError(f"{about}: an outline of {len(parts)} parts; draw each part as a mark of its own")
    return Polygon(largest.exterior)


def whole_size(value: object, about: str) -> int:
    """Return a width or height in pixels.

    Raises:
        RecordError: it is none.
    """
    try:
        number = float(value)  # type: ignore[arg-type]
        if number == int(number) and 0 < number < 1e6:
            return int(number)
    except (TypeError, ValueError, OverflowError):
        pass
    raise RecordError(f"{about}: {str(value)[:40]!r}; expected the picture's size in pixels")


def read_json(content: bytes, what: str) -> Any:
    """Return the document of a JSON file.

    Raises:
        RecordError: no JSON, or too large.
    """
    check_size(content, what)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"no readable JSON ({str(error)[:120]}); export the file from {what} again, whole") from error


def check_size(content: bytes, what: str) -> None:
    """Refuse a file that is larger than any review.

    Raises:
        RecordError: so it is.
    """
    if len(content) > MAX_FILE_BYTES:
        raise RecordError(
            f"{len(content) >> 20} MiB; at most {MAX_FILE_BYTES >> 20} are read: export fewer from {what}"
        )


def check_unique(task: ReviewTask) -> ReviewTask:
    """Return the task if no finding stands in it twice and it is not larger than any review.

    Raises:
        RecordError: a finding stands twice (a mark that was copied carries the id of its model), or too many marks.
    """
    seen: set[str] = set()
    total = 0
    for picture in task.pictures:
        for item in picture.items:
            total += 1
            if item.finding_uid and item.finding_uid in seen:
                raise RecordError(
                    f"finding {item.finding_uid} stands twice ({picture.file_name}); a copied mark keeps the id of the "
                    "first one: empty its finding_uid, or delete the copy"
                )
            seen.add(item.finding_uid)
    if total > MAX_MARKS:
        raise RecordError(f"{total} marks; at most {MAX_MARKS} are read at once: export fewer pictures")
    return task
