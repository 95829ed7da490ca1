"""Rows of the list of assets in words: bridges and river reaches together, each with what brings it there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from findings.asset import Asset
from findings.asset_rollup import AssetPriority

COLUMNS = ("rank", "score", "section", "kind", "asset", "findings", "because", "together")
LARGEST = 3


def cells(row: AssetPriority, assets: Mapping[str, Asset]) -> tuple[str, ...]:
    """Return the cells of `COLUMNS`."""
    asset = assets[row.asset_uid]
    because = [term for term in row.terms if term.name == "hard_rule"]
    because += [term for term in row.terms if term.contribution > 0][:LARGEST]
    open_ = f" ({row.candidates} unreviewed)" if row.candidates else ""
    score, low, high = f"{row.score:.0f}", f"{row.low:.0f}", f"{row.high:.0f}"
    return (
        str(row.rank),
        score if low == high == score else f"{score} ({low}-{high})",
        row.section,
        asset.kind.value.replace("_", " "),
        asset.name,
        f"{row.findings}{open_}",
        "; ".join(f"{t.words_en} {t.contribution:+.0f}" if t.contribution else t.words_en for t in because),
        "; ".join(one.words_en for one in row.co_occurrences),
    )


def record(row: AssetPriority, assets: Mapping[str, Asset]) -> dict[str, Any]:
    """Return a row as plain JSON values, every term kept."""
    asset = assets[row.asset_uid]
    return {
        "rank": row.rank,
        "asset_uid": row.asset_uid,
        "name": asset.name,
        "kind": asset.kind.value,
        "score": row.score,
        "low": row.low,
        "high": row.high,
        "section": row.section,
        "worst_finding": row.worst_uid,
        "findings": row.findings,
        "candidates": row.candidates,
        "terms": [
            {
                "name": term.name,
                "value": term.value,
                "weight": term.weight,
                "contribution": term.contribution,
                "words_ja": term.words_ja,
                "words_en": term.words_en,
            }
            for term in row.terms
        ],
        "co_occurrences": [
            {
                "rule": one.rule,
                "certain": one.certain,
                "findings": list(one.finding_uids),
                "words_ja": one.words_ja,
                "words_en": one.words_en,
            }
            for one in row.co_occurrences
        ],
    }
