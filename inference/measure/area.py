"""Area of a region with its 95 % interval."""

from __future__ import annotations

from findings.measure import Measure
from findings.survey import Scale
from inference.regions import Region

Z95 = 1.96
MM_PER_M = 1000.0


def measure_area(region: Region, scale: Scale) -> tuple[Measure, ...]:
    """Return the area, in m2 where the ground sample distance is known (mm2 below 100 mm by 100 mm), else in px2.

    The outline may be off by half a pixel along its whole length, all to one side (a threshold a little too low or too
    high); an uncertain ground sample distance enters twice, because an area goes with its square.
    """
    area = float(region.area_px)
    half_pixel = 0.5 * float(region.polygon_px.length)
    relative = 0.0 if scale.gsd_mm is None else 2 * Z95 * (scale.sigma_mm or 0.0) / scale.gsd_mm
    slack = float((half_pixel**2 + (relative * area) ** 2) ** 0.5)
    low, high = max(0.0, area - slack), area + slack
    how = "pixels of the mask, outline +- 0.5 px"
    if scale.gsd_mm is None:
        return (Measure("area", area, "px2", low, high, how),)
    factor, unit = scale.gsd_mm**2, "mm2"
    if area * factor >= (0.1 * MM_PER_M) ** 2:
        factor, unit = factor / MM_PER_M**2, "m2"
    return (Measure("area", area * factor, unit, low * factor, high * factor, how),)
