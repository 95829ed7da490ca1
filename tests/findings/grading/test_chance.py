"""Probabilities of possible grades: they sum to 1, follow the distribution, and never favour a wider crack."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from findings.asset import Structure
from findings.errors import GradingError
from findings.finding import Alternative, Grade
from findings.grading import code_weights, grade, grade_crack
from findings.grading.chance import above, below, chances, in_order
from findings.measure import Measure
from findings.store.convert import grade_value
from findings.store.engine import canonical
from findings.taxonomy import damage_types
from tests.findings.factories import a_measure

RC, PC, UNKNOWN = Structure.RC, Structure.PC, Structure.UNKNOWN
MM = {"mm": 1.0}
FAR, NEAR = a_measure("min_spacing", 2.0, "m", 1.9, 2.1), a_measure("min_spacing", 0.3, "m", 0.2, 0.4)


def width(value: float | None, low: float | None = None, high: float | None = None) -> Measure:
    return a_measure("width_p95", value, "mm", low, high)


def gap(value: float | None, low: float | None, high: float | None) -> Measure:
    return a_measure("min_spacing", value, "m", low, high)


def at_least(result: Grade, code: str) -> float:
    return sum(p for c, p in zip(result.codes, result.probabilities, strict=True) if c >= code)


def test_the_value_is_the_median_and_the_ends_hold_what_the_interval_holds() -> None:
    measure = width(0.3, 0.2, 0.6)
    assert below(measure, MM, 0.3) == pytest.approx(0.5)
    assert (below(measure, MM, 0.2), below(measure, MM, 0.61)) == (0.0, 1.0)
    assert below(measure, MM, 0.6) == pytest.approx(1.0)


def test_probabilities_agree_with_a_draw_from_the_two_piece_normal() -> None:
    rng = np.random.default_rng(3)
    normal = rng.normal(0.0, 1.0, 400_000)
    drawn = 0.25 + np.where(normal < 0, normal * 0.07, normal * 0.12) / 1.959964
    drawn = drawn[(drawn >= 0.18) & (drawn <= 0.37)]
    expected = [np.mean(drawn < 0.2), np.mean((drawn >= 0.2) & (drawn < 0.3)), np.mean(drawn >= 0.3)]
    assert chances(width(0.25, 0.18, 0.37), MM, [0.2, 0.3]) == pytest.approx(expected, abs=0.004)


def test_an_upper_bound_alone_is_uniform_below_it() -> None:
    result = grade_crack(width(None, None, 0.4), FAR, RC)
    assert result.codes == ("b", "c", "d")
    assert result.probabilities == pytest.approx((0.5, 0.25, 0.25))


def test_width_and_spacing_are_independent() -> None:
    result = grade_crack(width(0.2, 0.1, 0.3), gap(0.5, 0.4, 0.6), RC)
    assert result.codes == ("b", "c", "d", "e")
    # 0.5 small, 0.5 medium (0.3 itself is large, with no weight); sparse and dense in equal parts
    assert result.probabilities == pytest.approx((0.25, 0.5, 0.25, 0.0), abs=1e-9)


def test_a_grade_that_is_certain_has_the_probability_1_and_an_observation_nobody_made_has_none() -> None:
    assert grade_crack(width(0.35), FAR, RC).probabilities == (1.0,)
    assert grade("7", (), RC, {}).probabilities == ()
    assert grade("7", (), RC, {"rebar_exposed": False}).probabilities == (1.0,)
    assert grade_crack(width(None, None, 0.15), FAR, RC).probabilities == ()  # whether there is a crack at all
    assert grade_crack(width(None), FAR, RC).probabilities == ()


def test_without_rc_or_pc_both_are_stated_and_the_worse_is_ranked() -> None:
    result = grade_crack(width(0.25, 0.18, 0.32), FAR, UNKNOWN)
    both = {one.structure: one for one in result.alternatives}
    for kind in (RC, PC):
        known = grade_crack(width(0.25, 0.18, 0.32), FAR, kind)
        assert (both[kind.value].codes, both[kind.value].probabilities) == (known.codes, known.probabilities)
    assert result.probabilities == ()
    worse = both["PC"]
    assert code_weights(result) == dict(zip(worse.codes, worse.probabilities, strict=True))
    assert "RCならb～d、PCならc/d" in result.trace_ja
    assert "RC: b～d, PC: c/d" in result.trace_en


def test_rc_or_pc_is_named_as_the_reason_even_where_both_leave_the_same_grades() -> None:
    result = grade_crack(width(1.2, 0.07, 2.5), FAR, UNKNOWN)
    assert [one.codes for one in result.alternatives] == [("b", "c", "d")] * 2
    assert "RC・PCの別が不明" in result.trace_ja


def test_where_rc_and_pc_agree_there_is_one_answer() -> None:
    result = grade_crack(width(0.5, 0.4, 0.6), gap(0.5, 0.4, 0.6), UNKNOWN)
    assert result.alternatives == ()
    assert result.probabilities == pytest.approx((0.5, 0.5))


def test_an_unknown_spacing_gives_an_answer_for_sparse_and_one_for_dense() -> None:
    result = grade_crack(width(0.3, 0.25, 0.35), None, RC)
    assert [(one.words_ja, one.words_en, one.codes) for one in result.alternatives] == [
        ("疎", "sparse", ("c", "d")), ("密", "dense", ("d", "e"))]  # fmt: skip
    assert code_weights(result) == pytest.approx({"c": 0.25, "d": 0.5, "e": 0.25})


def test_corrosion_of_unknown_depth_gives_one_answer_a_depth() -> None:
    result = grade("1", (a_measure("area_share", 0.5, "ratio", 0.4, 0.6),), RC, {})
    assert [(one.words_en, one.codes) for one in result.alternatives] == [
        ("shallow", ("b", "c")), ("deep", ("d", "e"))]  # fmt: skip
    assert all(one.probabilities == pytest.approx((0.5, 0.5)) for one in result.alternatives)


def test_a_retreat_rate_that_straddles_a_limit_weighs_the_stages() -> None:
    measures = (a_measure("displacement", 50.0, "m", 45.0, 55.0), a_measure("retreat_rate", 10.0, "m/yr", 8.0, 12.0))
    result = grade("R17", measures, UNKNOWN, {"distance_m": 10.0})
    assert result.codes == ("c", "d")
    assert result.probabilities == pytest.approx((0.5, 0.5))


def test_a_share_that_straddles_the_works_trigger_says_how_probably_it_is_reached() -> None:
    result = grade("R15", (a_measure("section_share", 0.2, "ratio", 0.15, 0.25),), UNKNOWN, {})
    assert result.probabilities == ()  # a or b, c or d: an engineer says
    assert "目安以上の確率50%" in result.trace_ja


@pytest.mark.parametrize("damage", [kind.code for kind in damage_types()])
def test_weights_of_a_list_cover_the_possible_codes_and_sum_to_1(damage: str) -> None:
    result = grade(damage, (width(0.25, 0.1, 0.4),), UNKNOWN, {})
    weights = code_weights(result)
    assert set(weights) <= set(result.codes)
    assert sum(weights.values()) == pytest.approx(1.0)


def test_an_unnamed_anomaly_weighs_nothing() -> None:
    assert code_weights(grade("anomaly", (), RC, {})) == {}


def test_probabilities_that_do_not_fit_the_codes_are_refused() -> None:
    with pytest.raises(GradingError, match="do not fit"):
        in_order(("a", "b"), {"c": 1.0})


def test_a_limit_is_exceeded_by_the_next_number_only() -> None:
    assert below(width(0.2), MM, above(0.2)) == 1.0
    assert below(width(0.2), MM, 0.2) == 0.0


def test_a_grade_comes_back_from_the_store_as_it_was() -> None:
    full = grade_crack(width(0.25, 0.18, 0.32), None, UNKNOWN)
    assert len(full.alternatives) == 4
    assert grade_value(canonical(full)) == full
    older: dict[str, Any] = canonical(full)
    del older["alternatives"], older["probabilities"]
    assert grade_value(older).alternatives == ()
    assert isinstance(full.alternatives[0], Alternative)


numbers = st.floats(0.0, 3.0, allow_nan=False)
triples = st.tuples(numbers, numbers, numbers).map(sorted)
measured = st.sampled_from([FAR, NEAR, gap(0.5, 0.3, 0.9), gap(None, None, 0.8), gap(None, 0.6, None)])


@settings(max_examples=200)
@given(triples, triples, measured, st.sampled_from([RC, PC]))
def test_a_wider_crack_never_lowers_the_probability_of_the_worse_grades(
    one: list[float], other: list[float], spacing: Measure, structure: Structure
) -> None:
    lower = [min(pair) for pair in zip(one, other, strict=True)]
    upper = [max(pair) for pair in zip(one, other, strict=True)]
    first, second = (
        grade_crack(width(v, low, high), spacing, structure) for low, v, high in (lower, upper)
    )  # fmt: skip
    if not first.probabilities or not second.probabilities:
        return  # an interval from 0 with a single class: nobody says whether there is a crack
    for code in "bcde":
        assert at_least(second, code) >= at_least(first, code) - 1e-9


@given(st.floats(0.01, 3.0), st.floats(0.01, 3.0), measured, st.sampled_from([RC, PC]))
def test_a_higher_upper_bound_never_lowers_the_probability_of_the_worse_grades(
    one: float, other: float, spacing: Measure, structure: Structure
) -> None:
    first, second = (grade_crack(width(None, None, high), spacing, structure) for high in sorted((one, other)))
    if first.probabilities and second.probabilities:
        assert all(at_least(second, code) >= at_least(first, code) - 1e-9 for code in "bcde")


@given(triples | st.none(), measured | st.none(), st.sampled_from(list(Structure)), st.sampled_from(["6", "11", "15"]))
def test_probabilities_stand_in_the_order_of_the_codes_and_sum_to_1(
    sizes: list[float] | None, spacing: Measure | None, structure: Structure, damage: str
) -> None:
    of_width = () if sizes is None else (width(sizes[1], sizes[0], sizes[2]),)
    result = grade(damage, (*of_width, *((spacing,) if spacing else ())), structure, {"pattern": "one_way"})
    for codes, shares in [(result.codes, result.probabilities)] + [
        (one.codes, one.probabilities) for one in result.alternatives
    ]:
        if shares:
            assert len(shares) == len(codes)
            assert math.isclose(sum(shares), 1.0, abs_tol=1e-9)
            assert min(shares) >= 0
    assert {code for one in result.alternatives for code in one.codes} <= set(result.codes)


@given(st.floats(0.02, 3.0), st.floats(0.0, 0.99), st.floats(0.0, 3.0))
def test_a_step_that_grows_never_gets_a_better_grade(value: float, down: float, more: float) -> None:
    steps = []
    for size in (20.0 * value, 20.0 * (value + more)):  # mm: around the limit of a step in the road
        steps.append(a_measure("step", size, "mm", max(size - 20.0 * value * down, 1e-9), size * 1.2))
    first, second = (grade("14", (step,), RC, {}) for step in steps)
    if first.probabilities and second.probabilities:
        assert at_least(second, "e") >= at_least(first, "e") - 1e-9
