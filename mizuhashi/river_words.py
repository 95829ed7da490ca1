"""A scanned reach in words: what was seen, which changes are confirmed, and its record as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from findings.measure import by_name
from findings.river_series import Quantity, State
from findings.taxonomy import damage_type
from mizuhashi.describe import measure_text

if TYPE_CHECKING:
    from findings.asset import Asset
    from findings.finding import Finding
    from inference.river.scan import Outcome

COLUMNS = ("変状", "距離標", "side", "what", "how much", "rate", "first seen", "confirmed", "stage")
QUANTITIES: Mapping[Quantity, tuple[str, str]] = {
    Quantity.WETTED_WIDTH: ("水面幅", "wetted width"),
    Quantity.CHANNEL_WIDTH: ("河道幅", "channel width"),
    Quantity.LEFT_BANK: ("左岸の位置", "left bank"),
    Quantity.RIGHT_BANK: ("右岸の位置", "right bank"),
    Quantity.SEDIMENT_WIDTH: ("裸地砂州の幅", "sediment width"),
    Quantity.VEGETATION_WIDTH: ("植生の幅", "vegetation width"),
}
STATES: Mapping[State, tuple[str, str]] = {
    State.OK: ("計測", "measured"),
    State.HIDDEN: ("雲・欠測", "hidden"),
    State.OUTSIDE: ("範囲外", "outside"),
    State.NARROW: ("狭小", "narrow"),
    State.DRY: ("水面なし", "dry"),
    State.UNSURE: ("不明", "unsure"),
}
SIDES = {"left": "左岸 left", "right": "右岸 right"}


def cells(finding: Finding) -> tuple[str, ...]:
    """Return the row of a finding in the table of ``COLUMNS``."""
    details = finding.details
    posts = details.get("post_km")
    main = by_name(finding.measures, "displacement") or by_name(finding.measures, "area")
    main = main or (finding.measures[0] if finding.measures else None)
    rate = by_name(finding.measures, "retreat_rate") or by_name(finding.measures, "growth_rate")
    stage = "-" if finding.grade is None else "/".join(finding.grade.codes)
    draft = " 暫定" if finding.grade is not None and finding.grade.status == "draft" else ""
    return (
        _name(finding.damage),
        _posts(posts),
        SIDES.get(finding.side or "", "-"),
        str(details["kind"]),
        "-" if main is None else measure_text(main),
        "-" if rate is None else measure_text(rate),
        str(details.get("first_seen", "-")),
        str(details.get("confirmed_at", "-")),
        stage + draft,
    )


def _name(damage: str) -> str:
    return "異常 anomaly" if damage == "anomaly" else f"{damage} {damage_type(damage).ja}"


def _posts(posts: Sequence[float] | None) -> str:
    if posts is None:
        return "-"
    first, last = posts
    return f"{first:.2f}k" if first == last else f"{first:.2f}k-{last:.2f}k"


def lines(asset: Asset, found: Outcome) -> list[str]:
    """Return what a scan or an update saw, a sentence a line."""
    frame, reports = found.frame, found.series.reports()
    share = [one.assessed_share for one in found.observed]
    out = [
        f"{asset.name} ({asset.uid}): {len(frame)} transects every {frame.spacing_m:g} m, "
        f"{frame.post_km[-1]:.2f}k to {frame.post_km[0]:.2f}k, in {frame.crs}",
        f"{len(found.observed)} scenes; a scene shows {100 * sum(share) / max(len(share), 1):.0f} % of the transects",
    ]
    if reports.history_until is not None:
        out.append(f"baselines from scenes up to {reports.history_until.date()}; watched since")
    for quantity, why in reports.refusals.items():
        out.append(f"not assessable: {QUANTITIES[quantity][1]}: {why}")
    if found.bars:
        now = sum(bar.last_seen == found.observed[-1].captured_at.date().isoformat() for bar in found.bars)
        out.append(f"{len(found.bars)} bars through the dates, {now} of them in the latest scene")
    out += [f"event {event.day}: {event.kind}: {event.words}" for event in found.events]
    return out


def record(asset: Asset, found: Outcome) -> dict[str, Any]:
    """Return a scan as plain JSON values."""
    reports = found.series.reports()
    return {
        "reach": asset.uid,
        "transects": len(found.frame),
        "spacing_m": found.frame.spacing_m,
        "crs": found.frame.crs,
        "scenes": [
            {
                "image": one.image_uid,
                "captured_at": one.captured_at.isoformat(),
                "assessed_share": round(one.assessed_share, 3),
                "states": {state.value: one.states.count(state) for state in State if state in one.states},
                "reach": {name: measure.to_json() for name, measure in one.reach.items()},
                "notes": list(one.notes),
            }
            for one in found.observed
        ],
        "left_out": [{"name": name, "why": why} for name, why in found.left_out],
        "not_assessed": [{"name": name, "why": why} for name, why in found.not_assessed],
        "bars": [bar.to_json() | {"growth_m2_per_year": bar.growth_m2_per_year} for bar in found.bars],
        "events": [event.to_json() for event in found.events],
        "refusals": {quantity.value: why for quantity, why in reports.refusals.items()},
        "history_until": None if reports.history_until is None else reports.history_until.isoformat(),
        "findings": [finding_record(one) for one in found.findings],
    }


def finding_record(one: Finding) -> dict[str, Any]:
    """Return a finding of a reach as plain JSON values."""
    return {
        "uid": one.uid,
        "damage": one.damage,
        "side": one.side,
        "grade": None if one.grade is None else list(one.grade.codes),
        "measures": [measure.to_json() for measure in one.measures],
        "details": dict(one.details),
    }
