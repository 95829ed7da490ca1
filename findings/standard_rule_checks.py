"""Checks of the grade rules against the ladders of their damages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

from findings.errors import StandardError

Get = Callable[[str], Mapping[str, Any]]

RULES = ("crack", "slab_crack", "spalling", "leakage", "corrosion", "coating",
         "river_cover", "river_erosion", "river_embedment")  # fmt: skip
GROUPS = ("observed", "measured")  # rules of the same shape: by observations, by one quantity
RIVER = ("a", "b", "c", "d")


def _refuse(standard: str, where: str, value: object, expected: str) -> StandardError:
    return StandardError(f"{standard}: {where} is {value!r}; expected {expected}")


def _number(value: object, low: float = -math.inf, high: float = math.inf) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _increasing(values: Iterable[object]) -> bool:
    values = list(values)
    return all(_number(v) for v in values) and all(a < b for a, b in pairwise(values))  # type: ignore[operator]


def check_grade_rules(data: Mapping[str, Any], get: Get) -> None:
    """Refuse a rule that is missing, gives a grade outside its damage's ladder, or has limits out of order."""
    ladders = {row["code"]: tuple(row["ladder"]) for row in get("damage_types_mlit26")["types"]}
    ladders |= {row["code"]: RIVER for row in get("river_defects")["defects"]}
    claimed: dict[str, str] = {}
    for name, rule in _all_rules(data):
        if not isinstance(rule, Mapping):
            raise _refuse("grade_rules", name, rule, "a rule")
        if rule.get("status") not in ("confirmed", "draft"):
            raise _refuse("grade_rules", f"{name}.status", rule.get("status"), "confirmed or draft")
        for damage in rule.get("damages") or (None,):
            if not isinstance(damage, str) or damage not in ladders:
                raise _refuse("grade_rules", f"{name}.damages", damage, 'a quoted code "1" to "26" or R01 to R22')
            if damage in claimed:
                raise _refuse("grade_rules", f"{name}.damages", damage, f"a code that {claimed[damage]} has not taken")
            claimed[damage] = name
            scheme = "river_rating" if damage.startswith("R") else "mlit_damage"
            if rule.get("scheme") != scheme:
                raise _refuse("grade_rules", f"{name}.scheme", rule.get("scheme"), scheme)
            if outside := [code for code in _codes(name, rule) if code not in ladders[damage]]:
                raise _refuse(
                    "grade_rules", f"{name}", outside, f"only grades of the ladder {ladders[damage]} of {damage}"
                )
    for group, check in (("observed", _check_cases), ("measured", _check_steps)):
        for name, rule in data[group].items():
            check(f"{group}.{name}", rule)
    for name, rule in data["coating"]["classes"].items():
        (_check_cases if "cases" in rule else _check_steps)(f"coating.classes.{name}", rule)
    _check_crack(data["crack"])
    _check_slab(data["slab_crack"])
    for name in ("spalling", "leakage"):
        _check_cases(name, data[name])
    if not _number(data["corrosion"].get("large_area_from"), 0, 1):
        raise _refuse(
            "grade_rules", "corrosion.large_area_from", data["corrosion"].get("large_area_from"), "a share 0 to 1"
        )
    _check_erosion(data["river_erosion"])


