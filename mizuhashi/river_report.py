"""The page of a reach in time: one HTML file with map, widths by year, space-time diagram and findings inside."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from shapely.geometry import Polygon

from findings.asset import Asset
from findings.errors import InputError, NotAssessable
from findings.files import write_text
from findings.finding import Finding
from findings.river_series import Floats, Observation, Quantity, ReachFrame, State
from findings.store import ReachRecord, Store
from findings.survey import Image
from inference.river.grid import Grid, reproject
from inference.river.look import picture_around
from inference.river.objects import KnownBar
from inference.river.observe import assessed
from inference.river.records import MODEL
from inference.river.series import Series
from mizuhashi.describe import measure_text, number
from mizuhashi.report import data_uri
from mizuhashi.river_figures import areas_figure, map_figure, space_time_figure, widths_figure
from mizuhashi.river_words import QUANTITIES, STATES, cells

PAGE = 10_000
BARS = 15
"""Bars in the table of the page."""


@dataclass(frozen=True, slots=True, eq=False)
class ReachPage:
    """Everything on the page of a reach."""

    asset: Asset
    record: ReachRecord
    observed: tuple[Observation, ...]
    images: dict[str, Image]
    findings: tuple[Finding, ...]
    home: Path
    generated: bool


def gather(store: Store, asset: Asset, home: Path) -> ReachPage:
    """Return the page's content out of the store.

    Raises:
        NotFound: the reach was never scanned.
    """
    record = store.river(asset.uid)
    observed = tuple(one.observation for one in store.river_observations(asset.uid))
    images = {one.image_uid: store.image(one.image_uid) for one in observed}
    findings = tuple(findings_of_reach(store, asset))
    generated = bool(asset.attributes.get("generated"))
    return ReachPage(asset, record, observed, images, findings, home, generated)


def findings_of_reach(store: Store, asset: Asset) -> list[Finding]:
    """Return the active findings of a reach's series, in rank order."""
    found: list[Finding] = []
    cursor = None
    while True:
        page = store.list_findings(limit=PAGE, cursor=cursor)
        found += [one for one, _ in page.items if one.asset_uid == asset.uid and one.provenance.model == MODEL]
        cursor = page.next_cursor
        if cursor is None:
            return found


def write_reach_report(page: ReachPage, path: Path) -> None:
    """Write the page; it appears only when it is complete.

    Raises:
        OutputError: it cannot be written.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mizuhashi", "templates"),
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    write_text(path, environment.get_template("river.html.j2").render(page_values(page)))


def page_values(page: ReachPage) -> dict[str, Any]:
    """Return what the template shows, as plain values."""
    frame, observed = page.record.frame, page.observed
    reports = Series.from_json(page.record.state["series"]).reports()
    return {
        "title": f"{page.asset.name} ({page.asset.uid})",
        "generated": page.generated,
        "transects": len(frame),
        "spacing": f"{frame.spacing_m:g}",
        "from_km": f"{frame.post_km[0]:.2f}",
        "to_km": f"{frame.post_km[-1]:.2f}",
        "crs": frame.crs,
        "scenes": len(observed),
        "first": observed[0].captured_at.date().isoformat() if observed else "-",
        "last": observed[-1].captured_at.date().isoformat() if observed else "-",
        "history_until": None if reports.history_until is None else reports.history_until.date().isoformat(),
        "settings": page.record.settings,
        "refusals": [(QUANTITIES[quantity][1], why) for quantity, why in reports.refusals.items()],
        "map": _uri(_map(page)),
        "widths": _uri(widths_figure(frame, observed)),
        "space_time": _uri(space_time_figure(frame, observed, reports.history_until)),
        "areas": _uri(areas_figure(observed)),
        "cards": [_card(number, one, page.home) for number, one in enumerate(page.findings, 1)],
        "bars": _bars(page.record.state.get("bars", ())),
        "rows": [_row(one, page.images[one.image_uid]) for one in observed],
    }


def _uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _card(number: int, finding: Finding, home: Path) -> dict[str, Any]:
    names = ("damage", "where", "side", "kind", "size", "rate", "first_seen", "confirmed", "stage")
    picture = home / finding.evidence["overlay"] if "overlay" in finding.evidence else None
    grade = finding.grade
    return dict(zip(names, cells(finding), strict=True)) | {
        "number": number,
        "picture": data_uri(picture) if picture is not None and picture.is_file() else None,
        "measures": [(measure_text(measure), measure.how) for measure in finding.measures],
        "trace_ja": grade.trace_ja if grade else "",
        "trace_en": grade.trace_en if grade else "",
        "scenes": finding.details.get("scenes"),
        "dates": " to ".join(str(finding.details[k]) for k in ("first_date", "last_date") if k in finding.details),
        "caveat": finding.details.get("caveat", ""),
        "uid": finding.uid,
    }


def _bars(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the bars that two scenes or more have shown, the largest first."""
    bars = [KnownBar.from_json(row) for row in rows]
    out = []
    for bar in sorted((bar for bar in bars if bar.scenes > 1), key=lambda bar: -bar.largest_m2)[:BARS]:
        growth = bar.growth_m2_per_year
        remarks = [f"parted from {bar.parted_from}"] if bar.parted_from else []
        remarks += [f"joined by {', '.join(bar.joined)}"] if bar.joined else []
        out.append({
            "name": bar.name, "post": f"{bar.bar.post_km:.2f}k", "side": bar.bar.side,
            "area": f"{number(bar.bar.area_m2)} ({number(bar.bar.low_m2)} to {number(bar.bar.high_m2)})",
            "largest": number(bar.largest_m2), "growth": "-" if growth is None else f"{growth:+.0f}",
            "first": bar.first_seen, "last": bar.last_seen, "scenes": str(bar.scenes), "remarks": "; ".join(remarks),
        })  # fmt: skip
    return out


