"""A measured quantity with its unit and its 95 % interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Measure:
    """One quantity of a finding.

    Attributes:
        name: what was measured. Cracks: ``length``, ``width_p50``, ``width_p95``, ``width_max``, ``min_spacing`` (to
            the nearest roughly parallel crack, or between the lines of one pattern). Areas: ``area``, ``perimeter``,
            ``extent`` (share of what the picture shows and may be judged that all places of the class cover),
            ``rebar_length`` (of the bars that a place is or holds), ``streak_length`` (of rust), ``area_share`` (of
            the part looked at that is corroded, for the rule of ①). Rivers: ``displacement``, ``retreat_rate``,
            ``plan_cover_ratio``, ``section_share``, ``width_gain`` and ``growth_rate`` (of bars and vegetation, or of a
            bank that moves in), ``mouth_width``, ``turbidity_index`` (relative, not NTU).
        value: the estimate, or None where the picture cannot resolve it (then ``high`` is its upper bound).
        unit: ``px``, ``px2``, ``mm``, ``mm2``, ``m``, ``m2``, ``m/yr``, ``count`` or ``ratio``.
        low: lower end of the 95 % interval; None where unknown.
        high: upper end of the 95 % interval; None where unknown.
        how: the method in a few words, e.g. ``integrated darkness over 212 normals``.
    """

    name: str
    value: float | None
    unit: str
    low: float | None
    high: float | None
    how: str

    def to_json(self) -> dict[str, Any]:
        """Return the measure as the ``measures`` row of the finding record."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "low": self.low,
            "high": self.high,
            "how": self.how,
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Measure:
        """Return the measure that ``to_json`` wrote."""
        return cls(row["name"], row["value"], row["unit"], row["low"], row["high"], row["how"])


def by_name(measures: tuple[Measure, ...], name: str) -> Measure | None:
    """Return the first measure of that name, or None."""
    return next((m for m in measures if m.name == name), None)
