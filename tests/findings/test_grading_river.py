"""River stages: proxies are never called an obstruction ratio, and a pair of scenes has a floor."""

from __future__ import annotations

from typing import Any

import pytest

from findings.errors import GradingError
from findings.grading import grade_river
from findings.measure import Measure
from tests.findings.factories import a_measure


def cover(value: float, low: float, high: float, name: str = "plan_cover_ratio") -> Measure:
    return a_measure(name, value, "ratio", low, high)


def shift(value: float | None, low: float | None, high: float | None, unit: str = "m") -> Measure:
    return a_measure("displacement", value, unit, low, high)


@pytest.mark.parametrize(
    ("damage", "measure", "codes"),
    [
        ("R15", cover(0.10, 0.08, 0.12), ("a", "b")),
        ("R15", cover(0.25, 0.22, 0.28), ("b", "c")),
        ("R15", cover(0.20, 0.15, 0.25), ("a", "b", "c")),
        ("R16", cover(0.25, 0.22, 0.28), ("a", "b")),  # trees have their own trigger of 30 %
        ("R16", cover(0.35, 0.32, 0.38), ("b", "c")),
        ("R15", cover(0.25, 0.22, 0.28, "section_share"), ("c", "d")),
    ],
)
def test_deposits_and_trees_are_staged_by_the_works_trigger(
    damage: str, measure: Measure, codes: tuple[str, ...]
) -> None:
    assert grade_river(damage, (measure,), {}).codes == codes


def test_plan_cover_is_called_a_proxy_and_never_an_obstruction_ratio() -> None:
    plan = grade_river("R15", (cover(0.25, 0.22, 0.28),), {})
    assert "阻害率" not in plan.trace_ja
    assert "目安" in plan.trace_ja
    assert "proxy" in plan.trace_en
    assert "阻害率" in grade_river("R15", (cover(0.25, 0.22, 0.28, "section_share"),), {}).trace_ja


@pytest.mark.parametrize(
    ("measure", "details", "codes"),
    [
        (shift(9.0, 8.0, 9.9), {"gsd_m": 10.0, "scenes": 2}, ("a", "b")),
        (shift(9.0, 8.0, 9.9), {}, ("a", "b")),
        (shift(40.0, 30.0, 50.0), {"gsd_m": 10.0}, ("b", "c", "d")),
        (shift(25.0, 20.0, 29.0), {"gsd_m": 30.0}, ("a", "b")),  # a coarser pixel lifts the floor
        (shift(40.0, 20.0, 60.0), {"gsd_m": 30.0}, ("a", "b", "c", "d")),
        (shift(40.0, 0.0, 80.0), {"gsd_m": 10.0}, ("a", "b")),  # the interval reaches zero
        (shift(4.0, 2.0, 6.0), {"gsd_m": 10.0, "scenes": 5}, ("b", "c", "d")),  # a series goes below the floor
        (shift(9.0, 8.0, 9.9), {"scenes": 3, "scenes_early": 1, "scenes_late": 1}, ("a", "b")),  # a pair all the same
        (shift(None, None, 12.0), {}, ("a", "b")),
        (shift(0.6, 0.5, 0.7, "px"), {}, ("a", "b")),
        (shift(3.0, 2.0, 4.0, "px"), {}, ("b", "c", "d")),
    ],
)
def test_a_pair_of_scenes_calls_no_erosion_below_its_floor(
    measure: Measure, details: dict[str, Any], codes: tuple[str, ...]
) -> None:
    assert grade_river("R17", (measure,), details).codes == codes


@pytest.mark.parametrize(
    ("distance_m", "codes"), [(5.0, ("d",)), (30.0, ("c",)), (500.0, ("b",)), (10.5, ("c", "d")), (0.0, ("d",))]
)
def test_called_erosion_is_staged_by_the_years_until_it_reaches_what_it_threatens(
    distance_m: float, codes: tuple[str, ...]
) -> None:
    measures = (shift(50.0, 45.0, 55.0), a_measure("retreat_rate", 10.0, "m/yr", 9.0, 11.0))
    assert grade_river("R17", measures, {"distance_m": distance_m}).codes == codes


def test_without_a_rule_or_measure_every_stage_but_the_best_remains() -> None:
    assert grade_river("R05", (), {}).codes == ("b", "c", "d")
    assert grade_river("R15", (), {}).codes == ("b", "c", "d")
    assert grade_river("R17", (), {}).codes == ("b", "c", "d")


@pytest.mark.parametrize(
    ("damage", "details"), [("6", {}), ("R99", {}), ("R17", {"gsd_m": -1.0}), ("R17", {"scenes": "two"})]
)
def test_an_impossible_river_case_is_refused(damage: str, details: dict[str, Any]) -> None:
    with pytest.raises(GradingError, match="expected"):
        grade_river(damage, (shift(50.0, 45.0, 55.0),), details)
