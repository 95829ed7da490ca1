"""``mizuhashi river``: reaches in time: scan, update, report, and what follows from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mizuhashi.cli.options import Device, DeviceOption, JsonOption, new_app, parse_time
from mizuhashi.cli.river_debris import HELP as DEBRIS_HELP
from mizuhashi.cli.river_debris import debris
from mizuhashi.cli.river_flood import HELP as FLOOD_HELP
from mizuhashi.cli.river_flood import flood
from mizuhashi.cli.river_insar import insar
from mizuhashi.cli.river_levee import HELP as LEVEE_HELP
from mizuhashi.cli.river_levee import levee
from mizuhashi.cli.session import Session, session_of

if TYPE_CHECKING:
    from findings.asset import Asset
    from findings.store import Store
    from inference.river.scan import Outcome
    from models.base import PixelModel

app = new_app("Rivers in time: scenes to series, alarms and findings.")
app.command(help="Join external InSAR points to 20 m of a bridge's deck: velocity, thermal movement, z-score.")(insar)
app.command(help=FLOOD_HELP)(flood)
app.command(help=LEVEE_HELP)(levee)
app.command(help=DEBRIS_HELP)(debris)
ReachOption = Annotated[str, typer.Option("--reach", metavar="ID", help="The river reach.")]
ModelOption = Annotated[
    str | None, typer.Option(metavar="NAME[@VERSION]", help="What tells water [the champion that tells most surfaces].")
]
CovariateOption = Annotated[
    Path | None, typer.Option(metavar="FILE.csv", help="Water level or rain: columns time (with zone) and value.")
]
SHOWN = 20


@app.command(help="Measure a reach on every scene, learn its seasons, and list what has changed for good.")
def scan(
    ctx: typer.Context,
    reach: ReachOption,
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Only scenes from then on.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Only scenes up to then.")] = None,
    model: ModelOption = None,
    spacing: Annotated[float, typer.Option(metavar="M", help="Between transects, 25 to 100.")] = 50.0,
    line: Annotated[str, typer.Option(help="water: middle that scenes show; asset: its own line.")] = "water",
    monitor: Annotated[str, typer.Option(help="cusum, ewma or mosum.")] = "cusum",
    false_alarms: Annotated[float, typer.Option(metavar="N", help="False alarms per 100 reach-years allowed.")] = 10.0,
    history_to: Annotated[
        str | None, typer.Option(metavar="TIME", help="Scenes before it are the stable history [the first half].")
    ] = None,
    covariate: CovariateOption = None,
    anew: Annotated[bool, typer.Option("--anew", help="Draw the transects anew; earlier observations go.")] = False,
    device: DeviceOption = Device.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Scan, and print how much was seen and what was found."""
    from inference.device import pick_device
    from inference.river.scan import ScanOptions, scan_reach
    from inference.river.series import Settings

    if line not in ("water", "asset"):
        raise typer.BadParameter(f"--line {line!r}: expected water or asset")
    session = session_of(ctx)
    where = pick_device(device.value)
    chosen = _model(session, model, where)
    until_history = parse_time(history_to)
    settings = Settings(
        model=f"{chosen.card.name}@{chosen.card.version}",
        spacing_m=spacing,
        monitor=monitor,
        false_alarms=false_alarms,
        history_until=None if until_history is None else until_history.isoformat(),
        covariate="" if covariate is None else covariate.name,
    )
    options = ScanOptions(
        settings,
        since=parse_time(since),
        until=parse_time(until),
        line="asset" if line == "asset" else "water",
        covariate=_covariate(covariate),
        anew=anew,
    )
    with session.store() as store:
        asset = store.asset(reach)
        with session.output.progress("scan") as progress:
            found = scan_reach(store, asset, chosen, where, session.settings().home, options, progress)
        _show(session, store, asset, found, as_json=as_json)


