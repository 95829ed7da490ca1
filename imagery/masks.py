"""Masks: which pixels must not be judged, and why. One class a pixel; 0 is the only one that may be judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

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


JUDGED = (MaskClass.CLEAR, MaskClass.UNKNOWN)
LABELS: Mapping[MaskClass, tuple[str, str]] = {
    MaskClass.CLEAR: ("判定対象", "clear"),
    MaskClass.NO_DATA: ("データなし", "no data"),
    MaskClass.CLOUD: ("雲", "cloud"),
    MaskClass.CLOUD_SHADOW: ("雲影", "cloud shadow"),
    MaskClass.SNOW: ("雪", "snow"),
    MaskClass.SATURATED: ("飽和・欠陥画素", "saturated or defective"),
    MaskClass.BLUR: ("不鮮明", "blurred"),
    MaskClass.OVEREXPOSED: ("白とび", "over-exposed"),
    MaskClass.UNDEREXPOSED: ("黒つぶれ", "under-exposed"),
    MaskClass.HAZE: ("かすみ", "haze"),
    MaskClass.UNKNOWN: ("未確認", "nobody looked"),
}

BUFFER_M = 90.0
"""Default width of the rim around clouds and their shadows: three Landsat pixels, our choice. Detectors miss thin
edges; a wider rim takes whole narrow rivers away."""

# Sen2Cor scene classification (Sentinel-2 L2A ATBD 2.10, table 3): 0 no data, 1 saturated or defective, 2 dark area,
# 3 cloud shadow, 4 vegetation, 5 bare, 6 water, 7 unclassified, 8 cloud medium, 9 cloud high, 10 thin cirrus, 11 snow.
_SCL = {0: MaskClass.NO_DATA, 1: MaskClass.SATURATED, 3: MaskClass.CLOUD_SHADOW, 8: MaskClass.CLOUD,
        9: MaskClass.CLOUD, 10: MaskClass.CLOUD, 11: MaskClass.SNOW}  # fmt: skip
# HLS v2.0 Fmask layer (HLS Product User Guide 2.0, table 9), 255 = fill. Bit 2, "adjacent to cloud or shadow", is a rim
# of the product itself, and bit 0 (cirrus) is reserved. Later entries win over earlier ones.
_FMASK = ((4, MaskClass.SNOW), (3, MaskClass.CLOUD_SHADOW), (1, MaskClass.CLOUD))
_FMASK_RIM_BIT = 2
# Landsat Collection 2 QA_PIXEL (Landsat 8-9 Collection 2 Level 2 Science Product Guide, table 6-2): bit 0 fill,
# 1 dilated cloud, 2 cirrus with high confidence, 3 cloud, 4 cloud shadow, 5 snow, 6 clear, 7 water, 8-15 confidences.
_QA_PIXEL = ((5, MaskClass.SNOW), (4, MaskClass.CLOUD_SHADOW), (2, MaskClass.CLOUD), (3, MaskClass.CLOUD))
_QA_FILL_BIT, _QA_RIM_BIT = 0, 1


def hidden(classes: Classes) -> NDArray[np.bool_]:
    """Return where a mask forbids judging, same shape: every class but clear and unknown, future ones too."""
    return np.asarray(~np.isin(classes, JUDGED))


def from_scl(scl: NDArray[np.integer]) -> Classes:
    """Return mask classes of a Sen2Cor scene classification, same shape; unlisted classes are clear."""
    table = np.full(256, MaskClass.CLEAR, np.uint8)
    for code, what in _SCL.items():
        table[code] = what
    return np.asarray(table[np.clip(scl, 0, 255).astype(np.uint8)])


def from_fmask(fmask: NDArray[np.integer], *, rim: bool = True) -> Classes:
    """Return mask classes of an HLS v2.0 Fmask layer, same shape.

    Args:
        fmask: bits as stored; 255 is fill.
        rim: count pixels beside clouds and shadows as cloud, as the product's own buffer means it.
    """
    bits = np.asarray(fmask).astype(np.int64)
    classes = _from_bits(bits, _FMASK, _FMASK_RIM_BIT if rim else None)
    classes[(bits < 0) | (bits >= 255)] = MaskClass.NO_DATA
    return classes


def from_qa_pixel(qa: NDArray[np.integer], *, rim: bool = True) -> Classes:
    """Return mask classes of a Landsat Collection 2 QA_PIXEL band, same shape.

    Args:
        qa: bits as stored.
        rim: count dilated cloud as cloud.
    """
    bits = np.asarray(qa).astype(np.int64)
    classes = _from_bits(bits, _QA_PIXEL, _QA_RIM_BIT if rim else None)
    classes[_bit(bits, _QA_FILL_BIT)] = MaskClass.NO_DATA
    return classes


def _from_bits(bits: NDArray[np.int64], table: Sequence[tuple[int, MaskClass]], rim_bit: int | None) -> Classes:
    classes = np.full(bits.shape, MaskClass.CLEAR, np.uint8)
    if rim_bit is not None:
        classes[_bit(bits, rim_bit)] = MaskClass.CLOUD
    for number, what in table:
        classes[_bit(bits, number)] = what
    return classes


def _bit(bits: NDArray[np.int64], number: int) -> NDArray[np.bool_]:
    return np.asarray((bits >> number) & 1 == 1)


def buffered(
    classes: Classes,
    pixel_size_m: float | tuple[float, float],
    *,
    cloud_m: float = BUFFER_M,
    shadow_m: float = BUFFER_M,
) -> Classes:
    """Return a mask whose clouds and shadows are wider by some metres; only clear and unknown pixels change.

    Args:
        classes: ``(H, W)``.
        pixel_size_m: side of a pixel, or its height and width.
        cloud_m: width of the rim around clouds; 0 leaves them.
        shadow_m: width of the rim around cloud shadows.

    Raises:
        ValueError: a size that is not positive, or a negative rim.
    """
    down, across = pixel_size_m if isinstance(pixel_size_m, tuple) else (pixel_size_m, pixel_size_m)
    if not (0 < down < np.inf and 0 < across < np.inf and cloud_m >= 0 and shadow_m >= 0):
        raise ValueError(f"pixels of {down} x {across} m, rims of {cloud_m} and {shadow_m} m; expected sizes above 0")
    out = np.array(classes, np.uint8)
    free = np.isin(classes, JUDGED)
    for what, metres in ((MaskClass.CLOUD_SHADOW, shadow_m), (MaskClass.CLOUD, cloud_m)):
        source = classes == what
        if metres > 0 and source.any():
            # a map's 10 m are 10.004 m on the ground at the edge of a zone: that is no pixel less
            near = ndimage.distance_transform_edt(~source, sampling=(down, across)) <= metres + 0.05 * min(down, across)
            out[near & free] = what
    return out


def rim_px(pixel_size_m: float, cloud_m: float = BUFFER_M, shadow_m: float = BUFFER_M) -> int:
    """Return how many pixels beyond a window decide about its rims: strips are read that much larger."""
    return int(np.ceil(max(cloud_m, shadow_m) / pixel_size_m))


def shares(classes: Classes) -> dict[MaskClass, float]:
    """Return the share 0..1 of each class that occurs; classes that this version does not know are left out."""
    counts = np.bincount(classes.ravel(), minlength=256)
    return {what: float(counts[what] / classes.size) for what in MaskClass if counts[what]}


def masked_share(classes: Classes) -> float:
    """Return the share 0..1 of the pixels that must not be judged."""
    return float(hidden(classes).mean())


def names(classes: Any) -> str:
    """Return the reasons in a mask as words, e.g. ``cloud, snow``; empty if all may be judged."""
    found = [what for what in shares(np.asarray(classes, np.uint8)) if what not in JUDGED]
    return ", ".join(LABELS[what][1] for what in found)
