"""Generated scenes on disk: written like any other scene, as COG, mask and STAC item, and named for what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from findings.survey import Radiometry
from imagery.scene_product import REFLECTANCE_FACTOR, SceneGrid, SceneProduct, from_arrays, write_product
from imagery.synthetic.river_spec import RiverScene, RiverSeries
from imagery.synthetic.spectra import BANDS

COLLECTION = "generated-river"


def write_river_series(series: RiverSeries, folder: Path) -> list[Path]:
    """Write each scene as ``<id>.tif`` with its mask and its STAC item ``<id>.json``; return the rasters, oldest first.

    The mask says that nobody looked for clouds: the generator knows them, but what a detector would have found is
    another matter.

    Raises:
        OutputError: a file could not be written.
    """
    return [write_product(scene_product(scene, series), folder) for scene in series.scenes]


def scene_id(scene: RiverScene) -> str:
    """Return the id of a generated scene: nobody shall take it for an acquisition."""
    return f"{COLLECTION}-{scene.captured_at:%Y%m%dT%H%M%S}"


def scene_product(scene: RiverScene, series: RiverSeries) -> SceneProduct:
    """Return a generated scene as what a source hands on.

    Args:
        scene: one date.
        series: it belongs to.
    """
    size = series.spec.size_px
    return SceneProduct(
        id=scene_id(scene),
        collection=COLLECTION,
        captured_at=scene.captured_at,
        grid=SceneGrid(series.spec.crs, series.transform, size, size),
        bands=BANDS,
        radiometry=Radiometry.REFLECTANCE,
        read=from_arrays(scene.bands.astype(np.float32) / np.float32(REFLECTANCE_FACTOR), None),
        platform="generated",
        cloud_cover=scene.cloud_cover,
        properties={"title": "Generated scene, not an acquisition"},
        source="Generated scene, not an acquisition",
    )
