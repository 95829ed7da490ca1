"""Issued priority lists in words and as plain JSON values: what was handed out then, whatever is known now."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC
from typing import Any

from findings.issued import IssuedList, IssuedRow

LIST_COLUMNS = ("issued_at", "actor", "profile", "findings", "list")
COLUMNS = ("rank", "score", "section", "status", "grade", "because", "asset", "finding")
LARGEST = 3


def list_cells(values: IssuedList) -> tuple[str | int, ...]:
    """Return the cells of `LIST_COLUMNS`."""
    day = f"{values.issued_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return (day, values.actor, values.profile, len(values.rows), values.uid)


def list_record(values: IssuedList) -> dict[str, Any]:
    """Return a list without its rows as plain JSON values."""
    cells = (values.issued_at.isoformat(), *list_cells(values)[1:])
    return dict(zip(LIST_COLUMNS, cells, strict=True))


def cells(row: IssuedRow) -> tuple[str, ...]:
    """Return the cells of `COLUMNS`; the reasons are the hard rule and the terms with the most points of that list."""
    points = sorted(((value, name) for name, value in row.terms.items() if value > 0), key=lambda t: (-t[0], t[1]))
    said = [row.facts.get("rule_en", ""), *(f"{name} {value:+.0f}" for value, name in points[:LARGEST])]
    grade = row.facts.get("final_grade") or row.facts.get("grade", "")
    because = "; ".join(part for part in said if part)
    status = row.facts.get("status", "")
    place = (str(row.rank), f"{row.score:.0f}", row.section)
    return (*place, status, grade, because, row.asset_uid or "", row.finding_uid)


def record(row: IssuedRow) -> dict[str, Any]:
    """Return a row as plain JSON values, every term kept."""
    return asdict(row)
