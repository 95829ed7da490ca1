"""Bare sediment and vegetation in a river's channel, from one scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from findings.measure import Measure
from inference.regions import outline
from inference.river.channel import Channel, components, distance_to, find_channel, solid, wide
from inference.river.finding import (
    MINIMUM_AREA_PX,
    SEDIMENT,
    VEGETATION,
    Array,
    Bool,
    RiverFinding,
    RiverReport,
    area_measure,
)
from inference.river.greenness import BARE_BELOW, SEDIMENT_MNDWI, division, hidden, mndwi, ndvi, reflectance_like

REACH_WIDTHS = 0.75
"""Bare ground that touches the water counts as its bar up to so many channel widths away; beyond lie fields."""


def find_bars(bands: Mapping[str, Array], water_probability: Array, pixel_size_m: float | None) -> RiverReport:
    """Return exposed sediment (R15) and vegetation (R16) inside the active channel of one scene.

    Args:
        bands: ``(H, W)`` each; ``red`` and ``nir`` are needed, ``green`` lets cloud be told from a bar.
        water_probability: ``(H, W)``, water from 0.5, NaN where nothing was observed.
        pixel_size_m: side of a pixel in metres, None where unknown (sizes are then in px).
    """
    index = ndvi(bands)
    if index is None:
        return RiverReport((), ("bare sediment and vegetation need the bands red and nir; one is missing",))
    observed = sight(bands, water_probability)
    channel, reason = find_channel(observed & (np.nan_to_num(water_probability) >= 0.5), observed)
    if channel is None:
        return RiverReport((), (reason,))
    covers = dry_covers(channel, index, mndwi(bands), observed, reflectance=reflectance_like(bands))
    details = {
        "channel_width_px": round(channel.width_px, 1),
        "ndvi_division": round(covers.level, 3),
        "gsd_m": pixel_size_m,
        "scenes": 1,
        "caveat": "one scene: how much of a bar is dry depends on the water level of that day",
    }
    found = [
        *_describe(solid(covers.bare), SEDIMENT, channel, water_probability, pixel_size_m, details),
        *_describe(solid(covers.overgrown), VEGETATION, channel, water_probability, pixel_size_m, details),
    ]
    return RiverReport(tuple(sorted(found, key=lambda f: -(f.measures[0].value or 0.0))))


def sight(bands: Mapping[str, Array], water_probability: Array) -> Bool:
    """Return where the ground was seen: observed by the water model, and neither cloud nor snow by brightness."""
    observed = np.isfinite(water_probability)
    white = hidden(bands)
    return np.asarray(observed if white is None else observed & ~white, dtype=bool)


@dataclass(frozen=True, slots=True)
class Covers:
    """Dry ground of the active channel: ``bare`` and ``overgrown`` ``(H, W)``, and the NDVI ``level`` of the latter."""

    bare: Bool
    overgrown: Bool
    level: float


def dry_covers(channel: Channel, index: Array, moisture: Array | None, observed: Bool, *, reflectance: bool) -> Covers:
    """Return the bare and the overgrown pixels of the active channel.

    Bare ground outside the closed channel belongs to it where it touches the channel and lies within ``REACH_WIDTHS``
    of the water: a point bar lies outside any closing.

    Args:
        channel: the river.
        index: ``(H, W)`` NDVI, NaN where unknown.
        moisture: ``(H, W)`` MNDWI, which tells sediment from dry soil; None where unknown.
        observed: ``(H, W)``.
        reflectance: whether the indices come from reflectance, on which the absolute thresholds hold.
    """
    away = distance_to(channel.water)
    dry = observed & ~channel.water & np.isfinite(index)
    level = division(index, dry & (away <= 3 * channel.width_px), reflectance=reflectance)
    low = dry & (index < (BARE_BELOW if reflectance else level))
    sediment = low if moisture is None else low & (np.nan_to_num(moisture, nan=-1.0) >= SEDIMENT_MNDWI)
    reach = away <= REACH_WIDTHS * channel.width_px
    attached = _attached(
        wide(sediment & (away <= 3 * channel.width_px)), reach, channel, surely_sediment=moisture is not None
    )
    bare = np.asarray((low & channel.active) | attached, dtype=bool)
    return Covers(bare, np.asarray(dry & channel.active & (index >= level), dtype=bool), level)


def _attached(bare: Bool, near: Bool, channel: Channel, *, surely_sediment: bool) -> Bool:
    """Return bare ground near the water that touches the channel, unless most of it lies beyond: a town or field."""
    whole, stats = components(bare)
    inside = np.bincount(whole[near].ravel(), minlength=len(stats))
    mostly_near = inside >= 0.5 * stats[:, cv2.CC_STAT_AREA]
    if not surely_sediment:
        for rim in (whole[0], whole[-1], whole[:, 0], whole[:, -1]):
            mostly_near[np.unique(rim)] = False  # how far it reaches outside the scene is not known
    # Ground that is sediment by its moisture is taken to its end; dry soil of unknown kind is cut at the reach.
    labels, _ = components(bare & mostly_near[whole] & (near | surely_sediment))
    touching = np.unique(labels[distance_to(channel.active) <= 1.5])
    return np.asarray(np.isin(labels, touching[touching > 0]), dtype=bool)


def _describe(
    mask: Bool,
    damage: str,
    channel: Channel,
    water_probability: Array,
    pixel_size_m: float | None,
    details: Mapping[str, Any],
) -> list[RiverFinding]:
    how = "bare ground" if damage == SEDIMENT else "vegetation"
    found = []
    for part, box in parts(mask):
        measures = (
            area_measure(part, pixel_size_m, f"{how} inside the active channel, edge known to half a pixel"),
            cover_ratio(part, box, channel),
        )
        score = float(1 - np.nanmean(water_probability[box][part]))
        polygon = outline(part, box[1].start, box[0].start)
        found.append(RiverFinding(damage, polygon, score, measures, details))
    return found


def parts(mask: Bool) -> list[tuple[Bool, tuple[slice, slice]]]:
    """Return each connected part of at least ``MINIMUM_AREA_PX`` as its own small mask and the box it stands in."""
    labels, stats = components(mask)
    found = []
    for number in range(1, len(stats)):
        left, top, width, height, area = (int(v) for v in stats[number])
        if area >= MINIMUM_AREA_PX:
            box = (slice(top, top + height), slice(left, left + width))
            found.append((np.asarray(labels[box] == number, dtype=bool), box))
    return found


def cover_ratio(part: Bool, box: tuple[slice, slice], channel: Channel) -> Measure:
    """Return the share of the active channel, within one channel width of the part, that the part covers in plan."""
    reach = round(channel.width_px)
    rows = slice(max(box[0].start - reach, 0), box[0].stop + reach)
    cols = slice(max(box[1].start - reach, 0), box[1].stop + reach)
    around = channel.active[rows, cols]
    mask = np.zeros(around.shape, dtype=np.uint8)
    top, left = box[0].start - rows.start, box[1].start - cols.start
    mask[top : top + part.shape[0], left : left + part.shape[1]] = part
    far = cv2.distanceTransform(1 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    local = float(((around & (far <= reach)) | (mask > 0)).sum())
    edge = 0.5 * float(np.sqrt(4 * np.pi * part.sum()))
    value = float(part.sum()) / local
    low, high = max(part.sum() - edge, 0) / local, min((part.sum() + edge) / local, 1.0)
    how = "proxy: share of the channel in plan view within one channel width; not the blocked share of the section"
    return Measure("plan_cover_ratio", value, "ratio", float(low), float(high), how)
