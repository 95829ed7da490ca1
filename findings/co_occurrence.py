"""Findings of one asset that mean more together than alone: which rules of ``asset_rollup`` hold, or may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from findings.asset import Asset, AssetKind, Crossing, PierInChannel
from findings.finding import Finding
from findings.priority_inputs import compared
from findings.profile import normalised
from findings.ranking_inputs import metres_to
from findings.standard import load_standard
from findings.taxonomy import damage_type
from findings.tracking import TrackState


@dataclass(frozen=True, slots=True)
class CoOccurrence:
    """A rule that holds for an asset, or may hold.

    Attributes:
        certain: False where a span, a member, a grade or an answer that it asks for is unknown.
        weight: of the least reviewed finding that it rests on, 0 to 1.
        finding_uids: that it rests on.
        words_ja: the reason, with the findings.
        words_en: the same in English.
    """

    rule: str
    bonus: float
    certain: bool
    weight: float
    finding_uids: tuple[str, ...]
    words_ja: str
    words_en: str


@dataclass(frozen=True, slots=True)
class _Match:
    """One finding that fits a part of a rule, surely or perhaps."""

    finding: Finding
    certain: bool
    weight: float

    @property
    def order(self) -> tuple[bool, float, str]:
        return (not self.certain, -self.weight, self.finding.uid)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the rules may ask beside the findings of the asset itself.

    Attributes:
        crossings: by river.
        review_weights: of the profile, by review state.
    """

    assets: Mapping[str, Asset]
    crossings: Mapping[str, Sequence[Crossing]]
    tracks: Mapping[str, TrackState]
    review_weights: Mapping[str, float]
    within_m: float


def co_occurrences(asset: Asset, findings: Sequence[Finding], around: Surroundings) -> list[tuple[str, CoOccurrence]]:
    """Return the rules that hold or may hold for an asset, with the uid of the asset that each counts for.

    A rule about a bar or debris near a bridge counts for the reach and for that bridge.

    Args:
        asset: bridge or river reach.
        findings: of the asset, those rejected or doubled left out; their order does not matter.
        around: crossings, tracks and the weights of review states.
    """
    found: list[tuple[str, CoOccurrence]] = []
    for rule in load_standard("asset_rollup")["rules"]:
        if rule["asset"] != asset.kind.value:
            continue
        parts = [_matches(part, findings, around) for part in rule["parts"]]
        if not all(parts):
            continue
        if rule.get("needs") == "bridge_near":
            found += _near_bridges(rule, asset, parts[0], around)
            continue
        chosen = _together(parts, rule["same"])
        answer = _answer(rule.get("needs"), asset)
        if chosen is not None and answer is not False:
            found.append((asset.uid, _held(rule, chosen[0], chosen[1] and answer is True, "", "")))
    return found


def _matches(part: Mapping[str, Any], findings: Sequence[Finding], around: Surroundings) -> list[_Match]:
    matches = []
    for finding in findings:
        if finding.damage not in part["damages"]:
            continue
        answers = [_graded(finding, part["grades_from"])]
        if part["members"]:
            # A slab crack (⑪) lies on a slab by definition, whether or not anybody wrote the member down.
            known = finding.member if finding.member or finding.damage != "11" else "Ds"
            answers.append(None if known is None else known in part["members"])
        if part.get("grown"):
            answers.append(_grew(compared(finding, around.tracks)))
        if False not in answers:
            weight = around.review_weights[finding.status.value]
            matches.append(_Match(finding, None not in answers, weight))
    return sorted(matches, key=lambda match: match.order)


def _graded(finding: Finding, least: str) -> bool | None:
    codes = (finding.final_grade,) if finding.final_grade else finding.grade.codes if finding.grade else ()
    fits = {code >= least for code in codes}
    return fits.pop() if len(fits) == 1 else None


def _grew(state: object) -> bool | None:
    if state in (TrackState.PROGRESSED, "faster"):
        return True
    return False if state in (TrackState.UNCHANGED, "unchanged", "repaired") else None


