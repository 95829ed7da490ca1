"""Crossings in the store: answers about piers outlive every later search, and unknown never counts as no."""

from __future__ import annotations

from dataclasses import replace

import pytest

from findings.asset import AssetKind, Crossing, PierInChannel
from findings.errors import NotFound, StoreError
from findings.store import Counts, Store
from tests.findings.store.samples import an_asset

YES, NO, UNKNOWN = PierInChannel.YES, PierInChannel.NO, PierInChannel.UNKNOWN


def a_crossing(bridge: str = "b1", river: str = "r1", **changes: object) -> Crossing:
    return replace(Crossing(bridge, river, (137.2, 36.7), note="bridge is a point"), **changes)  # type: ignore[arg-type]


@pytest.fixture
def full(store: Store) -> Store:
    """Two bridges and two rivers; the second bridge and the second river have no place."""
    rivers = [an_asset(uid, kind=AssetKind.RIVER_REACH, name="水川", spans=(), external_ids={}) for uid in ("r1", "r2")]
    bridges = [an_asset(uid, external_ids={}, attributes={"aadt": 5400}) for uid in ("b1", "b2")]
    placeless = [replace(bridges[1], geometry=None), replace(rivers[1], geometry=None)]
    store.put_assets([bridges[0], rivers[0], *placeless])
    return store


def test_crossings_come_back_by_bridge_by_river_and_all(full: Store) -> None:
    given = [a_crossing(), a_crossing(river="r2", distance_m=3.5), a_crossing("b2")]
    assert full.put_crossings(given) == Counts(added=3)
    assert full.crossings() == given
    assert full.crossings(bridge_uid="b1") == given[:2]
    assert full.crossings(river_uid="r1") == [given[0], given[2]]
    assert full.crossings("b2", "r2") == []
    assert full.put_crossings(given) == Counts(unchanged=3)


def test_an_answer_stays_through_a_later_search_that_moves_the_crossing(full: Store) -> None:
    full.put_crossings([a_crossing()])
    full.set_pier("b1", "r1", YES)
    assert full.put_crossings([a_crossing(lonlat=(137.3, 36.8))], complete=True) == Counts(updated=1)
    (found,) = full.crossings()
    assert (found.pier_in_channel, found.lonlat) == (YES, (137.3, 36.8))


def test_a_crossing_that_is_no_longer_found_goes_unless_somebody_answered_for_it(full: Store) -> None:
    full.put_crossings([a_crossing(), a_crossing(river="r2"), a_crossing("b2")])
    full.set_pier("b1", "r2", NO)
    assert full.put_crossings([a_crossing()]) == Counts(unchanged=1)  # a call that is not complete removes nothing
    assert len(full.crossings()) == 3
    assert full.put_crossings([a_crossing()], complete=True) == Counts(unchanged=1, updated=1, deactivated=1)
    assert [(c.bridge_uid, c.river_uid) for c in full.crossings()] == [("b1", "r1"), ("b1", "r2")]
    assert "no longer found" in full.crossings("b1", "r2")[0].note
    assert full.put_crossings([a_crossing()], complete=True) == Counts(unchanged=1)


def test_a_stated_crossing_stays_stated_and_stays(full: Store) -> None:
    with pytest.raises(NotFound, match="--state"):
        full.set_pier("b2", "r1", YES)
    assert full.crossings() == []
    stated = full.set_pier("b2", "r1", YES, state=True)
    assert (stated.source, stated.pier_in_channel) == ("stated", YES)
    assert full.put_crossings([], complete=True) == Counts()
    full.put_crossings([a_crossing("b2", distance_m=4.0)], complete=True)
    (found,) = full.crossings()
    assert (found.source, found.distance_m, found.pier_in_channel) == ("stated", 4.0, YES)
    full.put_crossings([], complete=True)
    assert len(full.crossings()) == 1


def test_a_list_may_answer_what_nobody_answered_and_never_overrules_an_answer(full: Store) -> None:
    full.put_crossings([a_crossing()])
    full.put_crossings([a_crossing(source="stated", pier_in_channel=YES)])
    assert [(c.source, c.pier_in_channel) for c in full.crossings()] == [("stated", YES)]
    full.set_pier("b1", "r1", NO)
    full.put_crossings([a_crossing(source="stated", pier_in_channel=YES)])
    assert full.crossings()[0].pier_in_channel is NO


@pytest.mark.parametrize(
    ("answers", "pier"),
    [
        ((UNKNOWN, UNKNOWN), None), ((NO, UNKNOWN), None), ((NO, NO), 0.0), ((YES, UNKNOWN), 1.0), ((YES, NO), 1.0),
    ],
)  # fmt: skip
def test_an_asset_tells_what_its_crossings_say_and_unknown_is_missing(
    full: Store, answers: tuple[PierInChannel, PierInChannel], pier: float | None
) -> None:
    full.put_crossings([a_crossing(distance_m=8.0), a_crossing(river="r2", distance_m=2.0)])
    for river, answer in zip(("r1", "r2"), answers, strict=True):
        full.set_pier("b1", river, answer)
    expected = {"aadt": 5400, "crosses_river_id": "r2"} | ({} if pier is None else {"pier_in_channel": pier})
    assert full.asset("b1").attributes == expected
    assert {asset.uid: asset.attributes for asset in full.assets()}["b1"] == expected
    assert full.asset("b2").attributes == {"aadt": 5400}


def test_a_second_import_of_the_list_does_not_undo_what_the_crossings_say(full: Store) -> None:
    full.put_crossings([a_crossing()])
    full.set_pier("b1", "r1", NO)
    again = an_asset("b1", external_ids={}, attributes={"aadt": 5400})
    assert full.put_assets([again]) == Counts(unchanged=1)
    assert full.asset("b1").attributes == {"aadt": 5400, "crosses_river_id": "r1", "pier_in_channel": 0.0}


def test_every_change_is_in_the_audit(full: Store) -> None:
    full.put_crossings([a_crossing(), a_crossing("b2")])
    full.set_pier("b1", "r1", YES)
    full.set_pier("b1", "r1", YES)  # nothing new
    full.put_crossings([a_crossing()], complete=True)
    rows = [row for row in full.audit_rows() if row.entity == "crossing"]
    assert [(row.action, row.entity_uid) for row in rows] == [
        ("added", "b1 x r1"), ("added", "b2 x r1"), ("updated", "b1 x r1"), ("removed", "b2 x r1"),
    ]  # fmt: skip
    assert (rows[2].before, rows[2].after) == ({"pier_in_channel": "unknown"}, {"pier_in_channel": "yes"})
    assert full.check() == []


@pytest.mark.parametrize(
    ("crossings", "error", "expected"),
    [
        ([a_crossing(), a_crossing()], StoreError, "repeat a pair"),
        ([a_crossing(), a_crossing("r1", "b1")], StoreError, "the bridge comes first"),
        ([a_crossing(), a_crossing("b1", "nowhere")], NotFound, "nowhere"),
    ],
)
def test_a_call_with_a_wrong_crossing_writes_nothing(
    full: Store, crossings: list[Crossing], error: type[Exception], expected: str
) -> None:
    with pytest.raises(error, match=expected):
        full.put_crossings(crossings)
    assert full.crossings() == []
    assert [row for row in full.audit_rows() if row.entity == "crossing"] == []


def test_a_crossing_without_any_place_cannot_be_stated(full: Store) -> None:
    with pytest.raises(StoreError, match="has a place"):
        full.set_pier("b2", "r2", YES, state=True)
