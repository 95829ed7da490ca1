"""From a water mask to the river: bodies that are long and narrow, their width, and the active channel around them.

The active channel is the wetted channel with the bars in it: closing and filled holes of the water, as mapped from
satellite scenes by Boothroyd et al. (2021, WIREs Water, "Applications of Google Earth Engine in fluvial
geomorphology"), with sizes that follow the river's own width instead of fixed metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import binary_opening

from inference.river.finding import MINIMUM_WIDTH_PX, Array, Bool

LONG_FROM = 4.0
"""Length over width from which a body of water is a river; a round lake has 1.8."""
BODY_SHARE = 0.03
"""Bodies smaller than this share of the largest river are ponds and stray pixels, not the river."""
HOLE_WIDTHS = 3.0
"""A dry hole at most this many channel widths across is a bar or island, a larger one is the land in a loop."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A river in one mask.

    Attributes:
        water: ``(H, W)`` the river's own water, without lakes and ponds.
        active: ``(H, W)`` water with the bars and islands in it.
        width_px: mean width of the water.
    """

    water: Bool
    active: Bool
    width_px: float


def distance_to(mask: Bool) -> Array:
    """Return the distance in px from each pixel centre to the nearest one of the mask; very large if it is empty."""
    if not mask.any():
        return np.full(mask.shape, 1e6, dtype=np.float32)
    far = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(far, dtype=np.float32)


def components(mask: Bool) -> tuple[np.ndarray, np.ndarray]:
    """Return 8-connected labels ``(H, W)`` int32, 0 = background, and OpenCV's statistics a label."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return labels, stats


def strip_width_px(mask: Bool) -> float:
    """Return the mean width of a long body: in a strip of width w the mean distance to the edge is w / 4."""
    inside = _depth(mask)[mask]
    return float(4 * inside.mean()) if inside.size else 0.0


def _depth(mask: Bool) -> Array:
    """Return the distance of the mask's pixels to its edge; the picture's border is no edge."""
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    return np.asarray(np.maximum(depth - 0.5, 0), dtype=np.float32)


def find_channel(water: Bool, observed: Bool) -> tuple[Channel | None, str]:
    """Return the river in a water mask, or None and the reason.

    Args:
        water: ``(H, W)``.
        observed: ``(H, W)``; holes that were not observed are not filled.
    """
    if not water.any():
        return None, "no water in the scene"
    labels, stats = components(water)
    depth = _depth(water)
    area = stats[:, cv2.CC_STAT_AREA].astype(float)
    mean_depth = np.bincount(labels.ravel(), weights=depth.ravel(), minlength=len(area)) / np.maximum(area, 1)
    width = np.maximum(4 * mean_depth, 1.0)
    long_enough = area / width**2 >= LONG_FROM
    long_enough[0] = False
    if not long_enough.any():
        return None, "water, but none of it is long and narrow as a river is"
    wide = long_enough & (width >= MINIMUM_WIDTH_PX)
    if not wide.any():
        narrow = width[int(np.argmax(np.where(long_enough, area, 0)))]
        return None, (
            f"the river is {narrow:.1f} px wide, and banks and bars show from {MINIMUM_WIDTH_PX:.0f} px: "
            "use imagery of a finer ground sample distance"
        )
    largest = float(area[wide].max())
    river = np.asarray((wide & (area >= BODY_SHARE * largest))[labels], dtype=bool)
    mean_width = float(4 * depth[river].mean())
    return Channel(river, _active(river, observed, mean_width), mean_width), ""


def _active(river: Bool, observed: Bool, width_px: float) -> Bool:
    radius = float(np.clip(0.5 * width_px, 2, 60))
    pad = int(radius) + 2
    padded = cv2.copyMakeBorder(river.astype(np.uint8), pad, pad, pad, pad, cv2.BORDER_REPLICATE).astype(bool)
    grown = distance_to(padded) <= radius
    closed = (distance_to(~grown) > radius)[pad:-pad, pad:-pad] | river
    labels, stats = components(~closed)
    height, width = river.shape
    radius_limit = HOLE_WIDTHS * width_px / 2
    depth = distance_to(closed)
    deepest = np.zeros(len(stats), dtype=np.float32)
    np.maximum.at(deepest, labels.ravel(), depth.ravel())
    left, top = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_TOP]
    right, bottom = left + stats[:, cv2.CC_STAT_WIDTH], top + stats[:, cv2.CC_STAT_HEIGHT]
    enclosed = (left > 0) & (top > 0) & (right < width) & (bottom < height)
    fill = enclosed & (deepest <= radius_limit)
    fill[0] = False
    return np.asarray((closed | fill[labels]) & (observed | river), dtype=bool)


def solid(mask: Bool) -> Bool:
    """Return the parts of a mask at least 3 px wide: a deck across the river and mixed bank pixels are thinner."""
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), dtype=bool)


def wide(mask: Bool) -> Bool:
    """Return the parts at least 2 px wide: a fringe of one is under every floor and strings places together."""
    return np.asarray(binary_opening(mask, np.ones((2, 2))), dtype=bool)
