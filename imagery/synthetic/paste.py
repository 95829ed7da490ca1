"""Cracks, joints and other lines drawn into pictures that exist already: real texture, exact truth.

Everything is drawn as a factor on linear light, so that grain, stains and light of the picture stay, and the factor
is blurred as the picture itself is. What is drawn hides nothing but what it darkens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.synthetic.camera import encode_srgb
from imagery.synthetic.confusers import add_cable, add_joint, add_scratch, add_tie_hole, shadow_field, straight_band
from imagery.synthetic.cracks import CrackLine, centre_mask, grow_branches, grow_crack, line_coverage
from imagery.synthetic.damage import paint_crack
from imagery.synthetic.noise import Field, blur, ramp, smooth_noise
from imagery.synthetic.surface import Surface

# IEC 61966-2-1: linear light of each of the 256 sRGB values.
_CODES = np.arange(256) / 255.0
_LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(np.float32)
FLOOR = np.float32(0.002)  # below that linear light a ratio says nothing
LEAST_CONTRAST_PX = 0.35  # width times darkness: what darkens a pixel by less can be seen by nobody


@dataclass(frozen=True, slots=True)
class Strokes:
    """How many lines of which kind to draw.

    Attributes:
        cracks: number of cracks.
        width_px: range of a crack's largest width, drawn log-uniform.
        core: range of the reflectance inside as a share of the wall's.
        length: range of the length as a share of the longer side.
        branches: mean number of branches a crack.
        joints: straight lines that cross the picture: formwork joints, board edges, steps of tone, gaps.
        others: cables, shadows, tie holes and scratches.
        blur_px: range of the 1-sigma blur of what is drawn.
    """

    cracks: int = 1
    width_px: tuple[float, float] = (0.7, 4.0)
    core: tuple[float, float] = (0.05, 0.4)
    length: tuple[float, float] = (0.5, 1.5)
    branches: float = 0.5
    joints: int = 0
    others: int = 0
    blur_px: tuple[float, float] = (0.35, 0.9)


@dataclass(frozen=True, slots=True, eq=False)
class Pasted:
    """A picture with lines drawn in.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB.
        mask: ``(H, W)`` bool, pixels at least half covered by a crack, and those on its centre line where it shows.
        coverage: ``(H, W)`` float32, the share of each pixel that cracks cover.
        width_px: ``(H, W)`` float32, the crack's width across its centre line on the pixels of that line, else 0.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    coverage: Field
    width_px: Field


def paste(rng: np.random.Generator, image: NDArray[np.uint8], strokes: Strokes) -> Pasted:
    """Return the picture ``(H, W, 3)`` RGB with cracks and confusers drawn in; the given one stays as it is."""
    before = np.maximum(_LINEAR[image], FLOOR)
    shape = image.shape[:2]
    surface = Surface(before.copy(), np.zeros(shape, dtype=np.float32), gsd_mm=1.0)
    for _ in range(strokes.joints):
        _JOINTS[int(rng.integers(len(_JOINTS)))](rng, surface)
    coverage = np.zeros(shape, dtype=np.float32)
    widths = np.zeros(shape, dtype=np.float32)
    for _ in range(strokes.cracks):
        _crack(rng, surface, strokes, coverage, widths)
    for _ in range(strokes.others):
        hidden = _OTHERS[int(rng.integers(len(_OTHERS)))](rng, surface)
        if hidden is not None:
            coverage, widths = coverage * (1 - hidden), widths * (hidden < 0.5)
    factor = blur(np.asarray(surface.colour / before, dtype=np.float32), float(rng.uniform(*strokes.blur_px)))
    values = encode_srgb(np.clip(before * factor, 0, 1)) * np.float32(255)
    mask = (coverage >= 0.5) | (widths > 0)
    return Pasted(np.clip(values + 0.5, 0, 255).astype(np.uint8), mask, coverage, widths)


def _crack(
    rng: np.random.Generator,
    surface: Surface,
    strokes: Strokes,
    coverage: Field,
    widths: Field,
) -> None:
    """Draw one crack with its branches and add it to the truth."""
    height, width = surface.shape
    longer = float(max(height, width))
    width_px = float(np.exp(rng.uniform(*np.log(strokes.width_px))))
    length = max(float(rng.uniform(*strokes.length)) * longer, 40 * width_px)
    heading = float(rng.uniform(0, 2 * np.pi))
    middle = rng.uniform(0.15, 0.85, 2) * (width, height)
    x, y = middle - rng.uniform(0.3, 0.7) * length * np.array([np.cos(heading), np.sin(heading)])
    rough = float(rng.lognormal(0, 0.4))
    lines = [grow_crack(rng, (float(x), float(y)), heading, length, width_px, roughness=rough)]
    grow_branches(rng, lines, 0, strokes.branches, roughness=rough)
    core, light, dirt = float(rng.uniform(*strokes.core)), float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0, 0.7))
    for line in lines:
        cover = line_coverage(line, surface.shape)
        paint_crack(rng, surface, line, np.clip(cover - coverage, 0, 1), core, light, dirt)
        np.maximum(coverage, cover, out=coverage)
        plain = line.width_px * (1 - core) >= LEAST_CONTRAST_PX
        centre = _centre_widths(line, plain, surface.shape)
        np.maximum(widths, centre, out=widths)


