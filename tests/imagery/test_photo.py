"""Metadata of photographs: what is believed, what is not, and that nothing breaks the reader."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL.TiffImagePlugin import IFDRational

from imagery.photo import read_metadata
from tests.imagery.files import dji, grey_picture, write_photo

PICTURE = grey_picture(np.random.default_rng(1), 40, 60)
FLIGHT = {
    "RelativeAltitude": "+40.10",
    "GimbalPitchDegree": "-89.90",
    "GimbalYawDegree": "+42.00",
    "GimbalRollDegree": "+0.00",
}
PLACE = {"lat_ref": "S", "lat": (35.0, 30.0, 36.0), "lon_ref": "E", "lon": (139.0, 15.0, 0.0)}


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".png"])
def test_exif_and_dji_xmp_are_read_from_every_photo_format(suffix: str, tmp_path: Path) -> None:
    xmp = dji(**FLIGHT, LRFStatus="Normal", LRFTargetDistance="5.25")
    path = write_photo(
        tmp_path / f"a{suffix}", PICTURE, xmp=xmp, make="DJI\0\0", model="FC6310", focal=8.8, focal35=24, **PLACE
    )
    found = read_metadata(path)
    assert (found.make, found.model, found.focal_mm, found.focal_35mm_mm) == ("DJI", "FC6310", 8.8, 24.0)
    assert found.position_lonlat == pytest.approx((139.25, -35.51))
    assert (found.relative_altitude_m, found.gimbal_pitch_deg, found.gimbal_yaw_deg) == (40.1, -89.9, 42.0)
    assert found.laser_range_m == 5.25
    assert (found.width_px, found.height_px, found.notes) == (60, 40, ())


def test_a_photograph_without_metadata_is_no_problem(tmp_path: Path) -> None:
    found = read_metadata(write_photo(tmp_path / "a.jpg", PICTURE))
    assert (found.width_px, found.captured_at, found.position_lonlat, found.notes) == (60, None, None, ())


def test_a_time_counts_only_with_its_zone(tmp_path: Path) -> None:
    taken = {"taken": "2025:06:01 10:00:00"}
    zoned = read_metadata(write_photo(tmp_path / "a.jpg", PICTURE, **taken, offset="+09:00"))
    by_gps = read_metadata(
        write_photo(tmp_path / "b.jpg", PICTURE, **taken, gps_date="2025:06:01", gps_clock=(1.0, 0.0, 30.0))
    )
    local = read_metadata(write_photo(tmp_path / "c.jpg", PICTURE, **taken))
    assert zoned.captured_at == datetime(2025, 6, 1, 1, tzinfo=UTC)
    assert by_gps.captured_at == datetime(2025, 6, 1, 1, 0, 30, tzinfo=UTC)
    assert local.captured_at is None
    assert local.notes == ("taken at 2025-06-01T10:00:00 local time of an unknown zone; give --captured-at",)


def test_values_that_make_no_sense_are_ignored_with_a_note(tmp_path: Path) -> None:
    path = write_photo(
        tmp_path / "a.jpg",
        PICTURE,
        xmp=dji(
            RelativeAltitude="nan",
            GimbalPitchDegree="0.00",
            GimbalYawDegree="0.00",
            GimbalRollDegree="+0.00",
            LRFStatus="TooFar",
            LRFTargetDistance="12.0",
        ),
        taken="1904:01:01 00:00:00",
        offset="+00:00",
        focal=IFDRational(0, 0),
        focal35=2,
        zoom=IFDRational(0, 1),
        plane_x=9e6,
        exif_width=60,
        exif_height=40,
        lat_ref="N",
        lat=(0.0, 0.0, 0.0),
        lon_ref="E",
        lon=(0.0, 0.0, 0.0),
    )
    found = read_metadata(path)
    assert (found.captured_at, found.position_lonlat, found.focal_mm, found.focal_35mm_mm) == (None, None, None, None)
    assert (found.relative_altitude_m, found.gimbal_pitch_deg, found.laser_range_m) == (None, None, None)
    assert (found.focal_plane_mm, found.digital_zoom) == (None, 1.0)
    for word in ("1904", "FocalLength ", "35mm", "focal plane", "GPS position", "all 0", "TooFar"):
        assert sum(word in note for note in found.notes) == 1, (word, found.notes)


def test_orientation_and_editors_are_told(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.jpg", PICTURE, orientation=6, software="Some Photo Viewer 10.0")
    found = read_metadata(path)
    assert (found.orientation, found.edited_by) == (6, "Some Photo Viewer 10.0")
    assert any("orientation 6 (turned) is not applied" in note for note in found.notes)
    assert read_metadata(write_photo(tmp_path / "b.jpg", PICTURE, software="v01.23.4920")).edited_by is None


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_to_the_metadata_breaks_the_reader(data: st.DataObject, tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.jpg", PICTURE, xmp=dji(**FLIGHT), make="DJI", focal=8.8, **PLACE)
    body = bytearray(path.read_bytes()[:1200])
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), max_size=12)):
        body[place] = value
    path.write_bytes(body[: data.draw(st.integers(0, 1200))])
    assert isinstance(read_metadata(path).notes, tuple)


@pytest.mark.realdata
def test_real_and_broken_headers_give_notes_or_values(shared_data: Path) -> None:
    files = sorted((shared_data / "drone").rglob("*.[jJ][pP][gG]"))
    found = {path.name: read_metadata(path) for path in files}
    assert len(found) == 42
    assert found["DSCN0010.jpg"].captured_at == datetime(2008, 10, 23, 14, 27, 7, tzinfo=UTC)
    flight = found["DJI_0032.JPG"]
    assert flight.position_lonlat == pytest.approx((-91.993829, 46.842458), abs=1e-6)
    assert (flight.relative_altitude_m, flight.gimbal_pitch_deg, flight.gimbal_yaw_deg) == (40.1, -89.9, 42.0)
    edited = sorted(name for name, one in found.items() if one.edited_by and name.startswith("DJI"))
    assert edited == ["DJI_0028.JPG", "DJI_0029.JPG"]
