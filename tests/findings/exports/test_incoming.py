from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from shapely.affinity import translate
from shapely.geometry import Polygon, box

from findings.errors import RecordError
from findings.exports import ReviewFormat, read, write
from findings.exports.incoming import Door, Incoming, Known, decide, match_pictures, picture_names
from findings.exports.task import ReviewItem, ReviewPicture, ReviewTask, content_digest
from findings.finding import Finding, FindingStatus
from findings.review import Review, standing
from tests.findings.exports.samples import UIDS, submitted
from tests.findings.store.samples import a_finding, an_image

AT = datetime(2026, 6, 2, 8, 0, tzinfo=UTC)
DOOR = Door("hanako", AT, "import:coco", "ab" * 32)
IMAGE = replace(an_image("a.jpg"), survey_uid="survey", width_px=400, height_px=300)
FIRST = a_finding(IMAGE, UIDS[0], geometry_px=box(10, 20, 60, 24))
SECOND = a_finding(IMAGE, UIDS[1], geometry_px=box(100, 120, 160, 124))


def known(*findings: Finding, reviews: dict[str, list[Review]] | None = None) -> Known:
    return Known({IMAGE.uid: IMAGE}, findings, frozenset(f.uid for f in findings), reviews or {})


def picture(*items: ReviewItem, **changes: Any) -> ReviewPicture:
    values: dict[str, Any] = {
        "image_uid": IMAGE.uid, "file_name": "a.jpg", "width_px": 400, "height_px": 300, "items": items,
        "content": content_digest([FIRST.uid, SECOND.uid]),
    }  # fmt: skip
    return ReviewPicture(**{**values, **changes})


def item(finding: Finding, **changes: Any) -> ReviewItem:
    return replace(ReviewItem(finding.uid, "crack", finding.geometry_px), **changes)


def decided(*items: ReviewItem, door: Door = DOOR, **changes: Any) -> Incoming:
    return decide({IMAGE.uid: picture(*items, **changes)}, known(FIRST, SECOND), door)


@pytest.mark.parametrize("kind", list(ReviewFormat))
def test_a_file_that_comes_back_unchanged_decides_nothing(kind: ReviewFormat) -> None:
    task = ReviewTask("2026", (picture(item(FIRST), item(SECOND)),), ("crack",))
    back = read(submitted(write(task, kind), kind), kind)
    found = decide(match_pictures(back, [IMAGE]), known(FIRST, SECOND), DOOR)
    assert (found.reviews, found.drawn, found.pending, found.missing) == ([], [], 2, 0)


def test_a_decision_becomes_a_review_of_the_finding_and_nothing_else_changes() -> None:
    found = decided(item(FIRST, decision="rejected", note="施工目地", external_ids={"coco": "4"}), item(SECOND))
    (review,) = found.reviews
    assert (review.finding_uid, review.decision, review.reviewer) == (FIRST.uid, FindingStatus.REJECTED, "hanako")
    assert (review.geometry_px, review.label, review.note) == (None, None, "施工目地")
    assert (review.model, review.external_ids, review.source) == ("crack@1", {"coco": "4"}, "import:coco")
    assert (found.pending, found.corrected) == (1, 0)


def test_left_open_is_a_decision_too() -> None:
    (review,) = decided(item(FIRST, decision="uncertain"), item(SECOND)).reviews
    assert review.decision is FindingStatus.CANDIDATE


@pytest.mark.parametrize(("by_px", "corrected"), [(0.4, False), (0.6, True)])
def test_an_outline_that_moves_by_more_than_half_a_pixel_is_a_correction(by_px: float, corrected: bool) -> None:
    found = decided(item(FIRST, outline_px=translate(FIRST.geometry_px, by_px)), item(SECOND))
    assert bool(found.reviews) is corrected
    if corrected:
        (review,) = found.reviews
        assert review.decision is FindingStatus.CONFIRMED, "whoever mends an outline has looked at it"
        assert review.geometry_px == translate(FIRST.geometry_px, by_px)


