"""What a score is made of: the facts of each asset, worked out once, and every input of one finding in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from findings.asset import Asset, AssetKind, Crossing
from findings.finding import Finding
from findings.priority_dates import deadline_of as deadline_of
from findings.priority_inputs import (
    Input,
    NearBridge,
    compared,
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
from findings.tracking import TrackState

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
        official: what its diagnosis brings at its least, as counted and at its most; zeros for rivers.
        consequence: the same for its inventory, without the bridges near it.
        inventory: the inputs that this is the sum of.
        deadline: ordinal of the day until which measures are due.
    """

    asset: Asset | None
    river: bool
    official: Span
    consequence: Span
    inventory: tuple[Input, ...]
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
        official = (0.0, 0.0, 0.0)
        if not river:
            sound = soundness_input(asset, profile)
            official = (sound.low, sound.used, sound.high)
        by_name = {source.name: source.value or 0.0 for source in inventory}
        due = deadline_of(asset)
        table = profile.data["likelihood"]
        return cls(
            asset, river, official,
            (sum(i.low for i in fixed), sum(i.used for i in fixed), sum(i.high for i in fixed)),
            inventory, float(due.toordinal() if due else NEVER),
            by_name.get("emergency_route", 0.0), by_name.get("aadt", 0.0),
            named_events(asset.attributes.get("specific_events") if asset else None),
            tuple(table["specific_events"]), float(table["specific_event"]),
        )  # fmt: skip

    def events_span(self, finding: Finding) -> float:
        """Return what specific events (特定事象) of asset and finding add."""
        own = finding.details.get("specific_events")
        named = self.events | named_events(own) if own else self.events
        return self.each_event * sum(event in named for event in self.known_events) if named else 0.0


def _worked_out(source: Input, asset: Asset | None, river: bool) -> bool:
    """Return whether an input comes from the crossings of the finding's own place, as nobody stated it."""
    return river and source.name == CROSSING and asset is not None and asset.attributes.get(CROSSING) is None


@dataclass(frozen=True, slots=True)
class River:
    """Bridges over rivers, by river, with their own consequence; None where no crossings were given at all."""

    bridges: Mapping[str, tuple[tuple[Crossing, str, Span], ...]]
    within_m: float
    known: bool

    @classmethod
    def of(cls, crossings: Sequence[Crossing], assets: Mapping[str, Asset], profile: Profile) -> River:
        """Return the crossings with the consequence of each bridge by the same profile."""
        found: dict[str, list[tuple[Crossing, str, Span]]] = {}
        facts: dict[str, AssetFacts] = {}
        for crossing in crossings:
            bridge = assets.get(crossing.bridge_uid)
            if bridge is None:
                continue
            if bridge.uid not in facts:
                facts[bridge.uid] = AssetFacts.of(bridge, False, profile)
            own = facts[bridge.uid]
            total = sum(float(row["weight"]) for row in profile.data["consequence"].values())
            low, used, high = (min(1.0, value / total) if total else 0.0 for value in own.consequence)
            found.setdefault(crossing.river_uid, []).append((crossing, bridge.name, (low, used, high)))
        within = float(profile.data.get("crossing_within_m", 200.0))
        return cls({uid: tuple(rows) for uid, rows in found.items()}, within, bool(crossings))


