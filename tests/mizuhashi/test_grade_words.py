"""Probabilities in words."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from findings.asset import Structure
from findings.geojson import feature
from findings.grade_words import chance_text, grade_chances, percent, supposition_lines
from findings.grading import grade_crack
from mizuhashi.listing import Row, cells, finding_lines
from tests.findings.factories import a_finding, a_measure


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "0 %"), (0.004, "<1 %"), (0.705, "70 %"), (0.995, ">99 %"), (0.9999, ">99 %"), (1.0, "100 %")],
)
def test_a_percentage_never_rounds_to_certainty(share: float, words: str) -> None:
    assert percent(share) == words


def test_a_set_says_how_probable_each_grade_is_and_a_single_grade_says_nothing() -> None:
    assert chance_text("cd", (0.7, 0.3)) == "c 70 %, d 30 %"
    assert chance_text("c", (1.0,)) == ""
    assert chance_text("cd", ()) == ""


def test_a_list_shows_the_compact_token_then_the_probabilities_and_geojson_has_them_as_numbers() -> None:
    crack = a_measure("width_p95", 0.25, "mm", 0.18, 0.32)
    unsure = grade_crack(crack, a_measure("min_spacing", 1.0, "m"), Structure.RC)
    finding = a_finding(damage="6", grade=unsure, measures=(crack,))
    row = Row(1, finding, None, None)
    assert row.label == "⑥ひびわれ-b～d (暫定)"
    assert row.told == "⑥ひびわれ-b～d (暫定) b 6 %, c 88 %, d 6 %"
    assert row.told in cells(row)[2]
    assert finding_lines(row, Path())[0].startswith(row.told)
    properties = feature(finding)["properties"]
    assert properties["grade_probabilities"] == {"b": 0.0587, "c": 0.8826, "d": 0.0587}
    reviewed = dataclasses.replace(finding, final_grade="c")
    assert Row(1, reviewed, None, None).told == "⑥ひびわれ-c"
    assert grade_chances(unsure, "c") == ""


def test_show_tells_what_each_supposition_would_give() -> None:
    crack = a_measure("width_p95", 0.25, "mm", 0.18, 0.32)
    grade = grade_crack(crack, a_measure("min_spacing", 1.0, "m"), Structure.UNKNOWN)
    lines = supposition_lines(grade)
    assert lines == ["RC / RC: b 6 %, c 88 %, d 6 %", "PC / PC: c 6 %, d 94 %"]
    shown = finding_lines(Row(1, a_finding(damage="6", grade=grade), None, None), Path())
    assert all(any(line in text for text in shown) for line in lines)
    alternatives = feature(a_finding(damage="6", grade=grade))["properties"]["grade_alternatives"]
    assert [one["grades"] for one in alternatives] == [["b", "c", "d"], ["c", "d"]]
