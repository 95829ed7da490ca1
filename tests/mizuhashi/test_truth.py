"""Found cracks against true ones: what lies on a crack, what does not, and what was missed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from shapely.geometry import Polygon, box

from findings.finding import Finding
from findings.measure import Measure
from mizuhashi.figures import width_scatter
from mizuhashi.truth import compare, true_photo
from tests.findings.store.samples import a_finding, an_image

GSD_MM = 0.5


def a_crack(row_px: float, width_mm: float, columns: tuple[int, int] = (0, 200)) -> dict[str, Any]:
    """A level crack of one width, as a row of the generator's truth."""
    x = np.arange(*columns, 2.0)
    line = np.column_stack([x, np.full_like(x, row_px), np.full_like(x, width_mm)])
    return {"length_mm": (columns[1] - columns[0]) * GSD_MM, "line": line.tolist()}


def a_found_crack(outline: Polygon, value: float | None, low: float, high: float, uid: str = "f") -> Finding:
    width = Measure("width_p95", value, "mm", low, high, "")
    return a_finding(an_image(), uid, geometry_px=outline, measures=(width,))


def test_a_crack_that_was_found_is_held_against_the_width_under_its_outline() -> None:
    truth = {"a.jpg": true_photo([a_crack(50, 0.3), a_crack(150, 0.8)], GSD_MM)}
    found = {"a.jpg": [a_found_crack(box(0, 45, 200, 55), 0.32, 0.25, 0.39)]}
    result = compare(found, truth)
    (pair,) = result.pairs
    assert pair.true_mm == pytest.approx(0.3)
    assert pair.inside is True
    assert result.true_length_m == pytest.approx(0.2)
    assert result.found_length_m == pytest.approx(0.1)


def test_an_interval_beside_the_true_width_counts_as_wrong() -> None:
    truth = {"a.jpg": true_photo([a_crack(50, 0.3)], GSD_MM)}
    wrong = a_found_crack(box(0, 45, 200, 55), 0.5, 0.4, 0.6)
    assert [pair.inside for pair in compare({"a.jpg": [wrong]}, truth).pairs] == [False]


def test_an_upper_bound_holds_every_width_below_it() -> None:
    truth = {"a.jpg": true_photo([a_crack(50, 0.1)], GSD_MM)}
    bound = a_found_crack(box(0, 45, 200, 55), None, 0.0, 0.3)
    assert [pair.inside for pair in compare({"a.jpg": [bound]}, truth).pairs] == [True]


def test_a_found_crack_where_none_is_counts_as_a_false_alarm() -> None:
    truth = {"a.jpg": true_photo([a_crack(50, 0.3)], GSD_MM), "sound.jpg": true_photo([], GSD_MM)}
    far = a_found_crack(box(0, 100, 200, 110), 0.3, 0.2, 0.4)
    result = compare({"a.jpg": [far], "sound.jpg": [far]}, truth)
    assert [pair.true_mm for pair in result.pairs] == [None, None]
    assert (len(result.on_cracks), result.found_length_m) == (0, 0.0)


def test_missed_length_is_told_by_true_width_in_pixels() -> None:
    truth = {"a.jpg": true_photo([a_crack(50, 0.2), a_crack(150, 1.5)], GSD_MM)}  # 0.4 px and 3 px
    found = {"a.jpg": [a_found_crack(box(0, 145, 200, 155), 1.5, 1.3, 1.7)]}
    rows = {low: (true_m, found_m) for low, _, true_m, found_m in compare(found, truth).by_width}
    assert list(rows[0.0]) == pytest.approx([0.1, 0.0])
    assert list(rows[2.0]) == pytest.approx([0.1, 0.1])


def test_the_drawing_has_a_mark_for_each_comparison_and_stands_without_any() -> None:
    truth = {"a.jpg": true_photo([a_crack(50, 0.3)], GSD_MM)}
    right = a_found_crack(box(0, 45, 100, 55), 0.32, 0.25, 0.39, "r")
    bound = a_found_crack(box(100, 45, 200, 55), None, 0.0, 0.4, "b")
    drawing = width_scatter(compare({"a.jpg": [right, bound]}, truth))
    assert (drawing.count("<circle"), drawing.count("<path")) == (1, 1)
    assert "<circle" not in width_scatter(compare({}, truth))
