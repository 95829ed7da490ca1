"""Cells and characters of files for spreadsheets: nothing runs as a formula, nothing is lost unsaid, zeros stay."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

Cell = str | int | float | None
Row = dict[str, Cell]
Encoding = Literal["utf-8-sig", "utf-8", "cp932"]

# Text that a spreadsheet would run as a formula (OWASP ASVS 1.2.10); a Japanese one takes the wide signs as well.
DANGEROUS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "\0")
DASHES = ("-", "－")
"""By themselves they say that there is nothing, and nothing runs."""

# What cp932 lacks, and how it is written instead; ㉑ to ㉖ do not exist there (domain guide 4).
CP932_INSTEAD = {chr(0x3251 + n): f"({21 + n})" for n in range(15)} | {
    "㎥": "m3", "²": "2", "³": "3", "剝": "剥", "≥": "以上", "≤": "以下", "–": "-", "—": "-", "〜": "～", "−": "－",
}  # fmt: skip
REPLACEMENT = "〓"
WHOLE_BELOW = 1e15  # a float holds every whole number up to here

# What a spreadsheet takes for a number or a date and writes anew: 0101, 123456789012345678, 1-2, 3/4, 1E5.
_REWRITTEN = re.compile(r"0[0-9]+|[0-9]{16,}|[0-9]{1,4}[-/][0-9]{1,2}|[0-9]+[eE][0-9]+")


def guarded(cell: Cell) -> Cell:
    """Return a cell that no spreadsheet runs as a formula: such text gets a leading apostrophe; numbers stay."""
    if not isinstance(cell, str) or cell in DASHES:
        return cell
    return f"'{cell}" if cell.lstrip(" \u3000\ufeff").startswith(DANGEROUS) else cell


def kept_as_text(cell: Cell) -> Cell:
    """Return a cell of a CSV file whose leading zeros survive a spreadsheet: ``0101`` becomes ``="0101"``.

    A CSV file has no types, and this is the one spelling that spreadsheets read as a text. Only digits with ``-``,
    ``/`` or ``e`` are ever put between the quotes. In XLSX files write the plain text as a text cell instead.
    """
    return f'="{cell}"' if isinstance(cell, str) and _REWRITTEN.fullmatch(cell) else guarded(cell)


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Cell]], *, texts: Collection[str] = ()) -> str:
    """Return rows as CSV (RFC 4180, CRLF) with a header; text that a spreadsheet would run is guarded.

    Args:
        columns: in their order; a row may lack some of them.
        rows: by column.
        texts: columns of codes, whose zeros a spreadsheet must not eat (`kept_as_text`); leave it out in files that
            programs read.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow([guarded(column) for column in columns])
    for row in rows:
        cells = ((kept_as_text if column in texts else guarded)(row.get(column)) for column in columns)
        writer.writerow([_plain(cell) for cell in cells])
    return buffer.getvalue()


def _plain(cell: Cell) -> Cell:
    # csv refuses NUL and a stray one makes readers stop; nothing we write needs it. 8,200 vehicles are no 8200.0.
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < WHOLE_BELOW:
        return int(cell)
    return cell.replace("\0", "") if isinstance(cell, str) else cell


def encoded(text: str, encoding: Encoding = "utf-8-sig") -> tuple[bytes, list[str]]:
    """Return the text as bytes, with a note for every character that had to be written otherwise.

    Args:
        text: as `csv_text` returns it.
        encoding: ``utf-8-sig`` (with BOM, which spreadsheets expect), ``utf-8``, or ``cp932``, which lacks ㉑ to ㉖.
    """
    if encoding != "cp932":
        return text.encode(encoding), []
    swapped: dict[str, str] = {}
    pieces = []
    for character in unicodedata.normalize("NFC", text):
        piece = character if _in_cp932(character) else CP932_INSTEAD.get(character, REPLACEMENT)
        if piece != character:
            swapped[character] = piece
        pieces.append(piece)
    notes = [f"cp932 has no {character}: written as {piece}" for character, piece in swapped.items()]
    return "".join(pieces).encode("cp932"), notes


def _in_cp932(character: str) -> bool:
    try:
        character.encode("cp932")
    except UnicodeEncodeError:
        return False
    return True
