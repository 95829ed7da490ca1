"""Whole photographs in memory, decoded once and as fast as the decoder allows.

`imagery.reader` reads any file by windows and gives floats; a photograph that is looked at as a whole is decoded here,
by OpenCV, to the bytes that it holds. The safety checks are the same. OpenCV paints damaged JPEG data grey and says
nothing, so this is for files that `imagery.ingest.describe` decoded before, told by their digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import rasterio
from numpy.typing import NDArray

from findings.errors import UnreadableImage
from imagery.reader import LUMA
from imagery.safe import SHUT, open_untrusted
from imagery.types import BoolArray, FloatArray, Pixels, Window

Rgb = NDArray[np.uint8]
RGB = ("red", "green", "blue")


def decode_rgb(path: Path, *, root: Path | None = None) -> Rgb | None:
    """Return a plain 8-bit RGB photograph as ``(H, W, 3)`` uint8, pixels as stored (no EXIF orientation applied).

    None for files that need more than decoding: palettes, alpha, grey, 16 bit, TIFF; read these by `imagery.reader`.

    Args:
        path: the file itself.
        root: for uploads, the folder that it must lie in.

    Raises:
        UnsafeImage: refused before decoding.
        UnreadableImage: truncated or damaged.
    """
    with rasterio.Env(**SHUT), open_untrusted(path, root) as data:
        plain = data.driver in ("JPEG", "PNG", "WEBP") and data.count == 3 and set(data.dtypes) == {"uint8"}
        shape = (data.height, data.width, 3)
        # CMYK and palettes are told by their colour interpretation
        plain = plain and [band.name for band in data.colorinterp] == list(RGB)
    if not plain:
        return None
    stored = np.fromfile(path, np.uint8)
    pixels = cv2.imdecode(stored, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None or pixels.shape != shape:
        raise UnreadableImage(f"{path}: the picture does not decode; copy it again from the camera or source")
    return np.asarray(pixels, np.uint8)


class DecodedPhoto:
    """A photograph in memory that is read like a file; see `imagery.stream.PixelSource`.

    Args:
        rgb: ``(H, W, 3)`` uint8.
        hidden: ``(H, W)``, True where nothing may be judged, or None; read as NaN.
    """

    bands = RGB

    def __init__(self, rgb: Rgb, hidden: BoolArray | None = None) -> None:
        if hidden is not None and hidden.shape != rgb.shape[:2]:
            raise ValueError(f"mask of {hidden.shape} for a picture of {rgb.shape[:2]}; both need one size")
        self.rgb = rgb
        self._hidden = hidden
        self.height_px, self.width_px = rgb.shape[:2]

    def read(self, window: Window, bands: Sequence[str] | None = None) -> Pixels:
        """Return float32 values ``(C, height, width)`` on 0..255; NaN outside the picture and where it is hidden."""
        names = tuple(bands) if bands is not None else self.bands
        values = np.full((len(names), window.height, window.width), np.nan, np.float32)
        inside = window.clip(self.width_px, self.height_px)
        if inside is None:
            return Pixels(values, names)
        rows, cols = slice(inside.row, inside.bottom), slice(inside.col, inside.right)
        top, left = inside.row - window.row, inside.col - window.col
        part = values[:, top : top + inside.height, left : left + inside.width]
        for place, name in enumerate(names):
            if name in RGB:
                part[place] = self.rgb[rows, cols, RGB.index(name)]
            elif name == "grey":
                part[place] = luma(self.rgb[rows, cols])
        if self._hidden is not None:
            part[:, self._hidden[rows, cols]] = np.nan
        return Pixels(values, names)


def luma(rgb: Rgb) -> FloatArray:
    """Return the luma ``(H, W)`` float32 of ``(H, W, 3)`` RGB (ITU-R BT.601-7, 2.5.1)."""
    return np.asarray(np.tensordot(rgb.astype(np.float32), np.array(LUMA, np.float32), axes=1), np.float32)
