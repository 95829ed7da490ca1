"""``mizuhashi findings compare`` and ``curve`` through the program's own door."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image as Picture
from shapely import affinity

from findings.measure import Measure
from findings.tracking import TrackState
from mizuhashi.comparing import ORDER
from tests.inference.years import Years, a_crack, outline, wall, with_crack
from tests.mizuhashi.conftest import Program


@pytest.fixture
def years(home: Path) -> Years:
    """Two surveys of a wall with three cracks: one grew, one was not found, one is new."""
    made = Years(home)
    (before,) = made.survey("2020", [with_crack(wall())])
    (after,) = made.survey("2025", [with_crack(wall())])
    olds = [a_crack(before, f"old{k}", affinity.translate(outline("2020"), 0, dy)) for k, dy in ((1, 0), (2, 90))]
    grown = (
        Measure("width_p95", 1.6, "mm", 1.5, 1.7, "by hand"),
        Measure("length", 0.140, "m", 0.137, 0.143, "by hand"),
    )
    news = [a_crack(after, "new1", outline("2025"), measures=grown),
            a_crack(after, "new3", affinity.translate(outline("2025"), 120, 140))]  # fmt: skip
    made.record(before, olds)
    made.record(after, news)
    return made


def test_a_comparison_is_printed_kept_and_ranked(program: Program, years: Years) -> None:
    ran = program("findings", "compare", "2020", "2025")
    assert ran.status == 0, ran.err
    lines = ran.out.splitlines()
    assert "新規 new 1, 進行 progressed 1, 変化なし unchanged 0" in ran.out
    assert "確認できず(NG) not found (NG) 1" in ran.out
    head = next(number for number, line in enumerate(lines) if line.startswith("state\t"))
    assert lines[head + 1].startswith("確認できず(NG)"), "what must be explained stands first"
    progressed = next(line for line in lines if line.startswith("進行"))
    assert "width +0.160 mm/yr" in progressed
    tracks = years.store.tracks(years.store.survey("2025").uid)
    assert {track.state for track in tracks} == {TrackState.PROGRESSED, TrackState.NOT_FOUND, TrackState.NEW}
    priorities = {finding.uid: priority for finding, priority in years.store.list_findings(survey="2025").items}
    terms = priorities["new1"].terms if priorities["new1"] is not None else ()
    assert any(term.name == "progression" and (term.value or 0) > 0 for term in terms), "progress counts in the ranking"


def test_json_holds_everything_and_the_pictures(program: Program, years: Years, tmp_path: Path) -> None:
    ran = program("findings", "compare", "2020", "2025", "--json", "--out", tmp_path / "pairs")
    document = ran.document
    assert document["to_explain"] == ["old2"]
    assert document["counts"]["progressed"] == 1
    track = next(row for row in document["tracks"] if row["finding"] == "new1")
    assert track["previous"] == "old1"
    assert track["growth"][0]["low"] > 0
    with Picture.open(track["picture"]) as picture:
        assert picture.size[0] > 400
    assert [row["state"] for row in document["tracks"]] == ["not_found", "progressed", "new"]


def test_a_second_comparison_of_the_same_changes_nothing(program: Program, years: Years) -> None:
    program("findings", "compare", "2020", "2025")
    first = years.store.tracks()
    assert program("findings", "compare", "2020", "2025").status == 0
    assert years.store.tracks() == first
    rows = [row for row in years.store.audit_rows(years.store.survey("2025").uid) if row.action == "compared"]
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("2020", "2020"), "twice"),
        (("2025", "2020"), "is older than"),
        (("2020", "2031"), "2031"),
    ],
)
def test_what_cannot_be_compared_is_one_error_and_writes_nothing(
    program: Program, years: Years, words: tuple[str, str], said: str
) -> None:
    ran = program("findings", "compare", *words)
    assert ran.status == 1
    assert ran.err.splitlines()[-1].startswith("error: ")
    assert said in ran.err
    assert years.store.tracks() == []


def test_a_curve_over_two_inspections_has_a_rate_and_a_picture(program: Program, years: Years, tmp_path: Path) -> None:
    program("findings", "compare", "2020", "2025")
    ran = program("findings", "curve", "new1", "--out", tmp_path / "curve.png")
    assert ran.status == 0, ran.err
    assert "rate        width +0.160 mm/yr" in ran.out
    with Picture.open(tmp_path / "curve.png") as picture:
        assert picture.size == (1024, 640)
    document = program("findings", "curve", "new1", "--measure", "length", "--json").document
    assert [point["finding"] for point in document["points"]] == ["old1", "new1"]
    assert document["rate"]["per_year"] == pytest.approx((0.140 - 0.074) / 5, rel=0.01)


def test_a_limit_ahead_is_called_an_extrapolation(program: Program, years: Years) -> None:
    thin = [Measure("width_p95", value, "mm", value - 0.01, value + 0.01, "by hand") for value in (0.10, 0.15)]
    before, after = (years.store.images(years.store.survey(name).uid)[0] for name in ("2020", "2025"))
    years.record(before, [a_crack(before, "old1", outline("2020"), measures=(thin[0],))])
    years.record(after, [a_crack(after, "new1", outline("2025"), measures=(thin[1],))])
    program("findings", "compare", "2020", "2025")
    out = program("findings", "curve", "new1").out
    assert "外挿 / extrapolated" in out
    assert "(RC)" in out
    assert "(PC)" in out


def test_a_curve_of_what_is_not_there_is_refused(program: Program, years: Years) -> None:
    ran = program("findings", "curve", "new1", "--measure", "area")
    assert ran.status == 1
    assert "width_p95" in ran.err
    assert program("findings", "curve", "nothing").status == 1


def test_every_state_has_its_place_in_the_list() -> None:
    assert set(ORDER) == set(TrackState)
