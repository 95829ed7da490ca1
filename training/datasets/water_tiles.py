"""Multispectral 30 m tiles with training labels derived from their own quality flag and indices."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from findings.errors import ConfigError
from imagery.reader import open_image
from imagery.types import Window
from training.datasets.sample import BoolArray, FloatArray, Sample, cut

# Order of the bands in the files; 9 to 12 (terrain, land cover, occurrence) let a model remember the place: never read.
FILE_BANDS = (
    "coastal", "blue", "green", "red", "nir", "swir1", "swir2", "quality", "dem_merit", "dem_copernicus", "worldcover",
    "occurrence",
)  # fmt: skip
QA_FILL = 255
QA_CLOUD, QA_SHADOW, QA_SNOW, QA_WATER = 1 << 1, 1 << 3, 1 << 4, 1 << 5  # HLS v2 Fmask bits


class WaterTiles:
    """Tiles of one split, held in memory.

    Args:
        root: folder with ``images/``, ``labels/`` and ``split.csv``.
        split: train, val or test.
        bands: which bands, in which order, the model reads.
        labels: ``derived`` for training; ``given`` measures against the hand-made, generous labels.
    """

    def __init__(
        self, root: Path, split: str | None, bands: tuple[str, ...], labels: Literal["given", "derived"]
    ) -> None:
        table = root / "split.csv"
        try:
            with table.open(encoding="utf-8", newline="") as file:
                rows = [row for row in csv.DictReader(file) if split is None or row["split"] == split]
        except OSError as error:
            raise ConfigError(f"{table}: cannot be read ({error}); root must be the folder of the tiles") from error
        if not rows:
            raise ConfigError(f"{table}: no tiles in split {split!r}")
        self._samples = [self._read(root, row["tile"], row["site"], bands, labels) for row in rows]

    @staticmethod
    def _read(root: Path, tile: str, site: str, bands: tuple[str, ...], labels: str) -> Sample:
        stem = Path(tile).stem
        with open_image(root / "images" / f"{stem}.tif", bands=FILE_BANDS) as reader:
            window = Window(0, 0, reader.width_px, reader.height_px)
            everything = dict(zip(FILE_BANDS, reader.read(window, FILE_BANDS).values, strict=True))
        quality = np.nan_to_num(everything["quality"], nan=QA_FILL).astype(np.int64)
        water, known = derive_labels(everything, quality)
        if labels == "given":
            with open_image(root / "labels" / f"{stem}.png") as reader:
                water = reader.read(window, None).values[0] > 0.5
            known = (quality != QA_FILL) & (quality & QA_CLOUD == 0)
        pixels = np.stack([everything[band] for band in bands]).astype(np.float32)
        pixels[:, quality == QA_FILL] = np.nan
        return Sample(stem, site, pixels, water[None].astype(np.float32), known[None])

    def draw(self, rng: np.random.Generator, size_px: int) -> Sample:
        """Return a random crop of a random tile."""
        sample = self._samples[rng.integers(len(self._samples))]
        _, rows, cols = sample.pixels.shape
        row = int(rng.integers(0, max(rows - size_px, 0) + 1))
        col = int(rng.integers(0, max(cols - size_px, 0) + 1))
        return cut(sample, row, col, size_px, size_px)

    def whole(self) -> Iterator[Sample]:
        """Yield every tile of the split."""
        yield from self._samples

    def __len__(self) -> int:
        """Return the number of tiles."""
        return len(self._samples)


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


def _ratio(a: FloatArray, b: FloatArray) -> FloatArray:
    a, b = np.clip(a, 1.0, None), np.clip(b, 1.0, None)  # small negative reflectances occur over dark water
    ratio: FloatArray = np.nan_to_num((a - b) / (a + b), nan=-1.0)
    return ratio
