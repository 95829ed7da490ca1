"""Broken concrete: fresh and weathered spalls with bars, broken corners, and honeycombing, which is no spall."""

from __future__ import annotations

import cv2
import numpy as np

from imagery.synthetic.concrete_joints import Point, side_of
from imagery.synthetic.concrete_scene import Scene
from imagery.synthetic.concrete_wall import add_stones
from imagery.synthetic.damage import shade_rim, spall_shape
from imagery.synthetic.noise import Field, blur, fractal_noise, ramp
from imagery.synthetic.surface import Surface


def add_spall(
    rng: np.random.Generator,
    scene: Scene,
    *,
    centre: Point | None = None,
    radius_px: float | None = None,
    bars: bool | None = None,
    edge: tuple[Point, Point] | None = None,
) -> Field:
    """Break a piece of the cover off; return its share ``(H, W)``.

    Args:
        rng: source of the draws.
        scene: the wall; gets the masks of spalling and bars.
        centre: x, y; drawn if None.
        radius_px: drawn if None.
        bars: whether steel is bared; drawn if None.
        edge: a member's edge: the piece breaks off along it.
    """
    height, width = scene.shape
    if centre is None:
        centre = (float(rng.uniform(0.05, 0.95)) * width, float(rng.uniform(0.05, 0.95)) * height)
    if radius_px is None:
        radius_px = scene.px(float(np.exp(rng.uniform(np.log(25), np.log(250)))))
        radius_px = float(np.clip(radius_px, 0.07 * scene.size, 0.55 * scene.size))
    steel = bool(rng.random() < 0.5) if bars is None else bars
    angle = float(rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.06))
    inside = _outline(rng, scene, centre, radius_px, angle, along_bar=steel and bool(rng.random() < 0.4))
    if edge is not None:
        inside += np.float32(0.5) - np.abs(side_of(scene.shape, *edge)) / np.float32(1.4 * radius_px)
    soft = float(rng.uniform(0.6, 1.6)) / radius_px
    share = ramp(inside, -soft, soft)
    old = bool(rng.random() < 0.35) and not steel
    _break(rng, scene, share, inside, radius_px, old)
    scene.break_off(share)
    scene.show("spalling", share)
    if steel:
        _bare_bars(rng, scene, centre, radius_px, inside, angle)
    return share


def _outline(
    rng: np.random.Generator, scene: Scene, centre: Point, radius: float, angle: float, *, along_bar: bool
) -> Field:
    """Return a field that is 0 on the rim and positive inside: round chips, or a strip over a bar."""
    if not along_bar:
        return spall_shape(rng, scene.shape, centre, radius)
    rows, cols = np.mgrid[0 : scene.shape[0], 0 : scene.shape[1]].astype(np.float32)
    dx, dy = cols - np.float32(centre[0]), rows - np.float32(centre[1])
    u = np.float32(np.cos(angle)) * dx + np.float32(np.sin(angle)) * dy
    v = -np.float32(np.sin(angle)) * dx + np.float32(np.cos(angle)) * dy
    flat = float(rng.uniform(0.18, 0.4))
    inside = 1 - np.sqrt((u / (1.6 * radius)) ** 4 + (v / (flat * radius)) ** 2 + 1e-6)
    coarse = fractal_noise(rng, scene.shape, max(0.5 * radius, 6.0), 3.0, 0.8)
    fine = fractal_noise(rng, scene.shape, max(0.12 * radius, 3.0), 1.2, 0.7)
    return np.asarray(flat * inside + 0.09 * coarse + 0.03 * fine, dtype=np.float32)


