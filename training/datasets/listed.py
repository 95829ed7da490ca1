"""Pictures that one file lists with their marks: COCO's JSON, CVAT's XML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from findings.errors import ConfigError
from training.config import SourceConfig
from training.datasets.folder import chosen, folder_of, split_rows
from training.datasets.label_files import Options, number
from training.datasets.picture_file import checked_size
from training.datasets.pictures import CACHE_MB, CENTRED, group_of
from training.datasets.sample import Item
from training.datasets.truth import check_size

EntryT = TypeVar("EntryT")


class ListedOptions(Options):
    """Where the files lie; ``{split}`` stands for the source's split.

    Attributes:
        annotations: the file below root that lists the pictures.
        images_dir: folder that the names start from.
        split_file: table of the splits (name, split, group); not needed where annotations or images_dir has {split}.
        group_pattern: see `MaskPairsOptions`.
        centred: see `Pictures`.
        cache_mb: see `Pictures`.
    """

    annotations: str
    images_dir: str = "images"
    split_file: str = "split.csv"
    group_pattern: str | None = None
    centred: float = Field(default=CENTRED, ge=0, le=1)
    cache_mb: float = Field(default=CACHE_MB, gt=0)


def listed(
    config: SourceConfig, options: ListedOptions, path: Path, entries: Mapping[str, tuple[Path, EntryT]]
) -> Iterator[tuple[Item, tuple[int, int], EntryT]]:
    """Yield the pictures of the source's split: what each is, its rows and columns, and its entry in the list.

    Args:
        config: the source.
        options: its options.
        path: the list.
        entries: by name the image and its entry, which states ``height`` and ``width``.

    Raises:
        ConfigError: a picture that is not there, or of another size than the list states.
    """
    table = folder_of(config, options.split_file)
    own_split = "{split}" in options.annotations + options.images_dir
    rows = None if own_split and not table.is_file() else split_rows(table, config.split)
    for name, group in chosen(config, {name: image for name, (image, _) in entries.items()}, rows, table):
        image, entry = entries[name]
        if not image.is_file():
            raise ConfigError(f"{path}: names {image}, which is not there; set options.images_dir or add the picture")
        size = checked_size(image)
        check_size(image, size, path, (_stated(entry, "height", path, name), _stated(entry, "width", path, name)))
        group = group_of(image, name, options.group_pattern) if options.group_pattern or not group else group
        yield Item(name, group, image, path), size, entry


def _stated(entry: Any, key: str, path: Path, name: str) -> int:
    return int(number(entry.get(key), path, f"{name}: {key}"))
