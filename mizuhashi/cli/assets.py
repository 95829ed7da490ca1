"""``mizuhashi assets``: the bridges and river reaches that findings belong to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mizuhashi.cli.options import new_app
from mizuhashi.cli.session import PARTIAL, session_of

if TYPE_CHECKING:
    from findings.asset import Asset

app = new_app("Import or list bridges and river reaches.")


@app.command("import", help="Take bridges and river reaches from a GeoJSON or CSV file; known ones are updated.")
def import_(ctx: typer.Context, file: Annotated[Path, typer.Argument(help="GeoJSON or CSV.")]) -> None:
    """Import the rows that can be read; the others are told one by one (status 3)."""
    from findings.assets_file import read_assets

    session = session_of(ctx)
    assets, errors = read_assets(file)
    for error in errors:
        session.output.remark(f"refused: {error}")
    if not assets:
        session.output.remark(f"{file}: no asset was imported")
        raise typer.Exit(1)
    with session.store() as store:
        counts = store.put_assets(assets)
    session.output.say(f"{len(assets)} assets read, {counts.added} new, {counts.updated} updated")
    if errors:
        raise typer.Exit(PARTIAL)


@app.command("list", help="List the assets.")
def list_(ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False) -> None:
    """Print every asset, one a line."""
    session = session_of(ctx)
    with session.store() as store:
        rows = [_row(asset) for asset in store.assets()]
    if as_json:
        session.output.json(rows)
        return
    columns = ("uid", "kind", "name", "structure", "soundness", "spans")
    session.output.table(columns, [[row[name] for name in columns] for row in rows])


def _row(asset: Asset) -> dict[str, Any]:
    return {
        "uid": asset.uid,
        "kind": asset.kind.value,
        "name": asset.name,
        "structure": asset.structure.value,
        "soundness": asset.soundness,
        "spans": len(asset.spans),
        "chainage_km": asset.chainage_km,
        "external_ids": dict(asset.external_ids),
        "attributes": dict(asset.attributes),
    }
