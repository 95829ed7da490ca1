"""Scores on whole pictures with the averaged network: quick while training, full for the threshold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from models.base import PixelModel
from training.datasets import Sample, Source


def predictions(model: PixelModel, source: Source, device: torch.device) -> Iterator[tuple[Sample, np.ndarray]]:
    """Yield each whole picture with its scores ``(K, H, W)``, predicted in one piece (padded to multiples of 32)."""
    for sample in source.whole():
        _, rows, cols = sample.pixels.shape
        padding = ((0, 0), (0, -rows % 32), (0, -cols % 32))
        pixels = np.pad(sample.pixels, padding, constant_values=np.nan)
        scores = model.predict(torch.from_numpy(pixels)[None].to(device))[0, :, :rows, :cols]
        yield sample, scores.float().cpu().numpy()


def quick_score(model: PixelModel, source: Source, device: torch.device) -> float:
    """Return the pooled IoU at 0.5 over the known pixels of every picture; used to pick the best step only."""
    both = either = 0
    for sample, scores in predictions(model, source, device):
        said = (np.nan_to_num(scores, nan=0.0) >= 0.5) & sample.known
        true = (sample.target >= 0.5) & sample.known
        both += int((said & true).sum())
        either += int((said | true).sum())
    return both / either if either else 0.0
