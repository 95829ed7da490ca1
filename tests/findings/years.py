"""Damages of two surveys for the tests of matching and comparing: plain pictures, a shift between the years."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from shapely.geometry import LineString, Polygon, box

from findings.finding import Finding
from findings.links import Inspected
from findings.measure import Measure
from findings.registration import PictureRegistration
from findings.survey import Image, ImageKind, Quality, Scale, ScaleSource
from tests.findings.factories import a_finding

THEN, NOW = "then", "now"
DATES = {THEN: datetime(2020, 6, 1, tzinfo=UTC), NOW: datetime(2025, 6, 1, tzinfo=UTC)}
YEARS = (DATES[NOW] - DATES[THEN]).days / 365.25
SHIFT = PictureRegistration((1.0, 0.0, 30.0, 0.0, 1.0, -20.0, 0.0, 0.0, 1.0), 60, 0.5)
"""The present picture was taken 30 px further left and 20 px further down."""
SCALE = Scale(1.0, 0.02, ScaleSource.LASER_RANGE)


def a_picture(uid: str, **changes: Any) -> Image:
    values: dict[str, Any] = {
        "uid": uid,
        "survey_uid": uid.split("-")[0],
        "path": f"/photos/{uid}.jpg",
        "sha256": uid.ljust(64, "0"),
        "kind": ImageKind.PHOTO,
        "width_px": 1000,
        "height_px": 800,
        "band_names": ("red", "green", "blue"),
        "scale": SCALE,
        "quality": Quality(True),
    }
    return Image(**{**values, **changes})


def crack(*at: tuple[float, float], width: float = 4.0) -> Polygon:
    """Return the outline of a crack along these points."""
    return LineString(at).buffer(width / 2)


def shifted(outline: Polygon) -> Polygon:
    """Return the same place in the present picture."""
    return SHIFT.carry(outline)


def sight(uid: str, outline: Polygon, survey: str = THEN, **changes: Any) -> Finding:
    """Return a crack of a survey's first picture."""
    image = changes.pop("image_uid", f"{survey}-1")
    damage = changes.pop("damage", "6")
    values: dict[str, Any] = {"captured_at": DATES[survey], "scale": SCALE, **changes}
    return replace(a_finding(uid, damage=damage), survey_uid=survey, image_uid=image, geometry_px=outline, **values)


def side(survey: str, sights: Sequence[Finding], **changes: Any) -> Inspected:
    """Return a survey whose every finding is a damage of its own; sights of one ``defect_uid`` are one."""
    groups: dict[str, list[Finding]] = {}
    for one in sights:
        groups.setdefault(one.defect_uid or one.uid, []).append(one)
    images = {one.image_uid: a_picture(one.image_uid) for one in sights} | {f"{survey}-1": a_picture(f"{survey}-1")}
    values: dict[str, Any] = {"images": images, "ground": {}, **changes}
    return Inspected(survey, tuple(tuple(group) for group in groups.values()), **values)


def width(value: float | None, low: float, high: float) -> Measure:
    return Measure("width_p95", value, "mm", low, high, "made for a test")


def length(value: float, half: float) -> Measure:
    return Measure("length", value, "m", value - half, value + half, "made for a test")


WAYS = {(f"{THEN}-1", f"{NOW}-1"): SHIFT}
SOMEWHERE = box(100, 100, 160, 150)
