"""InSAR points on deck segments: what moves is found, what only breathes with the temperature is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, Polygon

from findings.errors import InputError, NotAssessable
from findings.insar import InsarPoints, deck_line, deck_motion
from tests.findings.insar_points import a_deck, at, days, degrees, points_on


def moving(seed: int = 1) -> tuple[InsarPoints, np.ndarray]:
    rng = np.random.default_rng(seed)
    warm = degrees(days(), rng)
    return points_on(rng, {4: -6.0}, temperature=warm), warm


def test_a_sinking_segment_stands_out_of_the_deck_and_no_other_does() -> None:
    points, warm = moving()
    motion = deck_motion(a_deck(), points, warm)
    assert [s.number for s in motion.segments if s.striking] == [4]
    velocity = motion.segments[3].velocity
    assert velocity is not None
    assert velocity.low is not None
    assert velocity.high is not None
    assert velocity.low < -6.0 < velocity.high < -4.5
    assert [round(s.to_m - s.from_m) for s in motion.segments] == [20] * 10


def test_the_thermal_coefficient_comes_back() -> None:
    points, warm = moving()
    values = [s.thermal.value for s in deck_motion(a_deck(), points, warm).segments if s.thermal]
    assert values == pytest.approx([0.25] * 10, abs=0.04)


def test_without_temperatures_a_yearly_wave_is_taken_out_and_named() -> None:
    points, _ = moving()
    motion = deck_motion(a_deck(), points)
    assert motion.thermal_model == "yearly wave"
    thermal = motion.segments[0].thermal
    assert thermal is not None
    assert (thermal.name, thermal.unit) == ("yearly_amplitude", "mm")
    assert thermal.value == pytest.approx(0.25 * 11, abs=1.0)
    assert [s.number for s in motion.segments if s.striking] == [4]


def test_a_warming_that_is_no_movement_gives_no_velocity() -> None:
    rng = np.random.default_rng(3)
    dates = days()
    warm = 10 + 8 * (dates - dates[0]).astype(float) / 365.25 + rng.normal(0, 4, len(dates))
    points = points_on(rng, {}, temperature=warm, per_degree=0.5)
    naive = [s.velocity.value for s in deck_motion(a_deck(), points).segments if s.velocity]
    regressed = [s.velocity for s in deck_motion(a_deck(), points, warm).segments if s.velocity]
    assert min(value for value in naive if value is not None) > 2.5
    assert sum(v.low <= 0 <= v.high for v in regressed if v.low is not None and v.high is not None) >= 9


def test_the_interval_holds_the_true_velocity_nineteen_times_in_twenty_even_with_noise_that_remembers() -> None:
    rng = np.random.default_rng(5)
    held = total = 0
    for _ in range(12):
        dates = days(70)
        warm = degrees(dates, rng)
        points = points_on(rng, dict.fromkeys(range(1, 11), 1.5), temperature=warm, dates=dates, each=3)
        common = np.zeros((10, len(dates)))  # the segment's own noise: AR(1), shared by its points
        for k in range(1, len(dates)):
            common[:, k] = 0.5 * common[:, k - 1] + rng.normal(0, 1.5, 10)
        points = replace(points, displacement_mm=points.displacement_mm + np.repeat(common, 3, axis=0))
        for segment in deck_motion(a_deck(), points, warm).segments:
            assert segment.velocity is not None
            low, high = segment.velocity.low, segment.velocity.high
            held += low is not None and high is not None and low <= 1.5 <= high
            total += 1
    assert 0.90 <= held / total <= 0.99


@settings(max_examples=8, deadline=None)
@given(st.floats(-20, 20), st.floats(-50, 50))
def test_a_movement_of_the_whole_deck_changes_no_score(slope: float, offset: float) -> None:
    points, warm = moving()
    years = (points.dates - points.dates[0]).astype(float) / 365.2425
    shifted = replace(points, displacement_mm=points.displacement_mm + slope * years + offset)
    one, other = deck_motion(a_deck(), points, warm), deck_motion(a_deck(), shifted, warm)
    assert [s.z for s in other.segments] == pytest.approx([s.z for s in one.segments], abs=0.02)
    assert other.segments[0].velocity is not None
    assert one.segments[0].velocity is not None
    assert one.segments[0].velocity.value is not None
    assert other.segments[0].velocity.value == pytest.approx(one.segments[0].velocity.value + slope, abs=0.01)


def test_a_segment_with_two_points_is_not_assessable_and_says_so() -> None:
    points, warm = moving()
    keep = np.ones(50, bool)
    keep[[10, 11, 12]] = False
    fewer = InsarPoints(points.lonlat[keep], points.height_m[keep], points.dates, points.displacement_mm[keep])
    third = deck_motion(a_deck(), fewer, warm).segments[2]
    assert third.velocity is None
    assert third.reason is not None
    assert "too few points (2" in third.reason.en


@pytest.mark.parametrize(("count", "step", "why"), [(15, 60, "too few dates (15"), (40, 6, "too short (234 days")])
def test_a_series_that_is_too_thin_or_too_short_is_not_assessable(count: int, step: int, why: str) -> None:
    rng = np.random.default_rng(0)
    motion = deck_motion(a_deck(), points_on(rng, {}, dates=days(count, step)))
    assert all(s.velocity is None and s.reason is not None and why in s.reason.en for s in motion.segments)


def test_points_beside_the_deck_or_beyond_its_ends_do_not_count() -> None:
    points, warm = moving()
    far = at([[100, 12.0], [-3.0, 0.0], [203.0, 1.0], [100, -9.0]])
    more = InsarPoints(
        np.concatenate([points.lonlat, far]), np.full(54, np.nan), points.dates,
        np.concatenate([points.displacement_mm, np.zeros((4, len(points.dates)))]),
    )  # fmt: skip
    motion = deck_motion(a_deck(), more, warm)
    assert (motion.on_deck, motion.around) == (51, 1)
    assert deck_motion(a_deck(), more, warm, within_m=15).on_deck == 52


def test_a_short_deck_is_held_against_the_points_around_it_and_alone_against_nothing() -> None:
    rng = np.random.default_rng(2)
    dates, length = days(), 40.0
    warm = degrees(dates, rng)
    deck = points_on(rng, {1: -9.0}, length_m=length, temperature=warm)
    alone = deck_motion(a_deck(length), deck, warm)
    assert all(s.z is None and s.reason and "nothing to hold it against" in s.reason.en for s in alone.segments)
    ground = points_on(rng, {}, length_m=length, each=8, per_degree=0.0, temperature=warm)
    aside = ground.lonlat + (at([[0, 40]]) - at([[0, 0]]))
    both = InsarPoints(
        np.concatenate([deck.lonlat, aside]), np.concatenate([deck.height_m, ground.height_m]), dates,
        np.concatenate([deck.displacement_mm, ground.displacement_mm]),
    )  # fmt: skip
    motion = deck_motion(a_deck(length), both, warm)
    assert [(s.compared_with, s.striking) for s in motion.segments] == [("surroundings", True), ("surroundings", False)]


def test_a_bridge_known_by_a_point_and_one_without_points_near_are_refused_with_the_remedy() -> None:
    points, _ = moving()
    with pytest.raises(NotAssessable, match="a Point; deck segments need its line"):
        deck_line(replace(a_deck(), geometry=Point(at([[0, 0]])[0])))
    with pytest.raises(NotAssessable, match="no place"):
        deck_line(replace(a_deck(), geometry=None))
    elsewhere = replace(a_deck(), geometry=LineString(at([[0, 3000], [200, 3000]])))
    with pytest.raises(NotAssessable, match="no point within 10 m"):
        deck_motion(elsewhere, points)
    with pytest.raises(InputError, match="expected above 0"):
        deck_motion(a_deck(), points, within_m=0)


def test_the_deck_line_of_an_outline_is_its_long_axis() -> None:
    outline = Polygon(at([[0, -5], [200, -5], [200, 5], [0, 5]]))
    line = deck_line(replace(a_deck(), geometry=outline))
    ends = (np.asarray(line.coords) - at([[0, 0]])) / (at([[1, 1]]) - at([[0, 0]]))
    assert sorted(np.round(ends[:, 0]).tolist()) == [0, 200]
    assert ends[:, 1] == pytest.approx([0, 0], abs=0.5)
