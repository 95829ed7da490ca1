from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from findings.errors import MigrationNeeded, OutputError, StoreError
from findings.store import SchemaState, Store, store_url
from findings.store.migrate import is_ours
from findings.store.schema import Base
from tests.findings.store.samples import an_asset, by_hand, database


def test_a_fresh_database_says_so_and_names_the_remedy(url: str, tmp_path: Path) -> None:
    with Store(url, tmp_path) as store:
        assert store.state() is SchemaState.FRESH
        assert store.check() == ["the database is empty; run `mizuhashi db upgrade`"]
        with pytest.raises(MigrationNeeded, match="mizuhashi db upgrade"):
            store.assets()
        with pytest.raises(MigrationNeeded, match="mizuhashi db upgrade"):
            store.put_assets([an_asset()])
    assert list(tmp_path.iterdir()) == [], "asking must not make a database file"


def test_an_upgraded_database_is_whole_and_a_second_upgrade_keeps_its_rows(store: Store) -> None:
    store.put_assets([an_asset()])
    store.upgrade()
    assert store.state() is SchemaState.HEAD
    assert store.check() == []
    assert store.assets() == [an_asset()]


@pytest.mark.filterwarnings("ignore:Did not recognize type 'geometry' of column 'geom_pg'")  # PostGIS's own type
def test_the_migrations_make_exactly_the_tables_of_the_model(store: Store, url: str) -> None:
    with database(url) as engine, engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": is_ours})
        assert compare_metadata(context, Base.metadata) == []


def test_a_database_of_a_later_version_is_left_alone(store: Store, url: str, tmp_path: Path) -> None:
    by_hand(url, "UPDATE alembic_version SET version_num = '9999'")
    with Store(url, tmp_path) as later:
        assert later.state() is SchemaState.NEWER
        for use in (later.assets, later.upgrade):
            with pytest.raises(MigrationNeeded, match="later version"):
                use()


def test_two_processes_may_upgrade_at_once(url: str, tmp_path: Path) -> None:
    stores = [Store(url, tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Store.upgrade, stores))
    assert stores[0].check() == []
    for store in stores:
        store.close()


def test_a_failed_migration_leaves_the_database_fresh(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SQLITE_TRIGGERS", "POSTGRESQL_TRIGGERS"):
        monkeypatch.setattr(f"findings.store.native.{name}", {"wrong": "CREATE TRIGGER wrong"})
    with Store(url, tmp_path) as store:
        with pytest.raises(StoreError, match="refused"):
            store.upgrade()
        assert store.state() is SchemaState.FRESH
        monkeypatch.undo()
        store.upgrade()
        assert store.check() == []


def test_the_home_folder_is_made_or_its_refusal_is_one_line(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    with Store(store_url(home), home) as store:
        store.upgrade()
    assert (home / "mizuhashi.db").is_file()
    (tmp_path / "file").touch()
    with Store(store_url(tmp_path / "file"), tmp_path) as store, pytest.raises(OutputError, match="--home"):
        store.upgrade()


def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path) -> None:
    file = tmp_path / "mizuhashi.db"
    file.write_bytes(b"these are a user's notes, not a database" * 200)
    with Store(store_url(tmp_path), tmp_path) as store, pytest.raises(StoreError, match="no SQLite database"):
        store.upgrade()
    assert file.read_bytes().startswith(b"these are")


def test_a_server_that_does_not_answer_gives_one_line_without_the_password(tmp_path: Path) -> None:
    url = "postgresql://someone:secret@127.0.0.1:1/none"
    with Store(url, tmp_path) as store, pytest.raises(StoreError, match="is the server up") as refused:
        store.state()
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)
