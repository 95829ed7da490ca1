"""Cloud-optimised GeoTIFFs: what was written is what is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.shutil

from findings.errors import OutputError
from imagery.cog import CogFile, RasterSpec

VALUES = np.random.default_rng(0).integers(1, 5000, (4, 600, 700)).astype(np.int16)
PLACE: dict[str, Any] = {"crs": "EPSG:32652", "transform": (10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0)}


def write(path: Path, **changes: Any) -> None:
    with CogFile(path, RasterSpec(700, 600, 4, "int16", -32768, **(PLACE | changes))) as out:
        out.write_stored(0, VALUES[:, :512])
        out.write_stored(512, VALUES[:, 512:])


def test_bands_come_back_with_names_scale_tags_and_overviews(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", names=("a", "b", "c", "d"), scale=0.0001, tags={"SOURCE": "test"})
    with rasterio.open(tmp_path / "a.tif") as data:
        np.testing.assert_array_equal(data.read(), VALUES)
        assert (data.descriptions, data.scales, data.tags()["SOURCE"]) == (("a", "b", "c", "d"), (0.0001,) * 4, "test")
        assert (data.overviews(1), data.block_shapes[0]) == ([2], (512, 512))


def test_a_file_that_does_not_read_back_as_it_was_written_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = rasterio.shutil.copy

    def spoil(source: Path, target: Path, **options: Any) -> None:
        with rasterio.open(source, "r+") as data:
            data.write(data.read(1) + 1, 1)
        copy(source, target, **options)

    monkeypatch.setattr(rasterio.shutil, "copy", spoil)
    with pytest.raises(OutputError, match="does not read back"):
        write(tmp_path / "a.tif")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "stored", [VALUES[:3, :512], VALUES[:, :512, :9], VALUES[:, :, :, None], np.tile(VALUES, (1, 2, 1))]
)
def test_rows_of_another_shape_are_refused_and_nothing_stays(stored: np.ndarray, tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="rows"),
        CogFile(tmp_path / "a.tif", RasterSpec(700, 600, 4, "int16", -32768)) as out,
    ):
        out.write_stored(0, stored)
    assert not list(tmp_path.iterdir())
