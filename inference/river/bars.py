"""Sediment and trees inside the active channel of one scene."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inference.river.channel import Channel, find_channel
from inference.river.result import (
    BARE_NDVI,
    GREEN_NDVI,
    Mask,
    Patch,
    Plane,
    RiverFinding,
    RiverResult,
    area_measure,
    cover_measure,
    ndvi,
    patches,
)


def find_bars(bands: Mapping[str, Plane], water_probability: Plane, pixel_size_m: float | None) -> RiverResult:
    """Return exposed sediment (R15 土砂堆積) and vegetation (R16 樹木繁茂) in the active channel of one scene.

    Args:
        bands: ``(H, W)`` each; red and nir are needed to tell sediment from vegetation.
        water_probability: ``(H, W)``, water from 0.5 on, NaN where nothing was observed.
        pixel_size_m: None if unknown: sizes then come in pixels.
    """
    index = ndvi(bands)
    if index is None:
        return RiverResult(refusals=("without red and nir bands sediment cannot be told from vegetation",))
    seen = np.isfinite(water_probability) & np.isfinite(index)
    channel, reason = find_channel(seen & (np.nan_to_num(water_probability) >= 0.5))
    if channel is None:
        return RiverResult(refusals=(reason,))
    dry: Mask = channel.active & seen & (np.nan_to_num(water_probability) < 0.5)
    found = [
        _bar(damage, patch, index, water_probability, channel, pixel_size_m)
        for damage, kind in (("R15", dry & (index < BARE_NDVI)), ("R16", dry & (index >= GREEN_NDVI)))
        for patch in patches(kind)
    ]
    return RiverResult(tuple(sorted(found, key=lambda f: -f.polygon_px.area)))


def _bar(
    damage: str, patch: Patch, index: Plane, water: Plane, channel: Channel, pixel_size_m: float | None
) -> RiverFinding:
    dryness = float(1.0 - patch.values(water).mean())
    greenness = float(np.median(patch.values(index)))
    margin = (BARE_NDVI - greenness) if damage == "R15" else (greenness - GREEN_NDVI)
    details = {
        "ndvi_median": round(greenness, 3),
        "channel_width_px": round(channel.width_px, 1),
        "gsd_m": pixel_size_m,
        "scenes": 1,
        "caveat": "one date: area depends on the water level of that day",
    }
    return RiverFinding(
        damage,
        patch.polygon_px,
        dryness * float(np.clip(0.6 + margin, 0.6, 1.0)),
        (area_measure(patch, pixel_size_m), cover_measure(patch, channel.active, channel.reach_px)),
        details,
    )