def _centre_widths(line: CrackLine, shown: NDArray[np.bool_], shape: tuple[int, int]) -> Field:
    """Return the width on the pixels of the centre line that can be seen, 0 elsewhere."""
    field = np.zeros(shape, dtype=np.float32)
    inside = centre_mask(line, shape)
    col, row = np.floor(line.centre_px).astype(np.int64).T
    keep = shown & (col >= 0) & (row >= 0) & (col < shape[1]) & (row < shape[0])
    np.maximum.at(field, (row[keep], col[keep]), line.width_px[keep].astype(np.float32))
    return np.where(inside, field, np.float32(0))


def _line(rng: np.random.Generator, surface: Surface) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return two points beyond the frame, mostly nearly level or upright, as forms are."""
    height, width = surface.shape
    upright = rng.random() < 0.5
    angle = np.pi / 2 * upright + rng.normal(0, 0.06) if rng.random() < 0.75 else rng.uniform(0, np.pi)
    x, y = rng.uniform(0.05, 0.95) * width, rng.uniform(0.05, 0.95) * height
    reach = float(height + width)
    dx, dy = reach * np.cos(angle), reach * np.sin(angle)
    return (float(x - dx), float(y - dy)), (float(x + dx), float(y + dy))


def _gap(rng: np.random.Generator, surface: Surface) -> None:
    """A straight thin dark line, even or broken, as between two boards or panels."""
    start, end = _line(rng, surface)
    band = straight_band(surface.shape, start, end, float(np.exp(rng.uniform(np.log(0.7), np.log(6.0)))))
    if rng.random() < 0.6:
        band = band * ramp(
            smooth_noise(rng, surface.shape, float(rng.uniform(15, 80))), -1.2, float(rng.uniform(-0.5, 0.8))
        )
    surface.darken(band, float(rng.uniform(0.2, 0.85)))


def _step(rng: np.random.Generator, surface: Surface) -> None:
    """A step of tone along a straight line, with or without a fin: two boards, two pours, two coats of paint."""
    (x0, y0), (x1, y1) = start, end = _line(rng, surface)
    height, width = surface.shape
    rows, cols = np.mgrid[0:height, 0:width].astype(np.float32)
    size = float(np.hypot(x1 - x0, y1 - y0))
    across = ((cols - np.float32(x0)) * np.float32(y1 - y0) - (rows - np.float32(y0)) * np.float32(x1 - x0)) / size
    soft = float(rng.uniform(0.4, 2.0))
    surface.darken(ramp(across, -soft, soft), float(rng.uniform(0.75, 1.3)))
    if rng.random() < 0.6:
        band = straight_band(surface.shape, start, end, float(rng.uniform(0.7, 3.0)))
        surface.darken(band, float(rng.choice([rng.uniform(0.35, 0.8), rng.uniform(1.15, 1.5)])))


def _joint(rng: np.random.Generator, surface: Surface) -> None:
    add_joint(rng, surface, float(rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.08)))


def _boards(rng: np.random.Generator, surface: Surface) -> None:
    """Several parallel board edges at an even pitch, each a weak dark or bright line."""
    height, width = surface.shape
    upright, pitch = rng.random() < 0.5, float(rng.uniform(18, 120))
    tilt, at = float(rng.normal(0, 0.03)), float(rng.uniform(0, pitch))
    tone = float(rng.choice([rng.uniform(0.4, 0.85), rng.uniform(1.1, 1.3)]))
    for offset in np.arange(at, (width if upright else height), pitch):
        sway = tilt * (height if upright else width)
        start, end = (float(offset), -2.0), (float(offset) + sway, height + 2.0)
        if not upright:
            start, end = (-2.0, float(offset)), (width + 2.0, float(offset) + sway)
        band = straight_band(surface.shape, start, end, float(rng.uniform(0.6, 2.2)))
        broken = ramp(smooth_noise(rng, surface.shape, 40.0), -0.9, 0.6)
        surface.darken(band * broken, tone * float(rng.uniform(0.85, 1.1)))


def _hole(rng: np.random.Generator, surface: Surface) -> Field | None:
    height, width = surface.shape
    add_tie_hole(rng, surface, float(rng.uniform(0, width)), float(rng.uniform(0, height)), float(rng.uniform(2, 12)))
    return None


def _shadow(rng: np.random.Generator, surface: Surface) -> Field | None:
    surface.colour *= shadow_field(rng, surface.shape, float(rng.uniform(0.25, 0.7)))[..., None]
    return None


def _scratch(rng: np.random.Generator, surface: Surface) -> Field | None:
    add_scratch(rng, surface)
    return None


Draw = Callable[[np.random.Generator, Surface], None]
Hide = Callable[[np.random.Generator, Surface], Field | None]  # returns what it hides, if anything
_JOINTS: tuple[Draw, ...] = (_gap, _gap, _step, _joint, _boards)
_OTHERS: tuple[Hide, ...] = (_hole, _shadow, add_cable, _scratch)