def _break(rng: np.random.Generator, scene: Scene, share: Field, inside: Field, radius: float, old: bool) -> None:
    """Paint the broken face: its bed, terraces of depth, aggregate, shade at the rim."""
    surface, shape = scene.surface, scene.shape
    rough = fractal_noise(rng, shape, max(0.25 * radius, 5.0), 1.2, 0.35)
    shells = fractal_noise(rng, shape, max(0.7 * radius, 8.0), 3.0, 0.9)
    steps = float(rng.uniform(2, 5)) * (np.clip(inside, 0, 1) + 0.3 * shells + 0.08 * rough)
    terrace = (np.floor(steps) + ramp(steps - np.floor(steps), 0.35, 1.0)).astype(np.float32)
    bed = np.median(surface.colour[::4, ::4], axis=(0, 1)).astype(np.float32)
    tone = float(rng.uniform(0.6, 0.92) if old else rng.choice([rng.uniform(0.65, 0.9), rng.uniform(1.08, 1.5)]))
    warm = np.asarray([1.0, rng.uniform(0.95, 1.02), rng.uniform(0.85, 1.03)], dtype=np.float32)
    texture = 1 + (0.14 if old else 0.2) * rough + 0.1 * shells
    face = np.clip(bed * tone * warm * np.clip(texture, 0.35, 1.9)[..., None], 0.01, 0.9)
    if old:  # dirt has settled: the old face shows through, only rougher
        face = (0.55 * face + 0.45 * surface.colour * tone).astype(np.float32)
    surface.cover(share, face.astype(np.float32))
    stone_px = float(np.clip(scene.px(float(rng.uniform(3, 10))), 1.2, 0.16 * radius + 1))
    add_stones(rng, surface, share, stone_px, float(rng.uniform(0.1, 0.35) if old else rng.uniform(0.3, 0.8)))
    relief = np.float32(2.2 if old else 3.5)
    surface.height -= share * (relief * terrace - 1.5 * rough)
    if not old:
        _relight(scene, share * (terrace - 0.2 * rough), float(rng.uniform(0.2, 0.45)))
    shade_rim(surface, share, 0.5 * radius if old else float(rng.uniform(0.8, 2.2)) * radius, scene.light_rad)
    lip = np.clip(blur(share, 1.2) - share, 0, 1) * ramp(rough, -0.3, 0.8)
    surface.darken(lip, float(rng.uniform(0.7, 1.25)))


def _relight(scene: Scene, depth: Field, strength: float) -> None:
    """Shade the slopes of a broken face: those that turn to the light are bright, those that turn away dark."""
    dx = cv2.Sobel(blur(depth, 0.8), cv2.CV_32F, 1, 0, scale=0.25)
    dy = cv2.Sobel(blur(depth, 0.8), cv2.CV_32F, 0, 1, scale=0.25)
    slope = np.float32(np.cos(scene.light_rad)) * dx + np.float32(np.sin(scene.light_rad)) * dy
    scene.surface.colour *= np.clip(1 + np.float32(strength) * slope, 0.4, 1.7)[..., None]


def _bare_bars(
    rng: np.random.Generator, scene: Scene, centre: Point, radius: float, inside: Field, angle: float
) -> None:
    """Show one to three corroded bars across a spall, now and then with a stirrup across them."""
    diameter = float(rng.choice([10.0, 13.0, 16.0, 19.0, 25.0]))
    diameter = float(np.clip(scene.px(diameter), 3.0, max(0.3 * radius, 3.5)))
    pitch = max(float(rng.uniform(0.5, 1.3)) * radius, 2.2 * diameter)
    first = float(rng.normal(0, 0.1)) * radius
    for offset in (first, first + pitch, first - pitch):
        _bare_bar(rng, scene, centre, offset, diameter, inside, angle)
    if rng.random() < 0.3:
        _bare_bar(rng, scene, centre, float(rng.normal(0, 0.3)) * radius, 0.7 * diameter, inside, angle + np.pi / 2)


