"""Scenes as they leave the sources: one grid, canonical bands, surface reflectance, a mask; written as COG + STAC item.

Every source (Sentinel Hub, STAC, products on disk) makes a `SceneProduct`; `write_product` is the only way to a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from findings.survey import Radiometry
from imagery.masks import Classes
from imagery.types import FloatArray, Window

REFLECTANCE_FACTOR = 10_000.0
NODATA = -32768
Strip = Callable[[Window], tuple[FloatArray, Classes | None]]


@dataclass(frozen=True, slots=True)
class SceneGrid:
    """Where the pixels of a scene lie.

    Attributes:
        crs: e.g. ``EPSG:32652``.
        transform: a, b, c, d, e, f of x = a*col + b*row + c, y = d*col + e*row + f, in ``crs``.
        width_px: columns.
        height_px: rows.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class SceneProduct:
    """One acquisition on one grid.

    Attributes:
        id: file name without suffix; ``[A-Za-z0-9._-]{1,100}``.
        collection: e.g. ``sentinel-2-l2a``; the folder and the STAC collection.
        captured_at: aware UTC.
        grid: of all bands and of the mask.
        bands: canonical names (`imagery.bands`), in order.
        radiometry: what `read` returns: reflectance 0..1, backscatter in dB, or display values.
        read: window inside the grid -> values float32 ``(C, h, w)``, NaN = not observed, and mask classes uint8
            ``(h, w)`` or None if nothing is known.
        platform: e.g. ``sentinel-2b``.
        cloud_cover: share 0..1 of observed pixels, or None.
        properties: further STAC properties (``view:sun_elevation``, ``sar:polarizations``, ``s2:processing_baseline``).
        source: where it came from, without secrets.
        notes: what the reader should know.
    """

    id: str
    collection: str
    captured_at: datetime
    grid: SceneGrid
    bands: tuple[str, ...]
    radiometry: Radiometry
    read: Strip
    platform: str | None = None
    cloud_cover: float | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    notes: tuple[str, ...] = ()


def from_arrays(values: FloatArray, mask: Classes | None) -> Strip:
    """Return the `read` of a product whose pixels ``(C, H, W)`` and mask ``(H, W)`` are in memory."""

    def read(window: Window) -> tuple[FloatArray, Classes | None]:
        rows, cols = slice(window.row, window.bottom), slice(window.col, window.right)
        return values[:, rows, cols], None if mask is None else mask[rows, cols]

    return read


def to_stored(values: FloatArray) -> NDArray[np.int16]:
    """Return reflectance 0..1 as int16 x 10000 of the same shape; NaN becomes -32768, above 3.2767 is clipped."""
    known = np.isfinite(values)
    scaled = np.rint(np.clip(np.where(known, values, 0.0) * REFLECTANCE_FACTOR, -32767, 32767))
    return np.where(known, scaled, NODATA).astype(np.int16)


def write_product(product: SceneProduct, folder: Path) -> Path:
    """Write ``<id>.tif`` (COG), ``<id>_mask.tif`` and, last of all, the STAC 1.1 item ``<id>.json``; return the raster.

    A scene without its item is not there: a run that was cut off writes it again. Reflectance is stored as int16
    x 10000, backscatter as float32 dB, display values as uint8.

    Raises:
        OutputError: a file could not be written; nothing of the scene stays behind.
    """
    raise NotImplementedError


def is_complete(folder: Path, scene_id: str) -> bool:
    """Return whether a scene was written to its end."""
    return (folder / f"{scene_id}.json").is_file() and (folder / f"{scene_id}.tif").is_file()
