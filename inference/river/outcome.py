"""From a series to findings in the store: zones with their trends and pictures, one row a damage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from shapely import contains_xy
from shapely.geometry import Polygon

from findings.asset import Asset
from findings.errors import InputError, NotAssessable
from findings.finding import Finding
from findings.river_series import Floats, Observation, Quantity, ReachFrame
from findings.store import ModelRun, Store
from findings.store.rank import rank_all
from findings.survey import Image, ImageStatus
from inference.evidence import series_evidence
from inference.judgement import CODE_VERSION
from inference.river.events import MOUTH, latest_findings, turbidity_check
from inference.river.frame import grid_of
from inference.river.look import SceneView, look
from inference.river.monitor import Baseline, Trend, theil_sen
from inference.river.records import MODEL, VERSION, Told, findings_of, latest_values, moment_of, scene_findings
from inference.river.series import Reports, Series, Settings, moments, stacked
from inference.river.zones import Zone, find_zones
from models.base import PixelModel

SAME_PLACE = 0.1
"""Share of the smaller outline from which a finding of the inspection of two dates is the same place."""
CLEAR_SHARE = 0.5
"""Share of the transects that a scene must show to stand as picture of a finding."""


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """What stays while findings are written: the reach, its frame, its turbidity's season, the model, the home."""

    asset: Asset
    frame: ReachFrame
    season: Baseline | None
    model: PixelModel
    device: torch.device
    home: Path


def record_findings(
    store: Store, site: Site, observed: Sequence[Observation], series: Series, settings: Settings
) -> list[Finding]:
    """Write the findings that a series gives now, rank all findings anew, and return those of the reach.

    Args:
        store: at head.
        site: the reach and what looks at it.
        observed: oldest first; an update gives the latest ones alone.
        series: its monitors.
        settings: of the scan.
    """
    asset, frame, model, device, home = site.asset, site.frame, site.model, site.device, site.home
    reports = series.reports()
    current = {q: latest_values([one.values[q] for one in observed if q in one.values]) for q in Quantity}
    current = {q: values if values.size else np.full(len(frame), np.nan) for q, values in current.items()}
    zones = find_zones(frame, reports.by_quantity, current)
    images = store.images_of([one.image_uid for one in observed])
    before, after = _pictures(frame, observed, images, model, device) if zones else (None, None)
    told = [_told(zone, frame, observed, images, reports, current, after) for zone in zones]
    known = store.findings_of_images(list(images), inactive=True)
    mine = {uid: [f for f in found if f.provenance.model == MODEL] for uid, found in known.items()}
    parameters = {**settings.to_json(), "transects": len(frame)}
    found = findings_of(told, frame, asset, mine, model.weights_sha256, parameters)
    if after is not None:
        found = [series_evidence(home, one, after, before) for one in found]
    found += _of_latest(site, observed[-1], images, mine, parameters)
    _record(store, found, images, mine, model, parameters, device)
    _join(store, found, known)
    rank_all(store)
    return found


def _of_latest(
    site: Site,
    latest: Observation,
    images: Mapping[str, Image],
    mine: Mapping[str, Sequence[Finding]],
    parameters: Mapping[str, object],
) -> list[Finding]:
    """Return what the latest scene shows for once, with its picture; most reaches have nothing of the kind."""
    check = turbidity_check(site.season, latest)
    if not site.asset.attributes.get(MOUTH) and (check is None or not check.alarm):
        return []
    frame, image = site.frame, images[latest.image_uid]
    around = np.concatenate([frame.points(frame.half_length_m), frame.points(-frame.half_length_m)])
    view = look(image, site.model, site.device, around=around, crs=frame.crs)
    shown = latest_findings(site.asset, frame, site.season, latest, view)
    known, sha = mine[latest.image_uid], site.model.weights_sha256
    found = scene_findings(shown, view, site.asset, known, sha, parameters)
    return [series_evidence(site.home, one, view, None) for one in found]


def _told(
    zone: Zone,
    frame: ReachFrame,
    observed: Sequence[Observation],
    images: Mapping[str, Image],
    reports: Reports,
    current: Mapping[Quantity, Floats],
    after: SceneView | None,
) -> Told:
    confirmed = moment_of(zone.confirmed_at)
    nearest = min(observed, key=lambda one: abs((one.captured_at - confirmed).total_seconds()))
    rows = slice(zone.first, zone.last + 1)
    channel = current[Quantity.CHANNEL_WIDTH][rows]
    pixel = max(one.pixel_m for one in observed)
    behind = reports.by_quantity[zone.quantity].observations[zone.peak]
    return Told(
        zone=zone,
        image=images[nearest.image_uid],
        overgrown_share=None if after is None else _overgrown(zone.outline, after, frame.crs),
        score=_borne_out(zone, observed, reports),
        trend=_trend(zone, observed),
        scenes=int(behind),
        channel_m=float(np.nanmean(channel)) if np.isfinite(channel).any() else None,
        pixel_m=pixel,
        dates=(observed[0].captured_at, observed[-1].captured_at),
    )


