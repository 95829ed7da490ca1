"""河川の変状: R15 堆積, R16 樹木, R17 河岸侵食 from plan-view measures; everything else as far as its presence says.

From plan view alone no obstruction ratio (阻害率) can be had: ``plan_cover_ratio`` is a proxy and is called so (domain
guide 2.4, 9). One pair of 10 m scenes cannot show a bank shift under 10 m.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from findings.errors import GradingError
from findings.finding import Grade
from findings.grading.chance import chances
from findings.grading.interval import SHARE, TO_M, Interval, interval, no_more_than_all
from findings.grading.measured import grade_measured
from findings.grading.observations import flag
from findings.grading.trace import Words, alternative, make_grade, number
from findings.measure import Measure, by_name
from findings.standard import load_standard
from findings.taxonomy import DamageType, damage_type

RATE = {"m/yr": 1.0}


def grade_river(damage: str, measures: tuple[Measure, ...], details: Mapping[str, Any]) -> Grade:
    """Return the stages (a to d) that a river anomaly may have.

    Args:
        damage: ``R01`` to ``R22``.
        measures: ``plan_cover_ratio`` or ``section_share`` (ratio) for R15 and R16; ``displacement`` (m, or px without
            a scale) and ``retreat_rate`` (m/yr) for R17.
        details: ``gsd_m`` pixel size of the coarsest scene, ``scenes`` number of dates compared
            (``scenes_early``, ``scenes_late``: how many of them make each bank), ``distance_m`` from
            the bank to what it threatens (levee, road); each absent where unknown.

    Raises:
        GradingError: the damage is not one of a river, or a number is negative, not finite or out of order.
    """
    kind = damage_type(damage)
    if not damage.startswith("R"):
        raise GradingError(f"{kind.label()} is not an anomaly of a river; expected R01 to R22")
    rules = load_standard("grade_rules")
    if damage in rules["river_cover"]["damages"]:
        return _grade_cover(rules["river_cover"], kind, measures)
    if damage in rules["river_erosion"]["damages"]:
        return _grade_erosion(rules["river_erosion"], kind, measures, details)
    if damage in rules["river_embedment"]["damages"]:
        return _grade_embedment(rules["river_embedment"], kind, measures, details)
    for measured in rules["measured"].values():
        if damage in measured["damages"]:
            return grade_measured(measured, kind, measures, details)
    rule = {"scheme": kind.scheme, "status": rules["status"]}
    reason = Words("評価段階を決める規則が未収録", "no rule for the stage yet")
    return make_grade(rule, kind.grades, kind.grades[1:], [Words(f"{kind.ja}あり", f"{kind.en} present")], [reason])


def _grade_cover(rule: Mapping[str, Any], kind: DamageType, measures: tuple[Measure, ...]) -> Grade:
    section, proxy = by_name(measures, rule["section_measure"]), by_name(measures, rule["proxy_measure"])
    chosen = section or proxy
    if chosen is None or chosen.unit not in SHARE or (chosen.value is None and chosen.high is None):
        reason = Words("横断面に占める割合が不明", "the share of the section is unknown")
        return make_grade(rule, kind.grades, rule["unknown"], [Words(f"{kind.ja}あり", f"{kind.en} present")], [reason])
    trigger = next(t for t in load_standard("river_thresholds")["triggers"] if t["damage"] == kind.code)
    table = rule["section"] if section is not None else rule["proxy"]
    no_more_than_all(chosen)
    span = interval(chosen, SHARE)
    codes = set(table["below"] if span.low < trigger["value"] else ())
    codes |= set(table["from"] if span.high >= trigger["value"] else ())
    reasons = []
    if section is None:
        reasons.append(
            Words("平面の被覆率は目安であり横断面を要する", "plan cover is a proxy; the stage needs a cross-section")
        )
    if span.low < trigger["value"] <= span.high:
        reasons.append(_straddled(chosen, trigger["value"]))
    return make_grade(
        rule, kind.grades, codes, [_cover_fact(kind, chosen, span, trigger, section is not None)], reasons
    )


def _straddled(share: Measure, trigger: float) -> Words:
    """Return that the interval straddles the trigger, with the probability that the share reaches it."""
    part = chances(share, SHARE, [trigger])
    ja, en = "95%区間が目安をまたぐ", "the 95 % interval straddles the trigger"
    if part is None:
        return Words(ja, en)
    percent = f"{100 * part[1]:.0f}"
    return Words(f"{ja}(目安以上の確率{percent}%)", f"{en}, reached with {percent} %")


def _cover_fact(kind: DamageType, m: Measure, span: Interval, trigger: Mapping[str, Any], is_section: bool) -> Words:
    shown = f"{number(100 * (span.high if m.value is None else m.value))}%" + ("以下" if m.value is None else "")
    shown_en = ("up to " if m.value is None else "") + shown.replace("以下", "").replace("%", " %")
    limit = number(100 * trigger["value"])
    name = (trigger["quantity_ja"], trigger["quantity_en"]) if is_section else ("平面被覆率", "plan cover ratio")
    return Words(f"{kind.ja} {name[0]}{shown}(目安{limit}%)", f"{kind.en}, {name[1]} {shown_en} (trigger {limit} %)")


def _grade_erosion(
    rule: Mapping[str, Any], kind: DamageType, measures: tuple[Measure, ...], details: Mapping[str, Any]
) -> Grade:
    shift = by_name(measures, rule["displacement_measure"])
    if shift is None or (shift.value is None and shift.high is None):
        reason = Words("河岸の移動量が不明", "the shift of the bank is unknown")
        return make_grade(
            rule, kind.grades, rule["called"], [Words(f"{kind.ja}の疑い", f"suspected {kind.en}")], [reason]
        )
    in_metres = shift.unit in TO_M
    span = interval(shift, TO_M if in_metres else None)
    floor = _floor(rule, details, in_metres)
    size = number(span.high if shift.value is None else shift.value * TO_M.get(shift.unit, 1.0))
    unit = "m" if in_metres else "px(縮尺不明)"
    fact = Words(f"{kind.ja} 移動量{size}{unit}", f"{kind.en}, shift {size} {'m' if in_metres else 'px (no scale)'}")
    limit = Words(f"{number(floor)}{'m' if in_metres else 'px'}", f"{number(floor)} {'m' if in_metres else 'px'}")
    if span.low <= 0 or span.high < floor or (shift.value or 0.0) * TO_M.get(shift.unit, 1.0) < floor:
        reason = Words(
            f"検出限界{limit.ja}未満のため侵食と判定しない",
            f"below the detection floor of {limit.en}, not called erosion",
        )
        return make_grade(rule, kind.grades, rule["not_called"], [fact], [reason])
    if span.low < floor:
        reason = Words(f"95%区間が検出限界{limit.ja}をまたぐ", f"the 95 % interval straddles the floor of {limit.en}")
        return make_grade(rule, kind.grades, {*rule["not_called"], *rule["called"]}, [fact], [reason])
    return _grade_called(rule, kind, measures, details, fact)


def _floor(rule: Mapping[str, Any], details: Mapping[str, Any], in_metres: bool) -> float:
    """Return the smallest shift that may be called, in m (or px without a scale); 0 for a long enough series."""
    sides = [n for n in (_known(details, "scenes_early"), _known(details, "scenes_late")) if n is not None]
    confirmed = all(n >= rule["dates_each_side"] for n in sides)
    if confirmed and (_known(details, "scenes") or 2) >= rule["scenes_above_floor"]:
        return 0.0
    if not in_metres:
        return float(rule["floor_px"])
    return max(float(rule["floor_m"]), float(rule["floor_px"]) * (_known(details, "gsd_m") or 0.0))


def _grade_called(
    rule: Mapping[str, Any], kind: DamageType, measures: tuple[Measure, ...], details: Mapping[str, Any], fact: Words
) -> Grade:
    distance, rate = _known(details, "distance_m"), interval(by_name(measures, rule["rate_measure"]), RATE)
    if distance is None or rate.high == float("inf"):
        reason = Words("堤防・施設までの距離又は侵食速度が不明", "distance to the levee or rate of retreat unknown")
        return make_grade(rule, kind.grades, rule["called"], [fact], [reason])
    soonest = distance / rate.high if rate.high > 0 else float("inf")
    latest = distance / rate.low if rate.low > 0 else float("inf")
    codes, below = set(), 0.0
    for code, years in [*rule["years_to_reach"].items(), ("b", float("inf"))]:
        if soonest <= years and latest >= below:
            codes.add(code)
        below = years
    limits = [distance / years for years in rule["years_to_reach"].values()]  # d within 1 year: a rate of distance / 1
    parts = None if distance == 0 else chances(by_name(measures, rule["rate_measure"]), RATE, sorted(limits))
    ladder = ["b", *reversed(rule["years_to_reach"])]
    chance = None if parts is None else {c: p for c, p in zip(ladder, parts, strict=True) if c in codes}
    years_words = number(soonest) if soonest < float("inf") else "-"
    facts = [fact, Words(f"最短{years_words}年で到達", f"reached in {years_words} years at the earliest")]
    reasons = [Words("侵食速度の区間が境界をまたぐ", "the rate's interval straddles a limit")] if len(codes) > 1 else []
    return make_grade(rule, kind.grades, codes, facts, reasons, chance)


def _grade_embedment(
    rule: Mapping[str, Any], kind: DamageType, measures: tuple[Measure, ...], details: Mapping[str, Any]
) -> Grade:
    """Return the stages by how deep the footing still lies below the bed (構造令62条2項 as the limit)."""
    limits = load_standard("river_thresholds")["footing_embedment_m"]
    depth = by_name(measures, rule["measure"])
    if depth is None or depth.unit not in TO_M or (depth.value is None and depth.high is None):
        reason = Words("基礎の根入れが不明", "embedment of the footing unknown")
        return make_grade(rule, kind.grades, rule["unknown"], [Words(f"{kind.ja}あり", f"{kind.en} present")], [reason])
    near = flag("near_low_water_channel", details.get("near_low_water_channel"))
    places = {True: "near_low_water_channel", False: "other_flood_plain"}
    words = {
        True: Words("低水路付近", "near the low-water channel"),
        False: Words("その他の高水敷", "other flood plain"),
    }
    span = interval(depth, TO_M)
    cases, facts = [], []
    for where in (True, False) if near is None else (near,):
        limit = float(limits[places[where]])
        codes = set(rule["short"] if span.low < limit else ()) | set(rule["enough"] if span.high >= limit else ())
        cases.append(alternative(words[where], kind.grades, codes))
        facts.append(Words(f"{words[where].ja}の必要{number(limit)}m", f"{number(limit)} m needed {words[where].en}"))
    size = f"{number(span.high if depth.value is None else depth.value * TO_M[depth.unit])}"
    shown = Words(f"根入れ{size}m", f"embedment {size} m")
    reasons = [Words("必要な根入れとの大小だけでは段階が定まらない", "the limit alone does not decide the stage")]
    if near is None:
        reasons.append(Words("低水路付近か不明", "not known whether near the low-water channel"))
    possible = {code for one in cases for code in one.codes}
    return make_grade(rule, kind.grades, possible, [shown, *facts], reasons, alternatives=cases)


def _known(details: Mapping[str, Any], name: str) -> float | None:
    value = details.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise GradingError(
            f"{name} is {value!r}; expected a finite number of 0 or more, or nothing where it is unknown"
        )
    return float(value)
