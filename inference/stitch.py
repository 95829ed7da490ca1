"""Overlapping windows laid over an image, and their scores blended row by row.

The windows of one axis are spread evenly, the first at 0 and the last flush with the end, so that no window is spent on
padding. Along each axis every window weighs with raised cosines (Hann ramps) over its overlaps with the neighbours,
divided by the sum of all weights at that pixel: the weights of an axis therefore sum to one at every pixel, and so do
their products in two dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from findings.errors import ConfigError

STEP = 32  # networks halve the size five times (models/base.py)


@dataclass(frozen=True, slots=True)
class Axis:
    """Windows along one axis.

    Attributes:
        length_px: of the image.
        size_px: of every window, a multiple of 32; may exceed ``length_px`` by padding if there is a single window.
        starts: first pixel of each window, ascending, the first one 0.
        weights: ``(windows, size_px)`` float32; the weights of all windows sum to 1 at every pixel of the image.
    """

    length_px: int
    size_px: int
    starts: tuple[int, ...]
    weights: NDArray[np.float32]


def lay_windows(length_px: int, window: int, overlap: int) -> Axis:
    """Return the windows along an axis of ``length_px`` pixels, neighbours sharing at least ``overlap`` pixels.

    Raises:
        ConfigError: a window that is no positive multiple of 32, or an overlap outside 0 .. window / 2.
    """
    if window < STEP or window % STEP:
        raise ConfigError(f"window of {window} px; expected a positive multiple of {STEP}, e.g. 512")
    if not 0 <= overlap <= window // 2:
        raise ConfigError(f"overlap of {overlap} px; expected 0 to half the window ({window // 2} px)")
    if length_px <= window:
        size = math.ceil(length_px / STEP) * STEP
        return Axis(length_px, size, (0,), np.ones((1, size), np.float32))
    count = math.ceil((length_px - overlap) / (window - overlap))
    starts = tuple(round(i * (length_px - window) / (count - 1)) for i in range(count))
    return Axis(length_px, window, starts, _weights(length_px, window, starts))


def _weights(length: int, size: int, starts: Sequence[int]) -> NDArray[np.float32]:
    raw = np.ones((len(starts), size))
    for i in range(len(starts) - 1):
        shared = starts[i] + size - starts[i + 1]
        ramp = np.sin(np.pi / 2 * (np.arange(shared) + 0.5) / max(shared, 1)) ** 2
        raw[i + 1, :shared] *= ramp
        raw[i, size - shared :] *= ramp[::-1]
    total = np.zeros(length)
    for row, start in zip(raw, starts, strict=True):
        total[start : start + size] += row
    return np.stack([row / total[s : s + size] for row, s in zip(raw, starts, strict=True)]).astype(np.float32)


class Blender:
    """Accumulates weighted scores of one row of windows after the other and hands out the rows that are finished.

    It holds ``rows.size_px`` image rows and no more, whatever the height of the image. A pixel's score is the weighted
    mean over the windows that gave it a number; it is NaN where none did.
    """

    def __init__(self, rows: Axis, cols: Axis, classes: int) -> None:
        self._rows, self._cols = rows, cols
        self._top = 0
        shape = (classes, rows.size_px, cols.length_px)
        self._sum = np.zeros(shape, np.float32)
        self._weight = np.zeros(shape, np.float32)

    @property
    def rows_held(self) -> int:
        """Number of image rows in memory."""
        return int(self._sum.shape[1])

    def add(self, scores: NDArray[np.float32], i: int, j: int) -> None:
        """Add the scores ``(K, size, size)`` of the window in window row ``i`` and window column ``j``."""
        start = self._cols.starts[j]
        width = min(self._cols.size_px, self._cols.length_px - start)
        weight = self._rows.weights[i][:, None] * self._cols.weights[j][None, :width]
        scores = scores[:, :, :width]
        seen = np.isfinite(scores)
        if self._rows.starts[i] != self._top:
            raise ValueError(f"window row {i} before the rows above {self._rows.starts[i]} were taken")
        self._sum[:, :, start : start + width] += np.where(seen, scores, 0) * weight
        self._weight[:, :, start : start + width] += seen * weight

    def take(self, i: int) -> tuple[int, NDArray[np.float32]]:
        """Return the first row and the scores ``(K, rows, W)`` that no window row after ``i`` can change."""
        last = i + 1 == len(self._rows.starts)
        end = self._rows.length_px if last else self._rows.starts[i + 1]
        done = end - self._top
        weight = self._weight[:, :done]
        out = np.full(weight.shape, np.nan, np.float32)
        np.divide(self._sum[:, :done], weight, out=out, where=weight > 0)
        first, self._top = self._top, end
        for array in (self._sum, self._weight):
            keep = array.shape[1] - done
            array[:, :keep] = array[:, done:].copy()
            array[:, keep:] = 0
        return first, out
