from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from shapely.geometry import Polygon, box

from findings.finding import Finding, FindingStatus, Provenance
from findings.identity import finding_uid
from findings.review import PERSON, Review
from inference.judgement import Place
from inference.reviewed import known_findings, without_parts
from tests.findings.store.samples import a_finding, an_image

IMAGE = replace(an_image("a.jpg"), survey_uid="survey")
AT = datetime(2026, 6, 2, tzinfo=UTC)
JOINT = box(10, 10, 200, 14)


def a_place(outline: Polygon, **changes: Any) -> Place:
    return replace(Place("6", outline, 0.9, (), {}), **changes)


def a_joint(status: FindingStatus = FindingStatus.REJECTED, **changes: Any) -> Finding:
    return a_finding(IMAGE, "joint", geometry_px=JOINT, status=status, **changes)


@pytest.mark.parametrize("status", [FindingStatus.REJECTED, FindingStatus.CONFIRMED])
def test_the_pieces_of_what_people_decided_about_are_not_listed_again(status: FindingStatus) -> None:
    piece, whole, beside = box(20, 10, 60, 14), box(10, 10, 190, 15), box(20, 40, 60, 44)
    kept, parts = without_parts([a_place(piece), a_place(whole), a_place(beside)], [a_joint(status)])
    assert [place.outline_px for place in kept] == [whole, beside]
    assert parts == 1


def test_a_crack_keeps_id_and_decision_when_its_picture_turns_out_to_show_a_deck_slab() -> None:
    joint = a_joint(damage="6")
    assert finding_uid(IMAGE.uid, "11", JOINT, [joint]) == "joint"
    assert finding_uid(IMAGE.uid, "11", JOINT, []) == finding_uid(IMAGE.uid, "6", JOINT, [])
    piece = a_place(box(20, 10, 60, 14), damage="11")
    assert without_parts([piece], [joint]) == ([], 1)
    rust = a_joint(damage="8", details={"class": "rust"})
    assert finding_uid(IMAGE.uid, "1", JOINT, [rust], label="rust") == "joint"
    assert finding_uid(IMAGE.uid, "1", JOINT, [rust]) != "joint"


def test_a_place_that_reaches_out_of_a_rejected_one_is_a_new_finding() -> None:
    crossing = box(100, 0, 104, 60)
    assert without_parts([a_place(crossing)], [a_joint()]) == ([a_place(crossing)], 0)


def test_pieces_of_candidates_and_of_other_damages_are_listed() -> None:
    piece = a_place(box(20, 10, 60, 14))
    assert without_parts([piece], [a_joint(FindingStatus.CANDIDATE)])[1] == 0
    assert without_parts([replace(piece, damage="8")], [a_joint()])[1] == 0
    assert without_parts([replace(piece, label="rust")], [a_joint()])[1] == 0


def test_a_later_run_finds_the_id_by_the_outline_or_the_class_that_people_gave() -> None:
    better, image = box(10, 100, 200, 110), IMAGE.uid
    review = Review("r", "joint", FindingStatus.CONFIRMED, "hanako", AT, "api", geometry_px=better, label="rust")
    known = known_findings([a_joint()], "crack", [review])
    assert finding_uid(image, "8", better, known, label="rust") == "joint"
    assert finding_uid(image, "6", JOINT, known) == "joint", "the first outline still leads there"
    assert finding_uid(image, "6", better, known) != "joint"


def test_what_a_person_drew_keeps_its_id_when_a_model_finds_it() -> None:
    drawn = a_joint(FindingStatus.CONFIRMED, provenance=Provenance(PERSON, "1", "", 0.0, "", "0.1.0"))
    assert known_findings([drawn], "crack", []) == [drawn]
    other = a_joint(provenance=Provenance("anomaly", "1", "", 0.0, "", "0.1.0"))
    assert known_findings([other], "crack", []) == []
