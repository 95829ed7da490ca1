"""From tiles to a scene: answers are checked as they arrive, and read again by strips when the scene is written."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile

from findings.errors import SourceUnavailable
from imagery.masks import Classes, MaskClass, from_scl
from imagery.radiometry import OffsetVerdict, check_offset
from imagery.scene_product import REFLECTANCE_FACTOR, SceneGrid, SceneProduct
from imagery.sources.sentinel_catalogue import Acquisition
from imagery.sources.sentinel_collections import DATA_MASK, SCL, Collection, codes
from imagery.sources.sentinel_tiles import Tile
from imagery.types import FloatArray, Window

SAMPLES_PER_TILE = 40_000


def check_answer(tile: Tile, grid: SceneGrid, channels: int, sample_type: str) -> Callable[[bytes], None]:
    """Return a check of an answer to one tile's request: that it is a whole TIFF of the pixels that were asked for.

    The check raises SourceUnavailable; it runs before the answer is cached.
    """
    window = tile.window
    wanted = (channels, window.height, window.width)

    def check(content: bytes) -> None:
        try:
            with MemoryFile(content) as memory, _open(memory) as image:
                found = (image.count, image.height, image.width)
                if found == wanted and image.dtypes[0] == sample_type.lower():
                    place = image.transform if image.crs is not None else None
                    image.read()  # to the end: a cut-off file has a sound header
                    if place is not None:
                        _check_place(place, tile, grid)
                    return
                kind = image.dtypes[0]
        except (RasterioError, OSError, ValueError) as error:
            raise SourceUnavailable(
                f"Sentinel Hub sent {len(content):,} bytes that are no whole TIFF for the tile at {tile.bounds}; run "
                "the command again: it is not kept"
            ) from error
        raise SourceUnavailable(
            f"Sentinel Hub sent {found} {kind} for the tile at {tile.bounds}, expected {wanted} {sample_type.lower()} "
            "(channels, rows, columns); it is not kept"
        )

    return check


def _check_place(place: Any, tile: Tile, grid: SceneGrid) -> None:
    expected = (grid.transform[0], 0.0, tile.bounds[0], 0.0, grid.transform[4], tile.bounds[3])
    if not np.allclose(tuple(place)[:6], expected, atol=grid.transform[0] * 1e-3):
        raise SourceUnavailable(
            f"Sentinel Hub sent another place: {tuple(place)[:6]}, expected {expected}; it is not kept, report it"
        )


def _open(source: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # the place is that of the request
        return source.open(driver="GTiff") if isinstance(source, MemoryFile) else rasterio.open(source, driver="GTiff")


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to a scene's tiles, in files.

    Attributes:
        collection: what was asked for.
        bands: canonical names, the first channels of each file.
        files: tile -> TIFF.
        add_dn: to be added to digital numbers before they become reflectance.
    """

    collection: Collection
    bands: tuple[str, ...]
    files: Mapping[Tile, Path]
    add_dn: float = 0.0

    def read(self, window: Window) -> tuple[FloatArray, Classes]:
        """Return values ``(C, h, w)``, NaN = not observed, and mask classes ``(h, w)`` of a window of the scene."""
        values = np.full((len(self.bands), window.height, window.width), np.nan, np.float32)
        mask = np.full((window.height, window.width), MaskClass.NO_DATA, np.uint8)
        for tile, path in self.files.items():
            shared = _shared(tile.window, window)
            if shared is None:
                continue
            there, here = _slices(shared, tile.window), _slices(shared, window)
            raw = read_raw(path)[:, there[0], there[1]]
            values[:, here[0], here[1]], mask[here] = self._physical(raw)
        return values, mask

    def _physical(self, raw: NDArray[Any]) -> tuple[FloatArray, Classes]:
        channels = codes(self.collection, self.bands)
        observed = raw[channels.index(DATA_MASK)] > 0
        numbers = raw[: len(self.bands)].astype(np.float32)
        if SCL in channels:
            # dataMask says what was observed, not the values: 0 is what the service makes of a dark pixel that the
            # offset would take below zero.
            values = (numbers + self.add_dn) / np.float32(REFLECTANCE_FACTOR)
            classes = from_scl(raw[channels.index(SCL)])
        else:
            positive = numbers > 0  # shadowed and border pixels have no power, and no logarithm
            values = 10.0 * np.log10(np.where(positive, numbers, 1.0))
            values = np.where(positive, values, np.nan)
            classes = np.full(observed.shape, MaskClass.CLEAR, np.uint8)
        classes = np.where(observed, classes, np.uint8(MaskClass.NO_DATA))
        return np.where(observed, values, np.nan).astype(np.float32), classes


