"""The names of damage types and members, and the combinations that cannot be."""

from __future__ import annotations

import pytest

from findings.errors import GradingError
from findings.finding import Domain
from findings.taxonomy import check_member, damage_type, damage_types, member_kind, normalise_soundness
from tests.findings.factories import a_grade


def test_there_are_26_damage_types_and_22_river_anomalies() -> None:
    kinds = damage_types()
    assert [k.domain for k in kinds].count(Domain.BRIDGE) == 26
    assert [k.domain for k in kinds].count(Domain.RIVER) == 22
    assert all(damage_type(kind.code) == kind for kind in kinds)


@pytest.mark.parametrize(
    ("code", "codes", "label"),
    [
        ("7", ("d",), "⑦剥離・鉄筋露出-d"),
        ("6", ("b", "c", "d", "e"), "⑥ひびわれ-b～e"),
        ("6", ("d", "e"), "⑥ひびわれ-d/e"),
        ("1", ("a", "c", "e"), "①腐食-a/c/e"),
        ("26", (), "㉖洗掘"),
        ("R17", ("b", "c"), "R17河岸侵食-b/c"),
    ],
)
def test_labels_are_those_of_the_drawings(code: str, codes: tuple[str, ...], label: str) -> None:
    assert damage_type(code).label(a_grade(*codes)) == label


def test_a_label_takes_a_plain_code_too() -> None:
    assert damage_type("7").label("d") == "⑦剥離・鉄筋露出-d"
    assert damage_type("anomaly").label() == "要確認(種類不明の変化)"


@pytest.mark.parametrize("code", ["0", "27", "07", "R23", "r01", "", "②", "water", "１"])
def test_an_unknown_damage_is_refused(code: str) -> None:
    with pytest.raises(GradingError, match="expected"):
        damage_type(code)


@pytest.mark.parametrize(
    ("damage", "member", "material"),
    [
        ("2", "Mg", "C"),  # a fatigue crack of steel on concrete
        ("6", "Mg", "S"),
        ("11", "Mg", "C"),  # slab cracking on a girder
        ("9", "Pw", None),
        ("26", "Mg", None),
        ("1", "Ra", "RC"),  # no row of its own: the damage's group decides
        ("6", None, "S"),
        ("R17", "Mg", None),
        ("6", "Zz", None),
        ("6", "Mg", "wood"),
    ],
)
def test_an_impossible_combination_is_refused_with_a_reason(
    damage: str, member: str | None, material: str | None
) -> None:
    with pytest.raises(GradingError):
        check_member(damage, member, material)


@pytest.mark.parametrize(
    ("damage", "member", "material"),
    [
        ("6", "Mg", "PC"),
        ("6", "Mg", None),
        ("11", "Ds", "C"),
        ("26", "Ff", "C"),
        ("17", "Mg", "C"),
        ("7", "Ct", "C"),
        ("6", None, None),
        ("7", "主桁", "RC"),
        ("anomaly", "Mg", "S"),
        ("R17", None, None),
    ],
)
def test_what_is_possible_or_unknown_is_not_refused(damage: str, member: str | None, material: str | None) -> None:
    check_member(damage, member, material)


def test_spelling_variants_of_members_are_understood() -> None:
    assert member_kind("堅壁").symbol == "Ac"
    assert member_kind("床板").symbol == "Ds"


@pytest.mark.parametrize(
    ("text", "code"),
    [("Ⅲ", "III"), ("iii", "III"), (3, "III"), (3.0, "III"), ("３", "III"), ("健全", "I"), ("Ⅴ", None), (0, None),
     ("", None)],
)  # fmt: skip
def test_soundness_is_read_in_every_way_it_is_written(text: object, code: str | None) -> None:
    assert normalise_soundness(text) == code
