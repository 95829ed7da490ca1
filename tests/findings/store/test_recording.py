from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from shapely.geometry import Point, Polygon

from findings.errors import NotFound, StoreError
from findings.finding import FindingStatus, Provenance
from findings.store import Counts, Store
from findings.survey import Image, ImageStatus
from tests.findings.store.samples import RUN, a_finding, a_priority, a_surveyed_image, an_image, by_hand, count


def inspected(image: Image) -> Image:
    return replace(image, status=ImageStatus.INSPECTED)


def test_a_finding_comes_back_as_it_was(store: Store) -> None:
    image = a_surveyed_image(store)
    full = a_finding(image)
    bare = a_finding(image, "finding-2", grade=None, geometry_lonlat=None, captured_at=None, member="Mg", span=2)
    assert store.record_image(inspected(image), RUN, [full, bare]) == Counts(added=2)
    assert store.findings_of_image(image.uid) == [full, bare]
    assert store.finding("finding-2") == (bare, None)
    assert store.image(image.uid).status is ImageStatus.INSPECTED
    with pytest.raises(NotFound, match="findings list"):
        store.finding("finding-3")


def test_the_same_run_again_adds_nothing_anywhere(store: Store, url: str) -> None:
    image = inspected(a_surveyed_image(store))
    found = [a_finding(image)]
    store.record_image(image, RUN, found)
    tables = ("image", "model_run", "finding", "audit")
    before = [count(url, table) for table in tables]
    later = replace(RUN, started_at=RUN.started_at + timedelta(hours=1), device="cuda")
    assert store.record_image(image, later, found) == Counts(unchanged=1)
    assert [count(url, table) for table in tables] == before


def test_a_new_version_of_the_model_updates_what_it_measures_and_leaves_the_review(store: Store, url: str) -> None:
    image = inspected(a_surveyed_image(store))
    store.record_image(image, RUN, [a_finding(image)])
    store.put_priorities([a_priority("finding-1", 40.0)])
    by_hand(url, "UPDATE finding SET status = 'rejected', final_grade = 'a', version = 2")
    second = Provenance("crack", "2", "cd" * 32, 0.4, image.sha256, "0.2.0")
    changed = a_finding(image, score=0.9, provenance=second, geometry_px=Polygon([(0, 0), (9, 0), (5, 7)]))
    assert store.record_image(image, replace(RUN, model_version="2"), [changed]) == Counts(updated=1)
    expected = replace(changed, status=FindingStatus.REJECTED, final_grade="a")
    assert store.finding("finding-1") == (expected, a_priority("finding-1", 40.0))
    assert count(url, "model_run") == 2


def test_what_a_run_no_longer_finds_is_kept_but_not_listed_unless_reviewed(store: Store, url: str) -> None:
    image = inspected(a_surveyed_image(store))
    three = [a_finding(image, uid) for uid in ("gone", "stays", "reviewed")]
    other = Provenance("anomaly", "1", "ef" * 32, 0.5, image.sha256, "0.1.0")
    strange = a_finding(image, "strange", damage="anomaly", provenance=other)
    store.record_image(image, RUN, three)
    store.record_image(image, replace(RUN, model="anomaly"), [strange])
    by_hand(url, "UPDATE finding SET status = 'confirmed' WHERE uid = 'reviewed'")
    assert store.record_image(image, RUN, three[1:2]) == Counts(unchanged=1, deactivated=1)
    assert {finding.uid for finding in store.findings_of_image(image.uid)} == {"stays", "reviewed", "strange"}
    assert len(store.findings_of_image(image.uid, inactive=True)) == 4
    assert len(store.list_findings().items) == 3
    assert len(store.list_findings(inactive=True).items) == 4
    assert store.record_image(image, RUN, three[:2]) == Counts(updated=1, unchanged=1), "found again"
    assert len(store.findings_of_image(image.uid)) == 4


def test_a_run_that_failed_takes_no_earlier_finding_away(store: Store) -> None:
    image = inspected(a_surveyed_image(store))
    store.record_image(image, RUN, [a_finding(image)])
    failed = replace(image, status=ImageStatus.FAILED, reason="truncated at byte 512")
    assert store.record_image(failed, RUN, []) == Counts()
    assert len(store.findings_of_image(image.uid)) == 1
    assert store.image(image.uid) == failed


