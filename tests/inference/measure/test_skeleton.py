from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.measure.skeleton import trace


def drawn(*lines: tuple[tuple[int, int], tuple[int, int]], thickness: int = 5) -> NDArray[np.bool_]:
    canvas = np.zeros((200, 200), np.uint8)
    for start, end in lines:
        cv2.line(canvas, start, end, 1, thickness)
    return canvas.astype(bool)


@pytest.mark.parametrize("end", [(180, 20), (180, 60), (180, 100), (180, 180), (100, 180), (20, 180)])
@pytest.mark.parametrize("thickness", [1, 2, 4, 6])
def test_a_line_of_any_angle_and_thickness_is_one_branch_of_its_length(end: tuple[int, int], thickness: int) -> None:
    branches = trace(drawn(((20, 20), end), thickness=thickness))
    assert len(branches) == 1
    assert branches[0].length_px == pytest.approx(np.hypot(end[0] - 20, end[1] - 20), rel=0.03, abs=thickness)


def test_a_bump_of_the_outline_is_pruned_and_a_real_branch_is_not() -> None:
    bumpy = drawn(((20, 100), (180, 100)), ((80, 100), (82, 94)))
    assert len(trace(bumpy)) == 1
    forked = drawn(((20, 100), (180, 100)), ((100, 100), (150, 30)))
    branches = trace(forked)
    assert len(branches) == 3
    assert sum(not free for b in branches for free in (b.free_start, b.free_end)) == 3
    assert sum(b.length_px for b in branches) == pytest.approx(160 + 86, rel=0.05)


def test_a_ring_is_walked_once_and_nothing_is_traced_in_nothing() -> None:
    canvas = np.zeros((100, 100), np.uint8)
    cv2.circle(canvas, (50, 50), 30, 1, 3)
    assert sum(b.length_px for b in trace(canvas.astype(bool))) == pytest.approx(2 * np.pi * 30, rel=0.05)
    assert trace(np.zeros((10, 10), bool)) == []
