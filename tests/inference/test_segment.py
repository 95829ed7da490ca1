from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from numpy.typing import NDArray
from PIL import Image

from findings.errors import MissingBands, OutputError, UnreadableImage
from imagery import raster_out
from imagery.raster_out import decode_probability
from inference.segment import segment_file
from models.card import ClassSpec
from tests.inference.fakes import PointwiseModel, make_card

TRANSFORM = rasterio.Affine(10.0, 0.0, 300000.0, 0.0, -10.0, 4000000.0)


def write_scene(path: Path, values: NDArray[np.uint16]) -> Path:
    profile = {"driver": "GTiff", "dtype": "uint16", "nodata": 0, "crs": "EPSG:32652", "transform": TRANSFORM}
    with rasterio.open(path, "w", width=values.shape[2], height=values.shape[1], count=len(values), **profile) as out:
        out.write(values)
        for i, name in enumerate(("red", "nir"), 1):
            out.set_band_description(i, name)
    return path


def test_a_photograph_gets_one_png_that_holds_the_probability(tmp_path: Path) -> None:
    rgb = np.random.default_rng(3).integers(0, 255, (75, 130, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "wall.png")
    (path,), stats = segment_file(PointwiseModel(), tmp_path / "wall.png", tmp_path / "out", window=64, overlap=16)
    assert path == tmp_path / "out" / "wall.png"
    stored = np.asarray(Image.open(path))
    assert stored.dtype == np.uint8
    np.testing.assert_allclose(decode_probability(stored), 1 - rgb[:, :, 0] / 255, atol=0.003)
    assert stats.rows_read == 75


def test_a_scene_gets_a_cog_a_class_with_its_georeference_and_its_gaps(tmp_path: Path) -> None:
    values = np.full((2, 70, 90), 51, np.uint16)
    values[:, :20] = 0
    source = write_scene(tmp_path / "s2.tif", values)
    classes = tuple(ClassSpec(name=name, damage="water", threshold=0.5) for name in ("water", "bar"))
    card = make_card(bands=("red", "nir"), classes=classes, image_kind="scene")
    paths, _ = segment_file(PointwiseModel(card), source, tmp_path / "out")
    assert [p.name for p in paths] == ["s2.water.tif", "s2.bar.tif"]
    with rasterio.open(paths[1]) as made:
        assert (made.crs.to_epsg(), made.transform, made.nodata) == (32652, TRANSFORM, 255)
        assert made.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (made.read(1)[:20] == 255).all()
        assert (made.read(1)[20:] == round(0.8 * 254)).all()


def test_a_missing_band_is_refused_with_the_remedy_before_anything_is_written(tmp_path: Path) -> None:
    source = write_scene(tmp_path / "s2.tif", np.full((2, 40, 40), 9, np.uint16))
    card = make_card(bands=("red", "swir1"), image_kind="scene")
    with pytest.raises(MissingBands, match=r"swir1.*--bands"):
        segment_file(PointwiseModel(card), source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    renamed = make_card(bands=("red", "swir1"), image_kind="scene")
    paths, _ = segment_file(PointwiseModel(renamed), source, tmp_path / "out", bands=("red", "swir1"))
    assert paths[0].exists()


class Failing(PointwiseModel):
    def predict(self, pixels: torch.Tensor) -> torch.Tensor:
        if self.batches:
            raise OSError(28, "No space left on device")
        return super().predict(pixels)


def test_a_failure_half_way_leaves_no_map_and_keeps_the_one_of_before(tmp_path: Path) -> None:
    Image.new("RGB", (200, 300)).save(tmp_path / "wall.png")
    out = tmp_path / "out"
    with pytest.raises(OSError, match="No space"):
        segment_file(Failing(), tmp_path / "wall.png", out, window=64, overlap=0)
    assert list(out.iterdir()) == []
    (path,), _ = segment_file(PointwiseModel(), tmp_path / "wall.png", out, window=64, overlap=0)
    before = path.read_bytes()
    with pytest.raises(OSError, match="No space"):
        segment_file(Failing(), tmp_path / "wall.png", out, window=64, overlap=0)
    assert path.read_bytes() == before
    assert [p.name for p in out.iterdir()] == ["wall.png"]


def test_a_map_that_cannot_be_completed_takes_its_sisters_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "wall.png")
    classes = tuple(ClassSpec(name=name, damage="6", threshold=0.5) for name in ("a", "b"))
    real = raster_out.open_writer

    def sabotaged(path: Path, *args: object, **options: object) -> object:
        writer = real(path, *args, **options)  # type: ignore[arg-type]
        if path.name == "wall.a.png":  # closed last
            monkeypatch.setattr(writer, "_finish", lambda: (_ for _ in ()).throw(OSError(28, "full")))
        return writer

    monkeypatch.setattr(raster_out, "open_writer", sabotaged)
    with pytest.raises(OutputError, match="full"):
        segment_file(PointwiseModel(make_card(classes=classes)), tmp_path / "wall.png", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_image_is_never_replaced_by_its_own_map(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "wall.png")
    before = (tmp_path / "wall.png").read_bytes()
    with pytest.raises(OutputError, match="--out"):
        segment_file(PointwiseModel(), tmp_path / "wall.png", tmp_path)
    assert (tmp_path / "wall.png").read_bytes() == before


def test_a_truncated_image_leaves_nothing_behind(tmp_path: Path) -> None:
    rgb = np.random.default_rng(3).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "whole.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "whole.png").read_bytes()[:200_000])
    with pytest.raises(UnreadableImage):
        segment_file(PointwiseModel(), tmp_path / "half.png", tmp_path / "out", window=64, overlap=0)
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())
