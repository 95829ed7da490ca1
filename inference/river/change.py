"""Bank erosion, deposition and vegetation gain between the early and the late dates of a stack of scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import cv2
import numpy as np

from findings.measure import Measure
from inference.regions import outline
from inference.river.bars import cover_ratio, dry_covers, parts
from inference.river.channel import Channel, components, distance_to, find_channel, wide
from inference.river.epochs import Epoch, early_and_late, same_season, years_between
from inference.river.finding import (
    EROSION,
    SEDIMENT,
    VEGETATION,
    Array,
    Bool,
    RiverFinding,
    RiverReport,
    area_measure,
)
from inference.river.greenness import division

FLOOR_M = 10.0
"""No bank shift under this is called from one pair of scenes (Sagami River study, ece 20(1):25, 2017: about 10 m
mismatch between dates, only larger changes analysed)."""
FLOOR_PX = 1.0
"""Nor one under a pixel, whichever is larger."""
MISMATCH_PX = 0.5
"""95 % mismatch between two dates: Sentinel-2 5 m CE95 multi-temporal at 10 m."""
EDGE_PX = 0.5
"""95 % of where a thresholded edge may lie at each date."""
SHORTEST_YEARS = 0.5
"""A rate from less than half a year says more about one flood than about a trend."""
RISEN = 1.05
"""Ratio of the water areas of two dates of different seasons above which banks are not compared."""
COURSE_WIDTHS = 2.0
"""A shift of more than so many channel widths is a new or abandoned course (cut-off), not one bank's retreat."""
GREENING = 0.15
"""Least NDVI gain beyond the surroundings' own change that is called vegetation gain."""
CAVEAT = "the water level of the dates is not known: a higher or lower level moves the waterline on flat shores"


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both states of a river and what the measures need."""

    early: Epoch
    late: Epoch
    before: Channel
    after: Channel
    pixel_size_m: float | None
    years: float | None
    common_shift_px: float
    details: Mapping[str, Any]


def find_changes(
    dates: Sequence[datetime | None],
    water_probabilities: Sequence[Array],
    bands: Sequence[Mapping[str, Array]],
    pixel_size_m: float | None,
) -> RiverReport:
    """Return bank erosion (R17), deposition (R15) and vegetation gain (R16) between early and late dates.

    From six dates on the medians of the first and last third are compared, below that two dates far apart, of one
    season where there are such.

    Args:
        dates: of each scene, None where unknown; sorted here if all are known, else taken in the given order.
        water_probabilities: ``(H, W)`` each, on one grid, water from 0.5, NaN where nothing was observed.
        bands: of each scene; ``red`` and ``nir`` let bars and vegetation be told apart.
        pixel_size_m: side of a pixel in metres, or None: sizes are then in px.

    Raises:
        NotAssessable: the scenes are not of one size.
    """
    if len(dates) < 2:
        return RiverReport((), (f"{len(dates)} scene of this grid; change needs at least 2 dates",))
    early, late = early_and_late(dates, water_probabilities, bands)
    both = early.observed & late.observed
    if not both.any():
        return RiverReport((), ("no pixel was observed both early and late",))
    before, why_before = find_channel(early.water & both, both)
    after, why_after = find_channel(late.water & both, both)
    if before is None or after is None:
        return RiverReport((), (f"early: {why_before}" if before is None else f"late: {why_after}",))
    years = years_between(early, late)
    shift = _common_shift_px(before, after, both)
    details = _details(early, late, before, after, pixel_size_m, years, shift)
    pair = _Pair(early, late, before, after, pixel_size_m, years, shift, details)
    found, refusals = _findings(pair, both)
    if early.index is None or late.index is None:
        refusals.append("vegetation gain, and flooded bars apart from eroded banks, need the bands red and nir")
    return RiverReport(tuple(sorted(found, key=lambda f: -(f.measures[0].value or 0.0))), tuple(refusals))


def _findings(pair: _Pair, both: Bool) -> tuple[list[RiverFinding], list[str]]:
    """Return what changed, and what two dates of different seasons do not allow to be said."""
    if same_season(pair.early, pair.late):
        return [*_erosion(pair, both), *_deposition(pair, both), *_greening(pair, both)], []
    refusals = ["deposition and vegetation: the two dates are of different seasons; add a scene of one season"]
    risen = float(pair.after.water.sum()) / float(pair.before.water.sum())
    if risen <= RISEN:
        return _erosion(pair, both), refusals
    refusals.append(
        f"erosion: {100 * (risen - 1):.0f} % more water on a date of another season; a higher level cannot be told "
        "from lost banks; add a scene of one season"
    )
    return [], refusals


def _details(
    early: Epoch,
    late: Epoch,
    before: Channel,
    after: Channel,
    pixel_size_m: float | None,
    years: float | None,
    shift: float,
) -> dict[str, Any]:
    level = float(after.water.sum()) / float(before.water.sum())
    return {
        "early_dates": [date.date().isoformat() for date in early.dates],
        "late_dates": [date.date().isoformat() for date in late.dates],
        "first_date": early.dates[0].date().isoformat() if early.dates else None,
        "last_date": late.dates[-1].date().isoformat() if late.dates else None,
        "scenes": early.scenes + late.scenes,
        "years": None if years is None else round(years, 2),
        "scenes_early": early.scenes,
        "scenes_late": late.scenes,
        "gsd_m": pixel_size_m,
        "floor_px": round(floor_px(pixel_size_m), 2),
        "channel_width_px": round(before.width_px, 1),
        "water_area_late_over_early": round(level, 3),
        "common_shift_px": round(shift, 2),
        "caveat": CAVEAT,
    }


def floor_px(pixel_size_m: float | None) -> float:
    """Return the shift in px up to which nothing is called: 10 m or one pixel, whichever is larger."""
    return FLOOR_PX if pixel_size_m is None else max(FLOOR_M / pixel_size_m, FLOOR_PX)


def _common_shift_px(before: Channel, after: Channel, both: Bool) -> float:
    """Return the median shift of the whole waterline, positive outwards: the mark of another water level.

    Erosion moves some banks; a higher level moves all of them. What all banks share is therefore not called.
    """
    inner = cv2.erode(after.water.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1).astype(bool)
    signed = distance_to(before.water) - np.maximum(distance_to(~before.water) - 1, 0)
    # Where the course itself has moved, the old waterline says nothing about the level.
    edge = after.water & ~inner & both & (np.abs(signed) <= max(3.0, 0.3 * before.width_px))
    return float(np.median(signed[edge])) if edge.any() else 0.0


def _erosion(pair: _Pair, both: Bool) -> list[RiverFinding]:
    """Return ground that became river; bars that were only flooded are left out where NDVI shows them."""
    gained = both & pair.after.water & ~pair.early.water
    bar = cv2.dilate(_bars(pair, both).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    gained &= ~bar
    support = np.minimum(pair.late.probability, 1 - pair.early.probability)
    spare = max(pair.common_shift_px, 0.0)
    if not same_season(pair.early, pair.late):
        gained = _apart_from(gained, bar)
    return _moved(pair, gained, both, pair.early.water, spare, EROSION, support)


def _apart_from(mask: Bool, bar: Bool) -> Bool:
    """Return the parts of a mask that touch no bar: a high season drowns the overgrown back of a bar as well."""
    labels, _ = components(mask)
    touching = np.unique(labels[distance_to(bar) <= 1.5])
    return np.asarray(mask & ~np.isin(labels, touching[touching > 0]), dtype=bool)


def _bars(pair: _Pair, both: Bool) -> Bool:
    """Return the bare bars of the early channel."""
    early = pair.early
    if early.index is None:
        return np.zeros_like(both)
    return dry_covers(pair.before, early.index, early.moisture, both, reflectance=early.reflectance).bare


def _deposition(pair: _Pair, both: Bool) -> list[RiverFinding]:
    """Return river that became land: sediment, or vegetation where most of it is overgrown by now."""
    lost = both & pair.before.water & ~pair.late.water
    support = np.minimum(pair.early.probability, 1 - pair.late.probability)
    spare = max(-pair.common_shift_px, 0.0)
    return _moved(pair, lost, both, pair.late.water, spare, SEDIMENT, support)


def _moved(
    pair: _Pair, mask: Bool, both: Bool, water: Bool, spare_px: float, damage: str, support: Array
) -> list[RiverFinding]:
    """Return findings for the parts that touch the other state's water and moved by more than floor and water level."""
    far = distance_to(water | ~both)  # where a cloud hides the old water, it may have been as near as the cloud
    river = distance_to((pair.before if damage == EROSION else pair.after).water | ~both)
    found = []
    for part, box in parts(wide(mask)):
        if float(river[box][part].min()) > 2:
            continue
        shift = float(np.percentile(_bank_distances(part, far[box]), 95))
        if shift <= floor_px(pair.pixel_size_m) + spare_px:
            continue
        measures = _shift_measures(pair, part, box, shift, damage)
        kind, covers = _kind(shift, pair, damage), _cover(pair, part, box, damage)
        named = VEGETATION if kind == "bar growth" and covers.get("vegetated_share_now", 0) >= 0.5 else damage
        details = {**pair.details, "kind": kind, **covers}
        polygon = outline(part, box[1].start, box[0].start)
        found.append(RiverFinding(named, polygon, float(support[box][part].mean()), measures, details))
    return found


