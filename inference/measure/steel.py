"""What stands for the rule of ① corrosion in a picture: the corroded share of the part looked at (着目部分)."""

from __future__ import annotations

from collections.abc import Sequence

from findings.asset import Structure
from findings.measure import Measure
from findings.taxonomy import member_kind
from inference.measure.area import View, seen_area
from inference.regions import Region

STEEL_GROUPS = frozenset({"superstructure", "bearing", "unseating"})
CONCRETE = frozenset({"Ds", "Em", "Cn"})  # of a steel bridge, what is concrete as a rule


def is_steel(member: str | None, structure: Structure) -> bool:
    """Return whether a picture surely shows steel: a member of a steel structure that is not of concrete as a rule.

    Piers, abutments and decks of steel bridges are mostly of concrete; where nobody named the member, nobody knows.
    """
    if structure is not Structure.STEEL or member is None or member in CONCRETE:
        return False
    return member_kind(member).group in STEEL_GROUPS


def measure_area_share(regions: Sequence[Region], view: View) -> Measure | None:
    """Return the corroded share of the member's visible area, all places of the picture together (``area_share``).

    The rule asks for the share of the part looked at. Where nobody outlined the member, the picture may show other
    things beside it: the share of the picture is then a lower bound alone, and the interval reaches up to 1.

    Args:
        regions: every corroded place of the picture.
        view: what of the picture may be judged.
    """
    if view.area_px == 0 or not regions:
        return None
    found = seen_area(regions, view)
    value = (found.value or 0.0) / view.area_px
    high = min(1.0, found.high / view.area_px) if view.outlined else 1.0
    how = f"{len(regions)} places together, share {view.words}"
    if not view.outlined:
        how += ": where other things are in view the member's share is larger, up to 1"
    return Measure("area_share", value, "ratio", found.low / view.area_px, high, how)
