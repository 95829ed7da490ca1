"""The ranked list: score = 100 x likelihood x (base + (1 - base) x consequence), with every point explained.

``consequence = sum(weight x input)``; the likelihood's formula heads ``standards/priority_profile.yaml``.
Where inputs are missing, ``low`` and ``high`` tell the score with all of them at 0 and at 1. A finding with several
possible grades counts with the mean of their values, between the best (``low``) and the worst (``high``) of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from findings.asset import Asset
from findings.finding import Finding, Priority, Term
from findings.priority_inputs import (
    Input,
    additions,
    consequence_inputs,
    extent_measure,
    own_inputs,
    soundness_input,
)
from findings.profile import Profile, load_profile

__all__ = ["Profile", "load_profile", "rank", "score_finding"]

OFFICIAL, CONFIRMED, CANDIDATE = "official", "confirmed", "candidate"
At = Literal["low", "used", "high"]
BANDS = {(OFFICIAL, True): 0, (OFFICIAL, False): 1, (CONFIRMED, False): 2, (CANDIDATE, False): 3}


@dataclass(frozen=True, slots=True)
class _Scored:
    finding: Finding
    priority: Priority
    key: tuple[object, ...]


def rank(
    findings: Sequence[Finding], assets: Mapping[str, Asset], profile: Profile, *, today: date | None = None
) -> tuple[Priority, ...]:
    """Return the priorities of all findings in list order; nothing is dropped.

    Sections come first (official, confirmed, candidate), then the score; ties are broken by deadline, emergency route,
    traffic, size, model score and at last the id, so that the order is total and does not depend on the input's.

    Args:
        findings: bridges and rivers together.
        assets: by uid; a finding whose asset is not there has every inventory input missing.
        profile: the agency's table.
        today: for the rule on deadlines; without it a class III counts as due.
    """
    scored = [_score(finding, _asset(finding, assets), profile, today) for finding in findings]
    return tuple(item.priority for item in sorted(scored, key=lambda item: item.key))


def score_finding(finding: Finding, asset: Asset | None, profile: Profile, *, today: date | None = None) -> Priority:
    """Return the priority of one finding alone."""
    return _score(finding, asset, profile, today).priority


def _asset(finding: Finding, assets: Mapping[str, Asset]) -> Asset | None:
    return assets.get(finding.asset_uid) if finding.asset_uid is not None else None


@dataclass(frozen=True, slots=True)
class _Inputs:
    """Every input of one finding, and the formula of the profile over them."""

    own: Sequence[Input]
    soundness: Input | None
    adds: Sequence[Input]
    consequence: Sequence[Input]
    base: float
    second_share: float
    closed: bool

    def own_value(self, at: At) -> float:
        """Return the finding's own part, 0 to 1."""
        return min(sum(_at(i, at) for i in self.own), 1.0)

    def shares(self, at: At) -> tuple[float, float]:
        """Return what own part and soundness bring to the likelihood: the larger in full, the smaller in part."""
        own = self.own_value(at)
        official = _at(self.soundness, at) if self.soundness else 0.0
        rest = (1.0 - max(own, official)) * self.second_share
        return (own, rest * official) if own >= official else (rest * own, official)

    def likelihood(self, at: At) -> float:
        """Return the likelihood, 0 to 1; 0 for what was rejected."""
        raw = sum(self.shares(at)) + sum(_at(i, at) for i in self.adds)
        return 0.0 if self.closed else min(max(raw, 0.0), 1.0)

    def score(self, at: At) -> float:
        """Return the score, 0 to 100."""
        consequence = min(sum(_at(i, at) for i in self.consequence), 1.0)
        return 100.0 * self.likelihood(at) * (self.base + (1.0 - self.base) * consequence)

    def terms(self) -> list[Term]:
        """Return every term with its points, which sum to the score; what a clip cuts off goes off in proportion."""
        likelihood = self.likelihood("used")
        own, official = (0.0, 0.0) if self.closed else self.shares("used")
        added, own_raw = sum(i.used for i in self.adds), sum(i.used for i in self.own)
        kept = (likelihood - own - official) / added if added else float(not self.closed)
        each = own / own_raw if own_raw else 0.0
        points = 100.0 * self.base
        terms = [_term(i, points * i.used * each) for i in self.own]
        terms += [_term(self.soundness, points * official)] if self.soundness else []
        terms += [_term(i, points * i.used * kept) for i in self.adds]
        return terms + [_term(i, 100.0 * likelihood * (1.0 - self.base) * i.used) for i in self.consequence]


