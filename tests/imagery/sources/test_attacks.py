"""Services that answer what would crash a run, or have it read a file of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import requests
from rasterio import Affine
from shapely.geometry import box

from findings.errors import ConfigError, RecordError, SourceError, UnsafeImage
from imagery.scene_product import SceneGrid
from imagery.sources import sentinel_catalogue, stac_scene
from imagery.sources.cog import CogReader
from imagery.sources.guard import with_hosts
from imagery.sources.sentinel_errors import retry_after_ms, server_words
from imagery.sources.sentinel_statistics import read_statistics
from imagery.sources.stac import plan_scenes
from imagery.sources.stac_assets import parse_item
from imagery.sources.wire import GuardedSession
from tests.fakes.stac import FakeStac, Fault, serve
from tests.fakes.stac_world import EAST, NORTH, Files, cog

PATH = "/files/a.tif"
SIDE = 600
PLAIN = cog(np.random.default_rng(5).integers(1, 4000, (1, SIDE, SIDE)).astype(np.uint16), 10.0)
HUGE = 10**400
HALF = "\ud800"
FAR_YEAR = "Mon, 20 Nov 99999999999999999999 19:12:08 -0500"
FAR_ZONE = "Mon, 20 Nov 2030 19:12:08 +99999999999999"


@pytest.fixture
def service() -> Iterator[FakeStac]:
    with serve(FakeStac(Files({PATH: PLAIN}))) as running:
        yield running


def raster(path: Path, value: int, pixel: float, side: int, **tags: str) -> Path:
    place = {"crs": "EPSG:32652", "transform": Affine(pixel, 0, EAST, 0, -pixel, NORTH)}
    with rasterio.open(path, "w", driver="GTiff", width=side, height=side, count=1, dtype="uint16", **place) as data:
        data.write(np.full((1, side, side), value, np.uint16))
        if tags:
            data.update_tags(ns="OVERVIEWS", **tags)
    return path


def test_a_header_that_turns_while_it_is_read_opens_no_file_of_this_machine(
    wire: GuardedSession, service: FakeStac, tmp_path: Path
) -> None:
    """A block that does not decode is fetched again, and the header with it: overviews are opened after that."""
    secret = raster(tmp_path / "secret.tif", 7777, 20.0, SIDE // 2)
    hostile = raster(tmp_path / "h.tif", 1, 10.0, SIDE, OVERVIEW_FILE=str(secret)).read_bytes()
    size = max(len(hostile), len(PLAIN))
    service.files.bodies[PATH] = PLAIN.ljust(size, b"\0")
    service.fail(PATH, *[Fault(etag='"same"')] * 200)
    with CogReader(wire, service.url + PATH) as reader:
        service.files.bodies[PATH] = hostile.ljust(size, b"\0")
        reader.file.forget()
        grid = SceneGrid("EPSG:32652", (20.0, 0.0, EAST, 0.0, -20.0, NORTH), 64, 64)
        with pytest.raises(UnsafeImage, match="name other files"):
            reader.read(grid)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=302, headers={"Location": "http://\xff\xfe/"}),
        Fault(status=302, headers={"Location": "http://["}),
        Fault(content_range="bytes 0-1/" + "9" * 5000),
        Fault(status=206, headers={"Content-Length": "9" * 5000}),
        Fault(status=429, headers={"Retry-After": FAR_YEAR}),
        Fault(status=503, headers={"Retry-After": FAR_ZONE}),
    ],
)
def test_headers_that_no_server_sends_are_an_error_of_the_source(
    wire: GuardedSession, service: FakeStac, fault: Fault
) -> None:
    service.fail(PATH, *[fault] * 10)
    with pytest.raises(SourceError):
        CogReader(wire, service.url + PATH)


def test_a_port_that_is_no_number_is_refused_in_the_settings() -> None:
    for port in ("\N{SUPERSCRIPT TWO}", "999999", "x"):
        with pytest.raises(ConfigError):
            with_hosts([f"stac.example.org:{port}"])


# --- items of a STAC API --------------------------------------------------------------------------------------------


def item(properties: dict[str, Any] | None = None, asset: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    facts = {"datetime": "2024-05-01T00:00:00Z", "platform": "p", "proj:epsg": 32652, **(properties or {})}
    red = {"href": "b.tif", "type": "image/tiff", "eo:bands": [{"common_name": "red"}], **(asset or {})}
    return {"type": "Feature", "id": "x", "collection": "c", "properties": facts, "assets": {"red": red},
            "bbox": [129, 33, 130, 34], "links": [], **more}  # fmt: skip


@pytest.mark.parametrize(
    "hostile",
    [item(asset={"href": "http://["}), item(links=[{"rel": "self", "href": "http://["}]), item(id=HALF), item(id=[1])],
)
def test_an_item_that_cannot_be_read_is_refused_alone(hostile: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        parse_item(hostile, "https://stac.example.org/")


@pytest.mark.parametrize(
    "odd",
    [item(links=5), item(asset={"gsd": 1e-200}), item(asset={"gsd": -10}), item(asset={"gsd": HUGE}),
     item(asset={"raster:scale": HUGE}), item({"platform": f"p{HALF}\x1b[31m"}), item({"eo:cloud_cover": HUGE})],
)  # fmt: skip
def test_odd_values_of_an_item_are_passed_over(odd: dict[str, Any]) -> None:
    scene = parse_item(odd, "https://stac.example.org/")
    (plan,), refused = plan_scenes([scene], (129.0, 33.0, 129.1, 33.1), ["red"], None)
    assert refused == ()
    assert plan.estimated_bytes > 100_000
    assert (scene.platform or "").isprintable()
    assert scene.bands["red"].pixel_m is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), HUGE, HALF, [HALF], "a\x1b[31m"])
def test_what_json_or_a_terminal_does_not_take_stands_in_no_item_of_ours(value: object) -> None:
    assert not stac_scene._plain(value)


# --- Sentinel Hub ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [FAR_YEAR, FAR_ZONE])
def test_a_wait_until_no_date_counts_as_unsaid(header: str) -> None:
    assert retry_after_ms(header, 1000) == 1000


def test_the_words_of_a_server_may_be_nested_without_end() -> None:
    response = requests.Response()
    response._content = b"[" * 100_000
    assert server_words(response).startswith("[[[")


@pytest.mark.parametrize("stats", ['{"noDataCount": Infinity}', '{"noDataCount": 0, "sampleCount": 1, "mean": %d}'])
def test_statistics_beyond_any_number_are_an_error_of_the_source(stats: str) -> None:
    told = stats % HUGE if "%" in stats else stats
    day = '{"interval": {"from": "x"}, "outputs": {"ndvi": {"bands": {"B0": {"stats": ' + told + "}}}}}"
    for content in (f'{{"data": [{day}]}}', "[" * 100_000):
        with pytest.raises(SourceError):
            read_statistics(content.encode(), ["ndvi"])


@pytest.mark.parametrize(
    "facts", [{"datetime": "0001-01-01T00:00:00+14:00"}, {"datetime": "0001-01-01T00:00:00Z"}, {"datetime": HUGE}]
)
def test_an_acquisition_before_all_satellites_is_an_error_of_the_source(facts: dict[str, Any]) -> None:
    with pytest.raises(SourceError):
        sentinel_catalogue._item({"id": "a", "properties": facts}, box(129, 33, 130, 34))


def test_odd_values_of_an_acquisition_are_passed_over() -> None:
    odd = {"datetime": "2024-01-01T00:00:00Z", "eo:cloud_cover": HUGE, "sat:relative_orbit": HUGE,
           "sat:orbit_state": f"x{HALF}", "platform": HALF}  # fmt: skip
    found = sentinel_catalogue._item({"id": "S2A_x", "properties": odd}, box(129, 33, 130, 34))
    assert (found.cloud, found.orbit, found.state, found.platform) == (None, None, None, "sentinel-2a")
    with pytest.raises(SourceError):
        sentinel_catalogue._item({"id": HALF, "properties": odd}, box(129, 33, 130, 34))
