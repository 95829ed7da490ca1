"""Findings, sheets and reports of a survey as files: what `findings export` and `report` do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from findings.errors import InputError
from findings.exports.encoding import Encoding
from findings.exports.record import Entry, SurveyRecord
from findings.exports.sheet import Sheet, sheet_csv
from findings.exports.sheets import sheet_named, sheets_of
from findings.files import whole_file
from findings.wording import Language
from mizuhashi.listing import ranked
from mizuhashi.record_pictures import RecordPictures
from mizuhashi.survey_record import gather

if TYPE_CHECKING:
    from findings.store import Store
    from findings.survey import Image
    from models.registry import Registry

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes:
        what: in words, e.g. ``55 findings``.
        files: all of them, the one that was asked for first.
        notes: what the reader must know: characters written otherwise, pictures that are missing.
    """

    what: str
    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def write_sheet(
    store: Store, registry: Registry, survey: str, key: str, out: Path, encoding: Encoding, progress: Progress
) -> Written:
    """Write one sheet of a survey as CSV; its pictures go into the folder ``NAME-photos`` beside it.

    Raises:
        NotFound: no such survey.
        InputError: no such sheet.
        OutputError: a file cannot be written.
    """
    record = gather(store, survey, registry)
    sheet = sheet_named(record, key)
    with RecordPictures(store.home) as shots:
        names, pictures, missing = _pictures(sheet, shots, out, progress)
    content, notes = sheet_csv(sheet, encoding, picture_names=names)
    _write(out, content)
    found = [*notes, *_missing_notes(missing)]
    return Written(f"{_count(len(sheet.rows), 'row')} of sheet {sheet.title}", (out, *pictures), tuple(found))


def _pictures(
    sheet: Sheet, shots: RecordPictures, out: Path, progress: Progress
) -> tuple[Mapping[int, str], list[Path], list[str]]:
    """Write the pictures of a sheet's rows; return what their cells say, the files, and whose picture is missing."""
    folder = out.with_name(f"{out.stem}-photos")
    names: dict[int, str] = {}
    files: list[Path] = []
    missing: list[str] = []
    shots.prepare(sheet.pictures, progress)
    for number, entry in enumerate(sheet.pictures):
        shot = shots(entry)
        if shot.detail is None:
            names[number] = shot.note[0]
            missing.append(entry.finding.uid)
            continue
        path = folder / f"{number + 1:04d}.jpg"
        _write(path, shot.detail.content)
        names[number] = f"{folder.name}/{path.name}"
        files.append(path)
    return names, files, missing


def write_workbook(store: Store, registry: Registry, survey: str, out: Path, progress: Progress) -> Written:
    """Write all sheets of a survey as one workbook with pictures.

    Raises:
        NotFound: no such survey.
        OutputError: the file cannot be written.
    """
    from findings.exports.xlsx import write_workbook as write

    record = gather(store, survey, registry)
    sheets = sheets_of(record)
    with RecordPictures(store.home) as shots:
        shots.prepare([entry for sheet in sheets for entry in sheet.pictures], progress)
        title = f"{survey} 点検記録"
        missing = write(out, sheets, shots, title=title, created=record.as_of, author=record.software)
    what = f"{_count(len(record.forms), 'finding')} on {_count(len(sheets), 'sheet')}"
    return Written(what, (out,), tuple(_missing_notes(missing)))


def write_geopackage(store: Store, registry: Registry, survey: str | None, out: Path) -> Written:
    """Write findings, assets and footprints, of one survey or of all, as a GeoPackage with QGIS styles.

    Raises:
        NotFound: no such survey.
        OutputError: the file cannot be written.
    """
    from findings.exports.geopackage import write_geopackage as write

    names = [one.name for one in store.surveys()] if survey is None else [survey]
    records = [gather(store, name, registry) for name in names]
    entries = _in_list_order(store, survey, records)
    images = [image for record in records for image in record.images]
    as_of = max((record.as_of for record in records), default=datetime(2000, 1, 1, tzinfo=UTC))
    write(out, entries, store.assets(), images, _gaps(records, images), as_of)
    return Written(_count(len(entries), "finding"), (out,))


def _in_list_order(store: Store, survey: str | None, records: Sequence[SurveyRecord]) -> list[Entry]:
    """Return the entries of all records in the order of the one list, with the ranks of that list."""
    known = {entry.finding.uid: entry for record in records for entry in record.entries}
    rows = ranked(store, survey=survey)
    return [replace(known[row.finding.uid], rank=row.rank) for row in rows if row.finding.uid in known]


def _gaps(records: Sequence[SurveyRecord], images: Sequence[Image]) -> dict[str, str]:
    found = {(record.survey.uid, row.picture): row.ja for record in records for row in record.unseen if row.picture}
    pairs = ((image, found.get((image.survey_uid, Path(image.path).name))) for image in images)
    return {image.uid: gap for image, gap in pairs if gap is not None}


def write_open_data(store: Store, out: Path, encoding: Encoding) -> Written:
    """Write all assets as the municipal list of public facilities.

    Raises:
        OutputError: the file cannot be written.
    """
    from findings.exports.open_data import open_data_sheet

    sheet = open_data_sheet(store.assets())
    content, notes = sheet_csv(sheet, encoding)
    _write(out, content)
    return Written(_count(len(sheet.rows), "asset"), (out,), tuple(notes))


def write_report(
    store: Store, registry: Registry, survey: str, out: Path, language: Language, limit: int | None, progress: Progress
) -> Written:
    """Write the inspection report of a survey as PDF.

    Raises:
        NotFound: no such survey.
        OutputError: the font is missing, or the file cannot be written.
    """
    from findings.exports.pdf import write_pdf

    record = gather(store, survey, registry)
    shown = record.forms if limit is None else record.forms[:limit]
    with RecordPictures(store.home) as shots:
        shots.prepare(shown, progress)
        lacking = write_pdf(out, record, shots, language=language, limit=limit)
        missing = list(dict.fromkeys(shots.missing))
    notes = _missing_notes(missing)
    if lacking:
        notes.append(f"the font lacks {len(lacking)} characters, shown as 〓: {' '.join(lacking[:20])}")
    return Written(f"{len(shown)} of {len(record.forms)} findings", (out,), tuple(notes))


def needs_survey(survey: str | None, what: str) -> str:
    """Return the name of the survey.

    Raises:
        InputError: none was given.
    """
    if survey is None:
        raise InputError(f"{what} is about one survey and none is named; add --survey NAME (mizuhashi surveys list)")
    return survey


def _missing_notes(missing: Sequence[str]) -> list[str]:
    if not missing:
        return []
    shown = ", ".join(uid[:8] for uid in missing[:5]) + (" ..." if len(missing) > 5 else "")
    return [f"{_count(len(missing), 'picture')} missing, stated in the file ({shown}): put the originals back"]


def _write(path: Path, content: bytes) -> None:
    with whole_file(path) as partial:
        partial.write_bytes(content)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
