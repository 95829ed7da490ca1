"""Pictures with a mask of the same name: ``images/``, ``masks/``, ``split.csv``, and folders with other names."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from findings.errors import ConfigError
from training.config import SourceConfig
from training.datasets.class_map import ClassMap, class_map_of
from training.datasets.folder import chosen, folder_of, pictures_in, split_rows
from training.datasets.label_files import Options, read_options
from training.datasets.picture_file import PictureFile, checked_size
from training.datasets.pictures import CACHE_MB, CENTRED, Pictures, group_of
from training.datasets.sample import Item
from training.datasets.truth import MaskFile, Truth, ValueFile


class MaskPairsOptions(Options):
    """Where the files of such a folder lie, and what its masks mean; ``{split}`` stands for the source's split.

    Attributes:
        images_dir: folder of the pictures below root.
        masks_dir: folder of the masks below root.
        image_suffix: what a picture's stem has behind the common name, e.g. ``_0000``.
        mask_suffix: what a mask's stem has behind it, e.g. ``_mask``.
        split_file: table of the splits, or a list of one split's names (``.txt``).
        mask_class: the class that the masks show; of no meaning with a class map.
        threshold: mask values above it are the class; of no meaning with a class map, which reads values one by one.
        group_pattern: regular expression on the name whose first bracket (else whole match) is the group.
        bands: names of the file's bands, where the file does not name them.
        centred: see `Pictures`.
        cache_mb: see `Pictures`.
    """

    images_dir: str = "images"
    masks_dir: str = "masks"
    image_suffix: str = ""
    mask_suffix: str = ""
    split_file: str = "split.csv"
    mask_class: str = "crack"
    threshold: float = 127
    group_pattern: str | None = None
    bands: tuple[str, ...] | None = None
    centred: float = Field(default=CENTRED, ge=0, le=1)
    cache_mb: float = Field(default=CACHE_MB, gt=0)


class MaskPairs(Pictures):
    """Pictures and masks of one split.

    Args:
        root: folder of the set.
        split: one of its splits; None takes every picture.
        bands: what the model reads, in order.
        classes: of the model; those that the set does not label are unknown.
        config: match, scale, class map and options; None is a plain folder of cracks.

    Raises:
        ConfigError: a folder or split that is not there, a picture without a mask or a mask without a picture, a mask
            of another size than its picture.
    """

    def __init__(
        self,
        root: Path,
        split: str | None,
        bands: tuple[str, ...],
        classes: tuple[str, ...],
        config: SourceConfig | None = None,
    ) -> None:
        config = config or SourceConfig(kind="mask_pairs", name=root.name, licence="", ships=False)
        config = config.model_copy(update={"root": root, "split": split})
        options = read_options(config, MaskPairsOptions)
        class_map = class_map_of(config)
        pictures = [
            PictureFile(item, checked_size(item.image), truth, bands, classes, options.bands, config.scale)
            for item, truth in _pairs(config, options, class_map)
        ]
        for picture in pictures:
            _check_mask(picture)
        super().__init__(pictures, classes, centred=options.centred, cache_mb=options.cache_mb)


def _pairs(config: SourceConfig, options: MaskPairsOptions, class_map: ClassMap | None) -> list[tuple[Item, Truth]]:
    table = folder_of(config, options.split_file)
    by_folder = "{split}" in options.images_dir  # then the folder is the split, and a table may still give groups
    rows = None if by_folder and not table.is_file() else split_rows(table, config.split)
    images = pictures_in(folder_of(config, options.images_dir), options.image_suffix)
    masks = pictures_in(folder_of(config, options.masks_dir), options.mask_suffix)
    found: list[tuple[Item, Truth]] = []
    for name, group in chosen(config, images, rows, table):
        if name not in masks:
            raise ConfigError(
                f"{images[name]}: has no image and mask pair: no {name}{options.mask_suffix}.png (or .tif, .jpg) in "
                f"{folder_of(config, options.masks_dir)}; add the mask (all 0 if nothing is there) or remove the image"
            )
        path = masks[name]
        truth = ValueFile(path, class_map) if class_map else MaskFile(path, options.mask_class, options.threshold)
        group = group_of(images[name], name, options.group_pattern) if options.group_pattern or not group else group
        found.append((Item(name, group, images[name], path), truth))
    lonely = sorted(set(masks) - set(images))
    if lonely:
        raise ConfigError(
            f"{masks[lonely[0]]}: a mask without an image"
            + (f" (and {len(lonely) - 1} more)" if len(lonely) > 1 else "")
            + f" in {folder_of(config, options.images_dir)}; add the image or remove the mask"
        )
    return found


def _check_mask(picture: PictureFile) -> None:
    label = picture.item.label
    if label is not None and checked_size(label) != picture.stored:
        rows, cols = checked_size(label)
        raise ConfigError(
            f"{label}: mask of {cols} x {rows} px, image of {picture.stored[1]} x {picture.stored[0]} px; they must be "
            "equal: export the mask at the size of its image"
        )
