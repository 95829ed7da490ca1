"""Flood pairs in the layout of OMBRIA: radar and optical pictures of a place before and after a flood, and a mask.

Below root: ``{split}/s1_before/NAME.png``, ``s1_after``, ``s2_before``, ``s2_after`` (any picture format) and ``mask``,
whose pixels above 127 are new water. The repository's own folders (``OmbriaS1/train/BEFORE`` ...) are named by the
options. An item may lack pictures; it must have a mask and one picture of each date. What is not there is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from findings.errors import ConfigError
from imagery.flood_planes import OPTICAL, PLANES, RADAR, is_power, optical_planes, radar_plane
from imagery.reader import open_image
from imagery.types import Window
from training.config import SourceConfig
from training.datasets.folder import chosen, folder_of, pictures_in
from training.datasets.label_files import Options, read_options
from training.datasets.picture_file import checked_size
from training.datasets.pictures import CACHE_MB, Layers, Pictures
from training.datasets.sample import BoolArray, FloatArray, Item

MARKED_FROM = 128


class FloodPairsOptions(Options):
    """Where the pictures lie, and which items are taken.

    Attributes:
        s1_before, s1_after, s2_before, s2_after, mask: folders below root; ``{split}`` is filled in.
        every: of the items in name order, each so-manieth is held out; 0 holds none out.
        take: ``all``, the ``held`` ones or the ``rest``.
        centred: share of crops around new water.
    """

    s1_before: str = "{split}/s1_before"
    s1_after: str = "{split}/s1_after"
    s2_before: str = "{split}/s2_before"
    s2_after: str = "{split}/s2_after"
    mask: str = "{split}/mask"
    every: int = Field(default=0, ge=0)
    take: Literal["all", "held", "rest"] = "all"
    centred: float = Field(default=0.3, ge=0, le=1)
    cache_mb: float = Field(default=CACHE_MB, gt=0)


@dataclass(frozen=True, slots=True)
class FloodPair:
    """The pictures of one item."""

    item: Item
    stored: tuple[int, int]
    files: dict[str, Path]
    bands: tuple[str, ...]
    classes: tuple[str, ...]

    def size(self) -> tuple[int, int]:
        """Return rows and columns."""
        return self.stored

    def read(self, window: Window | None) -> Layers:
        """Return the item or a window of it; classes other than ``new_water`` stay unknown."""
        where = window or Window(0, 0, self.stored[1], self.stored[0])
        shape = (where.height, where.width)
        found: dict[str, FloatArray] = {}
        for kind, path in self.files.items():
            sensor, _, date = kind.partition("_")
            if sensor == "mask":
                continue
            names = (RADAR if sensor == "s1" else OPTICAL)[date]
            with open_image(path) as reader:
                if sensor == "s1":
                    planes = radar_plane(reader, where, power=is_power(reader))
                else:
                    planes = optical_planes(reader, where)
            found.update(zip(names, planes, strict=True))
        hole = np.full(shape, np.nan, np.float32)
        with open_image(self.files["mask"]) as reader:
            marked = reader.read(where, None).values[0] >= MARKED_FROM
        target = np.stack([marked if name == "new_water" else np.zeros_like(marked) for name in self.classes])
        known = np.stack([np.full(shape, name == "new_water") for name in self.classes])
        return Layers(np.stack([found.get(band, hole) for band in self.bands]), target, known)

    def sketch(self) -> tuple[BoolArray, BoolArray, float]:
        """Return target and known of the whole item."""
        layers = self.read(None)
        return layers.target, layers.known, 1.0


def open_flood_pairs(config: SourceConfig, bands: tuple[str, ...], classes: tuple[str, ...]) -> Pictures:
    """Return the items of a split.

    Raises:
        ConfigError: a model that reads other bands, an item of unequal sizes or without a picture of either date.
    """
    options = read_options(config, FloodPairsOptions)
    masks = pictures_in(folder_of(config, options.mask))
    strangers = [band for band in bands if band not in PLANES]
    if strangers:
        raise ConfigError(f"{config.name}: flood pairs have no band {strangers[0]}; they have {', '.join(PLANES)}")
    kinds = ("s1_before", "s1_after", "s2_before", "s2_after")
    folders = {kind: folder_of(config, getattr(options, kind)) for kind in kinds}
    there = {kind: pictures_in(folder) for kind, folder in folders.items() if folder.is_dir()}
    names = [name for name, _ in chosen(config, masks, None, folder_of(config, options.mask))]
    held = set(names[:: options.every]) if options.every else set()
    if options.take != "all":
        names = [name for name in names if (name in held) == (options.take == "held")]
    pairs = [_pair(name, masks[name], there, bands, classes) for name in names]
    return Pictures(pairs, classes, centred=options.centred, cache_mb=options.cache_mb)


def _pair(
    name: str, mask: Path, there: dict[str, dict[str, Path]], bands: tuple[str, ...], classes: tuple[str, ...]
) -> FloodPair:
    files = {kind: found[name] for kind, found in there.items() if name in found}
    for date in ("before", "after"):
        if not any(kind.endswith(date) for kind in files):
            raise ConfigError(f"{mask}: no picture {date} the flood is named {name}; an item needs one of each date")
    size = checked_size(mask)
    for path in files.values():
        if checked_size(path) != size:
            raise ConfigError(
                f"{path}: {checked_size(path)} rows and columns, its mask {mask} has {size}; "
                "all of an item must be equal"
            )
    shown = files.get("s2_after") or files.get("s1_after") or next(iter(files.values()))
    return FloodPair(Item(name, name, shown, mask), size, {**files, "mask": mask}, bands, classes)
