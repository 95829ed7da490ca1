"""Calibrated probabilities: one temperature a class, fitted on validation pixels, and how well they then hold.

Temperature scaling (Guo, Pleiss, Sun and Weinberger 2017, *On Calibration of Modern Neural Networks*, section 4.2):
``q = sigmoid(z / T)`` with the T > 0 that minimises the negative log-likelihood of the known pixels,

    NLL(T) = sum over true pixels of softplus(-z / T) + sum over false pixels of softplus(z / T),

which is convex in 1 / T. T does not change the order of the scores, so no curve over thresholds moves; only the
numbers at its points do.

Protocol of the expected calibration error (ECE; Naeini, Cooper and Hauskrecht 2015, for the foreground probability of
one class at a time): the known pixels are sorted into 15 equally wide bins of probability; the ECE is the mean over
pixels of ``|share of the bin that is true - mean probability of the bin|``. A pixel is true from a target of 0.5 on.
Background far from any damage is right for free and is most of the pixels, so the ECE is stated a second time over the
pixels with a probability of at least 0.05.

Memory stays flat: pixels are counted in a histogram of logits (0.01 wide, -20 to 20; beyond, the ends), which keeps
each bin's sum, so that a bin speaks with its own mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import expit

from findings.errors import ConfigError, OutputError
from models.card import Calibration
from training.metrics_calibration import BINS, FOREGROUND_FROM, calibration_error, reliability_points

LEAST_TEMPERATURE, LARGEST_TEMPERATURE = 0.1, 10.0
_REACH, _STEP = 20.0, 0.01
_CELLS = round(2 * _REACH / _STEP)

Floats = npt.NDArray[np.float64]
Pair = tuple[npt.NDArray[np.floating], npt.NDArray[np.floating], npt.NDArray[np.bool_]]


@dataclass(slots=True)
class LogitCounts:
    """Known pixels of one class by their logit; row 0 the false ones, row 1 the true ones."""

    pixels: Floats = field(default_factory=lambda: np.zeros((2, _CELLS)))
    sums: Floats = field(default_factory=lambda: np.zeros((2, _CELLS)))

    def add(self, logits: Floats, true: npt.NDArray[np.bool_]) -> None:
        """Count pixels; ``logits`` and ``true`` are ``(N,)``, without NaN."""
        bounded = np.clip(logits, -_REACH, _REACH)
        cells = np.minimum(((bounded + _REACH) / _STEP).astype(np.int64), _CELLS - 1)
        for row, use in enumerate((~true, true)):
            self.pixels[row] += np.bincount(cells[use], minlength=_CELLS)
            self.sums[row] += np.bincount(cells[use], weights=bounded[use], minlength=_CELLS)

    @property
    def decidable(self) -> bool:
        """Whether there is a true and a false pixel: with one kind alone no temperature is better than another."""
        return bool(self.pixels.any(axis=1).all())

    def held(self, row: int) -> tuple[Floats, Floats]:
        """Return mean logit and pixels of the cells of a row that hold any."""
        held = self.pixels[row] > 0
        return self.sums[row][held] / self.pixels[row][held], self.pixels[row][held]


def fit_calibration(pairs: Iterable[Pair], classes: Sequence[str], data: str, *, logits: bool = False) -> Calibration:
    """Return each class's temperature with its calibration errors and reliability bins.

    Args:
        pairs: a picture each: scores ``(K, H, W)`` in [0, 1], NaN where nothing was observed, of the model *without*
            calibration; target ``(K, H, W)`` in [0, 1]; known ``(K, H, W)``. Read once.
        classes: names, in the order of the planes.
        data: what the pairs are, for the card, e.g. ``cracks/uav_concrete, split val``.
        logits: the pairs hold logits instead of scores.

    Raises:
        ConfigError: no picture, or planes that do not fit each other or the classes.
    """
    counts = count_logits(pairs, len(classes), logits=logits)
    temperatures = [_fit(each) if each.decidable else 1.0 for each in counts]
    return Calibration(
        temperatures=tuple(temperatures),
        data=data,
        ece_before=tuple(_error(each, 1.0) for each in counts),
        ece_after=tuple(_error(each, t) for each, t in zip(counts, temperatures, strict=True)),
        reliability=tuple(
            reliability_points(reliability_table(each, t)) for each, t in zip(counts, temperatures, strict=True)
        ),
        ece_likely_before=tuple(_error(each, 1.0, FOREGROUND_FROM) for each in counts),
        ece_likely_after=tuple(_error(each, t, FOREGROUND_FROM) for each, t in zip(counts, temperatures, strict=True)),
    )


def count_logits(pairs: Iterable[Pair], classes: int, *, logits: bool = False) -> tuple[LogitCounts, ...]:
    """Return the known and observed pixels of each class, counted by logit.

    Raises:
        ConfigError: no picture, or planes that do not fit each other or the classes.
    """
    counts = tuple(LogitCounts() for _ in range(classes))
    pictures = 0
    for said, target, known in pairs:
        pictures += 1
        if said.shape != target.shape or said.shape != known.shape or said.ndim != 3 or said.shape[0] != classes:
            raise ConfigError(
                f"calibration: scores {said.shape}, target {target.shape}, known {known.shape}; "
                f"expected three of ({classes}, H, W)"
            )
        for plane, each in enumerate(counts):
            use = known[plane] & ~np.isnan(said[plane])
            values = said[plane][use].astype(np.float64)
            if not logits and values.size and (values.min() < 0 or values.max() > 1):
                raise ConfigError(f"calibration: scores from {values.min():.3g} to {values.max():.3g}; expected "
                                  "probabilities in [0, 1]; say logits=True for logits")  # fmt: skip
            each.add(values if logits else _logit(values), target[plane][use] >= 0.5)
    if not pictures:
        raise ConfigError("calibration: no validation picture; check the validation split")
    return counts


def negative_log_likelihood(counts: LogitCounts, temperature: float) -> float:
    """Return the mean NLL of a class's pixels at a temperature, in nats a pixel."""
    loss = 0.0
    for row, sign in enumerate((1.0, -1.0)):
        logits, pixels = counts.held(row)
        loss += float((pixels * np.logaddexp(0.0, sign * logits / temperature)).sum())
    return loss / float(counts.pixels.sum())


