"""Pictures of a run: its curves, and what the network says of a few windows of the sets that it is chosen by."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from models.segmenter import Segmenter
from training.config import EvaluationConfig, TrainConfig
from training.datasets import Sample, open_source
from training.datasets.sample import FloatArray, cut
from training.run_folder import Row, written

WINDOW_PX = 384
PICTURES = 3  # of each set
MIN_WIDTH_PX = 640  # that the legend needs
COLOURS = ((230, 30, 30), (30, 110, 255), (255, 170, 0), (0, 170, 90), (190, 60, 220), (0, 190, 210), (120, 120, 0))

Image = npt.NDArray[np.uint8]


class Gallery:
    """A few windows of the validation and development sets, drawn anew at every measurement.

    Args:
        config: names the sets.
        folder: where ``step-000200.png`` goes; it lies in the user's own run folder.
    """

    def __init__(self, config: TrainConfig, folder: Path) -> None:
        self._folder = folder
        self._bands = config.bands
        self._names = config.class_names
        sets = (config.validation, *config.development)
        self._windows = [window for one in sets for window in _windows(one, config)]

    def draw(self, segmenter: Segmenter, step: int, device: torch.device) -> None:
        """Write picture, truth and prediction of every window side by side, one a row.

        Raises:
            OutputError: the disk is full.
        """
        rows = []
        for title, sample in self._windows:
            pixels = torch.from_numpy(sample.pixels)[None].to(device)
            scores = segmenter.predict(pixels)[0].float().cpu().numpy()
            base = _visible(sample.pixels, self._bands)
            truth = _painted(base, sample.target, sample.known)
            said = _painted(base, np.nan_to_num(scores, nan=0.0), np.ones_like(sample.known))
            rows.append(_titled(np.concatenate([base, truth, said], axis=1), title))
        if not rows:
            return
        width = max(MIN_WIDTH_PX, *(row.shape[1] for row in rows))
        sheet = np.concatenate([_legend(self._names, width), *(_widened(row, width) for row in rows)])
        with written(self._folder / f"step-{step:06d}.png") as partial:
            _, data = cv2.imencode(".png", sheet[..., ::-1])
            partial.write_bytes(data.tobytes())


def draw_curves(rows: Sequence[Row], path: Path) -> None:
    """Write loss and its parts, rate and scores over the steps as one PNG.

    Raises:
        OutputError: the disk is full.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 9), layout="constrained")
    FigureCanvasAgg(figure)
    losses, rates, scores = figure.subplots(3, 1, sharex=True)
    steps = [row for row in rows if "loss" in row]
    for name in [key for key in (steps[0] if steps else ()) if key not in _NO_LOSS]:
        losses.plot([row["step"] for row in steps], [row.get(name, np.nan) for row in steps], label=name)
    rates.plot([row["step"] for row in steps], [row["rate"] for row in steps], color="black")
    measured = [row for row in rows if "score" in row]
    at = [row["step"] for row in measured]
    scores.plot(at, [row["score"] for row in measured], color="black", marker="o", linewidth=2, label="score")
    for name in measured[0]["scores"] if measured else ():
        scores.plot(at, [row["scores"].get(name, np.nan) for row in measured], marker=".", label=name)
    for axes, label in ((losses, "loss"), (rates, "learning rate"), (scores, "score")):
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize="small")
    scores.set_xlabel("step")
    with written(path) as partial:
        figure.savefig(partial, dpi=100, format="png")


_NO_LOSS = frozenset(
    {"step", "rate", "seconds", "seconds_per_step", "waiting", "device_busy", "memory_gib", "score", "scores", "best"}
)


def _windows(one: EvaluationConfig, config: TrainConfig) -> list[tuple[str, Sample]]:
    """Return title and window of the first pictures of a set, each window around most of its truth."""
    source = open_source(one.source, config.bands, config.class_names, one.labels)
    return [(f"{one.source.name}: {sample.name}", _window(sample)) for sample in islice(source.whole(), PICTURES)]


def _window(sample: Sample) -> Sample:
    _, rows, cols = sample.target.shape
    side = min(WINDOW_PX, -(-max(rows, cols) // 32) * 32)  # networks take multiples of 32
    density = cv2.boxFilter(sample.target.max(axis=0), -1, (side, side), normalize=False)
    row, col = np.unravel_index(int(density.argmax()), density.shape)
    top = int(np.clip(row - side // 2, 0, max(rows - side, 0)))
    left = int(np.clip(col - side // 2, 0, max(cols - side, 0)))
    return cut(sample, top, left, side, side)


def _visible(pixels: FloatArray, bands: tuple[str, ...]) -> Image:
    """Return ``(H, W, 3)``: red, green and blue where the model reads them, else its first bands; black: unseen."""
    order = [bands.index(b) for b in ("red", "green", "blue")] if {"red", "green", "blue"} <= {*bands} else [0, -1, 0]
    planes = pixels[order].transpose(1, 2, 0)
    seen = planes[np.isfinite(planes).all(axis=2)]
    if not len(seen):
        return np.zeros(planes.shape, dtype=np.uint8)
    low, high = (0.0, 255.0) if seen.max() > 1 and seen.max() <= 255 else np.percentile(seen, (2, 98))
    scaled = (planes - low) / max(float(high - low), 1e-6) * 255.0
    visible: Image = np.nan_to_num(scaled, nan=0.0).clip(0, 255).astype(np.uint8)
    return visible


def _painted(base: Image, share: FloatArray, known: npt.NDArray[np.bool_]) -> Image:
    """Return the picture in grey with each class in its colour; hatched grey where no class is known."""
    grey = base.mean(axis=2, keepdims=True).repeat(3, axis=2) * 0.6 + 60.0
    for plane, colour in zip(range(len(share)), COLOURS * len(share), strict=False):
        weight = (share[plane] * known[plane])[..., None]
        grey = grey * (1.0 - weight) + np.array(colour, dtype=np.float32) * weight
    rows, cols = np.indices(base.shape[:2])
    grey[~known.any(axis=0) & ((rows + cols) % 8 < 2)] = 90.0
    return np.asarray(grey.clip(0, 255).astype(np.uint8))


def _titled(row: Image, title: str) -> Image:
    strip = np.full((22, row.shape[1], 3), 255, dtype=np.uint8)
    shown = title.encode("ascii", "replace").decode()  # the drawn font has no other letters
    cv2.putText(strip, shown, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([strip, row])


def _widened(row: Image, width: int) -> Image:
    return np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255)


def _legend(names: Sequence[str], width: int) -> Image:
    strip: Any = np.full((26, width, 3), 255, dtype=np.uint8)
    cv2.putText(
        strip, "picture | truth | prediction", (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA
    )
    left = 260
    for name, colour in zip(names, COLOURS * len(names), strict=False):
        cv2.putText(strip, name, (left, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
        left += 12 + 9 * len(name)
    out: Image = strip
    return out
