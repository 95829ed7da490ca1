"""One file a band, some coarser than others, read on the grid of the finest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np

from findings.errors import InputError
from imagery.radiometry import spread_windows
from imagery.reader import ImageReader, open_image
from imagery.scene_product import SceneGrid
from imagery.types import FloatArray, Window

SAMPLES = 6  # a side; a scene of 10,980 px is read to 2 % before it is taken


class BandStack:
    """Open band files of one scene; use it as a context manager.

    Coarser bands are repeated pixel by pixel (nearest neighbour): a value that was measured stays as it was measured,
    and masks stay classes.

    Attributes:
        grid: of the band with the most pixels.
    """

    def __init__(self, what: str, files: Mapping[str, Path]) -> None:
        self._what = what
        self._files = dict(files)
        self._stack = ExitStack()
        self._readers: dict[str, ImageReader] = {}
        self._factors: dict[str, int] = {}

    def __enter__(self) -> BandStack:
        try:
            for name, path in self._files.items():
                self._readers[name] = self._stack.enter_context(open_image(path, bands=(name,)))
            self.grid = self._finest_grid()
            self._factors = {name: self._factor(name, reader) for name, reader in self._readers.items()}
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _finest_grid(self) -> SceneGrid:
        finest = max(self._readers.values(), key=lambda reader: reader.width_px)
        if finest.crs is None or finest.transform is None:
            raise InputError(f"{finest.path}: has no georeference; download the product again")
        return SceneGrid(finest.crs, finest.transform, finest.width_px, finest.height_px)

    def _factor(self, name: str, reader: ImageReader) -> int:
        """Return how many pixels of the grid one pixel of a band is wide; refuse a band of another place."""
        grid = self.grid
        factor = round(grid.width_px / reader.width_px)
        a, b, c, d, e, f = grid.transform
        expected = (a * factor, b * factor, c, d * factor, e * factor, f)
        fits = (
            reader.transform is not None
            and reader.crs == grid.crs
            and np.allclose(reader.transform, expected, rtol=1e-9, atol=abs(a) * 1e-3)
            and (reader.width_px * factor, reader.height_px * factor) == (grid.width_px, grid.height_px)
        )
        if not fits:
            raise InputError(
                f"{self._what}: band {name} lies elsewhere than the others ({reader.crs}, {reader.width_px} x "
                f"{reader.height_px} px, {reader.transform}; expected a part of {grid}); download the product again"
            )
        return factor

    def has(self, name: str) -> bool:
        """Return whether there is such a band."""
        return name in self._readers

    def tags(self, name: str) -> dict[str, str]:
        """Return the tags of a band's file."""
        return self._readers[name].tags

    def read(self, name: str, window: Window) -> FloatArray:
        """Return the stored values ``(h, w)`` of a window inside the grid; NaN at the file's own nodata value.

        Raises:
            UnreadableImage: the file is damaged there.
        """
        n = self._factors[name]
        col, row = window.col // n, window.row // n
        coarse = Window(col, row, -(-window.right // n) - col, -(-window.bottom // n) - row)
        values: FloatArray = self._readers[name].read(coarse).values[0]
        if n == 1:
            return values
        fine: FloatArray = values.repeat(n, axis=0).repeat(n, axis=1)
        top, left = window.row - row * n, window.col - col * n
        return fine[top : top + window.height, left : left + window.width]

    def sample(self, names: Sequence[str]) -> FloatArray:
        """Return stored values ``(C, N)`` from windows spread evenly over the grid."""
        windows = spread_windows(self.grid.width_px, self.grid.height_px, SAMPLES)
        parts = [np.stack([self.read(name, window).ravel() for name in names]) for window in windows]
        return np.concatenate(parts, axis=1)


def scene_id(name: str) -> str:
    """Return a product's name as an id that `write_product` takes."""
    text = re.sub(r"[^A-Za-z0-9._-]", "-", name)[:100].lstrip("._-")
    return f"{text}-" if text.endswith("_mask") else text or "scene"
