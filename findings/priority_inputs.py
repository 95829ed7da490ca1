"""The inputs of a priority score in words: value, what it counts for, and its range where it is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from findings.asset import Asset
from findings.finding import Finding, FindingStatus
from findings.priority_values import RIVER_SCHEME, OwnValues
from findings.profile import Profile, normalised
from findings.standard import load_standard
from findings.tracking import TrackState
from findings.wording import UNITS, Language, measure_name, number

LANGUAGES: tuple[Language, ...] = ("ja", "en")


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


COMPARED: Mapping[object, tuple[str, str]] = {
    "faster": ("前回から進行あり", "grown since the last inspection"),
    "unchanged": ("前回から変化なし", "unchanged since the last inspection"),
    "repaired": ("前回から補修済", "repaired since the last inspection"),
    TrackState.PROGRESSED: ("前回から進行あり", "grown since the last inspection"),
    TrackState.UNCHANGED: ("前回から変化なし", "unchanged since the last inspection"),
    TrackState.NEW: ("新規(前回の記録なし)", "new: no record of the last inspection"),
    TrackState.REPAIRED_SUSPECTED: ("補修済の疑い(要確認)", "repaired? (needs check)"),
    TrackState.NOT_FOUND: ("今回確認できず(NG、理由の説明が必要)", "not found this time (NG: to be explained)"),
    TrackState.NOT_ASSESSABLE: ("今回は比較できず", "could not be compared this time"),
    None: ("前回との比較なし", "no comparison with an earlier inspection"),
}


def own_inputs(finding: Finding, values: OwnValues) -> list[Input]:
    """Return what the finding itself says: its grade, its extent and how sure it is."""
    return [_grade(finding, values), _extent(finding, values), _confidence(finding, values)]


def _grade(finding: Finding, values: OwnValues) -> Input:
    weight = values.review_weights[finding.status]
    span, added = values.grade(finding), values.graded(finding)
    ja, en = _status_words(finding.status)
    river = finding.grade is not None and finding.grade.scheme == RIVER_SCHEME
    name_ja, name_en = ("評価段階", "stage") if river else ("損傷程度", "grade")
    if span is None:
        shown = f"{values.grade_missing:g}"
        return Input(
            "grade", None, weight, *added,
            f"{name_ja}: 規則なし・不明({shown}として計算、{ja})",
            f"{name_en}: no rule or unknown (counted as {shown}, {en})",
        )  # fmt: skip
    codes = (finding.final_grade,) if finding.final_grade else finding.grade.codes if finding.grade else ()
    worst, worst_en = ("", "") if len(codes) == 1 else (f"・最悪{codes[-1]}", f", worst {codes[-1]}")
    shown = "/".join(str(code) for code in codes)
    return Input(
        "grade", span[1], weight, *added,
        f"{name_ja} {shown}{worst}({ja}、重み{weight:g})", f"{name_en} {shown}{worst_en} ({en}, weight {weight:g})",
    )  # fmt: skip


def _status_words(status: FindingStatus) -> tuple[str, str]:
    row = next(r for r in load_standard("ui_words")["statuses"] if r["code"] == status.value)
    return row["ja"], row["en"]


def _extent(finding: Finding, values: OwnValues) -> Input:
    most, size = values.extent_most, values.size(finding)
    added = values.extent(size)
    if size is None:
        return Input("extent", None, most, *added, "規模: 不明", "extent: unknown")
    measure = size[0]
    shown = f"{number(measure.value or 0.0)} {UNITS.get(measure.unit, measure.unit)}"
    ja, en = (measure_name(measure.name, language) for language in LANGUAGES)
    value = added[1] / most if most else 0.0
    return Input("extent", value, most, *added, f"規模 {ja} {shown}", f"extent: {en} {shown}")


def _confidence(finding: Finding, values: OwnValues) -> Input:
    most, added = values.confidence_most, values.confidence(finding)
    reviewed = finding.status is FindingStatus.CONFIRMED
    if not reviewed and not math.isfinite(finding.score):
        return Input("confidence", None, most, *added, "確信度: 不明", "confidence: unknown")
    value = 1.0 if reviewed else min(max(finding.score, 0.0), 1.0)
    ja = "技術者確認済" if reviewed else f"モデルの確信度 {value:.2f}"
    en = "confirmed by an engineer" if reviewed else f"model score {value:.2f}"
    return Input("confidence", value, most, *added, ja, en)


def progression_input(state: object, values: OwnValues) -> Input:
    """Return what the comparison with the last inspection adds; see `OwnValues.change`."""
    low, used, high = values.change(state)
    ja, en = COMPARED.get(state, COMPARED[None])
    return Input("progression", used if low == high else None, 1.0, low, used, high, ja, en)


def compared(finding: Finding, tracks: Mapping[str, TrackState]) -> object:
    """Return what is known of the comparison: the track's state, else what the details of the finding say, or None."""
    state = tracks.get(finding.uid)
    return state if state is not None else finding.details.get("progression")


