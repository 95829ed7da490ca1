"""`mizuhashi river`: a generated reach from scenes to alarms, one scene more, its page, and bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from imagery.synthetic.river import RiverSeries, RiverSpec, generate_river_series, write_river_series
from mizuhashi.generated_river import RIVER_UID, river_feature_collection
from tests.mizuhashi.conftest import Program

SPEC = RiverSpec(
    size_px=128, years=6, scenes_per_year=6, cloudy=0.0, bridge=False, erosion_m_per_year=9.0, tree_growth_per_year=0.0
)
QUIET = replace(SPEC, erosion_m_per_year=0.0, bar_growth_m_per_year=0.0)
WATER = ("--model", "mndwi@1")
Scenes = list[Path]


@pytest.fixture(scope="module")
def eroding(tmp_path_factory: pytest.TempPathFactory) -> tuple[RiverSeries, Scenes, Path]:
    return _written(SPEC, 6, tmp_path_factory.mktemp("eroding"))


def _written(spec: RiverSpec, seed: int, folder: Path) -> tuple[RiverSeries, Scenes, Path]:
    series = generate_river_series(np.random.default_rng(seed), spec)
    assets = folder / "assets.geojson"
    assets.write_text(json.dumps(river_feature_collection(series)), "utf-8")
    return series, write_river_series(series, folder / "scenes"), assets


def _ready(program: Program, assets: Path, scenes: Scenes) -> None:
    assert program("assets", "import", assets).status == 0
    assert program("ingest", *scenes, "--survey", "sat", "--asset", RIVER_UID).status == 0


def test_erosion_is_found_on_its_bank_and_one_scene_more_goes_on_as_a_new_scan_would(
    program: Program, eroding: tuple[RiverSeries, Scenes, Path], tmp_path: Path
) -> None:
    series, scenes, assets = eroding
    _ready(program, assets, scenes[:-1])
    ran = program("river", "scan", "--reach", RIVER_UID, *WATER, "--json")
    assert ran.status == 0, ran.err
    first = ran.document
    assert first["transects"] > 20
    assert len(first["scenes"]) == len(scenes) - 1
    eroded = [one for one in first["findings"] if one["damage"] == "R17"]
    assert eroded, first["findings"]
    area = sum(m["value"] for one in eroded for m in one["measures"] if m["name"] == "area")
    assert 0.2 * series.scenes[-1].eroded_area_m2 < area < 1.2 * series.scenes[-1].eroded_area_m2
    assert all(one["side"] in ("left", "right") for one in eroded)
    assert all(one["details"]["first_seen"] <= one["details"]["confirmed_at"] for one in eroded)

    updated = program("river", "update", "--reach", RIVER_UID, scenes[-1], "--json")
    assert updated.status == 0, updated.err
    assert len(updated.document["scenes"]) == 1
    again = program("river", "scan", "--reach", RIVER_UID, *WATER, "--history-to", "2019-12-31", "--json").document
    ids = {one["uid"] for one in updated.document["findings"]}
    assert {one["uid"] for one in eroded} & ids, "a finding keeps its id when a scene comes"
    assert len(again["scenes"]) == len(scenes)

    listed = {row["id"] for row in program("findings", "list", "--limit", 200, "--json").document}
    assert {one["uid"] for one in again["findings"]} <= listed

    page = tmp_path / "reach.html"
    assert program("river", "report", "--reach", RIVER_UID, "--out", page).status == 0
    text = page.read_text("utf-8")
    assert text.count("data:image/png;base64,") == 4
    assert "時空間図" in text
    assert "生成データ" in text
    assert all(one["uid"][:12] in text for one in again["findings"])

    refused = program("river", "update", "--reach", RIVER_UID, scenes[3])
    assert refused.status == 1
    assert "is not later than the last" in refused.err
    other = program("river", "update", "--reach", RIVER_UID, scenes[-1], "--model", "ndwi@1")
    assert "was seen by mndwi@1, not by ndwi@1" in other.err


def test_a_season_alone_raises_no_alarm(program: Program, tmp_path: Path) -> None:
    _, scenes, assets = _written(QUIET, 11, tmp_path)
    _ready(program, assets, scenes)
    found = program("river", "scan", "--reach", RIVER_UID, *WATER, "--json").document
    assert found["findings"] == []
    assert len(found["refusals"]) == 0


def test_three_scenes_are_measured_and_not_judged(program: Program, eroding: tuple[RiverSeries, Scenes, Path]) -> None:
    _, scenes, assets = eroding
    _ready(program, assets, scenes[:3])
    ran = program("river", "scan", "--reach", RIVER_UID, *WATER)
    assert ran.status == 0, ran.err
    assert "not assessable: left bank: the history shows no transect more than 3 times" in ran.out + ran.err
    assert "no confirmed change" in ran.out


def test_clouds_doubles_and_scenes_elsewhere_are_told_and_the_rest_goes_on(program: Program, tmp_path: Path) -> None:
    series, scenes, assets = _written(replace(SPEC, years=3), 6, tmp_path)
    clouded = series.scenes[5].bands.copy()
    clouded[:, 12:] = 9000
    twice = replace(series.scenes[7], captured_at=series.scenes[7].captured_at + timedelta(minutes=2))
    far = replace(series.spec, origin_m=(800_000.0, 3_700_000.0))
    extra = [
        *write_river_series(replace(series, scenes=(replace(series.scenes[5], bands=clouded),)), tmp_path / "cloud"),
        *write_river_series(replace(series, scenes=(twice,)), tmp_path / "twice"),
    ]
    east, north = far.origin_m
    later = replace(series.scenes[8], captured_at=series.scenes[8].captured_at + timedelta(days=9))
    moved = replace(series, spec=far, transform=(10.0, 0.0, east, 0.0, -10.0, north), scenes=(later,))
    extra += write_river_series(moved, tmp_path / "far")
    _ready(program, assets, [*scenes[:5], *scenes[6:], *extra])
    ran = program("river", "scan", "--reach", RIVER_UID, *WATER)
    assert ran.status == 0, ran.err
    said = ran.out + ran.err
    assert "the reach lies outside this scene" in said
    assert "two scenes of one time" in said
    assert "not assessable" in said


def test_what_is_no_reach_or_was_never_scanned_is_refused_in_words(
    program: Program, eroding: tuple[RiverSeries, Scenes, Path], tmp_path: Path
) -> None:
    _, scenes, assets = eroding
    bridge = tmp_path / "bridge.csv"
    bridge.write_text("uid,kind,name,lon,lat\nb1,bridge,水橋,131.4,34.1\n", "utf-8")
    assert program("assets", "import", bridge).status == 0
    assert program("assets", "import", assets).status == 0
    for words, expected in (
        (("scan", "--reach", "b1"), "b1 is a bridge; a river scan needs a river_reach"),
        (("scan", "--reach", RIVER_UID), "no scene of generated-demo-river is in the store"),
        (("update", "--reach", RIVER_UID), "was never scanned"),
        (("report", "--reach", RIVER_UID), "was never scanned"),
        (("scan", "--reach", RIVER_UID, "--monitor", "guess"), "expected one of cusum, ewma, mosum"),
        (("scan", "--reach", RIVER_UID, "--line", "road"), "expected water or asset"),
    ):
        ran = program("river", *words)
        assert ran.status in (1, 2), words
        assert expected in ran.err, (words, ran.err)
    assert program("ingest", scenes[0], "--survey", "sat", "--asset", RIVER_UID).status == 0
    late = program("river", "scan", "--reach", RIVER_UID, *WATER, "--from", "2030-01-01")
    assert "lies between --from and --to; it has 2017-" in late.err
    wide = program("river", "scan", "--reach", RIVER_UID, *WATER, "--spacing", "500")
    assert "transects every 500 m; expected 25 to 100 m" in wide.err


def test_water_levels_with_gaps_go_into_scan_and_update_and_bad_lines_are_named(
    program: Program, eroding: tuple[RiverSeries, Scenes, Path], tmp_path: Path
) -> None:
    series, scenes, assets = eroding
    _ready(program, assets, scenes[:-1])
    level = tmp_path / "level.csv"
    rows = [f"{one.captured_at.isoformat()},{0.5 + 0.1 * (i % 3):.2f}" for i, one in enumerate(series.scenes)]
    rows[4] = rows[4].split(",")[0] + ","  # the gauge was out of order
    level.write_text("\n".join(["time,value", *rows]))
    ran = program("river", "scan", "--reach", RIVER_UID, *WATER, "--covariate", level, "--json")
    assert ran.status == 0, ran.err
    assert any(one["damage"] == "R17" for one in ran.document["findings"])
    updated = program("river", "update", "--reach", RIVER_UID, scenes[-1], "--covariate", level, "--json")
    assert updated.status == 0, updated.err
    before = (series.scenes[-1].captured_at - timedelta(days=1)).isoformat()
    without = program("river", "scan", "--reach", RIVER_UID, *WATER, "--to", before, "--json").document
    assert len(without["scenes"]) == len(ran.document["scenes"])
    assert [one["measures"] for one in without["findings"]] != [one["measures"] for one in ran.document["findings"]]
    level.write_text("time,value\n2017-01-01T00:00+00:00,abc\n")
    bad = program("river", "scan", "--reach", RIVER_UID, *WATER, "--covariate", level)
    assert bad.status != 0
    assert "level.csv, line 2" in bad.err
    level.write_text("time,value\n2017-01-01T00:00,0.5\n")
    assert "zone" in program("river", "scan", "--reach", RIVER_UID, *WATER, "--covariate", level).err
