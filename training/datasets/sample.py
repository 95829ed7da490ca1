"""What a source of samples gives: random crops to train on, whole pictures to measure on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture with its truth.

    Attributes:
        name: which picture.
        group: photo, structure or place that must not be split; bootstrap unit of the metrics.
        pixels: ``(C, H, W)`` float32 in the configured band order, NaN for no observation.
        target: ``(K, H, W)`` float32 in [0, 1].
        known: ``(K, H, W)``; False where the truth of a class is unknown and must neither train nor measure: a set
            with crack masks alone says nothing about rust.
        width_px: ``(H, W)`` exact widths of cracks on their centrelines, 0 elsewhere; None where truth is a mask.
    """

    name: str
    group: str
    pixels: FloatArray
    target: FloatArray
    known: BoolArray
    width_px: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One picture of a source and where its truth stands: what a manifest lists.

    Attributes:
        name: which picture.
        group: photo, structure or place that must not be split.
        image: file of the pixels.
        label: file of the truth; None where nothing is stored (crack-free pictures, labels derived from the pixels).
    """

    name: str
    group: str
    image: Path
    label: Path | None


class Source(Protocol):
    """A source of samples."""

    def draw(self, rng: np.random.Generator, size_px: int) -> Sample:
        """Return one random crop of ``size_px`` squared."""
        ...

    def whole(self) -> Iterator[Sample]:
        """Yield every picture of the split, whole, in name order."""
        ...

    def items(self) -> tuple[Item, ...]:
        """Return the files behind the pictures, in name order; () for generators, which read none."""
        ...

    def __len__(self) -> int:
        """Return the number of pictures; 0 for generators, which have no end."""
        ...


def cut(sample: Sample, row: int, col: int, height: int, width: int) -> Sample:
    """Return a window of a sample; beyond the picture pixels are NaN and the truth is unknown."""
    _, rows, cols = sample.pixels.shape
    r0, c0, r1, c1 = max(row, 0), max(col, 0), min(row + height, rows), min(col + width, cols)
    inside = (slice(r0 - row, r1 - row), slice(c0 - col, c1 - col))
    pixels = np.full((sample.pixels.shape[0], height, width), np.nan, dtype=np.float32)
    target = np.zeros((sample.target.shape[0], height, width), dtype=np.float32)
    known = np.zeros((sample.target.shape[0], height, width), dtype=bool)
    pixels[:, *inside] = sample.pixels[:, r0:r1, c0:c1]
    target[:, *inside] = sample.target[:, r0:r1, c0:c1]
    known[:, *inside] = sample.known[:, r0:r1, c0:c1]
    return Sample(sample.name, sample.group, pixels, target, known)


def planes(
    masks: Mapping[str, BoolArray], classes: Sequence[str], shape: tuple[int, int], seen: BoolArray | None = None
) -> tuple[FloatArray, BoolArray]:
    """Return target and known ``(K, H, W)`` in the order of ``classes`` from the masks that a set has.

    Args:
        masks: one bool ``(H, W)`` for each class that the set labels everywhere.
        classes: what the model tells apart; those that the set does not label stay unknown.
        shape: ``(H, W)``.
        seen: where the labels hold; None is everywhere.
    """
    target = np.zeros((len(classes), *shape), dtype=np.float32)
    known = np.zeros((len(classes), *shape), dtype=bool)
    for plane, name in enumerate(classes):
        if name in masks:
            target[plane] = masks[name]
            known[plane] = True if seen is None else seen
    return target, known
