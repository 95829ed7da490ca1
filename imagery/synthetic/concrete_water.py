"""What water brings: efflorescence, rust runs, wet spots; and dirt, algae and moss, which are no damage."""

from __future__ import annotations

import cv2
import numpy as np

from imagery.synthetic.concrete_joints import Point
from imagery.synthetic.concrete_scene import Scene
from imagery.synthetic.damage import smear_down, window_of
from imagery.synthetic.noise import Field, blur, fractal_noise, ramp, smooth_noise
from imagery.synthetic.surface import add_moss, add_run_down, streak


def spot_source(rng: np.random.Generator, scene: Scene) -> Field:
    """Return a short flat spot ``(H, W)`` somewhere, from which something may run."""
    height, width = scene.shape
    spot = np.zeros(scene.shape, dtype=np.float32)
    at = (int(rng.uniform(0, width)), int(rng.uniform(-0.1, 0.8) * height))
    axes = (int(rng.uniform(0.01, 0.15) * scene.size) + 1, int(rng.uniform(1, 4)))
    cv2.ellipse(spot, at, axes, float(rng.normal(0, 10)), 0, 360, 1.0, -1, cv2.LINE_AA)
    return spot


def line_source(scene: Scene, line: tuple[Point, Point]) -> Field:
    """Return a joint's line ``(H, W)`` as a source."""
    spot = np.zeros(scene.shape, dtype=np.float32)
    ends = [(int(np.clip(x, -4000, 4000)), int(np.clip(y, -4000, 4000))) for x, y in line]
    cv2.line(spot, ends[0], ends[1], 1.0, 2, cv2.LINE_AA)
    return spot


def add_lime(rng: np.random.Generator, scene: Scene, source: Field) -> None:
    """Let lime come out along ``source``: a crust that comes and goes, runs, a veil, now and then thick drips."""
    rows, cols = window_of(source, scene.size)
    part, shape = scene.surface.window(rows, cols), scene.surface.window(rows, cols).shape
    reach = float(np.clip(scene.px(float(rng.uniform(3, 14))), 1.5, 0.05 * scene.size))
    cut = float(rng.uniform(-1.0, 0.3))
    gate = ramp(fractal_noise(rng, shape, 10 * reach, 3 * reach, 0.6), cut, cut + 0.8)
    fed = np.clip(4 * source[rows, cols], 0, 1) * gate
    crumb = fractal_noise(rng, shape, max(1.5 * reach, 4.0), 1.0, 0.45)
    near = blur(fed, 0.5 * reach)
    near /= np.float32(max(float(near.max()), 1e-6))
    crust = ramp(near + 0.22 * crumb * (near > 0.02), 0.25, 0.65) * np.float32(rng.choice([0.0, 1.0, 1.0]))
    drips = fractal_noise(
        rng,
        shape,
        max(rng.uniform(0.8, 2.5) * reach, 3.0),
        1.2,
        0.6,
        stretch=float(rng.uniform(6, 14)),
        angle=np.pi / 2,
    )
    length = int(float(rng.uniform(4, 25)) * reach)
    run = smear_down(blur(fed, 0.3 * reach), min(length, scene.size))
    veil = np.clip(1.4 * run, 0, 1) * ramp(drips + 0.25 * crumb, float(rng.uniform(-1.0, 0.2)), 1.2)
    thick = np.clip(1.6 * run, 0, 1) * ramp(drips, 0.9, 1.3) * (rng.random() < 0.4)
    strength = float(rng.uniform(0.45, 0.95))
    share = np.clip(np.maximum(np.maximum(crust, thick), float(rng.uniform(0.3, 0.8)) * veil), 0, 1) * np.float32(
        strength
    )
    share *= np.clip(1 + 0.18 * crumb, 0, 1.2)
    share *= 1 - ramp(blur(scene.coverage[rows, cols], 3.0), 0.75, 0.95)  # it does not bridge a gap
    white = np.asarray([0.62, 0.60, 0.56]) * rng.uniform(0.75, 1.15)
    if rng.random() < 0.3:  # yellowish, or rusty water in it
        white *= [1.0, rng.uniform(0.85, 0.97), rng.uniform(0.6, 0.9)]
    bed = part.colour.mean()
    colour = np.maximum(white, 1.35 * float(bed)).astype(np.float32)  # lime is paler than the wall it lies on
    part.cover(np.clip(share, 0, 1), np.clip(colour * np.clip(1 + 0.12 * crumb, 0.6, 1.4)[..., None], 0, 0.95))
    part.height += (1.5 * crust + 2.5 * blur(thick, 0.8)) * (1 + 0.6 * crumb)
    scene.show("efflorescence", np.clip(share / np.float32(0.55), 0, 1), rows, cols)


