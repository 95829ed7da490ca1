"""Masks: which pixels must not be judged, and why. One class a pixel; 0 is the only one that may be judged."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Classes = NDArray[np.uint8]


class MaskClass(IntEnum):
    """Why a pixel must not be judged. The numbers stand in files: never change one, only add."""

    CLEAR = 0
    NO_DATA = 1
    CLOUD = 2
    CLOUD_SHADOW = 3
    SNOW = 4
    SATURATED = 5
    BLUR = 10
    OVEREXPOSED = 11
    UNDEREXPOSED = 12
    HAZE = 13
    UNKNOWN = 255  # nobody looked; judged all the same, and said so


# Sen2Cor scene classification (Sentinel-2 L2A ATBD 2.10, table 3): 0 no data, 1 saturated or defective, 2 dark area,
# 3 cloud shadow, 4 vegetation, 5 bare, 6 water, 7 unclassified, 8 cloud medium, 9 cloud high, 10 thin cirrus, 11 snow.
_SCL = {0: MaskClass.NO_DATA, 1: MaskClass.SATURATED, 3: MaskClass.CLOUD_SHADOW, 8: MaskClass.CLOUD,
        9: MaskClass.CLOUD, 10: MaskClass.CLOUD, 11: MaskClass.SNOW}  # fmt: skip


def from_scl(scl: NDArray[np.integer]) -> Classes:
    """Return mask classes of a Sen2Cor scene classification, same shape; unlisted classes are clear."""
    table = np.full(256, MaskClass.CLEAR, np.uint8)
    for code, what in _SCL.items():
        table[code] = what
    return np.asarray(table[np.clip(scl, 0, 255).astype(np.uint8)])
