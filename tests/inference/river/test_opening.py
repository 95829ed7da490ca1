"""The opening of a bridge from its deck line and the banks of a scene."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from shapely.geometry import LineString

from findings.errors import NotAssessable
from findings.river_series import Observation, Quantity, State
from inference.river.debris import blocked
from inference.river.grid import Grid, reproject
from inference.river.opening import bridge_view
from inference.river.transects import make_frame

CRS = "EPSG:6671"
Y = -170_000.0
FRAME = make_frame("r", np.array([[0.0, Y], [400.0, Y]]), CRS, spacing_m=50, half_length_m=60)
GRID = Grid(CRS, (0.2, 0.0, 150.0, 0.0, -0.2, Y + 50.0), 500, 500, 0.2)


def seen(half_m: float = 20.0) -> Observation:
    n = len(FRAME)
    values = {Quantity.LEFT_BANK: np.full(n, half_m), Quantity.RIGHT_BANK: np.full(n, -half_m)}
    sigmas = {name: np.ones(n) for name in values}
    return Observation("s", datetime(2024, 5, 1, tzinfo=UTC), "", 10.0, 2.5, values, sigmas, (State.OK,) * n)


def a_deck(x: float = 200.0, low: float = -40.0, high: float = 40.0) -> LineString:
    lon, lat = reproject(CRS, "EPSG:4326", np.array([x, x]), np.array([Y + low, Y + high]))
    return LineString(np.stack([lon, lat], axis=1))


def test_the_opening_runs_from_bank_to_bank_on_the_upstream_side() -> None:
    view = bridge_view(a_deck(), 8.0, FRAME, seen(), GRID)
    (x0, y0), (x1, y1) = view.opening.ends_px
    assert (x0, x1) == pytest.approx((230.0, 230.0), abs=0.6)  # four metres upstream of the deck's middle at 250
    assert sorted([y0, y1]) == pytest.approx([150.0, 350.0], abs=0.6)
    assert view.opening.upstream_px[0] < 0
    assert abs(view.opening.upstream_px[1]) < 1e-6
    assert not view.channel[250, 235:265].any()
    assert view.channel[250, 200]
    assert not view.channel[120, 200]


def test_a_raft_upstream_blocks_it_and_one_downstream_does_not() -> None:
    view = bridge_view(a_deck(), 8.0, FRAME, seen(), GRID)
    raft = np.zeros((500, 500), dtype=bool)
    raft[200:240, 210:230] = True
    assert blocked(raft, view.opening, 0.2).value == pytest.approx(8.0, abs=0.2)
    assert blocked(raft[:, ::-1], view.opening, 0.2).value == 0.0


def test_a_deck_beside_the_river_and_a_scene_without_banks_are_not_assessable() -> None:
    with pytest.raises(NotAssessable, match="does not cross the banks"):
        bridge_view(a_deck(low=25.0), 8.0, FRAME, seen(), GRID)
    blind = replace(seen(), values={}, sigmas={})
    with pytest.raises(NotAssessable, match="no banks"):
        bridge_view(a_deck(), 8.0, FRAME, blind, GRID)
