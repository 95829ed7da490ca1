"""Lists tell between which ranks what is missing leaves a finding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from findings.profile import load_profile
from findings.ranking import rank
from mizuhashi.listing import Row, cells, finding_lines, missing_lines, rank_text
from tests.findings.factories import a_bridge, a_finding, a_grade

KNOWN: dict[str, Any] = {
    "emergency_route": "1", "third_party_below": 0, "detour_km": 10, "population_flood": 5000, "replaceability": 0.2,
}  # fmt: skip


def rows() -> list[Row]:
    """Return three findings; the traffic of the second one's bridge is not known."""
    found = {uid: a_finding(uid, grade=a_grade("d"), asset_uid=uid) for uid in ("busy", "open", "quiet")}
    assets = {
        "busy": a_bridge("busy", soundness="II", **KNOWN, aadt=90000),
        "open": a_bridge("open", soundness="II", **KNOWN),
        "quiet": a_bridge("quiet", soundness="II", **KNOWN, aadt=0),
    }
    ranked = rank(list(found.values()), assets, load_profile())
    return [Row(p.rank, found[p.finding_uid], p, assets[p.finding_uid]) for p in ranked]


def test_a_missing_input_is_told_with_the_ranks_between_which_it_leaves_the_finding() -> None:
    row = rows()[1]
    assert row.finding.uid == "open"
    assert row.priority is not None
    first = missing_lines(row.priority)[0]
    assert first == "交通量: データなし(0.5として計算) / traffic: missing (counted as 0.5): 順位 1-3 / rank 1-3"
    (alone,) = rank([row.finding], {"open": a_bridge("open", soundness="II", **KNOWN)}, load_profile())
    assert all("順位への影響なし / no effect on the rank" in line for line in missing_lines(alone))
    shown = finding_lines(row, Path("home"))
    assert shown[1].startswith("rank        2 (1-3), score ")
    assert f"missing     {first}" in shown


def test_a_range_of_the_whole_list_stands_only_beside_a_place_in_the_whole_list() -> None:
    row = rows()[1]
    assert (rank_text(row), cells(row)[0]) == ("2 (1-3)", "2 (1-3)")
    assert rank_text(replace(row, rank=1)) == "1", "first of its survey"
    assert rank_text(replace(row, priority=None)) == "2"
