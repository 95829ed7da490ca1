"""A survey in foreign scales: AASHTO quantities by condition state, UK severity and extent. For display only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from findings.asset import Structure
from findings.errors import GradingError
from findings.finding import Finding
from findings.grading.aashto import LEFT_OUT, ElementStates, element_states, elements_of
from findings.grading.uk import UkCondition, condition
from findings.grading.worst import worst_of
from findings.measure import Measure
from findings.taxonomy import damage_type, member_kind
from mizuhashi.describe import number

if TYPE_CHECKING:
    from findings.asset import Asset

COLUMNS = ("element", "unit", "total", "CS1", "CS2", "CS3", "CS4", "UK severity", "UK extent", "UK score", "remarks")
NOTE = "for display only, never for an official record; CS4 is for an engineer's structural review (provisional 暫定)"
LADDER = ("a", "b", "c", "d", "e")


@dataclass(frozen=True, slots=True)
class ElementView:
    """One element of a bridge in both scales; ``others``: numbers of elements that the same members may be instead."""

    asset: str
    states: ElementStates
    uk: UkCondition | None
    others: tuple[str, ...]


def element_views(
    findings: Iterable[Finding], asset: Asset | None, totals: Mapping[str, float]
) -> tuple[list[ElementView], list[str]]:
    """Return the elements that the findings lie on, and the findings of members that are no element here.

    A member that may be several elements (column or wall; RC, PC or steel where the structure is unknown) stands once
    for each of them: a person chooses.

    Args:
        findings: of one bridge.
        asset: the bridge, or None: then the structure is unknown.
        totals: quantity of the whole element by its number, where somebody stated it.

    Raises:
        GradingError: a total is of an element that no finding is on, or is not a positive number.
    """
    structure = asset.structure if asset is not None else Structure.UNKNOWN
    groups: dict[str, list[Finding]] = {}
    others: dict[str, tuple[str, ...]] = {}
    left: list[str] = []
    for finding in findings:
        if not finding.leads or finding.status in LEFT_OUT:
            continue
        numbers = _numbers(finding.member, structure)
        if not numbers:
            left.append(finding.uid)
        for one in numbers:
            placed = replace(finding, member=member_kind(str(finding.member)).symbol)
            groups.setdefault(one, []).append(placed)
            others[one] = tuple(n for n in numbers if n != one)
    if unused := sorted(set(totals) - set(groups)):
        raise GradingError(
            f"a total is given for element {', '.join(unused)}, but the findings lie on "
            f"{', '.join(sorted(groups)) or 'no element'}; leave it out or assign members to the pictures"
        )
    name = asset.name if asset is not None else ""
    views = []
    for one, found in sorted(groups.items(), key=lambda item: int(item[0])):
        states = element_states(found, one, structure, totals.get(one))
        views.append(ElementView(name, states, _uk(found, states), others[one]))
    return views, left


def _numbers(member: str | None, structure: Structure) -> tuple[str, ...]:
    if member is None:
        return ()
    try:
        return tuple(str(row["number"]) for row in elements_of(member_kind(member).symbol, structure))
    except GradingError:  # a railing, or a name of somebody's own: no element here
        return ()


def _uk(findings: Sequence[Finding], states: ElementStates) -> UkCondition | None:
    """Return severity of the worst grade, and extent as the affected share of the total where that is known."""
    graded = [f.grade for f in findings if f.grade is not None and f.grade.codes]
    if not graded:
        return None
    final = [((f.final_grade,), ()) if f.final_grade else (f.grade.codes, ()) for f in findings if f.grade]
    codes, _ = worst_of(LADDER, final)
    return condition(replace(graded[0], codes=codes, probabilities=()), _share(states))


def _share(states: ElementStates) -> Measure | None:
    total, good = states.total, states.states[0]
    if total is None or good.value is None or good.low is None or good.high is None or states.unsized:
        return None
    value = (total - good.value) / total
    if value <= 0:
        return None
    return Measure("share", value, "ratio", max((total - good.high) / total, 0.0), (total - good.low) / total, "CS2-4")


def view_cells(view: ElementView) -> tuple[str, ...]:
    """Return the cells of `COLUMNS`."""
    states, uk = view.states, view.uk
    amounts = ["unknown" if one.value is None else number(one.value) for one in states.states]
    remarks = [f"or element {', '.join(view.others)}: choose one"] if view.others else []
    remarks += [f"{len(states.unsized)} findings without a size are not in it"] if states.unsized else []
    remarks += [note for note in states.notes_en if "overlap" in note]
    extent = "-" if uk is None else "/".join(uk.extents)
    score = "-" if uk is None or uk.low is None or uk.high is None else f"{uk.low:g}-{uk.high:g}"
    return (
        f"{states.number} {states.en} {states.ja}",
        states.unit,
        "unknown" if states.total is None else number(states.total),
        *amounts,
        "-" if uk is None else "/".join(map(str, uk.severities)),
        extent,
        score,
        "; ".join(remarks),
    )


def view_record(view: ElementView) -> dict[str, Any]:
    """Return an element as plain JSON values."""
    return {
        "asset": view.asset or None,
        "display_only": True,
        **asdict(view.states),
        "uk": None if view.uk is None else asdict(view.uk),
        "or_elements": list(view.others),
    }


def described(findings: Sequence[Finding]) -> str:
    """Return damage names of findings that lie on no element, each once."""
    return ", ".join(dict.fromkeys(damage_type(f.damage).label() for f in findings))
