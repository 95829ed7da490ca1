"""Things on walls that are no damage: tie holes, chalk, paint, patches, roots, webs, pipes, cables, member edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.synthetic.concrete_joints import Point, line_across, rough_band, side_of
from imagery.synthetic.concrete_scene import Scene
from imagery.synthetic.concrete_water import add_rust_run
from imagery.synthetic.confusers import add_cable, add_scratch, add_tie_hole
from imagery.synthetic.cracks import CrackLine, grow_branches, grow_crack, line_coverage
from imagery.synthetic.noise import Field, blur, fractal_noise, ramp, smooth_noise

Colour = tuple[float, float, float]


def add_mark(rng: np.random.Generator, scene: Scene) -> None:
    """Add one thing of a random kind."""
    _MARKS[int(rng.choice(len(_MARKS), p=_SHARES))](rng, scene)


def _tie_holes(rng: np.random.Generator, scene: Scene) -> None:
    """Set the holes of form ties in a row or grid, open or plugged; some of them bleed rust."""
    height, width = scene.shape
    radius_mm = float(rng.uniform(6, 18))
    radius_mm = min(radius_mm, 0.05 * scene.size * scene.surface.gsd_mm)
    pitch = max(float(rng.uniform(0.25, 0.9)) * scene.size, 10 * scene.px(radius_mm))
    x0, y0 = rng.uniform(0, pitch, 2)
    rusty, kind = rng.random() < 0.25, int(rng.integers(2**31))
    for y in np.arange(y0, height, pitch):
        for x in np.arange(x0, width, pitch):
            other = 0 if rng.random() < 0.8 else int(rng.integers(1, 99))  # of one wall nearly all are alike
            add_tie_hole(np.random.default_rng(kind + other), scene.surface, float(x), float(y), radius_mm)
            if rusty and rng.random() < 0.7:
                radius = max(scene.px(radius_mm), 1.5)
                add_rust_run(rng, scene, float(x), float(y) + radius, max(0.7 * radius, 2.0))


def _share(mask: NDArray[np.uint8]) -> Field:
    return np.asarray(mask, dtype=np.float32) / np.float32(255)


def _stroke_body(rng: np.random.Generator, scene: Scene, mask: Field, dust: float) -> Field:
    broken = fractal_noise(rng, scene.shape, 6.0, 1.0, 0.2) + 0.4 * smooth_noise(rng, scene.shape, 25.0)
    return np.asarray(mask * ramp(broken, -1.6 + 1.6 * dust, 0.2 + 1.2 * dust), dtype=np.float32)


def _chalk(rng: np.random.Generator, scene: Scene) -> None:
    """Write as inspectors do: a number, a date, a width, an arrow, a line with ticks; chalk, crayon or marker."""
    height, width = scene.shape
    mask = np.zeros(scene.shape, dtype=np.uint8)
    thick = int(rng.integers(1, max(3, scene.size // 60)))
    for _ in range(int(rng.integers(1, 4))):
        x, y = int(rng.uniform(-0.1, 0.8) * width), int(rng.uniform(0.1, 1.0) * height)
        kind = rng.random()
        if kind < 0.55:
            text = ("%d", "0.%d", "C-%d", "No.%d", "L=%d", "%d/11", "W0.%d")[int(rng.integers(7))] % int(
                rng.integers(1, 60)
            )
            scale = float(rng.uniform(0.4, 2.5)) * scene.size / 256
            font = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, cv2.FONT_HERSHEY_PLAIN)[
                int(rng.integers(3))
            ]
            cv2.putText(mask, text, (x, y), font, scale, 255, thick, cv2.LINE_AA)
        elif kind < 0.75:
            end = (x + int(rng.normal(0, 0.3) * width), y + int(rng.normal(0, 0.3) * height))
            cv2.arrowedLine(mask, (x, y), end, 255, thick, cv2.LINE_AA, tipLength=0.15)
        else:
            walk = np.cumsum(rng.normal(0, 0.05 * scene.size, (12, 2)), axis=0) + np.asarray([x, y])
            cv2.polylines(mask, [walk.astype(np.int32)], bool(rng.random() < 0.3), 255, thick, cv2.LINE_AA)
    wobble = _wobbled(rng, _share(mask), 0.012 * scene.size)
    body = _stroke_body(rng, scene, wobble, float(rng.uniform(0.1, 0.9)))
    colours: tuple[Colour, ...] = (
        (0.75, 0.75, 0.72),
        (0.75, 0.62, 0.12),
        (0.55, 0.06, 0.05),
        (0.06, 0.12, 0.42),
        (0.02, 0.02, 0.02),
    )
    colour = colours[int(rng.choice(5, p=[0.4, 0.2, 0.15, 0.15, 0.1]))]
    scene.surface.cover(np.float32(rng.uniform(0.4, 0.95)) * body, colour)


def _wobbled(rng: np.random.Generator, mask: Field, amount_px: float) -> Field:
    """Return the mask bent by a smooth random displacement, as a hand's strokes are."""
    rows, cols = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]].astype(np.float32)
    scale = 0.15 * max(mask.shape)
    cols += np.float32(amount_px) * smooth_noise(rng, (mask.shape[0], mask.shape[1]), scale)
    rows += np.float32(amount_px) * smooth_noise(rng, (mask.shape[0], mask.shape[1]), scale)
    return np.asarray(cv2.remap(mask, cols, rows, cv2.INTER_LINEAR), dtype=np.float32)


