"""What a priority profile must hold before it ranks anything: every problem in words, not only the first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

from findings.errors import StandardError

Get = Callable[[str], Mapping[str, Any]]

NAME = "priority_profile"
FORMULAS = ("product", "sum")
KINDS = ("table", "share", "log10", "linear")
STATUSES = ("candidate", "confirmed", "needs_close_inspection", "rejected", "duplicate")
CONDITION = ("soundness", "grade", "river_rating", "progression", "specific_event", "specific_events", "extent",
             "confidence", "extent_halves", "extent_halves_river", "review_weight")  # fmt: skip
RULES = ("top_soundness", "top_measure_class", "raised_soundness", "raised_within_days", "separate_statuses",
         "third_party", "rejected_before_last")  # fmt: skip
HEAD = ("standard", "version", "status", "title", "source", "id", "owner")
BODY = ("formula", "second_share", "likelihood", "missing", "consequence", "consequence_river", "hard_rules")
FURTHER = ("base", "condition_weight", "groups", "crossing_within_m")
ROW = ("weight", "kind", "ja", "en", "table", "at_one", "group", "where")


def check_profile(data: Mapping[str, Any], get: Get) -> None:
    """Refuse a profile with any problem; the message is the first one, and how many more there are.

    Raises:
        StandardError: so it is.
    """
    if found := profile_problems(data, get):
        more = f" ({len(found) - 1} more: `mizuhashi profiles validate FILE` lists them)" if found[1:] else ""
        raise StandardError(f"{NAME}: {found[0]}{more}")


def profile_problems(data: Mapping[str, Any], get: Get) -> list[str]:
    """Return what is wrong with a profile: place, value and what was expected; empty if it is sound.

    Args:
        data: as read from YAML.
        get: fetches the standards that name damages, members and inputs.
    """
    found = _Problems()
    found.keys("profile", data, (*HEAD, *BODY), FURTHER)
    if not isinstance(data.get("id"), str) or not data["id"]:
        found.add("id", data.get("id"), "a quoted name, e.g. default-v1")
    if not _words(data.get("owner")):
        found.add("owner", data.get("owner"), "whose table it is, {ja: ..., en: ...}")
    share = _formula(found, data)
    _condition(found, data.get("likelihood"), get)
    _missing(found, data)
    for table, asset in (("consequence", "bridge"), ("consequence_river", "river_reach")):
        _table(found, table, data.get(table), _inputs(get, asset), data.get("groups"), 1.0 - share)
    _groups(found, data)
    _rules(found, data.get("hard_rules"), get)
    if "crossing_within_m" in data and not _number(data["crossing_within_m"], 1, 10000):
        found.add("crossing_within_m", data["crossing_within_m"], "metres, 1 to 10000")
    return found.lines


class _Problems:
    """Collects problems as sentences."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, where: str, value: object, expected: str) -> None:
        self.lines.append(f"{where} is {_shown(value)}; expected {expected}")

    def keys(self, where: str, given: Mapping[str, Any], needed: Iterable[str], allowed: Iterable[str] = ()) -> None:
        """Say which sections are missing and which nobody knows: a mistyped name must not pass in silence."""
        self.lines += [f"{where} has no {key}; it must be written out" for key in needed if key not in given]
        known = (*needed, *allowed)
        self.lines += [
            f"{where} has an unknown entry {key!r}; expected only {', '.join(known)}"
            for key in given
            if key not in known
        ]

    def shares(self, where: str, row: object, codes: Iterable[str], low: float = 0, high: float = 1) -> bool:
        codes = tuple(codes)
        if isinstance(row, Mapping) and set(row) == set(codes) and all(_number(v, low, high) for v in row.values()):
            return True
        span = "a share 0 to 1" if (low, high) == (0, 1) else f"{low} to {high}"
        self.add(where, row, f"{span} for each of {', '.join(codes)}, and nothing else")
        return False


def _formula(found: _Problems, data: Mapping[str, Any]) -> float:
    """Check the formula's own numbers; return the share of the weights that the condition takes."""
    kind = data.get("formula")
    if kind not in FORMULAS:
        found.add("formula", kind, "product or sum")
    if not _number(data.get("second_share"), 0, 1):
        found.add("second_share", data.get("second_share"), "a share 0 to 1")
    needed, other = ("condition_weight", "base") if kind == "sum" else ("base", "condition_weight")
    if not _number(data.get(needed), 0, 1):
        found.add(needed, data.get(needed), f"a share 0 to 1, which the formula {kind} asks for")
    if other in data:
        found.add(other, data[other], f"no such entry: the formula {kind} does not read it")
    return float(data["condition_weight"]) if kind == "sum" and _number(data.get("condition_weight"), 0, 1) else 0.0


