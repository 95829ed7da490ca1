"""From a finding to its AASHTO defect and the condition states that it may have (``aashto_elements``)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from findings.asset import Structure
from findings.errors import GradingError
from findings.finding import Finding
from findings.grading.chance import above, chances
from findings.grading.interval import TO_M, TO_MM, first_measure, interval
from findings.grading.observations import flag
from findings.grading.worst import worst_of
from findings.measure import Measure, by_name
from findings.standard import load_standard
from findings.taxonomy import damage_type

MM_PER_INCH = 25.4
TO_M2 = {"mm2": 1e-6, "m2": 1.0}
LADDER = ("CS1", "CS2", "CS3", "CS4")
WIDTHS = ("width_p95", "width_max", "width")
Size = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class DefectState:
    """The AASHTO defects of a finding and the states that remain possible, best first, with probabilities or ()."""

    defects: tuple[str, ...]
    codes: tuple[str, ...]
    probabilities: tuple[float, ...] = ()


def elements(member: str, structure: Structure) -> tuple[Mapping[str, Any], ...]:
    """Return the elements of a member in a structure, of every structure where it is unknown.

    Raises:
        GradingError: no element has that member.
    """
    rows = [row for row in load_standard("aashto_elements")["elements"] if member in row["members"]]
    if not rows:
        raise GradingError(f"member {member!r} has no AASHTO element here; expected Mg, Ds, Pw ... or extend the table")
    return tuple(row for row in rows if structure is Structure.UNKNOWN or structure.value in row["structures"])


def metres(measure: Measure | None) -> Size | None:
    """Return value, low and high in m; None without a value in a real unit. A missing end is the value."""
    return _size(measure, TO_M)


def square_metres(measure: Measure | None) -> Size | None:
    """Return value, low and high in m2; None without a value in a real unit. A missing end is the value."""
    return _size(measure, TO_M2)


def _size(measure: Measure | None, units: dict[str, float]) -> Size | None:
    if measure is None or measure.value is None or measure.unit not in units:
        return None
    span = interval(measure, units)
    return measure.value * units[measure.unit], span.low, span.high


def defect_state(finding: Finding, structure: Structure) -> DefectState | None:
    """Return defects and possible states of a finding; None where the table has no defect for its damage.

    Raises:
        GradingError: the damage is unknown, a measure is out of order or an observation is impossible.
    """
    damage_type(finding.damage)
    standard = load_standard("aashto_elements")
    found = _cracking(standard, finding, structure) or _spalling(standard["spall_defect"], finding)
    for row in standard["seen_defects"]:
        if finding.damage in row["damages"]:
            found = _joined(found, row, finding)
    return found


def _cracking(standard: Mapping[str, Any], finding: Finding, structure: Structure) -> DefectState | None:
    rows = [row for row in standard["crack_defects"] if finding.damage in row["damages"]]
    rows = [row for row in rows if row["structure"] == structure.value] or rows
    width = first_measure(finding.measures, WIDTHS, TO_MM)
    each = [_by_width(row, width) for row in rows]
    if len(each) < 2:
        return each[0] if each else None
    codes = {code for one in each for code in one.codes}
    same = len({(one.codes, one.probabilities) for one in each}) == 1
    return DefectState(tuple(d for one in each for d in one.defects), _sorted(codes), each[0].probabilities * same)


def _by_width(row: Mapping[str, Any], width: Measure | None) -> DefectState:
    fair, poor = row["cs2_from_in"] * MM_PER_INCH, above(row["cs3_over_in"] * MM_PER_INCH)
    span = interval(width, TO_MM)
    touched = [span.low < fair, span.low < poor and span.high >= fair, span.high >= poor]
    codes = tuple(code for code, yes in zip(LADDER, touched, strict=False) if yes)
    parts = chances(width, TO_MM, [fair, poor]) if len(codes) > 1 else None
    probabilities = () if parts is None else tuple(p for p, yes in zip(parts, touched, strict=True) if yes)
    return DefectState((row["number"],), codes, probabilities)


def _spalling(row: Mapping[str, Any], finding: Finding) -> DefectState | None:
    if finding.damage in row["delaminated"]:
        return DefectState((row["number"],), ("CS2",))
    if finding.damage not in row["spalled"]:
        return None
    depth = interval(by_name(finding.measures, "depth"), TO_MM)
    area = interval(by_name(finding.measures, "area"), TO_M2)
    narrowest, broadest = (1000 * math.sqrt(4 * end / math.pi) for end in (area.low, area.high))  # mm
    broad, deep = row["diameter_over_in"] * MM_PER_INCH, row["depth_over_in"] * MM_PER_INCH
    if narrowest > broad or depth.low > deep:
        return DefectState((row["number"],), ("CS3",))
    return DefectState((row["number"],), ("CS2",) if broadest <= broad and depth.high <= deep else ("CS2", "CS3"))


def _joined(found: DefectState | None, row: Mapping[str, Any], finding: Finding) -> DefectState:
    """Return the state with another defect of the same finding: the worse of both counts."""
    own = DefectState((row["number"],), _seen(row, finding.details))
    there = True if row["only_if"] is None else _there(row["only_if"], finding)
    if found is None:
        return own
    if there is False:
        return found
    codes, _ = worst_of(LADDER, [(found.codes, found.probabilities), (own.codes, own.probabilities)])
    if there is None:
        codes = _sorted({*codes, *found.codes})
    return DefectState((*found.defects, *own.defects), codes)


def _there(name: str, finding: Finding) -> bool | None:
    bare = by_name(finding.measures, "rebar_length")
    if name == "rebar_exposed" and bare is not None and bare.value is not None and interval(bare).low > 0:
        return True
    return flag(name, finding.details.get(name))


def _seen(row: Mapping[str, Any], details: Mapping[str, Any]) -> tuple[str, ...]:
    worse, better = _holds(row["cs3_if"], details), _holds(row["cs2_if"], details)
    if worse:
        return ("CS3",)
    return ("CS2",) if better or worse is False else ("CS2", "CS3")


def _holds(conditions: Sequence[Sequence[Any]], details: Mapping[str, Any]) -> bool | None:
    """Return whether one of the conditions holds; None where that is not known (or there are none)."""
    known = [details[name] == value for name, value in conditions if details.get(name) is not None]
    if any(known):
        return True
    return False if conditions and len(known) == len(conditions) else None


def _sorted(codes: set[str]) -> tuple[str, ...]:
    return tuple(code for code in LADDER if code in codes)
