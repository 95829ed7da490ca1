"""定量値 and 単位 of a member's damage, as the record forms want them (``form_quantities``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from findings.finding import Finding
from findings.grading.interval import first_measure, interval
from findings.measure import Measure
from findings.standard import load_standard


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity of several findings together.

    Attributes:
        value: the largest or the sum of what was measured; None where only an upper bound is known.
        unit: as the form writes it: ``mm``, ``m``, ``本``, ``箇所`` ...
        low: lower end of the 95 % interval of what was measured.
        high: upper end; None where one of the findings has none.
        name: of the measure; ``count`` for the number of places.
        unmeasured: findings without a value: the true quantity may be larger.
    """

    value: float | None
    unit: str
    low: float
    high: float | None
    name: str
    unmeasured: int


def form_quantity(damage: str, findings: Sequence[Finding]) -> Quantity | None:
    """Return the quantity of findings of one damage type on one member; None without findings.

    The first measure of the damage's rule in a real unit; where no finding has it, or the damage has no rule, the
    number of places. Intervals of a sum are added end by end, which is wider than needed and never too narrow.

    Raises:
        GradingError: an interval is out of order.
    """
    if not findings:
        return None
    standard = load_standard("form_quantities")
    rule = next((row for row in standard["rules"] if damage in row["damages"]), None)
    measured = [] if rule is None else [_measure(finding, rule) for finding in findings]
    known = [measure for measure in measured if measure is not None]
    if rule is None or not known:
        n = float(len(findings))
        return Quantity(n, standard["places"]["unit"], n, n, "count", 0)
    units = dict(rule["units"])
    spans = [interval(measure, units) for measure in known]
    values = [m.value * units[m.unit] for m in known if m.value is not None]
    take = max if rule["take"] == "max" else sum
    unmeasured = len(findings) - len(values)
    bounded = len(known) == len(findings) and all(span.high < float("inf") for span in spans)
    return Quantity(
        take(values) if values else None,
        rule["unit"],
        take([span.low for span in spans]),
        take([span.high for span in spans]) if bounded else None,
        known[0].name,
        unmeasured,
    )


def _measure(finding: Finding, rule: Mapping[str, Any]) -> Measure | None:
    found = first_measure(finding.measures, rule["measures"], dict(rule["units"]))
    return found if found is not None and found.unit in rule["units"] else None