def _row(one: Observation, image: Image) -> dict[str, Any]:
    seen = assessed(one)
    water = one.reach.get("water_area")
    return {
        "day": one.captured_at.strftime("%Y-%m-%d %H:%M"),
        "name": Path(image.path).name,
        "sensor": one.sensor or "-",
        "pixel": f"{one.pixel_m:.3g}",
        "seen": f"{seen.ok} / {seen.total}",
        "states": ", ".join(
            f"{STATES[state][0]} {STATES[state][1]} {one.states.count(state)}"
            for state in State
            if state is not State.OK and state in one.states
        ),
        "water": "-" if water is None else measure_text(water),
        "notes": "; ".join(one.notes),
    }


def _map(page: ReachPage) -> bytes:
    frame = page.record.frame
    clear = [one for one in page.observed if one.assessed_share >= 0.6 * _best(page.observed)]
    early, late = (clear[0], clear[-1]) if clear else (None, None)
    around = np.concatenate([frame.points(frame.half_length_m), frame.points(-frame.half_length_m)])
    rgb, to_px = _backdrop(page, late, around)
    ends = (frame.origin_xy, frame.points(frame.half_length_m), frame.points(-frame.half_length_m))
    banks = {
        f"{name}_{side}": to_px(frame.points(one.values[quantity]))
        for name, one in (("early", early), ("late", late))
        if one is not None
        for side, quantity in (("left", Quantity.LEFT_BANK), ("right", Quantity.RIGHT_BANK))
        if quantity in one.values
    }
    places = [_ring(finding, to_px, frame) for finding in page.findings]
    origin, left, right = (to_px(points) for points in ends)
    return map_figure(frame, early, late, page.findings, rgb, (origin, left, right), places, banks)


def _backdrop(page: ReachPage, late: Observation | None, around: Floats) -> tuple[Any, Any]:
    """Return the latest scene around the reach and a function from the frame's CRS to its pixels."""
    frame = page.record.frame
    if late is not None:
        image = page.images[late.image_uid]
        try:
            rgb, transform = picture_around(image, around, frame.crs)
            grid = Grid(str(image.crs), transform, rgb.shape[0], rgb.shape[1], late.pixel_m)
            return rgb, lambda points: grid.pixels(points, frame.crs)
        except (InputError, NotAssessable):
            pass  # the file is no longer there: the map is drawn without it
    low = around.min(axis=0)
    return None, lambda points: np.stack([points[:, 0] - low[0], low[1] - points[:, 1]], axis=1)


def _ring(finding: Finding, to_px: Any, frame: ReachFrame) -> Floats:
    place = finding.geometry_lonlat
    ring = np.asarray(place.exterior.coords)[:, :2] if isinstance(place, Polygon) else np.full((1, 2), np.nan)
    xy = np.stack(reproject("EPSG:4326", frame.crs, ring[:, 0], ring[:, 1]), axis=1)
    return np.asarray(to_px(xy))


def _best(observed: Sequence[Observation]) -> float:
    return max((one.assessed_share for one in observed), default=0.0)
