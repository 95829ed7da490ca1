"""Sheets as one workbook, with pictures: text cells for codes, A4, and nothing that a spreadsheet would run."""

from __future__ import annotations

import tempfile
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.exceptions import XlsxWriterException

from findings.errors import OutputError
from findings.exports.encoding import Cell, guarded
from findings.exports.record import Jpeg, Shot, Shots
from findings.exports.sheet import Sheet
from findings.files import whole_file

A4, A3 = 9, 8
LONGEST_TEXT = 32_767
"""Characters that a cell of a workbook can hold."""
LONGEST_NAME = 31
COLUMNS_A_PAGE = 15
"""Of a list on A3: more of them are too small to read."""
PICTURE_PX = 190
GAP_PX = 5
PICTURE_WIDTH = 70
WIDE, WIDEST, LEAST = 60, 28, 6
"""Widths of columns in digits: of running text, of other columns at most and at least."""
FONT = {"font_name": "游ゴシック", "font_size": 10, "valign": "top"}


@dataclass(slots=True)
class _Book:
    """The open workbook: its formats, and the folder in which pictures wait until it is closed."""

    book: Any
    folder: Path
    formats: Mapping[str, Any]
    pictures: int = 0
    missing: list[str] = field(default_factory=list)


def write_workbook(
    path: Path,
    sheets: Sequence[Sheet],
    shots: Shots,
    *,
    title: str,
    created: datetime,
    author: str,
    before_placing: Callable[[], None] = lambda: None,
) -> list[str]:
    """Write sheets as a workbook, whole or not at all; return the ids of findings whose picture is not there.

    Rows go to the disk as they come (XlsxWriter's constant memory), pictures wait in files of a temporary folder.
    The same sheets and pictures give the same bytes.

    Args:
        path: of the .xlsx file.
        sheets: in their order.
        shots: gives the picture of each finding.
        title: of the file's properties.
        created: of the file's properties; the data's time, not the clock's.
        author: of the file's properties.
        before_placing: called once the file is whole; what it raises leaves no file.

    Raises:
        OutputError: the place cannot be written or the disk is full.
    """
    with whole_file(path) as partial, tempfile.TemporaryDirectory(prefix="mizuhashi-") as folder:
        options = {"constant_memory": True, "tmpdir": folder, "strings_to_formulas": False, "strings_to_urls": False}
        book = xlsxwriter.Workbook(str(partial), options)
        moment = created.astimezone(UTC).replace(tzinfo=None)
        book.set_properties({"title": title, "author": author, "created": moment})
        made = _Book(book, Path(folder), _formats(book))
        for sheet in sheets:
            _write_sheet(made, sheet, shots)
        try:
            book.close()
        except XlsxWriterException as error:
            reason = error.__cause__ or error.__context__ or error
            raise OutputError(
                f"{path}: could not be written ({reason}); free some space or choose another place"
            ) from error
        before_placing()
    return made.missing


def _formats(book: Any) -> Mapping[str, Any]:
    head = {**FONT, "bold": True, "border": 1, "text_wrap": True, "valign": "vcenter"}
    return {
        "head": book.add_format({**head, "bg_color": "#D9E2EC"}),
        "own": book.add_format({**head, "bg_color": "#F3EBD3"}),
        "cell": book.add_format({**FONT, "border": 1, "text_wrap": True}),
        "text": book.add_format({**FONT, "border": 1, "text_wrap": True, "num_format": "@"}),
        "note": book.add_format({**FONT, "italic": True}),
    }


