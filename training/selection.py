"""What step and operating point of a training are chosen by: validation and development sets together.

Each set gives each class that it labels one number: the mean of its goals (F1 and clIoU@4px for lines, IoU for areas).
The score is the weighted mean over sets, then the mean over classes. Validation pictures look like the training
pictures; development sets look like what the model will meet, so a version must do well on both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch

from findings.errors import ConfigError
from inference.regions import LINEAR_DAMAGES
from models.segmenter import Segmenter
from training.config import EvaluationConfig, TrainConfig
from training.counts import Counts, Mask, pixel_counts, skeleton, skeleton_counts
from training.datasets import Sample, Source, open_source
from training.datasets.sample import Item
from training.validate import predictions

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97)
QUICK_THRESHOLDS = (0.3, 0.5, 0.7, 0.9)  # for the step, where the operating point is not yet of interest
QUICK_PICTURES = 40  # of each set, evenly spread, for the step
CENTRELINE_TOLERANCE_PX = 4.0
GOALS = {True: ("f1", "cliou@4px"), False: ("iou",)}  # of lines, of areas

Curve = dict[float, float]


def selection_score(segmenter: Segmenter, config: TrainConfig, device: torch.device) -> tuple[float, dict[str, float]]:
    """Return the score that the best step is chosen by, and its parts by set and class.

    Each class counts with its best of a few thresholds, because the operating point is chosen only at the end; of
    large sets a spread of pictures is looked at.
    """
    parts: dict[str, float] = {}
    best: list[float] = []
    for name, curves in _curves(segmenter, config, device, QUICK_THRESHOLDS, QUICK_PICTURES).items():
        total = _weighted(curves, QUICK_THRESHOLDS)
        threshold = max(total, key=lambda t: total[t])
        best.append(total[threshold])
        parts |= {f"{name}: {label}": curve[threshold] for label, _, curve in curves}
    return float(np.mean(best)), parts


def choose_operating_point(
    segmenter: Segmenter, config: TrainConfig, device: torch.device
) -> tuple[dict[str, Any], ...]:
    """Return what to change in each class of the card: the threshold with the best score over all sets.

    Among equal scores the middle threshold is taken.

    Raises:
        ConfigError: no set labels a class, so that nothing can choose its threshold.
    """
    found = _curves(segmenter, config, device, THRESHOLDS, None)
    updates: list[dict[str, Any]] = []
    for spec in config.classes:
        if spec.name not in found:
            raise ConfigError(f"{spec.name}: neither validation nor development labels it; add a set that does")
        total = _weighted(found[spec.name], [t for t in THRESHOLDS if t >= spec.least_threshold])
        top = max(total.values())
        tied = [threshold for threshold, value in total.items() if value == top]
        threshold = tied[(len(tied) - 1) // 2]
        lower = spec.grow_threshold
        updates.append(
            {"threshold": threshold, "grow_threshold": None if lower is None or lower >= threshold else lower}
        )
    return tuple(updates)


def _weighted(curves: Sequence[tuple[str, float, Curve]], thresholds: Sequence[float]) -> Curve:
    whole = sum(weight for _, weight, _ in curves)
    return {t: sum(weight * curve[t] for _, weight, curve in curves) / whole for t in thresholds}


def _curves(
    segmenter: Segmenter, config: TrainConfig, device: torch.device, thresholds: Sequence[float], at_most: int | None
) -> dict[str, list[tuple[str, float, Curve]]]:
    """Return for each class the label, weight and curve of every set that labels it."""
    found: dict[str, list[tuple[str, float, Curve]]] = defaultdict(list)
    for number, one in enumerate((config.validation, *config.development), start=1):
        source: Source = open_source(one.source, config.bands, config.class_names, one.labels)
        if at_most is not None and len(source) > at_most:
            source = _Spread(source, at_most)
        label = " ".join(filter(None, (f"{number}.", one.source.name, one.source.split, one.source.match)))
        for name, curve in _measure(segmenter, config, one, source, device, thresholds).items():
            found[name].append((label, one.weight, curve))
    return found


def _measure(
    segmenter: Segmenter,
    config: TrainConfig,
    one: EvaluationConfig,
    source: Source,
    device: torch.device,
    thresholds: Sequence[float],
) -> dict[str, Curve]:
    """Return the mean of the goals at each threshold, for each class that the set labels."""
    strict: dict[tuple[str, float], Counts] = defaultdict(Counts)
    centre: dict[tuple[str, float], Counts] = defaultdict(Counts)
    lines = {spec.name: spec.damage in LINEAR_DAMAGES for spec in config.classes}
    for sample, scores in predictions(segmenter, source, device):
        for plane, (name, is_line) in enumerate(lines.items()):
            if not sample.known[plane].any():
                continue
            seen = sample.known[plane] & ~np.isnan(scores[plane])
            values, true = np.nan_to_num(scores[plane], nan=-1.0), (sample.target[plane] >= 0.5) & seen
            thin = skeleton(true) if is_line else true
            for threshold in thresholds:
                said = (values >= threshold) & seen
                strict[name, threshold] += pixel_counts(said, true)
                if is_line:
                    centre[name, threshold] += _along(said, thin)
    curves: dict[str, Curve] = defaultdict(dict)
    for (name, threshold), counts in strict.items():
        goals = one.goals or GOALS[lines[name]]
        curves[name][threshold] = float(np.mean([_goal(g, counts, centre[name, threshold]) for g in goals]))
    return curves


def _along(said: Mask, thin: Mask) -> Counts:
    return skeleton_counts(skeleton(said), thin, CENTRELINE_TOLERANCE_PX)


def _goal(goal: str, strict: Counts, centre: Counts) -> float:
    """Return a measure, 0 where it is undefined: a set in which nothing is true and nothing was said teaches nothing.

    Raises:
        ConfigError: a goal that is not measured here.
    """
    values = {"f1": strict.f1, "iou": strict.iou, "cliou@4px": centre.iou, "recall": strict.recall}
    if goal not in values:
        raise ConfigError(f"goal {goal!r}: expected one of {', '.join(values)}")
    return float(np.nan_to_num(values[goal], nan=0.0))


class _Spread:
    """Every n-th picture of a source, for a quick look."""

    def __init__(self, source: Source, at_most: int) -> None:
        self._source, self._step = source, -(-len(source) // at_most)

    def whole(self) -> Iterator[Sample]:
        """Yield the pictures."""
        return islice(self._source.whole(), 0, None, self._step)

    def draw(self, rng: np.random.Generator, size_px: int) -> Sample:
        """Return a crop of the whole source."""
        return self._source.draw(rng, size_px)

    def items(self) -> tuple[Item, ...]:
        """Return the files of the whole source."""
        return self._source.items()

    def __len__(self) -> int:
        """Return the number of pictures."""
        return -(-len(self._source) // self._step)