def add_rust_run(rng: np.random.Generator, scene: Scene, x: float, y: float, half_width_px: float) -> None:
    """Let rust water run down from a point, orange to brown, strands that fray and fade."""
    rows, cols, share = streak(rng, scene.shape, x, y, half_width_px)
    share = share * np.float32(rng.uniform(0.55, 1.0)) * (1 - scene.coverage[rows, cols])
    tint = ((0.86, 0.58, 0.36), (0.70, 0.48, 0.33), (0.95, 0.70, 0.42), (0.55, 0.36, 0.26))[int(rng.integers(4))]
    scene.surface.window(rows, cols).darken(share, tint)
    scene.show("rust", np.clip(share / np.float32(0.6), 0, 1), rows, cols)


def add_rust_spot(rng: np.random.Generator, scene: Scene) -> None:
    """Draw diffuse rust: a spot over a bar or a tie wire that shines through, ragged, darker in the middle."""
    height, width = scene.shape
    x, y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
    radius = float(np.exp(rng.uniform(np.log(0.012), np.log(0.2)))) * scene.size
    rows_, cols_ = np.mgrid[0:height, 0:width].astype(np.float32)
    turn, flat = rng.uniform(0, np.pi), rng.uniform(0.3, 1.0)
    dx, dy = cols_ - np.float32(x), rows_ - np.float32(y)
    u = np.float32(np.cos(turn)) * dx + np.float32(np.sin(turn)) * dy
    v = (np.float32(np.cos(turn)) * dy - np.float32(np.sin(turn)) * dx) / np.float32(flat)
    near = np.exp(-(u * u + v * v) / np.float32(radius * radius))
    ragged = fractal_noise(rng, scene.shape, max(radius, 4.0), 1.2, 0.5)
    share = np.clip(near * (1.1 + 0.55 * ragged), 0, 1) * np.float32(rng.uniform(0.5, 1.0))
    scene.surface.darken(share, (0.80, float(rng.uniform(0.45, 0.62)), float(rng.uniform(0.25, 0.42))))
    scene.surface.darken(np.clip(share - 0.55, 0, 1), (0.6, 0.5, 0.45))
    scene.show("rust", np.clip(share / np.float32(0.6), 0, 1))
    if rng.random() < 0.4:
        add_rust_run(rng, scene, x, y, max(0.4 * radius, 2.0))


def add_rust_along(rng: np.random.Generator, scene: Scene, source: Field) -> None:
    """Let rust water seep from a crack: stained lips and runs below some points of it."""
    points = np.argwhere(source > 0.2)
    if len(points) == 0:
        return
    gate = ramp(smooth_noise(rng, scene.shape, 0.2 * scene.size), -0.2, 0.8)
    near = blur(np.clip(3 * source, 0, 1) * gate, float(rng.uniform(2, 6)))
    share = np.clip(near / np.float32(max(float(near.max()), 1e-6)) * 1.3, 0, 1) * np.float32(rng.uniform(0.5, 0.9))
    share = share * (1 - scene.coverage)  # on the lips, not in the gap
    scene.surface.darken(share, (0.85, 0.58, 0.38))
    scene.show("rust", np.clip(share / np.float32(0.6), 0, 1))
    for _ in range(int(rng.integers(1, 4))):
        row, col = points[int(rng.integers(len(points)))]
        add_rust_run(rng, scene, float(col), float(row), float(rng.uniform(2, 0.03 * scene.size + 2)))


def add_wet_run(rng: np.random.Generator, scene: Scene, source: Field) -> None:
    """Let water run from ``source``: sharp where it comes out, strands that widen, soft where it dries."""
    size = float(scene.size)
    gate = ramp(smooth_noise(rng, scene.shape, rng.uniform(0.06, 0.3) * size), float(rng.uniform(-1.2, 0.4)), 0.8)
    fed = np.clip(4 * source, 0, 1) * gate
    length = int(rng.uniform(0.3, 1.3) * size)
    run = smear_down(blur(fed, float(rng.uniform(1.0, 0.02 * size + 1))), length)
    spread = blur(run, float(rng.uniform(0.004, 0.03)) * size + 0.5)  # it creeps sideways as it runs
    body = np.sqrt(np.clip(np.maximum(spread, 0.6 * run) * float(rng.uniform(1.3, 3.5)), 0, 1))
    upright = {"stretch": float(rng.uniform(6, 14)), "angle": np.pi / 2}
    strands = fractal_noise(rng, scene.shape, float(rng.uniform(0.04, 0.18)) * size, 3.0, 0.6, **upright)
    ragged = fractal_noise(rng, scene.shape, 0.15 * size, 1.5, 0.5)
    low = float(rng.uniform(0.2, 0.45))
    share = ramp(body * (1 + 0.45 * strands + 0.3 * ragged), low, low + float(rng.uniform(0.15, 0.6)))
    _wet(rng, scene, share)


