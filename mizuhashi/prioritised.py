"""Rows of the priority list in words: the largest contributions, what is missing, and how far it could move a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from findings.asset import Asset
from findings.finding import Finding, Priority, Term
from findings.taxonomy import damage_type

if TYPE_CHECKING:
    from findings.ranking import Ranking
    from findings.sensitivity import Sensitivity

COLUMNS = ("rank", "score", "section", "finding", "asset", "because", "missing")
LARGEST = 3


@dataclass(frozen=True, slots=True)
class PriorityRow:
    """One finding of the list with its priority."""

    finding: Finding
    priority: Priority
    asset: Asset | None


def chosen(ranking: Ranking, assets: Mapping[str, Asset], section: str | None, limit: int) -> list[PriorityRow]:
    """Return the first rows of the list, or of one section of it."""
    indices = [i for i in range(len(ranking)) if section is None or ranking.section(i) == section][:limit]
    return [
        PriorityRow(ranking.findings[i], ranking.explain(i), assets.get(ranking.findings[i].asset_uid or ""))
        for i in indices
    ]


def largest(priority: Priority) -> list[Term]:
    """Return the hard rules that placed a finding, then its largest contributions."""
    rules = [term for term in priority.terms if term.name == "hard_rule"]
    return rules + [term for term in priority.terms if term.name != "hard_rule" and term.contribution > 0][:LARGEST]


def missing(priority: Priority) -> list[Term]:
    """Return the missing inputs that could move a finding, the one with the widest range of ranks first."""
    found = [t for t in priority.terms if t.value is None and t.best_rank and t.best_rank != t.worst_rank]
    return sorted(found, key=lambda term: (term.best_rank - term.worst_rank, term.name))


def cells(row: PriorityRow) -> tuple[str, ...]:
    """Return the cells of `COLUMNS`."""
    priority = row.priority
    place = str(priority.rank)
    if priority.best_rank != priority.worst_rank:
        place += f" ({priority.best_rank}-{priority.worst_rank})"
    return (
        place,
        f"{priority.score:.0f}",
        priority.section,
        damage_type(row.finding.damage).label(row.finding.final_grade or row.finding.grade),
        row.asset.name if row.asset is not None else "",
        "; ".join(_because(term) for term in largest(priority)),
        "; ".join(f"{term.words_en.split(':')[0]}: {term.best_rank}-{term.worst_rank}" for term in missing(priority)),
    )


def _because(term: Term) -> str:
    return f"{term.words_en} {term.contribution:+.0f}" if term.contribution else term.words_en


def record(row: PriorityRow) -> dict[str, Any]:
    """Return a row as plain JSON values, every term kept."""
    priority = row.priority
    return {
        "rank": priority.rank,
        "best_rank": priority.best_rank,
        "worst_rank": priority.worst_rank,
        "score": priority.score,
        "low": priority.low,
        "high": priority.high,
        "section": priority.section,
        "finding_uid": row.finding.uid,
        "damage_id": row.finding.damage,
        "label": damage_type(row.finding.damage).label(row.finding.final_grade or row.finding.grade),
        "status": row.finding.status.value,
        "asset_uid": row.finding.asset_uid,
        "asset_name": row.asset.name if row.asset is not None else None,
        "terms": [
            {
                "name": term.name,
                "value": term.value,
                "weight": term.weight,
                "contribution": term.contribution,
                "best_rank": term.best_rank or None,
                "worst_rank": term.worst_rank or None,
                "words_ja": term.words_ja,
                "words_en": term.words_en,
            }
            for term in priority.terms
        ],
    }


def stability_record(found: Sensitivity) -> dict[str, Any]:
    """Return the stability of the head of the list as plain JSON values."""
    return {
        "head": found.head,
        "draws": found.draws,
        "kept": found.kept,
        "kendall_tau": found.kendall_tau,
        "stays": found.stays,
        "enters": found.enters,
        "fragile": found.fragile,
    }


def stability_lines(found: Sensitivity) -> list[str]:
    """Return how stable the head of the list is, as lines for a reader."""
    lines = [
        f"the first {found.head} under {found.draws} draws of other weights: {found.kept:.0%} stay on average, "
        f"order agrees with Kendall's tau {found.kendall_tau:.2f}"
    ]
    if found.fragile:
        shares = ", ".join(f"{uid[:8]} {found.stays[uid]:.0%}" for uid in found.fragile[:10])
        lines.append(f"fragile places ({len(found.fragile)}): {shares}")
    return lines
