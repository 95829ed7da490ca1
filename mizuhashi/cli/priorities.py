"""``mizuhashi priorities``: the ranked list as a planner reads it, and what a budget buys."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mizuhashi.cli.options import JsonOption, ProfileOption, new_app
from mizuhashi.cli.session import session_of

app = new_app("List priorities, or plan measures within a budget.")


class Section(StrEnum):
    """Parts of the list, in their order."""

    OFFICIAL = "official"
    CONFIRMED = "confirmed"
    CANDIDATE = "candidate"


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


@app.command(help="Choose measures within a budget by the agency's unit costs; without them it says what is needed.")
def plan(
    ctx: typer.Context,
    budget: Annotated[int, typer.Option(metavar="YEN", help="For each fiscal year.")],
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
    from datetime import UTC, datetime

    from findings.budget import CLOSED, make_plan, needed
    from findings.budget_values import Budget
    from findings.fiscal_year import fiscal_year
    from findings.profile import DEFAULT
    from findings.store.rank import whole_ranking
    from findings.unit_costs import read_unit_costs
    from mizuhashi.planned import needed_record, no_table_lines, plan_lines, plan_record

    session = session_of(ctx)
    session.settings()
    today = datetime.now(UTC).date()
    money = Budget(first_year or fiscal_year(today), (budget,) * years)
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
    if as_json:
        session.output.json(plan_record(made))
        return
    for line in plan_lines(made, assets):
        session.output.result(line)
