"""The states of a comparison, their reasons and their growth."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from shapely.geometry import box

from findings.comparison import Look, Surface, View, compare, counts, needing_looks
from findings.comparison_words import STATES
from findings.finding import Finding, FindingStatus
from findings.growth_words import growth_text
from findings.links import Inspected
from findings.matching import match
from findings.review import Review
from findings.standard import load_standard
from findings.tracking import Growth, Track, TrackState
from tests.findings.factories import a_grade
from tests.findings.years import (
    NOW,
    SHIFT,
    SOMEWHERE,
    THEN,
    WAYS,
    YEARS,
    crack,
    length,
    shifted,
    side,
    sight,
    width,
)

CLEAR = Look(View.CLEAR, f"{NOW}-1", SHIFT)


def compared(
    olds: list[Finding], news: list[Finding], look: Look = CLEAR, reviews: dict[str, Review] | None = None
) -> list[Track]:
    before, after = side(THEN, olds), side(NOW, news)
    found = match(before, after, WAYS)
    lost, appeared = needing_looks(before, after, found)
    looks = {defect[0].uid: look for defect in (*lost, *appeared)}
    return list(compare(before, after, found, looks, reviews))


def one(olds: list[Finding], news: list[Finding], look: Look = CLEAR) -> Track:
    tracks = compared(olds, news, look)
    assert len(tracks) == 1
    return tracks[0]


OLD = sight("old", SOMEWHERE, measures=(width(0.30, 0.27, 0.33), length(0.50, 0.01)), grade=a_grade("b", "c"))
NEW = sight("new", shifted(SOMEWHERE), NOW, measures=(width(0.31, 0.28, 0.34), length(0.51, 0.01)))


def test_a_growth_that_excludes_zero_is_progress_with_its_rate() -> None:
    grown = replace(NEW, measures=(width(0.60, 0.55, 0.65), length(0.90, 0.01)))
    track = one([OLD], [grown])
    assert track.state is TrackState.PROGRESSED
    rates = {growth.name: growth for growth in track.growth}
    assert rates["width_p95"].per_year == pytest.approx(0.30 / YEARS)
    assert 0 < rates["width_p95"].low < rates["width_p95"].high  # type: ignore[operator]
    assert rates["length"].unit == "m/yr"
    assert track.previous_uid == "old"
    assert track.previous_grade == "c", "the worst suggested one, where no person graded"
    assert track.confidence > 0.9


def test_a_difference_within_the_intervals_is_no_change() -> None:
    assert one([OLD], [NEW]).state is TrackState.UNCHANGED


def test_a_final_grade_is_the_previous_grade() -> None:
    assert one([replace(OLD, final_grade="d")], [NEW]).previous_grade == "d"


def test_a_crack_that_reads_smaller_is_unchanged_and_says_so() -> None:
    track = one([OLD], [replace(NEW, measures=(length(0.30, 0.01),))])
    assert track.state is TrackState.UNCHANGED
    assert "smaller" in track.note_en


def test_a_missing_date_leaves_the_state_and_takes_the_rate() -> None:
    grown = replace(NEW, measures=(length(0.90, 0.01),), captured_at=None)
    track = one([OLD], [grown])
    assert track.state is TrackState.PROGRESSED
    assert track.growth == ()
    assert "capture date unknown (this time)" in track.note_en


def test_found_again_without_a_size_is_not_called_unchanged() -> None:
    track = one([replace(OLD, measures=())], [NEW])
    assert track.state is TrackState.NOT_ASSESSABLE
    assert track.previous_uid == "old"
    assert "whether it grew cannot be told" in track.note_en


def test_a_rejected_finding_stays_known_as_rejected() -> None:
    rejected = replace(OLD, status=FindingStatus.REJECTED)
    review = Review(
        "r", "old", FindingStatus.REJECTED, "見本 花子", datetime(2021, 4, 1, tzinfo=UTC), "api", note="型枠目地"
    )
    (track,) = compared([rejected], [NEW], reviews={"old": review})
    assert track.previous_status is FindingStatus.REJECTED
    assert track.previous_uid == "old"
    assert "rejected last time by 見本 花子, 2021-04-01: 型枠目地" in track.note_en
    assert "前回棄却" in track.note_ja


def test_what_was_rejected_and_is_gone_needs_no_explanation() -> None:
    assert compared([replace(OLD, status=FindingStatus.REJECTED)], []) == []
    assert compared([replace(OLD, status=FindingStatus.CONFIRMED)], [])[0].state is TrackState.NOT_FOUND


@pytest.mark.parametrize(
    ("surface", "state"),
    [
        (Surface.CHANGED, TrackState.REPAIRED_SUSPECTED),
        (Surface.SAME, TrackState.NOT_FOUND),
        (Surface.TRACE, TrackState.NOT_FOUND),
        (None, TrackState.NOT_FOUND),
    ],
)
def test_an_absence_that_was_seen_clearly_is_repaired_or_must_be_explained(
    surface: Surface | None, state: TrackState
) -> None:
    track = one([OLD], [], replace(CLEAR, surface=surface))
    assert track.state is state
    assert (track.finding_uid, track.previous_uid) == (None, "old")
    assert state is TrackState.REPAIRED_SUSPECTED or "要説明" in track.note_ja


@pytest.mark.parametrize("view", [view for view in View if view is not View.CLEAR])
def test_an_absence_that_nobody_could_see_is_not_assessable_with_its_reason(view: View) -> None:
    track = one([OLD], [], Look(view, why="42 %"))
    assert track.state is TrackState.NOT_ASSESSABLE
    assert "42 %" in track.note_en
    assert "今回" in track.note_ja


def test_each_language_gets_its_own_reason() -> None:
    track = one([OLD], [], Look(View.HIDDEN, why="42% 白とび / 42% over-exposed"))
    assert track.note_ja == "今回、その箇所は隠れている(42% 白とび)"
    assert track.note_en == "this time the place is hidden (42% over-exposed)"


@pytest.mark.parametrize(
    ("rate", "half", "text"),
    [
        (0.0025, 0.0823, "width +0.003 mm/yr (-0.080 to +0.085)"),
        (0.00002, 0.04, "width 0.000 mm/yr (-0.040 to +0.040)"),
        (2.543, 0.71, "width +2.54 mm/yr (+1.83 to +3.25)"),
        (512.6, 240.0, "width +513 mm/yr (+273 to +753)"),
    ],
)
def test_a_growth_has_no_more_digits_than_its_interval(rate: float, half: float, text: str) -> None:
    growth = Growth("width_p95", "mm/yr", rate, rate - half, rate + half, 5.0)
    assert growth_text(growth).replace("width (p95)", "width") == text


def test_new_needs_a_look_at_the_place_last_time() -> None:
    assert one([], [NEW]).state is TrackState.NEW
    first = one([], [NEW], Look(View.NOT_PHOTOGRAPHED))
    assert first.state is TrackState.NEW
    assert "first seen: last time the place was not photographed" in first.note_en
    unknown = one([], [NEW], Look(View.UNREGISTERED))
    assert unknown.state is TrackState.NOT_ASSESSABLE, "no silent guess"


def test_pieces_rivals_and_junctions_are_told_and_lengths_not_compared() -> None:
    whole = replace(sight("old", crack((100, 100), (400, 100))), measures=(length(0.30, 0.01), width(0.3, 0.28, 0.32)))
    large = sight(
        "b", shifted(crack((200, 100), (400, 100))), NOW, measures=(length(0.2, 0.01), width(0.5, 0.48, 0.52))
    )
    small = sight("a", shifted(crack((100, 100), (180, 100))), NOW, measures=(length(0.08, 0.01),))
    piece, carrier = compared([whole], [small, large])
    assert (piece.finding_uid, piece.previous_uid, piece.state) == ("a", None, TrackState.UNCHANGED)
    assert "part of old" in piece.note_en
    assert carrier.previous_uid == "old"
    assert [growth.name for growth in carrier.growth] == ["width_p95"]
    assert "2 pieces" in carrier.note_en


def test_a_piece_of_a_rejected_crack_is_known_as_rejected_too() -> None:
    whole = replace(sight("old", crack((100, 100), (400, 100))), status=FindingStatus.REJECTED)
    news = [
        sight("b", shifted(crack((200, 100), (400, 100))), NOW),
        sight("a", shifted(crack((100, 100), (180, 100))), NOW),
    ]
    assert {track.previous_status for track in compared([whole], news)} == {FindingStatus.REJECTED}


@pytest.mark.parametrize(
    ("shown", "state", "words"),
    [
        (False, TrackState.PROGRESSED, "goes on beyond its end of last time"),
        (True, TrackState.UNCHANGED, "already shows in the picture of last time"),
        (None, TrackState.UNCHANGED, "only a part of it shows"),
    ],
)
def test_a_crack_that_no_picture_shows_whole_has_grown_if_its_end_moved(
    shown: bool | None, state: TrackState, words: str
) -> None:
    """It runs out of both pictures on the right; its left end is what both show."""
    sizes = (width(0.3, 0.25, 0.35), length(0.5, 0.01))
    old = sight("old", crack((700, 400), (999, 400)), measures=sizes)
    beyond = {} if shown is None else {"new": shown}
    new = sight("new", shifted(crack((500, 400), (999, 400))).intersection(box(0, 0, 1000, 800)), NOW, measures=sizes)
    before, after = side(THEN, [old]), side(NOW, [new])
    (track,) = compare(before, after, match(before, after, WAYS), {}, beyond=beyond)
    assert track.state is state
    assert words in track.note_en


def test_the_second_claim_on_one_id_is_new_and_says_so() -> None:
    rival = sight("rival", shifted(SOMEWHERE.buffer(25)), NOW)
    tracks = {track.finding_uid: track for track in compared([OLD], [NEW, rival])}
    assert tracks["new"].previous_uid == "old"
    assert tracks["rival"].state is TrackState.NEW
    assert "which new fits better" in tracks["rival"].note_en


def test_every_damage_of_both_surveys_has_one_track_whatever_the_order() -> None:
    olds = [OLD, sight("gone", crack((600, 600), (700, 600)))]
    news = [NEW, sight("fresh", crack((300, 500), (380, 520)), NOW)]
    tracks = compared(olds, news)
    assert compared(olds[::-1], news[::-1]) == tracks
    assert {track.previous_uid for track in tracks} - {None} == {"old", "gone"}
    assert {track.finding_uid for track in tracks} - {None} == {"new", "fresh"}
    assert sum(counts(tracks).values()) == 3


def test_the_words_avoid_what_no_system_may_assert() -> None:
    forbidden = load_standard("ui_words")["forbidden"]
    looks = [Look(view, why="x") for view in View] + [replace(CLEAR, surface=s) for s in Surface]
    said = [track.note_ja for look in looks for track in (*compared([OLD], [], look), *compared([], [NEW], look))]
    for text in (*said, *(note.ja for note in STATES.values())):
        assert text
        assert not any(word in text for word in forbidden)
    assert set(STATES) == {state.value for state in TrackState}


def test_both_sides_may_be_empty() -> None:
    empty: tuple[Inspected, Inspected] = side(THEN, []), side(NOW, [])
    assert compare(*empty, match(*empty, {}), {}) == ()
