"""The pictures on which a model is worst, drawn with truth, hits, misses and false alarms, and why in numbers."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from imagery.types import Pixels
from inference.overlay import display_rgb
from training.counts import Mask, near
from training.datasets import Sample
from training.evaluate import Judged
from training.metrics_classes import CENTRELINE_TOLERANCE_PX

Picture = npt.NDArray[np.uint8]
WORST = 20
SIDE_PX = 640  # a larger picture is shown in part, at 1:1, around the most errors; a smaller one enlarged
RGB = ("red", "green", "blue")
TRUE_COLOUR, HIT, ALARM, MISS, UNKNOWN = (0, 200, 70), (255, 225, 60), (235, 40, 30), (40, 90, 255), (90, 90, 90)


@dataclass(frozen=True, slots=True)
class Bad:
    """One bad picture.

    Attributes:
        name: of the picture.
        group: it belongs to.
        label: class.
        errors: what it is ranked by: pixels of centreline missed or false (lines), of area missed or false (areas).
        why: the numbers in words.
        image: JPEG, the part as it is on the left, judged on the right.
    """

    name: str
    group: str
    label: str
    errors: float
    why: str
    image: bytes


@dataclass(slots=True)
class Worst:
    """Keeps the worst pictures of each class while they are measured; call it as ``watch`` of ``measure``."""

    bands: tuple[str, ...]
    most: int = WORST
    _heaps: dict[str, list[tuple[float, int, Bad]]] = field(default_factory=dict)
    _totals: dict[str, float] = field(default_factory=dict)
    _count: int = 0

    def __call__(self, judged: Judged) -> None:
        """Take one picture and class."""
        self._count += 1
        name, errors = judged.spec.name, error_px(judged)
        self._totals[name] = self._totals.get(name, 0.0) + errors
        heap = self._heaps.setdefault(name, [])
        if errors <= 0 or (len(heap) == self.most and errors <= heap[0][0]):
            return
        bad = Bad(judged.sample.name, judged.sample.group, name, errors, explain(judged), draw(judged, self.bands))
        entry = (errors, -self._count, bad)  # among equals the first one stays
        if len(heap) < self.most:
            heapq.heappush(heap, entry)
        else:
            heapq.heapreplace(heap, entry)

    def result(self) -> list[tuple[Bad, float]]:
        """Return the worst pictures over all classes and the share of their class's errors, the largest first."""
        found = [(bad, errors / self._totals[bad.label]) for heap in self._heaps.values() for errors, _, bad in heap]
        return sorted(found, key=lambda pair: (-pair[1], pair[0].name))[: self.most]


def error_px(judged: Judged) -> float:
    """Return the errors by which a picture is ranked: missed and false centreline (lines) or pixels (areas)."""
    counts = judged.row.counts
    if "product.length" in counts:
        return float(counts["product.length"][[1, 3]].sum())
    return float(counts.get("product.strict", counts["strict"])[1:].sum())


def explain(judged: Judged) -> str:
    """Return in one line why a picture is bad."""
    counts = judged.row.counts
    tp, fp, fn = counts.get("product.strict", counts["strict"])
    if "product.length" in counts:
        (true, missed, _, false), what = counts["product.length"], "px of centreline"
    else:
        (true, missed, false), what = (tp + fn, fn, fp), "px"
    parts = []
    if missed:
        parts.append(f"missed {missed:,.0f} of {true:,.0f} {what} ({missed / true:.0%})")
    if false:
        parts.append(f"{false:,.0f} {what} called falsely" + ("" if true else ", where there is nothing"))
    if tp + fn:
        parts.append(f"IoU {tp / (tp + fp + fn):.2f}")
    return "; ".join(parts)


def draw(judged: Judged, bands: tuple[str, ...]) -> bytes:
    """Return the picture beside its judgement as JPEG.

    Truth: green outline. Right: yellow. False alarms: red. Misses: blue. Unknown: dark. For lines a pixel is right
    within 4 px of the other mask, for areas at the very pixel.
    """
    reach = CENTRELINE_TOLERANCE_PX if "product.length" in judged.row.counts else 0.0
    shown, truth = judged.shown & judged.valid, judged.truth & judged.valid
    hit = near(shown, truth, reach) | near(truth, shown, reach)
    alarm, miss = shown & ~hit, truth & ~hit
    box = _window(alarm | miss)
    left = picture_of(judged.sample, bands)[box]
    right = left.copy()
    for mask, colour, part in (
        (hit, HIT, 0.55),
        (alarm, ALARM, 0.65),
        (miss, MISS, 0.65),
        (~judged.valid, UNKNOWN, 0.7),
    ):
        place = mask[box]
        right[place] = (part * np.array(colour) + (1 - part) * right[place]).astype(np.uint8)
    zoom = max(1, round(SIDE_PX / max(left.shape[:2]) / 1.25))
    left, right = (np.repeat(np.repeat(image, zoom, 0), zoom, 1) for image in (left, right))
    edges, _ = cv2.findContours(
        cv2.resize(truth[box].astype(np.uint8), None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST),
        cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE,
    )  # fmt: skip
    right = np.ascontiguousarray(right)
    cv2.drawContours(right, edges, -1, TRUE_COLOUR, 1)
    gap = np.full((left.shape[0], 6, 3), 255, np.uint8)
    # full colour resolution: a missed hairline is one pixel of blue
    how = [cv2.IMWRITE_JPEG_QUALITY, 85, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, data = cv2.imencode(".jpg", np.concatenate([left, gap, right], 1)[..., ::-1], how)
    return bytes(data)


def picture_of(sample: Sample, bands: tuple[str, ...]) -> Picture:
    """Return a sample as ``(H, W, 3)`` uint8 RGB: a photograph as it is, a scene stretched."""
    values = sample.pixels
    if bands == RGB:
        return np.clip(np.nan_to_num(values, nan=0.0), 0, 255).astype(np.uint8).transpose(1, 2, 0)
    return display_rgb(Pixels(values, bands))


def _window(errors: Mask) -> tuple[slice, slice]:
    """Return the part of at most ``SIDE_PX`` squared with the most errors."""
    height, width = errors.shape
    sums: Any = np.pad(errors.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    tall, wide = min(height, SIDE_PX), min(width, SIDE_PX)
    inside = sums[tall:, wide:] - sums[:-tall, wide:] - sums[tall:, :-wide] + sums[:-tall, :-wide]
    best = np.argwhere(inside == inside.max())  # the middle one of equals shows what is around, too
    row, col = (int(v) for v in best[len(best) // 2])
    return slice(row, row + tall), slice(col, col + wide)
