"""Pictures of two dates as one source of planes on one grid, for the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from findings.errors import InputError
from imagery.dates import find_item, mask_of_item
from imagery.flood_planes import OPTICAL, PLANES, RADAR, is_power, optical_planes, radar_plane, to_db
from imagery.reader import ImageReader, open_image
from imagery.types import FloatArray, Pixels, Window
from inference.river.grid import Grid

SAME_GRID = 1e-3  # of a pixel's side
_PAD = 2  # pixels that interpolation looks beyond a window
_LARGEST = 6000  # side of a window of another grid that is read at once


class FloodSource:
    """Open pictures of two dates behind the face of one image with the bands of `imagery.flood_planes`.

    The grid is that of the first picture in the order s2_after, s1_after, s2_before, s1_before. Pictures of other grids
    are brought to it where both are georeferenced (bilinear, holes stay holes); others must have its size.

    Args:
        files: ``s1_before``, ``s1_after``, ``s2_before``, ``s2_after``: those that there are.

    Attributes:
        notes: what the reader of the map should know.

    Raises:
        InputError: a file cannot be taken, lacks a band, or fits neither the size nor the place of the first.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._stack = ExitStack()
        self.notes: list[str] = []
        self._parts: dict[str, _Part] = {}
        order = [kind for kind in ("s2_after", "s1_after", "s2_before", "s1_before") if kind in files]
        try:
            for kind in order:
                mask = mask_of_item(files[kind], find_item(files[kind]))
                reader = self._stack.enter_context(open_image(files[kind], mask=mask))
                first = self._parts[order[0]].reader if self._parts else reader
                self._parts[kind] = _Part(kind, reader, self._grid_between(first, reader))
        except BaseException:
            self._stack.close()
            raise
        lead = self._parts[order[0]].reader
        self.width_px, self.height_px, self.crs, self.transform = (
            lead.width_px, lead.height_px, lead.crs, lead.transform,
        )  # fmt: skip
        self.bands = tuple(band for band in PLANES if any(band in part.names for part in self._parts.values()))

    def reader(self, kind: str) -> ImageReader:
        """Return the open picture of a kind."""
        return self._parts[kind].reader

    def read(self, window: Window, bands: Sequence[str] | None = None) -> Pixels:
        """Return planes ``(C, h, w)`` of a window; NaN where nothing was observed or no picture has the plane."""
        wanted = self.bands if bands is None else tuple(bands)
        hole = np.full((window.height, window.width), np.nan, np.float32)
        found: dict[str, FloatArray] = {}
        for part in self._parts.values():
            if set(part.names) & set(wanted):
                found.update(zip(part.names, part.read(window), strict=True))
        return Pixels(np.stack([found.get(band, hole) for band in wanted]), wanted)

    def polarisations(self, window: Window, wanted: Sequence[str]) -> FloatArray:
        """Return ``vv``, ``vh`` ``(C, h, w)`` of the radar picture after; a grey picture's one band is ``vv``."""
        part = self._parts["s1_after"]
        hole = np.full((window.height, window.width), np.nan, np.float32)
        here = {"vv": lambda: part.read(window)[0]}
        if "vh" in part.reader.bands:
            here["vh"] = lambda: part.read(window, "vh")[0]
        return np.stack([here[name]() if name in here else hole for name in wanted])

    def _grid_between(self, first: ImageReader, other: ImageReader) -> tuple[Grid, Grid] | None:
        """Return both grids where the other must be brought to the first's, None where they are one."""
        sizes = [(reader.width_px, reader.height_px) for reader in (first, other)]
        one, two = _grid(first), _grid(other)
        if one is None or two is None:
            if sizes[0] != sizes[1]:
                raise InputError(
                    f"{other.path}: {sizes[1][0]} x {sizes[1][1]} px, {first.path.name} has "
                    f"{sizes[0][0]} x {sizes[0][1]}, and not both have a place; give pictures of one grid, or GeoTIFFs"
                )
            if (one is None) != (two is None):
                bare = first if one is None else other
                self.notes.append(f"{bare.path.name} has no place: it is taken to lie on the other pictures' grid")
            return None
        step = SAME_GRID * max(abs(value) for value in (one.transform[0], one.transform[1], one.transform[4]))
        if sizes[0] == sizes[1] and one.crs == two.crs and np.allclose(one.transform, two.transform, rtol=0, atol=step):
            return None
        corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]]) * sizes[0]
        there = two.pixels(one.points(corners, one.crs), one.crs)
        apart = not np.isfinite(there).all() or (there.max(axis=0) <= 0).any() or (there.min(axis=0) >= sizes[1]).any()
        if apart:
            raise InputError(
                f"{other.path}: lies elsewhere than {first.path.name}; give pictures of one place, or cut them to it"
            )
        self.notes.append(f"{other.path.name} lies on another grid and was brought to that of {first.path.name}")
        return one, two

    def __enter__(self) -> FloodSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


