"""What every standard must hold before it is believed: types, codes given once, rules that fit their ladders."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from findings.asset_rollup_checks import check_asset_rollup
from findings.errors import StandardError
from findings.profile_checks import check_inputs, check_profile
from findings.standard_form_checks import check_aashto, check_form_quantities, check_uk
from findings.standard_rule_checks import check_grade_rules

Get = Callable[[str], Mapping[str, Any]]

LETTERS = "abcde"
NUMBERS = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳㉑㉒㉓㉔㉕㉖"
CAMERA = ("Y", "part", "N")
GROUPS = ("steel", "concrete", "common", "other")


def _refuse(data: Mapping[str, Any], where: str, value: object, expected: str) -> StandardError:
    return StandardError(f"{data['standard']}: {where} is {value!r}; expected {expected}")


def _rows(data: Mapping[str, Any], key: str, texts: Iterable[str], identity: str) -> list[Mapping[str, Any]]:
    """Return the rows of a list, each with the given text fields and an identity that no other row has."""
    rows = data.get(key)
    if not isinstance(rows, list) or not rows:
        raise _refuse(data, key, rows, "a list of rows")
    seen: set[str] = set()
    for index, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise _refuse(data, f"{key} row {index}", row, "a mapping")
        for field in (identity, *texts):
            if not isinstance(row.get(field), str) or not row[field]:
                raise _refuse(data, f"{key} row {index}, {field}", row.get(field), 'text (quote codes such as "0101")')
        if row[identity] in seen:
            raise _refuse(data, f"{key} row {index}, {identity}", row[identity], "a code that no other row has")
        seen.add(row[identity])
    return rows


def _one_of(data: Mapping[str, Any], where: str, value: object, allowed: Iterable[str]) -> None:
    allowed = tuple(allowed)
    if not isinstance(value, str) or value not in allowed:
        raise _refuse(data, where, value, f"one of {', '.join(allowed)}")


def _damage_types(data: Mapping[str, Any], _: Get) -> None:
    rows = _rows(data, "types", ("number", "ja", "en", "wording"), "code")
    if [row["code"] for row in rows] != [str(n) for n in range(1, 27)]:
        raise _refuse(data, "types", [row["code"] for row in rows], 'the codes "1" to "26" in order')
    for row, glyph in zip(rows, NUMBERS, strict=True):
        where = f"type {row['code']}"
        _one_of(data, f"{where}, number", row["number"], (glyph,))
        _one_of(data, f"{where}, group", row.get("group"), GROUPS)
        _one_of(data, f"{where}, camera", row.get("camera"), CAMERA)
        ladder = row.get("ladder")
        if not isinstance(ladder, list) or ladder != sorted(set(ladder) & set(LETTERS)) or ladder[:1] != ["a"]:
            raise _refuse(data, f"{where}, ladder", ladder, "letters a to e in order, each once, beginning with a")
        grades = row.get("grades")
        if not isinstance(grades, Mapping) or list(grades) != ladder:
            raise _refuse(data, f"{where}, grades", grades and list(grades), f"one meaning for each of {ladder}")
        for letter, words in grades.items():
            if not isinstance(words, Mapping) or not all(isinstance(words.get(k), str) for k in ("ja", "en")):
                raise _refuse(data, f"{where}, grade {letter}", words, "{ja: ..., en: ...}")
        if not isinstance(row.get("dacl10k"), list):
            raise _refuse(data, f"{where}, dacl10k", row.get("dacl10k"), "a list of class names, [] for none")


def _members(data: Mapping[str, Any], get: Get) -> None:
    groups = {row["group"] for row in _rows(data, "groups", ("ja", "en"), "group")}
    members = _rows(data, "members", ("ja", "en", "group"), "symbol")
    symbols = {row["symbol"] for row in members}
    for row in members:
        _one_of(data, f"member {row['symbol']}, group", row["group"], sorted(groups))
    materials = {row["code"] for row in _rows(data, "materials", ("ja", "en"), "code")}
    damages = {row["code"] for row in get("damage_types_mlit26")["types"]}
    seen: set[tuple[object, object]] = set()
    for index, row in enumerate(data.get("targets") or (), start=1):
        where = f"targets row {index}"
        _one_of(data, f"{where}, material", row.get("material"), sorted(materials))
        for damage in row.get("damages") or (None,):
            _one_of(data, f"{where}, damages", damage, sorted(damages, key=int))
        for symbol in row.get("members") or (None,):
            _one_of(data, f"{where}, members", symbol, sorted(symbols))
            if (symbol, row["material"]) in seen:
                raise _refuse(data, where, (symbol, row["material"]), "a member and material that no other row has")
            seen.add((symbol, row["material"]))
    for damage in data.get("always") or (None,):
        _one_of(data, "always", damage, sorted(damages, key=int))
    for group, codes in (data.get("group_materials") or {}).items():
        _one_of(data, "group_materials", group, GROUPS)
        for code in codes:
            _one_of(data, f"group_materials {group}", code, sorted(materials))
    if set(data.get("group_materials") or ()) != set(GROUPS):
        raise _refuse(
            data, "group_materials", list(data.get("group_materials") or ()), f"one entry for each of {GROUPS}"
        )
    for alias, code in (data.get("material_aliases") or {}).items():
        _one_of(data, f"material_aliases {alias}", code, sorted(materials))


def _soundness(data: Mapping[str, Any], _: Get) -> None:
    rows = _rows(data, "classes", ("ja", "en", "def_ja"), "code")
    if [row["code"] for row in rows] != ["I", "II", "III", "IV"]:
        raise _refuse(data, "classes", [row["code"] for row in rows], "I, II, III, IV in order")
    if [row.get("number") for row in rows] != [1, 2, 3, 4]:
        raise _refuse(data, "numbers", [row.get("number") for row in rows], "1, 2, 3, 4")
    _one_of(data, "writer", data.get("writer"), ("engineer",))


def _measure_class(data: Mapping[str, Any], _: Get) -> None:
    for row in _rows(data, "classes", ("ja", "en"), "code"):
        usual = row.get("usual_soundness")
        if usual is not None:
            _one_of(data, f"class {row['code']}, usual_soundness", usual, ("I", "II", "III", "IV"))
    _one_of(data, "writer", data.get("writer"), ("engineer",))


def _river_rating(data: Mapping[str, Any], _: Get) -> None:
    rows = _rows(data, "stages", ("ja", "en", "note_ja"), "code")
    if [row["code"] for row in rows] != ["a", "b", "c", "d"]:
        raise _refuse(data, "stages", [row["code"] for row in rows], "a, b, c, d in order")


def _river_defects(data: Mapping[str, Any], _: Get) -> None:
    rows = _rows(data, "defects", ("ja", "en", "structure", "structure_ja", "quantity"), "code")
    expected = [f"R{n:02d}" for n in range(1, 23)]
    if [row["code"] for row in rows] != expected:
        raise _refuse(data, "defects", [row["code"] for row in rows], "R01 to R22 in order")
    for row in rows:
        for column in ("drone", "satellite"):
            _one_of(data, f"{row['code']}, {column}", row.get(column), CAMERA)


def _river_thresholds(data: Mapping[str, Any], get: Get) -> None:
    codes = [row["code"] for row in get("river_defects")["defects"]]
    for row in _rows(data, "triggers", ("quantity_ja", "quantity_en", "damage", "agency"), "name"):
        _one_of(data, f"trigger {row['name']}, damage", row["damage"], codes)
        value = row.get("value")
        if not isinstance(value, float) or not 0 < value < 1:
            raise _refuse(data, f"trigger {row['name']}, value", value, "a share between 0 and 1")


def _crosswalks(data: Mapping[str, Any], get: Get) -> None:
    if data.get("display_only") is not True:
        raise _refuse(data, "display_only", data.get("display_only"), "true: cross-walks never reach a record")
    rows = _rows(data, "mlit_damage", (), "grade")
    if [row["grade"] for row in rows] != list(LETTERS):
        raise _refuse(data, "mlit_damage", [row["grade"] for row in rows], "one row for each of a to e, in order")
    states = {row["code"] for row in _rows(data, "aashto_states", ("en", "ja"), "code")}
    measure_classes = [row["code"] for row in get("measure_class")["classes"]]
    for row in rows:
        for state in row.get("aashto_cs") or (None,):
            _one_of(data, f"grade {row['grade']}, aashto_cs", state, sorted(states))
        for code in row.get("usual_measure_class") or (None,):
            _one_of(data, f"grade {row['grade']}, usual_measure_class", code, measure_classes)
        if not row.get("uk_severity") or not set(row["uk_severity"]) <= {1, 2, 3, 4, 5}:
            raise _refuse(data, f"grade {row['grade']}, uk_severity", row.get("uk_severity"), "severities 1 to 5")


def _form_columns(data: Mapping[str, Any], _: Get) -> None:
    for key in (
        "damage_grade_sheet_3_3", "units_3_3", "damage_photo_sheet_3_2", "summary_sheet_3_4", "header",
        "river_findings", "municipal_facilities",
    ):  # fmt: skip
        columns = data.get(key)
        if not isinstance(columns, list) or not columns or len(set(columns)) != len(columns):
            raise _refuse(data, key, columns, "a list of names, each once")


def _ui_words(data: Mapping[str, Any], _: Get) -> None:
    words = [row["ja"] for row in _rows(data, "words", ("en",), "ja")]
    _rows(data, "statuses", ("ja", "en"), "code")
    if clash := set(words) & set(data.get("forbidden") or ()):
        raise _refuse(data, "words", sorted(clash), "no word that is also forbidden")


def is_share(value: object) -> bool:
    """Return whether the value is a finite number from 0 to 1 (True and False are not numbers here)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1


CHECKERS: dict[str, Callable[[Mapping[str, Any], Get], None]] = {
    "damage_types_mlit26": _damage_types,
    "members": _members,
    "soundness": _soundness,
    "measure_class": _measure_class,
    "river_rating": _river_rating,
    "river_defects": _river_defects,
    "river_thresholds": _river_thresholds,
    "crosswalks": _crosswalks,
    "form_columns": _form_columns,
    "ui_words": _ui_words,
    "form_quantities": check_form_quantities,
    "aashto_elements": check_aashto,
    "uk_condition": check_uk,
    "grade_rules": check_grade_rules,
    "priority_profile": check_profile,
    "priority_inputs": check_inputs,
    "asset_rollup": check_asset_rollup,
}
