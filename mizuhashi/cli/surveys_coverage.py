"""``mizuhashi surveys coverage``: what was photographed finely enough for the cracks in question, and what was not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mizuhashi.cli.options import JsonOption
from mizuhashi.cli.session import session_of

if TYPE_CHECKING:
    from imagery.coverage import AssetCoverage
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
    from mizuhashi.coverage_words import DATE_COLUMNS, MEMBER_COLUMNS, in_words

    words = in_words(found)
    output.result(words.name if found.asset is None else f"{words.name} ({found.asset.uid})")
    if words.cracks:
        output.result(words.cracks)
        output.table(MEMBER_COLUMNS, words.members)
    if words.plan:
        output.result(words.plan)
    if words.dates:
        output.table(DATE_COLUMNS, words.dates)
    for line in words.missing:
        output.result(line)
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
