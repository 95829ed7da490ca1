"""The ranked list: score = 100 x likelihood x (base + (1 - base) x consequence), with every point explained.

``consequence = sum(weight x input)``; the likelihood's formula heads ``standards/priority_profile.yaml``. A profile of
the formula ``sum`` scores 100 x (condition_weight x likelihood + consequence) instead. Where inputs are missing,
``low`` and ``high`` tell the score with all of them at 0 and at 1. A finding with several possible grades counts with
the mean of their values, between the best (``low``) and the worst (``high``) of them.

The numbers of a list are worked out in arrays; the words of a finding only when somebody asks for them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from findings.asset import Asset, Crossing
from findings.finding import Finding, Priority, Term
from findings.priority_inputs import Input
from findings.priority_values import OwnValues
from findings.profile import Profile, load_profile
from findings.ranking_inputs import AT, AssetFacts, Inputs, River, deadline_of, inputs_of, near_bridges
from findings.ranking_rules import CANDIDATE, CONFIRMED, LAST_BAND, OFFICIAL, Place, place_of
from findings.tracking import TrackState

__all__ = ["CANDIDATE", "CONFIRMED", "OFFICIAL", "Profile", "Ranking", "deadline_of", "load_profile", "rank",
           "score_finding"]  # fmt: skip

Array = NDArray[np.float64]
ROUNDED = 9  # decimals from which two scores are the same


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
        self._values = OwnValues.of(profile)
        self._tracks = tracks or {}
        self._assets = assets
        self._today = today
        self._river = River.of(crossings, assets, profile)
        self._facts: dict[tuple[str | None, bool], AssetFacts] = {}
        self._rejected_before = frozenset(rejected_before)
        numbers = _Numbers(len(findings))
        places: list[Place] = []
        for i, finding in enumerate(findings):
            facts = self._facts_of(finding)
            places.append(self._place(finding, facts))
            numbers.read(i, finding, facts, self._values, self._tracks, near_bridges(finding, facts, self._river))
        score = {at: numbers.score(at, profile) for at in AT}
        likelihood = numbers.likelihood("used", profile)
        band = np.array([place.band for place in places], np.int64)
        order = _order(findings, numbers, band, score["used"])
        self.findings: tuple[Finding, ...] = tuple(findings[i] for i in order)
        self._places: tuple[Place, ...] = tuple(places[i] for i in order)
        self.score, self.low, self.high = (score[at][order] for at in ("used", "low", "high"))
        self.likelihood, self.closed = likelihood[order], numbers.closed[order]
        self.bands = self._band = band[order]
        self._bounds = np.searchsorted(self._band, np.arange(LAST_BAND + 2))
        self._rising = -self.score  # ascending within each band
        self.best_rank = self._ranks(self.high, best=True)
        self.worst_rank = self._ranks(self.low, best=False)

    def __len__(self) -> int:
        return len(self.findings)

    def section(self, index: int) -> str:
        """Return the section of the finding at an index."""
        return self._places[index].section

    def priorities(self) -> tuple[Priority, ...]:
        """Return the priorities of all findings in list order."""
        return tuple(self.explain(index) for index in range(len(self)))

    def explain(self, index: int) -> Priority:
        """Return the priority of the finding at an index of the list, every term in words, largest contribution first.

        A missing input says between which ranks the finding would stand with it at 1 and at 0.
        """
        finding, place = self.findings[index], self._places[index]
        inputs = self.inputs(index)
        terms = [_term(source, points) for source, points in inputs.points()]
        for k, (source, _) in enumerate(inputs.points()):
            if source.low != source.high:
                ends = [inputs.with_one_at(source.name, at).score("used") for at in ("high", "low")]
                best, worst = self._rank_at(index, ends[0], True), self._rank_at(index, ends[1], False)
                terms[k] = replace(terms[k], best_rank=min(best, index + 1), worst_rank=max(worst, index + 1))
        terms += [Term("hard_rule", 1.0, 0.0, 0.0, ja, en) for ja, en in place.rules]
        terms.sort(key=lambda term: (-term.contribution, term.name))
        return Priority(
            finding.uid, float(self.score[index]), float(self.low[index]), float(self.high[index]), place.section,
            tuple(terms), self.profile.label, index + 1, int(self.best_rank[index]), int(self.worst_rank[index]),
        )  # fmt: skip

    def facts(self, index: int) -> AssetFacts:
        """Return what the asset of the finding at an index brings."""
        return self._facts_of(self.findings[index])

    def consequence_values(self, index: int) -> dict[str, float]:
        """Return every input of the consequence as counted, 0 to 1, by name."""
        finding = self.findings[index]
        facts = self._facts_of(finding)
        values = {i.name: i.used / i.weight if i.weight else 0.0 for i in facts.inventory}
        near = near_bridges(finding, facts, self._river)
        if near is not None:
            values[near.name] = near.used / near.weight if near.weight else 0.0
        return values

    def inputs(self, index: int) -> Inputs:
        """Return every input of the finding at an index of the list."""
        finding = self.findings[index]
        facts = self._facts_of(finding)
        near = near_bridges(finding, facts, self._river)
        return inputs_of(finding, facts, self.profile, self._values, self._tracks, near)

    def _facts_of(self, finding: Finding) -> AssetFacts:
        asset = self._assets.get(finding.asset_uid) if finding.asset_uid is not None else None
        key = (asset.uid if asset else None, finding.domain.value == "river")
        if key not in self._facts:
            self._facts[key] = AssetFacts.of(asset, key[1], self.profile)
        return self._facts[key]

    def _place(self, finding: Finding, facts: AssetFacts) -> Place:
        before = finding.uid in self._rejected_before and self._tracks.get(finding.uid) is not TrackState.PROGRESSED
        return place_of(finding, facts.asset, self.profile, self._today, before)

    def _ranks(self, score: Array, *, best: bool) -> NDArray[np.int64]:
        """Return the place that each finding would have with another score, within its band."""
        found = np.arange(1, len(score) + 1)
        for band in np.unique(self._band):
            part = slice(int(self._bounds[band]), int(self._bounds[band + 1]))
            wanted = -score[part]
            tiny = 10.0**-ROUNDED
            if best:
                at = np.searchsorted(self._rising[part], wanted - tiny, side="left") + 1
                found[part] = np.minimum(found[part], part.start + at)
            else:
                at = np.searchsorted(self._rising[part], wanted + tiny, side="right")
                found[part] = np.maximum(found[part], part.start + at)
        return found

    def _rank_at(self, index: int, score: float, best: bool) -> int:
        band = int(self._band[index])
        part = slice(int(self._bounds[band]), int(self._bounds[band + 1]))
        tiny = 10.0**-ROUNDED
        if best:
            return part.start + int(np.searchsorted(self._rising[part], -score - tiny, side="left")) + 1
        return part.start + int(np.searchsorted(self._rising[part], -score + tiny, side="right"))


class _Numbers:
    """The numbers of a list, one row a finding and one column for each of least, as counted, most."""

    def __init__(self, count: int) -> None:
        self.own, self.official, self.added, self.consequence = (np.zeros((count, 3)) for _ in range(4))
        self.closed = np.zeros(count, bool)
        self.ties = np.zeros((count, 4))  # deadline, emergency route, traffic, size

    def read(
        self,
        i: int,
        finding: Finding,
        facts: AssetFacts,
        values: OwnValues,
        tracks: Mapping[str, TrackState],
        near: Input | None,
    ) -> None:
        """Take one finding; the same sums as `inputs_of` makes in words."""
        size = values.size(finding)
        graded, extent, sure = values.graded(finding), values.extent(size), values.confidence(finding)
        state = tracks.get(finding.uid)
        change = values.change(state if state is not None else finding.details.get("progression"))
        events = facts.events_span(finding)
        for k in range(3):
            self.own[i, k] = graded[k] + extent[k] + sure[k]
            self.added[i, k] = change[k] + events
        self.official[i] = facts.official
        self.consequence[i] = facts.consequence
        if near is not None:
            self.consequence[i] += (near.low, near.used, near.high)
        self.closed[i] = values.review_weights[finding.status] == 0
        self.ties[i] = (facts.deadline, -facts.emergency_route, -facts.aadt, -_half_sizes(size))

    def likelihood(self, at: str, profile: Profile) -> Array:
        """Return the likelihoods ``(N,)``, 0 for what was rejected."""
        k = AT.index(at)
        own, official = np.minimum(self.own[:, k], 1.0), self.official[:, k]
        more, less = np.maximum(own, official), np.minimum(own, official)
        raw = more + (1 - more) * float(profile.data["second_share"]) * less + self.added[:, k]
        return np.where(self.closed, 0.0, np.clip(raw, 0, 1))

    def score(self, at: str, profile: Profile) -> Array:
        """Return the scores ``(N,)`` with every missing input at its least, as counted or at its most."""
        likelihood, k = self.likelihood(at, profile), AT.index(at)
        consequence = np.minimum(self.consequence[:, k], 1.0)
        if profile.data["formula"] == "sum":
            scored = 100 * (float(profile.data["condition_weight"]) * likelihood + consequence)
            return np.where(self.closed, 0.0, scored)
        base = float(profile.data["base"])
        return np.asarray(100 * likelihood * (base + (1 - base) * consequence))


def _half_sizes(size: tuple[object, float] | None) -> float:
    return 0.0 if size is None else float(getattr(size[0], "value", 0.0) or 0.0) / size[1]


def _order(findings: Sequence[Finding], numbers: _Numbers, band: NDArray[np.int64], score: Array) -> NDArray[np.int64]:
    """Return the indices in list order; the last key of ``lexsort`` is the first that counts."""
    if not findings:
        return np.zeros(0, np.int64)
    sure = np.array([finding.score for finding in findings], float)
    deadline, route, traffic, size = numbers.ties.T
    own = np.round(np.minimum(numbers.own[:, 1], 1.0), 12)
    keys = (
        np.array([finding.image_uid for finding in findings]),
        np.array([finding.uid for finding in findings]),
        -np.where(np.isfinite(sure), sure, 0.0),
        size,
        -own,
        traffic,
        route,
        deadline,
        -np.round(score, ROUNDED),
        band,
    )
    return np.lexsort(keys)


def _term(source: Input, contribution: float) -> Term:
    return Term(source.name, source.value, source.weight, contribution, source.words_ja, source.words_en)
