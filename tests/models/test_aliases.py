"""Aliases and their history: one move is done or not done, and nothing of the past can be changed unseen."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from findings.errors import ModelError, OutputError
from models.aliases import Aliases, Move
from tests.test_layout import ROOT


def move(version: str, name: str = "crack", alias: str = "champion") -> Move:
    return Move(
        actor="aoki",
        action="promoted",
        name=name,
        before=None,
        after=version,
        aliases={alias: version},
        verdict="not worse",
        numbers={"f1": 0.75},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def aliases(folder: Path) -> Aliases:
    return Aliases(folder)


def test_before_the_first_move_there_is_nothing_and_nothing_is_created(aliases: Aliases, folder: Path) -> None:
    assert aliases.read() == {}
    assert aliases.moves() == ()
    assert aliases.problems() == ()
    assert not folder.exists()


def test_moves_are_kept_in_order_with_who_and_when_and_each_holds_the_one_before(
    aliases: Aliases, folder: Path
) -> None:
    for version in ("1", "2"):
        aliases.record(move(version))
    aliases.record(move("7", "water"))
    moves = aliases.moves()
    assert [(m.name, m.after, m.actor) for m in moves] == [
        ("crack", "1", "aoki"),
        ("crack", "2", "aoki"),
        ("water", "7", "aoki"),
    ]
    assert [m.prev_hash for m in moves[1:]] == [m.hash for m in moves[:-1]]
    assert all(m.at.endswith("+00:00") for m in moves)
    assert aliases.moves("water") == moves[2:]
    assert aliases.read() == {"crack": {"champion": "2"}, "water": {"champion": "7"}}
    assert len((folder / "history.jsonl").read_text().splitlines()) == 3
    assert aliases.problems() == ()


def test_an_alias_that_is_given_up_is_gone(aliases: Aliases) -> None:
    aliases.record(move("2", alias="challenger"))
    aliases.record(replace(move("2"), aliases={"champion": "2", "challenger": None}))
    assert aliases.read() == {"crack": {"champion": "2"}}


def test_a_crash_before_the_rename_leaves_the_old_state_whole(
    aliases: Aliases, monkeypatch: pytest.MonkeyPatch
) -> None:
    aliases.record(move("1"))

    def crash(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            aliases.record(move("2"))
    assert aliases.read() == {"crack": {"champion": "1"}}
    assert [m.after for m in aliases.moves()] == ["1"]
    assert aliases.problems() == ()
    aliases.record(move("3"))
    assert [m.after for m in aliases.moves()] == ["1", "3"]


@pytest.mark.parametrize("written", [0, 1, 40, 10_000])
def test_a_crash_while_the_history_is_appended_leaves_the_new_state_whole(
    aliases: Aliases, folder: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    aliases.record(move("1"))

    def crash(self: Aliases, line: str) -> None:
        with (folder / "history.jsonl").open("a") as file:
            file.write(line[:written])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Aliases, "_append_to_history", crash)
        with pytest.raises(KeyboardInterrupt):
            aliases.record(move("2"))
    assert aliases.read() == {"crack": {"champion": "2"}}
    assert [m.after for m in aliases.moves()] == ["1", "2"]
    assert aliases.problems() == ()
    aliases.record(move("3"))
    assert [json.loads(line)["after"] for line in (folder / "history.jsonl").read_text().splitlines()] == [
        "1",
        "2",
        "3",
    ]
    assert aliases.problems() == ()


@pytest.mark.parametrize(("full_at", "after", "told"), [(1, ["1"], "could not be written"), (2, ["1", "2"], "is done")])
def test_a_full_disk_is_told_with_whether_the_move_was_done(
    aliases: Aliases, monkeypatch: pytest.MonkeyPatch, full_at: int, after: list[str], told: str
) -> None:
    aliases.record(move("1"))
    writes = []

    def full(descriptor: int) -> None:
        writes.append(descriptor)
        if len(writes) == full_at:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("models.aliases.os.fsync", full)
        with pytest.raises(OutputError, match=told):
            aliases.record(move("2"))
    assert [m.after for m in aliases.moves()] == after
    assert aliases.read() == {"crack": {"champion": after[-1]}}
    assert aliases.problems() == ()
    aliases.record(move("3"))
    assert [m.after for m in aliases.moves()] == [*after, "3"]


def _changed(text: str) -> str:
    return text.replace('"after":"1"', '"after":"9"')


def _without_first(text: str) -> str:
    return "".join(text.splitlines(keepends=True)[1:])


def _without_last_two(text: str) -> str:
    return "".join(text.splitlines(keepends=True)[:-2])


def _with_another(text: str) -> str:
    return text + text.splitlines(keepends=True)[-1].replace("aoki", "mori")


@pytest.mark.parametrize(
    "harm",
    [
        _changed,
        _without_first,
        _without_last_two,
        _with_another,
        lambda text: "{\n" + text,
        lambda text: text + "[]",
        lambda text: text[: text.rstrip().rindex("\n") + 1] + "something else",
        lambda text: "",
    ],
)
def test_a_past_that_was_changed_is_found_and_nothing_is_built_on_it(
    aliases: Aliases, folder: Path, harm: object
) -> None:
    for version in ("1", "2", "3"):
        aliases.record(move(version))
    path = folder / "history.jsonl"
    assert callable(harm)
    path.write_text(harm(path.read_text()))
    assert len(aliases.problems()) == 1
    with pytest.raises(ModelError, match=r"history\.jsonl.*backup"):
        aliases.record(move("4"))
    assert aliases.read() == {"crack": {"champion": "3"}}


def test_an_alias_that_was_changed_by_hand_is_found(aliases: Aliases, folder: Path) -> None:
    aliases.record(move("1"))
    stored = json.loads((folder / "aliases.json").read_text())
    stored["crack"]["champion"] = "9"
    (folder / "aliases.json").write_text(json.dumps(stored))
    (problem,) = aliases.problems()
    assert "crack@champion is 9, but the history says 1" in problem


def test_removing_the_alias_file_does_not_change_which_model_runs(aliases: Aliases, folder: Path) -> None:
    aliases.record(move("1"))
    aliases.record(move("2"))
    (folder / "aliases.json").unlink()
    assert aliases.read() == {"crack": {"champion": "2"}}
    assert "missing" in aliases.problems()[0]
    aliases.record(move("3"))
    assert aliases.problems() == ()


@pytest.mark.parametrize("text", ["{", "[]", '{"crack": "1"}', '{"crack": {"champion": 1}}'])
def test_a_damaged_alias_file_names_a_remedy_that_works(aliases: Aliases, folder: Path, text: str) -> None:
    aliases.record(move("1"))
    (folder / "aliases.json").write_text(text)
    with pytest.raises(ModelError, match="remove it: the aliases then follow from"):
        aliases.read()
    (folder / "aliases.json").unlink()
    assert aliases.read() == {"crack": {"champion": "1"}}


def test_who_compared_with_another_champion_is_refused(aliases: Aliases) -> None:
    aliases.record(move("1"), {"champion": None})
    with pytest.raises(ModelError, match="champion of crack is 1 and no longer not set: somebody moved it"):
        aliases.record(move("2"), {"champion": None})
    aliases.record(move("2"), {"champion": "1"})
    assert aliases.read() == {"crack": {"champion": "2"}}


RIVAL = """
import sys
from pathlib import Path
from findings.errors import ModelError
from models.aliases import Aliases, Move
folder, version = Path(sys.argv[1]), sys.argv[2]
move = Move(actor=version, action="promoted", name="crack", before=None, after=version, aliases={"champion": version},
            verdict="")
print("ready", flush=True)
sys.stdin.readline()
try:
    Aliases(folder).record(move, {"champion": None})
    print("moved")
except ModelError as error:
    print(error)
"""


def test_of_processes_that_promote_at_once_one_wins_and_the_others_are_told(folder: Path) -> None:
    rivals = [
        subprocess.Popen(
            [sys.executable, "-c", RIVAL, str(folder), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for number in range(1, 5)
    ]
    for rival in rivals:
        assert rival.stdout is not None
        assert rival.stdout.readline() == "ready\n"
    for rival in rivals:
        assert rival.stdin is not None
        rival.stdin.write("go\n")
        rival.stdin.flush()
    said = [rival.communicate()[0].strip() for rival in rivals]
    assert said.count("moved") == 1, said
    assert sum("somebody moved it meanwhile" in line for line in said) == 3, said
    aliases = Aliases(folder)
    assert aliases.problems() == ()
    assert aliases.read()["crack"]["champion"] == aliases.moves()[0].actor
