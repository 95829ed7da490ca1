"""The worked example: its reviewer, its truth table, its page, and the whole run on a small wall."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely

from findings.errors import OutputError
from imagery.synthetic.flight_wall import WallChanges, WallSpec
from mizuhashi.example import OWN, PAGE, Runner, run_example
from mizuhashi.example_inputs import ExampleSpec, TrueDefect
from mizuhashi.example_page import SHOWN_ROWS, said_lines, write_page
from mizuhashi.example_review import decide
from mizuhashi.example_truth import owner
from mizuhashi.output import Output
from tests.findings.factories import a_finding

SMALL = ExampleSpec(
    wall=WallSpec(width_mm=816.0, height_mm=360.0, gsd_mm=0.4, cracks=3, pairs=0, spalls=1, limes=0, rusts=0,
                  crack_width_mm=(0.7, 1.4)),
    changes=WallChanges(grown={"crack-1": 1.5}, repaired=frozenset({"crack-2"}), new=1),
)  # fmt: skip


def square(left: float, top: float, side: float = 20) -> list[float]:
    return [left, top, left + side, top, left + side, top + side, left, top + side]


def test_the_reviewer_confirms_what_lies_on_damage_and_rejects_the_rest(tmp_path: Path) -> None:
    shown = np.zeros((100, 100), np.uint8)
    shown[10:30, 10:30] = 4
    rows = [{"image_id": 1, "segmentation": [square(10, 10)], "attributes": {"decision": "pending"}},
            {"image_id": 1, "segmentation": [square(60, 60)], "attributes": {"decision": "pending"}}]  # fmt: skip
    file = tmp_path / "task.json"
    file.write_text(json.dumps({"images": [{"id": 1, "file_name": "a/wall.jpg"}], "annotations": rows}))
    assert decide(file, {"wall.jpg": shown}) == {"confirmed": 1, "rejected": 1}
    decided = [row["attributes"]["decision"] for row in json.loads(file.read_text())["annotations"]]
    assert decided == ["confirmed", "rejected"]


def test_a_mark_belongs_to_the_damage_of_its_own_kind_that_it_covers_most() -> None:
    truths = [TrueDefect("crack-1", "crack", 1.0, 1.0, "unchanged"), TrueDefect("spalling-1", "spalling", 9.0, 9.0, "")]
    shown = np.zeros((100, 100), np.uint8)
    shown[40:60, 40:60] = 2
    shown[49:52, 30:70] = 1
    spalled = a_finding("a", damage="7", details={"class": "spalling"})
    spall = replace(spalled, geometry_px=shapely.box(40, 40, 60, 60))
    line = replace(a_finding("b", damage="6"), geometry_px=shapely.box(30, 49, 70, 52))
    beside = replace(spalled, geometry_px=shapely.box(80, 80, 95, 95))
    assert [owner(mark, shown, truths) for mark in (spall, line, beside)] == [1, 0, None]


def test_what_a_command_said_becomes_tables_and_text_that_no_name_can_break() -> None:
    said = "two assets\nrank\tname\n1\ta|b <i>\n" + "2\tc\n" * (SHOWN_ROWS + 3) + "note it is so"
    lines = said_lines(said)
    assert lines[:3] == ["```text", "two assets", "```"]
    assert "| 1 | a\\|b \\<i\\> |" in lines
    assert "... and 4 more rows" in lines
    assert sum(line.startswith("| 2 |") for line in lines) == SHOWN_ROWS - 1
    assert "note it is so" in lines


def test_a_command_that_fails_ends_the_example_and_says_which(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="inspect --survey nowhere` ended with 1"):
        Runner(tmp_path, Output(quiet=True))("", "inspect", "--survey", "nowhere")


def test_the_example_leaves_a_folder_alone_that_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="something else than an earlier example"):
        run_example(tmp_path, 3, Output(quiet=True))


@pytest.mark.slow
def test_the_whole_example_runs_and_its_page_shows_every_step(tmp_path: Path) -> None:
    done = run_example(tmp_path / "out", 5, Output(quiet=True), SMALL)
    page = write_page(done, tmp_path / "out" / PAGE)
    text = page.read_text("utf-8")
    for words in (
        "findings compare bridge-2021 bridge-2026",
        "priorities export",
        "priorities plan",
        "report bridge-2026",
    ):
        assert f"$ mizuhashi {words}" in text
    pictures = re.findall(r"!\[[^]]*]\(([^)]+)\)", text)
    assert len(pictures) >= 3
    assert all((page.parent / name).is_file() for name in pictures)
    for name in ("priority-list.csv", "bridge-2026.pdf", "bridge-2026.xlsx", "river-2021-2026.pdf"):
        assert (page.parent / name).stat().st_size > 1000
    outcomes = {outcome.truth.name: outcome for outcome in done.outcomes}
    assert "repaired_suspected" in outcomes["crack-2"].states, "a crack that mortar covers is told"
    assert outcomes["spalling-1"].pieces["2021"] >= 1
    assert str(tmp_path) not in text, "no path of this machine"
    assert set(OWN) <= {entry.name for entry in (tmp_path / "out").iterdir()}
