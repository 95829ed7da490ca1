"""The job behind ``mizuhashi river flood``: a map of new water between two dates, or of all water at one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from findings.errors import InputError, MizuhashiError, OutputError
from imagery.raster_out import open_writer
from imagery.reader import ImageReader
from imagery.stream import PixelSource
from imagery.types import FloatArray, Pixels, Window
from inference.engine import ArraySink, infer
from inference.river.flood_source import FloodSource
from inference.river.surfaces import water_class
from models.base import PixelModel

KINDS = ("s1_before", "s1_after", "s2_before", "s2_after")
FLOOD, RADAR_WATER, OPTICAL_WATER = "flood", "radar-water", ("river", "water")
NEW, ALL = "new_water", "water"
MEANING = {
    NEW: "probability of new water: water after that was none before",
    ALL: "probability of any water, permanent water included: no picture before was given",
}
Load = Callable[[str], PixelModel]


@dataclass(frozen=True, slots=True)
class FloodMap:
    """What was written.

    Attributes:
        path: the map.
        shows: ``new_water`` or ``water``.
        models: that made it, ``NAME@VERSION``.
        threshold: from which a pixel counts; the mean where two models spoke.
        share: of the observed pixels from the threshold on; None where nothing was observed.
        observed: share of the pixels.
        notes: what the reader should know.
    """

    path: Path
    shows: str
    models: tuple[str, ...]
    threshold: float
    share: float | None
    observed: float
    notes: tuple[str, ...]


def map_flood(
    files: Mapping[str, Path], out: Path, load: Load, device: torch.device | str = "cpu", *, flood_model: str = FLOOD
) -> FloodMap:
    """Write the map and return what it shows.

    With a picture before: new water, by the flood model. Without: all water, by the scene water model for an optical
    picture, by the radar water model for radar; both together are averaged where both observed.

    Args:
        files: pictures by their kind, of ``KINDS``; at least one after.
        out: ``.png`` or ``.tif``.
        load: gives a model by name.
        device: where to run.
        flood_model: tells new water, ``NAME[@VERSION]``.

    Raises:
        InputError: no picture after, or one that cannot be taken.
        OutputError: another suffix, a place that cannot be written, or one of the inputs.
        ModelError: a model is not there.
    """
    if not any(kind.endswith("after") for kind in files):
        raise InputError("no picture after the flood was given; give --after FILE (optical) or --s1-after FILE (radar)")
    if out.suffix not in (".png", ".tif"):
        raise OutputError(f"{out}: flood maps are written as .png or .tif; choose one of these names")
    for path in files.values():
        if path.resolve() == out.resolve():
            raise OutputError(f"{out}: the map would replace the picture {path}; choose another --out")
    with FloodSource(files) as source:
        notes = list(source.notes)
        if any(kind.endswith("before") for kind in files):
            shows, scores, models = NEW, *_new_water(source, files, load(flood_model), device, notes)
        else:
            shows, scores, models = ALL, *_all_water(source, files, load, device, notes)
        threshold = float(np.mean([_plane(model)[1] for model in models]))
        refs = tuple(f"{model.card.name}@{model.card.version}" for model in models)
        tags = {
            "MODEL": ", ".join(refs),
            "WEIGHTS_SHA256": ", ".join(model.weights_sha256 for model in models),
            "CLASS": shows,
            "MEANING": MEANING[shows],
            "THRESHOLD": f"{threshold:.3f}",
            "INPUTS": ", ".join(kind for kind in KINDS if kind in files),
        }
        _write(out, scores, source, tags)
    seen = np.isfinite(scores)
    share = float((scores[seen] >= threshold).mean()) if seen.any() else None
    return FloodMap(out, shows, refs, threshold, share, float(seen.mean()), tuple(notes))


def _new_water(
    source: FloodSource, files: Mapping[str, Path], model: PixelModel, device: torch.device | str, notes: list[str]
) -> tuple[FloatArray, list[PixelModel]]:
    scores = _scores(model, source, device)
    dates = {date: {kind[:2] for kind in files if kind.endswith(date)} for date in ("before", "after")}
    if not dates["before"] & dates["after"]:
        notes.append("before and after are of different sensors: the map is less sure than of one sensor at both dates")
    after = source.read(Window(0, 0, source.width_px, source.height_px), [b for b in source.bands if "after" in b])
    scores[~after.observed] = np.nan  # a picture of before alone says nothing about the flood
    return scores, [model]


def _all_water(
    source: FloodSource, files: Mapping[str, Path], load: Load, device: torch.device | str, notes: list[str]
) -> tuple[FloatArray, list[PixelModel]]:
    maps, models = [], []
    if "s2_after" in files:
        reader = source.reader("s2_after")
        model, pixels = _optical_model(reader, source, load, notes)
        maps.append(_scores(model, pixels, device))
        models.append(model)
    if "s1_after" in files:
        model = load(RADAR_WATER)
        if "vh" not in source.reader("s1_after").bands:
            notes.append("radar of one polarisation: water under wind and smooth ground are told apart less well")
        maps.append(_scores(model, _Radar(source), device))
        models.append(model)
    if len(maps) == 1:
        return maps[0], models
    notes.append("radar and optical water are averaged where both were observed")
    both = np.stack(maps)
    count = np.isfinite(both).sum(axis=0)
    mean = np.nansum(both, axis=0) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan).astype(np.float32), models


def _optical_model(
    reader: ImageReader, source: FloodSource, load: Load, notes: list[str]
) -> tuple[PixelModel, PixelSource]:
    """Return the scene water model that the picture has bands for, and the picture behind that model's band names."""
    if all(reader.has(band) for band in ("green", "nir")):
        for name in OPTICAL_WATER:
            try:
                model = load(name)
            except MizuhashiError as error:
                notes.append(f"{name} was not used: {error}")
                continue
            if all(reader.has(band) for band in model.card.required_bands):
                return model, reader
    notes.append("three colours taken as short-wave infrared, near infrared and visible")
    names = {"swir1": "swir_after", "nir": "nir_after", "green": "visible_after"}
    return load(OPTICAL_WATER[-1]), _Renamed(source, names)


