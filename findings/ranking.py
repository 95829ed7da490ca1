"""The ranked list: score = 100 x likelihood x (base + (1 - base) x consequence), with every point explained.

``consequence = sum(weight x input)``; the likelihood's formula heads ``standards/priority_profile.yaml``. A profile of
the formula ``sum`` scores 100 x (condition_weight x likelihood + consequence) instead. Where inputs are missing,
``low`` and ``high`` tell the score with all of them at 0 and at 1. A finding with several possible grades counts with
the mean of their values, between the best (``low``) and the worst (``high``) of them.

The numbers of a list are worked out in arrays; the words of a finding only when somebody asks for them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from findings.asset import Asset, Crossing
from findings.finding import Domain, Finding, Priority, Term
from findings.priority_inputs import Input, compared
from findings.priority_values import OwnValues
from findings.profile import Profile, load_profile
from findings.ranking_formula import Formula
from findings.ranking_inputs import AT, AssetFacts, Inputs, River, deadline_of, inputs_of, near_bridges, value_of
from findings.ranking_rules import CANDIDATE, CONFIRMED, LAST_BAND, OFFICIAL, Place, place_of
from findings.tracking import TrackState

__all__ = ["CANDIDATE", "CONFIRMED", "OFFICIAL", "Profile", "Ranking", "deadline_of", "load_profile", "rank",
           "score_finding"]  # fmt: skip

ROUNDED = 9  # decimals from which two scores are the same
TINY = 10.0**-ROUNDED
NOTHING = (0.0, 0.0, 0.0)
PEOPLE_UNKNOWN = (
    "第三者被害: データなし(下に第三者がいれば区分の最上位)",
    "third parties below: missing (with people below it comes first in its section)",
)


def rank(
    findings: Sequence[Finding],
    assets: Mapping[str, Asset],
    profile: Profile,
    *,
    today: date | None = None,
    tracks: Mapping[str, TrackState] | None = None,
    crossings: Sequence[Crossing] = (),
    rejected_before: Collection[str] = (),
) -> tuple[Priority, ...]:
    """Return the priorities of all findings in list order; nothing is dropped. See `Ranking`."""
    made = Ranking(
        findings, assets, profile, today=today, tracks=tracks, crossings=crossings, rejected_before=rejected_before
    )
    return made.priorities()


def score_finding(
    finding: Finding,
    asset: Asset | None,
    profile: Profile,
    *,
    today: date | None = None,
    tracks: Mapping[str, TrackState] | None = None,
) -> Priority:
    """Return the priority of one finding alone; its ranks are 0, for there is no list."""
    assets = {} if asset is None or finding.asset_uid is None else {finding.asset_uid: asset}
    alone = Ranking([finding], assets, profile, today=today, tracks=tracks).explain(0)
    terms = tuple(replace(term, best_rank=0, worst_rank=0) for term in alone.terms)
    return replace(alone, terms=terms, rank=0, best_rank=0, worst_rank=0)


class Ranking:
    """All findings in list order, with their scores; words are made on demand.

    Sections come first (official, confirmed, candidate); in each, what may fall on third parties; then the score; ties
    are broken by deadline, emergency route, traffic, own part, size, model score and at last the id, so that the order
    is total and does not depend on the input's.

    Attributes:
        findings: in list order.
        assets, tracks, crossings, today: as given.
        score, low, high: ``(N,)`` in list order.
        likelihood: ``(N,)`` as counted, 0 to 1.
        closed: ``(N,)`` True for what was rejected.
        bands: ``(N,)`` parts of the list, ascending; no score leads out of them.
        best_rank, worst_rank: ``(N,)`` places with every missing input of the finding at its most and at its least,
            all others staying; they never leave the section.

    Args:
        findings: bridges and rivers together.
        assets: by uid; a finding whose asset is not there has every inventory input missing.
        profile: the agency's table.
        today: for the rule on deadlines; without it a class III counts as due.
        tracks: what the comparison with the last inspection says, by finding uid.
        crossings: of bridges and rivers; what a bridge near a river finding would lose counts for it.
        rejected_before: uids of candidates whose counterpart people rejected at the last inspection.
    """

    def __init__(
        self,
        findings: Sequence[Finding],
        assets: Mapping[str, Asset],
        profile: Profile,
        *,
        today: date | None = None,
        tracks: Mapping[str, TrackState] | None = None,
        crossings: Sequence[Crossing] = (),
        rejected_before: Collection[str] = (),
    ) -> None:
        self.profile = profile
        self.formula = Formula.of(profile)
        self._values = OwnValues.of(profile)
        self.tracks = tracks or {}
        self.assets = assets
        self.today = today
        self.crossings = tuple(crossings)
        self._river = River.of(crossings, assets, profile)
        self._facts: dict[tuple[str | None, bool], AssetFacts] = {}
        self._known_places: dict[object, Place] = {}
        self._rejected_before = frozenset(rejected_before)
        third = profile.data["hard_rules"]["third_party"]
        self._falling, self._people = frozenset(third["damages"]), str(third["input"])
        numbers = _Numbers(len(findings))
        places: list[Place] = []
        for finding in findings:
            facts = self._facts_of(finding)
            places.append(self._place(finding, facts))
            near = near_bridges(finding, facts, self._river) if facts.river else None
            numbers.read(finding, facts, self._values, compared(finding, self.tracks), near)
        numbers.finish(self.formula)
        band = np.array([place.band for place in places], np.int64)
        order = _order(findings, numbers, band)
        self.findings: tuple[Finding, ...] = tuple(findings[i] for i in order)
        self._places: tuple[Place, ...] = tuple(places[i] for i in order)
        self.low, self.score, self.high = (column[order] for column in numbers.scores.T)
        self.likelihood, self.closed = numbers.likelihood[order], numbers.closed[order]
        self.bands = band[order]
        self._bounds: list[int] = np.searchsorted(self.bands, np.arange(LAST_BAND + 2)).tolist()
        self._rising: list[float] = (-self.score).tolist()  # ascending within each band
        self.best_rank, self.worst_rank = self._ranges()

    def __len__(self) -> int:
        return len(self.findings)

    def section(self, index: int) -> str:
        """Return the section of the finding at an index."""
        return self._places[index].section

    def rules(self, index: int) -> tuple[tuple[str, str], ...]:
        """Return the hard rules that placed the finding at an index, in words (ja, en)."""
        return self._places[index].rules

    def priorities(self) -> tuple[Priority, ...]:
        """Return the priorities of all findings in list order."""
        return tuple(self.explain(index) for index in range(len(self)))

    def explain(self, index: int) -> Priority:
        """Return the priority of the finding at an index of the list, every term in words, largest contribution first.

        A missing input says between which ranks the finding would stand with it at 1 and at 0.
        """
        finding, place = self.findings[index], self._places[index]
        inputs = self.inputs(index)
        terms = []
        for source, points, ends in inputs.explained():
            best = worst = 0
            if ends is not None:
                raised = place.if_people_below if source.name == self._people else None
                best = min(self._best_at(ends[1], place.band if raised is None else raised), index + 1)
                worst = max(self._worst_at(ends[0], place.band), index + 1)
            terms.append(
                Term(source.name, source.value, source.weight, points, source.words_ja, source.words_en, best, worst)
            )
        if place.if_people_below is not None and not any(term.name == self._people for term in terms):
            best = min(self._best_at(float(self.score[index]), place.if_people_below), index + 1)
            terms.append(Term(self._people, None, 0.0, 0.0, *PEOPLE_UNKNOWN, best, index + 1))
        terms += [Term("hard_rule", 1.0, 0.0, 0.0, ja, en) for ja, en in place.rules]
        terms.sort(key=lambda term: (-term.contribution, term.name))
        return Priority(
            finding.uid, float(self.score[index]), float(self.low[index]), float(self.high[index]), place.section,
            tuple(terms), self.profile.label, index + 1, int(self.best_rank[index]), int(self.worst_rank[index]),
        )  # fmt: skip

    def facts(self, index: int) -> AssetFacts:
        """Return what the asset of the finding at an index brings."""
        return self._facts_of(self.findings[index])

    def consequence_values(self, index: int) -> tuple[float, ...]:
        """Return every input of the consequence as counted, 0 to 1, in the order of the profile's table."""
        finding = self.findings[index]
        facts = self._facts_of(finding)
        near = near_bridges(finding, facts, self._river) if facts.river else None
        if near is None:
            return facts.values
        return tuple(value_of(near if i.name == near.name else i) for i in facts.inventory)

    def inputs(self, index: int) -> Inputs:
        """Return every input of the finding at an index of the list."""
        finding = self.findings[index]
        facts = self._facts_of(finding)
        near = near_bridges(finding, facts, self._river)
        state = compared(finding, self.tracks)
        return inputs_of(finding, facts, self.profile, self._values, state, near, self.formula)

    def _facts_of(self, finding: Finding) -> AssetFacts:
        return self.asset_facts(finding.asset_uid, finding.domain is Domain.RIVER)

    def asset_facts(self, uid: str | None, river: bool) -> AssetFacts:
        """Return what an asset brings; the domain of its findings chooses the table where nobody knows the asset."""
        known = self._facts.get((uid, river))
        if known is None:
            asset = self.assets.get(uid) if uid is not None else None
            known = self._facts[uid, river] = AssetFacts.of(asset, river, self.profile)
        return known

    def deadline(self, asset: Asset) -> date:
        """Return until when measures on an asset are due; the last day that there is where nobody knows."""
        return deadline_of(asset) or date.max

    def _place(self, finding: Finding, facts: AssetFacts) -> Place:
        before = finding.uid in self._rejected_before and self.tracks.get(finding.uid) is not TrackState.PROGRESSED
        key: tuple[object, ...] = (id(facts), finding.status, before)
        if finding.damage in self._falling:
            codes = finding.grade.codes if finding.grade else ()
            key = (*key, finding.damage, finding.member, finding.final_grade or codes)
        if key not in self._known_places:
            self._known_places[key] = place_of(finding, facts.asset, self.profile, self.today, before)
        return self._known_places[key]

    def _ranges(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the best and worst places, with everything that is missing at its most and at its least."""
        best, worst = (np.arange(1, len(self.score) + 1) for _ in range(2))
        raised = np.array([p.band if p.if_people_below is None else p.if_people_below for p in self._places], np.int64)
        rising = -self.score
        for band in np.unique(np.concatenate([self.bands, raised])):
            start, end = self._bounds[band], self._bounds[band + 1]
            part = rising[start:end]
            up = np.flatnonzero((raised == band) & ((self.high > self.score + TINY) | (raised != self.bands)))
            best[up] = np.minimum(best[up], start + np.searchsorted(part, -self.high[up] - TINY, "left") + 1)
            down = np.flatnonzero((self.bands == band) & (self.low < self.score - TINY))
            worst[down] = np.maximum(worst[down], start + np.searchsorted(part, -self.low[down] + TINY, "right"))
        return best, worst

    def _best_at(self, score: float, band: int) -> int:
        start, end = self._bounds[band], self._bounds[band + 1]
        return bisect_left(self._rising, -score - TINY, start, end) + 1

    def _worst_at(self, score: float, band: int) -> int:
        return bisect_right(self._rising, -score + TINY, self._bounds[band], self._bounds[band + 1])


class _Numbers:
    """The numbers of a list, one row a finding and one column for each of least, as counted, most.

    Attributes:
        likelihood: ``(N,)`` as counted.
        scores: ``(N, 3)``.
        own: ``(N,)`` the findings' own part as counted, 0 to 1.
    """

    def __init__(self, count: int) -> None:
        self._rows: list[tuple[float, ...]] = []
        self.ties: list[tuple[float, ...]] = []  # deadline, emergency route, traffic, size
        self.closed = np.zeros(count, bool)
        self.likelihood, self.own, self.scores = np.zeros(count), np.zeros(count), np.zeros((count, 3))

    def read(self, finding: Finding, facts: AssetFacts, values: OwnValues, state: object, near: Input | None) -> None:
        """Take the next finding; the same sums as `inputs_of` makes in words."""
        size = values.size(finding)
        graded, extent, sure = values.graded(finding), values.extent(size), values.confidence(finding)
        change, events, hazard, further = values.change(state), facts.events_span(finding), facts.hazard, NOTHING
        if near is not None:
            further = near.low, near.used, near.high
        self._rows.append(
            (
                graded[0] + extent[0] + sure[0], graded[1] + extent[1] + sure[1], graded[2] + extent[2] + sure[2],
                change[0] + events + hazard[0], change[1] + events + hazard[1], change[2] + events + hazard[2],
                *facts.official,
                facts.consequence[0] + further[0], facts.consequence[1] + further[1], facts.consequence[2] + further[2],
            )
        )  # fmt: skip
        self.closed[len(self.ties)] = values.review_weights[finding.status] == 0
        half = 0.0 if size is None else (size[0].value or 0.0) / size[1]
        self.ties.append((facts.deadline, -facts.emergency_route, -facts.aadt, -half))

    def finish(self, formula: Formula) -> None:
        """Work out likelihoods and scores once every finding was read."""
        if not self._rows:
            return
        own, added, official, consequence = np.array(self._rows).reshape(-1, 4, 3).transpose(1, 2, 0)
        self.own = np.minimum(own[1], 1.0)
        for k in range(len(AT)):
            likelihood = formula.likelihoods(own[k], official[k], added[k], self.closed)
            self.scores[:, k] = formula.scores(likelihood, consequence[k], self.closed)
            if AT[k] == "used":
                self.likelihood = likelihood


def _order(findings: Sequence[Finding], numbers: _Numbers, band: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the indices in list order; the last key of ``lexsort`` is the first that counts."""
    if not findings:
        return np.zeros(0, np.int64)
    sure = np.array([finding.score for finding in findings], float)
    deadline, route, traffic, size = np.array(numbers.ties).T
    keys = (
        np.array([finding.image_uid for finding in findings]),
        np.array([finding.uid for finding in findings]),
        -np.where(np.isfinite(sure), sure, 0.0),
        size,
        -np.round(numbers.own, 12),
        traffic,
        route,
        deadline,
        -np.round(numbers.scores[:, 1], ROUNDED),
        band,
    )
    return np.lexsort(keys)
