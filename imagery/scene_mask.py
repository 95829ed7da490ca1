"""The mask of a scene that is ingested as a file: from its STAC item, or out of a quality band inside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from imagery.cog import STRIP_ROWS
from imagery.dates import mask_of_item
from imagery.mask_files import new_mask
from imagery.masks import Classes, MaskClass, from_fmask, from_qa_pixel, from_scl
from imagery.radiometry import sample_of
from imagery.reader import ImageReader
from imagery.tiles import slices
from imagery.types import FloatArray

QUALITY_BANDS = ("scl", "qa")


def scene_mask(
    reader: ImageReader, item: Mapping[str, Any] | None, folder: Path | None, sha256: str
) -> tuple[Path | None, tuple[str, ...]]:
    """Return the mask file of a scene, or None, and notes on where it comes from.

    The mask that the STAC item beside the file names comes first; then a band ``scl`` (Sen2Cor) or ``qa`` (HLS Fmask
    or Landsat's QA_PIXEL, told apart by their values), which is written to ``folder/<sha256>.tif``.

    Raises:
        OutputError: the mask could not be written.
    """
    found = mask_of_item(reader.path, item)
    if found is not None:
        return found.resolve(), ()
    band = next((name for name in QUALITY_BANDS if name in reader.bands), None)
    if band is None:
        return None, ()
    if folder is None:
        return None, (f"band {band} is not used as a mask",)
    coding = _coding(reader, band)
    if coding is None:
        return None, (f"band {band} holds values that are no {band.upper()} coding: not used as a mask",)
    return _write(reader, band, coding, folder / f"{sha256}.tif"), (f"mask out of band {band}, read as {coding}",)


def _coding(reader: ImageReader, band: str) -> str | None:
    values = sample_of(reader, band)
    known = values[np.isfinite(values)]
    if len(known) == 0 or (known != np.rint(known)).any() or known.min() < 0 or known.max() > 65535:
        return None
    if band == "scl":
        return "SCL" if known.max() <= 11 else None
    return "Fmask" if known.max() <= 255 else "QA_PIXEL"  # QA_PIXEL sets bits of 64 and more on every pixel but fill


def _decode(values: FloatArray, coding: str) -> Classes:
    known = np.isfinite(values)
    codes = np.where(known, values, 0).astype(np.int64)
    read = from_scl if coding == "SCL" else from_fmask if coding == "Fmask" else from_qa_pixel
    classes = read(codes)
    return np.where(known, classes, np.uint8(MaskClass.NO_DATA)).astype(np.uint8)


def _write(reader: ImageReader, band: str, coding: str, path: Path) -> Path:
    """Write the mask by strips, on the scene's own grid."""
    with new_mask(path, reader) as out:
        for window in slices(reader.width_px, reader.height_px, STRIP_ROWS):
            out.write_stored(window.row, _decode(reader.read(window, [band]).values[0], coding)[None])
    return path.resolve()
