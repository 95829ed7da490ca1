from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from shapely.geometry import Polygon, box

from findings.errors import MizuhashiError, NotFound, RecordError, StoreError
from findings.finding import Finding, FindingStatus, Provenance
from findings.review import PERSON, PictureReview, Review, standing
from findings.store import Counts, Store
from findings.survey import Image, ImageStatus
from tests.findings.store.samples import RUN, a_finding, a_surveyed_image, by_hand, count

AT = datetime(2026, 6, 2, 8, 0, tzinfo=UTC)
CONFIRMED, REJECTED = FindingStatus.CONFIRMED, FindingStatus.REJECTED


def a_review(uid: str = "review-1", finding: str = "finding-1", **changes: Any) -> Review:
    values: dict[str, Any] = {
        "uid": uid,
        "finding_uid": finding,
        "decision": CONFIRMED,
        "reviewer": "hanako",
        "at": AT,
        "source": "import:coco",
        "model": "crack@1",
        "external_ids": {"coco": "17"},
    }
    return Review(**{**values, **changes})


@pytest.fixture
def image(store: Store) -> Image:
    """A picture with one finding of a model."""
    image = replace(a_surveyed_image(store), status=ImageStatus.INSPECTED)
    store.record_image(image, RUN, [a_finding(image)])
    return image


def drawn(image: Image, uid: str = "drawn-1") -> Finding:
    made = Provenance(PERSON, "1", "", 0.0, image.sha256, "0.1.0")
    return a_finding(image, uid, provenance=made, grade=None, measures=(), score=1.0, geometry_px=box(50, 50, 90, 60))


def test_a_review_comes_back_as_it_was_and_the_finding_follows_while_the_prediction_stays(
    store: Store, image: Image
) -> None:
    before = store.finding("finding-1")[0]
    review = a_review(geometry_px=box(0, 0, 12, 8), label="rust", final_grade="d", note="漏水ではない")
    assert store.add_reviews([review]) == Counts(added=1)
    assert store.reviews("finding-1") == [review]
    assert store.reviews(survey="2026") == store.reviews(image_uid=image.uid) == store.reviews() == [review]
    assert store.reviews("another") == []
    assert store.finding("finding-1")[0] == replace(before, status=CONFIRMED, final_grade="d")
    rows = store.audit_rows("finding-1")
    assert (rows[-1].actor, rows[-1].action) == ("hanako", "reviewed")
    assert rows[-1].after == {"status": "confirmed", "final_grade": "d"}
    assert store.check() == []


def test_the_latest_review_decides_and_corrections_hold_until_others_state_their_own(
    store: Store, image: Image
) -> None:
    outline = box(0, 0, 12, 8)
    first = a_review("1", decision=REJECTED, final_grade="a", geometry_px=outline)
    second = a_review("2", reviewer="taro", at=AT + timedelta(hours=1))
    store.add_reviews([first])
    store.add_reviews([second])
    finding = store.finding("finding-1")[0]
    assert (finding.status, finding.final_grade) == (CONFIRMED, "a")
    holds = standing(finding, store.reviews("finding-1"))
    assert (holds.decision, holds.outline_px, holds.corrected, holds.latest) == (CONFIRMED, outline, True, second)
    assert finding.geometry_px == a_finding(image).geometry_px


def test_the_same_review_twice_adds_nothing_and_every_new_one_moves_the_version(
    store: Store, image: Image, url: str
) -> None:
    store.add_reviews([a_review()])
    rows, version = store.audit_rows(), _version(url)
    assert store.add_reviews([a_review()]) == Counts(unchanged=1), "the same uid"
    assert store.add_reviews([a_review("2", at=AT + timedelta(days=1))]) == Counts(unchanged=1), "the same statement"
    assert store.audit_rows() == rows
    assert store.add_reviews([a_review("3", note="seen from the lift")]) == Counts(added=1)
    assert _version(url) == version + 1


def test_a_drawn_finding_is_stored_once_with_its_review(store: Store, image: Image) -> None:
    value = drawn(image)
    review = a_review("r", value.uid)
    assert store.add_reviews([review], [value]) == Counts(added=2)
    assert store.finding(value.uid)[0] == replace(value, status=CONFIRMED)
    assert store.add_reviews([review], [value]) == Counts(unchanged=2)
    with pytest.raises(StoreError, match="only people draw"):
        store.add_reviews([], [a_finding(image, "from a model")])


