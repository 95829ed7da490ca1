"""Precision-recall and reliability as pictures, drawn without any state outside these functions."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from training.counts import Floats
from training.metrics_calibration import calibration_error, reliability_points
from training.metrics_curve import average_precision, curve_points

COLOURS = ("#1d6f8a", "#c4452d")


@dataclass(frozen=True, slots=True)
class Curves:
    """What a model's scores give on one set for one class.

    Attributes:
        histogram: ``score_histogram``, pooled.
        bins: ``reliability``, pooled.
        point: recall and precision of the raw pixels at the card's threshold; None where undefined.
        threshold: of the card.
    """

    histogram: Floats
    bins: Floats
    point: tuple[float, float] | None
    threshold: float


def precision_recall_plot(models: Mapping[str, Curves]) -> bytes:
    """Return a PNG: precision over recall of the pixels at all thresholds, the card's one marked; a curve a model."""
    figure, axes = _panel()
    for colour, (name, curves) in zip(COLOURS, models.items(), strict=False):
        points = curve_points(curves.histogram)
        label = f"{name}, average precision {average_precision(curves.histogram):.3f}"
        axes.plot([p[2] for p in points], [p[1] for p in points], color=colour, linewidth=1.6, label=label)
        if curves.point is not None:
            axes.plot(*curves.point, "o", color=colour, markersize=7, label=f"at its threshold {curves.threshold:g}")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.01))
    axes.legend(loc="lower left", fontsize=8, frameon=False)
    return _png(figure)


def reliability_plot(models: Mapping[str, Curves]) -> bytes:
    """Return a PNG: share of pixels that are true over mean score in 15 bins, the diagonal is perfect.

    Size of a mark: number of pixels, logarithmic.
    """
    figure, axes = _panel()
    axes.plot([0, 1], [0, 1], color="#9aa5a9", linewidth=1, linestyle="--")
    for colour, (name, curves) in zip(COLOURS, models.items(), strict=False):
        points = reliability_points(curves.bins)
        most = max((n for _, _, n in points), default=1)
        sizes = [8 + 60 * (len(str(n)) / len(str(most))) ** 2 for _, _, n in points]
        axes.plot([p[0] for p in points], [p[1] for p in points], color=colour, linewidth=1)
        label = f"{name}, ECE {calibration_error(curves.bins):.4f}"
        axes.scatter([p[0] for p in points], [p[1] for p in points], s=sizes, color=colour, label=label)
    axes.set(xlabel="mean score of the bin", ylabel="share that is true", xlim=(0, 1.01), ylim=(0, 1.01))
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    return _png(figure)


def _panel() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.0, 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)  # no display, no global figure
    axes = figure.add_subplot()
    axes.grid(color="#eceae3")
    axes.set_axisbelow(True)
    return figure, axes


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})  # the same numbers give the same bytes
    return buffer.getvalue()
