"""From planned items to scenes on disk: every pixel at its place, with its value; what lies is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from findings.errors import InputError, RecordError, RefusedSource, SourceUnavailable, UnsafeImage
from findings.survey import Radiometry
from imagery.masks import MaskClass
from imagery.sources.guard import Guard
from imagery.sources.stac import DEFAULT_BANDS, ScenePlan, plan_scenes
from imagery.sources.stac_assets import parse_item
from imagery.sources.stac_radiometry import claimed_offset
from imagery.sources.stac_scene import fetch_scene, is_done, open_scene
from imagery.sources.wire import GuardedSession, Patience, guarded_session
from imagery.types import Window
from tests.fakes import stac_world as world
from tests.fakes.stac import FakeStac, Fault, serve
from tests.fakes.stac_world import S2, Files

BOX = world.inside_box()
SCENE = world.series().scenes[1]
CLOUDY = world.series(1.0).scenes[0]


@pytest.fixture
def service() -> Iterator[FakeStac]:
    with serve(FakeStac(Files())) as running:
        yield running


@pytest.fixture
def wire(service: FakeStac) -> Iterator[GuardedSession]:
    guard = Guard((), frozenset({service.where}), timeout_s=5.0)
    with guarded_session(guard, patience=Patience(sleep=lambda _: None)) as session:
        yield session


Fetch = Callable[..., tuple[Path | None, ScenePlan]]


@pytest.fixture
def fetch(wire: GuardedSession, service: FakeStac, tmp_path: Path) -> Fetch:
    """Return a function that makes one scene of some items and gives its raster and plan."""

    def run(
        *items: dict[str, Any], bands: tuple[str, ...] = DEFAULT_BANDS, box: Any = BOX, metres: float | None = None
    ) -> tuple[Path | None, ScenePlan]:
        found = [parse_item(item, f"{service.url}/") for item in items]
        plans, refused = plan_scenes(sorted(found, key=lambda scene: scene.id), box, bands, metres)
        assert refused == ()
        (plan,) = plans
        return fetch_scene(wire, plan, tmp_path / "scenes", tmp_path / "cache", "STAC fake"), plan

    return run


def stored(path: Path | None) -> tuple[NDArray[Any], NDArray[Any], tuple[int, int]]:
    """Return stored values, mask, and column and row of the corner in the world's 10 m (or own) pixels."""
    assert path is not None
    with rasterio.open(path) as data, rasterio.open(path.with_name(f"{path.stem}_mask.tif")) as mask:
        pixel = data.transform.a
        corner = (round((data.transform.c - world.EAST) / pixel), round((world.NORTH - data.transform.f) / pixel))
        return data.read(), mask.read(1), corner


def part(values: NDArray[Any], like: NDArray[Any], corner: tuple[int, int]) -> NDArray[Any]:
    col, row = corner
    return values[..., row : row + like.shape[-2], col : col + like.shape[-1]]


# --- values and places -----------------------------------------------------------------------------------------------


def test_ten_metre_bands_come_out_digit_for_digit_and_twenty_metre_bands_interpolated(
    fetch: Fetch, service: FakeStac
) -> None:
    path, _ = fetch(world.add_s2(service.files, SCENE))
    values, _, corner = stored(path)
    truth = part(SCENE.bands.astype(np.int32), values, corner)
    assert values.shape == (6, 186, 186)
    assert np.array_equal(values[:4], truth[:4])
    coarse = np.stack([np.kron(world.half(SCENE.bands[n]), np.ones((2, 2))) for n in (4, 5)])
    error = np.abs(values[4:] - part(coarse, values, corner))
    assert np.median(error) < 40  # bilinear between 20 m pixels; a shift by one of them would be far more
    moved = np.abs(values[4:, :, 4:] - part(coarse, values, corner)[..., :-4])
    assert np.median(error) < 0.5 * np.median(moved)


def test_clouds_of_the_classification_are_in_the_mask_at_their_place(fetch: Fetch, service: FakeStac) -> None:
    path, plan = fetch(world.add_s2(service.files, CLOUDY))
    values, mask, corner = stored(path)
    truth = np.kron(CLOUDY.clouds[::2, ::2], np.ones((2, 2), bool)).astype(bool)
    expected = np.where(part(truth, values, corner), MaskClass.CLOUD, MaskClass.CLEAR)
    assert np.array_equal(mask, expected)
    assert 0.02 < (mask == MaskClass.CLOUD).mean() < 0.9
    assert path is not None
    item = json.loads(path.with_suffix(".json").read_text())
    assert item["properties"]["eo:cloud_cover"] == pytest.approx(100 * (mask == MaskClass.CLOUD).mean(), abs=0.01)
    assert item["properties"]["mizuhashi:items"] == [plan.items[0].id]


