"""One finding on a page: picture with outline and scale bar, measures, rule, what changed, and why it stands there."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Literal

from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.platypus import Flowable, KeepTogether, Spacer, Table

from findings.exports.pdf_base import CANDIDATE, CONFIRMED, FAINT, HEAD, RULE, WIDTH, Bookmark, Pen, Style, grid
from findings.exports.record import Entry, Jpeg, Shots
from findings.exports.words import damage_words, member_words, pick, previous_words
from findings.finding import FindingStatus
from findings.standard import load_standard
from findings.survey import ImageKind
from findings.wording import Language, measure_text, number, scale_text

DETAIL = 80 * mm
RIGHT = WIDTH - DETAIL - 3 * mm
WHOLE_HEIGHT = 38 * mm
SCENE = (WIDTH, 70 * mm)
PAIR = (WIDTH, 78 * mm)
LABEL = 27 * mm
MOST_TEXT = 900
"""Characters that have room beside the picture; more than that stands below it."""
MOST_MEASURES, MOST_SIGHTS, TERMS = 10, 6, 3


def status_words(status: FindingStatus, language: Language) -> str:
    """Return the review state in the users' words."""
    row = next(row for row in load_standard("ui_words")["statuses"] if row["code"] == status.value)
    return str(row[language])


Part = Literal["detail", "whole", "pair"]


class Picture(Flowable):  # type: ignore[misc]
    """A JPEG as large as fits into a box, at its upper left; read from the disk when its page is drawn."""

    def __init__(self, shots: Shots, entry: Entry, part: Part, box: tuple[float, float], pen: Pen) -> None:
        super().__init__()
        self.width, self.height = box
        self._shots, self._entry, self._part, self._pen = shots, entry, part, pen

    def wrap(self, *_: float) -> tuple[float, float]:
        """Return the size of the box."""
        return self.width, self.height

    def draw(self) -> None:
        """Draw the picture, or the words that there is none."""
        shot = self._shots(self._entry)
        picture: Jpeg | None = getattr(shot, self._part)
        words = pick(shot.note, self._pen.language)
        note = self._pen.text(words, "faint") if words and self._part == "detail" else None
        if picture is None:
            if note is not None:
                self.canv.setStrokeColor(RULE)
                self.canv.rect(0, 0, self.width, self.height)
                note.wrap(self.width - 4 * mm, self.height)
                note.drawOn(self.canv, 2 * mm, self.height / 2)
            return
        scale = min(self.width / picture.width_px, self.height / picture.height_px)
        across, down = picture.width_px * scale, picture.height_px * scale
        content = ImageReader(io.BytesIO(picture.content))
        self.canv.drawImage(content, 0, self.height - down, across, down)
        vars(content).clear()  # it refers to itself and would keep its decoded pixels until a full collection
        if note is not None:
            _, tall = note.wrap(self.width, self.height)
            note.drawOn(self.canv, 0, max(0.0, self.height - down - tall - 1 * mm))


def card(entry: Entry, shots: Shots, pen: Pen) -> list[Flowable]:
    """Return one finding as a block that stays together; with long texts its facts follow below and may go on."""
    parts: list[Flowable] = [_head(entry, pen)]
    below: list[Flowable] = []
    facts = list(_facts(entry, pen))
    detail = Picture(shots, entry, "detail", (DETAIL, DETAIL), pen)
    if entry.image is not None and entry.image.kind is ImageKind.SCENE:
        parts += [Picture(shots, entry, "detail", SCENE, pen), _table(facts, WIDTH, pen)]
    elif sum(len(pen.clip(value)) for _, value in facts) <= MOST_TEXT:
        side = [Picture(shots, entry, "whole", (RIGHT, WHOLE_HEIGHT), pen), _table(facts, RIGHT, pen)]
        parts.append(grid([[detail, side]], [DETAIL + 3 * mm, RIGHT], _no_padding()))
    else:
        whole = Picture(shots, entry, "whole", (RIGHT, DETAIL), pen)
        parts.append(grid([[detail, whole]], [DETAIL + 3 * mm, RIGHT], _no_padding()))
        below = [_table(facts, WIDTH, pen)]
    if shots(entry).pair is not None:
        below += [KeepTogether([pen.text(pen.word("then_now"), "faint"), Picture(shots, entry, "pair", PAIR, pen)])]
    return [KeepTogether(parts), *below, Spacer(0, 5 * mm)]


