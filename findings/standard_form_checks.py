"""Checks of form_quantities and of the two foreign scales: known damages, limits in order, display only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from findings.errors import StandardError

Get = Callable[[str], Mapping[str, Any]]


def _refuse(where: str, value: object, expected: str, standard: str = "form_quantities") -> StandardError:
    return StandardError(f"{standard}: {where} is {value!r}; expected {expected}")


def check_form_quantities(data: Mapping[str, Any], get: Get) -> None:
    """Refuse a rule of an unknown damage, of one that has a rule, or of a bridge in a unit that the form lacks."""
    bridge = {row["code"] for row in get("damage_types_mlit26")["types"]}
    known = bridge | {row["code"] for row in get("river_defects")["defects"]}
    form_units = get("form_columns")["units_3_3"]
    seen: set[str] = set()
    for rule in data["rules"]:
        for damage in rule["damages"] or (None,):
            if not isinstance(damage, str) or damage not in known or damage in seen:
                raise _refuse("a damage", damage, 'a quoted code "1" to "26" or R01 to R22 that has no other rule')
            seen.add(damage)
            if damage in bridge and rule["unit"] not in form_units:
                raise _refuse(f"unit of {damage}", rule["unit"], f"a unit of the form: {', '.join(form_units)}")
        if rule["take"] not in ("max", "sum"):
            raise _refuse("take", rule["take"], "max or sum")
        factors = list(rule["units"].values())
        if not factors or not all(isinstance(f, float) and f > 0 for f in factors) or not rule["measures"]:
            raise _refuse("units", dict(rule["units"]), "a positive factor for each unit, and measures")
    if data["places"]["unit"] not in form_units:
        raise _refuse("places.unit", data["places"]["unit"], f"a unit of the form: {', '.join(form_units)}")


def check_aashto(data: Mapping[str, Any], get: Get) -> None:
    """Refuse an unknown member or damage, limits out of order, or a table that is not for display only."""
    name = "aashto_elements"
    _display_only(data, name)
    if [row["code"] for row in data["states"]] != ["CS1", "CS2", "CS3", "CS4"]:
        raise _refuse("states", [row["code"] for row in data["states"]], "CS1 to CS4 in order", name)
    members = {row["symbol"] for row in get("members")["members"]}
    numbers: set[str] = set()
    for row in data["elements"]:
        if not isinstance(row["number"], str) or row["number"] in numbers:
            raise _refuse("an element", row["number"], "a quoted number that no other element has", name)
        numbers.add(row["number"])
        if row["unit"] not in ("m2", "m", "each"):
            raise _refuse(f"unit of {row['number']}", row["unit"], "m2, m or each", name)
        if not set(row["members"]) <= members or not set(row["structures"]) <= {"RC", "PC", "S"}:
            raise _refuse(f"element {row['number']}", dict(row), "known members, and RC, PC or S", name)
    damages = {row["code"] for row in get("damage_types_mlit26")["types"]}
    spall = data["spall_defect"]
    for row in (*data["crack_defects"], *data["seen_defects"], {"damages": spall["spalled"] + spall["delaminated"]}):
        if unknown := set(row["damages"]) - damages:
            raise _refuse("damages", sorted(unknown), 'quoted codes "1" to "26"', name)
    for row in data["crack_defects"]:
        if not 0 < row["cs2_from_in"] < row["cs3_over_in"]:
            raise _refuse(f"limits of {row['number']}", dict(row), "0 < CS2 < CS3, in inches", name)
    for key, value in (("affected_width_m", data["affected_width_m"]), ("depth_over_in", spall["depth_over_in"])):
        if not value > 0:
            raise _refuse(key, value, "a positive length", name)


def check_uk(data: Mapping[str, Any], _: Get) -> None:
    """Refuse extents or scores out of order, or a table that is not for display only."""
    name = "uk_condition"
    _display_only(data, name)
    bounds = [row["upto"] for row in data["extents"]]
    if [row["code"] for row in data["extents"]] != list("ABCDE") or bounds != sorted(set(bounds)) or bounds[-1] != 1:
        raise _refuse("extents", bounds, "A to E with increasing shares up to 1", name)
    scores = [score for row in data["score"].values() for score in row.values()]
    if list(data["score"]) != list("12345") or scores != sorted(scores) or scores[0] != 1 or scores[-1] != 5:
        raise _refuse("score", scores, "scores from 1 to 5 that never fall", name)
    for kind, row in data["importance"].items():
        if not row["factor"] > 0 or not 0 <= row["relief"] <= 4:
            raise _refuse(f"importance {kind}", dict(row), "a positive factor, and a relief of 0 to 4", name)


def _display_only(data: Mapping[str, Any], name: str) -> None:
    if data.get("display_only") is not True:
        raise _refuse("display_only", data.get("display_only"), "true: foreign scales never reach a record", name)
