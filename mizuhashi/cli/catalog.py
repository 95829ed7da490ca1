"""Being written."""

from __future__ import annotations

import typer

from mizuhashi.cli.options import new_app

app = new_app("Write or check the STAC catalogue.")


@app.command("check")
def check(ctx: typer.Context) -> None:
    """Be written."""
    raise NotImplementedError
