"""Growth between two inspections and its interval."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from findings.change import REPEAT, Change, changes, rates, years_between
from findings.finding import Finding
from findings.measure import Measure
from findings.registration import PictureRegistration
from findings.survey import Scale, ScaleSource
from tests.findings.years import DATES, NOW, SHIFT, SOMEWHERE, THEN, YEARS, length, sight, width

TWICE = PictureRegistration((2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 1.0), 60, 0.5)


def pair(before: tuple[Measure, ...], after: tuple[Measure, ...]) -> tuple[Finding, Finding]:
    return sight("old", SOMEWHERE, measures=before), sight("new", SOMEWHERE, NOW, measures=after)


def one(before: Measure, after: Measure, way: PictureRegistration | None = SHIFT) -> Change:
    found, _ = changes(*pair((before,), (after,)), way)
    assert len(found) == 1
    return found[0]


def test_a_growth_beyond_both_intervals_excludes_zero() -> None:
    grown = one(width(0.30, 0.27, 0.33), width(0.60, 0.55, 0.65))
    assert grown.value == pytest.approx(0.30)
    assert 0 < grown.low < 0.30 < grown.high
    assert grown.decides


def test_a_difference_within_the_intervals_includes_zero() -> None:
    same = one(width(0.30, 0.20, 0.40), width(0.35, 0.25, 0.45))
    assert same.low < 0 < same.high


def test_an_upper_bound_of_last_time_gives_a_lower_bound_of_the_growth() -> None:
    grown = one(width(None, 0.0, 0.15), width(0.60, 0.50, 0.70))
    assert grown.value is None
    assert grown.low == pytest.approx(0.50 - 0.15 - REPEAT["width_p95"] * 0.60, abs=0.02)
    assert grown.high >= 0.70
    (rate,) = rates((grown,), 5.0)
    assert rate.per_year is None
    assert rate.low == pytest.approx(grown.low / 5)


def test_two_bounds_say_nothing() -> None:
    assert changes(*pair((width(None, 0.0, 0.15),), (width(None, 0.0, 0.2),)), SHIFT) == ((), None)


def test_a_size_without_an_interval_says_nothing_about_growth() -> None:
    bare = Measure("length", 1.0, "m", None, None, "")
    assert changes(*pair((bare,), (length(2.0, 0.1),)), SHIFT)[0] == ()


def test_the_scales_common_error_does_not_hide_a_growth() -> None:
    """Both lengths are known to 20 % because the scale is; the pictures' ratio is known from their registration."""
    poor = Scale(1.0, 0.1, ScaleSource.STAND_OFF)
    before, after = pair((length(1.0, 0.20),), (length(1.25, 0.25),))
    before, after = replace(before, scale=poor), replace(after, scale=poor)
    (joined,), _ = changes(before, after, SHIFT)
    (apart,), _ = changes(before, after, None)
    assert joined.low > 0
    assert apart.low < 0
    assert joined.value == pytest.approx(0.25)


def test_sizes_come_to_one_scale_and_a_disagreement_is_told() -> None:
    before, after = pair((length(1.0, 0.05),), (length(1.0, 0.05),))
    (change,), apart = changes(before, after, TWICE)  # a previous pixel is two present ones, yet both are 1 mm
    assert apart is not None
    assert abs(apart) > 0.4
    assert change.low < 0 < change.high or change.value is not None


def test_pixels_are_compared_through_the_registration_and_not_without() -> None:
    before, after = pair(
        (Measure("length", 100.0, "px", 98.0, 102.0, ""),), (Measure("length", 300.0, "px", 296.0, 304.0, ""),)
    )
    before, after = replace(before, scale=Scale()), replace(after, scale=Scale())
    (change,), _ = changes(before, after, TWICE)
    assert change.value == pytest.approx(100.0)
    assert change.low > 0
    assert changes(before, after, None)[0] == ()


def test_millimetres_and_metres_of_one_measure_are_compared() -> None:
    small = Measure("area", 9_000.0, "mm2", 8_500.0, 9_500.0, "")
    large = Measure("area", 0.02, "m2", 0.019, 0.021, "")
    change = one(small, large)
    assert change.unit == "m2"
    assert change.value == pytest.approx(0.011)


def test_where_a_picture_shows_a_part_only_typical_widths_are_compared_and_less_surely() -> None:
    before = (length(1.0, 0.01), width(0.5, 0.49, 0.51))
    after = (length(2.0, 0.01), width(0.55, 0.54, 0.56))
    whole, _ = changes(*pair(before, after), SHIFT)
    part, _ = changes(*pair(before, after), SHIFT, whole=False)
    assert {change.name for change in whole} == {"length", "width_p95"}
    assert [change.name for change in part] == ["width_p95"]
    wide = next(change for change in whole if change.name == "width_p95")
    assert part[0].low < wide.low
    assert part[0].high > wide.high


def test_what_is_unknown_about_a_cracks_inside_is_the_same_both_times_and_hides_no_growth() -> None:
    before, after = (width(0.60, 0.40, 0.80),), (width(0.85, 0.65, 1.05),)
    (whole,), _ = changes(*pair(before, after), SHIFT)
    (part,), _ = changes(*pair(before, after), SHIFT, whole=False)
    (unjoined,), _ = changes(*pair(before, after), None)
    assert whole.low > 0
    assert part.low < 0, "the rest of the crack is another sample"
    assert unjoined.low < 0, "nobody knows that it is the same place"


def test_years_need_two_dates_and_more_than_a_month() -> None:
    assert years_between(DATES[THEN], DATES[NOW]) == pytest.approx(YEARS)
    assert years_between(None, DATES[NOW]) is None
    assert years_between(DATES[NOW], DATES[NOW]) is None


def test_intervals_of_growth_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        noise = rng.normal(0, 0.02, 2)
        slip = 1.0 + REPEAT["length"] / 1.96 * rng.normal()
        gsd = np.exp(0.05 * rng.normal(size=2))
        poor = [Scale(float(g), float(0.05 * g), ScaleSource.STAND_OFF) for g in gsd]
        truth = (1.0, 1.3)
        seen = [(t + n) * g for t, n, g in zip(truth, noise, gsd, strict=True)]
        seen[1] += (slip - 1) * truth[0] * gsd[1]
        halves = [float(np.hypot(1.96 * 0.02 * g, 1.96 * 0.05 * v)) for v, g in zip(seen, gsd, strict=True)]
        before, after = pair((length(seen[0], halves[0]),), (length(seen[1], halves[1]),))
        (change,), _ = changes(replace(before, scale=poor[0]), replace(after, scale=poor[1]), SHIFT)
        held += change.low <= truth[1] - truth[0] <= change.high
    assert 0.92 <= held / 400 <= 0.99
