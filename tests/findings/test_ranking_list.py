"""Rank ranges, rules about third parties and earlier rejections, bridges near rivers, and the weighted sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point

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
