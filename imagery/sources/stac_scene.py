"""Pixels of a planned scene: windows of remote files, laid on one grid, scaled, masked, and written.

Downloaded blocks are kept below a cache folder until the scene is complete, so that a run that was cut off goes on
where it stopped.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rasterio import Affine
from rasterio.errors import RasterioError
from rasterio.transform import array_bounds
from rasterio.warp import transform_bounds

from findings.errors import InputError, NotAssessable, OutputError, RecordError
from findings.survey import Radiometry
from imagery.masks import Classes, MaskClass
from imagery.plain import finite, is_plain
from imagery.scene_product import SceneGrid, SceneProduct, is_complete, write_product
from imagery.sources.cog import CogHeader, CogReader, moved
from imagery.sources.guard import shown
from imagery.sources.stac import ScenePlan
from imagery.sources.stac_assets import StacScene
from imagery.sources.stac_radiometry import Scaling, classes_of, scaling_of
from imagery.sources.wire import GuardedSession
from imagery.types import FloatArray, Window

MAX_SIDE_PX = 20_000
SAMPLE_PX = 1000
# What of an item's properties goes on with the scene.
KEPT = (
    "constellation", "instruments", "view:off_nadir", "view:sun_azimuth", "view:sun_elevation",
    "s2:processing_baseline", "s2:datatake_id", "landsat:wrs_path", "landsat:wrs_row", "sat:relative_orbit",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Layer:
    """One item of a scene, opened.

    Attributes:
        readers: of its files, by URL.
        scaling: of its bands.
    """

    item: StacScene
    readers: dict[str, CogReader]
    scaling: Scaling

    def values(self, grid: SceneGrid, bands: tuple[str, ...]) -> FloatArray:
        """Return values of the bands ``(C, H, W)``, NaN = not observed."""
        return self.scaling.apply(_stored(self.item, self.readers, grid, bands, self.scaling.nodata), bands)

    def classes(self, grid: SceneGrid) -> Classes | None:
        """Return the mask ``(H, W)``, or None if the item has none."""
        if self.item.mask is None:
            return None
        kind, href = self.item.mask
        return classes_of(kind, self.readers[href].read(grid, nearest=True)[0])


def fetch_scene(session: GuardedSession, plan: ScenePlan, folder: Path, cache: Path, source: str) -> Path | None:
    """Return the raster of a scene, fetched and written now; None if it arrived empty, which is recorded.

    Args:
        session: every byte goes through it.
        plan: the scene.
        folder: of its collection.
        cache: for blocks of scenes that are not complete.
        source: the service, without secrets.

    Raises:
        SourceError: a file could not be fetched; what was downloaded stays for the next run.
        InputError: a file or item that cannot be taken.
        OutputError: the scene could not be written.
    """
    blocks = cache / plan.id
    with open_scene(session, plan, blocks, source) as product:
        try:
            written = write_product(product, folder)
        except NotAssessable as error:
            _record_empty(folder, plan, str(error))
            written = None
    shutil.rmtree(blocks, ignore_errors=True)
    return written


def is_done(folder: Path, plan: ScenePlan) -> bool:
    """Return whether a scene was written to its end, or is known to be empty."""
    return is_complete(folder, plan.id) or _empty_record(folder, plan).is_file()


def _empty_record(folder: Path, plan: ScenePlan) -> Path:
    return folder / f"{plan.id}.empty"


def _record_empty(folder: Path, plan: ScenePlan, reason: str) -> None:
    record = {"id": plan.id, "reason": reason, "items": [item.id for item in plan.items]}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _empty_record(folder, plan).write_text(json.dumps(record, ensure_ascii=False, indent=2), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror}); free some space") from error


@contextmanager
def open_scene(session: GuardedSession, plan: ScenePlan, cache: Path | None, source: str) -> Iterator[SceneProduct]:
    """Yield a planned scene; its pixels are fetched while they are read.

    Raises:
        SourceError: as of `fetch_scene`.
        InputError: as of `fetch_scene`.
    """
    with ExitStack() as stack:
        opened = [(item, _open_files(stack, session, item, plan, cache)) for item in plan.items]
        grid = _grid(plan, opened)
        sample = _coarse(grid)
        layers = []
        for item, readers in opened:
            stored = _stored(item, readers, sample, plan.bands, None)
            types = [readers[item.bands[band].href].header.dtype for band in plan.bands]
            layers.append(_Layer(item, readers, scaling_of(item, plan.bands, types, stored)))
        if len({layer.scaling.radiometry for layer in layers}) > 1:
            raise RecordError(f"{plan.id}: its items are partly reflectance and partly not; tell the service")
        yield _product(plan, grid, layers, _cloud_share(layers, sample, plan.bands), source)


def _open_files(
    stack: ExitStack, session: GuardedSession, item: StacScene, plan: ScenePlan, cache: Path | None
) -> dict[str, CogReader]:
    """Return the readers of an item's files by URL, each header compared with what the item says."""
    wanted = {item.bands[band].href: item.bands[band].index for band in plan.bands}
    if item.mask is not None:
        wanted[item.mask[1]] = 1
    readers: dict[str, CogReader] = {}
    for href, index in wanted.items():
        reader = readers[href] = stack.enter_context(CogReader(session, href, cache))
        header = reader.header
        if header.crs != plan.crs:
            raise RecordError(
                f"{item.id}: {shown(href)} is in {header.crs[:60]}, the item says {plan.crs}; tell the service"
            )
        if index > header.count:
            raise RecordError(f"{item.id}: {shown(href)} has {header.count} bands, the item names number {index}")
        if not _lies_at(header, item):
            raise RecordError(f"{item.id}: {shown(href)} lies elsewhere than the item says ({item.bbox})")
    return readers


