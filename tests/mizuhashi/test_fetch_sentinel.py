"""``mizuhashi fetch sentinel`` through the program's own door, against the fake service."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from shapely.geometry import LineString, mapping

from findings.store import Store, store_url
from imagery.mask_files import read_mask
from imagery.masks import masked_share
from imagery.sources import sentinel_access
from tests.fakes import sentinel_faults as faults
from tests.fakes.sentinel_hub import FakeSentinelHub
from tests.imagery.sources.sentinel_case import SHORT
from tests.mizuhashi.conftest import Program

YEAR = ("--from", "2024-01-01", "--to", "2024-12-31")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSentinelHub]:
    monkeypatch.setattr(sentinel_access, "PATIENCE", SHORT)
    with FakeSentinelHub() as service:
        for name, value in service.environment().items():
            monkeypatch.setenv(name, value)
        yield service


@pytest.fixture
def box(fake: FakeSentinelHub) -> tuple[str, ...]:
    return ("--bbox", ",".join(f"{value:.7f}" for value in fake.world.bounds_lonlat()), *YEAR)


def add_reach(program: Program, fake: FakeSentinelHub, folder: Path) -> None:
    """Import a reach that runs through the middle of the fake's world."""
    west, south, east, north = fake.world.bounds_lonlat()
    line = LineString([(west + 0.001, (south + north) / 2), (east - 0.001, (south + north) / 2)])
    facts = {"id": "R-1", "name": "椹野川", "kind": "river_reach"}
    feature = {"type": "Feature", "geometry": mapping(line), "properties": facts}
    path = folder / "reach.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    assert program("assets", "import", path).status == 0


def test_a_dry_run_tells_scenes_and_cost_and_downloads_nothing(
    program: Program, fake: FakeSentinelHub, box: tuple[str, ...], home: Path
) -> None:
    ran = program("fetch", "sentinel", *box, "--dry-run")
    assert ran.status == 0, ran.err
    assert "3 scenes, 3 requests to send, about 0.10 processing units (cap 500)" in ran.out
    assert ran.out.count("EPSG:32652") == 3
    assert fake.requests["process"] == 0
    assert not (home / "cache").exists()
    document = program("fetch", "sentinel", *box, "--dry-run", "--json").document
    assert [scene["state"] for scene in document["scenes"]] == ["wanted"] * 3
    assert document["requests"] == 3


def test_a_reach_becomes_a_survey_and_a_second_run_asks_for_nothing(
    program: Program, fake: FakeSentinelHub, tmp_path: Path, home: Path
) -> None:
    add_reach(program, fake, tmp_path)
    words = ("fetch", "sentinel", "--reach", "R-1", "--buffer", "100", "--survey", "ueno")
    ran = program(*words, "--from", "2024-01-01", "--to", "2024-07-31")
    assert ran.status == 0, ran.err
    assert "椹野川: 2 scenes written" in ran.out
    assert "survey ueno: 2 scenes taken" in ran.out
    assert "fetch 2/2" in ran.err
    scenes = home / "scenes" / "sentinel-2-l2a"
    assert len(list(scenes.glob("*_mask.tif"))) == 2
    sent = fake.requests["process"]
    ran = program(*words, *YEAR)
    assert ran.status == 0, ran.err
    assert fake.requests["process"] == sent + 1
    assert "survey ueno: 1 scenes taken, 2 were there already" in ran.out
    ran = program(*words, "--from", "2024-09-01", "--to", "2024-12-31")
    assert ran.status == 0, ran.err
    assert fake.requests["process"] == sent + 1
    assert "survey ueno: 0 scenes taken, 3 were there already" in ran.out


def test_the_cap_refuses_before_the_download(program: Program, fake: FakeSentinelHub, box: tuple[str, ...]) -> None:
    ran = program("fetch", "sentinel", *box, "--max-units", "0.05")
    assert ran.status == 1
    assert "about 0.1 processing units, over the cap of 0.05; nothing was downloaded" in ran.err
    assert "--max-units 1" in ran.err
    assert fake.requests["process"] == 0


