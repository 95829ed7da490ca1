"""``mizuhashi river levee``: bare patches and trees on the levees of a reach (R08)."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mizuhashi.cli.options import JsonOption, parse_time
from mizuhashi.cli.session import Session, session_of

if TYPE_CHECKING:
    from findings.asset import Asset
    from inference.river.levee_scan import LeveeOutcome

HELP = "Look for bare patches and trees on a reach's levees (R08) on its latest scenes, and record them."
SHOWN = 20


class Side(StrEnum):
    """Of the river, looking downstream."""

    LEFT = "left"
    RIGHT = "right"
    BOTH = "both"


def levee(
    ctx: typer.Context,
    reach: Annotated[str, typer.Option("--reach", metavar="ID", help="The river reach.")],
    line: Annotated[
        Path | None,
        typer.Option(metavar="FILE.geojson", help="Crest lines [beside the banks, by the attribute bank_to_levee_m]."),
    ] = None,
    width: Annotated[
        float | None, typer.Option(metavar="M", help="Of the levee, foot to foot [attribute levee_width_m].")
    ] = None,
    side: Annotated[Side, typer.Option(help="Which levee; of --line: which one it is.")] = Side.BOTH,
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Only scenes from then on.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Only scenes up to then.")] = None,
    scenes: Annotated[int, typer.Option(metavar="N", min=1, max=50, help="Latest so many, of one year.")] = 8,
    as_json: JsonOption = False,
) -> None:
    """Look, record and print."""
    from inference.river.levee_scan import LeveeOptions, read_crests, scan_levees

    session = session_of(ctx)
    options = LeveeOptions(
        crests=() if line is None else read_crests(line),
        width_m=width,
        side=side.value,
        since=parse_time(since),
        until=parse_time(until),
        scenes=scenes,
    )
    with session.store() as store:
        asset = store.asset(reach)
        found = scan_levees(store, asset, session.settings().home, options)
    _show(session, asset, found, as_json=as_json)


def _show(session: Session, asset: Asset, found: LeveeOutcome, *, as_json: bool) -> None:
    from mizuhashi.river_words import COLUMNS, cells, finding_record

    output = session.output
    if as_json:
        output.json(
            {
                "reach": asset.uid,
                "strips": [
                    {"side": one.side, "length_m": round(one.length_m, 1), "width_m": one.width_m}
                    for one in found.strips
                ],
                "dates": found.dates,
                "left_out": [{"name": name, "why": why} for name, why in found.left_out],
                "not_assessed": found.not_assessed,
                "findings": [finding_record(one) for one in found.findings],
            }
        )
        return
    for name, why in found.left_out:
        output.remark(f"left out {name}: {why}")
    for text in found.not_assessed:
        output.remark(f"not assessable {text}")
    length = sum(one.length_m for one in found.strips)
    output.say(
        f"{asset.name} ({asset.uid}): {length / 1000:.2f} km of levee on {len(found.dates)} scenes, "
        f"{found.dates[0]} to {found.dates[-1]}"
    )
    if found.findings:
        output.table(COLUMNS, [cells(one) for one in found.findings[:SHOWN]])
    else:
        output.result("nothing stands out of the levee's own grass")
