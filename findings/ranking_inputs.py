"""What a score is made of: the facts of each asset, worked out once, and every input of one finding in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import shapely
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from findings.asset import Asset, AssetKind, Crossing
from findings.finding import Finding
from findings.priority_dates import deadline_of as deadline_of
from findings.priority_inputs import (
    Input,
    NearBridge,
    crossing_input,
    events_input,
    inventory_inputs,
    named_events,
    own_inputs,
    progression_input,
    soundness_input,
)
from findings.priority_values import OwnValues, Span
from findings.profile import Profile
from findings.ranking_formula import Formula
from findings.river_context import INPUT as RIVER_CHANGE
from findings.river_context import context_words

AT = ("low", "used", "high")
NEVER = date.max.toordinal()
METRES_A_DEGREE = 111_320.0
CROSSING = "crossing_bridge"


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """What an asset brings to the score of every finding on it.

    Attributes:
        asset: or None where it is not known.
        river: whether the table of river reaches counts.
        sound: its diagnosis; None for rivers, which have none.
        official: what that brings at its least, as counted and at its most; zeros for rivers.
        consequence: the same for its inventory, without the bridges near it.
        inventory: the inputs that this is the sum of.
        values: the same as counted, each 0 to 1.
        hazards: further inputs of the likelihood that the profile asks of bridges (fatigue, flooding ...).
        hazard: their sum at its least, as counted and at its most.
        deadline: ordinal of the day until which measures are due.
    """

    asset: Asset | None
    river: bool
    sound: Input | None
    official: Span
    consequence: Span
    inventory: tuple[Input, ...]
    values: tuple[float, ...]
    hazards: tuple[Input, ...]
    hazard: Span
    deadline: float
    emergency_route: float
    aadt: float
    events: frozenset[str]
    known_events: tuple[str, ...]
    each_event: float

    @classmethod
    def of(cls, asset: Asset | None, river_finding: bool, profile: Profile) -> AssetFacts:
        """Return the facts of an asset by a profile; without an asset the finding's domain chooses the table."""
        river = asset.kind is AssetKind.RIVER_REACH if asset else river_finding
        rows = profile.data["consequence_river" if river else "consequence"]
        inventory = tuple(inventory_inputs(rows, asset, float(profile.data["missing"]["consequence"])))
        fixed = [i for i in inventory if not _worked_out(i, asset, river)]
        asked = {} if river else _asked(profile.data["likelihood"].get("hazards", {}), asset)
        given = inventory_inputs(asked, asset, float(profile.data["missing"].get("hazard", 0.0)))
        hazards = tuple(_in_context(source, asked[source.name], asset) for source in given)
        sound = None if river else soundness_input(asset, profile)
        official = (sound.low, sound.used, sound.high) if sound else (0.0, 0.0, 0.0)
        by_name = {source.name: source.value or 0.0 for source in inventory}
        due = deadline_of(asset)
        table = profile.data["likelihood"]
        return cls(
            asset, river, sound, official,
            _total(fixed), inventory, tuple(value_of(i) for i in inventory), hazards, _total(hazards),
            float(due.toordinal() if due else NEVER),
            by_name.get("emergency_route", 0.0), by_name.get("aadt", 0.0),
            named_events(asset.attributes.get("specific_events") if asset else None),
            tuple(table["specific_events"]), float(table["specific_event"]),
        )  # fmt: skip

    def events_span(self, finding: Finding) -> float:
        """Return what specific events (特定事象) of asset and finding add."""
        own = finding.details.get("specific_events")
        named = self.events | named_events(own) if own else self.events
        return self.each_event * sum(event in named for event in self.known_events) if named else 0.0


def _asked(rows: Mapping[str, Mapping[str, Any]], asset: Asset | None) -> dict[str, Mapping[str, Any]]:
    """Return the hazards that a profile asks of this asset: one with ``where`` only of assets with that attribute."""
    known = asset.attributes if asset is not None else {}
    return {name: row for name, row in rows.items() if "where" not in row or known.get(row["where"]) is not None}


def _in_context(source: Input, row: Mapping[str, Any], asset: Asset | None) -> Input:
    """Return the input of the river near a bridge in the words of its scenes; any other one as it is."""
    words = context_words(asset) if source.name == RIVER_CHANGE else None
    if words is None:
        return source
    return replace(source, words_ja=f"{row['ja']}: {words.ja}", words_en=f"{row['en']}: {words.en}")


def value_of(source: Input) -> float:
    """Return an input as counted, 0 to 1, whatever it weighs."""
    return source.used / source.weight if source.weight else 0.0


def _total(sources: Sequence[Input]) -> Span:
    return sum(i.low for i in sources), sum(i.used for i in sources), sum(i.high for i in sources)


def _worked_out(source: Input, asset: Asset | None, river: bool) -> bool:
    """Return whether an input comes from the crossings of the finding's own place, as nobody stated it."""
    return river and source.name == CROSSING and asset is not None and asset.attributes.get(CROSSING) is None


@dataclass(frozen=True, slots=True)
class River:
    """Bridges over rivers, by river, with their own consequence.

    Attributes:
        searched: whether crossings were looked for everywhere, so that a river without any has none.
    """

    bridges: Mapping[str, tuple[tuple[Crossing, str, Span], ...]]
    within_m: float
    searched: bool

    @classmethod
    def of(cls, crossings: Sequence[Crossing], assets: Mapping[str, Asset], profile: Profile) -> River:
        """Return the crossings with the consequence of each bridge by the same profile."""
        found: dict[str, list[tuple[Crossing, str, Span]]] = {}
        facts: dict[str, AssetFacts] = {}
        total = sum(float(row["weight"]) for row in profile.data["consequence"].values())
        for crossing in crossings:
            bridge = assets.get(crossing.bridge_uid)
            if bridge is None:
                continue
            if bridge.uid not in facts:
                facts[bridge.uid] = AssetFacts.of(bridge, False, profile)
            low, used, high = (min(1.0, value / total) if total else 0.0 for value in facts[bridge.uid].consequence)
            found.setdefault(crossing.river_uid, []).append((crossing, bridge.name, (low, used, high)))
        within = float(profile.data.get("crossing_within_m", 200.0))
        searched = any(crossing.source == "geometry" for crossing in crossings)
        return cls({uid: tuple(rows) for uid, rows in found.items()}, within, searched)


