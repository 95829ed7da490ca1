"""The inputs of a priority score: each with its value, what it counts for, and its range where it is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from findings.asset import Asset, AssetKind
from findings.finding import Domain, Finding, FindingStatus
from findings.measure import Measure
from findings.profile import Profile, normalised
from findings.standard import load_standard
from findings.taxonomy import damage_type


@dataclass(frozen=True, slots=True)
class Input:
    """One input of the score.

    Attributes:
        value: what is known, 0 to 1 (-1 to 1 for progression); None where it is missing.
        weight: the profile's weight of the input.
        low, used, high: what the input adds to likelihood or consequence at its least, as counted, and at its most.
    """

    name: str
    value: float | None
    weight: float
    low: float
    used: float
    high: float
    words_ja: str
    words_en: str


def grade_input(finding: Finding, profile: Profile) -> Input:
    """Return the grade's input: the mean of the possible grades counts, the best and the worst are its range."""
    data = profile.data
    weight = float(data["likelihood"]["review_weight"][finding.status.value])
    scheme = finding.grade.scheme if finding.grade else "mlit_damage"
    table = data["likelihood"]["river_rating" if scheme == "river_rating" else "grade"]
    codes = (finding.final_grade,) if finding.final_grade else finding.grade.codes if finding.grade else ()
    values = [float(table[code]) for code in codes if code in table]
    ja, en = _status_words(finding.status)
    name_ja, name_en = ("評価段階", "stage") if scheme == "river_rating" else ("損傷程度", "grade")
    if not values:
        used = float(data["missing"]["grade"])
        return Input(
            "grade", None, weight, 0.0, used * weight, weight,
            f"{name_ja}: 規則なし・不明({used}として計算、{ja})",
            f"{name_en}: no rule or unknown (counted as {used}, {en})",
        )  # fmt: skip
    mean = sum(values) / len(values)
    worst = "" if len(values) == 1 else f"・最悪{codes[-1]}"
    worst_en = "" if len(values) == 1 else f", worst {codes[-1]}"
    shown = "/".join(codes)
    return Input(
        "grade", mean, weight, min(values) * weight, mean * weight, max(values) * weight,
        f"{name_ja} {shown}{worst}({ja}、重み{weight:g})", f"{name_en} {shown}{worst_en} ({en}, weight {weight:g})",
    )  # fmt: skip


def _status_words(status: FindingStatus) -> tuple[str, str]:
    row = next(r for r in load_standard("ui_words")["statuses"] if r["code"] == status.value)
    return row["ja"], row["en"]


def soundness_input(finding: Finding, asset: Asset | None, profile: Profile) -> Input | None:
    """Return the input of the last OFFICIAL diagnosis; None for rivers, which have none."""
    kind = asset.kind if asset else (AssetKind.RIVER_REACH if finding.domain is Domain.RIVER else AssetKind.BRIDGE)
    if kind is not AssetKind.BRIDGE:
        return None
    table = profile.data["likelihood"]["soundness"]
    soundness = asset.soundness if asset else None
    if soundness in table:
        value = float(table[soundness])
        return Input(
            "soundness", value, 1.0, value, value, value,
            f"判定区分{soundness}(公式)", f"soundness class {soundness} (official)",
        )  # fmt: skip
    used = float(profile.data["missing"]["soundness"])
    return Input(
        "soundness", None, 1.0, 0.0, used, 1.0,
        f"判定区分: 不明({used:g}として計算)", f"soundness class: unknown (counted as {used:g})",
    )  # fmt: skip


def own_inputs(finding: Finding, profile: Profile) -> list[Input]:
    """Return what the finding itself says: its grade, its extent and how sure it is."""
    most = float(profile.data["likelihood"]["confidence"])
    return [grade_input(finding, profile), _extent(finding, profile), _confidence(finding, most)]


def additions(finding: Finding, asset: Asset | None, profile: Profile) -> list[Input]:
    """Return the inputs that add to the likelihood: progression and specific events."""
    table = profile.data["likelihood"]
    inputs = [_progression(finding, table["progression"])]
    if events := _events(finding, asset, tuple(table["specific_events"])):
        each = float(table["specific_event"])
        total = each * len(events)
        shown = "・".join(events)
        inputs.append(
            Input("specific_event", 1.0, total, total, total, total, f"特定事象 {shown}", f"specific events: {shown}")
        )
    return inputs


