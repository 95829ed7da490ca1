"""R20 河口閉塞: the open width of a river mouth at its narrowest place, from the water of one scene.

Between the river's last transects and the sea the widest way over water is looked for; its narrowest place is the open
width (a maximin path: the largest clearance at which river and sea still hang together). The sea is given, or it is
water at least twice as wide as the river beyond the last transect that reaches the edge of the scene: the lagoon behind
a bar does neither. One scene knows one tide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from shapely import contains_xy
from shapely.geometry import Point, Polygon
from shapely.geometry.base import BaseGeometry

from findings.errors import NotAssessable
from findings.measure import Measure
from findings.river_series import Floats, ReachFrame
from findings.standard import load_standard
from inference.river.channel import components
from inference.river.finding import Array, Bool, RiverFinding
from inference.river.grid import Grid
from inference.river.observe import EDGE_SIGMA_PX

CLOSURE = "R20"
LAST = 5
"""Transects whose water is the river's."""
SEA_WIDTHS = 2.0
SEARCH_WIDTHS, SEARCH_PX = 20.0, 40.0
"""The mouth is looked for within so many river widths, and at least so many pixels, of the last transect."""
FINER = 4
"""The water line runs through pixels: they are divided by so many."""
MOST_PX = 4000
UNSEEN_OPENING_PX = 1.0
"""An opening under a pixel can be missed: that is how wide a mouth may be that looks closed."""
CAVEAT = "one scene knows one tide and one wave height; from plan view alone"


class MouthState(StrEnum):
    """What the interval of the open width says against the stated width."""

    OPEN = "open"
    CLOSED = "closed"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Mouth:
    """A river mouth in one scene.

    Attributes:
        width: ``mouth_width`` in m with its 95 % interval; 0 where river and sea do not hang together.
        river_width_m: largest width of the water at the last transects, for the proportion.
        state: against ``closed_under_m``.
        closed_under_m: the stated width (river_thresholds.yaml, or the caller's).
        place_xy: the narrowest place, or the middle of the barrier, in the frame's CRS.
        barrier_m: shortest way over dry ground between river and sea where they are parted, else 0.
    """

    width: Measure
    river_width_m: float
    state: MouthState
    closed_under_m: float
    place_xy: tuple[float, float]
    barrier_m: float


@dataclass(frozen=True, slots=True)
class _Way:
    """The widest way: its narrowest width and that place in fine pixels, and the barrier where there is none."""

    width: float
    place: tuple[float, float]
    barrier: float


def read_mouth(
    frame: ReachFrame,
    grid: Grid,
    water: Array,
    *,
    sea: BaseGeometry | None = None,
    closed_under_m: float | None = None,
) -> Mouth:
    """Return the open width of the mouth in one scene.

    The interval holds the two water edges; where the scene does not see ground beside the mouth it reaches from the
    width with that ground dry to the width with it wet.

    Args:
        frame: its downstream end lies at the mouth.
        grid: of the water.
        water: ``(H, W)`` probability, NaN where not observed.
        sea: its outline in the frame's CRS; None: told by its width.
        closed_under_m: an opening under it counts as closed; None: as in river_thresholds.yaml.

    Raises:
        NotAssessable: the last transects show no water, or no sea is seen beyond them.
    """
    stated = load_standard("river_thresholds")["mouth"]["closed_under_m"]
    limit = float(stated if closed_under_m is None else closed_under_m)
    part, corner, factor = _part(frame, grid, water)
    fine_m = grid.pixel_m / factor
    wet, unseen = part >= 0.5, ~np.isfinite(part)
    river, width_px = _river(frame, grid, wet, corner, factor)
    beyond = _beyond(frame, grid, wet.shape, corner, factor)
    given = None if sea is None else _inside(sea, frame, grid, wet.shape, corner, factor)
    as_seen = _way(wet, river, _sea(wet, beyond, given, width_px))
    ends = [as_seen.width]
    if unseen.any():
        flooded = wet | unseen
        ends.append(_way(flooded, river, _sea(flooded, beyond, given, width_px)).width)
    half = 1.96 * np.sqrt(2.0) * EDGE_SIGMA_PX * grid.pixel_m
    value = as_seen.width * fine_m
    low = max(min(ends) * fine_m - half, 0.0) if value > 0 else 0.0
    high = max(max(ends) * fine_m + half if max(ends) > 0 else 0.0, UNSEEN_OPENING_PX * grid.pixel_m)
    how = "narrowest place of the widest way over water from the last transects to the sea"
    state = MouthState.CLOSED if high <= limit else MouthState.OPEN if low > limit else MouthState.UNSURE
    place = grid.points(np.array([as_seen.place]) / factor + corner, frame.crs)[0]
    return Mouth(
        Measure("mouth_width", value, "m", low, high, how), width_px * fine_m, state, limit,
        (float(place[0]), float(place[1])), as_seen.barrier * fine_m,
    )  # fmt: skip


