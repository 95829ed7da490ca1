"""``mizuhashi priorities``: the ranked list as a planner reads it, and what a budget buys."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mizuhashi.cli.options import JsonOption, ProfileOption, new_app
from mizuhashi.cli.session import session_of

if TYPE_CHECKING:
    from findings.exports.encoding import Encoding

app = new_app("List priorities, hand the list out as a table, or plan measures within a budget.")


class Section(StrEnum):
    """Parts of the list, in their order."""

    OFFICIAL = "official"
    CONFIRMED = "confirmed"
    CANDIDATE = "candidate"


class TextEncoding(StrEnum):
    """Encodings of CSV files."""

    UTF8 = "utf-8-sig"
    CP932 = "cp932"


class Words(StrEnum):
    """Languages of the table."""

    JA = "ja"
    EN = "en"


@app.command("list", help="List priorities with their reasons, what is missing, and how far that could move them.")
def list_(
    ctx: typer.Context,
    section: Annotated[Section | None, typer.Option(help="Only this part of the list.")] = None,
    profile: Annotated[str, typer.Option(metavar="ID|FILE", help="Rank by another profile; nothing is stored.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    stability: Annotated[
        bool, typer.Option("--sensitivity", help="Also say how stable the first 50 are under other weights.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the first findings of the list, each with its three largest contributions."""
    from datetime import UTC, datetime

    from findings.profile import DEFAULT
    from findings.sensitivity import sensitivity
    from findings.store.rank import whole_ranking
    from mizuhashi.moved import move_record, move_text, since_last_list
    from mizuhashi.prioritised import COLUMNS, cells, chosen, record, stability_lines, stability_record

    session = session_of(ctx)
    session.settings()
    with session.store() as store:
        ranking = whole_ranking(store, profile or DEFAULT, datetime.now(UTC).date())
        assets = {asset.uid: asset for asset in store.assets()}
        rows = chosen(ranking, assets, None if section is None else section.value, limit)
        moved = since_last_list(store, rows)
    stable = sensitivity(ranking) if stability else None
    if as_json:
        shown = [record(row) | {"move": move_record(moved, row)} for row in rows]
        document = {"profile": ranking.profile.label, "findings": len(ranking), "rows": shown}
        session.output.json(document | ({} if stable is None else {"sensitivity": stability_record(stable)}))
        return
    if not rows:
        session.output.say("no findings")
        return
    session.output.table((*COLUMNS, "moved"), [(*cells(row), move_text(moved, row)) for row in rows])
    for line in stability_lines(stable) if stable is not None else ():
        session.output.say(line)
    session.output.say(f"{len(rows)} of {len(ranking)} findings, by {ranking.profile.label}")