def test_an_image_that_failed_before_any_model_ran_is_recorded_with_its_reason(store: Store, url: str) -> None:
    image = a_surveyed_image(store)
    failed = replace(image, status=ImageStatus.NOT_ASSESSED, reason="all pixels are nodata")
    store.record_image(failed, None, [])
    assert store.image(image.uid) == failed
    assert count(url, "model_run") == 0
    (_, row) = store.audit_rows(image.uid)
    assert row.before == {"status": "pending", "reason": None}
    with pytest.raises(StoreError, match="without the model run"):
        store.record_image(failed, None, [a_finding(image)])


def test_a_crash_in_the_middle_leaves_nothing(store: Store, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = a_surveyed_image(store)
    audit_before = store.audit_rows()

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("findings.store.audit.append", crash)  # the last step of the transaction
    with pytest.raises(KeyboardInterrupt):
        store.record_image(inspected(image), RUN, [a_finding(image)])
    monkeypatch.undo()
    assert store.image(image.uid).status is ImageStatus.PENDING
    assert [count(url, table) for table in ("finding", "model_run")] == [0, 0]
    assert store.audit_rows() == audit_before
    assert store.check() == []


@pytest.mark.parametrize(
    "change",
    [
        {"score": math.nan},
        {"details": {"width": math.inf}},
        {"details": {"object": object()}},
        {"geometry_px": Polygon()},
        {"geometry_lonlat": Point(math.nan, 1)},
        {"status": FindingStatus.CONFIRMED},
        {"final_grade": "e"},
        {"survey_uid": "another"},
        {"asset_uid": "no such asset"},
        {"provenance": Provenance("water", "1", "", 0.5, "", "")},
        {"member": "\ud800"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_cannot_be_kept_truly_is_refused_whole(store: Store, url: str, change: dict[str, object]) -> None:
    image = a_surveyed_image(store)
    with pytest.raises(StoreError):
        store.record_image(inspected(image), RUN, [a_finding(image, "sound"), a_finding(image, "unsound", **change)])
    assert count(url, "finding") == 0
    assert store.image(image.uid) == image


def test_a_finding_uid_belongs_to_one_image_and_stands_once_in_a_run(store: Store) -> None:
    image = inspected(a_surveyed_image(store))
    other = inspected(a_surveyed_image(store, "2027", "b.jpg"))
    store.record_image(image, RUN, [a_finding(image)])
    with pytest.raises(StoreError, match="is taken by image"):
        store.record_image(other, RUN, [a_finding(other)])
    with pytest.raises(StoreError, match="stands twice"):
        store.record_image(image, RUN, [a_finding(image)] * 2)
    with pytest.raises(NotFound, match="ingest it"):
        store.record_image(an_image("c.jpg"), RUN, [])


def test_priorities_are_stored_whole_once_and_only_for_known_findings(store: Store) -> None:
    image = inspected(a_surveyed_image(store))
    store.record_image(image, RUN, [a_finding(image)])
    store.put_priorities([a_priority("finding-1", 200 / 3)])
    assert store.finding("finding-1")[1] == a_priority("finding-1", 200 / 3)
    rows = store.audit_rows()
    store.put_priorities([a_priority("finding-1", 200 / 3)])
    assert store.audit_rows() == rows, "the same ranking again is no change"
    with pytest.raises(NotFound, match="'finding-9'"):
        store.put_priorities([a_priority("finding-1", 1.0), a_priority("finding-9", 1.0)])
    with pytest.raises(StoreError, match="expected a section"):
        store.put_priorities([a_priority("finding-1", 1.0, "urgent")])
    assert store.finding("finding-1")[1] == a_priority("finding-1", 200 / 3)


def test_the_list_stands_in_the_order_of_the_ranking_whatever_the_scores_are(store: Store) -> None:
    """What may fall on third parties comes first in its section, with fewer points than others."""
    image = inspected(a_surveyed_image(store))
    store.record_image(image, RUN, [a_finding(image, uid) for uid in ("a", "b", "c")])
    order = ("b", "c", "a")
    store.put_priorities([replace(a_priority(uid, 30.0 + n), rank=n + 1) for n, uid in enumerate(order)])
    assert [finding.uid for finding, _ in store.list_findings().items] == list(order)
    assert [finding.uid for finding, _ in store.list_findings(minimum_score=31.0).items] == ["c", "a"]
