"""Tiny model versions whose answers are known, and a tiny set that they can be measured on."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
import yaml

from models.card import ClassSpec, ModelCard, Normalisation, TrainingData
from models.checkpoint import save_bundle
from models.segmenter import build_network

ARCHITECTURE = {
    "decoder": "Unet",
    "encoder": "resnet18",
    "options": {"encoder_depth": 3, "decoder_channels": [8, 8, 4]},
}
EVERYWHERE, NOWHERE = 8.0, -8.0


@cache
def _weights(classes: int) -> dict[str, torch.Tensor]:
    return dict(build_network(ARCHITECTURE, 3, classes).state_dict())


def make_version(
    folder: Path,
    version: str,
    bias: float = EVERYWHERE,
    *,
    name: str = "tiny",
    classes: tuple[str, ...] = ("crack",),
    test_digest: str | None = None,
    based_on: str | None = None,
) -> Path:
    """Return a bundle folder of a network that gives every pixel the logit ``bias``."""
    state = {key: value.clone() for key, value in _weights(len(classes)).items()}
    heads = [key for key in state if key.startswith("segmentation_head")]
    for key in heads:
        state[key].fill_(bias if key.endswith("bias") else 0.0)
    card = ModelCard(
        name=name,
        version=version,
        task="segmentation",
        image_kind="photo",
        bands=("red", "green", "blue"),
        required_bands=("red",),
        classes=tuple(ClassSpec(name=each, damage="6", threshold=0.5) for each in classes),
        normalisation=Normalisation(method="none"),
        gsd_range_mm=(0.1, 5.0),
        architecture=ARCHITECTURE,
        training_data=(
            TrainingData(name="generated", licence="Apache-2.0", role="training", items=1, ships=True),
            TrainingData(name=f"own {version}", licence="not | stated", role="training", items=2, ships=False),
        ),
        metrics={"test": {"data": "lines", "split": "test", "images": 4, "groups": 2, "f1": 0.25, "f1_95": [0.2, 0.3]}},
        test_digest=test_digest,
        based_on=based_on,
    )
    target = folder / f"{name}-{version}"
    save_bundle(target, card, state)
    return target


def make_lines(root: Path, pictures: int = 4) -> Path:
    """Return the configuration of a test set: grey pictures with one dark line each, two to a group."""
    rng = np.random.default_rng(3)
    rows = ["name,split,block"]
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for index in range(pictures):
        image, mask = rng.normal(150, 6, (64, 64, 3)), np.zeros((64, 64), np.uint8)
        cv2.line(mask, (0, 10 + 9 * index), (63, 30 + 5 * index), 255, 2)
        image[mask > 0] -= 80
        cv2.imwrite(str(root / "images" / f"p{index}.png"), image.clip(0, 255).astype(np.uint8))
        cv2.imwrite(str(root / "masks" / f"p{index}.png"), mask)
        rows.append(f"p{index},test,b{index // 2}")
    (root / "split.csv").write_text("\n".join(rows) + "\n")
    source = {
        "kind": "mask_pairs", "name": "lines", "licence": "Apache-2.0", "ships": True,
        "root": str(root), "split": "test",
    }  # fmt: skip
    path = root.parent / f"{root.name}.yaml"
    path.write_text(yaml.safe_dump({"protocol": "crack", "source": source}))
    return path
