"""Tasks to write and read, and what a label tool does with them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

from hypothesis import strategies as st
from shapely.geometry import Polygon

from findings.exports import ReviewFormat
from findings.exports.task import DECISIONS, PENDING, ReviewItem, ReviewPicture, ReviewTask
from findings.labels import labels

UIDS = [f"{n:08x}-0000-5000-8000-{n:012x}" for n in range(1, 40)]
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=("Cs", "Cc")), max_size=20)


def star(x: float, y: float, radii: list[float]) -> Polygon:
    """Return a polygon around a point: star-shaped, so that it never crosses itself."""
    turns = [2 * math.pi * n / len(radii) for n in range(len(radii))]
    return Polygon([(x + r * math.cos(a), y + r * math.sin(a)) for a, r in zip(turns, radii, strict=True)])


@st.composite
def outlines(draw: Callable[[Any], Any], width: int, height: int) -> Polygon:
    radii = draw(st.lists(st.floats(1, 30), min_size=3, max_size=40))
    return star(draw(st.floats(40, width - 40)), draw(st.floats(40, height - 40)), radii)


@st.composite
def tasks(draw: Callable[[Any], Any]) -> ReviewTask:
    uids = iter(draw(st.permutations(UIDS)))
    names = [label.name for label in labels()]
    pictures = []
    for number in range(draw(st.integers(1, 3))):
        width, height = draw(st.integers(100, 12_000)), draw(st.integers(100, 9_000))
        items = tuple(
            ReviewItem(
                finding_uid=next(uids),
                label=draw(st.sampled_from(names)),
                outline_px=draw(outlines(width, height)),
                score=draw(st.floats(0, 1)),
                status="candidate",
                decision=draw(st.sampled_from([PENDING, *DECISIONS])),
                model="crack@1",
                final_grade=draw(st.sampled_from(["", "c", "e"])),
                note=draw(TEXTS).strip(),
            )
            for _ in range(draw(st.integers(0, 4)))
        )
        name = f"写真 {number} <&>.jpg"
        pictures.append(ReviewPicture(f"image-{number}", name, width, height, items, "0123", draw(st.booleans())))
    return ReviewTask("橋 <1> & 2", tuple(pictures), tuple(names))


def submitted(text: str, kind: ReviewFormat) -> bytes:
    """Return what the tool gives back when a person submits everything as it is."""
    if kind is not ReviewFormat.LABELSTUDIO:
        return text.encode()
    rows = json.loads(text)
    for number, row in enumerate(rows):
        (prediction,) = row.pop("predictions")
        row |= {"id": number, "annotations": [{"id": 7, "was_cancelled": False, "result": prediction["result"]}]}
    return json.dumps(rows).encode()


def edited(content: bytes, kind: ReviewFormat, change: Callable[[Any], None]) -> bytes:
    """Return a file after ``change`` had its document: the JSON value, or the XML root."""
    if kind is ReviewFormat.CVAT:
        root = ElementTree.fromstring(content)
        change(root)
        return ElementTree.tostring(root)
    document = json.loads(content)
    change(document)
    return json.dumps(document).encode()
