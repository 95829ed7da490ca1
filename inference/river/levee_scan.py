"""R08 on the scenes of a reach: where its levees lie, what the latest scenes show there, and the findings of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from scipy.ndimage import generic_filter
from shapely.geometry import LineString

from findings.asset import Asset
from findings.errors import InputError, NotAssessable, RecordError, UnreadableImage
from findings.finding import Finding
from findings.river_series import Floats, Observation, Quantity, ReachFrame
from findings.store import Store
from findings.store.rank import rank_all
from findings.survey import Image, ImageStatus
from inference.evidence import series_evidence
from inference.river import levee
from inference.river.finding import RiverFinding
from inference.river.frame import metric_crs
from inference.river.grid import reproject
from inference.river.levee import LeveeScene, LeveeStrip, find_levee, strip_beside
from inference.river.look import ScenePart, look_plain
from inference.river.outcome import same_place
from inference.river.records import latest_values, scene_findings
from inference.river.rules import rule_digest, rule_run
from inference.river.scan import scenes_of

MODEL, VERSION = "levee-grass", "1"
"""Under this name the findings of levees are kept: a rule with the limits of `inference.river.levee`, no weights."""
LIMITS = {
    name: getattr(levee, name)
    for name in (
        "WINDOW_M", "SIGMAS", "UPPER", "LEAST_NOISE", "LEAST_DROP", "LEAST_RISE", "BARE_NDVI", "GREEN_NDVI", "LEAST_M2",
    )
}  # fmt: skip
SCENES = 8
"""Latest scenes that are combined where nobody asks for others."""
YEAR = timedelta(days=366)
"""... none of them more than a year older than the last: a levee is judged on one growing year."""
SMOOTH_TRANSECTS = 5
"""A levee does not follow every bend of the bank: the offset is the running median over so many transects."""
BANK_TO_LEVEE = "bank_to_levee_m"
LEVEE_WIDTH = "levee_width_m"
CLEAR_SHARE = 0.5
"""Share of its part that a scene must show to stand as the picture of findings."""
FARTHEST_M = 2000.0
"""A crest line farther from the reach than this belongs to another river."""


@dataclass(frozen=True, slots=True)
class LeveeOptions:
    """What a look at levees is asked to do.

    Attributes:
        crests: lines along the crests, WGS84, downstream; empty: beside the banks of the scanned reach.
        width_m: foot to foot; None: the reach's attribute ``levee_width_m``.
        side: ``left``, ``right`` or ``both``; of given crests, what they are.
        since, until: only scenes between them.
        scenes: latest so many.
    """

    crests: tuple[LineString, ...] = ()
    width_m: float | None = None
    side: str = "both"
    since: datetime | None = None
    until: datetime | None = None
    scenes: int = SCENES


@dataclass(slots=True)
class LeveeOutcome:
    """What a look at levees found.

    Attributes:
        strips: that were looked at.
        dates: of the scenes that were read.
        findings: of the levees as they are now, as recorded.
        left_out: name of a scene and why it was not read.
        not_assessed: of a strip and date, why nothing can be said.
    """

    strips: list[LeveeStrip]
    dates: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    not_assessed: list[str] = field(default_factory=list)


def scan_levees(store: Store, asset: Asset, home: Path, options: LeveeOptions) -> LeveeOutcome:
    """Look at the levees of a reach on its latest scenes, write what is found under the last of them, and rank.

    Args:
        store: at head.
        asset: a river reach.
        home: evidence is written below it.
        options: what to do.

    Raises:
        InputError: no reach, no scene in that time, or neither a crest line nor the attribute that stands for it.
        NotAssessable: no scene shows the levee.
    """
    every = [one for one in scenes_of(store, asset, options.since, options.until) if one.captured_at is not None]
    frame = store.river(asset.uid).frame if asset.uid in store.rivers() else None
    strips = _strips(store, asset, frame, options)
    outcome = LeveeOutcome(strips)
    parts = _parts(_latest(every, options.scenes), strips, outcome)
    if not parts:
        why = "; ".join(f"{name}: {reason}" for name, reason in outcome.left_out[:3])
        raise NotAssessable(f"no scene of {asset.uid} shows the levee: {why or 'none has a date'}")
    outcome.dates = [str(part.image.captured_at)[:10] for part in parts]
    last = next((part for part in reversed(parts) if _seen(part) >= CLEAR_SHARE), parts[-1])
    scenes = [_scene(part) for part in parts]
    found = []
    for strip in strips:
        report = find_levee(strip, scenes, grid=last.grid)
        side = f"{strip.side}: " if strip.side else ""
        outcome.not_assessed += [f"{side}{why}" for why in report.refusals]
        found += [_with_posts(one, strip, frame) for one in report.findings]
    outcome.findings = _record(store, asset, home, found, last, [one.uid for one in every], options)
    return outcome


def read_crests(path: Path) -> tuple[LineString, ...]:
    """Return the crest lines of a GeoJSON file, WGS84 (RFC 7946).

    Raises:
        RecordError: no GeoJSON, no line in it, or coordinates that are no longitude and latitude.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
        shape = shapely.from_geojson(json.dumps(document))
    except (OSError, ValueError, RecursionError, shapely.GEOSException) as error:
        raise RecordError(f"{path.name}: no GeoJSON that can be read ({error}); give crest lines in WGS84") from error
    pieces = [part for one in shapely.get_parts(shape) for part in shapely.get_parts(one)]
    pieces = [part for one in pieces for part in shapely.get_parts(one)]
    lines = tuple(LineString(shapely.get_coordinates(one)) for one in pieces if one.geom_type == "LineString")
    if not lines:
        raise RecordError(f"{path.name}: no line in it; give the levee's crest as a LineString, downstream")
    for line in lines:
        west, south, east, north = line.bounds
        if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90) or line.length == 0:
            raise RecordError(
                f"{path.name}: a line from {west:g}, {south:g} to {east:g}, {north:g}; expected a line of some length "
                "in longitude and latitude (WGS84)"
            )
    return lines


