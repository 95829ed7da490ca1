"""What every page of the report is made of: text in the one font, tables, bookmarks, page numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate, Paragraph, Table, TableStyle

from findings.exports.pdf_font import NAME, drawable, register
from findings.exports.pdf_words import remark, word
from findings.wording import Language

MARGIN = 15 * mm
WIDTH = A4[0] - 2 * MARGIN
LONGEST = 300
"""Characters of one text from a user on a card: a card must fit on a page."""
LONGEST_ROW = 1500
"""Characters of one row of facts, which does not go on over a page's end."""
INK, FAINT, RULE = colors.HexColor("#1B2733"), colors.HexColor("#5A6B7B"), colors.HexColor("#C5CFD8")
HEAD, CANDIDATE = colors.HexColor("#E8EEF3"), colors.HexColor("#FFF6DD")
CONFIRMED, ALERT = colors.HexColor("#DDEFE3"), colors.HexColor("#F7DEDA")


class Pen:
    """Writes text and tables in one language; remembers characters that the font lacks.

    Args:
        language: of the report.

    Raises:
        OutputError: the font is missing.
    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self.font = register()
        self.missing: set[str] = set()
        base = ParagraphStyle("base", fontName=NAME, fontSize=9, leading=13, textColor=INK, splitLongWords=1)
        if language == "ja":
            base.wordWrap = "CJK"  # lines may break between any two characters, but for the rules of punctuation
        self.styles = {
            "base": base,
            "small": ParagraphStyle("small", base, fontSize=7.5, leading=10.5),
            "faint": ParagraphStyle("faint", base, fontSize=7.5, leading=10.5, textColor=FAINT),
            "title": ParagraphStyle("title", base, fontSize=22, leading=30, spaceAfter=4 * mm),
            "h1": ParagraphStyle("h1", base, fontSize=14, leading=20, spaceBefore=2 * mm, spaceAfter=3 * mm),
            "h2": ParagraphStyle("h2", base, fontSize=11, leading=15, spaceBefore=3 * mm, spaceAfter=1.5 * mm),
            "right": ParagraphStyle("right", base, fontSize=8, leading=11, alignment=2),
        }

    def word(self, key: str) -> str:
        """Return a word of the report."""
        return word(key, self.language)

    def drawn(self, text: str) -> str:
        """Return a text as the font can draw it."""
        return drawable(_plain(text), self.font, self.missing)

    def clip(self, text: str, longest: int = LONGEST) -> str:
        """Return a text that fits on a card; what is left out is said."""
        return text if len(text) <= longest else text[:longest] + remark("clipped", self.language)

    def text(self, text: str, style: str = "base") -> Paragraph:
        """Return a paragraph of plain text: whatever stands in it is shown, and nothing of it is markup."""
        return Paragraph(escape(self.drawn(text)), self.styles[style])

    def remark(self, key: str, style: str = "base", **values: object) -> Paragraph:
        """Return a paragraph with one of the report's sentences."""
        return self.text(remark(key, self.language, **values), style)

    def bookmarked(self, key: str, style: str = "h1") -> list[Flowable]:
        """Return a heading with its bookmark."""
        return [Bookmark(self.word(key), key, 0), self.text(self.word(key), style)]

    def facts(self, rows: Sequence[tuple[str, str]], label: float = 38 * mm, style: str = "base") -> Table:
        """Return a table of labels and texts."""
        cells = [[self.text(name, style), self.text(self.clip(value, LONGEST_ROW), style)] for name, value in rows]
        styles = [("LINEBELOW", (0, 0), (-1, -1), 0.3, RULE), ("BACKGROUND", (0, 0), (0, -1), HEAD)]
        return grid(cells, [label, WIDTH - label], styles)

    def table(
        self, heads: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float], marked: Sequence[int] = ()
    ) -> Table:
        """Return a table whose head stands on every page; ``widths`` are shares of the page's width."""
        cells = [[self.text(name, "small") for name in heads]]
        cells += [[self.text(cell, "small") for cell in row] for row in rows]
        total = sum(widths)
        styles: list[Style] = [("GRID", (0, 0), (-1, -1), 0.3, RULE), ("BACKGROUND", (0, 0), (-1, 0), HEAD)]
        styles += [("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 2)]
        styles += [("BACKGROUND", (0, row + 1), (-1, row + 1), ALERT) for row in marked]
        return grid(cells, [WIDTH * width / total for width in widths], styles, repeatRows=1, splitInRow=1)


Style = tuple[Any, ...]


def grid(cells: Sequence[Sequence[Any]], widths: Sequence[float], styles: Sequence[Style], **options: Any) -> Table:
    """Return a table whose cells name the one font too: by default a table asks for one that is not embedded."""
    made = Table(cells, colWidths=list(widths), **options)
    made.setStyle(TableStyle([("FONTNAME", (0, 0), (-1, -1), NAME), ("VALIGN", (0, 0), (-1, -1), "TOP"), *styles]))
    return made


def _plain(text: str) -> str:
    """Return text without control characters, which no font draws; line ends and tabs become blanks."""
    return "".join(" " if one in "\t\r\n" else one for one in text if one in "\t\r\n" or one.isprintable())


class Bookmark(Flowable):  # type: ignore[misc]
    """A place without size that the outline of the file leads to."""

    def __init__(self, title: str, key: str, level: int) -> None:
        super().__init__()
        self.width = self.height = 0
        self._title, self._key, self._level = title, key, level

    def wrap(self, *_: float) -> tuple[float, float]:
        """Return no size."""
        return 0, 0

    def draw(self) -> None:
        """Write the bookmark."""
        self.canv.bookmarkPage(self._key)
        self.canv.addOutlineEntry(self._title, self._key, self._level, closed=self._level == 0)


class Report(BaseDocTemplate):  # type: ignore[misc]
    """An A4 document with the survey's name and ``page / pages`` on every page; the same input gives the same bytes.

    Args:
        path: to write.
        title: of the file.
        author: of the file.
        foot: left in every footer.
        language: of the text.
    """

    PAGES = "pages"

    def __init__(self, path: Path, *, title: str, author: str, foot: str, language: Language) -> None:
        super().__init__(
            str(path), pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN, bottomMargin=18 * mm,
            title=title, author=author, creator=author, subject=foot, lang=language, invariant=1, pageCompression=1,
            initialFontName=NAME, initialFontSize=9,
        )  # fmt: skip
        self._foot = foot
        frame = Frame(self.leftMargin, self.bottomMargin, self.width, self.height, 0, 0, 0, 0, id="page")
        self.addPageTemplates([PageTemplate("page", [frame], onPage=self._footer)])

    def _footer(self, canvas: Canvas, _: Any) -> None:
        canvas.saveState()
        canvas.setFont(NAME, 7.5)
        canvas.setFillColor(FAINT)
        canvas.drawString(MARGIN, 10 * mm, self._foot)
        canvas.drawRightString(A4[0] - MARGIN - 10 * mm, 10 * mm, f"{canvas.getPageNumber()} / ")
        canvas.translate(A4[0] - MARGIN - 10 * mm, 10 * mm)
        canvas.doForm(self.PAGES)  # how many pages there are is known when the last one is done
        canvas.restoreState()

    def _endBuild(self) -> None:  # noqa: N802  the base class's name
        self._doSave = 0
        super()._endBuild()
        self.canv.beginForm(self.PAGES)
        self.canv.setFont(NAME, 7.5)
        self.canv.setFillColor(FAINT)
        self.canv.drawString(0, 0, str(self.canv.getPageNumber() - 1))
        self.canv.endForm()
        self.canv.save()
