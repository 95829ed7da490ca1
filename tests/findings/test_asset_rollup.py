"""Findings become one row an asset: its section, a score that is no sum, and what findings mean together."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point

from findings.asset import Asset, Crossing, PierInChannel
from findings.asset_rollup import AssetPriority, asset_rollup
from findings.errors import StandardError
from findings.finding import Finding, FindingStatus
from findings.profile import load_profile
from findings.ranking import Ranking
from findings.standard import FOLDER, Standards
from findings.tracking import TrackState
from tests.findings.factories import a_bridge, a_finding, a_grade, a_reach

PROFILE = load_profile()
CONFIRMED = FindingStatus.CONFIRMED


def rows(found: Sequence[Finding], assets: Mapping[str, Asset], **how: Any) -> dict[str, AssetPriority]:
    return {row.asset_uid: row for row in asset_rollup(Ranking(found, assets, PROFILE, **how))}


def seen(uid: str, damage: str, code: str, **more: Any) -> Finding:
    """Return a confirmed finding."""
    span = more.pop("span", None)
    scheme = "river_rating" if damage.startswith("R") else "mlit_damage"
    more = {"status": CONFIRMED} | more
    return replace(a_finding(uid, damage=damage, grade=a_grade(code, scheme=scheme), **more), span=span)


def test_five_hundred_fine_cracks_do_not_outrank_one_grave_one() -> None:
    many = [seen(f"fine{n}", "6", "b", asset_uid="many") for n in range(500)]
    found = rows([*many, seen("grave", "6", "e", asset_uid="one")], {"many": a_bridge("many"), "one": a_bridge("one")})
    assert list(found) == ["one", "many"]
    alone = rows(many[:1], {"many": a_bridge("many")})["many"]
    assert found["many"].score == pytest.approx(alone.score)
    assert found["many"].findings == 500


def test_further_damage_types_count_a_little_and_the_points_sum_to_the_score() -> None:
    assets = {"bridge": a_bridge(soundness="II", aadt=5000)}
    one = rows([seen("a", "6", "d")], assets)["bridge"]
    two = rows([seen("a", "6", "d"), seen("b", "8", "e", member="Ds")], assets)["bridge"]
    assert one.score < two.score < 100
    for row in (one, two):
        assert sum(term.contribution for term in row.terms) == pytest.approx(row.score)
        assert row.low <= row.score <= row.high


def test_candidates_never_lead_an_asset_that_stands_among_the_confirmed_ones() -> None:
    sure, open_ = seen("sure", "6", "b"), seen("open", "7", "e", status=FindingStatus.CANDIDATE)
    assets = {"bridge": a_bridge()}
    row = rows([sure, open_], assets)["bridge"]
    assert (row.section, row.worst_uid, row.candidates) == ("confirmed", "sure", 1)
    first = max(row.terms, key=lambda term: term.contribution)
    assert first.words_en.startswith("highest finding Cracking")
    assert rows([open_], assets)["bridge"].section == "candidate"


def test_what_may_fall_on_people_is_told_of_the_asset_too() -> None:
    spall = seen("spall", "7", "d", status=FindingStatus.CANDIDATE)
    row = rows(
        [spall, seen("crack", "6", "e", status=FindingStatus.CANDIDATE)], {"bridge": a_bridge(third_party_below=1)}
    )
    assert any("E2" in term.words_ja for term in row["bridge"].terms)
    assert row["bridge"].worst_uid == "spall"


def test_an_official_record_brings_an_asset_first_even_without_any_finding() -> None:
    assets = {"grave": a_bridge("grave", soundness="IV"), "seen": a_bridge("seen"), "quiet": a_bridge("quiet")}
    found = rows([seen("a", "6", "e", asset_uid="seen")], assets)
    assert list(found) == ["grave", "seen"]
    assert (found["grave"].section, found["grave"].findings, found["grave"].worst_uid) == ("official", 0, None)
    assert any("最上位" in term.words_ja for term in found["grave"].terms)


@pytest.mark.parametrize(
    ("spans", "certain"),
    [((1, 1), True), ((1, 2), None), ((1, None), False), ((None, None), False)],
)
def test_slab_cracks_and_leakage_count_together_on_one_slab(
    spans: tuple[int | None, int | None], certain: bool | None
) -> None:
    found = [seen("crack", "11", "d", span=spans[0]), seen("leak", "8", "d", span=spans[1], member="Ds")]
    row = rows(found, {"bridge": a_bridge()})["bridge"]
    held = [one for one in row.co_occurrences if one.rule == "slab_cracks_leakage"]
    assert [one.certain for one in held] == ([] if certain is None else [certain])
    if certain is not None:
        (term,) = [term for term in row.terms if term.name == "slab_cracks_leakage"]
        assert (term.contribution > 0) is certain
        assert row.high > row.score
        assert "貫通" in term.words_ja


def test_a_leak_of_an_unknown_member_leaves_the_rule_open() -> None:
    row = rows([seen("c", "11", "d", span=1), seen("l", "8", "d", span=1)], {"bridge": a_bridge()})["bridge"]
    assert [one.certain for one in row.co_occurrences] == [False]
    girder = rows([seen("c", "11", "d", span=1), seen("l", "8", "d", span=1, member="Mg")], {"bridge": a_bridge()})
    assert girder["bridge"].co_occurrences == ()


def test_what_nobody_confirmed_brings_half_of_the_bonus() -> None:
    pair = [seen("c", "11", "d", span=1), seen("l", "8", "d", span=1, member="Ds")]
    full = rows(pair, {"bridge": a_bridge()})["bridge"].co_occurrences[0]
    half = rows([pair[0], replace(pair[1], status=FindingStatus.CANDIDATE)], {"bridge": a_bridge()})["bridge"]
    assert (full.weight, half.co_occurrences[0].weight) == (1.0, 0.5)
    gone = rows([pair[0], replace(pair[1], status=FindingStatus.REJECTED)], {"bridge": a_bridge()})["bridge"]
    assert gone.co_occurrences == ()


@pytest.mark.parametrize(("answer", "certain"), [(1.0, True), (None, False), (0.0, None)])
def test_scour_counts_with_a_pier_in_the_channel_and_stays_open_while_nobody_answered(
    answer: float | None, certain: bool | None
) -> None:
    bridge = a_bridge() if answer is None else a_bridge(pier_in_channel=answer)
    held = rows([seen("s", "26", "e", member="Ff")], {"bridge": bridge})["bridge"].co_occurrences
    assert [one.certain for one in held] == ([] if certain is None else [certain])


@pytest.mark.parametrize(
    ("state", "pier", "certain"),
    [
        (TrackState.PROGRESSED, PierInChannel.YES, True),
        (TrackState.PROGRESSED, PierInChannel.UNKNOWN, False),
        (None, PierInChannel.YES, False),
        (TrackState.PROGRESSED, PierInChannel.NO, None),
        (TrackState.UNCHANGED, PierInChannel.YES, None),
    ],
)
def test_a_bar_that_grows_near_a_bridge_counts_for_the_reach_and_for_the_bridge(
    state: TrackState | None, pier: PierInChannel, certain: bool | None
) -> None:
    bar = replace(seen("bar", "R15", "c", asset_uid="reach"), geometry_lonlat=Point(131.4005, 34.1))
    assets = {"reach": a_reach("reach"), "bridge": a_bridge("bridge")}
    tracks = {} if state is None else {"bar": state}
    crossing = Crossing("bridge", "reach", (131.4, 34.1), pier)
    found = rows([bar], assets, tracks=tracks, crossings=[crossing])
    assert set(found) == ({"reach"} if certain is None else {"reach", "bridge"})
    held = [(uid, one.certain) for uid, row in found.items() for one in row.co_occurrences]
    assert sorted(held) == ([] if certain is None else [("bridge", certain), ("reach", certain)])
    far = rows([replace(bar, geometry_lonlat=Point(131.41, 34.1))], assets, tracks=tracks, crossings=[crossing])
    assert far["reach"].co_occurrences == ()


kinds = st.sampled_from([("6", "d"), ("11", "d"), ("8", "e"), ("7", "d"), ("26", "c")])


@settings(max_examples=25)
@given(st.lists(st.tuples(kinds, st.integers(1, 2), st.sampled_from([CONFIRMED, FindingStatus.CANDIDATE])), max_size=6),
       kinds, st.integers(0, 1000))  # fmt: skip
def test_the_order_of_findings_does_not_matter_and_one_more_never_lowers_the_asset(
    given_: list[tuple[tuple[str, str], int, FindingStatus]], more: tuple[str, str], seed: int
) -> None:
    found = [seen(f"f{n}", d, g, span=s, member="Ds", status=w) for n, ((d, g), s, w) in enumerate(given_)]
    peers = [seen(f"p{n}", "6", code, asset_uid=f"peer{n}") for n, code in enumerate("bcde")]
    assets = {"bridge": a_bridge(pier_in_channel=1.0)} | {f"peer{n}": a_bridge(f"peer{n}") for n in range(4)}
    before = rows([*found, *peers], assets)
    shuffled = [*found, *peers]
    random.Random(seed).shuffle(shuffled)
    assert rows(shuffled, assets) == before
    after = rows([*found, *peers, seen("more", *more, span=1, member="Ds")], assets)["bridge"]
    if "bridge" in before:
        assert after.rank <= before["bridge"].rank


BROKEN = [
    ('damages: ["6", "11"]', 'damages: ["6", "27"]', "'27'"),
    ("members: [Ds], grades_from: b", "members: [Dx], grades_from: b", "'Dx'"),
    ("bonus: 0.20", "bonus: 2.0", "share 0 to 1"),
    ("same: member", "same: bolt", "asset, span, member"),
    ("needs: pier_in_channel", "needs: pier", "pier_in_channel"),
    ("name: scour_pier", "name: spalling_leakage", "no other rule"),
    ("grown: true", "grows: true", "on demand grown"),
    ("grades_from: b, grown", "grades_from: f, grown", "a to e"),
    ("share_of_further: 0.1", "share_of_further: -0.1", "share 0 to 1"),
    ("    en: signs of scour", "    english: signs of scour", "en"),
]


@pytest.mark.parametrize(("text", "broken", "expected"), BROKEN)
def test_a_table_that_contradicts_itself_is_refused(tmp_path: Path, text: str, broken: str, expected: str) -> None:
    original = (FOLDER / "asset_rollup.yaml").read_text(encoding="utf-8")
    assert text in original
    (tmp_path / "asset_rollup.yaml").write_text(original.replace(text, broken, 1), encoding="utf-8")
    with pytest.raises(StandardError, match=expected):
        Standards(overrides=tmp_path).get("asset_rollup")
