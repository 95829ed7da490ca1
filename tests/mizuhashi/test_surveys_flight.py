"""``mizuhashi surveys flight`` through its own door, on a generated flight with one picture turned by 180 degrees."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from findings.store import Store, store_url
from findings.survey import Image
from tests.imagery.files import dji, write_photo
from tests.imagery.flight.flights import GSD_M, PLANE, WIDTH, Truth, lonlat, make_ground, shoot
from tests.mizuhashi.conftest import Program

TURNED = "IMG_0003.jpg"
HEIGHT_M = 40.0


def write(path: Path, pixels: np.ndarray, truth: Truth) -> None:
    """Write a photograph as a drone does: EXIF position, and XMP with height and direction."""
    lon, lat = lonlat(truth.place_m)
    xmp = dji(
        RelativeAltitude=f"+{HEIGHT_M:.2f}",
        GimbalPitchDegree="-90.00",
        GimbalYawDegree=f"{truth.yaw_deg:.2f}",
        GimbalRollDegree="0.00",
        GpsLatitude=f"{lat:.8f}",
        GpsLongitude=f"{lon:.8f}",
    )
    focal35 = round(36.0 * HEIGHT_M / (GSD_M * WIDTH))
    write_photo(path, np.repeat(pixels[:, :, None], 3, axis=2), xmp=xmp, focal35=focal35)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    ground = make_ground(3)
    for k in range(5):
        truth = Truth(complex(9.0 * k - 18.0, 5.0 * k - 10.0), 60.0 + k, GSD_M)
        pixels = shoot(ground, truth)
        write(folder / f"IMG_{k + 1:04d}.jpg", cv2.rotate(pixels, cv2.ROTATE_180) if k == 2 else pixels, truth)
    return folder


def images(home: Path) -> list[Image]:
    with Store(store_url(home), home) as store:
        return store.images(store.survey("flight").uid)


def top_edge_deg(image: Image) -> float:
    """Return the direction from the middle of the picture to its upper edge, clockwise from north."""
    assert image.footprint is not None
    corners = [complex(*PLANE(*point)) for point in list(image.footprint.exterior.coords)[:4]]
    up = (corners[0] + corners[1]) / 2 - sum(corners) / 4
    return math.degrees(math.atan2(up.real, up.imag))


def test_the_turned_picture_is_told_and_put_right_only_on_demand(
    program: Program, home: Path, photos: Path, tmp_path: Path
) -> None:
    assert program("ingest", photos, "--survey", "flight").status == 0
    before = images(home)
    out = tmp_path / "tables" / "flight.csv"
    told = program("surveys", "flight", "flight", "--out", out)
    assert told.status == 0, told.err
    assert is_table(out.read_bytes())
    line = next(line for line in told.out.splitlines() if line.startswith(TURNED))
    assert "turned by 180 degrees against its flight record: " in line
    assert "1 images can be put right: run again with --apply" in told.out
    assert "median residual" in told.out
    assert images(home) == before

    applied = program("surveys", "flight", "flight", "--apply")
    assert "5 images written, 1 of them with another outline" in applied.out
    after = images(home)
    assert top_edge_deg(before[2]) == pytest.approx(62.0, abs=1.0)
    assert top_edge_deg(after[2]) == pytest.approx(62.0 - 180.0, abs=1.0)
    assert [a.footprint == b.footprint for a, b in zip(before, after, strict=True)] == [True, True, False, True, True]
    assert any("put right" in note for note in after[2].notes)
    assert all(any(note.startswith("flight check: ") for note in image.notes) for image in after)

    again = program("surveys", "flight", "flight", "--apply", "--json").document
    assert {image["verdict"] for image in again["images"]} == {"agrees"}
    assert again["written"] == 1  # the note of the picture that was turned
    assert [image.footprint for image in images(home)] == [image.footprint for image in after]
    assert any("put right" in note for note in images(home)[2].notes)


def is_table(stored: bytes) -> bool:
    """Return whether that is the CSV of the flight, as spreadsheets take it."""
    table = list(csv.DictReader(io.StringIO(stored.decode("utf-8-sig"))))
    assert [row["image"] for row in table] == [f"IMG_{k + 1:04d}.jpg" for k in range(5)]
    assert float(table[0]["residual_m"]) < 1.0
    return stored.startswith(b"\xef\xbb\xbf") and table[2]["verdict"] == "turned"


def test_poses_of_opendronemap_are_taken_and_written(
    program: Program, home: Path, photos: Path, tmp_path: Path
) -> None:
    import pyproj

    utm = pyproj.Proj(proj="utm", zone=52, ellps="WGS84")
    shots = []
    for k in range(4):  # the fifth has no shot
        place = complex(9.0 * k - 18.0, 5.0 * k - 10.0)
        lon, lat = lonlat(place)
        east, north = utm(lon, lat)
        yaw = 60.0 + k + (180.0 if k == 2 else 0.0) - utm.get_factors(lon, lat).meridian_convergence
        h = math.radians(yaw)
        down = np.array([[math.cos(h), -math.sin(h), 0], [-math.sin(h), -math.cos(h), 0], [0, 0, -1.0]])
        properties = {
            "filename": f"IMG_{k + 1:04d}.JPG", "camera": "c", "translation": [east, north, 140.0],
            "rotation": cv2.Rodrigues(down)[0].ravel().tolist(),
        }  # fmt: skip
        point = {"type": "Point", "coordinates": [lon, lat, 140.0]}
        shots.append({"type": "Feature", "properties": properties, "geometry": point})
    folder = tmp_path / "odm"
    folder.mkdir()
    (folder / "shots.geojson").write_text(json.dumps({"features": shots}), encoding="utf-8")
    camera = {"projection_type": "perspective", "width": 480, "height": 320, "focal": HEIGHT_M / (GSD_M * WIDTH)}
    (folder / "cameras.json").write_text(json.dumps({"c": camera}), encoding="utf-8")

    program("ingest", photos, "--survey", "flight")
    ran = program("surveys", "flight", "flight", "--odm", folder, "--ground", "100", "--apply")
    assert ran.status == 0, ran.err
    assert "OpenDroneMap: 4 of 5 images placed" in ran.out
    assert "no shot of IMG_0005.jpg" in ran.err
    assert "turned by" not in ran.out
    after = images(home)
    assert [image.scale.source.value for image in after] == [*["bundle_adjustment"] * 4, after[4].scale.source.value]
    assert after[0].scale.gsd_mm == pytest.approx(1000 * GSD_M, rel=1e-3)
    assert top_edge_deg(after[2]) == pytest.approx(62.0 - 180.0, abs=0.2)


def test_what_cannot_be_checked_is_one_clear_sentence(program: Program, photos: Path, tmp_path: Path) -> None:
    program("ingest", photos / "IMG_0001.jpg", "--survey", "one")
    alone = program("surveys", "flight", "one")
    assert alone.status == 1
    assert "1 photograph(s) that can take part" in alone.err
    assert "Traceback" not in alone.err
    assert "no survey named 'none'" in program("surveys", "flight", "none").err
    program("ingest", photos, "--survey", "flight")
    bad = program("surveys", "flight", "flight", "--odm", tmp_path)
    assert bad.status == 1
    assert "give the project folder of OpenDroneMap" in bad.err
    assert program("surveys", "flight", "flight", "--ground", "3").status == 2


def test_a_file_that_is_gone_is_told_and_the_rest_is_checked(program: Program, photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    for file in sorted(photos.glob("*.jpg")):
        (folder / file.name).write_bytes(file.read_bytes())
    program("ingest", folder, "--survey", "flight")
    (folder / "IMG_0005.jpg").unlink()
    Pillow.new("RGB", (30, 20)).save(folder / "IMG_0004.jpg")
    ran = program("surveys", "flight", "flight")
    assert ran.status == 3
    assert "no such file" in ran.out
    assert "another file lies there now" in ran.out
    assert "turned by 180 degrees" in ran.out