def _strips(store: Store, asset: Asset, frame: ReachFrame | None, options: LeveeOptions) -> list[LeveeStrip]:
    width = options.width_m if options.width_m is not None else asset.attributes.get(LEVEE_WIDTH)
    if not isinstance(width, int | float) or not np.isfinite(width) or width <= 0:
        raise InputError(
            f"the breadth of the levee of {asset.uid} is not known; give --width in metres, foot to foot, or the "
            f"attribute {LEVEE_WIDTH}"
        )
    if options.crests:
        return [_given(asset, frame, crest, float(width), options.side) for crest in options.crests]
    distance = asset.attributes.get(BANK_TO_LEVEE)
    if not isinstance(distance, int | float) or frame is None:
        raise InputError(
            f"where the levee of {asset.uid} lies is not known; give its crest with --line FILE.geojson, or scan the "
            f"reach and give it the attribute {BANK_TO_LEVEE} (metres from the bank to the levee's foot)"
        )
    observed = [one.observation for one in store.river_observations(asset.uid, latest=SCENES * 3)]
    sides = ("left", "right") if options.side == "both" else (options.side,)
    return [_beside(frame, observed, side, float(distance), float(width)) for side in sides]


def _given(asset: Asset, frame: ReachFrame | None, crest: LineString, width_m: float, side: str) -> LeveeStrip:
    lonlat = np.asarray(crest.coords)[:, :2]
    crs = frame.crs if frame is not None else metric_crs(asset, (float(lonlat[0, 0]), float(lonlat[0, 1])))
    line = np.stack(reproject("EPSG:4326", crs, lonlat[:, 0], lonlat[:, 1]), axis=1)
    if frame is not None:
        near = LineString(frame.line_xy).distance(LineString(line))
        if near > FARTHEST_M:
            raise InputError(
                f"the crest line lies {near / 1000:.1f} km from {asset.uid}; give the levee of this reach, in WGS84"
            )
    return LeveeStrip(line, crs, width_m / 2, width_m / 2, "" if side == "both" else side)


