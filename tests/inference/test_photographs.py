"""The scale of a finding is that of the place where it lies."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from shapely.geometry import box

from findings.survey import Image, ImageKind, Quality, Scale, ScaleSource
from imagery.photo import PhotoMetadata
from imagery.scale import ground_sample_distance
from imagery.types import Window
from imagery.view import Stated, photo_view
from inference.measure.scale import scale_at
from inference.regions import Region

WIDTH, HEIGHT = 5472, 3648
DOWN = PhotoMetadata(
    width_px=WIDTH, height_px=HEIGHT, make="DJI", model="FC6310", focal_mm=8.8, position_lonlat=(131.47, 34.16),
    relative_altitude_m=30.0, gimbal_pitch_deg=-90.0, gimbal_yaw_deg=15.0, gimbal_roll_deg=0.0,
)  # fmt: skip


def photograph(pitch: float, **stated: Any) -> Image:
    metadata = replace(DOWN, gimbal_pitch_deg=pitch)
    view = photo_view(metadata, WIDTH, HEIGHT, ground_sample_distance(metadata, WIDTH), Stated(**stated))
    pose = json.loads(json.dumps(view.pose.to_json())) if view.pose is not None else None
    return Image(
        "i", "s", "/a.jpg", "0" * 64, ImageKind.PHOTO, WIDTH, HEIGHT, ("red", "green", "blue"), view.scale,
        Quality(True), view=pose,
    )  # fmt: skip


def region(col: float, row: float) -> Region:
    col, row = int(col), int(row)
    mask = np.ones((20, 20), bool)
    return Region(
        mask=mask, polygon_px=box(col, row, col + 20, row + 20), score=0.9, area_px=400, bbox=Window(col, row, 20, 20)
    )


def test_straight_down_every_place_has_the_scale_of_the_middle() -> None:
    image = photograph(-90.0)
    for col, row in ((0, 0), (2700, 1800), (5400, 3600)):
        found = scale_at(image, region(col, row))
        assert found.gsd_mm == pytest.approx(image.scale.gsd_mm, rel=1e-3)
        assert found.note == image.scale.note


def test_under_tilt_the_far_side_is_coarser_and_less_sure() -> None:
    image = photograph(-60.0, ground_height_m=0.0)
    assert image.scale.gsd_mm is not None
    far, near = scale_at(image, region(2736, 10)), scale_at(image, region(2736, 3600))
    assert far.gsd_mm is not None
    assert near.gsd_mm is not None
    assert near.gsd_mm < 0.9 * image.scale.gsd_mm < 0.8 * far.gsd_mm
    # ground area of a pixel: solid angle (cos^3 of the angle off the axis) x R^2 / cos(incidence), R = H / cos(inc.)
    fov = np.degrees(np.arctan((HEIGHT / 2 - 20) / (8.8 / 13.2 * WIDTH)))
    ratio = (np.cos(np.radians(fov)) * np.cos(np.radians(30.0)) / np.cos(np.radians(30.0 + fov))) ** 1.5
    assert far.gsd_mm / image.scale.gsd_mm == pytest.approx(ratio, rel=0.01)
    assert far.sigma_mm is not None
    assert image.scale.sigma_mm is not None
    assert far.sigma_mm / far.gsd_mm > image.scale.sigma_mm / image.scale.gsd_mm
    assert "where the finding lies" in far.note


def test_without_a_pose_the_scale_of_the_picture_holds() -> None:
    image = replace(photograph(-90.0), view=None, scale=Scale(0.5, 0.05, ScaleSource.GIVEN_GSD, "stated"))
    assert scale_at(image, region(10, 10)) is image.scale
    assert scale_at(replace(image, scale=Scale()), region(10, 10)) == Scale()


def test_where_the_picture_shows_no_known_surface_its_own_scale_holds() -> None:
    wall = photograph(0.0)  # level, nothing stated: no surface
    stated = replace(wall, scale=Scale(0.3, 0.03, ScaleSource.LASER_RANGE, "laser"))
    assert scale_at(stated, region(10, 10)) is stated.scale
