"""Numbers and intervals as a person reads them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon

from findings.measure import Measure
from findings.survey import Scale, ScaleSource
from mizuhashi.describe import footprint_size_m, measure_text, number, scale_text


@pytest.mark.parametrize(
    ("value", "text"), [(0.3142, "0.314"), (12.44, "12.4"), (3120.4, "3 120"), (0.00002, "0.000020"), (0.0, "0")]
)
def test_numbers_have_three_digits_and_no_powers_of_ten(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(min_value=1e-2, max_value=1e9))
def test_a_written_number_is_within_half_a_percent_of_the_value(value: float) -> None:
    assert math.isclose(float(number(value).replace(" ", "")), value, rel_tol=5.1e-3)


@pytest.mark.parametrize(
    ("measure", "text"),
    [
        (Measure("width_p95", 0.3142, "mm", 0.2442, 0.3842, ""), "width 0.314 ± 0.070 mm"),
        (Measure("width_p95", 0.31, "mm", 0.24, 0.45, ""), "width 0.31 mm (0.24 to 0.45)"),
        (Measure("length", 0.0402, "m", 0.0352, 0.0452, ""), "length 40.2 ± 5.0 mm"),
        (Measure("length", 12.345, "m", 11.1, 13.59, ""), "length 12.3 ± 1.2 m"),
        (Measure("plan_cover_ratio", 0.25, "ratio", 0.2, 0.3, ""), "cover 0.250 ± 0.050"),
        (Measure("area", 11_312.0, "m2", 7_385.0, 15_239.0, ""), "area 11 300 ± 3 900 m²"),
        (Measure("area", 5120.0, "px2", None, None, ""), "area 5 120 px²"),
    ],
)
def test_the_uncertainty_decides_how_many_digits_are_written(measure: Measure, text: str) -> None:
    assert measure_text(measure) == text


def test_a_width_that_is_not_resolved_shows_its_upper_bound_only() -> None:
    assert measure_text(Measure("width_p95", None, "mm", 0.0, 0.4, "")) == "width below 0.400 mm"
    assert measure_text(Measure("displacement", None, "m", None, None, "")) == "shift not measured"


def test_a_scale_names_its_source_and_large_ones_are_in_metres() -> None:
    assert scale_text(Scale(0.5, 0.02, ScaleSource.LASER_RANGE)) == "0.500 ± 0.020 mm/px (laser range)"
    assert scale_text(Scale(30_000.0, None, ScaleSource.GEOREFERENCE)) == "30.0 m/px (georeference)"
    assert scale_text(Scale()) == "scale unknown: sizes in pixels only"


def test_a_footprint_of_known_size_is_measured_to_one_percent() -> None:
    # 0.001 degree of latitude is 111.2 m; at 60 degrees north a degree of longitude is half as long.
    outline = Polygon([(10, 60), (10.001, 60), (10.001, 60.001), (10, 60.001)])
    longer, shorter = footprint_size_m(outline)
    assert longer == pytest.approx(111.2, rel=0.01)
    assert shorter == pytest.approx(55.6, rel=0.01)