def add_damp_patch(rng: np.random.Generator, scene: Scene) -> None:
    """Draw a damp patch: ragged, with a firm upper edge, fading downwards; dark, smooth, a little glossy."""
    height, width = scene.shape
    size = float(scene.size)
    x, y = float(rng.uniform(0.1, 0.9)) * width, float(rng.uniform(0.1, 0.8)) * height
    rx, ry = (float(np.exp(rng.uniform(np.log(0.06), np.log(0.5)))) * size for _ in range(2))
    rows, cols = np.mgrid[0:height, 0:width].astype(np.float32)
    inside = 1 - np.sqrt(np.square((cols - np.float32(x)) / rx) + np.square((rows - np.float32(y)) / ry))
    inside += 0.42 * fractal_noise(rng, scene.shape, 0.8 * min(rx, ry) + 8, 2.0, 0.75)
    inside += 0.04 * fractal_noise(rng, scene.shape, 12.0, 1.5, 0.4)
    firm, soft = float(rng.uniform(0.01, 0.06)), float(rng.uniform(0.1, 0.5))
    lower = ramp(rows, y - 0.3 * ry, y + ry)
    share = np.clip(inside / (firm + (soft - firm) * lower) + 0.5, 0, 1)
    _wet(rng, scene, np.asarray(share * share * (3 - 2 * share), dtype=np.float32))


def _wet(rng: np.random.Generator, scene: Scene, share: Field) -> None:
    """Wet the wall where ``share`` is 1: pores fill, so it is darker, smoother and of deeper colour, and it shines."""
    surface = scene.surface
    depth = float(rng.uniform(0.35, 0.72))
    # Some of it is soaked, some only damp; the border is the same.
    dry = ramp(fractal_noise(rng, scene.shape, 0.25 * scene.size, 2.0, 0.6), -0.8, 1.5)
    film = share * (1 - np.float32(rng.uniform(0, 0.5)) * dry)
    smooth = blur(surface.colour, 1.2)
    grey = smooth.mean(axis=2, keepdims=True)
    deep = np.clip(smooth + 0.35 * (smooth - grey), 0.004, 1) * np.float32(depth)
    tint = np.asarray([rng.uniform(0.94, 1.02), 1.0, rng.uniform(0.95, 1.06)], dtype=np.float32)
    mix = (0.6 * surface.colour * np.float32(depth) + 0.4 * deep) * tint
    surface.cover(film, mix.astype(np.float32))
    if rng.random() < 0.35:  # a tide mark of dirt or lime where it dries
        rim = np.clip(1 - np.abs(share - 0.3) / 0.25, 0, 1) * ramp(smooth_noise(rng, scene.shape, 20.0), -0.8, 0.8)
        surface.darken(rim * np.float32(0.6), float(rng.choice([0.75, 1.2])))
    surface.height *= 1 - 0.35 * share
    np.maximum(scene.gloss, share * np.float32(rng.uniform(0, 1)), out=scene.gloss)
    scene.show("wet_spot", share)


def add_dirt(rng: np.random.Generator, scene: Scene) -> None:
    """Add weather that is no damage: run-down dirt, soot below an edge, moss, algae, lichen."""
    surface = scene.surface
    if rng.random() < 0.45:
        add_run_down(rng, surface, int(rng.integers(1, 6)), float(rng.uniform(0.2, 0.8)))
    if rng.random() < 0.16:
        add_moss(rng, surface, float(rng.uniform(0.2, 0.9)))
    if rng.random() < 0.12:
        _add_lichen(rng, scene)
    if rng.random() < 0.15:
        top = np.linspace(1, 0, surface.shape[0], dtype=np.float32)[:, None] ** float(rng.uniform(1, 4))
        film = top * (0.7 + 0.5 * fractal_noise(rng, surface.shape, 0.3 * scene.size, 3.0, 0.6))
        surface.darken(np.clip(film, 0, 1), float(rng.uniform(0.4, 0.8)))


def _add_lichen(rng: np.random.Generator, scene: Scene) -> None:
    """Dot the wall with lichen and moss cushions: white, yellow or green spots with lobed rims."""
    field = fractal_noise(rng, scene.shape, float(rng.uniform(0.04, 0.15)) * scene.size, 1.5, 0.6)
    cut = float(rng.uniform(1.2, 1.9))
    share = ramp(field, cut, cut + 0.15) * np.float32(rng.uniform(0.4, 0.95))
    colour = ((0.38, 0.33, 0.12), (0.22, 0.26, 0.14), (0.10, 0.14, 0.05), (0.06, 0.07, 0.05))[int(rng.integers(4))]
    grain = np.clip(1 + 0.25 * smooth_noise(rng, scene.shape, 2.5), 0.3, 1.8)[..., None]
    scene.surface.cover(share, (np.asarray(colour, dtype=np.float32) * grain).astype(np.float32))
    scene.surface.height += 2 * share * field
