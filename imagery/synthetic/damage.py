"""Damage on a wall: painted cracks, spalling with exposed bars, efflorescence, rust stains; each with its mask."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.synthetic.confusers import straight_band
from imagery.synthetic.cracks import CrackLine
from imagery.synthetic.noise import Field, blur, fractal_noise, ramp, smooth_noise
from imagery.synthetic.surface import Surface, streak

Mask = NDArray[np.bool_]


def paint_crack(
    rng: np.random.Generator, surface: Surface, line: CrackLine, coverage: Field, core: float, light_rad: float
) -> None:
    """Darken the wall inside a crack and change the tone beside it.

    Args:
        rng: source of the draws.
        surface: the wall.
        line: the crack.
        coverage: exact coverage ``(H, W)`` of the crack.
        core: mean reflectance inside, as a share of the wall's; varies along the crack with dirt and depth.
        light_rad: direction that the light comes from; the lip that faces it is bright.
    """
    rows, cols = _window(coverage, 24)
    cover = coverage[rows, cols]
    shape = cover.shape
    wide = float(line.width_px.max())
    colour = surface.colour[rows, cols]
    halo = blur(cover, 1.5 + 0.8 * wide) * ramp(smooth_noise(rng, shape, 18.0), -1.0, 1.2)
    colour *= 1 + halo[..., None] * np.float32(rng.normal(-0.15, 0.45))
    shift = np.float32([[1, 0, -np.cos(light_rad)], [0, 1, -np.sin(light_rad)]])
    lip = cv2.warpAffine(cover, shift, (shape[1], shape[0])) - cover
    colour *= 1 + np.float32(rng.uniform(0.0, 0.35)) * np.clip(blur(lip, 0.6), 0, 1)[..., None]
    tint = np.asarray([1.0, rng.uniform(0.9, 1.0), rng.uniform(0.8, 1.05)], dtype=np.float32)
    inside = np.clip(
        core * np.exp(0.35 * smooth_noise(rng, shape, 14.0) + 0.15 * smooth_noise(rng, shape, 3.0)), 0, 0.9
    )
    colour *= 1 + cover[..., None] * (inside[..., None] * tint - 1)
    surface.height[rows, cols] *= 1 - cover


def _window(coverage: Field, margin: int) -> tuple[slice, slice]:
    rows, cols = np.flatnonzero(coverage.any(axis=1)), np.flatnonzero(coverage.any(axis=0))
    if len(rows) == 0:
        return slice(0, 1), slice(0, 1)
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + margin + 1),
        slice(max(int(cols[0]) - margin, 0), int(cols[-1]) + margin + 1),
    )


def add_spall(
    rng: np.random.Generator,
    surface: Surface,
    centre: tuple[float, float],
    radius_mm: float,
    light_rad: float,
    bars: bool,
) -> tuple[Mask, Mask]:
    """Break the cover off; return the masks of the spall and of the steel that it bares."""
    height, width = surface.shape
    radius = radius_mm / surface.gsd_mm
    rows, cols = np.mgrid[0:height, 0:width].astype(np.float32)
    turn, flat = rng.uniform(0, np.pi), rng.uniform(0.45, 0.9)
    dx, dy = cols - np.float32(centre[0]), rows - np.float32(centre[1])
    u = np.float32(np.cos(turn)) * dx + np.float32(np.sin(turn)) * dy
    v = (-np.float32(np.sin(turn)) * dx + np.float32(np.cos(turn)) * dy) / np.float32(flat)
    rim = fractal_noise(rng, surface.shape, max(1.2 * radius, 6.0), 1.5, 0.75)
    inside = 1 - np.sqrt(u * u + v * v) / np.float32(radius) + 0.3 * rim
    share = ramp(inside, -1.2 / radius, 1.2 / radius)
    rough = fractal_noise(rng, surface.shape, max(0.3 * radius, 5.0), 1.3, 0.45)
    stones = ramp(fractal_noise(rng, surface.shape, max(9.0 / surface.gsd_mm, 2.5), 2.0, 0.6), 0.5, 0.9)
    bed = surface.colour.mean(axis=(0, 1)) * np.float32(rng.uniform(0.75, 1.35))
    fresh = bed * (1 + 0.22 * rough + 0.3 * stones)[..., None]
    surface.cover(share, np.clip(fresh, 0.01, 0.9).astype(np.float32))
    depth = np.clip(inside, 0, 0.35) / 0.35
    surface.height += share * (2.5 * rough + 1.5 * stones) - 0.5 * radius**0.5 * depth
    reach = max(2.0, 0.08 * radius)
    move = np.float32([[1, 0, -reach * np.cos(light_rad)], [0, 1, -reach * np.sin(light_rad)]])
    shadow = np.clip(share - cv2.warpAffine(share, move, (width, height), borderValue=1.0), 0, 1)
    surface.darken(blur(shadow, 0.3 * reach), 0.35)
    steel = np.zeros(surface.shape, dtype=bool)
    if bars:
        steel = _bare_bars(rng, surface, centre, radius, inside)
    return share >= 0.5, steel & (share >= 0.5)


def _bare_bars(
    rng: np.random.Generator, surface: Surface, centre: tuple[float, float], radius: float, inside: Field
) -> Mask:
    """Show one to three corroded bars across a spall; return their mask."""
    steel = np.zeros(surface.shape, dtype=bool)
    diameter = max(float(rng.choice([10.0, 13.0, 16.0, 19.0, 22.0])) / surface.gsd_mm, 2.0)
    angle = float(rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.04))
    side = np.array([-np.sin(angle), np.cos(angle)])
    along = 3 * radius * np.array([np.cos(angle), np.sin(angle)])
    pitch = max(float(rng.uniform(100, 200)) / surface.gsd_mm, 2.5 * diameter)
    rust = fractal_noise(rng, surface.shape, 2 * diameter, 1.2, 0.4)
    offsets = [float(rng.normal(0, 0.2)) * radius]
    offsets += [offsets[0] + pitch, offsets[0] - pitch]
    opened = ramp(inside, 0.06, 0.16)
    for offset in offsets:
        middle = np.asarray(centre) + offset * side
        start, end = middle - along, middle + along
        a, b = (float(start[0]), float(start[1])), (float(end[0]), float(end[1]))
        bar = straight_band(surface.shape, a, b, diameter) * opened
        if bar.sum() < diameter * diameter:
            continue
        lit = blur(straight_band(surface.shape, a, b, 0.35 * diameter), 0.18 * diameter) * opened
        shade = np.clip(blur(bar, 0.4 * diameter) - bar, 0, 1)
        surface.darken(shade, 0.4)
        tone = np.array([0.115, 0.052, 0.028], dtype=np.float32) * np.float32(rng.uniform(0.6, 1.3))
        body = tone * np.clip(1 + 0.35 * rust + 0.5 * lit, 0.3, 2.5)[..., None]
        surface.cover(bar, body.astype(np.float32))
        surface.height += bar * (1.5 * rust)
        steel |= bar >= 0.5
    return steel


def add_rust_stain(rng: np.random.Generator, surface: Surface, x: float, y: float, size_mm: float) -> Mask:
    """Let rust water run down from a point; return where the stain is plain to see."""
    half = max(size_mm / surface.gsd_mm, 2.0)
    share = streak(rng, surface.shape, x, y, half)
    surface.darken(share * np.float32(rng.uniform(0.6, 1.0)), (0.85, 0.5, 0.28))
    return share > 0.3


def add_efflorescence(
    rng: np.random.Generator, surface: Surface, source: Field, size_mm: float, strength: float
) -> Mask:
    """Let lime come out along ``source`` (coverage of a crack or a spot) and run down; return the crust's mask."""
    reach = max(size_mm / surface.gsd_mm, 1.5)
    near = blur(source, reach)
    near /= np.float32(max(float(near.max()), 1e-6))
    size = max(int(6 * reach), 3) | 1
    kernel = np.zeros((size, 1), dtype=np.float32)
    kernel[: size // 2 + 1] = np.linspace(0, 1, size // 2 + 1, dtype=np.float32)[:, None]
    run = cv2.filter2D(near, -1, kernel[::-1] / kernel.sum(), anchor=(0, size - 1), borderType=cv2.BORDER_CONSTANT)
    drips = fractal_noise(rng, surface.shape, max(2.5 * reach, 4.0), 1.5, 0.4, stretch=5.0, angle=np.pi / 2)
    clots = fractal_noise(rng, surface.shape, max(2.0 * reach, 4.0), 1.3, 0.5)
    crust = ramp(1.6 * np.maximum(near, 0.9 * run) + 0.35 * drips * (run > 0.02) + 0.4 * clots, 0.75, 1.35)
    crust *= ramp(np.maximum(near, run), 0.05, 0.25)
    white = np.array([0.62, 0.61, 0.57], dtype=np.float32) * np.float32(rng.uniform(0.7, 1.1))
    body = white * (1 + 0.08 * clots)[..., None]
    surface.cover(crust * np.float32(strength), body.astype(np.float32))
    surface.height += 1.2 * crust * (1 + 0.5 * clots)
    return crust * strength > 0.35