def _graffiti(rng: np.random.Generator, scene: Scene) -> None:
    """Spray strokes, letters or a painted field over the wall, opaque or worn; paint hides thin damage below it."""
    height, width = scene.shape
    mask = np.zeros(scene.shape, dtype=np.uint8)
    thick = int(rng.uniform(0.02, 0.1) * scene.size) + 1
    if rng.random() < 0.3:
        start, end = line_across(rng, scene.shape, float(rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.05)))
        field = ramp(side_of(scene.shape, start, end), -1.0, 1.0)
        soft = field
    else:
        for _ in range(int(rng.integers(1, 4))):
            count = int(rng.integers(3, 7))
            knots = rng.uniform(-0.1, 1.1, (count, 2)) * (width, height)
            at = np.linspace(0, count - 1, 60)
            path = np.stack([np.interp(at, np.arange(count), knots[:, axis]) for axis in (0, 1)], axis=1)
            path = cv2.blur(path.astype(np.float32), (1, 9)).astype(np.int32)
            cv2.polylines(mask, [path], False, 255, thick, cv2.LINE_AA)
        soft = blur(_share(mask), float(rng.uniform(0.5, 0.15 * thick + 0.6)))
    body = _stroke_body(rng, scene, soft, float(rng.choice([0.0, rng.uniform(0, 0.8)])))
    colour = np.clip(rng.uniform(0.01, 0.7, 3) * rng.uniform(0.2, 1.0), 0.01, 0.8)
    if rng.random() < 0.4:
        colour[:] = colour.mean()
    scene.surface.cover(
        np.float32(rng.uniform(0.6, 1.0)) * body, (float(colour[0]), float(colour[1]), float(colour[2]))
    )


def add_patch(rng: np.random.Generator, scene: Scene) -> None:
    """Repair a place: mortar of another tone and grain, trowelled, with a clear outline; rectangular or dabbed on."""
    height, width = scene.shape
    rows, cols = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
    half = np.exp(rng.uniform(np.log(0.06), np.log(0.4), 2)) * scene.size
    turn = float(rng.normal(0, 0.08))
    u = np.cos(turn) * (cols - x) + np.sin(turn) * (rows - y)
    v = np.cos(turn) * (rows - y) - np.sin(turn) * (cols - x)
    if rng.random() < 0.6:
        field = np.minimum(half[0] - np.abs(u), half[1] - np.abs(v)).astype(np.float32)
        field += 0.8 * smooth_noise(rng, scene.shape, 12.0)
    else:
        field = ((1 - np.sqrt((u / half[0]) ** 2 + (v / half[1]) ** 2)) * half.min()).astype(np.float32)
        field += np.float32(0.2 * half.min()) * fractal_noise(rng, scene.shape, float(half.min()) + 6, 4.0, 0.9)
    share = ramp(field, -0.8, 0.8)
    tone = float(rng.choice([rng.uniform(0.6, 0.92), rng.uniform(1.08, 1.5)]))
    bed = np.median(scene.surface.colour[::4, ::4], axis=(0, 1)).astype(np.float32) * np.float32(tone)
    trowel = fractal_noise(rng, scene.shape, 0.1 * scene.size, 1.5, 0.7, stretch=4.0)
    scene.surface.cover(0.92 * share, np.clip(bed * (1 + 0.05 * trowel)[..., None], 0.01, 0.9).astype(np.float32))
    scene.surface.height += share * (0.5 * trowel + 1.0)
    rim = np.clip(1 - np.abs(field) / 1.3, 0, 1) * ramp(smooth_noise(rng, scene.shape, 25.0), -0.8, 0.8)
    scene.surface.darken(rim, float(rng.choice([rng.uniform(0.4, 0.8), rng.uniform(1.1, 1.4)])))


