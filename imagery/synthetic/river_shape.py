"""The moving shape of a generated river: banks, bars, trees and bridge, drawn four times finer than the scene.

Every fine pixel is given its place in river coordinates once: how far along the course and how far to the left of the
centre line. Banks and waterlines are then plain comparisons, so that areas are exact to the fine pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from imagery.synthetic.river_course import Line, curvature, meander, normals, place
from imagery.synthetic.river_spec import RiverSpec
from imagery.synthetic.textures import Array, Bool, smooth_noise

FINE = 4


@dataclass(frozen=True, slots=True)
class RiverShape:
    """River coordinates of every fine pixel and the rules of its motion; lengths in scene pixels.

    Attributes:
        along: ``(h, w)`` distance along the course.
        left: ``(h, w)`` distance to the left of the centre line, banks' raggedness included.
        inner: ``(h, w)`` +1 where the left bank is the inner one of a bend, -1 where the right one is, smooth between.
        half_width: ``(h, w)`` half the width of the channel at the first date.
        zone: ``(h, w)`` 0 to 1, how much of the yearly erosion and bar growth happens here.
        zone_side: +1 if the left bank erodes, -1 if the right.
        bar: ``(h, w)`` breadth of the bar on the inner bank at mean level, first date.
        islands: ``(h, w)`` height of mid-channel bars over their waterline, in px of its motion.
        vigour: ``(h, w)`` order in which trees take the ground, 0 to 1.
        bridge: ``(h, w)`` bool, the deck with its road on both sides.
    """

    spec: RiverSpec
    along: Array
    left: Array
    inner: Array
    half_width: Array
    zone: Array
    zone_side: float
    bar: Array
    islands: Array
    vigour: Array
    bridge: Bool

    def channel(self, years: float) -> Bool:
        """Return the ground between the banks after so many years."""
        moved = self.spec.erosion_m_per_year * years / self.spec.pixel_m * self.zone
        left = self.half_width + (moved if self.zone_side > 0 else 0)
        right = self.half_width + (moved if self.zone_side < 0 else 0)
        return np.asarray((self.left < left) & (self.left > -right), dtype=bool)

    def water(self, years: float, level: float) -> Bool:
        """Return the ground under water.

        Args:
            years: since the first date.
            level: -1 low to +1 high season; it moves the waterline on bars, hardly at steep banks.
        """
        swing = self.spec.level_swing_m / 2 / self.spec.pixel_m * level
        grown = self.spec.bar_growth_m_per_year * years / self.spec.pixel_m * self.zone
        # The bar is counted from the inner bank inwards; the waterline on it rises and falls with the level.
        breadth = self.bar + np.where(self.bar > 0, grown - swing, 0)
        side = np.where(self.inner > 0, self.left, -self.left)
        on_bar = (self.bar > 0) & (side > self.half_width - np.maximum(breadth, 0))
        island = self.islands > swing
        steep = 0.06 * (level - 1)
        margin = np.abs(self.left) > self.half_width + steep
        edge = margin & (self.zone < 0.02)
        return np.asarray(self.channel(years) & ~on_bar & ~island & ~edge, dtype=bool)

    def trees(self, years: float, water: Bool, channel: Bool) -> Bool:
        """Return the bars' ground that trees have taken."""
        share = 0.12 + self.spec.tree_growth_per_year * years
        return np.asarray(channel & ~water & (self.vigour < share), dtype=bool)


