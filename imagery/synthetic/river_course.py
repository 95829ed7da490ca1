"""Courses of rivers: meandering centre lines and their painting with sub-pixel cover."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Line = NDArray[np.float64]


def meander(
    rng: np.random.Generator, length_px: float, wavelength_px: float, swing: float, step_px: float = 2.0
) -> Line:
    """Return a meandering centre line ``(N, 2)`` of x, y that runs along +x from 0, 0.

    A sine-generated curve (Langbein and Leopold 1966, USGS Professional Paper 422-H): the direction is a sine of the
    distance along the course; amplitude and phase drift so that no bend repeats.

    Args:
        rng: source of randomness.
        length_px: distance along +x to cover.
        wavelength_px: course length of one pair of bends.
        swing: largest angle between the course and +x, radians (1.9 nearly closes the loops).
        step_px: distance between points.
    """
    count = max(int(length_px / step_px / max(math.cos(min(swing, 1.4)), 0.3)) + 8, 8)
    s = np.arange(count) * step_px
    drift = _drift(rng, count, max(wavelength_px / step_px, 2.0))
    phase = 2 * math.pi * s / wavelength_px + rng.uniform(0, 2 * math.pi) + 1.2 * drift
    amplitude = swing * np.clip(1 + 0.45 * _drift(rng, count, max(1.4 * wavelength_px / step_px, 2.0)), 0.1, 1.6)
    angle = np.clip(amplitude * np.sin(phase), -1.95, 1.95)
    return np.stack([np.cumsum(np.cos(angle)), np.cumsum(np.sin(angle))], axis=1) * step_px


def _drift(rng: np.random.Generator, count: int, period: float) -> Line:
    nodes = rng.standard_normal(int(count / period) + 4)
    return np.asarray(np.interp(np.arange(count) / period, np.arange(len(nodes)), nodes))


def place(line: Line, through: tuple[float, float], angle: float) -> Line:
    """Return the line turned by ``angle`` so that its middle lies at ``through`` (x, y)."""
    middle = line[len(line) // 2]
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return np.asarray((line - middle) @ turn.T + np.asarray(through))


def normals(line: Line) -> Line:
    """Return unit normals ``(N, 2)`` to the left of the direction of travel (x right, y down)."""
    tangent = np.gradient(line, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    return np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)


def curvature(line: Line, smooth: int = 9) -> NDArray[np.float64]:
    """Return the signed curvature in 1/px, smoothed; positive where the course bends towards ``normals``."""
    tangent = np.gradient(line, axis=0)
    angle = np.unwrap(np.arctan2(tangent[:, 1], tangent[:, 0]))
    step = np.maximum(np.linalg.norm(tangent, axis=1), 1e-9)
    bend = -np.gradient(angle) / step
    kernel = np.hanning(smooth + 2)[1:-1]
    return np.convolve(np.pad(bend, smooth // 2, mode="edge"), kernel / kernel.sum(), mode="valid")[: len(line)]


def paint(
    shape: tuple[int, int], line: Line, width_px: NDArray[np.float64] | float, factor: int = 4
) -> NDArray[np.uint8]:
    """Return a band of the given width along a line as a mask ``(H * factor, W * factor)`` uint8 of 0 and 255.

    Args:
        shape: H, W of the scene in pixels.
        line: x, y in scene pixels, pixel edges at whole numbers.
        width_px: full width at each point, or one width.
        factor: how much finer the mask is than the scene.
    """
    canvas = np.zeros((shape[0] * factor, shape[1] * factor), dtype=np.uint8)
    half = np.broadcast_to(np.asarray(width_px, dtype=float) / 2, len(line))
    side = normals(line) * half[:, None]
    left, right = line + side, line - side
    shift = 4
    scale = factor * (1 << shift)
    quads = np.stack([left[:-1], left[1:], right[1:], right[:-1]], axis=1)
    margin = float(half.max()) + 4
    near = np.all((line > -margin) & (line < np.array([shape[1], shape[0]]) + margin), axis=1)
    # cv2 counts from the centre of the first pixel, the scene from its edge: half a fine pixel between them.
    corners = np.round((quads - 0.5 / factor) * scale).astype(np.int32)
    for index in np.flatnonzero(near[:-1]):
        cv2.fillConvexPoly(canvas, corners[index], 255, lineType=cv2.LINE_8, shift=shift)
    for index in np.flatnonzero(near):
        radius = round(half[index] * scale)
        centre = np.round((line[index] - 0.5 / factor) * scale).astype(int)
        cv2.circle(canvas, (int(centre[0]), int(centre[1])), radius, 255, cv2.FILLED, cv2.LINE_8, shift)
    return canvas
