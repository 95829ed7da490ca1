"""Everything that a report of an evaluation shows: numbers, curves, worst pictures, and the comparison with a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from models.base import PixelModel
from training.compare import Comparison, compare_measured
from training.config import EvaluationConfig
from training.evaluate import ClassRows, Measured, measure, metrics_of
from training.evaluation_pictures import Bad, Worst
from training.evaluation_plots import Curves
from training.metrics_calibration import reliability_points
from training.metrics_curve import curve_points
from training.metrics_pool import plain, total

FORMAT = "mizuhashi-evaluation"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Section:
    """What was found on one data set.

    Attributes:
        config: what was measured.
        model: NAME@VERSION.
        digest: of its weights.
        against: NAME@VERSION of the model that it is compared with, or None.
        metrics: as ``evaluate`` gives them.
        against_metrics: the same of the other model.
        curves: by class, then by model.
        worst: the worst pictures and the share of their class's errors.
        comparison: with the other model.
    """

    config: EvaluationConfig
    model: str
    digest: str
    against: str | None
    metrics: Mapping[str, Any]
    against_metrics: Mapping[str, Any] | None
    curves: Mapping[str, Mapping[str, Curves]]
    worst: tuple[tuple[Bad, float], ...]
    comparison: Comparison | None


def examine(
    model: PixelModel, config: EvaluationConfig, device: torch.device, against: PixelModel | None = None
) -> Section:
    """Return what a report shows of a model, and of another one beside it, on one data set.

    Raises:
        ConfigError, MissingBands, ModelError: see ``training.evaluate.evaluate``.
    """
    worst = Worst(model.card.bands)
    measured = measure(model, config, device, worst)
    other = None if against is None else measure(against, config, device)
    curves: dict[str, dict[str, Curves]] = {}
    for mine in (m for m in (measured, other) if m is not None):
        for name, rows in mine.classes.items():
            label = reference(mine)
            own = curves.setdefault(name, {})
            own[label if label not in own else f"{label} (again)"] = _curves(rows)
    return Section(
        config,
        reference(measured),
        model.weights_sha256,
        None if other is None else reference(other),
        metrics_of(measured),
        None if other is None else metrics_of(other),
        curves,
        tuple(worst.result()),
        None if other is None else compare_measured(measured, other),
    )


def reference(measured: Measured) -> str:
    """Return NAME@VERSION."""
    return f"{measured.card.name}@{measured.card.version}"


def as_json(section: Section) -> dict[str, Any]:
    """Return a section as plain JSON values; pictures stay in the page."""
    result: dict[str, Any] = {
        "model": section.model,
        "weights_sha256": section.digest,
        "against": section.against,
        "evaluation": section.config.model_dump(mode="json"),
        "metrics": dict(section.metrics),
        "against_metrics": None if section.against_metrics is None else dict(section.against_metrics),
        "curves": {name: {ref: _points(c) for ref, c in models.items()} for name, models in section.curves.items()},
        "worst": [
            {"name": bad.name, "group": bad.group, "class": bad.label, "error_px": bad.errors,
             "share_of_errors": share, "why": bad.why}
            for bad, share in section.worst
        ],
        "comparison": None,
    }  # fmt: skip
    if section.comparison is not None:
        found = section.comparison
        result["comparison"] = {
            **asdict(found), "verdict": found.verdict, "worse_beyond_interval": found.worse_beyond_interval,
        }  # fmt: skip
    return result


def _curves(rows: ClassRows) -> Curves:
    strict = total(rows.rows, "strict")
    precision, recall = (plain(rows.headline[name].value(strict)) for name in ("precision", "recall"))
    point = None if precision is None or recall is None else (recall, precision)
    return Curves(total(rows.rows, "curve"), total(rows.rows, "reliability"), point, rows.spec.threshold)


def _points(curves: Curves) -> dict[str, Any]:
    return {
        "precision_recall": [
            {"threshold": t, "precision": p, "recall": r} for t, p, r in curve_points(curves.histogram)
        ],
        "reliability": [{"mean_score": p, "share_true": t, "pixels": n} for p, t, n in reliability_points(curves.bins)],
    }
