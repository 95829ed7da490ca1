"""An ingest that is cut off keeps what it has done, and the same command finishes the rest without doing it again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from findings.store import Store, store_url
from imagery import ingest as describing
from imagery.quality import examine
from mizuhashi.cli import ingest_run
from tests.imagery.files import dji, grey_picture, write_photo
from tests.mizuhashi.conftest import Program


@pytest.fixture
def flight(tmp_path: Path) -> Path:
    folder = tmp_path / "flight"
    folder.mkdir()
    for number in range(7):
        picture = grey_picture(np.random.default_rng(number))
        write_photo(folder / f"{number}.jpg", picture, xmp=dji(RelativeAltitude="+30.0"))
    return folder


def stopping(after: int, calls: list[Path]) -> Callable[..., Any]:
    """Return an examination that counts and is interrupted like by Ctrl-C."""

    def counted(reader: Any, scale: Any) -> Any:
        calls.append(reader.path)
        if len(calls) > after:
            raise KeyboardInterrupt
        return examine(reader, scale)

    return counted


def paths(home: Path) -> list[str]:
    with Store(store_url(home), home) as store:
        return [Path(image.path).name for image in store.images(store.survey("s").uid)]


def test_a_cut_off_run_keeps_its_images_and_the_next_one_examines_only_the_rest(
    program: Program, flight: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first: list[Path] = []
    with monkeypatch.context() as patch:
        patch.setattr(describing, "examine", stopping(4, first))
        ran = program("ingest", flight, "--survey", "s")
    assert ran.status == 130
    assert "4 of 7 images are in the survey; the same command takes the rest" in ran.err
    assert paths(home) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    rest: list[Path] = []
    monkeypatch.setattr(describing, "examine", stopping(99, rest))
    ran = program("ingest", flight, "--survey", "s")
    assert ran.status == 0, ran.err
    assert [path.name for path in rest] == ["4.jpg", "5.jpg", "6.jpg"]
    assert "3 images taken, 4 were there already" in ran.out
    assert paths(home) == [f"{number}.jpg" for number in range(7)]


def test_a_run_that_is_killed_loses_no_more_than_a_batch(
    program: Program, flight: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_run, "BATCH", 2)
    monkeypatch.setattr(ingest_run, "_keep", lambda *_: None)  # nobody is left to tidy up
    with monkeypatch.context() as patch:
        patch.setattr(describing, "examine", stopping(5, []))
        program("ingest", flight, "--survey", "s")
    assert paths(home) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    ran = program("ingest", flight, "--survey", "s")
    assert "3 images taken, 4 were there already" in ran.out
    assert paths(home) == [f"{number}.jpg" for number in range(7)]


def test_another_scale_is_another_verdict(program: Program, flight: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert program("ingest", flight, "--survey", "s").status == 0
    calls: list[Path] = []
    monkeypatch.setattr(describing, "examine", stopping(99, calls))
    ran = program("ingest", flight, "--survey", "s", "--gsd-mm", "0.5")
    assert len(calls) == 7
    assert "7 images were in the survey with another scale, place or time; it stays" in ran.err


def test_new_files_without_the_earlier_ones_are_refused_before_the_work_begins(
    program: Program, flight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert program("ingest", flight / "0.jpg", flight / "1.jpg", "--survey", "s").status == 0
    calls: list[Path] = []
    monkeypatch.setattr(describing, "examine", stopping(99, calls))
    ran = program("ingest", flight / "1.jpg", flight / "2.jpg", "--survey", "s")
    assert ran.status == 1
    assert "exists with 2 files, 1 of them not given here" in ran.err
    assert calls == []
    assert program("ingest", flight, "--survey", "s").status == 0


def test_a_survey_of_another_asset_is_refused_before_the_work_begins(
    program: Program, flight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text("id,name,kind\nB-1,generated one,bridge\nB-2,generated two,bridge\n")
    assert program("assets", "import", tmp_path / "a.csv").status == 0
    assert program("ingest", flight, "--survey", "s", "--asset", "B-1").status == 0
    calls: list[Path] = []
    monkeypatch.setattr(describing, "examine", stopping(99, calls))
    ran = program("ingest", flight, "--survey", "s", "--asset", "B-2")
    assert ran.status == 1
    assert "belongs to asset B-1" in ran.err
    assert calls == []


def test_a_survey_grows_without_its_earlier_files_only_when_told_so(
    program: Program, flight: Path, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("id,name,kind\nB-1,generated one,bridge\n")
    assert program("assets", "import", tmp_path / "a.csv").status == 0
    assert program("ingest", flight / "0.jpg", "--survey", "s", "--asset", "B-1").status == 0
    ran = program("ingest", flight / "1.jpg", "--survey", "s", "--asset", "B-1")
    assert ran.status == 1
    assert "add to it with --add" in ran.err
    ran = program("ingest", flight / "1.jpg", "--survey", "s", "--add")
    assert ran.status == 0, ran.err
    assert "1 images taken" in ran.out
    assert paths(home) == ["0.jpg", "1.jpg"]
    with Store(store_url(home), home) as store:
        assert store.survey("s").asset_uid == store.asset("B-1").uid
    ran = program("ingest", flight / "1.jpg", "--survey", "other", "--add")
    assert ran.status == 1
    assert "no survey named 'other'" in ran.err
