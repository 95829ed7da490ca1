"""Two surveys of the store compared, through the store's own door."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture
from shapely import affinity
from shapely.geometry import box

from findings.asset import Asset, AssetKind, Structure
from findings.errors import InputError, NotFound
from findings.finding import Domain, Finding, FindingStatus
from findings.measure import Measure
from findings.review import Review
from findings.survey import Assignment, AssignmentSource, Image, ImageKind, Quality, Radiometry, Scale, ScaleSource
from findings.tracking import Track, TrackState
from imagery.mask_files import write_mask
from imagery.masks import MaskClass
from inference.overlay import BANNER_PX
from inference.then_now import NOW, THEN, write_pairs
from inference.track import SurveyComparison, compare_surveys
from tests.inference.years import SIZE, Years, a_crack, by_hand, outline, wall, with_crack, with_patch


@pytest.fixture
def years(tmp_path: Path) -> Years:
    return Years(tmp_path / "home")


def compared(years: Years) -> SurveyComparison:
    return compare_surveys(years.store, "2020", "2025", register=by_hand)


def only(years: Years) -> Track:
    (track,) = compared(years).tracks
    return track


def both(years: Years, now: np.ndarray | None = None, **changes: Any) -> tuple[Image, Image]:
    """Store both surveys of one cracked wall; the crack is found in the first."""
    (before,) = years.survey("2020", [with_crack(wall())])
    (after,) = years.survey("2025", [with_crack(wall()) if now is None else now], **changes)
    years.record(before, [a_crack(before, "old", outline("2020"))])
    return before, after


def test_a_crack_that_is_found_again_keeps_its_id_and_its_history(years: Years) -> None:
    _, after = both(years)
    years.record(after, [a_crack(after, "new", outline("2025"))])
    found = compared(years)
    (track,) = found.tracks
    assert (track.finding_uid, track.previous_uid, track.state) == ("new", "old", TrackState.UNCHANGED)
    years.store.put_tracks(found.now.uid, found.previous.uid, found.tracks)
    assert years.store.tracks(found.now.uid) == list(found.tracks)
    assert [finding.uid for finding in years.store.history("new")] == ["old", "new"]
    assert years.store.put_tracks(found.now.uid, found.previous.uid, compared(years).tracks).unchanged == 1


def test_decisions_hold_through_a_new_model_version_and_a_new_comparison(years: Years) -> None:
    before, after = both(years)
    other = affinity.translate(outline("2020"), 0, 120)
    years.record(before, [a_crack(before, "old", outline("2020")), a_crack(before, "graded", other)])
    at = datetime(2021, 2, 3, tzinfo=UTC)
    years.store.add_reviews([
        Review("r1", "old", FindingStatus.REJECTED, "見本 花子", at, "api", note="型枠目地"),
        Review("r2", "graded", FindingStatus.CONFIRMED, "見本 花子", at, "api", final_grade="d"),
    ])  # fmt: skip
    first: tuple[Track, ...] = ()
    for version in ("1", "2"):
        made = [a_crack(after, "new", outline("2025")), a_crack(after, "new2", affinity.translate(other, 24, -16))]
        again = [a_crack(before, "old", outline("2020")), a_crack(before, "graded", other)]
        for image, findings in ((after, made), (before, again)):
            marked = [replace(f, provenance=replace(f.provenance, model_version=version)) for f in findings]
            years.record(image, marked, version=version)
        found = compared(years)
        years.store.put_tracks(found.now.uid, found.previous.uid, found.tracks)
        tracks = {track.finding_uid: track for track in found.tracks}
        assert tracks["new"].previous_status is FindingStatus.REJECTED
        assert "rejected last time by 見本 花子, 2021-02-03: 型枠目地" in tracks["new"].note_en
        assert tracks["new2"].previous_grade == "d"
        assert years.store.finding("old")[0].status is FindingStatus.REJECTED
        assert years.store.finding("graded")[0].final_grade == "d"
        assert years.store.finding("new")[0].status is FindingStatus.CANDIDATE, "only people decide about the new sight"
        first = first or found.tracks
        assert found.tracks == first


def test_a_corrected_outline_is_what_is_looked_for(years: Years) -> None:
    before, after = both(years)
    years.record(before, [a_crack(before, "old", box(5, 5, 40, 40))])
    review = Review("r", "old", FindingStatus.CONFIRMED, "見本 花子", datetime(2021, 1, 1, tzinfo=UTC), "api",
                    geometry_px=outline("2020"))  # fmt: skip
    years.store.add_reviews([review])
    years.record(after, [a_crack(after, "new", outline("2025"))])
    assert only(years).previous_uid == "old"


def test_a_patch_over_the_crack_suspects_a_repair(years: Years) -> None:
    both(years, with_patch(with_crack(wall())))
    track = only(years)
    assert track.state is TrackState.REPAIRED_SUSPECTED
    assert track.registration is not None


def test_a_crack_that_still_shows_but_was_not_found_must_be_explained(years: Years) -> None:
    both(years)
    track = only(years)
    assert track.state is TrackState.NOT_FOUND
    assert "a trace still shows" in track.note_en


HALF = ((120.0, 120.0), (190.0, 145.0))


def longer(image: Image) -> Finding:
    """Return the whole crack as this time's model marked it, twice as long as what last time's did."""
    length = Measure("length", 0.074, "m", 0.072, 0.076, "by hand")
    return a_crack(image, "new", outline("2025"), measures=(length,))


def test_what_the_previous_picture_shows_beyond_its_outline_has_not_grown(years: Years) -> None:
    before, after = both(years)
    short = Measure("length", 0.037, "m", 0.036, 0.038, "by hand")
    years.record(before, [a_crack(before, "old", outline("2020", HALF), measures=(short,))])
    years.record(after, [longer(after)])
    track = only(years)
    assert (track.previous_uid, track.state) == ("old", TrackState.NOT_ASSESSABLE)
    assert track.growth == (), "a model that marks more has not seen it grow"
    assert "already shows in the picture of last time" in track.note_en
    assert "前回の写真にも写っている" in track.note_ja


def test_a_crack_that_ended_earlier_in_the_previous_picture_has_grown(years: Years) -> None:
    (before,) = years.survey("2020", [with_crack(wall(), ends=HALF)])
    (after,) = years.survey("2025", [with_crack(wall())])
    short = Measure("length", 0.037, "m", 0.036, 0.038, "by hand")
    years.record(before, [a_crack(before, "old", outline("2020", HALF), measures=(short,))])
    years.record(after, [longer(after)])
    track = only(years)
    assert (track.previous_uid, track.state) == ("old", TrackState.PROGRESSED)
    assert track.growth[0].name == "length"


@pytest.mark.parametrize("there_before", [True, False])
def test_a_new_finding_says_whether_the_previous_picture_shows_it_too(years: Years, there_before: bool) -> None:
    (before,) = years.survey("2020", [with_crack(wall()) if there_before else wall()])
    (after,) = years.survey("2025", [with_crack(wall())])
    years.record(before, [])
    years.record(after, [a_crack(after, "new", outline("2025"))])
    track = only(years)
    assert track.state is TrackState.NEW
    assert ("likely missed then" in track.note_en) is there_before
    assert ("nothing was recorded" in track.note_en) is not there_before


def test_a_place_under_the_mask_is_not_assessable(years: Years, tmp_path: Path) -> None:
    classes = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    classes[60:220, 100:320] = MaskClass.OVEREXPOSED
    both(years, mask_path=str(write_mask(tmp_path / "mask.png", classes)))
    track = only(years)
    assert track.state is TrackState.NOT_ASSESSABLE
    assert "白とび" in track.note_ja
    assert "hidden" in track.note_en


def test_a_hairline_is_not_missed_by_a_picture_that_cannot_resolve_it(years: Years) -> None:
    before, _ = both(
        years, scale=Scale(0.5, 0.01, ScaleSource.LASER_RANGE), quality=Quality(True, noise=40.0, blur_px=3.0)
    )
    fine = Measure("width_p95", 0.06, "mm", 0.03, 0.09, "by hand")
    years.record(before, [a_crack(before, "old", outline("2020"), measures=(fine,))])
    track = only(years)
    assert track.state is TrackState.NOT_ASSESSABLE
    assert "分解能不足" in track.note_ja
    assert "resolvable" in track.note_en


def test_a_place_that_the_pictures_do_not_reach_was_not_photographed(years: Years) -> None:
    before, _ = both(years)
    years.record(
        before, [a_crack(before, "old", box(462, 300, 478, 350))]
    )  # 24 px further right in the present picture
    track = only(years)
    assert track.state is TrackState.NOT_ASSESSABLE
    assert "not photographed" in track.note_en


def test_what_was_outside_of_last_times_pictures_is_seen_for_the_first_time(years: Years) -> None:
    before, after = both(years)
    years.record(before, [])
    years.record(after, [a_crack(after, "new", box(2, 300, 16, 350))])
    track = only(years)
    assert track.state is TrackState.NEW
    assert "first seen: last time the place was not photographed" in track.note_en


def test_a_picture_that_only_another_model_judged_proves_no_absence(years: Years) -> None:
    before, _ = both(years, inspected=False)
    del before
    (after,) = years.store.images(years.store.survey("2025").uid)
    years.record(after, [], model="rust")
    track = only(years)
    assert track.state is TrackState.NOT_ASSESSABLE
    assert "no model looked for this damage" in track.note_en


def test_without_a_registration_nothing_is_guessed(years: Years) -> None:
    _, after = both(years)
    years.record(after, [a_crack(after, "new", outline("2025"))])
    found = compare_surveys(years.store, "2020", "2025", register=lambda *_: None)
    assert {track.state for track in found.tracks} == {TrackState.NOT_ASSESSABLE}
    assert all("registered" in track.note_en for track in found.tracks)
    assert any("none of 1 pairs" in remark for remark in found.remarks)


def test_pictures_of_other_members_are_not_compared_and_that_is_the_reason(years: Years) -> None:
    (before,) = years.survey("2020", [with_crack(wall())], member="Mg", span=1)
    years.survey("2025", [with_crack(wall())], member="Ds", span=1)
    years.record(before, [a_crack(before, "old", outline("2020"))])
    found = compared(years)
    assert found.pairs == 0
    assert "no picture of 1/Mg" in found.tracks[0].note_en


def test_real_registration_finds_the_place_again(years: Years) -> None:
    _, after = both(years)
    years.record(after, [a_crack(after, "new", outline("2025"))])
    found = compare_surveys(years.store, "2020", "2025")
    (track,) = found.tracks
    assert track.previous_uid == "old"
    assert track.registration is not None
    assert track.registration.points(np.array([[100.0, 100.0]]))[0] == pytest.approx([124.0, 84.0], abs=1.0)


def test_an_unreadable_picture_takes_no_part_and_is_told(years: Years) -> None:
    _, after = both(years)
    Path(after.path).write_bytes(b"")
    found = compared(years)
    assert any("2025-0.png takes no part" in remark for remark in found.remarks)
    assert found.tracks[0].state is TrackState.NOT_ASSESSABLE


def test_then_and_now_are_drawn_in_one_frame(years: Years, tmp_path: Path) -> None:
    _, after = both(years)
    years.record(after, [a_crack(after, "new", outline("2025"))])
    pairs, missing = write_pairs(compared(years), tmp_path / "pairs")
    assert missing == []
    picture = np.asarray(Picture.open(pairs[0].path).convert("L"), float)
    half = (picture.shape[1] - 6) // 2
    then, now = picture[64:, :half], picture[64:, half + 6 : 2 * half + 6]
    assert np.corrcoef(then.ravel(), now.ravel())[0, 1] > 0.8, "both panels show the same place in the same frame"
    legend = np.asarray(Picture.open(pairs[0].path), float)[BANNER_PX + 10 : BANNER_PX + 20, 80:240]
    for colour in (THEN, NOW):
        assert (np.abs(legend - colour).max(axis=2) < 60).sum() > 40, "the strip names the colours of the outlines"


def test_one_survey_twice_and_unknown_ones_are_refused(years: Years) -> None:
    both(years)
    with pytest.raises(InputError, match="twice"):
        compare_surveys(years.store, "2020", "2020")
    with pytest.raises(NotFound, match="2030"):
        compare_surveys(years.store, "2020", "2030")


def test_surveys_of_two_assets_are_refused_by_name(years: Years) -> None:
    years.store.put_assets(
        [Asset(uid, AssetKind.BRIDGE, name, Structure.RC) for uid, name in (("a", "水橋"), ("b", "土橋"))]
    )
    years.survey("2020", [wall()], asset_uid="a")
    years.survey("2025", [wall()], asset_uid="b")
    with pytest.raises(InputError, match=r"水橋.*土橋.*one asset"):
        compared(years)


def test_assets_of_single_pictures_count_too(years: Years) -> None:
    years.store.put_assets(
        [Asset(uid, AssetKind.BRIDGE, name, Structure.RC) for uid, name in (("a", "水橋"), ("b", "土橋"))]
    )
    years.survey("2020", [wall()], asset_uid="a")
    years.survey("2025", [wall()], assignment=Assignment("b", None, None, AssignmentSource.PERSON, 1.0))
    with pytest.raises(InputError, match=r"水橋.*土橋"):
        compared(years)


def test_the_later_survey_first_is_refused_with_the_right_call(years: Years) -> None:
    both(years)
    with pytest.raises(InputError, match=r"is older than.*findings compare 2020 2025"):
        compare_surveys(years.store, "2025", "2020", register=by_hand)


def test_a_survey_that_nobody_inspected_is_refused_and_one_without_findings_is_not(years: Years) -> None:
    (before,) = years.survey("2020", [wall()])
    years.survey("2025", [wall()], inspected=False)
    with pytest.raises(InputError, match="no inspected picture"):
        compared(years)
    (after,) = years.store.images(years.store.survey("2025").uid)
    years.record(after, [])
    assert compared(years).tracks == ()
    years.record(before, [a_crack(before, "old", outline("2020"))])
    assert len(compared(years).tracks) == 1


def test_missing_dates_are_told(years: Years) -> None:
    _, after = both(years, captured_at=None)
    years.record(after, [a_crack(after, "new", outline("2025"), captured_at=None)])
    found = compared(years)
    assert any("1 of 1 pictures of '2025' have no capture date" in remark for remark in found.remarks)
    assert found.tracks[0].growth == ()


SCENE: dict[str, Any] = {
    "kind": ImageKind.SCENE,
    "band_names": ("green", "nir"),
    "crs": "EPSG:32653",
    "transform": (10.0, 0.0, 700_000.0, 0.0, -10.0, 4_070_000.0),
    "scale": Scale(10_000.0, 0.0, ScaleSource.GEOREFERENCE),
    "radiometry": Radiometry.REFLECTANCE,
}


def a_bar(image: Image, uid: str, left: float, top: float, size: float = 12.0) -> Finding:
    """Return a sediment bar of some pixels on a scene."""
    from imagery.footprint import place_outline

    place = box(left, top, left + size, top + size)
    found = place_outline(image, place)
    assert found is not None
    area = Measure("area", 100 * size**2, "m2", 95 * size**2, 105 * size**2, "by hand")
    return a_crack(
        image, uid, place, damage="R15", domain=Domain.RIVER, measures=(area,), geometry_lonlat=found[0],
        position_source=found[1],
    )  # fmt: skip


def test_bars_of_a_river_are_followed_by_their_place_on_the_ground(years: Years) -> None:
    (before,) = years.survey("2020", [wall()], **SCENE)
    (after,) = years.survey("2025", [wall()], **{**SCENE, "transform": (10.0, 0.0, 699_900.0, 0.0, -10.0, 4_070_050.0)})
    years.record(
        before, [a_bar(before, "grows", 40, 40), a_bar(before, "stays", 100, 90), a_bar(before, "gone", 200, 200)]
    )
    news = [a_bar(after, "grown", 49, 44, 18.0), a_bar(after, "same", 110, 95), a_bar(after, "fresh", 300, 60)]
    years.record(after, news)
    states = {(t.finding_uid, t.previous_uid): t.state for t in compared(years).tracks}
    assert states == {
        ("grown", "grows"): TrackState.PROGRESSED,
        ("same", "stays"): TrackState.UNCHANGED,
        ("fresh", None): TrackState.NEW,
        (None, "gone"): TrackState.NOT_FOUND,
    }


def test_a_bar_under_a_cloud_is_not_gone(years: Years, tmp_path: Path) -> None:
    classes = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    classes[180:240, 180:240] = MaskClass.CLOUD
    (before,) = years.survey("2020", [wall()], **SCENE)
    years.survey("2025", [wall()], mask_path=str(write_mask(tmp_path / "m.png", classes)), **SCENE)
    years.record(before, [a_bar(before, "hidden", 200, 200)])
    track = only(years)
    assert track.state is TrackState.NOT_ASSESSABLE
    assert "雲" in track.note_ja
