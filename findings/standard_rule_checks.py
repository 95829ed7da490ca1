"""Checks of the two standards that hold rules: grade_rules against the ladders, priority_profile against itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

from findings.errors import StandardError

Get = Callable[[str], Mapping[str, Any]]

RULES = ("crack", "slab_crack", "spalling", "leakage", "corrosion", "river_cover", "river_erosion")
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
    for name in RULES:
        rule = data.get(name)
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
    _check_crack(data["crack"])
    _check_slab(data["slab_crack"])
    for name in ("spalling", "leakage"):
        _check_cases(name, data[name])
    if not _number(data["corrosion"].get("large_area_from"), 0, 1):
        raise _refuse(
            "grade_rules", "corrosion.large_area_from", data["corrosion"].get("large_area_from"), "a share 0 to 1"
        )
    _check_erosion(data["river_erosion"])


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
        return [case["grade"] for case in rule["cases"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise StandardError(f"grade_rules: {name}: incomplete ({error}); compare with the packaged file") from error


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
    if rule["cases"][-1]["when"] != [[]]:
        raise _refuse("grade_rules", f"{name}.cases", rule["cases"][-1]["when"], "a last case that always holds: [[]]")


def _check_erosion(rule: Mapping[str, Any]) -> None:
    for field in ("floor_m", "floor_px", "scenes_above_floor", "dates_each_side"):
        if not _number(rule.get(field), 0):
            raise _refuse("grade_rules", f"river_erosion.{field}", rule.get(field), "a number of 0 or more")
    if not _increasing(rule["years_to_reach"].values()):
        raise _refuse("grade_rules", "river_erosion.years_to_reach", rule["years_to_reach"], "years, worst grade first")


def check_priority_profile(data: Mapping[str, Any], _: Get) -> None:
    """Refuse a profile whose weights do not sum to 1, whose values leave 0 to 1, or whose grades get lighter."""
    name = "priority_profile"
    if not isinstance(data.get("id"), str) or not data["id"]:
        raise _refuse(name, "id", data.get("id"), "a quoted name, e.g. default-v1")
    for key in ("base", "second_share"):
        if not _number(data.get(key), 0, 1):
            raise _refuse(name, key, data.get(key), "a share 0 to 1")
    likelihood = data.get("likelihood")
    if not isinstance(likelihood, Mapping):
        raise _refuse(name, "likelihood", likelihood, "a mapping of tables")
    _check_likelihood(name, likelihood)
    missing = data.get("missing")
    if (
        not isinstance(missing, Mapping)
        or set(missing) != {"grade", "soundness", "extent", "consequence"}
        or not all(_number(v, 0, 1) for v in missing.values())
    ):
        raise _refuse(name, "missing", missing, "grade, soundness, extent and consequence, each a share 0 to 1")
    for table in ("consequence", "consequence_river"):
        _check_consequence(name, table, data.get(table))
    rules = data.get("hard_rules")
    lists = ("top_soundness", "top_measure_class", "raised_soundness", "separate_statuses")
    if (
        not isinstance(rules, Mapping)
        or set(rules) != {*lists, "raised_within_days"}
        or not _number(rules["raised_within_days"], 0)
    ):
        raise _refuse(name, "hard_rules", rules, f"{', '.join(lists)} and raised_within_days")


def _check_likelihood(name: str, table: Mapping[str, Any]) -> None:
    wanted = {"soundness": ("I", "II", "III", "IV"), "grade": tuple("abcde"), "river_rating": RIVER}
    for key, codes in wanted.items():
        row = table.get(key)
        if not isinstance(row, Mapping) or tuple(row) != codes or not all(_number(v, 0, 1) for v in row.values()):
            raise _refuse(name, f"likelihood.{key}", row, f"a share 0 to 1 for each of {', '.join(codes)}, in order")
        if any(a > b for a, b in pairwise(row.values())):
            raise _refuse(name, f"likelihood.{key}", dict(row), "values that never fall as the grade gets worse")
    for key in ("specific_event", "extent", "confidence"):
        if not _number(table.get(key), 0, 1):
            raise _refuse(name, f"likelihood.{key}", table.get(key), "a share 0 to 1")
    weights = table.get("review_weight")
    statuses = {"candidate", "confirmed", "needs_close_inspection", "rejected", "duplicate"}
    if (
        not isinstance(weights, Mapping)
        or set(weights) != statuses
        or not all(_number(v, 0, 1) for v in weights.values())
    ):
        raise _refuse(name, "likelihood.review_weight", weights, f"a share 0 to 1 for each of {sorted(statuses)}")
    progression = table.get("progression")
    if (
        not isinstance(progression, Mapping)
        or set(progression) != {"faster", "unchanged", "repaired"}
        or not all(_number(v, -1, 1) for v in progression.values())
    ):
        raise _refuse(name, "likelihood.progression", progression, "faster, unchanged and repaired, each -1 to 1")
    for key in ("extent_halves", "extent_halves_river"):
        rows = table.get(key)
        if not isinstance(rows, list) or not all(
            isinstance(r, Mapping) and set(r) == {"measure", "unit", "half"} and _number(r["half"], 1e-9) for r in rows
        ):
            raise _refuse(name, f"likelihood.{key}", rows, "rows {measure, unit, half} with a positive half")


def _check_consequence(name: str, table: str, rows: object) -> None:
    if not isinstance(rows, Mapping) or not rows:
        raise _refuse(name, table, rows, "a mapping of inputs")
    for key, row in rows.items():
        where = f"{table}.{key}"
        if not isinstance(row, Mapping) or not _number(row.get("weight"), 0, 1):
            raise _refuse(name, where, row, "an input with a weight 0 to 1")
        if row.get("kind") not in ("table", "share", "log10", "linear"):
            raise _refuse(name, f"{where}.kind", row.get("kind"), "table, share, log10 or linear")
        if row["kind"] in ("log10", "linear") and not _number(row.get("at_one"), 1e-9):
            raise _refuse(name, f"{where}.at_one", row.get("at_one"), "the positive value that counts 1")
        values = row.get("table", {})
        if (row["kind"] == "table" and not values) or not all(
            isinstance(k, str) and _number(v, 0, 1) for k, v in values.items()
        ):
            raise _refuse(name, f"{where}.table", values, 'quoted codes with shares 0 to 1, e.g. {"1": 1.0}')
        if not all(isinstance(row.get(k), str) for k in ("ja", "en")):
            raise _refuse(name, where, row, "words ja and en")
    total = sum(row["weight"] for row in rows.values())
    if abs(total - 1) > 1e-6:
        raise _refuse(
            name, f"{table} weights", round(total, 6), "weights that sum to 1; change another weight to make room"
        )
