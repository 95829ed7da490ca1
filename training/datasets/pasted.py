"""Real crack-free windows with generated cracks and joints drawn in: real texture, exact truth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from findings.errors import ConfigError
from imagery.synthetic.paste import Pasted, Strokes, paste
from training.datasets.mask_pairs import MaskPairs
from training.datasets.sample import FloatArray, Item, Sample, cut, planes

TRIES = 30  # windows looked at for one without a labelled crack
CLEAR_PX = 4  # so far from a labelled crack a window must stay
LABEL_WIDTH_PX = 3  # narrower cracks are labelled this wide, as people label them
SCALES = (0.5, 2.0)  # of the real window before anything is drawn into it


class PastedCracks:
    """Endless crops: a window without a labelled crack, at a random scale, with cracks and confusers drawn in.

    Only the class ``crack`` is known: nothing says what else the window shows.

    Args:
        root: folder of ``mask_pairs``.
        split: which split; only training splits belong here.
        bands: red, green and blue.
        classes: of the model.

    Raises:
        ConfigError: another band order than red, green, blue, or no window without a crack.
    """

    def __init__(self, root: Path, split: str | None, bands: tuple[str, ...], classes: tuple[str, ...]) -> None:
        if bands != ("red", "green", "blue"):
            raise ConfigError(f"pasted_cracks draws into red, green, blue pictures; the model reads {', '.join(bands)}")
        self._classes = classes
        pairs = MaskPairs(root, split, bands, ("crack",))
        self._items = pairs.items()
        self._pictures: list[Sample] = [
            Sample(s.name, s.group, s.pixels.astype(np.uint8), s.target, s.known) for s in pairs.whole()
        ]  # bytes: a quarter of the memory

    def draw(self, rng: np.random.Generator, size_px: int) -> Sample:
        """Return a crop of ``size_px`` squared."""
        window = self._clear_window(rng, size_px)
        drawn = paste(rng, window, random_strokes(rng))
        target, known = planes({"crack": as_labelled(drawn)}, self._classes, drawn.mask.shape)
        pixels: FloatArray = np.ascontiguousarray(drawn.image.transpose(2, 0, 1), dtype=np.float32)
        return Sample("pasted", "pasted", pixels, target, known)

    def whole(self) -> Iterator[Sample]:
        """Yield nothing: drawn crops have no fixed pictures."""
        yield from ()

    def items(self) -> tuple[Item, ...]:
        """Return the pictures that the windows are taken from."""
        return self._items

    def __len__(self) -> int:
        """Return 0: there is no end."""
        return 0

    def _clear_window(self, rng: np.random.Generator, size_px: int) -> np.ndarray:
        for _ in range(TRIES):
            picture = self._pictures[int(rng.integers(len(self._pictures)))]
            _, rows, cols = picture.pixels.shape
            side = round(size_px / float(np.exp(rng.uniform(*np.log(SCALES)))))
            side = min(side, rows, cols)
            row, col = int(rng.integers(0, rows - side + 1)), int(rng.integers(0, cols - side + 1))
            near = cut(picture, row - CLEAR_PX, col - CLEAR_PX, side + 2 * CLEAR_PX, side + 2 * CLEAR_PX)
            if near.target.any():
                continue
            part = picture.pixels[:, row : row + side, col : col + side].transpose(1, 2, 0)
            mode = cv2.INTER_AREA if side > size_px else cv2.INTER_LINEAR
            return np.asarray(cv2.resize(np.ascontiguousarray(part), (size_px, size_px), interpolation=mode), np.uint8)
        raise ConfigError(
            f"no window of about {size_px} px without a labelled crack in {TRIES} tries; take another set or crop_px"
        )


def random_strokes(rng: np.random.Generator) -> Strokes:
    """Return what to draw: two in five windows stay without a crack, three in five get joints or other lines."""
    cracked = rng.random() < 0.6
    fine = rng.random() < 0.8
    return Strokes(
        cracks=int(rng.integers(1, 3)) if cracked else 0,
        width_px=(0.6, 4.0) if fine else (4.0, 30.0),
        core=(0.05, 0.45) if fine else (0.03, 0.25),
        branches=float(rng.choice([0.0, 0.5, 1.5])),
        joints=min(int(rng.poisson(0.7 if cracked else 1.3)), 3),
        others=min(int(rng.poisson(0.4 if cracked else 0.7)), 2),
    )


def as_labelled(drawn: Pasted) -> np.ndarray:
    """Return the mask as people label: a line of at least ``LABEL_WIDTH_PX`` along every crack that can be seen."""
    line = (drawn.width_px > 0).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (LABEL_WIDTH_PX, LABEL_WIDTH_PX))
    labelled: np.ndarray = (cv2.dilate(line, kernel) > 0) | (drawn.coverage >= 0.5)
    return labelled
