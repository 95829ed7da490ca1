"""``mizuhashi fetch stac``: scenes from a STAC API, windows of its files only; no account is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mizuhashi.cli.fetch_place import Wanted, check_reach, take_into_survey, wanted_days, wanted_place
from mizuhashi.cli.ingest_checks import RimOption
from mizuhashi.cli.options import JsonOption, parse_bands
from mizuhashi.cli.session import PARTIAL, Session, make_home, session_of

if TYPE_CHECKING:
    from imagery.sources.stac import Found, Refused, ScenePlan
    from imagery.sources.wire import GuardedSession
    from mizuhashi.settings import Settings

EARTH_SEARCH = "https://earth-search.aws.element84.com/v1"
MAX_BYTES = "2GB"
MAX_ITEMS = 200
BUFFER_M = 300.0


@dataclass(frozen=True, slots=True)
class _Result:
    """What became of one planned scene: ``written``, ``present``, ``empty``, ``failed`` or ``left``."""

    plan: ScenePlan
    state: str
    path: Path | None = None
    note: str = ""


def stac(
    ctx: typer.Context,
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="First day, UTC.")],
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day, UTC; that day belongs to it.")],
    api: Annotated[str, typer.Option(metavar="URL", help="Landing page of the STAC API.")] = EARTH_SEARCH,
    collection: Annotated[str, typer.Option(metavar="NAME", help="Collection of the API.")] = "sentinel-2-c1-l2a",
    reach: Annotated[str | None, typer.Option(metavar="ID", help="River reach or bridge of the store.")] = None,
    bbox: Annotated[str | None, typer.Option(metavar="W,S,E,N", help="Or a box: west,south,east,north.")] = None,
    buffer: Annotated[float, typer.Option(metavar="M", help="Metres around the reach.")] = BUFFER_M,
    max_cloud: Annotated[float | None, typer.Option(metavar="PERCENT", help="Leave cloudier items out.")] = None,
    bands: Annotated[str | None, typer.Option(help="Band names; default: what the models read.")] = None,
    resolution: Annotated[float | None, typer.Option(metavar="M", help="Pixel; default: the finest band's.")] = None,
    max_bytes: Annotated[str, typer.Option(metavar="SIZE", help="Most to download, e.g. 500MB.")] = MAX_BYTES,
    max_items: Annotated[int, typer.Option(metavar="N", help="Most items of the search.")] = MAX_ITEMS,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what there is and what it costs.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for scenes [HOME/scenes].")] = None,
    survey: Annotated[str | None, typer.Option(help="Take the scenes into this survey as well.")] = None,
    cloud_rim: RimOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search, tell the cost, then fetch what is not there yet."""
    session = session_of(ctx)
    first, last = wanted_days(start, end)
    _check_numbers(buffer, max_cloud, resolution, max_items)
    budget = parse_size(max_bytes)
    names, subfolder = _names(bands), _folder_name(collection)
    place = wanted_place(session, reach, bbox, buffer, cloud_rim)
    from imagery.sources.stac import DEFAULT_BANDS, Query, plan_scenes, search

    wire = wire_of(session.settings(), budget)
    ctx.call_on_close(wire.close)
    cloud = None if max_cloud is None else max_cloud / 100
    found = search(wire, Query(api, collection, place.box, first, last, cloud, max_items))
    plans, unfit = plan_scenes(found.scenes, place.box, names or DEFAULT_BANDS, resolution)
    refused = (*found.refused, *unfit)
    home = session.settings().home
    folder = (out or home / "scenes") / subfolder
    todo = _pending(plans, folder)
    _tell_plan(session, found, plans, refused, todo, quiet=as_json)
    results = _results(session, wire, plans, todo, folder, home, api, budget, dry_run=dry_run)
    _finish(session, wire, results, refused, survey, place, folder, as_json=as_json, dry_run=dry_run)


def parse_size(text: str) -> int:
    """Return bytes of a size like ``500MB``, ``2 GB`` or ``1000000``; units of a thousand.

    Raises:
        typer.BadParameter: not a size above 0.
    """
    import re

    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)b?\s*", text.lower())
    size = float(found[1]) * 1000.0 ** " kmgt".index(found[2] or " ") if found else 0.0
    if not 1 <= size <= 1e15:
        raise typer.BadParameter(f"--max-bytes {text}: expected a size like 500MB or 2GB")
    return int(size)