def _no_padding() -> list[Style]:
    return [(f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")]


def _head(entry: Entry, pen: Pen) -> Table:
    finding = entry.finding
    title = f"{entry.rank}. {damage_words(finding.damage, pen.language)}" + (f"-{entry.grade}" if entry.grade else "")
    title += f" ({'暫定' if pen.language == 'ja' else 'provisional'})" if entry.draft else ""
    status = status_words(finding.status, pen.language)
    left = [Bookmark(f"{title} {entry.asset.name if entry.asset else ''}".strip(), f"f-{finding.uid}", 1),
            pen.text(title)]  # fmt: skip
    colour = CANDIDATE if finding.status is FindingStatus.CANDIDATE else CONFIRMED
    marks: list[Style] = [("BACKGROUND", (0, 0), (0, 0), HEAD), ("BACKGROUND", (1, 0), (1, 0), colour)]
    if finding.status is FindingStatus.CANDIDATE:  # not by colour alone: what nobody confirmed has a dashed frame
        marks.append(("BOX", (1, 0), (1, 0), 0.8, FAINT, 1, (2, 2)))
    return grid([[left, pen.text(status, "right")]], [WIDTH * 0.72, WIDTH * 0.28], marks)


def _table(rows: list[tuple[str, str]], width: float, pen: Pen) -> Table:
    cells = [[pen.text(name, "faint"), pen.text(pen.clip(value), "small")] for name, value in rows]
    styles = [("LINEBELOW", (0, 0), (-1, -1), 0.3, RULE), ("TOPPADDING", (0, 0), (-1, -1), 1)]
    return grid(cells, [LABEL, width - LABEL], [*styles, ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5)])


def _facts(entry: Entry, pen: Pen) -> Iterator[tuple[str, str]]:
    finding, language = entry.finding, pen.language
    yield pen.word("place"), place_words(entry, pen)
    measures = [measure_text(measure, language) for measure in finding.measures[:MOST_MEASURES]]
    yield pen.word("measures"), "; ".join(measures) or "-"
    unknown = finding.scale.gsd_mm is None
    yield pen.word("scale"), pen.word("unscaled") if unknown else scale_text(finding.scale, language)
    yield from _grade(entry, pen)
    yield pen.word("since"), previous_words(entry, language)
    yield from _priority(entry, pen)
    yield from _reviews(entry, pen)
    if entry.sights:
        names = [*entry.sight_pictures[:MOST_SIGHTS], *(["..."] if len(entry.sights) > MOST_SIGHTS else [])]
        yield pen.word("sights"), f"{len(entry.sights)}: {', '.join(names)}"
    made = finding.provenance
    yield pen.word("model"), f"{made.model}@{made.model_version}, {finding.score:.2f}"
    yield pen.word("id"), finding.uid


def place_words(entry: Entry, pen: Pen) -> str:
    """Return asset, span, member, element, picture and day."""
    finding = entry.finding
    parts = [entry.asset.name if entry.asset is not None else pen.word("unassigned")]
    parts += [f"{pen.word('span')} {finding.span}"] if finding.span is not None else []
    parts += [member_words(finding.member, pen.language)] if finding.member else []
    parts += [f"{pen.word('element')} {finding.element_no}"] if finding.element_no else []
    parts += [finding.side] if finding.side else []
    parts += [entry.picture_name] if entry.picture_name else []
    if finding.captured_at is not None:
        parts.append(finding.captured_at.date().isoformat())
    return ", ".join(parts)


def _grade(entry: Entry, pen: Pen) -> Iterator[tuple[str, str]]:
    grade = entry.finding.grade
    if entry.finding.final_grade is not None:
        by = entry.reviews[-1].reviewer if entry.reviews else ""
        yield pen.word("grade"), f"{entry.finding.final_grade} ({pen.word('confirmed')}{': ' + by if by else ''})"
    if grade is None:
        return
    yield pen.word("grade"), grade.trace_ja if pen.language == "ja" else grade.trace_en
    if len(grade.probabilities) == len(grade.codes) > 1:
        chances = zip(grade.codes, grade.probabilities, strict=True)
        yield pen.word("chance"), ", ".join(f"{code} {100 * share:.0f} %" for code, share in chances)
    supposed = [
        f"{one.words_ja if pen.language == 'ja' else one.words_en}: {'/'.join(one.codes)}" for one in grade.alternatives
    ]
    if supposed:
        yield pen.word("supposed"), "; ".join(supposed)


def _priority(entry: Entry, pen: Pen) -> Iterator[tuple[str, str]]:
    priority = entry.priority
    if priority is None:
        yield pen.word("priority"), pen.word("unranked")
        return
    terms = [(term.words_ja if pen.language == "ja" else term.words_en, term.contribution) for term in priority.terms]
    reasons = "; ".join(f"{words} {points:+.1f}" for words, points in terms[:TERMS])
    span = (
        f"{priority.low:.0f}～{priority.high:.0f}"
        if pen.language == "ja"
        else f"{priority.low:.0f} to {priority.high:.0f}"
    )
    yield pen.word("priority"), f"{number(priority.score)} ({span}): {reasons}"


def _reviews(entry: Entry, pen: Pen) -> Iterator[tuple[str, str]]:
    for review in entry.reviews[-2:]:
        words = f"{review.at.date().isoformat()} {review.reviewer}: {status_words(review.decision, pen.language)}"
        yield pen.word("review"), f"{words}. {review.note}" if review.note else words
