from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import pytest

from findings.errors import StoreError
from findings.store import Store
from findings.store.audit import FIRST_HASH
from findings.survey import ImageStatus
from tests.findings.store.samples import RUN, a_finding, a_surveyed_image, an_asset, an_image, by_hand


def test_every_change_is_written_with_who_did_it_in_a_chain(url: str, tmp_path: object, store: Store) -> None:
    with Store(url, store.home, actor="hanako") as hers:
        hers.put_assets([an_asset()])
        hers.open_survey("2026", "bridge-1", [an_image()])
    image = store.images(store.survey("2026").uid)[0]
    store.record_image(replace(image, status=ImageStatus.INSPECTED), RUN, [a_finding(image)])
    rows = store.audit_rows()
    assert [(row.actor, row.action, row.entity) for row in rows] == [
        ("hanako", "added", "asset"),
        ("hanako", "added", "survey"),
        ("hanako", "added", "image"),
        ("model:crack@1", "updated", "image"),
        ("model:crack@1", "added", "model_run"),
        ("model:crack@1", "added", "finding"),
    ]
    assert rows[0].prev_hash == FIRST_HASH
    assert all(later.prev_hash == earlier.hash for earlier, later in pairwise(rows))
    assert store.audit_rows("finding-1") == rows[-1:]
    assert rows[0].at.tzinfo is not None


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "REPLACE or TRUNCATE"], ids=str
)
def test_the_audit_cannot_be_rewritten(store: Store, url: str, statement: str) -> None:
    store.put_assets([an_asset()])
    before = store.audit_rows()
    if statement == "REPLACE or TRUNCATE" and url.startswith("sqlite"):
        statement = (
            "INSERT OR REPLACE INTO audit SELECT id, at, 'nobody', action, entity, entity_uid, before, after, "
            "prev_hash, hash FROM audit"
        )
    elif statement == "REPLACE or TRUNCATE":
        statement = "TRUNCATE audit"
    with pytest.raises(Exception, match="append-only"):  # the driver's own exception, or what SQLAlchemy makes of it
        by_hand(url, statement)
    assert store.audit_rows() == before
    assert store.check() == []


def test_the_check_shows_an_audit_altered_behind_the_triggers(store: Store, url: str) -> None:
    store.put_assets([an_asset("a"), an_asset("b"), an_asset("c")])
    if url.startswith("sqlite"):
        by_hand(url, "DROP TRIGGER audit_no_update")
    else:
        by_hand(url, "ALTER TABLE audit DISABLE TRIGGER audit_no_change")
    by_hand(url, "UPDATE audit SET actor = 'nobody' WHERE id = 2")
    messages = store.check()
    assert any(message.startswith("trigger audit_no_") for message in messages)
    assert messages[-1] == "the audit was altered: its chain of hashes breaks at row 2"


def test_writers_at_once_wait_for_each_other_and_the_chain_stays_whole(store: Store) -> None:
    images = [a_surveyed_image(store, f"survey-{i}", f"{i}.jpg") for i in range(8)]

    def work(number: int) -> None:
        image = replace(images[number], status=ImageStatus.INSPECTED)
        for _ in range(3):
            store.record_image(image, RUN, [a_finding(image, f"finding-{number}")])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(8)))
    assert len(store.list_findings().items) == 8
    assert len([row for row in store.audit_rows() if row.entity == "finding"]) == 8
    assert store.check() == []


def test_no_audit_row_without_its_change(store: Store) -> None:
    image = a_surveyed_image(store)
    before = store.audit_rows()
    with pytest.raises(StoreError):
        store.record_image(image, RUN, [a_finding(image, asset_uid="no such asset")])
    assert store.audit_rows() == before
