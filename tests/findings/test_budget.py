from __future__ import annotations

import random
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from findings.budget import make_plan
from findings.budget_solver import Option, greedy, solve, spent
from findings.budget_values import Budget, Due, Plan, Reason
from findings.errors import RecordError
from findings.finding import Finding, FindingStatus
from findings.profile import load_profile
from findings.ranking import Ranking
from findings.unit_costs import UnitCostTable, read_unit_costs
from tests.findings.factories import a_bridge, a_finding, a_grade, a_measure

PROFILE = load_profile()
HEADER = "agency,damage_id,method,unit,yen,fiscal_year,source,fixed_yen,effect\n"
# numbers of no meaning, for these tests alone
ROWS = "Test,7,patch,m2,1000,2026,invented for a test,500,a\nTest,6,inject,m,100,2026,invented for a test,0,b\n"
options = st.lists(
    st.builds(
        Option,
        defect=st.integers(0, 4), year=st.integers(0, 1), yen=st.integers(1, 30), fixed_yen=st.integers(0, 10),
        group=st.integers(0, 2), value=st.floats(0.5, 20),
    ),
    max_size=8,
)  # fmt: skip


def table(tmp_path: Path, rows: str = ROWS, header: str = HEADER) -> UnitCostTable:
    path = tmp_path / "costs.csv"
    path.write_text(header + rows, encoding="utf-8-sig")
    return read_unit_costs(path)


def confirmed(uid: str, damage: str, size: float, asset: str = "b", code: str = "d", **changes: Any) -> Finding:
    name, unit = ("area", "m2") if damage == "7" else ("length", "m")
    values = {"grade": a_grade(code), "measures": (a_measure(name, size, unit, 0.8 * size, 1.2 * size),)}
    return a_finding(uid, damage=damage, asset_uid=asset, status=FindingStatus.CONFIRMED, **{**values, **changes})


def plan(found: list[Finding], assets: dict[str, Any], costs: UnitCostTable, *yen: int, **options: Any) -> Plan:
    ranking = Ranking(found, assets, PROFILE)
    items = list(zip(ranking.findings, ranking.priorities(), strict=True))
    return make_plan(items, assets, costs, Budget(2026, yen), PROFILE, **options)


@settings(max_examples=40, deadline=None)
@given(options, st.lists(st.integers(1, 60), min_size=2, max_size=2))
def test_no_choice_brings_more_than_the_solvers(found: list[Option], budget: list[int]) -> None:
    best = 0.0
    for bits in product((0, 1), repeat=len(found)):
        taken = [k for k, bit in enumerate(bits) if bit]
        if len({found[k].defect for k in taken}) < len(taken):
            continue
        if all(yen <= most for yen, most in zip(spent(found, taken, 2), budget, strict=True)):
            best = max(best, sum(found[k].value for k in taken))
    solution = solve(found, budget)
    assert solution.objective == pytest.approx(best, rel=1e-5)
    assert all(yen <= most for yen, most in zip(spent(found, solution.taken, 2), budget, strict=True))


def test_a_plan_buys_the_most_risk_and_says_what_is_left_undone_and_why(tmp_path: Path) -> None:
    found = [
        confirmed("spall", "7", 2.0, code="e"),
        confirmed("crack", "6", 3.0),
        confirmed("far", "6", 90.0, asset="other"),
        confirmed("odd", "13", 1.0, measures=()),
        confirmed("bare", "6", 1.0, measures=()),
        a_finding("new", grade=a_grade("e"), asset_uid="b"),
        a_finding("no", grade=a_grade("e"), asset_uid="b", status=FindingStatus.REJECTED),
    ]
    assets = {"b": a_bridge("b", soundness="II"), "other": a_bridge("other", soundness="II")}
    made = plan(found, assets, table(tmp_path), 3000)
    assert {choice.finding_uid for choice in made.choices} == {"spall", "crack"}
    assert {row.finding_uid: row.reason for row in made.undone} == {
        "far": Reason.BUDGET, "odd": Reason.NO_UNIT_COST, "bare": Reason.NOT_MEASURED, "new": Reason.UNREVIEWED,
    }  # fmt: skip
    assert made.yen == 2 * 1000 + 500 + 3 * 100
    assert made.interval_yen == (1600 + 500 + 240, 2400 + 500 + 360)
    assert [row.damage for row in made.needed] == ["13"]
    assert (made.unreviewed, made.closed, made.status) == (1, 1, "optimal")
    assert made.objective >= made.greedy_objective


