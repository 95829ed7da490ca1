"""Which asset, span and member pictures show, from a table: one row a picture; a broken row never stops the others."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PureWindowsPath

from findings.asset import Asset
from findings.asset_table import decoded, table_rows
from findings.assignment import check_place, folded, named_member
from findings.errors import MizuhashiError, RecordError
from findings.survey import Assignment, AssignmentSource, Image
from imagery.assign import AssetNames, span_number
from imagery.plain import plain_text

MAX_BYTES = 64 * 1024 * 1024
BY_FILE = 0.98
"""Confidence of a table's row (our choice): somebody wrote it down, and lists slip by a line."""

COLUMNS = {
    "file": ("file", "filename", "file_name", "path", "image", "photo", "ファイル", "ファイル名", "ファイル名称",
             "画像", "画像ファイル名", "写真", "写真ファイル名"),
    "sha256": ("sha256", "digest", "checksum", "ハッシュ"),
    "asset": ("asset", "asset_id", "asset_uid", "bridge", "bridge_id", "施設id", "施設", "橋梁id", "橋梁番号", "橋梁名",
              "橋名", "河川名", "構造物", "構造物名"),
    "span": ("span", "span_no", "径間", "径間番号", "径間no"),
    "member": ("member", "member_symbol", "部材", "部材名", "部材記号", "部材種別"),
}  # fmt: skip


@dataclass(slots=True)
class TableOutcome:
    """What a table says, and the rows that could not be taken.

    Attributes:
        given: assignment by the image's uid.
        errors: one for each row that could not be taken, with its number.
        rows: how many rows were read, the broken ones too.
    """

    given: dict[str, Assignment] = field(default_factory=dict)
    errors: list[RecordError] = field(default_factory=list)
    rows: int = 0


def from_table(
    path: Path, images: Sequence[Image], names: AssetNames, survey_asset: Asset | None = None
) -> TableOutcome:
    """Return what a table of pictures says, row by row.

    The text may be UTF-8 (with or without BOM), UTF-16 or cp932, separated by commas, semicolons or tabs. A picture is
    named by its file name, by as much of its path as makes it unique, or by its sha256; asset by id, external id or
    name; the span as a number or like 径間1; the member by symbol or name. A blank cell says nothing.

    Args:
        path: of the table.
        images: of one survey.
        names: of all assets.
        survey_asset: of the whole survey: whose spans and members a row without an asset means.

    Raises:
        RecordError: the file as a whole cannot be read, or names no pictures or nothing to assign.
    """
    rows = table_rows(decoded(_content(path), path.name))
    columns = _header(next(rows, ("row 1", [])), path.name)
    files = _Files(images)
    name = plain_text(path.name, 200) or "table"  # it is kept; a name on a disk need not be text
    outcome = TableOutcome()
    told: dict[str, str] = {}
    for where, cells in rows:
        outcome.rows += 1
        try:
            if isinstance(cells, RecordError):
                raise cells
            values = _values(cells, columns)
            image = files.find(values)
            assignment = _assignment(values, names, survey_asset, f"{name} {where}")
            if image.uid in told and not _same(outcome.given[image.uid], assignment):
                raise RecordError(
                    f"{values.get('file') or image.uid} was already given by {told[image.uid]}, otherwise"
                )
        except MizuhashiError as error:
            outcome.errors.append(RecordError(f"{path.name}: {where}: {error}"))
        else:
            told.setdefault(image.uid, where)
            outcome.given.setdefault(image.uid, assignment)
    return outcome


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RecordError(f"{path.name}: larger than {MAX_BYTES // 2**20} MiB; that is no list of pictures")
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    if not content.strip():
        raise RecordError(f"{path.name}: is empty; expected a table with a header such as file,asset,span,member")
    return content


def _header(first: tuple[str, list[str] | RecordError], name: str) -> dict[str, int]:
    """Return the column of each field; the first of several that mean the same counts."""
    _, cells = first
    if isinstance(cells, RecordError):
        raise RecordError(f"{name}: no header can be read ({cells}); expected file,asset,span,member")
    known = {folded(alias): field for field, aliases in COLUMNS.items() for alias in aliases}
    columns: dict[str, int] = {}
    for place, cell in enumerate(cells):
        field_name = known.get(folded(cell))
        if field_name is not None:
            columns.setdefault(field_name, place)
    if not columns.keys() & {"file", "sha256"} or not columns.keys() & {"asset", "span", "member"}:
        raise RecordError(
            f"{name}: columns {', '.join(cells)[:200]}; expected file (ファイル名) or sha256, "
            "and asset (橋梁名), span (径間番号) or member (部材記号)"
        )
    return columns


