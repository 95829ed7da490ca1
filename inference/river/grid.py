"""Where the pixels of a scene lie: points of any CRS to pixels, whatever the scene's own CRS."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pyproj import CRS, Transformer

from findings.river_series import Floats


@dataclass(frozen=True, slots=True)
class Grid:
    """A raster's place.

    Attributes:
        crs: of the transform; may be geographic.
        transform: a, b, c, d, e, f of x = a*col + b*row + c, y = d*col + e*row + f; pixel edges at whole numbers.
        height_px: rows.
        width_px: columns.
        pixel_m: side of a pixel in metres (geometric mean of both sides).
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]
    height_px: int
    width_px: int
    pixel_m: float

    def pixels(self, xy: Floats, crs: str) -> Floats:
        """Return points ``(N, 2)`` of a CRS as x, y in pixels; scenes are never resampled, transects come to them."""
        x, y = reproject(crs, self.crs, xy[:, 0], xy[:, 1])
        a, b, c, d, e, f = self.transform
        inverse = np.linalg.inv(np.array([[a, b], [d, e]]))
        return np.asarray(np.stack([x - c, y - f], axis=1) @ inverse.T)

    def points(self, px: Floats, crs: str) -> Floats:
        """Return pixels ``(N, 2)`` as points of a CRS."""
        a, b, c, d, e, f = self.transform
        x, y = a * px[:, 0] + b * px[:, 1] + c, d * px[:, 0] + e * px[:, 1] + f
        return np.stack(reproject(self.crs, crs, x, y), axis=1)


@lru_cache(maxsize=64)
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(CRS.from_user_input(source), CRS.from_user_input(target), always_xy=True)


def reproject(source: str, target: str, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return coordinates of one CRS in another, x (or longitude) first."""
    if source == target:
        return np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    there = _transformer(source, target).transform(x, y)
    return np.asarray(there[0], dtype=float), np.asarray(there[1], dtype=float)
