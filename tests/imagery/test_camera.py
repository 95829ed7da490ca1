"""Cameras: which source is believed, what zoom and crops do, and that nothing is guessed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from imagery.camera import camera_of, sensors
from imagery.photo import PhotoMetadata

P4 = PhotoMetadata(width_px=5472, height_px=3648, make="DJI", model="FC6310", focal_mm=8.8)
DEWARP = (3678.87, 3671.84, 10.1, 27.29, -0.268652, 0.114663, 1.52688e-05, -4.60707e-05, -0.0350261)


def _focal(metadata: PhotoMetadata, width: int, height: int) -> float:
    found = camera_of(metadata, width, height)
    assert found is not None
    return found.focal_px


def test_the_makers_calibration_is_believed_before_the_table() -> None:
    table = camera_of(P4, 5472, 3648)
    assert table is not None
    assert table.focal_px == pytest.approx(8.8 / 13.2 * 5472)
    assert table.distortion == ()
    own = camera_of(replace(P4, dewarp=DEWARP), 5472, 3648)
    assert own is not None
    assert own.focal_px == pytest.approx(3675.355)
    assert own.centre_px == pytest.approx((2736 + 10.1, 1824 + 27.29))
    assert own.distortion == pytest.approx((-0.268652, 0.114663, 1.52688e-05, -4.60707e-05, -0.0350261))
    assert own.sigma_share < table.sigma_share
    straight = camera_of(replace(P4, dewarp=DEWARP, dewarped=True), 5472, 3648)
    assert straight is not None
    assert straight.distortion == ()
    smaller = camera_of(replace(P4, dewarp=DEWARP, exif_size_px=(5472, 3648)), 2736, 1824)
    assert smaller is not None
    assert smaller.focal_px == pytest.approx(3675.355 / 2)
    nonsense = camera_of(replace(P4, dewarp=(3.0, *DEWARP[1:])), 5472, 3648)
    assert nonsense is not None
    assert "table" in nonsense.source


def test_a_nominal_focal_length_in_pixels_belongs_to_its_own_width() -> None:
    nominal = PhotoMetadata(calibrated_focal_px=3666.67, calibrated_centre_px=(2736.0, 1824.0))
    assert _focal(nominal, 5472, 3648) == pytest.approx(3666.67)
    assert _focal(nominal, 1368, 912) == pytest.approx(3666.67 / 4)
    assert camera_of(PhotoMetadata(calibrated_focal_px=3666.67), 5472, 3648) is None


def test_a_perspective_camera_in_mm_has_its_principal_point_and_distortion() -> None:
    anafi = PhotoMetadata(
        calibrated_focal_mm=5.27, principal_point_mm=(3.24, 2.43), distortion=(0.1, -0.2, 0.05, 1e-4, 2e-4)
    )
    found = camera_of(anafi, 4608, 3456)
    assert found is not None
    assert found.focal_px == pytest.approx(5.27 / 6.48 * 4608)
    assert found.centre_px == pytest.approx((2304, 1728), rel=1e-3)
    assert found.distortion == (0.1, -0.2, 1e-4, 2e-4, 0.05)  # k1, k2, p1, p2, k3 from k1, k2, k3, p1, p2
    assert camera_of(replace(anafi, lens="fisheye"), 4608, 3456) is None


def test_a_picture_of_another_shape_than_its_sensor_lost_one_side() -> None:
    phantom = PhotoMetadata(make="DJI", model="FC300S", focal_mm=3.61)
    full = camera_of(phantom, 4000, 3000)
    wide = camera_of(phantom, 4000, 2250)
    square = camera_of(phantom, 3000, 3000)
    assert full is not None
    assert wide is not None
    assert square is not None
    assert wide.focal_px == full.focal_px == square.focal_px  # one pixel pitch: rows or columns were left out
    assert "height cut" in wide.source
    assert "width cut" in square.source
    assert wide.field_of_view_deg[0] == pytest.approx(full.field_of_view_deg[0])
    assert wide.field_of_view_deg[1] < full.field_of_view_deg[1]
    assert full.field_of_view_deg[0] == pytest.approx(2 * math.degrees(math.atan(6.16 / 2 / 3.61)))
    cut_by_hand = replace(phantom, exif_size_px=(4000, 3000))
    assert camera_of(cut_by_hand, 4000, 2250) is None


def test_digital_zoom_narrows_the_view_and_rules_the_calibration_out() -> None:
    plain, zoomed = camera_of(P4, 5472, 3648), camera_of(replace(P4, digital_zoom=2.0, dewarp=DEWARP), 5472, 3648)
    assert plain is not None
    assert zoomed is not None
    assert zoomed.focal_px == pytest.approx(2 * plain.focal_px)
    assert "digital zoom 2" in zoomed.source


def test_the_35_mm_equivalent_is_as_uncertain_as_its_readings_differ() -> None:
    readings = {"3:2": (6000, 4000), "4:3": (4000, 3000), "16:9": (4000, 2250)}
    found = {name: camera_of(PhotoMetadata(focal_35mm_mm=24.0), *size) for name, size in readings.items()}
    sigmas = {name: one.sigma_share for name, one in found.items() if one is not None}
    assert sigmas["3:2"] < 0.013  # rounding to whole mm only
    assert 0.018 < sigmas["4:3"] < 0.025
    assert 0.035 < sigmas["16:9"] < 0.05  # what is meant: width, diagonal of the picture, diagonal of a 4:3 sensor


def test_every_line_of_the_table_is_a_possible_camera() -> None:
    for (make, model), sensor in sensors().items():
        across, down = sensor.size_mm
        assert (make, model) == (make.lower(), model.lower())
        assert 4 < across < 40
        assert across / down == pytest.approx(np.divide(*sensor.native_px), rel=0.02), sensor
        assert 0.5 < across / sensor.native_px[0] * 1000 < 6  # pixel pitch in micrometres


def test_nothing_is_guessed() -> None:
    assert camera_of(PhotoMetadata(make="DJI", model="unheard of", focal_mm=8.8), 5472, 3648) is None
    assert camera_of(replace(P4, focal_mm=None), 5472, 3648) is None
