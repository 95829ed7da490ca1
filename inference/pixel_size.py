"""How large a scene's pixel is on the ground."""

from __future__ import annotations

import numpy as np
from pyproj import CRS, Geod

from findings.survey import Image


def pixel_size_m(image: Image) -> float | None:
    """Return the side of a pixel in metres (geometric mean of both sides), or None without a georeference."""
    if image.crs is None or image.transform is None:
        return image.scale.gsd_mm / 1000.0 if image.scale.gsd_mm is not None else None
    a, b, c, d, e, f = image.transform
    crs = CRS.from_user_input(image.crs)
    if not crs.is_geographic:
        unit = crs.axis_info[0].unit_conversion_factor if crs.axis_info else 1.0
        return _size(float(np.sqrt(abs(a * e - b * d)) * unit))
    lon, lat = c + a * image.width_px / 2, f + e * image.height_px / 2
    geod = Geod(ellps="WGS84")
    across = geod.inv(lon, lat, lon + a, lat + d)[2]
    down = geod.inv(lon, lat, lon + b, lat + e)[2]
    return _size(float(np.sqrt(across * down)))


def _size(metres: float) -> float | None:
    """Return a length, or None for what a transform that leads nowhere on Earth gives."""
    return metres if 0 < metres < 1e6 else None