@pytest.mark.slow
@pytest.mark.parametrize("add", [world.add_landsat, world.add_hls])
def test_landsat_and_hls_come_out_as_the_same_reflectance(fetch: Fetch, service: FakeStac, add: Any) -> None:
    path, _ = fetch(add(service.files, CLOUDY), box=world.inside_box(pixel_m=30.0))
    values, mask, corner = stored(path)
    assert np.abs(values - part(CLOUDY.bands.astype(np.int32), values, corner)).max() <= 1
    assert np.array_equal(mask == MaskClass.CLOUD, part(CLOUDY.clouds, values, corner))


def test_eight_bit_pictures_are_marked_as_display(fetch: Fetch, service: FakeStac) -> None:
    path, _ = fetch(world.add_picture(service.files, SCENE), bands=("red", "green", "blue", "nir"))
    values, mask, corner = stored(path)
    stretched = np.clip(SCENE.bands[[2, 1, 0, 3]] / 16, 1, 255).astype(np.uint8)
    assert np.array_equal(values, part(stretched, values, corner))
    assert path is not None
    properties = json.loads(path.with_suffix(".json").read_text())["properties"]
    assert properties["mizuhashi:radiometry"] == Radiometry.DISPLAY
    assert (mask == MaskClass.UNKNOWN).all()


