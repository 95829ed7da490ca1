"""Orthomosaics and aerial images of any size: those that can only be read from the top are laid out anew as COG.

The values stay bit for bit as they were; only tiles and overviews are added. That is a copy, not a product: what such
a picture shows, and when, is known no better afterwards.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning

from findings.errors import OutputError, UnreadableImage
from imagery.cog import STRIP_ROWS, CogFile, RasterSpec
from imagery.digest import sha256_file
from imagery.safe import GDAL_ERRORS, SHUT, open_untrusted
from imagery.tiles import slices

SMALL_PX = 2048  # a side up to here: one or two windows show all of it, and a copy would gain nothing
TILE_PX = (64, 2048)  # sides of tiles that windows can be read from at little cost
LARGEST_OVERVIEW_PX = 4096


def needs_cog(path: Path) -> str | None:
    """Return why a GeoTIFF is to be converted, or None: it is small, no GeoTIFF of the ground, or fit as it is.

    Raises:
        UnsafeImage: refused before decoding.
        UnreadableImage: empty, truncated or damaged.
    """
    with rasterio.Env(**SHUT):
        with open_untrusted(path) as data:
            longest = max(data.width, data.height)
            if data.driver != "GTiff" or not data.crs or longest <= SMALL_PX:
                return None
            height, width = data.block_shapes[0]
        if (width >= longest and height < longest) or not TILE_PX[0] <= min(height, width) <= TILE_PX[1]:
            return f"not tiled (blocks of {width} x {height} px)"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver="GTiff") as data:  # opened again: OVERVIEW_LEVEL=NONE hides overviews
                factors = data.overviews(1)
    if (not factors and longest > LARGEST_OVERVIEW_PX) or (factors and longest / max(factors) > LARGEST_OVERVIEW_PX):
        return "no overviews"
    return None


def to_cog(path: Path, folder: Path) -> Path:
    """Return the COG of a GeoTIFF in a folder, made by strips if it is not there yet; values stay bit for bit.

    The name holds the file's own name, for a date that stands in it, and the digest of its bytes.

    Raises:
        UnreadableImage: the file is damaged somewhere; nothing stays behind.
        OutputError: the disk is full or the folder cannot be written.
    """
    target = folder / f"{path.stem[:60]}-{sha256_file(path)[:12]}.tif"
    if target.is_file():  # renamed into place when it was complete
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror}); choose another --home") from error
    with rasterio.Env(**SHUT), open_untrusted(path) as data:
        spec, indexes, mask = _spec_of(path, data)
        with CogFile(target, spec) as out:
            for window in slices(data.width, data.height, STRIP_ROWS):
                at = rasterio.windows.Window(window.col, window.row, window.width, window.height)
                out.write_stored(window.row, _strip(path, data, indexes, mask, at))
    return target


def _spec_of(path: Path, data: Any) -> tuple[RasterSpec, list[int], bool]:
    """Return how the copy is written, which bands are read, and whether an inner mask becomes an alpha band."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, driver="GTiff") as labels:  # OVERVIEW_LEVEL=NONE hides descriptions
            names = tuple(text or "" for text in labels.descriptions)
            tags = {name: text for name, text in labels.tags().items() if name != "AREA_OR_POINT"}
    flags = data.mask_flag_enums[0]
    mask = MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags
    colours = data.colorinterp
    epsg = data.crs.to_epsg()
    transform = tuple(data.transform)[:6]
    count = data.count + (1 if mask else 0)
    alpha = mask or ColorInterp.alpha in colours
    spec = RasterSpec(
        data.width, data.height, count, data.dtypes[0], data.nodata, f"EPSG:{epsg}" if epsg else data.crs.to_wkt(),
        (transform[0], transform[1], transform[2], transform[3], transform[4], transform[5]),
        names=(*names, "alpha")[:count] if any(names) else (), tags=tags,
        rgb=list(colours[:3]) == [ColorInterp.red, ColorInterp.green, ColorInterp.blue], alpha=alpha,
    )  # fmt: skip
    return spec, list(range(1, data.count + 1)), mask


def _strip(path: Path, data: Any, indexes: list[int], mask: bool, at: Any) -> np.ndarray[Any, Any]:
    try:
        values = data.read(indexes, window=at)
        if not mask:
            return np.asarray(values)
        shown = data.read_masks(1, window=at)
    except GDAL_ERRORS as error:
        raise UnreadableImage(f"{path}: damaged or truncated ({error.__cause__ or error}); copy it again") from error
    full = np.iinfo(values.dtype).max if values.dtype.kind in "ui" else 1
    return np.concatenate([values, np.where(shown, full, 0).astype(values.dtype)[None]])
