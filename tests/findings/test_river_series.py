"""Values of a reach in time: what goes into the store comes back, and what cannot be placed is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from findings.errors import RecordError
from findings.measure import Measure
from findings.river_series import Observation, Quantity, ReachFrame, State


def a_frame(count: int = 4, asset_uid: str = "reach") -> ReachFrame:
    """A straight reach that flows east, 50 m between transects."""
    station = np.asarray(np.arange(count) * 50.0, dtype=np.float64)
    origin = np.stack([station, np.zeros(count)], axis=1)
    line = np.array([[0.0, 0.0], [station[-1], 0.0]])
    return ReachFrame(
        asset_uid, "EPSG:6671", line, station, 4 - station / 1000, origin,
        np.tile([0.0, 1.0], (count, 1)), np.full(count, 200.0), 50.0,
    )  # fmt: skip


def an_observation(image_uid: str = "scene", *, count: int = 4, day: int = 1, **changed: object) -> Observation:
    values = {Quantity.WETTED_WIDTH: np.array([100.0, np.nan, 90.1234, 80.0][:count])}
    fields = {
        "image_uid": image_uid, "captured_at": datetime(2024, 5, day, 2, tzinfo=UTC), "sensor": "sentinel-2",
        "pixel_m": 10.0, "geolocation_sigma_m": 2.5, "values": values,
        "sigmas": {Quantity.WETTED_WIDTH: np.array([2.0, np.nan, 2.0, 3.0][:count])},
        "states": (State.OK, State.HIDDEN, State.OK, State.OK)[:count],
        "reach": {"water_area": Measure("water_area", 1.0, "m2", 0.5, 1.5, "test")}, "notes": ("a note",), **changed,
    }  # fmt: skip
    return Observation(**fields)  # type: ignore[arg-type]


def test_an_observation_comes_back_from_json() -> None:
    there = an_observation()
    back = Observation.from_json(json.loads(json.dumps(there.to_json(), allow_nan=False)))
    np.testing.assert_allclose(back.values[Quantity.WETTED_WIDTH], [100, np.nan, 90.123, 80])
    assert (back.states, back.reach, back.notes) == (there.states, there.reach, there.notes)
    assert back.captured_at == there.captured_at
    assert back.assessed_share == 0.75


def test_a_frame_comes_back_from_json_and_gives_points_to_the_left() -> None:
    frame = ReachFrame.from_json(json.loads(json.dumps(a_frame().to_json())))
    np.testing.assert_allclose(frame.points(np.array([1.0, 2.0, 3.0, np.nan]))[:3], [[0, 1], [50, 2], [100, 3]])
    assert len(frame) == 4


def test_a_date_without_time_zone_is_refused_with_the_remedy() -> None:
    with pytest.raises(RecordError, match="no time zone; give the time with its offset"):
        an_observation(captured_at=datetime(2024, 5, 1))


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(RecordError, match=r"different lengths \[3, 4\]"):
        an_observation(states=(State.OK,) * 3)