class _Radar:
    """The radar picture after as VV and, where the file has it, VH on the source's grid, in dB or as stretched."""

    def __init__(self, source: FloodSource) -> None:
        self._source = source
        self.width_px, self.height_px = source.width_px, source.height_px
        self.bands = ("vv", "vh") if "vh" in source.reader("s1_after").bands else ("vv",)

    def read(self, window: Window, bands: Sequence[str] | None = None) -> Pixels:
        """Return planes ``(C, h, w)``; NaN for VH where the file lacks it."""
        wanted = self.bands if bands is None else tuple(bands)
        return Pixels(self._source.polarisations(window, wanted), wanted)


class _Renamed:
    """A source whose planes go by the names that a model knows."""

    def __init__(self, source: PixelSource, names: Mapping[str, str]) -> None:
        self._source, self._names = source, dict(names)
        self.width_px, self.height_px = source.width_px, source.height_px
        self.bands = tuple(self._names)

    def read(self, window: Window, bands: Sequence[str] | None = None) -> Pixels:
        """Return planes ``(C, h, w)``; NaN for a name that is not there."""
        wanted = self.bands if bands is None else tuple(bands)
        return Pixels(self._source.read(window, [self._names.get(band, "-") for band in wanted]).values, wanted)


def _scores(model: PixelModel, pixels: PixelSource, device: torch.device | str) -> FloatArray:
    sink = ArraySink(len(model.card.classes), pixels.height_px, pixels.width_px)
    infer(model, pixels, sink, device=device)
    found: FloatArray = sink.scores[_plane(model)[0]]
    return found


def _plane(model: PixelModel) -> tuple[int, float]:
    """Return which class of a model is water, and its threshold."""
    place = water_class(model.card.classes)
    if place is None:
        names = ", ".join(spec.name for spec in model.card.classes)
        raise InputError(f"{model.card.name}@{model.card.version} tells {names}, no water; promote a version that does")
    return place, model.card.classes[place].threshold


def _write(out: Path, scores: FloatArray, source: FloodSource, tags: Mapping[str, str]) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out.parent}: cannot be made ({error.strerror}); choose another --out") from error
    with open_writer(
        out, source.width_px, source.height_px, crs=source.crs, transform=source.transform, tags=tags
    ) as writer:
        writer.write(0, scores)
