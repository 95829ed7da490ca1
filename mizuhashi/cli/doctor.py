"""``mizuhashi doctor``: is everything there that the program needs."""

from __future__ import annotations

import typer

from mizuhashi.cli.options import JsonOption, new_app
from mizuhashi.cli.session import session_of

app = new_app()


@app.command(help="Check installation, devices, weights, database and disk; status 1 if something is wrong.")
def doctor(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Print one line a check."""
    from mizuhashi.doctor import examine

    session = session_of(ctx)
    checks = examine(session.settings())
    if as_json:
        session.output.json([{"check": c.name, "ok": c.ok, "about": c.about} for c in checks])
    else:
        for check in checks:
            session.output.result(f"{'ok   ' if check.ok else 'WRONG'} {check.name}: {check.about}")
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