def _kind(shift_px: float, pair: _Pair, damage: str) -> str:
    moved_away = shift_px > COURSE_WIDTHS * pair.before.width_px
    if damage == EROSION:
        return "new course" if moved_away else "bank retreat"
    return "abandoned course" if moved_away else "bar growth"


def _bank_distances(part: Bool, far: Array) -> Array:
    """Return the distances of the part's far side: its pixels from which no neighbour in it lies farther."""
    inside = np.where(part, far, -1.0).astype(np.float32)
    farthest = cv2.dilate(inside, np.ones((3, 3), np.uint8), borderValue=-1.0)
    return np.asarray(far[part & (farthest <= far)], dtype=np.float32)


def _shift_measures(
    pair: _Pair, part: Bool, box: tuple[slice, slice], shift_px: float, damage: str
) -> tuple[Measure, ...]:
    unit, factor = ("px", 1.0) if pair.pixel_size_m is None else ("m", pair.pixel_size_m)
    half = float(np.sqrt(2 * EDGE_PX**2 + MISMATCH_PX**2))
    moved = "ground that became river" if damage == EROSION else "river that became land"
    how = "95th percentile of the distance from the new bank to the old waterline; interval: edges and mismatch"
    low, high = max(shift_px - half, 0.0), shift_px + half
    area = area_measure(part, pair.pixel_size_m, f"{moved}, edge known to half a pixel")
    shift = Measure("displacement", shift_px * factor, unit, low * factor, high * factor, how)
    if damage != EROSION:
        return (area, shift, cover_ratio(part, box, pair.after))
    if pair.years is None or pair.years < SHORTEST_YEARS or pair.pixel_size_m is None:
        return (area, shift)
    metres = [value * factor / pair.years for value in (shift_px, low, high)]
    rate_how = f"displacement over the {pair.years:.1f} years between the mean dates"
    return (area, shift, Measure("retreat_rate", metres[0], "m/yr", metres[1], metres[2], rate_how))