def _twig(rng: np.random.Generator, scene: Scene, width_px: float) -> list[CrackLine]:
    """Return the shape of a stem with branches that enters from the border of the picture."""
    height, width = scene.shape
    turn = float(rng.uniform(0, 2 * np.pi))
    middle = np.asarray([width, height]) * rng.uniform(0.2, 0.8, 2)
    x, y = middle - 0.6 * scene.size * np.asarray([np.cos(turn), np.sin(turn)])
    lines = [
        grow_crack(
            rng,
            (float(x), float(y)),
            turn,
            1.1 * scene.size,
            width_px,
            roughness=float(rng.uniform(0.2, 0.7)),
            open_start=True,
        )
    ]
    grow_branches(rng, lines, 0, float(rng.uniform(0, 4)), roughness=0.4)
    return lines


def _roots(rng: np.random.Generator, scene: Scene) -> None:
    """Lay a root, a vine or a dry stem over the wall, with its shadow and perhaps leaves."""
    lines = _twig(rng, scene, float(rng.uniform(1.2, 6.0)))
    body = np.maximum.reduce([line_coverage(line, scene.shape) for line in lines])
    body = np.clip(2 * body, 0, 1)
    move = np.array([[1, 0, -2.0 * np.cos(scene.light_rad)], [0, 1, -2.0 * np.sin(scene.light_rad)]], dtype=np.float32)
    shade = np.asarray(cv2.warpAffine(body, move, scene.shape[::-1]), dtype=np.float32)
    scene.surface.darken(blur(shade, 1.0) * (1 - body), float(rng.uniform(0.5, 0.85)))
    browns: tuple[Colour, ...] = (
        (0.16, 0.11, 0.06),
        (0.30, 0.25, 0.17),
        (0.09, 0.12, 0.04),
        (0.05, 0.04, 0.03),
        (0.40, 0.36, 0.28),
    )
    colour = browns[int(rng.integers(len(browns)))]
    scene.surface.cover(body, colour)
    leaves = np.zeros(scene.shape, dtype=np.float32)
    if rng.random() < 0.5:
        for line in lines:
            for at in rng.integers(len(line.centre_px), size=int(rng.poisson(3))):
                x, y = line.centre_px[at] + rng.normal(0, 3, 2)
                axes = (int(rng.uniform(0.008, 0.04) * scene.size) + 1, int(rng.uniform(0.004, 0.015) * scene.size) + 1)
                cv2.ellipse(leaves, (int(x), int(y)), axes, float(rng.uniform(0, 360)), 0, 360, 1.0, -1, cv2.LINE_AA)
        green = np.asarray([0.07, 0.12, 0.03], dtype=np.float32) * np.float32(rng.uniform(0.6, 2.2))
        tone = np.clip(1 + 0.3 * smooth_noise(rng, scene.shape, 6.0), 0.4, 1.8)[..., None]
        scene.surface.cover(leaves, (green * tone).astype(np.float32))
    scene.hide(np.maximum(body, leaves))


def _web(rng: np.random.Generator, scene: Scene) -> None:
    """Spin a few pale threads, straight and sagging, with dust on them."""
    height, width = scene.shape
    threads = np.zeros(scene.shape, dtype=np.float32)
    x0, y0 = rng.uniform(0, width), rng.uniform(0, height)
    for _ in range(int(rng.integers(3, 12))):
        turn, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.6) * scene.size
        end = (x0 + reach * np.cos(turn), y0 + reach * np.sin(turn))
        threads = np.maximum(threads, rough_band(rng, scene.shape, (x0, y0), end, float(rng.uniform(0.2, 0.8)), 0.3))
        if rng.random() < 0.4:
            x0, y0 = end
    tone = float(rng.choice([0.6, 0.7, 0.08]))
    dusty = ramp(smooth_noise(rng, scene.shape, 20.0), -0.8, 0.8)
    scene.surface.cover(np.float32(rng.uniform(0.25, 0.8)) * threads * dusty, (tone, tone, tone))


def _cable(rng: np.random.Generator, scene: Scene) -> None:
    scene.hide(add_cable(rng, scene.surface))


def _scratches(rng: np.random.Generator, scene: Scene) -> None:
    for _ in range(int(rng.integers(1, 5))):
        add_scratch(rng, scene.surface)


