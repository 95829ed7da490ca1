"""What the building leaves: joints, board marks, panel grids, pour lines. They look like cracks and are none."""

from __future__ import annotations

import cv2
import numpy as np

from imagery.synthetic.concrete_scene import Scene
from imagery.synthetic.cracks import polygon_coverage
from imagery.synthetic.noise import Field, blur, profile_noise, ramp, smooth_noise
from imagery.synthetic.surface import Surface, add_boards, add_pour_line

Point = tuple[float, float]


def line_across(rng: np.random.Generator, shape: tuple[int, int], angle: float) -> tuple[Point, Point]:
    """Return two points (x, y) beyond the frame, on a line of that angle through a random inner point."""
    height, width = shape
    x, y = rng.uniform(0.04, 0.96) * width, rng.uniform(0.04, 0.96) * height
    reach = 0.75 * float(height + width)
    dx, dy = reach * np.cos(angle), reach * np.sin(angle)
    return (float(x - dx), float(y - dy)), (float(x + dx), float(y + dy))


def rough_band(
    rng: np.random.Generator, shape: tuple[int, int], start: Point, end: Point, width_px: float, rough_px: float
) -> Field:
    """Return the coverage ``(H, W)`` of a nearly straight band whose lips are uneven by ``rough_px``."""
    a, b = np.asarray(start), np.asarray(end)
    length = max(float(np.linalg.norm(b - a)), 2.0)
    along, count = (b - a) / length, max(int(length / 2), 4)
    side = np.array([-along[1], along[0]])
    path = a + np.linspace(0, length, count)[:, None] * along
    sway = rough_px * (1.5 * profile_noise(rng, count, 2.0, 90.0) + 0.5 * profile_noise(rng, count, 2.0, 15.0))
    lips = [
        rough_px * (0.5 * profile_noise(rng, count, 2.0, 12.0) + 0.3 * profile_noise(rng, count, 2.0, 4.0))
        for _ in range(2)
    ]
    half = 0.5 * width_px
    upper = path + (sway + np.maximum(half + lips[0], 0.15))[:, None] * side
    lower = path + (sway - np.maximum(half + lips[1], 0.15))[:, None] * side
    return polygon_coverage(np.concatenate([upper, lower[::-1]]), shape)


def side_of(shape: tuple[int, int], start: Point, end: Point) -> Field:
    """Return the signed distance ``(H, W)`` in pixels from the line through two points."""
    (x0, y0), (x1, y1) = start, end
    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    length = float(np.hypot(x1 - x0, y1 - y0))
    field = (cols - np.float32(x0)) * np.float32(y1 - y0) - (rows - np.float32(y0)) * np.float32(x1 - x0)
    return np.asarray(field / np.float32(max(length, 1e-6)), dtype=np.float32)


def add_joint_line(rng: np.random.Generator, scene: Scene, start: Point, end: Point) -> None:
    """Draw one joint: a gap, a sealed gap, a saw cut, a fin or a step of tone, even or crumbled."""
    surface, shape = scene.surface, scene.shape
    width_px = float(np.exp(rng.uniform(np.log(0.8), np.log(6.0)))) if rng.random() < 0.8 else float(rng.uniform(6, 18))
    band = rough_band(rng, shape, start, end, width_px, float(rng.choice([0.05, 0.25, 0.6])))
    if rng.random() < 0.35:  # filled here and there
        band = band * ramp(smooth_noise(rng, shape, float(rng.uniform(12, 90))), -1.3, float(rng.uniform(-0.6, 0.9)))
    kind = rng.random()
    if kind < 0.62:
        core = float(rng.uniform(0.03, 0.6))
        texture = 1 + 0.25 * smooth_noise(rng, shape, 5.0)
        surface.darken(band, core)
        surface.colour *= 1 + band[..., None] * np.clip(0.4 * (texture - 1), -0.5, 0.5)[..., None]
    elif kind < 0.78:  # sealant: one tone, its own colour, smooth
        tone = float(rng.choice([0.02, 0.05, 0.12, 0.3, 0.5]))
        surface.cover(band, (tone * 1.03, tone, tone * 0.97))
        surface.height *= 1 - band
    else:  # a fin, or a line of lime
        surface.darken(band, float(rng.uniform(1.1, 1.6)))
    _arris(rng, scene, band, width_px)
    if rng.random() < 0.4:
        step = ramp(side_of(shape, start, end), -0.7, 0.7)
        tone = float(rng.normal(1.0, 0.1))
        surface.darken(step, (tone, tone, tone * float(rng.normal(1.0, 0.02))))


