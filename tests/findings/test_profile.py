"""A profile is refused with every problem in words, found by id, and the one in force needs no name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from findings.errors import StandardError
from findings.profile import file_problems, load_profile, profiles
from findings.standard import FOLDER, use_standards

DEFAULT = (FOLDER / "priority_profile.yaml").read_text(encoding="utf-8")
VDOT = (FOLDER / "profiles" / "vdot-like.yaml").read_text(encoding="utf-8")
MNDOT = (FOLDER / "profiles" / "mndot-like.yaml").read_text(encoding="utf-8")


def problems(folder: Path, text: str, *changes: tuple[str, str]) -> list[str]:
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return file_problems(path)


@pytest.fixture
def own_standards(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    use_standards(None)


@pytest.mark.parametrize("text", [DEFAULT, VDOT, MNDOT])
def test_the_packaged_profiles_have_no_problem(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "before", "after", "expected"),
    [
        (DEFAULT, "detour_km: {weight: 0.20", "detour_km: {weight: -0.20", "consequence.detour_km.weight is -0.2"),
        (DEFAULT, "detour_km: {weight: 0.20", "detour_km: {weight: 0.30", "sum of the weights is 1.1; expected"),
        (DEFAULT, "  aadt: {", "  adt: {", "there is no input 'adt'; expected one of emergency_route"),
        (DEFAULT, 'damages: ["7", "9", "12"]', 'damages: ["7", "27"]', "damages is '27'; expected one of 1"),
        (DEFAULT, 'damages: ["7", "9", "12"]', "damages: [7]", "quoted codes"),
        (DEFAULT, "not_members: [Pm", "not_members: [Px", "'Px'"),
        (DEFAULT, "kind: log10, at_one: 100000.0, ja: 交通量", "kind: power, ja: 交通量", "kind is 'power'"),
        (DEFAULT, "at_one: 50.0", "at_one: 0", "at_one is 0; expected the positive value"),
        (DEFAULT, "missing: {grade", "unknowns: {grade", "profile has no missing"),
        (DEFAULT, "second_share: 0.3", "second_chare: 0.3", "unknown entry 'second_chare'"),
        (DEFAULT, "formula: product", "formula: power", "formula is 'power'; expected product or sum"),
        (DEFAULT, "  confidence: 0.03", "  confidence: .nan", "likelihood.confidence is nan"),
        (DEFAULT, "repaired: -0.3", "repaired: 0.5", "repaired <= unchanged <= faster"),
        (DEFAULT, "top_soundness: [IV]", "top_soundness: [V]", "top_soundness is 'V'; expected one of I"),
        (DEFAULT, "rejected_before_last: true", "rejected_before_last: 1", "true or false"),
        (DEFAULT, "crossing_within_m: 200.0", "crossing_within_m: -5", "metres"),
        (DEFAULT, "owner: {ja:", "owner: {de:", "owner is"),
        (VDOT, "condition_weight: 0.25", "condition_weight: 0.35", "which with condition_weight 0.35 makes 1"),
        (VDOT, "IF: {weight: 0.30", "IF: {weight: 0.40", "groups.IF: sum of its rows' weights is 0.3"),
        (VDOT, "group: SCF", "group: SCX", "group is 'SCX'"),
        (VDOT, "condition_weight: 0.25", "base: 0.25", "condition_weight is None"),
        (MNDOT, "fatigue_risk: {weight: 0.15", "fatigue: {weight: 0.15", "hazards.fatigue: there is no input"),
        (MNDOT, ", hazard: 0.0}", "}", "missing is"),
    ],
)  # fmt: skip
def test_a_profile_with_a_fault_says_value_and_what_was_expected(
    tmp_path: Path, text: str, before: str, after: str, expected: str
) -> None:
    found = problems(tmp_path, text, (before, after))
    assert any(expected in line for line in found), found
    with pytest.raises(StandardError, match=r"own\.yaml: priority_profile: "):
        load_profile(str(tmp_path / "own.yaml"))


def test_several_faults_are_told_at_once_and_a_refusal_counts_them(tmp_path: Path) -> None:
    changes = (("base: 0.4", "base: 4"), ("aadt: {weight: 0.15", "aadt: {weight: -1"), ('"12"]', '"99"]'))
    assert len(problems(tmp_path, DEFAULT, *changes)) == 3
    with pytest.raises(StandardError, match=r"base is 4; expected .*2 more"):
        load_profile(str(tmp_path / "own.yaml"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [('standard: priority_profile\n"version": 1\n', "version is 1"), ("- 1", "mapping"), ("a: [", "not valid YAML")],
)
def test_a_file_without_a_version_or_that_is_no_mapping_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(StandardError, match=expected):
        file_problems(tmp_path / "own.yaml")


def test_an_agencys_own_profile_is_in_force_whatever_its_id_and_its_others_are_found_by_id(own_standards: Path) -> None:
    text = DEFAULT.replace("id: default-v1", "id: home-v2")
    (own_standards / "priority_profile.yaml").write_text(text, encoding="utf-8")
    (own_standards / "profiles").mkdir()
    (own_standards / "profiles" / "flood.yaml").write_text(
        MNDOT.replace("id: mndot-like-v1", "id: flood-v1"), encoding="utf-8"
    )
    use_standards(own_standards)
    assert load_profile().id == "home-v2"
    assert load_profile("flood-v1").data["formula"] == "product"
    assert [p.id for p in profiles()] == ["home-v2", "flood-v1", "mndot-like-v1", "vdot-like-v1"]
    with pytest.raises(StandardError, match="expected 'home-v2'"):
        load_profile("default-v1")


def test_two_profiles_of_one_id_are_refused(own_standards: Path) -> None:
    (own_standards / "profiles").mkdir()
    (own_standards / "profiles" / "again.yaml").write_text(VDOT, encoding="utf-8")
    use_standards(own_standards)
    with pytest.raises(StandardError, match="'vdot-like-v1' is there already"):
        profiles()


def test_an_input_that_the_agency_adds_may_be_weighed(own_standards: Path) -> None:
    inputs = (FOLDER / "priority_inputs.yaml").read_text(encoding="utf-8")
    inputs += "  - {name: school_route, assets: [bridge], ja: 通学路, en: school route, meaning: yes or no}\n"
    (own_standards / "priority_inputs.yaml").write_text(inputs, encoding="utf-8")
    change = ("replaceability: {weight: 0.10, kind: share, ja: 架替えの難しさ, en: difficulty of replacement}",
              "school_route: {weight: 0.10, kind: share, ja: 通学路, en: school route}")  # fmt: skip
    elsewhere = own_standards / "elsewhere"
    elsewhere.mkdir()
    assert problems(elsewhere, DEFAULT, change)
    use_standards(own_standards)
    assert problems(elsewhere, DEFAULT, change) == []
