from __future__ import annotations

import pytest

from findings.asset import AssetKind
from findings.errors import NotFound, StoreError
from findings.store import Counts, Store
from findings.store.assets import CHUNK
from tests.findings.store.samples import an_asset


def test_an_asset_comes_back_as_it_was(store: Store) -> None:
    reach = an_asset("reach-1", kind=AssetKind.RIVER_REACH, name="常願寺川", chainage_km=(3.2, 4.0), external_ids={})
    assert store.put_assets([an_asset(), reach]) == Counts(added=2)
    assert sorted(store.assets(), key=lambda asset: asset.uid) == [an_asset(), reach]


def test_only_what_changed_is_written_again(store: Store) -> None:
    many = [an_asset(f"bridge-{i:04}", external_ids={"own": f"{i}"}) for i in range(CHUNK + 1)]  # more than one IN list
    assert store.put_assets(many) == Counts(added=CHUNK + 1)
    many[7] = an_asset("bridge-0007", name="<img src=x onerror=alert(1)>", external_ids={"own": "seven"})
    assert store.put_assets(many) == Counts(updated=1, unchanged=CHUNK)
    assert store.asset("seven") == many[7]
    (row,) = [row for row in store.audit_rows("bridge-0007") if row.action == "updated"]
    assert row.before == {"name": "水橋", "external_ids": {"own": "7"}}
    with pytest.raises(NotFound):
        store.asset("7")


def test_an_asset_is_found_by_its_uid_or_an_external_id_that_only_it_has(store: Store) -> None:
    twins = [an_asset(f"bridge-{i}", external_ids={"ledger": "0042", "own": f"B{i}"}) for i in range(2)]
    store.put_assets(twins)
    assert store.asset("bridge-1") == store.asset("B1") == twins[1]
    with pytest.raises(StoreError, match="belongs to 2 assets"):
        store.asset("0042")
    with pytest.raises(NotFound, match="assets list"):
        store.asset("0043")


def test_an_asset_given_twice_in_one_call_is_refused_and_nothing_is_written(store: Store) -> None:
    with pytest.raises(StoreError, match="repeat a uid"):
        store.put_assets([an_asset(), an_asset(name="other")])
    assert store.assets() == []
