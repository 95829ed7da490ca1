"""Damage on a wall: painted cracks, spalling with exposed bars, efflorescence, rust stains; each with its mask."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.synthetic.cracks import CrackLine
from imagery.synthetic.noise import Field, blur, fractal_noise, ramp, smooth_noise
from imagery.synthetic.surface import Surface, streak

Mask = NDArray[np.bool_]


def paint_crack(
    rng: np.random.Generator,
    surface: Surface,
    line: CrackLine,
    coverage: Field,
    core: float,
    light_rad: float,
    edge_dirt: float = 1.0,
) -> None:
    """Darken the wall inside a crack and change the tone beside it.

    Args:
        rng: source of the draws.
        surface: the wall.
        line: the crack.
        coverage: exact coverage ``(H, W)`` of the crack.
        core: mean reflectance inside, as a share of the wall's; varies along the crack with dirt and depth.
        light_rad: direction that the light comes from; the lip that faces it is bright.
        edge_dirt: strength of the tone beside the crack; 0 leaves the wall as it is up to the lips.
    """
    rows, cols = window_of(coverage, 24)
    cover = coverage[rows, cols]
    shape = cover.shape
    wide = float(line.width_px.max())
    colour = surface.colour[rows, cols]
    halo = blur(cover, 1.5 + 0.8 * wide) * ramp(smooth_noise(rng, shape, 18.0), -1.0, 1.2)
    colour *= 1 + halo[..., None] * np.float32(edge_dirt * rng.normal(-0.15, 0.45))
    shift = np.array([[1, 0, -np.cos(light_rad)], [0, 1, -np.sin(light_rad)]], dtype=np.float32)
    lip = cv2.warpAffine(cover, shift, (shape[1], shape[0])) - cover
    colour *= 1 + np.float32(edge_dirt * rng.uniform(0.0, 0.35)) * np.clip(blur(lip, 0.6), 0, 1)[..., None]
    tint = np.asarray([1.0, rng.uniform(0.9, 1.0), rng.uniform(0.8, 1.05)], dtype=np.float32)
    inside = np.clip(
        core * np.exp(0.35 * smooth_noise(rng, shape, 14.0) + 0.15 * smooth_noise(rng, shape, 3.0)), 0, 0.9
    )
    colour *= 1 + cover[..., None] * (inside[..., None] * tint - 1)
    surface.height[rows, cols] *= 1 - cover


def window_of(coverage: Field, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns around all that is not 0, with a margin."""
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
    """Break the cover off round ``centre`` (x, y in pixels); return the masks of the spall and of the bared steel."""
    radius = radius_mm / surface.gsd_mm
    spall, steel = np.zeros(surface.shape, dtype=bool), np.zeros(surface.shape, dtype=bool)
    rows, cols = _around(surface.shape, centre, int(2.0 * radius) + 8)
    part = surface.window(rows, cols)
    middle = (centre[0] - cols.start, centre[1] - rows.start)
    inside = spall_shape(rng, part.shape, middle, radius)
    share = ramp(inside, -1.0 / radius, 1.0 / radius)
    rough = fractal_noise(rng, part.shape, max(0.12 * radius, 5.0), 1.2, 0.35)
    stones = _stones(rng, part, share)
    bed = np.median(part.colour[::4, ::4], axis=(0, 1)) * np.float32(rng.uniform(0.8, 1.25))
    fresh = bed * np.clip(1 + 0.16 * rough + 0.9 * stones, 0.3, 2.2)[..., None]
    part.cover(share, np.clip(fresh, 0.01, 0.9).astype(np.float32))
    part.height *= 1 - share
    part.height += share * (1.6 * rough + 3.0 * np.abs(stones))
    shade_rim(part, share, radius, light_rad)
    if bars:
        steel[rows, cols] = _bare_bars(rng, part, middle, radius, inside, light_rad) & (share >= 0.5)
    spall[rows, cols] = share >= 0.5
    return spall, steel


def _around(shape: tuple[int, int], centre: tuple[float, float], reach: int) -> tuple[slice, slice]:
    x, y = int(centre[0]), int(centre[1])
    return (
        slice(min(max(y - reach, 0), shape[0] - 1), min(max(y + reach, 1), shape[0])),
        slice(min(max(x - reach, 0), shape[1] - 1), min(max(x + reach, 1), shape[1])),
    )