def _values(cells: Sequence[str], columns: Mapping[str, int]) -> dict[str, str]:
    """Return the cells that say something; a leading ' is a spreadsheet's mark for text."""
    found = {name: cells[place].strip().removeprefix("'") for name, place in columns.items() if place < len(cells)}
    return {name: text for name, text in found.items() if text}


def _assignment(values: Mapping[str, str], names: AssetNames, survey_asset: Asset | None, where: str) -> Assignment:
    asset = None
    if "asset" in values:
        found = names.find(values["asset"])
        if found is None:
            raise RecordError(f"no asset {values['asset']!r}; `mizuhashi assets list` shows them")
        asset = found[0]
    span = _span(values["span"]) if "span" in values else None
    member = named_member(values["member"]) if "member" in values else None
    if asset is None and span is None and member is None:
        raise RecordError("names no asset, span or member")
    check_place(asset or survey_asset, span, member)
    return Assignment(asset.uid if asset else None, span, member, AssignmentSource.TABLE, BY_FILE, where)


def _span(text: str) -> int:
    plain = unicodedata.normalize("NFKC", text).strip()
    if plain.endswith(".0"):  # a number that went through a spreadsheet
        plain = plain[:-2]
    if plain.isascii() and plain.isdigit() and len(plain) <= 3:
        return int(plain)
    number = span_number(text)
    if number is None:
        raise RecordError(f"span {text!r}: expected a number such as 1, or 径間1")
    return number


def _same(a: Assignment, b: Assignment) -> bool:
    return (a.asset_uid, a.span, a.member) == (b.asset_uid, b.span, b.member)


class _Files:
    """Finds pictures by digest, by name or by the end of their path, in any normal form and case."""

    def __init__(self, images: Sequence[Image]) -> None:
        self._digests = {image.sha256: image for image in images}
        self._names: dict[str, list[tuple[tuple[str, ...], Image]]] = {}
        for image in images:
            parts = _parts(image.path)
            self._names.setdefault(parts[-1], []).append((parts, image))

    def find(self, values: Mapping[str, str]) -> Image:
        """Return the one picture of a row.

        Raises:
            RecordError: none fits, several do, or name and digest contradict each other.
        """
        digest = values.get("sha256", "").lower()
        by_digest = self._digests.get(digest)
        if digest and by_digest is None:
            raise RecordError(f"no picture of this survey has the sha256 {digest[:16]}...; check the file or ingest it")
        if "file" not in values:
            if by_digest is None:
                raise RecordError("names no picture: file and sha256 are blank")
            return by_digest
        found = self._by_name(values["file"])
        if by_digest is not None:
            if found and by_digest not in found:
                raise RecordError(f"{values['file']!r} and sha256 {digest[:16]}... are different pictures")
            return by_digest
        if not found:
            raise RecordError(f"no picture {values['file']!r} in this survey")
        if len(found) > 1:
            raise RecordError(f"{values['file']!r} fits {len(found)} pictures; give more of its path, or its sha256")
        return found[0]

    def _by_name(self, text: str) -> list[Image]:
        """Return the pictures that a name or path may mean; a full path of another machine counts from its end."""
        elsewhere = text.startswith("/") or ":" in text[:3]
        parts = tuple(part for part in _parts(text) if part not in (".", ".."))
        named = self._names.get(parts[-1], ()) if parts else ()
        shared = [(_common_end(whole, parts), image) for whole, image in named]
        needed = max((count for count, _ in shared), default=0) if elsewhere else len(parts)
        return [image for count, image in shared if count == needed]


def _common_end(a: Sequence[str], b: Sequence[str]) -> int:
    count = 0
    for one, other in zip(reversed(a), reversed(b), strict=False):
        if one != other:
            break
        count += 1
    return count


def _parts(text: str) -> tuple[str, ...]:
    parts = PureWindowsPath(text).parts if "\\" in text else PurePath(text).parts
    return tuple(unicodedata.normalize("NFKC", part).casefold() for part in parts) or ("",)
