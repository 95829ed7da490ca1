"""``mizuhashi surveys coverage`` through its own door: what was not seen is said, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.imagery.files import UTM, write_tif
from tests.mizuhashi.conftest import Program

BRIDGE = {
    "type": "Feature",
    "properties": {
        "uid": "B1",
        "kind": "bridge",
        "name": "水橋",
        "structure": "RC",
        "spans": [{"number": 1, "members": ["Mg", "Ds"]}],
    },
    "geometry": {"type": "Point", "coordinates": [131.0, 34.0]},
}
REACH = {
    "type": "Feature",
    "properties": {"uid": "R1", "kind": "river_reach", "name": "水川"},
    "geometry": {"type": "LineString", "coordinates": [[131.0, 34.0], [131.01, 34.0]]},
}


def _taken(program: Program, tmp_path: Path, photo: Callable[..., Path]) -> None:
    assets = tmp_path / "assets.geojson"
    assets.write_text(json.dumps({"type": "FeatureCollection", "features": [BRIDGE, REACH]}), encoding="utf-8")
    assert program("assets", "import", assets).status == 0
    fine = photo("fine.jpg", 1)
    assert (
        program("ingest", fine, "--survey", "s", "--asset", "B1", "--gsd-mm", "0.5", "--gsd-sigma", "0.05").status == 0
    )
    said = program("surveys", "assign", "s", "--image", "fine.jpg", "--span", "1", "--member", "Mg", "--asset", "B1")
    assert said.status == 0, said.err


def test_members_without_a_picture_and_pictures_that_are_too_coarse_are_told(
    program: Program, tmp_path: Path, photo: Callable[..., Path]
) -> None:
    _taken(program, tmp_path, photo)
    said = program("surveys", "coverage", "s")
    assert said.status == 0, said.err
    lines = said.out.splitlines()
    assert lines[0] == "水橋 (B1)"
    assert lines[1] == "cracks of 0.2 mm need 0.6 mm/px: 1 of 1 photographs can show them"
    assert any(line.startswith("1\tMg 主桁\t1\t1\t0\t") for line in lines)
    assert any(line.startswith("1\tDs 床版\t0\t0\t0\t") and line.endswith("未撮影 not captured") for line in lines)
    assert "未撮影 not captured: 1 of 2 members of the inventory" in lines
    assert "not judged by a model yet" in said.err
    finer = program("surveys", "coverage", "s", "--target-width", "0.1").out
    assert "cracks of 0.1 mm need 0.3 mm/px: 0 of 1 photographs can show them" in finer
    assert "fine.jpg: 分解能不足 resolution insufficient (0.5 mm/px, needed 0.3)" in finer


def test_the_document_holds_every_row_and_reason(program: Program, tmp_path: Path, photo: Callable[..., Path]) -> None:
    _taken(program, tmp_path, photo)
    found = program("surveys", "coverage", "s", "--target-width", "0.1", "--json").document
    (asset,) = found["assets"]
    assert (asset["asset"], asset["max_gsd_mm"], asset["pictures"], asset["fit"]) == ("B1", 0.3, 1, 0)
    assert asset["not_captured"] == [{"span": 1, "member": "Ds"}]
    assert asset["left_out"][0]["gap"] == "too_coarse"
    assert asset["left_out"][0]["ja"] == "分解能不足"
    assert asset["members"][0]["gaps"] == {"too_coarse": 1}


def test_a_reach_that_no_scene_shows_is_not_captured(
    program: Program, tmp_path: Path, photo: Callable[..., Path]
) -> None:
    _taken(program, tmp_path, photo)
    shown = photo("bridge.jpg", 2)
    assert program("ingest", shown, "--survey", "r", "--asset", "R1").status == 0
    said = program("surveys", "assign", "r", "--image", "bridge.jpg", "--asset", "B1")
    assert said.status == 0, said.err
    assert "未撮影 not captured: no scene and no photograph shows this reach" in program("surveys", "coverage", "r").out


def test_wrong_words_give_one_error(program: Program, tmp_path: Path, photo: Callable[..., Path]) -> None:
    _taken(program, tmp_path, photo)
    nothing = program("surveys", "coverage", "other")
    assert nothing.status != 0
    assert "other" in nothing.err
    for width in ("0", "-1", "nan", "1e9"):
        said = program("surveys", "coverage", "s", "--target-width", width)
        assert said.status != 0
        assert "expected 0.01 to 100 mm; correct --target-width" in said.err


def test_scenes_that_count_for_no_reach_are_told_and_no_photograph_is_spoken_of(
    program: Program, tmp_path: Path
) -> None:
    values = np.random.default_rng(0).integers(300, 3000, (2, 32, 40)).astype(np.uint16)
    write_tif(tmp_path / "s_1985.tif", values, ("green", "nir"), nodata=0, **UTM)
    assert program("ingest", tmp_path / "s_1985.tif", "--survey", "s").status == 0
    said = program("surveys", "coverage", "s")
    assert said.out == "no asset\n"
    assert "1 scenes belong to no river reach and do not count here" in said.err
    assets = tmp_path / "assets.geojson"
    assets.write_text(json.dumps({"type": "FeatureCollection", "features": [REACH]}), encoding="utf-8")
    assert program("assets", "import", assets).status == 0
    assert program("surveys", "assign", "s", "--image", "s_1985.tif", "--asset", "R1").status == 0
    said = program("surveys", "coverage", "s")
    assert "date (UTC)\tscenes\tlength in view\tlength clear" in said.out
    assert "1 scenes are known by their year alone: the day shown is the middle of the year" in said.err