@app.command("assets", help="List bridges and river reaches together: worst section, score, and what counts together.")
def assets_(
    ctx: typer.Context,
    profile: ProfileOption = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Print one row an asset."""
    from datetime import UTC, datetime

    from findings.asset_rollup import asset_rollup
    from findings.profile import DEFAULT
    from findings.store.rank import whole_ranking
    from mizuhashi.asset_list import COLUMNS, cells, record

    session = session_of(ctx)
    session.settings()
    with session.store() as store:
        ranking = whole_ranking(store, profile or DEFAULT, datetime.now(UTC).date())
    found = asset_rollup(ranking)
    if as_json:
        rows = [record(row, ranking.assets) for row in found[:limit]]
        session.output.json({"profile": ranking.profile.label, "assets": len(found), "rows": rows})
        return
    if not found:
        session.output.say("no asset has a finding or an official record that is due")
        return
    session.output.table(COLUMNS, [cells(row, ranking.assets) for row in found[:limit]])
    session.output.say(f"{min(limit, len(found))} of {len(found)} assets, by {ranking.profile.label}")


@app.command(help="Write the list as the planner's table and keep it as issued: later lists say what moved since.")
def export(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(metavar="FILE", help="A .csv or .xlsx file.")],
    encoding: Annotated[
        TextEncoding | None,
        typer.Option(help="Of a CSV file; what cp932 lacks is written otherwise, and said.", show_default="utf-8-sig"),
    ] = None,
    actor: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who hands the list out.", show_default="your account")
    ] = None,
    lang: Annotated[Words, typer.Option(help="Of headings and words.")] = Words.JA,
    profile: ProfileOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write one file, which appears only when it is whole, and issue the list."""
    from datetime import UTC, datetime

    from findings.profile import DEFAULT
    from mizuhashi.account import account_name
    from mizuhashi.issuing import export_list

    session = session_of(ctx)
    session.settings()
    name = account_name() if actor is None else actor
    code: Encoding | None = None if encoding is None else encoding.value
    with session.store() as store:
        made = export_list(store, out, profile or DEFAULT, name, datetime.now(UTC), lang.value, code)
    values = made.values
    if as_json:
        before = None if made.previous is None else made.previous.uid
        document = {"file": str(out), "list": values.uid, "previous": before, "findings": len(values.rows)}
        session.output.json(document | {"profile": values.profile, "actor": values.actor, "notes": list(made.notes)})
        return
    since = "the first list" if made.previous is None else f"moves since {made.previous.issued_at:%Y-%m-%d %H:%M} UTC"
    session.output.say(f"wrote {len(values.rows)} findings to {out}, by {values.profile}; {since}")
    session.output.say(f"issued list {values.uid} by {values.actor}")
    for note in made.notes:
        session.output.remark(f"note: {note}")


@app.command(help="List the priority lists that were handed out, or show one of them as it was.")
def issued(
    ctx: typer.Context,
    uid: Annotated[str | None, typer.Argument(metavar="[LIST]", help="Id of the list to show.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print all issued lists, oldest first, or the rows of one."""
    from mizuhashi.issued_rows import COLUMNS, LIST_COLUMNS, cells, list_cells, list_record, record

    session = session_of(ctx)
    with session.store() as store:
        if uid is not None:
            one = store.issued_list(uid)
            if as_json:
                session.output.json(list_record(one) | {"rows": [record(row) for row in one.rows]})
                return
            session.output.table(COLUMNS, [cells(row) for row in one.rows])
            session.output.say(f"issued {one.issued_at:%Y-%m-%d %H:%M} UTC by {one.actor}, by {one.profile}")
            return
        found = [store.issued_list(one.uid) for one in store.issued_lists()]
    if as_json:
        session.output.json([list_record(one) for one in found])
    elif found:
        session.output.table(LIST_COLUMNS, [list_cells(one) for one in found])
    else:
        session.output.say("no list was issued yet; `mizuhashi priorities export` issues one")


@app.command(help="Choose measures within a budget by the agency's unit costs; without them it says what is needed.")
def plan(
    ctx: typer.Context,
    budget: Annotated[str, typer.Option(metavar="YEN", help="For each fiscal year.")],
    costs: Annotated[Path | None, typer.Option(metavar="FILE", help="The agency's unit costs, CSV or YAML.")] = None,
    agency: Annotated[str | None, typer.Option(help="Whose prices, where the file has those of several.")] = None,
    years: Annotated[int, typer.Option(min=1, help="How many fiscal years.")] = 1,
    first_year: Annotated[int | None, typer.Option(help="Fiscal year of the first budget [the present one].")] = None,
    profile: Annotated[str, typer.Option(metavar="ID|FILE", help="Rank by another profile.")] = "",
    include_unreviewed: Annotated[
        bool, typer.Option("--include-unreviewed", help="Plan also for what no engineer has confirmed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print what the budget buys, what stays undone with its risk, and what is missing for what is due."""
    from dataclasses import replace
    from datetime import UTC, datetime

    from findings.budget import CLOSED, make_plan, needed
    from findings.budget_values import Budget
    from findings.fiscal_year import fiscal_year
    from findings.priority_table import record_only
    from findings.profile import DEFAULT
    from findings.store.rank import whole_ranking
    from findings.unit_costs import read_unit_costs
    from mizuhashi.planned import needed_record, no_table_lines, plan_lines, plan_record, record_only_note, whole_yen

    session = session_of(ctx)
    session.settings()
    today = datetime.now(UTC).date()
    first = fiscal_year(today) if first_year is None else first_year
    money = Budget(first, (whole_yen(budget),) * years)
    table = None if costs is None else read_unit_costs(costs, agency=agency)
    with session.store() as store:
        ranking = whole_ranking(store, profile or DEFAULT, today)
        assets = {asset.uid: asset for asset in store.assets()}
    if table is None:
        rows = needed([finding for finding in ranking.findings if finding.status not in CLOSED])
        if as_json:
            session.output.json({"plan": None, "reason": "no unit cost table", "needed": needed_record(rows)})
        else:
            for line in no_table_lines(rows):
                session.output.result(line)
        raise typer.Exit(1)
    items = list(zip(ranking.findings, ranking.priorities(), strict=True))
    made = make_plan(items, assets, table, money, ranking.profile, include_unreviewed=include_unreviewed)
    if record := record_only(ranking):
        note = record_only_note([ranking.assets[row.asset_uid].name for row in record])
        made = replace(made, notes=(*made.notes, note))
    if as_json:
        session.output.json(plan_record(made))
        return
    for line in plan_lines(made, assets):
        session.output.result(line)
