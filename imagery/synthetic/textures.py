"""Fast random fields and patchworks: the raw matter of generated scenes."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Bool = NDArray[np.bool_]
Byte = NDArray[np.uint8]


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int], scale_px: float, octaves: int = 3, persistence: float = 0.5
) -> Array:
    """Return a smooth random field ``(H, W)`` of mean about 0 and deviation about 1.

    Args:
        rng: source of randomness.
        shape: H, W.
        scale_px: size of the largest features, in pixels.
        octaves: each adds features of half the size.
        persistence: amplitude of an octave relative to the one before.
    """
    total = np.zeros(shape, dtype=np.float32)
    power = 0.0
    amplitude = 1.0
    for octave in range(octaves):
        cell = max(scale_px / 2**octave, 1.0)
        total += amplitude * _octave(rng, shape, cell)
        power += amplitude**2
        amplitude *= persistence
        if cell <= 1.0:
            break
    # Cubic interpolation of white noise keeps about 0.6 of its deviation between the nodes.
    return np.asarray(total / np.float32(0.7 * math.sqrt(power)), dtype=np.float32)


def _octave(rng: np.random.Generator, shape: tuple[int, int], cell: float) -> Array:
    if cell >= 16:
        # Large features are drawn small first: blowing a coarse grid up to 600 pixels to keep 128 was half the time.
        factor = int(cell // 8)
        small = _octave(rng, (shape[0] // factor + 2, shape[1] // factor + 2), cell / factor)
        large = cv2.resize(small, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        return np.asarray(large[factor // 2 :, factor // 2 :][: shape[0], : shape[1]], dtype=np.float32)
    rows, cols = (math.ceil(n / cell) + 3 for n in shape)
    grid = rng.standard_normal((rows, cols), dtype=np.float32)
    if cell <= 1.0:
        return grid[: shape[0], : shape[1]]
    height, width = round(rows * cell), round(cols * cell)
    large = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    top = int(rng.integers(0, height - shape[0] + 1))
    left = int(rng.integers(0, width - shape[1] + 1))
    return np.asarray(large[top : top + shape[0], left : left + shape[1]], dtype=np.float32)


def fraction(value: NDArray[np.generic], factor: int) -> Array:
    """Return the mean of ``factor`` x ``factor`` blocks: sub-pixel cover of a mask drawn at a finer grid."""
    height, width = value.shape[0] // factor, value.shape[1] // factor
    blocks = value[: height * factor, : width * factor].reshape(height, factor, width, factor)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32), dtype=np.float32)


def soft_step(value: NDArray[np.floating[Any]], edge: float, softness: float) -> Array:
    """Return 0 below ``edge``, 1 above it, with a linear ramp ``softness`` wide."""
    ramp = (value - edge) / np.float32(max(softness, 1e-6)) + 0.5
    return np.asarray(np.clip(ramp, 0, 1), dtype=np.float32)


def grid_cells(
    rng: np.random.Generator, shape: tuple[int, int], cell_px: tuple[float, float], angle: float, wobble_px: float
) -> tuple[NDArray[np.int64], Array]:
    """Return the cell number of every pixel of a turned, slightly bent grid, and the distance to the cell's edge in px.

    Rows of cells are shifted against each other as fields are.

    Args:
        rng: source of randomness.
        shape: H, W.
        cell_px: length and breadth of a cell.
        angle: direction of the cells' long side, radians.
        wobble_px: amplitude of the bend of the borders.
    """
    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    if wobble_px > 0:
        cols = cols + wobble_px * smooth_noise(rng, shape, 60, 2)
        rows = rows + wobble_px * smooth_noise(rng, shape, 60, 2)
    u = (cols * math.cos(angle) + rows * math.sin(angle)) / cell_px[0] + 1000
    v = (-cols * math.sin(angle) + rows * math.cos(angle)) / cell_px[1] + 1000
    line = np.floor(v).astype(np.int64)
    u = u + rng.random(4096, dtype=np.float32)[line % 4096]
    column = np.floor(u).astype(np.int64)
    edge_u = np.minimum(u - column, column + 1 - u) * cell_px[0]
    edge_v = np.minimum(v - line, line + 1 - v) * cell_px[1]
    return (line * 7919 + column * 104729) % 4093, np.minimum(edge_u, edge_v).astype(np.float32)


def point_spread(bands: Array, sigma_px: float) -> Array:
    """Return bands ``(C, H, W)`` blurred by a Gaussian point spread of ``sigma_px``."""
    if sigma_px <= 0:
        return bands
    moved = np.ascontiguousarray(np.moveaxis(bands, 0, -1))
    blurred = cv2.GaussianBlur(moved, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(np.moveaxis(blurred, -1, 0), dtype=np.float32)
