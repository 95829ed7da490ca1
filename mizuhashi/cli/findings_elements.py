"""``mizuhashi findings elements``: a survey in foreign scales, for display only."""

from __future__ import annotations

from typing import Annotated

import typer

from mizuhashi.cli.options import JsonOption
from mizuhashi.cli.session import session_of


def elements(
    ctx: typer.Context,
    survey: Annotated[str, typer.Argument(help="Name of a survey of a bridge.")],
    total: Annotated[
        list[str] | None,
        typer.Option(metavar="NUMBER=QUANTITY", help="Quantity of a whole element in its unit, e.g. 12=240 (m2)."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print one line an element: quantities in CS1 to CS4, UK severity, extent and score."""
    from findings.finding import Domain
    from mizuhashi.elements import COLUMNS, NOTE, described, element_views, view_cells, view_record
    from mizuhashi.listing import ranked

    session = session_of(ctx)
    totals = parsed_totals(total or [])
    with session.store() as store:
        rows = [row for row in ranked(store, survey=survey) if row.finding.domain is Domain.BRIDGE]
    asset = next((row.asset for row in rows if row.asset is not None), None)
    found = [row.finding for row in rows]
    views, left = element_views(found, asset, totals)
    if as_json:
        session.output.json({"note": NOTE, "elements": [view_record(view) for view in views], "on_no_element": left})
        return
    if views:
        session.output.table(COLUMNS, [view_cells(view) for view in views])
    if left:
        names = described([one for one in found if one.uid in left])
        session.output.say(f"{len(left)} findings lie on no element (member unknown or not in the table): {names}")
    session.output.say(NOTE if rows else "no findings on a bridge")


def parsed_totals(texts: list[str]) -> dict[str, float]:
    """Return totals by element number.

    Raises:
        InputError: a text is not NUMBER=QUANTITY, or an element is given twice.
    """
    from findings.errors import InputError

    found: dict[str, float] = {}
    for text in texts:
        name, mark, amount = text.partition("=")
        try:
            value = float(amount) if mark else None
        except ValueError:
            value = None
        if value is None or not name.strip():
            raise InputError(f"--total {text!r}: expected NUMBER=QUANTITY such as 12=240")
        if name.strip() in found:
            raise InputError(f"--total {text!r}: element {name.strip()} is given twice; give each once")
        found[name.strip()] = value
    return found
