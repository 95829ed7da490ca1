"""Cloud-optimised GeoTIFFs written by strips, all or nothing.

A file is written beside its place as ``<name>.partial`` and renamed when it is complete; whatever goes wrong, nothing
stays behind. Memory holds one strip, whatever the size of the image.
"""

from __future__ import annotations

import warnings
import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window as RasterWindow

from findings.errors import OutputError
from imagery.safe import GDAL_ERRORS, SHUT

Transform = tuple[float, float, float, float, float, float]
TILE_PX = 512
CACHE_BYTES = 64 << 20  # GDAL's own share is 5 % of the machine's memory, which a large image fills for nothing
_ENV = {**SHUT, "GDAL_CACHEMAX": CACHE_BYTES}
STRIP_ROWS = TILE_PX  # a strip that fills whole tiles: none is read back and written again


@dataclass(frozen=True, slots=True)
class RasterSpec:
    """What a raster is, besides its pixels.

    Attributes:
        width_px: columns.
        height_px: rows.
        count: bands.
        dtype: of the stored values, e.g. ``int16``.
        nodata: stored value of "not observed", or None.
        crs: e.g. ``EPSG:32652``; None together with ``transform`` for an image without a place.
        transform: a, b, c, d, e, f of x = a*col + b*row + c, y = d*col + e*row + f.
        names: band descriptions; empty, or one for each band.
        scale: what stored values are multiplied with to get physical ones; declared in the file, not applied.
        tags: of the file.
        resampling: how overviews are made; values that are classes must not be averaged.
        rgb: declare the first three bands red, green and blue; others get no colour (near infrared is no alpha).
        alpha: the last band says where there is a picture at all.
    """

    width_px: int
    height_px: int
    count: int
    dtype: str
    nodata: float | None = None
    crs: str | None = None
    transform: Transform | None = None
    names: tuple[str, ...] = ()
    scale: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    resampling: Literal["AVERAGE", "MODE", "NEAREST"] = "AVERAGE"
    rgb: bool = False
    alpha: bool = False

    @property
    def colours(self) -> list[ColorInterp]:
        """What each band is to a viewer."""
        named = [ColorInterp.red, ColorInterp.green, ColorInterp.blue] if self.rgb else [ColorInterp.gray]
        colours = (named + [ColorInterp.undefined] * self.count)[: self.count]
        return [*colours[:-1], ColorInterp.alpha] if self.alpha else colours

    def profile(self) -> dict[str, Any]:
        """Return the keyword arguments that `rasterio.open` takes to write such a raster."""
        profile: dict[str, Any] = {
            "width": self.width_px, "height": self.height_px, "count": self.count, "dtype": self.dtype,
            "nodata": self.nodata, "photometric": "RGB" if self.rgb else "MINISBLACK",
        }  # fmt: skip
        if self.rgb and self.count > 3:
            profile["alpha"] = "YES" if self.alpha and self.count == 4 else "UNSPECIFIED"
        if self.crs and self.transform:
            profile |= {"crs": self.crs, "transform": rasterio.Affine(*self.transform)}
        return profile


