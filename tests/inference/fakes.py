"""A pointwise stand-in model and an image in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from imagery.types import Pixels, Window
from models.base import PixelModel
from models.card import ClassSpec, ModelCard, Normalisation


def make_card(bands: tuple[str, ...] = ("red", "green", "blue"), **changes: object) -> ModelCard:
    fields: dict[str, object] = {
        "name": "fake",
        "version": "1",
        "task": "segmentation",
        "image_kind": "photo",
        "bands": bands,
        "required_bands": bands,
        "classes": (ClassSpec(name="crack", damage="6", threshold=0.5),),
        "normalisation": Normalisation(method="none"),
        "gsd_range_mm": (0.1, 10.0),
        "architecture": {"kind": "pointwise"},
    }
    return ModelCard.model_validate(fields | changes)


class PointwiseModel:
    """Darkness of the first band: 1 at value 0, 0 at value 255; NaN where no band was observed."""

    weights_sha256 = "0" * 64

    def __init__(self, card: ModelCard | None = None) -> None:
        self.card = card or make_card()
        self.batches: list[int] = []

    def predict(self, pixels: torch.Tensor) -> torch.Tensor:
        assert pixels.shape[2] % 32 == 0
        assert pixels.shape[3] % 32 == 0
        self.batches.append(len(pixels))
        score = 1 - pixels[:, :1] / 255
        return score.repeat(1, len(self.card.classes), 1, 1)

    def to(self, device: torch.device) -> PixelModel:
        return self


class ArrayReader:
    """``(C, H, W)`` values behind the reader's seam; counts how often each row is read."""

    def __init__(self, values: NDArray[np.float32], bands: tuple[str, ...] = ("red", "green", "blue")) -> None:
        self.values = values
        self.bands = bands
        self.height_px, self.width_px = values.shape[1:]
        self.reads = np.zeros(self.height_px, int)

    def read(self, window: Window, bands: Sequence[str] | None = None) -> Pixels:
        names = tuple(bands or self.bands)
        self.reads[window.row : window.bottom] += 1
        out = np.full((len(names), window.height, window.width), np.nan, np.float32)
        for k, name in enumerate(names):
            if name in self.bands:
                out[k] = self.values[self.bands.index(name), window.row : window.bottom, window.col : window.right]
        return Pixels(out, names)
