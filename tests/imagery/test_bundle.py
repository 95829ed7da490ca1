"""OpenDroneMap's results read, checked against the published formulas on points of the projected grid."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyproj
import pytest
from numpy.typing import NDArray

from findings.errors import InputError
from findings.survey import Image, ImageKind, Quality, Scale, ScaleSource
from imagery.bundle import read_bundle
from imagery.bundle_camera import read_camera
from imagery.bundle_view import angles, place
from imagery.footprint import locator
from imagery.pose import Pose

UTM = pyproj.Proj(proj="utm", zone=52, ellps="WGS84")  # its middle is 129 E: the grid is turned by 1.4 degrees here
E0, N0 = UTM(131.47, 34.18)
GROUND, HEIGHT = 52.0, 40.0
SIZE = (4000, 3000)
Array = NDArray[np.float64]
BROWN: dict[str, Any] = {
    "projection_type": "brown", "width": 4000, "height": 3000, "focal_x": 0.6, "focal_y": 0.6,
    "c_x": 0.004, "c_y": -0.006, "k1": -0.03, "k2": 0.01, "p1": 0.0008, "p2": -0.0005, "k3": 0.002,
}  # fmt: skip
CAMERAS: dict[str, dict[str, Any]] = {
    "brown": BROWN,
    "perspective": {"projection_type": "perspective", "width": 4000, "height": 3000, "focal": 0.6, "k1": -0.02},
    "simple_radial": {**BROWN, "projection_type": "simple_radial", "k2": 0, "p1": 0, "p2": 0, "k3": 0},
    "radial": {**BROWN, "projection_type": "radial", "p1": 0, "p2": 0, "k3": 0},
    "fisheye": {"projection_type": "fisheye", "width": 4000, "height": 3000, "focal": 0.6, "k1": -0.02, "k2": 0.003},
    "fisheye_opencv": {**BROWN, "projection_type": "fisheye_opencv", "k3": 0.001, "k4": -0.001},
}  # fmt: skip


def to_camera(heading_deg: float, tilt_deg: float = 0.0) -> Array:
    """Return the rotation grid to camera of a camera that looks down, upper edge to the heading of the grid."""
    h, t = math.radians(heading_deg), math.radians(tilt_deg)
    right = np.array([math.cos(h), -math.sin(h), 0.0])
    up = np.array([math.sin(h), math.cos(h), 0.0])
    forward = np.array([0.0, 0.0, -1.0]) * math.cos(t) + up * math.sin(t)
    return np.array([right, np.cross(forward, right), forward])


def project(camera: dict[str, Any], rotation: Array, centre: Array, points: Array) -> Array:
    """Return pixels of points in the grid, by OpenSfM's formulas ("Geometric Models")."""
    x, y, z = (rotation @ (points - centre).T).astype(float)
    k = [float(camera.get(f"k{n}", 0.0)) for n in range(1, 5)]
    p1, p2 = float(camera.get("p1", 0.0)), float(camera.get("p2", 0.0))
    if camera["projection_type"].startswith("fisheye"):
        r = np.hypot(x, y)
        theta = np.arctan2(r, z)
        count = 2 if camera["projection_type"] == "fisheye" else 4
        d = 1 + sum(k[n] * theta ** (2 * n + 2) for n in range(count))
        u, v = d * theta * x / r, d * theta * y / r
    else:
        a, b = x / z, y / z
        r2 = a * a + b * b
        d = 1 + k[0] * r2 + k[1] * r2**2 + k[2] * r2**3
        u = d * a + 2 * p1 * a * b + p2 * (r2 + 2 * a * a)
        v = d * b + 2 * p2 * a * b + p1 * (r2 + 2 * b * b)
    focal = float(camera.get("focal_x", camera.get("focal", 0.0)))
    normal = np.column_stack([focal * u + camera.get("c_x", 0.0), focal * v + camera.get("c_y", 0.0)])
    return np.asarray(normal * 4000 + [2000, 1500])  # the first pixel's corner is 0: half a pixel on both sides cancels


def a_shot(name: str, rotation: Array, centre: Array, **more: Any) -> dict[str, Any]:
    lon, lat = UTM(centre[0], centre[1], inverse=True)
    properties = {
        "filename": name, "focal": 0.6, "width": 4000, "height": 3000,
        "translation": [float(v) for v in centre], "rotation": cv2.Rodrigues(rotation)[0].ravel().tolist(), **more,
    }  # fmt: skip
    point = {"type": "Point", "coordinates": [lon, lat, float(centre[2])]}
    return {"type": "Feature", "properties": properties, "geometry": point}


