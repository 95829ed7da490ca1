"""What a reviewer sees: findings found and missed, by crack width, and false alarms per megapixel.

A *real damage* is one 8-connected component of the truth whose centreline has at least ``SHORTEST_DAMAGE_PX`` pixels
(shorter crumbs of a label are nobody's damage; a detection on one is still right). A *detection* is one region that
the product makes. A damage is found if at least half of its centreline lies within the tolerance of the detections, a
detection is right if at least half of its centreline lies within the tolerance of true damage. Centrelines are held
against masks and not against each other: holes bend the skeleton of a broad crack's mask, and it is still found.
検出率 = found damages / damages, 的中率 = right detections / detections. The half is our proposal; no public protocol
for crack instances exists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.counts import Floats, Mask, near, ratio, skeleton

SHORTEST_DAMAGE_PX = 10
HALF = 0.5
WIDTH_EDGES_PX = (1.0, 2.0, 4.0, 8.0)
WIDTH_EDGES_MM = (0.1, 0.2, 0.3, 0.5, 1.0)
COLUMNS = ("true_length_px", "found_length_px", "damages", "found", "detections", "correct")
"""Of a width class: centreline pixels of the truth, those found; damages, found ones; detections, right ones."""

RATES = ("length_recall", "finding_recall", "finding_precision")


@dataclass(frozen=True, slots=True)
class Pieces:
    """The components of a mask and their centrelines.

    Attributes:
        mask: ``(H, W)``. labels: ``(H, W)``, 0 for none. line: ``(H, W)`` centreline pixels.
        count: number of components.
        width_px: ``(H, W)`` float, 2 x the distance to the background, meaningful on the centreline.
    """

    mask: Mask
    labels: npt.NDArray[np.int32]
    line: Mask
    count: int
    width_px: npt.NDArray[np.float32]

    def share(self, hit: Mask) -> Floats:
        """Return the share of each component's centreline that is hit, ``(count,)``; 0 for one without centreline."""
        lengths = self.sizes()
        hits = np.bincount(self.labels[self.line & hit], minlength=self.count + 1)[1:]
        return np.divide(hits, lengths, out=np.zeros(self.count), where=lengths > 0)

    def sizes(self) -> Floats:
        """Return the centreline pixels of each component."""
        return np.bincount(self.labels[self.line], minlength=self.count + 1)[1:].astype(float)

    def widths(self, width_px: npt.NDArray[np.float32]) -> Floats:
        """Return the median width of each component along its centreline; NaN without centreline."""
        owners, values = self.labels[self.line], width_px[self.line]
        return np.array([_median(values[owners == number]) for number in range(1, self.count + 1)])


def _median(values: npt.NDArray[Any]) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else math.nan


def pieces(mask: Mask, thin: Mask | None = None, labels: npt.NDArray[np.int32] | None = None) -> Pieces:
    """Return the 8-connected components of a mask with centrelines and widths.

    Args:
        mask: ``(H, W)``.
        thin: its skeleton, if it is at hand.
        labels: components of a larger mask, if these shall count and not the mask's own.
    """
    count = 0
    if labels is None:
        count, found = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
        labels, count = np.asarray(found, np.int32), count - 1
    else:
        count = int(labels.max(initial=0))
    line = skeleton(mask) if thin is None else thin
    return Pieces(mask, labels, line, count, widths_px(mask))


def widths_px(mask: Mask) -> npt.NDArray[np.float32]:
    """Return 2 x the distance transform, ``(H, W)``: on a centreline the width of a band, up to one pixel too much.

    One and two pixels give 2, three and four give 4. Beyond the picture is background.
    """
    padded = np.pad(mask, 1).view(np.uint8)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return 2 * np.asarray(distance[1:-1, 1:-1], np.float32)


def width_class(widths: npt.NDArray[Any], edges: tuple[float, ...]) -> npt.NDArray[np.int64]:
    """Return the class of each width, the upper edge inside: (0, 1], (1, 2] ... above the last; NaN goes to -1."""
    return np.where(np.isnan(widths), -1, np.searchsorted(np.array(edges) + 1e-6, widths, side="left"))