def _beside(
    frame: ReachFrame, observed: Sequence[Observation], side: str, distance_m: float, width_m: float
) -> LeveeStrip:
    """Return the strip behind a bank: the median bank of the latest scenes, moved out by the attribute."""
    quantity = Quantity.LEFT_BANK if side == "left" else Quantity.RIGHT_BANK
    bank = latest_values([one.values[quantity] for one in observed if quantity in one.values], SCENES)
    if not bank.size:
        bank = np.full(len(frame), np.nan)
    away = (distance_m + width_m / 2) * (1 if side == "left" else -1)
    smooth = np.asarray(generic_filter(bank, _middle, size=SMOOTH_TRANSECTS, mode="nearest"))
    return strip_beside(frame, np.where(np.isfinite(bank), smooth, np.nan) + away, width_m, side)


def _middle(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def _latest(images: Sequence[Image], count: int) -> list[Image]:
    dated = [(one.captured_at, one) for one in images if one.captured_at is not None]
    if not dated:
        return []
    last = dated[-1][0]
    return [one for at, one in dated if last - at <= YEAR][-count:]


def _parts(images: Sequence[Image], strips: Sequence[LeveeStrip], outcome: LeveeOutcome) -> list[ScenePart]:
    """Return the parts of scenes around the strips, oldest first; the others are told as left out."""
    around = np.concatenate([np.asarray(_outer(strip)) for strip in strips])
    parts = []
    for image in images:
        try:
            if not image.quality.assessable:
                raise NotAssessable("; ".join(image.quality.reasons))
            parts.append(look_plain(image, around=around, crs=strips[0].crs))
        except (InputError, NotAssessable, UnreadableImage) as error:
            outcome.left_out.append((Path(image.path).name, str(error)))
    return parts


def _outer(strip: LeveeStrip) -> Floats:
    """Return the corners of the box around a strip, ``(4, 2)``."""
    west, south, east, north = LineString(strip.line_xy).buffer(strip.width_m).bounds
    return np.array([[west, south], [west, north], [east, south], [east, north]])


def _seen(part: ScenePart) -> float:
    red = part.bands.get("red")
    return 0.0 if red is None else float(np.isfinite(red).mean())


def _scene(part: ScenePart) -> LeveeScene:
    at = part.image.captured_at or datetime.now(UTC)  # those without a date were left out before
    return LeveeScene(at, part.bands, part.grid)


def _with_posts(found: RiverFinding, strip: LeveeStrip, frame: ReachFrame | None) -> RiverFinding:
    """Return a finding with the 距離標 of the transects next to its ends, where the reach was scanned."""
    if frame is None:
        return found
    ends = shapely.line_interpolate_point(LineString(strip.line_xy), list(found.details["station_m"]))
    rows = [int(np.argmin(np.hypot(*(frame.origin_xy - np.array(point.coords[0])).T))) for point in ends]
    posts = sorted(round(float(frame.post_km[row]), 3) for row in rows)
    return replace(found, details={**found.details, "post_km": posts})


def _record(
    store: Store,
    asset: Asset,
    home: Path,
    found: Sequence[RiverFinding],
    last: ScenePart,
    every: Sequence[str],
    options: LeveeOptions,
) -> list[Finding]:
    asked = {"scenes": options.scenes, "width_m": options.width_m, "side": options.side}
    run = rule_run((MODEL, VERSION), LIMITS, asked)
    known = {
        uid: [one for one in findings if one.provenance.model == MODEL]
        for uid, findings in store.findings_of_images(list(every)).items()
    }
    own = known.get(last.image.uid, [])
    new = scene_findings(found, last, asset, own, rule_digest(LIMITS), run.parameters, model=(MODEL, VERSION))
    new = [_dated(one, [old for olds in known.values() for old in olds]) for one in new]
    new = [series_evidence(home, one, last, None) for one in new]
    bearing = {uid for uid, olds in known.items() if olds} | {last.image.uid}
    for uid, image in store.images_of(sorted(bearing)).items():
        done = replace(image, status=ImageStatus.INSPECTED, reason=None)
        store.record_image(done, run, [one for one in new if one.image_uid == uid])
    rank_all(store)
    return new


def _dated(one: Finding, before: Sequence[Finding]) -> Finding:
    """Return a finding with the day on which its place was first called."""
    details: Mapping[str, Any] = one.details
    same = [old for old in before if old.details.get("kind") == details["kind"] and same_place(old, one)]
    days = [str(old.details.get("first_seen")) for old in same if old.details.get("first_seen")]
    first = min([*days, str(min(details["dates"]))])
    return replace(one, details={**details, "first_seen": first})