def an_image(name: str, **changes: Any) -> Image:
    lon, lat = UTM(E0 + 3, N0 - 2, inverse=True)
    values: dict[str, Any] = {
        "uid": name, "survey_uid": "s", "path": f"/photos/{name}", "sha256": name, "kind": ImageKind.PHOTO,
        "width_px": SIZE[0], "height_px": SIZE[1], "band_names": ("red", "green", "blue"),
        "scale": Scale(17.0, 1.7, ScaleSource.NADIR_ALTITUDE), "quality": Quality(True), "position_lonlat": (lon, lat),
        "notes": ("place of a pixel to about 6 m (1 sigma)", "something else"),
    }  # fmt: skip
    return Image(**{**values, **changes})


Project = Callable[..., Path]


@pytest.fixture
def project_of(tmp_path: Path) -> Project:
    """Return a function that writes a project of OpenDroneMap."""

    def write(shots: Any, cameras: Any = None, stats: Any = None, folder: str = "odm_report") -> Path:
        report = tmp_path / folder
        report.mkdir(exist_ok=True)
        collection = {"type": "FeatureCollection", "features": shots}
        (report / "shots.geojson").write_text(json.dumps(collection), encoding="utf-8")
        chosen = {"v2 dji fc300s 4000 3000 brown 0.6": BROWN} if cameras is None else cameras
        (tmp_path / "cameras.json").write_text(json.dumps(chosen), encoding="utf-8")
        if stats is not None:
            (tmp_path / "odm_report").mkdir(exist_ok=True)
            (tmp_path / "odm_report" / "stats.json").write_text(json.dumps(stats), encoding="utf-8")
        return tmp_path

    return write


def three_shots(tilt_deg: float = 0.0) -> list[dict[str, Any]]:
    return [
        a_shot(f"DJI_{k}.JPG", to_camera(40.0 + k, tilt_deg), np.array([E0 + 13 * k, N0 + 9 * k, GROUND + HEIGHT]))
        for k in range(3)
    ]


@pytest.mark.parametrize("kind", list(CAMERAS))
@pytest.mark.parametrize(("heading", "tilt"), [(0.0, 0.0), (75.0, 2.0), (-140.0, 12.0)])
def test_pixels_lie_where_the_published_formulas_see_them(
    project_of: Project, kind: str, heading: float, tilt: float
) -> None:
    camera, centre = CAMERAS[kind], np.array([E0, N0, GROUND + HEIGHT])
    rotation = to_camera(heading, tilt)
    folder = project_of([a_shot("DJI_1.JPG", rotation, centre)], {"c": camera})
    image = place([an_image("DJI_1.JPG")], read_bundle(folder), ground_m=GROUND).images[0]
    points = np.array([[E0 + x, N0 + y, GROUND] for x in (-12.0, 0.5, 9.0) for y in (-8.0, 0.0, 11.0)])
    pixels = project(camera, rotation, centre, points)
    if kind.startswith("fisheye"):
        bundle = read_bundle(folder)
        rays = bundle.cameras["c"].rays(pixels, *SIZE) @ bundle.shots["dji_1.jpg"].rotation.T
        metres = rays[:, :2] * (HEIGHT / -rays[:, 2])[:, None]
        plane = pyproj.Proj(proj="aeqd", lon_0=131.47, lat_0=34.18, ellps="WGS84")
        lonlat = np.column_stack(plane(metres[:, 0], metres[:, 1], inverse=True))
        assert image.view is None
        assert "fisheye" in image.notes[-1]
    else:
        locate = locator(image)
        assert locate is not None
        lonlat = locate[0](pixels)
    wanted = np.column_stack(UTM(points[:, 0], points[:, 1], inverse=True))
    assert np.abs((lonlat - wanted) * [92_000, 111_000]).max() < 0.03  # metres; UTM itself stretches by 1e-4 here
    assert image.footprint is not None


