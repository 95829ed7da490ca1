"""Handing out the priority list: the planner's table as a file, and the list kept as it was issued."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from findings.errors import InputError, NotFound, OutputError, RecordError
from findings.exports.encoding import Encoding
from findings.exports.record import Shot
from findings.exports.sheet import Sheet, sheet_csv
from findings.files import whole_file
from findings.issued import IssuedList, IssuedRow
from findings.moves import gone, issued_rows, moves, predecessors
from findings.priority_table import ListFacts, priority_sheet, priority_sheets, warnings
from findings.ranking import Ranking
from findings.review import LONGEST_NAME
from findings.store.rank import whole_ranking
from findings.wording import Language

if TYPE_CHECKING:
    from findings.finding import Finding
    from findings.store import Store

CSV, XLSX = ".csv", ".xlsx"


@dataclass(frozen=True, slots=True)
class Issued:
    """A list that was handed out.

    Attributes:
        values: as the record keeps it.
        previous: the list that its moves are counted from, without rows; None: it is the first one.
        notes: what the reader must know, e.g. characters written otherwise.
    """

    values: IssuedList
    previous: IssuedList | None
    notes: tuple[str, ...]


def export_list(
    store: Store, out: Path, profile: str, actor: str, now: datetime, language: Language, encoding: Encoding | None
) -> Issued:
    """Write the priority list as the planner's table and keep it as issued: both, or neither.

    Args:
        store: at head.
        out: ``.csv`` or ``.xlsx``.
        profile: id or path of the priority profile.
        actor: who hands the list out.
        now: aware; its day counts for deadlines.
        language: of headings and words.
        encoding: of a CSV file; None: UTF-8 with BOM.

    Raises:
        InputError: another kind of file, or an encoding for a workbook.
        RecordError: no actor.
        StandardError: no such profile, or one that is refused.
        OutputError: the file cannot be written; no list is issued then.
    """
    check_target(out, encoding)
    if not actor.strip() or len(actor) > LONGEST_NAME:
        raise RecordError(f"actor {actor[:40]!r}; expected who hands the list out, at most {LONGEST_NAME} characters")
    facts, previous = list_facts(store, whole_ranking(store, profile, now.date()))
    found = {finding.uid: finding for finding in facts.ranking.findings}
    rows = issued_rows(facts.priorities, found)
    values = IssuedList(str(uuid.uuid4()), now, actor.strip(), facts.ranking.profile.label, rows)
    notes = _write(facts, out, values, language, encoding, lambda: store.issue_list(values))
    return Issued(values, None if previous is None else replace(previous, rows=()), tuple(notes))


def check_target(out: Path, encoding: Encoding | None) -> None:
    """Refuse what cannot become a list, before anything is worked out.

    Raises:
        InputError: neither ``.csv`` nor ``.xlsx``, or an encoding for a workbook.
        OutputError: a folder is in the place of the file.
    """
    if out.suffix.lower() not in (CSV, XLSX):
        raise InputError(f"{out.name}: expected a name that ends with {CSV} or {XLSX}, for that is what is written")
    if encoding is not None and out.suffix.lower() == XLSX:
        raise InputError(f"--encoding {encoding}: only {CSV} files have a choice; leave it out")
    if out.is_dir():
        raise OutputError(f"{out}: is a folder; name the file in it")


def list_facts(store: Store, ranking: Ranking) -> tuple[ListFacts, IssuedList | None]:
    """Return what a list of the whole store is made of, and the last issued list."""
    priorities = ranking.priorities()
    previous = store.issued_list() if store.issued_lists() else None
    older = predecessors(store.tracks())
    found = {finding.uid: finding for finding in ranking.findings}
    lost = [] if previous is None else gone(previous, priorities, older)
    surveys = {survey.uid: survey.name for survey in store.surveys()}
    facts = ListFacts(
        ranking,
        priorities,
        {review.finding_uid: review for review in store.reviews()},  # oldest first: the latest stays
        surveys,
        {image.uid: Path(image.path).name for uid in surveys for image in store.images(uid)},
        {} if previous is None else moves(previous, priorities, found, older),
        lost,
        _known(store, lost),
    )
    return facts, previous


def _known(store: Store, rows: list[IssuedRow]) -> Mapping[str, Finding]:
    found: dict[str, Finding] = {}
    for row in rows:
        try:
            found[row.finding_uid] = store.finding(row.finding_uid)[0]
        except NotFound:  # its survey was deleted since
            continue
    return found


def _write(
    facts: ListFacts,
    out: Path,
    values: IssuedList,
    language: Language,
    encoding: Encoding | None,
    issue: Callable[[], None],
) -> list[str]:
    """Write the file; the list is issued when it is whole, before it takes its place."""
    if out.suffix.lower() == XLSX:
        from findings.exports.xlsx import write_workbook

        sheets = [_with_origin(sheet, values, language) for sheet in priority_sheets(facts, language)]
        write_workbook(
            out, sheets, lambda entry: Shot(None), title=sheets[0].title, created=values.issued_at, author=values.actor,
            before_placing=issue,
        )  # fmt: skip
        return list(warnings(facts, "en"))
    sheet = priority_sheet(facts, language)
    content, notes = sheet_csv(sheet, encoding or "utf-8-sig")
    with whole_file(out) as partial:
        partial.write_bytes(content)
        issue()
    return [*notes, *warnings(facts, "en")]  # a CSV file is nothing but the table


def _with_origin(sheet: Sheet, values: IssuedList, language: Language) -> Sheet:
    """Return a sheet that also says which issued list it is."""
    day = f"{values.issued_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    ja = f"発行: {day}, {values.actor}, 一覧ID {values.uid}"
    origin = ja if language == "ja" else f"issued {day} by {values.actor}, list {values.uid}"
    return replace(sheet, notes=(*sheet.notes, origin))
