"""Multispectral 30 m tiles with training labels derived from their own quality flag and indices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from findings.errors import ConfigError
from imagery.reader import open_image
from imagery.types import Window
from training.datasets.label_files import read_table
from training.datasets.picture_file import checked_size
from training.datasets.pictures import Layers, Pictures
from training.datasets.sample import BoolArray, FloatArray, Item

# Order of the bands in the files; 9 to 12 (terrain, land cover, occurrence) let a model remember the place: never read.
FILE_BANDS = (
    "coastal", "blue", "green", "red", "nir", "swir1", "swir2", "quality", "dem_merit", "dem_copernicus", "worldcover",
    "occurrence",
)  # fmt: skip
QA_FILL = 255
FLAGGED_FROM = -0.3
"""MNDWI from which the quality flag alone makes a pixel water in the labels of covers."""
SHORE_PX, FAR_PX = 6.0, 15.0
"""Bare ground up to the first distance from water may be river sediment, beyond the second it is not (30 m pixels)."""
QA_CLOUD, QA_SHADOW, QA_SNOW, QA_WATER = 1 << 1, 1 << 3, 1 << 4, 1 << 5  # HLS v2 Fmask bits


@dataclass(frozen=True, slots=True)
class WaterTile:
    """One tile, whose truth is derived from its own bands or read from the hand-made label."""

    item: Item
    stored: tuple[int, int]
    bands: tuple[str, ...]
    labels: Literal["given", "derived"]
    classes: tuple[str, ...]

    def size(self) -> tuple[int, int]:
        """Return rows and columns."""
        return self.stored

    def read(self, window: Window | None) -> Layers:
        """Return the tile or a window of it."""
        wanted = window or Window(0, 0, self.stored[1], self.stored[0])
        with open_image(self.item.image, bands=FILE_BANDS) as reader:
            everything = dict(zip(FILE_BANDS, reader.read(wanted, FILE_BANDS).values, strict=True))
        quality = np.nan_to_num(everything["quality"], nan=QA_FILL).astype(np.int64)
        masks = derive_covers(everything, quality)
        if self.labels == "given" and self.item.label is not None:
            with open_image(self.item.label) as reader:
                water = reader.read(wanted, None).values[0] > 0.5
            masks = {"water": (water, (quality != QA_FILL) & (quality & QA_CLOUD == 0))}
        pixels = np.stack([everything[band] for band in self.bands]).astype(np.float32)
        pixels[:, quality == QA_FILL] = np.nan
        nothing = np.zeros(quality.shape, dtype=bool)
        chosen = [masks.get(name, (nothing, nothing)) for name in self.classes]
        return Layers(pixels, np.stack([mask for mask, _ in chosen]), np.stack([known for _, known in chosen]))

    def sketch(self) -> tuple[BoolArray, BoolArray, float]:
        """Return target and known of the whole tile."""
        layers = self.read(None)
        return layers.target, layers.known, 1.0


class WaterTiles(Pictures):
    """Tiles of one split.

    Args:
        root: folder with ``images/``, ``labels/`` and ``split.csv``.
        split: train, val or test.
        bands: which bands, in which order, the model reads.
        classes: what the model tells apart: water, and of derived labels sediment, vegetation and built; others stay
            unknown.
        labels: ``derived`` for training; ``given`` measures against the hand-made, generous labels.

    Raises:
        ConfigError: a folder, split or tile that is not there, or a band that the tiles lack.
    """

    def __init__(
        self,
        root: Path,
        split: str | None,
        bands: tuple[str, ...],
        labels: Literal["given", "derived"],
        classes: tuple[str, ...] = ("water",),
    ) -> None:
        table = root / "split.csv"
        rows = [row for row in read_table(table, ("tile", "site", "split")) if split is None or row["split"] == split]
        if not rows:
            raise ConfigError(f"{table}: no tiles in split {split!r}")
        lacking = [band for band in bands if band not in FILE_BANDS]
        if lacking:
            raise ConfigError(f"{root}: the tiles have no band {lacking[0]}; they have {', '.join(FILE_BANDS)}")
        tiles = []
        for row in rows:
            stem = Path(row["tile"]).stem
            image, label = root / "images" / f"{stem}.tif", root / "labels" / f"{stem}.png"
            size = checked_size(image)
            if labels == "given" and checked_size(label) != size:
                raise ConfigError(f"{label}: label of another size than its tile {image}; download the set again")
            item = Item(stem, row["site"], image, label if labels == "given" else None)
            tiles.append(WaterTile(item, size, bands, labels, classes))
        super().__init__(tiles, classes, centred=0.0)


def derive_labels(bands: dict[str, FloatArray], quality: np.ndarray) -> tuple[BoolArray, BoolArray]:
    """Return water and known masks ``(H, W)`` from the quality flag and indices.

    A pixel is water where flag and MNDWI agree, dry where flag and both indices agree; everything else (mixed
    shore pixels, flooded vegetation, cloud, shadow, snow, fill) is left unknown and trains nothing.

    Source: McFeeters 1996 (NDWI), Xu 2006 (MNDWI), HLS v2 Fmask bit layout.
    """
    ndwi = _ratio(bands["green"], bands["nir"])
    mndwi = _ratio(bands["green"], bands["swir1"])
    flag = (quality & QA_WATER) > 0
    seen = (quality != QA_FILL) & ((quality & (QA_CLOUD | QA_SHADOW | QA_SNOW)) == 0)
    wet = (mndwi > 0.05) & (ndwi > -0.25)
    water = seen & wet & (flag | (mndwi > 0.3))
    dry = seen & ~flag & (mndwi < -0.05) & (ndwi < 0.0)
    return water, water | dry


def derive_covers(bands: dict[str, FloatArray], quality: np.ndarray) -> dict[str, tuple[BoolArray, BoolArray]]:
    """Return mask and known ``(H, W)`` of each cover, derived from the quality flag and indices.

    Water as `derive_labels` says, and flagged pixels down to an MNDWI of -0.3: glint, haze and silt lower the index of
    open water, and a model without them takes tiles of nothing but water for land. Dry ground is vegetation from an
    NDVI of 0.5. Dry ground below 0.2 is sediment within ``SHORE_PX`` of water where it is as moist as river sediment
    (MNDWI >= -0.4: Boothroyd et al. 2021), and built or other ground beyond ``FAR_PX``; between them and between the
    NDVI limits the cover is unknown.
    """
    water, known = derive_labels(bands, quality)
    dry = known & ~water
    ndvi, mndwi = _ratio(bands["nir"], bands["red"]), _ratio(bands["green"], bands["swir1"])
    clear = (quality != QA_FILL) & ((quality & (QA_CLOUD | QA_SHADOW | QA_SNOW)) == 0)
    water = water | (clear & ((quality & QA_WATER) > 0) & (mndwi > FLAGGED_FROM))
    known = known | water
    away = (
        cv2.distanceTransform((~water).astype(np.uint8), cv2.DIST_L2, 3) if water.any() else np.full(water.shape, 1e6)
    )
    bare, green = dry & (ndvi < 0.2), dry & (ndvi >= 0.5)
    sediment = bare & (away <= SHORE_PX) & (mndwi >= -0.4)
    other = bare & (away > FAR_PX)
    sure = water | green | sediment | other
    return {
        "water": (water, known),
        "sediment": (sediment, sure),
        "vegetation": (green, water | green | bare),
        "built": (other, sure),
    }


def _ratio(a: FloatArray, b: FloatArray) -> FloatArray:
    a, b = np.clip(a, 1.0, None), np.clip(b, 1.0, None)  # small negative reflectances occur over dark water
    ratio: FloatArray = np.nan_to_num((a - b) / (a + b), nan=-1.0)
    return ratio
