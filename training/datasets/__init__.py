"""Adapters from folders of images and masks, and from generators, to samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from findings.errors import ConfigError
from training.config import SourceConfig
from training.datasets.clean import CleanPictures, Hairlines
from training.datasets.coco import open_coco
from training.datasets.codebrim import open_codebrim
from training.datasets.cvat import open_cvat
from training.datasets.dacl10k import open_dacl10k
from training.datasets.flood_pairs import open_flood_pairs
from training.datasets.generated import RIVER_BANDS, GeneratedConcrete, GeneratedRiver
from training.datasets.generated_flood import GeneratedFlood, GeneratedRadar
from training.datasets.label_files import Options, read_options
from training.datasets.mask_pairs import MaskPairs
from training.datasets.pasted import PastedCracks
from training.datasets.reviewed import open_reviewed
from training.datasets.sample import Item, Sample, Source
from training.datasets.sen1floods11 import open_sen1floods11
from training.datasets.water_tiles import WaterTiles

__all__ = ["Item", "Sample", "Source", "open_source"]

Names = tuple[str, ...]
Opener = Callable[[SourceConfig, Names, Names], Source]


def open_source(
    config: SourceConfig,
    bands: Names,
    classes: Names,
    labels: Literal["given", "derived"] = "derived",
) -> Source:
    """Return the source that a configuration names.

    Args:
        config: which source.
        bands: what the model reads, in order.
        classes: what it tells apart, in order; classes that the source does not label are unknown in its samples.
        labels: of ``water_tiles`` only.

    Raises:
        ConfigError: a folder source without ``root``, or files that are not there.
    """
    if config.kind == "water_tiles":
        _takes(config, ("split",))
        return WaterTiles(_root(config), config.split, bands, labels, classes)
    if config.kind not in OPENERS:
        raise ConfigError(f"{config.name}: sources of kind {config.kind} are not opened by a configuration")
    return OPENERS[config.kind](config, bands, classes)


def _root(config: SourceConfig) -> Path:
    if config.root is None:
        raise ConfigError(f"{config.name}: a source of kind {config.kind} needs root: the folder that holds it")
    return config.root


def _takes(config: SourceConfig, what: tuple[str, ...], options: tuple[str, ...] = ()) -> None:
    """Raise ConfigError for settings that the kind would pass over in silence."""
    usual = SourceConfig(kind=config.kind, name=config.name, licence=config.licence, ships=config.ships)
    for name in ("classes", "match", "scale", "split"):
        if name not in what and getattr(config, name) != getattr(usual, name):
            raise ConfigError(f"{config.name}: a source of kind {config.kind} has no use for {name}; remove it")
    unknown = sorted(set(config.options) - set(options))
    if unknown:
        raise ConfigError(
            f"{config.name}: options of kind {config.kind}: {unknown[0]!r} is none of "
            f"{', '.join(options) or 'them: it takes no options'}"
        )


class _CleanOptions(Options):
    absent: tuple[str, ...] = ("crack",)


def _open_clean(config: SourceConfig, bands: Names, classes: Names) -> Source:
    _takes(config, ("match", "scale"), tuple(config.options))
    absent = read_options(config, _CleanOptions).absent
    return CleanPictures(_root(config), bands, classes, match=config.match, scale=config.scale, absent=absent)


def _open_hairlines(config: SourceConfig, bands: Names, classes: Names) -> Source:
    _takes(config, ("match", "scale"))
    source = Hairlines(_root(config), bands, classes, match=config.match, scale=config.scale)
    source.seed = config.seed
    return source


def _open_pasted(config: SourceConfig, bands: Names, classes: Names) -> Source:
    _takes(config, ("split",))
    return PastedCracks(_root(config), config.split, bands, classes)


def _open_concrete(config: SourceConfig, bands: Names, classes: Names) -> Source:
    _takes(config, (), GeneratedConcrete.OPTIONS)
    return GeneratedConcrete(classes, config.seed, config.options)


def _open_river(config: SourceConfig, bands: Names, classes: Names) -> Source:
    _takes(config, (), GeneratedRiver.OPTIONS)
    return GeneratedRiver(bands, config.seed, classes, config.options)


def _open_flood(config: SourceConfig, bands: Names, classes: Names) -> Source:
    _takes(config, ("split",) if config.root is not None else (), GeneratedFlood.OPTIONS)
    tiles = None
    if config.root is not None:
        tiles = WaterTiles(config.root, config.split, RIVER_BANDS, "derived")
    return GeneratedFlood(bands, classes, config.seed, config.options, tiles)


def _open_radar(config: SourceConfig, bands: Names, classes: Names) -> Source:
    _takes(config, (), GeneratedRadar.OPTIONS)
    return GeneratedRadar(bands, classes, config.seed, config.options)


OPENERS: Mapping[str, Opener] = {
    "mask_pairs": lambda config, bands, classes: MaskPairs(_root(config), config.split, bands, classes, config),
    "clean_pictures": _open_clean,
    "hairlines": _open_hairlines,
    "pasted_cracks": _open_pasted,
    "generated_concrete": _open_concrete,
    "generated_river": _open_river,
    "generated_flood": _open_flood,
    "generated_radar": _open_radar,
    "dacl10k": open_dacl10k,
    "codebrim": open_codebrim,
    "sen1floods11": open_sen1floods11,
    "flood_pairs": open_flood_pairs,
    "coco": open_coco,
    "cvat": open_cvat,
    "reviews": open_reviewed,
}
