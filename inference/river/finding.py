"""What the river functions return: findings, and the reasons where nothing can be said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from findings.measure import Measure

Array = NDArray[np.float32]
Bool = NDArray[np.bool_]

SEDIMENT = "R15"  # 土砂堆積
VEGETATION = "R16"  # 樹木繁茂
EROSION = "R17"  # 河岸侵食

MINIMUM_AREA_PX = 10
"""Least area of a finding: bar growth shows from about 10 px, 0.1 ha at 10 m."""
MINIMUM_WIDTH_PX = 5.0
"""Least width of the water for which banks and bars are judged; a narrower river is mostly mixed pixels."""


@dataclass(frozen=True, slots=True)
class RiverFinding:
    """One place in a river's channel.

    Attributes:
        damage: ``R15``, ``R16`` or ``R17``.
        polygon_px: outline, x right and y down, pixel edges at whole numbers, holes filled; measures come from the
            pixels, not from the outline.
        score: mean water-model support inside the outline, 0 to 1; not calibrated.
        measures: ``area`` always; ``plan_cover_ratio``, ``displacement``, ``retreat_rate`` where they apply; metres
            where the pixel size is known, else pixels.
        details: what was compared, with its caveats.
    """

    damage: str
    polygon_px: Polygon
    score: float
    measures: tuple[Measure, ...]
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RiverReport:
    """Findings of one scene or stack, the largest first, and why something could not be judged."""

    findings: tuple[RiverFinding, ...] = ()
    refusals: tuple[str, ...] = ()


def area_measure(mask: Bool, pixel_size_m: float | None, how: str) -> Measure:
    """Return the area of a mask in m2 (px2 without a pixel size) with its 95 % interval.

    The edge is known to half a pixel, taken as fully correlated along the outline: a threshold that stands a little
    low moves the whole edge outwards. The interval is the area of the mask shrunk and grown by half a pixel.

    Args:
        mask: ``(H, W)`` of one finding.
        pixel_size_m: side of a pixel in metres, or None.
        how: where the mask came from.
    """
    area = float(mask.sum())
    half_edge = 0.5 * _edge_length(mask)
    factor = 1.0 if pixel_size_m is None else pixel_size_m**2
    unit = "px2" if pixel_size_m is None else "m2"
    return Measure("area", area * factor, unit, max(area - half_edge, 0.0) * factor, (area + half_edge) * factor, how)


def _edge_length(mask: Bool) -> float:
    """Return the outline's length in px; pixel steps are counted and scaled by pi / 4, their mean excess (Crofton)."""
    padded = np.pad(mask, 1)
    steps = int((padded[1:] != padded[:-1]).sum()) + int((padded[:, 1:] != padded[:, :-1]).sum())
    return steps * np.pi / 4