def near_bridges(finding: Finding, facts: AssetFacts, river: River) -> Input | None:
    """Return what bridges near a river finding add, or None where that is stated, not asked or no river.

    Without crossings or without a place of the finding the input is missing, with its full range.
    """
    source = next((i for i in facts.inventory if _worked_out(i, facts.asset, facts.river)), None)
    if source is None or facts.asset is None:
        return None
    if not river.known or finding.geometry_lonlat is None:
        return source
    place = finding.geometry_lonlat.centroid
    squeeze = math.cos(math.radians(place.y))
    near = []
    for crossing, name, span in river.bridges.get(facts.asset.uid, ()):
        east = (crossing.lonlat[0] - place.x) * METRES_A_DEGREE * squeeze
        north = (crossing.lonlat[1] - place.y) * METRES_A_DEGREE
        distance = math.hypot(east, north)
        if distance <= river.within_m:
            near.append(NearBridge(name, distance, *span))
    row = {"weight": source.weight, "ja": source.words_ja.split(":")[0], "en": source.words_en.split(":")[0]}
    return crossing_input(row, near, river.within_m)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Every input of one finding, and the formula of the profile over them."""

    own: tuple[Input, ...]
    soundness: Input | None
    adds: tuple[Input, ...]
    consequence: tuple[Input, ...]
    profile: Profile
    closed: bool

    def with_one_at(self, name: str, at: str) -> Inputs:
        """Return the inputs with one of them as if its value were known to be its least or its most."""

        def fixed(sources: tuple[Input, ...]) -> tuple[Input, ...]:
            return tuple(_fixed(source, at) if source.name == name else source for source in sources)

        sound = _fixed(self.soundness, at) if self.soundness and self.soundness.name == name else self.soundness
        return replace(
            self, own=fixed(self.own), soundness=sound, adds=fixed(self.adds), consequence=fixed(self.consequence)
        )

    def shares(self, at: str) -> tuple[float, float]:
        """Return what own part and soundness bring to the likelihood: the larger in full, the smaller in part."""
        own = min(sum(getattr(i, at) for i in self.own), 1.0)
        official = float(getattr(self.soundness, at)) if self.soundness else 0.0
        rest = (1.0 - max(own, official)) * float(self.profile.data["second_share"])
        return (own, rest * official) if own >= official else (rest * own, official)

    def likelihood(self, at: str) -> float:
        """Return the likelihood, 0 to 1; 0 for what was rejected."""
        raw = sum(self.shares(at)) + sum(getattr(i, at) for i in self.adds)
        return 0.0 if self.closed else min(max(raw, 0.0), 1.0)

    def score(self, at: str) -> float:
        """Return the score, 0 to 100, with every missing input at its least, as counted or at its most."""
        fixed, factor = self._consequence_factors(self.likelihood(at))
        consequence = min(sum(getattr(i, at) for i in self.consequence), 1.0)
        return fixed * self.likelihood(at) + factor * consequence

    def points(self) -> list[tuple[Input, float]]:
        """Return every input with its points, which sum to the score; what a clip cuts off goes off in proportion."""
        likelihood = self.likelihood("used")
        fixed, factor = self._consequence_factors(likelihood)
        own, official = (0.0, 0.0) if self.closed else self.shares("used")
        added, own_raw = sum(i.used for i in self.adds), sum(i.used for i in self.own)
        kept = (likelihood - own - official) / added if added else float(not self.closed)
        each = own / own_raw if own_raw else 0.0
        found = [(i, fixed * i.used * each) for i in self.own]
        found += [(self.soundness, fixed * official)] if self.soundness else []
        found += [(i, fixed * i.used * kept) for i in self.adds]
        raw = sum(i.used for i in self.consequence)
        clipped = min(raw, 1.0) / raw if raw else 0.0
        return found + [(i, factor * i.used * clipped) for i in self.consequence]

    def _consequence_factors(self, likelihood: float) -> tuple[float, float]:
        """Return the points of a likelihood of 1, and those of a consequence of 1 at this likelihood."""
        data = self.profile.data
        if data["formula"] == "sum":
            return 100.0 * float(data["condition_weight"]), 0.0 if self.closed else 100.0
        base = float(data["base"])
        return 100.0 * base, 100.0 * likelihood * (1.0 - base)


def _fixed(source: Input, at: str) -> Input:
    return replace(source, used=getattr(source, at))


def inputs_of(
    finding: Finding,
    facts: AssetFacts,
    profile: Profile,
    values: OwnValues,
    tracks: Mapping[str, TrackState],
    near: Input | None,
) -> Inputs:
    """Return every input of one finding, in words."""
    events = facts.events | named_events(finding.details.get("specific_events"))
    adds = [progression_input(compared(finding, tracks), values)]
    if (event := events_input(events, profile)) is not None:
        adds.append(event)
    consequence = tuple(near if near is not None and i.name == CROSSING else i for i in facts.inventory)
    return Inputs(
        tuple(own_inputs(finding, values)),
        None if facts.river else soundness_input(facts.asset, profile),
        tuple(adds),
        consequence,
        profile,
        values.review_weights[finding.status] == 0,
    )
