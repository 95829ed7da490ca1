"""``mizuhashi findings export``: findings, sheets and asset lists for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mizuhashi.cli.session import Session, session_of

if TYPE_CHECKING:
    from findings.store import Store
    from mizuhashi.exporting import Written


class Format(StrEnum):
    """File formats of an export."""

    GEOJSON = "geojson"
    CSV = "csv"
    XLSX = "xlsx"
    GPKG = "gpkg"
    OPENDATA = "opendata"


class TextEncoding(StrEnum):
    """Encodings of CSV files."""

    UTF8 = "utf-8-sig"
    CP932 = "cp932"


class SheetName(StrEnum):
    """What a CSV file holds; the names of `findings.exports.sheets` and the record of findings."""

    RECORD = "record"
    HEADER = "header"
    PHOTOS = "3-2"
    GRADES = "3-3"
    SUMMARY = "3-4"
    RIVER = "river"
    COVERAGE = "coverage"
    DAYS = "days"
    UNSEEN = "unseen"
    ANNEX = "annex"


def export(
    ctx: typer.Context,
    format_: Annotated[
        Format,
        typer.Option(
            "--format",
            help="geojson, csv; xlsx: all sheets of a survey with pictures; gpkg: layers with QGIS styles; "
            "opendata: assets as the municipal list of public facilities (CSV).",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE")],
    survey: Annotated[str | None, typer.Option(help="Only this survey; xlsx and sheets need one.")] = None,
    encoding: Annotated[
        TextEncoding, typer.Option(help="Of CSV files; what cp932 lacks (㉑ to ㉖ ...) is written otherwise, and said.")
    ] = TextEncoding.UTF8,
    sheet: Annotated[
        SheetName, typer.Option(help="Of csv: the record of all findings, or one sheet of a survey.")
    ] = SheetName.RECORD,
) -> None:
    """Write one file; it appears only when it is complete."""
    _check_options(format_, encoding, sheet)
    session = session_of(ctx)
    with session.store() as store:
        done = _write(session, store, format_, out, survey, encoding, sheet)
    session.output.say(f"wrote {done.what} to {out}")
    if len(done.files) > 1:
        session.output.say(f"with {len(done.files) - 1} pictures in {done.files[1].parent}")
    for note in done.notes:
        session.output.remark(f"note: {note}")


def _check_options(format_: Format, encoding: TextEncoding, sheet: SheetName) -> None:
    """Refuse options that would change nothing.

    Raises:
        InputError: an encoding or a sheet for a format that has none.
    """
    from findings.errors import InputError

    if sheet is not SheetName.RECORD and format_ is not Format.CSV:
        raise InputError(f"--sheet {sheet.value}: only csv files hold one sheet, not {format_.value}; leave it out")
    if encoding is not TextEncoding.UTF8 and format_ not in (Format.CSV, Format.OPENDATA):
        raise InputError(f"--encoding {encoding.value}: only csv and opendata have a choice; leave it out")


def _write(
    session: Session,
    store: Store,
    format_: Format,
    out: Path,
    survey: str | None,
    encoding: TextEncoding,
    sheet: SheetName,
) -> Written:
    from mizuhashi import exporting
    from mizuhashi.listing import export_csv, export_geojson, ranked

    if format_ is Format.OPENDATA:
        return exporting.write_open_data(store, out, encoding.value)
    if format_ is Format.GPKG:
        return exporting.write_geopackage(store, session.registry(), survey, out)
    with session.output.progress("export") as progress:
        if format_ is Format.XLSX:
            name = exporting.needs_survey(survey, "--format xlsx")
            return exporting.write_workbook(store, session.registry(), name, out, progress)
        if sheet is not SheetName.RECORD:
            name = exporting.needs_survey(survey, f"--sheet {sheet.value}")
            return exporting.write_sheet(store, session.registry(), name, sheet.value, out, encoding.value, progress)
    rows = list(ranked(store, survey=survey))
    notes: list[str] = []
    if format_ is Format.GEOJSON:
        export_geojson(rows, out)
    else:
        notes = export_csv(rows, out, encoding.value)
    return exporting.Written(f"{len(rows)} findings", (out,), tuple(notes))
