"""Windows of remote GeoTIFFs: GDAL decodes, but every byte comes through the guarded session.

GDAL gets no URL. It gets a file of ours that answers reads (`ranges`), with one driver, no side files and no network of
its own; a file whose tags name other files is refused, and pixels are warped as arrays, never as a dataset.
"""

from __future__ import annotations

import math
import uuid
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import array_bounds
from rasterio.warp import reproject, transform_bounds
from rasterio.windows import Window as RasterWindow

from findings.errors import UnreadableImage, UnsafeImage
from imagery.safe import GDAL_ERRORS, MAGIC, SHUT, check_header
from imagery.scene_product import SceneGrid
from imagery.sources.guard import shown
from imagery.sources.ranges import BlockStore, Cursor, RemoteFile, folder_of
from imagery.sources.wire import GuardedSession
from imagery.types import FloatArray, Window

# Domains of a TIFF's GDAL_METADATA tag that name other files or URLs (GDAL 3.10: gdaldefaultoverviews.cpp, the
# geolocation transformer); our own overviews stand inside the file and need neither.
FOREIGN = ("OVERVIEWS", "GEOLOCATION")
Transform = tuple[float, float, float, float, float, float]
"""a, b, c, d, e, f of x = a*col + b*row + c, y = d*col + e*row + f."""
_TIFF = tuple(magic for magic, driver in MAGIC if driver == "GTiff")