def _lies_at(header: CogHeader, item: StacScene) -> bool:
    """Return whether a file touches the box of its item."""
    bounds = array_bounds(header.height_px, header.width_px, Affine(*header.transform))
    try:
        west, south, east, north = transform_bounds(header.crs, "EPSG:4326", *bounds)
    except RasterioError:
        return False
    left, bottom, right, top = item.bbox
    return bool(west <= right and left <= east and south <= top and bottom <= north)


def _grid(plan: ScenePlan, opened: list[tuple[StacScene, dict[str, CogReader]]]) -> SceneGrid:
    """Return the wanted area on the lattice of the finest band: north up, whole pixels, the area inside."""
    item, readers = opened[0]
    header = min((readers[item.bands[band].href].header for band in plan.bands), key=lambda header: header.pixel)
    try:
        left, bottom, right, top = transform_bounds("EPSG:4326", plan.crs, *plan.box)
    except RasterioError as error:
        raise InputError(f"{plan.id}: {plan.crs} does not reach the wanted area") from error
    if not all(map(math.isfinite, (left, bottom, right, top))):
        raise InputError(f"{plan.id}: {plan.crs} does not reach the wanted area")
    pixel = plan.pixel or header.pixel
    origin_x, origin_y = header.transform[2], header.transform[5]
    first_col, last_col = math.floor((left - origin_x) / pixel), math.ceil((right - origin_x) / pixel)
    first_row, last_row = math.floor((origin_y - top) / pixel), math.ceil((origin_y - bottom) / pixel)
    width, height = last_col - first_col, last_row - first_row
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX):
        raise InputError(
            f"{plan.id}: the area is {width} x {height} px; at most {MAX_SIDE_PX} a side, choose a smaller area or a "
            "coarser --resolution"
        )
    corner = (origin_x + first_col * pixel, origin_y - first_row * pixel)
    return SceneGrid(plan.crs, (pixel, 0.0, corner[0], 0.0, -pixel, corner[1]), width, height)


def _part(grid: SceneGrid, window: Window) -> SceneGrid:
    return SceneGrid(grid.crs, moved(grid.transform, window.col, window.row), window.width, window.height)


