"""Change of a river between the early and the late dates of a stack on one grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from scipy import ndimage

from findings.measure import Measure
from inference.river.channel import Channel, find_channel
from inference.river.result import (
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

FLOOR_M, FLOOR_PX = 10.0, 1.0  # no shift below either is called erosion (anchors, sections 1.9 and 4.1)
GEOLOCATION_SIGMA_M = 8.0 / 2.45  # of one scene: 8 m CE95, circular normal
EDGE_SIGMA_PX = 0.3  # of a bank drawn through a probability map
THINNEST_PX = 1.3  # mean thickness along the bank; thinner slivers are mixed pixels, not change
GREENING = 0.15  # least gain of NDVI that is called encroachment
BOTH_BANKS = 0.5  # share of the bank that moves when the water level, not the bank, has changed
ONE_SIDED = (
    0.1  # and of it that moves the other way: a river that migrates gains on one side what it loses on the other
)


@dataclass(frozen=True, slots=True)
class _Pair:
    """The two ends of a stack."""

    early: Plane
    late: Plane
    early_index: Plane | None
    late_index: Plane | None
    seen: Mask
    years: float | None
    details: dict[str, Any]


def find_changes(
    dates: Sequence[datetime | None],
    water_probabilities: Sequence[Plane],
    bands: Sequence[Mapping[str, Plane]],
    pixel_size_m: float | None,
) -> RiverResult:
    """Return bank erosion (R17), deposition (R15) and encroaching vegetation (R16) between early and late dates.

    Early and late are the medians of the first and the last third of the dates (first and last of two or three).

    Args:
        dates: one a scene, oldest first; None where unknown.
        water_probabilities: ``(H, W)`` each, water from 0.5 on, NaN where nothing was observed.
        bands: those of each scene; vegetation is judged where red and nir are there at both ends.
        pixel_size_m: None if unknown: sizes then come in pixels.
    """
    if len(water_probabilities) < 2:
        return RiverResult(refusals=("one date only: change needs two",))
    pair = _ends(dates, water_probabilities, bands, pixel_size_m)
    channel, reason = find_channel(pair.seen & (pair.early >= 0.5))
    if channel is None:
        return RiverResult(refusals=(f"first dates: {reason}",))
    wet_early, wet_late = pair.early >= 0.5, pair.late >= 0.5
    eroded: Mask = pair.seen & ~wet_early & wet_late
    silted: Mask = pair.seen & channel.water & ~wet_late
    level = _water_level(channel.water, eroded, silted)
    found = _erosion(pair, channel, eroded, pixel_size_m, level)
    found += _deposition(pair, channel, silted, pixel_size_m, level)
    found += _encroachment(pair, channel, wet_early, pixel_size_m)
    return RiverResult(tuple(sorted(found, key=lambda f: -f.polygon_px.area)))


def _ends(
    dates: Sequence[datetime | None],
    water: Sequence[Plane],
    bands: Sequence[Mapping[str, Plane]],
    pixel_size_m: float | None,
) -> _Pair:
    third = max(len(water) // 3, 1)
    early, late = _median(water[:third]), _median(water[-third:])
    indices = [ndvi(planes) for planes in bands]
    first = [i for i in indices[:third] if i is not None]
    last = [i for i in indices[-third:] if i is not None]
    start, end = dates[0], dates[-1]
    years = (end - start).days / 365.25 if start is not None and end is not None and end > start else None
    details = {
        "first_date": start.date().isoformat() if start is not None else None,
        "last_date": end.date().isoformat() if end is not None else None,
        "scenes": len(water),
        "scenes_early": third,
        "scenes_late": third,
        "gsd_m": pixel_size_m,
    }
    seen = np.isfinite(early) & np.isfinite(late)
    early_index, late_index = (_median(first), _median(last)) if first and last else (None, None)
    if early_index is not None and late_index is not None:
        seen &= np.isfinite(early_index) & np.isfinite(late_index)
    return _Pair(np.nan_to_num(early), np.nan_to_num(late), early_index, late_index, seen, years, details)


def _median(planes: Sequence[Plane]) -> Plane:
    """Return the median over the dates that saw a pixel, NaN where none did."""
    stack = np.stack(planes)
    unseen = np.isnan(stack).all(axis=0)
    stack[:, unseen] = 0.0  # keeps numpy from warning about columns without a value
    median: Plane = np.where(unseen, np.nan, np.nanmedian(stack, axis=0)).astype(np.float32)
    return median


def _water_level(early: Mask, eroded: Mask, silted: Mask) -> dict[str, Any]:
    """Return the caveat and discount when most of both banks moved the same way: the level changed, not the banks."""
    bank = ndimage.binary_dilation(early) & ~early
    inner = early & ~ndimage.binary_erosion(early, border_value=1)
    shares = {
        "rise": float(eroded[bank].mean()) if bank.any() else 0.0,
        "fall": float(silted[inner].mean()) if inner.any() else 0.0,
    }
    moved = max(shares, key=lambda key: shares[key])
    if shares[moved] < BOTH_BANKS or min(shares.values()) > ONE_SIDED:
        return {"weight": 1.0, "caveat": "the water level of the dates is not known"}
    words = f"{100 * shares[moved]:.0f} % of the bank moved the same way: a {moved} of the water level is likely"
    return {"weight": 0.5, "caveat": words}


def _erosion(
    pair: _Pair, channel: Channel, eroded: Mask, pixel_size_m: float | None, level: Mapping[str, Any]
) -> list[RiverFinding]:
    """Return land that became water beside the early channel, by more than the floor."""
    distance = ndimage.distance_transform_edt(~channel.water)
    floor_px = max(FLOOR_PX, FLOOR_M / pixel_size_m if pixel_size_m is not None else 0.0)
    found = []
    for patch in patches(eroded):
        away = patch.values(distance)
        contact = int((away < 1.5).sum())
        shift_px = float(np.percentile(away, 95))
        if contact == 0 or shift_px < floor_px or patch.area_px / contact < THINNEST_PX:
            continue
        measures = (area_measure(patch, pixel_size_m), *_shift(shift_px, pair.years, pixel_size_m))
        found.append(_finding("R17", patch, pair.late, measures, pair, level))
    return found


def _deposition(
    pair: _Pair, channel: Channel, silted: Mask, pixel_size_m: float | None, level: Mapping[str, Any]
) -> list[RiverFinding]:
    """Return water of the early channel that became land: vegetated by now (R16), else sediment (R15)."""
    depth = ndimage.distance_transform_edt(np.pad(channel.water, 1, mode="edge"))[1:-1, 1:-1]
    floor_px = max(FLOOR_PX, FLOOR_M / pixel_size_m if pixel_size_m is not None else 0.0)
    found = []
    for patch in patches(silted):
        inside = patch.values(depth)
        contact = int((inside < 1.5).sum())
        if float(np.percentile(inside, 95)) < floor_px or (contact and patch.area_px / contact < THINNEST_PX):
            continue
        green = pair.late_index is not None and float(np.median(patch.values(pair.late_index))) >= GREEN_NDVI
        measures = (area_measure(patch, pixel_size_m), cover_measure(patch, channel.active, channel.reach_px))
        found.append(_finding("R16" if green else "R15", patch, 1.0 - pair.late, measures, pair, level))
    return found


def _encroachment(pair: _Pair, channel: Channel, wet_early: Mask, pixel_size_m: float | None) -> list[RiverFinding]:
    """Return bars of the early channel that turned green."""
    if pair.early_index is None or pair.late_index is None:
        return []
    gain = pair.late_index - pair.early_index
    greened: Mask = channel.active & ~wet_early & pair.seen & (gain >= GREENING) & (pair.late_index >= GREEN_NDVI)
    steady = {"weight": 1.0, "caveat": "seasons of the dates may differ: compare leaf-on with leaf-on"}
    found = []
    for patch in patches(greened):
        measures = (area_measure(patch, pixel_size_m), cover_measure(patch, channel.active, channel.reach_px))
        found.append(_finding("R16", patch, np.clip(gain / 0.4, 0, 1), measures, pair, steady))
    return found


def _finding(
    damage: str, patch: Patch, certainty: Plane, measures: tuple[Measure, ...], pair: _Pair, level: Mapping[str, Any]
) -> RiverFinding:
    score = float(np.nanmean(patch.values(certainty))) * float(level["weight"])
    details = {**pair.details, "caveat": level["caveat"]}
    return RiverFinding(damage, patch.polygon_px, score, measures, details)


def _shift(shift_px: float, years: float | None, pixel_size_m: float | None) -> tuple[Measure, ...]:
    """Return displacement and, with dates, its rate; each with the interval of geolocation and bank position."""
    sigma_px = EDGE_SIGMA_PX * 2**0.5
    how = "95th percentile of the distance from the early bank; geolocation and edge of both dates"
    if pixel_size_m is None:
        slack = 1.96 * sigma_px
        return (Measure("displacement", shift_px, "px", max(shift_px - slack, 0.0), shift_px + slack, how),)
    shift, geolocation = shift_px * pixel_size_m, GEOLOCATION_SIGMA_M * 2**0.5
    slack = 1.96 * float(np.hypot(sigma_px * pixel_size_m, geolocation))
    low, high = max(shift - slack, 0.0), shift + slack
    moved = Measure("displacement", shift, "m", low, high, how)
    if years is None or years <= 0:
        return (moved,)
    return moved, Measure("retreat_rate", shift / years, "m/yr", low / years, high / years, f"over {years:.1f} years")
