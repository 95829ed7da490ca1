"""The job behind ``mizuhashi segment``: probability maps of one file, all of them or none."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import torch

from findings.errors import OutputError
from imagery import raster_out
from imagery.raster_out import ProbabilityWriter
from imagery.reader import ImageReader, open_image
from inference.engine import EngineStats, FloatArray, infer, require_bands
from models.base import PixelModel

SCENE_SUFFIXES = frozenset({".tif", ".tiff", ".jp2"})


class MapSink:
    """Hands the rows of each class to the writer of its map."""

    def __init__(self, writers: list[ProbabilityWriter]) -> None:
        self._writers = writers

    def write(self, row: int, scores: FloatArray) -> None:
        """Write the rows ``(K, rows, W)`` from ``row`` on."""
        for writer, score in zip(self._writers, scores, strict=True):
            writer.write(row, score)


def map_paths(model: PixelModel, image: Path, out_dir: Path) -> tuple[Path, ...]:
    """Return where the maps of an image go: ``<stem>[.<class>].tif`` for GeoTIFFs, ``.png`` for photographs."""
    suffix = ".tif" if image.suffix.lower() in SCENE_SUFFIXES else ".png"
    names = [spec.name for spec in model.card.classes]
    stems = [image.stem] if len(names) == 1 else [f"{image.stem}.{name}" for name in names]
    return tuple(out_dir / (stem + suffix) for stem in stems)


def segment_file(
    model: PixelModel,
    path: Path,
    out_dir: Path,
    bands: tuple[str, ...] | None = None,
    device: torch.device | str = "cpu",
    *,
    mask: Path | None = None,
    window: int = 512,
    overlap: int = 64,
    batch: int = 4,
) -> tuple[tuple[Path, ...], EngineStats]:
    """Write an 8-bit probability map for each class of the model; return their paths and what the engine did.

    Memory is bounded by the strip. Whatever goes wrong, no map of this file stays behind, and a map that lay there
    before the call is replaced only by a complete one.

    Args:
        model: any pixel model.
        path: the image.
        out_dir: is created if it does not exist.
        bands: names of the file's bands in its order, where the file does not name them.
        device: where to run.
        mask: file of pixels that must not be judged; they are "not observed" in the maps.
        window: side of the windows in pixels, a multiple of 32.
        overlap: least overlap of the windows in pixels.
        batch: windows per batch.

    Raises:
        InputError: the image cannot be taken; MissingBands with the remedy among them.
        OutputError: the disk is full, the place cannot be written, or a map would replace its own image.
    """
    paths = map_paths(model, path, out_dir)
    if any(target.resolve() == path.resolve() for target in paths):
        raise OutputError(
            f"{path}: its probability map would replace the image itself; choose another folder with --out"
        )
    with open_image(path, bands=bands, mask=mask) as reader:
        require_bands(model.card, reader.bands)
        try:
            out_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{out_dir}: cannot be made ({error.strerror}); choose another folder with --out"
            ) from error
        stats = _write_maps(model, reader, paths, device, window, overlap, batch)
    return paths, stats


def _write_maps(
    model: PixelModel,
    reader: ImageReader,
    paths: tuple[Path, ...],
    device: torch.device | str,
    window: int,
    overlap: int,
    batch: int,
) -> EngineStats:
    tags = {"MODEL": f"{model.card.name}@{model.card.version}", "WEIGHTS_SHA256": model.weights_sha256}
    fresh = [path for path in paths if not path.exists()]
    try:
        with ExitStack() as stack:
            writers: list[ProbabilityWriter] = []
            for spec, path in zip(model.card.classes, paths, strict=True):
                writer = raster_out.open_writer(
                    path,
                    reader.width_px,
                    reader.height_px,
                    crs=reader.crs,
                    transform=reader.transform,
                    tags={**tags, "CLASS": spec.name},
                )
                stack.enter_context(writer)
                writers.append(writer)
            return infer(model, reader, MapSink(writers), window=window, overlap=overlap, batch=batch, device=device)
    except BaseException:
        for path in fresh:  # a sister map may have been completed before the failure
            path.unlink(missing_ok=True)
        raise
