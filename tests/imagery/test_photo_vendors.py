"""XMP of the makers: names, angles, accuracy and calibration, wherever in the file the packet lies."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagery.photo import PhotoMetadata, read_metadata
from imagery.rtk import Fix, PositionSigma, position_sigma
from imagery.xmp import number, numbers, read_fields
from imagery.xmp_packets import packets
from tests.imagery.files import dji, grey_picture, write_photo

PICTURE = grey_picture(np.random.default_rng(3), 40, 60)
PLACE: dict[str, Any] = {"lat_ref": "N", "lat": (35.0, 0.0, 0.0), "lon_ref": "E", "lon": (139.0, 0.0, 0.0)}
M30T = {  # the layout that an M30T writes
    "GpsLatitude": "+49.726349021", "GpsLongitude": "+13.350951205", "AbsoluteAltitude": "+431.531",
    "RelativeAltitude": "+36.280", "GimbalRollDegree": "+0.00", "GimbalYawDegree": "+84.10",
    "GimbalPitchDegree": "-24.50", "FlightYawDegree": "+84.50", "GpsStatus": "RTK", "AltitudeType": "RtkAlt",
    "RtkFlag": "50", "RtkStdLon": "0.01224", "RtkStdLat": "0.01624", "RtkStdHgt": "0.03406",
    "LRFStatus": "Normal", "LRFTargetDistance": "54.103", "LRFTargetLon": "13.3516290",
    "LRFTargetLat": "49.7263932", "LRFTargetAbsAlt": "409.100",
}  # fmt: skip


def _packet(body: str, *declared: str) -> str:
    names = " ".join(f'xmlns:{one}="{uri}"' for one, uri in (pair.split("=") for pair in declared))
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description {names} {body}</rdf:RDF></x:xmpmeta>'


def _read(tmp_path: Path, xmp: str, **exif: Any) -> PhotoMetadata:
    return read_metadata(write_photo(tmp_path / "a.jpg", PICTURE, xmp=xmp, **exif))


def test_dji_tells_fix_laser_target_and_datum(tmp_path: Path) -> None:
    found = _read(tmp_path, dji(**M30T))
    assert (found.vendor, found.fix, found.altitude_reference) == ("DJI", Fix.FIXED, "ellipsoid")
    assert found.position_lonlat == pytest.approx((13.350951205, 49.726349021))
    assert (found.laser_range_m, found.laser_target) == (54.103, (13.351629, 49.7263932, 409.1))
    assert found.position_sigma is not None
    assert found.position_sigma.horizontal_m == pytest.approx(np.hypot(0.01438, 0.03), abs=1e-4)
    assert found.position_sigma.height_m == pytest.approx(np.hypot(0.03406, 0.03), abs=1e-4)
    assert found.notes == ()


@pytest.mark.parametrize("name", ["GpsLongitude", "GpsLongtitude", "Longitude"])
def test_every_spelling_of_the_longitude_counts(name: str, tmp_path: Path) -> None:
    found = _read(tmp_path, dji(GpsLatitude="+35.5", **{name: "+139.25"}))
    assert found.position_lonlat == (139.25, 35.5)


def test_autel_writes_dji_names_under_another_prefix_or_pix4d_angles(tmp_path: Path) -> None:
    newer = _read(tmp_path, dji(**M30T).replace("drone-dji:", "drone:"))
    assert (newer.vendor, newer.gimbal_pitch_deg, newer.relative_altitude_m) == ("Autel", -24.5, 36.28)
    camera = _packet('Camera:Yaw="30" Camera:Pitch="{}" Camera:Roll="1"/>', "Camera=http://pix4d.com/camera/1.0/")
    older = _read(tmp_path, camera.format("40"), make="Autel Robotics")
    assert (older.gimbal_pitch_deg, older.gimbal_yaw_deg, older.gimbal_roll_deg) == (-50.0, 30.0, 1.0)
    other = _read(tmp_path, camera.format("-35"), make="Autel Robotics")
    assert other.gimbal_pitch_deg == -35.0
    assert any("read as the angle to the horizon" in note for note in other.notes)


def test_parrot_has_its_own_angles_accuracy_and_lens(tmp_path: Path) -> None:
    # values of Parrot's documentation; its two sets of angles describe the same camera
    pix4d = (
        "<Camera:Yaw>146.781036</Camera:Yaw><Camera:Pitch>38.011101</Camera:Pitch><Camera:Roll>-0.041258</Camera:Roll>"
        "<Camera:GPSXYAccuracy>845389/2097152</Camera:GPSXYAccuracy>"
        "<Camera:GPSZAccuracy>5117051/8388608</Camera:GPSZAccuracy>"
        "<Camera:AboveGroundAltitude>11485529/262144</Camera:AboveGroundAltitude>"
        "<Camera:PerspectiveFocalLength>527/100</Camera:PerspectiveFocalLength>"
        "<Camera:PrincipalPoint><rdf:Seq><rdf:li>3.24425673</rdf:li><rdf:li>2.43319273</rdf:li></rdf:Seq>"
        "</Camera:PrincipalPoint>"
    )
    own = (
        "<drone-parrot:CameraYawDegree>146.848038</drone-parrot:CameraYawDegree>"
        "<drone-parrot:CameraPitchDegree>-51.988888</drone-parrot:CameraPitchDegree>"
        "<drone-parrot:CameraRollDegree>-0.052789</drone-parrot:CameraRollDegree>"
    )
    both = _read(tmp_path, _packet(f">{pix4d}{own}</rdf:Description>"), make="Parrot", **PLACE)
    assert (both.vendor, both.gimbal_pitch_deg, both.gimbal_yaw_deg) == ("Parrot", -51.988888, 146.848038)
    assert both.above_ground_m == pytest.approx(43.814, abs=1e-3)
    assert both.position_sigma is not None
    assert both.position_sigma.horizontal_m == pytest.approx(0.404, abs=1e-3)
    assert both.position_sigma.height_m == pytest.approx(0.61, abs=1e-3)
    assert (both.calibrated_focal_mm, both.principal_point_mm) == (5.27, (3.24425673, 2.43319273))
    old = _read(tmp_path, _packet(f">{pix4d}</rdf:Description>"), make="Parrot")
    assert old.gimbal_pitch_deg == pytest.approx(-51.988888, abs=0.001)


def test_sensefly_counts_its_roll_the_other_way(tmp_path: Path) -> None:
    body = 'cam:Yaw="12.5" cam:Pitch="4" cam:Roll="-3"/>'
    found = _read(tmp_path, _packet(body, "cam=http://ns.sensefly.com/Camera/1.0/"), make="senseFly")
    assert (found.vendor, found.gimbal_yaw_deg, found.gimbal_pitch_deg, found.gimbal_roll_deg) == (
        "senseFly", 12.5, -86.0, 3.0,
    )  # fmt: skip


def test_prefixes_follow_their_declaration_not_their_name() -> None:
    packet = _packet('mine:GimbalPitchDegree="-80"/>', "mine=http://www.dji.com/drone-dji/1.0/").encode()
    assert read_fields(packet) == {"drone-dji:GimbalPitchDegree": "-80"}
    assert read_fields(b'<a other:GimbalPitchDegree="-80"/>') == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("+40.10", 40.1), ("5117051/8388608", 0.61), ("1/0", None), ("nan", None), ("", None), ("x", None)],
)
def test_numbers_come_as_decimals_or_fractions(text: str, expected: float | None) -> None:
    wanted = None if expected is None else pytest.approx(expected, abs=1e-3)
    assert number(text) == wanted
    if text:
        assert numbers(f"1,{text}") == (() if expected is None else (1.0, wanted))


def test_rtk_flags_become_a_sigma_that_grows_with_each_loss() -> None:
    by_flag = [position_sigma(fix).horizontal_m for fix in (Fix.FIXED, Fix.FLOAT, Fix.DIFFERENTIAL, Fix.SINGLE, None)]
    assert by_flag == sorted(by_flag)
    assert position_sigma(Fix.FIXED).horizontal_m < 0.05
    assert position_sigma(radius_m=4.5).horizontal_m == pytest.approx(2.97, abs=0.01)
    assert position_sigma(dop=1.2).horizontal_m == pytest.approx(3.6)
    assert position_sigma(Fix.FIXED, std_m=(0.0, 0.0, 0.0)) == position_sigma(Fix.FIXED)  # a deviation of 0 is none
    assert position_sigma().source.startswith("assumed")
    assert isinstance(position_sigma(), PositionSigma)


def test_deviations_of_a_lost_correction_are_not_believed(tmp_path: Path) -> None:
    lost = _read(tmp_path, dji(**M30T | {"RtkFlag": "16"}))
    assert lost.position_sigma is not None
    assert lost.position_sigma.horizontal_m > 1
    assert any("RtkFlag 16" in note for note in lost.notes)
    unknown = _read(tmp_path, dji(**M30T | {"RtkFlag": "77"}))
    assert any("RtkFlag 77 is not known" in note for note in unknown.notes)


def test_an_altitude_above_the_sea_is_not_taken_for_a_height_above_take_off(tmp_path: Path) -> None:
    found = _read(tmp_path, dji(**M30T | {"RelativeAltitude": "+812.4"}))
    assert found.relative_altitude_m is None
    assert any("812.4" in note and "counts from elsewhere" in note for note in found.notes)


def test_the_makers_calibration_is_read_or_told(tmp_path: Path) -> None:
    data = "2018-09-04;3678.87,3671.84,10.1,27.29,-0.268652,0.114663,0.0000152688,-0.0000460707,-0.0350261"
    found = _read(tmp_path, dji(DewarpData=data, DewarpFlag="1", CalibratedFocalLength="3666.666504"))
    assert found.dewarp is not None
    assert (found.dewarp[:4], found.dewarped, found.calibrated_focal_px) == (
        (3678.87, 3671.84, 10.1, 27.29),
        True,
        3666.666504,
    )
    short = _read(tmp_path, dji(DewarpData="2018-09-04;1,2,3"))
    assert short.dewarp is None
    assert any("not of nine numbers" in note for note in short.notes)


def test_japanese_time_without_zone_is_read_by_the_place(tmp_path: Path) -> None:
    taken: dict[str, Any] = {"taken": "2025:06:01 10:00:00"}
    there = read_metadata(write_photo(tmp_path / "a.jpg", PICTURE, **taken, **PLACE))
    assert there.captured_at is not None
    assert there.captured_at.isoformat() == "2025-06-01T01:00:00+00:00"
    assert any("without zone: read as Japan's" in note for note in there.notes)
    lake = PLACE | {"lon_ref": "W", "lon": (92.0, 0.0, 0.0)}
    elsewhere = read_metadata(write_photo(tmp_path / "b.jpg", PICTURE, **taken, **lake))
    assert elsewhere.captured_at is None
    exact = read_metadata(
        write_photo(
            tmp_path / "c.jpg",
            PICTURE,
            xmp=dji(UTCAtExposure="2025:06:01".replace(":", "-") + "T02:30:00"),
            **taken,
            **PLACE,
        )
    )
    assert exact.captured_at is not None
    assert exact.captured_at.hour == 2  # the drone's own UTC goes before a guess from the place
    assert not any("zone" in note for note in exact.notes)


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def test_an_extended_packet_is_put_together_in_the_order_of_its_offsets(tmp_path: Path) -> None:
    plain = write_photo(tmp_path / "plain.jpg", PICTURE).read_bytes()
    guid = b"0123456789ABCDEF0123456789ABCDEF"
    main = b"http://ns.adobe.com/xap/1.0/\0" + b'<x:xmpmeta xmpNote:HasExtendedXMP="' + guid + b'"/>'
    rest = dji(**M30T).encode()
    cut = len(rest) // 2
    pieces = [(cut, rest[cut:]), (0, rest[:cut])]  # written the wrong way round
    extended = [
        b"http://ns.adobe.com/xmp/extension/\0" + guid + struct.pack(">II", len(rest), offset) + body
        for offset, body in pieces
    ]
    path = tmp_path / "a.jpg"
    path.write_bytes(plain[:2] + b"".join(_segment(0xE1, body) for body in (main, *extended)) + plain[2:])
    assert read_metadata(path).gimbal_pitch_deg == -24.5
    stranger = tmp_path / "b.jpg"
    stranger.write_bytes(plain[:2] + b"".join(_segment(0xE1, body) for body in extended) + plain[2:])
    assert read_metadata(stranger).gimbal_pitch_deg is None  # nothing names these pieces


def test_a_packet_in_a_sub_directory_of_exif_is_found(tmp_path: Path) -> None:
    plain = write_photo(tmp_path / "plain.jpg", PICTURE).read_bytes()
    packet = dji(**M30T).encode()
    sub = 8 + 2 + 12 + 4
    head = b"II*\0" + struct.pack("<I", 8)
    first = struct.pack("<HHHIII", 1, 0x014A, 4, 1, sub, 0)
    second = struct.pack("<HHHIII", 1, 0x02BC, 7, len(packet), sub + 18, 0)
    block = b"Exif\0\0" + head + first + second + packet
    path = tmp_path / "a.jpg"
    path.write_bytes(plain[:2] + _segment(0xE1, block) + plain[2:])
    assert packets(path) == [packet]
    assert read_metadata(path).gimbal_pitch_deg == -24.5


def test_directories_that_point_at_themselves_end(tmp_path: Path) -> None:
    loop = b"II*\0" + struct.pack("<I", 8) + struct.pack("<HHHIII", 1, 0x014A, 4, 1, 8, 8)
    path = tmp_path / "a.tif"
    path.write_bytes(loop)
    assert packets(path) == []
