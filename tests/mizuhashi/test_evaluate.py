"""``mizuhashi evaluate`` through its door, on a tiny network and drawn cracks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from mizuhashi.__main__ import main
from models.card import ClassSpec, ModelCard, Normalisation
from models.checkpoint import save_bundle
from models.segmenter import build_network

BANDS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two versions of a tiny model, three pictures with masks, and what to measure."""
    root = tmp_path_factory.mktemp("evaluate")
    for folder in ("images", "masks"):
        (root / "data" / folder).mkdir(parents=True)
    for index in range(3):
        mask = np.zeros((64, 64), np.uint8)
        cv2.line(mask, (0, 10 + 9 * index), (63, 30), 255, 3)
        cv2.imwrite(str(root / "data/images" / f"<p{index}>.png"), np.stack([200 - mask // 2] * 3, axis=2))
        cv2.imwrite(str(root / "data/masks" / f"<p{index}>.png"), mask)
    for version, seed in (("1", 1), ("2", 2)):
        architecture = {"decoder": "Unet", "encoder": "tu-tf_efficientnet_lite0",
                        "options": {"decoder_channels": [16, 16, 8, 8, 8]}}  # fmt: skip
        torch.manual_seed(seed)
        network = build_network(architecture, 3, 1)
        card = ModelCard(
            name="tiny", version=version, task="segmentation", image_kind="photo", bands=BANDS, required_bands=BANDS,
            classes=(ClassSpec(name="crack", damage="6", threshold=0.5),), architecture=architecture,
            normalisation=Normalisation(method="fixed", mean=(127,) * 3, std=(64,) * 3), gsd_range_mm=(0.1, 3.0),
        )  # fmt: skip
        save_bundle(root / "home/models/tiny" / version, card, network.state_dict())
    source = {"kind": "mask_pairs", "name": "drawn", "licence": "Apache-2.0", "ships": True, "root": str(root / "data")}
    (root / "what.yaml").write_text(yaml.safe_dump({"protocol": "crack", "source": source}))
    return root


def call(place: Path, *arguments: str) -> int:
    return main(["--home", str(place / "home"), "evaluate", *arguments, "--data", str(place / "what.yaml")])


def test_the_page_stands_alone_and_the_json_holds_every_number(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(place, "tiny@1", "--against", "tiny@2", "--out", str(tmp_path / "report")) == 0
    said = capsys.readouterr().out
    assert "f1@2px" in said
    assert re.search(r"tiny@1 against tiny@2 on drawn: (better|worse|no difference shown) \(95 %.*3 groups\)", said)
    page = (tmp_path / "report/evaluation.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "&lt;p0&gt;" in page  # names come from files
    assert "<p0>" not in page
    assert page.count("data:image/png") == 2
    assert "検出率" in page
    section = json.loads((tmp_path / "report/evaluation.json").read_text())["sections"][0]
    assert (section["model"], section["against"]) == ("tiny@1", "tiny@2")
    assert set(section["comparison"]["measures"]) >= {"f1", "cliou@4px", "product.finding_recall"}
    assert f"{section['metrics']['f1@2px']:.3f}" in page


def test_json_alone_is_one_document_of_the_metrics(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(place, "tiny@1", "--json") == 0
    values = json.loads(capsys.readouterr().out)
    assert values["images"] == 3
    assert {"f1", "iou", "f1@2px", "cliou@4px", "product"} <= set(values)


def test_an_unknown_model_is_told_before_anything_is_written(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(place, "tiny@9", "--out", str(tmp_path / "report")) != 0
    assert "tiny@1" in capsys.readouterr().err
    assert not (tmp_path / "report").exists()