def _condition(found: _Problems, table: object, get: Get) -> None:
    if not isinstance(table, Mapping):
        found.add("likelihood", table, "a mapping of tables")
        return
    found.keys("likelihood", table, CONDITION, ("hazards",))
    for key, codes in {"soundness": ("I", "II", "III", "IV"), "grade": "abcde", "river_rating": "abcd"}.items():
        row = table.get(key)
        if not found.shares(f"likelihood.{key}", row, codes) or not isinstance(row, Mapping):
            continue
        if any(row[a] > row[b] for a, b in pairwise(codes)):
            found.add(f"likelihood.{key}", dict(row), "values that never fall as the grade gets worse")
    for key in ("specific_event", "extent", "confidence"):
        if not _number(table.get(key), 0, 1):
            found.add(f"likelihood.{key}", table.get(key), "a share 0 to 1")
    if not _texts(table.get("specific_events")):
        found.add("likelihood.specific_events", table.get("specific_events"), "a list of names, [] for none")
    found.shares("likelihood.review_weight", table.get("review_weight"), STATUSES)
    row = table.get("progression")
    if found.shares("likelihood.progression", row, ("faster", "unchanged", "repaired"), -1, 1) and not (
        row["repaired"] <= row["unchanged"] <= row["faster"]  # type: ignore[index]
    ):
        found.add("likelihood.progression", row, "repaired <= unchanged <= faster")
    for key in ("extent_halves", "extent_halves_river"):
        rows = table.get(key)
        if not isinstance(rows, list | tuple) or not all(
            isinstance(r, Mapping) and set(r) == {"measure", "unit", "half"} and _number(r["half"], 1e-9) for r in rows
        ):
            found.add(f"likelihood.{key}", rows, "rows {measure, unit, half} with a positive half")
    if "hazards" in table:
        _table(found, "likelihood.hazards", table["hazards"], _inputs(get, "bridge"), None, None)


def _missing(found: _Problems, data: Mapping[str, Any]) -> None:
    likelihood = data.get("likelihood")
    hazards = isinstance(likelihood, Mapping) and "hazards" in likelihood
    names = ("grade", "soundness", "extent", "consequence", *(("hazard",) if hazards else ()))
    found.shares("missing", data.get("missing"), names)


def _table(
    found: _Problems, table: str, rows: object, known: tuple[str, ...], groups: object, total: float | None
) -> None:
    """Check a table of inputs, and that its weights sum to the total; None: they need not."""
    if not isinstance(rows, Mapping) or not rows:
        found.add(table, rows, "a mapping of inputs")
        return
    for key, row in rows.items():
        where = f"{table}.{key}"
        if key not in known:
            found.lines.append(
                f"{where}: there is no input {key!r}; expected one of {', '.join(known)}, "
                "or add it to priority_inputs.yaml among the agency's own standards"
            )
        _row(found, where, row, groups)
    weights = [row.get("weight") if isinstance(row, Mapping) else None for row in rows.values()]
    if total is None or not all(_number(weight, 0, 1) for weight in weights):
        return
    if abs(sum(weights) - total) > 1e-6:  # type: ignore[arg-type]
        # A profile that multiplies has nothing beside its consequence; one that sums has the condition's weight.
        beside = "" if total == 1 else f", which with condition_weight {1 - total:g} makes 1"
        shown, aim = round(sum(weights), 6), round(total, 6)  # type: ignore[arg-type]
        found.add(f"{table}: sum of the weights", shown, f"weights that sum to {aim:g}{beside}; change another weight")


def _row(found: _Problems, where: str, row: object, groups: object) -> None:
    if not isinstance(row, Mapping) or not _number(row.get("weight"), 0, 1):
        weight = row.get("weight") if isinstance(row, Mapping) else row
        found.add(f"{where}.weight", weight, "a weight 0 to 1, never negative")
    if not isinstance(row, Mapping):
        return
    found.keys(where, row, ("weight", "kind", "ja", "en"), ROW)
    if "where" in row and not (where.startswith("likelihood.hazards.") and _texts([row["where"]]) and row["where"]):
        found.add(f"{where}.where", row["where"], "the name of an attribute, in a row of likelihood.hazards only")
    if row.get("kind") not in KINDS:
        found.add(f"{where}.kind", row.get("kind"), "table, share, log10 or linear")
    if row.get("kind") in ("log10", "linear") and not _number(row.get("at_one"), 1e-9):
        found.add(f"{where}.at_one", row.get("at_one"), "the positive value that counts 1")
    values = row.get("table", {})
    sound = isinstance(values, Mapping) and all(isinstance(k, str) and _number(v, 0, 1) for k, v in values.items())
    if not sound or (row.get("kind") == "table" and not values):
        found.add(f"{where}.table", values, 'quoted codes with shares 0 to 1, e.g. {"1": 1.0}')
    if "group" in row and (not isinstance(groups, Mapping) or row["group"] not in groups):
        found.add(f"{where}.group", row["group"], "a group that stands under groups")