def reliability_table(counts: LogitCounts, temperature: float, least: float = 0.0) -> Floats:
    """Return ``(15, 3)`` as `training.metrics_calibration.reliability` does, of the pixels from ``least`` on."""
    table = np.zeros((BINS, 3))
    for row in (0, 1):
        logits, pixels = counts.held(row)
        probability = expit(logits / temperature)
        likely = probability >= least
        probability, pixels = probability[likely], pixels[likely]
        place = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
        weights = (pixels * probability, pixels * row, pixels)
        table += np.stack([np.bincount(place, weights=w, minlength=BINS) for w in weights], axis=1)
    return table


def reliability_png(calibration: Calibration, names: Sequence[str], path: Path) -> None:
    """Write the reliability plot: share that is true over mean probability, a curve a class, pixels below.

    Raises:
        OutputError: the place cannot be written.
    """
    # the object interface alone: pyplot keeps global state and opens windows where there are some
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 6.4), layout="constrained")
    FigureCanvasAgg(figure)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    top.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1, label="perfect")
    for plane, name in enumerate(names):
        bins = np.array(calibration.reliability[plane], dtype=float).reshape(-1, 3)
        if calibration.ece_after[plane] is None:
            continue
        line = top.plot(bins[:, 0], bins[:, 1], marker="o", markersize=4, label=_legend(calibration, plane, name))[0]
        below.plot(bins[:, 0], bins[:, 2], marker="o", markersize=4, color=line.get_color())
    top.set(xlim=(0, 1), ylim=(0, 1), ylabel="share that is true", title=f"Reliability on {calibration.data}")
    top.legend(loc="upper left", fontsize="small")
    below.set(xlabel="calibrated probability (mean of the bin)", ylabel="pixels", yscale="log")
    try:
        figure.savefig(path, dpi=100)
    except OSError as error:
        raise OutputError(f"{path}: the plot could not be written ({error}); free space or choose --out") from error


def _legend(calibration: Calibration, plane: int, name: str) -> str:
    before, after = calibration.ece_before[plane], calibration.ece_after[plane]
    return f"{name}: T {calibration.temperatures[plane]:.2f}, ECE {before:.4f} before, {after:.4f} after"


def _logit(scores: Floats) -> Floats:
    with np.errstate(divide="ignore"):  # a score of 0 or 1 is an infinite logit, which the histogram's ends take
        return np.log(scores) - np.log1p(-scores)


def _fit(counts: LogitCounts) -> float:
    """Return the temperature of least NLL within the bounds; the search runs over 1 / T, where the NLL is convex."""
    found = minimize_scalar(
        lambda coolness: negative_log_likelihood(counts, 1.0 / coolness),
        bounds=(1.0 / LARGEST_TEMPERATURE, 1.0 / LEAST_TEMPERATURE),
        method="bounded",
        options={"xatol": 1e-5},
    )
    return float(np.clip(1.0 / found.x, LEAST_TEMPERATURE, LARGEST_TEMPERATURE))


def _error(counts: LogitCounts, temperature: float, least: float = 0.0) -> float | None:
    """Return the ECE, or None where there is nothing to measure it on."""
    table = reliability_table(counts, temperature, least)
    return calibration_error(table) if counts.decidable and table[:, 2].any() else None
