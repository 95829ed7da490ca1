"""A model without a network: each class's score is one band of the picture, so that a test draws what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
import torch

from models.card import ClassSpec, ModelCard, Normalisation
from training import evaluate
from training.config import EvaluationConfig, SourceConfig
from training.datasets import Sample

CRACK = ClassSpec(name="crack", damage="6", threshold=0.5, minimum_area_px=4)
SPALL = ClassSpec(name="spalling", damage="7", threshold=0.5, minimum_area_px=4)
RUST = ClassSpec(name="rust", damage="8", threshold=0.5, minimum_area_px=4)
WATER = ClassSpec(name="water", damage="water", threshold=0.5)
BANDS = ("red", "green", "blue")


class Painted:
    """Answers with its bands / 255, shifted to the right by ``shift`` px; NaN everywhere if ``broken``."""

    def __init__(self, *classes: ClassSpec, version: str = "1", shift: int = 0, broken: bool = False) -> None:
        self._card = ModelCard(
            name="painted", version=version, task="segmentation", image_kind="photo", bands=BANDS,
            required_bands=BANDS, classes=classes, normalisation=Normalisation(method="none"),
            gsd_range_mm=(0.1, 3.0), architecture={},
        )  # fmt: skip
        self._shift, self._broken = shift, broken
        self.weights_sha256 = "0" * 64

    @property
    def card(self) -> ModelCard:
        return self._card

    def to(self, device: torch.device) -> Painted:
        return self

    def predict(self, pixels: torch.Tensor) -> torch.Tensor:
        scores = torch.roll(pixels[:, : len(self._card.classes)] / 255, self._shift, dims=2)
        return torch.full_like(scores, torch.nan) if self._broken else scores


@dataclass
class Pictures:
    """A source of drawn samples."""

    samples: tuple[Sample, ...]

    def whole(self) -> Iterator[Sample]:
        yield from self.samples

    def __len__(self) -> int:
        return len(self.samples)


def picture(
    name: str,
    group: str,
    truths: list[npt.NDArray[np.bool_]],
    answers: list[npt.NDArray[np.bool_]] | None = None,
    known: npt.NDArray[np.bool_] | None = None,
) -> Sample:
    """Return a sample whose bands are the answers (by default the truths), 230 where yes and 20 where no."""
    shape = truths[0].shape
    bands = [np.where(a, 230.0, 20.0) for a in (truths if answers is None else answers)]
    bands += [np.full(shape, 20.0)] * (3 - len(bands))
    everywhere = np.ones((len(truths), *shape), bool)
    return Sample(
        name, group, np.stack(bands).astype(np.float32), np.stack(truths).astype(np.float32),
        everywhere if known is None else known,
    )  # fmt: skip


def serve(monkeypatch: pytest.MonkeyPatch, *samples: Sample) -> None:
    """Let ``evaluate`` read these samples whatever the configuration names."""
    monkeypatch.setattr(evaluate, "open_source", lambda *_: Pictures(samples))


def config(protocol: str, **more: object) -> EvaluationConfig:
    source = SourceConfig(kind="mask_pairs", name="drawn", licence="none", ships=False, split="test")
    return EvaluationConfig.model_validate({"protocol": protocol, "source": source, **more})


def band(row: int, width: int = 3, *, first: int = 0, last: int = 64, size: int = 64) -> npt.NDArray[np.bool_]:
    mask = np.zeros((size, size), bool)
    mask[row : row + width, first:last] = True
    return mask