class StripFile(ABC):
    """Counts the rows; completes or removes the file when the ``with`` block ends."""

    def __init__(self, path: Path, width_px: int, height_px: int, count: int = 1) -> None:
        self.path = path
        self.partial = path.with_name(path.name + ".partial")
        self.width_px = width_px
        self.height_px = height_px
        self.count = count
        self._next_row = 0

    def write_stored(self, row: int, stored: NDArray[Any]) -> None:
        """Write the rows ``row .. row + H`` of ``(C, H, width)``, in order and without gaps.

        Raises:
            OutputError: the disk is full or the place cannot be written.
        """
        expected = (self.count, stored.shape[1] if stored.ndim == 3 else 0, self.width_px)
        if row != self._next_row or stored.shape != expected:
            raise ValueError(
                f"rows from {row} of {stored.shape}; expected row {self._next_row} of "
                f"({self.count}, rows, {self.width_px})"
            )
        if row + stored.shape[1] > self.height_px:
            raise ValueError(f"rows {row} to {row + stored.shape[1]} in an image of {self.height_px} rows")
        try:
            self._put(row, stored)
        except (OSError, *GDAL_ERRORS) as error:
            raise write_refusal(self.path, error) from error
        self._next_row += stored.shape[1]

    @abstractmethod
    def _put(self, row: int, stored: NDArray[Any]) -> None:
        """Store finished rows ``(C, H, width)``."""

    @abstractmethod
    def _finish(self) -> None:
        """Make the partial file whole."""

    @abstractmethod
    def _abandon(self) -> None:
        """Leave nothing behind."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._abandon()
            return
        try:
            if self._next_row != self.height_px:
                raise ValueError(f"{self.path}: {self._next_row} of {self.height_px} rows were written")
            self._finish()
            self.partial.replace(self.path)
        except (OSError, *GDAL_ERRORS) as failure:
            self._abandon()
            raise write_refusal(self.path, failure) from failure
        except BaseException:
            self._abandon()
            raise


class CogFile(StripFile):
    """Writes a cloud-optimised GeoTIFF: tiles of 512 px first, then the COG with its overviews.

    GDAL may notice a full disk only while closing, without an error: the finished file is read back and compared.
    """

    def __init__(self, path: Path, spec: RasterSpec) -> None:
        super().__init__(path, spec.width_px, spec.height_px, spec.count)
        self.spec = spec
        self._tiled = path.with_name(path.name + ".tiled.partial")
        self._heights: list[int] = []
        self._sum = 0

    def __enter__(self) -> CogFile:
        try:
            with rasterio.Env(**_ENV), warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)  # an image without CRS gives a file without
                self._data = rasterio.open(
                    self._tiled, "w", driver="GTiff", tiled=True, blockxsize=TILE_PX, blockysize=TILE_PX,
                    compress="deflate", zlevel=1, interleave="pixel", bigtiff="if_safer", **self.spec.profile(),
                )  # fmt: skip
                self._data.colorinterp = self.spec.colours
                if self.spec.names:
                    self._data.descriptions = self.spec.names
                if self.spec.scale is not None:
                    self._data.scales = (self.spec.scale,) * self.spec.count
                self._data.update_tags(**self.spec.tags)
        except (OSError, *GDAL_ERRORS) as error:
            self._abandon()
            raise write_refusal(self.path, error) from error
        return self

    def _put(self, row: int, stored: NDArray[Any]) -> None:
        stored = np.ascontiguousarray(stored, self.spec.dtype)
        self._sum = zlib.crc32(stored.data, self._sum)
        self._heights.append(stored.shape[1])
        with rasterio.Env(**_ENV):
            self._data.write(stored, window=RasterWindow(0, row, self.width_px, stored.shape[1]))

    def _finish(self) -> None:
        with rasterio.Env(**_ENV), warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            self._data.close()
            options = {"compress": "DEFLATE", "predictor": "YES", "overview_resampling": self.spec.resampling}
            rasterio.shutil.copy(self._tiled, self.partial, driver="COG", **options)
            with rasterio.open(self.partial, driver="GTiff") as back:
                total, row = 0, 0
                for height in self._heights:
                    stored = back.read(window=RasterWindow(0, row, self.width_px, height))
                    total, row = zlib.crc32(np.ascontiguousarray(stored).data, total), row + height
        if total != self._sum:
            raise OSError("the file does not read back as it was written")
        self._tiled.unlink()

    def _abandon(self) -> None:
        if hasattr(self, "_data"):
            close_quietly(self._data)
        self._tiled.unlink(missing_ok=True)
        self.partial.unlink(missing_ok=True)


def close_quietly(file: Any) -> None:
    """Close a file that is being given up; the error that led here is the one to report."""
    try:
        file.close()
    except (OSError, *GDAL_ERRORS):
        return


def write_refusal(path: Path, error: Exception) -> OutputError:
    """Return the error to raise for a file that could not be written."""
    reason = error.__cause__ or getattr(error, "strerror", None) or error
    return OutputError(
        f"{path}: could not be written completely ({reason}); "
        "the disk is full or the folder cannot be written: free some space or choose another folder with --out"
    )