def _progression(finding: Finding, table: Mapping[str, float]) -> Input:
    known = finding.details.get("progression")
    if isinstance(known, str) and known in table:
        value = float(table[known])
        ja = {"faster": "進行あり", "unchanged": "変化なし", "repaired": "補修済"}[known]
        return Input("progression", value, 1.0, value, value, value, f"前回から{ja}", f"against the last time: {known}")
    most = float(table["faster"])
    return Input(
        "progression", None, 1.0, 0.0, 0.0, most, "前回との比較なし", "no comparison with an earlier inspection"
    )


def _events(finding: Finding, asset: Asset | None, known: tuple[str, ...]) -> list[str]:
    given = [finding.details.get("specific_events"), asset.attributes.get("specific_events") if asset else None]
    named = {event for events in given if isinstance(events, list | tuple) for event in events}
    return [event for event in known if event in named]


def extent_measure(finding: Finding, profile: Profile) -> tuple[Measure, float] | None:
    """Return the measure that stands for the finding's size and its half value, or None if none was measured."""
    river = damage_type(finding.damage).domain is Domain.RIVER or finding.domain is Domain.RIVER
    for row in profile.data["likelihood"]["extent_halves_river" if river else "extent_halves"]:
        for measure in finding.measures:
            if (measure.name, measure.unit) == (row["measure"], row["unit"]) and _usable(measure.value):
                return measure, float(row["half"])
    return None


def _usable(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value >= 0


def _extent(finding: Finding, profile: Profile) -> Input:
    most = float(profile.data["likelihood"]["extent"])
    found = extent_measure(finding, profile)
    if found is None:
        used = float(profile.data["missing"]["extent"])
        return Input("extent", None, most, 0.0, used * most, most, "規模: 不明", "extent: unknown")
    measure, half = found
    size = measure.value or 0.0
    value = size / (size + half)
    shown = f"{size:.3g}{measure.unit}"
    words = ("規模", "画素単位") if measure.unit.startswith("px") else ("規模", measure.name)
    return Input(
        "extent", value, most, value * most, value * most, value * most,
        f"{words[0]} {shown}({words[1]})", f"extent {measure.name} {shown}",
    )  # fmt: skip


def _confidence(finding: Finding, most: float) -> Input:
    reviewed = finding.status is FindingStatus.CONFIRMED
    if not reviewed and not math.isfinite(finding.score):
        return Input("confidence", None, most, 0.0, 0.0, most, "確信度: 不明", "confidence: unknown")
    value = 1.0 if reviewed else min(max(finding.score, 0.0), 1.0)
    ja = "技術者確認済" if reviewed else f"モデルの確信度 {value:.2f}"
    en = "confirmed by an engineer" if reviewed else f"model score {value:.2f}"
    return Input("confidence", value, most, value * most, value * most, value * most, ja, en)


def consequence_inputs(finding: Finding, asset: Asset | None, profile: Profile) -> list[Input]:
    """Return the inputs of the consequence, by the table of bridges or of river reaches."""
    river = asset.kind is AssetKind.RIVER_REACH if asset else finding.domain is Domain.RIVER
    rows = profile.data["consequence_river" if river else "consequence"]
    return [_consequence(name, row, asset, float(profile.data["missing"]["consequence"])) for name, row in rows.items()]


def _consequence(name: str, row: Mapping[str, Any], asset: Asset | None, default: float) -> Input:
    weight = float(row["weight"])
    given = asset.attributes.get(name) if asset else None
    value = None if given is None else normalised(row, given)
    if value is None:
        why = ("データなし", "missing") if given is None else (f"「{given}」は読めない", f"{given!r} cannot be read")
        return Input(
            name, None, weight, 0.0, default * weight, weight,
            f"{row['ja']}: {why[0]}({default:g}として計算)", f"{row['en']}: {why[1]} (counted as {default:g})",
        )  # fmt: skip
    return Input(
        name, value, weight, value * weight, value * weight, value * weight,
        f"{row['ja']} {given}", f"{row['en']} {given}",
    )  # fmt: skip
