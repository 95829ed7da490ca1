"""Scenes as they leave the sources: one grid, canonical bands, surface reflectance, a mask; written as COG + STAC item.

Every source (Sentinel Hub, STAC, products on disk) makes a `SceneProduct`; `write_product` is the only way to a file.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pystac
from numpy.typing import NDArray

from findings.errors import InputError, NotAssessable
from findings.survey import Radiometry
from imagery.cog import STRIP_ROWS, CogFile, RasterSpec, write_refusal
from imagery.masks import Classes, MaskClass
from imagery.stac_item import Place, SceneFile, scene_item, write_item
from imagery.tiles import slices
from imagery.types import FloatArray, Window

REFLECTANCE_FACTOR = 10_000.0
NODATA = -32768
MASK_NODATA = 255
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MASK_NAMES = ", ".join(f"{what.value}={what.name.lower()}" for what in MaskClass)
Strip = Callable[[Window], tuple[FloatArray, Classes | None]]


@dataclass(frozen=True, slots=True)
class SceneGrid:
    """Where the pixels of a scene lie.

    Attributes:
        crs: e.g. ``EPSG:32652``; empty if nobody knows the place (image coordinates only).
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
        id: file name without suffix; ``[A-Za-z0-9._-]{1,100}``, begins with a letter or digit, does not end in
            ``_mask``.
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


def to_display(values: FloatArray) -> NDArray[np.uint8]:
    """Return display values as uint8 1..255 of the same shape; NaN becomes 0, so black is told from a gap."""
    known = np.isfinite(values)
    scaled = np.rint(np.clip(np.where(known, values, 0.0), 1, 255))
    return np.where(known, scaled, 0).astype(np.uint8)