@dataclass(frozen=True, slots=True)
class Look:
    """What one pass over the answers showed.

    Attributes:
        observed_px: pixels with an observation.
        cloud_cover: share of them under cloud, or None for radar.
        offset: the self-check of the +1000 offset, or None for radar.
    """

    observed_px: int
    cloud_cover: float | None
    offset: OffsetVerdict | None


def look(answers: Answers) -> Look:
    """Return how much was observed, how cloudy it is, and whether the harmonised values really are."""
    channels = codes(answers.collection, answers.bands)
    observed_px = cloud_px = 0
    samples: list[FloatArray] = []
    for path in answers.files.values():
        raw = read_raw(path)
        observed = raw[channels.index(DATA_MASK)] > 0
        observed_px += int(np.count_nonzero(observed))
        if SCL not in channels:
            continue
        classes = from_scl(raw[channels.index(SCL)])
        cloud_px += int(np.count_nonzero(observed & (classes == MaskClass.CLOUD)))
        clear = np.where(observed & (classes == MaskClass.CLEAR), raw[: len(answers.bands)].astype(np.float32), np.nan)
        flat = clear.reshape(len(answers.bands), -1)
        samples.append(flat[:, :: max(flat.shape[1] // SAMPLES_PER_TILE, 1)])
    if SCL not in channels:
        return Look(observed_px, None, None)
    cover = cloud_px / observed_px if observed_px else None
    verdict = check_offset(np.concatenate(samples, axis=1), answers.bands, claimed=False) if samples else None
    return Look(observed_px, cover, verdict)


def scene(
    scene_id: str, acquisition: Acquisition, grid: SceneGrid, answers: Answers, seen: Look, source: str
) -> SceneProduct:
    """Return the scene of an acquisition in one UTM zone; the offset's self-check has the last word on its values."""
    notes = [seen.offset.note] if seen.offset is not None else []
    add_dn = seen.offset.add_dn if seen.offset is not None else 0.0
    read = Answers(answers.collection, answers.bands, answers.files, add_dn).read
    return SceneProduct(
        id=scene_id,
        collection=answers.collection.stac_id,
        captured_at=acquisition.captured_at,
        grid=grid,
        bands=answers.bands,
        radiometry=answers.collection.radiometry,
        read=read,
        platform=acquisition.platform,
        cloud_cover=seen.cloud_cover,
        properties=_properties(acquisition, answers),
        source=source,
        notes=tuple(notes),
    )


def _properties(acquisition: Acquisition, answers: Answers) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "sat:relative_orbit": acquisition.relative_orbit,
        "sat:orbit_state": acquisition.orbit_state,
        "mizuhashi:items": list(acquisition.items),
    }
    if answers.collection.clouded:
        facts["s2:processing_baseline"] = acquisition.baselines[-1] if acquisition.baselines else None
    else:
        facts |= {
            "sar:instrument_mode": "IW",
            "sar:frequency_band": "C",
            "sar:polarizations": [band.upper() for band in answers.bands],
            "sar:product_type": "GRD",
            "mizuhashi:backscatter": "sigma0, ellipsoid, orthorectified on Copernicus DEM 30 m",
        }
    return {name: value for name, value in facts.items() if value is not None}


def read_raw(path: Path) -> NDArray[Any]:
    """Return an answer's channels ``(C, h, w)`` as they came.

    Raises:
        SourceUnavailable: the cached file is damaged.
    """
    try:
        with _open(path) as image:
            return np.asarray(image.read())
    except (RasterioError, OSError, ValueError) as error:
        raise SourceUnavailable(
            f"{path}: a cached answer of Sentinel Hub cannot be read; run the command again, it is asked for anew"
        ) from error


def _shared(first: Window, second: Window) -> Window | None:
    left, top = max(first.col, second.col), max(first.row, second.row)
    right, bottom = min(first.right, second.right), min(first.bottom, second.bottom)
    return Window(left, top, right - left, bottom - top) if right > left and bottom > top else None


def _slices(part: Window, whole: Window) -> tuple[slice, slice]:
    return (
        slice(part.row - whole.row, part.bottom - whole.row),
        slice(part.col - whole.col, part.right - whole.col),
    )
