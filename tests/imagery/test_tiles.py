"""Windows and strips cover the image."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagery.tiles import positions, slices, strips, windows
from imagery.types import Window

SIDES = st.integers(1, 90)


@settings(deadline=None, max_examples=60)
@given(width=SIDES, height=SIDES, size=st.integers(4, 40), share=st.floats(0, 0.99))
def test_windows_cover_every_pixel_and_leave_a_larger_image_nowhere(
    width: int, height: int, size: int, share: float
) -> None:
    overlap = int(size * share)
    cover = np.zeros((height, width), int)
    for window in windows(width, height, size, overlap):
        inside = window.clip(width, height)
        assert inside is not None
        assert window.right <= max(width, size)
        assert window.bottom <= max(height, size)
        cover[inside.row : inside.bottom, inside.col : inside.right] += 1
    assert cover.min() >= 1
    rows = [strip.row for strip in strips(width, height, size, overlap)]
    assert rows == sorted({window.row for window in windows(width, height, size, overlap)})


@settings(deadline=None)
@given(length=SIDES, size=st.integers(2, 40), share=st.floats(0, 0.99))
def test_neighbours_share_at_least_the_overlap(length: int, size: int, share: float) -> None:
    overlap = int(size * share)
    starts = positions(length, size, overlap)
    assert all(0 < after - before <= size - overlap for before, after in pairwise(starts))


@settings(deadline=None)
@given(width=SIDES, height=SIDES, rows=st.integers(1, 100))
def test_slices_hold_every_pixel_once(width: int, height: int, rows: int) -> None:
    parts = list(slices(width, height, rows))
    assert [row for part in parts for row in range(part.row, part.bottom)] == list(range(height))
    assert all((part.col, part.width) == (0, width) for part in parts)


def test_impossible_windows_are_refused() -> None:
    for wrong in ((0, 8, 0), (8, 0, 0), (8, 8, 8), (8, 8, -1)):
        with pytest.raises(ValueError, match="need length"):
            positions(*wrong)
    with pytest.raises(ValueError, match="at least 1"):
        Window(0, 0, 0, 5)
