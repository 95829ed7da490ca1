"""The active channel: the water of a river and the bars that lie in it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage
from skimage.morphology import skeletonize

from inference.river.result import Mask

NARROWEST_PX = 5.0  # a narrower river is refused: its width is not resolved (anchors, section 3.2)
SMALLEST_WATER_PX = 60  # ponds and specks below this are no river


@dataclass(frozen=True, slots=True)
class Channel:
    """The active channel of a scene.

    Attributes:
        water: the larger water bodies ``(H, W)``.
        active: water and what lies between its arms.
        width_px: typical width of the water, where it is widest along its course (75th percentile of the centre line).
    """

    water: Mask
    active: Mask
    width_px: float

    @property
    def reach_px(self) -> int:
        """Distance over which a patch is compared with its channel: two widths."""
        return int(np.clip(2 * self.width_px, 10, 120))


def find_channel(water: Mask) -> tuple[Channel | None, str]:
    """Return the active channel, or None and the reason.

    Args:
        water: ``(H, W)``, True where water was seen.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(water.astype(np.uint8), connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= SMALLEST_WATER_PX
    keep[0] = False
    large: Mask = keep[labels]
    if not large.any():
        return None, f"no water body of {SMALLEST_WATER_PX} px or more"
    padded = np.pad(large, 1, mode="edge")  # a river that leaves the picture is as wide at its edge as before it
    depth = ndimage.distance_transform_edt(np.pad(padded, 1))[2:-2, 2:-2]
    line = skeletonize(large)
    width = float(np.percentile(2 * depth[line] - 1, 75)) if line.any() else float(2 * depth.max() - 1)
    if width < NARROWEST_PX:
        return None, f"the river is {width:.1f} px wide; under {NARROWEST_PX:g} px nothing is measured from it"
    radius = int(np.clip(round(0.6 * width), 2, 24))
    return Channel(large, _close(large, radius), width), ""


def _close(water: Mask, radius: int) -> Mask:
    """Return water closed over gaps up to twice the radius, with islands up to 25 radii squared filled."""
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    padded = np.pad(water, 2 * radius, mode="edge").astype(np.uint8)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, disk)[2 * radius : -2 * radius, 2 * radius : -2 * radius] > 0
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~closed).astype(np.uint8), connectivity=4)
    height, width = water.shape
    inside = (
        (stats[:, cv2.CC_STAT_LEFT] > 0)
        & (stats[:, cv2.CC_STAT_TOP] > 0)
        & (stats[:, cv2.CC_STAT_LEFT] + stats[:, cv2.CC_STAT_WIDTH] < width)
        & (stats[:, cv2.CC_STAT_TOP] + stats[:, cv2.CC_STAT_HEIGHT] < height)
    )
    small = inside & (stats[:, cv2.CC_STAT_AREA] <= 25 * radius**2)
    small[0] = False
    filled: Mask = closed | (small[labels] & ~closed)
    return filled
