"""``mizuhashi surveys coverage``: what was photographed finely enough for the cracks in question, and what was not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mizuhashi.cli.options import JsonOption
from mizuhashi.cli.session import session_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imagery.coverage import AssetCoverage, Gap, MemberCoverage
    from imagery.coverage_ground import DateCoverage
    from mizuhashi.output import Output

LISTED = 20
"""Pictures that do not count are named up to so many; more are counted."""


def coverage(
    ctx: typer.Context,
    survey: Annotated[str, typer.Argument(help="Name of the survey.")],
    target_width: Annotated[
        float | None,
        typer.Option(metavar="MM", help="Crack width that must show [0.1 for PC, else 0.2: bounds of the grades]."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show per asset, span and member what counts for that width, what does not and why, and what is missing."""
    from imagery.coverage import cover

    session = session_of(ctx)
    with session.store() as store:
        kept = store.survey(survey)
        assets = {asset.uid: asset for asset in store.assets()}
        found = cover(store.images(kept.uid), assets, kept.asset_uid, target_width)
    if as_json:
        session.output.json({"survey": kept.name, "assets": [record(one) for one in found]})
        return
    if not found:
        session.output.result(f"survey {kept.name} has no pictures and no asset")
    for one in found:
        _show(session.output, one)


def _show(output: Output, found: AssetCoverage) -> None:
    from findings.asset import AssetKind

    name = "no asset" if found.asset is None else f"{found.asset.name} ({found.asset.uid})"
    output.result(name)
    river = found.asset is not None and found.asset.kind is AssetKind.RIVER_REACH
    if found.seen or (found.asset is not None and not river):
        fit = sum(one.gap is None for one in found.seen)
        output.result(
            f"cracks of {found.target_width_mm:g} mm need {found.max_gsd_mm:.3g} mm/px: "
            f"{fit} of {len(found.seen)} photographs can show them"
        )
        columns = ("径間 span", "部材 member", "pictures", "fine enough", "judged", "clear m²", "not seen, and why")
        output.table(columns, [_row(row) for row in found.members])
    if found.ground is not None:
        total, unit = found.ground.total, "m²" if found.ground.unit == "m2" else "m"
        output.result(
            f"plan of {total:,.0f} {unit}: photographed {_share(found.ground.photographed / total)}, "
            f"finely and clearly enough {_share(found.ground.fit / total)}"
        )
    if river:
        if found.dates:
            output.table(
                ("date (UTC)", "scenes", "length in view", "length clear"), [_date_row(day) for day in found.dates]
            )
        elif not found.seen:
            output.result("未撮影 not captured: no scene and no photograph shows this reach")
    if found.missing:
        listed = sum(row.listed for row in found.members)
        output.result(f"未撮影 not captured: {len(found.missing)} of {listed} members of the inventory")
    _show_gaps(output, found)
    for remark in found.remarks:
        output.remark(f"note: {remark}")


def _show_gaps(output: Output, found: AssetCoverage) -> None:
    from imagery.coverage import WORDS

    left_out = [one for one in found.seen if one.gap is not None]
    for one in left_out[:LISTED]:
        words = " ".join(WORDS[one.gap]) if one.gap is not None else ""
        output.say(f"  {Path(one.image.path).name}: {words} ({one.why})")
    if len(left_out) > LISTED:
        output.say(f"  and {len(left_out) - LISTED} more, see --json")


def _row(row: MemberCoverage) -> tuple[object, ...]:
    from mizuhashi.describe import number

    span = "-" if row.span is None else row.span
    area = None if row.area_m2 is None else number(row.area_m2)
    return (span, _member(row.member), row.pictures, row.fit, row.judged, area, _gaps(row.gaps, row.pictures))


def _date_row(day: DateCoverage) -> tuple[object, ...]:
    clear = _share(day.clear) + (" if there was no cloud: nobody looked" if day.unmasked else "")
    return (day.day or "time unknown", len(day.scenes), _share(day.in_view), clear)


def _member(symbol: str | None) -> str:
    from findings.errors import GradingError
    from findings.taxonomy import member_kind

    if symbol is None:
        return "未割当 unassigned"
    try:
        return f"{symbol} {member_kind(symbol).ja}"
    except GradingError:  # an inventory may list what the taxonomy does not know
        return symbol


def _gaps(gaps: Mapping[Gap, int], pictures: int) -> str:
    from imagery.coverage import WORDS

    if not pictures:
        return " ".join(next(WORDS[gap] for gap in gaps))
    return ", ".join(f"{count} {' '.join(WORDS[gap])}" for gap, count in gaps.items())


def _share(value: float) -> str:
    """Return a share in percent; neither all nor nothing is said of what is only nearly so."""
    if 0 < value < 0.01:
        return "under 1 %"
    return "over 99 %" if 0.99 < value < 1 - 1e-9 else f"{value:.0%}".replace("%", " %")


def record(found: AssetCoverage) -> dict[str, Any]:
    """Return the coverage of one asset as plain JSON values."""
    from imagery.coverage import WORDS

    ground = found.ground
    return {
        "asset": None if found.asset is None else found.asset.uid,
        "name": None if found.asset is None else found.asset.name,
        "target_width_mm": found.target_width_mm,
        "max_gsd_mm": found.max_gsd_mm,
        "pictures": len(found.seen),
        "fit": sum(one.gap is None for one in found.seen),
        "judged": sum(one.gap is None and one.judged for one in found.seen),
        "members": [
            {
                "span": row.span,
                "member": row.member,
                "listed": row.listed,
                "pictures": row.pictures,
                "fit": row.fit,
                "judged": row.judged,
                "area_m2": row.area_m2,
                "gaps": {gap.value: count for gap, count in row.gaps.items()},
            }
            for row in found.members
        ],
        "not_captured": [{"span": row.span, "member": row.member} for row in found.missing],
        "plan": None
        if ground is None
        else {"unit": ground.unit, "total": ground.total, "photographed": ground.photographed, "fit": ground.fit},
        "dates": [
            {
                "date": day.day.isoformat() if day.day else None,
                "scenes": list(day.scenes),
                "in_view": day.in_view,
                "clear": day.clear,
                "unmasked": list(day.unmasked),
            }
            for day in found.dates
        ],
        "left_out": [
            {
                "image": one.image.uid,
                "name": Path(one.image.path).name,
                "gap": one.gap.value,
                "ja": WORDS[one.gap][0],
                "en": WORDS[one.gap][1],
                "why": one.why,
            }
            for one in found.seen
            if one.gap is not None
        ],
        "remarks": list(found.remarks),
    }