def test_scale_sigma_and_pose_say_where_they_come_from(project_of: Project) -> None:
    gsd_cm = 100 * HEIGHT / (0.6 * 4000)
    stats = {
        "odm_processing_statistics": {"average_gsd": gsd_cm},
        "reconstruction_statistics": {"reprojection_error_pixels": 0.58},
        "gps_errors": {"average_error": 0.66},
    }
    bundle = read_bundle(project_of(three_shots(), stats=stats))
    assert bundle.ground_m == pytest.approx(GROUND)
    image = place([an_image("dji_1.jpg"), an_image("DJI_2.JPG")], bundle).images[0]
    assert image.scale.source is ScaleSource.BUNDLE
    assert image.scale.gsd_mm == pytest.approx(10 * gsd_cm, rel=1e-6)
    base = math.hypot(13, 9)
    share = math.hypot(0.02, HEIGHT / base * 0.58 / 2400)
    assert image.scale.sigma_mm == pytest.approx(10 * gsd_cm * share, rel=1e-3)
    assert "average GSD" in image.scale.note
    assert "reprojection error 0.58 px" in image.notes[-1]
    assert image.notes[0] == "something else"
    assert image.incidence_deg == pytest.approx(0.0, abs=0.01)
    pose = Pose.from_json(image.view or {})
    convergence = UTM.get_factors(131.47, 34.18).meridian_convergence
    up = pose.rotation() @ [0, -1, 0]
    assert math.degrees(math.atan2(up[0], up[1])) == pytest.approx(41.0 + convergence, abs=0.01)
    again = place([image], bundle).images[0]
    assert again == image


def test_without_statistics_the_recorded_height_stays_and_is_named(project_of: Project) -> None:
    image = place([an_image("DJI_0.JPG")], read_bundle(project_of(three_shots()))).images[0]
    assert image.scale.gsd_mm == pytest.approx(17.0)
    assert image.scale.sigma_mm == pytest.approx(math.hypot(1.7, 0.34), rel=0.01)
    assert "nadir altitude" in image.scale.note
    with pytest.raises(InputError, match="give --ground M"):
        place([an_image("DJI_0.JPG", scale=Scale())], read_bundle(project_of(three_shots())))
    laser = Scale(16.2, 0.1, ScaleSource.LASER_RANGE)
    kept = place([an_image("DJI_0.JPG", scale=laser)], read_bundle(project_of(three_shots())), ground_m=GROUND)
    assert kept.images[0].scale == laser


def test_names_that_do_not_match_are_told_and_the_others_are_placed(project_of: Project) -> None:
    images = [
        an_image("DJI_0.JPG"), an_image("other.jpg"), an_image("DJI_2.JPG", path="/a/DJI_2.JPG"),
        an_image("DJI_2b", path="/b/dji_2.jpg"), an_image("scene.tif", kind=ImageKind.SCENE),
    ]  # fmt: skip
    found = place(images, read_bundle(project_of(three_shots())), ground_m=GROUND)
    assert found.placed == ("DJI_0.JPG",)
    assert found.missing == ("other.jpg",)
    assert found.unused == ("DJI_1.JPG",)
    assert any("2 pictures have this name" in note for note in found.notes)
    assert found.images[1:] == tuple(images[1:])
    with pytest.raises(InputError, match="were the files renamed"):
        place([an_image("other.jpg")], read_bundle(project_of(three_shots())), ground_m=GROUND)


def test_another_place_another_shape_and_no_height_are_refused_by_name(project_of: Project) -> None:
    bundle = read_bundle(project_of(three_shots()))
    for changes, words in (
        ({"position_lonlat": (131.6, 34.18)}, "from its recorded place"),
        ({"width_px": 3000, "height_px": 4000}, "cropped or turned"),
    ):
        with pytest.raises(InputError, match=words):
            place([an_image("DJI_0.JPG", **changes)], bundle, ground_m=GROUND)
    with pytest.raises(InputError, match=r"-8\.0 m is no height"):
        place([an_image("DJI_0.JPG")], bundle, ground_m=100.0)


def test_shots_that_make_no_sense_are_passed_over_with_a_note(project_of: Project) -> None:
    good = three_shots()
    no_name: dict[str, Any] = {"type": "Feature", "properties": {}, "geometry": None}
    infinite = json.loads(json.dumps(good[1]))
    infinite["properties"]["rotation"] = [float("nan"), 0, 0]
    short = json.loads(json.dumps(good[2]))
    short["properties"]["translation"] = [1, 2]
    bundle = read_bundle(project_of([good[0], good[0], no_name, infinite, short, "nonsense", None]))
    assert list(bundle.shots) == ["dji_0.jpg"]
    text = "\n".join(bundle.notes)
    for words in ("stands twice", "without filename", "rotation", "translation"):
        assert words in text


