"""Monitors: a season raises no alarm, a step of two pixels does within the stated delay, and the state stays small."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from findings.errors import InputError, NotAssessable
from inference.river.monitor import (
    MONITORS,
    History,
    Point,
    Watch,
    despiked,
    make_monitor,
    monitor_from_json,
    read_covariate,
    theil_sen,
    threshold_of,
)  # fmt: skip

SIGMA = 3.0
"""1-sigma of a bank in a 10 m scene, metres."""
PER_YEAR = 12
DELAY_SCENES = {"ewma": 6, "cusum": 10, "mosum": 7}
"""Scenes within which a step of two pixels is confirmed, stated in decision 0040."""


def times(count: int, per_year: int = PER_YEAR) -> np.ndarray:
    step = np.timedelta64(round(365.2425 * 86400 / per_year), "s")
    return np.datetime64("2017-01-10T00:00:00", "s") + step * np.arange(count)


def season(at: np.ndarray, swing_m: float) -> np.ndarray:
    years = (at - at[0]).astype(float) / 86400 / 365.2425
    return np.asarray(swing_m * np.cos(2 * np.pi * years))


def a_river(rng: np.random.Generator, scenes: int, transects: int, swing_m: float = 20.0) -> np.ndarray:
    return 50 + season(times(scenes), swing_m)[:, None] + rng.normal(0, SIGMA, (scenes, transects))


def watched(kind: str, values: np.ndarray, history: int = 36, threshold: float | None = None) -> Watch:
    at = times(len(values))
    level = threshold_of(kind, 2.0, history=history, per_year=PER_YEAR, transects=values.shape[1])
    monitor = make_monitor(kind, level if threshold is None else threshold, floor_m=10.0)
    sigmas = np.full(values.shape, SIGMA)
    monitor.fit(History(at[:history], values[:history], sigmas[:history]))
    for k in range(history, len(values)):
        monitor.update(Point(at[k], values[k], sigmas[k]))
    return monitor


@pytest.mark.parametrize("kind", MONITORS)
def test_a_season_alone_raises_no_alarm(kind: str) -> None:
    report = watched(kind, a_river(np.random.default_rng(1), 120, 40)).report()
    assert not report.alarmed.any()
    assert report.assessable.all()
    assert np.isnat(report.first_seen).all()


@pytest.mark.parametrize("kind", MONITORS)
def test_a_step_of_two_pixels_is_confirmed_within_the_stated_delay(kind: str) -> None:
    values = a_river(np.random.default_rng(2), 60, 40)
    values[42:, 10:14] += 20.0
    begun, delay = times(60)[42], DELAY_SCENES[kind]
    report = watched(kind, values[: 42 + delay]).report()
    assert report.alarmed[10:14].all()
    assert report.alarmed.sum() == 4
    assert (report.direction[10:14] == 1).all()
    assert (np.abs(report.first_seen[10:14] - begun) <= np.timedelta64(70, "D")).all()
    assert (report.confirmed_at[10:14] <= times(60)[42 + delay - 1]).all()
    np.testing.assert_allclose(report.shift[10:14], 20, atol=5)
    assert ((report.shift_low[10:14] < 20) & (report.shift_high[10:14] > 20)).sum() >= 3


def test_a_shift_under_the_floor_is_never_called_however_sure_it_is() -> None:
    rng = np.random.default_rng(3)
    values = 50 + rng.normal(0, 0.5, (80, 10))
    values[40:] += 8.0
    assert not watched("ewma", values).report().alarmed.any()
    values[40:] += 8.0
    assert watched("ewma", values).report().alarmed.all()


def test_one_spike_raises_no_alarm_and_a_departure_that_comes_back_is_taken_back() -> None:
    values = a_river(np.random.default_rng(4), 90, 10)
    values[45, 3] += 300.0
    assert not watched("ewma", values).report().alarmed.any()
    values[40:55, 5] += 40.0
    assert watched("ewma", values[:55]).report().alarmed[5]
    assert not watched("ewma", values).report().alarmed[5]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(MONITORS), st.integers(37, 55))
def test_a_state_that_was_kept_goes_on_as_if_nothing_had_happened(seed: int, kind: str, broken_at: int) -> None:
    rng = np.random.default_rng(seed)
    values = a_river(rng, 60, 6)
    values[44:, 2] -= 25.0
    values[rng.random(values.shape) < 0.3] = np.nan
    whole = watched(kind, values)
    part = watched(kind, values[:broken_at])
    back = monitor_from_json(json.loads(json.dumps(part.to_json(), allow_nan=False)))
    for k in range(broken_at, 60):
        back.update(Point(times(60)[k], values[k], np.full(6, SIGMA)))
    one, other = whole.report(), back.report()
    np.testing.assert_array_equal(one.alarmed, other.alarmed)
    np.testing.assert_array_equal(one.first_seen, other.first_seen)
    np.testing.assert_allclose(one.shift, other.shift, atol=0.01)


def test_the_state_does_not_grow_with_the_number_of_scenes() -> None:
    values = a_river(np.random.default_rng(5), 400, 20)
    short = len(json.dumps(watched("mosum", values[:60]).to_json()))
    long = len(json.dumps(watched("mosum", values).to_json()))
    assert long < 1.1 * short


def test_clouds_leave_gaps_and_not_alarms() -> None:
    rng = np.random.default_rng(6)
    values = a_river(rng, 120, 30)
    values[rng.random(values.shape) < 0.9] = np.nan
    report = watched("ewma", values).report()
    assert not report.alarmed.any()
    assert not report.assessable.all()
    assert "5 are needed" in next(iter(report.reasons.values()))


def test_scenes_out_of_order_twice_or_too_few_are_refused_in_words() -> None:
    at, values, sigmas = times(12), np.zeros((12, 2)), np.ones((12, 2))
    with pytest.raises(InputError, match=r"2017-0\d.* and 2017-0\d.* are out of order"):
        History(at[[0, 2, 1]], values[:3], sigmas[:3])
    with pytest.raises(InputError, match="are twice; a series has one scene a time"):
        History(at[[0, 1, 1]], values[:3], sigmas[:3])
    monitor = make_monitor("ewma", 3.0, floor_m=10.0)
    with pytest.raises(NotAssessable, match="no transect more than 3 times; a baseline needs 5 scenes"):
        monitor.fit(History(at[:3], values[:3], sigmas[:3]))
    with pytest.raises(NotAssessable, match="no baseline yet"):
        monitor.report()
    monitor.fit(History(at, values, sigmas))
    with pytest.raises(InputError, match="is not later than the last one"):
        monitor.update(Point(at[5], values[5], sigmas[5]))
    with pytest.raises(InputError, match="3 values for 2 transects"):
        monitor.update(Point(at[-1] + np.timedelta64(9, "D"), np.zeros(3), np.ones(3)))


def test_a_covariate_takes_the_level_of_the_water_out() -> None:
    rng = np.random.default_rng(7)
    at, level = times(100), rng.normal(0, 1, 100)
    values = 50 + 15 * level[:, None] + rng.normal(0, 1, (100, 3))
    monitor = make_monitor("ewma", 4.0, floor_m=10.0)
    sigmas = np.ones(values.shape)
    monitor.fit(History(at[:50], values[:50], sigmas[:50], level[:50]))
    for k in range(50, 100):
        monitor.update(Point(at[k], values[k], sigmas[k], float(level[k])))
    assert np.abs(monitor.report().shift).max() < 3
    assert not monitor.report().alarmed.any()


def test_thresholds_fall_with_the_budget_and_budgets_outside_the_table_are_refused() -> None:
    for kind in MONITORS:
        levels = [threshold_of(kind, b, history=20, per_year=12, transects=60) for b in (1, 5, 20, 50)]
        assert levels == sorted(levels, reverse=True)
        assert levels[0] > levels[-1]
    with pytest.raises(InputError, match=r"0.5 false alarms .* simulated for 1 to 50"):
        threshold_of("ewma", 0.5, history=20, per_year=12, transects=60)
    with pytest.raises(InputError, match="expected one of cusum, ewma, mosum"):
        threshold_of("guess", 5, history=20, per_year=12, transects=60)


def test_spikes_go_and_steps_stay() -> None:
    values = np.full((10, 2), 50.0)
    values[4, 0] = 90.0
    values[5:, 1] = 90.0
    clean, spikes = despiked(values, np.full(values.shape, 2.0))
    assert spikes.sum() == 1
    assert np.isnan(clean[4, 0])
    np.testing.assert_array_equal(clean[:, 1], values[:, 1])


def test_trends_hold_the_true_slope_also_between_like_seasons() -> None:
    rng = np.random.default_rng(8)
    at = times(72)
    years = (at - at[0]).astype(float) / 86400 / 365.2425
    values = 5.0 * years + season(at, 30.0) + rng.normal(0, 2, 72)
    values[rng.random(72) < 0.3] = np.nan
    trend = theil_sen(at, values, like_seasons=True)
    assert trend is not None
    assert trend.low < 5.0 < trend.high
    assert trend.high - trend.low < 2
    assert theil_sen(at[:4], values[:4]) is None


def test_a_covariate_file_with_gaps_is_read_and_one_without_zones_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "level.csv"
    path.write_text("time,value\n2024-07-01T09:00+09:00,1.5\n2024-07-01T12:00+09:00,\n2024-07-02T09:00+09:00,2.5\n")
    levels = read_covariate(path)
    at = np.array(["2024-07-01T01:00:00", "2024-07-01T14:00:00", "2024-07-02T00:00:00"], dtype="datetime64[s]")
    assert levels.at(at) == [1.5, None, 2.5]
    for text, words in (
        ("time,value\n2024-07-01T09:00,1\n", "has no zone"), ("time,value\nnoon,1\n", "expected ISO 8601"),
        ("time,value\n2024-07-01T09:00+09:00,high\n", "is no number"), ("when,value\n", "expected time and value"),
        ("time,value\n", "holds no reading"), ("time,value\n2024-07-01T09:00+09:00,inf\n", "not finite"),
    ):  # fmt: skip
        path.write_text(text)
        with pytest.raises(InputError, match=words):
            read_covariate(path)
