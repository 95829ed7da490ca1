"""Bad input through the command line: one clear line each, nothing half-written, the other images still processed."""

from __future__ import annotations

import errno
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import rasterio
from rasterio import Affine

from mizuhashi.__main__ import main

SIDE = 128
Capture = pytest.CaptureFixture[str]


def photograph(path: Path, seed: int = 1) -> Path:
    rng = np.random.default_rng(seed)
    picture = rng.normal(140, 8, (SIDE, SIDE, 3))
    cv2.imwrite(str(path), cv2.GaussianBlur(picture, (3, 3), 0.8).clip(0, 255).astype(np.uint8))
    return path


def scene(path: Path, *, bands: tuple[str, ...] = ("green", "red", "nir", "swir1"), **profile: Any) -> Path:
    rng = np.random.default_rng(2)
    values = rng.normal(1500, 120, (len(bands), SIDE, SIDE)).astype("float32")
    values[:, 40:90] *= np.array([0.6, 0.5, 0.2, 0.05, 0.05, 0.05])[: len(bands), None, None]
    values = profile.pop("change", lambda v: v)(values)
    place = {"crs": "EPSG:32652", "transform": Affine(10, 0, 600_000, 0, -10, 3_780_000)}
    settings = {**place, **profile}
    shape = {"width": SIDE, "height": SIDE, "count": len(bands), "dtype": values.dtype}
    with rasterio.open(path, "w", driver="GTiff", **shape, **settings) as file:
        file.write(values)
        file.descriptions = bands
    return path


def png_of_a_gigapixel(path: Path) -> Path:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")
    )
    return path