@dataclass(frozen=True, slots=True)
class CogHeader:
    """What a remote GeoTIFF says of itself.

    Attributes:
        crs: e.g. ``EPSG:32652``.
        transform: a, b, c, d, e, f of x = a*col + b*row + c, y = d*col + e*row + f, in ``crs``.
        overviews: reduction factors of the overviews inside the file, e.g. ``(2, 4, 8)``.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]
    width_px: int
    height_px: int
    count: int
    dtype: str
    nodata: float | None
    overviews: tuple[int, ...]

    @property
    def pixel(self) -> float:
        """Side of a pixel in units of the CRS."""
        return math.sqrt(abs(self.transform[0] * self.transform[4] - self.transform[1] * self.transform[3]))


class CogReader:
    """An open remote GeoTIFF; use it as a context manager.

    Args:
        session: every byte goes through it.
        url: of the file.
        cache: folder for fetched blocks, for a resumed run; None: memory only.

    Raises:
        SourceError: it cannot be fetched.
        UnsafeImage: not a TIFF, names other files, or its header promises too much.
        UnreadableImage: damaged, or without a place.
    """

    def __init__(self, session: GuardedSession, url: str, cache: Path | None = None) -> None:
        self.url = url
        self.file = RemoteFile(session, url, BlockStore(folder_of(cache, url) if cache else None))
        self._name = f"/{uuid.uuid4().hex}/remote.tif"
        self._stack = ExitStack()
        self._levels: dict[int, Any] = {}
        head = self.file.read_at(0, min(8, self.file.size))
        if not head.startswith(_TIFF):
            raise UnsafeImage(f"{shown(url)}: not a GeoTIFF (first bytes {head!r}); only GeoTIFFs are read by windows")
        try:
            self.header = self._read_header()
        except BaseException:
            self.close()
            raise

    # --- opening ---------------------------------------------------------------------------------------------------

    def _opener(self, path: str, mode: str = "rb") -> Cursor:
        if path != self._name or "w" in mode or "+" in mode:
            raise FileNotFoundError(path)  # whatever stands beside the file is not ours to read
        return Cursor(self.file)

    def _open(self, **options: Any) -> Any:
        try:
            with rasterio.Env(**SHUT), warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                data = rasterio.open(self._name, driver="GTiff", opener=self._opener, **options)
                data.transform  # noqa: B018  its warning belongs here too
                # Each time anew: the server may send another header when a block is fetched again.
                named = [domain for domain in FOREIGN if data.tags(ns=domain)]
        except GDAL_ERRORS as error:
            raise self._failure(error) from error
        if named:
            data.close()
            raise UnsafeImage(
                f"{shown(self.url)}: its tags name other files (domain {named[0]}); such a file is not read"
            )
        return data

    def _read_header(self) -> CogHeader:
        with self._open() as plain, rasterio.Env(**SHUT):
            # Nothing foreign is named, so these are the overviews inside the file.
            overviews = tuple(plain.overviews(1))
        data = self._level(None)
        check_header(shown(self.url), data, self.file.size)
        affine = data.transform
        if not data.crs or affine.is_identity or affine.is_degenerate or not np.isfinite(affine[:6]).all():
            raise UnreadableImage(f"{shown(self.url)}: the file has no place (CRS or transform is missing)")
        return CogHeader(
            crs_text(data.crs), tuple(affine)[:6], data.width, data.height, data.count, data.dtypes[0], data.nodata,
            overviews,
        )  # fmt: skip

    def _level(self, number: int | None) -> Any:
        """Return the open file at one of its own overviews; None: full resolution.

        Pixels are then read one to one: a reduced read would look for overviews once more.
        """
        key = -1 if number is None else number
        if key not in self._levels:
            if number is not None:
                self._open().close()  # tags are looked at before an overview is opened, which follows them
            data = self._open(OVERVIEW_LEVEL="NONE" if number is None else number)
            self._levels[key] = self._stack.enter_context(data)
        return self._levels[key]

    def _failure(self, error: Exception) -> Exception:
        if self.file.failure is not None:
            return self.file.failure
        reason = error.__cause__ or error
        return UnreadableImage(f"{shown(self.url)}: damaged or not a GeoTIFF ({reason}); tell its publisher")

    # --- pixels ----------------------------------------------------------------------------------------------------

    def read(
        self, grid: SceneGrid, indexes: Sequence[int] = (1,), *, nearest: bool = False, nodata: float | None = None
    ) -> FloatArray:
        """Return stored values float32 ``(C, H, W)`` on a grid; NaN outside the file and where it has no observation.

        Args:
            grid: wanted pixels.
            indexes: of the bands, from 1.
            nearest: for classes: no interpolation, and never from an overview, which may hold averages.
            nodata: stored value of "not observed" if the file itself does not say it.

        Raises:
            SourceError: a range could not be fetched.
            UnreadableImage: a block does not decode.
        """
        number = None if nearest else self._best_level(grid)
        data = self._level(number)
        scale = (self.header.width_px / data.width, self.header.height_px / data.height)
        own = _scaled(self.header.transform, *scale)
        window = self._source_window(grid, own, data.width, data.height)
        out = np.full((len(indexes), grid.height_px, grid.width_px), np.nan, np.float32)
        if window is None:
            return out
        values = self._decode(data, window, indexes, nodata)
        source = moved(own, window.col, window.row)
        shift = self._whole_shift(grid, source)
        if shift is not None:
            _paste(values, out, *shift)
            return out
        method = Resampling.nearest if nearest else Resampling.bilinear
        with rasterio.Env(**SHUT):
            reproject(
                values, out, src_transform=rasterio.Affine(*source), src_crs=self.header.crs, src_nodata=np.nan,
                dst_nodata=np.nan, dst_transform=rasterio.Affine(*grid.transform), dst_crs=grid.crs, resampling=method,
                init_dest_nodata=True,
            )  # fmt: skip
        return out

    def _best_level(self, grid: SceneGrid) -> int | None:
        """Return the coarsest overview that is as fine as the grid, None for full resolution."""
        left, bottom, right, top = self._bounds(grid)
        wanted = math.sqrt((right - left) * (top - bottom) / (grid.width_px * grid.height_px))
        fits = [n for n, factor in enumerate(self.header.overviews) if factor * self.header.pixel <= wanted * 1.01]
        return fits[-1] if fits else None

    def _bounds(self, grid: SceneGrid) -> tuple[float, float, float, float]:
        """Return left, bottom, right, top of a grid in the CRS of the file."""
        bounds: tuple[float, float, float, float] = array_bounds(
            grid.height_px, grid.width_px, rasterio.Affine(*grid.transform)
        )
        if grid.crs == self.header.crs:
            return bounds
        try:
            left, bottom, right, top = transform_bounds(grid.crs, self.header.crs, *bounds)
        except GDAL_ERRORS as error:
            raise UnreadableImage(f"{shown(self.url)}: {self.header.crs} does not reach the wanted place") from error
        return left, bottom, right, top

    def _source_window(self, grid: SceneGrid, own: Transform, width: int, height: int) -> Window | None:
        left, bottom, right, top = self._bounds(grid)
        corners = [_to_pixel(own, x, y) for x in (left, right) for y in (bottom, top)]
        cols, rows = [corner[0] for corner in corners], [corner[1] for corner in corners]
        if not all(map(math.isfinite, (*cols, *rows))):
            return None
        # Beyond the window: what bilinear resampling looks at, which grows with the reduction.
        margin = 2 + 2 * math.ceil(
            max((max(cols) - min(cols)) / grid.width_px, (max(rows) - min(rows)) / grid.height_px)
        )
        col, row = math.floor(min(cols)) - margin, math.floor(min(rows)) - margin
        across, down = math.ceil(max(cols)) + margin - col, math.ceil(max(rows)) + margin - row
        return Window(col, row, across, down).clip(width, height)

    def _whole_shift(self, grid: SceneGrid, source: Transform) -> tuple[int, int] | None:
        """Return column and row of the grid's corner in the source if both share one lattice of pixels, else None."""
        if grid.crs != self.header.crs:
            return None
        right, bottom = grid.width_px, grid.height_px
        places = []
        for col, row in ((0, 0), (right, 0), (0, bottom)):
            at = moved(grid.transform, col, row)
            found = _to_pixel(source, at[2], at[5])
            places.append((found[0] - col, found[1] - row))
        col, row = round(places[0][0]), round(places[0][1])
        if any(abs(x - col) > 0.01 or abs(y - row) > 0.01 for x, y in places):
            return None
        return col, row

    def _decode(self, data: Any, window: Window, indexes: Sequence[int], nodata: float | None) -> FloatArray:
        at = RasterWindow(window.col, window.row, window.width, window.height)
        for left in (1, 0):  # object stores deliver a broken block now and then: fetch it once more
            try:
                with rasterio.Env(**SHUT):
                    raw = data.read(list(indexes), window=at)
                break
            except GDAL_ERRORS as error:
                if self.file.failure is not None or not left:
                    raise self._failure(error) from error
                self.file.forget()
        if self.file.failure is not None:
            raise self.file.failure
        values = np.asarray(raw, np.float32)
        gap = self.header.nodata if self.header.nodata is not None else nodata
        if gap is not None and not math.isnan(gap):
            values[raw == np.asarray(gap).astype(raw.dtype)] = np.nan
        values[~np.isfinite(values)] = np.nan
        return values

    # --- lifetime --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the file; fetched blocks stay in the cache folder."""
        self._levels.clear()
        self._stack.close()

    def __enter__(self) -> CogReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def moved(transform: Transform, col: float, row: float) -> Transform:
    """Return a transform whose pixel 0, 0 is the given one."""
    a, b, c, d, e, f = transform
    return a, b, a * col + b * row + c, d, e, d * col + e * row + f


