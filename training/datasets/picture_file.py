"""A picture that is a file, with its truth beside it."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from findings.errors import ConfigError, InputError
from imagery.decode import decode_rgb
from imagery.reader import open_image
from imagery.types import BoolArray, FloatArray, Window
from training.datasets.pictures import Layers
from training.datasets.sample import Item
from training.datasets.truth import Truth

RGB = ("red", "green", "blue")


def picture_size(path: Path) -> tuple[int, int]:
    """Return rows and columns of a picture from its header, as stored (no EXIF orientation applied).

    Raises:
        InputError: not a picture that can be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)  # nothing is decoded
            with Pillow.open(path, formats=("PNG", "JPEG", "WEBP")) as image:
                return image.height, image.width
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError):
        with open_image(path) as reader:
            return reader.height_px, reader.width_px


@dataclass(frozen=True, slots=True)
class PictureFile:
    """One picture of a folder.

    Attributes:
        item: name, group and files.
        stored: rows and columns of the file.
        truth: what is marked in it.
        bands: what the model reads, in order; a band that the file lacks is NaN.
        classes: of the model.
        file_bands: names of the file's bands, where it does not name them itself.
        scale: factor by which the picture is resized. A resized pixel is marked where half of it was, and known only
            where all of it was.
    """

    item: Item
    stored: tuple[int, int]
    truth: Truth
    bands: tuple[str, ...]
    classes: tuple[str, ...]
    file_bands: tuple[str, ...] | None = None
    scale: float = 1.0

    def size(self) -> tuple[int, int]:
        """Return rows and columns as `read` gives them."""
        if self.scale == 1.0:
            return self.stored
        return max(round(self.stored[0] * self.scale), 1), max(round(self.stored[1] * self.scale), 1)

    def read(self, window: Window | None) -> Layers:
        """Return the whole picture, or a window that lies inside it.

        Raises:
            InputError: a file that cannot be decoded.
            ConfigError: a label that the class map does not know.
        """
        rows, cols = self.size()
        wanted = window or Window(0, 0, cols, rows)
        source = self._in_file(wanted)
        pixels = compact(self._pixels(source, whole=window is None))
        target, known = self.truth.read(source).planes(self.classes, (source.height, source.width))
        if self.scale == 1.0:
            return Layers(pixels, target, known)
        size = (wanted.width, wanted.height)
        return Layers(resize_pixels(pixels, size), *resize_truth(target, known, size))

    def sketch(self) -> tuple[BoolArray, BoolArray, float]:
        """Return target and known ``(K, h, w)``, and the factor from a pixel of `read` to the sketch's."""
        masks, factor = self.truth.sketch(*self.stored)
        shape = next(iter(masks.marked.values())).shape if masks.marked else self.stored
        target, known = masks.planes(self.classes, (shape[0], shape[1]))
        return target, known, factor / self.scale

    def _in_file(self, wanted: Window) -> Window:
        """Return the window of the file behind one of the resized picture; whole pixels, so it may be wider."""
        if self.scale == 1.0:
            return wanted
        rows, cols = self.stored
        down, right = rows / self.size()[0], cols / self.size()[1]
        top, left = math.floor(wanted.row * down + 1e-6), math.floor(wanted.col * right + 1e-6)
        bottom = min(max(math.ceil(wanted.bottom * down - 1e-6), top + 1), rows)
        end = min(max(math.ceil(wanted.right * right - 1e-6), left + 1), cols)
        return Window(left, top, end - left, bottom - top)

    def _pixels(self, window: Window, *, whole: bool) -> npt.NDArray[Any]:
        if whole and self.file_bands is None and set(self.bands) <= set(RGB):
            rgb = decode_rgb(self.item.image)  # several times faster than a reader of windows
            if rgb is not None:
                return np.ascontiguousarray(rgb[..., [RGB.index(band) for band in self.bands]].transpose(2, 0, 1))
        with open_image(self.item.image, bands=self.file_bands) as reader:
            if not any(reader.has(band) for band in self.bands):
                raise ConfigError(
                    f"{self.item.image}: has the bands {', '.join(reader.bands)}, the model reads "
                    f"{', '.join(self.bands)}; name the file's bands in options.bands"
                )
            return reader.read(window, self.bands).values


def compact(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8] | FloatArray:
    """Return values as bytes where that loses nothing: whole numbers of 0 to 255, all observed."""
    if values.dtype == np.uint8:
        return values
    with np.errstate(invalid="ignore"):
        small = values.astype(np.uint8) if np.isfinite(values).all() else None
    if small is not None and (small == values).all():
        return small
    return values.astype(np.float32, copy=False)


def resize_pixels(pixels: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[Any]:
    """Return pixels ``(C, H, W)`` resized to ``(width, height)``; holes stay holes."""
    smaller = size[0] * size[1] < pixels.shape[1] * pixels.shape[2]
    mode = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    if pixels.dtype != np.uint8 and np.isnan(pixels).any():
        mode = cv2.INTER_NEAREST  # a mean with a hole is a hole, and would eat the picture's edge
    return np.stack([cv2.resize(band, size, interpolation=mode) for band in pixels])


def resize_truth(target: BoolArray, known: BoolArray, size: tuple[int, int]) -> tuple[BoolArray, BoolArray]:
    """Return target (where half of a pixel was marked) and known (where all of it was) at ``(width, height)``."""
    smaller = size[0] * size[1] < target.shape[1] * target.shape[2]
    mode = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    marked = [cv2.resize(plane.astype(np.float32), size, interpolation=mode) >= 0.5 for plane in target]
    sure = [cv2.resize(plane.astype(np.float32), size, interpolation=mode) > 0.999 for plane in known]
    return np.stack(marked), np.stack(sure)


def checked_size(path: Path) -> tuple[int, int]:
    """Return rows and columns of a picture of a data set.

    Raises:
        ConfigError: it cannot be read; the message says which.
    """
    try:
        return picture_size(path)
    except InputError as error:
        raise ConfigError(f"{error}. It is part of a data set: replace it or take it out of the split") from error