def near_bridges(finding: Finding, facts: AssetFacts, river: River) -> Input | None:
    """Return what bridges near a river finding add, or None where that is stated, not asked or no river.

    Without crossings or without a place of the finding the input is missing, with its full range.
    """
    source = next((i for i in facts.inventory if i.name == CROSSING), None) if facts.river else None
    if source is None or facts.asset is None or not _worked_out(source, facts.asset, True):
        return None
    rows = river.bridges.get(facts.asset.uid, ())
    place = finding.geometry_lonlat
    if place is None or place.is_empty or not (rows or river.searched):
        return source
    near = [
        NearBridge(name, distance, *span)
        for crossing, name, span in rows
        if (distance := metres_to(place, crossing.lonlat)) <= river.within_m
    ]
    row = {"weight": source.weight, "ja": source.words_ja.split(":")[0], "en": source.words_en.split(":")[0]}
    return crossing_input(row, near, river.within_m)


def metres_to(place: BaseGeometry, lonlat: tuple[float, float]) -> float:
    """Return the distance in metres from an outline or point in lon, lat to a point: a bar is longer than 200 m."""
    squeeze = math.cos(math.radians(lonlat[1]))
    if isinstance(place, Point):
        east, north = place.x - lonlat[0], place.y - lonlat[1]
        return math.hypot(east * squeeze, north) * METRES_A_DEGREE
    flat = shapely.transform(shapely.force_2d(place), lambda xy: (xy - np.array(lonlat)) * (squeeze, 1.0))
    return float(shapely.distance(flat, Point(0, 0))) * METRES_A_DEGREE


@dataclass(frozen=True, slots=True)
class Inputs:
    """Every input of one finding, and the formula of the profile over them."""

    own: tuple[Input, ...]
    soundness: Input | None
    adds: tuple[Input, ...]
    consequence: tuple[Input, ...]
    formula: Formula
    closed: bool

    def score(self, at: str) -> float:
        """Return the score, 0 to 100, with every missing input at its least, as counted or at its most."""
        return 0.0 if self.closed else self.formula.score(*self._sums(at))

    def points(self) -> list[tuple[Input, float]]:
        """Return every input with its points, which sum to the score; what a clip cuts off goes off in proportion."""
        return [(source, points) for source, points, _ in self.explained()]

    def explained(self) -> list[tuple[Input, float, tuple[float, float] | None]]:
        """Return every input, its points, and the scores with it at its least and at its most; None if it is known."""
        sums = self._sums("used")
        own_raw, official_raw, added, raw = sums
        own, official = self.formula.shares(own_raw, official_raw)
        likelihood = self.formula.likelihood(own_raw, official_raw, added)
        fixed, factor = (0.0, 0.0) if self.closed else self.formula.factors(likelihood)
        kept = (likelihood - own - official) / added if added else 1.0
        each = own / own_raw if own_raw else 0.0
        clipped = min(raw, 1.0) / raw if raw else 0.0
        found = [(i, fixed * i.used * each, self._ends(sums, 0, i)) for i in self.own]
        if self.soundness is not None:
            found.append((self.soundness, fixed * official, self._ends(sums, 1, self.soundness)))
        found += [(i, fixed * i.used * kept, self._ends(sums, 2, i)) for i in self.adds]
        score = fixed * likelihood
        for i in self.consequence:  # at one likelihood the score is linear in the consequence
            ends = None
            if i.low != i.high and not self.closed:
                low, high = (score + factor * min(raw - i.used + end, 1.0) for end in (i.low, i.high))
                ends = low, high
            found.append((i, factor * i.used * clipped, ends))
        return found

    def _ends(self, sums: tuple[float, float, float, float], part: int, source: Input) -> tuple[float, float] | None:
        if source.low == source.high or self.closed:
            return None
        low, high = list(sums), list(sums)
        low[part] += source.low - source.used
        high[part] += source.high - source.used
        return self.formula.score(*low), self.formula.score(*high)

    def _sums(self, at: str) -> tuple[float, float, float, float]:
        return (
            sum(getattr(i, at) for i in self.own),
            float(getattr(self.soundness, at)) if self.soundness else 0.0,
            sum(getattr(i, at) for i in self.adds),
            sum(getattr(i, at) for i in self.consequence),
        )


def inputs_of(
    finding: Finding,
    facts: AssetFacts,
    profile: Profile,
    values: OwnValues,
    state: object,
    near: Input | None,
    formula: Formula,
) -> Inputs:
    """Return every input of one finding, in words."""
    events = facts.events | named_events(finding.details.get("specific_events"))
    adds = [progression_input(state, values)]
    if (event := events_input(events, profile)) is not None:
        adds.append(event)
    adds += facts.hazards
    consequence = tuple(near if near is not None and i.name == CROSSING else i for i in facts.inventory)
    return Inputs(
        tuple(own_inputs(finding, values)),
        facts.sound,
        tuple(adds),
        consequence,
        formula,
        values.review_weights[finding.status] == 0,
    )
