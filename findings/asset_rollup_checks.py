"""What the table of the roll-up by asset must hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from findings.errors import StandardError

Get = Callable[[str], Mapping[str, Any]]
SAME = ("asset", "span", "member")
NEEDS = {"bridge": ("pier_in_channel", "third_party_below"), "river_reach": ("bridge_near",)}
FIELDS = {"name", "asset", "bonus", "same", "parts", "ja", "en"}
FURTHER = {"needs", "also_bridge"}


def check_asset_rollup(data: Mapping[str, Any], get: Get) -> None:
    """Refuse a rule with an unknown damage, member, entry or need, without words, or with a bonus that is no share.

    Raises:
        StandardError: so it is.
    """
    if not _share(data.get("share_of_further")):
        raise _refuse("share_of_further", data.get("share_of_further"), "a share 0 to 1")
    rules = data.get("rules")
    if not isinstance(rules, list):
        raise _refuse("rules", rules, "a list of rules, [] for none")
    codes = {row["code"] for row in get("damage_types_mlit26")["types"]}
    codes |= {row["code"] for row in get("river_defects")["defects"]}
    members = {row["symbol"] for row in get("members")["members"]}
    seen: set[str] = set()
    for number, rule in enumerate(rules, start=1):
        _check_rule(f"rule {number}", rule)
        name = rule["name"]
        if name in seen:
            raise _refuse(f"rule {number}, name", name, "a name that no other rule has")
        seen.add(name)
        for part in rule["parts"]:
            _check_part(f"rule {name}", part, codes, members)


def _check_rule(where: str, rule: Any) -> None:
    if not isinstance(rule, Mapping) or not FIELDS <= set(rule) <= FIELDS | FURTHER:
        raise _refuse(where, rule, f"{', '.join(sorted(FIELDS))}, on demand {', '.join(sorted(FURTHER))}")
    if not all(isinstance(rule[key], str) and rule[key] for key in ("name", "ja", "en")):
        raise _refuse(where, rule, "texts name, ja and en")
    where = f"rule {rule['name']}"
    if rule["asset"] not in NEEDS:
        raise _refuse(f"{where}, asset", rule["asset"], "bridge or river_reach")
    if not _share(rule["bonus"]):
        raise _refuse(f"{where}, bonus", rule["bonus"], "a share 0 to 1")
    if rule["same"] not in SAME:
        raise _refuse(f"{where}, same", rule["same"], ", ".join(SAME))
    if "needs" in rule and rule["needs"] not in NEEDS[rule["asset"]]:
        raise _refuse(f"{where}, needs", rule["needs"], ", ".join(NEEDS[rule["asset"]]))
    if rule.get("also_bridge") and rule.get("needs") != "bridge_near":
        raise _refuse(f"{where}, also_bridge", True, "only with needs: bridge_near, which says which bridge")
    if not isinstance(rule["parts"], list) or not 1 <= len(rule["parts"]) <= 2:
        raise _refuse(f"{where}, parts", rule["parts"], "one part or two")


def _check_part(where: str, part: Any, codes: set[str], members: set[str]) -> None:
    wanted = {"damages", "members", "grades_from"}
    if not isinstance(part, Mapping) or not wanted <= set(part) <= wanted | {"grown"}:
        raise _refuse(f"{where}, part", part, "damages, members ([] for any) and grades_from, on demand grown")
    for key, known in (("damages", codes), ("members", members)):
        for value in part[key] if isinstance(part[key], list) else [part[key]]:
            if value not in known:
                raise _refuse(f"{where}, {key}", value, f"one of {', '.join(sorted(known))}")
    if not part["damages"]:
        raise _refuse(f"{where}, damages", [], "at least one damage")
    if part["grades_from"] not in tuple("abcde"):
        raise _refuse(f"{where}, grades_from", part["grades_from"], "a grade a to e")
    if not isinstance(part.get("grown", False), bool):
        raise _refuse(f"{where}, grown", part["grown"], "true or false")


def _share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1


def _refuse(where: str, value: object, expected: str) -> StandardError:
    return StandardError(f"asset_rollup: {where} is {value!r}; expected {expected}")
