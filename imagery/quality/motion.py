"""Motion blur of a whole photograph: direction and length from the power cepstrum.

A camera that moves by L pixels in a straight line multiplies the spectrum with sinc(L f), whose zeros stand at
multiples of 1 / L. The logarithm makes this a sum and its transform, the cepstrum, has a sharp negative peak at L in
the direction of motion (Rom, IEEE Trans. Information Theory 21:98-100, 1975; Cannon, IEEE Trans. ASSP 24:58-63, 1976).
The logarithms of many windows are averaged, since all of them moved alike and only that remains.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.types import BoolArray, FloatArray

WINDOW_PX = 256
WINDOWS_A_SIDE = 5
SHORTEST_PX, LONGEST_PX = 4.0, 64.0
PEAK = 6.0
"""Depth of the peak in robust sigmas of its ring; 355 sound pictures reach 5 as a rule and 7.9 at most."""
SMEARED = 0.12
"""Least spread along the motion in parts of what it must be: a repeated pattern makes a peak, but smears nothing."""
OVERTONE = 0.4
FLATTEST = 3.0  # grey values; a window with less holds noise only
_RINGS = (4, 6, 9, 13, 20, 32, 65)


@dataclass(frozen=True, slots=True)
class Motion:
    """A straight smear: its length in px, its direction in degrees from the image's x axis towards y, 0 to 180."""

    length_px: float
    direction_deg: float
    peak: float


def find_motion(grey: NDArray[np.uint8]) -> Motion | None:
    """Return the motion blur of ``(H, W)`` grey values, or None where none is proven."""
    windows = _windows(grey)
    logs = [_log_spectrum(window) for window in windows]
    if not logs:
        return None
    found = _peak(_depth(np.mean(logs, axis=0)))
    if found.peak < PEAK:
        return None
    expected = found.length_px / math.sqrt(12)  # 1-sigma of a box
    return found if _spread_along(windows, found.direction_deg) >= SMEARED * expected else None


def _peak(depth: NDArray[np.float64]) -> Motion:
    """Return the deepest lag, or the half or third of it where a peak stands too: log |sin| repeats at multiples."""
    lags = np.fft.fftfreq(WINDOW_PX, 1.0 / WINDOW_PX)
    row, col = np.unravel_index(int(np.argmax(depth)), depth.shape)
    place, deepest = np.array([lags[row], lags[col]]), float(depth[row, col])
    for part in (3, 2):
        near = np.rint(place / part).astype(int)
        around = [(near[0] + i, near[1] + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]  # negative lags stand at the end
        down, right = max(around, key=lambda lag: float(depth[lag]))
        if depth[down, right] >= max(PEAK, OVERTONE * deepest) and math.hypot(down, right) >= SHORTEST_PX:
            place = np.array([down, right], float)
            break
    return Motion(float(np.hypot(*place)), math.degrees(math.atan2(place[0], place[1])) % 180.0, deepest)


def _windows(grey: NDArray[np.uint8]) -> list[FloatArray]:
    found = []
    for row in _starts(grey.shape[0]):
        for col in _starts(grey.shape[1]):
            window = grey[row : row + WINDOW_PX, col : col + WINDOW_PX].astype(np.float32)
            if window.std() >= FLATTEST:
                found.append(window)
    return found


def _starts(length: int) -> list[int]:
    if length < WINDOW_PX:
        return []
    count = min(WINDOWS_A_SIDE, (length - WINDOW_PX) // (WINDOW_PX // 4) + 1)
    return sorted({int(start) for start in np.linspace(0, length - WINDOW_PX, count)})


def _log_spectrum(window: FloatArray) -> NDArray[np.float64]:
    taper = np.outer(np.hanning(WINDOW_PX), np.hanning(WINDOW_PX))
    scaled = (window - window.mean()) / window.std() * taper
    return np.asarray(np.log(np.abs(np.fft.rfft2(scaled)) ** 2 + 1e-3))  # the floor: noise of the tapered window


@lru_cache(maxsize=1)
def _lags() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the lags down and right of the cepstrum's cells, and the ring of each cell of the spectrum."""
    lag = np.fft.fftfreq(WINDOW_PX, 1.0 / WINDOW_PX)
    frequency = np.hypot(np.fft.fftfreq(WINDOW_PX)[:, None], np.fft.rfftfreq(WINDOW_PX)[None])
    ring = np.minimum((frequency * WINDOW_PX).astype(np.int64), WINDOW_PX // 2)
    return (*np.meshgrid(lag, lag, indexing="ij"), ring)


def _depth(log_spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each lag of the cepstrum lies below its ring's median, in robust sigmas; one of each pair."""
    down, right, ring = _lags()
    trend = np.bincount(ring.ravel(), log_spectrum.ravel()) / np.bincount(ring.ravel())  # the picture's own decay
    cepstrum = np.fft.irfft2(log_spectrum - trend[ring], s=(WINDOW_PX, WINDOW_PX))
    lag = np.hypot(down, right)
    depth = np.zeros_like(cepstrum)
    for low, high in itertools.pairwise(_RINGS):
        where: BoolArray = (lag >= low) & (lag < high)
        middle = np.median(cepstrum[where])
        sigma = 1.4826 * np.median(np.abs(cepstrum[where] - middle))
        depth[where] = (middle - cepstrum[where]) / max(float(sigma), 1e-12)
    # blocks of a compressed picture repeat every 8 px along rows and columns: there a peak must be twice as deep
    blocks = ((down == 0) & (right % 8 == 0)) | ((right == 0) & (down % 8 == 0))
    depth[blocks] /= 2.0
    half = (down > 0) | ((down == 0) & (right > 0))
    return np.where(half & (lag >= SHORTEST_PX) & (lag <= LONGEST_PX), depth, 0.0)


def _spread_along(windows: Sequence[FloatArray], direction_deg: float) -> float:
    """Return the spread in px along one direction, by the law of `imagery.quality.defocus`."""
    right, down = math.cos(math.radians(direction_deg)), math.sin(math.radians(direction_deg))
    energies = []
    for scale in (1.0, 4.0):
        total = 0.0
        for window in windows:
            smooth = cv2.GaussianBlur(window, (0, 0), scale)
            slope = right * cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=1, scale=0.5)
            slope += down * cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=1, scale=0.5)
            total += float((slope[16:-16, 16:-16] ** 2).mean())
        energies.append(total)
    ratio = energies[0] / max(energies[1], 1e-12)
    return math.sqrt(max(0.0, (16.0 - ratio) / max(ratio - 1.0, 1e-2)))
