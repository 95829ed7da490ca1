"""Stable ids: the same damage at the same place of the same picture keeps its id, whatever model found it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from shapely.geometry import Polygon

from findings.finding import Finding
from findings.labels import seen_as

NAMESPACE = uuid.UUID("6f1d1b56-5d0e-5c7e-9c1e-3a8a3f0b7d11")
MATCH_OVERLAP = 0.3  # intersection over union from which two outlines are one damage


def finding_uid(
    image: str,
    damage: str,
    outline: Polygon,
    existing: Sequence[Finding],
    taken: frozenset[str] = frozenset(),
    label: str | None = None,
) -> str:
    """Return the id of a finding: that of the known finding it overlaps most, else a new one from its place.

    Args:
        image: uid of the picture.
        damage: damage code; only findings of the same damage are the same finding.
        outline: in pixels of that picture.
        existing: findings that the store holds for that picture.
        taken: uids already given away in this run.
        label: class of the model, where several of its classes mean this damage; findings of another are others.
    """
    damage = seen_as(damage, label)  # a crack stays itself when its picture turns out to show a deck slab
    candidates = [
        (overlap(outline, known.geometry_px), known.uid)
        for known in existing
        if seen_as(known.damage, known.details.get("class")) == damage
        and known.uid not in taken
        and known.details.get("class") == label
    ]
    best = max(candidates, default=(0.0, ""))
    if best[0] >= MATCH_OVERLAP:
        return best[1]
    x0, y0, x1, y1 = (round(value) for value in outline.bounds)
    what = damage if label is None else f"{damage} {label}"
    return str(uuid.uuid5(NAMESPACE, f"finding {image} {what} {x0} {y0} {x1} {y1} {outline.area:.0f}"))


def overlap(a: Polygon, b: Polygon) -> float:
    """Return intersection over union of two outlines, 0 where their boxes do not meet."""
    if a.is_empty or b.is_empty or not a.intersects(b):
        return 0.0
    shared = a.intersection(b).area
    return float(shared / (a.area + b.area - shared))