def _coarse(grid: SceneGrid) -> SceneGrid:
    """Return the grid itself, or one of at most 1000 px a side over the same ground."""
    factor = math.ceil(max(grid.width_px, grid.height_px) / SAMPLE_PX)
    a, b, c, d, e, f = grid.transform
    size = (math.ceil(grid.width_px / factor), math.ceil(grid.height_px / factor))
    return SceneGrid(grid.crs, (a * factor, b, c, d, e * factor, f), *size)


def _stored(
    item: StacScene, readers: dict[str, CogReader], grid: SceneGrid, bands: tuple[str, ...], nodata: float | None
) -> FloatArray:
    """Return stored numbers of the bands ``(C, H, W)``; bands of one file are read together."""
    out = np.empty((len(bands), grid.height_px, grid.width_px), np.float32)
    for href in dict.fromkeys(item.bands[band].href for band in bands):
        places = [place for place, band in enumerate(bands) if item.bands[band].href == href]
        sources = [item.bands[bands[place]] for place in places]
        gap = sources[0].nodata if sources[0].nodata is not None else nodata
        out[places] = readers[href].read(grid, [source.index for source in sources], nodata=gap)
    return out


def _mosaic(layers: list[_Layer], grid: SceneGrid, bands: tuple[str, ...]) -> tuple[FloatArray, Classes | None]:
    """Return values and mask on a grid; where items overlap, each pixel is of one item alone, mask and all bands."""
    values = np.full((len(bands), grid.height_px, grid.width_px), np.nan, np.float32)
    masked = any(layer.item.mask is not None for layer in layers)
    classes = np.full(values.shape[1:], MaskClass.NO_DATA, np.uint8)
    free = np.ones(values.shape[1:], bool)
    for layer in layers:
        if not free.any():
            break
        own = layer.values(grid, bands)
        mine = free & np.isfinite(own).any(axis=0)
        if not mine.any():
            continue
        values[:, mine] = own[:, mine]
        said = layer.classes(grid)
        classes[mine] = MaskClass.UNKNOWN if said is None else said[mine]
        free &= ~mine
    return values, classes if masked else None


def _cloud_share(layers: list[_Layer], sample: SceneGrid, bands: tuple[str, ...]) -> float | None:
    """Return the share of cloud among the observed pixels of the area, None if there is no mask."""
    _, classes = _mosaic(layers, sample, bands)
    if classes is None:
        return None
    seen = classes != MaskClass.NO_DATA
    return float((classes[seen] == MaskClass.CLOUD).mean()) if seen.any() else None


def _product(
    plan: ScenePlan, grid: SceneGrid, layers: list[_Layer], cloud_cover: float | None, source: str
) -> SceneProduct:
    first = plan.items[0]
    notes = dict.fromkeys(f"{layer.item.id}: {layer.scaling.note}" for layer in layers)
    if any(layer.item.mask is None for layer in layers) and layers[0].scaling.radiometry is Radiometry.REFLECTANCE:
        notes["no cloud mask in the item: clouds are not told from ground"] = None
    properties = {name: first.properties[name] for name in KEPT if _plain(first.properties.get(name))}
    properties["mizuhashi:items"] = [item.id for item in plan.items]
    return SceneProduct(
        id=plan.id,
        collection=plan.collection,
        captured_at=plan.captured_at,
        grid=grid,
        bands=plan.bands,
        radiometry=layers[0].scaling.radiometry,
        read=lambda window: _mosaic(layers, _part(grid, window), plan.bands),
        platform=first.platform,
        cloud_cover=cloud_cover,
        properties=properties,
        source=f"{source}, {plan.collection}: {', '.join(item.id for item in plan.items)}",
        notes=tuple(notes),
    )


def _plain(value: Any) -> bool:
    """Return whether a stranger's value may stand in our item: short text, numbers, or a short list of them."""
    if isinstance(value, list):
        return len(value) <= 10 and all(is_plain(part, 60) for part in value)
    return finite(value) is not None or is_plain(value, 100)
