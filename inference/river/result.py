"""What the river functions return, and how their areas are measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from findings.measure import Measure
from inference.regions import outline

Mask = NDArray[np.bool_]
Plane = NDArray[np.float32]

MINIMUM_PX = 10  # a bar below ten pixels is not told from noise (anchors: 0.1 ha at 10 m)
BARE_NDVI, GREEN_NDVI = 0.25, 0.40  # below: sediment; above: vegetation; between: neither is said


@dataclass(frozen=True, slots=True)
class RiverFinding:
    """One anomaly (変状) of a river in image pixels, measured."""

    damage: str
    polygon_px: Polygon
    score: float
    measures: tuple[Measure, ...]
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RiverResult:
    """Findings, largest first, and in sentences what could not be judged and why."""

    findings: tuple[RiverFinding, ...] = ()
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Patch:
    """One connected patch: its mask inside the box, and its outline in image pixels."""

    box: tuple[slice, slice]
    mask: Mask
    polygon_px: Polygon

    @property
    def area_px(self) -> int:
        """Number of pixels."""
        return int(self.mask.sum())

    def values(self, plane: NDArray[Any]) -> NDArray[Any]:
        """Return the plane's values inside the patch."""
        inside: NDArray[Any] = plane[self.box][self.mask]
        return inside

    def around(self, plane: NDArray[Any], margin_px: int) -> NDArray[Any]:
        """Return the plane in the patch's box grown by a margin."""
        rows, cols = self.box
        part: NDArray[Any] = plane[
            max(rows.start - margin_px, 0) : rows.stop + margin_px,
            max(cols.start - margin_px, 0) : cols.stop + margin_px,
        ]
        return part


def patches(mask: Mask, minimum_px: int = MINIMUM_PX) -> Iterator[Patch]:
    """Yield the 8-connected patches of a mask, largest first."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    for number in np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable") + 1:
        left, top, width, height, area = (int(v) for v in stats[number])
        if area < minimum_px:
            return
        box = (slice(top, top + height), slice(left, left + width))
        own = labels[box] == number
        yield Patch(box, own, outline(own, left, top))


def area_measure(patch: Patch, pixel_size_m: float | None, slack_px: float = 0.5) -> Measure:
    """Return the area with the interval of an outline that may be off by ``slack_px`` along its whole length."""
    area, slack = float(patch.area_px), slack_px * float(patch.polygon_px.length)
    unit, factor = ("px2", 1.0) if pixel_size_m is None else ("m2", pixel_size_m**2)
    how = f"pixels of the mask, outline +- {slack_px:g} px"
    return Measure("area", area * factor, unit, max(area - slack, 0.0) * factor, (area + slack) * factor, how)


def cover_measure(patch: Patch, channel: Mask, margin_px: int, slack_px: float = 0.5) -> Measure:
    """Return the share of the active channel around a patch that it covers in plan view: a proxy, not 阻害率."""
    bed = max(int(patch.around(channel, margin_px).sum()), patch.area_px)
    slack = slack_px * float(patch.polygon_px.length)
    low, high = max(patch.area_px - slack, 0.0) / bed, min((patch.area_px + slack) / bed, 1.0)
    how = f"share of the active channel within {margin_px} px, plan view (proxy, no cross-section)"
    return Measure("plan_cover_ratio", patch.area_px / bed, "ratio", low, high, how)


def ndvi(bands: Mapping[str, Plane]) -> Plane | None:
    """Return the vegetation index (Rouse et al. 1974), or None without red and nir."""
    if "red" not in bands or "nir" not in bands:
        return None
    red, nir = np.clip(bands["red"], 0, None), np.clip(bands["nir"], 0, None)
    index: Plane = ((nir - red) / np.maximum(nir + red, 1e-6)).astype(np.float32)
    return index
