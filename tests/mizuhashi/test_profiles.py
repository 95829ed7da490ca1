from __future__ import annotations

from pathlib import Path

from findings.standard import FOLDER
from tests.mizuhashi.conftest import Program


def edited(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = (FOLDER / "priority_profile.yaml").read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_profiles_are_listed_with_their_owners(program: Program) -> None:
    ran = program("profiles", "list", "--json")
    assert [row["id"] for row in ran.document] == ["default-v1", "mndot-like-v1", "vdot-like-v1"]
    assert all(row["status"] == "draft" for row in ran.document)


def test_a_sound_profile_is_said_to_be_sound(program: Program, tmp_path: Path) -> None:
    ran = program("profiles", "validate", edited(tmp_path))
    assert (ran.status, "is sound" in ran.out) == (0, True)


def test_weights_that_do_not_sum_and_an_unknown_damage_are_told_at_once(program: Program, tmp_path: Path) -> None:
    own = edited(tmp_path, ("emergency_route: {weight: 0.25", "emergency_route: {weight: 0.35"), ('"12"]', '"99"]'))
    ran = program("profiles", "validate", own)
    assert ran.status == 1
    assert "1.1" in ran.out
    assert "99" in ran.out


def test_a_file_that_is_no_profile_is_refused(program: Program, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("standard: soundness\n")
    assert program("profiles", "validate", tmp_path / "x.yaml").status == 1
    assert "no priority profile" in program("profiles", "diff", "default-v1", "nothing").err


def test_a_changed_weight_is_named_and_the_same_profile_has_no_difference(program: Program, tmp_path: Path) -> None:
    own = edited(
        tmp_path,
        ("detour_km: {weight: 0.20", "detour_km: {weight: 0.30"),
        ("aadt: {weight: 0.15", "aadt: {weight: 0.05"),
    )
    ran = program("profiles", "diff", "default-v1", own, "--json")
    changed = {row["where"]: (row["before"], row["after"]) for row in ran.document["differences"]}
    assert changed == {"consequence.detour_km.weight": (0.2, 0.3), "consequence.aadt.weight": (0.15, 0.05)}
    assert ran.document["moves"] == []
    assert "hold the same values" in program("profiles", "diff", "default-v1", "default-v1").out


def test_an_input_that_only_one_profile_weighs_is_one_line_with_its_name(program: Program, home: Path) -> None:
    lines = program("profiles", "diff", "default-v1", "mndot-like-v1").out.splitlines()
    assert "consequence.third_party_below (第三者被害 / third parties below): gone, was weight 0.2" in lines
    assert "likelihood.hazards.flooding_risk (出水・洗掘の可能性 / flooding and scour): new, weight 0.2" in lines
    assert "consequence.aadt.weight (交通量 / traffic): 0.15 -> 0.35" in lines
    assert not any("extent_halves" in line for line in lines)
    assert not home.exists(), "comparing two tables makes no database"