class _Part:
    """One picture with the planes that it gives."""

    def __init__(self, kind: str, reader: ImageReader, grids: tuple[Grid, Grid] | None) -> None:
        sensor, _, date = kind.partition("_")
        self.reader, self._grids, self._radar = reader, grids, sensor == "s1"
        self.names = (RADAR if self._radar else OPTICAL)[date]
        self._power = self._radar and is_power(reader)
        self._planes(Window(0, 0, 1, 1))  # a missing band is told before anything is computed

    def read(self, window: Window, other: str | None = None) -> FloatArray:
        """Return the part's planes on the common grid, or another band of a radar picture."""
        if self._grids is None:
            return self._planes(window, other)
        one, two = self._grids
        cols, rows = np.meshgrid(np.arange(window.width) + 0.5, np.arange(window.height) + 0.5)
        here = np.stack([cols.ravel() + window.col, rows.ravel() + window.row], axis=1)
        there = two.pixels(one.points(here, one.crs), one.crs).reshape(window.height, window.width, 2) - 0.5
        holes = np.full((len(self.names), window.height, window.width), np.nan, np.float32)
        inside = np.isfinite(there).all(axis=2)
        if not inside.any():
            return holes
        low = np.floor(there[inside].min(axis=0)).astype(int) - _PAD
        high = np.ceil(there[inside].max(axis=0)).astype(int) + _PAD + 1
        part = Window(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
        clipped = part.clip(self.reader.width_px, self.reader.height_px)
        if clipped is None:
            return holes
        if max(clipped.width, clipped.height) > _LARGEST:
            raise InputError(
                f"{self.reader.path}: {clipped.width} x {clipped.height} of its pixels lie in a part of the other "
                f"picture, at most {_LARGEST} a side are read at once; bring both to a similar pixel size"
            )
        planes = self._planes(clipped, other)
        x = np.where(inside, there[..., 0] - clipped.col, -9).astype(np.float32)
        y = np.where(inside, there[..., 1] - clipped.row, -9).astype(np.float32)
        return np.stack([_sampled(plane, x, y) for plane in planes])

    def _planes(self, window: Window, other: str | None = None) -> FloatArray:
        if other is not None:
            values = self.reader.read(window, [other]).values
            return to_db(values) if self._power else values
        if self._radar:
            return radar_plane(self.reader, window, power=self._power)
        return optical_planes(self.reader, window)


def _sampled(plane: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """Return a plane at places, bilinear; NaN outside and next to holes."""
    options: dict[str, Any] = {"interpolation": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_CONSTANT}
    return np.asarray(cv2.remap(plane, x, y, borderValue=float("nan"), **options), dtype=np.float32)


def _grid(reader: ImageReader) -> Grid | None:
    if reader.crs is None or reader.transform is None:
        return None
    return Grid(reader.crs, reader.transform, reader.height_px, reader.width_px, 1.0)
