"""Photographs of concrete with exact truth, from a seed and a spec.

Light is added in linear radiance and encoded last, as in a camera: a pixel half covered by a crack is half dark in
linear light, not in grey values. A measurement that integrates darkness must undo the sRGB curve first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.synthetic.camera import expose, light_field, relief_shading
from imagery.synthetic.concrete_sample import DamageSample, random_sample
from imagery.synthetic.concrete_scene import CLASSES
from imagery.synthetic.confusers import add_cable, add_joint, add_scratch, add_tie_hole, shadow_field
from imagery.synthetic.cracks import CrackLine, centre_mask, grow_branches, grow_crack, line_coverage
from imagery.synthetic.damage import add_efflorescence, add_rust_stain, add_spall, paint_crack
from imagery.synthetic.noise import Field, fractal_noise, ramp
from imagery.synthetic.spec import ConcreteSpec
from imagery.synthetic.surface import (
    Surface,
    add_boards,
    add_bug_holes,
    add_moss,
    add_pour_line,
    add_run_down,
    make_surface,
)

__all__ = [
    "CLASSES",
    "ConcretePhoto",
    "ConcreteSpec",
    "Crack",
    "DamageSample",
    "generate_concrete",
    "random_sample",
]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Crack:
    """The part of one crack or branch that lies in the frame.

    Attributes:
        centreline_mm: ``(N, 2)`` x right, y down, from the upper left corner.
        width_mm: ``(N,)`` width across the centre line.
        visible: ``(N,)`` False where a spall or a cable hides the crack; lengths and widths count what is visible.
        core: mean reflectance inside as a share of the wall's, before dirt varies it.
        parent: index (in the photograph's list) of the crack that this branch leaves, or None.
    """

    centreline_mm: NDArray[np.float64]
    width_mm: NDArray[np.float64]
    visible: NDArray[np.bool_]
    length_mm: float
    width_max_mm: float
    width_p95_mm: float
    width_mean_mm: float
    core: float
    parent: int | None


@dataclass(frozen=True, slots=True, eq=False)
class ConcretePhoto:
    """A generated photograph and its truth.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB.
        masks: one bool ``(H, W)`` for each of ``CLASSES``. ``crack`` holds the pixels that are at least half covered
            and those that a centre line passes through, so that a crack finer than a pixel is a line of one pixel.
        coverage: ``(H, W)`` float32, the area share of each pixel that visible cracks cover (at a junction of two,
            the larger share).
        cracks: every crack and branch of which a part lies in the frame.
    """

    image: NDArray[np.uint8]
    masks: Mapping[str, Mask]
    coverage: Field
    cracks: tuple[Crack, ...]
    gsd_mm: float
    spec: ConcreteSpec


def generate_concrete(rng: np.random.Generator, spec: ConcreteSpec) -> ConcretePhoto:
    """Return a photograph as ``spec`` asks for it; the same generator state gives the same bytes."""
    shape = (spec.height_px, spec.width_px)
    surface = make_surface(
        rng, shape, spec.gsd_mm, spec.colour, mottling=spec.mottling, grain=spec.grain, wear=spec.wear
    )
    _add_workmanship(rng, surface, spec)
    light_rad = float(np.deg2rad(spec.light_deg))
    masks = {name: np.zeros(shape, dtype=bool) for name in CLASSES}
    coverage, lines = _add_cracks(rng, surface, spec, light_rad, masks)
    _add_damage(rng, surface, spec, light_rad, masks)
    masks["wet_spot"] |= _add_weather(rng, surface, spec)
    hidden = masks["spalling"].astype(np.float32)
    for _ in range(spec.cables):
        hidden = np.maximum(hidden, add_cable(rng, surface))
    coverage = coverage * (1 - hidden)
    masks["crack"] = (coverage >= 0.5) | (masks["crack"] & (hidden < 0.5))
    for name in CLASSES[1:]:
        masks[name] &= hidden < (0.5 if name == "efflorescence" else 2.0)
    cracks = _truths(lines, spec, hidden)
    image = _take_picture(rng, surface, spec, light_rad)
    return ConcretePhoto(image, masks, coverage, cracks, spec.gsd_mm, spec)


def _add_workmanship(rng: np.random.Generator, surface: Surface, spec: ConcreteSpec) -> None:
    """Add what the building left: boards, pours, voids, joints, tie holes."""
    height, width = surface.shape
    if spec.board_mm > 0:
        add_boards(rng, surface, spec.board_mm, float(rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.02)))
    for _ in range(spec.pour_lines):
        add_pour_line(rng, surface, float(rng.uniform(0.1, 0.9)) * height)
    if spec.bug_holes_per_m2 > 0:
        add_bug_holes(rng, surface, spec.bug_holes_per_m2)
    for _ in range(spec.joints):
        degrees = spec.joint_direction_deg
        angle = float(rng.choice([0.0, 90.0]) + rng.normal(0, 6)) if degrees is None else degrees
        add_joint(rng, surface, float(np.deg2rad(angle)))
    for _ in range(spec.tie_holes):
        x, y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
        add_tie_hole(rng, surface, x, y, float(rng.uniform(8, 18)))
    for _ in range(spec.scratches):
        add_scratch(rng, surface)


def _add_weather(rng: np.random.Generator, surface: Surface, spec: ConcreteSpec) -> Mask:
    """Add what rain and years leave; return where the wall is wet."""
    if spec.run_downs:
        add_run_down(rng, surface, spec.run_downs, float(rng.uniform(0.3, 0.9)))
    if spec.moss > 0:
        add_moss(rng, surface, spec.moss)
    if spec.wetness > 0:
        field = fractal_noise(rng, surface.shape, 0.5 * max(surface.shape), 2.0, 0.6)
        share = ramp(field, -0.3, 0.2)
        surface.darken(share * np.float32(spec.wetness), (0.52, 0.53, 0.55))
        return np.asarray(share >= 0.5)
    return np.zeros(surface.shape, dtype=bool)


def _add_cracks(
    rng: np.random.Generator, surface: Surface, spec: ConcreteSpec, light_rad: float, masks: dict[str, Mask]
) -> tuple[Field, list[tuple[CrackLine, float]]]:
    """Grow and paint the cracks; return their coverage and the lines with their cores; ``masks`` gets centre lines."""
    total = np.zeros(surface.shape, dtype=np.float32)
    drawn: list[tuple[CrackLine, float]] = []
    for number in range(spec.cracks):
        core = float(rng.uniform(*spec.crack_core))
        lines = [replace(line, parent=None if line.parent is None else line.parent + len(drawn))
                 for line in _grow(rng, spec)]  # fmt: skip
        covers = [line_coverage(line, surface.shape) for line in lines]
        if number < spec.efflorescence:  # lime first: the crack that it comes from stays open in it
            masks["efflorescence"] |= _lime(rng, surface, np.maximum.reduce(covers))
        for line, coverage in zip(lines, covers, strict=True):
            # Only what no earlier crack has darkened, so that a junction is not painted twice.
            paint_crack(rng, surface, line, np.clip(coverage - total, 0, 1), core, light_rad, spec.edge_dirt)
            total = np.maximum(total, coverage)
            masks["crack"] |= centre_mask(line, surface.shape) & (coverage > 0)
        drawn.extend((line, core) for line in lines)
    for _ in range(spec.efflorescence - spec.cracks):
        spot = np.zeros(surface.shape, dtype=np.float32)
        x, y = rng.uniform(0, surface.shape[1]), rng.uniform(0, surface.shape[0])
        cv2.ellipse(spot, (int(x), int(y)), (int(rng.uniform(2, 30)), 2), float(rng.uniform(-20, 20)), 0, 360, 1.0, -1)
        masks["efflorescence"] |= _lime(rng, surface, spot)
    return total, drawn


def _lime(rng: np.random.Generator, surface: Surface, source: Field) -> Mask:
    size = min(float(rng.uniform(4, 14)), 0.05 * max(surface.shape) * surface.gsd_mm)
    return add_efflorescence(rng, surface, source, size, float(rng.uniform(0.5, 0.95)))


def _grow(rng: np.random.Generator, spec: ConcreteSpec) -> list[CrackLine]:
    """Return a crack with its branches, placed so that its middle lies in the frame."""
    longer = float(max(spec.width_px, spec.height_px))
    length = float(rng.uniform(*spec.crack_length)) * longer
    if spec.crack_direction_deg is None:
        heading = float(rng.uniform(0, 2 * np.pi))
    else:
        heading = float(np.deg2rad(spec.crack_direction_deg + rng.normal(0, 8)) + np.pi * rng.integers(2))
    width_px = float(np.exp(rng.uniform(*np.log(spec.crack_width_mm)))) / spec.gsd_mm
    length = max(length, 60 * width_px)  # a wide crack is a long one
    middle = rng.uniform(0.15, 0.85, 2) * (spec.width_px, spec.height_px)
    x, y = middle - rng.uniform(0.3, 0.7) * length * np.array([np.cos(heading), np.sin(heading)])
    lines = [
        grow_crack(
            rng,
            (float(x), float(y)),
            heading,
            length,
            width_px,
            roughness=spec.roughness,
        )
    ]
    grow_branches(rng, lines, 0, spec.branches, roughness=spec.roughness)
    return lines


def _truths(lines: list[tuple[CrackLine, float]], spec: ConcreteSpec, hidden: Field) -> tuple[Crack, ...]:
    """Return the truth of every line of which at least four samples can be seen; parents are renumbered."""
    cracks: list[Crack] = []
    place: dict[int, int] = {}
    for index, (line, core) in enumerate(lines):
        crack = _truth(line, spec, core, None if line.parent is None else place.get(line.parent), hidden)
        if crack is not None:
            place[index] = len(cracks)
            cracks.append(crack)
    return tuple(cracks)


def _truth(line: CrackLine, spec: ConcreteSpec, core: float, parent: int | None, hidden: Field) -> Crack | None:
    x, y = line.centre_px.T
    inside = (x >= 0) & (y >= 0) & (x < spec.width_px) & (y < spec.height_px)
    centre, width = line.centre_px[inside], line.width_px[inside] * spec.gsd_mm
    col, row = centre.astype(np.int64).T
    visible = hidden[row, col] < 0.5
    if np.count_nonzero(visible) < 4:
        return None
    pieces = np.linalg.norm(np.diff(line.centre_px, axis=0), axis=1)
    seen = np.zeros(len(x), dtype=bool)
    seen[np.flatnonzero(inside)] = visible
    return Crack(
        centreline_mm=centre * spec.gsd_mm,
        width_mm=width,
        visible=visible,
        length_mm=float((pieces * (seen[1:] & seen[:-1])).sum() * spec.gsd_mm),
        width_max_mm=float(width[visible].max()),
        width_p95_mm=float(np.percentile(width[visible], 95)),
        width_mean_mm=float(width[visible].mean()),
        core=core,
        parent=parent,
    )


def _add_damage(
    rng: np.random.Generator, surface: Surface, spec: ConcreteSpec, light_rad: float, masks: dict[str, Mask]
) -> None:
    height, width = surface.shape
    for _ in range(spec.spalls):
        centre = (float(rng.uniform(0.15, 0.85)) * width, float(rng.uniform(0.15, 0.85)) * height)
        radius = float(rng.uniform(*spec.spall_radius_mm))
        bars = bool(rng.random() < spec.bars)
        spall, steel = add_spall(rng, surface, centre, radius, light_rad, bars)
        masks["spalling"] |= spall
        masks["exposed_rebar"] |= steel
        if steel.any() and rng.random() < 0.7:
            rows, cols = np.nonzero(steel)
            at = int(rng.integers(len(rows)))
            masks["rust"] |= add_rust_stain(rng, surface, float(cols[at]), float(rows[at]), 0.25 * radius)
    for _ in range(spec.rust_stains):
        x, y = float(rng.uniform(0, width)), float(rng.uniform(-0.1, 0.7)) * height
        size = min(float(rng.lognormal(np.log(12), 0.6)), 0.08 * width * surface.gsd_mm)
        masks["rust"] |= add_rust_stain(rng, surface, x, y, size)


def _take_picture(
    rng: np.random.Generator, surface: Surface, spec: ConcreteSpec, light_rad: float
) -> NDArray[np.uint8]:
    light = light_field(rng, surface.shape, spec.light_gradient, spec.vignetting)
    light *= relief_shading(surface.height, light_rad, spec.relief)
    if spec.shadow > 0:
        light *= shadow_field(rng, surface.shape, spec.shadow)
    radiance = np.clip(surface.colour, 0.002, 1.0) * light[..., None] * np.asarray(spec.cast, dtype=np.float32)
    # The camera meters: dark walls are lifted and bright ones held back, though not all the way.
    radiance *= np.float32(spec.exposure * (0.17 / float(radiance[::8, ::8].mean())) ** 0.6)
    return expose(
        rng,
        radiance,
        blur_px=spec.blur_px,
        motion_px=spec.motion_px,
        noise=spec.noise,
        sharpening=spec.sharpening,
        jpeg_quality=spec.jpeg_quality,
    )
