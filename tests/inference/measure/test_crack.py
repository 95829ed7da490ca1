from __future__ import annotations

import numpy as np
import pytest

from findings.measure import Measure, by_name
from findings.survey import Quality, Scale, ScaleSource
from inference.measure.crack import measure_crack
from tests.inference.measure.bands import HALF_MM, SIZE, UNKNOWN, Photo, coverage, region_of, take_photo

ANGLES = (0, 9, 22, 38, 45, 67, 90)


def measure(
    width: float, angle: float, seed: int, scale: Scale = UNKNOWN, *, sway: float = 0.0, photo: Photo | None = None
) -> dict[str, Measure]:
    cover, region = coverage(width, angle, sway_px=sway)
    grey, quality = take_photo(cover, np.random.default_rng(seed), photo or Photo())
    probability = np.full(grey.shape, 0.9, np.float32)
    found, _ = measure_crack(grey, probability, region, scale, quality)
    return {m.name: m for m in found}


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0, 3.0, 5.0, 8.0])
def test_a_band_of_known_width_at_seven_angles_is_measured_from_its_darkness_not_from_its_label(width: float) -> None:
    found = [measure(width, angle, seed)["width_p50"] for seed, angle in enumerate(ANGLES)]
    values = [m.value for m in found if m.value is not None]
    assert len(values) == len(ANGLES)
    tolerance = (
        0.1 + 0.2 * width if width < 4 else 0.15
    )  # a core darker than the prior expects; the label is 5 px wider
    assert np.mean(values) == pytest.approx(width, abs=tolerance)


def test_nine_intervals_in_ten_hold_the_truth_whatever_core_blur_and_texture() -> None:
    rng = np.random.default_rng(3)
    hits = []
    for width in (0.3, 0.66, 1.0, 1.5, 2.5, 4.0, 6.0):
        for angle in rng.uniform(0, 180, 5):
            photo = Photo(
                core=rng.uniform(0.02, 0.4),
                blur_px=rng.uniform(0.5, 1.1),
                surface=rng.uniform(0.2, 0.6),
                noise=rng.uniform(0.5, 4.0),
                texture=rng.uniform(0.0, 0.05),
            )
            seed, sway = int(rng.integers(1 << 30)), float(rng.choice([0, 4]))
            found = measure(width, float(angle), seed, sway=sway, photo=photo)
            hits += [(m.low or 0) <= width <= (m.high or 0) for name, m in found.items() if name.startswith("width")]
    assert np.mean(hits) >= 0.9


def test_a_darker_core_at_the_same_width_stays_inside_the_interval_that_names_the_unknown_core() -> None:
    bright, dark = (measure(1.0, 22, 4, photo=Photo(core=core))["width_p50"] for core in (0.4, 0.02))
    for found in (bright, dark):
        assert found.low is not None
        assert found.high is not None
        assert found.low <= 1.0 <= found.high
        assert found.high - found.low > 0.3  # the core is unknown: an honest interval is wide


def test_a_hairline_below_what_the_image_resolves_has_no_width_but_an_upper_bound() -> None:
    found = measure(0.1, 22, 5, HALF_MM, photo=Photo(noise=4.0, texture=0.06))["width_max"]
    assert found.value is None
    assert found.low == 0
    assert found.high is not None
    assert 0.05 <= found.high <= 1.0  # mm; the true width is 0.05 mm


def test_widths_come_in_mm_and_lengths_in_m_and_an_uncertain_scale_widens_both() -> None:
    sure = measure(2.0, 38, 6, HALF_MM)
    unsure = measure(2.0, 38, 6, Scale(0.5, 0.1, ScaleSource.STAND_OFF))
    plain = measure(2.0, 38, 6)
    assert (plain["width_p95"].unit, plain["length"].unit) == ("px", "px")
    assert (sure["width_p95"].unit, sure["length"].unit) == ("mm", "m")
    assert sure["width_p95"].value == pytest.approx(0.5 * (plain["width_p95"].value or 0))
    assert sure["length"].value == pytest.approx((plain["length"].value or 0) * 0.5 / 1000)
    for name in ("width_p50", "length"):
        spans = [(m[name].high or 0) - (m[name].low or 0) for m in (sure, unsure)]
        assert spans[1] > 1.2 * spans[0]


@pytest.mark.parametrize("angle", ANGLES)
def test_length_is_the_bands_at_every_angle(angle: int) -> None:
    found = measure(2.0, angle, 7)["length"]
    assert found.value == pytest.approx(84, abs=3.5)
    assert (found.low or 0) <= 84 <= (found.high or 0)


def test_a_bright_spot_beside_a_crack_does_not_make_it_wide() -> None:
    cover, region = coverage(1.5, 0)
    grey, quality = take_photo(cover, np.random.default_rng(8))
    grey[SIZE // 2 + 4 : SIZE // 2 + 12, 50:70] = np.minimum(grey[SIZE // 2 + 4 : SIZE // 2 + 12, 50:70] + 45, 255)
    found, _ = measure_crack(grey, np.full(grey.shape, 0.9, np.float32), region, UNKNOWN, quality)
    widest = by_name(found, "width_p95")
    assert widest is not None
    assert (widest.low or 0) <= 1.5
    assert (widest.value or 0) < 3.5


def test_what_is_not_dark_is_not_measured_as_a_crack() -> None:
    cover, region = coverage(3.0, 22)
    grey, quality = take_photo(-0.3 * cover, np.random.default_rng(9), Photo(core=0.0))
    found, _ = measure_crack(grey, np.full(grey.shape, 0.9, np.float32), region, UNKNOWN, quality)
    middle = by_name(found, "width_p50")
    assert middle is not None
    assert middle.value is None


def test_a_speck_and_a_place_without_observations_get_bounds_and_no_invented_width() -> None:
    grey = np.full((60, 60), 120, np.float32)
    speck = np.zeros((60, 60), bool)
    speck[20:23, 20:23] = True
    line = np.zeros((60, 60), bool)
    line[30:34, 5:55] = True
    for mask, picture in ((speck, grey), (line, np.full_like(grey, np.nan))):
        found, details = measure_crack(picture, grey, region_of(mask), UNKNOWN, Quality(True))
        assert all(m.value is None and m.high is not None for m in found if m.name != "length")
        assert "branches" in details
