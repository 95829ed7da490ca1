from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from shapely.geometry import box

from findings.errors import NotFound, StoreError
from findings.finding import Finding, FindingStatus
from findings.issued import IssuedList, IssuedRow
from findings.registration import PictureRegistration
from findings.store import Store
from findings.survey import ImageStatus
from findings.tracking import Growth, Track, TrackState
from tests.findings.store.samples import RUN, a_finding, a_priority, a_surveyed_image

MATRIX = (1.0, 0.0, 4.5, 0.0, 1.0, -2.0, 0.0, 0.0, 1.0)


def recorded(store: Store, survey: str, uids: tuple[str, ...]) -> list[Finding]:
    image = a_surveyed_image(store, survey, f"{survey}.jpg")
    found = [a_finding(image, uid) for uid in uids]
    store.record_image(replace(image, status=ImageStatus.INSPECTED), RUN, found)
    return [store.finding(uid)[0] for uid in uids]


def a_track(now: Finding | None, before: Finding | None, surveys: tuple[str, str], **changes: Any) -> Track:
    values: dict[str, Any] = {
        "survey_uid": surveys[0],
        "previous_survey_uid": surveys[1],
        "finding_uid": None if now is None else now.uid,
        "previous_uid": None if before is None else before.uid,
        "state": TrackState.PROGRESSED,
        "growth": (Growth("length", "m/yr", 0.1, 0.05, 0.15, 5.0),),
        "confidence": 0.9,
        "registration": PictureRegistration(MATRIX, 40, 0.7, box(0, 0, 10, 10)),
        "note_ja": "進行",
        "note_en": "longer",
        "previous_status": FindingStatus.CONFIRMED,
        "previous_grade": "c",
    }
    return Track(**{**values, **changes})


def test_only_the_leading_sight_of_a_defect_stands_in_the_list(store: Store) -> None:
    one, *_ = recorded(store, "2026", ("a", "b", "c"))
    store.put_priorities([a_priority(uid, 50.0) for uid in ("a", "b", "c")])
    counts = store.put_defects(one.survey_uid, {"a": ("d1", False), "b": ("d1", True), "c": ("c", True)})
    assert counts.updated == 3
    assert {finding.uid for finding, _ in store.list_findings().items} == {"b", "c"}
    everything = {finding.uid: priority for finding, priority in store.list_findings(sights=True).items}
    assert everything.keys() == {"a", "b", "c"}
    assert everything["a"] is None, "a sight that does not lead has no place in the list"
    assert [sight.uid for sight in store.sights("d1")] == ["b", "a"]
    assert store.put_defects(one.survey_uid, {"a": ("d1", False), "b": ("d1", True)}).updated == 0


def test_a_new_model_run_keeps_defect_and_leader(store: Store) -> None:
    one, two = recorded(store, "2026", ("a", "b"))
    store.put_defects(one.survey_uid, {"a": ("d1", False), "b": ("d1", True)})
    image = store.images(one.survey_uid)[0]
    store.record_image(image, replace(RUN, model_version="2"), [one, two])
    assert [sight.uid for sight in store.sights("d1")] == ["b", "a"]


def test_a_defect_without_leader_or_of_another_survey_is_refused(store: Store) -> None:
    (one,) = recorded(store, "2026", ("a",))
    recorded(store, "2021", ("z",))
    with pytest.raises(StoreError, match="0 leading sights"):
        store.put_defects(one.survey_uid, {"a": ("d1", False)})
    with pytest.raises(StoreError, match="belongs to survey"):
        store.put_defects(one.survey_uid, {"a": ("d1", False), "z": ("d1", True)})
    with pytest.raises(NotFound, match="nobody"):
        store.put_defects(one.survey_uid, {"nobody": ("d1", True)})
    with pytest.raises(NotFound, match="no defect"):
        store.sights("d1")


def test_tracks_come_back_as_they_were_and_a_second_comparison_replaces_the_first(store: Store) -> None:
    (now,) = recorded(store, "2026", ("now",))
    before, gone = recorded(store, "2021", ("before", "gone"))
    pair = (now.survey_uid, before.survey_uid)
    first = [
        a_track(now, before, pair),
        a_track(None, gone, pair, state=TrackState.NOT_FOUND, registration=None, growth=(), previous_status=None),
    ]
    assert store.put_tracks(*pair, first).added == 2
    assert store.tracks(now.survey_uid) == first
    assert store.put_tracks(*pair, first).unchanged == 2
    store.put_tracks(*pair, first[:1])
    assert store.tracks() == first[:1]
    assert {finding.uid for finding, _ in store.list_findings().items} == {"now", "gone"}
    assert {finding.uid for finding, _ in store.list_findings(survey="2021").items} == {"before", "gone"}
    assert [finding.uid for finding in store.history("now")] == ["before", "now"]
    assert [finding.uid for finding in store.history("before")] == ["before", "now"]
    assert [finding.uid for finding in store.history("gone")] == ["gone"]


def test_tracks_that_cannot_be_are_refused(store: Store) -> None:
    now, also = recorded(store, "2026", ("now", "also"))
    (before,) = recorded(store, "2021", ("before",))
    pair = (now.survey_uid, before.survey_uid)
    with pytest.raises(StoreError, match="two tracks"):
        store.put_tracks(*pair, [a_track(now, before, pair), a_track(also, before, pair)])
    with pytest.raises(StoreError, match="with itself"):
        store.put_tracks(pair[0], pair[0], [])
    with pytest.raises(StoreError, match="the track says"):
        store.put_tracks(*pair, [a_track(before, now, pair)])
    with pytest.raises(StoreError, match="no finding at all"):
        store.put_tracks(*pair, [a_track(None, None, pair)])
    with pytest.raises(NotFound, match="no survey"):
        store.put_tracks("nobody", pair[1], [])


def test_an_issued_list_is_kept_and_never_changes(store: Store) -> None:
    at = datetime(2026, 6, 1, tzinfo=UTC)
    rows = tuple(IssuedRow(rank, f"f{rank}", None, 50.0 - rank, "candidate", {"grade": 20.0}) for rank in (1, 2))
    with pytest.raises(NotFound, match="priorities export"):
        store.issued_list()
    early = IssuedList("one", at, "planner", "default-v1@1.0.0", rows)
    late = IssuedList("two", at.replace(day=2), "planner", "default-v1@1.0.0", rows[:1])
    store.issue_list(late)
    store.issue_list(early)
    assert store.issued_list() == late
    assert store.issued_list("one") == early
    assert [one.uid for one in store.issued_lists()] == ["one", "two"]
    with pytest.raises(StoreError, match="never changes"):
        store.issue_list(early)
    with pytest.raises(StoreError, match="ranks"):
        store.issue_list(replace(early, uid="three", rows=rows[1:]))