def _trend(zone: Zone, observed: Sequence[Observation]) -> Trend | None:
    values, _ = stacked(observed, zone.quantity)
    return theil_sen(moments(observed), values[:, zone.peak], like_seasons=True)


def _borne_out(zone: Zone, observed: Sequence[Observation], reports: Reports) -> float:
    """Return the share of the zone's transects whose shift is farther from 0 than its interval is wide."""
    report = reports.by_quantity[zone.quantity]
    rows = slice(zone.first, zone.last + 1)
    sure = np.sign(report.shift_low[rows]) == np.sign(report.shift_high[rows])
    return float(np.mean(sure)) if sure.size else 0.0


def _overgrown(outline: Polygon, view: SceneView, crs: str) -> float | None:
    """Return the share of an outline with vegetation in a scene, or None where it cannot be told."""
    plane = view.surfaces.vegetation
    if plane is None:
        return None
    px = grid_of(view).pixels(np.asarray(outline.exterior.coords)[:, :2], crs)
    low = np.clip(np.floor(px.min(axis=0)).astype(int), 0, None)
    high = np.minimum(np.ceil(px.max(axis=0)).astype(int) + 1, [plane.shape[1], plane.shape[0]])
    cols, rows = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    if cols.size == 0:
        return None
    inside = contains_xy(Polygon(px).buffer(0), cols.ravel() + 0.5, rows.ravel() + 0.5)
    values = plane[rows.ravel()[inside], cols.ravel()[inside]]
    seen = np.isfinite(values)
    return float((values[seen] >= 0.5).mean()) if seen.any() else None


def _pictures(
    frame: ReachFrame,
    observed: Sequence[Observation],
    images: Mapping[str, Image],
    model: PixelModel,
    device: torch.device,
) -> tuple[SceneView | None, SceneView | None]:
    """Return the earliest and the latest scene that show most of the reach, of like seasons where there are such."""
    shares = [one.assessed_share for one in observed]
    least = CLEAR_SHARE * max(shares, default=0.0)
    clear = [one for one, share in zip(observed, shares, strict=True) if share >= least]
    if not clear:
        return None, None
    latest = clear[-1]
    earlier = [one for one in clear[:-1] if (latest.captured_at - one.captured_at).days > 180]
    alike = [one for one in earlier if _days_apart(one.captured_at, latest.captured_at) <= 45]
    first = next(iter(alike or earlier), None)
    around = np.concatenate([frame.points(frame.half_length_m), frame.points(-frame.half_length_m)])
    views: list[SceneView | None] = []
    for one in (first, latest):
        try:
            seen = None if one is None else look(images[one.image_uid], model, device, around=around, crs=frame.crs)
        except (InputError, NotAssessable):
            seen = None
        views.append(seen)
    return views[0], views[1]


def _days_apart(one: datetime, other: datetime) -> int:
    days = abs(one.timetuple().tm_yday - other.timetuple().tm_yday)
    return min(days, 365 - days)


def _record(
    store: Store,
    found: Sequence[Finding],
    images: Mapping[str, Image],
    mine: Mapping[str, Sequence[Finding]],
    model: PixelModel,
    parameters: Mapping[str, object],
    device: torch.device,
) -> None:
    """Write findings under the scenes that confirmed them; scenes whose findings are gone are written without."""
    now = datetime.now(UTC)
    run = ModelRun(MODEL, VERSION, model.weights_sha256, CODE_VERSION, now, now, device.type, dict(parameters))
    bearing = {one.image_uid for one in found} | {uid for uid, old in mine.items() if old}
    for uid in sorted(bearing):
        image = replace(images[uid], status=ImageStatus.INSPECTED, reason=None)
        store.record_image(image, run, [one for one in found if one.image_uid == uid])


def _join(store: Store, found: Sequence[Finding], known: Mapping[str, Sequence[Finding]]) -> None:
    """Let the series lead where the inspection of two dates lists the same change of the same survey."""
    pairs = [one for other in known.values() for one in other if one.provenance.model != MODEL]
    taken: set[str] = set()
    for lead in found:
        alike = [
            one
            for one in pairs
            if one.damage == lead.damage
            and one.survey_uid == lead.survey_uid
            and one.uid not in taken
            and "kind" in one.details
            and same_place(one, lead)
        ]
        taken.update(one.uid for one in alike)
        others = {one.uid: (lead.uid, False) for one in alike}
        store.put_defects(lead.survey_uid, {lead.uid: (lead.uid, True), **others})


def same_place(one: Finding, other: Finding) -> bool:
    """Return whether two findings share ``SAME_PLACE`` of the smaller one's ground."""
    a, b = one.geometry_lonlat, other.geometry_lonlat
    if a is None or b is None or not a.intersects(b):
        return False
    return bool(a.intersection(b).area >= SAME_PLACE * min(a.area, b.area))
