"""``mizuhashi fetch stac`` through its own door, against a service that speaks the protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio

from findings.asset import Asset, AssetKind
from findings.store import Store, store_url
from findings.survey import Image, Radiometry
from imagery.sources.guard import Guard
from imagery.sources.wire import GuardedSession, Patience, guarded_session
from mizuhashi.cli import fetch_stac
from mizuhashi.settings import Settings
from tests.fakes import stac_world as world
from tests.fakes.stac import FakeStac, Fault, serve
from tests.fakes.stac_world import S2, Files
from tests.mizuhashi.conftest import Program

BOX = ",".join(f"{side:.6f}" for side in world.inside_box(70))
SCENES = world.series(1.0).scenes[:2]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStac]:
    """Run a service with two dates of Sentinel-2, and let the command reach it and nothing else."""
    files = Files()
    for scene in SCENES:
        world.add_s2(files, scene)
    with serve(FakeStac(files)) as running:

        def wire_of(settings: Settings, budget_bytes: int) -> GuardedSession:
            guard = Guard((), frozenset({running.where}), timeout_s=10.0)
            return guarded_session(guard, patience=Patience(sleep=lambda _: None), budget_bytes=budget_bytes)

        monkeypatch.setattr(fetch_stac, "wire_of", wire_of)
        yield running


def words(service: FakeStac, *more: object, box: bool = True) -> list[object]:
    """Return the words of a call on the service."""
    place = ["--bbox", BOX] if box else []
    first = ["fetch", "stac", "--api", service.url, "--collection", "sentinel-2-l2a"]
    return [*first, "--from", "2017-01-01", "--to", "2017-12-31", "--bands", "blue,green,red,nir", *place, *more]


def scenes(home: Path) -> list[Path]:
    return sorted(path for path in (home / "scenes").rglob("*.tif") if not path.stem.endswith("_mask"))


def images(home: Path, survey: str) -> list[Image]:
    with Store(store_url(home), home) as store:
        return store.images(store.survey(survey).uid)


def test_a_dry_run_tells_scenes_and_cost_and_touches_no_file(program: Program, service: FakeStac, home: Path) -> None:
    ran = program(*words(service, "--dry-run"))
    assert ran.status == 0, ran.err
    assert "2 scenes, 2 to fetch, about" in ran.out
    assert "sentinel-2b_20170224T015242_32652_" in ran.out
    assert service.ranges() == []
    assert not (home / "scenes").exists()


def test_scenes_are_fetched_once_and_a_second_run_asks_for_no_file(
    program: Program, service: FakeStac, home: Path
) -> None:
    ran = program(*words(service))
    assert ran.status == 0, ran.err
    assert "2 scenes written, 0 were there already, 0 empty, 0 failed, 0 items refused" in ran.out
    assert len(scenes(home)) == 2
    seen = len(service.ranges())
    again = program(*words(service))
    assert again.status == 0
    assert "0 scenes written, 2 were there already" in again.out
    assert len(service.ranges()) == seen


@pytest.mark.slow
def test_the_document_for_programs_says_what_was_done(program: Program, service: FakeStac) -> None:
    ran = program(*words(service, "--json"))
    assert ran.status == 0, ran.err
    assert [scene["state"] for scene in ran.document["scenes"]] == ["written", "written"]
    assert all(Path(scene["path"]).is_file() for scene in ran.document["scenes"])
    received = ran.document["received_bytes"]
    assert 0.2 < received / sum(scene["estimated_bytes"] for scene in ran.document["scenes"]) < 1.5


@pytest.mark.slow
def test_a_reach_is_fetched_with_its_surroundings_and_taken_into_a_survey(
    program: Program, service: FakeStac, home: Path
) -> None:
    from shapely.geometry import LineString

    west, south, east, north = world.inside_box(110)
    reach = Asset("r1", AssetKind.RIVER_REACH, "Generated reach", geometry=LineString([(west, south), (east, north)]))
    home.mkdir()
    with Store(store_url(home), home) as store:
        store.upgrade()
        store.put_assets([reach])
    ran = program(*words(service, "--reach", "r1", "--buffer", "200", "--survey", "year", box=False))
    assert ran.status == 0, ran.err
    assert "survey year: 2 scenes taken, 0 were there already" in ran.out
    taken = images(home, "year")
    assert [image.captured_at for image in taken] == [scene.captured_at for scene in SCENES]
    assert {image.radiometry for image in taken} == {Radiometry.REFLECTANCE}
    assert all(image.mask_path is not None for image in taken)
    footprint = taken[0].footprint
    assert footprint is not None
    assert reach.geometry is not None
    assert footprint.contains(reach.geometry.buffer(0.0015))
    world.add_s2(service.files, world.another_day(SCENES[1], 30))
    more = program(*words(service, "--reach", "r1", "--buffer", "200", "--survey", "year", box=False))
    assert "survey year: 1 scenes taken, 2 were there already" in more.out
    assert len(images(home, "year")) == 3


def test_an_estimate_above_the_cap_stops_before_the_download(program: Program, service: FakeStac, home: Path) -> None:
    ran = program(*words(service, "--max-bytes", "100kB"))
    assert ran.status == 1
    assert "would be downloaded, allowed are 0.1 MB" in ran.err
    assert service.ranges() == []
    assert scenes(home) == []


@pytest.mark.slow
def test_an_allowance_that_is_used_up_half_way_keeps_what_is_finished_and_a_second_run_does_the_rest(
    program: Program, service: FakeStac, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fetch_stac.wire_of

    def after_one_scene(settings: Settings, budget_bytes: int) -> GuardedSession:
        return whole(settings, 800_000)

    with monkeypatch.context() as patch:
        patch.setattr(fetch_stac, "wire_of", after_one_scene)
        ran = program(*words(service))
    assert ran.status == 3, (ran.out, ran.err)
    assert "1 scenes written, 0 were there already, 0 empty, 1 failed" in ran.out
    assert "stopped at" in ran.err
    seen = set(service.ranges())
    rest = program(*words(service))
    assert rest.status == 0, rest.err
    assert "1 scenes written, 1 were there already" in rest.out
    assert seen.isdisjoint(service.ranges()[len(seen) :])


def test_a_scene_that_fails_is_told_and_the_others_are_taken(program: Program, service: FakeStac, home: Path) -> None:
    red = next(path for path in service.files.bodies if path.endswith("B04.tif"))
    service.fail(red, *[Fault(500) for _ in range(4)])
    ran = program(*words(service, "--survey", "s"))
    assert ran.status == 3
    assert "1 scenes written, 0 were there already, 0 empty, 1 failed" in ran.out
    assert "failed sentinel-2b_20170224" in ran.err
    assert len(images(home, "s")) == 1
    rest = program(*words(service, "--survey", "s"))
    assert rest.status == 0
    assert len(images(home, "s")) == 2


def test_items_that_cannot_be_read_are_refused_one_by_one(program: Program, service: FakeStac, home: Path) -> None:
    del service.files.items[0]["assets"]["red"]
    ran = program(*words(service))
    assert ran.status == 3
    assert f"refused {service.files.items[0]['id']}: lacks the band(s) red" in ran.err
    assert "1 scenes written, 0 were there already, 0 empty, 0 failed, 1 items refused" in ran.out


@pytest.mark.slow
@pytest.mark.parametrize("href", ["https://evil.example/B04.tif", "file:///etc/passwd", "http://169.254.169.254/x"])
def test_an_asset_that_leads_elsewhere_fails_alone(program: Program, service: FakeStac, href: str) -> None:
    service.files.items[0]["assets"]["red"]["href"] = href
    ran = program(*words(service))
    assert ran.status == 3
    assert "1 scenes written" in ran.out
    assert "failed sentinel-2b_20170224" in ran.err


@pytest.mark.slow
def test_a_scene_that_is_empty_is_said_so_and_not_fetched_again(
    program: Program, service: FakeStac, home: Path
) -> None:
    first = service.files.items[0]["id"]
    for path in [path for path in service.files.bodies if f"/{first}/" in path]:
        pixel = 20.0 if path.endswith(("SCL.tif", "B11.tif", "B12.tif")) else 10.0
        count = 3 if path.endswith("TCI.tif") else 1
        kind = np.uint16 if "/B" in path else np.uint8
        side = int(256 * 10 / pixel)
        service.files.bodies[path] = world.cog(np.zeros((count, side, side), kind), pixel)
    ran = program(*words(service, "--survey", "s"))
    assert ran.status == 0, ran.err
    assert "1 scenes written, 0 were there already, 1 empty" in ran.out
    assert "recorded as empty" in ran.err
    seen = len(service.ranges())
    again = program(*words(service))
    assert "0 scenes written, 1 were there already, 1 empty" in again.out
    assert len(service.ranges()) == seen


@pytest.mark.slow
def test_an_older_version_of_a_tile_is_left_out_without_being_an_error(program: Program, service: FakeStac) -> None:
    world.add_s2(service.files, SCENES[0], S2(baseline="03.00", sequence=4, offset_in=False, band_offset=0.0))
    ran = program(*words(service))
    assert ran.status == 0, ran.err
    assert "left out S2B_52SGD_20170224_4_L2A: an older version" in ran.err


def test_no_scene_found_is_said_so(program: Program, service: FakeStac) -> None:
    ran = program(*words(service, "--to", "2017-01-02"))
    assert ran.status == 0
    assert "0 scenes, 0 to fetch" in ran.out
    assert program(*words(service, "--to", "2017-01-02", "--survey", "s")).status == 1


@pytest.mark.slow
def test_a_coarser_scene_can_be_asked_for(program: Program, service: FakeStac, home: Path) -> None:
    assert program(*words(service, "--resolution", "20")).status == 0
    with rasterio.open(scenes(home)[0]) as data:
        assert data.transform.a == 20


def test_the_commands_own_guard_does_not_reach_this_machine(program: Program) -> None:
    with serve(FakeStac(Files())) as running:
        for api in (running.url, f"https://127.0.0.1:{running.port}", "https://localhost", "file:///etc/passwd"):
            ran = program("fetch", "stac", "--api", api, "--bbox", BOX, "--from", "2017-01-01", "--to", "2017-02-01")
            assert ran.status == 1
            assert ran.err.startswith("error: ")
        assert running.log == []


def test_hosts_of_the_setting_are_added(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIZUHASHI_STAC_HOSTS", "stac.example.org, .data.example.org")
    hosts = fetch_stac.wire_of(Settings(), 1).guard.allowed_hosts
    assert hosts[-2:] == ("stac.example.org", ".data.example.org")
    monkeypatch.setenv("MIZUHASHI_STAC_HOSTS", "https://stac.example.org")
    ran = program("fetch", "stac", "--bbox", BOX, "--from", "2017-01-01", "--to", "2017-02-01")
    assert ran.status == 1
    assert "expected a name" in ran.err


@pytest.mark.parametrize(
    "more",
    [
        ["--bbox", "1,2,3"],
        ["--bbox", BOX, "--reach", "r1"],
        [],
        ["--bbox", BOX, "--from", "yesterday"],
        ["--bbox", BOX, "--from", "2018-01-01"],
        ["--bbox", BOX, "--max-cloud", "101"],
        ["--bbox", BOX, "--max-cloud", "nan"],
        ["--bbox", BOX, "--bands", "red,purple"],
        ["--bbox", BOX, "--bands", "red,b04"],
        ["--bbox", BOX, "--resolution", "0"],
        ["--bbox", BOX, "--max-bytes=-1"],
        ["--bbox", BOX, "--max-bytes", "0"],
        ["--bbox", BOX, "--max-bytes", "much"],
        ["--bbox", BOX, "--max-items", "0"],
        ["--bbox", BOX, "--collection", "../../etc"],
    ],
)
def test_wrong_usage_is_told_before_anything_is_asked(program: Program, service: FakeStac, more: list[str]) -> None:
    ran = program("fetch", "stac", "--api", service.url, "--from", "2017-01-01", "--to", "2017-02-01", *more)
    assert ran.status == 2, (ran.out, ran.err)
    assert service.log == []


@pytest.mark.parametrize(
    ("text", "size"), [("500MB", 500_000_000), ("2 GB", 2_000_000_000), ("1.5kb", 1500), ("70000", 70_000)]
)
def test_a_size_is_read_with_its_unit(text: str, size: int) -> None:
    assert fetch_stac.parse_size(text) == size


def test_an_unknown_reach_is_one_line(program: Program, service: FakeStac) -> None:
    ran = program(*words(service, "--reach", "nobody", box=False))
    assert ran.status == 1
    assert "no asset with id 'nobody'" in ran.err


@pytest.mark.slow
def test_items_of_the_catalogue_name_their_origin_without_secrets(
    program: Program, service: FakeStac, home: Path
) -> None:
    for item in service.files.items:
        for asset in item["assets"].values():
            if asset["href"].startswith("/files/"):
                asset["href"] += "?sig=SECRET"
    assert program(*words(service)).status == 0
    text = scenes(home)[0].with_suffix(".json").read_text()
    assert "SECRET" not in text
    assert json.loads(text)["properties"]["mizuhashi:source"].startswith(f"STAC {service.url}, sentinel-2-l2a: S2B_")


def test_an_offset_that_the_metadata_tell_wrongly_is_said_when_the_scene_comes(
    program: Program, service: FakeStac
) -> None:
    wrong = world.another_day(SCENES[0], 3)
    world.add_s2(service.files, wrong, S2(offset_in=False, flag=False))
    ran = program(*words(service, "--json"))
    assert ran.status == 0, ran.err
    (told,) = [line for line in ran.err.splitlines() if "metadata contradicted: +1000 offset not in the values" in line]
    assert told.startswith(f"sentinel-2b_{wrong.captured_at:%Y%m%dT%H%M%S}")
    assert sum("metadata contradicted" in (scene.get("note") or "") for scene in ran.document["scenes"]) == 1
