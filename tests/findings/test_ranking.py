"""The ranked list is total, does not depend on the input's order, and explains every point."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from findings.asset import Asset
from findings.errors import StandardError
from findings.finding import Finding, FindingStatus, Priority, Term
from findings.ranking import load_profile, rank, score_finding
from findings.standard import FOLDER
from tests.findings.factories import a_bridge, a_finding, a_grade, a_measure, a_reach

PROFILE = load_profile()
CONFIRMED = FindingStatus.CONFIRMED
KNOWN: dict[str, Any] = {
    "emergency_route": "1",
    "third_party_below": 1,
    "aadt": 20000,
    "detour_km": 10,
    "population_flood": 5000,
    "replaceability": 0.2,
}

bridge_codes = st.sets(st.sampled_from("abcde"), max_size=5).map(sorted)
sizes = st.none() | st.floats(0, 1e4, allow_nan=False)


@st.composite
def many_findings(draw: st.DrawFn) -> list[Finding]:
    found = []
    for index in range(draw(st.integers(0, 8))):
        river = draw(st.booleans())
        codes = draw(bridge_codes)
        size = draw(sizes)
        scheme = "river_rating" if river else "mlit_damage"
        found.append(
            a_finding(
                f"f{index}",
                damage="R17" if river else draw(st.sampled_from(["6", "7", "anomaly"])),
                grade=draw(st.none() | st.just(a_grade(*(c for c in codes if not river or c != "e"), scheme=scheme))),
                measures=() if size is None else (a_measure("length", size, "m"),),
                asset_uid=draw(st.sampled_from([None, "bridge", "old", "reach", "gone"])),
                status=draw(st.sampled_from(list(FindingStatus))),
                score=draw(st.floats(0, 1)),
                details=draw(st.sampled_from([{}, {"progression": "faster"}, {"progression": "repaired"}])),
            )
        )
    return found


ASSETS: dict[str, Asset] = {
    "bridge": a_bridge("bridge", soundness="II", **KNOWN),
    "old": a_bridge("old", soundness="IV", detour_km="isolated", specific_events=("scour",)),
    "reach": a_reach("reach", flood_defence_class="A"),
}


@settings(max_examples=40)
@given(many_findings(), st.randoms(use_true_random=False))
def test_every_finding_has_one_place_whatever_the_order_of_the_input(found: list[Finding], random: Any) -> None:
    ranked = rank(found, ASSETS, PROFILE)
    shuffled = list(found)
    random.shuffle(shuffled)
    assert rank(shuffled, ASSETS, PROFILE) == ranked
    assert sorted(p.finding_uid for p in ranked) == sorted(f.uid for f in found)


@settings(max_examples=40)
@given(many_findings())
def test_the_points_sum_to_the_score_and_the_score_lies_in_its_range(found: list[Finding]) -> None:
    for priority in rank(found, ASSETS, PROFILE):
        assert math.isclose(sum(term.contribution for term in priority.terms), priority.score, abs_tol=1e-9)
        assert 0 <= priority.low <= priority.score + 1e-9 <= priority.high + 2e-9 <= 100 + 3e-9
        assert list(priority.terms) == sorted(priority.terms, key=lambda t: (-t.contribution, t.name))


@settings(max_examples=40)
@given(
    st.sampled_from("abcde"),
    st.sampled_from("abcde"),
    st.sampled_from([None, "I", "II", "III"]),
    st.sampled_from([FindingStatus.CANDIDATE, CONFIRMED]),
    sizes,
    sizes,
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_a_worse_grade_outranks_a_better_one_of_any_size_on_the_same_bridge(
    one: str,
    other: str,
    soundness: str | None,
    status: FindingStatus,
    size_one: float | None,
    size_other: float | None,
    score_one: float,
    score_other: float,
) -> None:
    assets = {"bridge": a_bridge(soundness=soundness)}

    def made(uid: str, code: str, size: float | None, score: float) -> Finding:
        measures = () if size is None else (a_measure("length", size, "m"),)
        return a_finding(uid, grade=a_grade(code), measures=measures, status=status, score=score)

    pair = [made("one", one, size_one, score_one), made("other", other, size_other, score_other)]
    first = rank(pair, assets, PROFILE)[0].finding_uid
    if one != other:
        assert first == ("one" if one > other else "other")


@settings(max_examples=40)
@given(sizes.filter(lambda s: s is not None), st.floats(1.01, 100), st.sampled_from(["I", "III", "IV", None]))
def test_within_one_grade_the_larger_finding_comes_first(size: float, factor: float, soundness: str | None) -> None:
    small = a_finding("a", grade=a_grade("d"), measures=(a_measure("length", size, "m"),))
    large = a_finding("b", grade=a_grade("d"), measures=(a_measure("length", (size + 0.01) * factor, "m"),))
    assert rank([small, large], {"bridge": a_bridge(soundness=soundness)}, PROFILE)[0].finding_uid == "b"


@settings(max_examples=40)
@given(st.floats(0, 0.95), st.floats(0.01, 0.05))
def test_the_score_grows_with_every_known_input(value: float, step: float) -> None:
    finding = a_finding(grade=a_grade("d"))
    less, more = (
        score_finding(finding, a_bridge(**{**KNOWN, "replaceability": v}), PROFILE) for v in (value, value + step)
    )
    assert less.score < more.score


def test_a_changed_weight_moves_the_rank(tmp_path: Path) -> None:
    by_route = a_finding("route", grade=a_grade("d"), asset_uid="route")
    by_detour = a_finding("detour", grade=a_grade("d"), asset_uid="detour")
    assets = {
        "route": a_bridge("route", **{**KNOWN, "detour_km": 0}),
        "detour": a_bridge("detour", **{**KNOWN, "emergency_route": "0", "detour_km": "isolated"}),
    }
    text = (FOLDER / "priority_profile.yaml").read_text(encoding="utf-8")
    text = text.replace("emergency_route: {weight: 0.25", "emergency_route: {weight: 0.15")
    text = text.replace("detour_km: {weight: 0.20", "detour_km: {weight: 0.30")
    own = tmp_path / "own.yaml"
    own.write_text(text, encoding="utf-8")
    edited = load_profile(str(own))
    assert rank([by_route, by_detour], assets, PROFILE)[0].finding_uid == "route"
    assert rank([by_route, by_detour], assets, edited)[0].finding_uid == "detour"
    assert edited.label != PROFILE.label  # the same id and version, but the digest tells them apart


def test_a_set_of_grades_counts_with_its_mean_and_reaches_up_to_its_worst() -> None:
    known = a_bridge(soundness="I", **KNOWN)
    both = score_finding(a_finding(grade=a_grade("c", "e")), known, PROFILE)
    one, worst = (score_finding(a_finding(grade=a_grade(code)), known, PROFILE) for code in "ce")
    assert one.score < both.score < worst.score
    assert both.high == pytest.approx(worst.high)
    assert both.low == pytest.approx(one.low)
    assert "最悪e" in _term(both, "grade").words_ja


def test_an_unreviewed_grade_counts_half_and_a_final_grade_replaces_the_suggested_ones() -> None:
    asset = a_bridge(soundness="I", **KNOWN)
    candidate = score_finding(a_finding(grade=a_grade("d")), asset, PROFILE)
    confirmed = score_finding(a_finding(grade=a_grade("d"), status=CONFIRMED), asset, PROFILE)
    final = score_finding(a_finding(grade=a_grade("d"), status=CONFIRMED, final_grade="b"), asset, PROFILE)
    assert _term(candidate, "grade").contribution == pytest.approx(0.5 * _term(confirmed, "grade").contribution)
    assert final.score < confirmed.score


def test_missing_inputs_are_listed_without_a_value_and_with_what_was_counted() -> None:
    priority = score_finding(a_finding(grade=a_grade("d")), a_bridge(soundness="II", aadt="many"), PROFILE)
    missing = {term.name for term in priority.terms if term.value is None}
    assert missing == {
        "aadt", "detour_km", "emergency_route", "third_party_below", "population_flood", "replaceability",
        "extent", "progression",
    }  # fmt: skip
    assert "読めない" in _term(priority, "aadt").words_ja
    assert "0.5として計算" in _term(priority, "detour_km").words_ja
    assert priority.low < priority.score < priority.high


def test_the_range_of_a_finding_with_nothing_missing_is_a_point() -> None:
    finding = a_finding(
        grade=a_grade("d"), measures=(a_measure("length", 1.0, "m"),), details={"progression": "unchanged"}
    )
    priority = score_finding(finding, a_bridge(soundness="II", **KNOWN), PROFILE)
    assert priority.low == priority.score == priority.high


@pytest.mark.parametrize(
    ("soundness", "status", "attributes", "section"),
    [
        ("IV", CONFIRMED, {}, "official"),
        ("III", CONFIRMED, {}, "official"),
        ("III", CONFIRMED, {"measure_deadline": "2025-12-31"}, "official"),
        ("III", CONFIRMED, {"measure_deadline": "2028-12-31"}, "confirmed"),
        ("III", CONFIRMED, {"inspection_fy": 2024}, "confirmed"),
        ("III", CONFIRMED, {"inspection_fy": 2019}, "official"),
        ("II", CONFIRMED, {}, "confirmed"),
        ("II", CONFIRMED, {"measure_class": "E2"}, "official"),
        ("IV", FindingStatus.CANDIDATE, {}, "candidate"),
        ("IV", FindingStatus.REJECTED, {}, "candidate"),
        (None, FindingStatus.NEEDS_CLOSE_INSPECTION, {}, "candidate"),
    ],
)
def test_sections_follow_the_official_classes_and_candidates_stay_apart(
    soundness: str | None, status: FindingStatus, attributes: dict[str, Any], section: str
) -> None:
    finding = a_finding(grade=a_grade("c"), status=status)
    asset = a_bridge(soundness=soundness, **attributes)
    assert score_finding(finding, asset, PROFILE, today=date(2025, 6, 1)).section == section


def test_no_candidate_outranks_an_official_or_confirmed_finding() -> None:
    assets = {
        "bad": a_bridge("bad", soundness="IV", **KNOWN),
        "due": a_bridge("due", soundness="III"),
        "ok": a_bridge("ok"),
    }
    found = [
        a_finding("candidate", grade=a_grade("e"), asset_uid="bad", score=1.0),
        a_finding("confirmed", grade=a_grade("b"), asset_uid="ok", status=CONFIRMED),
        a_finding("raised", grade=a_grade("e"), asset_uid="due", status=CONFIRMED),
        a_finding("top", grade=a_grade("b"), asset_uid="bad", status=CONFIRMED),
    ]
    assert [p.finding_uid for p in rank(found, assets, PROFILE)] == ["top", "raised", "confirmed", "candidate"]


def test_a_rejected_finding_stays_in_the_list_with_no_points() -> None:
    found = [a_finding("no", grade=a_grade("e"), status=FindingStatus.REJECTED), a_finding("yes", grade=a_grade("a"))]
    assert [(p.finding_uid, p.score > 0) for p in rank(found, {}, PROFILE)] == [("yes", True), ("no", False)]


def test_bridges_and_rivers_stand_in_one_list_each_with_its_own_consequences() -> None:
    bridge = a_finding("bridge", grade=a_grade("d"), asset_uid="b")
    river = a_finding("river", damage="R17", grade=a_grade("d", scheme="river_rating"), asset_uid="r")
    assets = {"b": a_bridge("b"), "r": a_reach("r", population_flood=100000, flood_defence_class="A")}
    first, second = rank([bridge, river], assets, PROFILE)
    assert (first.finding_uid, second.finding_uid) == ("river", "bridge")
    assert {"flood_defence_class", "backwater"} <= {t.name for t in first.terms}
    assert "soundness" not in {t.name for t in first.terms}


def test_progression_and_specific_events_move_the_score() -> None:
    base = a_finding(grade=a_grade("c"), status=CONFIRMED)
    bridge = a_bridge(soundness="I", **KNOWN)
    same = score_finding(base, bridge, PROFILE).score
    assert score_finding(replace(base, details={"progression": "faster"}), bridge, PROFILE).score > same
    assert score_finding(replace(base, details={"progression": "repaired"}), bridge, PROFILE).score < same
    scoured = a_bridge(soundness="I", specific_events=["scour"], **KNOWN)
    assert score_finding(base, scoured, PROFILE).score > same


@pytest.mark.parametrize("name", ["no-such-profile", "/nowhere/profile.yaml", "README.md"])
def test_an_unknown_profile_is_refused(name: str) -> None:
    with pytest.raises(StandardError, match="default-v1"):
        load_profile(name)


def test_another_standard_is_no_profile() -> None:
    with pytest.raises(StandardError, match="expected 'priority_profile'"):
        load_profile(str(FOLDER / "soundness.yaml"))


def _term(priority: Priority, name: str) -> Term:
    return next(term for term in priority.terms if term.name == name)
