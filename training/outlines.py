"""Outlines in pixels as masks."""

from __future__ import annotations

import numpy as np
from shapely.geometry import Polygon
from skimage.draw import polygon as fill

from imagery.types import Window
from training.datasets.sample import BoolArray


def outline_mask(outline: Polygon, window: Window) -> BoolArray:
    """Return ``(window.height, window.width)``: the pixels whose centre lies inside the outline.

    Outlines have pixel edges at whole numbers, so that centres stand at halves.
    """
    shape = (window.height, window.width)
    mask = np.zeros(shape, dtype=bool)
    for place, ring in enumerate([outline.exterior, *outline.interiors]):
        xy = np.asarray(ring.coords)
        rows, cols = fill(xy[:, 1] - window.row - 0.5, xy[:, 0] - window.col - 0.5, shape)  # type: ignore[no-untyped-call]
        mask[rows, cols] = place == 0
    return mask


def around(outline: Polygon, width_px: int, height_px: int, margin_px: int = 0) -> Window:
    """Return the least window of whole pixels that holds an outline with a margin, clipped to the picture."""
    left, top, right, bottom = outline.bounds
    col, row = max(int(np.floor(left)) - margin_px, 0), max(int(np.floor(top)) - margin_px, 0)
    end_col = min(int(np.ceil(right)) + margin_px, width_px)
    end_row = min(int(np.ceil(bottom)) + margin_px, height_px)
    return Window(col, row, max(end_col - col, 1), max(end_row - row, 1))