def _size(count: float) -> str:
    """Return bytes as a person reads them: ``1.5 GB``, ``320 MB``, ``0.4 MB``."""
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 1e7 else f"{count / 1e6:.1f} MB"


def _check_numbers(buffer: float, max_cloud: float | None, resolution: float | None, max_items: int) -> None:
    check_reach(buffer, max_cloud)
    if resolution is not None and not 0 < resolution <= 1000:
        raise typer.BadParameter(f"--resolution {resolution:g}: expected metres above 0, at most 1000")
    if max_items < 1:
        raise typer.BadParameter(f"--max-items {max_items}: expected a number above 0")


def _names(bands: str | None) -> tuple[str, ...] | None:
    from imagery.bands import canonical
    from imagery.radiometry import SPECTRAL

    names = tuple(canonical(name) for name in parse_bands(bands) or ())
    unknown = [name for name in names if name not in SPECTRAL]
    if unknown or len(set(names)) != len(names):
        raise typer.BadParameter(f"--bands {bands}: expected different names of {', '.join(sorted(SPECTRAL))}")
    return names or None


def wire_of(settings: Settings, budget_bytes: int) -> GuardedSession:
    """Return the session that everything is fetched with; the only place where its guard is made."""
    from imagery.sources.guard import with_hosts
    from imagery.sources.wire import guarded_session

    return guarded_session(with_hosts((settings.stac_hosts or "").split(",")), budget_bytes=budget_bytes)


def _folder_name(collection: str) -> str:
    """Return the collection's folder; its name comes from outside and must not lead elsewhere."""
    import re

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", collection):
        raise typer.BadParameter(f"--collection {collection[:120]!r}: expected letters, digits, dots, - and _")
    return collection


def _pending(plans: Sequence[ScenePlan], folder: Path) -> list[ScenePlan]:
    from imagery.sources.stac_scene import is_done

    return [plan for plan in plans if not is_done(folder, plan)]


def _tell_plan(
    session: Session, found: Found, plans: Sequence[ScenePlan], refused: Sequence[Refused], todo: Sequence[ScenePlan],
    *, quiet: bool,
) -> None:  # fmt: skip
    for item in refused:
        word = "left out" if item.replaced else "refused"
        session.output.remark(f"{word} {item.name}: {item.reason.removeprefix(item.name + ': ')}")
    if quiet:
        return
    if plans and not session.output.quiet:
        session.output.table(
            ("scene", "time (UTC)", "tile clouds %", "CRS", "items", "about MB", "state"),
            [_row(plan, plan in todo) for plan in plans],
        )
    if found.cloudy:
        session.output.say(f"{found.cloudy} items left out as too cloudy")
    size = _size(sum(plan.estimated_bytes for plan in todo))
    session.output.say(f"{len(plans)} scenes, {len(todo)} to fetch, about {size} (estimated)")


def _row(plan: ScenePlan, pending: bool) -> tuple[object, ...]:
    covers = [item.cloud_cover for item in plan.items if item.cloud_cover is not None]
    cloud = f"{100 * sum(covers) / len(covers):.0f}" if covers else ""
    size = f"{plan.estimated_bytes / 1e6:.1f}" if pending else ""
    state = "to fetch" if pending else "present"
    return plan.id, f"{plan.captured_at:%Y-%m-%d %H:%M}", cloud, plan.crs, len(plan.items), size, state


def _results(
    session: Session, wire: GuardedSession, plans: Sequence[ScenePlan], todo: Sequence[ScenePlan], folder: Path,
    home: Path, api: str, budget: int, *, dry_run: bool,
) -> list[_Result]:  # fmt: skip
    """Return what became of each scene; a cap that the estimate passes stops the run before the download."""
    from findings.errors import QuotaExceeded

    results = [_present(plan, folder) for plan in plans if plan not in todo]
    if dry_run:
        return results + [_Result(plan, "left") for plan in todo]
    estimate = sum(plan.estimated_bytes for plan in todo)
    if estimate > budget:
        raise QuotaExceeded(
            f"about {_size(estimate)} would be downloaded, allowed are {_size(budget)}; narrow the dates, the area or "
            "the bands, or raise --max-bytes"
        )
    make_home(home)
    return results + _fetch(session, wire, todo, folder, home / "cache" / "stac", api)