def test_another_class_is_a_correction_that_keeps_the_prediction() -> None:
    (review,) = decided(item(FIRST, label="rust"), item(SECOND)).reviews
    assert (review.label, review.damage, review.decision) == ("rust", "8", FindingStatus.CONFIRMED)
    now = standing(FIRST, [review])
    assert (now.label, now.outline_px, now.finding.damage) == ("rust", FIRST.geometry_px, "6")


def test_a_changed_outline_of_a_rejected_finding_does_not_confirm_it() -> None:
    before = Review("r", FIRST.uid, FindingStatus.REJECTED, "taro", AT, "api")
    moved = item(FIRST, outline_px=translate(FIRST.geometry_px, 3))
    found = decide({IMAGE.uid: picture(moved)}, known(FIRST, reviews={FIRST.uid: [before]}), DOOR)
    assert [review.decision for review in found.reviews] == [FindingStatus.REJECTED]


def test_a_mark_without_id_is_a_new_finding_with_the_same_id_each_time() -> None:
    outline = box(200, 200, 260, 206)
    found = decided(item(FIRST), item(SECOND), ReviewItem("", "spalling", outline))
    (drawn,) = found.drawn
    (review,) = found.reviews
    assert (drawn.label, drawn.outline_px, drawn.image) == ("spalling", outline, IMAGE)
    assert (review.finding_uid, review.decision) == (drawn.uid, FindingStatus.CONFIRMED)
    assert decided(item(FIRST), item(SECOND), ReviewItem("", "spalling", outline)) == found


def test_a_mark_drawn_over_a_finding_that_was_taken_out_is_that_finding() -> None:
    found = decided(item(SECOND), ReviewItem("", "crack", translate(FIRST.geometry_px, 0, 1)))
    assert found.drawn == []
    (review,) = found.reviews
    assert (review.finding_uid, review.decision) == (FIRST.uid, FindingStatus.CONFIRMED)
    assert review.geometry_px is not None
    assert found.missing == 0


def test_two_marks_drawn_at_one_place_are_two_findings() -> None:
    outline = box(200, 200, 260, 206)
    found = decided(*(ReviewItem("", "crack", translate(outline, n)) for n in (0, 1)))
    assert len({drawn.uid for drawn in found.drawn}) == 2


def test_what_is_gone_is_ignored_unless_deleting_means_rejecting() -> None:
    assert decided(item(SECOND)).missing == 1
    assert decided(item(SECOND)).reviews == []
    (review,) = decided(item(SECOND), door=replace(DOOR, missing_rejects=True)).reviews
    assert (review.finding_uid, review.decision) == (FIRST.uid, FindingStatus.REJECTED)


def test_nothing_is_rejected_by_silence_where_the_findings_changed_since_the_export() -> None:
    found = decided(item(SECOND), door=replace(DOOR, missing_rejects=True), content=content_digest([SECOND.uid]))
    assert (found.reviews, found.missing, found.unclear) == ([], 0, 1)


def test_what_was_left_as_it_was_may_count_as_confirmed_if_nobody_has_reviewed_it() -> None:
    before = Review("r", SECOND.uid, FindingStatus.CANDIDATE, "taro", AT, "api")
    door = replace(DOOR, pending_confirms=True)
    both = picture(item(FIRST), item(SECOND))
    found = decide({IMAGE.uid: both}, known(FIRST, SECOND, reviews={SECOND.uid: [before]}), door)
    assert [(r.finding_uid, r.decision) for r in found.reviews] == [(FIRST.uid, FindingStatus.CONFIRMED)]


