"""Runs that are cut off, and answers that are wrong: nothing half-written, and the next run finishes the rest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from findings.errors import AccessDenied, OutputError, QuotaExceeded, SourceUnavailable
from imagery.sources.sentinel_hub import fetch, plan
from tests.fakes import sentinel_faults as faults
from tests.fakes.sentinel_hub import FakeSentinelHub
from tests.fakes.sentinel_world import make_world
from tests.imagery.sources.sentinel_case import (
    PLENTY,
    first_day,
    planned,
    run,
    service_of,
    wish_of,
)


@pytest.fixture
def fake() -> Iterator[FakeSentinelHub]:
    with FakeSentinelHub() as service:
        yield service


def test_a_second_run_sends_no_process_request(fake: FakeSentinelHub, tmp_path: Path) -> None:
    run(fake, tmp_path)
    assert fake.requests["process"] == 3
    assert [result.state for result in run(fake, tmp_path)] == ["present"] * 3
    assert fake.requests["process"] == 3


def test_a_scene_that_was_lost_comes_back_from_the_cache(fake: FakeSentinelHub, tmp_path: Path) -> None:
    done = run(fake, tmp_path)
    assert done[1].path is not None
    done[1].path.with_suffix(".json").unlink()
    assert [result.state for result in run(fake, tmp_path)] == ["present", "written", "present"]
    assert fake.requests["process"] == 3


@pytest.mark.parametrize("damage", ["response", "request", "no request", "another request"])
def test_a_damaged_cache_entry_is_asked_for_again(fake: FakeSentinelHub, tmp_path: Path, damage: str) -> None:
    done = run(fake, tmp_path, end=first_day(fake))
    assert done[0].path is not None
    done[0].path.with_suffix(".json").unlink()
    part = planned(fake, tmp_path, end=first_day(fake)).scenes[0].tiles[0]
    request = part.file.with_name("request.json")
    if damage == "response":
        part.file.write_bytes(part.file.read_bytes()[:500])
    elif damage == "request":
        request.write_text("{", encoding="utf-8")
    elif damage == "no request":
        request.unlink()
    else:
        request.write_text(request.read_text("utf-8").replace("UINT16", "UINT8"), encoding="utf-8")
    assert [result.state for result in run(fake, tmp_path, end=first_day(fake))] == ["written"]
    assert fake.requests["process"] == 2


def test_units_that_end_half_way_keep_what_was_fetched(fake: FakeSentinelHub, tmp_path: Path) -> None:
    fake.fail("process", faults.out_of_units, at=[2])
    results = fetch(service_of(fake), planned(fake, tmp_path), PLENTY)
    assert next(results).state == "written"
    with pytest.raises(QuotaExceeded, match="ACCESS_INSUFFICIENT_PROCESSING_UNITS"):
        next(results)
    assert fake.requests["process"] == 2  # and the third was not even tried
    assert [result.state for result in run(fake, tmp_path)] == ["present", "written", "written"]
    assert fake.requests["process"] == 4


def test_after_the_refusal_of_one_tile_no_further_batch_is_sent(fake: FakeSentinelHub, tmp_path: Path) -> None:
    fake.fail("process", faults.out_of_units, times=500)
    with pytest.raises(QuotaExceeded):
        run(fake, tmp_path, tile_px=10)
    assert fake.requests["process"] <= 2  # as many as there are threads


def test_a_token_that_ends_half_way_is_renewed(fake: FakeSentinelHub, tmp_path: Path) -> None:
    fake.fail("process", faults.expired, at=[2])
    assert [result.state for result in run(fake, tmp_path)] == ["written"] * 3
    assert fake.requests["token"] == 3  # the plan's, the download's, the renewed one


def test_a_right_that_is_lost_half_way_ends_the_run(fake: FakeSentinelHub, tmp_path: Path) -> None:
    fake.fail("process", faults.expired, times=99)
    with pytest.raises(AccessDenied):
        run(fake, tmp_path)
    assert not list((tmp_path / "scenes").rglob("*.tif"))


@pytest.mark.parametrize("fault", [faults.truncated, faults.halved])
def test_a_truncated_body_leaves_nothing_half_written(
    fake: FakeSentinelHub, tmp_path: Path, fault: faults.Fault
) -> None:
    fake.fail("process", fault, times=3)
    wish = wish_of(fake, end=first_day(fake))
    with pytest.raises(SourceUnavailable):
        run(fake, tmp_path, wish)
    assert not list((tmp_path / "scenes").rglob("*.tif"))
    assert not list((tmp_path / "cache").rglob("*.tiff")) if (tmp_path / "cache").exists() else True
    assert not list(tmp_path.rglob("*.partial"))
    fake._faults.clear()
    assert [result.state for result in run(fake, tmp_path, wish)] == ["written"]


def test_one_acquisition_that_fails_does_not_stop_the_others(fake: FakeSentinelHub, tmp_path: Path) -> None:
    fake.fail("process", faults.server_error(), at=[2, 3, 4])
    assert [result.state for result in run(fake, tmp_path)] == ["written", "failed", "written"]
    manifest = (tmp_path / "scenes" / "sentinel-2-l2a" / "sentinel_hub.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["state"] for line in manifest] == ["written", "failed", "written"]
    assert [result.state for result in run(fake, tmp_path)] == ["present", "written", "present"]


def test_a_service_that_fails_three_times_in_a_row_is_left(fake: FakeSentinelHub, tmp_path: Path) -> None:
    fake.fail("process", faults.server_error(), times=99)
    with pytest.raises(SourceUnavailable):
        run(fake, tmp_path)


def moved(answer: faults.Answer) -> faults.Answer:
    """The same pixels, said to lie one pixel further east."""
    with MemoryFile(answer.body) as memory, memory.open() as image:
        profile, values = image.profile, image.read()
    a, b, c, d, e, f = tuple(profile["transform"])[:6]
    profile["transform"] = Affine(a, b, c + a, d, e, f)
    with MemoryFile() as memory:
        with memory.open(**profile) as image:
            image.write(values)
        answer.body = bytes(memory.read())
    return answer


def test_an_answer_of_another_place_is_refused(fake: FakeSentinelHub, tmp_path: Path) -> None:
    fake.fail("process", moved)
    with pytest.raises(SourceUnavailable, match="sent another place"):
        run(fake, tmp_path, end=first_day(fake))
    assert not list((tmp_path / "cache").rglob("*.tiff"))


def test_an_answer_of_another_size_is_refused(fake: FakeSentinelHub, tmp_path: Path) -> None:
    run(fake, tmp_path, end=first_day(fake), tile_px=40)
    body = next((tmp_path / "cache").rglob("*.tiff")).read_bytes()  # of a smaller tile
    fake.fail("process", lambda _: faults.Answer(200, body, "image/tiff"))
    with pytest.raises(SourceUnavailable, match=r"expected \(8, 60, 60\) uint16"):
        run(fake, tmp_path / "other", end=first_day(fake))


def test_an_acquisition_without_a_pixel_is_recorded_as_empty_and_not_asked_again(tmp_path: Path) -> None:
    world = make_world()
    passes = (replace(world.optical[0], blank=True), *world.optical[1:])
    with FakeSentinelHub(replace(world, optical=passes)) as fake:
        assert [result.state for result in run(fake, tmp_path)] == ["empty", "written", "written"]
        shutil.rmtree(tmp_path / "cache")
        assert [result.state for result in run(fake, tmp_path)] == ["empty", "present", "present"]
        assert fake.requests["process"] == 3
        assert len(list((tmp_path / "scenes").rglob("*_mask.tif"))) == 2
        again = plan(service_of(fake), wish_of(fake), tmp_path / "scenes", tmp_path / "cache", again=True)
        assert again.requests == 3
        list(fetch(service_of(fake), again, PLENTY))
        assert fake.requests["process"] == 6


def test_a_cache_that_cannot_be_written_is_told(fake: FakeSentinelHub, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way", encoding="utf-8")
    with pytest.raises(OutputError, match="make room or choose another --home"):
        run(fake, tmp_path, end=first_day(fake))
    assert not list((tmp_path / "scenes").rglob("*.tif"))
