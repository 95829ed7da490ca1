"""``mizuhashi profiles``: the tables of weights by which findings are ranked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mizuhashi.cli.options import JsonOption, new_app
from mizuhashi.cli.session import session_of, store_url_of

app = new_app("List, validate or compare priority profiles.")
SHOWN = 20


@app.command("list", help="List the profiles that are here; the first one is in force.")
def list_(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Print id, version, status and owner of each profile."""
    from findings.profile import profiles

    session = session_of(ctx)
    session.settings()
    rows = [
        {
            "id": profile.id,
            "version": profile.version,
            "status": profile.status,
            "formula": profile.data["formula"],
            "owner_ja": profile.data["owner"]["ja"],
            "owner_en": profile.data["owner"]["en"],
            "digest": profile.digest,
        }
        for profile in profiles()
    ]
    if as_json:
        session.output.json(rows)
        return
    columns = ("id", "version", "status", "formula", "owner", "digest")
    session.output.table(columns, [tuple(row[{"owner": "owner_en"}.get(c, c)] for c in columns) for row in rows])


@app.command(help="Check a profile's file; everything that is wrong is told at once.")
def validate(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE")], as_json: JsonOption = False
) -> None:
    """Print what is wrong with a profile; status 1 if anything is."""
    from findings.profile import file_problems, load_profile

    session = session_of(ctx)
    session.settings()
    problems = file_problems(file)
    if as_json:
        session.output.json({"file": file.name, "problems": problems})
    elif problems:
        for line in problems:
            session.output.result(f"{file.name}: {line}")
    else:
        session.output.result(f"{file.name}: {load_profile(str(file)).label} is sound")
    if problems:
        raise typer.Exit(1)


@app.command(help="Say what differs between two profiles, and which findings of the store move by it.")
def diff(
    ctx: typer.Context,
    first: Annotated[str, typer.Argument(metavar="A", help="Id or file.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Id or file.")],
    moved: Annotated[int, typer.Option(min=0, help="Only findings that move by more than so many places.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Print changed values, then the findings that move."""
    from findings.profile import load_profile
    from findings.profile_diff import differences

    session = session_of(ctx)
    session.settings()
    before, after = load_profile(first), load_profile(second)
    changed = differences(before, after)
    moves = _moves(session, first, second, moved)
    if as_json:
        session.output.json(
            {
                "before": before.label,
                "after": after.label,
                "differences": [{"where": d.where, "before": d.before, "after": d.after} for d in changed],
                "moves": moves,
            }
        )
        return
    for one in changed:
        session.output.result(one.words)
    if not changed:
        session.output.say(f"{before.label} and {after.label} hold the same values")
    if moves:
        cells = [(str(m["before"]), str(m["after"]), m["finding"], m["asset"]) for m in moves[:SHOWN]]
        session.output.table(("rank by A", "rank by B", "finding", "asset"), cells, title=f"{len(moves)} findings move")


def _moves(session: Any, first: str, second: str, moved: int) -> list[dict[str, Any]]:
    """Return the findings of the home's store that move; none where there is no store yet."""
    from findings.profile_diff import rank_moves
    from findings.store import SchemaState, Store
    from findings.store.rank import whole_ranking
    from findings.taxonomy import damage_type

    settings = session.settings()
    with Store(store_url_of(settings), settings.home) as fresh:
        if fresh.state() is SchemaState.FRESH:  # comparing two files makes no database
            return []
    with session.store() as store:
        before, after = whole_ranking(store, first), whole_ranking(store, second)
        assets = {asset.uid: asset.name for asset in store.assets()}
    known = {finding.uid: finding for finding in before.findings}
    return [
        {
            "finding_uid": move.finding_uid,
            "finding": damage_type(known[move.finding_uid].damage).label(known[move.finding_uid].grade),
            "asset": assets.get(known[move.finding_uid].asset_uid or "", ""),
            "before": move.before,
            "after": move.after,
        }
        for move in rank_moves(before, after, moved)
    ]
