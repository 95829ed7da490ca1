"""Values that travel between the readers, the tiles and whoever reads pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of pixels, half-open: columns ``col .. col + width``, rows ``row .. row + height``.

    It may reach outside the image; readers give NaN there.
    """

    col: int
    row: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f"window of {self.width} x {self.height} px; both sides must be at least 1")

    @property
    def right(self) -> int:
        """First column to the right of the window."""
        return self.col + self.width

    @property
    def bottom(self) -> int:
        """First row below the window."""
        return self.row + self.height

    def clip(self, width_px: int, height_px: int) -> Window | None:
        """Return the part inside an image of that size, or None if nothing is."""
        left, top = max(self.col, 0), max(self.row, 0)
        right, bottom = min(self.right, width_px), min(self.bottom, height_px)
        if right <= left or bottom <= top:
            return None
        return Window(left, top, right - left, bottom - top)


@dataclass(frozen=True, slots=True)
class Pixels:
    """Pixel values with their band names.

    Attributes:
        values: float32 ``(C, H, W)``, raw as stored; NaN where there is no observation.
        bands: C names, in the order of ``values``.
    """

    values: FloatArray
    bands: tuple[str, ...]

    @property
    def observed(self) -> BoolArray:
        """``(H, W)``, True where at least one band was observed."""
        return np.asarray(np.isfinite(self.values).any(axis=0))
