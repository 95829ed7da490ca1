"""Text of unknown encoding, and the rows of a table of which some may be broken."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator

from findings.errors import RecordError

MAX_BROKEN = 10_000
"""Broken rows after which a file is no table; each costs a look at up to 128 KiB of text."""

REPLACED = "\N{REPLACEMENT CHARACTER}"
# Bytes that are no character of cp932 and that Python's codec hands through all the same.
_UNASSIGNED = dict.fromkeys((0x80, 0xF8F0, 0xF8F1, 0xF8F2, 0xF8F3), REPLACED)


def decoded(content: bytes, name: str) -> str:
    """Return the text; the encoding is told by BOM, then by the pattern of zero bytes, then UTF-8 before cp932.

    Where no encoding fits the whole file, the one with the fewest damaged lines counts; the damaged characters are
    replaced by U+FFFD, so that the rows that hold them can be told.

    Raises:
        RecordError: the first line, or half of the lines, are no text in any of these encodings.
    """
    encodings = _candidates(content)
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding != "cp932" or not any(chr(code) in text for code in _UNASSIGNED):
            return text
    text = min((content.decode(encoding, "replace").translate(_UNASSIGNED) for encoding in encodings), key=_damaged)
    header, _, _ = text.partition("\n")
    if REPLACED in header or 2 * _damaged(text) > text.count("\n"):
        raise RecordError(f"{name}: not text in {' or '.join(encodings)}; save it as UTF-8 CSV or GeoJSON")
    return text


def _candidates(content: bytes) -> list[str]:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ["utf-16"]
    if b"\0" in content[:200]:
        # ASCII characters have their zero byte second in little-endian and first in big-endian text.
        little = content[1:4000:2].count(0) > content[0:4000:2].count(0)
        return ["utf-16-le" if little else "utf-16-be"]
    return ["utf-8-sig", "cp932"]


def _damaged(text: str) -> int:
    return sum(REPLACED in line for line in text.split("\n"))


def table_rows(text: str) -> Iterator[tuple[str, list[str] | RecordError]]:
    """Yield every row that is not blank with the number that a spreadsheet shows (the header is row 1).

    A row with a broken quote is one error, and reading goes on with the next line: the quote may have swallowed any
    number of sound rows. Where cells of several lines make the two differ, the line is named too.
    """
    lines = io.StringIO(text, newline="").readlines()
    delimiter = max(",\t;", key=lines[0].count) if lines else ","
    start = row = broken = 0
    while start < len(lines):
        used, cells = _one_row(lines, start, delimiter)
        row += 1
        where = f"row {row}" if row == start + 1 else f"row {row} (line {start + 1})"
        start += used
        if isinstance(cells, RecordError):
            broken += 1
            if broken > MAX_BROKEN:
                yield where, RecordError(f"over {MAX_BROKEN} rows are broken; the rows after this one were not read")
                return
            yield where, cells
        elif any(REPLACED in cell for cell in cells):
            yield where, RecordError("has bytes that are no text in the file's encoding; write this row again")
        elif row == 1 or any(cell.strip() for cell in cells):
            yield where, cells


def _one_row(lines: list[str], start: int, delimiter: str) -> tuple[int, list[str] | RecordError]:
    """Return how many lines the row that begins at ``start`` takes, and its cells or what is wrong with it."""
    reader = csv.reader((lines[i] for i in range(start, len(lines))), delimiter=delimiter, strict=True)
    try:
        cells = next(reader, [])
    except csv.Error as error:
        return 1, RecordError(f"cannot be read as CSV ({error}); close its quotes, or double those inside a cell")
    return max(reader.line_num, 1), cells
