"""Writers of 8-bit probability maps, by strips and all or nothing.

A map is written beside its place as ``<name>.partial`` and renamed when it is complete; whatever goes wrong, nothing
stays behind. Values: 0 to 254 are a probability of 0 to 1, 255 is "not observed".
"""

from __future__ import annotations

import struct
import warnings
import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window as RasterWindow

from findings.errors import OutputError
from imagery.safe import GDAL_ERRORS, SHUT
from imagery.types import FloatArray

NODATA = 255
FULL = 254
ENCODING = "0..254 = probability x 254; 255 = not observed"
Bytes = NDArray[np.uint8]
Transform = tuple[float, float, float, float, float, float]


def encode_probability(values: NDArray[np.floating[Any]]) -> Bytes:
    """Return uint8 of the same shape: probability 0..1 as 0..254, NaN as 255."""
    known = np.isfinite(values)
    scaled = np.rint(np.clip(np.where(known, values, 0.0), 0.0, 1.0) * FULL).astype(np.uint8)
    return np.where(known, scaled, np.uint8(NODATA)).astype(np.uint8)


def decode_probability(stored: Bytes) -> FloatArray:
    """Return float32 probabilities of the same shape, NaN where 255; off by at most 1/508 from what was encoded."""
    values = stored.astype(np.float32) / np.float32(FULL)
    values[stored == NODATA] = np.nan
    return values


class ProbabilityWriter(Protocol):
    """Takes a map from the top, strip by strip."""

    def write(self, row: int, probability: FloatArray) -> None:
        """Write rows ``row ..`` of ``(H, width)``; rows come in order and without gaps."""
        ...


def open_writer(
    path: Path,
    width_px: int,
    height_px: int,
    *,
    crs: str | None = None,
    transform: Transform | None = None,
    tags: Mapping[str, str] | None = None,
) -> PngWriter | CogWriter:
    """Return the writer that the suffix asks for (``.png``, ``.tif``); use it as a context manager.

    Raises:
        OutputError: neither suffix, or the place cannot be written.
    """
    if path.suffix == ".png":
        return PngWriter(path, width_px, height_px, tags=tags)
    if path.suffix == ".tif":
        return CogWriter(path, width_px, height_px, crs=crs, transform=transform, tags=tags)
    raise OutputError(f"{path}: probability maps are written as .png or .tif; choose one of these names")


class _AtomicWriter(ABC):
    """Counts the rows; completes or removes the file when the ``with`` block ends."""

    def __init__(self, path: Path, width_px: int, height_px: int) -> None:
        self.path = path
        self.partial = path.with_name(path.name + ".partial")
        self.width_px = width_px
        self.height_px = height_px
        self._next_row = 0

    def write(self, row: int, probability: FloatArray) -> None:
        """Write the rows ``row .. row + H`` of ``(H, width)``, in order and without gaps.

        Raises:
            OutputError: the disk is full or the place cannot be written.
        """
        if row != self._next_row or probability.ndim != 2 or probability.shape[1] != self.width_px:
            raise ValueError(
                f"rows from {row} of {probability.shape}; expected row {self._next_row}, {self.width_px} px"
            )
        if row + len(probability) > self.height_px:
            raise ValueError(f"rows {row} to {row + len(probability)} in a map of {self.height_px} rows")
        try:
            self._put(row, encode_probability(probability))
        except (OSError, *GDAL_ERRORS) as error:
            raise _refusal(self.path, error) from error
        self._next_row += len(probability)

    @abstractmethod
    def _put(self, row: int, stored: Bytes) -> None:
        """Store finished rows."""

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
            raise _refusal(self.path, failure) from failure
        except BaseException:
            self._abandon()
            raise


