"""Overlapping windows out of a file that is read once: aligned strips from the file, windows cut in memory.

Reading overlapping windows from a compressed file decodes its blocks again and again, unless GDAL's block cache holds a
whole row of blocks; strips over the whole width decode each block once whatever the cache. Memory is one strip and one
row of windows, whatever the file's size. Low strips are best (`docs/benchmarks.md`): their arrays are taken from the
heap again and again, while each high strip is a fresh map of memory that the system fills with zeros first; the block
cache gives the rest of a row of blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from imagery.tiles import positions
from imagery.types import FloatArray, Pixels, Window

STRIP = 128
"""Rows per read: a few strips for each row of 256 or 512 px blocks."""


class PixelSource(Protocol):
    """What can be streamed: an open image, or pixels in memory with the same manners."""

    @property
    def width_px(self) -> int:
        """Columns."""
        ...

    @property
    def height_px(self) -> int:
        """Rows."""
        ...

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands."""
        ...

    def read(self, window: Window, bands: Sequence[str] | None = None) -> Pixels:
        """Return float32 values ``(C, height, width)``; NaN where nothing was observed or the band is absent."""
        ...


class StripFeed:
    """Reads strips from the top and keeps the rows that are still needed.

    Args:
        source: the image.
        bands: to read, in this order.
        strip: rows per read.

    Attributes:
        rows_read: image rows read from the file, each once.
        peak_rows_held: most rows in memory at one time.
    """

    def __init__(self, source: PixelSource, bands: Sequence[str], strip: int) -> None:
        self._source, self._bands, self._strip = source, tuple(bands), max(1, strip)
        self._top = self._have = 0
        self._held: FloatArray = np.empty((len(self._bands), 0, source.width_px), np.float32)
        self.rows_read = 0
        self.peak_rows_held = 0

    def rows(self, top: int, end: int) -> FloatArray:
        """Return rows ``top .. end`` as a view ``(C, end - top, W)`` that the next call overwrites.

        Rows above ``top`` are given up.
        """
        kept = self._have - top
        last = min(top + kept + -(-(end - self._have) // self._strip) * self._strip, self._source.height_px)
        last = max(last, self._have)
        held = self._held
        if last - top > held.shape[1]:
            held = np.empty((held.shape[0], last - top, held.shape[2]), np.float32)
        held[:, :kept] = self._held[:, top - self._top : top - self._top + kept]
        self._held, self._top = held, top
        while self._have < end:
            height = min(self._strip, self._source.height_px - self._have)
            strip = Window(0, self._have, self._source.width_px, height)
            held[:, self._have - top : self._have - top + height] = self._source.read(strip, self._bands).values
            self._have += height
            self.rows_read += height
        self.peak_rows_held = max(self.peak_rows_held, self._have - top)
        return held[:, : end - top]


def stream_windows(
    source: PixelSource, bands: Sequence[str], size: int, overlap: int, *, strip: int = STRIP
) -> Iterator[tuple[Window, FloatArray]]:
    """Yield the windows of `imagery.tiles.windows` with their values ``(C, h, w)``, in the same order.

    Windows at the edge of an image that is smaller than ``size`` are cut to the image. The values are views of a strip
    that the next row gives up: copy what must last.

    Args:
        source: the image.
        bands: to read, in this order.
        size: side of a window in pixels.
        overlap: least overlap of neighbours in pixels.
        strip: rows per read.

    Raises:
        ValueError: impossible size or overlap.
    """
    feed = StripFeed(source, bands, strip)
    cols = positions(source.width_px, size, overlap)
    for top in positions(source.height_px, size, overlap):
        rows = feed.rows(top, min(top + size, source.height_px))
        for left in cols:
            part = rows[:, :, left : left + size]
            yield Window(left, top, part.shape[2], part.shape[1]), part
