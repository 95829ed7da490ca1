"""Cross-walks of grades to foreign scales: for display only, never for an official record."""

from __future__ import annotations

from typing import Any

from findings.finding import Grade
from findings.standard import load_standard


def cross_walk(grade: Grade) -> dict[str, Any]:
    """Return the AASHTO condition states and UK severities that the possible grades may correspond to.

    Empty for river ratings and for findings without a rule: those scales have no counterpart there.
    """
    standard = load_standard("crosswalks")
    if grade.scheme != "mlit_damage" or not grade.codes:
        return {}
    rows = [row for row in standard["mlit_damage"] if row["grade"] in grade.codes]
    return {
        "aashto_cs": sorted({state for row in rows for state in row["aashto_cs"]}),
        "uk_severity": sorted({severity for row in rows for severity in row["uk_severity"]}),
        "display_only": True,
        "status": standard["status"],
        "version": standard["version"],
    }
