"""A sheet: what one page of a workbook, or one CSV file, holds, before any file format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from findings.exports.encoding import Encoding, Row, csv_text, encoded
from findings.exports.record import Entry


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet.

    Attributes:
        key: short name for the command line and for file names, e.g. ``3-3``.
        title: of the sheet, as the forms call it.
        columns: of the form first, in its order and spelling, then ours.
        rows: by column.
        own: how many columns at the end are ours and not the form's.
        texts: columns of codes, whose zeros a spreadsheet must not eat.
        pictures: finding of each row whose picture belongs into ``picture_column``, in the order of the rows.
        picture_column: None: the sheet has no pictures.
        notes: what the reader must know, below the table.
        wide: columns of running text.
        formats: by column: how a workbook shows its numbers, e.g. ``0.0``.
        frozen: how many columns at the left stay in view; such a list gets a filter on each column.
    """

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    own: int = 0
    texts: frozenset[str] = frozenset()
    pictures: tuple[Entry, ...] = ()
    picture_column: str | None = None
    notes: tuple[str, ...] = ()
    wide: frozenset[str] = field(default_factory=frozenset)
    formats: Mapping[str, str] = field(default_factory=dict)
    frozen: int = 0


def sheet_csv(
    sheet: Sheet, encoding: Encoding, *, picture_names: Mapping[int, str] | None = None
) -> tuple[bytes, list[str]]:
    """Return a sheet as CSV, with a note for every character that the encoding lacks.

    Args:
        sheet: to write; its notes stay out, so that the file is nothing but the table.
        encoding: of the file.
        picture_names: by row: what stands in the picture column, e.g. a file beside the CSV file.
    """
    rows = sheet.rows
    if sheet.picture_column is not None and picture_names is not None:
        rows = tuple({**row, sheet.picture_column: picture_names.get(n)} for n, row in enumerate(rows))
    return encoded(csv_text(sheet.columns, rows, texts=sheet.texts), encoding)
