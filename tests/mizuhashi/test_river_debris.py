"""`mizuhashi river debris`: generated drone pictures to rafts in the store, drawn and bridge openings, bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from shapely.geometry import LineString

from findings.asset import Asset, AssetKind
from findings.river_series import Observation, Quantity, State
from findings.store import ReachRecord, SceneObservation, Store, store_url
from imagery.ingest import describe
from imagery.synthetic.river_debris import DebrisScene, draw_debris
from inference.river.debris import Opening
from inference.river.debris import blocked as blocked_width
from inference.river.debris_scan import DebrisOptions, scan_debris
from inference.river.grid import reproject
from inference.river.transects import make_frame
from tests.mizuhashi.conftest import Program

CRS, PIXEL_M, SIZE_M, NORTH = "EPSG:6671", 0.1, 48.0, -170_000.0
WORDS = ("river", "debris", "--reach", "r1", "--survey", "drone")


@pytest.fixture(scope="module")
def scene() -> DebrisScene:
    drawn = [draw_debris(np.random.default_rng(seed), pixel_m=PIXEL_M, size_m=SIZE_M, rafts=2) for seed in (3, 4, 5)]
    return max(drawn, key=lambda one: sum(one.blocked_m))


def _ortho(scene: DebrisScene, path: Path) -> Path:
    height, width = scene.channel.shape
    profile = {"driver": "GTiff", "width": width, "height": height, "count": 3, "dtype": "uint8"}
    transform = Affine(PIXEL_M, 0.0, 0.0, 0.0, -PIXEL_M, NORTH)
    with rasterio.open(path, "w", crs=CRS, transform=transform, photometric="RGB", **profile) as file:
        file.write(scene.bands[:3])
        file.descriptions = ("red", "green", "blue")
    return path


def _lonlat(x: list[float], y: list[float]) -> list[list[float]]:
    lon, lat = reproject(CRS, "EPSG:4326", np.array(x), np.array(y))
    return [[float(a), float(b)] for a, b in zip(lon, lat, strict=True)]


def _ready(program: Program, picture: Path, folder: Path, *options: object, survey: str = "drone") -> None:
    line = {"type": "LineString", "coordinates": _lonlat([24.0, 24.0], [NORTH + 100, NORTH - 150])}
    reach = {"type": "Feature", "geometry": line, "properties": {"uid": "r1", "kind": "river_reach", "name": "River"}}
    (folder / "assets.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [reach]}))
    assert program("assets", "import", folder / "assets.geojson").status == 0
    at = "2024-07-01T02:00:00Z"
    taken = program("ingest", picture, "--survey", survey, "--asset", "r1", "--captured-at", at, *options)
    assert taken.status == 0, taken.err


def test_rafts_of_an_orthophoto_are_recorded_with_what_they_block(
    program: Program, scene: DebrisScene, tmp_path: Path
) -> None:
    _ready(program, _ortho(scene, tmp_path / "ortho.tif"), tmp_path)
    number = int(np.argmax(scene.blocked_m))
    (x0, y0), (x1, y1) = scene.openings[number]
    ran = program(*WORDS, "--opening", f"{x0},{y0},{x1},{y1}", "--upstream", "0,-1", "--json")
    assert ran.status == 0, ran.err
    (picture,) = ran.document["pictures"]
    found = picture["findings"]
    assert found
    assert {one["damage"] for one in found} == {"R19"}
    true_m2 = float(scene.debris.sum()) * PIXEL_M**2
    assert 0.4 * true_m2 < sum(one["measures"][0]["value"] for one in found) < 1.6 * true_m2
    blocked = picture["blocked"]["drawn"]
    assert abs(blocked["value"] - scene.blocked_m[number]) < 2.0
    assert blocked["low"] <= blocked["value"] <= blocked["high"]
    listed = {row["id"] for row in program("findings", "list", "--limit", 100, "--json").document}
    assert {one["uid"] for one in found} <= listed
    shown = program("findings", "show", found[0]["uid"]).out
    assert "driftwood-texture@1" in shown
    again = program(*WORDS)
    assert "1 of 1 pictures judged; experimental" in again.out + again.err
    assert "流木・塵芥の集積" in again.out
    assert {row["id"] for row in program("findings", "list", "--limit", 100, "--json").document} == listed


def test_a_photograph_needs_its_pixel_size_and_nothing_coarse_is_judged(
    program: Program, scene: DebrisScene, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    assert cv2.imwrite(str(photo), np.ascontiguousarray(scene.bands[2::-1].transpose(1, 2, 0)))
    _ready(program, photo, tmp_path)
    blind = program(*WORDS)
    assert "the pixel size is unknown; ingest the picture with --gsd-mm" in blind.out + blind.err
    assert "nothing could be judged" in blind.out + blind.err
    _ready(program, photo, tmp_path, "--gsd-mm", 100, survey="scaled")
    ran = program(*WORDS[:-1], "scaled", "--json")
    assert ran.document["pictures"][0]["findings"], ran.document
    _ready(program, photo, tmp_path, "--gsd-mm", 2000, survey="coarse")
    coarse = program(*WORDS[:-1], "coarse")
    assert "driftwood does not show at 2 m a pixel" in coarse.out + coarse.err


def test_openings_are_refused_with_the_remedy(program: Program, scene: DebrisScene, tmp_path: Path) -> None:
    _ready(program, _ortho(scene, tmp_path / "ortho.tif"), tmp_path)
    assert "give both" in program(*WORDS, "--opening", "1,2,3,4").err
    assert "expected 4 numbers" in program(*WORDS, "--opening", "1,2,3", "--upstream", "0,1").err
    assert "expected 2 numbers" in program(*WORDS, "--opening", "1,2,3,4", "--upstream", "nan,1").err
    assert program("river", "debris", "--reach", "r1", "--survey", "none").status == 1


def test_the_opening_of_a_bridge_comes_from_its_deck_and_the_banks(scene: DebrisScene, tmp_path: Path) -> None:
    (_, top), _ = scene.openings[0]
    column = int((scene.openings[0][0][0] + scene.openings[0][1][0]) / 2)
    deck_px = int(np.argmax(scene.channel[int(top) + 3 :, column])) + 3
    middle = NORTH - (top + deck_px / 2) * PIXEL_M
    deck = LineString(_lonlat([-20.0, 68.0], [middle, middle]))
    reach = Asset("r1", AssetKind.RIVER_REACH, "River")
    bridge = Asset("b1", AssetKind.BRIDGE, "Bridge", geometry=deck, attributes={"width_m": deck_px * PIXEL_M})
    frame = make_frame("r1", np.array([[24.0, NORTH + 100], [24.0, NORTH - 150]]), CRS, spacing_m=25, half_length_m=60)
    n = len(frame)
    half = 0.36 * SIZE_M
    values = {Quantity.LEFT_BANK: np.full(n, half), Quantity.RIGHT_BANK: np.full(n, -half)}
    sigmas = {name: np.ones(n) for name in values}
    now = datetime(2024, 5, 1, tzinfo=UTC)
    home = tmp_path / "home"
    home.mkdir()
    with Store(store_url(home), home) as store:
        store.upgrade()
        store.put_assets([reach, bridge])
        store.open_survey("drone", "r1", [describe(_ortho(scene, tmp_path / "ortho.tif"))])
        images = store.images(store.survey("drone").uid)
        seen = Observation(images[0].uid, now, "", 10.0, 2.5, values, sigmas, (State.OK,) * n)
        unscanned = scan_debris(store, reach, images, home, DebrisOptions(bridge))
        assert "`mizuhashi river scan --reach r1` first" in unscanned[0].not_assessed
        store.put_river(ReachRecord(frame, {}, {}), [SceneObservation("mndwi@1", seen)], at=now, anew=True)
        narrow = replace(bridge, attributes={})
        assert "width_m" in scan_debris(store, reach, images, home, DebrisOptions(narrow))[0].not_assessed
        (found,) = scan_debris(store, reach, images, home, DebrisOptions(bridge))
    assert found.not_assessed == ""
    blocked = found.blocked["bank to bank"]
    whole = Opening("true", ((0.14 * SIZE_M / PIXEL_M, top), (0.86 * SIZE_M / PIXEL_M, top)), (0.0, -1.0))
    assert blocked.value == pytest.approx(blocked_width(scene.debris, whole, PIXEL_M).value, abs=1.5)
    assert any("piers are not known" in note for note in found.notes)
