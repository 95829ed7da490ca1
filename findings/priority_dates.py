"""Until when measures are due."""

from __future__ import annotations

from datetime import date

from findings.asset import Asset


def deadline_of(asset: Asset | None) -> date | None:
    """Return until when measures are due: as given, else five fiscal years after the inspection's; None if unknown."""
    if asset is None:
        return None
    given, year = asset.attributes.get("measure_deadline"), asset.attributes.get("inspection_fy")
    if isinstance(given, str):
        try:
            return date.fromisoformat(given)
        except ValueError:
            return None
    # A fiscal year ends on 31 March of the next calendar year.
    return date(year + 6, 3, 31) if isinstance(year, int) and 1900 <= year <= 2200 else None