class PngWriter(_AtomicWriter):
    """Writes an 8-bit grey PNG (PNG specification, third edition) with memory for one strip.

    GDAL makes PNGs only from a complete raster and reports a full disk late; a plain stream does neither.
    """

    def __init__(self, path: Path, width_px: int, height_px: int, *, tags: Mapping[str, str] | None = None) -> None:
        super().__init__(path, width_px, height_px)
        self._tags = {"Encoding": ENCODING, **(tags or {})}
        self._zip = zlib.compressobj(6)
        self._above = np.zeros(width_px, np.uint8)

    def __enter__(self) -> PngWriter:
        try:
            self._file = self.partial.open("wb")
            self._file.write(b"\x89PNG\r\n\x1a\n")
            self._chunk(b"IHDR", struct.pack(">IIBBBBB", self.width_px, self.height_px, 8, 0, 0, 0, 0))
            for key, text in self._tags.items():
                self._chunk(b"iTXt", key.encode("latin-1", "replace") + b"\0\0\0\0\0" + text.encode())
        except OSError as error:
            self._abandon()
            raise _refusal(self.path, error) from error
        return self

    def _chunk(self, kind: bytes, body: bytes) -> None:
        self._file.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))

    def _put(self, row: int, stored: Bytes) -> None:
        above = np.concatenate([self._above[None], stored[:-1]])
        lines = np.full((len(stored), self.width_px + 1), 2, np.uint8)  # filter type 2, "up": smooth maps shrink
        np.subtract(stored, above, out=lines[:, 1:])
        self._above = stored[-1].copy()
        body = self._zip.compress(lines.tobytes())
        if body:
            self._chunk(b"IDAT", body)

    def _finish(self) -> None:
        self._chunk(b"IDAT", self._zip.flush())
        self._chunk(b"IEND", b"")
        self._file.close()

    def _abandon(self) -> None:
        if hasattr(self, "_file"):
            _close_quietly(self._file)
        self.partial.unlink(missing_ok=True)


class CogWriter(_AtomicWriter):
    """Writes a cloud-optimised GeoTIFF: tiles of 512 px first, then the COG with its overviews.

    GDAL may notice a full disk only while closing, without an error: the finished file is read back and compared.
    """

    def __init__(
        self,
        path: Path,
        width_px: int,
        height_px: int,
        *,
        crs: str | None = None,
        transform: Transform | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(path, width_px, height_px)
        self._tiled = path.with_name(path.name + ".tiled.partial")
        self._crs = crs
        self._transform = rasterio.Affine(*transform) if transform else None
        self._tags = {"ENCODING": ENCODING, **(tags or {})}
        self._heights: list[int] = []
        self._sum = 0

    def __enter__(self) -> CogWriter:
        profile = {"width": self.width_px, "height": self.height_px, "count": 1, "dtype": "uint8", "nodata": NODATA}
        if self._crs and self._transform:
            profile |= {"crs": self._crs, "transform": self._transform}
        try:
            with rasterio.Env(**SHUT), warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)  # an image without CRS gives a map without
                self._data = rasterio.open(
                    self._tiled, "w", driver="GTiff", tiled=True, blockxsize=512, blockysize=512, compress="deflate",
                    bigtiff="if_safer", **profile,
                )  # fmt: skip
                self._data.scales = (1.0 / FULL,)
                self._data.update_tags(**self._tags)
        except (OSError, *GDAL_ERRORS) as error:
            self._abandon()
            raise _refusal(self.path, error) from error
        return self

    def _put(self, row: int, stored: Bytes) -> None:
        self._sum = zlib.crc32(stored.tobytes(), self._sum)
        self._heights.append(len(stored))
        with rasterio.Env(**SHUT):
            self._data.write(stored, 1, window=RasterWindow(0, row, self.width_px, len(stored)))

    def _finish(self) -> None:
        with rasterio.Env(**SHUT), warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            self._data.close()
            options = {"compress": "DEFLATE", "predictor": "YES", "overview_resampling": "AVERAGE"}
            rasterio.shutil.copy(self._tiled, self.partial, driver="COG", **options)
            with rasterio.open(self.partial, driver="GTiff") as back:
                total, row = 0, 0
                for height in self._heights:
                    stored = back.read(1, window=RasterWindow(0, row, self.width_px, height))
                    total, row = zlib.crc32(stored.tobytes(), total), row + height
        if total != self._sum:
            raise OSError("the file does not read back as it was written")
        self._tiled.unlink()

    def _abandon(self) -> None:
        if hasattr(self, "_data"):
            _close_quietly(self._data)
        self._tiled.unlink(missing_ok=True)
        self.partial.unlink(missing_ok=True)


def _close_quietly(file: Any) -> None:
    """Close a file that is being given up; the error that led here is the one to report."""
    try:
        file.close()
    except (OSError, *GDAL_ERRORS):
        return


def _refusal(path: Path, error: Exception) -> OutputError:
    reason = error.__cause__ or getattr(error, "strerror", None) or error
    return OutputError(
        f"{path}: could not be written completely ({reason}); "
        "the disk is full or the folder cannot be written: free some space or choose another folder with --out"
    )
