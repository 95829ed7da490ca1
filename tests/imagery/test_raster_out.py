"""Probability maps: exact, complete or absent."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from findings.errors import OutputError
from imagery.raster_out import FULL, decode_probability, encode_probability, open_writer
from imagery.reader import open_image
from imagery.types import FloatArray, Window

TRANSFORM = (10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0)


def _map(seed: int = 0, height: int = 300, width: int = 700) -> FloatArray:
    values = np.random.default_rng(seed).random((height, width), dtype=np.float32)
    values[:20, :30] = np.nan
    return values


def _write(path: Path, values: FloatArray, step: int = 128) -> None:
    with open_writer(path, values.shape[1], values.shape[0], crs="EPSG:32652", transform=TRANSFORM) as writer:
        for row in range(0, len(values), step):
            writer.write(row, values[row : row + step])


@contextmanager
def _full_disk(limit_bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a full disk (EFBIG instead of ENOSPC)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@settings(deadline=None)
@given(st.floats(0, 1, width=32))
def test_a_probability_comes_back_within_half_a_step(value: float) -> None:
    found = decode_probability(encode_probability(np.array([value, np.nan], np.float32)))
    assert abs(found[0] - value) <= 0.5 / FULL + 1e-6
    assert np.isnan(found[1])


def test_a_png_map_holds_the_bytes_and_says_what_they_mean(tmp_path: Path) -> None:
    values = _map()
    _write(tmp_path / "a.png", values)
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        assert (np.asarray(image) == encode_probability(values)).all()
        assert image.text["Encoding"].startswith("0..254 = probability")  # type: ignore[attr-defined]
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_tif_map_is_a_cog_with_the_place_of_its_image(tmp_path: Path) -> None:
    values = _map(height=600, width=1100)
    _write(tmp_path / "a.tif", values)
    with rasterio.open(tmp_path / "a.tif") as data:
        assert (data.read(1) == encode_probability(values)).all()
        assert tuple(data.transform)[:6] == TRANSFORM
        assert (data.crs.to_epsg(), data.nodata, data.block_shapes[0]) == (32652, 255, (512, 512))
        assert data.overviews(1)
        assert data.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    with open_image(tmp_path / "a.tif") as reader:
        assert np.isnan(reader.read(Window(0, 0, 30, 20)).values).all()
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.parametrize("limit", [300, 60_000, 195_000])
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_a_full_disk_leaves_nothing_behind_and_the_old_map_in_place(name: str, limit: int, tmp_path: Path) -> None:
    old = _map(seed=1, height=8, width=8)
    _write(tmp_path / name, old)
    before = (tmp_path / name).read_bytes()
    with pytest.raises(OutputError, match=r"free some space"), _full_disk(limit):
        _write(tmp_path / name, _map())
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_a_failure_of_the_caller_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    def stop(error: Exception | None) -> None:
        with open_writer(tmp_path / name, 8, 8) as writer:
            writer.write(0, np.zeros((4, 8), np.float32))
            if error:
                raise error

    with pytest.raises(RuntimeError, match="model"):
        stop(RuntimeError("the model fails"))
    with pytest.raises(ValueError, match="4 of 8 rows"):
        stop(None)
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "a.jpg", tmp_path / "no" / "a.png", tmp_path / "no" / "a.tif"):
        with pytest.raises(OutputError, match=path.name), open_writer(path, 8, 8):
            pass