def _cover(pair: _Pair, part: Bool, box: tuple[slice, slice], damage: str) -> dict[str, Any]:
    """Return what grew on new land, or what was lost with eroded land, as the share with vegetation."""
    epoch, channel = (pair.early, pair.before) if damage == EROSION else (pair.late, pair.after)
    if epoch.index is None:
        return {}
    near = epoch.observed & ~epoch.water & (distance_to(channel.water) <= 3 * channel.width_px)
    level = division(epoch.index, near, reflectance=epoch.reflectance)
    share = float((epoch.index[box][part] >= level).mean())
    return {"vegetated_share_lost" if damage == EROSION else "vegetated_share_now": round(share, 2)}


def _greening(pair: _Pair, both: Bool) -> list[RiverFinding]:
    """Return bare bars of the early channel that are overgrown late.

    The index must have risen more than that of the land around, which carries the season and the sensor.
    """
    if pair.early.index is None or pair.late.index is None:
        return []
    bare = _bars(pair, both)
    away = distance_to(pair.before.active)
    dry = both & ~pair.early.water & ~pair.late.water
    around = dry & (away > 2) & (away <= 5 * pair.before.width_px)
    level = division(pair.late.index, dry & (away <= 3 * pair.before.width_px), reflectance=pair.late.reflectance)
    gain = pair.late.index - pair.early.index
    background = float(np.nanmedian(gain[around])) if np.isfinite(gain[around]).any() else 0.0
    green = bare & dry & (pair.late.index >= level) & (gain - background > GREENING)
    found = []
    for part, box in parts(wide(green)):
        area = area_measure(part, pair.pixel_size_m, "bare bar that became overgrown, edge known to half a pixel")
        ratio = cover_ratio(part, box, pair.after)
        rise = round(float(gain[box][part].mean()) - background, 3)
        details = {**pair.details, "ndvi_gain": rise, "ndvi_gain_around": round(background, 3)}
        score = float((1 - np.maximum(pair.early.probability, pair.late.probability))[box][part].mean())
        found.append(RiverFinding(VEGETATION, outline(part, box[1].start, box[0].start), score, (area, ratio), details))
    return found
