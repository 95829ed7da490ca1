"""Noise and the spread of edges, measured on grey windows."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from imagery.types import BoolArray, FloatArray

MIN_EDGES = 10
PIXEL_SPREAD_PX = 1 / math.sqrt(12)  # a pixel is a box: nothing is sharper


def noise_sigma(grey: FloatArray) -> float | None:
    """Return the 1-sigma of the noise of ``(H, W)`` grey values, or None below 48 px.

    The mask of Immerkaer (Fast noise variance estimation, CVIU 64:300-302, 1996, eq. 3) removes everything linear; its
    mean over blocks of 16 px is taken, and of the blocks the flattest tenth, because texture only adds.
    """
    if min(grey.shape) < 48:
        return None
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = np.abs(ndimage.convolve(grey, mask, mode="nearest"))[1:-1, 1:-1]
    rows, cols = (size // 16 * 16 for size in response.shape)
    blocks = response[:rows, :cols].reshape(rows // 16, 16, cols // 16, 16).mean(axis=(1, 3))
    return float(np.percentile(blocks, 10) * math.sqrt(math.pi / 2) / 6)


def edge_spreads(grey: FloatArray) -> FloatArray:
    """Return the 1-sigma spread in px of the clear edges of ``(H, W)`` grey values; empty if there is none.

    A step blurred by s has a gradient that falls as 1 / sqrt(s^2 + t^2) when it is blurred again by t; the gradients
    at two values of t therefore give s (Zhuo & Sim, Pattern Recognition 44:1852-1858, 2011, eq. 6). The pair of t is
    doubled until it is not much smaller than s, or the noise would decide.
    """
    noise = noise_sigma(grey) or 1.0
    spreads = np.empty(0, np.float32)
    for fine in (1.0, 2.0, 4.0):
        found = _spreads_at(grey, fine, noise)
        if len(found) < MIN_EDGES:
            continue
        spreads = found
        if float(np.median(found)) <= 1.25 * fine:
            break
    return spreads


def _spreads_at(grey: FloatArray, fine: float, noise: float) -> FloatArray:
    """Return the spreads seen with t = fine and 2 fine, at ridges that stand well above the noise."""
    gradient = ndimage.gaussian_gradient_magnitude(grey, fine, mode="nearest")
    again = ndimage.gaussian_gradient_magnitude(grey, 2 * fine, mode="nearest")
    # white noise of sigma n leaves a gradient of n / (sqrt(8 pi) t^2) in each direction; ten times that is an edge
    floor = 10.0 * noise / (math.sqrt(8 * math.pi) * (2 * fine) ** 2)
    strong = again > max(floor, 0.3 * float(np.percentile(again, 99.5)))
    # ridges are sought in the smoother gradient: maxima of the other one are noise spikes, and look too sharp
    peak = strong & (again >= ndimage.maximum_filter(again, size=2 * int(4 * fine) + 1))
    border = int(6 * fine)
    peak[:border] = peak[-border:] = False
    peak[:, :border] = peak[:, -border:] = False
    ratio = (gradient[peak] / np.maximum(again[peak], 1e-6)) ** 2
    squared = fine**2 * (4.0 - ratio) / np.maximum(ratio - 1.0, 1e-3)
    spread = np.sqrt(np.maximum(squared, PIXEL_SPREAD_PX**2))
    step = _contrast_across(grey, peak, 2 * fine)
    expected = again[peak] * np.sqrt(2 * np.pi * (spread**2 + (2 * fine) ** 2))
    # a line or a speck has the same grey on both sides: only steps follow the law above; a ratio of 4 or more is an
    # overshoot, from the camera's own sharpening, and says nothing about the spread
    is_step = (ratio > 1.0) & (ratio < 4.0) & (np.abs(step / np.maximum(expected, 1e-6) - 1.0) < 0.25)
    return np.asarray(spread[is_step], np.float32)


def _contrast_across(grey: FloatArray, peak: BoolArray, sigma: float) -> FloatArray:
    """Return the difference of the smoothed grey values 2 sigma beyond both sides of each peak."""
    smooth = ndimage.gaussian_filter(grey, sigma, mode="nearest")
    down, right = (
        ndimage.gaussian_filter(grey, sigma, order=order, mode="nearest")[peak] for order in ((1, 0), (0, 1))
    )
    length = np.maximum(np.hypot(down, right), 1e-6)
    rows, cols = np.nonzero(peak)
    reach = 2.0 * sigma
    ahead, behind = (
        ndimage.map_coordinates(
            smooth, [rows + sign * reach * down / length, cols + sign * reach * right / length], order=1, mode="nearest"
        )
        for sign in (1, -1)
    )
    return np.asarray(ahead - behind, np.float32)
