from __future__ import annotations

from dataclasses import replace

import pytest
from shapely.geometry import box

from findings.errors import NotFound, StaleWrite
from findings.store import Counts, Store
from findings.survey import ImageStatus, Scale, ScaleSource
from tests.findings.store.samples import RUN, a_finding, a_surveyed_image, by_hand

OUTLINE = box(137.3, 36.8, 137.31, 36.81)


def test_a_corrected_place_is_written_with_its_audit_and_nothing_else(store: Store) -> None:
    image = a_surveyed_image(store)
    wanted = replace(
        image,
        footprint=OUTLINE,
        position_lonlat=(137.305, 36.805),
        view={"turned_deg": 180.0},
        scale=Scale(17.0, 0.4, ScaleSource.BUNDLE, "adjusted"),
        notes=("turned by 180 degrees",),
    )
    given = replace(wanted, path="/elsewhere.jpg", status=ImageStatus.FAILED, span=7)
    assert store.update_image_places([(image, given)]) == Counts(updated=1)
    assert store.image(image.uid) == wanted
    row = store.audit_rows(image.uid)[-1]
    assert row.action == "placed"
    assert set(row.after or {}) == {"footprint", "lon", "lat", "view", "scale", "notes"}
    assert (row.before or {})["notes"] == ["no CRS"]
    assert store.check() == []


def test_writing_the_same_place_again_changes_nothing(store: Store) -> None:
    image = a_surveyed_image(store)
    before = store.audit_rows()
    assert store.update_image_places([(image, image)]) == Counts(unchanged=1)
    assert store.audit_rows() == before


def test_findings_and_their_review_stay_as_they_are(store: Store, url: str) -> None:
    image = a_surveyed_image(store)
    store.record_image(replace(image, status=ImageStatus.INSPECTED), RUN, [a_finding(image)])
    by_hand(url, "UPDATE finding SET status = 'confirmed', final_grade = 'c'")
    before = store.findings_of_image(image.uid)
    stored = store.image(image.uid)
    store.update_image_places([(stored, replace(stored, footprint=OUTLINE))])
    assert store.findings_of_image(image.uid) == before
    assert before[0].final_grade == "c"
    assert store.image(image.uid).status is ImageStatus.INSPECTED


def test_a_place_that_changed_meanwhile_is_not_overwritten(store: Store) -> None:
    image = a_surveyed_image(store)
    other = a_surveyed_image(store, survey="2027", name="b.jpg")
    store.update_image_places([(image, replace(image, notes=("somebody else was here",)))])
    with pytest.raises(StaleWrite, match="check it again"):
        store.update_image_places(
            [(other, replace(other, footprint=OUTLINE)), (image, replace(image, footprint=OUTLINE))]
        )
    assert store.image(other.uid) == other


def test_an_image_that_is_not_stored_is_told(store: Store) -> None:
    image = a_surveyed_image(store)
    gone = replace(image, uid="gone")
    with pytest.raises(NotFound, match="no image with id 'gone'"):
        store.update_image_places([(gone, gone)])
