"""Pictures with a mask of the same name: ``images/``, ``masks/``, ``split.csv``."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from findings.errors import ConfigError
from imagery.reader import open_image
from imagery.types import Window
from training.datasets.sample import FloatArray, Sample, cut, planes

CRACK_CENTRED = 0.6  # share of crops with a defect pixel near their middle; the rest falls anywhere, mostly defect-free


class MaskPairs:
    """RGB pictures and 0/255 masks of one split, held in memory."""

    def __init__(self, root: Path, split: str | None, bands: tuple[str, ...], classes: tuple[str, ...]) -> None:
        rows = _rows(root, split)
        self._samples = [self._read(root, name, group, bands, classes) for name, group in rows]
        self._centres = [np.argwhere(sample.target.max(axis=0) > 0.5) for sample in self._samples]

    @staticmethod
    def _read(root: Path, name: str, group: str, bands: tuple[str, ...], classes: tuple[str, ...]) -> Sample:
        image = next((p for p in sorted((root / "images").glob(f"{name}.*"))), None)
        mask = root / "masks" / f"{name}.png"
        if image is None or not mask.is_file():
            raise ConfigError(f"{root}: {name} has no image and mask pair (images/{name}.*, masks/{name}.png)")
        pixels = _read_all(image, bands)
        truth = _read_all(mask, None)[:1]
        if truth.shape[1:] != pixels.shape[1:]:
            raise ConfigError(f"{mask}: mask of {truth.shape[1:]}, image of {pixels.shape[1:]}; they must be equal")
        target, known = planes({"crack": truth[0] > 127}, classes, truth.shape[1:])
        return Sample(name, group, pixels, target, known)

    def draw(self, rng: np.random.Generator, size_px: int) -> Sample:
        """Return a crop; more often than not around a defect pixel."""
        index = int(rng.integers(len(self._samples)))
        sample, centres = self._samples[index], self._centres[index]
        _, rows, cols = sample.pixels.shape
        if len(centres) and rng.random() < CRACK_CENTRED:
            row, col = centres[rng.integers(len(centres))] - size_px // 2 + rng.integers(-size_px // 4, size_px // 4, 2)
        else:
            row, col = rng.integers(0, max(rows - size_px, 0) + 1), rng.integers(0, max(cols - size_px, 0) + 1)
        row = int(np.clip(row, 0, max(rows - size_px, 0)))
        col = int(np.clip(col, 0, max(cols - size_px, 0)))
        return cut(sample, row, col, size_px, size_px)

    def whole(self) -> Iterator[Sample]:
        """Yield every picture of the split in name order."""
        yield from self._samples

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self._samples)


def _rows(root: Path, split: str | None) -> list[tuple[str, str]]:
    """Return name and group of each picture of a split; without split.csv every picture, each its own group."""
    table = root / "split.csv"
    if not table.is_file():
        if split is not None:
            raise ConfigError(f"{table}: missing, so split {split!r} is not defined")
        found = [(path.stem, path.stem) for path in sorted((root / "images").glob("*"))]
    else:
        with table.open(encoding="utf-8", newline="") as file:
            found = [
                (row["name"], row.get("block") or row["name"])
                for row in csv.DictReader(file)
                if split is None or row["split"] == split
            ]
    if not found:
        raise ConfigError(f"{root}: no pictures in split {split!r}")
    return sorted(found)


def _read_all(path: Path, bands: tuple[str, ...] | None) -> FloatArray:
    with open_image(path) as reader:
        return reader.read(Window(0, 0, reader.width_px, reader.height_px), bands).values
