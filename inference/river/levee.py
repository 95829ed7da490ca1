"""R08 植生異常: bare patches and trees on a levee, against the levee's own grass at the same date.

A scene is read along the levee: NDVI by distance along and across the line. What is usual at a place is taken from the
same distance across over 500 m along: the crest road, the foot and the season are in it. A bare patch lies far below
the median and is bare by its own NDVI; trees lie far above the upper fifth, for between mown parts uncut grass stands
above the median too. Several scenes are combined by the median of their departures, so that one day's shadow or mowing
does not call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import cv2
import numpy as np
import shapely
from scipy.ndimage import map_coordinates
from shapely.geometry import LineString, Polygon

from findings.errors import NotAssessable, RecordError
from findings.measure import Measure
from findings.river_series import Floats, ReachFrame
from inference.regions import outline
from inference.river.channel import components
from inference.river.finding import Array, Bool, RiverFinding, RiverReport, area_measure
from inference.river.greenness import hidden, ndvi, reflectance_like
from inference.river.grid import Grid

LEVEE = "R08"
BARE, TREES = "bare patch", "tree intrusion"
WINDOW_M = 500.0
"""Grass so far up and down the levee says what is usual."""
SIGMAS = 3.0
"""Departures from the usual, in robust deviations of the strip, from which a place is called."""
UPPER = 0.8
LEAST_NOISE = 0.012
LEAST_DROP, LEAST_RISE = 0.12, 0.06
"""... and in NDVI at least: bare soil and evergreen trees differ from grass by more in most seasons."""
BARE_NDVI = 0.35
"""A place above it has a sward, however much lower than its neighbours: mown, not bare."""
GREEN_NDVI = 0.40
"""A strip whose median lies below is dormant: bare soil does not show on it, evergreen trees do."""
LEAST_STRIP_PX = 3.0
LEAST_PX, LEAST_M2 = 3, 25.0
LEAST_SEEN = 0.3
"""Share of the strip that a scene must show."""


@dataclass(frozen=True, slots=True, eq=False)
class LeveeStrip:
    """A strip of ground along a levee.

    Attributes:
        line_xy: ``(M, 2)`` along the levee in metres of ``crs``, downstream.
        crs: metric.
        right_m: how far the strip reaches to the right of the line looking downstream.
        left_m: ... and to the left.
        side: ``left`` or ``right`` bank, or "".
    """

    line_xy: Floats
    crs: str
    right_m: float
    left_m: float
    side: str = ""

    @property
    def width_m(self) -> float:
        """Breadth of the strip."""
        return self.left_m + self.right_m

    @property
    def length_m(self) -> float:
        """Length along the levee."""
        return float(LineString(self.line_xy).length)


@dataclass(frozen=True, slots=True, eq=False)
class LeveeScene:
    """One scene: bands ``(H, W)`` reflectance x 10000 with ``red`` and ``nir``, NaN where not observed."""

    captured_at: datetime
    bands: Mapping[str, Array]
    grid: Grid


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """One scene along the strip, ``(S, O)`` each: NDVI, and how far it lies under the median and over the upper fifth.

    ``noise`` is the 1-sigma of neighbours along the levee, ``usual`` the median of the strip.
    """

    scene: LeveeScene
    index: Floats
    drop: Floats
    rise: Floats
    noise: float
    usual: float


def strip_beside(frame: ReachFrame, offset_m: Floats, width_m: float, side: str) -> LeveeStrip:
    """Return the strip whose middle lies at an offset from each transect of a reach.

    Args:
        frame: of the reach.
        offset_m: ``(N,)`` of the levee's crest along the transects, positive to the left; NaN where there is none.
        width_m: breadth of the levee, foot to foot.
        side: ``left`` or ``right``.

    Raises:
        NotAssessable: fewer than two transects have an offset.
    """
    known = np.isfinite(offset_m)
    if known.sum() < 2:
        raise NotAssessable("the levee's place is known on fewer than two transects; give its crest line")
    return LeveeStrip(frame.points(offset_m)[known], frame.crs, width_m / 2, width_m / 2, side)


def find_levee(strip: LeveeStrip, scenes: Sequence[LeveeScene], *, grid: Grid | None = None) -> RiverReport:
    """Return bare patches and trees on a levee.

    Args:
        strip: of the levee.
        scenes: one or several dates, any grid; their departures are combined.
        grid: in whose pixels the outlines are wanted; None: those of the last scene.

    Raises:
        RecordError: no scene, a date without zone, or a strip without breadth.
    """
    if not scenes or strip.width_m <= 0:
        raise RecordError("no scene or no strip; give at least one scene and a strip with a breadth above 0")
    if any(scene.captured_at.tzinfo is None for scene in scenes):
        raise RecordError("a scene's date has no time zone; give the time with its offset")
    step_m = max(scene.grid.pixel_m for scene in scenes)
    into = max(scenes, key=lambda one: one.captured_at).grid if grid is None else grid
    reads, refusals = [], []
    for scene in sorted(scenes, key=lambda one: one.captured_at):
        try:
            reads.append(_read(strip, scene, step_m))
        except NotAssessable as error:
            refusals.append(f"{scene.captured_at.date().isoformat()}: {error}")
    if not reads:
        return RiverReport((), tuple(refusals))
    green = [read for read in reads if read.usual >= GREEN_NDVI]
    if not green:
        refusals.append(f"the grass is dormant on every date (NDVI under {GREEN_NDVI}): bare patches do not show")
    found = [
        *_called(strip, green, step_m, BARE, len(reads), into),
        *_called(strip, reads, step_m, TREES, len(reads), into),
    ]
    return RiverReport(tuple(sorted(found, key=lambda f: -(f.measures[0].value or 0.0))), tuple(refusals))


def _read(strip: LeveeStrip, scene: LeveeScene, step_m: float) -> _Read:
    if strip.width_m / scene.grid.pixel_m < LEAST_STRIP_PX:
        raise NotAssessable(
            f"the strip is {strip.width_m / scene.grid.pixel_m:.1f} px broad, bare patches and trees show from "
            f"{LEAST_STRIP_PX:.0f} px: use imagery of a finer ground sample distance"
        )
    plane = ndvi(scene.bands)
    if plane is None or not reflectance_like(scene.bands):
        raise NotAssessable(
            "the levee's grass needs red and nir as reflectance; they are missing or stretched to 8 bits"
        )
    white = hidden(scene.bands)
    index = _along(strip, scene.grid, plane if white is None else np.where(white, np.nan, plane), step_m)
    seen = np.isfinite(index)
    if seen.mean() < LEAST_SEEN:
        raise NotAssessable(f"{seen.mean():.0%} of the strip is seen; {LEAST_SEEN:.0%} are needed")
    steps = np.abs(np.diff(index, axis=0))
    noise = max(1.4826 * float(np.median(steps[np.isfinite(steps)])) / np.sqrt(2.0), LEAST_NOISE)
    drop, rise = _usual(index, step_m, 0.5) - index, index - _usual(index, step_m, UPPER)
    return _Read(scene, index, drop, rise, noise, float(np.median(index[seen])))


def _frame(strip: LeveeStrip, step_m: float) -> tuple[Floats, Floats, Floats]:
    """Return points ``(S, 2)`` every step along the line, normals to the left, and offsets ``(O,)``, cells' middles."""
    line = LineString(strip.line_xy)
    along = np.arange(step_m / 2, line.length, step_m)
    points = shapely.get_coordinates(shapely.line_interpolate_point(line, along))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(line, np.minimum(along + 2 * step_m, line.length)))
    behind = shapely.get_coordinates(shapely.line_interpolate_point(line, np.maximum(along - 2 * step_m, 0)))
    flow = ahead - behind
    flow /= np.maximum(np.hypot(*flow.T), 1e-9)[:, None]
    normal = np.asarray(np.stack([-flow[:, 1], flow[:, 0]], axis=1))
    count = max(int(strip.width_m / step_m), 1)
    edge = (strip.width_m - count * step_m) / 2
    offset = -strip.right_m + edge + step_m * (np.arange(count) + 0.5)
    return np.asarray(points), normal, np.asarray(offset)


