"""``mizuhashi river debris``: driftwood on drone and very fine pictures of a reach (R19)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mizuhashi.cli.options import JsonOption
from mizuhashi.cli.session import Session, session_of

if TYPE_CHECKING:
    from findings.asset import Asset
    from inference.river.debris import Opening
    from inference.river.debris_scan import PictureOutcome

HELP = "Look for rafts of driftwood (R19) on the pictures of a survey, and how much of a bridge's opening they block."


def debris(
    ctx: typer.Context,
    reach: Annotated[str, typer.Option("--reach", metavar="ID", help="The river reach that the pictures show.")],
    survey: Annotated[str, typer.Option(metavar="NAME", help="Its pictures: 0.5 m a pixel or finer, straight down.")],
    bridge: Annotated[
        str | None, typer.Option(metavar="ID", help="Judge its opening on pictures with a georeference.")
    ] = None,
    opening: Annotated[
        str | None, typer.Option(metavar="X1,Y1,X2,Y2", help="Ends of the opening, in pixels of the only picture.")
    ] = None,
    upstream: Annotated[
        str | None, typer.Option(metavar="DX,DY", help="Of --opening: where the water comes from, in pixels.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Look, record and print."""
    from inference.river.debris_scan import DebrisOptions, scan_debris

    session = session_of(ctx)
    drawn = _opening(opening, upstream)
    with session.store() as store:
        asset = store.asset(reach)
        options = DebrisOptions(None if bridge is None else store.asset(bridge), drawn)
        images = store.images(store.survey(survey).uid)
        found = scan_debris(store, asset, images, session.settings().home, options)
    _show(session, asset, found, as_json=as_json)


def _opening(opening: str | None, upstream: str | None) -> Opening | None:
    """Return the drawn opening, or None.

    Raises:
        typer.BadParameter: one without the other, or no numbers.
    """
    from inference.river.debris import Opening

    if opening is None and upstream is None:
        return None
    if opening is None or upstream is None:
        raise typer.BadParameter("--opening and --upstream belong together; give both")
    x0, y0, x1, y1 = _numbers("--opening", opening, 4)
    dx, dy = _numbers("--upstream", upstream, 2)
    return Opening("drawn", ((x0, y0), (x1, y1)), (dx, dy))


def _numbers(name: str, text: str, count: int) -> list[float]:
    from math import isfinite

    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != count or not all(map(isfinite, values)):
        raise typer.BadParameter(f"{name} {text!r}: expected {count} numbers with commas between")
    return values


def _show(session: Session, asset: Asset, found: list[PictureOutcome], *, as_json: bool) -> None:
    from mizuhashi.describe import measure_text
    from mizuhashi.river_words import COLUMNS, cells, finding_record

    output = session.output
    if as_json:
        output.json(
            {
                "reach": asset.uid,
                "pictures": [
                    {
                        "name": one.name,
                        "not_assessed": one.not_assessed or None,
                        "notes": one.notes,
                        "blocked": {name: measure.to_json() for name, measure in one.blocked.items()},
                        "findings": [finding_record(each) for each in one.findings],
                    }
                    for one in found
                ],
            }
        )
        return
    for one in found:
        if one.not_assessed:
            output.remark(f"not assessable {one.name}: {one.not_assessed}")
            continue
        for note in one.notes:
            output.say(f"{one.name}: {note}")
        for name, measure in one.blocked.items():
            output.say(f"{one.name}: opening {name}: {measure_text(measure)} in plan view, by all rafts together")
    every = [each for one in found for each in one.findings]
    seen = sum(not one.not_assessed for one in found)
    output.say(f"{asset.name} ({asset.uid}): {seen} of {len(found)} pictures judged; experimental")
    if every:
        output.table(COLUMNS, [cells(each) for each in every])
    else:
        output.result("no raft of driftwood" if seen else "nothing could be judged")
