"""``mizuhashi serve``: the HTTP door, on the loopback address."""

from __future__ import annotations

from typing import Annotated

import typer

from mizuhashi.cli.options import new_app
from mizuhashi.cli.session import open_store, session_of, store_url_of

app = new_app()


@app.command(help="Serve the findings over HTTP on 127.0.0.1.")
def serve(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
) -> None:
    """Serve until interrupted; a fresh home gets its tables first, an old one is refused."""
    from api.server import serve as serve_store

    settings = session_of(ctx).settings()
    with open_store(settings):
        pass
    serve_store(store_url_of(settings), settings.home, port)
