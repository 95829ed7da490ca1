"""Photographs through ``mizuhashi ingest``: copies, places far away, and what the user says they show."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from findings.store import Store, store_url
from imagery.pose import Pose
from imagery.surface import Face, Level, Relief
from tests.imagery.files import dji, grey_picture, write_photo, write_tif
from tests.mizuhashi.conftest import Program

PLACE: dict[str, Any] = {"lat_ref": "N", "lat": (35.0, 0.0, 0.0), "lon_ref": "E", "lon": (139.0, 0.0, 0.0)}


def _photo(path: Path, seed: int = 0, pitch: float = -90.0) -> Path:
    xmp = dji(
        RelativeAltitude="20", GimbalPitchDegree=f"{pitch}", GimbalYawDegree="10", GimbalRollDegree="0",
        AbsoluteAltitude="90",
    )  # fmt: skip
    return write_photo(path, grey_picture(np.random.default_rng(seed)), xmp=xmp, focal35=24, **PLACE)


def _pose(home: Path, survey: str) -> Pose:
    with Store(store_url(home), home) as store:
        (image,) = store.images(store.survey(survey).uid)
    assert image.view is not None
    return Pose.from_json(image.view)


def test_a_copy_under_another_name_is_told_and_taken_once(program: Program, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    first = _photo(folder / "a.jpg")
    copy = Path(shutil.copy(first, folder / "copy of a.jpg"))
    ran = program("ingest", str(folder), "--survey", "s")
    assert ran.status == 0
    assert f"not taken {copy}: the same bytes under another name; taken is {first}" in ran.err
    assert "1 images taken, 1 were copies of others, 0 refused" in ran.out
    other = Path(shutil.copy(first, tmp_path / "third.jpg"))
    again = program("ingest", str(other), "--survey", "s")
    assert f"{other}: the same bytes as {first}, which is in the survey already" in again.err
    assert "0 images taken, 1 were there already" in again.out
    same = program("ingest", str(first), "--survey", "s")
    assert "already\n" not in same.err  # the file itself given again is no copy
    with Store(store_url(home), home) as store:
        assert len(store.images(store.survey("s").uid)) == 1


def test_a_photograph_far_from_its_asset_is_told(program: Program, tmp_path: Path) -> None:
    where = {"type": "Point", "coordinates": [139.1, 35.0]}
    feature = {"type": "Feature", "properties": {"uid": "B1", "kind": "bridge", "name": "錦橋"}, "geometry": where}
    (tmp_path / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert program("assets", "import", str(tmp_path / "a.geojson")).status == 0
    ran = program("ingest", str(_photo(tmp_path / "a.jpg")), "--survey", "s", "--asset", "B1")
    assert "taken 9.11 km from 錦橋, further than 2 km" in ran.out


def test_what_they_show_is_stored_with_the_picture(program: Program, home: Path, tmp_path: Path) -> None:
    down, ahead = _photo(tmp_path / "a.jpg"), _photo(tmp_path / "b.jpg", 1, pitch=0.0)
    assert program("ingest", str(down), "--survey", "g", "--ground-height", "-5").status == 0
    assert _pose(home, "g").surface == Level(25.0, "stated ground")
    assert program("ingest", str(ahead), "--survey", "f", "--face", "190", "--stand-off", "4").status == 0
    face = _pose(home, "f").surface
    assert isinstance(face, Face)
    assert face.azimuth_deg == 190.0
    assert face.distance_m == pytest.approx(4.0)
    step = 1e-5
    dem = write_tif(
        tmp_path / "dem.tif", np.full((1, 400, 400), 70.0, np.float32), crs="EPSG:4326",
        transform=rasterio.Affine(step, 0, 139.0 - 200 * step, 0, -step, 35.0 + 200 * step),
    )  # fmt: skip
    assert program("ingest", str(down), "--survey", "t", "--terrain", str(dem)).status == 0
    relief = _pose(home, "t").surface
    assert isinstance(relief, Relief)
    assert relief.distance_m == pytest.approx(20.0, abs=0.01)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--face", "10", "--ground-height", "0"), "one question"),
        (("--face", "nan"), "--face nan"),
        (("--ground-height", "9999"), "--ground-height 9999"),
        (("--terrain", "absent.tif"), "give a GeoTIFF of heights in metres"),
    ],
)
def test_a_statement_that_cannot_be_meant_is_refused_before_anything_is_taken(
    words: tuple[str, ...], told: str, program: Program, home: Path, tmp_path: Path
) -> None:
    ran = program("ingest", str(_photo(tmp_path / "a.jpg")), "--survey", "s", *words)
    assert ran.status == 2
    assert told in ran.err
    assert not list(home.rglob("*.db"))
