"""Faces of concrete: as cast, weathered, board-marked, rough, pitted, streaked, washed to the aggregate."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from imagery.synthetic.noise import Field, blur, fractal_noise, ramp, smooth_noise
from imagery.synthetic.surface import PALETTE, Surface, draw_discs, make_surface

Face = Callable[[np.random.Generator, tuple[int, int], float, tuple[float, float, float]], Surface]


def draw_wall(rng: np.random.Generator, shape: tuple[int, int], gsd_mm: float) -> Surface:
    """Return a face ``(H, W)`` of a random kind and colour."""
    kind = int(rng.choice(len(_FACES), p=_SHARES))
    surface = _FACES[kind](rng, shape, gsd_mm, _colour(rng))
    if rng.random() < 0.45:
        _pinholes(rng, surface)
    if rng.random() < 0.4:
        _flecks(rng, surface)
    if rng.random() < 0.3:
        _peel(rng, surface)
    return surface


def _colour(rng: np.random.Generator) -> tuple[float, float, float]:
    """Return a linear reflectance: mostly grey, often tinted, now and then as odd as a bad white balance."""
    kind = rng.random()
    if kind < 0.5:
        colour = np.full(3, 0.25) * np.asarray([1.0, 1.0, 0.98])
        colour *= 1 + rng.normal(0, 0.025) * np.asarray([1.0, 0.0, -1.0])
    else:
        colour = np.asarray(PALETTE[int(rng.integers(len(PALETTE)))]) * rng.lognormal(0, 0.03, 3)
        if kind > 0.95:
            colour = colour[::-1] * [0.85, 1.0, 1.25]
    red, green, blue = np.clip(colour * rng.lognormal(0, 0.2), 0.04, 0.6)
    return float(red), float(green), float(blue)


def _plain(
    shape: tuple[int, int], gsd_mm: float, colour: tuple[float, float, float], tone: Field, relief: Field
) -> Surface:
    base = np.asarray(colour, dtype=np.float32)
    return Surface(np.clip(tone, 0.2, 2.5)[..., None] * base, relief.astype(np.float32), gsd_mm)


def _as_cast(
    rng: np.random.Generator, shape: tuple[int, int], gsd_mm: float, colour: tuple[float, float, float]
) -> Surface:
    """A smooth skin: broad pale clouds, hardly any grain."""
    size = float(max(shape))
    upright = {"stretch": float(rng.uniform(1.5, 4)), "angle": np.pi / 2} if rng.random() < 0.5 else {}
    clouds = fractal_noise(rng, shape, rng.uniform(0.3, 1.2) * size, 4.0, rng.uniform(0.6, 1.1), **upright)
    grain = smooth_noise(rng, shape, float(rng.uniform(1.0, 3.0)))
    spots = ramp(fractal_noise(rng, shape, 0.15 * size, 2.0, 0.4), 0.6, 1.8)
    tone = 1 + np.float32(rng.uniform(0.02, 0.14)) * clouds + np.float32(rng.uniform(0.004, 0.05)) * grain
    tone += np.float32(rng.normal(0, 0.08)) * spots
    return _plain(shape, gsd_mm, colour, tone, np.float32(rng.uniform(0.05, 0.5)) * grain)


def _weathered(
    rng: np.random.Generator, shape: tuple[int, int], gsd_mm: float, colour: tuple[float, float, float]
) -> Surface:
    """A worn skin: mottled, sandy, with flecks."""
    wear = float(rng.choice([0.0, rng.uniform(0.1, 0.8)]))
    mottling, grain = float(rng.uniform(0.08, 0.75)), float(rng.uniform(0.12, 0.9))
    return make_surface(rng, shape, gsd_mm, colour, mottling=mottling, grain=grain, wear=wear)


def _rough(
    rng: np.random.Generator, shape: tuple[int, int], gsd_mm: float, colour: tuple[float, float, float]
) -> Surface:
    """Sprayed or tamped concrete and render: bumps that the light models, little colour."""
    scale = float(rng.uniform(2.0, 9.0))
    bumps = fractal_noise(rng, shape, scale, 1.0, rng.uniform(0.2, 0.9))
    bumps = np.where(bumps > 0, bumps, 0.6 * bumps).astype(np.float32)
    clouds = fractal_noise(rng, shape, 0.6 * max(shape), 8.0, 0.8)
    tone = 1 + 0.05 * clouds + np.float32(rng.uniform(0.0, 0.08)) * bumps
    return _plain(shape, gsd_mm, colour, tone, np.float32(rng.uniform(1.0, 3.5)) * bumps)


def _streaked(
    rng: np.random.Generator, shape: tuple[int, int], gsd_mm: float, colour: tuple[float, float, float]
) -> Surface:
    """A face that rain has washed for years: upright streaks of dirt and of clean cement over fine grain."""
    size = float(max(shape))
    streaks = fractal_noise(
        rng, shape, rng.uniform(0.05, 0.2) * size, 1.5, 0.4, stretch=float(rng.uniform(3, 9)), angle=np.pi / 2
    )
    clouds = fractal_noise(rng, shape, 0.5 * size, 3.0, 0.6)
    grain = fractal_noise(rng, shape, 4.0, 1.0, 0.1)
    mix = streaks + 0.8 * clouds
    tone = 1 + np.float32(rng.uniform(0.08, 0.22)) * mix + np.float32(rng.uniform(0.02, 0.10)) * grain
    if rng.random() < 0.5:  # the dirt film has a border
        tone *= 1 - np.float32(rng.uniform(0.1, 0.4)) * ramp(mix + 0.2 * grain, 0.2, 0.6)
    surface = _plain(shape, gsd_mm, colour, tone, 0.4 * grain)
    if rng.random() < 0.5:
        surface.darken(ramp(mix, -0.2, 1.5), (0.9, 0.95, float(rng.uniform(0.75, 1.05))))
    return surface


def _pitted(
    rng: np.random.Generator, shape: tuple[int, int], gsd_mm: float, colour: tuple[float, float, float]
) -> Surface:
    """Old rough concrete: paste washed out between grains, dark pits, pale crusts."""
    size = float(max(shape))
    grain = fractal_noise(rng, shape, rng.uniform(3.0, 8.0), 1.0, 0.1)
    patch = fractal_noise(rng, shape, 0.4 * size, 4.0, 0.5)
    pits = ramp(grain - 0.35 * patch, 0.9, 1.7)
    tone = 1 + np.float32(rng.uniform(0.08, 0.2)) * grain + 0.08 * patch
    surface = _plain(shape, gsd_mm, colour, tone * (1 - np.float32(rng.uniform(0.2, 0.6)) * pits), grain - 2 * pits)
    if rng.random() < 0.5:
        crust = ramp(fractal_noise(rng, shape, 0.3 * size, 1.5, 0.35) + 0.3 * grain, 1.0, 1.3)
        surface.darken(crust, float(rng.uniform(1.08, 1.2)))
    return surface


def _washed(
    rng: np.random.Generator, shape: tuple[int, int], gsd_mm: float, colour: tuple[float, float, float]
) -> Surface:
    """Exposed aggregate, as on decks and washed faces: stones of many tones side by side."""
    surface = make_surface(rng, shape, gsd_mm, colour, mottling=0.15, grain=0.4, wear=0.0)
    add_stones(
        rng, surface, np.ones(shape, dtype=np.float32), float(rng.uniform(2.0, 7.0)), float(rng.uniform(0.2, 0.7))
    )
    return surface


_FACES: tuple[Face, ...] = (_as_cast, _weathered, _rough, _streaked, _pitted, _washed)
_SHARES = (0.30, 0.32, 0.08, 0.15, 0.08, 0.07)


def add_stones(rng: np.random.Generator, surface: Surface, where: Field, radius_px: float, density: float) -> Field:
    """Bare the coarse aggregate where ``where`` is 1, rounded stones with shadow gaps; return their relief."""
    height, width = surface.shape
    radius_px = float(np.clip(radius_px, 0.8, 0.12 * max(height, width)))
    count = min(int(density * float(where[::4, ::4].mean()) * height * width / (np.pi * radius_px**2)), 2500)
    tones = np.zeros((height, width, 3), dtype=np.float32)
    dome = np.zeros((height, width), dtype=np.float32)
    hue = rng.normal(0, 0.05, (8, 3))
    for _ in range(count):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        if where[int(y), int(x)] < 0.5:
            continue
        axis = radius_px * float(rng.lognormal(0, 0.45))
        axes = (max(int(16 * axis), 8), max(int(16 * axis * rng.uniform(0.5, 1.0)), 8))
        turn, at = float(rng.uniform(0, 180)), (int(16 * x), int(16 * y))
        tone = 1 + rng.normal(0.08, 0.25) + hue[int(rng.integers(8))]
        cv2.ellipse(tones, at, axes, turn, 0, 360, [float(t) for t in np.clip(tone, 0.3, 2.2)], -1, cv2.LINE_AA, 4)
        cv2.ellipse(dome, at, axes, turn, 0, 360, 1.0, -1, cv2.LINE_AA, 4)
    stone = (dome * where)[..., None]
    surface.colour *= 1 + stone * (tones / np.maximum(dome, 0.05)[..., None] - 1)
    gap = np.clip(blur(dome, 0.4 * radius_px + 0.5) - 0.55 * dome, 0, 1) * where * (1 - dome)
    surface.darken(gap, 0.55)
    relief = blur(dome, 0.35 * radius_px + 0.4) * where
    surface.height += np.float32(1.2 * min(radius_px, 6)) * relief
    return relief


def _pinholes(rng: np.random.Generator, surface: Surface) -> None:
    """Pierce the skin with air voids: a heavy-tailed number, most of them tiny, a few with a lit lower rim."""
    count = min(int(rng.lognormal(2.2, 1.1) * surface.shape[0] * surface.shape[1] / 65536), 400)
    radius = np.clip(rng.lognormal(np.log(0.9), 0.6, count), 0.35, 7.0)
    holes = draw_discs(rng, surface.shape, count, radius)
    surface.darken(holes, float(rng.uniform(0.2, 0.65)))
    surface.height -= 4 * blur(holes, 0.6)


def _flecks(rng: np.random.Generator, surface: Surface) -> None:
    """Lay pale crumbs, droppings and grit on the face."""
    count = int(rng.lognormal(2.5, 1.0))
    radius = np.clip(rng.pareto(2.0, count) * 0.6 + 0.4, 0.4, 9.0)
    crumbs = draw_discs(rng, surface.shape, count, radius)
    crumbs *= ramp(smooth_noise(rng, surface.shape, 3.0), -1.2, 0.4)
    pale = float(rng.uniform(0.35, 0.7))
    surface.cover(crumbs * np.float32(rng.uniform(0.3, 0.9)), (pale, pale * 0.98, pale * 0.95))
    surface.height += 2 * crumbs


def _peel(rng: np.random.Generator, surface: Surface) -> None:
    """Lift a film (old paint, lime wash, dirt crust) off in ragged islands with a sharp border."""
    field = fractal_noise(rng, surface.shape, rng.uniform(0.1, 0.5) * max(surface.shape), 1.5, rng.uniform(0.3, 0.7))
    cut = float(rng.uniform(0.3, 1.6))
    film = ramp(field, cut, cut + float(rng.uniform(0.05, 0.3)))
    # Paler films are weak: strong white ones are lime, which is a damage.
    tone = float(rng.choice([rng.uniform(0.65, 0.92), rng.uniform(1.05, 1.18)]))
    surface.darken(film, (tone, tone * float(rng.uniform(0.97, 1.03)), tone * float(rng.uniform(0.92, 1.05))))
    surface.height += float(rng.normal(0, 0.8)) * film
