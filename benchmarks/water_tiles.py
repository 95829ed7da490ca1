"""Water on the test tiles of ``water/tiles30m``: ``python -m benchmarks.water_tiles ROOT``.

Plain: intersection over union of water against the given labels, pixels of all test tiles pooled, fill left out.
Consensus: the same over pixels without cloud and cloud shadow where the label and the quality flag agree. MNDWI,
boosting on the six bands (taught by the given labels of the train split, so never to ship), and the shipped networks.
"""

from __future__ import annotations

import argparse
import csv
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import rasterio
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from models.registry import shipped_folder
from models.segmenter import Segmenter

CLOUD, SHADOW, WATER, FILL = 1 << 1, 1 << 3, 1 << 5, 255
PER_TILE = 2000
Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """Six bands ``(6, H, W)``, given label, quality flag and where a pixel counts."""

    bands: NDArray[np.float32]
    label: Bool
    flag: Bool
    seen: Bool
    clear: Bool


def read_tiles(root: Path, split: str) -> list[Tile]:
    """Return the tiles of a split."""
    with (root / "split.csv").open(encoding="utf-8") as lines:
        names = [Path(row["tile"]).stem for row in csv.DictReader(lines) if row["split"] == split]
    tiles = []
    for name in names:
        with rasterio.open(root / "images" / f"{name}.tif") as data:
            everything = data.read().astype(np.float32)
        quality = everything[7].astype(int)
        seen = (quality != FILL) & (quality >= 0)
        label = cv2.imread(str(root / "labels" / f"{name}.png"), cv2.IMREAD_GRAYSCALE) > 0
        flag, clear = seen & ((quality & WATER) > 0), seen & ((quality & (CLOUD | SHADOW)) == 0)
        tiles.append(Tile(everything[1:7], label, flag, seen, clear))
    return tiles


def report(name: str, tiles: list[Tile], found: list[Bool], seconds: float) -> str:
    """Return one line with both numbers."""
    counts = np.zeros(4)
    for tile, water in zip(tiles, found, strict=True):
        agreed = tile.clear & (tile.label == tile.flag)
        for place, where in ((0, tile.seen), (2, agreed)):
            counts[place] += (water & tile.label & where).sum()
            counts[place + 1] += ((water | tile.label) & where).sum()
    speed = len(tiles) / max(seconds, 1e-9)
    return f"{name}: plain {counts[0] / counts[1]:.3f}, consensus {counts[2] / counts[3]:.3f}, {speed:.1f} tiles/s"


def mndwi(tile: Tile) -> Bool:
    """Return MNDWI > 0."""
    green, swir = np.clip(tile.bands[1], 1, None), np.clip(tile.bands[4], 1, None)
    return np.asarray(green > swir, dtype=bool)


def boosted(train: list[Tile], test: list[Tile]) -> list[NDArray[np.float64]]:
    """Return probabilities of pixel-wise boosting on the six bands."""
    rng = np.random.default_rng(0)
    pixels, labels = [], []
    for tile in train:
        chosen = rng.permutation(np.flatnonzero(tile.seen))[:PER_TILE]
        pixels.append(tile.bands.reshape(6, -1).T[chosen])
        labels.append(tile.label.ravel()[chosen])
    booster = HistGradientBoostingClassifier(max_iter=200, random_state=0)
    booster.fit(np.concatenate(pixels), np.concatenate(labels))
    return [booster.predict_proba(t.bands.reshape(6, -1).T)[:, 1].reshape(t.label.shape) for t in test]


def network(folder: Path, tiles: list[Tile]) -> list[Bool]:
    """Return water of a shipped network at its own threshold."""
    model = Segmenter.load(folder)
    spec = model.card.classes[0]
    found = []
    for tile in tiles:
        pixels = np.where(tile.seen, tile.bands, np.nan).astype(np.float32)
        found.append(np.nan_to_num(model.predict(torch.from_numpy(pixels[None]))[0, 0].numpy()) >= spec.threshold)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    root = parser.parse_args().root
    train, test = read_tiles(root, "train"), read_tiles(root, "test")
    begun = time.perf_counter()
    print(report("MNDWI > 0", test, [mndwi(tile) for tile in test], time.perf_counter() - begun))
    begun = time.perf_counter()
    chances = boosted(train, test)
    spent = time.perf_counter() - begun
    for level in (0.3, 0.5):
        print(report(f"boosting at {level}", test, [p >= level for p in chances], spent))
    for name in ("water/1", "river/1"):
        begun = time.perf_counter()
        found = network(shipped_folder() / name, test)
        print(report(name.replace("/", "@"), test, found, time.perf_counter() - begun))


if __name__ == "__main__":
    main()
