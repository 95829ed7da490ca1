"""New water on real flood pairs: ``python -m benchmarks.flood_pairs ROOT [MODEL_FOLDER ...]``.

Intersection over union of new water on the test split of ``water/floodpairs``, flooded pixels of all items pooled, for
radar alone, optical alone and both. Differences of one number cut at a threshold, boosting on twelve numbers of a
pixel, the shipped network, and networks in further folders. Thresholds are chosen on train items: those of differences
on all of them, those of networks on what the reference configuration holds out (each tenth). Boosting, taught by all,
is cut at 0.4: pooled intersection over union wants a little less than half of a calibrated probability.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from imagery.flood_planes import OPTICAL, PLANES, RADAR
from inference.engine import ArraySink, infer
from models.registry import shipped_folder
from models.segmenter import Segmenter
from training.config import SourceConfig
from training.datasets import Sample, open_source
from training.validate import SampleReader

SUBSETS: Mapping[str, tuple[str, ...]] = {
    "radar": (*RADAR["before"], *RADAR["after"]),
    "optical": (*OPTICAL["before"], *OPTICAL["after"]),
    "both": PLANES,
}
EVERY = 10
PER_ITEM = 3000
STEPS = np.linspace(0.02, 0.98, 49)
Array = NDArray[np.float32]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Split:
    """Items of a split: planes ``(8, H, W)`` and new water ``(H, W)`` each."""

    pixels: list[Array]
    water: list[Bool]


def read_split(root: Path, split: str, take: str = "all") -> Split:
    """Return the items of a split, or those that are held out."""
    options = {"every": EVERY, "take": take} if take != "all" else {}
    config = SourceConfig(
        kind="flood_pairs", name="floodpairs", licence="", ships=False, root=root, split=split, options=options
    )
    samples = list(open_source(config, PLANES, ("new_water",)).whole())
    return Split([sample.pixels for sample in samples], [sample.target[0] > 0.5 for sample in samples])


def iou(scores: Sequence[Array], water: Sequence[Bool], threshold: float) -> float:
    """Return the pooled intersection over union; a pixel without a score is taken as dry."""
    found = [np.nan_to_num(score, nan=-np.inf) >= threshold for score in scores]
    both = sum(int((one & other).sum()) for one, other in zip(found, water, strict=True))
    either = sum(int((one | other).sum()) for one, other in zip(found, water, strict=True))
    return both / max(either, 1)


def best(scores: Sequence[Array], water: Sequence[Bool], steps: NDArray[np.float64]) -> float:
    """Return the threshold of the best pooled intersection over union."""
    return float(max(steps, key=lambda step: iou(scores, water, float(step))))


def features(pixels: Array, names: Sequence[str]) -> Array:
    """Return what boosting sees of each pixel ``(K, H, W)``: smoothed planes and indices; other planes stay unseen."""
    planes = dict(zip(PLANES, np.nan_to_num(pixels), strict=True))
    out = []
    for date in ("before", "after"):
        if RADAR[date][0] in names:
            radar = cv2.GaussianBlur(planes[RADAR[date][0]], (0, 0), 2)
            out.append((radar - radar.mean()) / max(float(radar.std()), 1e-6))
        if OPTICAL[date][0] in names:
            swir, nir, visible = (np.maximum(cv2.GaussianBlur(planes[name], (0, 0), 1), 1.0) for name in OPTICAL[date])
            out += [swir, nir, visible, (visible - swir) / (visible + swir), (visible - nir) / (visible + nir)]
    return np.stack(out).astype(np.float32)


def difference(pixels: Array, names: Sequence[str]) -> Array:
    """Return how much more like water a pixel is after than before: radar darker, (visible - SWIR) / sum higher.

    Each number is standardised over the item; with both sensors their mean counts.
    """
    parts = []
    if "s1_after" in names:
        before, after = features(pixels, SUBSETS["radar"])
        parts.append(before - after)
    if "swir_after" in names:
        index = features(pixels, SUBSETS["optical"])[[3, 8]]
        parts.append(index[1] - index[0])
    standard = [(part - part.mean()) / max(float(part.std()), 1e-6) for part in parts]
    return np.asarray(np.mean(standard, axis=0), dtype=np.float32)


def boosting(train: Split, names: Sequence[str]) -> Callable[[Array], Array]:
    """Return a pixel-wise classifier taught by all train items."""
    rng = np.random.default_rng(0)
    rows, truth = [], []
    for pixels, water in zip(train.pixels, train.water, strict=True):
        values = features(pixels, names).reshape(-1, water.size).T
        chosen = rng.choice(water.size, PER_ITEM, replace=False)
        rows.append(values[chosen])
        truth.append(water.ravel()[chosen])
    fitted = HistGradientBoostingClassifier(max_iter=200, random_state=0).fit(
        np.concatenate(rows), np.concatenate(truth)
    )

    def score(pixels: Array) -> Array:
        values = features(pixels, names)
        found = fitted.predict_proba(values.reshape(len(values), -1).T)[:, 1]
        return np.asarray(found.reshape(values.shape[1:]), dtype=np.float32)

    return score


def network(model: Segmenter, names: Sequence[str]) -> Callable[[Array], Array]:
    """Return a network that is shown these planes alone."""

    def score(pixels: Array) -> Array:
        shown = np.where(np.isin(PLANES, names)[:, None, None], pixels, np.float32(np.nan))
        nothing = np.zeros((1, *shown.shape[1:]), dtype=bool)
        sample = Sample("", "", shown.astype(np.float32), nothing.astype(np.float32), nothing)
        sink = ArraySink(1, shown.shape[1], shown.shape[2])
        infer(model, SampleReader(sample, PLANES), sink)
        found: Array = sink.scores[0]
        return found

    return score


def main() -> None:
    """Print a table of methods and sensors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("models", type=Path, nargs="*", help="folders of further models")
    options = parser.parse_args()
    train, test = read_split(options.root, "train"), read_split(options.root, "test")
    held = read_split(options.root, "train", "held")
    shipped = shipped_folder() / "flood" / "1"
    folders = [*([shipped] if shipped.is_dir() else []), *options.models]
    networks = [Segmenter.load(folder) for folder in folders]
    print(f"{'':34s}" + "".join(f"{name:>24s}" for name in SUBSETS))
    table: dict[str, list[str]] = {}
    for names in SUBSETS.values():
        apart = [difference(pixels, names) for pixels in train.pixels]
        step = best(apart, train.water, np.linspace(-1, 3, 81))
        scores = [difference(pixels, names) for pixels in test.pixels]
        table.setdefault("difference", []).append(f"{iou(scores, test.water, step):.3f} at {step:.2f}")
        score = boosting(train, names)
        scores = [score(pixels) for pixels in test.pixels]
        table.setdefault("boosting, 60 items", []).append(f"{iou(scores, test.water, 0.4):.3f} at 0.40")
        for folder, model in zip(folders, networks, strict=True):
            score = network(model, names)
            step = best([score(pixels) for pixels in held.pixels], held.water, STEPS)
            scores = [score(pixels) for pixels in test.pixels]
            card = model.card.classes[0].threshold
            told = f"{iou(scores, test.water, step):.3f} at {step:.2f} ({iou(scores, test.water, card):.3f} card)"
            table.setdefault(f"{model.card.name}@{model.card.version} ({folder.parent.parent.name})", []).append(told)
    for name, cells in table.items():
        print(f"{name:34s}" + "".join(f"{cell:>28s}" for cell in cells))


if __name__ == "__main__":
    main()
