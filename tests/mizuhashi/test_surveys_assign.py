from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from findings.store import Store
from tests.mizuhashi.conftest import Program, Ran

ASSETS = {
    "type": "FeatureCollection",
    "features": [
        {"type": "Feature", "id": uid, "geometry": {"type": "Point", "coordinates": [lon, 34.0]},
         "properties": {"kind": "bridge", "name": name, "structure": structure}}
        for uid, name, lon, structure in (("b-1", "水橋", 131.0, "RC"), ("b-2", "新橋", 131.01, "PC"))
    ],
}  # fmt: skip


@pytest.fixture
def survey(program: Program, tmp_path: Path) -> Path:
    """Three pictures, two of them in folders of the convention, and two bridges; returns the folder of pictures."""
    assets = tmp_path / "assets.geojson"
    assets.write_text(json.dumps(ASSETS), encoding="utf-8")
    assert program("assets", "import", assets).status == 0
    root = tmp_path / "photos"
    for seed, name in enumerate(("水橋/径間1/主桁/a.jpg", "新橋/b.jpg", "loose/c.jpg")):
        path = root / name
        path.parent.mkdir(parents=True)
        values = np.random.default_rng(seed).normal(130, 12, (96, 128, 3)).clip(0, 255).astype(np.uint8)
        _, data = cv2.imencode(".jpg", values)
        path.write_bytes(data.tobytes())
    assert program("ingest", root, "--survey", "s").status == 0
    return root


def shown(ran: Ran) -> dict[str, tuple[object, ...]]:
    rows = {}
    for image in ran.document["images"]:
        given = image["assignment"] or {}
        fields = [given.get(name) for name in ("asset_uid", "span", "member", "source")]
        rows[Path(image["path"]).name] = (image["what"], *fields)
    return rows


def test_folders_are_read_shown_and_written_once(program: Program, survey: Path) -> None:
    ran = program("surveys", "assign", "s", "--folders", "--dry-run", "--json")
    assert (ran.status, ran.document["written"], ran.document["unassigned"]) == (0, False, 1)
    expected = {"a.jpg": ("new", "b-1", 1, "Mg", "folder"), "b.jpg": ("new", "b-2", None, None, "folder")}
    assert shown(ran) == expected
    assert shown(program("surveys", "assign", "s", "--folders", "--json")) == expected
    again = program("surveys", "assign", "s", "--folders")
    assert again.err.splitlines() == ["c.jpg: none of its folders names a known asset, a span or a member"]
    assert "survey s: 2 as before, 1 pictures about which this says nothing" in again.out
    assert "a.jpg\t水橋\t1\tMg\tfolder\t0.90\tas before\tfolder '水橋'" in again.out


def test_a_table_beats_the_folders_and_a_hand_beats_the_table(program: Program, survey: Path, tmp_path: Path) -> None:
    program("surveys", "assign", "s", "--folders")
    table = tmp_path / "list.csv"
    table.write_bytes(
        "ファイル名,橋梁名,径間番号\r\na.jpg,新橋,2\r\nnone.jpg,水橋,1\r\nc.jpg,水橋,\r\n".encode("cp932")
    )
    ran = program("surveys", "assign", "s", "--table", table, "--json")
    assert ran.status == 3
    assert "refused: list.csv: row 3: no picture 'none.jpg'" in ran.err
    assert shown(ran) == {"a.jpg": ("changed", "b-2", 2, None, "table"), "c.jpg": ("new", "b-1", None, None, "table")}
    weaker = program("surveys", "assign", "s", "--folders", "--json")
    assert shown(weaker)["a.jpg"] == ("stronger stays", "b-2", 2, None, "table")
    hand = program("surveys", "assign", "s", "--image", "a.jpg", "--asset", "b-1", "--member", "床板", "--json")
    assert shown(hand) == {"a.jpg": ("changed", "b-1", None, "Ds", "person")}
    stays = program("surveys", "assign", "s", "--table", table, "--json")
    assert shown(stays)["a.jpg"] == ("stronger stays", "b-1", None, "Ds", "person")
    assert shown(program("surveys", "assign", "s", "--image", "a.jpg", "--clear", "--json"))["a.jpg"][:2] == (
        "cleared",
        None,
    )


def test_pictures_without_a_place_are_told_and_nothing_is_guessed(program: Program, survey: Path) -> None:
    ran = program("surveys", "assign", "s", "--nearest", "--max-distance", "50")
    assert ran.status == 0
    assert ran.err.splitlines() == ["a.jpg, b.jpg, c.jpg: no position: the nearest asset is unknown"]
    assert "survey s: 3 pictures about which this says nothing" in ran.out


def test_what_brings_findings_up_to_date_is_a_command_that_exists(
    program: Program, survey: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "findings_behind", lambda _store, _uid: 2)
    ran = program("surveys", "assign", "s", "--folders")
    hint = ran.err.splitlines()[-1].split("`")[1].split()
    assert hint == ["mizuhashi", "inspect", "--survey", "s"]
    assert program(*hint[1:], "--help").status == 0


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ((), 2, "exactly one of --folders, --table FILE, --nearest and --image NAME"),
        (("--folders", "--nearest"), 2, "exactly one of"),
        (("--image", "a.jpg"), 2, "--image needs --asset, --span or --member, or --clear alone"),
        (("--image", "a.jpg", "--span", "1", "--clear"), 2, "or --clear alone"),
        (("--folders", "--member", "Mg"), 2, "name them by --image"),
        (("--folders", "--max-distance", "5"), 2, "goes with --nearest"),
        (("--nearest", "--max-distance", "nan"), 2, "goes with --nearest"),
        (("--image", "x.jpg", "--span", "1"), 1, "no picture 'x.jpg' in this survey"),
        (("--image", "a.jpg", "--asset", "b-9"), 1, "no asset with id 'b-9'"),
        (("--image", "a.jpg", "--member", "Zz"), 1, "member 'Zz' is unknown"),
        (("--table", "/nowhere.csv"), 1, "check the path"),
    ],
)
def test_wrong_usage_is_one_clear_line(
    program: Program, survey: Path, words: tuple[str, ...], status: int, message: str
) -> None:
    ran = program("surveys", "assign", "s", *words)
    assert ran.status == status
    assert message in " ".join(ran.err.split())
    assert "Traceback" not in ran.err


def test_a_survey_that_does_not_exist_is_named(program: Program, survey: Path) -> None:
    assert "no survey named 'x'" in program("surveys", "assign", "x", "--folders").err