def _pipe(rng: np.random.Generator, scene: Scene) -> None:
    """Run a pipe, a gutter or a steel strip straight across, with brackets; it hides what is behind."""
    start, end = line_across(rng, scene.shape, float(rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.03)))
    radius = float(rng.uniform(0.015, 0.09)) * scene.size
    across = side_of(scene.shape, start, end)
    body = np.clip(np.float32(radius) - np.abs(across) + np.float32(0.5), 0, 1)
    beside = across + np.float32(rng.choice([-1.0, 1.0]) * 0.9 * radius)
    shade = np.asarray(np.clip(radius - np.abs(beside) + 0.5, 0, 1), dtype=np.float32)
    scene.surface.darken(blur(shade, 0.2 * radius + 0.5) * (1 - body), float(rng.uniform(0.35, 0.7)))
    tone = float(rng.choice([0.04, 0.2, 0.35, 0.55]))
    lit = np.sqrt(np.clip(1 - np.square(across / radius), 0.05, 1)) * (
        1 + 0.4 * np.clip(across / radius, -1, 1) * rng.choice([-1, 1])
    )
    grime = np.clip(1 + 0.12 * fractal_noise(rng, scene.shape, 0.2 * scene.size, 2.0, 0.5), 0.5, 1.5)
    hue = np.asarray([1.0, rng.uniform(0.9, 1.02), rng.uniform(0.8, 1.05)], dtype=np.float32)
    scene.surface.cover(body, np.clip(tone * hue * (lit * grime)[..., None], 0.005, 0.9).astype(np.float32))
    scene.surface.height *= 1 - body
    scene.hide(body)


_MARKS: tuple[Callable[[np.random.Generator, Scene], None], ...] = (
    _tie_holes, _chalk, _graffiti, _roots, _web, _cable, _scratches, _pipe,
)  # fmt: skip
_SHARES = (0.22, 0.16, 0.08, 0.14, 0.06, 0.1, 0.16, 0.08)


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """Where the member ends.

    Attributes:
        line: its edge.
        beyond: ``(H, W)`` 0..1, what is not this face of the member.
        open: behind it something else is seen; else another face of the member.
    """

    line: tuple[Point, Point]
    beyond: Field
    open: bool


def add_edge(rng: np.random.Generator, scene: Scene) -> Edge:
    """End the member along a line in the outer part of the picture; what lies beyond, ``finish_edge`` paints."""
    angle = float(rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.08))
    height, width = scene.shape
    middle, normal = np.asarray([width, height]) / 2, np.asarray([-np.sin(angle), np.cos(angle)])
    at = middle + rng.choice([-1.0, 1.0]) * rng.uniform(0.2, 0.45) * scene.size * normal
    along = 0.75 * (height + width) * np.asarray([np.cos(angle), np.sin(angle)])
    line = (float((at - along)[0]), float((at - along)[1])), (float((at + along)[0]), float((at + along)[1]))
    across = side_of(scene.shape, *line)
    if across[height // 2, width // 2] > 0:
        across = -across
    across += np.float32(0.4) * smooth_noise(rng, scene.shape, 20.0)
    rim: Field = np.clip(1 - np.abs(across) / np.float32(rng.uniform(1, 5)), 0, 1).astype(np.float32)
    rim = np.asarray(rim * ramp(smooth_noise(rng, scene.shape, 20.0), -1, 0.6), dtype=np.float32)
    scene.surface.darken(rim, float(rng.choice([rng.uniform(0.5, 0.85), rng.uniform(1.15, 1.6)])))
    return Edge(line, ramp(across, -0.8, 0.8), bool(rng.random() < 0.5))


def finish_edge(rng: np.random.Generator, scene: Scene, edge: Edge) -> None:
    """Paint what lies beyond a member's edge, over all that was painted there."""
    if edge.open:
        _background(rng, scene, edge.beyond)
    else:  # the next face turns away from the light, or towards it
        scene.surface.darken(edge.beyond, float(rng.choice([rng.uniform(0.25, 0.75), rng.uniform(1.2, 1.8)])))


def _background(rng: np.random.Generator, scene: Scene, beyond: Field) -> None:
    """Show what is behind the member: a dark void, plants, water, sky, soil; out of focus."""
    colours: tuple[Colour, ...] = (
        (0.01, 0.01, 0.012),
        (0.06, 0.09, 0.03),
        (0.06, 0.08, 0.07),
        (0.7, 0.75, 0.8),
        (0.14, 0.11, 0.07),
    )
    colour = np.asarray(colours[int(rng.integers(len(colours)))], dtype=np.float32)
    rough = float(rng.uniform(0.02, 0.6))
    leafy = fractal_noise(rng, scene.shape, float(rng.uniform(0.03, 0.4)) * scene.size, 2.0, 0.6)
    scene.surface.cover(beyond, np.clip(colour * np.exp(rough * leafy)[..., None], 0.001, 1.0).astype(np.float32))
    scene.surface.height *= 1 - beyond
    scene.hide(beyond)
