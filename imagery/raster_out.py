"""Writers of 8-bit probability maps, by strips and all or nothing.

A map is written beside its place as ``<name>.partial`` and renamed when it is complete; whatever goes wrong, nothing
stays behind. Values: 0 to 254 are a probability of 0 to 1, 255 is "not observed".
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from findings.errors import OutputError
from imagery.cog import CogFile, RasterSpec, StripFile, Transform, close_quietly, write_refusal
from imagery.types import FloatArray

NODATA = 255
FULL = 254
ENCODING = "0..254 = probability x 254; 255 = not observed"
Bytes = NDArray[np.uint8]


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


class PngWriter(StripFile):
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
            raise write_refusal(self.path, error) from error
        return self

    def _chunk(self, kind: bytes, body: bytes) -> None:
        self._file.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))

    def write(self, row: int, probability: FloatArray) -> None:
        """Write the rows ``row .. row + H`` of ``(H, width)``, in order and without gaps.

        Raises:
            OutputError: the disk is full or the place cannot be written.
        """
        self.write_stored(row, encode_probability(probability)[None])

    def _put(self, row: int, stored: NDArray[Any]) -> None:
        stored = stored[0]
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
            close_quietly(self._file)
        self.partial.unlink(missing_ok=True)


class CogWriter(CogFile):
    """Writes a cloud-optimised GeoTIFF of one map."""

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
        spec = RasterSpec(
            width_px, height_px, 1, "uint8", NODATA, crs, transform, scale=1.0 / FULL,
            tags={"ENCODING": ENCODING, **(tags or {})},
        )  # fmt: skip
        super().__init__(path, spec)

    def __enter__(self) -> CogWriter:
        super().__enter__()
        return self

    def write(self, row: int, probability: FloatArray) -> None:
        """Write the rows ``row .. row + H`` of ``(H, width)``, in order and without gaps.

        Raises:
            OutputError: the disk is full or the place cannot be written.
        """
        self.write_stored(row, encode_probability(probability)[None])