def named_events(given: object) -> frozenset[str]:
    """Return the specific events (特定事象) of a list in details or attributes; empty for anything else."""
    return (
        frozenset(event for event in given if isinstance(event, str))
        if isinstance(given, list | tuple)
        else frozenset()
    )


def events_input(events: frozenset[str], profile: Profile) -> Input | None:
    """Return what specific events add, or None where the profile names none of them."""
    table = profile.data["likelihood"]
    known = [event for event in table["specific_events"] if event in events]
    if not known:
        return None
    total, shown = float(table["specific_event"]) * len(known), "・".join(known)
    return Input("specific_event", 1.0, total, total, total, total, f"特定事象 {shown}", f"specific events: {shown}")


def soundness_input(asset: Asset | None, profile: Profile) -> Input:
    """Return the input of a bridge's last OFFICIAL diagnosis."""
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


def inventory_inputs(rows: Mapping[str, Mapping[str, Any]], asset: Asset | None, default: float) -> list[Input]:
    """Return the inputs of a table of the profile for one asset; what the asset lacks counts as the default."""
    return [inventory_input(name, row, asset.attributes.get(name) if asset else None, default)
            for name, row in rows.items()]  # fmt: skip


def inventory_input(name: str, row: Mapping[str, Any], given: object, default: float) -> Input:
    """Return one input of the inventory."""
    weight = float(row["weight"])
    value = None if given is None else normalised(row, given)
    if value is None:
        why = ("データなし", "missing") if given is None else (f"「{given}」は読めない", f"{given!r} cannot be read")
        return Input(
            name, None, weight, 0.0, default * weight, weight,
            f"{row['ja']}: {why[0]}({default:g}として計算)", f"{row['en']}: {why[1]} (counted as {default:g})",
        )  # fmt: skip
    ja, en = _given_words(str(row["kind"]), given)
    return Input(
        name, value, weight, value * weight, value * weight, value * weight, f"{row['ja']} {ja}", f"{row['en']} {en}"
    )


def _given_words(kind: str, given: object) -> tuple[str, str]:
    """Return an inventory value as a planner writes it: ``8,200`` for 8200.0, yes, no or per cent for a share."""
    if not isinstance(given, int | float):
        return str(given), str(given)
    if kind != "share":
        return f"{given:,.10g}", f"{given:,.10g}"
    if given in (0, 1):
        return ("あり", "yes") if given else ("なし", "no")
    return f"{100 * given:.3g} %", f"{100 * given:.3g} %"


@dataclass(frozen=True, slots=True)
class NearBridge:
    """A bridge near a finding of a river: its own consequence, 0 to 1, at its least, as counted, and at its most."""

    name: str
    distance_m: float
    low: float
    used: float
    high: float


def crossing_input(row: Mapping[str, Any], near: Sequence[NearBridge], within_m: float) -> Input:
    """Return what bridges near a finding of a river add: the largest of their own consequences, 0 without any."""
    weight = float(row["weight"])
    if not near:
        return Input(
            "crossing_bridge", 0.0, weight, 0.0, 0.0, 0.0,
            f"{row['ja']}: {within_m:g} m以内になし", f"{row['en']}: none within {within_m:g} m",
        )  # fmt: skip
    low, used, high = (max(getattr(bridge, at) for bridge in near) for at in ("low", "used", "high"))
    bridge = max(near, key=lambda one: (one.used, -one.distance_m, one.name))
    return Input(
        "crossing_bridge", used if low == high else None, weight, low * weight, used * weight, high * weight,
        f"{row['ja']} {bridge.name}({bridge.distance_m:.0f} m、橋自身の影響度{used:.2f})",
        f"{row['en']} {bridge.name} ({bridge.distance_m:.0f} m, its own consequence {used:.2f})",
    )  # fmt: skip
