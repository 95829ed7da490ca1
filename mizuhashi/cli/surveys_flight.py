"""``mizuhashi surveys flight``: what the overlap of a survey's photographs says about their recorded places."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mizuhashi.cli.options import JsonOption
from mizuhashi.cli.session import PARTIAL, session_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from findings.store import Store
    from findings.survey import Image
    from imagery.bundle_view import Placement
    from imagery.flight.report import FlightReport, ImageCheck
    from mizuhashi.output import Output

Change = tuple["Image", "Image"]
SHOWN = (
    ("image", "image"), ("next", "next"), ("predicted_m", "predicted m"), ("registered_m", "registered m"),
    ("residual_m", "residual m"), ("residual_percent", "%"), ("image_residual_m", "place off m"),
    ("sigma_m", "± m"), ("yaw_error_deg", "yaw error °"), ("neighbours", "neighbours"), ("words", "verdict"),
)  # fmt: skip


def flight(
    ctx: typer.Context,
    survey: Annotated[str, typer.Argument(help="Name of the survey.")],
    odm: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Take the poses of an OpenDroneMap project first.")
    ] = None,
    ground: Annotated[
        float | None, typer.Option(metavar="M", help="With --odm: height of the ground, in the project's heights.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Write what was put right, and the outcome as notes.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write the table as CSV.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Register neighbouring photographs and compare with their records; nothing is written without --apply."""
    if ground is not None and odm is None:
        raise typer.BadParameter("--ground is a height of the OpenDroneMap project: give --odm DIR with it")
    from imagery.flight.check import check_flight
    from imagery.flight.report import summary

    session = session_of(ctx)
    output = session.output
    with session.store() as store:
        images = store.images(store.survey(survey).uid)
        placement = None if odm is None else _place(images, odm, ground)
        used = images if placement is None else list(placement.images)
        with output.progress("flight") as progress:
            report = check_flight(used, progress)
        if out is not None:
            _write_csv(report, out)
        changes = _changes(images, used, report)
        stale = _findings_on(store, changes) if apply else 0
        counts = store.update_image_places(changes) if apply else None
    if as_json:
        output.json(_document(survey, report, placement, written=counts.updated if counts else 0))
    else:
        _show(output, report, placement)
        for line in summary(report):
            output.say(line)
        if out is not None:
            output.say(f"wrote {len(report.images)} rows to {out}")
        _tell_written(output, changes, counts.updated if counts else None, stale)
    if any(image.verdict == "not_read" for image in report.images):
        raise typer.Exit(PARTIAL)


def _place(images: Sequence[Image], folder: Path, ground_m: float | None) -> Placement:
    from imagery.bundle import read_bundle
    from imagery.bundle_view import place

    return place(images, read_bundle(folder), ground_m=ground_m)


def _changes(stored: Sequence[Image], used: Sequence[Image], report: FlightReport) -> list[Change]:
    """Return each image as stored, and as it shall be: placed, turned right, with the outcome as its note."""
    from imagery.flight.turn import apply_turn, with_note

    checks = {check.uid: check for check in report.images}
    changes = []
    for before, image in zip(stored, used, strict=True):
        check = checks[image.uid]
        after = image if check.turn is None else apply_turn(image, check.turn)
        changes.append((before, with_note(after, _note(check))))
    return changes


def _note(check: ImageCheck) -> str:
    from imagery.flight.turn import PUT_RIGHT

    corrected = PUT_RIGHT if check.turn is not None else ""
    place = "" if check.residual_m is None else f"; recorded place {check.residual_m:.1f} m from the adjusted one"
    return f"{check.words}{corrected}{place}"


def _moved(change: Change) -> bool:
    before, after = change
    return (before.footprint, before.view) != (after.footprint, after.view)


def _findings_on(store: Store, changes: Sequence[Change]) -> int:
    """Return how many active findings lie on pictures whose outline changes."""
    return sum(len(store.findings_of_image(change[0].uid)) for change in changes if _moved(change))


def _show(output: Output, report: FlightReport, placement: Placement | None) -> None:
    from imagery.flight.report import rows

    if placement is not None:
        output.say(f"OpenDroneMap: {len(placement.placed)} of {len(placement.images)} images placed")
        for what, names in (("no shot of", placement.missing), ("no image of the shot", placement.unused)):
            if names:
                more = f" and {len(names) - 5} more" if len(names) > 5 else ""
                output.remark(f"{what} {', '.join(names[:5])}{more}")
        for note in placement.notes:
            output.remark(note)
    table = [[_cell(key, row[key]) for key, _ in SHOWN] for row in rows(report)]
    output.table([title for _, title in SHOWN], table)


def _cell(key: str, value: Any) -> str:
    """Return a cell with as many digits as mean something: centimetres, tenths of a percent or degree."""
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.1f}" if key.endswith(("_percent", "_deg")) else f"{value:.2f}"


def _tell_written(output: Output, changes: Sequence[Change], written: int | None, stale: int) -> None:
    moved = sum(map(_moved, changes))
    if written is None:
        if moved:
            output.say(f"{moved} images can be put right: run again with --apply")
        return
    output.say(f"{written} images written, {moved} of them with another outline")
    if stale:
        output.remark(
            f"{stale} findings on them keep their places until `mizuhashi inspect` runs again; reviews stay in any case"
        )


def _document(survey: str, report: FlightReport, placement: Placement | None, *, written: int) -> dict[str, Any]:
    bundle = None
    if placement is not None:
        bundle = {
            "placed": list(placement.placed),
            "missing": list(placement.missing),
            "unused": list(placement.unused),
            "notes": list(placement.notes),
        }
    return {"survey": survey, "written": written, "bundle": bundle, **asdict(report)}


def _write_csv(report: FlightReport, path: Path) -> None:
    """Write the table, UTF-8 with BOM for spreadsheets; it appears only when it is complete."""
    from findings.exports.encoding import csv_text
    from findings.files import write_text
    from imagery.flight.report import COLUMNS, rows

    write_text(path, csv_text(COLUMNS, rows(report)), encoding="utf-8-sig")
