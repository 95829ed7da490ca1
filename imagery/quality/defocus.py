"""Where a photograph is out of focus: tile by tile, so that a partly sharp picture keeps its sharp part.

Edges are too rare for a map: a wall has texture everywhere. A step that is blurred by s has a gradient energy that
falls as 1 / sqrt(s^2 + t^2) when it is blurred again by t, a texture whose amplitude falls as 1 / frequency (natural
images: Field, JOSA A 4:2379-2394, 1987) one that falls as 1 / (s^2 + t^2). The energies q at t = 1 px and t = 4 px
therefore give s^2 = (16 - q) / (q - 1) of a texture; the same re-blurring that Zhuo & Sim (Pattern Recognition
44:1852-1858, 2011) use on edges. Finer textures than 1 / frequency look sharper than they are, never blurrier.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.types import BoolArray, FloatArray

TILE_PX = 32
LIMIT_PX = 3.5
"""Spread from which a tile is masked. A line of 1 px keeps 1 / (sqrt(2 pi) 3.5) = 11 % of its contrast. Of 355 sound
pictures no tile in a thousand looks that soft (docs/decisions/0018)."""
FINE_PX, COARSE_PX = 1.0, 4.0
STRUCTURE = 0.3  # grey values per px at COARSE_PX: less is too little structure to tell blur from smoothness
NOISE_CAP = 2.0  # on a rough surface texture passes for noise, and too much noise taken away would look like blur
LEAST_TILES = (3, 3)
REACH_TILES = {7: 0.5, 15: 1.0}
"""Side of the neighbourhood -> share of its tiles with structure that must be soft, for a tile without."""
LEAST_WITNESSES = 3
_CHUNK_TILES = 32
_HALO_PX = 16  # beyond it the coarser filter has no weight


def blurred(grey: NDArray[np.uint8], noise: float) -> BoolArray:
    """Return where ``(H, W)`` grey values are out of focus, in whole tiles.

    Tiles without structure follow the tiles around them; alone they are not called blurred.

    Args:
        grey: 0..255.
        noise: its 1-sigma.
    """
    height, width = grey.shape
    spread = spread_map(grey, noise)
    known = np.isfinite(spread)
    soft = known & (spread > LIMIT_PX)
    if not soft.any():
        return np.zeros((height, width), bool)
    filled = soft.copy()
    for reach, share in REACH_TILES.items():
        near_soft, near_known = (
            cv2.boxFilter(part.astype(np.float32), -1, (reach, reach), normalize=False, borderType=cv2.BORDER_CONSTANT)
            for part in (soft, known)
        )
        filled |= ~known & (near_soft >= LEAST_WITNESSES) & (near_soft >= share * near_known)
    # a lens is out of focus over an area; a soft strip is a rounded ledge or the edge of a shadow
    tiles = cv2.morphologyEx(filled.view(np.uint8), cv2.MORPH_OPEN, np.ones(LEAST_TILES, np.uint8)).astype(bool)
    return np.repeat(np.repeat(tiles, TILE_PX, axis=0), TILE_PX, axis=1)[:height, :width]


def spread_map(grey: NDArray[np.uint8], noise: float) -> FloatArray:
    """Return the 1-sigma spread in px of each tile and its neighbours; NaN where there is too little structure."""
    sigma = min(noise, NOISE_CAP)
    # white noise of sigma n leaves a gradient energy of n^2 / (4 pi t^4), both directions together
    fine, coarse = (
        np.maximum(energy - sigma**2 / (4 * np.pi * t**4), 0.0)
        for energy, t in zip(_tile_energies(grey), (FINE_PX, COARSE_PX), strict=True)
    )
    fine, coarse = (cv2.blur(energy, (3, 3), borderType=cv2.BORDER_REFLECT) for energy in (fine, coarse))
    ratio = fine / np.maximum(coarse, 1e-9)
    squared = (COARSE_PX**2 - FINE_PX**2 * ratio) / np.maximum(ratio - 1.0, 1e-2)
    spread = np.sqrt(np.maximum(squared, 0.0))
    return np.where(coarse > STRUCTURE**2, spread, np.nan).astype(np.float32)


def _tile_energies(grey: NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
    """Return the mean squared gradient of each tile at both scales; tiles at the far edges may be smaller."""
    height = grey.shape[0]
    parts: tuple[list[FloatArray], list[FloatArray]] = ([], [])
    for top in range(0, height, _CHUNK_TILES * TILE_PX):
        bottom = min(height, top + _CHUNK_TILES * TILE_PX)
        first, last = max(0, top - _HALO_PX), min(height, bottom + _HALO_PX)
        piece = grey[first:last].astype(np.float32)
        for scale, kept in zip((FINE_PX, COARSE_PX), parts, strict=True):
            smooth = cv2.GaussianBlur(piece, (0, 0), scale, borderType=cv2.BORDER_REFLECT)
            # two pixels apart, halved: the gradient of what was smoothed already
            right = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=1, scale=0.5, borderType=cv2.BORDER_REFLECT_101)
            down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=1, scale=0.5, borderType=cv2.BORDER_REFLECT_101)
            cv2.multiply(right, right, dst=right)
            cv2.accumulateSquare(down, right)
            kept.append(_tile_means(np.asarray(right[top - first : bottom - first], np.float32)))
    return np.concatenate(parts[0]), np.concatenate(parts[1])


def _tile_means(values: FloatArray) -> FloatArray:
    height, width = values.shape
    rows, cols = -(-height // TILE_PX), -(-width // TILE_PX)
    # tiles at the far edges are filled by their mirror image
    whole = cv2.copyMakeBorder(values, 0, rows * TILE_PX - height, 0, cols * TILE_PX - width, cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(whole, (cols, rows), interpolation=cv2.INTER_AREA), np.float32)
