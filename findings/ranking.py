"""The ranked list: score = 100 x likelihood x (base + (1 - base) x consequence), with every point explained.

``likelihood = clip(max(grade, soundness) + additions, 0, 1)`` and ``consequence = sum(weight x input)``; where inputs
are missing, ``low`` and ``high`` tell the score with all of them at 0 and at 1. A finding with several possible grades
counts with the mean of their values, between the best (``low``) and the worst (``high``) of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from findings.asset import Asset
from findings.finding import Finding, Priority, Term
from findings.priority_inputs import (
    Input,
    additions,
    consequence_inputs,
    extent_measure,
    grade_input,
    soundness_input,
)
from findings.profile import Profile, load_profile

__all__ = ["Profile", "load_profile", "rank", "score_finding"]

OFFICIAL, CONFIRMED, CANDIDATE = "official", "confirmed", "candidate"
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


def _score(finding: Finding, asset: Asset | None, profile: Profile, today: date | None) -> _Scored:
    heads = [i for i in (grade_input(finding, profile), soundness_input(finding, asset, profile)) if i is not None]
    adds = additions(finding, asset, profile)
    consequences = consequence_inputs(finding, asset, profile)
    closed = float(profile.data["likelihood"]["review_weight"][finding.status.value]) == 0
    low, used, high = (
        _value(profile, closed, [getattr(i, at) for i in heads], [getattr(i, at) for i in adds],
               [getattr(i, at) for i in consequences])
        for at in ("low", "used", "high")
    )  # fmt: skip
    section, top, rule = _section(finding, asset, profile, today)
    terms = _terms(profile, closed, heads, adds, consequences, rule)
    priority = Priority(finding.uid, used, low, high, section, terms, profile.label)
    values = {i.name: i.value for i in consequences}
    size = extent_measure(finding, profile)
    key = (
        BANDS[section, top],
        -round(used, 9),
        _deadline(asset) or date.max,
        -(values.get("emergency_route") or 0.0),
        -(values.get("aadt") or 0.0),
        -((size[0].value or 0.0) / size[1] if size else 0.0),
        -finding.score if finding.score == finding.score else 0.0,  # a score that is not a number sorts as 0
        finding.uid,
        finding.image_uid,
    )
    return _Scored(finding, priority, key)


def _likelihood(closed: bool, heads: Sequence[float], adds: Sequence[float]) -> float:
    return 0.0 if closed else min(max(max(heads) + sum(adds), 0.0), 1.0)


def _value(
    profile: Profile, closed: bool, heads: Sequence[float], adds: Sequence[float], consequences: Sequence[float]
) -> float:
    base = float(profile.data["base"])
    return 100.0 * _likelihood(closed, heads, adds) * (base + (1.0 - base) * min(sum(consequences), 1.0))


def _terms(
    profile: Profile,
    closed: bool,
    heads: Sequence[Input],
    adds: Sequence[Input],
    consequences: Sequence[Input],
    rule: Term | None,
) -> tuple[Term, ...]:
    """Return every term with its points; they sum to the score.

    The larger of grade and soundness carries the likelihood; what the clip to 0..1 cuts off goes off the additions.
    """
    base = float(profile.data["base"])
    likelihood = _likelihood(closed, [i.used for i in heads], [i.used for i in adds])
    leader = max(heads, key=lambda i: i.used)
    carried = 0.0 if closed else leader.used
    total = sum(i.used for i in adds)
    share = (likelihood - carried) / total if total else float(not closed)
    terms = [_term(i, 100 * base * carried if i is leader else 0.0) for i in heads]
    terms += [_term(i, 100 * base * i.used * share) for i in adds]
    terms += [_term(i, 100 * likelihood * (1 - base) * i.used) for i in consequences]
    if rule is not None:
        terms.append(rule)
    return tuple(sorted(terms, key=lambda term: (-term.contribution, term.name)))


def _term(source: Input, contribution: float) -> Term:
    return Term(source.name, source.value, source.weight, contribution, source.words_ja, source.words_en)


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
