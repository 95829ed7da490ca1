"""Height of the ground from a GeoTIFF, and where rays meet it.

The part below a camera is brought to a grid of metres east and north, so that rays are marched in one plain system.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyproj
import rasterio
from numpy.typing import NDArray
from pyproj.exceptions import ProjError
from scipy.ndimage import map_coordinates

from findings.errors import InputError, UnreadableImage
from imagery.camera import Camera, Points
from imagery.safe import GDAL_ERRORS, SHUT, open_untrusted
from imagery.surface import MAX_INCIDENCE_DEG, Relief

MAX_REACH_M = 3000.0
MAX_WINDOW_PX = 2000  # of the file that is read for one picture
_GRID = 401  # of the local grid, each way
_NODES = 17  # of the relief, each way
_BISECTIONS = 24
_GEOD = pyproj.Geod(ellps="WGS84")
_LEAST_COSINE = np.cos(np.radians(MAX_INCIDENCE_DEG))


@dataclass(frozen=True, slots=True)
class Ground:
    """Heights around a place, ``(N, N)`` with row 0 in the south, above the file's datum; NaN where it has none."""

    heights_m: NDArray[np.float64]
    cell_m: float

    @property
    def reach_m(self) -> float:
        """Return how far the grid goes from its middle."""
        return self.cell_m * (len(self.heights_m) - 1) / 2

    def height(self, east: NDArray[np.float64], north: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return heights at metres from the middle, linear between the cells; NaN outside."""
        half = (len(self.heights_m) - 1) / 2
        places = np.stack([north / self.cell_m + half, east / self.cell_m + half])
        return np.asarray(map_coordinates(self.heights_m, places, order=1, mode="constant", cval=np.nan))


def check_terrain(path: Path) -> None:
    """Return if a file is a terrain model that can be used.

    Raises:
        InputError: not a raster, without CRS, or in feet.
    """
    with rasterio.Env(**SHUT), _open(path):
        pass


def ground_around(path: Path, lonlat: tuple[float, float], reach_m: float) -> Ground | None:
    """Return the ground around a place, or None where the file does not cover the place.

    Args:
        path: a GeoTIFF of heights in metres.
        lonlat: the middle, WGS84.
        reach_m: how far to read; less is read from a very fine file.

    Raises:
        InputError: see `check_terrain`.
    """
    with rasterio.Env(**SHUT), _open(path) as data:
        to_file = _to_file(data)
        pixel_m = _pixel_m(data, to_file, lonlat)
        reach = min(reach_m, MAX_REACH_M, pixel_m * MAX_WINDOW_PX / 3)
        axis = np.linspace(-reach, reach, _GRID)
        east, north = np.meshgrid(axis, axis)
        places = _file_pixels(data, to_file, lonlat, east.ravel(), north.ravel())
        values, corner = _read(data, places)
    if values is None:
        return None
    heights = map_coordinates(values, places - corner[:, None] - 0.5, order=1, mode="constant", cval=np.nan)
    found = Ground(heights.reshape(_GRID, _GRID), 2 * reach / (_GRID - 1))
    return found if np.isfinite(found.height(np.zeros(1), np.zeros(1))).all() else None


def relief(
    ground: Ground, height_m: float, camera: Camera, rotation: NDArray[np.float64], source: str
) -> Relief | None:
    """Return what a camera sees of the ground, or None if its middle ray meets none.

    Args:
        ground: around the camera.
        height_m: of the camera, above the datum of the ground.
        camera: the camera.
        rotation: from right, down, forward to east, north, up (`imagery.pose.Pose.rotation`).
        source: the file's name, for the record.
    """
    cols, rows = np.linspace(0, camera.width_px, _NODES), np.linspace(0, camera.height_px, _NODES)
    x, y = np.meshgrid(cols, rows)
    rays = camera.rays(np.column_stack([x.ravel(), y.ravel()])) @ rotation.T
    depth = march(ground, height_m, rays)
    middle = depth[len(depth) // 2]
    if not np.isfinite(middle):
        return None
    drop = float(-rays[len(rays) // 2][2] * middle)
    return Relief(tuple(cols.tolist()), tuple(rows.tolist()), (1.0 / depth).reshape(_NODES, _NODES), drop, source)


def march(ground: Ground, height_m: float, rays: Points) -> NDArray[np.float64]:
    """Return how often each ray ``(N, 3)`` east, north, up leads from the camera to the ground it meets first.

    Steps of half a cell, then bisection. NaN where a ray leaves the grid, meets a gap, or runs flatter than 80 degrees
    from the vertical.
    """
    flat = np.hypot(rays[:, 0], rays[:, 1])
    steep = -rays[:, 2] > _LEAST_COSINE * np.linalg.norm(rays, axis=1)
    lowest = np.nanmin(ground.heights_m)
    with np.errstate(divide="ignore"):
        furthest = np.where(steep, (height_m - lowest + 1.0) / np.where(steep, -rays[:, 2], 1.0), np.nan)
    steps = max(2, int(np.nanmax(np.where(steep, flat * furthest, 0.0), initial=0.0) / (ground.cell_m / 2)) + 2)
    share = np.linspace(0.0, 1.0, min(steps, 4 * _GRID))
    along = furthest[:, None] * share

    def above(t: NDArray[np.float64]) -> NDArray[np.float64]:
        one = rays if t.ndim == 1 else rays[:, None, :]
        ground_m = ground.height(np.asarray(one[..., 0] * t), np.asarray(one[..., 1] * t))
        return np.asarray(height_m + one[..., 2] * t - ground_m)

    # the first place that is not above the ground: below it, or unknown, where the ray is given up
    ends = ~(above(along) > 0)
    first = np.argmax(ends, axis=1)
    rows = np.arange(len(rays))
    known = ends.any(axis=1) & (first > 0) & steep
    low, high = along[rows, np.maximum(first - 1, 0)], along[rows, first]
    known &= np.isfinite(above(high))
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        over = above(middle) > 0
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return np.where(known, (low + high) / 2, np.nan)


def _open(path: Path) -> rasterio.DatasetReader:
    try:
        data = open_untrusted(path)
    except (InputError, *GDAL_ERRORS) as error:
        raise InputError(f"--terrain {path}: cannot be used ({error}); give a GeoTIFF of heights in metres") from error
    try:
        unit = (data.units[0] or "m").lower()
    except UnicodeDecodeError:
        unit = "a unit that is no text"
    if data.crs is None or data.driver != "GTiff" or data.transform.is_degenerate:
        data.close()
        raise InputError(f"--terrain {path}: no coordinate system; give a georeferenced GeoTIFF of heights in metres")
    if unit not in ("m", "metre", "meter", "metres", "meters"):
        data.close()
        raise InputError(f"--terrain {path}: heights in {unit}; give a GeoTIFF of heights in metres")
    return data


def _to_file(data: rasterio.DatasetReader) -> pyproj.Transformer:
    try:
        return pyproj.Transformer.from_crs("EPSG:4326", data.crs.to_wkt(), always_xy=True)
    except (ProjError, *GDAL_ERRORS) as error:
        raise InputError(
            f"--terrain {data.name}: its coordinate system cannot be used here ({error}); give another file"
        ) from error


def _pixel_m(data: rasterio.DatasetReader, to_file: pyproj.Transformer, lonlat: tuple[float, float]) -> float:
    """Return the size of a pixel of the file at a place, by stepping one metre to the north."""
    try:
        steps = _file_pixels(data, to_file, lonlat, np.zeros(2), np.array([0.0, 10.0]))
    except ProjError as error:
        raise InputError(f"--terrain {data.name}: its coordinate system cannot be used here ({error})") from error
    apart = float(np.hypot(*(steps[:, 1] - steps[:, 0])))
    if not apart > 0:
        raise InputError(f"--terrain {data.name}: its coordinate system does not reach {lonlat}; give another file")
    return 10.0 / apart


def _file_pixels(
    data: rasterio.DatasetReader,
    to_file: pyproj.Transformer,
    lonlat: tuple[float, float],
    east: NDArray[np.float64],
    north: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return row and column ``(2, N)`` in the file, from its upper left corner, of metres around a place."""
    lon0, lat0 = np.full(len(east), lonlat[0]), np.full(len(east), lonlat[1])
    lon, lat, _ = _GEOD.fwd(lon0, lat0, np.degrees(np.arctan2(east, north)), np.hypot(east, north))
    x, y = to_file.transform(lon, lat)
    inverse = ~data.transform
    return np.stack([inverse.d * x + inverse.e * y + inverse.f, inverse.a * x + inverse.b * y + inverse.c])


def _read(
    data: rasterio.DatasetReader, places: NDArray[np.float64]
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64]]:
    """Return the heights of the part of the file that holds the places, and its upper left corner, row and column."""
    if not np.isfinite(places).all():
        return None, np.zeros(2)
    low = np.maximum(np.floor(places.min(axis=1)) - 1, 0).astype(int)
    high = np.minimum(np.ceil(places.max(axis=1)) + 2, [data.height, data.width]).astype(int)
    if (high - low < 2).any() or (high - low > 4 * MAX_WINDOW_PX).any():
        return None, np.zeros(2)
    window = rasterio.windows.Window(low[1], low[0], high[1] - low[1], high[0] - low[0])
    try:
        raw = data.read(1, window=window).astype(np.float64)
    except GDAL_ERRORS as error:
        raise UnreadableImage(f"--terrain {data.name}: damaged or truncated ({error}); copy it again") from error
    if data.nodata is not None and not np.isnan(data.nodata):
        raw[raw == data.nodata] = np.nan
    raw[~np.isfinite(raw) | (np.abs(raw) > 9000)] = np.nan  # -32768 and -9999 without a word in the header
    return raw, low.astype(float)
