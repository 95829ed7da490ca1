"""One list of bridges and river reaches: each with its worst section, one score, and what its findings mean together.

The rule of the score stands at the head of ``standards/asset_rollup.yaml``: the worst finding of the asset's section in
full, the worst of every further damage type with a small share of what is left, then the co-occurrence rules. What
nobody confirmed only counts as further on an asset that stands among the official or confirmed ones. An asset that its
record alone puts there starts with the score of its record. No rank falls when a finding is added or gets worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from findings.asset import Asset, AssetKind, Crossing
from findings.co_occurrence import CoOccurrence, Surroundings, co_occurrences
from findings.finding import Finding, Term
from findings.ranking import Ranking
from findings.ranking_rules import BANDS, CANDIDATE, CONFIRMED, SECTIONS, official_place
from findings.standard import load_standard
from findings.taxonomy import damage_type

EXACT = 9  # decimals from which two scores are the same


@dataclass(frozen=True, slots=True)
class AssetPriority:
    """Where a bridge or a river reach stands among all assets, and why.

    Attributes:
        rank: 1 is first, over bridges and rivers together.
        score: 0 to 100.
        low, high: with every missing input at its least and at its most, and uncertain co-occurrences out and in.
        section: the first section that its official record or one of its findings is in.
        worst_uid: the finding that comes first, or None: only its record brings it here.
        findings: how many of its findings are open or confirmed; what was rejected or is a duplicate does not count.
        candidates: how many of those nobody has confirmed.
        terms: what makes up the score, largest contribution first; rules and unknown things bring no points.
        co_occurrences: rules that hold or may hold.
    """

    asset_uid: str
    rank: int
    score: float
    low: float
    high: float
    section: str
    worst_uid: str | None
    findings: int
    candidates: int
    terms: tuple[Term, ...]
    co_occurrences: tuple[CoOccurrence, ...]


def asset_rollup(ranking: Ranking) -> tuple[AssetPriority, ...]:
    """Return one row for each asset with findings or with an official record that has to be met, in list order.

    Findings without an asset have no row; they stay in the list of findings.

    Args:
        ranking: of all findings; its assets, tracks, crossings, profile and day hold here too.
    """
    members: dict[str, list[int]] = {}
    for index, finding in enumerate(ranking.findings):
        if finding.asset_uid in ranking.assets and not ranking.closed[index]:
            members.setdefault(finding.asset_uid or "", []).append(index)
    together = _together(ranking, members)
    rows: list[tuple[tuple[object, ...], AssetPriority]] = []
    for uid, asset in ranking.assets.items():
        official = official_place(asset, ranking.profile, ranking.today)
        if uid in members or official is not None or uid in together:
            rows.append(_row(ranking, asset, members.get(uid, []), together.get(uid, [])))
    rows.sort(key=lambda row: row[0])
    return tuple(replace(row, rank=place) for place, (_, row) in enumerate(rows, start=1))


def _together(ranking: Ranking, members: dict[str, list[int]]) -> dict[str, list[CoOccurrence]]:
    crossings: dict[str, list[Crossing]] = {}
    for crossing in ranking.crossings:
        crossings.setdefault(crossing.river_uid, []).append(crossing)
    weights = ranking.profile.data["likelihood"]["review_weight"]
    within = float(ranking.profile.data.get("crossing_within_m", 200.0))
    around = Surroundings(ranking.assets, crossings, ranking.tracks, weights, within)
    found: dict[str, list[CoOccurrence]] = {}
    for uid, indices in members.items():
        findings = [ranking.findings[index] for index in indices]
        for counts_for, held in co_occurrences(ranking.assets[uid], findings, around):
            found.setdefault(counts_for, []).append(held)
    return found


def _row(
    ranking: Ranking, asset: Asset, indices: Sequence[int], held: Sequence[CoOccurrence]
) -> tuple[tuple[object, ...], AssetPriority]:
    """Return the sort key and the row of one asset, its rank still open."""
    official = official_place(asset, ranking.profile, ranking.today)
    bands = [int(ranking.bands[index]) for index in indices] + ([official.band] if official is not None else [])
    band = min(bands, default=BANDS[CONFIRMED, ""])
    section = SECTIONS[band]
    leading = [index for index in indices if ranking.section(index) == section]
    others = [index for index in indices if ranking.section(index) != section]
    share = float(load_standard("asset_rollup")["share_of_further"])
    parts = [
        (index, share) for index in (*_worst_of_each_type(ranking, leading), *_worst_of_each_type(ranking, others))
    ]
    terms: list[Term] = []
    low = used = high = 0.0
    if leading:
        parts[0] = (parts[0][0], 1.0)
    else:
        low, used, high = _alone(ranking, asset)
        terms.append(Term("record", 1.0, 1.0, used, "台帳と公式判定", "inventory and official record"))
    for index, part in parts:
        before = used
        low, used, high = (
            _more(total, part * float(column[index]) / 100)
            for total, column in ((low, ranking.low), (used, ranking.score), (high, ranking.high))
        )
        terms.append(_finding_term(ranking.findings[index], ranking.section(index), part, used - before))
    for one in sorted(held, key=lambda h: (-h.bonus * h.weight, h.rule, h.words_ja)):
        before, part = used, one.bonus * one.weight
        high = _more(high, part)
        if one.certain:
            low, used = _more(low, part), _more(used, part)
        value = 1.0 if one.certain else None
        terms.append(Term(one.rule, value, one.bonus, used - before, one.words_ja, one.words_en))
    terms.sort(key=lambda term: (-term.contribution, term.name))
    worst = min(indices, default=None)  # list order: sections first
    rules = (*(official.rules if official else ()), *(() if worst is None else ranking.rules(worst)))
    terms += [Term("hard_rule", 1.0, 0.0, 0.0, ja, en) for ja, en in dict.fromkeys(rules)]
    row = AssetPriority(
        asset.uid, 0, used, low, high, section, None if worst is None else ranking.findings[worst].uid,
        len(indices), sum(ranking.section(index) == CANDIDATE for index in indices),
        tuple(terms), tuple(held),
    )  # fmt: skip
    due = ranking.deadline(asset)
    return (band, -round(used, EXACT), due, asset.uid), row


def _worst_of_each_type(ranking: Ranking, indices: Sequence[int]) -> list[int]:
    """Return the finding with the highest score of each damage type, the highest first."""
    best: dict[str, int] = {}
    for index in indices:
        damage = ranking.findings[index].damage
        if damage not in best or _strength(ranking, index) < _strength(ranking, best[damage]):
            best[damage] = index
    return sorted(best.values(), key=lambda index: _strength(ranking, index))


def _strength(ranking: Ranking, index: int) -> tuple[float, int]:
    return -float(ranking.score[index]), index


def _more(total: float, share: float) -> float:
    """Return a score to which a share of what is left to 100 was added."""
    return 100.0 - (100.0 - total) * (1.0 - min(max(share, 0.0), 1.0))


def _finding_term(finding: Finding, section: str, weight: float, points: float) -> Term:
    kind = damage_type(finding.damage)
    label = kind.label(finding.final_grade or finding.grade)
    ja, en = ("点が最も高い所見", "highest finding") if weight == 1.0 else ("ほかの所見", "further")
    open_ja, open_en = ("(AI候補)", ", AI candidate") if section == CANDIDATE else ("", "")
    name = f"{section}_{finding.damage}"
    return Term(name, 1.0, weight, points, f"{ja} {label}{open_ja}", f"{en} {kind.en} ({label}{open_en})")


def _alone(ranking: Ranking, asset: Asset) -> tuple[float, float, float]:
    """Return the score of an asset without findings: by its diagnosis and its consequence."""
    facts = ranking.asset_facts(asset.uid, asset.kind is AssetKind.RIVER_REACH)
    low, used, high = (
        ranking.formula.score(0.0, facts.official[k], facts.hazard[k], facts.consequence[k]) for k in range(3)
    )
    return low, used, high
