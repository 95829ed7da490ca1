"""``mizuhashi db``: bring the database to the code's schema, and check it."""

from __future__ import annotations

import typer

from mizuhashi.cli.options import new_app
from mizuhashi.cli.session import make_home, session_of, store_url_of

app = new_app("Upgrade or check the database.")


@app.command(help="Bring the database to the schema of this version; nothing is lost, nothing to do is fine.")
def upgrade(ctx: typer.Context) -> None:
    """Run the migrations that are missing."""
    from findings.store import Store

    session = session_of(ctx)
    settings = session.settings()
    make_home(settings.home)
    with Store(store_url_of(settings), settings.home) as store:
        store.upgrade()
    session.output.say("the database is at the schema of this version")


@app.command(help="Check schema and integrity; status 1 and one line for each thing that is wrong.")
def check(ctx: typer.Context) -> None:
    """Print what is wrong with the database."""
    from findings.store import Store

    session = session_of(ctx)
    settings = session.settings()
    make_home(settings.home)
    with Store(store_url_of(settings), settings.home) as store:
        wrong = store.check()
    for line in wrong:
        session.output.remark(line)
    if wrong:
        raise typer.Exit(1)
    session.output.say("the database is sound and at the schema of this version")
