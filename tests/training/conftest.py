"""A tiny folder of crack pictures, and a configuration that trains on it in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

TINY: dict[str, Any] = {
    "name": "tiny",
    "version": "1",
    "image_kind": "photo",
    "bands": ["red", "green", "blue"],
    "required_bands": ["red", "green", "blue"],
    "classes": [{"name": "crack", "damage": "6", "minimum_area_px": 4}],
    "normalisation": {"method": "fixed", "mean": [127, 127, 127], "std": [64, 64, 64]},
    "gsd_range_mm": [0.1, 3.0],
    "architecture": {
        "decoder": "Unet",
        "encoder": "tu-tf_efficientnet_lite0",
        "options": {"decoder_channels": [32, 16, 16, 8, 8]},
    },
    "pretrained": False,
    "crop_px": 64,
    "batch": 4,
    "steps": 6,
    "warmup_steps": 2,
    "evaluate_every": 3,
    "workers": 0,
}


@pytest.fixture(scope="session")
def crack_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with images, masks and split.csv: grey noise with one dark line a picture."""
    root = tmp_path_factory.mktemp("cracks")
    rng = np.random.default_rng(7)
    rows = ["name,split,block"]
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    for index, split in enumerate(["train", "train", "train", "val", "test", "test"]):
        image = rng.normal(150, 6, (96, 96, 3))
        mask = np.zeros((96, 96), np.uint8)
        cv2.line(mask, (0, 10 + 12 * index), (95, 40 + 5 * index), 255, 2)
        image[mask > 0] -= 80
        cv2.imwrite(str(root / "images" / f"p{index}.png"), image.clip(0, 255).astype(np.uint8))
        cv2.imwrite(str(root / "masks" / f"p{index}.png"), mask)
        rows.append(f"p{index},{split},b{index}")
    (root / "split.csv").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture
def config_file(crack_folder: Path, tmp_path: Path) -> Path:
    """Path of the tiny configuration."""

    def source(split: str) -> dict[str, object]:
        return {
            "kind": "mask_pairs", "name": "generated lines", "licence": "Apache-2.0", "ships": True,
            "root": str(crack_folder), "split": split,
        }  # fmt: skip

    content = {
        **TINY,
        "train": [source("train")],
        "validation": {"protocol": "crack", "source": source("val")},
        "test": {"protocol": "crack", "source": source("test")},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(content))
    return path