def spall_shape(rng: np.random.Generator, shape: tuple[int, int], middle: tuple[float, float], radius: float) -> Field:
    """Return a field that is 0 on the rim and positive inside: a few conchoidal chips with ragged edges."""
    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    inside = np.full(shape, -9.0, dtype=np.float32)
    for chip in range(int(rng.integers(1, 4))):
        size = radius * (1.0 if chip == 0 else float(rng.uniform(0.35, 0.7)))
        x, y = np.asarray(middle) + (0 if chip == 0 else 1) * rng.normal(0, 0.6, 2) * radius
        turn, flat = rng.uniform(0, np.pi), rng.uniform(0.45, 0.95)
        dx, dy = cols - np.float32(x), rows - np.float32(y)
        u = np.float32(np.cos(turn)) * dx + np.float32(np.sin(turn)) * dy
        v = (-np.float32(np.sin(turn)) * dx + np.float32(np.cos(turn)) * dy) / np.float32(flat)
        inside = np.maximum(inside, (1 - np.sqrt(u * u + v * v) / np.float32(size)) * np.float32(size / radius))
    coarse = fractal_noise(rng, shape, max(0.8 * radius, 6.0), max(0.2 * radius, 3.0), 0.9)
    fine = fractal_noise(rng, shape, max(0.15 * radius, 3.0), 1.2, 0.7)
    return np.asarray(inside + 0.13 * coarse + 0.035 * fine, dtype=np.float32)


def _stones(rng: np.random.Generator, surface: Surface, share: Field) -> Field:
    """Return the tone of the coarse aggregate (5 to 25 mm) that a broken face shows, 0 between the stones."""
    field = np.zeros(surface.shape, dtype=np.float32)
    rows, cols = np.nonzero(share > 0.9)
    if len(rows) == 0:
        return field
    area_mm2 = len(rows) * surface.gsd_mm**2
    for at in rng.integers(len(rows), size=min(int(area_mm2 / 350), 1200)):
        axis = float(rng.lognormal(np.log(4.0), 0.5)) / surface.gsd_mm
        axes = (max(int(16 * axis), 8), max(int(16 * axis * rng.uniform(0.55, 1.0)), 8))
        centre = (int(16 * cols[at]), int(16 * rows[at]))
        cv2.ellipse(field, centre, axes, float(rng.uniform(0, 180)), 0, 360, float(rng.normal(0.05, 0.25)), -1,
                    cv2.LINE_AA, 4)  # fmt: skip
    return blur(field, 0.7)


def shade_rim(surface: Surface, share: Field, radius: float, light_rad: float) -> None:
    """Throw the shadow of the rim that faces the light into the hole, and light the rim opposite."""
    height, width = surface.shape
    reach = max(1.5, 0.05 * radius)
    for sign, factor, spread in ((1.0, 0.4, 0.5), (-1.0, 1.35, 0.35)):
        dx, dy = sign * reach * np.cos(light_rad), sign * reach * np.sin(light_rad)
        move = np.array([[1, 0, -dx], [0, 1, -dy]], dtype=np.float32)
        moved = np.asarray(cv2.warpAffine(share, move, (width, height), borderMode=cv2.BORDER_REPLICATE), np.float32)
        surface.darken(blur(np.clip(share - moved, 0, 1), spread * reach) * share, factor)


def _bare_bars(
    rng: np.random.Generator,
    surface: Surface,
    centre: tuple[float, float],
    radius: float,
    inside: Field,
    light_rad: float,
) -> Mask:
    """Show one to three corroded ribbed bars across a spall; return their mask."""
    steel = np.zeros(surface.shape, dtype=bool)
    diameter = float(rng.choice([10.0, 13.0, 16.0, 19.0])) / surface.gsd_mm
    diameter = min(max(diameter, 2.0), 0.3 * radius)  # a chip smaller than that would not have reached the steel
    angle = float(rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.04))
    side = np.array([-np.sin(angle), np.cos(angle)])
    pitch = max(float(rng.uniform(100, 200)) / surface.gsd_mm, 2.5 * diameter)
    rows, cols = np.mgrid[0 : surface.shape[0], 0 : surface.shape[1]].astype(np.float32)
    dx, dy = cols - np.float32(centre[0]), rows - np.float32(centre[1])
    along = np.float32(np.cos(angle)) * dx + np.float32(np.sin(angle)) * dy
    across = np.float32(side[0]) * dx + np.float32(side[1]) * dy
    flake = fractal_noise(rng, surface.shape, max(1.5 * diameter, 4.0), 1.2, 0.5)
    cover = fractal_noise(rng, surface.shape, max(1.5 * diameter, 4.0), 1.5, 0.5)
    opened = ramp(inside + 0.04 * cover, 0.10, 0.15)  # where the chip is shallow, mortar still holds the bar
    first = float(rng.normal(0, 0.15)) * radius
    towards_light = float(np.cos(light_rad) * side[0] + np.sin(light_rad) * side[1])
    for offset in (first, first + pitch, first - pitch):
        half = 0.5 * diameter * (1 + 0.10 * flake)
        u = (across - np.float32(offset + rng.normal(0, 0.05) * radius)) / half
        bar = np.clip((1 - np.abs(u)) * half + 0.5, 0, 1) * opened
        if bar.sum() < diameter * diameter:
            continue
        _paint_bar(rng, surface, bar, u, along / np.float32(diameter), flake, towards_light)
        steel |= bar >= 0.5
    return steel


