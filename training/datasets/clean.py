"""Pictures without damage, and the same with generated hairlines drawn in, for evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import cv2
import numpy as np

from findings.errors import ConfigError
from imagery.decode import decode_rgb
from imagery.synthetic.paste import Strokes, paste
from training.datasets.sample import FloatArray, Item, Sample, cut, planes

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"})
HAIRLINES = Strokes(cracks=2, width_px=(0.5, 3.0), core=(0.05, 0.4), length=(0.4, 1.2), branches=0.3)


class CleanPictures:
    """Pictures that show none of the classes: every pixel is known to be sound.

    Args:
        root: folder with the pictures, anywhere below it.
        bands: red, green and blue.
        classes: of the model; those in ``absent`` are known to be absent.
        match: only files whose stem matches this glob.
        scale: pictures are resized by this factor.
        absent: classes that the pictures surely do not show.

    Raises:
        ConfigError: no such folder, no picture, or bands other than red, green, blue.
    """

    def __init__(
        self,
        root: Path,
        bands: tuple[str, ...],
        classes: tuple[str, ...],
        *,
        match: str | None = None,
        scale: float = 1.0,
        absent: tuple[str, ...] = ("crack",),
    ) -> None:
        if bands != ("red", "green", "blue"):
            raise ConfigError(f"{root}: read as red, green, blue pictures; the model reads {', '.join(bands)}")
        if not root.is_dir():
            raise ConfigError(f"{root}: no such folder; root names the folder of the pictures")
        self._classes, self._scale, self._absent = classes, scale, absent
        self.paths = tuple(
            path
            for path in sorted(root.rglob("*"))
            if path.suffix.lower() in SUFFIXES and (match is None or fnmatch(path.stem, match))
        )
        if not self.paths:
            raise ConfigError(f"{root}: no picture{'' if match is None else f' that matches {match!r}'}")

    def draw(self, rng: np.random.Generator, size_px: int) -> Sample:
        """Return a random crop of a random picture."""
        index = int(rng.integers(len(self.paths)))
        sample = self.sample(index)
        _, rows, cols = sample.pixels.shape
        row = int(rng.integers(0, max(rows - size_px, 0) + 1))
        return cut(sample, row, int(rng.integers(0, max(cols - size_px, 0) + 1)), size_px, size_px)

    def whole(self) -> Iterator[Sample]:
        """Yield every picture in name order."""
        for index in range(len(self.paths)):
            yield self.sample(index)

    def items(self) -> tuple[Item, ...]:
        """Return the pictures, in name order; they have no labels."""
        return tuple(Item(path.stem, group_of(path.stem), path, None) for path in self.paths)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.paths)

    def sample(self, index: int) -> Sample:
        """Return one picture with nothing in it."""
        image = self.picture(index)
        nothing = {name: np.zeros(image.shape[:2], dtype=bool) for name in self._absent}
        return self._sampled(index, image, nothing)

    def picture(self, index: int) -> np.ndarray:
        """Return one picture ``(H, W, 3)`` uint8 RGB at the asked scale.

        Raises:
            ConfigError: the file cannot be decoded.
        """
        image = decode_rgb(self.paths[index])
        if image is None:
            raise ConfigError(f"{self.paths[index]}: not a picture of red, green and blue that can be decoded")
        if self._scale == 1.0:
            return image
        size = tuple(max(round(side * self._scale), 1) for side in image.shape[1::-1])
        mode = cv2.INTER_AREA if self._scale < 1 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(image, size, interpolation=mode), np.uint8)

    def _sampled(self, index: int, image: np.ndarray, masks: dict[str, np.ndarray]) -> Sample:
        target, known = planes(masks, self._classes, image.shape[:2])
        pixels: FloatArray = np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32)
        name = self.paths[index].stem
        return Sample(name, group_of(name), pixels, target, known)


class Hairlines(CleanPictures):
    """Clean pictures with hairlines of 0.5 to 3 px drawn in, the same ones for the same seed; every third has none.

    For evaluation only: finding them measures recall with exact truth, everything else that is found is a false alarm.
    """

    seed = 0

    def sample(self, index: int) -> Sample:
        """Return one picture with its hairlines."""
        image = self.picture(index)
        if index % 3 == 2:
            return self._sampled(index, image, {"crack": np.zeros(image.shape[:2], dtype=bool)})
        drawn = paste(np.random.default_rng([self.seed, index]), image, HAIRLINES)
        return replace(self._sampled(index, drawn.image, {"crack": drawn.mask}), width_px=drawn.width_px)

    def draw(self, rng: np.random.Generator, size_px: int) -> Sample:
        """Raise: nothing trains on hairlines in evaluation pictures.

        Raises:
            ConfigError: always.
        """
        raise ConfigError("a source of kind hairlines measures; to train on drawn cracks take pasted_cracks")


def group_of(name: str) -> str:
    """Return the photo that a tile ``PHOTO_TILE`` was cut from; a name without number is its own group."""
    head, _, tail = name.rpartition("_")
    return head if head and tail.isdigit() else name
