"""What a picture shows, seen from its camera: level ground, ground with a relief, or an upright face."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagery.camera import Points

MAX_INCIDENCE_DEG = 80.0  # flatter than that a pixel smears over six times its width, and the horizon is near
_LEAST_COSINE = math.cos(math.radians(MAX_INCIDENCE_DEG))


@dataclass(frozen=True, slots=True)
class Level:
    """A level plane ``distance_m`` below the camera; ``source`` says how that is known."""

    distance_m: float
    source: str = ""

    def depths(self, xy: Points, rays: Points) -> NDArray[np.float64]:
        """Return how often each ray (east, north, up) ``(N, 3)`` leads to the plane; NaN where it does not."""
        return _plane_depths(rays, np.array([0.0, 0.0, 1.0]), self.distance_m)

    def normals(self, points: Points) -> Points:
        """Return the unit normals at points ``(N, 3)``, towards the camera."""
        return np.tile([0.0, 0.0, 1.0], (len(points), 1))

    def moved(self, distance_m: float) -> Level:
        """Return the same plane so much further away."""
        return Level(self.distance_m + distance_m, self.source)

    def to_json(self) -> dict[str, Any]:
        """Return the plane as plain JSON."""
        return {"kind": "level", "distance_m": self.distance_m, "source": self.source}


@dataclass(frozen=True, slots=True)
class Face:
    """An upright plane, e.g. the side of a girder or a pier.

    Attributes:
        azimuth_deg: where the face looks, clockwise from true north: its outward normal. A camera in front of a face of
            azimuth 180 looks north.
        distance_m: from the camera to the plane, at right angles to it.
        source: how the distance is known.
    """

    azimuth_deg: float
    distance_m: float
    source: str = ""

    @property
    def normal(self) -> NDArray[np.float64]:
        """Return the outward unit normal, east, north, up."""
        angle = math.radians(self.azimuth_deg)
        return np.array([math.sin(angle), math.cos(angle), 0.0])

    @property
    def along(self) -> NDArray[np.float64]:
        """Return the level unit vector to the right for somebody who looks at the face."""
        east, north, _ = self.normal
        return np.array([-north, east, 0.0])

    def depths(self, xy: Points, rays: Points) -> NDArray[np.float64]:
        """Return how often each ray (east, north, up) ``(N, 3)`` leads to the face; NaN where it does not."""
        return _plane_depths(rays, self.normal, self.distance_m)

    def normals(self, points: Points) -> Points:
        """Return the unit normals at points ``(N, 3)``, towards the camera."""
        return np.tile(self.normal, (len(points), 1))

    def moved(self, distance_m: float) -> Face:
        """Return the same face so much further away."""
        return Face(self.azimuth_deg, self.distance_m + distance_m, self.source)

    def to_json(self) -> dict[str, Any]:
        """Return the face as plain JSON."""
        return {
            "kind": "face",
            "azimuth_deg": self.azimuth_deg,
            "distance_m": self.distance_m,
            "source": self.source,
        }


@dataclass(frozen=True, slots=True)
class Relief:
    """Ground of any shape, by its inverse depth at a grid of pixels.

    Between the pixels the inverse depth is interpolated linearly in both directions: for a plane that is exact.

    Attributes:
        columns: of the grid, in pixels, ascending.
        rows: of the grid, in pixels, ascending.
        inverse_depth: ``(len(rows), len(columns))``: 1 / how often the pixel's ray must be taken; NaN: no ground known.
        distance_m: height of the camera above the ground in the middle.
        source: the terrain model.
    """

    columns: tuple[float, ...]
    rows: tuple[float, ...]
    inverse_depth: NDArray[np.float64]
    distance_m: float
    source: str = ""

    def depths(self, xy: Points, rays: Points) -> NDArray[np.float64]:
        """Return how often each pixel's ray leads to the ground; NaN where that is not known."""
        col, u = _place(self.columns, xy[:, 0])
        row, v = _place(self.rows, xy[:, 1])
        grid = self.inverse_depth
        top = grid[row, col] * (1 - u) + grid[row, col + 1] * u
        bottom = grid[row + 1, col] * (1 - u) + grid[row + 1, col + 1] * u
        return np.asarray(1.0 / (top * (1 - v) + bottom * v))

    def normals(self, points: Points) -> Points:
        """Return NaN ``(N, 3)``: the slope follows from neighbouring pixels, see `imagery.pose.pixel_scale`."""
        return np.full_like(points, np.nan)

    def moved(self, distance_m: float) -> Relief:
        """Return the ground so much further below, which is exact in the middle and near elsewhere."""
        factor = self.distance_m / (self.distance_m + distance_m)
        return Relief(self.columns, self.rows, self.inverse_depth * factor, self.distance_m + distance_m, self.source)

    def to_json(self) -> dict[str, Any]:
        """Return the grid as plain JSON; null where no ground is known."""
        return {
            "kind": "relief",
            "columns": list(self.columns),
            "rows": list(self.rows),
            "inverse_depth": [
                [float(f"{v:.9g}") if np.isfinite(v) else None for v in row] for row in self.inverse_depth
            ],
            "distance_m": self.distance_m,
            "source": self.source,
        }


Surface = Level | Face | Relief


def surface_from_json(stored: Mapping[str, Any]) -> Surface:
    """Return the surface that its ``to_json`` wrote; ValueError, KeyError or TypeError for anything else."""
    kind, distance, source = stored["kind"], float(stored["distance_m"]), str(stored["source"])
    if kind == "level":
        return Level(distance, source)
    if kind == "face":
        return Face(float(stored["azimuth_deg"]), distance, source)
    if kind != "relief":
        raise ValueError(f"surface of kind {kind!r}; expected level, face or relief")
    grid = np.array(stored["inverse_depth"], float)  # null becomes NaN
    columns, rows = tuple(map(float, stored["columns"])), tuple(map(float, stored["rows"]))
    if grid.shape != (len(rows), len(columns)):
        raise ValueError(f"relief of {grid.shape} values; expected {len(rows)} x {len(columns)}")
    return Relief(columns, rows, grid, distance, source)


def _plane_depths(rays: Points, normal: NDArray[np.float64], distance_m: float) -> NDArray[np.float64]:
    towards = -(rays @ normal)
    seen = towards > _LEAST_COSINE * np.linalg.norm(rays, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(seen, distance_m / np.where(seen, towards, np.nan), np.nan)


def _place(nodes: tuple[float, ...], values: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    known = np.asarray(nodes)
    index = np.clip(np.searchsorted(known, values, side="right") - 1, 0, len(known) - 2)
    return index, (values - known[index]) / (known[index + 1] - known[index])
