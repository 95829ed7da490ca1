from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings.survey import Scale, ScaleSource
from inference.measure.profile import measure_profiles
from inference.measure.resolve import reach_px, resolvable_width_mm, resolvable_width_px
from inference.measure.skeleton import trace
from tests.inference.measure.bands import Photo, coverage, take_photo


def test_no_scale_no_millimetres_and_a_scale_that_could_be_zero_resolves_nothing() -> None:
    assert resolvable_width_mm(Scale(), 2.0, 0.8) is None
    assert resolvable_width_mm(Scale(0.5, 0.3, ScaleSource.STAND_OFF), 2.0, 0.8) == math.inf


def test_a_good_close_photograph_resolves_a_tenth_of_a_millimetre_and_a_far_noisy_one_does_not() -> None:
    near = resolvable_width_mm(Scale(0.3, 0.003, ScaleSource.LASER_RANGE), 2.0, 0.7)
    far = resolvable_width_mm(Scale(1.5, 0.015, ScaleSource.LASER_RANGE), 8.0, 1.2)
    assert near is not None
    assert far is not None
    assert near < 0.1
    assert far > 0.15


def test_a_smooth_picture_promises_no_width_that_was_never_measured() -> None:
    assert resolvable_width_px(0.4, 0.5, 190) == 0.3


@given(noise=st.floats(0.1, 20), more=st.floats(0.1, 20), blur=st.floats(0.3, 3), contrast=st.floats(20, 200))
def test_more_noise_more_blur_and_less_contrast_never_resolve_more(
    noise: float, more: float, blur: float, contrast: float
) -> None:
    base = resolvable_width_px(noise, blur, contrast)
    assert resolvable_width_px(noise + more, blur, contrast) >= base
    assert resolvable_width_px(noise, blur + more, contrast) >= base
    assert resolvable_width_px(noise, blur, contrast + more) <= base


def test_the_formulas_noise_is_the_noise_that_profiles_have() -> None:
    cover, region = coverage(0.0, 22)
    noise, blur = 4.0, 0.7
    grey, _ = take_photo(cover, np.random.default_rng(2), Photo(noise=noise, texture=0.0, blur_px=blur))
    mask = np.pad(region.mask, ((region.bbox.row, 0), (region.bbox.col, 0)))
    found = measure_profiles(grey, trace(mask), blur)
    assert found is not None
    level = 0.4  # of the surface in linear light; near it, d encoded / d linear is
    slope = 255 * 1.055 / 2.4 * level ** (1 / 2.4 - 1)
    relative = noise / slope / level
    reach = 2 * reach_px(blur)
    expected = relative * math.sqrt((reach + reach**2 / 8) / 9)
    # a crack's reach varies with texture, and bilinear samples smooth the noise a little
    assert found.noise_px == pytest.approx(expected, rel=0.5)
