from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from findings.survey import Scale, ScaleSource
from inference.measure.area import measure_area
from inference.measure.spacing import spacing_m
from tests.inference.measure.bands import HALF_MM, UNKNOWN, region_of


def rectangle(top: int, left: int, height: int, width: int, size: int = 400) -> NDArray[np.bool_]:
    mask = np.zeros((size, size), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def test_area_is_counted_in_pixels_and_its_outline_may_be_off_by_half_a_pixel() -> None:
    area = measure_area(region_of(rectangle(5, 5, 10, 20)), UNKNOWN).measure
    assert (area.value, area.unit) == (200, "px2")
    assert (area.low, area.high) == (200 - 30, 200 + 30)


@pytest.mark.parametrize(("side", "unit", "value"), [(100, "mm2", 2500), (300, "m2", 0.0225)])
def test_area_comes_in_mm2_or_from_a_decimetre_square_on_in_m2(side: int, unit: str, value: float) -> None:
    area = measure_area(region_of(rectangle(0, 0, side, side)), HALF_MM).measure
    assert area.unit == unit
    assert area.value == pytest.approx(value)


def test_an_uncertain_scale_counts_twice_in_an_area() -> None:
    area = measure_area(region_of(rectangle(0, 0, 300, 300)), Scale(0.5, 0.05, ScaleSource.STAND_OFF)).measure
    assert area.value is not None
    assert area.high is not None
    assert (area.high - area.value) / area.value == pytest.approx(2 * 1.96 * 0.1, rel=0.01)


def test_each_crack_knows_the_gap_to_its_nearest_parallel_neighbour() -> None:
    cracks = [region_of(rectangle(top, 20, 4, 300)) for top in (50, 110, 310)]
    across = region_of(rectangle(20, 350, 300, 4))
    speck = region_of(rectangle(2, 2, 6, 6))
    found = spacing_m([*cracks, across, speck], [HALF_MM] * 5)
    assert [None if m is None else m.value for m in found] == pytest.approx([0.03, 0.03, 0.1, None, None])
    assert all(m.unit == "m" and (m.low or 0) < 0.1 for m in found if m is not None)


def test_cracks_one_after_the_other_on_a_line_have_no_spacing() -> None:
    apart = [region_of(rectangle(50, left, 4, 120)) for left in (10, 200)]
    assert spacing_m(apart, [HALF_MM] * 2) == [None, None]
    assert spacing_m(apart[:1], [HALF_MM]) == [None]
    assert spacing_m([], []) == []