def _arris(rng: np.random.Generator, scene: Scene, band: Field, width_px: float) -> None:
    """Light one edge of a joint, soil its surroundings, cut it into the relief."""
    surface, shape = scene.surface, scene.shape
    rim = np.clip(blur(band, 0.8 + 0.35 * width_px) - band, 0, 1)
    surface.darken(rim * ramp(smooth_noise(rng, shape, 30.0), -1.0, 1.0), float(rng.uniform(0.6, 1.4)))
    if rng.random() < 0.5:
        shift = np.array(
            [[1, 0, -1.3 * np.cos(scene.light_rad)], [0, 1, -1.3 * np.sin(scene.light_rad)]], dtype=np.float32
        )
        lit = np.clip(cv2.warpAffine(band, shift, shape[::-1]) - band, 0, 1)
        surface.darken(blur(lit, 0.5), float(rng.uniform(1.1, 1.7)))
    surface.height -= float(rng.uniform(0.5, 4)) * band


def add_joints(rng: np.random.Generator, scene: Scene, count: int) -> list[tuple[Point, Point]]:
    """Draw joints right across the picture; return their lines. Mostly level or upright, sometimes a grid of panels."""
    lines = []
    tilt = float(rng.normal(0, 0.05)) if rng.random() < 0.7 else float(rng.uniform(0, np.pi))
    for _ in range(count):
        angle = tilt + float(rng.choice([0.0, np.pi / 2])) + float(rng.normal(0, 0.01))
        line = line_across(rng, scene.shape, angle)
        add_joint_line(rng, scene, *line)
        lines.append(line)
    return lines


def add_panel_grid(rng: np.random.Generator, scene: Scene) -> None:
    """Draw a regular grid of panels, blocks or bricks: two families of lines, the upright ones staggered or not."""
    height, width = scene.shape
    pitch_y = float(rng.uniform(0.12, 0.9)) * scene.size
    pitch_x = pitch_y * float(rng.uniform(0.8, 2.6))
    stagger, tilt = bool(rng.random() < 0.4), float(rng.normal(0, 0.03))
    line_px, core = (
        float(np.exp(rng.uniform(np.log(0.7), np.log(4.0)))),
        float(rng.choice([rng.uniform(0.2, 0.8), rng.uniform(1.1, 1.5)])),
    )
    band = np.zeros(scene.shape, dtype=np.float32)
    tones = np.ones(scene.shape, dtype=np.float32)
    rough = float(rng.choice([0.05, 0.3]))
    first, offset = float(rng.uniform(-1, 0)) * pitch_y, float(rng.uniform(0, pitch_x))
    for row, top in enumerate(np.arange(first, height + pitch_y, pitch_y)):
        drop = tilt * width
        band = np.maximum(band, rough_band(rng, scene.shape, (-3, top), (width + 3, top + drop), line_px, rough))
        shift = offset + 0.5 * pitch_x * (row % 2) * stagger - pitch_x
        for left in np.arange(shift, width + pitch_x, pitch_x):
            x, y = (left, top) if stagger else (left, first)
            foot = top + pitch_y if stagger else height + 3.0
            if stagger or row == 0:
                end = (x - tilt * (foot - y), foot)
                band = np.maximum(band, rough_band(rng, scene.shape, (x, y), end, line_px, rough))
            box = tuple(
                slice(max(int(v), 0), max(int(w), 0)) for v, w in ((top, top + pitch_y), (left, left + pitch_x))
            )
            tones[box] = float(rng.normal(1, 0.04))
    scene.surface.colour *= np.clip(blur(tones, 1.0), 0.8, 1.2)[..., None]
    scene.surface.darken(band, core)
    _arris(rng, scene, band, line_px)


def add_form_boards(rng: np.random.Generator, scene: Scene) -> None:
    """Print form boards of a random width, level or upright, with more or less of their grain."""
    board_mm = float(rng.uniform(0.08, 0.7)) * scene.size * scene.surface.gsd_mm
    angle = float(rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.03))
    before = scene.surface.colour.copy()
    add_boards(rng, scene.surface, board_mm, angle)
    share = np.float32(rng.uniform(0.4, 1.3))
    scene.surface.colour[:] = np.clip(before + share * (scene.surface.colour - before), 0.01, 1.0)


def add_cold_joint(rng: np.random.Generator, surface: Surface) -> None:
    """Draw the border of two pours somewhere in the picture."""
    add_pour_line(rng, surface, float(rng.uniform(0.1, 0.9)) * surface.shape[0])
