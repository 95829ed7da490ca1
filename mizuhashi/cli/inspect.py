"""``mizuhashi inspect``: networks over a survey, findings into the ranked list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mizuhashi.cli.options import BackendOption, Device, DeviceOption, JsonOption, ProfileOption, Runner, new_app
from mizuhashi.cli.session import PARTIAL, session_of
from mizuhashi.output import stages

if TYPE_CHECKING:
    from inference.outcome import Report

app = new_app()
SHOWN = 10


@app.command(help="Inspect a survey's images and rank what is found; a second run adds nothing twice.")
def inspect(
    ctx: typer.Context,
    survey: Annotated[str, typer.Option(help="Name of the survey.")],
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[@VERSION]", help="May be repeated; default: the champions that fit each image."),
    ] = None,
    device: DeviceOption = Device.AUTO,
    backend: BackendOption = Runner.TORCH,
    profile: ProfileOption = "",
    as_json: JsonOption = False,
) -> None:
    """Inspect, rank, and print the first findings of the survey; status 3 if some images failed."""
    from datetime import UTC, datetime

    from findings.profile import DEFAULT
    from inference.device import pick_device
    from inference.pipeline import inspect_survey
    from mizuhashi.listing import COLUMNS, cells, ranked, record

    session = session_of(ctx)
    output = session.output
    with session.store() as store:
        with output.progress("inspect") as progress:
            report = inspect_survey(
                store,
                survey,
                registry=session.registry(backend.value),
                model_refs=tuple(model or ()),
                device=pick_device(device.value),
                home=session.settings().home,
                progress=progress,
                profile=profile or DEFAULT,
                today=datetime.now(UTC).date(),
            )
        rows = list(ranked(store, survey=survey, limit=SHOWN))
    for line in remark_lines(report):
        output.remark(line)
    if as_json:
        output.json({**report_record(report), "findings": [record(row) for row in rows]})
    else:
        if rows:
            output.table(COLUMNS, [cells(row) for row in rows])
        output.say(report_line(survey, report))
        output.say(stages(report.seconds))
    if report.images_failed:
        raise typer.Exit(PARTIAL)


def remark_lines(report: Report) -> list[str]:
    """Return a line for each image that failed, was not assessed, or has a remark."""
    kinds = (("failed", report.failures), ("not assessed", report.not_assessed), ("note", report.remarks))
    return [f"{kind} {name}: {reason}" for kind, rows in kinds for name, reason in rows]


def report_line(survey: str, report: Report) -> str:
    """Return one line with the counts of an inspection."""
    return (
        f"survey {survey}: {report.images_ok} images inspected, {report.images_not_assessed} not assessed, "
        f"{report.images_failed} failed; {report.findings_new} new findings, {report.findings_total} in all"
    )


def report_record(report: Report) -> dict[str, Any]:
    """Return the counts as plain JSON values."""
    return {
        "images_ok": report.images_ok,
        "images_failed": report.images_failed,
        "images_not_assessed": report.images_not_assessed,
        "findings_new": report.findings_new,
        "findings_total": report.findings_total,
        "seconds": dict(report.seconds),
        "models": list(report.models),
        "failures": [{"image": name, "reason": reason} for name, reason in report.failures],
        "not_assessed": [{"image": name, "reason": reason} for name, reason in report.not_assessed],
        "remarks": [{"image": name, "remark": remark} for name, remark in report.remarks],
    }
