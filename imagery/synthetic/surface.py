"""The face of the concrete before damage: colour, wear, grain, boards, stains, moss.

Everything is reflectance in linear light, ``(H, W, 3)`` float32, plus a height field in arbitrary units that the
light later turns into shading. Lengths are millimetres; ``gsd_mm`` turns them into pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.synthetic.noise import Field, blur, fractal_noise, profile_noise, ramp, smooth_noise

# Linear reflectance (r, g, b) of weathered concrete, from fresh grey to brown algae-covered walls; chosen by eye.
PALETTE: tuple[tuple[float, float, float], ...] = (
    (0.300, 0.295, 0.275),
    (0.190, 0.192, 0.190),
    (0.105, 0.112, 0.120),
    (0.240, 0.215, 0.180),
    (0.180, 0.145, 0.105),
    (0.210, 0.160, 0.140),
    (0.200, 0.180, 0.120),
    (0.360, 0.345, 0.310),
    (0.260, 0.275, 0.270),
    (0.150, 0.130, 0.110),
)


@dataclass(slots=True, eq=False)
class Surface:
    """A wall in the making: ``colour`` (H, W, 3) linear reflectance, ``height`` (H, W) relief."""

    colour: Field
    height: Field
    gsd_mm: float

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.height.shape[0], self.height.shape[1]

    def window(self, rows: slice, cols: slice) -> Surface:
        """Return a part of the wall; what is done to it is done to the wall."""
        return Surface(self.colour[rows, cols], self.height[rows, cols], self.gsd_mm)

    def darken(self, share: Field, factor: float | tuple[float, float, float]) -> None:
        """Multiply the colour by ``factor`` where ``share`` is 1, by less where it is less."""
        tint = np.asarray(factor, dtype=np.float32)
        self.colour *= 1 + share[..., None] * (tint - 1)

    def cover(self, share: Field, colour: tuple[float, float, float] | Field) -> None:
        """Replace the colour where ``share`` is 1."""
        self.colour += share[..., None] * (np.asarray(colour, dtype=np.float32) - self.colour)


def make_surface(
    rng: np.random.Generator,
    shape: tuple[int, int],
    gsd_mm: float,
    colour: tuple[float, float, float],
    *,
    mottling: float,
    grain: float,
    wear: float,
) -> Surface:
    """Return a plain wall: mottled colour, worn patches, sand grain, exposed stones.

    Args:
        rng: source of the draws.
        shape: height and width in pixels.
        gsd_mm: millimetres per pixel.
        colour: mean linear reflectance r, g, b.
        mottling: strength of the clouds of tone, 0..1.
        grain: strength of the sand grain, 0..1.
        wear: share of the face from which the cement skin is gone, 0..1.
    """
    size = float(max(shape))
    clouds = fractal_noise(rng, shape, 0.6 * size, 3.0, 0.55)
    ragged = fractal_noise(rng, shape, rng.uniform(0.1, 0.4) * size, 1.6, rng.uniform(0.2, 0.6))
    fine = _sand(rng, shape)
    # Roughness itself is patchy: without this the noise looks like film grain laid over a wall.
    patch = ramp(0.7 * clouds + 0.5 * ragged, -0.9, 0.9)
    tone = 1 + np.float32(0.23 * mottling) * clouds + np.float32(0.20 * mottling) * ragged
    tone += np.float32(0.16 * grain) * fine * (0.45 + patch)
    surface = Surface(np.empty((*shape, 3), dtype=np.float32), 0.6 * ragged + fine * (0.3 + 0.7 * patch), gsd_mm)
    other = np.asarray(PALETTE[int(rng.integers(len(PALETTE)))], dtype=np.float32)
    base = np.asarray(colour, dtype=np.float32)
    other *= base.mean() / other.mean()
    drift = (0.6 * mottling * ramp(-0.4 * clouds + 0.8 * ragged, -1.2, 1.4))[..., None].astype(np.float32)
    surface.colour[:] = np.clip(tone, 0.25, 2.2)[..., None] * (base + drift * (other - base))
    if wear > 0:
        _wear_skin(rng, surface, ragged + 0.35 * fine, wear)
    _speckle(rng, surface, grain)
    return surface


def _sand(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    """Return grain of one to four pixels, skewed to dark as pores are, unit variance."""
    turn = float(rng.uniform(0, np.pi))
    grains = 0.5 * smooth_noise(rng, shape, 1.0)
    grains = blur(grains, 0.6) * 1.6 + 0.6 * smooth_noise(rng, shape, 2.2, stretch=1.6, angle=turn)
    grains += 0.5 * smooth_noise(rng, shape, 4.5, stretch=1.4, angle=turn)
    return np.asarray(grains - 0.15 * grains * grains, dtype=np.float32)


def _wear_skin(rng: np.random.Generator, surface: Surface, field: Field, wear: float) -> None:
    """Take the cement skin off in ragged patches: another tone, rougher, with pale stones."""
    cut = float(np.quantile(field[::4, ::4], 1 - 0.7 * wear))
    soft = float(rng.uniform(0.1, 0.7))
    bare = ramp(field, cut - soft, cut + 1.2 * soft)
    red, green, blue = float(rng.uniform(0.78, 1.28)) * rng.uniform(0.97, 1.03, 3)
    surface.darken(bare, (float(red), float(green), float(blue)))
    surface.height -= 0.8 * bare


def _speckle(rng: np.random.Generator, surface: Surface, grain: float) -> None:
    """Lay stones and flecks: small bright and dark ellipses with soft rims, most of them tiny."""
    height, width = surface.shape
    count = int(rng.exponential(0.0012) * grain * height * width)
    fleck = np.zeros((height, width), dtype=np.float32)
    for _ in range(min(count, 4000)):
        radius = min(float(rng.pareto(2.2) * 0.7 + 0.5), min(0.01 * max(height, width) + 1, 7.0))
        axes = (int(16 * radius * rng.uniform(0.6, 1.4)), int(16 * radius * rng.uniform(0.5, 1.0)))
        centre = (int(rng.uniform(0, 16 * width)), int(rng.uniform(0, 16 * height)))
        value = float(rng.normal(0.25, 0.35))
        cv2.ellipse(fleck, centre, axes, float(rng.uniform(0, 180)), 0, 360, value, -1, cv2.LINE_AA, 4)
    surface.colour *= np.clip(1 + blur(fleck, 0.5), 0.4, 2.2)[..., None]
    surface.height += np.abs(fleck)


def add_boards(rng: np.random.Generator, surface: Surface, board_mm: float, angle: float) -> None:
    """Print form boards: tone from plank to plank, wood grain along them, a fin or a gap between them."""
    height, width = surface.shape
    rows, cols = np.mgrid[0:height, 0:width].astype(np.float32)
    across = np.float32(np.cos(angle)) * rows - np.float32(np.sin(angle)) * cols
    across += 0.6 * smooth_noise(rng, surface.shape, 60.0)
    pitch = np.float32(board_mm / surface.gsd_mm)
    position = across / pitch + np.float32(rng.uniform(0, 50)) + 100
    plank = position.astype(np.int32)
    plank -= plank.min()
    count = int(plank.max()) + 1
    along = np.float32(np.cos(angle)) * cols + np.float32(np.sin(angle)) * rows
    board_px = 1800.0 / surface.gsd_mm  # boards are butted end to end, not in line with their neighbours
    piece = (along / np.float32(board_px) + rng.uniform(20, 50, count).astype(np.float32)[plank]).astype(np.int32) % 64
    tones = rng.normal(1.0, 0.09, (count, 64)).astype(np.float32)[plank, piece]
    relief = rng.normal(0.0, 1.0, (count, 64)).astype(np.float32)[plank, piece]
    printed = rng.beta(1.0, 2.5, (count, 64)).astype(np.float32)[plank, piece]  # some boards print their grain
    wood = printed * fractal_noise(rng, surface.shape, 11.0, 2.5, 0.6, stretch=9.0, angle=angle)
    edge = np.abs((position % 1) - np.float32(0.5))  # 0.5 at the border of two planks
    line_px = max(0.8, 3.0 / surface.gsd_mm * float(rng.uniform(0.3, 1.0)))
    fin = np.clip((edge - 0.5) * pitch / np.float32(line_px) + 1, 0, 1)
    broken = ramp(smooth_noise(rng, surface.shape, 40.0, stretch=3.0, angle=angle), -0.8, 0.8)
    surface.colour *= (np.clip(tones, 0.7, 1.3) * (1 + np.float32(0.045) * wood))[..., None]
    surface.darken(fin * broken, float(rng.choice([rng.uniform(0.55, 0.8), rng.uniform(1.1, 1.35)])))
    surface.height += 0.5 * wood + 0.3 * relief + float(rng.choice([-2.0, 2.0])) * fin * broken


def add_run_down(rng: np.random.Generator, surface: Surface, count: int, strength: float) -> None:
    """Let water run down: streaks that start at a point or at the top edge, fray, and fade."""
    height, width = surface.shape
    tints = ((0.42, 0.42, 0.42), (0.5, 0.47, 0.38), (1.35, 1.33, 1.28))
    tint = tints[int(rng.choice(3, p=[0.6, 0.25, 0.15]))]
    for _ in range(count):
        spread = float(rng.lognormal(np.log(12.0 / surface.gsd_mm + 2), 0.6))
        x, y = float(rng.uniform(0, width)), float(rng.uniform(-0.3, 0.5)) * height
        rows, cols, share = streak(rng, surface.shape, x, y, spread)
        surface.window(rows, cols).darken(strength * share, tint)


def streak(
    rng: np.random.Generator, shape: tuple[int, int], x: float, y: float, half_width_px: float
) -> tuple[slice, slice, Field]:
    """Return the window and the strength 0..1 of what runs down from ``x``, ``y``: strands that fray and fade."""
    height, width = shape
    reach = int(4 * half_width_px) + 4
    left, right = max(int(x) - reach, 0), min(int(x) + reach + 1, width)
    top = min(max(int(y - 2 * half_width_px), 0), height - 1)
    if right <= left:
        left, right = (0, 1) if x < 0 else (width - 1, width)
    rows, cols = slice(top, height), slice(left, right)
    size = (height - top, right - left)
    down = np.arange(top, height, dtype=np.float32) - np.float32(y)
    across = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(x)
    wander = np.cumsum(rng.normal(0, 0.12, size[0])).astype(np.float32)
    fray = fractal_noise(rng, size, max(half_width_px, 3.0), 1.5, 0.4, stretch=7.0, angle=np.pi / 2)
    share = np.zeros(size, dtype=np.float32)
    for _ in range(int(rng.integers(3, 7))):
        offset, spread = rng.normal(0, 0.8) * half_width_px, half_width_px * rng.uniform(0.15, 0.7)
        begin = rng.uniform(-0.5, 1.5) * half_width_px
        start = np.clip((down - np.float32(begin)) / np.float32(3 * spread + 3), 0, 1)
        fade = start * np.exp(-np.clip(down, 0, None) / np.float32(rng.uniform(0.08, 0.7) * height))
        wide = np.float32(spread) * (1 + 0.5 * np.clip(down / height, 0, 1))
        body = np.exp(-np.square((across - np.float32(offset) - wander[:, None]) / wide[:, None]))
        share = np.maximum(share, np.float32(rng.uniform(0.4, 1.0)) * body * fade[:, None])
    return rows, cols, np.asarray(np.clip(share * (1 + 0.4 * fray), 0, 1), dtype=np.float32)


def add_moss(rng: np.random.Generator, surface: Surface, strength: float) -> None:
    """Tint the lower part with algae and moss, dense at the foot, ragged at its upper edge."""
    height, _ = surface.shape
    field = fractal_noise(rng, surface.shape, 0.3 * max(surface.shape), 1.5, 0.4)
    depth = np.linspace(-1.6, 1.0, height, dtype=np.float32)[:, None]
    share = ramp(field * 0.9 + 1.8 * depth, -0.2, 1.8) * np.float32(strength)
    green = float(rng.uniform(0.0, 1.0)) ** 2  # mostly black algae, sometimes fresh moss
    tint = (0.45 - 0.05 * green, 0.46 + 0.02 * green, 0.40 - 0.12 * green)
    surface.darken(share, tint)
    surface.height += 0.6 * share * field


def add_pour_line(rng: np.random.Generator, surface: Surface, row: float) -> None:
    """Draw the border of two pours: a wavy line, tone above differs from tone below, pores along it."""
    height, width = surface.shape
    wave = np.zeros(width, dtype=np.float32)
    for scale_mm, sway_mm in ((400.0, 6.0), (120.0, 2.5), (30.0, 1.0), (8.0, 0.5)):
        wave += (sway_mm / surface.gsd_mm * profile_noise(rng, width, surface.gsd_mm, scale_mm)).astype(np.float32)
    wave = blur(wave[None, :], 1.5)[0]
    rows = np.arange(height, dtype=np.float32)[:, None]
    below = ramp(rows - np.float32(row) - wave[None, :], -1.5, 1.5)
    surface.darken(below, float(rng.normal(1.0, 0.1)))
    offset = np.abs(rows - np.float32(row) - wave[None, :])
    thick = float(rng.uniform(1.0, 6.0)) / surface.gsd_mm + 1.0
    line = np.clip(1 - offset / np.float32(thick), 0, 1) * ramp(smooth_noise(rng, surface.shape, 30.0), -0.6, 1.0)
    surface.darken(line, float(rng.uniform(0.5, 0.85)))
    surface.height -= line


def draw_discs(rng: np.random.Generator, shape: tuple[int, int], count: int, radius_px: NDArray[np.float64]) -> Field:
    """Return ``count`` anti-aliased near-round spots ``(H, W)`` in 0..1 at random places."""
    height, width = shape
    spots = np.zeros(shape, dtype=np.float32)
    for radius in radius_px[:count]:
        centre = (int(rng.uniform(0, 16 * width)), int(rng.uniform(0, 16 * height)))
        axes = (max(int(16 * radius), 6), max(int(16 * radius * rng.uniform(0.7, 1.0)), 6))
        cv2.ellipse(
            spots, centre, axes, float(rng.uniform(0, 180)), 0, 360, float(rng.uniform(0.5, 1.0)), -1, cv2.LINE_AA, 4
        )
    return spots


def add_bug_holes(rng: np.random.Generator, surface: Surface, per_m2: float) -> None:
    """Pierce the skin with air voids of 1 to 12 mm, dark inside, as left by trapped bubbles."""
    area_m2 = surface.shape[0] * surface.shape[1] * (surface.gsd_mm / 1000) ** 2
    count = min(int(rng.poisson(per_m2 * area_m2)), 1500)
    radius = np.clip(rng.lognormal(np.log(1.6), 0.6, count), 0.5, 8.0) / surface.gsd_mm
    holes = draw_discs(rng, surface.shape, count, np.maximum(radius, 0.4))
    surface.darken(holes, float(rng.uniform(0.25, 0.5)))
    surface.height -= 5 * blur(holes, 0.6)
