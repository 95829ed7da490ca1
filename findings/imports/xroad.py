"""Answers of two web services as JSON: the xROAD bridge API and the search of the MLIT data platform (DPF).

xROAD [L17][L35]: ``{"result": [{"shisetsu_id": ..., "syogen": {"shisetsu": {"meisyou": ...}}, "tenken": ...}]}``.
DPF [L18]: ``{"data": {"search": {"searchResults": [{"title": ..., "lat": ..., "metadata": {"RSDB:...": ...}}]}}}``.
Both carry the same inventory; `findings.asset_columns` knows the flattened names of either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from findings.asset_columns import Columns
from findings.assets_file import Row
from findings.errors import RecordError

NAME = "xROAD / MLIT-DPF (全国道路施設点検データベース)"
_DEPTH = 8


def records_of(document: Any) -> tuple[list[Any], bool] | None:
    """Return the records of an answer and whether the service lists nothing but bridges; None if it is no answer."""
    if not isinstance(document, Mapping):
        return None
    result = document.get("result")
    if isinstance(result, list) and any(isinstance(row, Mapping) and "syogen" in row for row in result):
        return result, True
    search = document.get("data", document)
    search = search.get("search", search) if isinstance(search, Mapping) else None
    found = search.get("searchResults") if isinstance(search, Mapping) else None
    return (found, False) if isinstance(found, list) else None


def rows(records: list[Any], *, bridges: bool) -> Iterator[tuple[str, Row]]:
    """Yield each record by our field names, counted from 1.

    Args:
        records: of `records_of`.
        bridges: the service lists nothing but bridges, so that a record need not say it.
    """
    for number, record in enumerate(records, start=1):
        where = f"result {number}"
        if not isinstance(record, Mapping):
            yield where, RecordError(f"is {record!r:.40}; expected an object of the service")
            continue
        flat = {**_platform(record), **dict(_flattened(record))}
        values = Columns.of(list(flat)).values(list(flat.values()))
        values.pop("uid", None)  # the platform's own document id changes with each edition
        if bridges:
            values.setdefault("kind", "bridge")
        yield where, (values, None)


def _platform(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the platform says of every document, in the names of our columns; its metadata know better."""
    names = {"title": "name", "lat": "lat", "lon": "lon"}
    metadata = record.get("metadata")
    known = Columns.of(list(metadata)).fields if isinstance(metadata, Mapping) else ()
    return {ours: record[theirs] for theirs, ours in names.items() if theirs in record and ours not in known}


def _flattened(value: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for key, member in value.items():
        if key in ("metadata", "result") and isinstance(member, Mapping):
            yield from _flattened(member, prefix, depth + 1)
        elif isinstance(member, Mapping) and depth < _DEPTH:
            yield from _flattened(member, f"{prefix}{key}.", depth + 1)
        elif not isinstance(member, Mapping | list) and not (depth == 0 and key in ("id", "title", "lat", "lon")):
            yield f"{prefix}{key}", member
