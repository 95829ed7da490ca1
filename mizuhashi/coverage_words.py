"""Coverage in the users' words, for the command and for the page: what was seen well enough, and what was not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from findings.asset import AssetKind
from findings.errors import GradingError
from findings.taxonomy import member_kind
from imagery.coverage import WORDS, AssetCoverage, Gap, MemberCoverage
from imagery.coverage_ground import DateCoverage
from mizuhashi.describe import number

MEMBER_COLUMNS = ("径間 span", "部材 member", "pictures", "fine enough", "judged", "clear m²", "not seen, and why")
DATE_COLUMNS = ("date (UTC)", "scenes", "length in view", "length clear")
Cells = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class CoverageWords:
    """The coverage of one asset, ready to be read.

    Attributes:
        name: of the asset.
        cracks: how many photographs can show the target width; empty where none was asked for.
        members: rows of `MEMBER_COLUMNS`.
        plan: share of the outline or line that was photographed; empty without a geometry.
        dates: rows of `DATE_COLUMNS`, of a river reach.
        missing: what was not captured at all.
        remarks: what the reader must know before trusting the rows.
    """

    name: str
    cracks: str
    members: tuple[Cells, ...]
    plan: str
    dates: tuple[Cells, ...]
    missing: tuple[str, ...]
    remarks: tuple[str, ...]


def in_words(found: AssetCoverage) -> CoverageWords:
    """Return the coverage of one asset in words."""
    river = found.asset is not None and found.asset.kind is AssetKind.RIVER_REACH
    asked = bool(found.seen) or (found.asset is not None and not river)
    fit = sum(one.gap is None for one in found.seen)
    cracks = (
        f"cracks of {found.target_width_mm:g} mm need {found.max_gsd_mm:.3g} mm/px: "
        f"{fit} of {len(found.seen)} photographs can show them"
    )
    return CoverageWords(
        name="no asset" if found.asset is None else found.asset.name,
        cracks=cracks if asked else "",
        members=tuple(_member_row(row) for row in found.members) if asked else (),
        plan=_plan(found),
        dates=tuple(_date_row(day) for day in found.dates) if river else (),
        missing=_missing(found, river=river),
        remarks=found.remarks,
    )


def _plan(found: AssetCoverage) -> str:
    if found.ground is None:
        return ""
    total, unit = found.ground.total, "m²" if found.ground.unit == "m2" else "m"
    return (
        f"plan of {total:,.0f} {unit}: photographed {_share(found.ground.photographed / total)}, "
        f"finely and clearly enough {_share(found.ground.fit / total)}"
    )


def _missing(found: AssetCoverage, *, river: bool) -> tuple[str, ...]:
    lines = []
    if river and not found.dates and not found.seen:
        lines.append("未撮影 not captured: no scene and no photograph shows this reach")
    if found.missing:
        listed = sum(row.listed for row in found.members)
        lines.append(f"未撮影 not captured: {len(found.missing)} of {listed} members of the inventory")
    return tuple(lines)


def _member_row(row: MemberCoverage) -> Cells:
    span = "-" if row.span is None else row.span
    area = None if row.area_m2 is None else number(row.area_m2)
    return (span, _member(row.member), row.pictures, row.fit, row.judged, area, _gaps(row.gaps, row.pictures))


def _date_row(day: DateCoverage) -> Cells:
    clear = _share(day.clear) + (" if there was no cloud: nobody looked" if day.unmasked else "")
    return (day.day or "time unknown", len(day.scenes), _share(day.in_view), clear)


def _member(symbol: str | None) -> str:
    if symbol is None:
        return "未割当 unassigned"
    try:
        return f"{symbol} {member_kind(symbol).ja}"
    except GradingError:  # an inventory may list what the taxonomy does not know
        return symbol


def _gaps(gaps: Mapping[Gap, int], pictures: int) -> str:
    if not pictures:
        return " ".join(next(WORDS[gap] for gap in gaps))
    return ", ".join(f"{count} {' '.join(WORDS[gap])}" for gap, count in gaps.items())


def _share(value: float) -> str:
    """Return a share in percent; neither all nor nothing is said of what is only nearly so."""
    if 0 < value < 0.01:
        return "under 1 %"
    return "over 99 %" if 0.99 < value < 1 - 1e-9 else f"{value:.0%}".replace("%", " %")
