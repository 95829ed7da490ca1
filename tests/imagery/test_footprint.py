"""Where pixels lie: round trips, directions and places of real pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from findings.survey import Scale, ScaleSource
from imagery.footprint import Footprint, locator, photo_footprint, scene_footprint
from imagery.ingest import describe
from imagery.photo import PhotoMetadata, read_metadata
from imagery.scale import ground_sample_distance
from tests.imagery.files import UTM, dji, grey_picture, write_photo, write_tif

NADIR = PhotoMetadata(
    width_px=4000, height_px=2250, position_lonlat=(139.0, 35.0), gimbal_pitch_deg=-90.0, gimbal_yaw_deg=90.0
)
SCALE = Scale(20.0, 2.0, ScaleSource.NADIR_ALTITUDE)
GEOD = pyproj.Geod(ellps="WGS84")


@settings(deadline=None)
@given(
    lon=st.floats(-179, 179),
    lat=st.floats(-80, 80),
    yaw=st.floats(-180, 180),
    gsd=st.floats(0.0003, 0.5),
    x=st.floats(0, 4000),
    y=st.floats(0, 2250),
)
def test_a_pixel_comes_back_from_the_ground(lon: float, lat: float, yaw: float, gsd: float, x: float, y: float) -> None:
    print_ = Footprint(4000, 2250, (lon, lat), gsd, yaw, 5.0)
    there = print_.pixel_to_lonlat(np.array([[x, y]]))
    # geodesics of centimetres are solved to nanometres: a hundredth of a pixel at 0.3 mm
    np.testing.assert_allclose(print_.lonlat_to_pixel(there), [[x, y]], atol=0.02)


def test_the_upper_edge_lies_where_the_camera_points() -> None:
    found = photo_footprint(NADIR, 4000, 2250, SCALE)
    assert found is not None
    top, right = found.pixel_to_lonlat(np.array([[2000.0, 0.0], [4000.0, 1125.0]]))
    azimuth, _, metres = GEOD.inv(139.0, 35.0, *top)
    assert (azimuth, metres) == pytest.approx((90.0, 22.5), abs=1e-6)
    azimuth, _, metres = GEOD.inv(139.0, 35.0, *right)
    assert (abs(azimuth), metres) == pytest.approx((180.0, 40.0), abs=1e-6)


def test_no_footprint_is_invented() -> None:
    assert photo_footprint(replace(NADIR, position_lonlat=None), 4000, 2250, SCALE) is None
    assert photo_footprint(replace(NADIR, gimbal_pitch_deg=-60.0), 4000, 2250, SCALE) is None
    assert photo_footprint(replace(NADIR, gimbal_pitch_deg=None), 4000, 2250, SCALE) is None
    assert photo_footprint(replace(NADIR, gimbal_yaw_deg=None), 4000, 2250, SCALE) is None
    assert photo_footprint(NADIR, 4000, 2250, Scale()) is None


def test_an_edited_picture_carries_the_doubt() -> None:
    found = photo_footprint(replace(NADIR, edited_by="Photo Viewer"), 4000, 2250, SCALE)
    assert found is not None
    assert any("turned by 180 degrees" in note for note in found.notes)


def test_a_scene_is_placed_by_its_georeference(tmp_path: Path) -> None:
    path = write_tif(
        tmp_path / "a_20200512_.tif", np.arange(3 * 40 * 50, dtype=np.uint16).reshape(3, 40, 50) + 1, **UTM
    )
    image = describe(path)
    placed = locator(image)
    assert placed is not None
    place, source = placed
    assert source == "georeference"
    lonlat = place(np.array([[0.0, 0.0], [50.0, 40.0]]))
    back = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32652", always_xy=True).transform(*lonlat.T)
    np.testing.assert_allclose(np.transpose(back), [[500_000, 4_000_000], [500_500, 3_999_600]], atol=1e-3)
    assert image.footprint is not None
    assert image.footprint.buffer(1e-9).covers(shapely.points(lonlat)).all()
    assert scene_footprint((1, 0, 0, 0, -1, 0), "EPSG:0", 4, 4) is None


def test_a_photograph_is_placed_by_the_corners_of_its_footprint(tmp_path: Path) -> None:
    path = write_photo(
        tmp_path / "a.jpg",
        grey_picture(np.random.default_rng(0)),
        xmp=dji(RelativeAltitude="20", GimbalPitchDegree="-90", GimbalYawDegree="-132", GimbalRollDegree="0"),
        focal35=24,
        lat_ref="N",
        lat=(35.0, 0.0, 0.0),
        lon_ref="E",
        lon=(139.0, 0.0, 0.0),
    )
    image = describe(path)
    metadata = read_metadata(path)
    wanted = photo_footprint(metadata, 160, 120, image.scale)
    placed = locator(image)
    assert placed is not None
    assert wanted is not None
    xy = np.array([[0.0, 0.0], [160.0, 120.0], [13.0, 77.0], [80.0, 60.0]])
    off = GEOD.inv(*placed[0](xy).T, *wanted.pixel_to_lonlat(xy).T)[2]
    assert placed[1] == "footprint"
    assert np.max(off) < 0.01  # metres


@pytest.mark.realdata
def test_the_flight_line_lies_as_image_matching_says(shared_data: Path) -> None:
    folder = shared_data / "drone/brighton_beach/images"
    prints = {}
    for number in (28, 30, 31):
        metadata = read_metadata(folder / f"DJI_00{number}.JPG")
        prints[number] = photo_footprint(metadata, 4000, 2250, ground_sample_distance(metadata, 4000))
    for one in prints.values():
        assert one is not None
        corners = np.asarray(one.polygon_lonlat.exterior.coords)
        _, _, sides = GEOD.inv(corners[:2, 0], corners[:2, 1], corners[1:3, 0], corners[1:3, 1])
        assert sides == pytest.approx([69, 39], rel=0.03)  # README: about 70 x 40 m
    first, second, third = prints[28], prints[30], prints[31]
    assert first is not None
    assert second is not None
    assert third is not None
    assert any("turned" in note for note in first.notes)
    assert not any("turned" in note for note in second.notes)
    step = GEOD.inv(*second.position_lonlat, *third.position_lonlat)[2]
    assert step == pytest.approx(13.5, abs=1.5)  # README: exposures about 13.5 m apart


def test_a_scene_whose_georeference_leads_nowhere_on_earth_has_no_place(tmp_path: Path) -> None:
    profile = {"crs": "EPSG:4326", "transform": rasterio.Affine(100, 0, 500, 0, -100, 500)}
    image = describe(write_tif(tmp_path / "a.tif", np.ones((1, 4, 4), np.uint16), **profile))
    assert image.footprint is None
    assert locator(image) is None