@pytest.mark.parametrize("metres", [20.0, pytest.param(40.0, marks=pytest.mark.slow)])
def test_a_coarser_scene_shows_the_same_ground(fetch: Fetch, service: FakeStac, metres: float) -> None:
    path, _ = fetch(world.add_s2(service.files, SCENE), metres=metres, bands=("green", "nir"))
    values, _, corner = stored(path)
    step = int(metres / 10)
    truth = SCENE.bands[[1, 3]].astype(float)
    means = truth.reshape(2, 256 // step, step, 256 // step, step).mean(axis=(2, 4))
    seen = part(means, values, corner)
    assert np.corrcoef(values.ravel(), seen.ravel())[0, 1] > 0.8
    moved = part(means, values, (corner[0] + 2, corner[1]))
    assert np.corrcoef(values.ravel(), moved.ravel())[0, 1] < 0.7


@pytest.mark.slow
def test_two_tiles_of_a_pass_make_the_scene_that_one_tile_would_make(fetch: Fetch, service: FakeStac) -> None:
    west = world.add_s2(service.files, CLOUDY, S2(tile="52SGD", cols=(0, 160)))
    east = world.add_s2(service.files, CLOUDY, S2(tile="52SGE", cols=(96, 256)))
    values, mask, corner = stored(fetch(west, east)[0])
    assert np.array_equal(values[:4], part(CLOUDY.bands[:4].astype(np.int32), values, corner))
    whole = stored(fetch(world.add_s2(service.files, CLOUDY, S2(sequence=2)))[0])
    assert np.array_equal(mask, whole[1])
    assert whole[2] == corner


@pytest.mark.slow
def test_ground_that_no_item_shows_is_not_observed(fetch: Fetch, service: FakeStac) -> None:
    path, _ = fetch(world.add_s2(service.files, SCENE, S2(cols=(0, 160))))
    values, mask, corner = stored(path)
    beyond = 160 - corner[0]
    assert (values[:4, :, beyond:] == -32768).all()
    assert (mask[:, beyond:] == MaskClass.NO_DATA).all()
    assert np.array_equal(values[:4, :, :beyond], part(SCENE.bands[:4].astype(np.int32), values, corner)[:, :, :beyond])


@pytest.mark.slow
def test_strips_of_a_scene_are_the_scene(wire: GuardedSession, service: FakeStac) -> None:
    item = parse_item(world.add_s2(service.files, CLOUDY), f"{service.url}/")
    (plan,), _ = plan_scenes([item], BOX, DEFAULT_BANDS)
    with open_scene(wire, plan, None, "fake") as product:
        grid = product.grid
        whole = product.read(Window(0, 0, grid.width_px, grid.height_px))
        strips = [product.read(Window(0, row, grid.width_px, 31)) for row in range(0, grid.height_px, 31)]
    assert np.array_equal(np.concatenate([values for values, _ in strips], axis=1), whole[0])
    assert whole[1] is not None
    assert np.array_equal(np.concatenate([mask for _, mask in strips if mask is not None]), whole[1])


# --- the offset ------------------------------------------------------------------------------------------------------

OFFSETS = {
    "c1: offset in metadata, in the files": S2(),
    "v1: flag says it was taken out, raster:bands still carry it": S2(offset_in=False, flag=True),
    "before 04.00": S2(offset_in=False, baseline="02.14", band_offset=0.0),
    "before 04.00, no raster:bands": S2(offset_in=False, baseline="03.01", band_offset=None),
    "Planetary Computer: baseline only": S2(band_offset=None, baseline="05.10"),
    "flag says it is in": S2(flag=False),
    "wrong flag: it says that the offset is in, and it is not": S2(offset_in=False, flag=False),
    "wrong flag: it says that the offset is out, and it is not": S2(flag=True),
    "wrong metadata: offset out, raster:bands carry it, no flag": S2(offset_in=False),
    "wrong metadata: offset in, raster:bands say 0": S2(band_offset=0.0),
}


@pytest.mark.parametrize("name", OFFSETS)
def test_reflectance_is_the_same_however_the_offset_was_published(fetch: Fetch, service: FakeStac, name: str) -> None:
    item = world.add_s2(service.files, SCENE, OFFSETS[name])
    path, _ = fetch(item, bands=("green", "nir"), box=world.inside_box(80))
    values, _, corner = stored(path)
    assert np.array_equal(values, part(SCENE.bands[[1, 3]].astype(np.int32), values, corner))
    assert path is not None
    notes = " ".join(json.loads(path.with_suffix(".json").read_text())["properties"]["mizuhashi:notes"])
    assert ("contradicted" in notes) == name.startswith("wrong")


def test_an_item_that_says_nothing_of_the_offset_is_refused(fetch: Fetch, service: FakeStac) -> None:
    item = world.add_s2(service.files, SCENE, S2(baseline=None, band_offset=None))
    with pytest.raises(RecordError, match="nothing says whether"):
        fetch(item)


def test_an_offset_that_sentinel_2_does_not_have_is_refused(service: FakeStac) -> None:
    item = parse_item(world.add_s2(service.files, SCENE, S2(band_offset=-0.2)), "https://a.example/")
    with pytest.raises(RecordError, match=r"offsets \['-0\.2'\]"):
        claimed_offset(item, DEFAULT_BANDS)


def test_the_date_decides_nothing(service: FakeStac) -> None:
    old = parse_item(world.add_s2(service.files, SCENE, S2(band_offset=None)), "https://a.example/")
    assert SCENE.captured_at.year == 2017
    assert claimed_offset(old, DEFAULT_BANDS) == (True, "processing baseline 05.09")


def test_an_eight_bit_file_is_no_band_of_sentinel_2(fetch: Fetch, service: FakeStac) -> None:
    item = world.add_s2(service.files, SCENE)
    red = next(path for path in service.files.bodies if path.endswith("B04.tif"))
    service.files.bodies[red] = world.cog((SCENE.bands[2:3] // 40).astype(np.uint8), 10.0)
    with pytest.raises(RecordError, match="8-bit picture"):
        fetch(item)


def test_values_of_unknown_meaning_are_refused(fetch: Fetch, service: FakeStac) -> None:
    item = world.add_picture(service.files, SCENE)
    for path in list(service.files.bodies):
        service.files.bodies[path] = world.cog(SCENE.bands[:4], 10.0)
    with pytest.raises(RecordError, match="nothing says what the values"):
        fetch(item, bands=("red", "nir"))


# --- what lies -------------------------------------------------------------------------------------------------------


def test_a_file_in_another_crs_than_the_item_says_is_refused(fetch: Fetch, service: FakeStac) -> None:
    item = world.add_s2(service.files, SCENE)
    red = next(path for path in service.files.bodies if path.endswith("B04.tif"))
    service.files.bodies[red] = world.cog(SCENE.bands[2:3], 10.0, epsg=32653)
    with pytest.raises(RecordError, match="is in EPSG:32653, the item says EPSG:32652"):
        fetch(item)


def test_a_file_that_lies_elsewhere_than_the_item_says_is_refused(fetch: Fetch, service: FakeStac) -> None:
    item = world.add_s2(service.files, SCENE)
    red = next(path for path in service.files.bodies if path.endswith("B04.tif"))
    service.files.bodies[red] = world.cog(SCENE.bands[2:3], 10.0, north=world.NORTH - 500_000)
    with pytest.raises(RecordError, match="lies elsewhere"):
        fetch(item)


def test_a_file_with_fewer_bands_than_the_item_says_is_refused(fetch: Fetch, service: FakeStac) -> None:
    item = world.add_picture(service.files, SCENE)
    for path in list(service.files.bodies):
        service.files.bodies[path] = world.cog(SCENE.bands[:2].astype(np.uint8), 10.0)
    with pytest.raises(RecordError, match="has 2 bands, the item names number 4"):
        fetch(item, bands=("red", "nir"))


HOSTILE = (
    "https://evil.example/B04.tif",
    "http://127.0.0.1:1/B04.tif",
    "http://10.1.2.3/B04.tif",
    "file:///etc/passwd",
    "/vsicurl/https://evil.example/B04.tif",
    "s3://bucket/B04.tif",
    "https://user:secret@sentinel-cogs.s3.us-west-2.amazonaws.com/B04.tif",
)


@pytest.mark.parametrize(("asset", "href"), [*(("red", href) for href in HOSTILE), ("scl", HOSTILE[0])])
def test_an_asset_that_leads_elsewhere_is_refused(fetch: Fetch, service: FakeStac, href: str, asset: str) -> None:
    item = world.add_s2(service.files, SCENE)
    item["assets"][asset]["href"] = href
    with pytest.raises((RefusedSource, SourceUnavailable)) as caught:  # /vsicurl/... is a path of the own service
        fetch(item)
    assert "secret" not in str(caught.value)


def test_a_vrt_in_place_of_a_band_is_refused(fetch: Fetch, service: FakeStac) -> None:
    item = world.add_s2(service.files, SCENE)
    red = next(path for path in service.files.bodies if path.endswith("B04.tif"))
    service.files.bodies[red] = b'<VRTDataset rasterXSize="9" rasterYSize="9"></VRTDataset>'
    with pytest.raises(UnsafeImage, match="not a GeoTIFF"):
        fetch(item)


def test_an_area_that_is_too_large_is_refused_before_it_is_read(fetch: Fetch, service: FakeStac) -> None:
    west, south, east, north = BOX
    with pytest.raises(InputError, match="at most 20000 a side"):
        fetch(world.add_s2(service.files, SCENE), box=(west, south, east + 3, north))


# --- resume ----------------------------------------------------------------------------------------------------------


def test_a_scene_that_arrives_empty_is_recorded_and_not_asked_for_again(
    fetch: Fetch, service: FakeStac, tmp_path: Path
) -> None:
    item = world.add_s2(service.files, SCENE)
    for name, body in list(service.files.bodies.items()):
        with rasterio.MemoryFile(body) as memory, memory.open() as data:
            blank = np.zeros((data.count, data.height, data.width), data.dtypes[0])
            pixel = data.transform.a
        service.files.bodies[name] = world.cog(blank, pixel)
    path, plan = fetch(item)
    assert path is None
    assert is_done(tmp_path / "scenes", plan)
    record = json.loads((tmp_path / "scenes" / f"{plan.id}.empty").read_text())
    assert record["items"] == [item["id"]]
    assert "empty" in record["reason"]
    assert not list((tmp_path / "scenes").glob("*.tif"))


def test_a_scene_that_was_cut_off_goes_on_where_it_stopped(fetch: Fetch, service: FakeStac, tmp_path: Path) -> None:
    item = world.add_s2(service.files, SCENE)
    swir = next(path for path in service.files.bodies if path.endswith("B11.tif"))
    service.fail(swir, *[Fault(500) for _ in range(4)])
    with pytest.raises(SourceUnavailable, match="status 500"):
        fetch(item)
    first = [asked for asked in service.ranges() if asked[0] != swir]
    assert first
    assert not list((tmp_path / "scenes").glob("*"))
    seen = len(service.log)
    path, plan = fetch(item)
    again = [(asked.path, asked.range) for asked in service.log[seen:]]
    assert set(again).isdisjoint(first)
    assert len(set(again)) == len(again)
    assert is_done(tmp_path / "scenes", plan)
    assert not list((tmp_path / "cache").iterdir())
    values, _, corner = stored(path)
    assert np.array_equal(values[:4], part(SCENE.bands[:4].astype(np.int32), values, corner))
