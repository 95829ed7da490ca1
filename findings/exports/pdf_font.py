"""The font of the reports: IPAex Gothic (IPA Font License 1.0), embedded; there is no other one to fall back to."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from reportlab.lib.fonts import addMapping
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from findings.errors import OutputError

PACKAGE = "matplotlib-fontja"
FILE = "ipaexg.ttf"
NAME = "IPAexGothic"
MISSING = "〓"
_REMEDY = f"install it anew: pip install --force-reinstall {PACKAGE}"


def font_path() -> Path:
    """Return where the font's file lies; the package that carries it is not imported.

    Raises:
        OutputError: the package or its file is missing.
    """
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError as error:
        raise OutputError(f"the font {NAME} is missing: package {PACKAGE} is not installed; {_REMEDY}") from error
    path = next((Path(str(file.locate())) for file in files if file.name == FILE), None)
    if path is None or not path.is_file():
        raise OutputError(f"the font {NAME} is missing: {FILE} is not in package {PACKAGE}; {_REMEDY}")
    return path


def register() -> TTFont:
    """Return the font, registered for every weight and slant, so that bold text changes no font.

    Raises:
        OutputError: the font is missing or damaged.
    """
    path = font_path()
    try:
        font = TTFont(NAME, str(path))  # always a new one: the subset of one document must not enter the next
    except (TTFError, OSError) as error:
        raise OutputError(f"{path}: the font cannot be read ({error}); {_REMEDY}") from error
    pdfmetrics.registerFont(font)
    for bold in (0, 1):
        for italic in (0, 1):
            addMapping(NAME, bold, italic, NAME)
    return font


def drawable(text: str, font: TTFont, missing: set[str]) -> str:
    """Return text with every character that the font lacks as 〓; these are added to ``missing``."""
    known = font.face.charToGlyph
    gone = {one for one in text if one not in "\n" and ord(one) not in known}
    if not gone:
        return text
    missing |= gone
    return "".join(MISSING if one in gone else one for one in text)