def _write_sheet(made: _Book, sheet: Sheet, shots: Shots) -> None:
    page = made.book.add_worksheet(sheet.title[:LONGEST_NAME])
    _set_up(page, sheet)
    forms = len(sheet.columns) - sheet.own
    for column, name in enumerate(sheet.columns):
        page.write_string(0, column, str(guarded(name)), made.formats["head" if column < forms else "own"])
    styles = _styles(made, sheet)
    at = sheet.columns.index(sheet.picture_column) if sheet.picture_column is not None else -1
    for number, row in enumerate(sheet.rows, start=1):
        shot = shots(sheet.pictures[number - 1]) if at >= 0 else None
        if shot is not None and shot.detail is not None:
            page.set_row_pixels(number, PICTURE_PX + 2 * GAP_PX)
        for column, name in enumerate(sheet.columns):
            value = row.get(name)
            if column == at and shot is not None:
                value = _picture(made, page, number, at, shot, sheet)
            _write_cell(page, number, column, value, styles[column])
    for number, note in enumerate(sheet.notes, start=len(sheet.rows) + 2):
        page.write_string(number, 0, str(guarded(note)), made.formats["note"])


def _styles(made: _Book, sheet: Sheet) -> list[Any]:
    """Return the format of each column: codes as text, numbers as the sheet says."""
    cell = {**FONT, "border": 1, "text_wrap": True}
    own = {name: made.book.add_format({**cell, "num_format": style}) for name, style in sheet.formats.items()}
    return [own.get(name, made.formats["text" if name in sheet.texts else "cell"]) for name in sheet.columns]


def _write_cell(page: Any, row: int, column: int, value: Cell, style: Any) -> None:
    cell = guarded(value)
    if cell is None:
        page.write_blank(row, column, None, style)
    elif isinstance(cell, str):
        page.write_string(row, column, cell.replace("\0", "")[:LONGEST_TEXT], style)
    else:
        page.write_number(row, column, cell, style)


def _picture(made: _Book, page: Any, row: int, column: int, shot: Shot, sheet: Sheet) -> str | None:
    """Place the pictures of a row and return what the cell says: the note, or nothing."""
    entry = sheet.pictures[row - 1]
    if shot.detail is None:
        made.missing.append(entry.finding.uid)
        return shot.note[0]
    left = GAP_PX
    for picture in (shot.detail, shot.whole):
        if picture is not None:
            left += _insert(made, page, row, column, picture, left, entry.picture_name) + GAP_PX
    return shot.note[0] or None


def _insert(made: _Book, page: Any, row: int, column: int, picture: Jpeg, left: int, name: str) -> int:
    made.pictures += 1
    file = made.folder / f"{made.pictures:06d}.jpg"
    file.write_bytes(picture.content)
    scale = PICTURE_PX / picture.height_px
    place = {"x_offset": left, "y_offset": GAP_PX, "x_scale": scale, "y_scale": scale, "object_position": 1}
    page.insert_image(row, column, str(file), {**place, "description": name})
    return round(picture.width_px * scale)


def _set_up(page: Any, sheet: Sheet) -> None:
    for column, name in enumerate(sheet.columns):
        page.set_column(column, column, PICTURE_WIDTH if name == sheet.picture_column else _width(sheet, name))
    page.freeze_panes(1, sheet.frozen)
    if sheet.frozen:
        page.autofilter(0, 0, len(sheet.rows), len(sheet.columns) - 1)
    page.set_landscape()
    if sheet.frozen:  # a list too wide for one page: the columns that stay in view head every page
        page.set_paper(A3)
        page.fit_to_pages(1 + len(sheet.columns) // COLUMNS_A_PAGE, 0)
        page.repeat_columns(0, sheet.frozen - 1)
    else:
        page.set_paper(A4)
        page.fit_to_pages(1, 0)
    page.repeat_rows(0)
    page.set_margins(left=0.4, right=0.4, top=0.7, bottom=0.6)
    page.set_header(f"&L{sheet.title}")
    page.set_footer("&C&P / &N")


def _width(sheet: Sheet, name: str) -> float:
    """Return a column's width in digits; a Japanese character is as wide as two."""
    if name in sheet.wide:
        return WIDE
    texts = [name[: WIDEST // 2], *(str(row.get(name) or "") for row in sheet.rows)]
    return max(LEAST, min(WIDEST, max(map(_cells, texts)) + 2))


def _cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(one) in "FWA" else 1 for one in text)
