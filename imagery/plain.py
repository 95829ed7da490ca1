"""Texts and numbers out of strangers' files, brought to what stores, JSON and terminals take.

JSON holds halves of surrogate pairs , NaN and integers of any length; EXIF, XMP and XML hold control
characters. Databases and encoders refuse them later, where one of them would end a whole run.
"""

from __future__ import annotations

import math
import unicodedata
from typing import TypeGuard

MOST_CHARACTERS = 500


def plain_text(value: object, most: int = MOST_CHARACTERS) -> str | None:
    """Return a text of at most ``most`` characters without control characters and damaged ones; None if none is left.

    Line breaks and tabs become spaces.
    """
    if not isinstance(value, str):
        return None
    text = "".join(" " if one in "\t\r\n" else one for one in value[:most] if one in "\t\r\n" or _is_whole(one)).strip()
    return text or None


def is_plain(value: object, most: int = MOST_CHARACTERS) -> TypeGuard[str]:
    """Return whether a value is a text that `plain_text` leaves as it is."""
    return isinstance(value, str) and len(value) <= most and plain_text(value, most) == value


def finite(value: object) -> float | None:
    """Return a finite number as float, or None: for other types, NaN, infinity and integers beyond any float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _is_whole(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cs")
