from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from findings.errors import OutputError, StaleWrite, StoreError
from findings.store import Store, store_url
from findings.store.engine import transaction
from findings.store.schema import FindingRecord
from findings.survey import ImageStatus
from tests.findings.store.samples import RUN, a_finding, a_surveyed_image, an_asset, database


@pytest.fixture
def embedded(tmp_path: Path) -> Store:
    """A SQLite store with one finding that has a place."""
    with Store(store_url(tmp_path), tmp_path) as store:
        store.upgrade()
        image = replace(a_surveyed_image(store), status=ImageStatus.INSPECTED)
        store.record_image(image, RUN, [a_finding(image)])
        return store


def without_foreign_keys(store: Store, *statements: str) -> None:
    engine = sa.create_engine(store_url(store.home))  # an engine without our PRAGMAs
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_rows_that_point_nowhere_are_counted(embedded: Store) -> None:
    without_foreign_keys(embedded, "DELETE FROM image")
    messages = embedded.check()
    assert "1 rows of finding name a image that is not there (image_uid)" in messages
    assert "1 rows of model_run name a image that is not there (image_uid)" in messages


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("DELETE FROM finding_rtree", "1 findings lack their entry in the spatial index (R*Tree)"),
        ("UPDATE finding_rtree SET maxx = minx", "1 findings lie outside their box in the spatial index (R*Tree)"),
        ("INSERT INTO finding_rtree VALUES (9,0,1,0,1)", "1 entries without a placed finding are in the spatial index"),
        ("DROP TRIGGER finding_rtree_update", "trigger finding_rtree_update is missing"),
    ],
)
def test_a_spatial_index_out_of_step_is_shown(embedded: Store, damage: str, message: str) -> None:
    assert embedded.check() == []
    if "maxx" in damage:
        without_foreign_keys(embedded, "UPDATE finding_rtree SET minx = 0, maxx = 0")
    else:
        without_foreign_keys(embedded, damage)
    assert any(found.startswith(message) for found in embedded.check())


def test_a_damaged_file_is_shown(embedded: Store) -> None:
    embedded.close()
    file = embedded.home / "mizuhashi.db"
    content = bytearray(file.read_bytes())
    content[4096 + 100 : -4096] = b"\x55" * (len(content) - 8292)
    file.write_bytes(content)
    try:
        messages = embedded.check()
    except StoreError as refused:  # some damage shows only as a refusal to read at all
        messages = [str(refused)]
    assert "restore a copy" in messages[0]


def test_a_full_disk_gives_one_line_and_keeps_what_was_there(embedded: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before = embedded.assets(), embedded.audit_rows()
    embedded.close()
    # SQLite answers a full file system and a database at its page limit with the same error
    monkeypatch.setattr("findings.store.engine._PRAGMAS", ("foreign_keys=ON", "max_page_count=1"))
    with pytest.raises(OutputError, match="the disk is full"):
        embedded.put_assets([an_asset(f"bridge-{i}", attributes={"notes": "x" * 5000}) for i in range(40)])
    assert (embedded.assets(), embedded.audit_rows()) == before


def test_a_second_writer_of_the_same_finding_is_told(store: Store, url: str) -> None:
    image = replace(a_surveyed_image(store), status=ImageStatus.INSPECTED)
    store.record_image(image, RUN, [a_finding(image)])
    with database(url) as engine:
        with transaction(engine) as reader:
            stale = reader.scalars(sa.select(FindingRecord)).one()
            reader.expunge(stale)
        store.record_image(image, RUN, [a_finding(image, score=0.5)])
        stale.status = "confirmed"
        with pytest.raises(StaleWrite, match="read it again"), transaction(engine, write=True) as writer:
            writer.add(stale)
    assert store.finding("finding-1")[0].score == 0.5
