"""Radar water on one real chip: ``python -m benchmarks.radar_water ROOT``, ROOT being ``water/s2_chips``.

``riverseg/Bramaputra_example_bands.tif`` holds VV and VH in dB and optical bands of one place, a braided river with
sand bars at 10 m. Truth is MNDWI > 0 of its optical bands, so the dates of both sensors are assumed to be near: one
chip, no more than a sign that generated scenes taught something real. Beside it Otsu's threshold on smoothed VV.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import rasterio
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from inference.engine import ArraySink, infer
from models.registry import shipped_folder
from models.segmenter import Segmenter
from training.datasets import Sample
from training.validate import SampleReader

CHIP = Path("riverseg") / "Bramaputra_example_bands.tif"
VV, VH, GREEN, SWIR1 = 0, 1, 3, 8
Bool = NDArray[np.bool_]


def iou(found: Bool, truth: Bool) -> float:
    """Return intersection over union."""
    return float((found & truth).sum() / max((found | truth).sum(), 1))


def main() -> None:
    """Print the three numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--model", type=Path, default=shipped_folder() / "radar-water" / "1")
    options = parser.parse_args()
    with rasterio.open(options.root / CHIP) as data:
        bands = data.read().astype(np.float32)
    green, swir = np.maximum(bands[GREEN], 1), np.maximum(bands[SWIR1], 1)
    truth = np.asarray((green - swir) / (green + swir) > 0)
    radar = bands[[VV, VH]]
    smooth = cv2.GaussianBlur(radar[0], (0, 0), 1.5)
    model = Segmenter.load(options.model)
    nothing = np.zeros((1, *truth.shape), dtype=bool)
    sample = Sample("", "", radar, nothing.astype(np.float32), nothing)
    sink = ArraySink(1, *truth.shape)
    infer(model, SampleReader(sample, ("vv", "vh")), sink)
    threshold = model.card.classes[0].threshold
    otsu = threshold_otsu(smooth)  # type: ignore[no-untyped-call]
    print(f"water by MNDWI: {100 * truth.mean():.1f} % of the chip")
    print(f"Otsu on VV:       IoU {iou(np.asarray(smooth < otsu), truth):.3f}")
    print(
        f"{model.card.name}@{model.card.version}:    IoU {iou(sink.scores[0] >= threshold, truth):.3f} at {threshold:g}"
    )


if __name__ == "__main__":
    main()
