"""Which pixels of a photograph must not be judged: clipped, out of focus, behind haze."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.masks import Classes, MaskClass
from imagery.quality.defocus import blurred
from imagery.quality.haze import Haze, find_haze
from imagery.quality.motion import Motion, find_motion
from imagery.types import BoolArray, FloatArray

LARGEST_PX = 400_000_000  # two bytes a pixel are held
SAMPLES_ACROSS = 1000  # for what haze does, every so manieth pixel is enough
BRIGHT_SIDE_PX = 9
"""A white spot must hold a square of this side: glints are no reason to leave pixels out."""
DARK_SIDE_PX = 65
"""A black place must hold a square of this side: the inside of a crack is black, and is what is looked for."""


@dataclass(slots=True)
class Planes:
    """A photograph in two bytes a pixel, and in samples for the haze.

    Attributes:
        grey: ``(H, W)`` uint8, 0 where nothing was observed.
        marks: ``(H, W)``: bit 0 observed, bit 1 all colours black, bit 2 all colours white.
        step: distance of the samples in px.
        darkest: samples of the least colour, float32, NaN = not observed.
        sampled: samples of the grey.
    """

    grey: NDArray[np.uint8]
    marks: NDArray[np.uint8]
    step: int
    darkest: FloatArray
    sampled: FloatArray

    @classmethod
    def of(cls, width_px: int, height_px: int) -> Planes | None:
        """Return empty planes, or None for a picture that is too large."""
        if width_px * height_px > LARGEST_PX:
            return None
        step = max(1, width_px // SAMPLES_ACROSS)
        shape = (-(-height_px // step), -(-width_px // step))
        return cls(
            np.zeros((height_px, width_px), np.uint8),
            np.zeros((height_px, width_px), np.uint8),
            step,
            np.full(shape, np.nan, np.float32),
            np.full(shape, np.nan, np.float32),
        )

    def put(self, row: int, values: FloatArray, grey: FloatArray, dark: BoolArray, bright: BoolArray) -> None:
        """Take the rows from ``row`` on: colours ``(C, H, W)``, their mean, and where all are black or white."""
        seen = np.isfinite(grey)
        rows = slice(row, row + len(grey))
        self.grey[rows] = cv2.convertScaleAbs(grey if seen.all() else np.where(seen, grey, 0.0))
        self.marks[rows] = seen.view(np.uint8) + 2 * dark.view(np.uint8) + 4 * bright.view(np.uint8)
        first = -row % self.step
        if first >= len(grey):
            return
        place = (row + first) // self.step
        least = values[:, first :: self.step, :: self.step].min(axis=0)
        self.darkest[place : place + len(least)] = least
        self.sampled[place : place + len(least)] = grey[first :: self.step, :: self.step]


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found in a photograph; all None where nobody looked."""

    classes: Classes | None = None
    motion: Motion | None = None
    haze: Haze | None = None


def measure(planes: Planes, noise: float | None) -> Measured:
    """Return mask, motion and haze of a photograph whose noise has the 1-sigma ``noise`` (None: assume 1)."""
    sigma = 1.0 if noise is None else noise
    haze = find_haze(planes.darkest, planes.sampled, sigma)
    observed = planes.marks & 1 > 0
    classes = np.full(planes.grey.shape, MaskClass.CLEAR, np.uint8)
    classes[blurred(planes.grey, sigma)] = MaskClass.BLUR
    if haze is not None and haze.hidden.any():
        height, width = planes.grey.shape
        side, (last_row, last_col) = haze.patch * planes.step, haze.hidden.shape
        rows = np.minimum(np.arange(height) // side, last_row - 1)
        cols = np.minimum(np.arange(width) // side, last_col - 1)
        classes[haze.hidden[np.ix_(rows, cols)]] = MaskClass.HAZE
    classes[_opened(planes.marks & 2 > 0, DARK_SIDE_PX)] = MaskClass.UNDEREXPOSED
    classes[_opened(planes.marks & 4 > 0, BRIGHT_SIDE_PX)] = MaskClass.OVEREXPOSED
    classes[~observed] = MaskClass.CLEAR  # the reader knows that nothing is there
    return Measured(classes, find_motion(planes.grey), haze)


def _opened(where: BoolArray, side: int) -> BoolArray:
    """Return the parts that hold a square of ``side`` px (morphological opening); beyond the edges all fits."""
    if not where.any():
        return where
    square = np.ones((side, side), np.uint8)
    return np.asarray(cv2.morphologyEx(where.view(np.uint8), cv2.MORPH_OPEN, square)).astype(bool)
