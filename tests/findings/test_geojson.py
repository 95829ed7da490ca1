"""Findings as GeoJSON: RFC 7946 geometry, the minimum record, and no claim of a diagnosis."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from shapely.geometry import MultiPolygon, Point, Polygon, box, shape
from shapely.geometry.base import BaseGeometry

from findings.finding import FindingStatus
from findings.geojson import collection, feature
from findings.ranking import load_profile, score_finding
from tests.findings.factories import a_bridge, a_finding, a_grade, a_measure


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for item in value.values() for key in _keys(item)}
    return {key for item in value for key in _keys(item)} if isinstance(value, list) else set()


def test_a_feature_holds_the_minimum_record_and_survives_json() -> None:
    finding = a_finding("f1", grade=a_grade("d"), measures=(a_measure("area", 0.12, "m2", 0.1, 0.15),), member="Mg")
    priority = score_finding(finding, a_bridge(), load_profile())
    document = json.loads(json.dumps(feature(finding, priority), ensure_ascii=False, allow_nan=False))
    record = document["properties"]
    assert (document["type"], document["id"], document["geometry"]) == ("Feature", "f1", None)
    assert record["label"] == "⑦剥離・鉄筋露出-d"
    assert record["suggested_grade"] == "d"
    assert record["provisional"] is True
    assert record["measures"][0]["high"] == 0.15
    assert record["geometry_px"][0][0] == [40.0, 20.0]
    assert record["review"] == {"status": "candidate", "final_grade": None}
    assert sum(t["contribution"] for t in record["priority"]["terms"]) == pytest.approx(record["priority"]["score"])


def test_a_set_of_grades_suggests_none_of_them_alone() -> None:
    record = feature(a_finding(damage="6", grade=a_grade("b", "c", "d")))["properties"]
    assert record["suggested_grade"] is None
    assert record["suggested_grades"] == ["b", "c", "d"]
    assert record["label"] == "⑥ひびわれ-b～d"


def test_a_final_grade_stands_in_the_label_of_a_reviewed_finding() -> None:
    finding = a_finding(grade=a_grade("c", "d"), status=FindingStatus.CONFIRMED, final_grade="d")
    assert feature(finding)["properties"]["label"] == "⑦剥離・鉄筋露出-d"


def test_no_property_of_a_record_is_a_soundness_class() -> None:
    finding = a_finding(grade=a_grade("d"))
    priority = score_finding(finding, a_bridge(soundness="IV"), load_profile())
    keys = _keys(feature(finding, priority))
    assert not any("soundness" in key or "measure_class" in key for key in keys)


@pytest.mark.parametrize(
    "place",
    [
        Polygon([(0, 0), (0, 1), (1, 1), (1, 0)]),  # clockwise
        MultiPolygon([Polygon([(0, 0), (0, 1), (1, 1)]), box(2, 2, 3, 3)]),
        Polygon(box(0, 0, 4, 4).exterior, [box(1, 1, 2, 2).exterior]),
    ],
)
def test_rings_are_wound_as_rfc_7946_asks(place: BaseGeometry) -> None:
    written = shape(feature(a_finding(place=place))["geometry"])
    for polygon in getattr(written, "geoms", [written]):
        assert polygon.exterior.is_ccw
        assert not any(ring.is_ccw for ring in polygon.interiors)
    assert written.equals(place)


def test_positions_are_flat_and_rounded_to_a_centimetre() -> None:
    geometry = feature(a_finding(place=Point(131.123456789, 34.1, 25.0)))["geometry"]
    assert geometry == {"type": "Point", "coordinates": [131.1234568, 34.1]}


def test_numbers_that_json_cannot_hold_become_null() -> None:
    finding = a_finding(score=math.nan, details={"ratios": [math.inf, 1.0]})
    record = feature(finding)["properties"]
    assert record["model"]["score"] is None
    assert record["details"] == {"ratios": [None, 1.0]}


def test_a_collection_keeps_the_order_and_counts_what_it_returns() -> None:
    items = [(a_finding(uid), None) for uid in ("b", "a")]
    link = {"rel": "next", "href": "?cursor=x"}
    document = collection(items, links=[link], number_matched=7)
    assert [f["id"] for f in document["features"]] == ["b", "a"]
    assert (document["numberReturned"], document["numberMatched"], document["links"]) == (2, 7, [link])
    assert "links" not in collection([])
