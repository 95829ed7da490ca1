"""Zones: which transect gives a zone its size."""

from __future__ import annotations

import numpy as np
import pytest

from findings.river_series import Quantity, ReachFrame
from inference.river.monitor.values import MonitorReport
from inference.river.transects import make_frame
from inference.river.zones import Zone, find_zones

FRAME: ReachFrame = make_frame(
    "reach", np.array([[0.0, 0.0], [500.0, 0.0]]), "EPSG:6671", spacing_m=50.0, half_length_m=300.0
)


def zone_of(shifts: list[float]) -> Zone:
    count = len(FRAME)
    shift = np.zeros(count)
    shift[2 : 2 + len(shifts)] = shifts
    when = np.full(count, np.datetime64("2024-05-01T00:00:00", "s"))
    report = MonitorReport(
        alarmed=shift > 0,
        first_seen=when,
        confirmed_at=when,
        direction=np.ones(count, dtype=np.int8),
        shift=shift,
        shift_low=shift - 8.0,
        shift_high=shift + 8.0,
        observations=np.full(count, 20),
        assessable=np.ones(count, dtype=bool),
        reasons={},
    )
    current = {quantity: np.full(count, np.nan) for quantity in Quantity}
    current[Quantity.LEFT_BANK] = 60.0 + shift
    current[Quantity.RIGHT_BANK] = np.full(count, -60.0)
    (zone,) = find_zones(FRAME, {Quantity.LEFT_BANK: report}, current)
    return zone


@pytest.mark.parametrize(
    ("shifts", "largest"),
    [
        ([20.0, 22.0, 26.0, 84.0, 28.0, 24.0, 20.0], 28.0),  # one transect takes a field for river ground
        ([84.0, 26.0, 24.0, 22.0, 20.0], 26.0),  # at the end of the zone likewise
        ([20.0, 60.0, 70.0, 65.0, 20.0], 65.0),  # what neighbours share is true
        ([30.0, 84.0], 30.0),  # two do not bear out the larger
        ([30.0], 30.0),
    ],
)
def test_a_zone_is_as_large_as_a_shift_that_its_neighbours_bear_out(shifts: list[float], largest: float) -> None:
    zone = zone_of(shifts)
    assert zone.shift_m == pytest.approx(largest)
    assert zone.low_m == pytest.approx(largest - 8.0)
