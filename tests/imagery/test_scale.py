"""Ground sample distance: the order of trust, the numbers and their uncertainty."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from findings.errors import InputError
from findings.survey import ScaleSource
from imagery.photo import PhotoMetadata, read_metadata
from imagery.scale import ground_sample_distance, scene_scale

BASE = PhotoMetadata(
    width_px=5472,
    height_px=3648,
    make="DJI",
    model="FC6310",
    focal_mm=8.8,
    gimbal_pitch_deg=-90.0,
    relative_altitude_m=30,
)


def test_each_source_yields_to_the_more_trusted_one() -> None:
    laser = replace(BASE, laser_range_m=4.0)
    oblique = replace(BASE, gimbal_pitch_deg=-60.0)
    given = {"gsd_mm": 0.5, "stand_off_m": 3.0}
    assert ground_sample_distance(laser, 5472, **given).source is ScaleSource.LASER_RANGE
    assert ground_sample_distance(BASE, 5472, **given).source is ScaleSource.GIVEN_GSD
    assert ground_sample_distance(BASE, 5472, stand_off_m=3.0).source is ScaleSource.STAND_OFF
    assert ground_sample_distance(BASE, 5472).source is ScaleSource.NADIR_ALTITUDE
    assert ground_sample_distance(oblique, 5472).source is ScaleSource.UNKNOWN
    assert ground_sample_distance(replace(BASE, relative_altitude_m=-2.0), 5472).gsd_mm is None
    blind = replace(laser, focal_mm=None)  # a laser without a lens says nothing
    assert ground_sample_distance(blind, 5472, gsd_mm=0.5).source is ScaleSource.GIVEN_GSD


def test_a_stated_gsd_that_contradicts_the_laser_is_mentioned() -> None:
    found = ground_sample_distance(replace(BASE, laser_range_m=4.0), 5472, gsd_mm=5.0)
    assert found.gsd_mm == pytest.approx(4000 * 13.2 / 8.8 / 5472)
    assert "stated 5 mm/px differs" in found.note


def test_distance_and_optics_add_their_uncertainties_in_quadrature() -> None:
    found = ground_sample_distance(BASE, 5472, stand_off_m=3.0)
    assert found.gsd_mm == pytest.approx(0.822, abs=1e-3)
    assert found.sigma_mm == pytest.approx(0.822 * math.sqrt(0.1**2 + 0.02**2 + 0.01**2), abs=1e-3)
    assert ground_sample_distance(BASE, 5472, gsd_mm=0.8).sigma_mm == pytest.approx(0.04)
    assert ground_sample_distance(BASE, 5472, gsd_mm=0.8, gsd_sigma_mm=0.1).sigma_mm == 0.1


def test_the_35_mm_equivalent_serves_where_the_sensor_is_unknown() -> None:
    unknown = replace(BASE, model="X", focal_35mm_mm=24.0)
    by_35mm = ground_sample_distance(unknown, 5472, stand_off_m=3.0)
    assert by_35mm.gsd_mm == pytest.approx(0.8224, abs=1e-3)  # 3:2, where both readings of "equivalent" agree
    by_plane = ground_sample_distance(replace(unknown, focal_plane_mm=13.2), 5472, stand_off_m=3.0)
    assert by_plane.gsd_mm == pytest.approx(0.8224, abs=1e-3)
    assert "focal plane" in by_plane.note


def test_digital_zoom_shrinks_and_cropping_forbids_the_scale() -> None:
    plain = ground_sample_distance(BASE, 5472, stand_off_m=3.0).gsd_mm or 0
    zoomed = ground_sample_distance(replace(BASE, digital_zoom=2.0), 5472, stand_off_m=3.0)
    assert zoomed.gsd_mm == pytest.approx(plain / 2)
    resized = replace(BASE, exif_size_px=(5472, 3648), width_px=2736, height_px=1824)
    assert ground_sample_distance(resized, 2736, stand_off_m=3.0).gsd_mm == pytest.approx(plain * 2)
    cropped = replace(BASE, exif_size_px=(5472, 3648), width_px=3000, height_px=3000)
    assert ground_sample_distance(cropped, 3000, stand_off_m=3.0).gsd_mm is None
    turned = replace(BASE, width_px=3648, height_px=5472)
    assert ground_sample_distance(turned, 3648, stand_off_m=3.0).gsd_mm == pytest.approx(plain)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf, 1e300, 1e-300])
def test_a_given_value_must_be_positive(wrong: float) -> None:
    for name in ("gsd_mm", "gsd_sigma_mm", "stand_off_m"):
        with pytest.raises(InputError, match="expected a positive number"):
            ground_sample_distance(BASE, 5472, **{name: wrong})


def test_scenes_are_measured_along_the_ground_whatever_their_crs() -> None:
    utm = scene_scale("EPSG:32654", (10, 0, 400_000, 0, -10, 3_950_000), 100, 100)
    assert utm.gsd_mm == pytest.approx(10_000, rel=2e-3)
    degrees = scene_scale("EPSG:4326", (0.001, 0, 139.0, 0, -0.001, 60.05), 100, 100)
    assert degrees.gsd_mm == pytest.approx(math.sqrt(55.8 * 111.4) * 1000, rel=5e-3)
    assert (degrees.sigma_mm or 0) > 20_000  # the sides differ by half
    mercator = scene_scale("EPSG:3857", (10, 0, 15_500_000, 0, -10, 8_400_000), 100, 100)
    assert mercator.gsd_mm == pytest.approx(10_000 * math.cos(math.radians(60.0)), rel=0.01)
    assert scene_scale(None, None, 10, 10).source is ScaleSource.UNKNOWN
    assert scene_scale("EPSG:32654", (10, 0, 0, 0, -10, 0), 10, 10, gsd_mm=9000).source is ScaleSource.GIVEN_GSD


@pytest.mark.realdata
def test_the_drone_flight_agrees_with_image_matching(shared_data: Path) -> None:
    for path in sorted((shared_data / "drone/brighton_beach/images").iterdir()):
        found = ground_sample_distance(read_metadata(path), 4000)
        assert found.gsd_mm is not None
        assert found.sigma_mm is not None
        assert 16.9 < found.gsd_mm < 18.1
        assert abs(found.gsd_mm - 17.5) < found.sigma_mm  # README: 17 to 18 mm/px from image matching
