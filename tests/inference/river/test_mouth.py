"""River mouths of known width: open, closed, half hidden, and scenes that cannot tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from findings.errors import NotAssessable
from findings.grading.river import grade_river
from findings.river_series import ReachFrame
from imagery.synthetic.river_mouth import MouthScene, draw_mouth
from inference.river.grid import Grid
from inference.river.mouth import MouthState, mouth_finding, read_mouth
from inference.river.transects import make_frame

CRS = "EPSG:6671"


def scene_of(open_m: float, seed: int = 0, pixel_m: float = 10.0) -> tuple[MouthScene, Grid, ReachFrame]:
    scene = draw_mouth(np.random.default_rng(seed), open_m, pixel_m=pixel_m, size_px=96)
    n = scene.water.shape[0]
    grid = Grid(CRS, (pixel_m, 0.0, 0.0, 0.0, -pixel_m, n * pixel_m), n, n, pixel_m)
    frame = make_frame("r", grid.points(scene.line_px, CRS), CRS, spacing_m=50, half_length_m=120)
    return scene, grid, frame


@pytest.mark.parametrize("open_m", [0.0, 20.0, 50.0, 80.0])
def test_the_interval_holds_the_true_opening(open_m: float) -> None:
    for seed in range(4):
        scene, grid, frame = scene_of(open_m, seed)
        width = read_mouth(frame, grid, scene.water).width
        assert width.low is not None
        assert width.high is not None
        assert width.low <= open_m <= width.high
        assert width.high - width.low < 20


def test_a_mouth_is_closed_open_or_unsure_by_its_interval_against_the_stated_width() -> None:
    states = {}
    for open_m in (0.0, 15.0, 60.0):
        scene, grid, frame = scene_of(open_m, 1)
        states[open_m] = read_mouth(frame, grid, scene.water).state
    assert states == {0.0: MouthState.CLOSED, 15.0: MouthState.UNSURE, 60.0: MouthState.OPEN}
    scene, grid, frame = scene_of(0.0, 1)
    assert read_mouth(frame, grid, scene.water, closed_under_m=5.0).state is MouthState.UNSURE  # half a pixel


def test_a_closed_mouth_becomes_a_finding_at_the_barrier_and_an_open_one_none() -> None:
    scene, grid, frame = scene_of(0.0, 2)
    mouth = read_mouth(frame, grid, scene.water)
    found = mouth_finding(mouth, frame, grid)
    assert found is not None
    assert found.damage == "R20"
    assert found.score > 0.95
    assert 30 < mouth.barrier_m < 90  # the spit is 40 to 70 m broad
    x, y = found.polygon_px.centroid.x, found.polygon_px.centroid.y
    assert scene.water[int(y), int(x)] < 0.5
    assert grade_river("R20", found.measures, found.details).codes == ("b", "c", "d")
    scene, grid, frame = scene_of(60.0, 2)
    assert mouth_finding(read_mouth(frame, grid, scene.water), frame, grid) is None


def test_the_narrowest_place_lies_in_the_opening() -> None:
    scene, grid, frame = scene_of(40.0, 3)
    mouth = read_mouth(frame, grid, scene.water)
    x, y = grid.pixels(np.array([mouth.place_xy]), CRS)[0]
    assert scene.water[int(y), int(x)] > 0.5
    near = scene.water[int(y) - 5 : int(y) + 6, int(x)]
    assert near.min() < 0.2  # the spit stands on both sides


def test_ground_that_nobody_saw_widens_the_interval_instead_of_closing_the_mouth() -> None:
    scene, grid, frame = scene_of(60.0, 4)
    mouth = read_mouth(frame, grid, scene.water)
    x, _ = grid.pixels(np.array([mouth.place_xy]), CRS)[0]
    hidden = scene.water.copy()
    hidden[:, int(x) - 2 : int(x) + 3] = np.nan
    cloudy = read_mouth(frame, grid, hidden)
    assert cloudy.state is MouthState.UNSURE
    assert cloudy.width.low == 0.0
    assert cloudy.width.high is not None
    assert cloudy.width.high > 60


def test_a_lagoon_is_no_sea_and_a_scene_without_sea_is_not_assessable() -> None:
    scene, grid, frame = scene_of(0.0, 5)
    inland = scene.water.copy()
    inland[:, -35:] = 0.0  # where the sea was
    with pytest.raises(NotAssessable, match="no sea is seen"):
        read_mouth(frame, grid, inland)
    with pytest.raises(NotAssessable, match="inside the given sea"):
        read_mouth(frame, grid, inland, sea=box(800, 0, 960, 960))
    given_sea = read_mouth(frame, grid, scene.water, sea=box(800, 0, 960, 960))
    assert given_sea.state is MouthState.CLOSED


def test_a_dry_river_and_a_scene_that_ends_before_the_mouth_are_not_assessable() -> None:
    scene, grid, frame = scene_of(50.0)
    with pytest.raises(NotAssessable, match="show no water"):
        read_mouth(frame, grid, np.zeros_like(scene.water))
    away = replace(grid, transform=(10.0, 0.0, 50_000.0, 0.0, -10.0, 960.0))
    with pytest.raises(NotAssessable, match="outside it"):
        read_mouth(frame, away, scene.water)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 100), st.floats(0.0, 0.4))
def test_more_water_never_narrows_a_mouth(seed: int, more: float) -> None:
    scene, grid, frame = scene_of(40.0, seed)
    one = read_mouth(frame, grid, scene.water).width.value
    other = read_mouth(frame, grid, np.clip(scene.water + np.float32(more), 0, 1)).width.value
    assert one is not None
    assert other is not None
    assert other >= one - 0.5
