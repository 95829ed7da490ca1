"""Fiscal years (年度, April to March) and how they are written: 2024, 令和6年度, R6."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

# First calendar year of the era less one, and the first fiscal year that is written in it; FY2019 is both H31 and R1.
ERAS = (("令和", "R", 2018, 2019), ("平成", "H", 1988, 1989), ("昭和", "S", 1925, 1926))
OLDEST, NEWEST = 1800, 2200
_WESTERN = re.compile(r"(?:FY)?([0-9]{4})(?:年度|年)?")
_ERA = re.compile(r"(令和|平成|昭和|R|H|S)([0-9]{1,2}|元)(?:年度|年)?")


def fiscal_year(day: date) -> int:
    """Return the fiscal year of a day: it begins on 1 April."""
    return day.year if day.month >= 4 else day.year - 1


def last_day(year: int) -> date:
    """Return the last day of a fiscal year: 31 March of the next calendar year."""
    return date(year + 1, 3, 31)


def wareki(year: int) -> str:
    """Return a fiscal year as ``令和6年度``, the first of an era as ``令和元年度``; before 1926 as ``1925年度``."""
    for name, _, before, first in ERAS:
        if year >= first:
            number = year - before
            return f"{name}{'元' if number == 1 else number}年度"
    return f"{year}年度"


def parse_fiscal_year(text: str) -> int | None:
    """Return the fiscal year of ``2024``, ``2024年度``, ``R6`` or ``令和6年度``; None for other text."""
    plain = "".join(unicodedata.normalize("NFKC", text).split()).upper()
    if found := _WESTERN.fullmatch(plain):
        year = int(found[1])
    elif found := _ERA.fullmatch(plain):
        before = next(before for name, short, before, _ in ERAS if found[1] in (name, short))
        year = before + (1 if found[2] == "元" else int(found[2]))
    else:
        return None
    return year if OLDEST <= year <= NEWEST else None
