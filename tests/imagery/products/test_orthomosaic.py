"""Large rasters that can only be read from the top get tiles and overviews, and keep every bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

import imagery.products.orthomosaic as orthomosaic
from findings.errors import UnreadableImage
from imagery.ingest import describe
from imagery.products import find_products, take_product
from imagery.products.orthomosaic import needs_cog, to_cog
from imagery.reader import open_image
from imagery.types import Window
from tests.imagery.files import UTM, write_tif
from tests.test_layout import ROOT


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orthomosaic, "SMALL_PX", 256)
    monkeypatch.setattr(orthomosaic, "LARGEST_OVERVIEW_PX", 512)


def mosaic(path: Path, *, dtype: str = "uint8", bands: int = 3, size: int = 700, **profile: Any) -> Path:
    values = np.random.default_rng(0).integers(1, 250, (bands, size, size + 40)).astype(dtype)
    return write_tif(path, values, **({"photometric": "RGB"} | UTM | profile))


@pytest.mark.parametrize(
    ("dtype", "bands", "profile"),
    [
        ("uint8", 3, {}), ("uint8", 4, {"alpha": "YES"}), ("uint8", 4, {"alpha": "UNSPECIFIED"}),
        ("uint16", 4, {"alpha": "UNSPECIFIED"}), ("uint8", 3, {"nodata": 0}),
    ],
)  # fmt: skip
def test_an_untiled_mosaic_becomes_a_cog_bit_for_bit(
    dtype: str, bands: int, profile: dict[str, Any], tmp_path: Path
) -> None:
    path = mosaic(tmp_path / "a.tif", dtype=dtype, bands=bands, **profile)
    assert "not tiled" in (needs_cog(path) or "")
    copy = to_cog(path, tmp_path / "out")
    with rasterio.open(path) as old, rasterio.open(copy) as new:
        np.testing.assert_array_equal(old.read(), new.read())
        assert (old.crs, old.transform, old.nodata, old.dtypes) == (new.crs, new.transform, new.nodata, new.dtypes)
        assert (old.colorinterp == new.colorinterp) or ColorInterp.alpha not in (*old.colorinterp, *new.colorinterp)
        assert new.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert new.overviews(1)
    with open_image(path) as old_reader, open_image(copy) as new_reader:
        assert old_reader.bands == new_reader.bands
    assert needs_cog(copy) is None
    assert [file.name for file in (tmp_path / "out").iterdir()] == [copy.name]


def test_names_and_tags_of_the_mosaic_are_kept(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(1, 250, (4, 600, 700), dtype=np.uint8)
    path = write_tif(tmp_path / "a.tif", values, ("red", "green", "blue", "nir"), **UTM)
    with rasterio.open(path, "r+") as data:
        data.update_tags(TIFFTAG_DATETIME="2023:04:05 06:07:08")
    copy = to_cog(path, tmp_path)
    assert describe(copy).band_names == ("red", "green", "blue", "nir")
    assert describe(copy).captured_at == describe(path).captured_at is not None


def test_an_inner_mask_goes_on_hiding(tmp_path: Path) -> None:
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        path = mosaic(tmp_path / "a.tif")
        with rasterio.open(path, "r+") as data:
            shown = np.full((700, 740), 255, np.uint8)
            shown[:50, :60] = 0
            data.write_mask(shown)
    with open_image(to_cog(path, tmp_path / "out")) as reader:
        values = reader.read(Window(0, 0, 740, 700)).values
        assert reader.bands == ("red", "green", "blue")
    assert np.isnan(values[:, :50, :60]).all()
    assert np.isnan(values).sum() == 3 * 50 * 60


def test_tiled_with_overviews_small_or_without_a_place_are_taken_as_they_are(tmp_path: Path) -> None:
    tiled = mosaic(tmp_path / "a.tif", tiled=True, blockxsize=256, blockysize=256)
    assert needs_cog(tiled) == "no overviews"
    with rasterio.open(tiled, "r+") as data:
        data.build_overviews([2, 4])
    assert needs_cog(tiled) is None
    assert needs_cog(mosaic(tmp_path / "b.tif", size=100)) is None
    assert needs_cog(mosaic(tmp_path / "c.tif", crs=None, transform=None)) is None
    assert find_products([tmp_path]).products == ()


def test_a_copy_is_made_once_and_found_again_for_the_same_bytes(tmp_path: Path) -> None:
    path = mosaic(tmp_path / "river_20230405.tif")
    (ref,) = find_products([path]).products
    copy = take_product(ref, tmp_path / "scenes")
    before = copy.stat().st_mtime_ns
    assert take_product(ref, tmp_path / "scenes") == copy
    assert copy.stat().st_mtime_ns == before
    assert describe(copy).captured_at is not None  # the date in the name is kept


def test_a_truncated_mosaic_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    path = mosaic(tmp_path / "a.tif")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(UnreadableImage, match=r"a\.tif"):
        to_cog(path, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))


PEAK = r"""
import re, sys
from pathlib import Path
from imagery.products.orthomosaic import to_cog
to_cog(Path(sys.argv[1]), Path(sys.argv[2]))
status = Path("/proc/self/status").read_text()  # ru_maxrss would count the process that started this one
print(int(re.search(r"VmHWM:\s+(\d+)", status)[1]) // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_mosaic(tmp_path: Path) -> None:
    peaks = []
    for size in (2500, 6000):  # 25 and 144 MB
        row = np.random.default_rng(0).integers(90, 160, (4, 100, size), dtype=np.uint8)
        path = write_tif(tmp_path / f"{size}.tif", np.tile(row, (1, size // 100, 1)), photometric="RGB", **UTM)
        command = [sys.executable, "-c", PEAK, str(path), str(tmp_path / "out")]
        ran = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
        peaks.append(int(ran.stdout))
    assert peaks[1] - peaks[0] < 150, peaks  # GDAL's cache of 64 MiB and wider strips; without the cap 280
