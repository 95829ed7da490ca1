"""``mizuhashi fetch sentinel``: scenes or index series from Sentinel Hub or the Copernicus Data Space."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagery.sources.sentinel_access import SentinelProfile
from mizuhashi.cli.fetch_place import Wanted, check_reach, take_into_survey, wanted_days, wanted_place
from mizuhashi.cli.ingest_checks import RimOption
from mizuhashi.cli.options import JsonOption, parse_bands
from mizuhashi.cli.session import PARTIAL, Session, make_home, session_of

if TYPE_CHECKING:
    from imagery.sources.sentinel_hub import Fetched, Plan
    from imagery.sources.sentinel_service import Service

MOST_UNITS = 500.0
BUFFER_M = 300.0


class SentinelCollection(StrEnum):
    """What can be fetched."""

    S2_L2A = "s2-l2a"
    S1_GRD = "s1-grd"


def sentinel(
    ctx: typer.Context,
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="First day, UTC.")],
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day, UTC; that day belongs to it.")],
    reach: Annotated[str | None, typer.Option(metavar="ID", help="River reach or bridge of the store.")] = None,
    bbox: Annotated[str | None, typer.Option(metavar="W,S,E,N", help="Or a box: west,south,east,north.")] = None,
    buffer: Annotated[float, typer.Option(metavar="M", help="Metres around the reach.")] = BUFFER_M,
    collection: Annotated[SentinelCollection, typer.Option(help="Optical or radar.")] = SentinelCollection.S2_L2A,
    max_cloud: Annotated[float | None, typer.Option(metavar="PERCENT", help="Leave cloudier acquisitions out.")] = None,
    profile: Annotated[SentinelProfile | None, typer.Option(help="Whose account [MIZUHASHI_SH_PROFILE].")] = None,
    bands: Annotated[str | None, typer.Option(help="Band names; default: what the models read.")] = None,
    max_units: Annotated[float, typer.Option(metavar="N", help="Most processing units to spend.")] = MOST_UNITS,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what there is and what it costs.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for scenes [HOME/scenes].")] = None,
    survey: Annotated[str | None, typer.Option(help="Take the scenes into this survey as well.")] = None,
    cloud_rim: RimOption = None,
    statistics: Annotated[bool, typer.Option("--statistics", help="Index series a day instead of scenes.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Ask anew for scenes that are there or were empty.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at the catalogue, tell the cost, then fetch what is not there yet."""
    session = session_of(ctx)
    first, last = wanted_days(start, end)
    check_reach(buffer, max_cloud)
    if not 0 <= max_units < float("inf"):
        raise typer.BadParameter(f"--max-units {max_units:g}: expected 0 or more")
    if statistics and (collection is not SentinelCollection.S2_L2A or survey or bands or out):
        raise typer.BadParameter(
            "--statistics counts indices of s2-l2a: leave out --collection, --survey, --bands, --out"
        )
    place = wanted_place(session, reach, bbox, buffer, cloud_rim)
    service = _service(session, profile)
    from imagery.sources.sentinel_collections import COLLECTIONS, check_bands
    from imagery.sources.sentinel_hub import Wish, plan

    kind = COLLECTIONS[collection]
    wish = Wish(kind, check_bands(kind, parse_bands(bands)), place.area, first, last, max_cloud)
    if statistics:
        _series(session, service, wish, max_units, dry_run=dry_run, as_json=as_json)
        return
    home = session.settings().home
    planned = plan(service, wish, out or make_home(home) / "scenes", home / "cache" / "sentinel_hub", again=again)
    if not as_json:
        _tell_plan(session, planned, max_units)
    if dry_run:
        if as_json:
            session.output.json(_document(planned, ()))
        return
    fetched = _fetch(session, service, planned, max_units)
    _finish(session, service, planned, fetched, survey, place, as_json=as_json)


def _service(session: Session, profile: SentinelProfile | None) -> Service:
    from imagery.sources.sentinel_access import make_access
    from imagery.sources.sentinel_service import Service

    settings = session.settings()
    client, secret = settings.sh_client_id, settings.sh_client_secret
    return Service(
        make_access(
            client.get_secret_value() if client is not None else None,
            secret.get_secret_value() if secret is not None else None,
            profile or settings.sh_profile,
            settings.sh_base_url,
            settings.sh_token_url,
        )
    )


def _tell_plan(session: Session, planned: Plan, max_units: float) -> None:
    if planned.scenes and not session.output.quiet:
        columns = ("scene", "time (UTC)", "tile clouds %", "CRS", "pixels", "tiles", "units", "state")
        session.output.table(columns, [_row(item) for item in planned.scenes])
    for left in planned.too_cloudy:
        session.output.say(f"left out: {left.platform} {left.captured_at:%Y-%m-%d}, {left.cloud_percent:.0f} % cloud")
    if not planned.scenes:
        cloudy = len(planned.too_cloudy)
        why = f" under --max-cloud: all {cloudy} acquisitions are cloudier" if cloudy else " for this place and time"
        session.output.say(f"the catalogue has nothing{why}")
        return
    session.output.say(
        f"{len(planned.scenes)} scenes, {planned.requests} requests to send, about {planned.units:.2f} processing "
        f"units (cap {max_units:g})"
    )