def mouth_finding(mouth: Mouth, frame: ReachFrame, grid: Grid) -> RiverFinding | None:
    """Return the finding of a mouth that is, or may be, closed; None where it is open.

    Its outline is the narrowest place, as wide as the opening and its barrier, at least three pixels.
    """
    if mouth.state is MouthState.OPEN:
        return None
    radius = max((mouth.width.value or 0.0) / 2, mouth.barrier_m / 2, 1.5 * grid.pixel_m)
    ring = np.asarray(Point(mouth.place_xy).buffer(radius, 8).exterior.coords)
    sigma = max((mouth.width.high or 0.0) - (mouth.width.value or 0.0), 1e-6) / 1.96
    closed = float(_normal((mouth.closed_under_m - (mouth.width.value or 0.0)) / sigma))
    ratio = Measure(
        "plan_open_ratio", (mouth.width.value or 0.0) / mouth.river_width_m, "ratio", None, None,
        "proxy: open width over the river's width before the mouth, in plan view",
    )  # fmt: skip
    details = {
        "kind": "river-mouth closure",
        "state": mouth.state.value,
        "closed_under_m": mouth.closed_under_m,
        "barrier_m": round(mouth.barrier_m, 1),
        "gsd_m": grid.pixel_m,
        "scenes": 1,
        "caveat": CAVEAT,
    }
    polygon = Polygon(grid.pixels(ring, frame.crs))
    return RiverFinding(CLOSURE, polygon, round(closed, 4), (mouth.width, ratio), details)


def _normal(z: float) -> float:
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def _part(frame: ReachFrame, grid: Grid, water: Array) -> tuple[Array, Floats, int]:
    """Return the water around the mouth at finer pixels, the corner of the part in scene pixels, and how much finer."""
    last = grid.pixels(frame.origin_xy[-LAST:], frame.crs)
    half = float(np.max(frame.half_length_m[-LAST:])) / grid.pixel_m
    reach = max(SEARCH_WIDTHS * half / 2, SEARCH_PX)
    low = np.floor(np.maximum(last.min(axis=0) - reach, 0)).astype(int)
    high = np.ceil(np.minimum(last.max(axis=0) + reach, [grid.width_px, grid.height_px])).astype(int)
    if (high - low < 4).any():
        raise NotAssessable("the scene does not reach the river's last transects; the mouth lies outside it")
    part = water[low[1] : high[1], low[0] : high[0]]
    factor = int(np.clip(MOST_PX // max(part.shape), 1, FINER))
    size = (part.shape[1] * factor, part.shape[0] * factor)
    known = np.isfinite(part)
    fine = cv2.resize(np.where(known, part, 0.0).astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    seen = cv2.resize(known.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool)
    return np.where(seen, fine, np.nan).astype(np.float32), low.astype(float), factor


def _clearance(wet: Bool) -> Array:
    """Return the distance of wet pixels to dry ones in fine pixels; the edge of the part is no bank."""
    padded = cv2.copyMakeBorder(wet.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1], dtype=np.float32)


def _river(frame: ReachFrame, grid: Grid, wet: Bool, corner: Floats, factor: int) -> tuple[Bool, float]:
    """Return water at the last transects, and its largest width in fine pixels."""
    normal, origin = frame.normal_xy[-LAST:], frame.origin_xy[-LAST:]
    step = grid.pixel_m / factor / 2
    seeds = np.zeros(wet.shape, dtype=bool)
    for row in range(len(origin)):
        offset = np.arange(-frame.half_length_m[-LAST:][row], frame.half_length_m[-LAST:][row], step)
        at = ((grid.pixels(origin[row] + offset[:, None] * normal[row], frame.crs) - corner) * factor).astype(int)
        inside = (at >= 0).all(axis=1) & (at[:, 0] < wet.shape[1]) & (at[:, 1] < wet.shape[0])
        seeds[at[inside, 1], at[inside, 0]] = True
    seeds &= wet
    if not seeds.any():
        raise NotAssessable(f"the river's last {len(origin)} transects show no water; the mouth cannot be measured")
    return seeds, max(2 * float(_clearance(wet)[seeds].max()) - 1, 1.0)


def _beyond(frame: ReachFrame, grid: Grid, shape: tuple[int, ...], corner: Floats, factor: int) -> Bool:
    """Return the pixels that lie downstream of the last transect's line."""
    end = frame.origin_xy[-1]
    flow = np.array([frame.normal_xy[-1, 1], -frame.normal_xy[-1, 0]])  # the normal points left of the flow
    two = (grid.pixels(np.stack([end, end + flow]), frame.crs) - corner) * factor
    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]]
    ahead = (cols - two[0, 0]) * (two[1, 0] - two[0, 0]) + (rows - two[0, 1]) * (two[1, 1] - two[0, 1])
    return np.asarray(ahead > 0, dtype=bool)


