"""Terrain: rays meet the ground where geometry says, gaps and edges are no ground, wrong files are told."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio

from findings.errors import InputError
from imagery.camera import Camera
from imagery.pose import Pose, PoseSigma
from imagery.surface import Level
from imagery.terrain import Ground, check_terrain, ground_around, march, relief
from tests.imagery.files import write_tif

CAMERA = Camera(400, 300, 300.0, (200.0, 150.0), (), 0.01, "test")
GEOD = pyproj.Geod(ellps="WGS84")
PLACE = (131.47, 34.16)


def _dem(path: Path, slope: float = 0.0, base: float = 100.0, **more: object) -> Path:
    """Write a plane that rises to the east from ``base`` at `PLACE`, 400 x 400 m in cells of 2 m."""
    x0, y0 = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32652", always_xy=True).transform(*PLACE)
    columns = (np.arange(200) - 99.5) * 2
    values = np.tile(base + slope * columns, (200, 1)).astype(np.float32)[None]
    profile = {"crs": "EPSG:32652", "transform": rasterio.Affine(2, 0, x0 - 200, 0, -2, y0 + 200), **more}
    return write_tif(path, values, **profile)


def _pose(pitch: float = -90.0, yaw: float = 0.0) -> Pose:
    return Pose(CAMERA, PLACE, yaw, pitch, 0.0, Level(50.0), PoseSigma(3, 2, 3, 1))


def test_heights_come_back_in_metres_around_the_camera(tmp_path: Path) -> None:
    ground = ground_around(_dem(tmp_path / "a.tif", slope=0.1), PLACE, 100.0)
    assert ground is not None
    # the grid's north is turned a little against true north, hence 0.1 m
    found = ground.height(np.array([0.0, 50.0, -50.0, 0.0]), np.array([0.0, 0.0, 0.0, 80.0]))
    np.testing.assert_allclose(found, [100.0, 105.0, 95.0, 100.0], atol=0.25)
    assert ground.reach_m == pytest.approx(100.0)


@pytest.mark.parametrize(("pitch", "yaw"), [(-90.0, 0.0), (-60.0, 90.0), (-45.0, 200.0)])
def test_flat_terrain_is_the_level_plane(pitch: float, yaw: float, tmp_path: Path) -> None:
    pose = _pose(pitch, yaw)
    ground = ground_around(_dem(tmp_path / "a.tif"), PLACE, 190.0)
    assert ground is not None
    found = relief(ground, 150.0, CAMERA, pose.rotation(), "a.tif")
    assert found is not None
    pixels = np.array([[200, 150], [30, 280], [390, 200]], float)
    on_relief = Pose(CAMERA, PLACE, yaw, pitch, 0.0, found, pose.sigma)
    np.testing.assert_allclose(on_relief.points(pixels), pose.points(pixels), atol=0.02)
    assert found.distance_m == pytest.approx(50.0, abs=0.01)


def test_a_ray_meets_a_slope_where_geometry_says(tmp_path: Path) -> None:
    slope = 0.4
    ground = ground_around(_dem(tmp_path / "a.tif", slope=slope), PLACE, 190.0)
    assert ground is not None
    for east in (0.5, -0.5, 0.2):  # direction (east, 0, -1): 150 - t = 100 + slope east t
        t = march(ground, 150.0, np.array([[east, 0.0, -1.0]]))
        assert float(t[0]) == pytest.approx(50.0 / (1 + slope * east), rel=0.01)


def test_a_ridge_hides_what_lies_behind_it() -> None:
    heights = np.zeros((201, 201))
    heights[:, 130:134] = 40.0  # a wall 30 m to the east
    wall = Ground(heights, 1.0)
    t = march(wall, 50.0, np.array([[1.0, 0.0, -0.5], [-1.0, 0.0, -0.6]]))
    assert float(t[0]) == pytest.approx(29.5, abs=1.0)
    assert float(t[1]) == pytest.approx(50 / 0.6, rel=0.01)


def test_gaps_edges_and_the_sky_are_no_ground(tmp_path: Path) -> None:
    heights = np.zeros((101, 101))
    heights[:, 60:70] = np.nan
    ground = Ground(heights, 1.0)
    rays = np.array([[0.3, 0, -1.0], [-2.0, 0, -1.0], [0, 0, 1.0], [1.0, 0, -0.05], [0, 0, -1.0]])
    found = march(ground, 50.0, rays)
    assert np.isnan(found[:4]).all()  # a gap, beyond the edge, the sky, too flat
    assert float(found[4]) == pytest.approx(50.0)
    assert ground_around(_dem(tmp_path / "a.tif"), (130.0, 34.0), 100.0) is None
    marked = _dem(tmp_path / "b.tif", base=-9999.0)
    assert ground_around(marked, PLACE, 100.0) is None
    named = _dem(tmp_path / "c.tif", base=5.0, nodata=5.0)
    assert ground_around(named, PLACE, 100.0) is None


def test_the_edge_of_the_file_leaves_nan_not_numbers(tmp_path: Path) -> None:
    ground = ground_around(_dem(tmp_path / "a.tif"), PLACE, 300.0)
    assert ground is not None
    assert np.isnan(ground.height(np.array([280.0]), np.array([0.0]))).all()
    assert np.isfinite(ground.height(np.array([150.0]), np.array([0.0]))).all()


def test_degrees_work_like_metres(tmp_path: Path) -> None:
    step = 1e-5
    values = np.full((1, 400, 400), 20.0, np.float32) + np.arange(400, dtype=np.float32)[None, :, None] * 0.1
    path = write_tif(
        tmp_path / "a.tif", values, crs="EPSG:4326",
        transform=rasterio.Affine(step, 0, PLACE[0] - 200 * step, 0, -step, PLACE[1] + 200 * step),
    )  # fmt: skip
    ground = ground_around(path, PLACE, 100.0)
    assert ground is not None
    south = GEOD.inv(*PLACE, PLACE[0], PLACE[1] - 50 * step)[2]
    found = ground.height(np.zeros(2), np.array([0.0, -south]))
    assert found[1] - found[0] == pytest.approx(5.0, abs=0.02)
    assert math.isclose(found[0], 20 + 199.5 * 0.1, abs_tol=0.02)


def test_what_is_no_terrain_model_is_refused_with_the_remedy(tmp_path: Path) -> None:
    text = tmp_path / "a.tif"
    text.write_text("no raster")
    plain = write_tif(tmp_path / "b.tif", np.ones((1, 9, 9), np.float32))
    feet = _dem(tmp_path / "c.tif")
    with rasterio.open(feet, "r+") as data:
        data.units = ("ft",)
    for path in (text, plain, feet, tmp_path / "absent.tif"):
        with pytest.raises(InputError, match="give a"):
            check_terrain(path)
    check_terrain(_dem(tmp_path / "d.tif"))
