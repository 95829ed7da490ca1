from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from imagery.synthetic.paste import Strokes, paste

ONLY_CRACKS = Strokes(cracks=2, width_px=(2.0, 6.0), core=(0.1, 0.2), branches=0.0)


def wall(seed: int = 0, size: int = 160) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).normal(150, 8, (size, size, 3)).clip(0, 255).astype(np.uint8)


def test_the_same_seed_draws_the_same_bytes_and_leaves_the_given_picture_alone() -> None:
    image = wall()
    kept = image.copy()
    first, second = (paste(np.random.default_rng(4), image, ONLY_CRACKS) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.mask, second.mask)
    np.testing.assert_array_equal(image, kept)


@pytest.mark.parametrize("seed", range(5))
def test_the_mask_lies_where_the_picture_became_darker_and_nothing_else_changed(seed: int) -> None:
    image = wall(seed)
    drawn = paste(np.random.default_rng(seed), image, ONLY_CRACKS)
    change = drawn.image.astype(float).mean(axis=2) - image.astype(float).mean(axis=2)
    wide = drawn.coverage > 0.9
    assert wide.any()
    assert change[wide].mean() < -60
    far = ~binary_dilation(drawn.coverage > 0, iterations=30)
    assert far.any()
    assert np.abs(change[far]).max() <= 1  # one grey value of rounding


def test_straight_joints_darken_the_picture_and_are_not_in_the_mask() -> None:
    image = wall()
    changed = 0
    for seed in range(8):
        drawn = paste(np.random.default_rng(seed), image, Strokes(cracks=0, joints=2, others=1))
        assert not drawn.mask.any()
        assert not drawn.width_px.any()
        changed += bool(np.abs(drawn.image.astype(int) - image).max() > 20)
    assert changed >= 6


def test_the_coverage_of_a_crack_adds_up_to_length_times_width() -> None:
    strokes = Strokes(cracks=1, width_px=(3.0, 3.0), core=(0.1, 0.1), length=(0.5, 0.6), branches=0.0)
    for seed in range(4):
        drawn = paste(np.random.default_rng(seed), wall(size=300), strokes)
        line = drawn.width_px > 0
        # pixels on a centre line count its length between 1 and sqrt(2) a pixel
        area, low = float(drawn.coverage.sum()), float(drawn.width_px[line].sum())
        assert 0.8 * low < area < 1.5 * low


def test_widths_stand_on_the_centre_line_inside_the_mask_and_within_what_was_asked() -> None:
    drawn = paste(np.random.default_rng(1), wall(), ONLY_CRACKS)
    on = drawn.width_px > 0
    assert on.any()
    assert (drawn.mask[on]).all()
    assert drawn.width_px.max() <= 6.0 + 1e-6


def test_what_a_cable_hides_is_no_crack_any_more() -> None:
    strokes = Strokes(cracks=2, width_px=(3.0, 6.0), others=6)
    for seed in range(12):
        drawn = paste(np.random.default_rng(seed), wall(), strokes)
        assert not (drawn.mask & (drawn.coverage < 0.5) & (drawn.width_px == 0)).any()