def test_more_money_never_removes_less_risk(tmp_path: Path) -> None:
    costs = table(tmp_path)
    found = [confirmed(f"f{n}", "67"[n % 2], 0.5 + n, asset=f"b{n % 3}") for n in range(8)]
    assets = {f"b{n}": a_bridge(f"b{n}", soundness="II") for n in range(3)}
    reached = [plan(found, assets, costs, yen).objective for yen in (100, 700, 1500, 3000, 9000, 50000)]
    assert reached == sorted(reached)
    assert reached[0] < reached[-1]


def test_what_is_due_comes_first_and_what_is_missing_for_it_is_said(tmp_path: Path) -> None:
    found = [confirmed("due", "7", 10.0, asset="bad", code="c"), confirmed("cheap", "6", 1.0, code="e")]
    assets = {"bad": a_bridge("bad", soundness="IV"), "b": a_bridge("b")}
    made = plan(found, assets, table(tmp_path), 10_500)
    assert [(c.finding_uid, c.due) for c in made.choices] == [("due", Due.URGENT)]
    short = plan(found, assets, table(tmp_path), 5000)
    assert short.shortfall_yen == {2026: 5500}
    assert {row.finding_uid: row.due for row in short.undone} == {"due": Due.URGENT}


def test_unreviewed_findings_are_planned_for_only_when_asked(tmp_path: Path) -> None:
    found = [a_finding("new", damage="6", grade=a_grade("e"), measures=(a_measure("length", 2.0, "m"),))]
    costs = table(tmp_path)
    assert plan(found, {}, costs, 1000).choices == ()
    assert [c.finding_uid for c in plan(found, {}, costs, 1000, include_unreviewed=True).choices] == ["new"]


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        ("Test,7,patch,,1000,2026,x,,a\n", HEADER, "unit"),
        ("Test,77,patch,m2,1000,2026,x,,a\n", HEADER, "77"),
        ("Test,7,patch,m2,-5,2026,x,,a\n", HEADER, "-5"),
        ("Test,7,patch,m2,many,2026,x,,a\n", HEADER, "many"),
        ("Test,7,patch,m,1000,2026,x,,z\n", HEADER, "z"),
        ("Test,6,inject,m2,1000,2026,x,,a\n", HEADER, "m2"),
        (ROWS + ROWS, HEADER, "repeats"),
        ("", HEADER, "no rows"),
        ("Test,7,patch,1000,2026,x\n", "agency,damage_id,method,yen,fiscal_year,source\n", "unit"),
    ],
)
def test_a_table_that_cannot_be_is_refused_by_row(tmp_path: Path, rows: str, header: str, said: str) -> None:
    with pytest.raises(RecordError, match=said):
        table(tmp_path, rows, header)


@pytest.mark.parametrize("yen", [(), (0,), (-5,), (10**14,), (1,) * 31])
def test_a_budget_that_buys_nothing_is_refused(yen: tuple[int, ...]) -> None:
    with pytest.raises(RecordError, match="budget"):
        Budget(2026, yen)


def test_a_large_plan_with_mobilisation_is_solved_near_the_best_and_says_how_near() -> None:
    draw = random.Random(1)
    options = []
    for defect in range(600):
        group = draw.randrange(60)
        fixed, yen = (0, 200_000, 500_000)[group % 3], int(draw.lognormvariate(0, 1) * 100_000)
        options.append(Option(defect, 0, yen, fixed, group, draw.uniform(10, 90)))
    made = solve(options, [9_000_000])
    assert spent(options, made.taken, 1)[0] <= 9_000_000
    assert made.gap <= 1e-3
    assert made.status == ("optimal" if made.gap <= 1e-6 else "stopped")
    assert made.objective > 1.05 * sum(options[k].value for k in greedy(options, [9_000_000]))
