"""AASHTO quantities and UK scores: for display, never for a Japanese form; totals are never invented."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from findings.asset import Structure
from findings.errors import GradingError
from findings.finding import Finding, FindingStatus
from findings.grading.aashto import ElementStates, element_states, elements_of
from findings.grading.aashto_defects import defect_state
from findings.grading.uk import UkElement, bci, condition, extents, share_of
from findings.measure import Measure
from findings.standard import load_standard
from findings.tables import form_rows
from tests.findings.factories import a_bridge, a_finding, a_grade, a_measure

RC, PC, S, UNKNOWN = Structure.RC, Structure.PC, Structure.STEEL, Structure.UNKNOWN
INCH = 25.4
ROOT = Path(__file__).resolve().parents[3]


def exactly(name: str, value: float, unit: str) -> Measure:
    return a_measure(name, value, unit, value, value)


def crack(uid: str, width_mm: float, length_m: float, member: str = "Ds", damage: str = "6") -> Finding:
    sizes = (exactly("width_p95", width_mm, "mm"), exactly("length", length_m, "m"))
    return a_finding(uid, damage=damage, measures=sizes, member=member)


def quantities(found: ElementStates) -> dict[str, float | None]:
    return {one.state: None if one.value is None else round(one.value, 6) for one in found.states}


@pytest.mark.parametrize(
    ("inches", "structure", "state"),
    [
        (0.0119, RC, "CS1"), (0.012, RC, "CS2"), (0.05, RC, "CS2"), (0.0501, RC, "CS3"),
        (0.0039, PC, "CS1"), (0.004, PC, "CS2"), (0.009, PC, "CS2"), (0.0091, PC, "CS3"),
    ],
)  # fmt: skip
def test_a_crack_has_the_state_of_its_width(inches: float, structure: Structure, state: str) -> None:
    found = defect_state(crack("c", inches * INCH, 1.0), structure)
    assert found is not None
    assert found.codes == (state,)


SEEN: list[tuple[str, tuple[Measure, ...], dict[str, Any], tuple[str, ...]]] = [
    ("7", (exactly("area", 0.1, "m2"),), {"rebar_exposed": False}, ("CS3",)),  # wider than 6 inches
    ("7", (exactly("area", 0.01, "m2"),), {"rebar_exposed": False}, ("CS2", "CS3")),  # nobody measured the depth
    ("7", (exactly("area", 0.01, "m2"), exactly("depth", 20, "mm")), {"rebar_exposed": False}, ("CS2",)),
    ("7", (exactly("area", 0.01, "m2"), exactly("depth", 26, "mm")), {"rebar_exposed": False}, ("CS3",)),
    ("7", (exactly("area", 0.01, "m2"), exactly("depth", 20, "mm")),
     {"rebar_exposed": True, "rebar_corrosion_severe": True}, ("CS3",)),
    ("7", (exactly("area", 0.01, "m2"), exactly("depth", 20, "mm")), {"rebar_corrosion_severe": True}, ("CS2", "CS3")),
    ("12", (), {}, ("CS2",)),
    ("8", (), {}, ("CS2", "CS3")),
    ("8", (), {"icicles": False, "rust_or_mud": False}, ("CS2",)),
    ("8", (), {"rust_or_mud": True}, ("CS3",)),
    ("1", (), {"corrosion_depth": "small"}, ("CS2",)),
    ("1", (), {"corrosion_depth": "large"}, ("CS3",)),
    ("2", (), {"crack_arrested": True}, ("CS2",)),
    ("2", (), {"crack_arrested": False}, ("CS3",)),
    ("25", (), {}, ("CS2", "CS3")),
    ("26", (), {"scour_severe": True}, ("CS3",)),
    ("26", (), {"scour_arrested": True}, ("CS2",)),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "measures", "details", "states"), SEEN)
def test_a_defect_has_the_states_that_its_observations_leave(
    damage: str, measures: tuple[Measure, ...], details: dict[str, Any], states: tuple[str, ...]
) -> None:
    found = defect_state(a_finding(damage=damage, measures=measures, details=details), RC)
    assert found is not None
    assert found.codes == states


def test_no_finding_ever_reaches_the_state_that_asks_for_an_engineers_review() -> None:
    for damage in (str(n) for n in range(1, 27)):
        found = defect_state(a_finding(damage=damage), UNKNOWN)
        assert found is None or "CS4" not in found.codes
    assert quantities(element_states([crack("c", 9.0, 2.0)], "12", RC, 100.0))["CS4"] == 0


def test_a_deck_has_its_cracks_as_length_times_a_foot_and_the_rest_is_good() -> None:
    found = element_states([crack("1", 0.5, 10.0), crack("2", 2.0, 5.0)], "12", RC, 100.0)
    assert quantities(found) == {
        "CS1": pytest.approx(100 - 15 * 0.3048), "CS2": 3.048, "CS3": 1.524, "CS4": 0}  # fmt: skip
    assert (found.unit, found.status) == ("m2", "draft")


def test_without_a_total_the_good_part_stays_unknown_and_is_not_invented() -> None:
    found = element_states([crack("1", 0.5, 10.0)], "12", RC)
    assert quantities(found) == {"CS1": None, "CS2": 3.048, "CS3": 0, "CS4": 0}
    assert any("unknown" in note for note in found.notes_en)


def test_a_girder_is_measured_in_length_and_a_crack_may_cross_it() -> None:
    found = element_states([crack("1", 0.5, 4.0, "Mg")], "110", RC, 30.0)
    fair = next(one for one in found.states if one.state == "CS2")
    assert (fair.value, fair.high) == (4.0, 4.0)
    assert fair.low == pytest.approx(0.3048)


def test_columns_are_counted_each_in_the_worst_state_of_its_places() -> None:
    places = [crack("1", 0.5, 1.0, "Pw"), crack("2", 2.0, 1.0, "Pw"), crack("3", 0.5, 1.0, "Pw"),
              crack("4", 0.5, 1.0, "Pw")]  # fmt: skip
    numbers = ("0101", "0101", "0102", None)
    placed = [dataclasses.replace(f, element_no=no) for f, no in zip(places, numbers, strict=True)]
    found = element_states(placed, "205", RC, 4.0)
    assert quantities(found) == {"CS1": 2, "CS2": 1, "CS3": 1, "CS4": 0}
    assert found.unsized == ("4",)


def test_what_is_rejected_repeated_or_without_size_is_not_in_the_quantity() -> None:
    left = [crack("1", 2.0, 9.0), a_finding("2", damage="8", member="Ds"), a_finding("3", damage="17", member="Ds")]
    left[0] = dataclasses.replace(left[0], status=FindingStatus.REJECTED)
    found = element_states(left, "12", RC, 50.0)
    assert quantities(found) == {"CS1": 50, "CS2": 0, "CS3": 0, "CS4": 0}
    assert (found.unsized, found.uncovered) == (("2",), ("3",))


def test_an_unknown_structure_leaves_the_states_of_both_open() -> None:
    found = element_states([crack("1", 0.25, 10.0)], "12", UNKNOWN, 100.0)
    by_state = {one.state: one for one in found.states}
    assert by_state["CS3"].value == pytest.approx(3.048)
    assert by_state["CS3"].low == 0.0
    assert by_state["CS1"].high == 100.0


def test_findings_that_claim_more_than_there_is_are_cut_at_the_total_and_it_says_so() -> None:
    found = element_states([crack("1", 2.0, 30.0), crack("2", 0.5, 30.0)], "12", RC, 10.0)
    assert quantities(found) == {"CS1": 0, "CS2": pytest.approx(0.856), "CS3": 9.144, "CS4": 0}
    assert any("overlap" in note for note in found.notes_en)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0.01, 4), st.floats(0.01, 30)), max_size=8), st.floats(1, 50) | st.none())
def test_the_states_of_an_element_sum_to_its_total_and_lie_in_their_own_bounds(
    sizes: list[tuple[float, float]], total: float | None
) -> None:
    cracks = [crack(str(n), w, length) for n, (w, length) in enumerate(sizes)]
    found = element_states(cracks, "12", RC, total)
    assert element_states(cracks[::-1], "12", RC, total) == found
    if total is not None:
        assert sum(one.value or 0.0 for one in found.states) == pytest.approx(total)
    for one in found.states:
        assert one.value is None or (one.low or 0.0) - 1e-9 <= one.value <= (one.high or 0.0) + 1e-9


@pytest.mark.parametrize(
    ("number", "total", "member", "expected"),
    [("999", None, "Ds", "expected one of"), ("12", 0.0, "Ds", "positive"), ("12", float("nan"), "Ds", "positive"),
     ("12", None, "Mg", "give it to another")],
)  # fmt: skip
def test_an_element_or_total_that_cannot_be_is_refused(
    number: str, total: float | None, member: str, expected: str
) -> None:
    with pytest.raises(GradingError, match=expected):
        element_states([crack("1", 0.5, 1.0, member)], number, RC, total)


def test_a_member_may_be_several_elements_and_an_unknown_one_is_refused() -> None:
    assert [row["number"] for row in elements_of("Pw", RC)] == ["205", "210"]
    assert [row["number"] for row in elements_of("Ds", UNKNOWN)] == ["12", "13", "30"]
    with pytest.raises(GradingError, match="no AASHTO element"):
        elements_of("Zz", RC)


@pytest.mark.parametrize(
    ("share", "codes"),
    [(0.0, "A"), (0.01, "B"), (0.05, "B"), (0.051, "C"), (0.2, "C"), (0.3, "D"), (0.5, "D"), (0.51, "E"), (1.0, "E")],
)
def test_the_extent_follows_the_affected_share(share: float, codes: str) -> None:
    assert extents(exactly("area_share", share, "ratio")) == tuple(codes)


def test_an_uncertain_or_unknown_share_leaves_several_extents() -> None:
    assert extents(a_measure("area_share", 0.1, "ratio", 0.03, 0.3)) == ("B", "C", "D")
    assert extents(None) == ("B", "C", "D", "E")
    assert extents(share_of(1, 30)) == ("B",)


def test_severity_and_extent_give_the_range_of_the_score() -> None:
    found = condition(a_grade("c"), share_of(1, 4))
    assert (found.severities, found.extents, found.low, found.high) == ((2, 3), ("D",), 2.3, 3.3)
    assert condition(a_grade("a"), None).high == 1.0
    assert condition(a_grade("b", scheme="river_rating"), None).low is None


def test_the_index_is_100_for_a_sound_bridge_and_0_for_the_worst() -> None:
    sound = [UkElement("deck", "very_high", 1.0), UkElement("railing", "low", 1.0)]
    assert (bci(sound).average, bci(sound).critical) == (100.0, 100.0)
    worst = bci([UkElement("deck", "very_high", 5.0)])
    assert (worst.average, worst.critical) == (0.0, 0.0)
    mixed = bci([UkElement("deck", "very_high", 3.0), UkElement("joint", "high", 1.0)])
    mean = (3.0 * 2.0 + 1.0 * 1.5) / 3.5
    assert mixed.average == pytest.approx(100 - 2 * (mean**2 + 6.5 * mean - 7.5))
    assert mixed.critical == pytest.approx(100 - 2 * (9 + 19.5 - 7.5))
    assert bci([UkElement("joint", "low", 2.0)]).critical is None


def test_impossible_uk_values_are_refused() -> None:
    with pytest.raises(GradingError, match="contradictory"):
        condition(a_grade("c"), exactly("area_share", 0.0, "ratio"))
    with pytest.raises(GradingError, match="1 to 5"):
        bci([UkElement("deck", "high", 6.0)])
    with pytest.raises(GradingError, match="importance"):
        bci([UkElement("deck", "utmost", 2.0)])
    with pytest.raises(GradingError, match="at least one"):
        bci([])
    with pytest.raises(GradingError, match="affected"):
        share_of(5, 4)


FOREIGN = ("findings.grading.crosswalk", "findings.grading.aashto", "findings.grading.aashto_defects",
           "findings.grading.uk")  # fmt: skip
FORMS = ("findings/tables.py", "findings/rollup.py", "findings/rollup_quantity.py")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def test_no_module_that_writes_an_official_form_can_reach_a_foreign_scale() -> None:
    forms = [ROOT / name for name in FORMS] + sorted((ROOT / "findings" / "exports").glob("*sheet*.py"))
    assert len(forms) > len(FORMS)
    for path in forms:
        found = imported(path)
        assert not found & {*FOREIGN, "findings.grading.cross_walk"}, path.name


def test_the_rows_of_the_form_hold_no_foreign_state_or_severity() -> None:
    finding = a_finding(damage="7", grade=a_grade("c", "d"), member="Mg")
    rows = form_rows([(finding, None)], {"bridge": a_bridge()})
    text = " ".join(f"{key} {value}" for row in rows for key, value in row.items())
    states = [row["code"] for row in load_standard("crosswalks")["aashto_states"]]
    assert not any(word in text for word in (*states, "AASHTO", "aashto", "severity", "BCI"))
