"""Counts between a predicted and a true mask: strict, with tolerance, along centrelines, between boundaries.

Every function takes boolean masks ``(H, W)`` of prediction and truth and an optional mask of valid pixels; invalid
pixels are removed from both masks before anything is counted. Ratios of nothing (0 / 0) are NaN.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from skimage.morphology import skeletonize

from findings.errors import InputError

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def ratio(part: float, whole: float) -> float:
    """Return part / whole, NaN for a whole of 0."""
    return part / whole if whole else math.nan


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, false positives and false negatives, pooled by ``+``."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def iou(self) -> float:
        """Intersection over union of the foreground class alone: tp / (tp + fp + fn)."""
        return ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def precision(self) -> float:
        """Share of predicted pixels that are true: tp / (tp + fp)."""
        return ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of true pixels that are predicted: tp / (tp + fn)."""
        return ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """2 tp / (2 tp + fp + fn)."""
        return ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)


@dataclass(frozen=True, slots=True)
class TolerantCounts:
    """Foreground pixels near the other mask, and all foreground pixels, of prediction and truth; pooled by ``+``."""

    predicted_near: int = 0
    predicted: int = 0
    true_near: int = 0
    true: int = 0

    def __add__(self, other: TolerantCounts) -> TolerantCounts:
        return TolerantCounts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def precision(self) -> float:
        """Share of predicted pixels within the tolerance of the truth."""
        return ratio(self.predicted_near, self.predicted)

    @property
    def recall(self) -> float:
        """Share of true pixels within the tolerance of the prediction."""
        return ratio(self.true_near, self.true)

    @property
    def f1(self) -> float:
        """Harmonic mean of both shares; 0 if only one of the masks is empty, NaN if both are."""
        if not self.predicted_near or not self.true_near:
            return ratio(0, self.predicted + self.true)
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def cut_masks(
    prediction: npt.NDArray[Any], truth: npt.NDArray[Any], valid: npt.NDArray[Any] | None
) -> tuple[Mask, Mask]:
    """Return both masks as bool without the invalid pixels.

    Raises:
        InputError: the masks differ in shape.
    """
    shapes = {a.shape for a in (prediction, truth, valid) if a is not None}
    if len(shapes) != 1 or prediction.ndim != 2:
        raise InputError(f"masks of shapes {sorted(shapes)}; prediction, truth and valid must share one (H, W)")
    p, t = prediction.astype(bool), truth.astype(bool)
    return (p, t) if valid is None else (p & valid.astype(bool), t & valid.astype(bool))


def near(mask: Mask, other: Mask, tolerance_px: float) -> Mask:
    """Return the pixels of ``mask`` whose centre lies within ``tolerance_px`` of a pixel centre of ``other``.

    The dilation with the disk of all offsets of length <= ``tolerance_px``, which is the same and needs no distances.
    """
    if not other.any() or not mask.any():
        return np.zeros_like(mask)
    reach = math.floor(tolerance_px)
    offsets = np.arange(-reach, reach + 1)
    disk = (np.sqrt(offsets[:, None] ** 2 + offsets**2) <= tolerance_px).astype(np.uint8)
    grown = cv2.dilate(other.astype(np.uint8), disk)
    close: Mask = mask & (grown > 0)
    return close


def skeleton(mask: Mask) -> Mask:
    """Return the centrelines of a mask, one pixel wide (Zhang and Suen 1984, as scikit-image does it by default)."""
    thin: Mask = skeletonize(mask)  # type: ignore[no-untyped-call]
    return thin


def line_length_px(line: Mask) -> float:
    """Return the length of a skeleton: steps between neighbouring pixels, 1 straight and sqrt(2) diagonal.

    A diagonal step that two straight ones already make (around a corner) is not counted again. A single pixel has
    no length: blobs are told by the number of findings, not by their length.
    """
    down, right = line[1:] & line[:-1], line[:, 1:] & line[:, :-1]
    falling = line[:-1, :-1] & line[1:, 1:] & ~line[:-1, 1:] & ~line[1:, :-1]
    rising = line[:-1, 1:] & line[1:, :-1] & ~line[:-1, :-1] & ~line[1:, 1:]
    return float(down.sum() + right.sum() + math.sqrt(2) * (falling.sum() + rising.sum()))


