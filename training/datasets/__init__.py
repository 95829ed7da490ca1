"""Adapters from folders of images and masks, and from generators, to samples."""

from __future__ import annotations

from typing import Literal

from findings.errors import ConfigError
from training.config import SourceConfig
from training.datasets.generated import GeneratedConcrete, GeneratedRiver
from training.datasets.mask_pairs import MaskPairs
from training.datasets.sample import Sample, Source
from training.datasets.water_tiles import WaterTiles

__all__ = ["Sample", "Source", "open_source"]


def open_source(
    config: SourceConfig,
    bands: tuple[str, ...],
    classes: tuple[str, ...],
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
    if config.kind == "generated_concrete":
        return GeneratedConcrete(classes)
    if config.kind == "generated_river":
        return GeneratedRiver(bands)
    if config.root is None:
        raise ConfigError(f"{config.name}: a source of kind {config.kind} needs root: the folder that holds it")
    if config.kind == "mask_pairs":
        return MaskPairs(config.root, config.split, bands, classes)
    return WaterTiles(config.root, config.split, bands, labels)
