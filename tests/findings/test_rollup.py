"""The roll-up of findings as the record forms want it."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from findings.errors import GradingError, InputError
from findings.finding import Finding, FindingStatus, Grade
from findings.grading.worst import worst_of
from findings.rollup import member_rows
from findings.tracking import TrackState
from tests.findings.factories import a_finding, a_grade, a_measure

LADDER = ("a", "b", "c", "d", "e")


def sight(uid: str, damage: str = "7", grade: str | Grade | None = "c", **changes: Any) -> Finding:
    given = a_grade(*grade) if isinstance(grade, str) else grade
    place = {key: changes.pop(key) for key in ("span", "element_no", "leads") if key in changes}
    made = a_finding(uid, damage=damage, grade=given, **{"member": "Mg", **changes})
    return dataclasses.replace(made, **place)


def chance(*shares: float, codes: str) -> Grade:
    return dataclasses.replace(a_grade(*codes), probabilities=shares)


def test_a_member_has_the_worst_grade_of_each_damage_type_in_the_order_of_the_forms() -> None:
    findings = [sight("1", "8", "d"), sight("2", "7", "c"), sight("3", "7", "e"), sight("4", "26", "c", member="Ff"),
                sight("5", "6", "b"), sight("6", "anomaly", None)]  # fmt: skip
    rows = member_rows(findings)
    assert [(row.member, row.damage, row.grade, row.count) for row in rows] == [
        ("Mg", "6", "b", 1), ("Mg", "7", "e", 2), ("Mg", "8", "d", 1), ("Mg", "anomaly", None, 1), ("Ff", "26", "c", 1),
    ]  # fmt: skip
    assert rows[1].representative is findings[2]
    assert rows[1].finding_uids == ("2", "3")


def test_rows_part_by_span_member_and_element_and_a_name_is_as_good_as_its_symbol() -> None:
    findings = [sight("1", span=1, element_no="0101"), sight("2", span=1, element_no="0102"), sight("3", span=2),
                sight("4", span=1, element_no="0101", member="主桁")]  # fmt: skip
    assert [(row.span, row.element_no, row.count) for row in member_rows(findings)] == [
        (1, "0101", 2), (1, "0102", 1), (2, None, 1)]  # fmt: skip
    assert [(row.span, row.count) for row in member_rows(findings, by_element=False)] == [(1, 3), (2, 1)]


def test_a_reviewers_final_grade_wins_over_what_was_suggested() -> None:
    lowered = sight("1", grade="de", final_grade="c", status=FindingStatus.CONFIRMED)
    row = member_rows([lowered])[0]
    assert (row.grade, row.final, row.confirmed, row.provisional) == ("c", "c", True, False)
    other = sight("2", grade="d")
    both = member_rows([lowered, other])[0]
    assert (both.grade, both.final, both.confirmed, both.provisional) == ("d", "c", False, True)


def test_what_was_rejected_or_repeats_another_finding_does_not_count() -> None:
    kept = sight("1", grade="c")
    left = [sight("2", grade="e", status=FindingStatus.REJECTED), sight("3", grade="e", status=FindingStatus.DUPLICATE),
            sight("4", grade="e", leads=False)]  # fmt: skip
    row = member_rows([kept, *left])[0]
    assert (row.grade, row.count) == ("c", 1)
    assert member_rows(left) == ()


def test_an_uncertain_member_is_at_least_as_bad_as_its_best_certain_place() -> None:
    row = member_rows([sight("1", "6", "c"), sight("2", "6", chance(0.5, 0.3, 0.2, codes="bcd"))])[0]
    assert row.codes == ("c", "d")
    assert row.probabilities == pytest.approx((0.8, 0.2))


def test_two_even_chances_of_the_worse_grade_make_three_in_four() -> None:
    found = worst_of(LADDER, [(("c", "d"), (0.5, 0.5))] * 2)
    assert found[0] == ("c", "d")
    assert found[1] == pytest.approx((0.25, 0.75))
    assert worst_of(LADDER, [(("c", "d"), (0.5, 0.5)), (("c", "e"), ())]) == (("c", "d", "e"), ())


def test_the_quantity_is_that_of_the_form_with_its_unit_and_says_what_was_not_measured() -> None:
    wide = [sight("1", "6", measures=(a_measure("width_p95", 0.3, "mm", 0.2, 0.4),)),
            sight("2", "6", measures=(a_measure("width_p95", None, "mm", None, 0.5),))]  # fmt: skip
    crack = member_rows(wide)[0].quantity
    assert crack is not None
    assert (crack.value, crack.unit, crack.low, crack.high, crack.unmeasured) == (0.3, "mm", 0.2, 0.5, 1)
    bars = member_rows([sight("1", measures=(a_measure("rebar_length", 400.0, "mm", 300.0, 500.0),)),
                        sight("2", measures=(a_measure("rebar_length", 1.0, "m"),))])[0].quantity  # fmt: skip
    assert bars is not None
    assert (bars.value, bars.unit, bars.low, bars.high) == pytest.approx((1.4, "m", 1.3, 1.5))
    places = member_rows([sight("1", "8"), sight("2", "8")])[0].quantity
    assert places is not None
    assert (places.value, places.unit) == (2.0, "箇所")
    pixels = member_rows([sight("1", "6", measures=(a_measure("width_p95", 3.0, "px"),))])[0].quantity
    assert pixels is not None
    assert pixels.unit == "箇所"  # a width in pixels is no quantity of a form


def test_a_damage_of_last_time_that_is_absent_now_is_flagged_and_names_why_if_it_was_compared() -> None:
    before = [sight("p1", "8", "e"), sight("p2", "6", "c")]
    rows = {row.damage: row for row in member_rows([sight("n1", "6", "d")], before)}
    assert (rows["8"].ng, rows["8"].count, rows["8"].previous_codes, rows["8"].ng_state) == (True, 0, ("e",), None)
    assert (rows["6"].ng, rows["6"].previous_codes, rows["6"].absent) == (False, ("c",), ())
    compared = member_rows([], before, {"p1": TrackState.REPAIRED_SUSPECTED, "p2": TrackState.NOT_ASSESSABLE})
    assert [(row.damage, row.ng, row.ng_state) for row in compared] == [
        ("6", True, TrackState.NOT_ASSESSABLE), ("8", True, TrackState.REPAIRED_SUSPECTED)]  # fmt: skip


def test_a_damage_that_was_found_again_on_another_element_is_not_flagged() -> None:
    rows = member_rows([sight("n", element_no="0102")], [sight("p", element_no="0101")], {"p": TrackState.UNCHANGED})
    assert [(row.element_no, row.ng) for row in rows] == [("0102", False)]


def test_one_of_several_gone_is_told_without_a_flag_and_no_damage_last_time_needs_no_word() -> None:
    before = [sight("p1"), sight("p2"), sight("p3", "8", "e", final_grade="a")]
    row, = member_rows([sight("n")], before, {"p1": TrackState.UNCHANGED, "p2": TrackState.NOT_FOUND})  # fmt: skip
    assert (row.ng, row.absent[0].finding_uid, row.ng_state) == (False, "p2", TrackState.NOT_FOUND)


def test_a_river_reach_has_one_row_an_anomaly_type() -> None:
    rows = member_rows([sight("1", "R17", "c", member=None, asset_uid="reach"),
                        sight("2", "R15", "b", member=None, asset_uid="reach"),
                        sight("3", "R15", "c", member=None, asset_uid="reach")])  # fmt: skip
    assert [(row.asset_uid, row.damage, row.grade, row.count) for row in rows] == [
        ("reach", "R15", "c", 2), ("reach", "R17", "c", 1)]  # fmt: skip


@pytest.mark.parametrize(
    ("now", "before", "states", "expected"),
    [
        ([sight("1")], [sight("1")], {}, "previous survey"),
        ([sight("1")], [sight("2", asset_uid="another")], {}, "same asset"),
        ([sight("1")], [sight("2")], {"2": TrackState.NEW}, "called new"),
    ],
)
def test_a_previous_survey_that_cannot_be_one_is_refused(
    now: list[Finding], before: list[Finding], states: dict[str, TrackState], expected: str
) -> None:
    with pytest.raises(InputError, match=expected):
        member_rows(now, before, states)


@pytest.mark.parametrize("bad", [sight("1", "99"), sight("1", "7", final_grade="b"), sight("1", "7", "b")])
def test_an_unknown_damage_or_grade_is_refused(bad: Finding) -> None:
    with pytest.raises(GradingError, match=r"expected|grade it again"):
        member_rows([bad])


codes = st.sets(st.sampled_from("cde"), min_size=1).map(lambda s: "".join(sorted(s)))
sights = st.builds(
    lambda uid, damage, grade, member, element, final, size: sight(
        str(uid), damage, grade, member=member, element_no=element, final_grade=final,
        measures=(a_measure("width_p95", size, "mm", size / 2, size * 2), a_measure("rebar_length", size, "m")),
    ),
    st.integers(0, 10**6), st.sampled_from(["7", "8"]), codes, st.sampled_from(["Mg", "Ds", None]),
    st.sampled_from(["0101", None]), st.sampled_from([None, None, "c", "e"]), st.floats(0.01, 9),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(sights, unique_by=lambda f: f.uid, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_findings_makes_no_difference_and_none_is_lost(found: list[Finding], rng: random.Random) -> None:
    shuffled = list(found)
    rng.shuffle(shuffled)
    rows = member_rows(found)
    assert member_rows(shuffled) == rows
    assert sorted(uid for row in rows for uid in row.finding_uids) == sorted(f.uid for f in found)
    for row in rows:
        mine = [f for f in found if f.uid in row.finding_uids]
        assert row.codes[-1] == max(f.final_grade or (f.grade.worst if f.grade else "") or "" for f in mine)


@given(st.lists(st.tuples(codes, st.lists(st.floats(0.01, 1), min_size=3, max_size=3)), min_size=1, max_size=5))
def test_a_further_place_never_makes_a_member_better(places: list[tuple[str, list[float]]]) -> None:
    sets = [(tuple(c), tuple(x / sum(w[: len(c)]) for x in w[: len(c)])) for c, w in places]
    some, all_of_them = worst_of(LADDER, sets[:-1] or sets), worst_of(LADDER, sets)
    for code in LADDER:
        worse = [sum(p for c, p in zip(*found, strict=True) if c >= code) for found in (some, all_of_them)]
        assert worse[1] >= worse[0] - 1e-9
