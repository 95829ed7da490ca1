"""How long a mask with many cracks takes to measure: ``python -m benchmarks.measure_mask``.

A picture of 10 megapixels with 200 cracks and its mask; one thread, the best and the median of some rounds. Reading the
files is not in it.
"""

from __future__ import annotations

import argparse
import statistics
import time

import cv2
import numpy as np
from numpy.typing import NDArray

from findings.survey import Image, ImageKind, Quality, Scale, ScaleSource
from inference.measure.area import View
from inference.measure.picture import Found, measure_picture
from inference.regions import regions
from models.card import ClassSpec

WIDTH_PX, HEIGHT_PX, ACROSS, DOWN = 3872, 2592, 20, 10
TARGET_S = 2.0


def draw(rng: np.random.Generator, length_px: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return grey values and mask ``(H, W)`` of a wall with 200 cracks, one in each cell of a grid."""
    grey = rng.normal(150, 2, (HEIGHT_PX, WIDTH_PX)).astype(np.float32)
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    dark = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    cell = np.array([WIDTH_PX / ACROSS, HEIGHT_PX / DOWN])
    for number in range(ACROSS * DOWN):
        middle = (np.array([number % ACROSS, number // ACROSS]) + 0.5) * cell
        steps = np.linspace(-0.5, 0.5, 12)
        turn = rng.uniform(1.2, 1.9)
        line = middle + np.outer(steps * length_px, [np.cos(turn), np.sin(turn)]) + rng.normal(0, 2.5, (12, 2))
        points = [np.rint(line * 16).astype(np.int32)]
        cv2.polylines(dark, points, False, 255, 1, cv2.LINE_AA, 4)
        cv2.polylines(mask, points, False, 1, 5, cv2.LINE_8, 4)
    grey *= 1 - 0.6 * cv2.GaussianBlur(dark, (0, 0), 0.7).astype(np.float32) / 255
    return grey, mask.astype(np.float32)


def measure(grey: NDArray[np.float32], mask: NDArray[np.float32]) -> int:
    """Measure a mask as the product does, from connected places to grades' measures; return the number of places."""
    scale = Scale(0.3, 0.01, ScaleSource.GIVEN_GSD)
    image = Image("", "", "", "", ImageKind.PHOTO, WIDTH_PX, HEIGHT_PX, ("red", "green", "blue"), scale, Quality(True))
    spec = ClassSpec(name="crack", damage="6", threshold=0.5)
    found = Found(spec, mask, tuple(regions(mask, spec, bridge_px=0)))
    return len(measure_picture(image, grey, [found], View(np.isfinite(grey))))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--length", type=float, default=200.0, help="of each crack, in px")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    grey, mask = draw(np.random.default_rng(1), given.length)
    count, taken = 0, []
    for _ in range(given.rounds):
        started = time.process_time()
        count = measure(grey, mask)
        taken.append(time.process_time() - started)
    print(
        f"{WIDTH_PX * HEIGHT_PX / 1e6:.1f} megapixels, {count} cracks of {given.length:g} px: "
        f"best {min(taken):.2f} s, median {statistics.median(taken):.2f} s of processor time; target {TARGET_S:g} s"
    )


if __name__ == "__main__":
    main()
