"""Cracks of every kind: single and branched, families, nets, along joints, and gaps wide enough to look into."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.spatial import Voronoi

from imagery.synthetic.concrete_joints import Point
from imagery.synthetic.concrete_scene import Scene
from imagery.synthetic.cracks import CrackLine, crack_along, grow_branches, grow_crack, line_coverage
from imagery.synthetic.damage import paint_crack
from imagery.synthetic.noise import Field, blur, fractal_noise, ramp, smooth_noise

GAP_PX = 9.0  # wider than this one looks into a crack
WIDEST_PX = 40.0


def random_width_px(rng: np.random.Generator, gsd_mm: float) -> float:
    """Return a largest width in pixels: 0.1 to 5 mm, never below 0.35 px nor above 25 px, more often a thin one."""
    low, high = max(0.1 / gsd_mm, 0.35), min(max(5.0 / gsd_mm, 1.5), 25.0)
    share = float(rng.beta(1.0, 1.6))  # more of the thin ones
    return float(low * (high / low) ** share)


def add_crack(
    rng: np.random.Generator,
    scene: Scene,
    *,
    width_px: float,
    start: Point | None = None,
    heading: float | None = None,
    branches: float = 0.4,
) -> list[CrackLine]:
    """Grow and paint one crack with its branches; return its lines. It starts anywhere, or at ``start``."""
    height, width = scene.shape
    turn = float(rng.uniform(0, 2 * np.pi)) if heading is None else heading
    length = max(float(rng.uniform(0.35, 1.5)) * scene.size, 22 * width_px)
    if start is None:
        middle = rng.uniform(0.12, 0.88, 2) * (width, height)
        x, y = middle - rng.uniform(0.3, 0.7) * length * np.array([np.cos(turn), np.sin(turn)])
    else:
        x, y = start
    rough = float(rng.lognormal(-0.1, 0.45))
    line = grow_crack(rng, (float(x), float(y)), turn, length, width_px, roughness=rough, open_start=start is not None)
    lines = [line]
    grow_branches(rng, lines, 0, branches, roughness=rough)
    paint_lines(rng, scene, lines)
    return lines


def add_parallel_cracks(rng: np.random.Generator, scene: Scene) -> list[CrackLine]:
    """Draw a family of cracks at a rough pitch, as bending and restrained shrinkage leave them."""
    height, width = scene.shape
    turn, pitch = float(rng.uniform(0, np.pi)), float(rng.uniform(0.18, 0.45)) * scene.size
    widest = min(random_width_px(rng, scene.surface.gsd_mm), 5.0)
    along, side = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    out: list[CrackLine] = []
    for step in range(-2, 3):
        if rng.random() < 0.2:
            continue
        at = np.array([width, height]) / 2 + (step + rng.normal(0, 0.15)) * pitch * side
        x, y = at - (0.5 + rng.normal(0, 0.2)) * scene.size * along
        thin = max(widest * float(rng.uniform(0.4, 1.0)), 0.35)
        out += add_crack(
            rng, scene, width_px=thin, start=(float(x), float(y)), heading=turn + rng.normal(0, 0.08), branches=0.1
        )
    return out


def add_crack_along(rng: np.random.Generator, scene: Scene, line: tuple[Point, Point]) -> list[CrackLine]:
    """Draw a crack that keeps beside or in a joint for a while, then leaves it."""
    (x0, y0), (x1, y1) = line
    t = float(rng.uniform(0.25, 0.55))
    side = float(rng.normal(0, 4))
    turn = float(np.arctan2(y1 - y0, x1 - x0))
    start = (x0 + t * (x1 - x0) - side * np.sin(turn), y0 + t * (y1 - y0) + side * np.cos(turn))
    width = min(random_width_px(rng, scene.surface.gsd_mm), 6.0)
    return add_crack(rng, scene, width_px=width, start=start, heading=turn + float(rng.normal(0, 0.12)), branches=0.5)


def add_map_cracks(rng: np.random.Generator, scene: Scene) -> list[CrackLine]:
    """Draw a net (craze, alligator, alkali reaction): uneven cells, most of whose borders have opened."""
    height, width = scene.shape
    cell = float(np.exp(rng.uniform(np.log(0.12), np.log(0.45)))) * scene.size
    grid = np.stack(np.meshgrid(np.arange(-1.5, width / cell + 2), np.arange(-1.5, height / cell + 2)), -1).reshape(
        -1, 2
    )
    seeds = (grid + rng.normal(0, 0.4, grid.shape)) * cell
    net = Voronoi(seeds)
    reach = fractal_noise(rng, scene.shape, 0.6 * scene.size, 20.0, 0.8) + float(rng.uniform(-0.2, 1.2))
    widest = min(random_width_px(rng, scene.surface.gsd_mm), 0.03 * cell + 1, 4.0)
    rough, lines = float(rng.uniform(0.5, 1.1)), []
    for first, second in net.ridge_vertices:
        if first < 0:
            continue
        ends = net.vertices[[first, second]]
        col, row = np.clip(ends.mean(axis=0), 0, (width - 1, height - 1)).astype(int)
        inside = np.any((ends > -cell) & (ends < (width + cell, height + cell)))
        if not inside or np.linalg.norm(ends[1] - ends[0]) < 6 or reach[row, col] < 0 or rng.random() < 0.22:
            continue
        thin = max(widest * float(rng.lognormal(-0.6, 0.5)), 0.3)
        lines.append(crack_along(rng, ends, thin, roughness=rough, open_ends=bool(rng.random() < 0.85)))
    paint_lines(rng, scene, lines)
    return lines


def paint_lines(rng: np.random.Generator, scene: Scene, lines: list[CrackLine]) -> None:
    """Paint cracks that share one depth and dirt, and add them to the truth."""
    core = float(rng.uniform(0.04, 0.3) if rng.random() < 0.6 else rng.uniform(0.2, 0.65))
    dirt = float(rng.uniform(0, 0.8))
    for line in lines:
        cover = line_coverage(line, scene.shape)
        if not cover.any():
            continue
        fresh = np.clip(cover - scene.coverage, 0, 1)
        wide = float(line.width_px.max())
        if wide > GAP_PX:
            _paint_gap(rng, scene, line, fresh, core)
        else:
            paint_crack(rng, scene.surface, line, fresh, core, scene.light_rad, dirt)
        np.maximum(scene.coverage, cover, out=scene.coverage)
        scene.lines.append(line)


def _paint_gap(rng: np.random.Generator, scene: Scene, line: CrackLine, cover: Field, core: float) -> None:
    """Paint a gap that one can look into: its lit wall on one side, dark depth, soil or rubble at the bottom."""
    surface, shape = scene.surface, scene.shape
    wide = float(line.width_px.max())
    inside = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    bed = np.median(surface.colour[::4, ::4], axis=(0, 1)).astype(np.float32)
    rubble = fractal_noise(rng, shape, max(0.6 * wide, 6.0), 1.2, 0.3)
    fill = float(rng.choice([0.03, 0.08, rng.uniform(0.08, 0.45)])) * np.exp(0.45 * rubble)
    warm = np.asarray([1.0, rng.uniform(0.85, 1.0), rng.uniform(0.65, 1.0)], dtype=np.float32)
    # The wall of the gap that faces the light is bright, the other one lies in shadow; both fade with depth.
    slope_x = cv2.Sobel(blur(cover, 0.15 * wide + 0.5), cv2.CV_32F, 1, 0)
    slope_y = cv2.Sobel(blur(cover, 0.15 * wide + 0.5), cv2.CV_32F, 0, 1)
    norm = np.maximum(np.hypot(slope_x, slope_y), 1e-4)
    facing = (np.float32(np.cos(scene.light_rad)) * slope_x + np.float32(np.sin(scene.light_rad)) * slope_y) / norm
    lip = np.exp(-inside / np.float32(max(rng.uniform(0.05, 0.25) * wide, 1.0)))
    lit = lip * np.clip(0.25 + 0.75 * facing, 0.05, 1) * np.float32(rng.uniform(0.3, 0.9)) * (1 + 0.15 * rubble)
    depth = np.clip(np.maximum(fill, lit), 0.5 * core, 1.0)
    surface.cover(cover, np.clip(bed * warm * depth[..., None], 0.003, 0.8))
    surface.height *= 1 - cover
    crumbs = np.clip(blur(cover, 1.5) - cover, 0, 1) * ramp(smooth_noise(rng, shape, 8.0), 0.0, 1.0)
    surface.darken(crumbs, float(rng.uniform(0.7, 1.5)))