def _along(strip: LeveeStrip, grid: Grid, plane: Array, step_m: float) -> Floats:
    """Return a plane along the strip ``(S, O)``, NaN outside the scene and next to what was not observed."""
    points, normal, offset = _frame(strip, step_m)
    xy = (points[:, None] + offset[None, :, None] * normal[:, None]).reshape(-1, 2)
    px = grid.pixels(xy, strip.crs) - 0.5
    unseen = ~np.isfinite(plane)
    at = [px[:, 1], px[:, 0]]
    values = map_coordinates(np.where(unseen, 0.0, plane), at, order=1, mode="nearest")
    blind = map_coordinates(unseen.astype(np.float32), at, order=1, mode="nearest") > 1e-6
    outside = (px < -0.5).any(axis=1) | (px[:, 0] > grid.width_px - 0.5) | (px[:, 1] > grid.height_px - 0.5)
    return np.asarray(np.where(blind | outside, np.nan, values).reshape(len(points), len(offset)), dtype=float)


def _usual(index: Floats, step_m: float, share: float) -> Floats:
    """Return a running quantile along the levee at each offset, worked out every tenth of the window."""
    half = max(round(WINDOW_M / 2 / step_m), 2)
    rows = np.unique(np.append(np.arange(0, len(index), max(half // 5, 1)), len(index) - 1))
    out = np.full(index.shape, np.nan)
    for column in range(index.shape[1]):
        middles = []
        for row in rows:
            part = index[max(row - half, 0) : row + half + 1, column]
            part = part[np.isfinite(part)]
            middles.append(float(np.quantile(part, share)) if part.size else np.nan)
        known = np.isfinite(middles)
        if known.any():
            out[:, column] = np.interp(np.arange(len(index)), rows[known], np.array(middles)[known])
    return out


def _called(
    strip: LeveeStrip, reads: Sequence[_Read], step_m: float, kind: str, scenes: int, into: Grid
) -> list[RiverFinding]:
    if not reads:
        return []
    index = _median([read.index for read in reads])
    departure = _median([_departure(read, kind) for read in reads])
    sigmas = _median([_departure(read, kind) / read.noise for read in reads])
    with np.errstate(invalid="ignore"):
        mask = (sigmas >= SIGMAS) & (departure >= (LEAST_DROP if kind == BARE else LEAST_RISE))
        if kind == BARE:
            mask &= index <= BARE_NDVI
    labels, stats = components(np.asarray(mask, dtype=bool))
    least = max(LEAST_PX, LEAST_M2 / step_m**2)
    found = []
    for label in range(1, len(stats)):
        if stats[label, cv2.CC_STAT_AREA] >= least:
            found.append(_finding(strip, reads, labels == label, step_m, kind, scenes, into))
    return found


def _departure(read: _Read, kind: str) -> Floats:
    return read.drop if kind == BARE else read.rise


def _median(planes: Sequence[Floats]) -> Floats:
    stack = np.stack(planes)
    known = np.isfinite(stack).any(axis=0)
    out = np.full(known.shape, np.nan)
    out[known] = np.nanmedian(stack[:, known], axis=0)
    return out


def _finding(
    strip: LeveeStrip, reads: Sequence[_Read], mask: Bool, step_m: float, kind: str, scenes: int, into: Grid
) -> RiverFinding:
    least = (LEAST_DROP if kind == BARE else LEAST_RISE) / 2
    seen = [r for r in reads if np.isfinite(r.index[mask]).any()]
    borne_out = [float(np.nanmedian(_departure(r, kind)[mask])) >= least for r in seen]
    rows = np.flatnonzero(mask.any(axis=1))
    length = len(rows) * step_m
    measures = (
        area_measure(mask, step_m, "NDVI against the levee's own grass, edge known to half a pixel"),
        Measure("length", length, "m", max(length - step_m, 0.0), length + step_m, "along the levee, to half a pixel"),
    )
    own = float(np.nanmedian(np.concatenate([r.index[mask] for r in reads])))
    details: dict[str, Any] = {
        "kind": kind,
        "side": strip.side,
        "station_m": [round(float(rows[0]) * step_m, 1), round(float(rows[-1] + 1) * step_m, 1)],
        "ndvi": round(own, 3),
        "ndvi_of_the_strip": round(float(np.median([r.usual for r in reads])), 3),
        "dates": [r.scene.captured_at.date().isoformat() for r in reads],
        "scenes": scenes,
        "gsd_m": step_m,
        "caveat": "a difference of greenness; mowing, works and shade look alike on one date" if len(reads) < 3 else
                  "a lasting difference of greenness; what grows there a visit tells",
    }  # fmt: skip
    polygon = _polygon(strip, mask, step_m, into)
    return RiverFinding(LEVEE, polygon, round(sum(borne_out) / max(len(borne_out), 1), 3), measures, details)


def _polygon(strip: LeveeStrip, mask: Bool, step_m: float, grid: Grid) -> Polygon:
    """Return the outline of cells along the strip in pixels of a scene."""
    points, normal, offset = _frame(strip, step_m)

    def to_pixels(cells: Floats) -> Floats:
        """From x = offset, y = station in cells (edges at whole numbers) to pixels."""
        at = cells[:, 1] - 0.5
        rows = np.arange(len(points), dtype=float)
        base = np.stack([_extended(at, rows, points[:, i]) for i in (0, 1)], axis=1)
        left = np.stack([np.interp(at, rows, normal[:, i]) for i in (0, 1)], axis=1)
        across = offset[0] + (cells[:, 0] - 0.5) * step_m
        return grid.pixels(base + across[:, None] * left, strip.crs)

    flat = shapely.transform(outline(mask), to_pixels).buffer(0)
    parts = getattr(flat, "geoms", [flat])
    largest: Polygon = max(parts, key=lambda part: part.area)
    return largest


def _extended(at: Floats, rows: Floats, values: Floats) -> Floats:
    """Return values between rows, carried on by half a row beyond the ends."""
    inner = np.interp(at, rows, values)
    low, high = values[1] - values[0], values[-1] - values[-2]
    return np.asarray(inner + np.minimum(at, 0) * low + np.maximum(at - rows[-1], 0) * high)
