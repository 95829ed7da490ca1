"""Sen1Floods11: chips of radar and optical scenes of floods with hand labels.

Layout of version 1.1 below root: ``data/flood_events/HandLabeled/{S1Hand,S2Hand,LabelHand}/EVENT_CHIP_{S1Hand,..}.tif``
and ``splits/flood_handlabeled/flood_{train,valid,test,bolivia}_data.csv`` of two columns without header, the files of
radar and label. S1: VV and VH in dB; S2: 13 bands of level 1C, reflectance x 10,000; labels 1 water, 0 none, -1 not
to be judged. Source: github.com/cloudtostreet/Sen1Floods11.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

from pydantic import Field

from findings.errors import ConfigError
from training.config import SourceConfig
from training.datasets.class_map import required_map
from training.datasets.folder import chosen, folder_of
from training.datasets.label_files import Options, read_options
from training.datasets.picture_file import PictureFile, checked_size
from training.datasets.pictures import CACHE_MB, Pictures
from training.datasets.sample import Item
from training.datasets.truth import ValueFile

S1_BANDS = ("vv", "vh")
S2_BANDS = (
    "coastal", "blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08", "nir09", "cirrus", "swir1",
    "swir2",
)  # fmt: skip


class Sen1Floods11Options(Options):
    """Where the files lie and what a group is.

    Attributes:
        chips: folder of the chips below root.
        splits: folder of the lists below root.
        group: ``chip`` fits the official splits, which cut through events: chips of one flood then stand in train and
            test, and only the split ``bolivia`` shows a new place. ``event`` is the honest unit for splits of your own.
    """

    chips: str = "data/flood_events/HandLabeled"
    splits: str = "splits/flood_handlabeled"
    group: Literal["chip", "event"] = "chip"
    centred: float = Field(default=0.0, ge=0, le=1)
    cache_mb: float = Field(default=CACHE_MB, gt=0)


def open_sen1floods11(config: SourceConfig, bands: tuple[str, ...], classes: tuple[str, ...]) -> Pictures:
    """Return the chips of a split: radar if the model reads vv and vh only, else optical.

    Raises:
        ConfigError: a chip without a label, a split that is not there, a model that reads radar and optical bands.
    """
    options = read_options(config, Sen1Floods11Options)
    class_map = required_map(config, "sen1floods11")
    radar = set(bands) <= set(S1_BANDS)
    if not radar and set(bands) & set(S1_BANDS):
        raise ConfigError(f"{config.name}: radar and optical chips are files of their own; the model reads {bands}")
    kind = "S1Hand" if radar else "S2Hand"
    chips = folder_of(config, options.chips)
    images = _chips(chips / kind, kind)
    labels = _chips(chips / "LabelHand", "LabelHand")
    rows = None
    table = chips
    if config.split is not None:
        table = folder_of(config, options.splits) / f"flood_{config.split}_data.csv"
        rows = _listed(table)
    pictures = []
    for name, _ in chosen(config, images, rows, table):
        if name not in labels:
            raise ConfigError(f"{images[name]}: has no label {name}_LabelHand.tif; download the set again")
        size, label_size = checked_size(images[name]), checked_size(labels[name])
        if size != label_size:
            raise ConfigError(f"{labels[name]}: label of {label_size}, chip of {size} rows and columns; must be equal")
        group = name if options.group == "chip" else name.rpartition("_")[0]
        item = Item(name, group, images[name], labels[name])
        truth = ValueFile(labels[name], class_map)
        file_bands = S1_BANDS if radar else S2_BANDS
        pictures.append(PictureFile(item, size, truth, bands, classes, file_bands, config.scale))
    return Pictures(pictures, classes, centred=options.centred, cache_mb=options.cache_mb)


def _chips(folder: Path, kind: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; root must be the folder v1.1 of Sen1Floods11")
    found = {p.stem.removesuffix(f"_{kind}"): p for p in sorted(folder.glob(f"*_{kind}.tif"))}
    if not found:
        raise ConfigError(f"{folder}: no chips *_{kind}.tif; download the set again")
    return found


def _listed(table: Path) -> dict[str, str | None]:
    """Return the chips of a list: two columns without header, the files of radar and label."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            cells = [row[0].strip() for row in csv.reader(file) if row and row[0].strip()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(
            f"{table}: cannot be read ({error}); the splits are train, valid, test and bolivia, or leave split out"
        ) from error
    if not cells:
        raise ConfigError(f"{table}: an empty split; download the set again")
    return {Path(cell).stem.removesuffix("_S1Hand"): None for cell in cells}
