"""What the river does near a bridge: the context of one crossing, and how it enters the bridge's priority.

The numbers come from `inference.river.crossing`. A profile asks for them by the input ``river_change`` (0 to 1): the
largest change that is told for sure, as a share of the channel's width, 1 from ``at_one`` in river_thresholds.yaml on.
What cannot be assessed is a missing input, with its full range; it is never counted as no change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from findings.asset import Asset, AssetKind
from findings.grading.trace import Words
from findings.measure import Measure

INPUT = "river_change"
"""Name of the input in priority profiles."""
CONTEXT = "river_context"
"""Attribute of a bridge that holds its contexts as ``to_json`` writes them, the most telling first."""

CROSSINGS = "crossings"
"""Where the state of a scanned reach keeps the contexts of its crossings."""


@dataclass(frozen=True, slots=True)
class RiverContext:
    """The river within some hundred metres of a bridge, between early and late scenes.

    Attributes:
        bridge_uid: of the bridge.
        river_uid: of the reach.
        post_km: 距離標 of the crossing.
        measures: changes in metres with 95 % intervals; absent where a scene cannot tell.
        told: names of the measures that are told for sure.
        early: days of the early scenes compared.
        late: days of the late ones.
        value: 0 to 1 for the priority; None where nothing can be assessed.
        words: the changes that are told, or why nothing is.
        notes: what the reader should know.
    """

    bridge_uid: str
    river_uid: str
    post_km: float
    measures: tuple[Measure, ...]
    told: tuple[str, ...]
    early: tuple[str, ...]
    late: tuple[str, ...]
    value: float | None
    words: Words
    notes: tuple[Words, ...] = ()

    @property
    def assessable(self) -> bool:
        """Whether anything can be said."""
        return self.value is not None

    def to_json(self) -> dict[str, Any]:
        """Return the context as plain values."""
        return {
            "bridge_uid": self.bridge_uid,
            "river_uid": self.river_uid,
            "post_km": self.post_km,
            "measures": [measure.to_json() for measure in self.measures],
            "told": list(self.told),
            "early": list(self.early),
            "late": list(self.late),
            "value": self.value,
            "ja": self.words.ja,
            "en": self.words.en,
            "notes": [[note.ja, note.en] for note in self.notes],
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> RiverContext:
        """Return the context that ``to_json`` wrote."""
        return cls(
            str(row["bridge_uid"]),
            str(row["river_uid"]),
            float(row["post_km"]),
            tuple(Measure.from_json(measure) for measure in row["measures"]),
            tuple(row["told"]),
            tuple(row["early"]),
            tuple(row["late"]),
            None if row["value"] is None else float(row["value"]),
            Words(str(row["ja"]), str(row["en"])),
            tuple(Words(ja, en) for ja, en in row["notes"]),
        )


def with_context(assets: Sequence[Asset], contexts: Sequence[RiverContext]) -> list[Asset]:
    """Return the assets with the contexts of their crossings: ``river_change`` and ``river_context`` of bridges.

    Of several rivers the largest change counts; a bridge none of whose crossings is assessable keeps its input missing.
    What an inventory states itself as ``river_change`` stays.
    """
    by_bridge: dict[str, list[RiverContext]] = {}
    for context in contexts:
        by_bridge.setdefault(context.bridge_uid, []).append(context)
    return [_with(asset, by_bridge.get(asset.uid, ())) for asset in assets]


def _with(asset: Asset, contexts: Sequence[RiverContext]) -> Asset:
    if asset.kind is not AssetKind.BRIDGE or not contexts:
        return asset
    order = sorted(contexts, key=lambda one: (-1.0 if one.value is None else one.value, one.river_uid), reverse=True)
    attributes: dict[str, Any] = {**asset.attributes, CONTEXT: [one.to_json() for one in order]}
    if order[0].value is not None:
        attributes.setdefault(INPUT, order[0].value)
    return replace(asset, attributes=attributes)


def context_words(asset: Asset | None) -> Words | None:
    """Return what the most telling context of a bridge says, or None where there is none or its list states a value."""
    rows = asset.attributes.get(CONTEXT) if asset is not None else None
    if asset is None or not isinstance(rows, list | tuple) or not rows:
        return None
    first = RiverContext.from_json(rows[0])
    return first.words if asset.attributes.get(INPUT) == first.value else None
