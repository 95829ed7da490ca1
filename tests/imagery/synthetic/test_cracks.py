from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from imagery.synthetic.cracks import centre_mask, grow_branches, grow_crack, line_coverage, polygon_coverage


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_coverage_of_a_polygon_is_the_exact_area_in_each_pixel(seed: int) -> None:
    corners = np.random.default_rng(seed).uniform(-4, 12, (3, 2))
    triangle = shapely.Polygon(corners)
    exact = [[triangle.intersection(shapely.box(x, y, x + 1, y + 1)).area for x in range(9)] for y in range(7)]
    assert np.allclose(polygon_coverage(corners, (7, 9)), exact, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.2, 8.0), st.floats(0.0, 6.28))
def test_a_crack_covers_the_area_of_its_length_times_its_width(seed: int, width: float, heading: float) -> None:
    start = (200 - 70 * np.cos(heading), 200 - 70 * np.sin(heading))
    line = grow_crack(np.random.default_rng(seed), start, heading, 140.0, width)
    pieces = np.linalg.norm(np.diff(line.centre_px, axis=0), axis=1)
    area = float((pieces * (line.width_px[1:] + line.width_px[:-1]) / 2).sum())
    assert line.width_px.max() == pytest.approx(width)
    assert float(line_coverage(line, (400, 400)).sum(dtype=np.float64)) == pytest.approx(area, rel=0.03)


def test_a_crack_below_a_pixel_covers_fractions_along_its_centre_line() -> None:
    line = grow_crack(np.random.default_rng(3), (10.0, 60.0), 0.1, 100.0, 0.2)
    coverage = line_coverage(line, (120, 120))
    assert 0 < coverage.max() < 0.5
    assert np.count_nonzero(centre_mask(line, (120, 120)) & (coverage == 0)) <= 1


def test_a_branch_leaves_its_parent_on_the_centre_line_and_is_narrower() -> None:
    rng = np.random.default_rng(1)
    lines = [grow_crack(rng, (0.0, 0.0), 0.7, 300.0, 4.0)]
    grow_branches(rng, lines, 0, 4.0, roughness=1.0)
    assert len(lines) > 2
    for branch in lines[1:]:
        assert branch.parent is not None
        parent = lines[branch.parent]
        assert np.linalg.norm(parent.centre_px - branch.centre_px[0], axis=1).min() < 1e-9
        assert branch.width_px.max() < parent.width_px.max()
