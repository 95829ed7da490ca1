"""``mizuhashi demo``: the main job on generated imagery."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mizuhashi.cli.options import new_app
from mizuhashi.cli.session import PARTIAL, session_of

app = new_app()


@app.command(help="Inspect a generated bridge and river, and write the ranked list, overlays and a report page.")
def demo(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder for everything that the demo writes.")] = Path("demo-out"),
    seed: Annotated[int, typer.Option(min=0, help="Another seed makes another bridge and river.")] = 7,
) -> None:
    """Run the demo in a home of its own inside ``out``; the user's store stays as it is."""
    from mizuhashi.demo import run_demo

    output = session_of(ctx).output
    result = run_demo(out, seed, output)
    if result.failed:
        raise typer.Exit(PARTIAL)