def _inside(
    sea: BaseGeometry, frame: ReachFrame, grid: Grid, shape: tuple[int, ...], corner: Floats, factor: int
) -> Bool:
    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]]
    px = np.stack([cols.ravel() + 0.5, rows.ravel() + 0.5], axis=1) / factor + corner
    xy = grid.points(px, frame.crs)
    return np.asarray(contains_xy(sea, xy[:, 0], xy[:, 1]).reshape(shape), dtype=bool)


def _sea(wet: Bool, beyond: Bool, given: Bool | None, width_px: float) -> Bool:
    """Return the sea's pixels.

    Raises:
        NotAssessable: there is none.
    """
    if given is not None:
        if not (given & wet).any():
            raise NotAssessable("no water is seen inside the given sea; check its outline and the scene")
        return np.asarray(given & wet, dtype=bool)
    open_water = (2 * _clearance(wet) - 1 >= SEA_WIDTHS * width_px) & beyond
    labels, _ = components(open_water)
    rim = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    found = np.isin(labels, rim[rim > 0])
    if not found.any():
        raise NotAssessable(
            "no sea is seen beyond the last transect (water twice as wide as the river that reaches the scene's edge); "
            "draw the reach down to the mouth, or give the sea's outline"
        )
    return np.asarray(found, dtype=bool)


def _way(wet: Bool, river: Bool, sea: Bool) -> _Way:
    """Return the widest way from river to sea: the largest clearance at which they hang together, by halving."""
    clearance = _clearance(wet)
    if not _joined(clearance >= 0.5, river, sea):
        return _parted(wet, river, sea)
    low, high = 0.5, float(min(clearance[river].max(), clearance[sea].max()))
    if _joined(clearance >= high, river, sea):
        low = high
    while high - low > 0.05:
        middle = (low + high) / 2
        if _joined(clearance >= middle, river, sea):
            low = middle
        else:
            high = middle
    labels, _ = components(clearance >= high + 0.05)
    away = _away(np.isin(labels, np.unique(labels[river & (labels > 0)])))
    away += _away(np.isin(labels, np.unique(labels[sea & (labels > 0)])))
    tight = np.where((clearance >= low) & (clearance <= high + 1.0), away, np.inf)
    row, col = np.unravel_index(int(np.argmin(tight)), tight.shape)
    return _Way(max(2 * low - 1, 0.0), (float(col) + 0.5, float(row) + 0.5), 0.0)


def _joined(water: Bool, river: Bool, sea: Bool) -> bool:
    labels, _ = components(water)
    return bool(np.intersect1d(labels[river & water], labels[sea & water]).size)


def _away(mask: Bool) -> Array:
    if not mask.any():
        return np.zeros(mask.shape, dtype=np.float32)
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def _parted(wet: Bool, river: Bool, sea: Bool) -> _Way:
    """Return a closed mouth: the shortest way over dry ground between the river's water and the sea's."""
    labels, _ = components(wet)
    own = np.isin(labels, np.unique(labels[river]))
    far = _away(np.isin(labels, np.unique(labels[sea])))
    nearest = np.where(own, far, np.inf)
    row, col = np.unravel_index(int(np.argmin(nearest)), nearest.shape)
    gap = float(nearest[row, col])
    both = np.where(~wet, np.maximum(far, _away(own)), np.inf)
    middle = np.unravel_index(int(np.argmin(both)), both.shape)
    return _Way(0.0, (float(middle[1]) + 0.5, float(middle[0]) + 0.5), max(gap - 1, 0.0))