def _scaled(transform: Transform, across: float, down: float) -> Transform:
    """Return a transform of pixels that are so many times as large."""
    a, b, c, d, e, f = transform
    return a * across, b * down, c, d * across, e * down, f


def _to_pixel(transform: Transform, x: float, y: float) -> tuple[float, float]:
    """Return column and row of a place."""
    a, b, c, d, e, f = transform
    area = a * e - b * d
    return (e * (x - c) - b * (y - f)) / area, (a * (y - f) - d * (x - c)) / area


def crs_text(crs: Any) -> str:
    """Return ``EPSG:n`` where the CRS has a number, else its WKT."""
    epsg = CRS.from_user_input(crs).to_epsg()
    return f"EPSG:{epsg}" if epsg else str(CRS.from_user_input(crs).to_wkt())


def _paste(values: FloatArray, out: FloatArray, col: int, row: int) -> None:
    """Copy the part of ``values`` that begins at its column and row into the corner of ``out``."""
    inside = Window(col, row, out.shape[2], out.shape[1]).clip(values.shape[2], values.shape[1])
    if inside is None:
        return
    top, left = inside.row - row, inside.col - col
    out[:, top : top + inside.height, left : left + inside.width] = values[
        :, inside.row : inside.bottom, inside.col : inside.right
    ]
