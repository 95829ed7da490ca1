"""Growth curves: the line through the inspections, its rate, and the limits ahead."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from findings.asset import Structure
from findings.errors import RecordError
from findings.finding import Finding
from findings.growth import growth_curve, limits
from findings.measure import Measure
from tests.findings.years import SOMEWHERE, length, sight, width


def at(year: int, *measures: Measure, uid: str | None = None) -> Finding:
    when = datetime(year, 6, 1, tzinfo=UTC)
    return replace(sight(uid or f"f{year}", SOMEWHERE, measures=measures), captured_at=when)


GROWING = [at(2010, width(0.10, 0.08, 0.12)), at(2015, width(0.15, 0.13, 0.17)), at(2020, width(0.20, 0.18, 0.22))]


def test_the_rate_is_the_slope_with_its_interval() -> None:
    curve = growth_curve(GROWING)
    assert curve.rate is not None
    assert curve.rate.unit == "mm/yr"
    assert curve.rate.per_year == pytest.approx(0.01, rel=1e-3)
    assert curve.rate.low < 0.01 < curve.rate.high  # type: ignore[operator]
    assert curve.rate.low > 0  # type: ignore[operator]


def test_the_order_of_the_history_does_not_matter() -> None:
    assert growth_curve(GROWING[::-1]) == replace(growth_curve(GROWING))


def test_a_point_with_a_wide_interval_weighs_less() -> None:
    rough = at(2015, width(0.60, 0.05, 1.15))
    curve = growth_curve([GROWING[0], rough, GROWING[2]])
    assert curve.rate is not None
    assert curve.rate.per_year == pytest.approx(0.01, rel=0.05)


def test_points_that_scatter_more_than_their_intervals_widen_the_rate() -> None:
    calm = growth_curve([at(2008 + 2 * k, width(0.2 + 0.01 * k, 0.19 + 0.01 * k, 0.21 + 0.01 * k)) for k in range(6)])
    jumps = [0.05, -0.05, 0.05, -0.05, 0.05, -0.05]
    values = [0.2 + 0.01 * k + jump for k, jump in enumerate(jumps)]
    wild = growth_curve([at(2008 + 2 * k, width(v, v - 0.01, v + 0.01)) for k, v in enumerate(values)])
    spread = [curve.rate.high - curve.rate.low for curve in (calm, wild) if curve.rate is not None]  # type: ignore[operator]
    assert spread[1] > 4 * spread[0]


def test_the_next_limit_has_a_range_and_a_material() -> None:
    curve = growth_curve(GROWING, structure=Structure.RC)
    (crossing,) = curve.crossings  # 0.2 mm is reached, 0.3 mm lies ahead
    assert crossing.limit == 0.3
    assert "RC" in crossing.words_ja
    assert crossing.earliest is not None
    assert crossing.likely is not None
    assert crossing.latest is not None
    assert crossing.earliest < crossing.likely < crossing.latest
    assert crossing.likely.year == 2030
    assert curve.to_json()["limits"][0]["extrapolated"] is True


def test_an_unknown_material_names_the_limits_of_both() -> None:
    words = [row[1] for row in limits("6", Structure.UNKNOWN, "width_p95", "mm")]
    assert any("RC" in word for word in words)
    assert any("PC" in word for word in words)
    assert limits("6", Structure.RC, "length", "m") == []
    assert limits("7", Structure.RC, "width_p95", "mm") == []


def test_a_rate_that_may_be_zero_bounds_no_latest_date() -> None:
    flat = [at(2010, width(0.20, 0.15, 0.25)), at(2020, width(0.21, 0.16, 0.26))]
    curve = growth_curve(flat, structure=Structure.RC)
    (crossing,) = curve.crossings
    assert crossing.latest is None
    assert crossing.earliest is not None


def test_a_bound_is_shown_and_not_fitted() -> None:
    curve = growth_curve([at(2005, width(None, 0.0, 0.15)), *GROWING])
    assert len(curve.points) == 4
    assert curve.line is not None
    assert curve.line.points == 3
    assert any("bound" in text for text in curve.left_out)


def test_one_inspection_has_no_rate() -> None:
    curve = growth_curve(GROWING[:1])
    assert curve.rate is None
    assert curve.crossings == ()


def test_a_finding_without_a_date_is_left_out_and_said() -> None:
    curve = growth_curve([*GROWING, replace(GROWING[0], uid="undated", captured_at=None)])
    assert len(curve.points) == 3
    assert curve.left_out == ("undated: no capture date",)


def test_a_measure_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(RecordError, match=r"area.*width_p95"):
        growth_curve(GROWING, "area")


def test_pixels_make_no_curve() -> None:
    with pytest.raises(RecordError, match="pixels"):
        growth_curve([at(2010, Measure("length", 10.0, "px", 9.0, 11.0, ""))])


def test_units_are_brought_together() -> None:
    small = at(2010, Measure("area", 9_000.0, "mm2", 8_500.0, 9_500.0, ""))
    curve = growth_curve([small, at(2020, Measure("area", 0.02, "m2", 0.019, 0.021, ""))], "area")
    assert [point.value for point in curve.points] == pytest.approx([9_000.0, 20_000.0])


def test_the_interval_of_the_rate_holds_the_truth() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(300):
        values = [0.5 + 0.02 * 3 * k + 0.03 * rng.normal() for k in range(4)]
        curve = growth_curve([at(2010 + 3 * k, length(v, 1.96 * 0.03)) for k, v in enumerate(values)], "length")
        assert curve.rate is not None
        held += curve.rate.low <= 0.02 <= curve.rate.high  # type: ignore[operator]
    assert 0.92 <= held / 300 <= 1.0
