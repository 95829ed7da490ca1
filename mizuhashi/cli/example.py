"""``mizuhashi example``: the worked example of the documentation, run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mizuhashi.cli.options import new_app
from mizuhashi.cli.session import session_of

app = new_app()


@app.command(
    help="Run the worked example: a generated bridge inspected twice and five years of a river, to list and report."
)
def example(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder for everything that the example writes.")] = Path("example-out"),
    seed: Annotated[int, typer.Option(min=0, help="Another seed makes another bridge and river.")] = 11,
) -> None:
    """Run every command in a home of its own inside ``out`` and write the page; the user's store stays as it is."""
    from mizuhashi.example import PAGE, run_example
    from mizuhashi.example_page import write_page

    output = session_of(ctx).output
    done = run_example(out, seed, output)
    output.result(f"read {write_page(done, out / PAGE)}")
