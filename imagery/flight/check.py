"""The check of a flight, from images to its report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from findings.errors import InputError
from findings.survey import Image
from imagery.flight.adjust import Adjusted, Problem, adjust, first_gsd_m
from imagery.flight.features import Features, FeatureStore
from imagery.flight.pairs import Pair, candidate_pairs, rescue_pairs
from imagery.flight.register import Registration, register
from imagery.flight.report import FlightReport
from imagery.flight.stations import Flight, Station, flight_of
from imagery.flight.turn import Turn, corrected_factor
from imagery.flight.turned import find_turns
from imagery.flight.verdicts import report_of

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Evidence:
    """What was seen of a flight.

    Attributes:
        flight: as recorded.
        candidates: pairs that should show the same ground.
        registrations: pairs that do.
        features: number of features by index.
        unreadable: reason by index.
        flipped: pictures that fit only flipped left to right.
    """

    flight: Flight
    candidates: list[Pair] = field(default_factory=list)
    registrations: list[Registration] = field(default_factory=list)
    features: dict[int, int] = field(default_factory=dict)
    unreadable: dict[int, str] = field(default_factory=dict)
    flipped: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Solution:
    """The flight adjusted, with the turned pictures by index; ``adjusted`` is None without registrations."""

    adjusted: Adjusted | None
    turns: dict[int, Turn]
    yaw_errors_deg: dict[int, float]


def check_flight(images: Sequence[Image], progress: Progress | None = None) -> FlightReport:
    """Return what the overlap of a survey's photographs says about their recorded places, directions and scale.

    Args:
        images: of one survey; what is no photograph that looks down is told and left out.
        progress: called as ``progress(what, done, total)``.

    Raises:
        InputError: fewer than two photographs, fewer than two recorded places, or all of them at one place.
    """
    flight = flight_of(images)
    evidence = look(flight, progress)
    return report_of(evidence, solve(evidence))


def look(flight: Flight, progress: Progress | None = None) -> Evidence:
    """Return what the pictures of a flight show: features, and the pairs that fit.

    Pictures that fit nobody are tried flipped left to right, then with pictures farther away.
    """
    evidence = Evidence(flight, candidate_pairs(flight.stations))
    with FeatureStore([station.image for station in flight.stations]) as store:
        looker = _Looker(evidence, store, progress)
        looker.register(evidence.candidates)
        if lonely := looker.lonely():
            looker.register_flipped(lonely)
        if lonely := looker.lonely():
            looker.register(rescue_pairs(flight.stations, lonely, evidence.candidates))
    return evidence


def solve(evidence: Evidence) -> Solution:
    """Return the adjusted flight and its turned pictures.

    Directions are first left to pairs and places alone, so that a turned picture cannot pull at the others; what is
    turned is then put right, and recorded scales and directions take part.
    """
    stations, registrations = evidence.flight.stations, evidence.registrations
    places = [station.place_m for station in stations]
    gsd = first_gsd_m(places, registrations)
    if gsd is None:
        return Solution(None, {}, {})
    width = float(np.median([station.image.width_px for station in stations]))
    recorded = [station.factor for station in stations]
    free = adjust(Problem(places, recorded, registrations, gsd, width), use_factors=False)
    turns, _ = find_turns(stations, registrations, free, evidence.flipped)
    for _ in range(2):  # a second time for pictures whose places alone could not tell their direction
        factors = [None if r is None else corrected_factor(r, turns.get(i)) for i, r in enumerate(recorded)]
        adjusted = adjust(Problem(places, factors, registrations, gsd, width), use_factors=True)
        again, errors = find_turns(stations, registrations, adjusted, evidence.flipped)
        if again.keys() == turns.keys():
            break
        turns = again
    return Solution(adjusted, again, errors)


class _Looker:
    """Registers pairs and keeps what was seen; a picture that cannot be read is told once and passed over."""

    def __init__(self, evidence: Evidence, store: FeatureStore, progress: Progress | None) -> None:
        self.evidence = evidence
        self.store = store
        self.progress = progress

    def register(self, pairs: Sequence[Pair]) -> None:
        for done, (i, j) in enumerate(pairs):
            self._tell(i, j, done, len(pairs))
            self._try(i, j, self._known_flip(i), self._known_flip(j))
        self._tell(None, None, len(pairs), len(pairs))

    def register_flipped(self, lonely: Sequence[int]) -> None:
        """Try pictures without partner flipped left to right; where both are alone, one of them."""
        alone = set(lonely)
        for i, j in self.evidence.candidates:
            if (i in alone) == (j in alone):
                continue
            flips = [not self._station(k).mirrored if k in alone else self._known_flip(k) for k in (i, j)]
            if self._try(i, j, *flips):
                self.evidence.flipped.add(i if i in alone else j)

    def lonely(self) -> list[int]:
        """Return pictures that were read and fitted nobody."""
        partners = {index for pair in self.evidence.registrations for index in (pair.first, pair.second)}
        return sorted(self.evidence.features.keys() - partners)

    def _known_flip(self, index: int) -> bool:
        return self.evidence.flight.stations[index].mirrored ^ (index in self.evidence.flipped)

    def _try(self, i: int, j: int, flip_i: bool, flip_j: bool) -> bool:
        one, two = self._features(i, flip_i), self._features(j, flip_j)
        found = None if one is None or two is None else register(i, one, j, two)
        if found is not None:
            self.evidence.registrations.append(found)
        return found is not None

    def _features(self, index: int, flip: bool) -> Features | None:
        if index in self.evidence.unreadable:
            return None
        try:
            features = self.store.get(index, mirrored=flip)
        except InputError as error:
            self.evidence.unreadable[index] = str(error)
            return None
        self.evidence.features.setdefault(index, len(features))
        return features

    def _tell(self, i: int | None, j: int | None, done: int, total: int) -> None:
        if self.progress is None:
            return
        names = [self._station(k).name for k in (i, j) if k is not None]
        self.progress(" + ".join(names), done, total)

    def _station(self, index: int) -> Station:
        return self.evidence.flight.stations[index]