def test_a_file_used_again_does_not_overrule_who_decided_since() -> None:
    marked = picture(item(FIRST, decision="confirmed"), item(SECOND))
    (mine,) = decide({IMAGE.uid: marked}, known(FIRST, SECOND), DOOR).reviews
    theirs = Review("x", FIRST.uid, FindingStatus.REJECTED, "chief", AT, "api")
    found = decide({IMAGE.uid: marked}, known(FIRST, SECOND, reviews={FIRST.uid: [mine, theirs]}), DOOR)
    assert (found.reviews, found.superseded) == ([], 1)
    other = decide({IMAGE.uid: marked}, known(FIRST, SECOND, reviews={FIRST.uid: [theirs]}), DOOR)
    assert len(other.reviews) == 1, "a new opinion counts"


def test_a_picture_that_was_looked_over_says_so() -> None:
    (value,) = decided(item(FIRST), item(SECOND), complete=True).pictures
    assert (value.image_uid, value.complete, value.reviewer) == (IMAGE.uid, True, "hanako")
    assert decided(item(FIRST), item(SECOND), complete=None).pictures == []


def test_an_outline_is_cut_at_the_picture_and_refused_where_most_of_it_lies_beside() -> None:
    (drawn,) = decided(ReviewItem("", "crack", box(380, 10, 405, 14))).drawn
    assert drawn.outline_px.bounds == (380, 10, 400, 14)
    with pytest.raises(RecordError, match="beside the picture of 400 x 300 px"):
        decided(ReviewItem("", "crack", box(390, 10, 450, 14)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"finding_uid": UIDS[9]}, "not a finding of that picture"),
        ({"finding_uid": "'; DROP TABLE finding"}, "not a finding of that picture"),
        ({"label": "unicorn"}, "label 'unicorn' is unknown"),
    ],
)
def test_an_unknown_finding_or_class_refuses_the_file(change: dict[str, Any], words: str) -> None:
    with pytest.raises(RecordError, match=words):
        decided(item(FIRST, decision="confirmed"), item(SECOND, **change))


def test_a_finding_of_another_picture_is_refused() -> None:
    other = replace(FIRST, image_uid="another")
    with pytest.raises(RecordError, match="not a finding of that picture"):
        decide({IMAGE.uid: picture(item(FIRST))}, known(other), DOOR)


def test_pictures_are_told_by_id_else_by_name_and_must_have_their_own_size() -> None:
    task = ReviewTask("", (picture(image_uid=""),))
    assert set(match_pictures(task, [IMAGE])) == {IMAGE.uid}
    for change, words in (
        ({"image_uid": "none"}, "none of the survey's"),
        ({"image_uid": "", "file_name": "z.jpg"}, "none of the survey's"),
        ({"width_px": 200, "height_px": 150}, "200 x 150 px in the file and 400 x 300 px"),
    ):
        with pytest.raises(RecordError, match=words):
            match_pictures(ReviewTask("", (picture(**change),)), [IMAGE])
    with pytest.raises(RecordError, match="stands twice"):
        match_pictures(ReviewTask("", (picture(), picture())), [IMAGE])


def test_pictures_of_one_name_go_out_under_different_ones() -> None:
    twins = [replace(IMAGE, uid=uid, path=f"/{uid}/A.jpg") for uid in ("11111111x", "22222222x")]
    names = picture_names([IMAGE, *twins])
    assert len({name.lower() for name in names.values()}) == 3
    for image in twins:
        task = ReviewTask("", (picture(image_uid="", file_name=f"images/{names[image.uid]}"),))
        assert set(match_pictures(task, [IMAGE, *twins])) == {image.uid}


def test_a_wandering_outline_of_equal_box_is_seen() -> None:
    bent: Callable[[float], Polygon] = lambda y: Polygon([(0, 0), (50, y), (100, 0), (100, 40), (0, 40)])  # noqa: E731
    finding = replace(FIRST, geometry_px=bent(0.0))
    found = decide({IMAGE.uid: picture(item(finding, outline_px=bent(5.0)))}, known(finding), DOOR)
    assert found.corrected == 1
