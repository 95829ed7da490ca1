from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from findings.errors import NotFound, StoreError, SurveyConflict
from findings.store import Counts, Store
from findings.survey import Scale
from tests.findings.store.samples import an_asset, an_image

A, B, C = an_image("a.jpg"), an_image("b.jpg"), an_image("c.jpg")


def test_images_come_back_as_they_were_in_their_order(store: Store) -> None:
    bare = an_image("bare.png", captured_at=None, position_lonlat=None, footprint=None, transform=None, scale=Scale())
    survey, counts = store.open_survey("2026", None, [B, A, bare])
    assert counts == Counts(added=3)
    assert store.images(survey.uid) == [replace(image, survey_uid=survey.uid) for image in (B, A, bare)]
    assert store.survey("2026") == survey
    assert store.surveys() == [survey]
    assert survey.created_at.tzinfo is not None


def test_the_same_files_or_some_of_them_add_nothing(store: Store) -> None:
    survey, _ = store.open_survey("2026", None, [A, B])
    before = store.audit_rows()
    moved = replace(A, uid="another", path="/moved/a.jpg")
    assert store.open_survey("2026", None, [moved, B]) == (survey, Counts(unchanged=2))
    assert store.open_survey("2026", None, [B]) == (survey, Counts(unchanged=1))
    assert store.audit_rows() == before


def test_a_survey_grows_when_its_files_are_given_again_with_new_ones(store: Store) -> None:
    survey, _ = store.open_survey("2026", None, [A, B])
    assert store.open_survey("2026", None, [C, A, B]) == (survey, Counts(added=1, unchanged=2))
    assert [image.path for image in store.images(survey.uid)] == [A.path, B.path, C.path]


@pytest.mark.parametrize("files", [[C], [A, C]])
def test_other_files_under_the_same_name_are_refused_with_the_remedy(store: Store, files: list[object]) -> None:
    survey, _ = store.open_survey("2026", None, [A, B])
    with pytest.raises(SurveyConflict, match="choose another survey name, or give the earlier files too"):
        store.open_survey("2026", None, files)  # type: ignore[arg-type]
    assert len(store.images(survey.uid)) == 2


def test_a_survey_stays_with_its_asset(store: Store) -> None:
    store.put_assets([an_asset()])
    store.open_survey("2026", "bridge-1", [A])
    with pytest.raises(SurveyConflict, match="belongs to asset bridge-1, not none"):
        store.open_survey("2026", None, [A])
    with pytest.raises(NotFound, match="no asset with uid 'bridge-2'"):
        store.open_survey("2027", "bridge-2", [A])
    assert [survey.name for survey in store.surveys()] == ["2026"]


def test_copies_of_a_file_count_once_and_a_file_may_stand_in_two_surveys(store: Store) -> None:
    survey, counts = store.open_survey("2026", None, [A, replace(A, uid="copy", path="/photos/copy.jpg")])
    assert counts == Counts(added=1, unchanged=1)
    assert [image.uid for image in store.images(survey.uid)] == [A.uid]
    other, counts = store.open_survey("again", None, [A])
    assert counts == Counts(added=1)
    (twin,) = store.images(other.uid)
    assert twin.uid != A.uid
    assert store.image(twin.uid) == twin


def test_another_scale_for_a_known_file_is_counted_and_the_first_is_kept(store: Store) -> None:
    survey, _ = store.open_survey("2026", None, [A])
    assert store.open_survey("2026", None, [replace(A, scale=Scale())])[1] == Counts(unchanged=1, differing=1)
    assert store.images(survey.uid)[0].scale == A.scale


def test_nothing_to_store_a_blank_name_and_a_naive_time_are_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="no image to store"):
        store.open_survey("2026", None, [])
    with pytest.raises(StoreError, match="blank"):
        store.open_survey("  ", None, [A])
    for wrong in ("a\nb", "\x1b[31mred", "x" * 201):
        with pytest.raises(StoreError, match="control characters"):
            store.open_survey(wrong, None, [A])
    with pytest.raises(StoreError, match="has no zone"):
        store.open_survey("2026", None, [replace(A, captured_at=datetime(2026, 6, 1))])
    assert store.surveys() == []
    with pytest.raises(NotFound, match="ingest PATH --survey NAME"):
        store.survey("2026")