def _paint_bar(
    rng: np.random.Generator, surface: Surface, bar: Field, u: Field, along: Field, flake: Field, towards_light: float
) -> None:
    """Paint a cylinder of rust: bright towards the light, dark below, ribs every 0.7 diameters, rust on its bed."""
    diameter = 1.0 / max(float(np.abs(np.diff(along, axis=1)).mean() + np.abs(np.diff(along, axis=0)).mean()), 1e-3)
    halo = blur(bar, 0.5 * diameter)
    surface.darken(np.clip(1.6 * halo, 0, 1) * (1 - bar) * np.clip(0.7 + 0.4 * flake, 0, 1), (0.62, 0.45, 0.34))
    round_off = np.sqrt(np.clip(1 - u * u, 0.02, 1))
    lit = 0.35 + 0.65 * round_off * (1 - 0.45 * towards_light * np.clip(u, -1, 1))
    ribs = 1 + 0.12 * np.sin(2 * np.pi * (along / 0.7 + 0.25 * u)) * round_off
    tone = np.array([0.105, 0.058, 0.036], dtype=np.float32) * np.float32(rng.uniform(0.6, 1.2))
    orange = np.array([0.20, 0.085, 0.030], dtype=np.float32)
    mix = ramp(flake, -0.3, 1.6)[..., None]
    body = (tone + mix * (orange - tone)) * (lit * ribs * (1 + 0.15 * flake))[..., None]
    surface.cover(bar, np.clip(body, 0.005, 0.6).astype(np.float32))
    surface.height *= 1 - 0.5 * bar


def add_rust_stain(rng: np.random.Generator, surface: Surface, x: float, y: float, size_mm: float) -> Mask:
    """Let rust water run down from a point; return where the stain is plain to see."""
    mask = np.zeros(surface.shape, dtype=bool)
    rows, cols, share = streak(rng, surface.shape, x, y, max(size_mm / surface.gsd_mm, 2.0))
    share *= np.float32(rng.uniform(0.6, 1.0))
    surface.window(rows, cols).darken(share, (0.82, 0.52, 0.32))
    mask[rows, cols] = share > 0.3
    return mask


def add_efflorescence(
    rng: np.random.Generator, surface: Surface, source: Field, size_mm: float, strength: float
) -> Mask:
    """Let lime come out along ``source`` (coverage of a crack or a spot) and run down; return the crust's mask.

    Along the source lies a thick crust that comes and goes; below it a thin veil and a few drips.
    """
    mask = np.zeros(surface.shape, dtype=bool)
    reach = max(size_mm / surface.gsd_mm, 1.5)
    rows, cols = window_of(source, int(14 * reach) + 8)
    part, seed = surface.window(rows, cols), np.clip(source[rows, cols] * 4, 0, 1)
    gate = ramp(fractal_noise(rng, part.shape, 12 * reach, 3 * reach, 0.6), -0.2, 0.9)  # leaks here, not there
    fed = seed * gate
    crumb = fractal_noise(rng, part.shape, max(1.5 * reach, 4.0), 1.2, 0.45)
    near = blur(fed, 0.6 * reach)
    near /= np.float32(max(float(near.max()), 1e-6))
    crust = ramp(near + 0.22 * crumb * (near > 0.02), 0.25, 0.7)
    drips = fractal_noise(rng, part.shape, max(1.5 * reach, 3.0), 1.5, 0.7, stretch=8.0, angle=np.pi / 2)
    run = smear_down(blur(fed, 0.3 * reach), int(12 * reach))
    veil = np.clip(run * 1.3, 0, 1) * ramp(drips, -0.2, 1.4)
    share = np.clip(np.maximum(crust, 0.75 * veil), 0, 1) * np.float32(strength)
    white = np.array([0.60, 0.59, 0.55], dtype=np.float32) * np.float32(rng.uniform(0.7, 1.1))
    part.cover(share, (white * np.clip(1 + 0.10 * crumb, 0.6, 1.4)[..., None]).astype(np.float32))
    part.height += 1.5 * crust * (1 + 0.6 * crumb)
    mask[rows, cols] = share > 0.35
    return mask


def smear_down(values: Field, length_px: int) -> Field:
    """Return values carried downwards, fading over about ``length_px`` rows."""
    kernel = np.linspace(1, 0, max(length_px, 2), dtype=np.float32)[::-1, None]
    padded = cv2.copyMakeBorder(values, len(kernel) - 1, 0, 0, 0, cv2.BORDER_CONSTANT, value=0.0)
    # The kernel's last row (weight 1) is the pixel itself; the rows before it are those above.
    out = cv2.filter2D(padded, -1, kernel, anchor=(0, len(kernel) - 1), borderType=cv2.BORDER_CONSTANT)
    share = np.asarray(out[len(kernel) - 1 :], dtype=np.float32)
    return np.asarray(share / max(float(share.max()), 1e-6), dtype=np.float32)
