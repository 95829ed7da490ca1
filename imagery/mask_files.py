"""Masks as files: 8-bit, one class a pixel, PNG for photographs and tiled GeoTIFF for scenes; all or nothing."""

from __future__ import annotations

import contextlib
import os
import warnings
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from findings.errors import InputError, OutputError, UnreadableImage
from imagery.cog import CogFile, RasterSpec
from imagery.masks import Classes, MaskClass
from imagery.safe import GDAL_ERRORS, SHUT, open_untrusted
from imagery.types import Window

if TYPE_CHECKING:
    from imagery.reader import ImageReader

ENCODING = "one mask class a pixel: " + ", ".join(f"{what.value} {what.name.lower()}" for what in MaskClass)
Transform = tuple[float, float, float, float, float, float]


class Grid(Protocol):
    """Where the pixels of a scene lie, e.g. ``imagery.scene_product.SceneGrid``."""

    @property
    def crs(self) -> str:
        """Such as ``EPSG:32652``."""
        ...

    @property
    def transform(self) -> Transform:
        """From pixel to ``crs``: a, b, c, d, e, f."""
        ...


def write_mask(path: Path, classes: Classes, grid: Grid | None = None) -> Path:
    """Write a mask ``(H, W)`` whole or not at all, and return its path.

    Args:
        path: ``.png`` for photographs, ``.tif`` for scenes.
        classes: one class a pixel.
        grid: of the scene; only a GeoTIFF keeps it.

    Raises:
        OutputError: the disk is full, or the place cannot be written.
        ValueError: another suffix, shape or type, or a PNG with a grid.
    """
    if path.suffix not in (".png", ".tif") or classes.ndim != 2 or classes.dtype != np.uint8:
        raise ValueError(f"{path}: {classes.dtype} {classes.shape}; expected uint8 (H, W) as .png or .tif")
    if path.suffix == ".png" and grid is not None:
        raise ValueError(f"{path}: a PNG keeps no georeference; write the mask of a scene as .tif")
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")  # two runs may write one mask
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(partial, path.suffix, classes, grid)
        with open_mask(partial) as back:
            whole = back.read(Window(0, 0, back.width_px, back.height_px))
        if not np.array_equal(whole, classes):  # GDAL may notice a full disk only while closing, without an error
            raise OSError("the file does not read back as it was written")
        partial.replace(path)
    except (OSError, InputError, *GDAL_ERRORS) as error:
        with contextlib.suppress(OSError):  # the error that led here is the one to report
            partial.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"{path}: the mask could not be written completely ({reason}); free some space or choose another folder"
        ) from error
    return path


def new_mask(path: Path, reader: ImageReader) -> CogFile:
    """Return the writer, by strips, of the mask of an open scene, on its grid; its folder is made.

    Raises:
        OutputError: the folder cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path.parent}: cannot be made ({error.strerror}); choose another --home") from error
    spec = RasterSpec(
        reader.width_px, reader.height_px, 1, "uint8", MaskClass.UNKNOWN, reader.crs, reader.transform,
        names=("mask",), tags={"ENCODING": ENCODING}, resampling="MODE",
    )  # fmt: skip
    return CogFile(path, spec)


def _write(partial: Path, suffix: str, classes: Classes, grid: Grid | None) -> None:
    height, width = classes.shape
    profile: dict[str, Any] = {"width": width, "height": height, "count": 1, "dtype": "uint8"}
    if suffix == ".png":
        profile |= {"driver": "PNG", "ZLEVEL": 1}
    else:
        profile |= {"driver": "GTiff", "compress": "deflate", "tiled": True, "blockxsize": 256, "blockysize": 256}
    if grid is not None:
        profile |= {"crs": grid.crs, "transform": rasterio.Affine(*grid.transform)}
    with rasterio.Env(**SHUT), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # a photograph has no georeference
        with rasterio.open(partial, "w", **profile) as data:
            data.write(classes, 1)
            if suffix == ".tif":
                data.update_tags(ENCODING=ENCODING)


def read_mask(path: Path, window: Window | None = None) -> Classes:
    """Return the classes ``(H, W)`` of a window, or of the whole mask; no data outside.

    Raises:
        UnsafeImage: refused before decoding.
        UnreadableImage: absent, damaged, or no mask.
    """
    with open_mask(path) as mask:
        return mask.read(window or Window(0, 0, mask.width_px, mask.height_px))


def open_mask(path: Path) -> MaskReader:
    """Return a reader of the mask file; use it as a context manager.

    Raises:
        UnsafeImage: refused before decoding.
        UnreadableImage: absent, damaged, or no mask.
    """
    with rasterio.Env(**SHUT):
        data = open_untrusted(path)
    if data.count != 1 or data.dtypes[0] != "uint8":
        found = f"{data.count} band(s) of {data.dtypes[0]}"
        data.close()
        raise UnreadableImage(f"{path}: {found}; a mask has one band of uint8, {ENCODING}")
    return MaskReader(path, data)


class MaskReader:
    """An open mask.

    Attributes:
        path: the file.
        width_px: columns.
        height_px: rows.
        crs: as rasterio reads it, or None.
        transform: affine, of no meaning without ``crs``.
    """

    def __init__(self, path: Path, data: Any) -> None:
        self.path = path
        self._data = data
        self.width_px: int = data.width
        self.height_px: int = data.height
        self.crs: Any = data.crs
        self.transform: Any = data.transform

    def read(self, window: Window) -> Classes:
        """Return the classes ``(H, W)`` of a window; no data outside the mask.

        Raises:
            UnreadableImage: the file is damaged there.
        """
        out = np.full((window.height, window.width), MaskClass.NO_DATA, np.uint8)
        inside = window.clip(self.width_px, self.height_px)
        if inside is None:
            return out
        at = rasterio.windows.Window(inside.col, inside.row, inside.width, inside.height)
        try:
            with rasterio.Env(**SHUT):
                classes = self._data.read(1, window=at)
        except GDAL_ERRORS as error:
            reason = error.__cause__ or error
            raise UnreadableImage(f"{self.path}: damaged or truncated mask ({reason}); {_REMEDY}") from error
        top, left = inside.row - window.row, inside.col - window.col
        out[top : top + inside.height, left : left + inside.width] = classes
        return out

    def require_fit(self, path: Path, width_px: int, height_px: int, crs: str | None, transform: Any) -> None:
        """Refuse a mask of another size or grid than the image it is meant for.

        A mask without a georeference fits by its size alone: those of photographs have none.

        Raises:
            InputError: with both sizes or grids.
        """
        if (self.width_px, self.height_px) != (width_px, height_px):
            raise InputError(
                f"{self.path}: the mask has {self.width_px} x {self.height_px} px, {path.name} has "
                f"{width_px} x {height_px}; {_REMEDY}"
            )
        if not self.crs:
            return
        mine = tuple(self.transform[:6])
        tolerance = 1e-3 * max(abs(value) for value in (mine[0], mine[1], mine[3], mine[4]))  # of a pixel's side
        same = transform is not None and np.allclose(mine, transform, rtol=0.0, atol=tolerance)
        if crs is None or not same or self.crs != rasterio.crs.CRS.from_user_input(crs):
            raise InputError(
                f"{self.path}: the mask lies on another grid ({self.crs.to_string()} {mine}) than {path.name} "
                f"({crs} {transform}); {_REMEDY}"
            )

    def close(self) -> None:
        """Close the file."""
        self._data.close()

    def __enter__(self) -> MaskReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_REMEDY = "ingest the image again under a new survey name, so that its mask is made anew"
