"""From a file to the place of its pixels: what is stated of the surface, what is stored, and what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from shapely.geometry import LineString, Polygon

from findings.errors import InputError
from findings.survey import Image, ImageKind, Quality, Scale, ScaleSource
from imagery.footprint import locator, photo_footprint, place_outline
from imagery.ingest import IngestOptions, describe
from imagery.photo import PhotoMetadata, read_metadata
from imagery.pose import Pose, pixel_scale
from imagery.rtk import Fix, position_sigma
from imagery.scale import ground_sample_distance
from imagery.surface import Face, Level, Relief
from imagery.view import Stated, photo_view
from tests.imagery.files import dji, grey_picture, write_photo, write_tif

GEOD = pyproj.Geod(ellps="WGS84")
P4 = PhotoMetadata(
    width_px=5472, height_px=3648, make="DJI", model="FC6310", focal_mm=8.8, position_lonlat=(131.47, 34.16),
    relative_altitude_m=30.0, gimbal_pitch_deg=-90.0, gimbal_yaw_deg=15.0, gimbal_roll_deg=0.0,
)  # fmt: skip
FOCAL_PX = 8.8 / 13.2 * 5472
BOX = Polygon([(2000, 1500), (2100, 1500), (2100, 1600), (2000, 1600)])


def _view(metadata: PhotoMetadata, stand_off_m: float | None = None, gsd_mm: float | None = None, **stated: Any) -> Any:
    scale = ground_sample_distance(metadata, 5472, stand_off_m=stand_off_m, gsd_mm=gsd_mm)
    return photo_view(metadata, 5472, 3648, scale, Stated(**stated))


def _image(view: object, **more: Any) -> Image:
    stored = json.loads(json.dumps(view))
    return Image(
        "i", "s", "/a.jpg", "0" * 64, ImageKind.PHOTO, 5472, 3648, ("red", "green", "blue"), Scale(), Quality(True),
        view=stored, **more,
    )  # fmt: skip


def _dem(path: Path, lonlat: tuple[float, float], level: float, relief: float = 0.0) -> Path:
    step = 1e-5
    values = np.full((1, 600, 600), level, np.float32) + relief * np.sin(np.arange(600) / 40)[None, None, :]
    transform = rasterio.Affine(step, 0, lonlat[0] - 300 * step, 0, -step, lonlat[1] + 300 * step)
    return write_tif(path, values.astype(np.float32), crs="EPSG:4326", transform=transform)


def test_straight_down_nothing_need_be_stated() -> None:
    view = _view(P4)
    assert isinstance(view.pose.surface, Level)
    assert view.scale.source is ScaleSource.NADIR_ALTITUDE
    assert view.scale.gsd_mm == pytest.approx(30_000 / FOCAL_PX)
    assert view.incidence_deg == pytest.approx(0.0, abs=1e-6)
    flat = photo_footprint(P4, 5472, 3648, ground_sample_distance(P4, 5472))
    assert flat is not None
    assert flat.polygon_lonlat.equals_exact(view.outline, 1e-12)


def test_an_oblique_picture_is_not_placed_unless_somebody_says_what_it_shows() -> None:
    oblique = replace(P4, gimbal_pitch_deg=-45.0)
    view = _view(oblique)
    assert (view.outline, view.scale.gsd_mm) == (None, None)
    assert view.pose.surface is None
    assert any("--ground-height" in note for note in view.notes)
    on_ground = _view(oblique, ground_height_m=-12.0)
    drop, cosine = 42.0, math.cos(math.radians(45))
    assert on_ground.pose.surface.distance_m == drop
    assert on_ground.scale.source is ScaleSource.GROUND_POSE
    assert on_ground.scale.gsd_mm == pytest.approx(drop * 1000 / FOCAL_PX / cosine**1.5, rel=1e-4)
    assert on_ground.incidence_deg == pytest.approx(45.0)
    middle = locator(_image(on_ground.pose.to_json()))
    assert middle is not None
    azimuth, _, metres = GEOD.inv(131.47, 34.16, *middle[0](np.array([[2736.0, 1824.0]]))[0])
    assert (azimuth, metres) == pytest.approx((15.0, drop), abs=1e-5)
    assert any("mm/px over the picture" in note for note in on_ground.notes)


def test_a_horizon_in_the_picture_is_left_out_and_said() -> None:
    view = _view(replace(P4, gimbal_pitch_deg=-20.0), ground_height_m=0.0)
    assert view.outline is not None
    assert any("left out of the outline" in note for note in view.notes)
    sky = _view(replace(P4, gimbal_pitch_deg=15.0), ground_height_m=0.0)
    assert (sky.outline, sky.pose.surface) == (None, None)
    assert any("not placed" in note for note in sky.notes)


def test_a_face_needs_its_distance_and_a_camera_that_looks_at_it() -> None:
    girder = replace(P4, gimbal_pitch_deg=0.0, gimbal_yaw_deg=20.0, relative_altitude_m=3.0)
    view = _view(girder, stand_off_m=5.0, face_azimuth_deg=200.0)
    assert view.pose.surface == Face(200.0, 5.0, "stand off")
    assert view.scale.gsd_mm == pytest.approx(5000 / FOCAL_PX)
    assert (view.outline, view.incidence_deg) == (None, pytest.approx(0.0, abs=1e-5))
    laser = _view(replace(girder, laser_range_m=5.0, gimbal_yaw_deg=50.0), face_azimuth_deg=200.0)
    assert laser.pose.surface.distance_m == pytest.approx(5 * math.cos(math.radians(30)))  # along the ray, not across
    assert laser.incidence_deg == pytest.approx(30.0)
    without = _view(girder, face_azimuth_deg=200.0)
    assert without.pose.surface is None
    assert any("--stand-off" in note for note in without.notes)
    behind = _view(girder, stand_off_m=5.0, face_azimuth_deg=20.0)
    assert behind.pose.surface is None
    assert any("where the face looks" in note for note in behind.notes)


def test_a_stated_gsd_is_that_of_the_middle_at_the_angle_it_is_seen_at() -> None:
    girder = replace(P4, gimbal_pitch_deg=20.0, gimbal_yaw_deg=35.0)
    view = _view(girder, gsd_mm=0.5, face_azimuth_deg=200.0)
    assert view.scale == Scale(0.5, 0.025, ScaleSource.GIVEN_GSD, "stated by the user, sigma assumed 5 %")
    middle = pixel_scale(view.pose.to_json(), np.array([[2736.0, 1824.0]]))
    assert float(middle.mean_mm[0]) == pytest.approx(0.5, rel=1e-6)


def test_findings_on_a_face_are_lines_on_the_map() -> None:
    girder = replace(P4, gimbal_pitch_deg=0.0, gimbal_yaw_deg=20.0)
    view = _view(girder, stand_off_m=5.0, face_azimuth_deg=200.0)
    placed = place_outline(_image(view.pose.to_json()), BOX)
    assert placed is not None
    line, source = placed
    assert source == "face"
    assert isinstance(line, LineString)
    assert line.is_valid
    assert GEOD.geometry_length(line) == pytest.approx(100 * 5 / FOCAL_PX, rel=1e-4)
    nowhere = replace(view.pose, lonlat=None)
    assert place_outline(_image(nowhere.to_json(), footprint=shapely.box(0, 0, 1, 1)), BOX) is None


def test_an_outline_that_reaches_into_the_sky_has_no_place() -> None:
    view = _view(replace(P4, gimbal_pitch_deg=-20.0), ground_height_m=0.0)
    image = _image(view.pose.to_json(), footprint=view.outline)
    assert place_outline(image, Polygon([(0, 0), (5000, 0), (5000, 3000), (0, 3000)])) is None
    low = place_outline(image, shapely.box(2000, 3000, 2100, 3100))
    assert low is not None
    assert view.outline.covers(low[0])


def test_terrain_is_stored_with_the_image_and_needs_no_file_later(tmp_path: Path) -> None:
    path = _dem(tmp_path / "dem.tif", (131.47, 34.16), level=58.0, relief=2.0)
    flown = replace(P4, absolute_altitude_m=88.0, altitude_m=88.0, gimbal_pitch_deg=-70.0)
    view = _view(flown, terrain=path)
    assert isinstance(view.pose.surface, Relief)
    path.unlink()
    image = _image(view.pose.to_json())
    placed = locator(image)
    assert placed is not None
    assert placed[1] == "terrain"
    found = placed[0](np.array([[2736.0, 1824.0], [100.0, 100.0]]))
    assert np.isfinite(found).all()
    away = GEOD.inv(131.47, 34.16, *found[0])[2]
    assert away == pytest.approx(30 * math.tan(math.radians(20)), abs=1.5)
    assert view.outline is not None
    assert view.outline.is_valid


def test_terrain_and_altitude_of_two_datums_are_reconciled_by_the_height_above_take_off(tmp_path: Path) -> None:
    path = _dem(tmp_path / "dem.tif", (131.47, 34.16), level=25.0)
    high = replace(P4, absolute_altitude_m=88.0, altitude_m=88.0)  # 33 m of geoid, as in Yamaguchi
    view = _view(high, terrain=path)
    assert any("another datum" in note and "+33 m" in note for note in view.notes)
    assert view.pose.surface.distance_m == pytest.approx(30.0, abs=0.01)
    other = _view(high, terrain=_dem(tmp_path / "far.tif", (130.0, 33.0), level=0.0))
    assert other.pose.surface is None
    assert any("does not cover" in note for note in other.notes)


def test_what_is_not_known_is_said_and_not_placed() -> None:
    blind = replace(P4, gimbal_pitch_deg=None)
    assert _view(blind).pose is None
    assert any("angles are not known" in note for note in _view(blind, ground_height_m=0.0).notes)
    assert any("focal length" in note for note in _view(replace(P4, focal_mm=None), ground_height_m=0.0).notes)
    assert any(
        "direction" in note
        for note in _view(replace(P4, gimbal_yaw_deg=None, gimbal_pitch_deg=-40.0), ground_height_m=0.0).notes
    )
    assert any(
        "take-off point" in note for note in _view(replace(P4, relative_altitude_m=None), ground_height_m=0.0).notes
    )
    assert any("is below" in note for note in _view(P4, ground_height_m=31.0).notes)
    flight = _view(replace(P4, gimbal_yaw_deg=None, flight_yaw_deg=70.0))
    assert flight.pose.yaw_deg == 70.0
    assert any("direction from the flight" in note for note in flight.notes)


def test_a_better_fix_gives_a_better_place() -> None:
    near = replace(P4, relative_altitude_m=3.0)
    plain, fixed = _view(near), _view(replace(near, position_sigma=position_sigma(Fix.FIXED)))
    assert plain.sigma_m == pytest.approx(5.0, rel=0.02)
    assert fixed.sigma_m < 0.5


@pytest.mark.parametrize(
    "wrong",
    [{"face_azimuth_deg": 1.0, "ground_height_m": 2.0}, {"face_azimuth_deg": float("nan")}, {"ground_height_m": 1e9}],
)
def test_statements_that_cannot_be_meant_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"--face|--ground-height"):
        Stated(**wrong)  # type: ignore[arg-type]


def test_a_record_without_a_view_is_placed_by_its_corners_as_before(tmp_path: Path) -> None:
    path = write_photo(
        tmp_path / "a.jpg", grey_picture(np.random.default_rng(0)), focal35=24,
        xmp=dji(RelativeAltitude="20", GimbalPitchDegree="-88", GimbalYawDegree="-132", GimbalRollDegree="1"),
        lat_ref="N", lat=(35.0, 0.0, 0.0), lon_ref="E", lon=(139.0, 0.0, 0.0),
    )  # fmt: skip
    image = describe(path)
    assert image.view is not None
    new, old = locator(image), locator(replace(image, view=None))
    assert new is not None
    assert old is not None
    xy = np.array([[0.0, 0.0], [160.0, 120.0], [13.0, 77.0], [80.0, 60.0]])
    off = GEOD.inv(*new[0](xy).T, *old[0](xy).T)[2]
    assert np.max(off[:2]) < 1e-6  # the corners are the same
    assert 0.01 < np.max(off) < 0.5  # between them the old interpolation misses the tilt
    with pytest.raises(InputError, match="view cannot be read"):
        locator(replace(image, view={"version": 2}))


def test_the_ingest_stores_what_was_stated(tmp_path: Path) -> None:
    path = write_photo(
        tmp_path / "a.jpg", grey_picture(np.random.default_rng(0)), focal35=24,
        xmp=dji(RelativeAltitude="4", GimbalPitchDegree="5", GimbalYawDegree="88", GimbalRollDegree="0"),
        lat_ref="N", lat=(35.0, 0.0, 0.0), lon_ref="E", lon=(139.0, 0.0, 0.0),
    )  # fmt: skip
    image = describe(path, options=IngestOptions(stand_off_m=3.0, shown=Stated(face_azimuth_deg=270.0)))
    assert image.view is not None
    pose = Pose.from_json(json.loads(json.dumps(image.view)))
    assert isinstance(pose.surface, Face)
    assert (pose.surface.azimuth_deg, pose.surface.source) == (270.0, "stand off")
    assert pose.surface.distance_m == pytest.approx(3.0)
    assert image.incidence_deg == pytest.approx(
        math.degrees(math.acos(math.cos(math.radians(5)) * math.cos(math.radians(2)))), abs=0.01
    )
    assert image.footprint is None


@pytest.mark.realdata
def test_the_real_flight_is_placed_and_its_altitude_is_found_to_be_of_another_datum(
    shared_data: Path, tmp_path: Path
) -> None:
    sides = []
    for path in sorted((shared_data / "drone/brighton_beach/images").iterdir()):
        metadata = read_metadata(path)
        view = photo_view(metadata, 4000, 2250, ground_sample_distance(metadata, 4000))
        assert view.outline is not None
        assert view.sigma_m == pytest.approx(5.5, abs=1.0)
        corners = np.asarray(view.outline.exterior.coords)
        sides.append(GEOD.inv(corners[:2, 0], corners[:2, 1], corners[1:3, 0], corners[1:3, 1])[2])
        # The lake lies at 183 m: an ellipsoidal altitude 158.5 m above take-off cannot be above the sea.
        dem = _dem(tmp_path / f"{path.stem}.tif", (-91.9939, 46.8424), level=186.0)
        on_terrain = photo_view(metadata, 4000, 2250, ground_sample_distance(metadata, 4000), Stated(terrain=dem))
        assert any("another datum" in note for note in on_terrain.notes)
        assert on_terrain.pose is not None
        assert on_terrain.outline is not None
        assert on_terrain.outline.symmetric_difference(view.outline).area < 0.01 * view.outline.area
    assert np.ptp(sides, axis=0).max() < 0.5
    assert np.mean(sides, axis=0) == pytest.approx([68.5, 38.4], abs=0.5)  # README: about 70 x 40 m


@pytest.mark.realdata
def test_every_sample_of_exif_is_read_or_refused_with_a_reason(shared_data: Path) -> None:
    taken, refused = {}, {}
    for path in sorted((shared_data / "drone/exif_samples").rglob("*.jpg")):
        try:
            taken[path.name] = describe(path)
        except InputError as error:
            refused[path.name] = str(error)
    assert len(taken) + len(refused) == 34
    assert all(name in text for name, text in refused.items())
    assert all(image.position_lonlat is not None for name, image in taken.items() if name.startswith("DSCN"))
    for name, image in taken.items():
        number = name.removesuffix(".jpg").rpartition("_")[2]
        if name.startswith(("landscape", "portrait")) and number != "1":
            assert any(f"orientation {number}" in note for note in image.notes), name
