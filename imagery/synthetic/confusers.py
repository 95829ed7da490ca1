"""What looks like a crack and is none: joints, tie holes, cables, scratches, shadows of things outside the frame."""

from __future__ import annotations

import cv2
import numpy as np

from imagery.synthetic.cracks import polygon_coverage
from imagery.synthetic.noise import Field, blur, fractal_noise, ramp, smooth_noise
from imagery.synthetic.surface import Surface


def straight_band(
    shape: tuple[int, int], start: tuple[float, float], end: tuple[float, float], width_px: float
) -> Field:
    """Return the exact coverage ``(H, W)`` of a straight band between two points (x, y)."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
    side = 0.5 * width_px * np.array([-along[1], along[0]])
    return polygon_coverage(np.stack([a + side, b + side, b - side, a - side]), shape)


def _across(rng: np.random.Generator, shape: tuple[int, int], angle: float) -> tuple[tuple[float, float], ...]:
    """Return two points beyond the frame, on a line of that angle through a random inner point."""
    height, width = shape
    x, y = rng.uniform(0.08, 0.92) * width, rng.uniform(0.08, 0.92) * height
    reach = float(height + width)
    dx, dy = reach * np.cos(angle), reach * np.sin(angle)
    return (x - dx, y - dy), (x + dx, y + dy)


def add_joint(rng: np.random.Generator, surface: Surface, angle: float) -> None:
    """Draw a formwork or expansion joint: straight, dark, of constant width, with a lit arris and some dirt."""
    start, end = _across(rng, surface.shape, angle)
    width_px = max(0.7, float(rng.lognormal(np.log(4.0), 0.6)) / surface.gsd_mm)
    width_px = min(width_px, 0.06 * max(surface.shape))
    band = straight_band(surface.shape, start, end, width_px)
    filled = 0.75 + 0.25 * ramp(smooth_noise(rng, surface.shape, 25.0), -1.0, 0.5)
    surface.darken(band * filled, float(rng.uniform(0.15, 0.6)))
    rim = np.clip(blur(band, 0.8 + 0.3 * width_px) - band, 0, 1)
    surface.darken(rim, float(rng.uniform(0.7, 1.35)))
    surface.height -= float(rng.uniform(1, 5)) * band


def add_tie_hole(rng: np.random.Generator, surface: Surface, x: float, y: float, radius_mm: float) -> None:
    """Draw the hole of a form tie: a round dark hole or its mortar plug, often with a stain below."""
    mask = np.zeros(surface.shape, dtype=np.float32)
    radius = max(radius_mm / surface.gsd_mm, 1.5)
    cv2.circle(mask, (int(16 * x), int(16 * y)), int(16 * radius), 1.0, -1, cv2.LINE_AA, 4)
    if rng.random() < 0.5:
        surface.darken(mask, float(rng.uniform(0.75, 1.25)))
        ring = np.clip(mask - cv2.erode(mask, np.ones((3, 3), np.uint8)), 0, 1)
        surface.darken(ring, 0.55)
    else:  # an open hole: its upper part lies in its own shadow, its lower wall catches light
        surface.darken(blur(mask, 0.4), float(rng.uniform(0.15, 0.4)))
        floor = np.zeros(surface.shape, dtype=np.float32)
        drop = radius * rng.uniform(0.25, 0.5)
        cv2.circle(floor, (int(16 * x), int(16 * (y + drop))), int(16 * 0.85 * radius), 1.0, -1, cv2.LINE_AA, 4)
        surface.darken(blur(floor, 0.12 * radius + 0.3) * mask, float(rng.uniform(1.2, 2.4)))
        crumbs = ramp(fractal_noise(rng, surface.shape, radius, 1.5, 0.4), 0.2, 0.8)
        surface.darken(np.clip(blur(mask, 0.15 * radius + 0.5) - mask, 0, 1) * crumbs, float(rng.uniform(0.6, 1.4)))


def add_cable(rng: np.random.Generator, surface: Surface) -> Field:
    """Lay a cable or pipe over the wall; return its coverage ``(H, W)``, which hides what lies behind."""
    height, width = surface.shape
    count = 60
    along = np.linspace(-0.1, 1.1, count)
    sag = rng.normal(0, 0.06) * np.sin(np.pi * along) + rng.normal(0, 0.01) * np.sin(5 * along)
    across = rng.uniform(0.1, 0.9) + sag + rng.normal(0, 0.15) * (along - 0.5)
    xy = np.stack([along * width, across * height], axis=1)
    if rng.random() < 0.5:
        xy = np.stack([across * width, along * height], axis=1)
    radius = max(0.8, min(float(rng.lognormal(np.log(8.0), 0.5)) / surface.gsd_mm, 0.05 * max(height, width)) / 2)
    run = np.gradient(xy, axis=0)
    side = np.stack([-run[:, 1], run[:, 0]], axis=1) / np.linalg.norm(run, axis=1)[:, None]
    tone = float(rng.choice([0.03, 0.05, 0.35]))
    body = polygon_coverage(np.concatenate([xy + radius * side, (xy - radius * side)[::-1]]), surface.shape)
    lit = polygon_coverage(np.concatenate([xy + 0.1 * radius * side, (xy - 0.5 * radius * side)[::-1]]), surface.shape)
    offset = rng.uniform(0.5, 2.5) * radius
    moved = xy + np.array([offset, offset])
    shadow = polygon_coverage(np.concatenate([moved + radius * side, (moved - radius * side)[::-1]]), surface.shape)
    shade = blur(shadow, 0.3 * radius + 0.7) * (1 - body)
    surface.darken(shade, float(rng.uniform(0.4, 0.7)))
    surface.cover(body, (tone, tone, tone))
    surface.cover(0.5 * blur(lit, 0.4 * radius + 0.3) * body, (1.8 * tone + 0.02,) * 3)
    surface.height *= 1 - body
    return body


def add_scratch(rng: np.random.Generator, surface: Surface) -> None:
    """Draw a pale or dark scratch, chalk line or splash line, broken and faint."""
    height, width = surface.shape
    x, y, angle = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0, 2 * np.pi)
    length = rng.uniform(0.1, 0.7) * max(height, width)
    end = (x + length * np.cos(angle), y + length * np.sin(angle))
    band = straight_band(surface.shape, (x, y), end, float(rng.uniform(0.8, 4.0)))
    broken = ramp(fractal_noise(rng, surface.shape, 20.0, 1.5, 0.3), -0.5, 1.0)
    surface.darken(band * broken, float(rng.choice([rng.uniform(1.15, 1.6), rng.uniform(0.6, 0.9)])))


def shadow_field(rng: np.random.Generator, shape: tuple[int, int], strength: float) -> Field:
    """Return light ``(H, W)``: 1 in the sun, 1 - strength in the shadow of something outside the frame."""
    height, width = shape
    start, end = _across(rng, shape, float(rng.uniform(0, np.pi)))
    a, b = np.asarray(start), np.asarray(end)
    normal = np.array([-(b - a)[1], (b - a)[0]]) / np.linalg.norm(b - a)
    rows, cols = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = (cols - np.float32(a[0])) * np.float32(normal[0]) + (rows - np.float32(a[1])) * np.float32(normal[1])
    kind = rng.random()
    if kind < 0.3:  # leaves instead of a beam
        distance += float(rng.uniform(0.05, 0.15)) * max(shape) * fractal_noise(rng, shape, 0.2 * max(shape), 8.0, 0.9)
    elif kind < 0.55:  # a pole or a wire: the light comes back
        distance = np.float32(rng.uniform(1.5, 40)) - np.abs(distance)
    soft = float(rng.uniform(0.7, 8.0))
    return np.asarray(1 - strength * ramp(distance, -soft, soft), dtype=np.float32)
