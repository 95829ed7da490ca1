"""Findings, grades and assets for the tests of the domain core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from findings.asset import Asset, AssetKind, Structure
from findings.finding import Domain, Finding, FindingStatus, Grade, Provenance
from findings.measure import Measure
from findings.survey import Scale


def a_measure(
    name: str, value: float | None, unit: str, low: float | None = None, high: float | None = None
) -> Measure:
    return Measure(name, value, unit, low, high, "made for a test")


def a_grade(*codes: str, scheme: str = "mlit_damage") -> Grade:
    return Grade(scheme, codes, "理由", "reason", "grade_rules", "1.0.0", "draft")


def a_finding(
    uid: str = "f",
    *,
    damage: str = "7",
    grade: Grade | None = None,
    measures: tuple[Measure, ...] = (),
    asset_uid: str | None = "bridge",
    status: FindingStatus = FindingStatus.CANDIDATE,
    score: float = 0.5,
    final_grade: str | None = None,
    place: BaseGeometry | None = None,
    member: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> Finding:
    return Finding(
        uid=uid,
        survey_uid="survey",
        image_uid="image",
        asset_uid=asset_uid,
        domain=Domain.RIVER if damage.startswith("R") else Domain.BRIDGE,
        damage=damage,
        grade=grade,
        measures=measures,
        scale=Scale(),
        geometry_px=box(10, 20, 40, 60),
        geometry_lonlat=place,
        position_source="image_only" if place is None else "footprint",
        score=score,
        provenance=Provenance("crack", "1", "0" * 64, 0.5, "1" * 64, "0.1.0"),
        status=status,
        final_grade=final_grade,
        member=member,
        details=details or {},
    )


def a_bridge(uid: str = "bridge", *, soundness: str | None = None, **attributes: Any) -> Asset:
    return Asset(uid, AssetKind.BRIDGE, "水橋", Structure.RC, soundness=soundness, attributes=attributes)


def a_reach(uid: str = "reach", **attributes: Any) -> Asset:
    return Asset(uid, AssetKind.RIVER_REACH, "水川", attributes=attributes)
