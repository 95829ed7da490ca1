"""Findings of a reach in time: zones become finding records, anchored to the scene that confirmed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely
from shapely.affinity import translate
from shapely.geometry import Polygon

from findings.asset import Asset, Structure
from findings.finding import Domain, Finding, Provenance
from findings.grading import grade
from findings.identity import finding_uid
from findings.measure import Measure
from findings.river_series import Floats, ReachFrame
from findings.survey import Image
from findings.taxonomy import TAXONOMY_VERSION
from inference.judgement import CODE_VERSION, locate
from inference.river.finding import EROSION, RiverFinding
from inference.river.grid import reproject
from inference.river.look import ScenePart, to_pixels
from inference.river.monitor import Trend
from inference.river.zones import Zone

MODEL, VERSION = "river-series", "1"
"""Under this name the findings of reaches in time are kept."""
CAVEAT = "from plan view alone: no level of the bed, no blocked share of the section (阻害率)"


@dataclass(frozen=True, slots=True)
class Told:
    """A zone with what its finding says besides.

    Attributes:
        zone: where and how much.
        image: the scene that confirmed it.
        overgrown_share: share of its ground with vegetation now; None where unknown.
        score: share of the zone's transects that the latest scenes still bear out, 0 to 1.
        trend: of the quantity at the peak, or None.
        scenes: observations behind it.
        channel_m: mean width of the active channel there; None where unknown.
        pixel_m: of the coarsest scene behind it.
        dates: first and last day of the series.
    """

    zone: Zone
    image: Image
    overgrown_share: float | None
    score: float
    trend: Trend | None
    scenes: int
    channel_m: float | None
    pixel_m: float
    dates: tuple[datetime, datetime]


def findings_of(
    told: Sequence[Told],
    frame: ReachFrame,
    asset: Asset,
    known: Mapping[str, Sequence[Finding]],
    weights_sha256: str,
    parameters: Mapping[str, Any],
) -> list[Finding]:
    """Return a finding for each zone that is an anomaly.

    Args:
        told: zones.
        frame: of the reach.
        asset: the reach.
        known: findings that the store holds, by uid of the scene; the same place keeps its id.
        weights_sha256: of the model behind the observations.
        parameters: of the scan, for the provenance.
    """
    found: list[Finding] = []
    taken: set[str] = set()
    for one in told:
        named = one.zone.damage(one.overgrown_share)
        if named is None:
            continue
        damage, kind = named
        outline = outline_px(one.image, one.zone.outline, frame.crs)
        label = f"{one.zone.quantity.value} {one.zone.direction:+d}"
        uid = finding_uid(one.image.uid, damage, outline, known.get(one.image.uid, ()), frozenset(taken), label)
        taken.add(uid)
        measures, details = _measures(one, damage, frame), _details(one, kind, label, frame, asset)
        found.append(
            Finding(
                uid=uid,
                survey_uid=one.image.survey_uid,
                image_uid=one.image.uid,
                asset_uid=asset.uid,
                domain=Domain.RIVER,
                damage=damage,
                grade=grade(damage, measures, Structure.UNKNOWN, details),
                measures=measures,
                scale=one.image.scale,
                geometry_px=outline,
                geometry_lonlat=_to_lonlat(one.zone.outline, frame.crs),
                position_source="georeference",
                score=round(one.score, 4),
                provenance=Provenance(MODEL, VERSION, weights_sha256, 0.5, one.image.sha256, CODE_VERSION, parameters),
                captured_at=one.image.captured_at,
                side=one.zone.side,
                taxonomy_version=TAXONOMY_VERSION,
                details=details,
            )
        )
    return found


def scene_findings(
    found: Sequence[RiverFinding],
    view: ScenePart,
    asset: Asset,
    known: Sequence[Finding],
    weights_sha256: str,
    parameters: Mapping[str, Any],
    *,
    model: tuple[str, str] = (MODEL, VERSION),
) -> list[Finding]:
    """Return findings of one scene of a reach: outlines of its view, in the scene's own pixels.

    Args:
        found: with outlines in the view's pixels.
        view: of the scene.
        asset: the reach.
        known: findings that the store holds for that scene.
        weights_sha256: of the model behind the view.
        parameters: of the scan.
        model: name and version under which they are kept.
    """
    out: list[Finding] = []
    image = view.image
    for one in found:
        outline = translate(one.polygon_px, view.window.col, view.window.row)
        label = str(one.details.get("kind", one.damage))
        uid = finding_uid(image.uid, one.damage, outline, known, frozenset(f.uid for f in out), label)
        details = {**one.details, "class": label, "last_date": str(image.captured_at)[:10]}
        place, source = locate(image, asset, outline)
        out.append(
            Finding(
                uid=uid,
                survey_uid=image.survey_uid,
                image_uid=image.uid,
                asset_uid=asset.uid,
                domain=Domain.RIVER,
                damage=one.damage,
                grade=grade(one.damage, one.measures, Structure.UNKNOWN, details),
                measures=one.measures,
                scale=image.scale,
                geometry_px=outline,
                geometry_lonlat=place,
                position_source=source,
                score=round(one.score, 4),
                provenance=Provenance(*model, weights_sha256, 0.5, image.sha256, CODE_VERSION, parameters),
                captured_at=image.captured_at,
                side=one.details.get("side") or None,
                taxonomy_version=TAXONOMY_VERSION,
                details=details,
            )
        )
    return out


def outline_px(image: Image, outline: Polygon, crs: str) -> Polygon:
    """Return an outline of a CRS in pixels of a scene."""
    return Polygon(to_pixels(image, np.asarray(outline.exterior.coords)[:, :2], crs)).buffer(0)


def _to_lonlat(outline: Polygon, crs: str) -> Polygon:
    def there(xy: Floats) -> Floats:
        return np.stack(reproject(crs, "EPSG:4326", xy[:, 0], xy[:, 1]), axis=1)

    moved: Polygon = shapely.transform(outline, there)
    return moved


def _measures(one: Told, damage: str, frame: ReachFrame) -> tuple[Measure, ...]:
    zone = one.zone
    shift_how = "shift of the series against its seasonal baseline, at the transect where it is largest"
    shift = Measure("displacement", zone.shift_m, "m", zone.low_m, zone.high_m, shift_how)
    length = Measure(
        "length", _length(zone, frame), "m", max(_length(zone, frame) - frame.spacing_m, 0.0),
        _length(zone, frame) + frame.spacing_m, "along the river; known to a transect at either end",
    )  # fmt: skip
    if damage == EROSION:
        return (shift, zone.area(), length, *_rates(one, "retreat_rate"))
    gain = Measure("width_gain", zone.shift_m, "m", zone.low_m, zone.high_m, shift_how)
    return (zone.area(), *_cover(one, frame), gain, length, *_rates(one, "growth_rate"))


def _rates(one: Told, name: str) -> tuple[Measure, ...]:
    if one.trend is None or not np.isfinite(one.trend.per_year):
        return ()
    sign = one.zone.direction
    low, high = sorted((sign * one.trend.low, sign * one.trend.high))
    value = sign * one.trend.per_year
    how = "Theil-Sen slope at the transect where the change is largest"
    return (Measure(name, max(value, 0.0), "m/yr", max(low, 0.0), max(high, 0.0), how),)


def _cover(one: Told, frame: ReachFrame) -> tuple[Measure, ...]:
    """Return the share of the zone's channel that the change covers, in plan: a proxy, never 阻害率."""
    if one.channel_m is None or one.channel_m <= 0:
        return ()
    whole = one.channel_m * frame.spacing_m * (one.zone.last - one.zone.first + 1)
    value, low, high = (min(part / whole, 1.0) for part in one.zone.area_m2)
    how = "proxy: growth over the active channel of these transects in plan view; not the blocked share of the section"
    return (Measure("plan_cover_ratio", value, "ratio", low, high, how),)


