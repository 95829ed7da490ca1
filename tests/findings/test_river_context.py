"""The river near a bridge in the priority list: known, missing, or not asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from findings.asset import Asset, AssetKind, Crossing
from findings.errors import StandardError
from findings.finding import Finding, Priority, Term
from findings.grading.trace import Words
from findings.profile import load_profile
from findings.ranking import rank
from findings.river_context import CROSSINGS, RiverContext, with_context
from findings.store import ReachRecord, Store
from findings.store.rank import whole_ranking
from tests.findings.factories import a_bridge, a_finding, a_grade
from tests.findings.store.samples import a_finding as a_stored_finding
from tests.findings.store.samples import a_surveyed_image, an_asset
from tests.findings.test_river_series import a_frame

PROFILE = load_profile()
GREW = Words("砂州の拡大+18 m(8～28)、2018～2024", "bars +18 m (8 to 28), 2018 to 2024")


def a_context(value: float | None = 0.6, river: str = "reach", words: Words = GREW) -> RiverContext:
    return RiverContext("bridge", river, 2.1, (), (), ("2018-01-20",), ("2024-01-20",), value, words)


def a_damaged(uid: str = "f") -> Finding:
    return a_finding(uid, grade=a_grade("c"))


def ranked(bridge: Asset) -> Priority:
    return rank([a_damaged()], {"bridge": bridge}, PROFILE)[0]


def term(priority: Priority) -> Term | None:
    return next((one for one in priority.terms if one.name == "river_change"), None)


def test_a_change_near_the_bridge_raises_its_findings_and_says_which_in_both_languages() -> None:
    bridge = a_bridge(crosses_river_id="reach")
    quiet = with_context([bridge], [a_context(0.0, words=Words("変化なし", "no change"))])[0]
    moved = with_context([bridge], [a_context()])[0]
    assert ranked(moved).score > ranked(quiet).score
    told = term(ranked(moved))
    assert told is not None
    assert told.words_ja == f"橋付近の河道変化: {GREW.ja}"
    assert told.words_en == f"river change near the bridge: {GREW.en}"
    assert told.contribution > 0


def test_a_bridge_over_a_river_that_nobody_scanned_has_a_missing_input_and_one_over_a_road_is_not_asked() -> None:
    unknown = ranked(a_bridge(crosses_river_id="reach"))
    told = term(unknown)
    assert told is not None
    assert told.value is None
    assert unknown.high > unknown.score
    assert term(ranked(a_bridge())) is None


def test_what_is_not_assessable_is_missing_with_its_reason_and_never_counted_as_no_change() -> None:
    why = Words("評価不能: 画像が1枚", "not assessable: 1 scene")
    bridge = with_context([a_bridge(crosses_river_id="reach")], [a_context(None, words=why)])[0]
    told = term(ranked(bridge))
    assert told is not None
    assert told.value is None
    assert told.words_en == "river change near the bridge: not assessable: 1 scene"


def test_of_several_rivers_the_largest_change_counts_and_what_a_list_states_itself_stays() -> None:
    contexts = [a_context(None, "a"), a_context(0.2, "b"), a_context(0.7, "c")]
    assert with_context([a_bridge()], contexts)[0].attributes["river_change"] == 0.7
    stated = with_context([a_bridge(river_change=0.1, crosses_river_id="c")], contexts)[0]
    assert stated.attributes["river_change"] == 0.1
    told = term(ranked(stated))
    assert told is not None
    assert told.words_en == "river change near the bridge 10 %"


def test_the_points_still_sum_to_the_score() -> None:
    priority = ranked(with_context([a_bridge(crosses_river_id="reach")], [a_context()])[0])
    assert sum(one.contribution for one in priority.terms) == pytest.approx(priority.score)


def test_where_stands_only_among_the_hazards(tmp_path: Path) -> None:
    source = Path(__file__).resolve().parents[2] / "findings" / "standards" / "priority_profile.yaml"
    text = source.read_text(encoding="utf-8").replace("id: default-v1", "id: own-v1")
    wrong = text.replace("detour_km: {weight: 0.20,", "detour_km: {weight: 0.20, where: crosses_river_id,")
    (tmp_path / "own.yaml").write_text(wrong, encoding="utf-8")
    with pytest.raises(StandardError, match=r"detour_km\.where"):
        load_profile(str(tmp_path / "own.yaml"))


def test_the_whole_list_reads_the_contexts_that_scans_have_kept(tmp_path: Path) -> None:
    at = datetime(2024, 5, 1, tzinfo=UTC)
    with Store(f"sqlite:///{tmp_path / 'store.db'}", tmp_path) as store:
        store.upgrade()
        frame = a_frame()
        store.put_assets([an_asset("bridge"), Asset(frame.asset_uid, AssetKind.RIVER_REACH, "水川")])
        store.put_crossings([Crossing("bridge", frame.asset_uid, (131.0, 34.0))])
        context = replace(a_context(0.6), river_uid=frame.asset_uid)
        gone = replace(context, bridge_uid="demolished")
        store.put_river(ReachRecord(frame, {}, {CROSSINGS: [context.to_json(), gone.to_json()]}), [], at=at)
        image = a_surveyed_image(store)
        recorded = replace(a_stored_finding(image), asset_uid="bridge")
        made = rank([recorded], {a.uid: a for a in store.assets()}, PROFILE)[0]
        assert term(made) is not None
        assert term(made).value is None  # type: ignore[union-attr]
        ranking = whole_ranking(store)
        assert ranking.assets["bridge"].attributes["river_change"] == 0.6
        assert "demolished" not in ranking.assets
