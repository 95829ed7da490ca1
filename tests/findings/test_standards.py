"""Every packaged standard is believed, and a copy that contradicts itself is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from findings.errors import StandardError
from findings.standard import FOLDER, STATUSES, Standards, load_standard, use_standards
from findings.standard_checks import CHECKERS
from findings.taxonomy import TAXONOMY_VERSION


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "standards"
    shutil.copytree(FOLDER, folder)
    return folder


@pytest.fixture
def own_folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "own"
    folder.mkdir()
    yield folder
    use_standards(None)


def test_every_packaged_file_is_a_known_standard_with_source_version_and_status() -> None:
    standards = Standards()
    assert set(standards.names()) == set(CHECKERS)
    for name in standards.names():
        data = standards.get(name)
        assert data["status"] in STATUSES
        assert data["source"]
        assert data["version"].count(".") == 2


def test_only_the_wording_that_was_read_in_a_published_text_is_confirmed() -> None:
    confirmed = {name for name in Standards().names() if load_standard(name)["status"] == "confirmed"}
    assert confirmed == {"soundness"}


def test_the_taxonomy_version_names_the_damage_types_in_force() -> None:
    assert f"mlit26-{load_standard('damage_types_mlit26')['version']}" == TAXONOMY_VERSION


def test_a_loaded_standard_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        load_standard("grade_rules")["crack"]["grade"]["small"]["sparse"] = "a"


BROKEN: list[tuple[str, str, str, str]] = [
    ("damage_types_mlit26", 'code: "2"', 'code: "1"', "no other row has"),
    ("damage_types_mlit26", 'code: "7"', "code: 7", "quote codes"),
    ("damage_types_mlit26", "number: ⑦", "number: ⑧", "⑦"),
    ("damage_types_mlit26", "ladder: [a, c, d, e], camera: part", "ladder: [a, d, c, e], camera: part", "in order"),
    ("damage_types_mlit26", 'camera: "N"', "camera: No", "one of Y, part, N"),
    ("damage_types_mlit26", "status: draft", "status: official", "confirmed, draft"),
    ("damage_types_mlit26", 'version: "1.0.0"', "version: 1.0", "quoted text"),
    ("members", "symbol: Cr", "symbol: Mg", "no other row has"),
    ("members", "members: [Bh], material: S", "members: [Zz], material: S", "'Zz'"),
    ("members", '["6", "12", "21", "23"]', '["6", "12", "21", "27"]', "'27'"),
    ("soundness", "code: IV", "code: V", "I, II, III, IV"),
    ("soundness", "writer: engineer", "writer: model", "engineer"),
    ("measure_class", "usual_soundness: III", "usual_soundness: V", "'V'"),
    ("river_rating", "code: d, ja", "code: e, ja", "a, b, c, d"),
    ("river_defects", "code: R22", "code: R23", "R01 to R22"),
    ("river_thresholds", "value: 0.30", "value: 30", "between 0 and 1"),
    ("crosswalks", "display_only: true", "display_only: false", "never reach a record"),
    ("crosswalks", "[CS3, CS4]", "[CS3, CS5]", "'CS5'"),
    ("form_columns", "[mm, m, 本", "[mm, mm, 本", "each once"),
    ("ui_words", "ja: 要確認", "ja: 危険", "forbidden"),
    ("grade_rules", "small: {sparse: b, dense: c}", "small: {sparse: f, dense: c}", "ladder"),
    ("grade_rules", "{grade: d, when: [[rebar_exposed]]", "{grade: b, when: [[rebar_exposed]]", "ladder"),
    ("grade_rules", "small: {sparse: b, dense: c}", "small: {sparse: e, dense: e}", "never get better"),
    ("grade_rules", "RC: {small: 0.0, medium: 0.2, large: 0.3}", "RC: {small: 0.0, medium: 0.4, large: 0.3}",
     "increasing"),
    ("grade_rules", 'damages: ["8"]', 'damages: ["7"]', "has not taken"),
    ("grade_rules", "when: [[icicles], [rust_or_mud]]", "when: [[icicle], [rust_or_mud]]", "icicle"),
    ("grade_rules", "scheme: river_rating", "scheme: mlit_damage", "river_rating"),
    ("grade_rules", "called: [b, c, d] ", "called: [b, c, e] ", "ladder"),
    ("grade_rules", "slab_crack: ", "slab_cracks: ", "slab_crack"),
    ("grade_rules", "observed:  ", "seen:  ", "observed"),
    ("grade_rules", "{from: 20.0, grades: [e]", "{from: 0.0, grades: [e]", "increasing"),
    ("grade_rules", "{from: 20.0, grades: [e]", "{from: 20.0, grades: [a]", "never get better"),
    ("grade_rules", "{from: 20.0, grades: [e]", "{from: 20.0, grades: [d]", "ladder"),
    ("grade_rules", "implies: {icicles: efflorescence}", "implies: {icicles: lime}", "lime"),
    ("grade_rules", "- {from: 5.0, grades: [d], ja: 5", "- {from: 0.5, grades: [d], ja: 5", "increasing"),
    ("form_quantities", 'damages: ["14"]', 'damages: ["15"]', "no other rule"),
    ("form_quantities", "take: sum, unit: 本", "take: mean, unit: 本", "max or sum"),
    ("form_quantities", "take: sum, unit: 本", "take: sum, unit: kg", "unit of the form"),
    ("aashto_elements", "display_only: true", "display_only: false", "never reach a record"),
    ("aashto_elements", 'number: "13"', 'number: "12"', "no other element"),
    ("aashto_elements", "unit: each", "unit: pieces", "m2, m or each"),
    ("aashto_elements", "cs2_from_in: 0.012", "cs2_from_in: 0.12", "inches"),
    ("uk_condition", "display_only: true", "display_only: false", "never reach a record"),
    ("uk_condition", "upto: 0.05", "upto: 0.5", "increasing shares"),
    ("uk_condition", "E: 2.7}", "E: 3.7}", "never fall"),
    ("priority_profile", "{weight: 0.25, kind: table, table: {\"1\"", "{weight: 0.35, kind: table, table: {\"1\"",
     "sum to 1"),
    ("priority_profile", "d: 0.65, e: 1.0}", "d: 0.65, e: 0.5}", "never fall"),
    ("priority_profile", "grade: {a: 0.0,", "grade: {a: -0.1,", "0 to 1"),
    ("priority_profile", "id: default-v1", "id: 1", "quoted name"),
    ("priority_profile", "kind: linear", "kind: squared", "table, share, log10 or linear"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "broken", "expected"), BROKEN)
def test_a_copy_that_contradicts_itself_is_refused(
    copy: Path, name: str, text: str, broken: str, expected: str
) -> None:
    path = copy / f"{name}.yaml"
    original = path.read_text(encoding="utf-8")
    assert text in original
    Standards(copy).get(name)
    path.write_text(original.replace(text, broken, 1), encoding="utf-8")
    with pytest.raises(StandardError, match=expected):
        Standards(copy).get(name)


def test_a_key_given_twice_is_refused_instead_of_the_last_one_winning(copy: Path) -> None:
    path = copy / "grade_rules.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\nleakage: {}\n", encoding="utf-8")
    with pytest.raises(StandardError, match="'leakage' is given twice"):
        Standards(copy).get("grade_rules")


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda p: p.write_bytes(b"\xff\xfe\x00"), "UTF-8"),
        (lambda p: p.write_text("a: [1"), "not valid YAML"),
        (lambda p: p.write_text("- 1"), "expected a mapping"),
        (lambda p: p.write_text("standard: !!python/object:os.system {}"), "not valid YAML"),
        (lambda p: p.unlink(), "no standard 'soundness'"),
    ],
)
def test_a_file_that_is_no_standard_is_refused(copy: Path, write: Callable[[Path], object], expected: str) -> None:
    write(copy / "soundness.yaml")
    with pytest.raises(StandardError, match=expected):
        Standards(copy).get("soundness")


@pytest.mark.parametrize("name", ["../secrets", "", "no_such_standard"])
def test_only_names_of_standards_are_looked_up(name: str) -> None:
    with pytest.raises(StandardError, match="expected one of"):
        load_standard(name)


def test_an_agencys_own_file_takes_the_place_of_the_packaged_one_until_it_is_taken_back(own_folder: Path) -> None:
    text = (FOLDER / "grade_rules.yaml").read_text(encoding="utf-8")
    (own_folder / "grade_rules.yaml").write_text(text.replace('version: "1.1.0"', 'version: "9.0.0"'), encoding="utf-8")
    use_standards(own_folder)
    assert load_standard("grade_rules")["version"] == "9.0.0"
    use_standards(None)
    assert load_standard("grade_rules")["version"] == "1.1.0"


def test_a_refused_own_file_leaves_the_standards_in_force_as_they_were(own_folder: Path) -> None:
    (own_folder / "soundness.yaml").write_text("standard: soundness", encoding="utf-8")
    with pytest.raises(StandardError, match="version"):
        use_standards(own_folder)
    assert load_standard("soundness")["version"] == "1.0.0"
