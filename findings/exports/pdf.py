"""The inspection report: one PDF that an engineer reads, marks and signs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from reportlab import rl_config
from reportlab.platypus import Flowable, Spacer

from findings.exports.pdf_base import Pen, Report
from findings.exports.pdf_cards import card
from findings.exports.pdf_sections import coverage_pages, provenance_pages, summary_pages, title_page
from findings.exports.record import Entry, Shots, SurveyRecord
from findings.files import whole_file
from findings.wording import Language


def write_pdf(
    path: Path, record: SurveyRecord, shots: Shots, *, language: Language = "ja", limit: int | None = None
) -> list[str]:
    """Write the report, whole or not at all; return the characters that the font lacks, sorted.

    Every text stands in IPAex Gothic, which is embedded. The same record and pictures give the same bytes.

    Args:
        path: of the file.
        record: the survey.
        shots: gives the picture of each finding when its page is drawn.
        language: of the words; names stay as they are.
        limit: findings to show, of the first places; None: all.

    Raises:
        OutputError: the font is missing, or the file cannot be written.
    """
    pen = Pen(language)
    title = f"{pen.word('title')} {record.survey.name}"
    with whole_file(path) as partial:
        foot = pen.drawn(f"{title} ({pen.word('provisional_foot')})")
        report = Report(partial, title=title, author=record.software, foot=foot, language=language)
        story = list(_story(record, shots, pen, limit))
        before, rl_config.useA85 = rl_config.useA85, 0  # pictures as bytes, not as text a quarter longer
        try:
            report.build(story)
        finally:
            rl_config.useA85 = before
    return sorted(pen.missing)


def _story(record: SurveyRecord, shots: Shots, pen: Pen, limit: int | None) -> Iterator[Flowable]:
    yield from title_page(record, pen)
    yield from summary_pages(record, pen)
    yield from pen.bookmarked("findings")
    shown = record.forms if limit is None else record.forms[:limit]
    if not shown:
        yield pen.text(pen.word("no_findings"))
    else:
        yield pen.remark("lines", "small")
    if len(shown) < len(record.forms):
        yield pen.remark("limited", total=len(record.forms), shown=len(shown))
    for section, entries in groupby(shown, key=_section):
        yield Spacer(0, 2)
        yield pen.text(pen.word(section), "h2")
        for entry in entries:
            yield from card(entry, shots, pen)
    yield from coverage_pages(record, pen)
    yield from provenance_pages(record, pen)
    yield from _missing(pen)


def _section(entry: Entry) -> str:
    return entry.priority.section if entry.priority is not None else "unranked"


def _missing(pen: Pen) -> Iterator[Flowable]:
    """Yield which characters stand as 〓; by their numbers, as the font cannot show them."""
    if pen.missing:
        names = ", ".join(f"U+{ord(one):04X}" for one in sorted(pen.missing))
        yield pen.facts([(pen.word("glyphs"), names)], style="small")
