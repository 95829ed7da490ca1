"""Rank ranges, rules about third parties and earlier rejections, bridges near rivers, and the weighted sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box

from findings.asset import Crossing
from findings.finding import Finding, FindingStatus, Priority
from findings.profile import load_profile
from findings.ranking import Ranking, rank, score_finding
from findings.tracking import TrackState
from tests.findings.factories import a_bridge, a_finding, a_grade, a_measure, a_reach

PROFILE = load_profile()
KNOWN: dict[str, Any] = {
    "emergency_route": "1", "third_party_below": 0, "aadt": 20000, "detour_km": 10, "population_flood": 5000,
    "replaceability": 0.2,
}  # fmt: skip


def bridges(count: int, **changes: Any) -> tuple[list[Finding], dict[str, Any]]:
    found = [
        a_finding(
            f"f{n}", grade=a_grade("d"), measures=(a_measure("length", 0.1 * (count - n), "m"),), asset_uid=f"b{n}"
        )
        for n in range(count)
    ]
    return found, {f"b{n}": a_bridge(f"b{n}", **{"soundness": "II", **KNOWN, **changes}) for n in range(count)}


def uids(priorities: Sequence[Priority]) -> list[str]:
    return [priority.finding_uid for priority in priorities]


def test_a_missing_input_says_between_which_ranks_the_finding_would_stand() -> None:
    found, assets = bridges(6)
    values = {**KNOWN}
    del values["detour_km"]
    assets["b2"] = a_bridge("b2", soundness="II", **values)
    ranking = Ranking(found, assets, PROFILE)
    place = next(i for i, finding in enumerate(ranking.findings) if finding.uid == "f2")
    shown = ranking.explain(place)
    (missing,) = [term for term in shown.terms if term.name == "detour_km"]
    assert missing.value is None
    ends = []
    for detour in ("isolated", 0):
        assets["b2"] = a_bridge("b2", soundness="II", **{**values, "detour_km": detour})
        ends.append(uids(rank(found, assets, PROFILE)).index("f2") + 1)
    assert (missing.best_rank, missing.worst_rank) == tuple(ends)
    assert shown.best_rank <= missing.best_rank <= shown.rank <= missing.worst_rank <= shown.worst_rank


def test_ranges_never_leave_the_section() -> None:
    found, assets = bridges(4)
    confirmed = replace(found[0], uid="sure", status=FindingStatus.CONFIRMED, asset_uid="none", grade=a_grade("b"))
    shown = {p.finding_uid: p for p in rank([*found, confirmed], assets, PROFILE)}
    assert shown["sure"].rank == shown["sure"].worst_rank == 1
    assert min(shown[f"f{n}"].best_rank for n in range(4)) == 2


def test_what_may_fall_on_third_parties_comes_first_in_its_section_and_says_so() -> None:
    over = a_bridge("over", **{**KNOWN, "third_party_below": 1})
    apart = a_bridge("apart", soundness="II", **KNOWN)
    spall = a_finding("spall", damage="7", grade=a_grade("c"), asset_uid="over", member="Ds")
    worse = a_finding("worse", damage="6", grade=a_grade("e"), asset_uid="apart")
    sure = a_finding("sure", grade=a_grade("b"), asset_uid="apart", status=FindingStatus.CONFIRMED)
    found = rank([spall, worse, sure], {"over": over, "apart": apart}, PROFILE)
    assert uids(found) == ["sure", "spall", "worse"], "first among candidates, never before what people confirmed"
    assert any("E2" in term.words_ja for term in found[1].terms)
    footing = replace(spall, member="Ff")
    assert uids(rank([footing, worse], {"over": over, "apart": apart}, PROFILE)) == ["worse", "spall"]


def test_what_people_rejected_last_time_comes_last_unless_it_grew() -> None:
    found, assets = bridges(3)
    kept = rank(found, assets, PROFILE, rejected_before={"f0"})
    assert uids(kept)[-1] == "f0"
    assert any("棄却" in term.words_ja for term in kept[-1].terms)
    grown = rank(found, assets, PROFILE, rejected_before={"f0"}, tracks={"f0": TrackState.PROGRESSED})
    assert uids(grown)[0] == "f0"


@pytest.mark.parametrize(
    ("state", "higher"),
    [(TrackState.PROGRESSED, True), (TrackState.UNCHANGED, False), (TrackState.NEW, False)],
)
def test_growth_since_the_last_inspection_raises_the_score(state: TrackState, higher: bool) -> None:
    finding, bridge = a_finding(grade=a_grade("c")), a_bridge(soundness="I", **KNOWN)
    alone = score_finding(finding, bridge, PROFILE).score
    compared = score_finding(finding, bridge, PROFILE, tracks={finding.uid: state}).score
    assert (compared > alone) is higher


def test_a_bridge_near_a_river_finding_brings_its_own_consequence() -> None:
    reach = a_reach("reach", population_flood=100)
    bridge = a_bridge("bridge", **{**KNOWN, "third_party_below": 1, "detour_km": "isolated", "replaceability": 1})
    near = Crossing("bridge", "reach", (131.4, 34.1))
    here = a_finding("here", damage="R15", grade=a_grade("c", scheme="river_rating"), asset_uid="reach")
    here = replace(here, geometry_lonlat=Point(131.4005, 34.1))
    away = replace(here, uid="away", geometry_lonlat=Point(131.41, 34.1))
    found = rank([here, away], {"reach": reach, "bridge": bridge}, PROFILE, crossings=[near])
    assert uids(found) == ["here", "away"]
    terms = [next(t for t in p.terms if t.name == "crossing_bridge") for p in found]
    assert terms[0].contribution > terms[1].contribution == 0
    assert terms[1].value == 0
    unknown = rank([here], {"reach": reach, "bridge": bridge}, PROFILE)[0]
    assert next(t for t in unknown.terms if t.name == "crossing_bridge").value is None


@pytest.mark.parametrize("name", ["vdot-like-v1", "mndot-like-v1"])
def test_the_example_profiles_rank_and_their_points_sum_to_the_score(name: str) -> None:
    profile = load_profile(name)
    found, assets = bridges(3)
    river = a_finding("r", damage="R17", grade=a_grade("c", scheme="river_rating"), asset_uid="reach")
    closed = replace(found[0], uid="no", status=FindingStatus.REJECTED)
    ranked = rank([*found, river, closed], {**assets, "reach": a_reach("reach")}, profile)
    for priority in ranked:
        assert sum(term.contribution for term in priority.terms) == pytest.approx(priority.score)
        assert 0 <= priority.low <= priority.score <= priority.high <= 100
    assert ranked[-1].finding_uid == "no"
    assert ranked[-1].score == 0


@settings(max_examples=25)
@given(st.integers(0, 5), st.sampled_from(["aadt", "replaceability", "population_flood"]), st.floats(1.01, 3))
def test_more_consequence_never_lowers_the_rank(which: int, name: str, factor: float) -> None:
    found, assets = bridges(6)
    before = uids(rank(found, assets, PROFILE)).index(f"f{which}")
    more = {**KNOWN, name: min(KNOWN[name] * factor, 1.0) if name == "replaceability" else KNOWN[name] * factor}
    assets[f"b{which}"] = a_bridge(f"b{which}", soundness="II", **more)
    assert uids(rank(found, assets, PROFILE)).index(f"f{which}") <= before


def test_the_numbers_of_the_list_are_those_of_each_finding_alone() -> None:
    found, assets = bridges(5)
    del assets["b3"]
    ranking = Ranking(found, assets, PROFILE)
    for index, finding in enumerate(ranking.findings):
        alone = score_finding(finding, assets.get(finding.asset_uid or ""), PROFILE)
        for name in ("score", "low", "high"):
            assert getattr(alone, name) == pytest.approx(getattr(ranking, name)[index])
        assert ranking.inputs(index).score("used") == pytest.approx(alone.score)


def test_hazards_that_a_profile_asks_for_raise_the_likelihood_and_their_lack_is_stated() -> None:
    profile, finding = load_profile("mndot-like-v1"), a_finding(grade=a_grade("c"))
    calm, shaken = (a_bridge(soundness="I", **KNOWN, fatigue_risk=risk) for risk in (0.0, 1.0))
    less, more = (score_finding(finding, bridge, profile) for bridge in (calm, shaken))
    assert more.score > less.score
    missing = {term.name for term in less.terms if term.value is None}
    assert {"flooding_risk", "truck_damage_risk"} <= missing
    assert "fatigue_risk" not in missing
    assert less.high > less.score


def test_where_nobody_knows_of_people_below_the_range_reaches_to_the_head_of_the_section() -> None:
    values = {name: value for name, value in KNOWN.items() if name != "third_party_below"}
    assets = {"known": a_bridge("known", **KNOWN), "open": a_bridge("open", **values)}
    found = [a_finding(f"worse{n}", damage="6", grade=a_grade("e"), asset_uid="known") for n in range(3)]
    spall = a_finding("spall", damage="7", grade=a_grade("c"), asset_uid="open")
    shown = {p.finding_uid: p for p in rank([*found, spall], assets, PROFILE)}["spall"]
    assert (shown.rank, shown.best_rank) == (4, 1)
    (term,) = [term for term in shown.terms if term.name == "third_party_below"]
    assert (term.best_rank, term.value) == (1, None)
    without = load_profile("vdot-like-v1")  # weighs no third parties, but its hard rule asks for them
    other = {p.finding_uid: p for p in rank([*found, spall], assets, without)}["spall"]
    assert [t.best_rank for t in other.terms if t.name == "third_party_below"] == [1]
    crack = replace(spall, damage="6")
    kept = {p.finding_uid: p for p in rank([*found, crack], assets, PROFILE)}["spall"]
    assert [t.best_rank for t in kept.terms if t.name == "third_party_below"] == [4]


def test_a_sound_surface_over_people_is_not_raised() -> None:
    over = {"bridge": a_bridge(**{**KNOWN, "third_party_below": 1})}
    sound, crack = (
        a_finding("sound", damage="7", grade=a_grade("a")),
        a_finding("crack", damage="6", grade=a_grade("b")),
    )
    assert uids(rank([sound, crack], over, PROFILE)) == ["crack", "sound"]


def test_what_was_rejected_stands_behind_what_was_rejected_last_time() -> None:
    found, assets = bridges(2)
    closed = replace(found[1], status=FindingStatus.REJECTED)
    assert uids(rank([closed, found[0]], assets, PROFILE, rejected_before={"f0"})) == ["f0", "f1"]


def test_a_long_bar_is_near_a_bridge_that_it_reaches_and_a_reach_without_a_search_stays_unknown() -> None:
    assets = {"reach": a_reach("reach"), "bridge": a_bridge("bridge", **KNOWN), "other": a_reach("other")}
    bar = a_finding("bar", damage="R15", grade=a_grade("c", scheme="river_rating"), asset_uid="reach")
    bar = replace(bar, geometry_lonlat=box(131.4, 34.1, 131.42, 34.1005))  # 1.8 km long, its middle 0.9 km away
    quiet = replace(bar, uid="quiet", asset_uid="other")

    def crossing(source: str) -> dict[str, float | None]:
        at = Crossing("bridge", "reach", (131.4, 34.1), source=source)
        found = rank([bar, quiet], assets, PROFILE, crossings=[at])
        return {p.finding_uid: next(t.value for t in p.terms if t.name == "crossing_bridge") for p in found}

    searched, stated = crossing("geometry"), crossing("stated")
    assert searched["bar"] == stated["bar"] != 0
    assert (searched["quiet"], stated["quiet"]) == (0, None)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.sampled_from("bcde"), st.booleans(), st.booleans()), min_size=1, max_size=7))
def test_ranges_hold_the_rank_and_what_is_known_has_none(rows: list[tuple[str, bool, bool]]) -> None:
    found, assets = [], {}
    for n, (code, known, sure) in enumerate(rows):
        status = FindingStatus.CONFIRMED if sure else FindingStatus.CANDIDATE
        measures = (a_measure("length", 1.0, "m"),)
        found.append(a_finding(f"f{n}", grade=a_grade(code), asset_uid=f"b{n}", status=status, measures=measures))
        assets[f"b{n}"] = a_bridge(f"b{n}", soundness="I", **(KNOWN if known else {}))
    for shown in rank(found, assets, PROFILE, tracks={f.uid: TrackState.UNCHANGED for f in found}):
        assert shown.best_rank <= shown.rank <= shown.worst_rank
        if shown.low == shown.high and assets[f"b{shown.finding_uid[1:]}"].attributes:
            assert shown.best_rank == shown.worst_rank
        for term in shown.terms:
            if term.best_rank:
                assert shown.best_rank <= term.best_rank <= shown.rank <= term.worst_rank <= shown.worst_rank
