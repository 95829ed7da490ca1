"""Pose: pixel to ground and back, the limits that formulas give, the horizon, and honest uncertainty."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from findings.errors import InputError
from imagery.camera import Camera
from imagery.pose import Pose, PoseSigma, corner_sigma_m, frame_scale, pixel_scale, place_covariance
from imagery.surface import Face, Level, Relief

GEOD = pyproj.Geod(ellps="WGS84")
CAMERA = Camera(4000, 3000, 3000.0, (2000.0, 1500.0), (), 0.01, "test")
BENT = replace(CAMERA, distortion=(-0.12, 0.05, 0.0003, -0.0004, -0.01), centre_px=(1990.0, 1512.0))
SIGMA = PoseSigma(3.0, 2.0, 3.0, 1.0)
DOWN = Pose(CAMERA, (139.0, 35.0), 0.0, -90.0, 0.0, Level(30.0), SIGMA)
FRONT = replace(DOWN, yaw_deg=0.0, pitch_deg=0.0, surface=Face(180.0, 4.0))
MIDDLE = np.array([[2000.0, 1500.0]])
angles = st.floats(-180, 180)


@settings(deadline=None, max_examples=150)
@given(
    lon=st.floats(-179, 179), lat=st.floats(-75, 75), yaw=angles, pitch=st.floats(-90, -25), roll=st.floats(-30, 30),
    drop=st.floats(2, 150), turn=st.sampled_from([0.0, 90.0, 180.0]), x=st.floats(0, 4000), y=st.floats(0, 3000),
    bent=st.booleans(),
)  # fmt: skip
def test_a_pixel_comes_back_from_the_ground(
    lon: float, lat: float, yaw: float, pitch: float, roll: float, drop: float, turn: float, x: float, y: float,
    bent: bool,
) -> None:  # fmt: skip
    pose = Pose(BENT if bent else CAMERA, (lon, lat), yaw, pitch, roll, Level(drop), SIGMA, turn)
    pixel = np.array([[x, y]])
    there = pose.to_lonlat(pixel)
    assume(np.isfinite(there).all())
    np.testing.assert_allclose(pose.to_pixels(there), pixel, atol=0.05)
    np.testing.assert_allclose(pose.pixels(pose.points(pixel)), pixel, atol=1e-3)


def test_straight_down_the_pose_is_the_simple_formula() -> None:
    pixels = np.array([[0, 0], [4000, 0], [2000, 0], [123, 2000]], float)
    np.testing.assert_allclose(DOWN.points(pixels)[:, 0], (pixels[:, 0] - 2000) * 30 / 3000, atol=1e-9)
    np.testing.assert_allclose(DOWN.points(pixels)[:, 1], (1500 - pixels[:, 1]) * 30 / 3000, atol=1e-9)
    scale = pixel_scale(DOWN, pixels)
    np.testing.assert_allclose([scale.x_mm, scale.y_mm], 10.0, rtol=1e-9)  # flat ground: the same all over the frame
    assert float(pixel_scale(DOWN, MIDDLE).incidence_deg[0]) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("yaw", "expected"), [(0, 0), (90, 90), (-132, -132)])
def test_the_upper_edge_points_where_the_yaw_says(yaw: float, expected: float) -> None:
    top = replace(DOWN, yaw_deg=yaw).to_lonlat(np.array([[2000.0, 0.0]]))[0]
    azimuth, _, metres = GEOD.inv(139.0, 35.0, *top)
    assert (azimuth, metres) == pytest.approx((expected, 15.0), abs=1e-6)


def test_angles_turn_the_picture_the_right_way() -> None:
    tilted = replace(DOWN, pitch_deg=-60.0).points(MIDDLE)[0]
    assert tilted == pytest.approx([0.0, 30 * math.tan(math.radians(30)), -30.0])  # looks north of the point below
    rolled = replace(FRONT, roll_deg=10.0, surface=Face(180.0, 4.0)).points(np.array([[3000.0, 1500.0]]))[0]
    assert rolled[2] < 0  # clockwise from behind: the right side goes down
    over = replace(DOWN, yaw_deg=20.0, roll_deg=180.0).points(np.array([[2000.0, 0.0]]))[0]
    assert math.degrees(math.atan2(over[0], over[1])) == pytest.approx(20.0 - 180.0)  # a gimbal that went over its head
    about = replace(DOWN, turned_deg=180.0).points(np.array([[2000.0, 0.0]]))[0]
    assert about[1] == pytest.approx(-15.0)  # a picture turned in an editor: its top is the south


@settings(deadline=None, max_examples=80)
@given(tilt=st.floats(0, 70), yaw=angles, drop=st.floats(1, 100))
def test_tilt_scales_a_pixel_by_its_cosine(tilt: float, yaw: float, drop: float) -> None:
    scale = pixel_scale(replace(DOWN, pitch_deg=tilt - 90.0, yaw_deg=yaw, surface=Level(drop)), MIDDLE)
    cosine = math.cos(math.radians(tilt))
    assert float(scale.x_mm[0]) == pytest.approx(drop / 3 / cosine, rel=1e-5)
    assert float(scale.y_mm[0]) == pytest.approx(drop / 3 / cosine**2, rel=1e-5)
    assert float(scale.incidence_deg[0]) == pytest.approx(tilt, abs=1e-4)
    frame = frame_scale(replace(DOWN, pitch_deg=tilt - 90.0, surface=Level(drop)))
    assert frame is not None
    assert frame.gsd_mm == pytest.approx(drop / 3 / cosine**1.5, rel=1e-5)
    assert frame.least_mm <= frame.gsd_mm <= frame.greatest_mm


def test_the_range_over_a_tilted_picture_is_of_pixel_sides_not_of_roots_of_areas() -> None:
    frame = frame_scale(replace(DOWN, pitch_deg=-45.0))
    assert frame is not None
    half = math.atan2(1500, 3000)  # rows from the middle to an edge; a row there is cos^2(half) / f wide, as an angle
    near, far = (
        30_000 / math.sin(math.radians(45) + side * half) ** 2 * math.cos(half) ** 2 / 3000 for side in (1, -1)
    )
    assert frame.least_mm == pytest.approx(near, rel=0.01)
    assert frame.greatest_mm == pytest.approx(far * math.hypot(1, 2000 / 3000 / math.sqrt(2)), rel=0.05)


def test_a_face_is_measured_along_and_up_from_the_point_opposite_the_camera() -> None:
    pixels = np.array([[2000, 1500], [3500, 1500], [2000, 0]], float)
    np.testing.assert_allclose(FRONT.face_coordinates(pixels), [[0, 0], [2, 0], [0, 2]], atol=1e-9)
    aside = replace(FRONT, yaw_deg=25.0, pitch_deg=12.0, roll_deg=-3.0)
    along, up = aside.face_coordinates(MIDDLE)[0]
    assert along == pytest.approx(4 * math.tan(math.radians(25)))  # to the right, seen from the camera: east
    assert up == pytest.approx(4 / math.cos(math.radians(25)) * math.tan(math.radians(12)))
    scale = pixel_scale(aside, MIDDLE)
    assert float(scale.incidence_deg[0]) == pytest.approx(
        math.degrees(math.acos(math.cos(math.radians(25)) * math.cos(math.radians(12)))), abs=1e-6
    )
    east = FRONT.to_lonlat(np.array([[3500.0, 700.0]]))[0]
    _, _, metres = GEOD.inv(139.0, 35.0, *east)
    assert metres == pytest.approx(math.hypot(4, 2), abs=1e-6)
    assert FRONT.outline() == (None, False)  # no area on the map
    away = replace(FRONT, yaw_deg=180.0)
    assert np.isnan(away.points(MIDDLE)).all()
    with pytest.raises(InputError, match="--face"):
        DOWN.face_coordinates(MIDDLE)


def test_the_horizon_is_cut_off_and_said() -> None:
    oblique = replace(DOWN, pitch_deg=-20.0, yaw_deg=37.0)
    outline, cut = oblique.outline()
    assert cut
    assert outline is not None
    assert outline.is_valid
    furthest = max(GEOD.inv(139.0, 35.0, *corner)[2] for corner in outline.exterior.coords)
    assert furthest == pytest.approx(30 * math.tan(math.radians(80)), rel=1e-3)
    lonlat = oblique.to_lonlat(np.array([[2000.0, 0.0], [2000.0, 2900.0], [2000.0, 696.0], [2000.0, 990.0]]))
    assert np.isnan(lonlat[0]).all()  # above the horizon
    assert np.isnan(lonlat[2]).all()  # 5 degrees below it
    assert np.isfinite(lonlat[3]).all()  # 10.4 degrees below it
    assert outline.buffer(1e-9).covers(shapely.Point(lonlat[1]))
    assert replace(DOWN, pitch_deg=60.0).outline() == (None, True)
    whole, cut = replace(DOWN, pitch_deg=-60.0).outline()
    assert not cut
    assert whole is not None
    np.testing.assert_allclose(
        np.asarray(whole.exterior.coords)[0], replace(DOWN, pitch_deg=-60.0).to_lonlat(np.zeros((1, 2)))[0]
    )


def test_a_relief_grid_of_a_plane_is_that_plane() -> None:
    pose = replace(DOWN, pitch_deg=-70.0, roll_deg=4.0, yaw_deg=77.0)
    cols, rows = np.linspace(0, 4000, 5), np.linspace(0, 3000, 5)
    x, y = np.meshgrid(cols, rows)
    nodes = np.column_stack([x.ravel(), y.ravel()])
    rays = pose.camera.rays(nodes) @ pose.rotation().T
    inverse = 1 / Level(30.0).depths(nodes, rays).reshape(5, 5)
    grid = replace(pose, surface=Relief(tuple(cols), tuple(rows), inverse, 30.0))
    pixels = np.random.default_rng(0).uniform([1, 1], [3999, 2999], (50, 2))
    np.testing.assert_allclose(grid.points(pixels), pose.points(pixels), atol=1e-6)
    np.testing.assert_allclose(
        pixel_scale(grid, pixels).incidence_deg, pixel_scale(pose, pixels).incidence_deg, atol=0.01
    )
    hole = inverse.copy()
    hole[0, 0] = np.nan
    holed = replace(grid, surface=Relief(tuple(cols), tuple(rows), hole, 30.0))
    assert np.isnan(holed.points(np.array([[10.0, 10.0]]))).all()
    outline, cut = holed.outline()
    assert cut
    assert outline is not None
    again = Pose.from_json(json.loads(json.dumps(holed.to_json(), allow_nan=False)))
    np.testing.assert_allclose(again.points(pixels), holed.points(pixels), atol=1e-5)


@pytest.mark.parametrize(
    "pose", [DOWN, FRONT, replace(DOWN, camera=BENT, turned_deg=180.0), replace(DOWN, surface=None)]
)
def test_a_pose_comes_back_from_json(pose: Pose) -> None:
    assert Pose.from_json(json.loads(json.dumps(pose.to_json(), allow_nan=False))) == pose


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"version": 9},
        {**DOWN.to_json(), "surface": {"kind": "?", "distance_m": 1, "source": ""}},
        {**DOWN.to_json(), "camera": None},
    ],
)
def test_a_view_that_is_none_is_told(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="view cannot be read"):
        Pose.from_json(wrong)


def test_distortion_bends_as_its_formula_says_and_comes_back() -> None:
    pixels = np.random.default_rng(1).uniform([0, 0], [4000, 3000], (200, 2))
    np.testing.assert_allclose(BENT.project(BENT.rays(pixels)), pixels, atol=1e-4)
    one = BENT.project(np.array([[0.5, 0.0, 1.0]]))[0]
    radial = 1 - 0.12 * 0.25 + 0.05 * 0.0625 - 0.01 * 0.25**3
    assert one[0] == pytest.approx(1990 + 3000 * (0.5 * radial - 0.0004 * 3 * 0.25))
    assert one[1] == pytest.approx(1512 + 3000 * 0.0003 * 0.25)


@pytest.mark.parametrize(
    "pose", [DOWN, replace(DOWN, pitch_deg=-65.0, yaw_deg=130.0, roll_deg=5.0), replace(FRONT, yaw_deg=15.0)]
)
def test_the_stated_uncertainty_of_corners_is_what_drawing_at_random_gives(pose: Pose) -> None:
    rng = np.random.default_rng(7)
    corners = np.array([[0, 0], [4000, 0], [4000, 3000], [0, 3000]], float)
    draws = []
    assert pose.surface is not None
    for _ in range(3000):
        focal = CAMERA.focal_px * (1 + rng.normal(0, CAMERA.sigma_share))
        drawn = replace(
            pose,
            camera=replace(CAMERA, focal_px=focal),
            yaw_deg=pose.yaw_deg + rng.normal(0, SIGMA.yaw_deg),
            pitch_deg=pose.pitch_deg + rng.normal(0, SIGMA.tilt_deg),
            roll_deg=pose.roll_deg + rng.normal(0, SIGMA.tilt_deg),
            surface=pose.surface.moved(rng.normal(0, 0.2)),
        )
        draws.append(drawn.points(corners)[:, :2] + rng.normal(0, SIGMA.horizontal_m, 2))
    drawn_variance = np.var(np.array(draws), axis=0)
    stated = place_covariance(replace(pose, sigma=replace(SIGMA, distance_m=0.2)), corners)
    np.testing.assert_allclose(np.sqrt(stated[:, [0, 1], [0, 1]]), np.sqrt(drawn_variance), rtol=0.06)
    worst = np.sqrt(drawn_variance.mean(axis=1)).max()
    assert corner_sigma_m(replace(pose, sigma=replace(SIGMA, distance_m=0.2))) == pytest.approx(worst, rel=0.05)


def test_without_a_place_or_a_surface_nothing_is_placed() -> None:
    assert np.isnan(replace(DOWN, lonlat=None).to_lonlat(MIDDLE)).all()
    assert np.isnan(replace(DOWN, surface=None).points(MIDDLE)).all()
    assert frame_scale(replace(DOWN, surface=None)) is None
    assert replace(FRONT, lonlat=None).face_coordinates(MIDDLE)[0] == pytest.approx([0, 0])
