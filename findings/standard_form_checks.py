"""Checks of the standard form_quantities: known damages, once each, and units that can be converted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from findings.errors import StandardError

Get = Callable[[str], Mapping[str, Any]]


def _refuse(where: str, value: object, expected: str) -> StandardError:
    return StandardError(f"form_quantities: {where} is {value!r}; expected {expected}")


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
