"""Area, perimeter and extent of a region, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from findings.measure import Measure
from findings.survey import Scale
from inference.measure.world import MM_PER_M, Interval, around, to_world
from inference.regions import Region, outline

DECIMETRE_MM = 0.1 * MM_PER_M
PERIMETER_SLACK_PX = 3.2  # an outline half a pixel too wide all around: 2 pi 0.5
PERIMETER_SHARE = 0.025  # of drawn discs, bars and blobs at any angle: docs/decisions/0030-areas-and-patterns.md


@dataclass(frozen=True, slots=True)
class Sized:
    """A size in the unit of the standards and in pixels.

    Attributes:
        measure: in m, mm, m2 or mm2 where the scale is known, else in px or px2.
        px: the same in pixels, without the uncertainty of the scale.
    """

    measure: Measure
    px: Interval

    @property
    def fact(self) -> dict[str, Any]:
        """The size in pixels as a detail of the finding: ``{"perimeter_px": [value, low, high]}``."""
        return {f"{self.measure.name}_px": self.px.rounded()}


def measure_area(region: Region, scale: Scale) -> Sized:
    """Return the area, in m2 where the ground sample distance is known (mm2 below 100 mm by 100 mm), else in px2.

    The outline may be off by half a pixel along its whole length, all to one side (a threshold a little too low or too
    high); an uncertain ground sample distance enters twice, because an area goes with its square.
    """
    found = around(float(region.area_px), half_pixel(region))
    unit = "m2" if scale.gsd_mm is None or region.area_px * scale.gsd_mm**2 >= DECIMETRE_MM**2 else "mm2"
    return Sized(to_world("area", found, scale, unit, "pixels of the mask, outline +- 0.5 px"), found)


def half_pixel(region: Region) -> float:
    """Return by how many pixels an area changes when all its edges, those of holes too, move by half a pixel.

    The length of the edges of holes is pi/4 of that of their pixels' edges (Cauchy and Crofton, two directions).
    """
    framed = np.pad(region.mask, 1)
    edges = np.count_nonzero(framed[1:] != framed[:-1]) + np.count_nonzero(framed[:, 1:] != framed[:, :-1])
    return 0.5 * max(float(region.polygon_px.length), np.pi / 4 * edges)


def measure_perimeter(region: Region, scale: Scale) -> Sized:
    """Return the length of the outer outline, in m where the ground sample distance is known, else in px.

    A ragged edge is longer the closer one looks: this is its length at the picture's pixel size. The outline of pixel
    edges is simplified within 1 px, which takes the staircase out.
    """
    box = region.bbox
    length = float(outline(region.mask, box.col, box.row, tolerance_px=1.0).length)
    found = around(length, float(np.hypot(PERIMETER_SLACK_PX, PERIMETER_SHARE * length)))
    return Sized(to_world("perimeter", found, scale, "m", "outline without staircase, at this pixel size"), found)


@dataclass(frozen=True, slots=True)
class View:
    """What of a picture may be judged.

    Attributes:
        judged: ``(H, W)``, True where something was observed and may be judged, inside the member if it is outlined.
        outlined: whether somebody said which pixels show the member; else the whole picture stands for it.
    """

    judged: NDArray[np.bool_]
    outlined: bool = False

    @property
    def area_px(self) -> int:
        """How many pixels there are."""
        return int(np.count_nonzero(self.judged))

    @property
    def words(self) -> str:
        """What a share is relative to."""
        if self.outlined:
            return "of the outlined member's area that this picture shows and that may be judged"
        return "of the pixels of this picture that may be judged; the member was not outlined"


def seen_area(regions: Sequence[Region], view: View) -> Interval:
    """Return the area in px2 that some regions of one class have together in view; where they overlap, once.

    All outlines may be off to the same side, for one threshold drew them: their slacks add up.
    """
    covered = np.zeros_like(view.judged)
    for region in regions:
        box = region.bbox
        covered[box.row : box.bottom, box.col : box.right] |= region.mask
    total = float(np.count_nonzero(covered & view.judged))
    return around(total, sum(half_pixel(region) for region in regions))


def measure_extent(regions: Sequence[Region], view: View) -> Measure | None:
    """Return the share of the view that some regions of one class cover (``extent``); None where nothing is in view."""
    if view.area_px == 0:
        return None
    found, whole = seen_area(regions, view), view.area_px
    value = (found.value or 0.0) / whole
    return Measure("extent", value, "ratio", found.low / whole, min(1.0, found.high / whole), view.words)