def write_product(product: SceneProduct, folder: Path) -> Path:
    """Write ``<id>.tif`` (COG), ``<id>_mask.tif`` and, last of all, the STAC 1.1 item ``<id>.json``; return the raster.

    A scene without its item is not there: a run that was cut off writes it again. Reflectance is stored as int16
    x 10000 (-32768 = not observed), display values as uint8 (0 = not observed in any band), backscatter in dB and
    values of unknown meaning as float32 (NaN). The mask holds `MaskClass` as uint8; where `read` gives no mask it is
    ``UNKNOWN`` (255, its nodata), and ``NO_DATA`` wherever no band was observed. `read` is called once for each strip
    of 512 rows, from the top. A scene of the same id takes the place of the one before.

    Errors of `read` pass through as they are, and then nothing of this call stays behind either.

    Raises:
        NotAssessable: the scene arrived empty: no pixel of any band was observed. Nothing is written; the caller
            records it as empty.
        InputError: the id, the grid, the bands or the time cannot be written.
        OutputError: a file could not be written; nothing of the scene stays behind.
    """
    check_product(product)
    staging = folder / f".{product.id}.partial"
    try:
        _start_staging(staging)
        tallies = _write_rasters(product, staging)
        if tallies[0].observed == 0:
            raise NotAssessable(f"{product.id}: arrived empty, no pixel was observed; take another date or place")
        write_item(_item(product, staging, *tallies), staging / f"{product.id}.json")
        return _move_into_place(product.id, staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def check_product(product: SceneProduct) -> None:
    """Raise InputError unless id, grid, bands and time can be written; pixels are not looked at."""
    grid = product.grid
    if not ID.fullmatch(product.id) or product.id.endswith("_mask"):
        raise InputError(
            f"scene id {product.id[:120]!r}: expected up to 100 letters, digits, dots, - and _, a letter or digit "
            "first, and not _mask at the end; rename the scene"
        )
    if product.captured_at.tzinfo is None:
        raise InputError(f"{product.id}: time {product.captured_at} without zone; expected UTC")
    if not product.bands or len(set(product.bands)) != len(product.bands):
        raise InputError(f"{product.id}: bands {','.join(product.bands) or 'none'}; expected one or more, each once")
    if grid.width_px < 1 or grid.height_px < 1 or not np.isfinite(grid.transform).all():
        raise InputError(
            f"{product.id}: grid of {grid.width_px} x {grid.height_px} px with transform {grid.transform}; "
            "expected at least 1 x 1 px and finite numbers"
        )


def is_complete(folder: Path, scene_id: str) -> bool:
    """Return whether a scene was written to its end and its files still have the sizes that its item states."""
    try:
        item = json.loads((folder / f"{scene_id}.json").read_bytes())
        return all((folder / a["href"]).stat().st_size == a["file:size"] for a in item["assets"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _storage(radiometry: Radiometry) -> tuple[str, float, float | None]:
    """Return dtype, nodata and scale of stored values."""
    if radiometry is Radiometry.REFLECTANCE:
        return "int16", NODATA, 1.0 / REFLECTANCE_FACTOR
    if radiometry is Radiometry.DISPLAY:
        return "uint8", 0, None
    return "float32", float("nan"), None


def _stored(values: FloatArray, radiometry: Radiometry) -> NDArray[Any]:
    if radiometry is Radiometry.REFLECTANCE:
        return to_stored(values)
    if radiometry is Radiometry.DISPLAY:
        return to_display(values)
    return np.where(np.isfinite(values), values, np.nan).astype(np.float32)


class _Tally:
    """Counts observed pixels and keeps the extremes of each band's stored values, strip by strip."""

    def __init__(self, count: int) -> None:
        self.observed = 0
        self._low, self._high = np.full(count, np.inf), np.full(count, -np.inf)

    def add(self, seen: NDArray[np.bool_], known: NDArray[np.bool_], stored: NDArray[Any]) -> None:
        self.observed += int(np.count_nonzero(seen))
        for band, (values, there) in enumerate(zip(stored, known, strict=True)):
            if there.any():
                self._low[band] = min(self._low[band], float(values[there].min()))
                self._high[band] = max(self._high[band], float(values[there].max()))

    def statistics(self, bands: tuple[str, ...]) -> dict[str, dict[str, Any]]:
        """Return a band's fields for the item; a band that was nowhere observed has none."""
        return {
            name: {"statistics": {"minimum": float(low), "maximum": float(high)}}
            for name, low, high in zip(bands, self._low, self._high, strict=True)
            if np.isfinite(low)
        }


def _write_rasters(product: SceneProduct, folder: Path) -> tuple[_Tally, _Tally]:
    """Write raster and mask by strips; return the tallies of both."""
    grid = product.grid
    dtype, nodata, scale = _storage(product.radiometry)
    place: dict[str, Any] = {"crs": grid.crs, "transform": grid.transform} if grid.crs else {}
    tags = {
        "ACQUISITION_DATETIME": product.captured_at.astimezone(UTC).isoformat(),
        "RADIOMETRY": product.radiometry.value,
        "SOURCE": product.source,
    }
    rgb = product.bands[:3] == ("red", "green", "blue") and len(product.bands) <= 4 and dtype == "uint8"
    data = RasterSpec(
        grid.width_px, grid.height_px, len(product.bands), dtype, nodata, names=product.bands, scale=scale,
        tags=tags, rgb=rgb, **place,
    )  # fmt: skip
    mask = RasterSpec(
        grid.width_px, grid.height_px, 1, "uint8", MASK_NODATA, names=("mask",), resampling="MODE",
        tags={"CLASSES": MASK_NAMES}, **place,
    )  # fmt: skip
    tally, tally_mask = _Tally(len(product.bands)), _Tally(1)
    with ExitStack() as stack:
        out = stack.enter_context(CogFile(folder / f"{product.id}.tif", data))
        out_mask = stack.enter_context(CogFile(folder / f"{product.id}_mask.tif", mask))
        for window in slices(grid.width_px, grid.height_px, STRIP_ROWS):
            values, classes = product.read(window)
            known = np.isfinite(values)
            seen = np.asarray(known.any(axis=0))
            if classes is None:
                classes = np.full(seen.shape, MaskClass.UNKNOWN, np.uint8)
            classes = np.where(seen, classes, np.uint8(MaskClass.NO_DATA))[None]
            stored = _stored(values, product.radiometry)
            tally.add(seen, known, stored)
            tally_mask.add(seen, classes != MASK_NODATA, classes)
            out.write_stored(window.row, stored)
            out_mask.write_stored(window.row, classes)
    return tally, tally_mask


def _item(product: SceneProduct, folder: Path, tally: _Tally, tally_mask: _Tally) -> pystac.Item:
    dtype, nodata, scale = _storage(product.radiometry)
    cover, grid = product.cloud_cover, product.grid
    facts = {
        **product.properties,
        "platform": product.platform,
        "eo:cloud_cover": round(100.0 * cover, 2) if cover is not None and np.isfinite(cover) else None,
        "mizuhashi:collection": product.collection,
        "mizuhashi:radiometry": product.radiometry.value,
        "mizuhashi:observed_share": round(tally.observed / (grid.width_px * grid.height_px), 6),
        "mizuhashi:source": product.source or None,
        "mizuhashi:notes": list(product.notes) or None,
    }
    gap: float | str = "nan" if dtype == "float32" else int(nodata)
    files = {
        "data": SceneFile(
            folder / f"{product.id}.tif", dtype, gap, product.bands, scale,
            roles=("data", "reflectance") if product.radiometry is Radiometry.REFLECTANCE else ("data",),
            band_fields=tally.statistics(product.bands),
        ),
        "mask": SceneFile(
            folder / f"{product.id}_mask.tif", "uint8", MASK_NODATA, ("mask",), roles=("data-mask",),
            title=f"why a pixel must not be judged: {MASK_NAMES}", common_names=False,
            band_fields=tally_mask.statistics(("mask",)),
        ),
    }  # fmt: skip
    place = Place(grid.crs, grid.transform, grid.width_px, grid.height_px)
    return scene_item(product.id, product.captured_at.astimezone(UTC), place, facts, files)


def _move_into_place(scene_id: str, staging: Path, folder: Path) -> Path:
    """Move the finished files, the item last; an older item goes first, so that none ever describes other pixels."""
    raster, mask, item = (folder / f"{scene_id}{end}" for end in (".tif", "_mask.tif", ".json"))
    try:
        item.unlink(missing_ok=True)
        for path in (raster, mask, item):
            (staging / path.name).replace(path)
    except OSError as error:
        for path in (item, raster, mask):  # some are new and some are old: together they are no scene
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise write_refusal(raster, error) from error
    return raster


def _start_staging(staging: Path) -> None:
    try:
        staging.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(staging, ignore_errors=True)  # of a run that was cut off
        staging.mkdir()
    except OSError as error:
        raise write_refusal(staging.parent, error) from error
