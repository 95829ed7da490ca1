"""``mizuhashi models``: who becomes champion, by which test, and how one goes back."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import pytest

from mizuhashi.account import account_name
from tests.mizuhashi.conftest import Program
from tests.mizuhashi.versions import EVERYWHERE, NOWHERE, make_lines, make_version


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    return make_lines(tmp_path / "lines")


@pytest.fixture
def champion(program: Program, tmp_path: Path) -> str:
    """Version 1 calls every pixel a crack and is champion; version 2 calls none, version 3 does as version 1."""
    for version, bias in (("1", EVERYWHERE), ("2", NOWHERE), ("3", EVERYWHERE)):
        assert program("models", "import", make_version(tmp_path, version, bias)).status == 0
    assert program("models", "promote", "tiny@1").status == 0
    return "tiny@1"


def champion_of(program: Program, name: str = "tiny") -> list[str]:
    rows = program("models", "list", "--json").document
    return [row["version"] for row in rows if row["name"] == name and row["runs_by_default"]]


def test_a_new_version_runs_only_once_it_is_promoted_and_the_first_needs_no_comparison(
    program: Program, tmp_path: Path
) -> None:
    ran = program("models", "import", make_version(tmp_path, "1"))
    assert "took in tiny@1" in ran.out
    assert champion_of(program) == []
    ran = program("models", "promote", "tiny@1")
    assert "first champion of its name" in ran.out
    assert "tiny@1 is champion" in ran.out
    assert champion_of(program) == ["1"]


def test_a_worse_version_is_refused_and_an_equal_one_passes(program: Program, champion: str, lines: Path) -> None:
    ran = program("models", "promote", "tiny@2", "--data", lines)
    assert ran.status == 1
    assert "tiny@2 against tiny@1 on the frozen test: worse beyond the interval; it is not promoted" in ran.err
    assert "--force --reason" in ran.err
    assert ran.out.splitlines()[1].split("\t")[:4] == ["measure", "tiny@2", "tiny@1", "difference"]
    assert champion_of(program) == ["1"]
    ran = program("models", "promote", "tiny@3", "--data", lines)
    assert ran.status == 0
    assert "not worse beyond the interval" in ran.out
    assert "from now on versions of tiny are compared on lines" in ran.out
    assert champion_of(program) == ["3"]


def test_the_rule_is_overruled_only_with_a_reason_and_the_reason_is_kept(
    program: Program, champion: str, lines: Path
) -> None:
    assert program("models", "promote", "tiny@2", "--data", lines, "--force").status == 2
    assert program("models", "promote", "tiny@2", "--data", lines, "--force", "--reason", "  ").status == 2
    assert champion_of(program) == ["1"]
    ran = program("models", "promote", "tiny@2", "--data", lines, "--force", "--reason", "a demonstration")
    assert "tiny@2 is champion against the verdict" in ran.out
    last = program("models", "history", "tiny", "--json").document[-1]
    assert (last["forced"], last["reason"], last["before"], last["after"]) == (True, "a demonstration", "1", "2")
    assert last["actor"] == getpass.getuser() == account_name()
    assert last["numbers"]["measures"]["f1"]["verdict"] == "worse"
    assert last["numbers"]["test_digest"]


def test_a_version_goes_back_as_often_as_it_was_promoted_and_then_says_so(
    program: Program, champion: str, lines: Path
) -> None:
    program("models", "freeze", "tiny", "--data", lines)
    program("models", "promote", "tiny@3")
    program("models", "promote", "tiny@2", "--force", "--reason", "trial")
    assert champion_of(program) == ["2"]
    ran = program("models", "rollback", "tiny", "--reason", "misses everything")
    assert "tiny@3 is champion again, in place of tiny@2" in ran.out
    assert "tiny@1 is champion again, in place of tiny@3" in program("models", "rollback", "tiny").out
    ran = program("models", "rollback", "tiny")
    assert ran.status == 1
    assert "no promotion is left to take back (tiny@1 runs)" in ran.err
    assert champion_of(program) == ["1"]
    said = program("models", "history", "tiny").out
    assert [row.split("\t")[2] for row in said.splitlines()[1:]] == [
        "promoted",
        "frozen",
        "promoted",
        "forced",
        "rolled back",
        "rolled back",
    ]
    assert "misses everything" in said


def test_a_challenger_runs_by_name_only_and_is_none_any_more_once_it_is_champion(
    program: Program, champion: str, lines: Path
) -> None:
    assert "tiny@3 is the challenger" in program("models", "promote", "tiny@3", "--as", "challenger").out
    assert champion_of(program) == ["1"]
    ran = program("models", "promote", "tiny@challenger", "--data", lines)
    assert "tiny@3 is champion, before tiny@1" in ran.out
    aliases = {row["version"]: row["aliases"] for row in program("models", "list", "--json").document}
    assert aliases["3"] == ["champion"]
    ran = program("models", "promote", "tiny@3", "--as", "challenger")
    assert ran.status == 1
    assert "is the champion; a challenger is another version" in ran.err


def test_without_a_frozen_test_there_is_no_comparison_and_the_remedy_is_named(program: Program, champion: str) -> None:
    ran = program("models", "promote", "tiny@3")
    assert ran.status == 1
    assert "no frozen test of tiny is known" in ran.err
    assert "mizuhashi models freeze tiny --data CONFIG" in ran.err
    ran = program("models", "promote", "tiny@3", "--force", "--reason", "no data here")
    assert "was not compared with the champion tiny@1: no frozen test" in ran.out
    assert champion_of(program) == ["3"]


def test_a_frozen_test_whose_files_changed_or_are_gone_is_not_used(
    program: Program, champion: str, lines: Path, tmp_path: Path
) -> None:
    assert program("models", "freeze", "tiny", "--data", lines).status == 0
    mask = tmp_path / "lines/masks/p0.png"
    whole = mask.read_bytes()
    mask.write_bytes((tmp_path / "lines/masks/p1.png").read_bytes())
    ran = program("models", "promote", "tiny@3")
    assert ran.status == 1
    assert "numbers on other pictures do not compare" in ran.err
    mask.unlink()
    ran = program("models", "promote", "tiny@3")
    assert ran.status == 1
    assert "the frozen test of tiny" in ran.err
    assert "is not at hand" in ran.err
    assert "--data CONFIG" in ran.err
    mask.write_bytes(whole)
    (tmp_path / "lines").rename(tmp_path / "moved")
    moved = tmp_path / "moved.yaml"
    moved.write_text(lines.read_text().replace(str(tmp_path / "lines"), str(tmp_path / "moved")))
    assert program("models", "promote", "tiny@3").status == 1
    assert program("models", "promote", "tiny@3", "--data", moved).status == 0, "the same files in another place"


def test_another_frozen_test_needs_a_reason(program: Program, champion: str, lines: Path, tmp_path: Path) -> None:
    program("models", "freeze", "tiny", "--data", lines)
    other = make_lines(tmp_path / "other", pictures=6)
    ran = program("models", "freeze", "tiny", "--data", other)
    assert ran.status == 1
    assert "has a frozen test already" in ran.err
    assert program("models", "freeze", "tiny", "--data", other, "--reason", "two more bridges").status == 0
    assert "digest" in program("models", "promote", "tiny@3", "--data", lines).err
    assert program("models", "promote", "tiny@3").status == 0


def test_a_version_that_was_measured_on_another_test_is_not_compared(
    program: Program, champion: str, lines: Path, tmp_path: Path
) -> None:
    program("models", "import", make_version(tmp_path, "4", test_digest="a" * 64))
    ran = program("models", "promote", "tiny@4", "--data", lines)
    assert ran.status == 1
    assert "may have been trained on its pictures" in ran.err
    digest = program("models", "freeze", "tiny", "--data", lines).out.split("digest ")[1].split()[0]
    program("models", "import", make_version(tmp_path, "5", test_digest=digest))
    assert program("models", "promote", "tiny@5").status == 0


def test_a_version_that_lost_a_class_is_not_promoted(program: Program, lines: Path, tmp_path: Path) -> None:
    program("models", "import", make_version(tmp_path, "1", classes=("crack", "spalling")))
    program("models", "import", make_version(tmp_path, "2"))
    program("models", "promote", "tiny@1")
    ran = program("models", "promote", "tiny@2", "--data", lines)
    assert ran.status == 1
    assert "tiny@2 does not know spalling, as tiny@1 does" in ran.err


def test_a_champion_that_is_gone_can_only_be_replaced_by_force(
    program: Program, champion: str, home: Path, lines: Path
) -> None:
    (home / "models/tiny/1").rename(home / "elsewhere")
    assert "the champion, is gone" in program("models", "list").err
    assert "tiny@champion means version 1, which is not there" in program("doctor").out
    ran = program("models", "promote", "tiny@3", "--data", lines)
    assert ran.status == 1
    assert "no longer there" in ran.err
    assert program("models", "promote", "tiny@3", "--force", "--reason", "1 was deleted").status == 0
    assert program("models", "rollback", "tiny").status == 1


def test_two_versions_are_compared_on_their_cards_or_measured_anew(
    program: Program, champion: str, lines: Path
) -> None:
    ran = program("models", "compare", "tiny@2", "tiny@1")
    assert ran.out.splitlines()[1].split("\t")[1:] == ["F1, strict", "0.250 (0.200 to 0.300)", "0.250 (0.200 to 0.300)"]
    assert "--data CONFIG" in ran.out
    ran = program("models", "compare", "tiny@2", "tiny@1", "--data", lines)
    assert "verdict: tiny@2 is worse than tiny@1 on lines, split test" in ran.out
    document = program("models", "compare", "tiny@1", "tiny@3", "--data", lines, "--json").document
    assert document["verdict"] == "no difference shown"
    assert document["measures"]["f1"]["difference"] == 0
    assert "are both tiny@1" in program("models", "compare", "tiny@1", "tiny").err


def test_a_change_of_any_file_is_shown_told_by_doctor_and_never_promoted(
    program: Program, champion: str, home: Path, lines: Path
) -> None:
    assert program("doctor", "--json").status == 0
    path = home / "models/tiny/3/card.json"
    card = json.loads(path.read_text())
    card["classes"][0]["threshold"] = 0.1
    path.write_text(json.dumps(card))
    assert "CHANGED" in program("models", "show", "tiny@3").out
    ran = program("doctor")
    assert ran.status == 1
    assert "card.json: was changed after the version was stored" in ran.out
    ran = program("models", "promote", "tiny@3", "--data", lines)
    assert ran.status == 1
    assert "was changed" in ran.err
    assert champion_of(program) == ["1"]


def test_doctor_tells_a_history_that_was_changed(program: Program, champion: str, home: Path) -> None:
    path = home / "models/history.jsonl"
    path.write_text(path.read_text().replace('"promoted"', '"set"'))
    ran = program("doctor")
    assert ran.status == 1
    assert "history.jsonl" in ran.out
    assert program("models", "history").status == 1


def test_names_that_no_model_has_are_refused(program: Program, lines: Path) -> None:
    for ref in ("../x", "Tiny@1", "tiny@../1"):
        assert program("models", "promote", ref).status == 1
        assert program("models", "rollback", ref).status == 1
        assert program("models", "freeze", ref, "--data", lines).status == 1
    assert "no model of that name" in program("models", "freeze", "nothing", "--data", lines).err
