"""``mizuhashi report``: the inspection report of a survey as PDF."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mizuhashi.cli.options import new_app
from mizuhashi.cli.session import session_of

app = new_app()


class Words(StrEnum):
    """Languages of a report."""

    JA = "ja"
    EN = "en"


@app.command(help="Write the inspection report of a survey: findings with pictures, and what was not seen.")
def report(
    ctx: typer.Context,
    survey: Annotated[str, typer.Argument(help="Name of the survey.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The PDF file.")],
    lang: Annotated[Words, typer.Option(help="Language of the words; names stay as they are.")] = Words.JA,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Show the first findings alone; the summary counts all.")
    ] = None,
) -> None:
    """Write one file; it appears only when it is complete."""
    from mizuhashi.exporting import write_report

    session = session_of(ctx)
    with session.store() as store, session.output.progress("report") as progress:
        done = write_report(store, session.registry(), survey, out, lang.value, limit, progress)
    session.output.say(f"wrote a report on {done.what} to {out}")
    for note in done.notes:
        session.output.remark(f"note: {note}")