def _present(plan: ScenePlan, folder: Path) -> _Result:
    from imagery.scene_product import is_complete

    if is_complete(folder, plan.id):
        return _Result(plan, "present", folder / f"{plan.id}.tif")
    return _Result(plan, "empty", None, "arrived empty in an earlier run")


def _fetch(
    session: Session, wire: GuardedSession, todo: Sequence[ScenePlan], folder: Path, cache: Path, api: str
) -> list[_Result]:
    """Fetch scene by scene; one that fails is told and the others go on, an allowance that is used up ends the run."""
    from findings.errors import InputError, QuotaExceeded, SourceError
    from imagery.sources.guard import shown
    from imagery.sources.stac_scene import fetch_scene

    results: list[_Result] = []
    with session.output.progress("fetch") as progress:
        for done, plan in enumerate(todo):
            progress(plan.id, done, len(todo))
            try:
                path = fetch_scene(wire, plan, folder, cache, f"STAC {shown(api)}")
            except QuotaExceeded as error:
                session.output.remark(f"stopped at {plan.id}: {error}")
                results += [_Result(left, "failed", None, str(error)) for left in todo[done:]]
                break
            except (SourceError, InputError) as error:
                session.output.remark(f"failed {plan.id}: {error}")
                results.append(_Result(plan, "failed", None, str(error)))
                continue
            if path is None:
                session.output.remark(f"empty {plan.id}: no pixel of the area was observed; recorded as empty")
            doubt = _doubt(path)
            if doubt:
                session.output.remark(f"{plan.id}: {doubt}")
            results.append(_Result(plan, "empty" if path is None else "written", path, doubt))
        progress("", len(todo), len(todo))
    return results


def _doubt(path: Path | None) -> str:
    """Return what a written scene says of metadata that its pixels contradict, or nothing."""
    from imagery.dates import find_item

    item = None if path is None else find_item(path)
    notes = (item or {}).get("properties", {}).get("mizuhashi:notes", ())
    return "; ".join(note for note in notes if "metadata contradicted" in note)


def _finish(
    session: Session, wire: GuardedSession, results: Sequence[_Result], refused: Sequence[Refused],
    survey: str | None, place: Wanted, folder: Path, *, as_json: bool, dry_run: bool,
) -> None:  # fmt: skip
    """Tell what came, take it into the survey, and end with the right status."""
    ordered = sorted(results, key=lambda result: (result.plan.captured_at, result.plan.id))
    paths = [result.path for result in ordered if result.path is not None]
    lost = [item for item in refused if not item.replaced]
    taken = None
    if survey is not None and not dry_run:
        taken = take_into_survey(session, survey, place, paths)
    counts = {
        state: sum(result.state == state for result in ordered) for state in ("written", "present", "empty", "failed")
    }
    if as_json:
        session.output.json(_document(ordered, refused, wire.received_bytes, taken))
    elif not dry_run:
        session.output.say(
            f"{place.name}: {counts['written']} scenes written, {counts['present']} were there already, "
            f"{counts['empty']} empty, {counts['failed']} failed, {len(lost)} items refused; "
            f"{_size(wire.received_bytes)} received; in {folder}"
        )
        if taken is not None:
            session.output.say(taken)
    if counts["failed"] or lost:
        raise typer.Exit(PARTIAL)
    if survey is not None and not paths and not dry_run:
        raise typer.Exit(1)


def _document(
    results: Sequence[_Result], refused: Sequence[Refused], received: int, taken: str | None
) -> dict[str, Any]:
    scenes = [
        {
            "id": result.plan.id,
            "captured_at": result.plan.captured_at.isoformat(),
            "crs": result.plan.crs,
            "items": [item.id for item in result.plan.items],
            "bands": list(result.plan.bands),
            "estimated_bytes": result.plan.estimated_bytes,
            "state": result.state,
            "path": None if result.path is None else str(result.path),
            "note": result.note,
        }
        for result in results
    ]
    left_out = [{"item": item.name, "reason": item.reason, "replaced": item.replaced} for item in refused]
    return {"scenes": scenes, "refused": left_out, "received_bytes": received, "survey": taken}
