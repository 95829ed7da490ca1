"""How much of an asset's outline or line lies in view: from above by photographs, and by scenes day for day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from pyproj.exceptions import CRSError, ProjError
from rasterio import features
from shapely.geometry import Polygon, shape
from shapely.geometry.base import BaseGeometry

from findings.errors import InputError
from findings.survey import Image
from imagery.dates import YEAR_ONLY
from imagery.footprint import place_outline
from imagery.mask_files import open_mask
from imagery.masks import MaskClass, hidden
from imagery.reader import ImageReader, open_image
from imagery.scale import to_lonlat
from imagery.tiles import slices
from imagery.types import BoolArray, Window

CORRIDOR_M = 50.0
"""A place of a reach counts as seen when the line and points so far to its left and right do; our assumption."""
STATIONS = 2000  # at most, along a reach
CELLS = 64  # a mask is looked at in so many parts a side


@dataclass(frozen=True, slots=True)
class Ground:
    """An asset's outline (m2) or line (m) as seen from above.

    Attributes:
        unit: ``m2`` or ``m``.
        total: of the asset.
        photographed: of it inside the footprints of all photographs, overlaps counted once.
        fit: of it inside the clear parts of those that count for the target width.
    """

    unit: str
    total: float
    photographed: float
    fit: float


@dataclass(frozen=True, slots=True)
class DateCoverage:
    """A reach on one day.

    Attributes:
        day: in UTC; None: the scenes name no time.
        scenes: names of the files.
        in_view: share 0..1 of the reach's length that the scenes observed.
        clear: share of the length that was observed and not masked.
        unmasked: names of those scenes in which nobody looked for clouds.
    """

    day: date | None
    scenes: tuple[str, ...]
    in_view: float
    clear: float
    unmasked: tuple[str, ...] = ()


def ground_coverage(
    asset_lonlat: BaseGeometry, photographs: Sequence[Image], fit: Sequence[Image]
) -> tuple[Ground | None, list[str]]:
    """Return how much of an asset photographs show from above, and remarks.

    None for a point, and where no photograph has a footprint: a wall's picture has none on the map.
    """
    plane = _Plane(asset_lonlat)
    asset = plane.flat(asset_lonlat)
    kind = asset.geom_type.removeprefix("Multi")
    if kind not in ("Polygon", "LineString"):
        return None, []
    placed = [image for image in photographs if image.footprint is not None]
    if not placed:
        return None, ["no photograph has a footprint: no share of the plan can be stated"] if photographs else []
    unit, size = ("m2", _area) if kind == "Polygon" else ("m", _length)
    remarks = ["shares are of the plan, seen from above; they say nothing about soffits and sides"]
    lost = len(photographs) - len(placed)
    if lost:
        remarks.append(f"{lost} pictures without a footprint are not in the shares of the plan")
    every = plane.union(image.footprint for image in placed if image.footprint is not None)
    clear = plane.union(_clear_footprint(image, remarks) for image in fit if image.footprint is not None)
    return Ground(unit, size(asset), size(asset.intersection(every)), size(asset.intersection(clear))), remarks


def _area(geometry: BaseGeometry) -> float:
    return float(geometry.area)


def _length(geometry: BaseGeometry) -> float:
    return float(geometry.length)


def _clear_footprint(image: Image, remarks: list[str]) -> BaseGeometry:
    """Return the footprint in lon, lat without its masked parts; an unreadable mask leaves nothing of it."""
    outline: BaseGeometry = shapely.make_valid(image.footprint)
    if image.mask_path is None:
        return outline
    try:
        parts = [place_outline(image, part) for part in _masked_parts(Path(image.mask_path))]
    except InputError as error:
        remarks.append(f"{Path(image.path).name} does not count for the plan: {error}")
        return Polygon()
    holes = [shapely.make_valid(part[0]) for part in parts if part is not None]
    if len(holes) < len(parts):
        remarks.append(f"{Path(image.path).name}: masked parts that show no known ground are not taken off")
    return outline.difference(shapely.union_all(holes)) if holes else outline


def _masked_parts(path: Path) -> list[Polygon]:
    """Return the masked parts of a picture in its pixels, by cells; a cell counts when any of its pixels does."""
    with open_mask(path) as mask:
        side = max(1, -(-max(mask.width_px, mask.height_px) // CELLS))
        cells = np.zeros((-(-mask.height_px // side), -(-mask.width_px // side)), np.uint8)
        for part in slices(mask.width_px, mask.height_px, side):
            where = hidden(mask.read(part)).any(axis=0)
            cells[part.row // side] = np.logical_or.reduceat(where, np.arange(0, mask.width_px, side))
        edge = np.array([mask.width_px, mask.height_px], float)
        found = features.shapes(cells, mask=cells > 0, connectivity=4)
        return [shapely.transform(shape(outline), lambda xy: np.minimum(xy * side, edge)) for outline, _ in found]


def date_coverage(reach_lonlat: BaseGeometry, scenes: Sequence[Image]) -> tuple[tuple[DateCoverage, ...], list[str]]:
    """Return for each day the shares of a reach's length that scenes saw, and remarks.

    A station counts when the line and the points `CORRIDOR_M` to both sides of it do.
    """
    plane = _Plane(reach_lonlat)
    line = plane.flat(reach_lonlat)
    if line.geom_type.removeprefix("Multi") == "Polygon":
        line = line.boundary
    if not scenes or line.length == 0:
        return (), []
    stations = plane.lonlat(_stations(line))
    remarks: list[str] = []
    days: dict[date | None, list[Image]] = {}
    for scene in scenes:
        days.setdefault(scene.captured_at.date() if scene.captured_at else None, []).append(scene)
    loose = sum(any(YEAR_ONLY in note for note in scene.notes) for scene in scenes)
    if loose:
        remarks.append(f"{loose} scenes are known by their year alone: the day shown is the middle of the year")
    rows = []
    for day in sorted(days, key=str):
        names = tuple(Path(scene.path).name for scene in days[day])
        views = [view for scene in days[day] if (view := _view(scene, stations, remarks)) is not None]
        nothing = np.zeros(stations.shape[:2], bool)
        seen = np.logical_or.reduce([nothing, *(view.observed for view in views)])
        clear = np.logical_or.reduce([nothing, *(view.clear for view in views)])
        unmasked = tuple(view.name for view in views if not view.looked)
        rows.append(DateCoverage(day, names, float(seen.all(axis=1).mean()), float(clear.all(axis=1).mean()), unmasked))
    return tuple(rows), remarks


@dataclass(slots=True)
class _View:
    """What one scene says of the points ``(N, 3)``: observed, not masked, and whether anybody looked for clouds."""

    name: str
    observed: BoolArray
    clear: BoolArray
    looked: bool = True


def _view(scene: Image, stations: NDArray[np.float64], remarks: list[str]) -> _View | None:
    try:
        return _look(scene, stations)
    except (InputError, CRSError, ProjError) as error:
        remarks.append(f"{Path(scene.path).name} does not count: {error}")
        return None


def _stations(line: BaseGeometry) -> NDArray[np.float64]:
    """Return points ``(N, 3, 2)`` in metres at equal steps along a line: on it, and to both sides."""
    count = int(min(STATIONS, max(2, line.length / 5.0)))
    found = []
    for part in getattr(line, "geoms", [line]):
        own = max(1, round(count * part.length / line.length))
        at = (np.arange(own) + 0.5) / own
        back, points, ahead = (
            shapely.get_coordinates(shapely.line_interpolate_point(part, np.clip(at + by, 0, 1), normalized=True))
            for by in (-1e-3, 0.0, 1e-3)
        )
        step = ahead - back
        step /= np.maximum(np.hypot(step[:, 0], step[:, 1])[:, None], 1e-9)
        side = CORRIDOR_M * np.column_stack([-step[:, 1], step[:, 0]])
        found.append(np.stack([points, points + side, points - side], axis=1))
    return np.concatenate(found)


def _look(scene: Image, stations: NDArray[np.float64]) -> _View:
    """Return what a scene says of points ``(N, 3, 2)`` in lon, lat."""
    if scene.crs is None or scene.transform is None:
        raise InputError("it has no georeference")
    a, b, c, d, e, f = scene.transform
    x, y = to_lonlat(scene.crs).transform(stations[..., 0], stations[..., 1], direction="INVERSE")
    det = a * e - b * d
    cols = np.floor((e * (x - c) - b * (y - f)) / det)
    rows = np.floor((a * (y - f) - d * (x - c)) / det)
    inside: BoolArray = np.asarray((cols >= 0) & (cols < scene.width_px) & (rows >= 0) & (rows < scene.height_px))
    view = _View(Path(scene.path).name, np.zeros(inside.shape, bool), np.zeros(inside.shape, bool))
    mask = Path(scene.mask_path) if scene.mask_path is not None else None
    with open_image(Path(scene.path), bands=scene.band_names, mask=mask) as reader:
        if inside.any():
            _fill(view, reader, inside, np.where(inside, cols, 0).astype(int), np.where(inside, rows, 0).astype(int))
    return view


def _fill(view: _View, reader: ImageReader, inside: BoolArray, cols: NDArray[np.int_], rows: NDArray[np.int_]) -> None:
    """Read the rows and columns that hold points, strip by strip."""
    left, right = int(cols[inside].min()), int(cols[inside].max()) + 1
    first, last = int(rows[inside].min()), int(rows[inside].max())
    view.looked = False
    for top in range(first, last + 1, 512):
        here = inside & (rows >= top) & (rows < top + 512)
        if not here.any():
            continue
        window = Window(left, top, right - left, min(512, last + 1 - top))
        at = (rows[here] - top, cols[here] - left)
        view.observed[here] = np.isfinite(reader.read(window, reader.bands[:1], masked=False).values[0])[at]
        classes = reader.read_mask(window)
        view.clear[here] = view.observed[here] & (~hidden(classes[at]) if classes is not None else True)
        view.looked |= classes is not None and bool((classes[at] != MaskClass.UNKNOWN).any())


class _Plane:
    """Metres around the middle of a geometry: azimuthal equidistant, true to 1 in 10,000 within 100 km."""

    def __init__(self, lonlat: BaseGeometry) -> None:
        middle = lonlat.centroid
        self._project = pyproj.Proj(proj="aeqd", lon_0=middle.x, lat_0=middle.y, ellps="WGS84")

    def flat(self, lonlat: BaseGeometry) -> Any:
        """Return a geometry in metres."""
        return shapely.transform(lonlat, lambda xy: np.column_stack(self._project(xy[:, 0], xy[:, 1])))

    def lonlat(self, metres: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points ``(..., 2)`` in lon, lat."""
        lon, lat = self._project(metres[..., 0], metres[..., 1], inverse=True)
        return np.stack([lon, lat], axis=-1)

    def union(self, lonlat: Iterable[BaseGeometry]) -> Any:
        """Return the union in metres."""
        return shapely.union_all([shapely.make_valid(self.flat(part)) for part in lonlat])