@app.command(help="Take one new scene into the series of a reach; what came before is not read again.")
def update(
    ctx: typer.Context,
    reach: ReachOption,
    scene: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A new scene [those ingested since the last].")
    ] = None,
    model: ModelOption = None,
    covariate: CovariateOption = None,
    device: DeviceOption = Device.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Ingest the scene if it is not yet in the store, and bring the series forward."""
    from datetime import datetime

    from findings.errors import InputError
    from imagery.digest import sha256_file
    from inference.device import pick_device
    from inference.river.scan import scenes_of, update_reach

    session = session_of(ctx)
    where = pick_device(device.value)
    with session.store() as store:
        asset = store.asset(reach)
        kept = store.river(asset.uid)
        chosen = _model(session, model or kept.settings["model"], where)
        if scene is not None:
            _ingest(session, store, asset, scene)
        last = datetime.fromisoformat(kept.state["series"]["last"])
        waiting = [image for image in scenes_of(store, asset) if image.captured_at is not None]
        if scene is not None:
            digest = sha256_file(scene)
            waiting = [image for image in waiting if image.sha256 == digest]
        else:
            waiting = [image for image in waiting if image.captured_at is not None and image.captured_at > last]
        if not waiting:
            raise InputError(f"no scene of {reach} is later than the last one of its series ({last:%Y-%m-%d})")
        for image in waiting:
            found = update_reach(store, asset, image, chosen, where, session.settings().home, _covariate(covariate))
            if not as_json:
                session.output.say(f"took {Path(image.path).name}")
        _show(session, store, asset, found, as_json=as_json)


def _model(session: Session, ref: str | None, device: Any) -> PixelModel:
    """Return the named model, or the champion of scenes that tells most surfaces."""
    from findings.errors import UnknownModel
    from inference.river.surfaces import best_water, water_class

    registry = session.registry()
    if ref is not None:
        return registry.load(ref, device)
    fitting = [entry for entry in registry.champions("scene") if water_class(entry.card.classes) is not None]
    fitting = [entry for entry in fitting if "backscatter_db" not in entry.card.radiometry]
    if not fitting:
        raise UnknownModel("no champion tells water on scenes; name one with --model, see `mizuhashi models list`")
    best = best_water([entry.card for entry in fitting]) or 0
    return registry.load(fitting[best].ref, device)


def _covariate(path: Path | None) -> Any:
    from inference.river.monitor import read_covariate

    return None if path is None else read_covariate(path)


def _ingest(session: Session, store: Store, asset: Asset, scene: Path) -> None:
    """Take a file into the survey of the reach's scenes, unless it is there already."""
    from imagery.digest import sha256_file
    from imagery.ingest import IngestOptions, describe
    from inference.river.scan import scenes_of

    known = scenes_of(store, asset)
    if any(image.sha256 == sha256_file(scene) for image in known):
        return
    names = {survey.uid: survey.name for survey in store.surveys()}
    options = IngestOptions(mask_folder=session.settings().home / "masks")
    survey = known[-1].survey_uid
    store.open_survey(names[survey], asset.uid, [*store.images(survey), describe(scene, options=options)])


def _show(session: Session, store: Store, asset: Asset, found: Outcome, *, as_json: bool) -> None:
    from mizuhashi.river_words import COLUMNS, cells, lines, record

    output = session.output
    if as_json:
        output.json(record(asset, found))
        return
    for name, why in found.left_out:
        output.remark(f"left out {name}: {why}")
    for name, why in found.not_assessed:
        output.remark(f"not assessable {name}: {why}")
    for text in lines(asset, found):
        output.say(text)
    if found.findings:
        output.table(COLUMNS, [cells(one) for one in found.findings[:SHOWN]])
    else:
        output.result("no confirmed change")


@app.command(help="Write the page of a scanned reach: map, widths by year, space-time diagram, findings.")
def report(
    ctx: typer.Context,
    reach: ReachOption,
    out: Annotated[Path, typer.Option(metavar="FILE.html", help="The page.")] = Path("river.html"),
) -> None:
    """Gather the reach out of the store and write one file."""
    from mizuhashi.river_report import gather, write_reach_report

    session = session_of(ctx)
    with session.store() as store:
        page = gather(store, store.asset(reach), session.settings().home)
    write_reach_report(page, out)
    session.output.say(f"wrote {out}")
