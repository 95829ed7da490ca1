"""Whether a place looks repaired, as it was, or still cracked."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from findings.comparison import Surface
from findings.registration import PictureRegistration
from inference.surface_change import surface_change, warped
from tests.inference.years import SHIFT, outline, view, wall, with_crack, with_patch

Grey = NDArray[np.float32]


def grey(values: Grey, survey: str) -> Grey:
    return view(values, survey).astype(np.float32)


def looked(now: Grey, before: Grey | None = None) -> Surface | None:
    then = with_crack(wall()) if before is None else before
    found = surface_change(grey(then, "2020"), grey(now, "2025"), outline("2020", width=4.0), SHIFT)
    assert found is not None
    return found.surface


def test_a_crack_that_is_still_there_leaves_a_trace() -> None:
    assert looked(with_crack(wall())) is Surface.TRACE


def test_a_patch_is_a_changed_surface() -> None:
    assert looked(with_patch(with_crack(wall()))) is Surface.CHANGED


def test_a_patch_that_covers_the_near_surroundings_too_is_told_by_the_farther_ones() -> None:
    values = wall()
    covered = with_crack(values)
    mortar = cv2.GaussianBlur(np.random.default_rng(4).normal(0, 1, values.shape).astype(np.float32), (0, 0), 1.6)
    place = (slice(90, 330), slice(90, 410))  # 80 px beyond the crack on every side
    covered[place] = 0.97 * values[place].mean() + 22 * mortar[place] / mortar.std()
    assert looked(covered) is Surface.CHANGED


def test_paint_that_keeps_the_relief_is_told_by_its_tone() -> None:
    painted = with_crack(wall())
    mask = np.zeros(painted.shape, np.float32)
    cv2.line(mask, (180, 180), (320, 230), 1.0, 40, cv2.LINE_AA)
    covered = wall()
    assert looked(np.asarray(covered * (1 + 0.35 * mask), np.float32)) is Surface.CHANGED


def test_a_surface_as_last_time_without_the_crack_is_the_same() -> None:
    assert looked(wall()) is Surface.SAME


def test_the_light_alone_changes_nothing() -> None:
    darker = np.asarray(0.6 * with_crack(wall()) + 8, np.float32)
    assert looked(darker) is Surface.TRACE


def test_what_agrees_better_than_its_surroundings_is_not_told_as_more_than_all() -> None:
    found = surface_change(
        grey(with_crack(wall()), "2020"), grey(with_crack(wall()), "2025"), outline("2020", width=4.0), SHIFT
    )
    assert found is not None
    assert "100%" in replace(found, band=1.1 * found.agreement).why


def test_two_walls_that_do_not_agree_say_nothing() -> None:
    assert looked(wall(5)) is None


def test_a_place_outside_of_the_picture_says_nothing() -> None:
    away = PictureRegistration((1.0, 0.0, 5000.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0), 40, 0.5)
    then = grey(with_crack(wall()), "2020")
    assert surface_change(then, then, outline("2020"), away) is None


def test_the_previous_picture_lies_in_the_present_frame_to_a_part_of_a_pixel() -> None:
    values = grey(wall(), "2020")
    window = (100, 80, 300, 240)
    moved, seen = warped(values, SHIFT, window)
    assert seen.all()
    np.testing.assert_allclose(moved, values[96:256, 76:276], atol=1e-3)


@pytest.mark.parametrize("shift", [0.5, 0.25])
def test_half_pixels_are_interpolated_and_not_dropped(shift: float) -> None:
    ramp = np.tile(np.arange(200, dtype=np.float32), (150, 1))
    way = PictureRegistration((1.0, 0.0, shift, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0), 40, 0.5)
    moved, _ = warped(ramp, way, (50, 50, 100, 100))
    np.testing.assert_allclose(moved[10, 10], 60 - shift, atol=0.02)
