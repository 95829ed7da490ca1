"""The exported forms: equal to the checkpoint, refused when they are not, and run behind the same face."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from findings.errors import DigestMismatch, ModelError
from models import backends, export
from models.backends import load_backend
from models.card import Calibration, ClassSpec, ModelCard, Normalisation, read_card, write_card
from models.card import TestTime as Views  # pytest would collect the name
from models.checkpoint import file_sha256, save_bundle
from models.registry import shipped_folder
from models.segmenter import Segmenter, build_network
from models.test_time import STRIDE_PX

ARCHITECTURE = {
    "decoder": "Unet",
    "encoder": "tu-tf_mobilenetv3_small_minimal_100",
    "options": {"decoder_channels": [8, 8], "encoder_depth": 2},
}


def tiny(folder: Path, bands: int = 3, **changes: object) -> Path:
    """A bundle of two classes with random weights and calibration."""
    names = ("red", "green", "blue", "nir")[:bands]
    card = ModelCard(
        name="tiny",
        version="1",
        task="segmentation",
        image_kind="photo",
        bands=names,
        required_bands=names[:1],
        classes=(
            ClassSpec(name="crack", damage="6", threshold=0.5),
            ClassSpec(name="rust", damage="8", threshold=0.5),
        ),
        normalisation=Normalisation(method="per_patch"),
        gsd_range_mm=(0.1, 3.0),
        architecture=ARCHITECTURE,
        calibration=Calibration(temperatures=(1.7, 0.6), data="d", ece_before=(0.1, 0.1), ece_after=(0.1, 0.1)),
    ).model_copy(update=changes)
    torch.manual_seed(5)
    save_bundle(folder, card, build_network(ARCHITECTURE, bands, 2).state_dict())
    return folder


def tile(rows: int = 64, cols: int = 96, bands: int = 3) -> np.ndarray:
    pixels = np.random.default_rng(1).uniform(0, 255, (bands, rows, cols)).astype(np.float32)
    pixels[:, :5] = np.nan
    pixels[0, 20:30, 20:30] = np.nan
    return pixels


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("exported")
    tiny(root / "m")
    export.export(root / "m", "onnx", root / "out", [tile()])
    export.export(root / "m", "torch_export", root / "out", [tile()])
    return root


@pytest.mark.parametrize("backend", ["onnx", "torch_export"])
def test_an_export_answers_like_the_checkpoint_for_sizes_and_batches_it_was_not_traced_with(
    exported: Path, backend: backends.Backend
) -> None:
    reference, other = Segmenter.load(exported / "m"), load_backend(exported / "out", backend)
    assert other.card.calibration is not None
    assert other.weights_sha256 == reference.weights_sha256 != ""
    for shape in ((1, 3, 64, 160), (3, 3, 128, 96)):
        pixels = torch.rand(shape, generator=torch.Generator().manual_seed(2)) * 255
        pixels[0, :, 3:9] = torch.nan
        expected, found = reference.predict(pixels), other.to(torch.device("cpu")).predict(pixels)
        assert torch.isnan(found[0, :, 3:9]).all()
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0, equal_nan=True)


def test_the_folder_of_exports_is_a_whole_version_whose_card_names_digests_and_differences(exported: Path) -> None:
    card = read_card(exported / "out")
    assert {row.format: row.file for row in card.exports} == {"onnx": "model.onnx", "torch_export": "model.pt2"}
    assert all(0 <= row.largest_difference <= 1e-5 and "64 x 96" in row.measured_on for row in card.exports)
    assert card.model_copy(update={"exports": ()}) == read_card(exported / "m")
    assert sorted(p.name for p in (exported / "out").iterdir()) == [
        "card.json", "model.onnx", "model.pt2", "model.safetensors",
    ]  # fmt: skip
    Segmenter.load(exported / "out")


@pytest.mark.parametrize(("backend", "file"), [("onnx", "model.onnx"), ("torch_export", "model.pt2")])
def test_an_altered_or_missing_export_is_refused_before_it_is_opened(
    exported: Path, tmp_path: Path, backend: backends.Backend, file: str
) -> None:
    folder = Path(shutil.copytree(exported / "out", tmp_path / "copy"))
    whole = (folder / file).read_bytes()
    (folder / file).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(DigestMismatch, match="export the version again"):
        load_backend(folder, backend)
    (folder / file).unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        load_backend(folder, backend)


@pytest.mark.parametrize("backend", ["onnx", "torch_export"])
def test_a_file_that_is_no_export_is_one_clear_error_even_with_the_right_digest(
    exported: Path, tmp_path: Path, backend: backends.Backend
) -> None:
    card = read_card(exported / "out")
    row = next(r for r in card.exports if r.format == backend)
    torch.save({"a": torch.zeros(1)}, tmp_path / row.file)
    forged = row.model_copy(update={"sha256": file_sha256(tmp_path / row.file)})
    with pytest.raises(ModelError, match="export it again"):
        backends.load_export(tmp_path, card, forged)


def test_exports_beside_the_version_are_found_and_those_of_other_weights_are_not_taken(
    exported: Path, tmp_path: Path
) -> None:
    load_backend(exported / "m", "onnx", exported / "out")
    with pytest.raises(ModelError, match=r"models export tiny@1 --format onnx --out"):
        load_backend(exported / "m", "onnx", tmp_path / "none")
    other = tiny(tmp_path / "m", weights_sha256=None)
    card = read_card(other).model_copy(update={"weights_sha256": "0" * 64})
    write_card(card, other)
    with pytest.raises(ModelError, match="other weights"):
        load_backend(other, "onnx", exported / "out")
    with pytest.raises(ModelError, match="choose another folder"):
        export._prepare(other, card, exported / "out")


def test_an_export_that_differs_is_refused_and_an_empty_proof_is_none(exported: Path, tmp_path: Path) -> None:
    reference = Segmenter.load(exported / "m")
    warm = reference.card.model_copy(update={"calibration": None})
    with pytest.raises(ModelError, match=r"differ from the checkpoint's by up to 0\.\d+"):
        export.prove_equal(reference, Segmenter(warm, reference._network), [tile()])
    with pytest.raises(ModelError, match="nothing was proven"):
        export.prove_equal(reference, reference, [np.full((3, 64, 64), np.nan, np.float32)])
    with pytest.raises(ModelError, match="at least one"):
        export.export(exported / "m", "onnx", tmp_path / "o", [])
    with pytest.raises(ModelError, match="bands red, green, blue"):
        export.export(exported / "m", "onnx", tmp_path / "o", [tile(bands=4)])
    with pytest.raises(ModelError, match=f"multiples of {STRIDE_PX}"):
        export.export(exported / "m", "onnx", tmp_path / "o", [tile(rows=50)])
    with pytest.raises(ModelError, match="from 64 on"):
        export.export(exported / "m", "onnx", tmp_path / "o", [tile(rows=32)])
    with pytest.raises(ModelError, match="64 px and more"):
        load_backend(exported / "out", "torch_export").predict(torch.zeros(1, 3, 32, 64))
    with pytest.raises(ModelError, match="expected onnx or torch_export"):
        export.export(exported / "m", "coreml", tmp_path / "o", [tile()])


def test_an_export_that_fails_its_proof_leaves_nothing_behind(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    monkeypatch.setattr(export.prove_equal, "__kwdefaults__", {"tolerance": -1.0})
    with pytest.raises(ModelError, match="do not use it"):
        export.export(exported / "m", "torch_export", tmp_path / "o", [tile()])
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == ["card.json", "model.safetensors"]
    assert read_card(tmp_path / "o").exports == ()


def test_a_missing_package_names_its_extra(exported: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda _: None)
    monkeypatch.setattr(export, "find_spec", lambda name: None if name == "onnxscript" else True)
    with pytest.raises(ModelError, match=r"mizuhashi\[export\]"):
        load_backend(exported / "out", "onnx")
    with pytest.raises(ModelError, match=r"onnxscript: install the extra 'export'"):
        export.export(exported / "m", "onnx", tmp_path / "o", [tile()])


def test_test_time_views_run_through_an_export_as_through_the_checkpoint(exported: Path) -> None:
    views = Views(flips=True, scales=(1.0, 1.5))
    reference, other = Segmenter.load(exported / "m"), load_backend(exported / "out", "onnx")
    for model in (reference, other):
        model._card = model.card.model_copy(update={"test_time": views})  # type: ignore[attr-defined]
    assert export.prove_equal(reference, other, [tile()]) < 1e-5


@pytest.mark.slow
@pytest.mark.realdata
def test_the_shipped_crack_network_is_exported_equal_on_real_tiles(shared_data: Path, tmp_path: Path) -> None:
    root = shared_data / "cracks" / "uav_concrete"
    with (root / "split.csv").open() as file:
        names = [row["name"] for row in csv.DictReader(file) if row["split"] == "val"][:3]
    tiles = []
    for name in names:
        stored = cv2.imread(str(next((root / "images").glob(f"{Path(name).stem}.*"))), cv2.IMREAD_COLOR)
        assert stored is not None
        tiles.append(np.ascontiguousarray(stored[:256, :256, ::-1].transpose(2, 0, 1), dtype=np.float32))
    folder = shipped_folder() / "crack" / "1"
    for format in ("onnx", "torch_export"):
        row = export.export(folder, format, tmp_path / "out", tiles)
        print(format, row.largest_difference, (tmp_path / "out" / row.file).stat().st_size)
        assert row.largest_difference < 1e-4
        assert (tmp_path / "out" / row.file).stat().st_size < 30e6
