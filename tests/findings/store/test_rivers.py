"""Reaches in time in the store, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from findings.asset import Asset, AssetKind
from findings.errors import NotFound, StoreError
from findings.store import ReachRecord, SceneObservation, Store
from tests.findings.store.samples import an_image
from tests.findings.test_river_series import a_frame, an_observation

NOW = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.fixture
def ready(store: Store) -> Store:
    """A store with a reach and three scenes."""
    store.put_assets([Asset("reach", AssetKind.RIVER_REACH, "River"), Asset("bridge", AssetKind.BRIDGE, "Bridge")])
    images = [an_image(f"{k}.tif", uid=f"scene-{k}") for k in range(3)]
    store.open_survey("scenes", "reach", images)
    return store


def seen(k: int) -> SceneObservation:
    return SceneObservation("river@1", an_observation(f"scene-{k}", day=k + 1))


def test_a_reach_comes_back_with_its_observations_in_order_of_time(ready: Store) -> None:
    ready.put_river(ReachRecord(a_frame(), {"spacing_m": 50}, {"cusum": [1, 2]}), [seen(2), seen(0)], at=NOW)
    record = ready.river("reach")
    assert (record.settings, record.state, record.updated_at) == ({"spacing_m": 50}, {"cusum": [1, 2]}, NOW)
    assert ready.rivers() == ["reach"]
    assert [o.observation.image_uid for o in ready.river_observations("reach")] == ["scene-0", "scene-2"]
    ready.put_river(record, [seen(1)], at=NOW + timedelta(days=1))
    assert [o.observation.image_uid for o in ready.river_observations("reach", latest=2)] == ["scene-1", "scene-2"]
    assert [row.action for row in ready.audit_rows("reach")][-2:] == ["added", "updated"]


def test_the_same_scene_again_takes_the_place_of_its_observation(ready: Store) -> None:
    ready.put_river(ReachRecord(a_frame()), [seen(0)], at=NOW)
    counts = ready.put_river(ReachRecord(a_frame()), [seen(0), seen(1)], at=NOW)
    assert (counts.added, counts.updated) == (1, 1)
    assert len(ready.river_observations("reach")) == 2


def test_a_new_frame_takes_the_earlier_observations_away(ready: Store) -> None:
    ready.put_river(ReachRecord(a_frame()), [seen(0), seen(1)], at=NOW)
    ready.put_river(ReachRecord(a_frame()), [seen(2)], at=NOW, anew=True)
    assert [o.observation.image_uid for o in ready.river_observations("reach")] == ["scene-2"]


def test_what_does_not_fit_is_refused_and_nothing_is_written(ready: Store) -> None:
    with pytest.raises(StoreError, match="3 transects; the frame has 4"):
        ready.put_river(
            ReachRecord(a_frame()), [SceneObservation("river@1", an_observation("scene-0", count=3))], at=NOW
        )
    with pytest.raises(NotFound, match="no image with id 'elsewhere'"):
        ready.put_river(ReachRecord(a_frame()), [SceneObservation("m@1", an_observation("elsewhere"))], at=NOW)
    with pytest.raises(StoreError, match="stands twice"):
        ready.put_river(ReachRecord(a_frame()), [seen(0), seen(0)], at=NOW)
    with pytest.raises(StoreError, match="is a bridge; expected a river_reach"):
        ready.put_river(ReachRecord(a_frame(asset_uid="bridge")), [], at=NOW)
    with pytest.raises(NotFound, match="never scanned; `mizuhashi river scan --reach reach`"):
        ready.river("reach")
