"""Targets of thin lines: soft at the rim, and tubes around the centre line.

People draw a hairline three pixels wide whatever its width, and a camera smears it over two: the rim of such a label is
neither crack nor wall. Soft targets say so; the tube holds what must be found at any rate.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from skimage.morphology import skeletonize

from training.datasets.sample import BoolArray, FloatArray

RIM_SIGMA_PX = 0.8  # lens blur of the pictures that were looked at: 0.6 to 1 px
TUBE_PX = 3  # width of a tube, as in Kirchhoff et al. 2024


def tubes(target: FloatArray, linear: Sequence[bool]) -> BoolArray:
    """Return ``(K, H, W)``: the centre lines of linear classes, three pixels wide; nothing for the others.

    Args:
        target: ``(K, H, W)`` in [0, 1].
        linear: which classes are lines.
    """
    out = np.zeros(target.shape, dtype=bool)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (TUBE_PX, TUBE_PX))
    for plane, is_line in enumerate(linear):
        mask = target[plane] >= 0.5
        if is_line and mask.any():
            line = skeletonize(mask)  # type: ignore[no-untyped-call]
            out[plane] = (cv2.dilate(line.astype(np.uint8), kernel) > 0) & mask
    return out


def soften(target: FloatArray, linear: Sequence[bool]) -> FloatArray:
    """Return targets whose rims are soft in the linear classes, the same elsewhere.

    A rim pixel gets the share of its blurred surrounding that is labelled; the centre line keeps 1. A label of three
    pixels has about 0.75 beside its centre and 0.25 one pixel outside; the inside of a wide crack stays 1.

    Args:
        target: ``(K, H, W)``, 0 or 1.
        linear: which classes are lines.
    """
    out = target.copy()
    for plane, is_line in enumerate(linear):
        mask = target[plane] >= 0.5
        if is_line and mask.any():
            blurred = cv2.GaussianBlur(target[plane], (0, 0), RIM_SIGMA_PX)
            line = skeletonize(mask)  # type: ignore[no-untyped-call]
            out[plane] = np.where(line, np.float32(1), blurred)
    return out