def class_names(edges: tuple[float, ...], unit: str) -> tuple[str, ...]:
    """Return the names of the width classes, e.g. ``<=1px``, ``1-2px`` ... ``>8px``."""
    middle = [f"{low:g}-{high:g}{unit}" for low, high in pairwise(edges)]
    return (f"<={edges[0]:g}{unit}", *middle, f">{edges[-1]:g}{unit}")


def line_findings(
    found: Pieces,
    true: Pieces,
    tolerance_px: float,
    edges: tuple[float, ...],
    *,
    width_px: npt.NDArray[np.float32] | None = None,
    scale: float = 1.0,
) -> Floats:
    """Return ``(classes, 6)``, additive, by width class; columns as in ``COLUMNS``.

    Damages and their length are sorted by true width (2 x distance transform at the true skeleton, or exact where the
    truth has one), detections by the width of their own mask, as nobody knows another one when reading them.

    Args:
        found: detections.
        true: the truth.
        tolerance_px: between a centreline and the other mask.
        edges: of the width classes, in the unit that ``scale`` makes of px.
        width_px: ``(H, W)`` exact true widths on the centrelines, NaN or 0 elsewhere.
        scale: mm per px, or 1 for classes in px.
    """
    exact = true.width_px if width_px is None else _spread(width_px, true.width_px)
    reached = near(true.line, found.mask, tolerance_px)
    table = np.zeros((len(edges) + 1, len(COLUMNS)))

    def count(column: int, widths: npt.NDArray[Any]) -> None:
        place = width_class(widths * scale, edges)
        table[:, column] += np.bincount(place[place >= 0], minlength=len(table))

    count(0, exact[true.line])
    count(1, exact[reached])
    real = true.sizes() >= SHORTEST_DAMAGE_PX
    widths = true.widths(exact)
    count(2, widths[real])
    count(3, widths[real & (true.share(reached) >= HALF)])
    right = found.share(near(found.line, true.mask, tolerance_px)) >= HALF
    seen, own = found.sizes() > 0, found.widths(found.width_px)
    count(4, own[seen])
    count(5, own[seen & right])
    return table


def _spread(width_px: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the largest exact width within 3 px (a drawn centreline and a skeleton differ by a pixel) or ``other``."""
    near_by = cv2.dilate(np.nan_to_num(width_px, nan=0.0), np.ones((7, 7), np.uint8))
    return np.where(near_by > 0, near_by, other)


def area_findings(found: Mask, true: Mask) -> Floats:
    """Return ``(1, 6)`` for a damage that is an area, columns as in ``COLUMNS``, lengths 0.

    A damage is found if at least half of its pixels are detected; a detection is right if at least half of its pixels
    are damaged. Damages below ``SHORTEST_DAMAGE_PX`` pixels are crumbs of the label.
    """
    row = [0.0, 0.0]
    for mask, other, least in ((true, found, SHORTEST_DAMAGE_PX), (found, true, 1)):
        count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
        sizes = np.bincount(labels.ravel(), minlength=count)[1:]
        hits = np.bincount(labels[mask & other], minlength=count)[1:]
        real = sizes >= least
        row += [float(real.sum()), float((real & (hits >= HALF * sizes)).sum())]
    return np.array([row])


def finding_recall(table: Floats) -> float:
    """Return 検出率: found real damages / real damages, over all classes of a pooled table."""
    sums = table.reshape(-1, len(COLUMNS)).sum(axis=0)
    return ratio(sums[3], sums[2])


def finding_precision(table: Floats) -> float:
    """Return 的中率: right detections / detections, over all classes of a pooled table."""
    sums = table.reshape(-1, len(COLUMNS)).sum(axis=0)
    return ratio(sums[5], sums[4])


def width_rows(table: Floats, edges: tuple[float, ...], unit: str) -> dict[str, dict[str, float | None]]:
    """Return the pooled table as rows for a report: counts, 検出率, 的中率 and the share of length found."""
    rows: dict[str, dict[str, float | None]] = {}
    for name, row in zip(class_names(edges, unit), table, strict=True):
        rates = {
            "length_recall": (row[1], row[0]),
            "finding_recall": (row[3], row[2]),
            "finding_precision": (row[5], row[4]),
        }
        rows[name] = {column: float(value) for column, value in zip(COLUMNS, row, strict=True)}
        rows[name] |= {rate: part / whole if whole else None for rate, (part, whole) in rates.items()}
    return rows