def _at(source: Input, at: At) -> float:
    return source.low if at == "low" else source.high if at == "high" else source.used


def _inputs(finding: Finding, asset: Asset | None, profile: Profile) -> _Inputs:
    return _Inputs(
        own_inputs(finding, profile),
        soundness_input(finding, asset, profile),
        additions(finding, asset, profile),
        consequence_inputs(finding, asset, profile),
        float(profile.data["base"]),
        float(profile.data["second_share"]),
        float(profile.data["likelihood"]["review_weight"][finding.status.value]) == 0,
    )


def _term(source: Input, contribution: float) -> Term:
    return Term(source.name, source.value, source.weight, contribution, source.words_ja, source.words_en)


def _score(finding: Finding, asset: Asset | None, profile: Profile, today: date | None) -> _Scored:
    inputs = _inputs(finding, asset, profile)
    section, top, rule = _section(finding, asset, profile, today)
    terms = sorted([*inputs.terms(), *([rule] if rule else [])], key=lambda term: (-term.contribution, term.name))
    low, used, high = inputs.score("low"), inputs.score("used"), inputs.score("high")
    priority = Priority(finding.uid, used, low, high, section, tuple(terms), profile.label)
    values = {i.name: i.value for i in inputs.consequence}
    size = extent_measure(finding, profile)
    key = (
        BANDS[section, top],
        -round(used, 9),
        _deadline(asset) or date.max,
        -(values.get("emergency_route") or 0.0),
        -(values.get("aadt") or 0.0),
        -round(inputs.own_value("used"), 12),
        -((size[0].value or 0.0) / size[1] if size else 0.0),
        -finding.score if math.isfinite(finding.score) else 0.0,
        finding.uid,
        finding.image_uid,
    )
    return _Scored(finding, priority, key)


def _section(
    finding: Finding, asset: Asset | None, profile: Profile, today: date | None
) -> tuple[str, bool, Term | None]:
    """Return the section, whether it is the topmost band, and the term that says which hard rule put it there.

    What nobody confirmed stays among the candidates, whatever its asset: it never outranks an official record silently.
    """
    rules = profile.data["hard_rules"]
    if finding.status.value in rules["separate_statuses"]:
        return CANDIDATE, False, None
    soundness = asset.soundness if asset else None
    measure_class = asset.attributes.get("measure_class") if asset else None
    if soundness in rules["top_soundness"] or measure_class in rules["top_measure_class"]:
        cause = soundness if soundness in rules["top_soundness"] else measure_class
        return OFFICIAL, True, _rule_term(f"{cause}(公式): 最上位", f"{cause} (official): top band")
    if soundness in rules["raised_soundness"]:
        deadline = _deadline(asset)
        if today is None or deadline is None or (deadline - today).days < rules["raised_within_days"]:
            due = deadline.isoformat() if deadline else None
            ja, en = (f"措置期限{due}", f"due {due}") if due else ("措置期限不明", "deadline unknown")
            return (
                OFFICIAL,
                False,
                _rule_term(f"{soundness}(公式)・{ja}: 上位", f"{soundness} (official), {en}: raised"),
            )
    return CONFIRMED, False, None


def _rule_term(ja: str, en: str) -> Term:
    return Term("hard_rule", 1.0, 0.0, 0.0, f"判定区分等 {ja}", f"official class {en}")


def _deadline(asset: Asset | None) -> date | None:
    """Return until when measures are due: as given, else five fiscal years after the inspection's."""
    if asset is None:
        return None
    given, year = asset.attributes.get("measure_deadline"), asset.attributes.get("inspection_fy")
    if isinstance(given, str):
        try:
            return date.fromisoformat(given)
        except ValueError:
            return None
    # A fiscal year ends on 31 March of the next calendar year.
    return date(year + 6, 3, 31) if isinstance(year, int) and 1900 <= year <= 2200 else None
