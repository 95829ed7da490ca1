"""Drawn patterns of cracks: what a person would call single, parallel, map or grid, at any angle and density."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Voronoi

SIZE = 900
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Drawing:
    """How a pattern is drawn: its spacing, how far lines wander, how uneven it is and how much of them is missing."""

    spacing_px: float
    angle_deg: float = 0.0
    width_px: int = 4
    wander_px: float = 5.0
    uneven: float = 1.0
    gaps: float = 0.0


def draw(kind: str, rng: np.random.Generator, how: Drawing) -> NDArray[np.bool_]:
    """Return the mask ``(SIZE, SIZE)`` of a pattern: ``single``, ``parallel``, ``grid`` or ``map``."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for start, end in {"single": _single, "parallel": _parallel, "grid": _grid, "map": _map}[kind](rng, how):
        _line(mask, rng, how, start, end)
    return mask.astype(bool)


def _single(rng: np.random.Generator, how: Drawing) -> list[tuple[Points, Points]]:
    half = SIZE * 0.38 * rng.uniform(0.6, 1.1)
    lines = [_turned([-half, 0], [half, 0], how.angle_deg)]
    if rng.random() < 0.5:  # a fork
        lines.append(_turned([0, 0], [0.5 * half, 0.45 * half * rng.choice([-1, 1])], how.angle_deg))
    return lines


def _parallel(rng: np.random.Generator, how: Drawing) -> list[tuple[Points, Points]]:
    half = SIZE * 0.38
    count = max(2, int(2 * half / how.spacing_px))
    lines = []
    for number in range(count):
        y = (number - (count - 1) / 2) * how.spacing_px + how.uneven * rng.normal(0, 0.08 * how.spacing_px)
        turn = how.angle_deg + how.uneven * rng.normal(0, 4)
        lines.append(_turned([-half * rng.uniform(0.7, 1), y], [half * rng.uniform(0.7, 1), y], turn))
    return lines


def _grid(rng: np.random.Generator, how: Drawing) -> list[tuple[Points, Points]]:
    across = Drawing(**{**vars(how), "angle_deg": how.angle_deg + rng.uniform(75, 105)})
    return [*_parallel(rng, how), *_parallel(rng, across)]


def _map(rng: np.random.Generator, how: Drawing) -> list[tuple[Points, Points]]:
    """Return the edges of irregular meshes (Voronoi), as drying and alkali-silica reaction leave them."""
    half, count = SIZE * 0.38, int(SIZE * 0.76 / how.spacing_px) + 3
    seeds = np.stack(np.meshgrid(np.arange(count), np.arange(count)), -1).reshape(-1, 2) - (count - 1) / 2
    seeds = (seeds + rng.uniform(-0.45, 0.45, seeds.shape)) * how.spacing_px
    cells = Voronoi(_turn(seeds, how.angle_deg))
    ends = [cells.vertices[ridge] for ridge in cells.ridge_vertices if -1 not in ridge]
    return [(a + SIZE / 2, b + SIZE / 2) for a, b in ends if max(np.abs(a).max(), np.abs(b).max()) < half]


def _turned(start: list[float], end: list[float], angle_deg: float) -> tuple[Points, Points]:
    a, b = _turn(np.array([start, end], float), angle_deg) + SIZE / 2
    return a, b


def _turn(points: Points, angle_deg: float) -> Points:
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return np.asarray(points @ np.array([[c, -s], [s, c]]))  # counter-clockwise as seen, y down


def _line(mask: NDArray[np.uint8], rng: np.random.Generator, how: Drawing, start: Points, end: Points) -> None:
    length = float(np.hypot(*(end - start)))
    count = max(3, int(length / 12))
    along = (end - start) / max(length, 1e-9)
    sway = np.cumsum(rng.normal(0, 1, count))
    sway = (sway - np.linspace(sway[0], sway[-1], count)) * how.wander_px * 2 / np.sqrt(count) * min(1, length / 300)
    places = start + np.linspace(0, 1, count)[:, None] * (end - start) + sway[:, None] * [-along[1], along[0]]
    pixels = np.rint(places * 16).astype(int)
    for a, b in pairwise(pixels):
        if rng.random() >= how.gaps:
            cv2.line(mask, a.tolist(), b.tolist(), 1, how.width_px, cv2.LINE_8, 4)