def draw_shape(rng: np.random.Generator, spec: RiverSpec) -> RiverShape:
    """Return the shape of a random river that satisfies the specification."""
    line = _course(rng, spec)
    along, left, index = _coordinates(line, spec.size_px)
    ragged = 0.5 * smooth_noise(rng, (spec.size_px * FINE // 4,) * 2, 9, 3)
    left = left + cv2.resize(ragged, left.shape[::-1], interpolation=cv2.INTER_CUBIC)
    half = spec.width_m / 2 / spec.pixel_m
    bend = _smooth(curvature(line, 31), 41)
    bend /= max(float(np.abs(bend).max()), 1e-9)
    wide = half * (1 + 0.12 * _slow(rng, len(line)))
    zone, centre = _zone(line, bend, spec)
    side = -math.copysign(1.0, bend[centre])
    breadth = np.where(np.abs(bend) > 0.15, half * 1.2 * np.clip(np.abs(bend) * 1.6 - 0.2, 0, 0.95), 0)
    return RiverShape(
        spec,
        along,
        left.astype(np.float32),
        bend[index].astype(np.float32),
        wide[index].astype(np.float32),
        zone[index].astype(np.float32),
        side,
        breadth[index].astype(np.float32),
        _islands(rng, along, left, half, float(along.max())),
        _vigour(rng, left, half),
        _deck(line, _crossing(line, bend, spec), spec.size_px, spec),
    )


def _course(rng: np.random.Generator, spec: RiverSpec) -> Line:
    """Return a centre line across the scene with one pair of clear bends."""
    size = spec.size_px
    swing = float(rng.uniform(0.75, 1.05))
    line = meander(rng, size * 2.2, max(size * 0.85, 12 * spec.width_m / spec.pixel_m), swing, 1.0)
    angle = float(rng.choice([0.0, 0.5, 1.0, 1.5])) * math.pi + float(rng.uniform(-0.25, 0.25))
    jitter = rng.uniform(-0.04, 0.04, 2) * size
    return place(line, (size / 2 + float(jitter[0]), size / 2 + float(jitter[1])), angle)


def _coordinates(line: Line, size_px: int) -> tuple[Array, Array, np.ndarray]:
    """Return along, left and the index of the nearest point of the line for every fine pixel."""
    pad = size_px // 2
    dense = np.stack([np.interp(np.arange(0, len(line) - 1, 0.2), np.arange(len(line)), line[:, k]) for k in (0, 1)], 1)
    side = (size_px + 2 * pad) * 2
    cells = np.floor((dense + pad) * 2).astype(int)
    fine = np.linspace(0.5 / FINE, size_px - 0.5 / FINE, size_px * FINE)
    inside = np.all((cells >= 0) & (cells < side), axis=1)
    canvas = np.ones((side, side), dtype=np.uint8)
    owner = np.zeros((side, side), dtype=np.int64)
    canvas[cells[inside, 1], cells[inside, 0]] = 0
    owner[cells[inside, 1], cells[inside, 0]] = np.flatnonzero(inside)
    _, labels = cv2.distanceTransformWithLabels(canvas, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    point_of = np.zeros(int(labels.max()) + 1, dtype=np.int64)
    point_of[labels[canvas == 0]] = owner[canvas == 0]
    where = np.floor((fine + pad) * 2).astype(int)
    nearest = point_of[labels[np.ix_(where, where)]]
    facing = normals(dense)
    grid_x, grid_y = np.meshgrid(fine, fine)
    away_x, away_y = grid_x - dense[nearest, 0], grid_y - dense[nearest, 1]
    left = away_x * facing[nearest, 0] + away_y * facing[nearest, 1]
    distance = np.hypot(away_x, away_y)
    # Near the line the projection is exact; beyond the ends and in tight bends the distance is.
    left = np.where(np.abs(left) > 0.8 * distance, left, np.copysign(distance, left))
    return (nearest * 0.2).astype(np.float32), left.astype(np.float32), (nearest * 0.2).astype(int)


def _smooth(values: Line, length: int) -> Line:
    kernel = np.hanning(length + 2)[1:-1]
    return np.convolve(np.pad(values, length // 2, mode="edge"), kernel / kernel.sum(), mode="valid")[: len(values)]


def _slow(rng: np.random.Generator, count: int) -> Line:
    nodes = rng.standard_normal(count // 40 + 3)
    return _smooth(np.interp(np.arange(count) / 40, np.arange(len(nodes)), nodes), 61)


def _zone(line: Line, bend: Line, spec: RiverSpec) -> tuple[Line, int]:
    """Return the share of the yearly motion along the course and the point of most, the sharpest bend well inside."""
    size = spec.size_px
    inside = np.all((line > 0.2 * size) & (line < 0.8 * size), axis=1)
    centre = int(np.argmax(np.where(inside, np.abs(bend), -1)))
    reach = max(0.16 * size, 3 * spec.width_m / spec.pixel_m)
    u = np.clip(np.abs(np.arange(len(line)) - centre) / reach, 0, 1)
    return np.cos(u * math.pi / 2) ** 2 * (u < 1), centre


def _crossing(line: Line, bend: Line, spec: RiverSpec) -> int:
    inside = np.all((line > 0.12 * spec.size_px) & (line < 0.88 * spec.size_px), axis=1)
    return int(np.argmin(np.where(inside, np.abs(bend), 9)))


def _islands(rng: np.random.Generator, along: Array, left: Array, half: float, length: float) -> Array:
    height = np.full(along.shape, -99.0, dtype=np.float32)
    for _ in range(int(rng.integers(1, 3))):
        s, d = float(rng.uniform(0.3, 0.7) * length), float(rng.uniform(-0.25, 0.25) * half)
        long_px, broad_px = half * float(rng.uniform(1.6, 3.0)), half * float(rng.uniform(0.22, 0.36))
        r = np.hypot((along - s) / long_px, (left - d) / broad_px)
        height = np.maximum(height, (1 - r) * broad_px)
    return height


def _vigour(rng: np.random.Generator, left: Array, half: float) -> Array:
    """Return 0 to 1: trees start at the banks, in clumps, and end at the water."""
    coarse = (left.shape[0] // 2, left.shape[1] // 2)
    clumps = cv2.resize(smooth_noise(rng, coarse, 26, 3, 0.5), left.shape[::-1], interpolation=cv2.INTER_LINEAR)
    near_bank = np.clip(1 - np.abs(left) / half, 0, 1)
    return np.clip(0.3 + 0.55 * near_bank + 0.28 * clumps, 0, 1).astype(np.float32)


def _deck(line: Line, crossing: int, size_px: int, spec: RiverSpec) -> Bool:
    """Return a straight deck of 12 m with its approach roads, square to the course at the crossing."""
    canvas = np.zeros((size_px * FINE,) * 2, dtype=np.uint8)
    if spec.bridge:
        along = line[min(crossing + 3, len(line) - 1)] - line[crossing - 3]
        along /= np.hypot(*along)
        across = np.array([along[1], -along[0]])
        reach, half = 900 / spec.pixel_m, 6 / spec.pixel_m
        corners = [
            line[crossing] + u * reach * across + v * half * along for u, v in ((-1, -1), (-1, 1), (1, 1), (1, -1))
        ]
        points = np.round((np.asarray(corners) * FINE - 0.5) * 16).astype(np.int32)
        cv2.fillConvexPoly(canvas, points, 1, lineType=cv2.LINE_8, shift=4)
    return canvas.astype(bool)
