"""``mizuhashi findings``: the ranked list, one finding in full, and files for other programs."""

from __future__ import annotations

from typing import Annotated

import typer

from mizuhashi.cli.findings_compare import compare, curve
from mizuhashi.cli.findings_elements import elements
from mizuhashi.cli.findings_export import export
from mizuhashi.cli.options import JsonOption, new_app
from mizuhashi.cli.session import session_of

app = new_app("List, show or export findings.")
app.command("export", help="Write findings, the sheets of a survey, or the list of assets as a file.")(export)
app.command("elements", help="Show a bridge in AASHTO condition states and UK scores; for display only.")(elements)
app.command(help="Say what became of each damage from one survey to the next; keep it and rank anew.")(compare)
app.command(help="Show how a damage grew over its inspections, with its rate and the limits ahead.")(curve)
SurveyOption = Annotated[str | None, typer.Option(help="Only the findings of this survey.")]


@app.command("list", help="List findings in the order in which they should be looked at.")
def list_(
    ctx: typer.Context,
    survey: SurveyOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Print the first findings of the ranking."""
    from mizuhashi.listing import COLUMNS, cells, ranked, record

    session = session_of(ctx)
    with session.store() as store:
        rows = list(ranked(store, survey=survey, limit=limit))
    if as_json:
        session.output.json([record(row) for row in rows])
        return
    if not rows:
        session.output.say("no findings")
        return
    session.output.table(COLUMNS, [cells(row) for row in rows])


@app.command(help="Show one finding with its rule trace and the terms of its priority.")
def show(
    ctx: typer.Context,
    uid: Annotated[str, typer.Argument(metavar="ID", help="Identifier of the finding, or its first letters.")],
    as_json: JsonOption = False,
) -> None:
    """Print everything that is known of one finding."""
    from mizuhashi.listing import find, finding_lines, record, sights_of
    from mizuhashi.reviewing import review_record

    session = session_of(ctx)
    with session.store() as store:
        row = find(store, uid)
        home, reviews, sights = store.home, store.reviews(row.finding.uid), sights_of(store, row.finding)
    if as_json:
        session.output.json({**record(row), "reviews": [review_record(review) for review in reviews]})
        return
    for line in finding_lines(row, home, reviews, sights):
        session.output.result(line)