def test_a_project_in_another_grid_is_taken_and_one_without_georeference_is_refused(project_of: Project) -> None:
    other = pyproj.Proj(proj="tmerc", lon_0=133, lat_0=33, k=0.9999, ellps="GRS80")  # a plane of the Japanese survey
    shots = three_shots()
    for shot in shots:
        lon, lat, height = shot["geometry"]["coordinates"]
        shot["properties"]["translation"] = [*other(lon, lat), height]
    bundle = read_bundle(project_of(shots))
    convergence = other.get_factors(131.47, 34.18).meridian_convergence
    up = bundle.shots["dji_0.jpg"].rotation @ [0, -1, 0]
    assert math.degrees(math.atan2(up[0], up[1])) == pytest.approx(40.0 + convergence, abs=0.02)
    for k, shot in enumerate(shots):
        shot["properties"]["translation"] = [3.0 * k * k, -7.0, 1.0]
    with pytest.raises(InputError, match="has no georeference"):
        read_bundle(project_of(shots))


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("odm_report/shots.geojson", "{not json", "no JSON that can be read"),
        ("odm_report/shots.geojson", "[]", "no list of features"),
        ("odm_report/shots.geojson", '{"features": []}', "none of the 0 shots"),
        ("odm_report/shots.geojson", "[" * 200_000, "no JSON that can be read"),
        ("cameras.json", "[1]", "no cameras by name"),
        ("cameras.json", '{"c": {"projection_type": "spherical"}}', "projection 'spherical'"),
        ("cameras.json", '{"c": {"width": 10, "height": 10, "focal": NaN}}', "expected a number"),
        ("cameras.json", '{"c": {"width": 10, "height": 10, "focal": 900}}', "0.05 to 50"),
        ("odm_report/stats.json", "\x00", "no JSON that can be read"),
    ],
)
def test_files_that_are_no_result_of_opendronemap_are_refused(
    project_of: Project, file: str, text: str, words: str
) -> None:
    folder = project_of(three_shots())
    (folder / file).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_bundle(folder)


def test_a_folder_without_results_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no odm_report/shots\.geojson or shots\.geojson"):
        read_bundle(tmp_path)


def test_unequal_focal_lengths_are_a_failed_calibration() -> None:
    with pytest.raises(InputError, match="self-calibration failed"):
        read_camera("c", {**BROWN, "focal_y": 0.65})


def test_a_turned_picture_is_right_after_an_adjustment_whatever_its_record_said(project_of: Project) -> None:
    centre = np.array([E0, N0, GROUND + HEIGHT])
    bundle = read_bundle(project_of([a_shot("DJI_1.JPG", to_camera(-130.0), centre)], {"c": BROWN}))
    recorded = an_image("DJI_1.JPG")
    found = place([replace(recorded, footprint=None)], bundle, ground_m=GROUND).images[0]
    locate = locator(found)
    assert locate is not None
    top, middle = locate[0](np.array([[2000.0, 0.0], [2000.0, 1500.0]]))
    azimuth, _, _ = pyproj.Geod(ellps="WGS84").inv(*middle, *top)
    assert azimuth == pytest.approx(-130.0 + UTM.get_factors(131.47, 34.18).meridian_convergence, abs=0.5)


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(10.0, -60.0, 3.0), (-170.0, 20.0, -40.0), (45.0, -89.0, 5.0)])
def test_angles_are_those_of_the_pose(yaw: float, pitch: float, roll: float) -> None:
    from imagery.camera import Camera
    from imagery.pose import PoseSigma

    camera = Camera(*SIZE, 2400.0, (2000.0, 1500.0), (), 0.0, "")
    pose = Pose(camera, None, yaw, pitch, roll, None, PoseSigma(0, 0, 0, 0))
    assert angles(pose.rotation()) == pytest.approx((yaw, pitch, roll), abs=1e-6)
    down = replace(pose, pitch_deg=-90.0)
    found = angles(down.rotation())
    again = replace(pose, yaw_deg=found[0], pitch_deg=found[1], roll_deg=found[2])
    assert np.allclose(again.rotation(), down.rotation(), atol=1e-6)
