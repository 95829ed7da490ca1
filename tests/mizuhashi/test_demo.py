"""The demo, from generated files to the page, with the networks that ship."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from mizuhashi.__main__ import main

PHOTOS = 4  # of the eight: a cracked girder, a spall, a sound wall and a wide crack


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mizuhashi.demo.PHOTOS", PHOTOS)
        patch.setenv("MIZUHASHI_HOME", str(folder.parent / "home of the user"))
        assert main(["demo", "--out", str(folder), "--seed", "3", "-q"]) == 0
    return folder


def findings(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((out / "findings.geojson").read_text("utf-8"))["features"]
    return [row["properties"] for row in rows]


@pytest.mark.slow
def test_the_demo_ranks_bridge_and_river_in_one_list(out: Path) -> None:
    rows = findings(out)
    assert {row["domain"] for row in rows} == {"bridge", "river"}
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    assert rows[0]["priority"]["score"] > rows[-1]["priority"]["score"]


@pytest.mark.slow
def test_every_finding_of_the_demo_has_a_grade_set_a_trace_and_a_picture(out: Path) -> None:
    rows = findings(out)
    assert [row["label"] for row in rows if not row["suggested_grades"] or not row["grade_rule_trace"]] == []
    pictures = sorted(path.name for path in (out / "overlays").iterdir())
    assert [int(name.split("-")[0]) for name in pictures] == [row["rank"] for row in rows]
    with (out / "findings.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(rows)


@pytest.mark.slow
def test_the_page_of_the_demo_shows_timings_and_the_truth(out: Path) -> None:
    page = (out / "report.html").read_text("utf-8")
    for words in (
        "Generated imagery",
        "inspect the bridge",
        "inspect the river",
        "true crack",
        "<svg",
        "land between its",
        "photographs can show them",
        "未撮影 not captured",  # four photographs leave members of the inventory out
        "length clear",
    ):
        assert words in page
    assert page.count("data:image/jpeg;base64,") == min(10, len(findings(out)))


@pytest.mark.slow
def test_a_second_run_gives_the_same_list(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def essence() -> list[tuple[Any, ...]]:
        return [(row["label"], row["priority"]["score"], row["measures"]) for row in findings(out)]

    before = essence()
    monkeypatch.setattr("mizuhashi.demo.PHOTOS", PHOTOS)
    assert main(["demo", "--out", str(out), "--seed", "3", "-q"]) == 0
    assert essence() == before


@pytest.mark.slow
def test_the_demo_keeps_out_of_the_users_own_home(out: Path) -> None:
    assert (out / "home" / "mizuhashi.db").is_file()
    assert [path.name for path in out.parent.iterdir()] == [out.name]