def _all_rules(data: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found = [(name, data.get(name)) for name in RULES]
    for group in GROUPS:
        rules = data.get(group)
        if not isinstance(rules, Mapping):
            raise _refuse("grade_rules", group, rules, "a mapping of rules")
        found += [(f"{group}.{name}", rule) for name, rule in rules.items()]
    return found


def _codes(name: str, rule: Mapping[str, Any]) -> list[str]:
    """Return every grade that a rule can give."""
    try:
        if name in ("crack", "corrosion"):
            return [code for row in rule["grade"].values() for code in row.values()]
        if name == "slab_crack":
            rows = [*(r["grades"] for r in rule["width_mm"]), *(r["grades"] for r in rule["spacing_m"])]
            return [code for row in [*rows, *rule["patterns"].values()] for code in row]
        if name == "river_cover":
            rows = [*rule["section"].values(), *rule["proxy"].values(), rule["unknown"]]
            return [code for row in rows for code in row]
        if name == "river_erosion":
            return [*rule["not_called"], *rule["called"], *rule["years_to_reach"]]
        if name == "river_embedment":
            return [*rule["enough"], *rule["short"], *rule["unknown"]]
        if name == "coating":
            return [code for own in rule["classes"].values() for code in _plain_codes(own)]
        return _plain_codes(rule)
    except (KeyError, TypeError, AttributeError) as error:
        raise StandardError(f"grade_rules: {name}: incomplete ({error}); compare with the packaged file") from error


def _plain_codes(rule: Mapping[str, Any]) -> list[str]:
    if "cases" in rule:
        return [case["grade"] for case in rule["cases"]]
    found = [code for step in rule["steps"] for code in step["grades"]]
    return [*found, *rule["zero"], *rule.get("unknown", ()), *rule.get("flag", {}).get("grades", ())]


def _check_steps(name: str, rule: Mapping[str, Any]) -> None:
    bounds = [step["from"] for step in rule["steps"]]
    if not _increasing(bounds) or bounds[0] != 0:
        raise _refuse("grade_rules", f"{name}.steps", bounds, "increasing limits from 0")
    if any(max(a["grades"]) > min(b["grades"]) for a, b in pairwise(rule["steps"])):
        raise _refuse("grade_rules", f"{name}.steps", bounds, "grades that never get better with the quantity")
    if not rule.get("measures") or not all(_number(f, 1e-9) for f in rule["units"].values()):
        raise _refuse("grade_rules", f"{name}.units", rule.get("units"), "measures, and a factor for each unit")


def _check_crack(rule: Mapping[str, Any]) -> None:
    classes: list[str] = rule["classes"]
    limits = rule.get("width_class_mm")
    if not isinstance(limits, Mapping) or set(limits) != {"RC", "PC"}:
        raise _refuse("grade_rules", "crack.width_class_mm", limits, "limits for RC and PC")
    for structure, bounds in limits.items():
        if list(bounds) != classes or not _increasing(bounds.values()) or bounds[classes[0]] != 0:
            raise _refuse("grade_rules", f"crack.width_class_mm.{structure}", bounds, "increasing limits in mm from 0")
    if set(rule["grade"]) != set(classes) or any(set(row) != {"sparse", "dense"} for row in rule["grade"].values()):
        raise _refuse("grade_rules", "crack.grade", rule["grade"], "a grade for each width class, sparse and dense")
    for a, b in pairwise(classes):
        if any(rule["grade"][a][d] > rule["grade"][b][d] for d in ("sparse", "dense")):
            raise _refuse("grade_rules", "crack.grade", rule["grade"], "grades that never get better with the width")
    if any(row["sparse"] > row["dense"] for row in rule["grade"].values()):
        raise _refuse("grade_rules", "crack.grade", rule["grade"], "grades that never get better with the density")
    if not _number(rule.get("dense_if_spacing_below_m"), 0.01, 100):
        raise _refuse("grade_rules", "crack.dense_if_spacing_below_m", rule.get("dense_if_spacing_below_m"), "metres")


def _check_slab(rule: Mapping[str, Any]) -> None:
    bounds = [row["upto"] for row in rule["width_mm"]]
    if bounds[-1] is not None or not _increasing(bounds[:-1]):
        raise _refuse("grade_rules", "slab_crack.width_mm", bounds, "increasing limits, the last one null")
    spacings = [row["from"] for row in rule["spacing_m"]]
    if not _increasing(reversed(spacings)) or spacings[-1] != 0:
        raise _refuse("grade_rules", "slab_crack.spacing_m", spacings, "decreasing limits down to 0")


def _check_cases(name: str, rule: Mapping[str, Any]) -> None:
    flags = rule.get("flags")
    if not isinstance(flags, Mapping):
        raise _refuse("grade_rules", f"{name}.flags", flags, "the observations that the cases ask for")
    for case in rule["cases"]:
        used = {flag for conjunction in case["when"] for flag in conjunction}
        if unknown := used - set(flags):
            raise _refuse("grade_rules", f"{name}.cases", sorted(unknown), f"flags among {sorted(flags)}")
    if unknown := {one for pair in rule.get("implies", {}).items() for one in pair} - set(flags):
        raise _refuse("grade_rules", f"{name}.implies", sorted(unknown), f"flags among {sorted(flags)}")
    if rule["cases"][-1]["when"] != [[]]:
        raise _refuse("grade_rules", f"{name}.cases", rule["cases"][-1]["when"], "a last case that always holds: [[]]")


def _check_erosion(rule: Mapping[str, Any]) -> None:
    for field in ("floor_m", "floor_px", "scenes_above_floor", "dates_each_side"):
        if not _number(rule.get(field), 0):
            raise _refuse("grade_rules", f"river_erosion.{field}", rule.get(field), "a number of 0 or more")
    if not _increasing(rule["years_to_reach"].values()):
        raise _refuse("grade_rules", "river_erosion.years_to_reach", rule["years_to_reach"], "years, worst grade first")
