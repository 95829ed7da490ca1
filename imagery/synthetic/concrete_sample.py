"""Squares of concrete for training, randomised in everything that a camera may meet, each class with its exact mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.synthetic.concrete_camera import random_shot, take
from imagery.synthetic.concrete_labels import Matrix, scale_of, truth_of, warp
from imagery.synthetic.concrete_light import light_scene
from imagery.synthetic.concrete_plan import Shares, build_scene
from imagery.synthetic.noise import Field

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class DamageSample:
    """A generated square of concrete and its truth.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB.
        masks: one bool ``(H, W)`` for each of ``CLASSES``; several can hold at one pixel: a bar in a spall is
            ``exposed_rebar`` and ``spalling``, a crack may run through a wet spot. ``crack`` is drawn as people label.
        coverage: ``(H, W)`` float32, the exact area share of each pixel that cracks cover, hidden parts left out.
        gsd_mm: millimetres per pixel in the middle of the picture.
        unsure: one bool ``(H, W)`` for each class: pixels of which people would judge differently (a hairline in rough
            texture, the fading end of a stain); they should neither train nor measure.
    """

    image: NDArray[np.uint8]
    masks: Mapping[str, Mask]
    coverage: Field
    gsd_mm: float
    unsure: Mapping[str, Mask]


def random_sample(
    rng: np.random.Generator,
    size_px: int = 256,
    *,
    shares: Shares | None = None,
    gsd_mm: float | None = None,
    label_width_px: float = 3.0,
) -> DamageSample:
    """Return a random square photograph with its masks; the same generator state gives the same bytes.

    Args:
        rng: source of the draws.
        size_px: side of the square.
        shares: how often each class is drawn.
        gsd_mm: millimetres per pixel; drawn if None, mostly from 0.2 to 2.
        label_width_px: narrower cracks are labelled this wide, as people label them; 0 and 1 label one pixel.

    Raises:
        ValueError: a side below 32 px.
    """
    if size_px < 32:
        raise ValueError(f"{size_px} px: expected a side of at least 32; enlarge the picture")
    canvas_px, view = _random_view(rng, size_px)
    gsd = _random_gsd(rng) if gsd_mm is None else gsd_mm
    shot = random_shot(rng)
    scene = build_scene(rng, canvas_px, gsd, Shares() if shares is None else shares)
    image = take(rng, warp(light_scene(rng, scene), view, size_px), shot)
    masks, unsure, coverage = truth_of(scene, view, image, label_width_px)
    return DamageSample(image, masks, coverage, gsd / scale_of(view, size_px), unsure)


def _random_gsd(rng: np.random.Generator) -> float:
    low, high = (0.2, 2.0) if rng.random() < 0.85 else (2.0, 6.0)
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _random_view(rng: np.random.Generator, size_px: int) -> tuple[int, Matrix]:
    """Return the side of the canvas and the projection ``(3, 3)`` from canvas to picture, in pixels from the corner.

    Half of the pictures look straight at the wall; the others a little aslant. One in seven is turned, as a soffit is,
    which has no below.
    """
    quarter = int(rng.integers(1, 4)) if rng.random() < 0.14 else 0
    canvas, corners = size_px, np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float64) * size_px
    if rng.random() < 0.5:
        canvas = int(1.25 * size_px)
        middle, lean = 0.5 * canvas, float(rng.uniform(0.0, 0.09))
        spin = float(rng.normal(0, 0.04))
        turn = np.array([[np.cos(spin), -np.sin(spin)], [np.sin(spin), np.cos(spin)]])
        square = (corners - 0.5 * size_px) @ turn.T * float(rng.uniform(0.95, 1.05))
        corners = middle + square * (1 + rng.uniform(-lean, lean, (4, 2)))
        corners = np.clip(corners, 0, canvas)
    target = np.roll(np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float64) * size_px, quarter, axis=0)
    view = cv2.getPerspectiveTransform(corners.astype(np.float32), target.astype(np.float32))
    return canvas, np.asarray(view, dtype=np.float64)
