"""How generated concrete looks beside real concrete: statistics of grey values, shares of classes, time, contact sheet.

``python -m benchmarks.generated_concrete [--real FOLDER ...] [--sheet FILE.jpg]``; real pictures are measured only.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.synthetic.concrete_sample import DamageSample, random_sample
from imagery.synthetic.concrete_scene import CLASSES

SIDE = 256
OUTLINES = {
    "crack": (255, 0, 0), "spalling": (255, 255, 0), "exposed_rebar": (255, 0, 255), "efflorescence": (0, 255, 255),
    "rust": (255, 140, 0), "wet_spot": (40, 90, 255),
}  # fmt: skip
NAMES = (
    "mean grey", "std", "saturation", "edges %", *(f"band {a}-{b} px" for a, b in ((0, 0.7), (0.7, 1.4), (1.4, 3))),
    *(f"band {a}-{b} px" for a, b in ((3, 6), (6, 12), (12, 24), (24, 48))),
    *(f"power {2 * a}-{a} px, dB" for a in (64, 32, 16, 8, 4, 2)),
)  # fmt: skip


def statistics(image: NDArray[np.uint8]) -> list[float]:
    """Return the numbers of ``NAMES`` for one RGB picture."""
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    levels = [grey.astype(np.float32)]
    levels += [
        np.asarray(cv2.GaussianBlur(levels[0], (0, 0), sigma), np.float32) for sigma in (0.7, 1.4, 3, 6, 12, 24, 48)
    ]
    saturation = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[..., 1].mean()
    edges = 100 * (cv2.Canny(grey, 60, 150) > 0).mean()
    bands = [float((fine - coarse).std()) for fine, coarse in pairwise(levels)]
    return [float(grey.mean()), float(grey.std()), float(saturation), float(edges), *bands, *spectrum(grey)]


def spectrum(grey: NDArray[np.uint8]) -> list[float]:
    """Return the radially averaged power in dB of six octaves, coarse to fine, under a Hann window."""
    window = np.hanning(grey.shape[0])[:, None] * np.hanning(grey.shape[1])
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2 / (window**2).sum()
    radius = np.hypot(np.fft.fftfreq(grey.shape[0])[:, None], np.fft.fftfreq(grey.shape[1]))
    octaves = [(1 / (2 * a), 1 / a) for a in (64, 32, 16, 8, 4, 2)]
    return [float(10 * np.log10(power[(radius >= low) & (radius < high)].mean() + 1e-9)) for low, high in octaves]


def real_crops(folder: Path, count: int) -> list[NDArray[np.uint8]]:
    """Return random squares of the pictures in a folder, nested ones too."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"})
    rng, crops = np.random.default_rng(0), []
    for at in rng.integers(len(files), size=count):
        image = cv2.imread(str(files[at]))
        if image is not None and min(image.shape[:2]) >= SIDE:
            row, col = (int(rng.integers(0, size - SIDE + 1)) for size in image.shape[:2])
            square = cv2.cvtColor(image[row : row + SIDE, col : col + SIDE], cv2.COLOR_BGR2RGB)
            crops.append(np.asarray(square, dtype=np.uint8))
    return crops


def outlined(sample: DamageSample) -> NDArray[np.uint8]:
    """Return the picture with the borders of its masks."""
    image = sample.image.copy()
    for name in CLASSES:
        mask = sample.masks[name].astype(np.uint8)
        image[(cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0) & (mask == 0)] = OUTLINES[name]
    return image


def contact_sheet(samples: list[DamageSample], path: Path, columns: int = 8) -> None:
    """Write pairs of a picture and its outlined masks side by side."""
    tiles = [np.hstack([sample.image, outlined(sample)]) for sample in samples]
    rows = [np.hstack(tiles[i : i + columns // 2]) for i in range(0, len(tiles), columns // 2)]
    sheet = cv2.resize(np.vstack(rows), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 82])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, nargs="*", default=[])
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--count", type=int, default=150)
    asked = parser.parse_args()
    begin = time.process_time()
    samples = [random_sample(np.random.default_rng([7, number]), SIDE) for number in range(asked.count)]
    print(f"CPU time a sample of {SIDE} px: {(time.process_time() - begin) / len(samples):.3f} s")
    sets = {str(folder): [statistics(crop) for crop in real_crops(folder, asked.count)] for folder in asked.real}
    sets["generated"] = [statistics(sample.image) for sample in samples]
    for title, rows in sets.items():
        print(f"\n{title}: median (5th to 95th percentile)")
        for name, values in zip(NAMES, np.asarray(rows).T, strict=True):
            low, middle, high = np.percentile(values, [5, 50, 95])
            print(f"  {name:22} {middle:6.1f} ({low:.1f} to {high:.1f})")
    print("\nclass, share of pictures, share of pixels, share of doubtful pixels")
    for name in CLASSES:
        masks, unsure = [sample.masks[name] for sample in samples], [sample.unsure[name] for sample in samples]
        shown = np.mean([mask.any() for mask in masks])
        print(f"  {name:15} {shown:.2f} {100 * np.mean(masks):.2f} % {100 * np.mean(unsure):.2f} %")
    if asked.sheet is not None:
        contact_sheet(samples[:48], asked.sheet)


if __name__ == "__main__":
    main()
