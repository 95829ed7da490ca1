"""Pictures on which an exported form of a model is proven equal to its checkpoint."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from findings.errors import ConfigError, ModelError
from imagery.flood_planes import PLANES
from models.registry import ModelEntry, Registry
from models.test_time import STRIDE_PX
from training.config import EvaluationConfig, SourceConfig, SourceKind, read_evaluation
from training.datasets import open_source
from training.datasets.generated import RIVER_BANDS
from training.datasets.generated_flood import POLARISATIONS
from training.datasets.sample import cut
from training.promotion import find_test

Tile = npt.NDArray[np.float32]

TILES, SIDE_PX = 4, 256
RGB = ("red", "green", "blue")


def tiles_for(registry: Registry, entry: ModelEntry, data: Path | None = None) -> tuple[list[Tile], str]:
    """Return tiles ``(C, H, W)`` in the bands of a version, and where they come from, for a reader.

    Args:
        registry: knows the frozen test of the name.
        entry: the version.
        data: configuration of the pictures to take; None: the frozen test if it is at hand, else generated pictures.

    Raises:
        ConfigError: the pictures of ``data`` are not at hand, or nothing is generated for the bands of the version.
    """
    if data is not None:
        config = read_evaluation(data)
        return _cut_from(config, entry), config.source.name
    try:
        config = find_test(registry, registry.seat(entry.card.name), entry.card).config
    except (ConfigError, ModelError) as error:
        return _generated(entry), f"generated pictures, since {error}"
    return _cut_from(config, entry), config.source.name


def _cut_from(config: EvaluationConfig, entry: ModelEntry) -> list[Tile]:
    """Return the middles of the first pictures, as large as they allow, sides multiples of 32."""
    classes = tuple(spec.name for spec in entry.card.classes)
    source = open_source(config.source, entry.card.bands, classes, config.labels)
    tiles = []
    for sample in islice(source.whole(), TILES):
        shape = sample.known.shape[1:]
        height, width = (min(SIDE_PX, max(STRIDE_PX, side // STRIDE_PX * STRIDE_PX)) for side in shape)
        row, col = max(0, (shape[0] - height) // 2), max(0, (shape[1] - width) // 2)
        tiles.append(np.ascontiguousarray(cut(sample, row, col, height, width).pixels, dtype=np.float32))
    if not tiles:
        raise ConfigError(f"{config.source.name}: no pictures; name a split that has some")
    return tiles


def _generated(entry: ModelEntry) -> list[Tile]:
    """Return drawn concrete, rivers, radar scenes or flood pairs, the same each time."""
    scene, bands = entry.card.image_kind != "photo", entry.card.bands
    drawn: dict[SourceKind, tuple[str, ...]] = {
        "generated_river": RIVER_BANDS, "generated_radar": POLARISATIONS, "generated_flood": PLANES,
    }  # fmt: skip
    kinds = [kind for kind, there in drawn.items() if scene and set(bands) <= set(there)]
    source = SourceConfig(
        kind=kinds[0] if kinds else "generated_concrete", name="generated", licence="Apache-2.0", ships=True
    )
    if (scene and not kinds) or (not scene and bands != RGB):
        raise ConfigError(
            f"no pictures to prove the export of {entry.ref} on: no frozen test is at hand, and nothing is generated "
            f"for the bands {', '.join(bands)}; name a data set: --data CONFIG"
        )
    opened = open_source(source, bands, tuple(spec.name for spec in entry.card.classes))
    rng = np.random.default_rng(source.seed)
    return [np.ascontiguousarray(opened.draw(rng, SIDE_PX).pixels, dtype=np.float32) for _ in range(TILES)]