def _together(parts: Sequence[Sequence[_Match]], same: str) -> tuple[tuple[_Match, ...], bool] | None:
    """Return the surest findings that fit all parts together, and whether it is certain that they belong together."""
    if len(parts) == 1:
        return (parts[0][0],), parts[0][0].certain
    best: tuple[tuple[_Match, ...], bool] | None = None
    for first in _surest_of_each_place(parts[0], same):
        for second in _surest_of_each_place(parts[1], same):
            places = _place(first.finding, same), _place(second.finding, same)
            known = None not in places
            if known and places[0] != places[1]:
                continue
            certain = known and first.certain and second.certain
            pair = ((first, second), certain)
            if best is None or _worth(pair) > _worth(best):
                best = pair
    return best


def _worth(pair: tuple[tuple[_Match, ...], bool]) -> tuple[bool, float]:
    return pair[1], min(match.weight for match in pair[0])


def _surest_of_each_place(matches: Sequence[_Match], same: str) -> list[_Match]:
    """Return one match for each place, so that a bridge of 1,000 cracks is not compared pair by pair."""
    best: dict[object, _Match] = {}
    for match in matches:  # the surest first
        best.setdefault(_place(match.finding, same), match)
    return list(best.values())


def _place(finding: Finding, same: str) -> object:
    if same == "asset":
        return "asset"
    if same == "span" or finding.span is None or finding.member is None:
        return finding.span
    return finding.span, finding.member, finding.element_no


def _answer(needs: str | None, asset: Asset) -> bool | None:
    if needs is None:
        return True
    share = normalised({"kind": "share"}, asset.attributes.get(needs))
    return None if share is None else share > 0


def _near_bridges(
    rule: Mapping[str, Any], reach: Asset, matches: Sequence[_Match], around: Surroundings
) -> list[tuple[str, CoOccurrence]]:
    """Return the rule for the reach and for every bridge near one of the findings; an answer "no pier" frees it."""
    near: dict[str, tuple[bool, _Match, float]] = {}
    for match in matches:
        place = match.finding.geometry_lonlat
        for crossing in around.crossings.get(reach.uid, ()) if place is not None and not place.is_empty else ():
            metres = metres_to(place, crossing.lonlat)
            if crossing.pier_in_channel is PierInChannel.NO or metres > around.within_m:
                continue
            certain = match.certain and crossing.pier_in_channel is PierInChannel.YES
            known = near.get(crossing.bridge_uid)
            if known is None or (certain, match.weight) > (known[0], known[1].weight):
                near[crossing.bridge_uid] = (certain, match, metres)
    found: list[tuple[str, CoOccurrence]] = []
    best: tuple[bool, CoOccurrence] | None = None
    for uid, (certain, match, metres) in sorted(near.items()):
        bridge = around.assets.get(uid)
        name = bridge.name if bridge is not None else uid
        held = _held(rule, (match,), certain, f"{name} {metres:.0f} m", f"{name} {metres:.0f} m")
        if rule.get("also_bridge") and bridge is not None and bridge.kind is AssetKind.BRIDGE:
            found.append((uid, held))
        if best is None or (certain, held.weight) > (best[0], best[1].weight):
            best = (certain, held)
    return found + ([(reach.uid, best[1])] if best is not None else [])


def _held(rule: Mapping[str, Any], matches: Sequence[_Match], certain: bool, ja: str, en: str) -> CoOccurrence:
    kinds = [damage_type(match.finding.damage) for match in matches]
    shown_ja = "＋".join(f"{kind.number}{kind.ja}" for kind in kinds)
    shown_en = " + ".join(kind.en for kind in kinds)
    unsure = ("", "") if certain else ("、未確定", ", not certain")
    return CoOccurrence(
        rule["name"],
        float(rule["bonus"]),
        certain,
        min(match.weight for match in matches),
        tuple(match.finding.uid for match in matches),
        f"{rule['ja']}: {shown_ja}{'、' + ja if ja else ''}{unsure[0]}",
        f"{rule['en']}: {shown_en}{', ' + en if en else ''}{unsure[1]}",
    )