def test_a_person_brings_back_what_the_model_no_longer_finds(store: Store, image: Image) -> None:
    store.record_image(image, RUN, [])
    assert store.findings_of_image(image.uid) == []
    store.add_reviews([a_review(decision=REJECTED)])
    assert store.findings_of_image(image.uid) == []
    store.add_reviews([a_review("2")])
    assert [finding.uid for finding in store.findings_of_image(image.uid)] == ["finding-1"]


def test_a_reviewed_finding_survives_later_runs_of_any_version(store: Store, image: Image) -> None:
    store.add_reviews([a_review(decision=REJECTED)])
    second = replace(RUN, model_version="2")
    again = a_finding(image, score=0.99, provenance=replace(a_finding(image).provenance, model_version="2"))
    store.record_image(image, second, [again])
    assert store.finding("finding-1")[0].status is REJECTED
    store.record_image(image, replace(RUN, model_version="3"), [])
    assert [finding.status for finding in store.findings_of_image(image.uid)] == [REJECTED]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"finding_uid": "none"}, NotFound, "no finding with id 'none'"),
        ({"reviewer": " "}, RecordError, "the name of a person"),
        ({"label": "unicorn"}, RecordError, "label 'unicorn' is unknown"),
        ({"final_grade": "z"}, RecordError, "ひびわれ has a, b, c, d, e"),
        ({"geometry_px": Polygon([(0, 0), (9, 9), (9, 0), (0, 5)])}, RecordError, "crosses itself"),
        ({"geometry_px": Polygon()}, RecordError, "without area"),
        ({"at": datetime(2026, 6, 2, 8, 0)}, RecordError, "has no zone"),
        ({"note": "x" * 5000}, RecordError, "at most 4000"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_one_review_that_cannot_be_kept_refuses_all_of_a_call(
    store: Store, image: Image, url: str, change: dict[str, Any], error: type[MizuhashiError], words: str
) -> None:
    rows = store.audit_rows()
    with pytest.raises(error, match=words):
        store.add_reviews([a_review("sound"), a_review("unsound", **change)], [drawn(image)])
    assert (count(url, "review"), count(url, "finding"), store.audit_rows()) == (0, 1, rows)


def test_a_picture_is_complete_until_somebody_takes_it_back(store: Store, image: Image) -> None:
    yes = PictureReview("p1", image.uid, True, "hanako", AT, "import:cvat")
    assert store.add_reviews([], [], [replace(yes, uid="p0", complete=False)]) == Counts(unchanged=1)
    assert store.add_reviews([], [], [yes]) == Counts(added=1)
    assert store.add_reviews([], [], [yes, replace(yes, uid="p2")]) == Counts(unchanged=2)
    store.add_reviews([], [], [replace(yes, uid="p3", complete=False)])
    assert [value.complete for value in store.picture_reviews(survey="2026")] == [True, False]
    with pytest.raises(NotFound, match="no image"):
        store.add_reviews([], [], [replace(yes, uid="p4", image_uid="none")])


@pytest.mark.parametrize("table", ["review", "picture_review"])
@pytest.mark.parametrize("what", ["UPDATE", "DELETE", "REPLACE or TRUNCATE"])
def test_reviews_cannot_be_rewritten(store: Store, image: Image, url: str, table: str, what: str) -> None:
    store.add_reviews([a_review()], [], [PictureReview("p1", image.uid, True, "hanako", AT, "api")])
    statement = {
        "UPDATE": f"UPDATE {table} SET reviewer = 'nobody'",
        "DELETE": f"DELETE FROM {table}",
        "REPLACE or TRUNCATE": f"TRUNCATE {table}",
    }[what]
    if statement.startswith("TRUNCATE") and url.startswith("sqlite"):
        statement = f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"
    with pytest.raises(Exception, match="append-only"):
        by_hand(url, statement)
    assert (store.reviews()[0].reviewer, len(store.picture_reviews())) == ("hanako", 1)


def test_the_check_misses_a_trigger_of_the_reviews(store: Store, url: str) -> None:
    if url.startswith("sqlite"):
        by_hand(url, "DROP TRIGGER review_no_update")
    else:
        by_hand(url, "ALTER TABLE review DISABLE TRIGGER review_no_change")
    assert any("trigger review_no_" in message for message in store.check())


def _version(url: str) -> int:
    import sqlalchemy as sa

    from findings.store.engine import transaction
    from tests.findings.store.samples import database

    with database(url) as engine, transaction(engine) as session:
        return int(session.scalar(sa.text("SELECT version FROM finding WHERE uid = 'finding-1'")) or 0)
