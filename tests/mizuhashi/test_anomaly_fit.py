"""``mizuhashi anomaly fit``: a new bank runs without a comparison, and says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.mizuhashi.conftest import Program
from tests.mizuhashi.versions import make_version


def test_a_new_bank_says_that_it_replaces_the_old_one_uncompared_and_can_be_taken_back(
    program: Program, photo: Callable[..., Path]
) -> None:
    folder = [photo(f"{index:02d}.png", index).parent for index in range(30)].pop()
    words = ("anomaly", "fit", "--folder", folder, "--name", "walls")
    first = program(*words)
    assert first.status == 0, first.err
    assert "walls@1 is champion, not compared: a bank has no test with known damage" in first.out
    assert "rollback" not in first.out, "there is nothing to go back to"
    second = program(*words)
    assert "walls@2 is champion in place of walls@1, not compared" in second.out
    last = program("models", "history", "walls", "--json").document[-1]
    assert last["verdict"] == "not compared with walls@1: a bank has no test with known damage"
    assert "walls@1 is champion again" in program("models", "rollback", "walls").out


def test_a_bank_cannot_take_the_name_of_a_network(program: Program, photo: Callable[..., Path], tmp_path: Path) -> None:
    folder = [photo(f"{index:02d}.png", index).parent for index in range(30)].pop()
    assert program("models", "import", make_version(tmp_path, "1")).status == 0
    for name, ref in (("tiny", "tiny@1"), ("crack", "crack@1")):
        ran = program("anomaly", "fit", "--folder", folder, "--name", name)
        assert ran.status == 1
        assert f"--name {name}: {ref} is a model for segmentation" in ran.err
