"""Measures a model on a data set, at the thresholds that its card ships."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from findings.errors import ConfigError, MissingBands, ModelError
from models.base import PixelModel
from models.card import ClassSpec, ModelCard
from training.config import EvaluationConfig
from training.counts import Mask
from training.datasets import Sample, open_source
from training.datasets.sample import FloatArray
from training.metrics import WaterCounts
from training.metrics_classes import (
    AREA,
    AREA_PRODUCT,
    LINE_MORE,
    LINE_PRODUCT,
    SCORES,
    WATER,
    area_counts,
    crack_mask_statistics,
    is_line,
    line_counts,
    score_counts,
)
from training.metrics_findings import WIDTH_EDGES_MM, WIDTH_EDGES_PX, width_rows
from training.metrics_pool import Row, Statistic, plain, summary, total
from training.validate import predictions

BOOTSTRAP_SEED = 20240101
Kind = Literal["line", "area", "water"]


@dataclass(frozen=True, slots=True)
class Judged:
    """One picture and class as it was measured, for whoever wants to draw it.

    Attributes:
        spec: the class.
        sample: the picture.
        shown: ``(H, W)`` what the product shows (for water: the pixels at the threshold).
        truth: ``(H, W)``.
        valid: ``(H, W)`` where both truth and scores are known.
        row: what was counted.
    """

    spec: ClassSpec
    sample: Sample
    shown: Mask
    truth: Mask
    valid: Mask
    row: Row


Watch = Callable[[Judged], None]


@dataclass(slots=True)
class ClassRows:
    """What was counted for one class, a row a picture."""

    spec: ClassSpec
    kind: Kind
    rows: list[Row] = field(default_factory=list)
    water: WaterCounts = field(default_factory=WaterCounts)

    @property
    def headline(self) -> Mapping[str, Statistic]:
        """The measures of the raw pixels at the threshold, in the order of the cards."""
        first = {"line": crack_mask_statistics(), "area": AREA, "water": WATER}[self.kind]
        return {**first, **(LINE_MORE if self.kind == "line" else SCORES)}

    @property
    def product(self) -> Mapping[str, Statistic]:
        """The measures of the mask that the product shows."""
        return {"line": LINE_PRODUCT, "area": AREA_PRODUCT, "water": {}}[self.kind]


@dataclass(frozen=True, slots=True)
class Measured:
    """A model's counts on a data set, class by class.

    Attributes:
        card: of the model.
        config: what was measured.
        classes: by name, those that the protocol asks for and the set labels, in the order of the card.
        not_measured: classes of the model whose truth the set does not know.
    """

    card: ModelCard
    config: EvaluationConfig
    classes: Mapping[str, ClassRows]
    not_measured: tuple[str, ...]

    @property
    def macro_classes(self) -> tuple[str, ...]:
        """Classes with at least one true pixel: those over which the macro mean goes."""
        return tuple(n for n, c in self.classes.items() if c.rows and total(c.rows, "strict")[[0, 2]].sum() > 0)


def evaluate(model: PixelModel, config: EvaluationConfig, device: torch.device) -> dict[str, Any]:
    """Return the metrics of a model on one data set by its protocol, pooled, with bootstrap intervals over groups.

    Pictures run through the inference engine that ships. ``crack``: strict IoU and F1, F1@2px, clIoU@4px, false-alarm
    length, average precision and calibration error of the raw pixels at the card's threshold; the same of the mask that
    the product shows, with findings by crack width, under ``product``. ``water``: IoU and the distance between the
    boundaries. ``classes``: for each class that the set labels the crack measures if it is a line, IoU and F1 if it is
    an area, and the mean over the classes.

    Raises:
        ConfigError: the model lacks the class that the protocol measures, the data are not there, or every pixel's
            truth is unknown.
        MissingBands: the data set lacks a band that the card requires.
        ModelError: the model answers NaN where the picture was observed.
    """
    return metrics_of(measure(model, config, device))


def measure(model: PixelModel, config: EvaluationConfig, device: torch.device, watch: Watch | None = None) -> Measured:
    """Return the counts of a model on every picture of a data set.

    Args:
        model: any pixel model.
        config: protocol and data.
        device: where the model runs.
        watch: is told every picture and class as it is measured.

    Raises:
        ConfigError, MissingBands, ModelError: see ``evaluate``.
    """
    card = model.card
    wanted = _planes(card, config)
    source = open_source(config.source, card.bands, tuple(c.name for c in card.classes), config.labels)
    found = {plane: ClassRows(card.classes[plane], _kind(card.classes[plane], config)) for plane in wanted}
    known = dict.fromkeys(wanted, 0)
    pictures, observed = 0, np.zeros(len(card.bands), dtype=bool)
    for sample, scores in predictions(model, source, device):
        pictures += 1
        observed |= np.isfinite(sample.pixels).any(axis=(1, 2))
        for plane, rows in found.items():
            _check_scores(card, sample, scores[plane], sample.known[plane])
            here = int(sample.known[plane].sum())
            known[plane] += here
            if here or config.protocol != "classes":
                judged = _judge(rows, sample, scores[plane], plane, config)
                if watch is not None:
                    watch(judged)
    _check_bands(card, config, observed)
    _check_truth(config, pictures, {card.classes[plane].name: count for plane, count in known.items()})
    kept = {rows.spec.name: rows for plane, rows in found.items() if known[plane]}
    return Measured(card, config, kept, tuple(c.name for c in card.classes if c.name not in kept))


def metrics_of(measured: Measured) -> dict[str, Any]:
    """Return the numbers of a card from what was counted."""
    config = measured.config
    about = {"data": config.source.name, "split": config.source.split, "labels": config.labels}
    if config.protocol != "classes":
        rows = measured.classes[config.protocol]
        return {**about, "threshold": rows.spec.threshold, **class_metrics(rows)}
    classes = {
        name: {"threshold": rows.spec.threshold, "kind": rows.kind, **class_metrics(rows)}
        for name, rows in measured.classes.items()
    }
    result: dict[str, Any] = {**about, "images": max(r["images"] for r in classes.values())}
    result["groups"] = len({row.group for rows in measured.classes.values() for row in rows.rows})
    for name in ("iou", "f1"):
        values = [classes[c][name] for c in measured.macro_classes]
        result[f"class_{name}_macro"] = plain(float(np.mean(values))) if values else None
    return {**result, "not_measured": list(measured.not_measured), "classes": classes}


def class_metrics(rows: ClassRows) -> dict[str, Any]:
    """Return the numbers of one class: the headline, ``product``, and findings by width where it is a line."""
    # the first measures' intervals come from one generator, in the order in which the first cards were made
    result = summary(rows.rows, rows.headline, np.random.default_rng(BOOTSTRAP_SEED))
    if rows.kind == "water":
        return result | rows.water.boundary()
    product = summary(rows.rows, rows.product, np.random.default_rng(BOOTSTRAP_SEED))
    for repeated in ("images", "groups", "interval_unit"):
        del product[repeated]
    if rows.kind == "line":
        product["by_width_px"] = width_rows(total(rows.rows, "findings_px"), WIDTH_EDGES_PX, "px")
        if all("findings_mm" in row.counts for row in rows.rows):
            product["by_width_mm"] = width_rows(total(rows.rows, "findings_mm"), WIDTH_EDGES_MM, "mm")
    return result | {"product": product}


def _planes(card: ModelCard, config: EvaluationConfig) -> list[int]:
    if config.protocol == "classes":
        return list(range(len(card.classes)))
    planes = [i for i, c in enumerate(card.classes) if c.name == config.protocol]
    if not planes:
        raise ConfigError(f"{card.name}@{card.version} has classes {[c.name for c in card.classes]}, "
                          f"not {config.protocol!r}, which the protocol measures")  # fmt: skip
    return planes


def _kind(spec: ClassSpec, config: EvaluationConfig) -> Kind:
    if config.protocol == "crack" or (config.protocol == "classes" and is_line(spec)):
        return "line"
    return "water" if spec.damage == "water" else "area"


def _check_scores(card: ModelCard, sample: Sample, scores: FloatArray, known: Mask) -> None:
    """Refuse a network that says nothing where it could see: such pixels would count as if they were unknown."""
    silent = known & np.isnan(scores) & np.isfinite(sample.pixels).any(axis=0)
    if card.task == "segmentation" and silent.any():
        raise ModelError(
            f"{card.name}@{card.version} answers NaN at {int(silent.sum())} observed pixels of {sample.name}; "
            "expected scores from 0 to 1: the weights hold NaN or overflow, train or fetch this version anew"
        )


def _check_bands(card: ModelCard, config: EvaluationConfig, observed: npt.NDArray[np.bool_]) -> None:
    """Refuse a set in which no picture has a band that the model requires: its scores would be of something else."""
    missing = [b for b, seen in zip(card.bands, observed, strict=True) if b in card.required_bands and not seen]
    if missing and observed.any():
        raise MissingBands(
            f"{config.source.name}: no picture has band {', '.join(missing)}, which {card.name}@{card.version} needs "
            f"(it reads {', '.join(card.bands)}); measure it on a set with these bands"
        )


def _check_truth(config: EvaluationConfig, pictures: int, known: Mapping[str, int]) -> None:
    where = f"{config.source.name}" + (f", split {config.source.split}" if config.source.split else "")
    if not pictures:
        raise ConfigError(f"{where}: no pictures; a source that is drawn without end or an empty split cannot be "
                          "measured: name a split that has pictures")  # fmt: skip
    if not any(known.values()):
        raise ConfigError(f"{where}: the truth of {', '.join(known)} is unknown at every pixel of {pictures} pictures; "
                          "this set does not label it: choose another set, protocol or class map")  # fmt: skip


def _judge(rows: ClassRows, sample: Sample, scores: FloatArray, plane: int, config: EvaluationConfig) -> Judged:
    spec, known, truth = rows.spec, sample.known[plane], sample.target[plane] >= 0.5
    valid = known & ~np.isnan(scores)
    if rows.kind == "water":
        shown = np.nan_to_num(scores, nan=0.0) >= spec.threshold
        row = rows.water.add(
            shown, truth, valid=valid, name=sample.name, group=sample.group, pixel_size_m=config.pixel_size_m
        )
        row = Row(row.name, row.group, {**row.counts, **score_counts(scores, truth, valid)})
    elif rows.kind == "line":
        mm = None if config.pixel_size_m is None else 1000 * config.pixel_size_m
        counts, shown = line_counts(scores, truth, known, spec, width_px=sample.width_px, mm_per_px=mm)
        row = Row(sample.name, sample.group, counts)
    else:
        counts, shown = area_counts(scores, truth, known, spec)
        row = Row(sample.name, sample.group, counts)
    rows.rows.append(row)
    return Judged(spec, sample, shown, truth, valid, row)
