from __future__ import annotations

from findings.store import SchemaState, Store


def test_an_upgraded_database_is_whole(store: Store) -> None:
    assert store.state() is SchemaState.HEAD
    assert store.check() == []