def test_no_secret_is_ever_written_or_said(
    program: Program, fake: FakeSentinelHub, box: tuple[str, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("sentinelhub", "requests_oauthlib", "oauthlib", "urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    said = [program("fetch", "sentinel", *box, "--survey", "s", "-vv")]
    said.append(program("fetch", "sentinel", *box, "--statistics", "-vv"))
    fake.fail("token", faults.echoing, times=1)
    said.append(program("fetch", "sentinel", *box, "--json", "-vv"))
    fake.fail("search", faults.echoing, times=2)
    said.append(program("fetch", "sentinel", *box, "-vv"))
    fake.fail("process", faults.out_of_units)
    said.append(program("fetch", "sentinel", *box, "--again", "-vv"))
    assert [ran.status for ran in said] == [0, 0, 1, 1, 1]
    for name in ("sentinelhub", "requests_oauthlib", "oauthlib", "urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    texts = [ran.out + ran.err for ran in said] + [caplog.text]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 10
    secrets = [fake.CLIENT_SECRET, fake.CLIENT_ID, *fake.tokens, "Bearer fake"]
    for secret in (*secrets, quote(fake.CLIENT_SECRET, safe="")):
        assert not [text for text in texts if secret in text]
        assert not [path for path in files if secret.encode() in path.read_bytes()]


def test_missing_credentials_are_told_by_the_names_of_the_settings(
    program: Program, fake: FakeSentinelHub, box: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIZUHASHI_SH_CLIENT_SECRET")
    ran = program("fetch", "sentinel", *box)
    assert ran.status == 1
    assert "MIZUHASHI_SH_CLIENT_ID and MIZUHASHI_SH_CLIENT_SECRET" in ran.err
    assert fake.requests.total() == 0


def test_a_run_that_was_cut_off_finishes_the_rest(
    program: Program, fake: FakeSentinelHub, box: tuple[str, ...], home: Path
) -> None:
    fake.fail("process", faults.out_of_units, at=[2])
    ran = program("fetch", "sentinel", *box, "--survey", "s")
    assert ran.status == 1
    assert "used up" in ran.err
    assert "what was fetched is kept" in ran.err
    assert not (home / "mizuhashi.db").exists()  # no survey with half of its scenes
    ran = program("fetch", "sentinel", *box, "--survey", "s")
    assert ran.status == 0, ran.err
    assert "2 scenes written, 1 were there already" in ran.out
    assert fake.requests["process"] == 4


def test_a_failed_acquisition_is_told_and_the_rest_is_taken(
    program: Program, fake: FakeSentinelHub, box: tuple[str, ...]
) -> None:
    fake.fail("process", faults.server_error(502), at=[1, 2, 3])
    ran = program("fetch", "sentinel", *box, "--survey", "s")
    assert ran.status == 3
    assert "failed: 127.0.0.1 failed (status 502" in ran.err
    assert "survey s: 2 scenes taken" in ran.out


def test_values_with_a_wrong_flag_are_said_on_the_command_line(
    program: Program, fake: FakeSentinelHub, box: tuple[str, ...]
) -> None:
    fake.keeps_offset = True
    ran = program("fetch", "sentinel", *box)
    assert ran.status == 0
    assert ran.err.count("metadata contradicted") == 3


def test_radar_goes_to_its_own_folder(
    program: Program, fake: FakeSentinelHub, box: tuple[str, ...], tmp_path: Path
) -> None:
    ran = program("fetch", "sentinel", *box, "--collection", "s1-grd", "--out", tmp_path / "out", "--json")
    assert ran.status == 0, ran.err
    assert [Path(scene["path"]).parent for scene in ran.document["scenes"]] == [tmp_path / "out" / "sentinel-1-grd"] * 3
    assert ran.document["units_spent"] == pytest.approx(ran.document["units"], rel=0.01)


def test_statistics_are_a_table_or_json(program: Program, fake: FakeSentinelHub, box: tuple[str, ...]) -> None:
    ran = program("fetch", "sentinel", *box, "--statistics")
    assert ran.status == 0, ran.err
    assert "date (UTC)\tindex\tmean\tstd\tclear px\tnot clear px" in ran.out
    assert ran.out.count("mndwi") == 3
    document = program("fetch", "sentinel", *box, "--statistics", "--json").document
    assert {row["index"] for row in document["series"]} == {"ndvi", "ndwi", "mndwi"}
    assert fake.requests["process"] == 0


def test_clouds_over_the_limit_are_told(program: Program, fake: FakeSentinelHub, box: tuple[str, ...]) -> None:
    limit = sorted(100 * scene.cloud_cover for scene in fake.world.series.scenes)[1]
    ran = program("fetch", "sentinel", *box, "--max-cloud", limit + 0.1, "--dry-run")
    assert "left out: sentinel-2b 2024-" in ran.out
    assert "2 scenes, 2 requests" in ran.out
    assert ran.out.count("to fetch") == 2
    assert "tile clouds %" in ran.out
    none = program("fetch", "sentinel", *box[:2], "--from", "2024-01-01", "--to", "2024-07-31", "--max-cloud", 1)
    assert none.status == 0
    assert "nothing under --max-cloud: all 2 acquisitions are cloudier" in none.out


def test_a_time_without_acquisitions_is_a_result(program: Program, fake: FakeSentinelHub, box: tuple[str, ...]) -> None:
    ran = program("fetch", "sentinel", *box[:2], "--from", "2019-01-01", "--to", "2019-01-31")
    assert ran.status == 0
    assert "nothing for this place and time" in ran.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((*YEAR,), "one of the two"),
        (("--bbox", "1,2,3", *YEAR), "four numbers"),
        (("--bbox", "132,34,131,35", *YEAR), "west < east"),
        (("--bbox", "131,34,131.1,34.1", "--from", "2024-02-30", "--to", "2024-03-01"), "2024-02-30"),
        (("--bbox", "131,34,131.1,34.1", "--from", "2024-03-02", "--to", "2024-03-01"), "swap them"),
        (("--bbox", "131,34,131.1,34.1", *YEAR, "--max-cloud", "101"), "0 to 100 percent"),
        (("--bbox", "131,34,131.1,34.1", *YEAR, "--max-units", "nan"), "0 or more"),
        (("--bbox", "131,34,131.1,34.1", *YEAR, "--bands", "thermal"), "s2-l2a has"),
        (("--bbox", "-170,-60,170,60", *YEAR), "over the cap of 20,000"),
        (("--reach", "R-9", *YEAR), "R-9"),
        (("--bbox", "131,34,131.1,34.1", *YEAR, "--statistics", "--survey", "s"), "leave out"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(
    program: Program, fake: FakeSentinelHub, words: tuple[str, ...], told: str
) -> None:
    ran = program("fetch", "sentinel", *words)
    assert ran.status in (1, 2)
    assert told in " ".join(ran.err.split())
    assert fake.requests.total() == 0


def test_a_rim_around_clouds_is_masked_when_scenes_come_into_a_survey(
    program: Program, box: tuple[str, ...], home: Path
) -> None:
    shares = {}
    for survey, options in {"plain": (), "rimmed": ("--cloud-rim", "60")}.items():
        ran = program("fetch", "sentinel", *box, "--survey", survey, *options)
        assert ran.status == 0, ran.err
        with Store(store_url(home), home) as store:
            masks = [image.mask_path for image in store.images(store.survey(survey).uid)]
        shares[survey] = sum(masked_share(read_mask(Path(path))) for path in masks if path)
    assert shares["rimmed"] > 1.2 * shares["plain"] > 0
    ran = program("fetch", "sentinel", *box, "--survey", "wrong", "--cloud-rim", "-5")
    assert ran.status == 2
