"""What each measure of an evaluation means and by which protocol, in words for the report."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

MEASURES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "iou": (
            "IoU",
            "intersection over union of this class alone, counts pooled over all pictures; the background is "
            "not averaged in",
        ),
        "f1": (
            "F1, strict",
            "2 TP / (2 TP + FP + FN) at the very pixel, no tolerance, pooled",
        ),
        "precision": (
            "precision",
            "share of the called pixels that are true, strict",
        ),
        "recall": (
            "recall",
            "share of the true pixels that are called, strict",
        ),
        "f1@2px": (
            "F1@2px",
            "precision: share of called pixels within 2 px of the truth; recall: the reverse",
        ),
        "cliou@4px": (
            "clIoU@4px",
            "IoU of the centrelines with 4 px tolerance (OmniCrack30k protocol): forgives width, not missing length; "
            "holes in the mask of a broad crack cost much, since the skeleton loops around them",
        ),
        "cl_recall@4px": (
            "length found",
            "share of the true centreline within 4 px of a predicted centreline",
        ),
        "false_alarm_px_per_mp": (
            "false-alarm length",
            "px of predicted centreline farther than 4 px from every true crack, per megapixel of known pixels",
        ),
        "false_findings_per_mp": (
            "false findings",
            "wrong detections per megapixel of known pixels",
        ),
        "average_precision": (
            "average precision",
            "area under the pixel precision-recall curve, all thresholds",
        ),
        "ece": (
            "calibration error (ECE)",
            "mean gap between score and share of true pixels, 15 bins, all known pixels; sure background dominates it",
        ),
        "ece_from_0.05": (
            "calibration error, score >= 0.05",
            "the same over pixels that the model suspects at all",
        ),
        "finding_recall": (
            "検出率, findings",
            "found real damages / real damages; found: half of its centreline within 4 px of a detection "
            "(areas: half of its pixels)",
        ),
        "finding_precision": (
            "的中率, findings",
            "right detections / detections; right: half of its centreline within 4 px of true damage "
            "(areas: half of its pixels)",
        ),
        "boundary_mean_px": (
            "boundary error",
            "mean distance between both water boundaries, px",
        ),
    }
)
"""Name and protocol of each measure, in the order of the report."""

PROTOCOLS: Mapping[str, str] = MappingProxyType(
    {
        "crack": "Crack protocol: counts of this class alone, pooled over all pictures, never averaged; strict, "
        "tolerant and centreline measures side by side, since the same masks score 0.60, 0.84 or 0.96 by protocol.",
        "water": "Water protocol: IoU and F1 of water pixels, pooled, and the distance between the boundaries.",
        "classes": "Multi-label protocol: each class that this set labels by itself, lines (cracks) along centrelines, "
        "areas by IoU, precision and recall; pixels whose truth is unknown for a class do not count for it.",
    }
)
"""What a protocol is, in words."""


def number(value: float | None, key: str) -> str:
    """Return a measure's value as text: shares with three decimals, per-megapixel numbers as they are."""
    if value is None:
        return "undefined"
    if key.endswith("_per_mp"):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"
    if key == "boundary_mean_px":
        return f"{value:.2f}"
    return f"{value:.4f}" if key.startswith("ece") else f"{value:.3f}"


def printed_rows(metrics: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str, str, str]]:
    """Return every measure as (key, value, interval, mean over groups) for a terminal, ``product.KEY`` too."""
    own = [
        (prefix + row["key"], row["value"], row["interval"], row["macro"]) for row in rows_of(metrics, product=False)
    ]
    own += [
        (f"{prefix}product.{row['key']}", row["value"], row["interval"], row["macro"])
        for row in rows_of(metrics, product=True)
    ]
    for name, values in metrics.get("classes", {}).items():
        own += printed_rows(values, f"{name}.")
    return own


def width_row(name: str, row: Mapping[str, float | None]) -> dict[str, str]:
    """Return one width class as texts for a table."""

    def rate(key: str) -> str:
        value = row[key]
        return "none there" if value is None else f"{value:.0%}"

    def whole(key: str) -> str:
        return f"{row[key] or 0:,.0f}"

    return {
        "name": name.replace("<=", "≤ ").replace(">", "> ").replace("px", " px").replace("mm", " mm"),
        "length": whole("true_length_px"), "length_recall": rate("length_recall"),
        "damages": whole("damages"), "recall": rate("finding_recall"),
        "detections": whole("detections"), "precision": rate("finding_precision"),
    }  # fmt: skip


def rows_of(metrics: Mapping[str, Any], product: bool) -> list[dict[str, str]]:
    """Return the measures of one class that are there, with interval and protocol, for a table."""
    values = metrics.get("product", {}) if product else metrics
    rows = []
    for key, (name, words) in MEASURES.items():
        if key not in values:
            continue
        interval = values.get(f"{key}_95")
        macro = values.get(f"{key}_macro")
        rows.append({
            "key": key, "name": name, "words": words, "value": number(values[key], key),
            "interval": "" if interval is None else f"{number(interval[0], key)} to {number(interval[1], key)}",
            "macro": "" if macro is None else number(macro, key),
        })  # fmt: skip
    return rows


def unit_words(metrics: Mapping[str, Any]) -> str:
    """Return what the intervals were made of, and what that means for trusting them."""
    groups, images = metrics["groups"], metrics["images"]
    if metrics.get("interval_unit") == "group":
        few = (
            " So few groups say little about a new site: read the intervals as the least that is uncertain."
            if groups < 10
            else ""
        )
        return f"95 % intervals by bootstrap over {groups} groups (photos, sites, structures), 1,000 draws.{few}"
    if metrics.get("interval_unit") == "picture":
        return (
            f"All {images} pictures belong to one group, so the bootstrap draws pictures: these intervals say nothing "
            "about another site and are too narrow."
        )
    return "One picture only: no intervals."


def measure_name(key: str) -> str:
    """Return a compared measure in words: ``crack: F1, strict``, ``F1, strict (product)``."""
    if key == "area_iou_macro":
        return "mean IoU over area classes"
    for known in sorted(MEASURES, key=len, reverse=True):
        if key == known or key.endswith(f".{known}"):
            parts = [part for part in key[: -len(known)].split(".") if part]
            shown = " (product)" if parts and parts[-1] == "product" else ""
            label = "".join(f"{part}: " for part in parts if part != "product")
            return f"{label}{MEASURES[known][0]}{shown}"
    return key
