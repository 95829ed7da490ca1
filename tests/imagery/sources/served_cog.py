"""The small GeoTIFF that a service of the tests' own gives out by byte ranges."""

from __future__ import annotations

import numpy as np

from imagery.scene_product import SceneGrid
from tests.fakes.stac import FakeStac
from tests.fakes.stac_world import EAST, NORTH, cog

PATH = "/files/a.tif"
SIDE = 600
VALUES = np.random.default_rng(5).integers(1, 9000, (2, SIDE, SIDE)).astype(np.uint16)
PLAIN = cog(VALUES, 10.0)


def grid(col: float, row: float, width: int, height: int, pixel: float = 10.0, crs: str = "EPSG:32652") -> SceneGrid:
    return SceneGrid(crs, (pixel, 0.0, EAST + 10 * col, 0.0, -pixel, NORTH - 10 * row), width, height)


def url(service: FakeStac) -> str:
    return service.url + PATH
