from __future__ import annotations

from dataclasses import replace

import pytest

from findings.errors import GradingError, NotFound, RecordError, StoreError
from findings.store import Counts, Store
from findings.survey import Assignment, AssignmentSource, Image
from tests.findings.store.samples import RUN, a_finding, an_asset, an_image

TABLE = Assignment("bridge-1", 1, "Mg", AssignmentSource.TABLE, 0.98, "t.csv row 2")
NEAREST = Assignment("bridge-2", None, None, AssignmentSource.NEAREST, 0.7, "12 m away")


def surveyed(store: Store, *names: str) -> list[Image]:
    store.put_assets([an_asset(), an_asset("bridge-2", external_ids={}, spans=())])
    survey, _ = store.open_survey("2026", None, [an_image(name) for name in names])
    return store.images(survey.uid)


def test_an_assignment_comes_back_with_span_and_member_and_is_audited(store: Store) -> None:
    (image,) = surveyed(store, "a.jpg")
    assert store.assign_images({image.uid: TABLE}) == Counts(updated=1)
    assert store.image(image.uid) == replace(image, assignment=TABLE, span=1, member="Mg")
    row = store.audit_rows(image.uid)[-1]
    assert (row.action, row.before, row.after and row.after["span"]) == (
        "assigned",
        {"assignment": None, "span": None, "member": None},
        1,
    )


def test_the_same_assignment_again_changes_and_audits_nothing(store: Store) -> None:
    (image,) = surveyed(store, "a.jpg")
    store.assign_images({image.uid: TABLE})
    before = store.audit_rows()
    assert store.assign_images({image.uid: TABLE}) == Counts(unchanged=1)
    assert store.audit_rows() == before


def test_a_weaker_source_overwrites_nothing_and_a_cleared_one_may_be_assigned_again(store: Store) -> None:
    (image,) = surveyed(store, "a.jpg")
    store.assign_images({image.uid: TABLE})
    assert store.assign_images({image.uid: NEAREST}) == Counts(unchanged=1)
    assert store.image(image.uid).assignment == TABLE
    assert store.assign_images({image.uid: None}) == Counts(updated=1)
    assert store.image(image.uid) == image
    assert store.audit_rows(image.uid)[-1].action == "cleared"
    store.assign_images({image.uid: NEAREST})
    assert store.image(image.uid).assignment == NEAREST


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (replace(TABLE, asset_uid="bridge-9"), NotFound, "no asset with uid 'bridge-9'"),
        (replace(TABLE, span=9), RecordError, "has the spans 1, 2"),
        (replace(TABLE, member="Pw"), RecordError, "the inventory lists Ds, Mg"),
        (replace(TABLE, member="Zz"), GradingError, "is unknown"),
        (replace(TABLE, confidence=1.5), StoreError, "confidence 1.5"),
        (replace(TABLE, confidence=float("nan")), StoreError, "confidence nan"),
    ],
)
def test_one_impossible_assignment_leaves_all_as_they_were(
    store: Store, wrong: Assignment, error: type[Exception], message: str
) -> None:
    first, second = surveyed(store, "a.jpg", "b.jpg")
    with pytest.raises(error, match=message):
        store.assign_images({first.uid: TABLE, second.uid: wrong})
    assert [store.image(image.uid).assignment for image in (first, second)] == [None, None]
    with pytest.raises(NotFound, match="no image with id 'nobody'"):
        store.assign_images({"nobody": TABLE})


def test_a_moved_file_has_its_new_place_and_the_old_one_in_the_audit(store: Store) -> None:
    (image,) = surveyed(store, "a.jpg")
    assert store.move_image(image.uid, "/new/a.jpg", "/new/a_mask.tif") == Counts(updated=1)
    assert store.image(image.uid) == replace(image, path="/new/a.jpg", mask_path="/new/a_mask.tif")
    row = store.audit_rows(image.uid)[-1]
    assert (row.action, row.before) == ("moved", {"path": "/photos/a.jpg", "mask_path": None})
    assert store.move_image(image.uid, "/new/a.jpg", "/new/a_mask.tif") == Counts(unchanged=1)
    with pytest.raises(NotFound, match="no image with id"):
        store.move_image("nobody", "/new/a.jpg")


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_pages_of_images_visit_each_once_in_order(store: Store, size: int) -> None:
    images = surveyed(store, "c.jpg", "a.jpg", "b.jpg")
    pages = list(store.image_pages(images[0].survey_uid, size))
    assert [image for page in pages for image in page] == images
    assert all(len(page) <= size for page in pages)


def test_findings_of_an_earlier_assignment_are_counted_until_they_are_recorded_again(store: Store) -> None:
    (image,) = surveyed(store, "a.jpg")
    finding = a_finding(image)
    store.record_image(image, RUN, [finding])
    assert store.findings_behind(image.survey_uid) == 0
    store.assign_images({image.uid: TABLE})
    assert store.findings_behind(image.survey_uid) == 1
    store.record_image(image, RUN, [replace(finding, asset_uid="bridge-1", span=1, member="Mg")])
    assert store.findings_behind(image.survey_uid) == 0
