"""River geometry: the middle line, transects that do not cross, banks and widths of one scene."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from findings.errors import InputError, NotAssessable, RecordError
from findings.river_series import Floats, Observation, Quantity, ReachFrame, State
from inference.river.grid import Grid
from inference.river.lines import centre_line, oriented, smoothed
from inference.river.observe import assessed, observe
from inference.river.profile import read_profile
from inference.river.surfaces import Surfaces
from inference.river.transects import make_frame

CRS = "EPSG:6671"
WHEN = datetime(2024, 5, 1, 1, 50, tzinfo=UTC)


def a_grid(side: int = 200, pixel_m: float = 10.0, crs: str = CRS) -> Grid:
    return Grid(crs, (pixel_m, 0.0, 0.0, 0.0, -pixel_m, side * pixel_m), side, side, pixel_m)


def a_bend(grid: Grid, width_m: float, *, shift_m: float = 0.0, bar_m: float = 0.0) -> tuple[Floats, Floats, Floats]:
    """A sine river that flows east: water, bare bar on its southern side, and its middle line; shares of pixels."""
    fine = 4
    side = grid.width_px * fine
    step = grid.pixel_m / fine
    x = (np.arange(side) + 0.5) * step
    y = grid.height_px * grid.pixel_m - x
    middle = 0.5 * grid.height_px * grid.pixel_m + 150 * np.sin(x / 320)
    slope = 150 / 320 * np.cos(x / 320)
    away = (y[:, None] - middle[None, :]) / np.sqrt(1 + slope**2)[None, :]
    half = width_m / 2
    water = (away < half + shift_m) & (away > -half + bar_m)
    bar = (away > -half) & (away <= -half + bar_m)

    def share(mask: np.ndarray) -> np.ndarray:
        small = mask.reshape(grid.height_px, fine, grid.width_px, fine).mean(axis=(1, 3))
        return np.asarray(small, dtype=np.float32)

    return share(water), share(bar), np.stack([x, middle], axis=1)


def surfaces(water: np.ndarray, bar: np.ndarray | None = None) -> Surfaces:
    bare = None if bar is None else bar.astype(np.float32)
    return Surfaces(water.astype(np.float32), bare, None if bar is None else np.zeros_like(bar, dtype=np.float32))


def seen(frame: ReachFrame, grid: Grid, what: Surfaces) -> Observation:
    return observe(frame, grid, what, image_uid="scene", captured_at=WHEN, geolocation_sigma_m=2.5)


@pytest.fixture(scope="module")
def bend() -> tuple[Grid, ReachFrame]:
    grid = a_grid()
    water, _, middle = a_bend(grid, 100.0)
    line = centre_line(water >= 0.5, np.ones_like(water, dtype=bool), grid, CRS, towards=middle[[0, -1]])
    return grid, make_frame("reach", line, CRS, spacing_m=50.0, half_length_m=250.0, chainage_km=(4.0, 6.0))


def test_the_middle_line_follows_the_river_from_upstream_to_downstream(bend: tuple[Grid, ReachFrame]) -> None:
    _, frame = bend
    x, y = frame.line_xy.T
    assert x[0] < x[-1]
    apart = np.abs(y - (1000 + 150 * np.sin(x / 320)))
    assert np.percentile(apart, 95) < 10
    assert frame.post_km[0] > frame.post_km[-1]
    assert 4.0 < frame.post_km[-1] < frame.post_km[0] < 6.0


def test_widths_and_banks_are_right_to_a_fraction_of_a_pixel(bend: tuple[Grid, ReachFrame]) -> None:
    grid, frame = bend
    water, bar, _ = a_bend(grid, 100.0, bar_m=30.0)
    found = seen(frame, grid, surfaces(water, bar))
    inner = slice(3, len(frame) - 3)
    for quantity, true in ((Quantity.CHANNEL_WIDTH, 100), (Quantity.WETTED_WIDTH, 70), (Quantity.SEDIMENT_WIDTH, 30)):
        error = found.values[quantity][inner] - true
        assert abs(np.nanmedian(error)) < 2.0, quantity
        assert np.nanpercentile(np.abs(error), 90) < 6.0, quantity
    left = found.values[Quantity.LEFT_BANK][inner] - found.values[Quantity.RIGHT_BANK][inner]
    np.testing.assert_allclose(left, found.values[Quantity.CHANNEL_WIDTH][inner])
    assert (found.sigmas[Quantity.CHANNEL_WIDTH][inner] > 2).all()
    assert found.reach["sinuosity"].value == pytest.approx(1.09, abs=0.05)


def test_a_bank_that_moved_moves_in_the_numbers_and_the_other_stays(bend: tuple[Grid, ReachFrame]) -> None:
    grid, frame = bend
    before = seen(frame, grid, surfaces(a_bend(grid, 100.0)[0]))
    after = seen(frame, grid, surfaces(a_bend(grid, 100.0, shift_m=20.0)[0]))
    inner = slice(3, len(frame) - 3)
    left = (after.values[Quantity.LEFT_BANK] - before.values[Quantity.LEFT_BANK])[inner]
    right = (after.values[Quantity.RIGHT_BANK] - before.values[Quantity.RIGHT_BANK])[inner]
    assert np.nanmedian(left) == pytest.approx(20, abs=2)
    assert np.abs(right).max() < 2


@pytest.mark.parametrize(("pixel_m", "crs"), [(5.0, CRS), (10.0, "EPSG:32652"), (30.0, CRS)])
def test_a_scene_of_another_pixel_or_crs_gives_the_same_river(
    bend: tuple[Grid, ReachFrame], pixel_m: float, crs: str
) -> None:
    grid, frame = bend
    water, _, _ = a_bend(grid, 160.0)
    reference = seen(frame, grid, surfaces(water))
    side = round(200 * 10 / pixel_m)
    other = a_grid(side, pixel_m)
    if crs != CRS:
        # the same ground seen in UTM: each pixel of the other scene looks up the water of this one
        corner = grid.points(np.array([[0.0, 0.0]]), crs)[0]
        other = Grid(crs, (10.0, 0.0, float(corner[0]) - 300, 0.0, -10.0, float(corner[1]) + 300), 260, 260, 10.0)
        cols, rows = np.meshgrid(np.arange(260) + 0.5, np.arange(260) + 0.5)
        xy = other.points(np.stack([cols.ravel(), rows.ravel()], axis=1), CRS)
        px = np.floor(grid.pixels(xy, CRS)).astype(int)
        inside = ((px >= 0) & (px < 200)).all(axis=1)
        values = np.full(len(px), np.nan, dtype=np.float32)
        values[inside] = water[px[inside, 1], px[inside, 0]]
        there = values.reshape(260, 260)
    else:
        there = np.asarray(a_bend(other, 160.0)[0], dtype=np.float32)
    found = seen(frame, other, surfaces(there))
    inner = slice(4, len(frame) - 4)
    apart = (found.values[Quantity.WETTED_WIDTH] - reference.values[Quantity.WETTED_WIDTH])[inner]
    assert abs(np.nanmedian(apart)) < 0.4 * pixel_m
    assert np.isfinite(apart).mean() > 0.8


def test_clouds_edges_narrow_and_dry_places_are_told_apart(bend: tuple[Grid, ReachFrame]) -> None:
    grid, frame = bend
    water, _, _ = a_bend(grid, 100.0)
    water[:, 60:90] = np.nan
    found = seen(frame, grid, surfaces(water))
    assert found.states.count(State.HIDDEN) >= 4
    assert np.isnan(found.values[Quantity.LEFT_BANK][[s is State.HIDDEN for s in found.states]]).all()
    narrow = seen(frame, grid, surfaces(a_bend(grid, 35.0)[0]))
    assert narrow.states.count(State.NARROW) > 0.8 * len(frame)
    assert "narrower than 5 px of 10 m" in narrow.notes[0]
    dry = seen(frame, grid, surfaces(np.zeros_like(water)))
    assert set(dry.states) == {State.DRY}
    assert assessed(dry).words == f"0 of {len(frame)} transects ({len(frame)} dry)"
    away = Grid(CRS, (10.0, 0.0, 50_000.0, 0.0, -10.0, 50_000.0), 200, 200, 10.0)
    assert set(seen(frame, away, surfaces(a_bend(grid, 100.0)[0])).states) == {State.OUTSIDE}


def test_a_deck_does_not_part_the_river_and_an_island_stays_inside() -> None:
    offset = np.arange(-200, 200.1, 2.5)
    water = ((offset > -60) & (offset < 60)).astype(float)
    deck = np.where(np.abs(offset) < 10, 0.0, water)
    island = np.where(np.abs(offset) < 25, 0.0, water)
    green = (np.abs(offset) < 25).astype(float)
    inside = np.ones(len(offset), dtype=bool)
    for plane, wet in ((deck, 120), (island, 70)):
        found = read_profile(offset, inside, plane, np.zeros_like(plane), green, 10.0)
        assert found.state is State.OK
        assert found.values[Quantity.CHANNEL_WIDTH] == pytest.approx(120, abs=3)
        assert found.values[Quantity.WETTED_WIDTH] == pytest.approx(wet, abs=5)


def test_water_that_leaves_the_transect_is_not_guessed() -> None:
    offset = np.arange(-100, 100.1, 2.5)
    found = read_profile(offset, np.ones(len(offset), dtype=bool), np.ones(len(offset)), None, None, 10.0)
    assert found.state is State.UNSURE
    assert found.values == {}


@settings(max_examples=20, deadline=None)
@given(st.floats(60, 140), st.floats(0.2, 1.2), st.integers(0, 3))
def test_no_two_neighbours_cross(spacing: float, bend_rad: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    angle = np.cumsum(rng.normal(0, bend_rad / 10, 400))
    line = np.cumsum(np.stack([np.cos(angle), np.sin(angle)], axis=1) * 10, axis=0)
    frame = make_frame("r", line, CRS, spacing_m=min(spacing, 100.0), half_length_m=300.0)
    left, right = frame.points(frame.half_length_m), frame.points(-frame.half_length_m)
    for a in range(len(frame) - 1):
        assert not _cross(left[a], right[a], left[a + 1], right[a + 1])


def _cross(a: Floats, b: Floats, c: Floats, d: Floats) -> bool:
    def side(p: Floats, q: Floats, r: Floats) -> float:
        return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def test_what_makes_no_frame_is_refused_in_words() -> None:
    line = np.array([[0.0, 0.0], [500.0, 0.0]])
    with pytest.raises(InputError, match="every 10 m; expected 25 to 100 m"):
        make_frame("r", line, CRS, spacing_m=10, half_length_m=100)
    with pytest.raises(NotAssessable, match="the reach is 80 m long"):
        make_frame("r", line * 0.16, CRS, spacing_m=50, half_length_m=100)
    with pytest.raises(InputError, match="expected from downstream to upstream"):
        make_frame("r", line, CRS, half_length_m=100, chainage_km=(5.0, 4.0))
    nothing = np.zeros((50, 50), dtype=bool)
    with pytest.raises(NotAssessable, match="no water in the scene"):
        centre_line(nothing, ~nothing, a_grid(50), CRS)
    with pytest.raises(NotAssessable, match="transects need a longer reach"):
        smoothed(line * 0.001, 10.0, 10.0)
    assert (oriented(line, line[::-1])[0] == line[1]).all()


def test_a_scene_without_time_zone_is_refused(bend: tuple[Grid, ReachFrame]) -> None:
    grid, frame = bend
    with pytest.raises(RecordError, match="no time zone"):
        observe(frame, grid, surfaces(a_bend(grid, 100.0)[0]), image_uid="s", captured_at=datetime(2024, 1, 1))