def truncated(path: Path) -> Path:
    whole = photograph(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def written(text: str) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_text(text)
        return path

    return write


VRT = """<VRTDataset rasterXSize="9" rasterYSize="9">
<VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand">
<SourceFilename>/etc/passwd</SourceFilename></VRTRasterBand></VRTDataset>"""

REFUSED: list[tuple[str, Callable[[Path], Path], str]] = [
    ("truncated.jpg", truncated, "truncated"),
    ("empty.jpg", written(""), "empty"),
    ("text.tif", written("not a picture at all"), "not a"),
    ("vrt.tif", written(VRT), "VRT"),
    ("huge.png", png_of_a_gigapixel, "header promises"),
]


def only_nodata(values: np.ndarray) -> np.ndarray:
    return np.full_like(values, -9999)


def one_band_of_nan(values: np.ndarray) -> np.ndarray:
    values[3] = np.nan
    return values


def holes_of_nan(values: np.ndarray) -> np.ndarray:
    values[:, :20] = np.nan
    return values


# name, maker, how it is described when taken, what the inspection says of it ("" = inspected like any other)
TAKEN: list[tuple[str, Callable[[Path], Path], str, str]] = [
    ("plain.jpg", photograph, "unknown", ""),
    ("no_crs.tif", lambda p: scene(p, crs=None), "no CRS", ""),
    ("nodata.tif", lambda p: scene(p, nodata=-9999, change=only_nodata), "", "nodata"),
    ("nan_band.tif", lambda p: scene(p, change=one_band_of_nan), "", ""),
    ("nan_holes.tif", lambda p: scene(p, change=holes_of_nan), "", ""),
    ("no_nir.tif", lambda p: scene(p, bands=("blue", "green", "red", "swir1")), "", "nir"),
]


def run(home: Path, *words: object) -> int:
    return main(["--home", str(home), *map(str, words)])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.mark.parametrize(("name", "make", "said"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_refused_file_is_one_line_and_the_good_one_beside_it_is_inspected(
    home: Path, tmp_path: Path, capsys: Capture, name: str, make: Callable[[Path], Path], said: str
) -> None:
    bad, good = make(tmp_path / name), photograph(tmp_path / "good.jpg")
    assert run(home, "ingest", bad, good, "--survey", "s") == 3
    told = capsys.readouterr().err.splitlines()
    lines = [line for line in told if name in line and not line.startswith("ingest ")]  # but for progress
    assert len(lines) == 1
    assert said.lower() in lines[0].lower()
    assert "Traceback" not in lines[0]
    assert run(home, "inspect", "--survey", "s", "--json", "--device", "cpu") == 0
    assert json.loads(capsys.readouterr().out)["images_ok"] == 1
    assert list(home.rglob("*.partial")) == []


@pytest.mark.parametrize(("name", "make", "described", "judged"), TAKEN, ids=[row[0] for row in TAKEN])
def test_an_odd_but_sound_file_is_taken_and_judged_or_told_why_not(
    home: Path, tmp_path: Path, capsys: Capture, name: str, make: Callable[[Path], Path], described: str, judged: str
) -> None:
    odd, good = make(tmp_path / name), photograph(tmp_path / "good.jpg", seed=5)
    assert run(home, "ingest", odd, good, "--survey", "s") == 0
    told = capsys.readouterr().out
    assert described.lower() in next(line for line in told.splitlines() if name in line).lower()
    status = run(home, "inspect", "--survey", "s", "--json", "--device", "cpu")
    result = json.loads(capsys.readouterr().out)
    reasons = {row["image"]: row["reason"] for row in [*result["failures"], *result["not_assessed"]]}
    if judged:
        assert judged in reasons[name].lower()
        assert result["images_ok"] == 1
    else:
        assert reasons == {}
        assert result["images_ok"] == 2
    assert status == (3 if result["failures"] else 0)


def test_a_scale_the_model_was_not_made_for_is_not_assessed_unless_the_model_is_named(
    home: Path, tmp_path: Path, capsys: Capture
) -> None:
    far = photograph(tmp_path / "far.jpg")
    assert run(home, "ingest", far, "--survey", "s", "--gsd-mm", "17") == 0
    capsys.readouterr()
    assert run(home, "inspect", "--survey", "s", "--json", "--device", "cpu") == 0
    told = json.loads(capsys.readouterr().out)["not_assessed"][0]["reason"]
    assert "17 mm/px is outside the 0.1 to 3 mm/px that crack@2 was made for" in told
    assert run(home, "inspect", "--survey", "s", "--json", "--device", "cpu", "--model", "crack@1") == 0
    named = json.loads(capsys.readouterr().out)
    assert named["images_ok"] == 1
    assert "17 mm/px is outside" in named["remarks"][0]["remark"]


def test_a_survey_name_that_exists_with_other_files_is_refused_and_unchanged(
    home: Path, tmp_path: Path, capsys: Capture
) -> None:
    first, second = photograph(tmp_path / "a.jpg", 1), photograph(tmp_path / "b.jpg", 2)
    assert run(home, "ingest", first, "--survey", "s") == 0
    assert run(home, "ingest", second, "--survey", "s") == 1
    assert "another survey name" in capsys.readouterr().err
    assert run(home, "ingest", first, "--survey", "s") == 0
    assert "1 were there already" in capsys.readouterr().out


def test_a_file_that_changed_since_ingest_fails_alone(home: Path, tmp_path: Path, capsys: Capture) -> None:
    changed, good = photograph(tmp_path / "a.jpg", 1), photograph(tmp_path / "b.jpg", 2)
    assert run(home, "ingest", changed, good, "--survey", "s") == 0
    photograph(changed, 9)
    capsys.readouterr()
    assert run(home, "inspect", "--survey", "s", "--json") == 3
    result = json.loads(capsys.readouterr().out)
    assert [row["image"] for row in result["failures"]] == ["a.jpg"]
    assert result["images_ok"] == 1


def test_a_full_disk_ends_the_run_with_one_line_and_leaves_nothing_half_written(
    home: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    river = scene(tmp_path / "river.tif")
    assert run(home, "ingest", river, "--survey", "s") == 0

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        patch.setattr("inference.pipeline.scene_places", _one_place)
        assert run(home, "inspect", "--survey", "s") == 1
    error = capsys.readouterr().err
    assert "No space left on device" in error
    assert "Traceback" not in error
    assert list((home / "evidence").rglob("*.jpg")) == []
    assert run(home, "findings", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def _one_place(scene: Any) -> tuple[list[Any], list[str]]:
    from shapely.geometry import box

    from findings.measure import Measure
    from inference.judgement import Place

    area = Measure("area", 100.0, "m2", 80.0, 120.0, "test")
    return [Place("R15", box(10, 10, 20, 20), 0.9, (area,), {})], []
