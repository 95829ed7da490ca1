"""The engine: an image of any size through a model, strip by strip, in bounded memory.

The file is read once, in strips; overlapping windows are cut out of them in memory (`imagery.stream`). At any time the
engine holds at most ``window + strip`` image rows of input and ``window`` rows of scores, all over the whole width.

The result depends on the model, the window, the overlap and the batch only, never on the strip. (The batch matters in
the last bits of a float: matrix products round differently with their size.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from findings.errors import MissingBands, NotAssessable
from imagery.bands import RGB
from imagery.stream import STRIP, PixelSource, StripFeed
from inference.stitch import Axis, Blender, lay_windows
from models.base import PixelModel
from models.card import ModelCard

FloatArray = NDArray[np.float32]
WINDOW_PX, OVERLAP_PX, BATCH = 512, 64, 4


class ScoreSink(Protocol):
    """Where finished rows of scores go: a writer of files, or :class:`ArraySink`."""

    def write(self, row: int, scores: FloatArray) -> None:
        """Take the scores ``(K, rows, W)`` of the image rows from ``row`` on; rows come once each, in order."""
        ...


class ArraySink:
    """Collects the scores in memory, for images below a cap.

    Raises:
        NotAssessable: the scores would take more than ``cap_mib``.
    """

    def __init__(self, classes: int, height_px: int, width_px: int, *, cap_mib: int = 2048) -> None:
        need = classes * height_px * width_px * 4 / 2**20
        if need > cap_mib:
            raise NotAssessable(
                f"scores of {width_px} x {height_px} px and {classes} classes need {need:.0f} MiB, "
                f"more than {cap_mib} MiB; cut the image into tiles, or use `segment`, which writes by strips"
            )
        self.scores: FloatArray = np.full((classes, height_px, width_px), np.nan, np.float32)

    def write(self, row: int, scores: FloatArray) -> None:
        """Take the next rows."""
        self.scores[:, row : row + scores.shape[1]] = scores


@dataclass(slots=True)
class EngineStats:
    """What a run did.

    Attributes:
        windows: that went through the model.
        skipped: windows without any observation, NaN without asking the model.
        rows_read: image rows read from the file, each once.
        peak_rows_held: most image rows of input in memory at one time.
        batch: windows per batch at the end; less than asked for if the device ran out of memory.
    """

    windows: int = 0
    skipped: int = 0
    rows_read: int = 0
    peak_rows_held: int = 0
    batch: int = 0


def require_bands(card: ModelCard, bands: Sequence[str]) -> None:
    """Refuse an image without the bands that the model cannot do without.

    Raises:
        MissingBands: with the remedy.
    """
    # readers give the grey of a grey image as its red, green and blue, and the luma of an RGB image as its grey
    known = {*bands, *RGB} if tuple(bands) == ("grey",) else {*bands, "grey"} if set(RGB) <= set(bands) else {*bands}
    missing = [band for band in card.required_bands if band not in known]
    if not known & set(card.bands):  # of pairs no single band is required
        missing = list(card.bands)
    if missing:
        raise MissingBands(
            f"model {card.name}@{card.version} requires band {', '.join(missing)}; "
            f"the image has {', '.join(bands) or 'none'}. "
            "If it is there under another name, name the image's bands in their order: --bands NAME,NAME,..."
        )


def infer(
    model: PixelModel,
    reader: PixelSource,
    sink: ScoreSink,
    *,
    window: int = 512,
    overlap: int = 64,
    batch: int = 4,
    strip: int = STRIP,
    device: torch.device | str = "cpu",
) -> EngineStats:
    """Send an image through a model and its blended scores to ``sink``, row by row.

    Args:
        model: any pixel model; it is moved to ``device``.
        reader: the open image.
        sink: takes rows of scores ``(K, rows, W)``, NaN where nothing was observed.
        window: side of the windows in pixels, a multiple of 32.
        overlap: least overlap of neighbouring windows in pixels, at most half a window.
        batch: windows per batch; halved, and the batch repeated, when a CUDA device runs out of memory.
        strip: rows per read.
        device: where to run; see :func:`inference.device.pick_device`.

    Raises:
        MissingBands: a band that the card requires is absent.
        ConfigError: an impossible window or overlap.
    """
    require_bands(model.card, reader.bands)
    device = torch.device(device)
    model = model.to(device)
    rows = lay_windows(reader.height_px, window, overlap)
    cols = lay_windows(reader.width_px, window, overlap)
    blender = Blender(rows, cols, len(model.card.classes))
    stats = EngineStats(batch=max(1, batch))
    feed = StripFeed(reader, model.card.bands, strip)
    for i, top in enumerate(rows.starts):
        pixels = feed.rows(top, min(top + rows.size_px, rows.length_px))
        _predict_row(model, _pad(pixels, rows.size_px, cols), cols, blender, i, device, stats)
        sink.write(*blender.take(i))
    stats.rows_read, stats.peak_rows_held = feed.rows_read, feed.peak_rows_held
    return stats


def _pad(pixels: FloatArray, height: int, cols: Axis) -> FloatArray:
    """Pad below and to the right by reflection: only images smaller than one window need it."""
    down = height - pixels.shape[1]
    right = max(0, cols.size_px - pixels.shape[2])
    if not down and not right:
        return pixels
    return np.pad(pixels, ((0, 0), (0, down), (0, right)), mode="symmetric")


def _predict_row(
    model: PixelModel,
    pixels: FloatArray,
    cols: Axis,
    blender: Blender,
    i: int,
    device: torch.device,
    stats: EngineStats,
) -> None:
    size = cols.size_px
    waiting = []
    for j, start in enumerate(cols.starts):
        if np.isfinite(pixels[:, :, start : start + size]).any():
            waiting.append(j)
        else:
            stats.skipped += 1
    while waiting:
        now = waiting[: stats.batch]
        stack = np.stack([pixels[:, :, cols.starts[j] : cols.starts[j] + size] for j in now])
        try:
            scores = _predict(model, stack, device)
        except torch.cuda.OutOfMemoryError:
            if len(now) == 1:
                raise
            torch.cuda.empty_cache()
            stats.batch = max(1, len(now) // 2)
            continue
        for j, score in zip(now, scores, strict=True):
            blender.add(score, i, j)
        stats.windows += len(now)
        waiting = waiting[len(now) :]


def _predict(model: PixelModel, stack: FloatArray, device: torch.device) -> FloatArray:
    with torch.inference_mode():
        batch = torch.from_numpy(np.ascontiguousarray(stack)).to(device)
        return model.predict(batch).float().cpu().numpy()


def score_picture(model: PixelModel, source: PixelSource, device: torch.device) -> FloatArray:
    """Return the scores ``(K, H, W)`` of a whole picture, NaN where nothing was observed.

    Raises:
        MissingBands: a band that the card requires is absent.
    """
    require_bands(model.card, source.bands)
    sink = ArraySink(len(model.card.classes), source.height_px, source.width_px)
    infer(model, source, sink, window=WINDOW_PX, overlap=OVERLAP_PX, batch=BATCH, device=device)
    return sink.scores


def answered_by(cards: Sequence[ModelCard]) -> list[frozenset[str]]:
    """Return for each card the classes that another model of the run answers for.

    A class that several models know belongs to the one with the fewest classes, made for it (the first named among
    equals), so that one crack seen by two models is one finding.
    """
    order = sorted(range(len(cards)), key=lambda i: (len(cards[i].classes), i))
    owner: dict[str, int] = {}
    for index in order:
        for spec in cards[index].classes:
            owner.setdefault(spec.name, index)
    return [frozenset(c.name for c in card.classes if owner[c.name] != i) for i, card in enumerate(cards)]
