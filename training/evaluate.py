"""Measures a model on a data set, at the thresholds that its card ships."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from findings.errors import ConfigError
from models.base import PixelModel
from training.config import EvaluationConfig
from training.datasets import open_source
from training.metrics import CrackCounts, WaterCounts
from training.validate import predictions

BOOTSTRAP_SEED = 20240101


def evaluate(model: PixelModel, config: EvaluationConfig, device: torch.device) -> dict[str, Any]:
    """Return the metrics of a model on one data set by its protocol, pooled, with bootstrap intervals over groups.

    Pictures run through the inference engine that ships. ``crack``: strict IoU and F1, F1@2px, clIoU@4px.
    ``water``: IoU and the distance between the boundaries.

    Raises:
        ConfigError: the model lacks the class that the protocol measures, or the data are not there.
        MissingBands: the data set lacks a band that the card requires.
    """
    card = model.card
    plane = next((i for i, c in enumerate(card.classes) if c.name == config.protocol), None)
    if plane is None:
        raise ConfigError(f"{card.name}@{card.version} has classes {[c.name for c in card.classes]}, "
                          f"not {config.protocol!r}, which the protocol measures")  # fmt: skip
    threshold = card.classes[plane].threshold
    source = open_source(config.source, card.bands, tuple(c.name for c in card.classes), config.labels)
    counts: CrackCounts | WaterCounts = CrackCounts() if config.protocol == "crack" else WaterCounts()
    for sample, scores in predictions(model, source, device):
        said = np.nan_to_num(scores[plane], nan=0.0) >= threshold
        valid = sample.known[plane] & ~np.isnan(scores[plane])
        _add(counts, said, sample.target[plane] >= 0.5, valid, sample.group, config.pixel_size_m)
    result = counts.result(np.random.default_rng(BOOTSTRAP_SEED))
    about = {"data": config.source.name, "split": config.source.split, "labels": config.labels, "threshold": threshold}
    return {**about, **result}


def _add(
    counts: CrackCounts | WaterCounts,
    said: np.ndarray,
    true: np.ndarray,
    valid: np.ndarray,
    group: str,
    pixel_size_m: float | None,
) -> None:
    if isinstance(counts, CrackCounts):
        counts.add(said, true, valid=valid, group=group)
    else:
        counts.add(said, true, valid=valid, group=group, pixel_size_m=pixel_size_m)
