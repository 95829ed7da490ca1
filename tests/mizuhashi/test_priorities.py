from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from findings.finding import FindingStatus
from findings.issued import IssuedList
from findings.measure import Measure
from findings.moves import issued_rows
from findings.review import Review
from findings.store import Store, store_url
from findings.store.rank import whole_ranking
from findings.survey import ImageStatus
from tests.findings.store.samples import JST, RUN, a_finding, a_surveyed_image, an_asset
from tests.mizuhashi.conftest import Program

COSTS = "agency,damage_id,method,unit,yen,fiscal_year,source\nTest,6,inject,m,1000,2026,invented for a test\n"


@pytest.fixture
def filled(home: Path) -> Path:
    """A home with three cracks of one bridge, one of them confirmed."""
    with Store(store_url(home), home) as store:
        store.upgrade()
        store.put_assets([an_asset(soundness="III", attributes={"inspection_fy": 2024, "aadt": 5400})])
        image = a_surveyed_image(store)
        found = [
            a_finding(
                image, uid, asset_uid="bridge-1", measures=(Measure("length", size, "m", 0.9 * size, 1.1 * size, ""),)
            )
            for uid, size in (("one", 1.0), ("two", 2.0), ("three", 3.0))
        ]
        store.record_image(replace(image, status=ImageStatus.INSPECTED), RUN, found)
        decision = Review("r1", "two", FindingStatus.CONFIRMED, "an engineer", RUN.started_at.astimezone(JST), "test")
        store.add_reviews([decision])
    return home


def test_the_list_is_ranked_with_reasons_and_what_is_missing(program: Program, filled: Path) -> None:
    ran = program("priorities", "list", "--json", "--sensitivity")
    rows = ran.document["rows"]
    assert [row["finding_uid"] for row in rows] == ["two", "three", "one"]
    assert [row["section"] for row in rows] == ["confirmed", "candidate", "candidate"]
    missing = {term["name"] for term in rows[1]["terms"] if term["value"] is None}
    assert {"detour_km", "emergency_route"} & missing
    assert rows[1]["best_rank"] <= rows[1]["rank"] <= rows[1]["worst_rank"]
    assert sum(term["contribution"] for term in rows[0]["terms"]) == pytest.approx(rows[0]["score"])
    assert ran.document["sensitivity"]["stays"]["two"] == 1.0
    told = program("priorities", "list", "--section", "candidate").out
    assert "3 findings" in told
    assert "two" not in [row["finding_uid"] for row in program(
        "priorities", "list", "--section", "candidate", "--json").document["rows"]]  # fmt: skip


def test_a_budget_plan_buys_what_was_confirmed_and_leaves_the_rest_with_its_reason(
    program: Program, filled: Path, tmp_path: Path
) -> None:
    costs = tmp_path / "costs.csv"
    costs.write_text(COSTS, encoding="utf-8")
    ran = program("priorities", "plan", "--budget", 5000, "--costs", costs, "--json")
    made = ran.document["plan"]
    assert [choice["finding_uid"] for choice in made["chosen"]] == ["two"]
    assert made["yen"] == 2000
    assert made["interval_yen"] == [1800, 2200]
    assert {row["finding_uid"]: row["reason"] for row in made["undone"]} == {"one": "unreviewed", "three": "unreviewed"}
    told = program("priorities", "plan", "--budget", 5000, "--costs", costs, "--include-unreviewed").out
    assert "3 measures" in told or "2 measures" in told
    assert "left undone" in told or "nothing is left undone" in told


def test_without_a_table_the_plan_says_what_it_would_need(program: Program, filled: Path) -> None:
    ran = program("priorities", "plan", "--budget", 5000)
    assert ran.status == 1
    assert "none are invented" in ran.out
    assert "⑥ひびわれ: 3 defects" in ran.out
    assert program("priorities", "plan", "--budget", 5000, "--json").document["plan"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan", "--budget", "0", "--costs", "C"), "budget"),
        (("plan", "--budget", "-5", "--costs", "C"), "budget"),
        (("plan", "--budget", "much", "--costs", "C"), "whole yen in digits"),
        (("plan", "--budget", "nan", "--costs", "C"), "nan"),
        (("plan", "--budget", "1e6", "--costs", "C"), "whole yen in digits"),
        (("plan", "--budget", "1" * 30, "--costs", "C"), "at most"),
        (("plan", "--budget", "5", "--costs", "C", "--first-year", "0"), "fiscal year 0"),
        (("plan", "--budget", "5", "--costs", "nowhere.csv"), "nowhere.csv"),
        (("list", "--profile", "nothing"), "no priority profile"),
        (("list", "--section", "all"), "all"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    program: Program, filled: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    costs = tmp_path / "costs.csv"
    costs.write_text(COSTS, encoding="utf-8")
    ran = program("priorities", *(str(costs) if word == "C" else word for word in words))
    assert ran.status in (1, 2)
    assert said in ran.err


def test_a_table_without_units_is_refused(program: Program, filled: Path, tmp_path: Path) -> None:
    costs = tmp_path / "costs.csv"
    costs.write_text(COSTS.replace(",m,", ",,"), encoding="utf-8")
    ran = program("priorities", "plan", "--budget", 5000, "--costs", costs)
    assert ran.status == 1
    assert "unit" in ran.err


def test_an_empty_store_has_an_empty_list(program: Program) -> None:
    assert "no findings" in program("priorities", "list").out


def test_the_list_tells_where_rows_stood_in_the_last_issued_list_and_why(program: Program, filled: Path) -> None:
    before = program("priorities", "list", "--json").document["rows"]
    assert [row["move"] for row in before] == [None, None, None]
    with Store(store_url(filled), filled) as store:
        ranking = whole_ranking(store)
        rows = issued_rows(ranking.priorities(), {finding.uid: finding for finding in ranking.findings})
        store.issue_list(IssuedList("first", RUN.started_at.astimezone(JST), "a planner", ranking.profile.label, rows))
        at = RUN.started_at.astimezone(JST)
        store.add_reviews([Review("r2", "one", FindingStatus.CONFIRMED, "an engineer", at, "test")])
    moved = {row["finding_uid"]: row["move"] for row in program("priorities", "list", "--json").document["rows"]}
    assert (moved["one"]["previous_rank"], moved["one"]["places"]) == (3, 1)
    assert [one["cause"] for one in moved["one"]["causes"]] == ["review"]
    assert [one["cause"] for one in moved["three"]["causes"]] == ["others"]
    assert moved["two"]["places"] == 0
    assert "from 3 to 2: review (AI candidate" in program("priorities", "list").out


def test_bridges_and_reaches_stand_in_one_list_of_assets(program: Program, filled: Path) -> None:
    with Store(store_url(filled), filled) as store:
        store.put_assets([an_asset("grave", soundness="IV", external_ids={}), an_asset("quiet", external_ids={})])
    rows = program("priorities", "assets", "--json").document["rows"]
    assert [(row["asset_uid"], row["section"], row["findings"]) for row in rows] == [
        ("grave", "official", 0), ("bridge-1", "confirmed", 3),
    ]  # fmt: skip
    assert sum(term["contribution"] for term in rows[1]["terms"]) == pytest.approx(rows[1]["score"])
    assert "3 (2 unreviewed)" in program("priorities", "assets").out