def _groups(found: _Problems, data: Mapping[str, Any]) -> None:
    """Check that the rows of each group carry the weight that the group is given."""
    groups, rows = data.get("groups", {}), data.get("consequence")
    if not isinstance(groups, Mapping) or not isinstance(rows, Mapping):
        found.add("groups", groups, "a mapping of groups over the rows of consequence")
        return
    for name, group in groups.items():
        if not isinstance(group, Mapping) or not _number(group.get("weight"), 0, 1) or not _words(group):
            found.add(f"groups.{name}", group, "{weight, ja, en}")
            continue
        own: list[Any] = [r.get("weight") for r in rows.values() if isinstance(r, Mapping) and r.get("group") == name]
        if all(_number(weight, 0, 1) for weight in own) and abs(sum(own) - group["weight"]) > 1e-6:
            found.add(
                f"groups.{name}: sum of its rows' weights", round(sum(own), 6), f"the group's weight {group['weight']}"
            )


def _rules(found: _Problems, rules: object, get: Get) -> None:
    if not isinstance(rules, Mapping):
        found.add("hard_rules", rules, "a mapping of rules")
        return
    found.keys("hard_rules", rules, RULES)
    official = {row["code"] for row in get("soundness")["classes"]}
    known = {
        "top_soundness": official,
        "raised_soundness": official,
        "top_measure_class": {row["code"] for row in get("measure_class")["classes"]},
        "separate_statuses": set(STATUSES),
    }
    for key, codes in known.items():
        _among(found, f"hard_rules.{key}", rules.get(key), codes)
    if not _number(rules.get("raised_within_days"), 0):
        found.add("hard_rules.raised_within_days", rules.get("raised_within_days"), "days, 0 or more")
    if not isinstance(rules.get("rejected_before_last"), bool):
        found.add("hard_rules.rejected_before_last", rules.get("rejected_before_last"), "true or false")
    third = rules.get("third_party")
    if not isinstance(third, Mapping):
        found.add("hard_rules.third_party", third, "{damages, input, not_members}; damages: [] for no such rule")
        return
    found.keys("hard_rules.third_party", third, ("damages", "input", "not_members"))
    damages = {row["code"] for row in get("damage_types_mlit26")["types"]}
    damages |= {row["code"] for row in get("river_defects")["defects"]}
    _among(found, "hard_rules.third_party.damages", third.get("damages"), damages)
    _among(
        found,
        "hard_rules.third_party.not_members",
        third.get("not_members"),
        {row["symbol"] for row in get("members")["members"]},
    )
    _among(found, "hard_rules.third_party.input", [third.get("input")], set(_inputs(get, "bridge")))


def _among(found: _Problems, where: str, values: object, known: set[str]) -> None:
    if not _texts(values):
        found.add(where, values, 'a list of quoted codes, e.g. ["7"], [] for none')
        return
    for value in values:  # type: ignore[attr-defined]
        if value not in known:
            found.add(where, value, f"one of {', '.join(sorted(known, key=lambda code: (len(code), code)))}")


def _inputs(get: Get, asset: str) -> tuple[str, ...]:
    return tuple(row["name"] for row in get("priority_inputs")["inputs"] if asset in row["assets"])


def check_inputs(data: Mapping[str, Any], _: Get) -> None:
    """Refuse a list of inputs with a name twice, or without the kind of asset or the words.

    Raises:
        StandardError: so it is.
    """
    rows = data.get("inputs")
    if not isinstance(rows, list) or not rows:
        raise StandardError(f"priority_inputs: inputs is {rows!r}; expected a list of rows")
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        texts = [row.get(key) for key in ("name", "ja", "en", "meaning")] if isinstance(row, Mapping) else [None]
        if not all(isinstance(text, str) and text for text in texts):
            raise StandardError(f"priority_inputs: row {number} is {row!r}; expected texts name, ja, en and meaning")
        assets = row.get("assets")
        if not _texts(assets) or not assets or not set(assets) <= {"bridge", "river_reach"}:
            raise StandardError(f"priority_inputs: {row['name']}.assets is {assets!r}; expected bridge, river_reach")
        if row["name"] in seen:
            raise StandardError(f"priority_inputs: {row['name']!r} stands twice; give each input once")
        seen.add(row["name"])


def _words(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(value.get(key), str) and value[key] for key in ("ja", "en"))


def _texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _number(value: object, low: float = -math.inf, high: float = math.inf) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and low <= value <= high
    )


def _shown(value: object) -> str:
    text = repr(dict(value) if isinstance(value, Mapping) else value)
    return text if len(text) <= 200 else f"{text[:200]} ..."
