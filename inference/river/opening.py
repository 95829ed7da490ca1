"""The opening of a bridge over a river in a picture: from its deck line and the banks that scenes have shown."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import shapely
from shapely.geometry import LineString, Polygon
from shapely.geometry.base import BaseGeometry

from findings.errors import NotAssessable
from findings.river_series import Floats, Observation, Quantity, ReachFrame
from inference.river.debris import Opening
from inference.river.finding import Bool
from inference.river.grid import Grid, reproject


@dataclass(frozen=True, slots=True, eq=False)
class BridgeView:
    """A bridge over a river in a picture.

    Attributes:
        opening: from bank to bank on the upstream side of the deck; piers stand in it where nobody has drawn them.
        channel: ``(H, W)`` between the banks, without the deck.
    """

    opening: Opening
    channel: Bool


def bridge_view(
    deck_lonlat: LineString, deck_width_m: float, frame: ReachFrame, observation: Observation, grid: Grid
) -> BridgeView:
    """Return the opening and the channel of a bridge in a picture's pixels, for `find_debris`.

    Args:
        deck_lonlat: middle line of the deck, WGS84.
        deck_width_m: breadth of the deck.
        frame: of the reach.
        observation: of the scene that shows the banks best.
        grid: of the picture.

    Raises:
        NotAssessable: the banks are not known near the deck, or the deck does not cross them.
    """
    deck = LineString(np.stack(reproject("EPSG:4326", frame.crs, *np.asarray(deck_lonlat.coords)[:, :2].T), axis=1))
    banks = _between_banks(frame, observation)
    row = int(np.argmin(np.hypot(*(frame.origin_xy - np.array(deck.centroid.coords[0])).T)))
    flow = np.array([frame.normal_xy[row, 1], -frame.normal_xy[row, 0]])
    sides = [deck.parallel_offset(deck_width_m / 2, side) for side in ("left", "right")]
    upstream = min(sides, key=lambda line: float(np.dot(line.centroid.coords[0], flow)))
    clear = shapely.intersection(upstream, banks)
    parts = [part for part in getattr(clear, "geoms", [clear]) if part.length > 0]
    if not parts:
        raise NotAssessable("the deck does not cross the banks that the scenes show; check the bridge's line")
    longest = max(parts, key=lambda part: part.length)
    ends = grid.pixels(np.asarray(longest.coords)[[0, -1]], frame.crs)
    two = grid.pixels(np.stack([frame.origin_xy[row], frame.origin_xy[row] - flow]), frame.crs)
    against = two[1] - two[0]
    one, other = ((float(x), float(y)) for x, y in ends)
    opening = Opening("bank to bank", (one, other), (float(against[0]), float(against[1])))
    water = shapely.difference(banks, deck.buffer(deck_width_m / 2, cap_style="flat"))
    return BridgeView(opening, _drawn(water, frame.crs, grid))


def _between_banks(frame: ReachFrame, observation: Observation) -> BaseGeometry:
    left, right = (observation.values.get(q) for q in (Quantity.LEFT_BANK, Quantity.RIGHT_BANK))
    if left is None or right is None:
        raise NotAssessable("the scene shows no banks; take one that does")
    known = np.isfinite(left) & np.isfinite(right)
    if known.sum() < 2:
        raise NotAssessable(f"the banks are known on {int(known.sum())} transects; two are needed")
    ring = np.concatenate([frame.points(left)[known], frame.points(right)[known][::-1]])
    return shapely.make_valid(Polygon(ring))


def _drawn(shape: shapely.Geometry, crs: str, grid: Grid) -> Bool:
    mask = np.zeros((grid.height_px, grid.width_px), np.uint8)
    for part in shapely.get_parts(shape):
        if part.geom_type == "Polygon":
            cv2.fillPoly(mask, [_pixels(np.asarray(part.exterior.coords), crs, grid)], 1)
            for hole in part.interiors:
                cv2.fillPoly(mask, [_pixels(np.asarray(hole.coords), crs, grid)], 0)
    return mask.astype(bool)


def _pixels(xy: Floats, crs: str, grid: Grid) -> np.ndarray:
    return np.round(grid.pixels(xy[:, :2], crs) - 0.5).astype(np.int32)
