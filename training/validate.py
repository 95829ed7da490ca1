"""Scores on whole pictures, made by the inference engine that ships."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from imagery.types import Pixels, Window
from inference.engine import ArraySink, infer
from models.base import PixelModel
from training.datasets import Sample, Source
from training.datasets.sample import FloatArray, cut


class SampleReader:
    """A sample in memory behind the face of an image reader."""

    def __init__(self, sample: Sample, bands: tuple[str, ...]) -> None:
        self._sample = sample
        self.bands = bands
        self.height_px, self.width_px = sample.pixels.shape[1:]

    def read(self, window: Window, bands: Sequence[str] | None = None) -> Pixels:
        """Return a window, NaN outside the sample and in bands that it lacks."""
        part = cut(self._sample, window.row, window.col, window.height, window.width).pixels
        wanted = self.bands if bands is None else tuple(bands)
        hole = np.full(part.shape[1:], np.nan, dtype=np.float32)
        planes = [part[self.bands.index(band)] if band in self.bands else hole for band in wanted]
        return Pixels(np.stack(planes), wanted)


def predictions(model: PixelModel, source: Source, device: torch.device) -> Iterator[tuple[Sample, FloatArray]]:
    """Yield each whole picture with its scores ``(K, H, W)``, NaN where nothing was observed."""
    for sample in source.whole():
        height, width = sample.known.shape[1:]
        sink = ArraySink(len(model.card.classes), height, width)
        infer(model, SampleReader(sample, model.card.bands), sink, device=device)
        yield sample, sink.scores