def pixel_counts(
    prediction: npt.NDArray[Any], truth: npt.NDArray[Any], valid: npt.NDArray[Any] | None = None
) -> Counts:
    """Return strict pixel counts: no tolerance, the background class not averaged in.

    Raises:
        InputError: the masks differ in shape.
    """
    p, t = cut_masks(prediction, truth, valid)
    tp = int((p & t).sum())
    return Counts(tp, int(p.sum()) - tp, int(t.sum()) - tp)


def tolerant_counts(
    prediction: npt.NDArray[Any], truth: npt.NDArray[Any], tolerance_px: float, valid: npt.NDArray[Any] | None = None
) -> TolerantCounts:
    """Return the counts of F1@t: precision is the share of predicted pixels within t of the truth, recall the reverse.

    Distances are Euclidean between pixel centres. F1@0 is the strict F1. Crack papers use t = 2 to 5 px, which moves
    the same masks from about 0.84 to 0.96, so the tolerance always stands beside the number.

    Raises:
        InputError: the masks differ in shape.
    """
    p, t = cut_masks(prediction, truth, valid)
    near_p, near_t = near(p, t, tolerance_px), near(t, p, tolerance_px)
    return TolerantCounts(int(near_p.sum()), int(p.sum()), int(near_t.sum()), int(t.sum()))


def centreline_counts(
    prediction: npt.NDArray[Any], truth: npt.NDArray[Any], tolerance_px: float, valid: npt.NDArray[Any] | None = None
) -> Counts:
    """Return the counts whose ``iou`` is clIoU@t (Benz and Rodehorst, OmniCrack30k, CVPRW 2024).

    With Sg, Sp the skeletons of truth and prediction and D the dilation with ``disk(t)``: TP = |Sg and D(Sp)|,
    FP = |Sp minus D(Sg)|, FN = |Sg minus D(Sp)|. ``disk(t)`` holds the offsets with x² + y² <= t², so the dilation is
    "Euclidean distance at most t", which is how it is computed here.

    Raises:
        InputError: the masks differ in shape.
    """
    p, t = cut_masks(prediction, truth, valid)
    return skeleton_counts(skeleton(p), skeleton(t), tolerance_px)


def skeleton_counts(predicted: Mask, true: Mask, tolerance_px: float) -> Counts:
    """Return the counts of ``centreline_counts`` from skeletons that are at hand."""
    tp = int(near(true, predicted, tolerance_px).sum())
    fp = int(predicted.sum()) - int(near(predicted, true, tolerance_px).sum())
    return Counts(tp, fp, int(true.sum()) - tp)


def _edges(mask: Mask, valid: Mask) -> Floats:
    """Return midpoints (row, column) of the pixel sides between foreground and background, both sides valid."""
    down = (mask[1:] != mask[:-1]) & valid[1:] & valid[:-1]
    right = (mask[:, 1:] != mask[:, :-1]) & valid[:, 1:] & valid[:, :-1]
    return np.concatenate([np.argwhere(down) + np.array([0.5, 0.0]), np.argwhere(right) + np.array([0.0, 0.5])])


def boundary_distances(
    prediction: npt.NDArray[Any], truth: npt.NDArray[Any], valid: npt.NDArray[Any] | None = None
) -> tuple[Floats, int]:
    """Return the distances in px between both boundaries, and how many boundary points have no counterpart at all.

    A boundary is the set of pixel sides between foreground and background; the border of the picture and of invalid
    areas is none. Symmetrical: the distance from each side of the prediction to the nearest side of the truth, and the
    reverse, in one list. If one mask has no boundary, the other's points cannot be measured and are counted instead.

    Raises:
        InputError: the masks differ in shape.
    """
    p, t = cut_masks(prediction, truth, valid)
    seen = np.ones_like(p) if valid is None else valid.astype(bool)
    a, b = _edges(p, seen), _edges(t, seen)
    if not len(a) or not len(b):
        return np.zeros(0), len(a) + len(b)
    there, back = cKDTree(b).query(a)[0], cKDTree(a).query(b)[0]
    return np.concatenate([there, back]), 0
