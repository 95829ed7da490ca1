"""The scale where a region lies in a tilted picture."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from findings.survey import Image, Scale
from imagery.pose import pixel_scale
from inference.regions import Region

SAME_SCALE = 0.002  # below that share the scale of the middle holds, and is said


def scale_at(image: Image, region: Region) -> Scale:
    """Return the scale where a region lies: under tilt the near side of a picture is finer than the far side.

    The picture's own scale is that of its middle; the pose gives how a pixel there compares. A pixel that is longer one
    way than the other widens sigma, because the direction of what is measured is not looked at: uniform between both
    sides, (x - y) / sqrt(12).
    """
    scale = image.scale
    if image.view is None or scale.gsd_mm is None or scale.sigma_mm is None:
        return scale
    middle = (image.width_px / 2, image.height_px / 2)
    here = region.polygon_px.centroid
    sizes = pixel_scale(image.view, np.array([middle, (here.x, here.y)]))
    centre, local = (float(value) for value in sizes.mean_mm)
    if not (np.isfinite([centre, local]).all() and centre > 0):
        return scale
    gsd = scale.gsd_mm * local / centre
    across = gsd * float(sizes.x_mm[1] - sizes.y_mm[1]) / local / math.sqrt(12)
    sigma = math.hypot(scale.sigma_mm * local / centre, across)
    if abs(local / centre - 1.0) < SAME_SCALE:
        return replace(scale, sigma_mm=sigma)
    note = f"{scale.note}; {gsd:.3g} mm/px where the finding lies, from the pose".removeprefix("; ")
    return replace(scale, gsd_mm=gsd, sigma_mm=sigma, note=note)
