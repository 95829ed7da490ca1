"""The words by which people and label tools name a damage: one label a damage, several where a damage has kinds.

``⑧ leakage and efflorescence`` is one damage in the standard and three classes to the eye and to a network; a label is
a damage code together with the facts that tell its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from findings.errors import RecordError
from findings.taxonomy import ANOMALY, damage_type, damage_types


@dataclass(frozen=True, slots=True)
class Label:
    """A word of the label tools.

    Attributes:
        name: e.g. ``crack``, or ``26 Scour`` for damages that have no class of their own.
        damage: the damage code that it means.
        facts: what it states to the grading, e.g. ``{"efflorescence": True}``.
    """

    name: str
    damage: str
    facts: Mapping[str, bool] = field(default_factory=dict)


CLASSES = (
    Label("crack", "6"),
    Label("spalling", "7"),
    Label("exposed_rebar", "7", {"rebar_exposed": True}),
    Label("wet_spot", "8"),
    Label("efflorescence", "8", {"efflorescence": True}),
    Label("rust", "8", {"rust_or_mud": True}),
)
"""The classes of concrete damage that networks tell apart."""


def seen_as(damage: str, label: str | None = None) -> str:
    """Return the damage whose label eye and network give: what only member or material tells apart looks alike.

    A crack in a deck slab (⑪) looks like any other (⑥), and rust on steel (①) like the rust of bars in concrete (⑧).

    Args:
        damage: of a finding.
        label: class that its model or mask said, or None.
    """
    if damage == "1" and label == "rust":
        return "8"
    return "6" if damage == "11" else damage


@lru_cache(maxsize=1)
def labels() -> tuple[Label, ...]:
    """Return every label: the classes of concrete damage, then each further damage of the standards by its code."""
    named = {label.damage for label in CLASSES}
    others = [Label(f"{kind.code} {kind.en}", kind.code) for kind in damage_types() if kind.code not in named]
    return (*CLASSES, *others, Label(ANOMALY, ANOMALY))


def label_named(name: str) -> Label:
    """Return the label of a name.

    Raises:
        RecordError: there is none of that name.
    """
    found = next((label for label in labels() if label.name == name), None)
    if found is None:
        words = ", ".join(label.name for label in CLASSES)
        raise RecordError(
            f"label {name[:60]!r} is unknown; expected {words}, or a damage by code and name such as "
            f"{'26 ' + damage_type('26').en!r}"
        )
    return found


def class_key(label: Label) -> str | None:
    """Return what tells the classes of one damage apart in findings' details and ids; None where there is one only."""
    return label.name if sum(other.damage == label.damage for other in labels()) > 1 else None


def label_of(damage: str, details: Mapping[str, Any]) -> Label:
    """Return the label of a finding: the class that its model said, else the one of its damage whose facts all hold."""
    damage = seen_as(damage, details.get("class"))
    said = next((label for label in labels() if label.name == details.get("class") and label.damage == damage), None)
    if said is not None:
        return said
    fitting = [
        label
        for label in labels()
        if label.damage == damage and all(details.get(fact) is value for fact, value in label.facts.items())
    ]
    return max(fitting, key=lambda label: len(label.facts), default=Label(damage, damage))