def _bare_bar(
    rng: np.random.Generator, scene: Scene, centre: Point, offset: float, diameter: float, inside: Field, angle: float
) -> None:
    """Paint one bar: a ribbed rusty cylinder, its shadow on the bed, rust around it."""
    surface, shape = scene.surface, scene.shape
    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    dx, dy = cols - np.float32(centre[0]), rows - np.float32(centre[1])
    side = np.array([-np.sin(angle), np.cos(angle)])
    along = np.float32(np.cos(angle)) * dx + np.float32(np.sin(angle)) * dy
    across = np.float32(side[0]) * dx + np.float32(side[1]) * dy - np.float32(offset)
    flake = fractal_noise(rng, shape, max(1.2 * diameter, 4.0), 1.0, 0.4)
    across += np.float32(rng.uniform(0, 0.02)) * np.float32(diameter) * np.sin(along / np.float32(6 * diameter))
    shallow = ramp(inside + 0.05 * fractal_noise(rng, shape, max(2 * diameter, 6.0), 1.5, 0.5), 0.06, 0.12)
    shallow = shallow * ramp(inside, 0.0, 0.04)  # no bar is bared outside the spall
    half = 0.5 * diameter * (1 + np.float32(rng.uniform(0.02, 0.14)) * flake)
    u = across / half
    bar = np.clip((1 - np.abs(u)) * half + 0.5, 0, 1) * shallow
    if float(bar.sum()) < 1.5 * diameter * diameter:
        return
    towards = float(np.cos(scene.light_rad) * side[0] + np.sin(scene.light_rad) * side[1])
    shade = np.clip(
        1.4 - np.abs(across + np.float32(0.7 * diameter * np.sign(towards or 1.0))) / np.float32(0.6 * diameter), 0, 1
    )
    surface.darken(blur(shade * shallow, 0.15 * diameter + 0.4) * (1 - bar), 0.5)
    halo = (
        np.clip(1.8 * blur(bar, 0.7 * diameter), 0, 1) * np.clip(0.55 + 0.45 * flake, 0, 1) * ramp(inside, -0.05, 0.05)
    )
    rusty = float(rng.uniform(0.2, 1.0))
    surface.darken(rusty * halo, (0.72, 0.47, 0.32))
    scene.show("rust", np.clip(0.9 * rusty * halo * (1 - bar), 0, 1))
    _paint_steel(rng, surface, bar, u, along / np.float32(diameter), flake, towards)
    scene.truth["rust"] *= 1 - bar
    scene.truth["exposed_rebar"] = np.maximum(scene.truth["exposed_rebar"], bar)


def _paint_steel(
    rng: np.random.Generator, surface: Surface, bar: Field, u: Field, along: Field, flake: Field, towards: float
) -> None:
    """Paint a cylinder: bright towards the light, dark away from it, ribs every 0.6 diameters, flakes of rust."""
    round_off = np.sqrt(np.clip(1 - u * u, 0.03, 1))
    lit = 0.3 + 0.8 * round_off * (1 - 0.55 * towards * np.clip(u, -1, 1))
    worn = float(rng.uniform(0.0, 0.22))
    ribs = 1 + np.float32(worn) * np.sin(2 * np.pi * (along / 0.6 + 0.35 * u)) * round_off
    dark = np.array([0.085, 0.055, 0.042], dtype=np.float32) * np.float32(rng.uniform(0.6, 1.5))
    orange = np.array([0.17, 0.09, 0.05], dtype=np.float32) * np.float32(rng.uniform(0.6, 1.2))
    mix = ramp(flake, float(rng.uniform(-2.0, 0.5)), float(rng.uniform(1.6, 3.0)))[..., None]
    body = (dark + mix * (orange - dark)) * (lit * ribs * np.clip(1 + 0.25 * flake, 0.4, 1.7))[..., None]
    surface.cover(bar, np.clip(body, 0.004, 0.6).astype(np.float32))
    surface.height *= 1 - 0.6 * bar


def add_honeycomb(rng: np.random.Generator, scene: Scene) -> None:
    """Leave a nest of stones without mortar: aggregate with black voids between, in the wall's plane. No spall."""
    size = scene.size
    field = fractal_noise(rng, scene.shape, float(rng.uniform(0.15, 0.5)) * size, 3.0, 0.7)
    cut = float(rng.uniform(0.9, 1.6))
    where = ramp(field, cut, cut + 0.25)
    voids = ramp(fractal_noise(rng, scene.shape, float(rng.uniform(3, 8)), 1.2, 0.4), -0.1, 0.8)
    scene.surface.darken(where * voids, float(rng.uniform(0.25, 0.55)))
    radius = float(np.clip(scene.px(float(rng.uniform(4, 10))), 1.5, 0.04 * size))
    add_stones(rng, scene.surface, where, radius, float(rng.uniform(0.5, 1.0)))
    scene.surface.height -= 3 * where * voids
