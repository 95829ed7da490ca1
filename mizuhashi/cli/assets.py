"""``mizuhashi assets``: the bridges and river reaches that findings belong to, and where they cross."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mizuhashi.cli.options import JsonOption, new_app
from mizuhashi.cli.session import PARTIAL, session_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from findings.asset import Asset, Crossing
    from findings.store import Store
    from mizuhashi.output import Output

app = new_app("Import or list bridges and river reaches, and where they cross.")

SHOWN_ERRORS = 50


class Kind(StrEnum):
    """What the rows of a file are."""

    BRIDGE = "bridge"
    RIVER = "river"


class Answer(StrEnum):
    """Whether there is a pier in the water."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@app.command("import", help="Take bridges and river reaches from a file; known ones are updated.")
def import_(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(help="GeoJSON, CSV, GeoPackage, Shapefile (.shp or zip), xROAD or DPF JSON, or .osm.pbf."),
    ],
    crs: Annotated[
        str | None, typer.Option(help="Reference system of the coordinates, e.g. EPSG:6671; wins over the file's.")
    ] = None,
    layer: Annotated[str | None, typer.Option(help="Which layer of a file of several.")] = None,
    kind: Annotated[
        Kind | None, typer.Option(help="What the rows are if they do not say it; of an .osm.pbf, what to take.")
    ] = None,
) -> None:
    """Import the rows that can be read; the others are told one by one (status 3)."""
    from findings.asset import AssetKind
    from findings.imports import Options, read_file

    session = session_of(ctx)
    wanted = {None: None, Kind.BRIDGE: AssetKind.BRIDGE, Kind.RIVER: AssetKind.RIVER_REACH}[kind]
    found = read_file(file, Options(crs, layer, wanted))
    for note in found.notes:
        session.output.say(f"note: {note}")
    for error in found.errors[:SHOWN_ERRORS]:
        session.output.remark(f"refused: {error}")
    if len(found.errors) > SHOWN_ERRORS:
        session.output.remark(f"refused: {len(found.errors) - SHOWN_ERRORS} more rows")
    if not found.assets:
        session.output.remark(f"{file}: no asset was imported")
        raise typer.Exit(1)
    with session.store() as store:
        counts = store.put_assets(found.assets)
        stated = _put_stated(store, found.assets)
    bridges = sum(asset.kind is AssetKind.BRIDGE for asset in found.assets)
    session.output.say(
        f"{len(found.assets)} assets read ({bridges} bridges, {len(found.assets) - bridges} rivers), "
        f"{counts.added} new, {counts.updated} updated"
    )
    if stated:
        session.output.say(f"{stated} crossings as the list states them")
    if found.errors:
        raise typer.Exit(PARTIAL)


def _put_stated(store: Store, assets: Sequence[Asset]) -> int:
    """Store the crossings that a list of bridges names itself, and return how many."""
    from findings.imports.crossings import stated_crossings

    if not any("crosses_river_id" in asset.attributes for asset in assets):
        return 0
    crossings = stated_crossings(assets, store.assets())
    store.put_crossings(crossings)
    return len(crossings)


@app.command("list", help="List the assets.")
def list_(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Print every asset, one a line."""
    session = session_of(ctx)
    with session.store() as store:
        rows = [_row(asset) for asset in store.assets()]
    if as_json:
        session.output.json(rows)
        return
    columns = ("uid", "kind", "name", "structure", "soundness", "spans")
    session.output.table(columns, [[row[name] for name in columns] for row in rows])


@app.command("crossings", help="List where bridges cross rivers; --find looks for crossings by geometry first.")
def crossings(
    ctx: typer.Context,
    find: Annotated[bool, typer.Option("--find", help="Look for crossings among all assets; answers stay.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print every crossing, one a line, with what is known of piers in the water."""
    session = session_of(ctx)
    with session.store() as store:
        assets = store.assets()
        if find:
            _find(store, assets, session.output, quiet=as_json)
        known = {asset.uid: asset for asset in assets}
        rows = [_crossing(crossing, known) for crossing in store.crossings()]
    if as_json:
        session.output.json(rows)
        return
    columns = ("bridge", "river", "bridge_name", "river_name", "pier_in_channel", "distance_m", "source", "note")
    session.output.table(columns, [[row[name] for name in columns] for row in rows])


def _find(store: Store, assets: Sequence[Asset], output: Output, *, quiet: bool) -> None:
    from findings.asset import AssetKind
    from findings.imports.crossings import find_crossings

    found = find_crossings(assets)
    counts = store.put_crossings(found, complete=True)
    if quiet:
        return
    bridges = [asset for asset in assets if asset.kind is AssetKind.BRIDGE]
    nowhere = sum(asset.geometry is None for asset in bridges)
    over = len({crossing.bridge_uid for crossing in found})
    removed = f", {counts.deactivated} no longer there" if counts.deactivated else ""
    output.say(
        f"{over} of {len(bridges)} bridges cross a river, {len(found)} crossings: {counts.added} new, "
        f"{counts.updated} updated{removed}"
    )
    if nowhere:
        output.say(f"{nowhere} bridges have no place and were not looked at")


@app.command("pier", help="Say whether a bridge has a pier in the water of a river; unknown takes an answer back.")
def pier(
    ctx: typer.Context,
    bridge: Annotated[str, typer.Argument(help="Id of the bridge.")],
    river: Annotated[str, typer.Argument(help="Id of the river.")],
    answer: Annotated[Answer, typer.Argument(help="What drawings or a visit say.")],
    state: Annotated[
        bool, typer.Option("--state", help="State the crossing itself too where geometry found none.")
    ] = False,
) -> None:
    """Write the answer; it stays through every later search for crossings."""
    from findings.asset import PierInChannel

    session = session_of(ctx)
    with session.store() as store:
        over, water = store.asset(bridge), store.asset(river)
        store.set_pier(over.uid, water.uid, PierInChannel(answer.value), state=state)
    session.output.say(f"{over.name} over {water.name}: pier in the water: {answer.value}")


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


def _crossing(crossing: Crossing, assets: Mapping[str, Asset]) -> dict[str, Any]:
    return {
        "bridge": crossing.bridge_uid,
        "river": crossing.river_uid,
        "bridge_name": assets[crossing.bridge_uid].name,
        "river_name": assets[crossing.river_uid].name,
        "lon": crossing.lonlat[0],
        "lat": crossing.lonlat[1],
        "pier_in_channel": crossing.pier_in_channel.value,
        "distance_m": crossing.distance_m,
        "source": crossing.source,
        "note": crossing.note,
    }
