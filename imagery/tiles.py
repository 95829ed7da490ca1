"""Windows and strips that cover an image."""

from __future__ import annotations

from collections.abc import Iterator

from imagery.types import Window


def positions(length: int, size: int, overlap: int) -> list[int]:
    """Return the starts of windows of ``size`` that cover ``0 .. length`` with at least ``overlap`` in common.

    The last window is moved back so that it ends with the image; only an image smaller than ``size`` is exceeded.

    Raises:
        ValueError: length or size is below 1, or overlap is not in ``0 .. size - 1``.
    """
    if length < 1 or size < 1 or not 0 <= overlap < size:
        raise ValueError(
            f"length {length}, size {size}, overlap {overlap}; need length, size >= 1, 0 <= overlap < size"
        )
    last = max(0, length - size)
    starts = list(range(0, last, size - overlap))
    return [*starts, last]


def windows(width: int, height: int, size: int, overlap: int) -> Iterator[Window]:
    """Yield square windows of ``size`` px, row by row, that cover every pixel at least once."""
    for row in positions(height, size, overlap):
        for col in positions(width, size, overlap):
            yield Window(col, row, size, size)


def strips(width: int, height: int, size: int, overlap: int) -> Iterator[Window]:
    """Yield strips over the whole width, at the rows of :func:`windows`.

    Read a strip once and cut the windows of its row out of it: reading overlapping windows from the file decodes
    blocks again and again. A strip is at least ``size`` wide, so that every window fits into it.
    """
    for row in positions(height, size, overlap):
        yield Window(0, row, max(width, size), size)


def slices(width: int, height: int, rows: int) -> Iterator[Window]:
    """Yield windows over the whole width that share no pixel and leave none out; the last one may be lower."""
    for row in range(0, height, rows):
        yield Window(0, row, width, min(rows, height - row))
