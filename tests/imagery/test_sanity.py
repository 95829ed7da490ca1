"""Metadata that lies: each doubt is told, with what was done about it, and honest metadata is left in peace."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import LineString, Point

from findings.asset import Asset, AssetKind
from findings.survey import Image, ImageKind, Quality, Scale
from imagery.photo import PhotoMetadata, read_metadata
from imagery.sanity import CameraHeight, camera_height, doubts, far_from
from imagery.terrain import Ground
from tests.imagery.files import dji, grey_picture, write_photo

HONEST = PhotoMetadata(
    has_exif=True,
    position_lonlat=(139.0, 35.0),
    captured_at=datetime(2025, 6, 1, tzinfo=UTC),
    altitude_m=98.0,
    absolute_altitude_m=98.0,
    relative_altitude_m=40.0,
    gimbal_pitch_deg=-90.0,
    gimbal_yaw_deg=40.0,
    gimbal_roll_deg=0.0,
    flight_yaw_deg=43.0,
    laser_range_m=41.0,
    laser_target=(139.0, 35.0, 58.0),
)
PATH = Path("DJI_0001.JPG")


def _only(metadata: PhotoMetadata, path: Path = PATH) -> str:
    found = doubts(metadata, path)
    assert len(found) == 1, found
    return found[0]


def test_honest_metadata_raises_no_doubt() -> None:
    assert doubts(HONEST, PATH) == ()
    assert doubts(PhotoMetadata(), Path("wall.jpg")) == ()


def test_two_altitudes_of_two_datums_are_told() -> None:
    assert "of two datums" in _only(replace(HONEST, altitude_m=160.0))
    assert "may count from the sea" in _only(
        replace(HONEST, relative_altitude_m=212.0, absolute_altitude_m=212.0, altitude_m=212.0, laser_range_m=None)
    )


def test_a_laser_at_odds_with_the_altitude_is_told_and_believed() -> None:
    note = _only(replace(HONEST, laser_range_m=12.0, laser_target=None))
    assert "12.0 m below" in note
    assert "the scale is the laser's" in note
    assert doubts(replace(HONEST, laser_range_m=12.0, laser_target=None, gimbal_pitch_deg=-10.0), PATH) == ()  # a wall


def test_a_laser_target_far_beyond_its_range_is_told() -> None:
    assert "only the range is used" in _only(replace(HONEST, laser_target=(139.01, 35.0, None)))


@pytest.mark.parametrize(
    ("yaw", "roll", "told"), [(40, 0, False), (-137, 180, False), (-137, 0, True), (140, 0, True), (395, 0, False)]
)
def test_a_camera_that_looks_across_the_flight_is_told(yaw: float, roll: float, told: bool) -> None:
    found = doubts(replace(HONEST, gimbal_yaw_deg=yaw, gimbal_roll_deg=roll), PATH)
    assert any("degrees apart" in note for note in found) == told


@pytest.mark.parametrize(
    ("name", "told"),
    [("IMG-20240501-WA0003.jpg", True), ("WhatsApp Image 2024-05-01.jpeg", True), ("signal-2024-05-01-1010.jpg", True),
     ("LINE_1714521600000.jpg", True), ("DJI_0001.JPG", False), ("IMG_0001.jpg", False)],
)  # fmt: skip
def test_a_picture_out_of_a_messenger_is_told_by_its_name_and_its_lack_of_exif(
    name: str, told: bool, tmp_path: Path
) -> None:
    path = write_photo(tmp_path / "a.jpg", grey_picture(np.random.default_rng(0), 30, 40)).rename(tmp_path / name)
    assert any("messenger" in note for note in doubts(read_metadata(path), path)) == told
    assert doubts(HONEST, path) == ()


def test_what_the_reader_itself_disbelieves_has_its_notes(tmp_path: Path) -> None:
    zero = dict.fromkeys(("GimbalPitchDegree", "GimbalYawDegree", "GimbalRollDegree"), "+0.00")
    path = write_photo(
        tmp_path / "a.jpg", grey_picture(np.random.default_rng(0)), xmp=dji(**zero), taken="1904:01:01 00:00:00"
    )
    found = read_metadata(path)
    assert (found.gimbal_pitch_deg, found.captured_at) == (None, None)
    assert any("all 0: not believed" in note for note in found.notes)
    assert any("1904" in note for note in found.notes)


def _ground(level: float, relief: float = 0.0) -> Ground:
    heights = level + np.tile(np.linspace(-relief, relief, 101), (101, 1))
    return Ground(heights, 4.0)


def test_an_altitude_that_fits_the_terrain_is_believed() -> None:
    found = camera_height(HONEST, _ground(60.0))
    assert found == CameraHeight(98.0, 5.0)  # take-off at 58 m, on the terrain


def test_an_altitude_above_the_ellipsoid_is_found_out_by_the_terrain() -> None:
    # the flight of drone/brighton_beach: 198.6 m less 40.1 m puts the take-off 25 m below the lake (183 m)
    lake = replace(HONEST, absolute_altitude_m=198.6, altitude_m=198.6, relative_altitude_m=40.1)
    found = camera_height(lake, _ground(186.0, relief=3.0))
    assert isinstance(found, CameraHeight)
    assert found.height_m == pytest.approx(186.0 + 40.1)
    assert "another datum" in found.note
    assert "158 m" in found.note
    assert 3.0 < found.sigma_m < 5.0


def test_without_a_height_above_take_off_the_altitude_needs_the_right_datum() -> None:
    bare = replace(HONEST, relative_altitude_m=None)
    assert isinstance(camera_height(bare, _ground(60.0)), CameraHeight)
    assert "below the ground" in str(camera_height(bare, _ground(120.0)))
    assert "ellipsoid" in str(camera_height(replace(bare, altitude_reference="ellipsoid"), _ground(60.0)))
    assert "no altitude" in str(camera_height(replace(bare, absolute_altitude_m=None, altitude_m=None), _ground(60.0)))
    above = camera_height(replace(bare, above_ground_m=30.0), _ground(60.0))
    assert isinstance(above, CameraHeight)
    assert above.height_m == 90.0


def test_a_position_far_from_the_asset_is_told_with_its_distance() -> None:
    image = Image(
        "i", "s", "/a.jpg", "0" * 64, ImageKind.PHOTO, 10, 10, ("red", "green", "blue"), Scale(), Quality(True),
        position_lonlat=(131.47, 34.16),
    )  # fmt: skip
    bridge = Asset("b", AssetKind.BRIDGE, "錦橋", geometry=LineString([(131.475, 34.16), (131.476, 34.16)]))
    assert far_from(image, bridge) is None
    note = far_from(image, replace(bridge, geometry=Point(131.57, 34.16)))
    assert note is not None
    assert note.startswith("taken 9.2")  # 0.1 degrees at 34 N
    assert "錦橋" in note
    assert far_from(image, bridge, limit_km=0.1) is not None
    assert far_from(replace(image, position_lonlat=None), bridge) is None
    assert far_from(image, replace(bridge, geometry=None)) is None