def _length(zone: Zone, frame: ReachFrame) -> float:
    return (zone.last - zone.first + 1) * frame.spacing_m


def _details(one: Told, kind: str, label: str, frame: ReachFrame, asset: Asset) -> dict[str, Any]:
    zone = one.zone
    posts = sorted((float(frame.post_km[zone.first]), float(frame.post_km[zone.last])))
    distance = asset.attributes.get("bank_to_levee_m") if zone.takes_ground else None
    details = {
        "kind": kind,
        "class": label,
        "quantity": zone.quantity.value,
        "transects": [zone.first, zone.last],
        "post_km": [round(post, 3) for post in posts],
        "peak_post_km": round(float(frame.post_km[zone.peak]), 3),
        "first_seen": _day(zone.first_seen),
        "confirmed_at": _day(zone.confirmed_at),
        "early_dates": [one.dates[0].date().isoformat()],
        "late_dates": [one.dates[1].date().isoformat()],
        "first_date": one.dates[0].date().isoformat(),
        "last_date": one.dates[1].date().isoformat(),
        "scenes": one.scenes,
        "gsd_m": one.pixel_m,
        "vegetated_share_now": None if one.overgrown_share is None else round(one.overgrown_share, 2),
        "distance_m": distance if isinstance(distance, int | float) else None,
        "caveat": CAVEAT,
    }
    return {key: value for key, value in details.items() if value is not None}


def _day(moment: np.datetime64) -> str | None:
    return None if np.isnat(moment) else str(moment.astype("datetime64[D]"))


def moment_of(moment: np.datetime64) -> datetime:
    """Return an aware UTC time of a numpy time."""
    return datetime.fromtimestamp(int(moment.astype("datetime64[s]").astype(np.int64)), UTC)


def latest_values(values: Sequence[Floats], count: int = 3) -> Floats:
    """Return per transect the median of the last ``count`` known values, NaN where there is none.

    Args:
        values: ``(N,)`` each, oldest first.
        count: how many.
    """
    if not values:
        return np.zeros(0)
    stack = np.stack(values)
    out = np.full(stack.shape[1], np.nan)
    for column in range(stack.shape[1]):
        known = stack[np.isfinite(stack[:, column]), column]
        if known.size:
            out[column] = float(np.median(known[-count:]))
    return out
