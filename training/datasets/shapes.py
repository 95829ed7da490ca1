"""Outlines and runs that label tools store, drawn into masks.

Coordinates are continuous: ``(0, 0)`` is the upper left corner of the first pixel and ``(0.5, 0.5)`` its centre, as in
COCO and CVAT. A pixel belongs to a shape when its centre lies inside by the even-odd rule, so an outline that runs
along pixel corners gives back exactly the mask that it was traced from. A shape too thin to hold any pixel centre is
drawn as its outline: what somebody marked does not vanish.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.features import rasterize
from shapely.geometry import LineString, mapping

from findings.errors import ConfigError
from imagery.types import Window
from training.datasets.label_files import number
from training.datasets.sample import BoolArray

Points = npt.NDArray[np.float64]
_SHIFT = 4  # cv2 takes 1/16 px


@dataclass(frozen=True, slots=True)
class Shape:
    """One marked place.

    Attributes:
        points: ``(N, 2)`` x, y in pixels of the picture; a closed outline, or a line if ``width_px`` is set.
        width_px: of a line.
        mask: instead of points, a mask whose upper left pixel is ``corner``.
        corner: column and row.
    """

    points: Points | None = None
    width_px: float | None = None
    mask: BoolArray | None = None
    corner: tuple[int, int] = (0, 0)


def polygon(pairs: Sequence[Sequence[object]], path: Path, where: str) -> Shape:
    """Return the shape of an outline.

    Raises:
        ConfigError: fewer than three points, or a coordinate that is no finite number.
    """
    if len(pairs) < 3:
        raise ConfigError(
            f"{path}: {where}: an outline of {len(pairs)} point(s); it needs at least 3: complete or delete it"
        )
    return Shape(_points(pairs, path, where))


def line(pairs: Sequence[Sequence[object]], width_px: float, path: Path, where: str) -> Shape:
    """Return the shape of a line of a given width.

    Raises:
        ConfigError: fewer than two points, or a coordinate that is no finite number.
    """
    if len(pairs) < 2:
        raise ConfigError(f"{path}: {where}: a line of {len(pairs)} point(s); it needs at least 2: delete it")
    return Shape(_points(pairs, path, where), width_px=width_px)


def rectangle(left: float, top: float, right: float, bottom: float, path: Path, where: str) -> Shape:
    """Return the shape of a box, corners in continuous coordinates.

    Raises:
        ConfigError: a box without area.
    """
    if right <= left or bottom <= top:
        raise ConfigError(
            f"{path}: {where}: a box from ({left:g}, {top:g}) to ({right:g}, {bottom:g}) has no area; delete it"
        )
    return Shape(np.array([(left, top), (right, top), (right, bottom), (left, bottom)], dtype=np.float64))


def _points(pairs: Sequence[Sequence[object]], path: Path, where: str) -> Points:
    found = []
    for pair in pairs:
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise ConfigError(f"{path}: {where}: a point is {pair!r}; expected two numbers, x and y")
        found.append([number(value, path, f"{where}: a coordinate") for value in pair])
    return np.array(found, dtype=np.float64)


def is_inside(shape: Shape, rows: int, cols: int) -> bool:
    """Return whether a shape lies wholly inside a picture (half a pixel of grace for rounding)."""
    if shape.points is not None:
        low, high = shape.points.min(axis=0), shape.points.max(axis=0)
        return bool((low >= -0.5).all() and (high <= np.array([cols, rows]) + 0.5).all())
    if shape.mask is None:
        return True
    col, row = shape.corner
    return col >= 0 and row >= 0 and col + shape.mask.shape[1] <= cols and row + shape.mask.shape[0] <= rows


def draw_shapes(shapes: Sequence[Shape], window: Window, factor: float = 1.0) -> BoolArray:
    """Return the union of shapes ``(height, width)`` in a window.

    Args:
        shapes: in pixels of the picture.
        window: what to draw, in pixels of the drawing.
        factor: pixels of the drawing for each pixel of the picture.
    """
    canvas = np.zeros((window.height, window.width), np.uint8)
    outlines = []
    for shape in shapes:
        if shape.mask is not None:
            _stamp(canvas, shape, window, factor)
        elif shape.points is not None:
            points = shape.points * factor - (window.col, window.row)
            if _misses(points, canvas.shape, (shape.width_px or 0.0) * factor):
                continue
            if shape.width_px is None:
                outlines.append(points)
            else:
                _fill_line(canvas, points, shape.width_px * factor)
    _fill(canvas, outlines)
    return canvas > 0


def _misses(points: Points, shape: tuple[int, ...], margin: float) -> bool:
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    return bool((high < 0).any() or low[0] > shape[1] or low[1] > shape[0])


def _fill(canvas: npt.NDArray[np.uint8], outlines: Sequence[Points]) -> None:
    """Fill outlines by GDAL, which takes the pixels whose centre is inside."""
    if not outlines:
        return
    rings = [np.vstack([points, points[:1]]) for points in outlines]
    _burn(canvas, [{"type": "Polygon", "coordinates": [ring.tolist()]} for ring in rings])
    for points in outlines:
        low = np.floor(points.min(axis=0)).astype(int)
        high = np.ceil(points.max(axis=0)).astype(int) + 1
        part = canvas[max(low[1], 0) : max(high[1], 0), max(low[0], 0) : max(high[0], 0)]
        if part.size and not part.any():
            _trace(canvas, points, closed=True)


def _fill_line(canvas: npt.NDArray[np.uint8], points: Points, width: float) -> None:
    """Fill a line with round ends; one thinner than a pixel is drawn a pixel wide."""
    if width <= 1.0:
        _trace(canvas, points, closed=False)
    else:
        _burn(canvas, [mapping(LineString(points).buffer(width / 2))])


def _burn(canvas: npt.NDArray[np.uint8], areas: Sequence[Any]) -> None:
    with rasterio.Env():
        rasterize([(area, 1) for area in areas], out=canvas, all_touched=False)


def _trace(canvas: npt.NDArray[np.uint8], points: Points, *, closed: bool) -> None:
    limit = 2**31 / (1 << (_SHIFT + 1))  # cv2 keeps coordinates in 32 bits
    at_centres = np.clip(np.round((points - 0.5) * (1 << _SHIFT)), -limit, limit).astype(np.int32)
    cv2.polylines(canvas, [at_centres.reshape(-1, 1, 2)], closed, 1, 1, cv2.LINE_8, _SHIFT)


def _stamp(canvas: npt.NDArray[np.uint8], shape: Shape, window: Window, factor: float) -> None:
    mask = np.asarray(shape.mask, np.uint8)
    col, row = shape.corner
    if factor != 1.0:
        size = (max(round(mask.shape[1] * factor), 1), max(round(mask.shape[0] * factor), 1))
        # what is marked stays marked: any coverage counts in a reduced drawing
        mask = (cv2.resize(mask * 255, size, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
        col, row = round(col * factor), round(row * factor)
    col, row = col - window.col, row - window.row
    r0, c0 = max(row, 0), max(col, 0)
    r1, c1 = min(row + mask.shape[0], canvas.shape[0]), min(col + mask.shape[1], canvas.shape[1])
    if r1 > r0 and c1 > c0:
        canvas[r0:r1, c0:c1] |= mask[r0 - row : r1 - row, c0 - col : c1 - col]


def from_runs(counts: Sequence[object], rows: int, cols: int, path: Path, where: str, *, by_columns: bool) -> BoolArray:
    """Return the mask ``(rows, cols)`` of a run-length code: lengths of 0 and 1 in turn, 0 first.

    Args:
        counts: the lengths.
        rows: of the mask.
        cols: of the mask.
        path: file, for messages.
        where: place in the file, for messages.
        by_columns: the runs go down the columns (COCO) instead of along the rows (CVAT).

    Raises:
        ConfigError: a length that is no whole number of 0 or more, or lengths that do not add up to the mask.
    """
    most = max(rows * cols, 0)  # sums of larger runs would wrap around in 64 bits
    wrong = [c for c in counts if isinstance(c, bool) or not isinstance(c, int) or not 0 <= c <= most]
    if wrong:
        raise ConfigError(f"{path}: {where}: a run of {repr(wrong[0])[:40]} px; expected whole numbers, 0 to {most}")
    lengths = np.array(counts, dtype=np.int64)
    if rows <= 0 or cols <= 0 or int(lengths.sum()) != rows * cols:
        raise ConfigError(
            f"{path}: {where}: runs of {int(lengths.sum())} px for a mask of {cols} x {rows} px; export again"
        )
    flat = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return np.ascontiguousarray(flat.reshape(cols, rows).T if by_columns else flat.reshape(rows, cols))


def runs_of_text(text: str, path: Path, where: str) -> list[int]:
    """Return the run lengths of COCO's compressed text.

    Each number is cut into 5 bits a character, lowest first, plus 48; bit 6 says that more follow, and the fifth bit of
    the last one is the sign. From the third length on, the difference to the length two before it is stored.
    Source: COCO API, the format that ``maskApi`` defines.

    Raises:
        ConfigError: a character outside the code, or a number that is cut off.
    """
    lengths: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ConfigError(f"{path}: {where}: {character!r} is no part of a compressed run-length code")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        lengths.append(value + lengths[-2] if len(lengths) > 2 else value)
        value = shift = 0
    if shift:
        raise ConfigError(f"{path}: {where}: the compressed run-length code is cut off; export the labels again")
    return lengths