def _row(item: Any) -> tuple[object, ...]:
    cloud = item.acquisition.cloud_percent
    return (
        item.id,
        f"{item.acquisition.captured_at:%Y-%m-%d %H:%M}",
        "" if cloud is None else f"{cloud:.0f}",
        item.grid.crs,
        f"{item.grid.width_px} x {item.grid.height_px}",
        len(item.tiles),
        f"{sum(part.units for part in item.missing):.2f}",
        "to fetch" if item.state == "wanted" else item.state,
    )


def _fetch(session: Session, service: Service, planned: Plan, max_units: float) -> list[Fetched]:
    from imagery.sources.sentinel_hub import fetch

    done: list[Fetched] = []
    with session.output.progress("fetch") as progress:
        for result in fetch(service, planned, max_units, progress):
            done.append(result)
            if result.note:
                session.output.remark(f"{result.id}: {result.state}: {result.note}")
    return done


def _finish(
    session: Session,
    service: Service,
    planned: Plan,
    fetched: Sequence[Fetched],
    survey: str | None,
    place: Wanted,
    *,
    as_json: bool,
) -> None:
    """Tell what came, take it into the survey, and end with the right status."""
    paths = [result.path for result in fetched if result.path is not None]
    taken = take_into_survey(session, survey, place, paths) if survey is not None else None
    failed = sum(result.state == "failed" for result in fetched)
    if as_json:
        session.output.json(
            _document(planned, fetched) | {"survey": taken, "units_spent": round(service.meter.units, 3)}
        )
    elif planned.scenes:
        counts = {state: sum(result.state == state for result in fetched) for state in ("written", "present", "empty")}
        session.output.say(
            f"{place.name}: {counts['written']} scenes written, {counts['present']} were there already, "
            f"{counts['empty']} empty, {failed} failed; {service.meter.units:.2f} processing units charged; "
            f"in {planned.folder}"
        )
        if taken is not None:
            session.output.say(taken)
    if failed:
        raise typer.Exit(PARTIAL)
    if survey is not None and not paths:
        raise typer.Exit(1)


def _document(planned: Plan, fetched: Sequence[Fetched]) -> dict[str, Any]:
    results = {result.id: result for result in fetched}
    scenes = []
    for item in planned.scenes:
        result = results.get(item.id)
        path = result.path if result is not None else None
        scenes.append(
            {
                "id": item.id,
                "captured_at": item.acquisition.captured_at.isoformat(),
                "platform": item.acquisition.platform,
                "cloud_percent": item.acquisition.cloud_percent,
                "crs": item.grid.crs,
                "width_px": item.grid.width_px,
                "height_px": item.grid.height_px,
                "tiles": len(item.tiles),
                "units": round(sum(part.units for part in item.missing), 4),
                "state": result.state if result is not None else item.state,
                "path": None if path is None else str(path),
                "note": result.note if result is not None else "",
            }
        )
    left_out = [{"platform": a.platform, "captured_at": a.captured_at.isoformat()} for a in planned.too_cloudy]
    return {"scenes": scenes, "left_out": left_out, "requests": planned.requests, "units": round(planned.units, 4)}


def _series(session: Session, service: Service, wish: Any, max_units: float, *, dry_run: bool, as_json: bool) -> None:
    """Tell the index series of a place; the catalogue says how many days it will have, which is what it costs."""
    from dataclasses import asdict

    from imagery.sources.sentinel_catalogue import search
    from imagery.sources.sentinel_statistics import StatisticsWish, plan_statistics, statistics

    found = search(service, wish.collection, wish.area_lonlat, wish.start, wish.end)
    planned = plan_statistics(StatisticsWish(wish.area_lonlat, wish.start, wish.end, days=len(found)))
    if not as_json:
        session.output.say(
            f"{len(found)} acquisitions, 1 request, about {planned.units:.2f} processing units (cap {max_units:g}), "
            f"pixels of {planned.pixel_m:g} m"
        )
    rows = statistics(service, planned, max_units) if found and not dry_run else ()
    if as_json:
        session.output.json(
            {
                "pixel_m": planned.pixel_m,
                "units": round(planned.units, 4),
                "units_spent": round(service.meter.units, 3),
                "series": [asdict(row) for row in rows],
            }
        )
    elif rows:
        columns = ("date (UTC)", "index", "mean", "std", "clear px", "not clear px", "remark")
        session.output.table(columns, [_statistics_row(row) for row in rows])
    if any(row.error for row in rows):
        raise typer.Exit(PARTIAL)


def _statistics_row(row: Any) -> tuple[object, ...]:
    shown = ["" if value is None else f"{value:.3f}" for value in (row.mean, row.std)]
    return (
        row.date,
        row.index,
        *shown,
        row.clear_px,
        row.other_px,
        row.error or ("" if row.clear_px else "nothing clear"),
    )
