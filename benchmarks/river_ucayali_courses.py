"""For `benchmarks.river_ucayali`: the course of a river through a scene, and where two courses part."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely import LineString, Point
from skimage.graph import MCP_Geometric

from benchmarks.river_ucayali_scan import CRS, REACH
from findings.river_series import Floats, Observation
from inference.river.channel import components, distance_to, find_channel
from inference.river.grid import Grid
from inference.river.lines import distance_along, smoothed
from inference.river.observe import observe
from inference.river.transects import make_frame

CENTRING = 3.0
"""Power of the distance to the bank in the cost of a step, as in `inference.river.lines`."""
APART_WIDTHS = 1.0
"""Courses farther apart than this are a departure; less is a bend on the move."""
BEND, SHORTER = 1.5, 0.75
"""A cut-off leaves a bend (way over straight line at least this) for a way of at most this share of its length."""
Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """The river from the southern to the northern edge of one scene.

    Attributes:
        year: of the scene.
        line: ``(M, 2)`` metres, downstream.
        channel: ``(H, W)`` its active channel, without side arms.
        water: ``(H, W)`` all water of the scene.
        bare: ``(H, W)`` bare sediment in the channel and within half a width of it.
        observation: on transects of its own line.
        post_km: ``(N,)`` of those transects, from the northern edge.
    """

    year: int
    line: Floats
    channel: Bool
    water: Bool
    bare: Bool
    observation: Observation
    post_km: Floats

    @property
    def length_m(self) -> float:
        """Length of the course."""
        return float(distance_along(self.line)[-1])


@dataclass(frozen=True, slots=True, eq=False)
class Departure:
    """A stretch where the course of one year lies elsewhere five years later."""

    old: Course
    new: Course
    old_m: tuple[float, float]
    new_m: tuple[float, float]
    farthest_m: float

    @property
    def lengths(self) -> tuple[float, float]:
        """Length of the old and of the new way, metres."""
        return float(self.old_m[1] - self.old_m[0]), float(self.new_m[1] - self.new_m[0])

    @property
    def cut_off(self) -> bool:
        """Whether the river left a bend for a much shorter way."""
        old, new = self.lengths
        return bool(new <= SHORTER * old and old >= BEND * self.straight_m)

    @property
    def straight_m(self) -> float:
        """Distance between the ends of the old way."""
        along = distance_along(self.old.line)
        ends = self.old.line[[int(np.argmin(abs(along - m))) for m in self.old_m]]
        return float(np.hypot(*(ends[1] - ends[0])))

    @property
    def leaves_scene(self) -> bool:
        """Whether the stretch runs out of the scene, so that its lengths are those in sight."""
        return self.old_m[0] <= 0.0 or self.old_m[1] >= self.old.length_m


def course_of(year: int, surfaces: Any, grid: Grid) -> Course:
    """Return the cheapest way through the river from the southern to the northern edge, wide channels before narrow.

    Raises:
        RuntimeError: no river joins both edges.
    """
    seen = np.isfinite(surfaces.water)
    water = np.nan_to_num(surfaces.water) >= 0.5
    found, reason = find_channel(water, seen)
    if found is None:
        raise RuntimeError(f"{year}: {reason}")
    labels, stats = components(found.active)
    both = [k for k in range(1, len(stats)) if (labels[0] == k).any() and (labels[-1] == k).any()]
    if not both:
        raise RuntimeError(f"{year}: no river joins the southern and the northern edge")
    body = labels == max(both, key=lambda k: stats[k, cv2.CC_STAT_AREA])
    depth = np.where(body, distance_to(~body), 0.0)
    search = MCP_Geometric(np.where(body, (depth.max() / np.maximum(depth, 0.5)) ** CENTRING, np.inf))
    ends = [[(row, int(col)) for col in np.flatnonzero(body[row])] for row in (len(body) - 1, 0)]
    cost, _ = search.find_costs(ends[0])
    path = np.array(search.traceback(min(ends[1], key=lambda place: cost[place])), dtype=float)[:, ::-1]
    line = smoothed(grid.points(path + 0.5, CRS), 0.5 * found.width_px * grid.pixel_m, 2 * grid.pixel_m)
    disks = np.zeros(body.shape, np.uint8)
    for x, y in path.astype(int):
        cv2.circle(disks, (int(x), int(y)), int(np.ceil(1.25 * depth[y, x])) + 1, 1, -1)
    frame = make_frame(REACH, line, CRS, spacing_m=100.0, half_length_m=3 * found.width_px * grid.pixel_m)
    when = datetime(year, 7, 15, tzinfo=UTC)
    seen_here = observe(frame, grid, surfaces, image_uid=str(year), captured_at=when)
    channel = body & (disks > 0)
    near = distance_to(channel) <= 0.5 * found.width_px
    return Course(year, line, channel, water, near & (surfaces.sediment >= 0.5), seen_here, frame.post_km)


def departures(old: Course, new: Course, width_m: float) -> list[Departure]:
    """Return where the two courses lie more than a width apart, from upstream to downstream."""
    one, other = LineString(old.line), LineString(new.line)
    far = np.array([other.distance(Point(p)) for p in old.line])
    along, apart = distance_along(old.line), far > APART_WIDTHS * width_m
    edges = np.flatnonzero(np.diff(np.r_[False, apart, False].astype(int))).reshape(-1, 2)
    out = []
    for first, past in edges:
        a, b = max(first - 1, 0), min(past, len(along) - 1)
        new_m = [other.project(Point(old.line[k])) for k in (a, b)]
        new_m = [0.0 if first == 0 else new_m[0], other.length if past == len(along) else new_m[1]]
        out.append(Departure(old, new, (along[a], along[b]), (new_m[0], new_m[1]), float(far[first:past].max())))
    return [d for d in out if d.lengths[0] > 2 * width_m and one.length > 0]


def left_channel(departure: Departure, grid: Grid, width_m: float) -> Bool:
    """Return the old channel along a departure, without what the new course still uses, ``(H, W)``."""
    along = distance_along(departure.old.line)
    part = departure.old.line[(along >= departure.old_m[0]) & (along <= departure.old_m[1])]
    near = np.zeros(departure.old.channel.shape, np.uint8)
    px = np.round(grid.pixels(part, CRS)).astype(np.int32)
    cv2.polylines(near, [px.reshape(-1, 1, 2)], False, 1, int(np.ceil(2 * width_m / grid.pixel_m)))
    return departure.old.channel & (near > 0) & ~departure.new.channel
