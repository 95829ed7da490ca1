"""What is counted on one picture for one class: a line (crack), an area (spalling, rust) or water.

Two masks are measured side by side. ``raw``: every pixel at or above the card's threshold, as published numbers are
made, so that they can be compared; the headline. ``product``: the regions that the product shows (second threshold,
bridged gaps, least area; ``inference.regions.region_mask``), under names that begin with ``product.``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from inference.regions import LINEAR_DAMAGES, region_mask
from models.card import ClassSpec
from training import metrics_findings as findings
from training.counts import (
    Counts,
    Floats,
    Mask,
    TolerantCounts,
    boundary_distances,
    cut_masks,
    line_length_px,
    near,
    pixel_counts,
    ratio,
    skeleton,
    skeleton_counts,
    tolerant_counts,
)
from training.metrics_calibration import FOREGROUND_FROM, calibration_error, reliability
from training.metrics_curve import average_precision, score_histogram
from training.metrics_pool import Statistic

TOLERANCE_PX = 2.0
CENTRELINE_TOLERANCE_PX = 4.0
MEGA = 1e6


def is_line(spec: ClassSpec) -> bool:
    """Return whether the class is measured along centrelines."""
    return spec.damage in LINEAR_DAMAGES


def _array(counts: Counts | TolerantCounts) -> Floats:
    return np.array(astuple(counts), dtype=float)


def crack_mask_counts(
    prediction: npt.NDArray[Any],
    truth: npt.NDArray[Any],
    valid: npt.NDArray[Any] | None,
    tolerance_px: float = TOLERANCE_PX,
    centreline_tolerance_px: float = CENTRELINE_TOLERANCE_PX,
    thin_truth: Mask | None = None,
) -> tuple[dict[str, Floats], Mask]:
    """Return ``strict`` (tp, fp, fn), ``tolerant``, ``centre``, ``alarm`` and ``length`` of one mask, and its skeleton.

    ``alarm``: length of the predicted skeleton farther than the tolerance from every true crack, and the known pixels
    that it may be divided by. Against the true mask and not its centreline: a hole in the mask of a broad crack bends
    the skeleton, which clIoU punishes, but nobody sees a false alarm inside a true crack. ``length``: pixels of the
    true centreline, those farther than the tolerance from the mask, and of the predicted one, likewise.

    Raises:
        InputError: the masks differ in shape.
    """
    p, t = cut_masks(prediction, truth, valid)
    line, true_line = skeleton(p), skeleton(t) if thin_truth is None else thin_truth
    astray = line & ~near(line, t, centreline_tolerance_px)
    missed = true_line & ~near(true_line, p, centreline_tolerance_px)
    known = float(p.size if valid is None else valid.astype(bool).sum())
    return {
        "strict": _array(pixel_counts(p, t)),
        "tolerant": _array(tolerant_counts(p, t, tolerance_px)),
        "centre": _array(skeleton_counts(line, true_line, centreline_tolerance_px)),
        "alarm": np.array([line_length_px(astray), known]),
        "length": np.array([m.sum() for m in (true_line, missed, line, astray)], dtype=float),
    }, line


def score_counts(scores: npt.NDArray[Any], truth: Mask, valid: Mask) -> dict[str, Floats]:
    """Return what needs scores and no threshold: ``curve``, ``reliability`` and ``reliability_foreground``."""
    flat, true = scores[valid], truth[valid]
    return {
        "curve": score_histogram(flat, true),
        "reliability": reliability(flat, true),
        "reliability_foreground": reliability(flat, true, least=FOREGROUND_FROM),
    }


def line_counts(
    scores: npt.NDArray[np.float32],
    truth: Mask,
    known: Mask,
    spec: ClassSpec,
    *,
    width_px: npt.NDArray[np.float32] | None = None,
    mm_per_px: float | None = None,
) -> tuple[dict[str, Floats], Mask]:
    """Return all counts of a linear damage on one picture, and the mask that the product shows.

    Args:
        scores: ``(H, W)``, NaN where nothing was observed; such pixels are not measured.
        truth: ``(H, W)``.
        known: where the truth holds.
        spec: the class with its operating point.
        width_px: exact true widths on the centrelines, NaN or 0 elsewhere.
        mm_per_px: scale, where it is known; adds width classes in mm.
    """
    valid = known & ~np.isnan(scores)
    raw, shown = np.nan_to_num(scores, nan=0.0) >= spec.threshold, region_mask(scores, spec)
    true = truth & valid
    thin = skeleton(true)
    counts, _ = crack_mask_counts(raw, true, valid, thin_truth=thin)
    product, line = crack_mask_counts(shown, true, valid, thin_truth=thin)
    counts |= {f"product.{name}": value for name, value in product.items()} | score_counts(scores, true, valid)
    found = findings.pieces(shown & valid, line, _mostly(shown, valid))
    pieces = findings.pieces(true, thin)
    counts["findings_px"] = findings.line_findings(
        found, pieces, CENTRELINE_TOLERANCE_PX, findings.WIDTH_EDGES_PX, width_px=width_px
    )
    if mm_per_px is not None:
        counts["findings_mm"] = findings.line_findings(
            found, pieces, CENTRELINE_TOLERANCE_PX, findings.WIDTH_EDGES_MM, width_px=width_px, scale=mm_per_px
        )
    return counts, shown


def _mostly(shown: Mask, valid: Mask) -> npt.NDArray[np.int32]:
    """Return the labels of the regions of which at least half can be judged; the others are neither right nor wrong."""
    count, labels = cv2.connectedComponents(shown.view(np.uint8), connectivity=8)
    sizes, judged = (np.bincount(labels[mask], minlength=count) for mask in (shown, shown & valid))
    kept = judged >= findings.HALF * np.maximum(sizes, 1)
    kept[0] = False
    return np.asarray(np.where(kept, np.cumsum(kept), 0)[labels], np.int32)


def area_counts(
    scores: npt.NDArray[np.float32], truth: Mask, known: Mask, spec: ClassSpec
) -> tuple[dict[str, Floats], Mask]:
    """Return all counts of a damage that is an area on one picture, and the mask that the product shows."""
    valid = known & ~np.isnan(scores)
    raw, shown = np.nan_to_num(scores, nan=0.0) >= spec.threshold, region_mask(scores, spec)
    true, size = truth & valid, np.array([float(valid.sum())])
    judged = _mostly(shown, valid) > 0
    return {
        "strict": _array(pixel_counts(raw, true, valid)),
        "product.strict": _array(pixel_counts(shown, true, valid)),
        "known": size,
        "findings_px": findings.area_findings(judged & valid, true),
        **score_counts(scores, true, valid),
    }, shown


def water_counts(
    said: npt.NDArray[Any], truth: npt.NDArray[Any], valid: npt.NDArray[Any] | None
) -> tuple[dict[str, Floats], Floats, int]:
    """Return ``strict`` and ``boundary`` (sum and number of distances), the distances, and the unmatched points.

    Raises:
        InputError: the masks differ in shape.
    """
    distances, unmatched = boundary_distances(said, truth, valid)
    boundary = np.array([float(distances.sum()), float(len(distances))])
    return {"strict": _array(pixel_counts(said, truth, valid)), "boundary": boundary}, distances, unmatched


def _strict(row: Floats) -> Counts:
    return Counts(*(int(v) for v in row))


def _pixels(entry: str) -> dict[str, Statistic]:
    return {
        "iou": Statistic((entry,), lambda row: _strict(row).iou, macro=True),
        "precision": Statistic((entry,), lambda row: _strict(row).precision),
        "recall": Statistic((entry,), lambda row: _strict(row).recall),
        "f1": Statistic((entry,), lambda row: _strict(row).f1, macro=True),
    }


def crack_mask_statistics(
    prefix: str = "", tolerance_px: float = TOLERANCE_PX, centreline_tolerance_px: float = CENTRELINE_TOLERANCE_PX
) -> dict[str, Statistic]:
    """Return the measures of a crack mask in the order of the cards: the draws of their intervals depend on it."""
    t, c, centre = f"{tolerance_px:g}px", f"{centreline_tolerance_px:g}px", f"{prefix}centre"
    return _pixels(f"{prefix}strict") | {
        f"f1@{t}": Statistic(
            (f"{prefix}tolerant",), lambda row: TolerantCounts(*(int(v) for v in row)).f1, macro=True
        ),
        f"cliou@{c}": Statistic((centre,), lambda row: _strict(row).iou, macro=True),
        f"cl_recall@{c}": Statistic((centre,), lambda row: _strict(row).recall),
    }  # fmt: skip


def _alarm(entry: str) -> Statistic:
    return Statistic((entry,), lambda row: MEGA * ratio(row[0], row[1]), lower_is_better=True)


def _false_findings(row: Floats) -> float:
    """From the table of findings followed by the known pixels (the last number)."""
    table = row[: row.size // len(findings.COLUMNS) * len(findings.COLUMNS)].reshape(-1, len(findings.COLUMNS))
    return MEGA * ratio(float(table[:, 4].sum() - table[:, 5].sum()), row[-1])


SCORES: Mapping[str, Statistic] = MappingProxyType(
    {
        "average_precision": Statistic(("curve",), average_precision),
        "ece": Statistic(("reliability",), calibration_error, lower_is_better=True),
        "ece_from_0.05": Statistic(("reliability_foreground",), calibration_error, lower_is_better=True),
    }
)
FINDINGS: Mapping[str, Statistic] = MappingProxyType(
    {
        "finding_recall": Statistic(("findings_px",), findings.finding_recall),
        "finding_precision": Statistic(("findings_px",), findings.finding_precision),
    }
)
LINE_MORE: Mapping[str, Statistic] = MappingProxyType({"false_alarm_px_per_mp": _alarm("alarm"), **SCORES})
LINE_PRODUCT: Mapping[str, Statistic] = MappingProxyType(
    {
        **crack_mask_statistics("product."),
        "false_alarm_px_per_mp": _alarm("product.alarm"),
        "false_findings_per_mp": Statistic(("findings_px", "product.alarm"), _false_findings, lower_is_better=True),
        **FINDINGS,
    }
)
AREA: Mapping[str, Statistic] = MappingProxyType({**_pixels("strict"), **SCORES})
AREA_PRODUCT: Mapping[str, Statistic] = MappingProxyType(
    {
        **_pixels("product.strict"),
        "false_findings_per_mp": Statistic(("findings_px", "known"), _false_findings, lower_is_better=True),
        **FINDINGS,
    }
)
WATER: Mapping[str, Statistic] = MappingProxyType(
    {
        **_pixels("strict"),
        "boundary_mean_px": Statistic(("boundary",), lambda row: ratio(row[0], row[1]), lower_is_better=True),
    }
)
