"""A list tells where each finding stood in the last issued one, and which cause moved it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from findings.asset import Asset
from findings.finding import Finding, FindingStatus, Priority
from findings.issued import IssuedList
from findings.moves import Cause, Move, gone, issued_rows, moves
from findings.profile import Profile, load_profile
from findings.ranking import rank
from findings.tracking import TrackState
from tests.findings.factories import a_bridge, a_finding, a_grade, a_measure

PROFILE = load_profile()
KNOWN: dict[str, Any] = {
    "emergency_route": "1", "third_party_below": 0, "aadt": 20000, "detour_km": 10, "population_flood": 5000,
    "replaceability": 0.2,
}  # fmt: skip


def some(count: int = 4) -> dict[str, Finding]:
    return {
        f"f{n}": a_finding(
            f"f{n}", grade=a_grade("bcde"[n % 4]), measures=(a_measure("length", 1.0, "m"),), asset_uid=f"b{n}"
        )
        for n in range(count)
    }


def their_bridges(count: int = 4) -> dict[str, Asset]:
    return {f"b{n}": a_bridge(f"b{n}", soundness="I", **KNOWN) for n in range(count)}


def ranked(
    found: Mapping[str, Finding], assets: Mapping[str, Asset], profile: Profile = PROFILE, **how: Any
) -> tuple[Priority, ...]:
    return rank(list(found.values()), assets, profile, **how)


def issue(priorities: Sequence[Priority], found: Mapping[str, Finding]) -> IssuedList:
    rows = issued_rows(priorities, found)
    return IssuedList("list", datetime(2025, 4, 1, tzinfo=UTC), "planner", priorities[0].profile, rows)


def move_of(
    uid: str,
    found: Mapping[str, Finding],
    assets: Mapping[str, Asset] | None = None,
    profile: Profile = PROFILE,
    **how: Any,
) -> Move:
    """Return how a finding moves between the plain list of four and a list with these changes."""
    first = some()
    before = issue(ranked(first, their_bridges()), first)
    now = ranked(found, their_bridges() if assets is None else assets, profile, **how)
    return moves(before, now, found)[uid]


def test_without_a_last_list_every_finding_is_new() -> None:
    found = some()
    shown = moves(None, ranked(found, their_bridges()), found)
    assert [m.rank for m in shown.values()] == [1, 2, 3, 4]
    assert all(m.previous_rank is None and m.causes == ((Cause.NEW, 0.0),) for m in shown.values())


@settings(max_examples=10)
@given(st.integers(1, 6))
def test_the_same_list_again_moves_nothing(count: int) -> None:
    found = some(count)
    now = ranked(found, their_bridges(count))
    for move in moves(issue(now, found), now, found).values():
        assert (move.places, move.causes) == (0, ())
        assert "のまま" in move.words_ja


def test_a_worse_grade_is_data_and_brings_the_whole_difference() -> None:
    found = some() | {"f0": replace(some()["f0"], grade=a_grade("e"))}
    move = move_of("f0", found)
    old = next(p for p in ranked(some(), their_bridges()) if p.finding_uid == "f0")
    new = next(p for p in ranked(found, their_bridges()) if p.finding_uid == "f0")
    assert move.places > 0
    assert [cause for cause, _ in move.causes] == [Cause.DATA]
    assert move.causes[0][1] == pytest.approx(new.score - old.score), "consequence points follow the grade that rose"
    assert "b→e" in move.words_ja
    assert "b to e" in move.words_en


def test_another_model_version_is_told_apart_from_new_data() -> None:
    first = some()["f0"]
    newer = replace(first, grade=a_grade("d"), provenance=replace(first.provenance, model_version="2"))
    move = move_of("f0", some() | {"f0": newer})
    assert [cause for cause, _ in move.causes] == [Cause.MODEL]
    assert "crack@1→crack@2" in move.words_ja


def test_a_review_moves_a_finding_into_another_section_and_says_so() -> None:
    move = move_of("f1", some() | {"f1": replace(some()["f1"], status=FindingStatus.CONFIRMED)})
    assert (move.previous_rank, move.rank) == (3, 1)
    assert [cause for cause, _ in move.causes] == [Cause.REVIEW]
    assert "AI候補(未確認)→技術者確認" in move.words_ja


def test_an_inventory_value_and_a_growth_are_told_with_their_points() -> None:
    assets = their_bridges() | {"b0": a_bridge("b0", soundness="I", **{**KNOWN, "detour_km": "isolated"})}
    assert [c for c, _ in move_of("f0", some(), assets).causes] == [Cause.INVENTORY]
    grown = move_of("f0", some(), tracks={"f0": TrackState.PROGRESSED})
    assert [c for c, _ in grown.causes] == [Cause.DATA]
    both = move_of("f0", some(), assets, tracks={"f0": TrackState.PROGRESSED})
    assert {c for c, _ in both.causes} == {Cause.DATA, Cause.INVENTORY}


def test_a_deadline_that_comes_near_is_a_rule() -> None:
    found = {uid: replace(f, status=FindingStatus.CONFIRMED) for uid, f in some().items()}
    assets = their_bridges() | {"b1": a_bridge("b1", soundness="III", **KNOWN, measure_deadline="2028-03-31")}
    before = issue(ranked(found, assets, today=date(2026, 1, 1)), found)
    move = moves(before, ranked(found, assets, today=date(2027, 12, 1)), found)["f1"]
    assert (move.rank, [cause for cause, _ in move.causes]) == (1, [Cause.RULE])
    assert "措置期限2028-03-31" in move.words_ja


def test_other_weights_are_the_profile_and_who_only_gave_way_says_others() -> None:
    assert Cause.PROFILE in {c for c, _ in move_of("f0", some(), profile=load_profile("mndot-like-v1")).causes}
    gave_way = move_of("f3", some() | {"f0": replace(some()["f0"], status=FindingStatus.CONFIRMED)})
    assert (gave_way.previous_rank, gave_way.rank, gave_way.causes) == (1, 2, ((Cause.OTHERS, 0.0),))


def test_a_successor_takes_the_place_of_its_predecessor_and_what_is_gone_is_listed() -> None:
    first = some()
    before = issue(ranked(first, their_bridges()), first)
    found = {uid: f for uid, f in first.items() if uid not in ("f2", "f3")}
    found["next"] = replace(first["f3"], uid="next")
    now = ranked(found, their_bridges())
    assert moves(before, now, found, {"next": "f3"})["next"].previous_rank == 1
    assert moves(before, now, found)["next"].previous_rank is None
    assert [row.finding_uid for row in gone(before, now, {"next": "f3"})] == ["f2"]
