"""Bridge grades: the table where the rule is certain, the set with its reason where it is not."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import findings.grading
from findings.asset import Structure
from findings.errors import GradingError
from findings.finding import Finding, Grade
from findings.grading import cross_walk, grade, grade_corrosion, grade_crack, grade_spalling
from findings.measure import Measure
from findings.taxonomy import damage_type, damage_types
from tests.findings.factories import a_grade, a_measure

RC, PC, UNKNOWN = Structure.RC, Structure.PC, Structure.UNKNOWN


def width(value: float | None, low: float | None = None, high: float | None = None, unit: str = "mm") -> Measure:
    return a_measure("width_max", value, unit, low, high)


def spacing(value: float | None, low: float | None = None, high: float | None = None) -> Measure:
    return a_measure("min_spacing", value, "m", low, high)


@pytest.mark.parametrize(
    ("width_mm", "spacing_m", "structure", "code"),
    [
        (0.19, 0.5, RC, "b"),
        (0.19, 0.49, RC, "c"),
        (0.2, 0.5, RC, "c"),
        (0.2, 0.4, RC, "d"),
        (0.3, 0.5, RC, "d"),
        (0.3, 0.4, RC, "e"),
        (0.09, 1.0, PC, "b"),
        (0.1, 1.0, PC, "c"),
        (0.2, 1.0, PC, "d"),
        (0.2, 0.1, PC, "e"),
    ],
)
def test_a_measured_crack_gets_the_grade_of_the_table(
    width_mm: float, spacing_m: float, structure: Structure, code: str
) -> None:
    assert grade_crack(width(width_mm), spacing(spacing_m), structure).codes == (code,)


def test_the_trace_speaks_the_manuals_words_and_says_that_the_rule_is_provisional() -> None:
    result = grade_crack(width(0.35), spacing(0.4), RC)
    assert result.trace_ja == "最大幅0.35mm(RC 大)・間隔0.4m(密) → e〔暫定〕"
    assert result.trace_en == "max width 0.35 mm (RC large), spacing 0.4 m (dense) -> e [provisional]"
    assert (result.standard, result.version, result.status) == ("grade_rules", "1.1.0", "draft")


@pytest.mark.parametrize(
    ("crack", "gap", "structure", "codes", "reason"),
    [
        (width(0.25, 0.18, 0.29), spacing(1.0), RC, ("b", "c"), "またぐ"),
        (width(0.25, 0.18, 0.32), spacing(1.0), RC, ("b", "c", "d"), "またぐ"),
        (width(None, None, 0.25), spacing(1.0), RC, ("b", "c"), "分解能不足"),
        (width(None, None, 0.15), spacing(1.0), RC, ("a", "b"), "損傷なしを否定できない"),
        (width(0.1, 0.0, 0.15), spacing(0.2), RC, ("a", "c"), "損傷なしを否定できない"),
        (width(0.35), None, RC, ("d", "e"), "間隔が不明"),
        (width(0.35), spacing(0.5, 0.4, 0.6), RC, ("d", "e"), "間隔の区間"),
        (width(0.25), spacing(1.0), UNKNOWN, ("c", "d"), "RC・PCの別が不明"),
        (width(0.25), spacing(1.0), Structure.STEEL, ("c", "d"), "RC・PCの別が不明"),
        (width(2.1, unit="px"), None, RC, ("b", "c", "d", "e"), "縮尺不明"),
        (width(None), None, RC, ("b", "c", "d", "e"), "計測値がない"),
    ],
)
def test_what_the_measurement_leaves_open_is_a_set_with_its_reason(
    crack: Measure, gap: Measure | None, structure: Structure, codes: tuple[str, ...], reason: str
) -> None:
    result = grade_crack(crack, gap, structure)
    assert result.codes == codes
    assert reason in result.trace_ja
    assert "reason:" in result.trace_en


def test_an_unknown_structure_makes_no_difference_where_both_tables_agree() -> None:
    result = grade_crack(width(0.35), spacing(1.0), UNKNOWN)
    assert result.codes == ("d",)
    assert "RC 大・PC 大" in result.trace_ja


def test_a_spacing_known_to_reach_beyond_the_picture_counts_as_sparse() -> None:
    assert grade_crack(width(0.35), spacing(None, 0.8), RC).codes == ("d",)


widths = st.floats(0, 5, allow_nan=False)


@given(st.tuples(widths, widths, widths).map(sorted), st.none() | widths, st.sampled_from(list(Structure)))
def test_a_wider_interval_never_loses_a_possible_grade(
    bounds: list[float], gap: float | None, structure: Structure
) -> None:
    low, value, high = bounds
    gap_measure = None if gap is None else spacing(gap)
    narrow = grade_crack(width(value), gap_measure, structure)
    wide = grade_crack(width(value, low, high), gap_measure, structure)
    assert set(narrow.codes) - {"a"} <= set(wide.codes)
    assert list(wide.codes) == sorted(wide.codes)


@given(st.none() | widths, st.none() | widths, st.sampled_from(list(Structure)))
def test_an_unmeasured_width_never_gives_a_single_grade(
    upper: float | None, gap: float | None, structure: Structure
) -> None:
    gap_measure = None if gap is None else spacing(gap)
    assert len(grade_crack(width(None, None, upper), gap_measure, structure).codes) > 1


@given(widths, widths, widths, st.sampled_from([RC, PC]))
def test_a_wider_crack_never_gets_a_better_grade(a: float, b: float, gap: float, structure: Structure) -> None:
    first, second = (grade_crack(width(w), spacing(gap), structure).worst for w in sorted((a, b)))
    assert (first or "") <= (second or "")


@pytest.mark.parametrize(
    "crack", [width(math.nan), width(-0.1), width(0.2, 0.3, 0.4), width(0.2, 0.1, 0.15), width(0.2, 0.1, math.inf)]
)
def test_an_impossible_measure_is_refused(crack: Measure) -> None:
    with pytest.raises(GradingError, match="expected finite numbers"):
        grade_crack(crack, None, RC)


def test_a_width_in_mm_is_taken_before_one_in_pixels() -> None:
    both = (a_measure("width_p95", 3.0, "px"), width(0.35), spacing(0.4))
    assert grade("6", both, RC, {}).codes == ("e",)
    assert grade("6", both[:1], RC, {}).codes == ("b", "c", "d", "e")
    assert "分解能" in grade("6", (width(None, None, 0.3),), RC, {}).trace_ja


@pytest.mark.parametrize(
    ("damage", "details", "codes"),
    [
        ("7", {}, ("c", "d", "e")),
        ("7", {"rebar_exposed": False}, ("c",)),
        ("7", {"rebar_exposed": True}, ("d", "e")),
        ("7", {"rebar_exposed": True, "rebar_corrosion_severe": False}, ("d",)),
        ("7", {"rebar_exposed": True, "rebar_corrosion_severe": True}, ("e",)),
        ("8", {}, ("c", "d", "e")),
        ("8", {"rust_or_mud": True}, ("e",)),
        ("8", {"efflorescence": True}, ("d", "e")),
        ("8", {"efflorescence": False, "icicles": False}, ("c", "e")),
        ("8", {"efflorescence": True, "icicles": False, "rust_or_mud": False}, ("d",)),
        ("11", {"pattern": "grid"}, ("d", "e")),
        ("9", {}, ("e",)),
        ("12", {}, ("a", "e")),  # hollow concrete is heard, not seen
        ("26", {}, ("c", "e")),
    ],
)
def test_observations_decide_and_those_that_nobody_made_stay_open(
    damage: str, details: dict[str, Any], codes: tuple[str, ...]
) -> None:
    assert grade(damage, (), RC, details).codes == codes


def test_a_measured_length_of_bare_steel_counts_as_exposed_rebar() -> None:
    assert grade_spalling((a_measure("rebar_length", 0.4, "m", 0.3, 0.5),), {}).codes == ("d", "e")
    assert grade_spalling((a_measure("rebar_length", 0.1, "m", 0.0, 0.3),), {}).codes == ("c", "d", "e")


@pytest.mark.parametrize(
    ("share", "depth", "codes"),
    [
        (None, None, ("b", "c", "d", "e")),
        (a_measure("area_share", 0.7, "ratio", 0.6, 0.8), None, ("c", "e")),
        (a_measure("area_share", 0.2, "ratio", 0.1, 0.3), None, ("b", "d")),
        (a_measure("area_share", 0.2, "ratio", 0.1, 0.3), "large", ("d",)),
        (a_measure("area_share", 0.5, "ratio", 0.4, 0.6), "small", ("b", "c")),
    ],
)
def test_corrosion_keeps_both_depths_unless_somebody_measured_it(
    share: Measure | None, depth: str | None, codes: tuple[str, ...]
) -> None:
    assert grade_corrosion((share,) if share else (), {"corrosion_depth": depth}).codes == codes


def test_slab_cracks_are_graded_by_the_common_ground_of_width_spacing_and_pattern() -> None:
    one_way = {"pattern": "one_way"}
    assert grade("11", (width(0.15), spacing(0.45)), RC, one_way).codes == ("c",)
    assert grade("11", (width(0.04), spacing(2.0)), RC, one_way).codes == ("a",)
    assert grade("11", (width(0.3), spacing(0.1)), RC, {"pattern": "grid"}).codes == ("e",)
    contradiction = grade("11", (width(0.04), spacing(0.1)), RC, one_way)
    assert contradiction.codes == ("a", "b", "c", "d", "e")
    assert "一致しない" in contradiction.trace_ja


@pytest.mark.parametrize(
    ("damage", "details"), [("7", {"rebar_exposed": "yes"}), ("1", {"corrosion_depth": "deep"}), ("99", {})]
)
def test_an_impossible_observation_is_refused(damage: str, details: dict[str, Any]) -> None:
    with pytest.raises(GradingError, match="expected"):
        grade(damage, (), RC, details)


def test_an_unnamed_anomaly_has_no_grade_and_says_that_it_needs_a_check() -> None:
    result = grade("anomaly", (), RC, {})
    assert result.codes == ()
    assert result.worst is None
    assert "要確認" in result.trace_ja


@pytest.mark.parametrize("code", [kind.code for kind in damage_types()])
def test_every_damage_type_has_an_answer_from_its_own_ladder(code: str) -> None:
    result = grade(code, (), UNKNOWN, {})
    assert result.codes
    assert set(result.codes) <= set(damage_type(code).grades)
    assert result.scheme == damage_type(code).scheme
    assert ("暫定" in result.trace_ja) == (result.status == "draft")


def test_no_grade_or_finding_can_carry_a_soundness_class_and_no_function_gives_one() -> None:
    for kind in (Grade, Finding):
        assert not any("soundness" in field.name or "measure_class" in field.name for field in dataclasses.fields(kind))
    assert not any("soundness" in name for name in dir(findings.grading))
    for code in (kind.code for kind in damage_types()):
        assert not {"I", "II", "III", "IV"} & set(grade(code, (), UNKNOWN, {}).codes)


def test_cross_walks_are_marked_for_display_only_and_exist_for_bridge_grades_alone() -> None:
    walk = cross_walk(a_grade("d", "e"))
    assert walk["aashto_cs"] == ["CS2", "CS3", "CS4"]
    assert walk["display_only"] is True
    assert cross_walk(a_grade("b", scheme="river_rating")) == {}
    assert cross_walk(a_grade()) == {}
