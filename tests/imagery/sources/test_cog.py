"""Remote GeoTIFFs by windows: ranges, blocks, overviews, and files that lie."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from findings.errors import (
    InputError,
    QuotaExceeded,
    RefusedSource,
    SourceUnavailable,
    UnreadableImage,
    UnsafeImage,
)
from imagery.scene_product import SceneGrid
from imagery.sources.cog import CogReader
from imagery.sources.guard import Guard
from imagery.sources.wire import GuardedSession, guarded_session
from tests.fakes.stac import FakeStac, Fault, serve
from tests.fakes.stac_world import EAST, NORTH, Files, cog
from tests.imagery.sources.served_cog import PATH, PLAIN, SIDE, VALUES, grid, url

pytestmark = pytest.mark.usefixtures("small_blocks")


def test_a_window_on_the_files_own_lattice_comes_back_pixel_for_pixel(wire: GuardedSession, service: FakeStac) -> None:
    with CogReader(wire, url(service)) as reader:
        assert reader.header.overviews[0] == 2
        values = reader.read(grid(100, 50, 70, 40), (1, 2))
    assert np.array_equal(values, VALUES[:, 50:90, 100:170].astype(np.float32))


def test_a_window_costs_its_share_of_the_file(wire: GuardedSession, service: FakeStac) -> None:
    with CogReader(wire, url(service)) as reader:
        reader.read(grid(100, 50, 60, 60), (1,))
    assert wire.received_bytes < len(PLAIN) / 10


def test_pixels_outside_the_file_and_its_nodata_are_not_observed(wire: GuardedSession, service: FakeStac) -> None:
    holed = VALUES.copy()
    holed[:, 3, 4] = 0
    service.files.bodies[PATH] = cog(holed, 10.0)
    with CogReader(wire, url(service)) as reader:
        values = reader.read(grid(-5, -5, 20, 20))
        far = reader.read(grid(5000, 0, 8, 8))
    assert np.isnan(values[0, :5]).all()
    assert np.isnan(values[0, 8, 9])
    assert np.count_nonzero(np.isnan(values[0])) == 20 * 20 - 15 * 15 + 1
    assert np.isnan(far).all()


def test_a_nodata_value_may_come_from_the_item(wire: GuardedSession, service: FakeStac) -> None:
    marked = VALUES.copy()
    marked[:, 0, 0] = 7
    marked[:, 0, 1] = 8
    service.files.bodies[PATH] = cog(marked, 10.0, nodata=None)
    with CogReader(wire, url(service)) as reader:
        values = reader.read(grid(0, 0, 2, 2), nodata=7)
    assert np.isnan(values[0, 0, 0])
    assert values[0, 0, 1] == 8


def test_a_coarse_grid_is_read_from_the_files_own_overview(wire: GuardedSession, service: FakeStac) -> None:
    with CogReader(wire, url(service)) as reader:
        values = reader.read(grid(0, 0, 150, 150, pixel=40.0))
    expected = VALUES[0].reshape(150, 4, 150, 4)
    choices = np.moveaxis(expected, 2, 1).reshape(150, 150, 16)  # nearest: one of the pixels below
    assert (choices == values[0][..., None]).any(axis=2).all()
    assert wire.received_bytes < len(PLAIN) / 4


def test_classes_never_come_from_an_overview(wire: GuardedSession, service: FakeStac) -> None:
    classes = np.zeros((1, SIDE, SIDE), np.uint8)
    classes[:, ::2] = 4
    classes[:, 1::2] = 8
    service.files.bodies[PATH] = averaged_overviews(classes)
    with CogReader(wire, url(service)) as reader:
        fine = reader.read(grid(0, 0, 150, 150, pixel=40.0), nearest=True)
        blurred = reader.read(grid(0, 0, 150, 150, pixel=40.0))
    assert set(np.unique(fine)) <= {4.0, 8.0}
    assert set(np.unique(blurred)) == {6.0}


def averaged_overviews(values: NDArray[Any]) -> bytes:
    with rasterio.MemoryFile() as memory:
        with memory.open(
            driver="COG", width=SIDE, height=SIDE, count=1, dtype="uint8", crs="EPSG:32652", blocksize=64,
            transform=rasterio.Affine(10, 0, EAST, 0, -10, NORTH), overview_resampling="AVERAGE",
        ) as data:  # fmt: skip
            data.write(values)
        return bytes(memory.read())


def test_another_lattice_is_interpolated_at_the_right_place(wire: GuardedSession, service: FakeStac) -> None:
    """A plane is kept exactly by bilinear interpolation, so every pixel tells where it was taken from."""
    cols, rows = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    plane = (1000 + 4 * cols + 8 * rows).astype(np.uint16)[None]
    service.files.bodies[PATH] = cog(plane, 20.0)
    with CogReader(wire, url(service)) as reader:
        fine = reader.read(grid(40, 60, 50, 30))  # 10 m pixels of a 20 m file
        shifted = reader.read(SceneGrid("EPSG:32652", (20.0, 0, EAST + 205, 0, -20.0, NORTH - 405), 40, 40))
    x, y = np.meshgrid(EAST + 400 + 10 * np.arange(50) + 5, NORTH - 600 - 10 * np.arange(30) - 5)
    assert np.abs(fine[0] - expected_plane(x, y)).max() < 0.01
    x, y = np.meshgrid(EAST + 205 + 20 * np.arange(40) + 10, NORTH - 405 - 20 * np.arange(40) - 10)
    assert np.abs(shifted[0] - expected_plane(x, y)).max() < 0.01


def expected_plane(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(1000 + 4 * ((x - EAST) / 20 - 0.5) + 8 * ((NORTH - y) / 20 - 0.5))


def test_another_crs_is_warped_to_the_right_place(wire: GuardedSession, service: FakeStac) -> None:
    from pyproj import Transformer

    cols, rows = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    service.files.bodies[PATH] = cog((1000 + 4 * cols + 8 * rows).astype(np.uint16)[None], 10.0)
    across = Transformer.from_crs(32652, 32653, always_xy=True)
    left, top = across.transform(EAST + 3000, NORTH - 3000)
    wanted = SceneGrid("EPSG:32653", (10.0, 0, left, 0, -10.0, top), 60, 60)
    with CogReader(wire, url(service)) as reader:
        values = reader.read(wanted)
    x, y = np.meshgrid(left + 10 * np.arange(60) + 5, top - 10 * np.arange(60) - 5)
    there = Transformer.from_crs(32653, 32652, always_xy=True).transform(x, y)
    expected = 1000 + 4 * ((there[0] - EAST) / 10 - 0.5) + 8 * ((NORTH - there[1]) / 10 - 0.5)
    assert np.abs(values[0] - expected).max() < 1.6  # GDAL's transformer is exact to an eighth of a pixel


def test_a_failure_inside_gdal_comes_out_as_what_it_was(wire: GuardedSession, service: FakeStac) -> None:
    with CogReader(wire, url(service)) as reader:
        service.fail(PATH, *[Fault(500) for _ in range(9)])
        with pytest.raises(SourceUnavailable, match="status 500"):
            reader.read(grid(300, 300, 100, 100))


def test_a_budget_that_is_used_up_inside_gdal_comes_out_as_what_it_was(service: FakeStac) -> None:
    guard = Guard((), frozenset({service.where}))
    with (
        guarded_session(guard, budget_bytes=40_000) as wire,
        CogReader(wire, url(service)) as reader,
        pytest.raises(QuotaExceeded),
    ):
        reader.read(grid(0, 0, 500, 500))


def test_a_block_that_arrives_spoilt_is_fetched_once_more(wire: GuardedSession, service: FakeStac) -> None:
    with CogReader(wire, url(service)) as reader:
        service.fail(PATH, Fault(spoil=True))
        values = reader.read(grid(300, 300, 20, 20))
    assert np.array_equal(values[0], VALUES[0, 300:320, 300:320].astype(np.float32))


def test_a_block_that_is_spoilt_for_good_is_an_unreadable_image(wire: GuardedSession, service: FakeStac) -> None:
    with CogReader(wire, url(service)) as reader:
        service.fail(PATH, *[Fault(spoil=True) for _ in range(99)])
        with pytest.raises(UnreadableImage, match="damaged"):
            reader.read(grid(300, 300, 20, 20))


# --- files that lie ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b'<VRTDataset rasterXSize="1" rasterYSize="1"></VRTDataset>',
        b"\xff\xd8\xff\xe0" + bytes(100),
        b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100),
        b"<html>sign in</html>",
        b"II",
    ],
)
def test_what_is_no_tiff_is_refused_by_its_first_bytes(wire: GuardedSession, service: FakeStac, body: bytes) -> None:
    service.files.bodies[PATH] = body
    with pytest.raises(UnsafeImage, match="not a GeoTIFF"):
        CogReader(wire, url(service))


def test_a_tiff_of_nonsense_is_unreadable(wire: GuardedSession, service: FakeStac) -> None:
    service.files.bodies[PATH] = b"II*\0" + bytes(range(200)) * 3
    with pytest.raises(InputError):
        CogReader(wire, url(service))


def named(domain: str, entries: dict[str, str]) -> bytes:
    """Return a valid GeoTIFF without overviews of its own, whose tags name another file."""
    with rasterio.MemoryFile() as memory:
        with memory.open(
            driver="GTiff", width=64, height=64, count=1, dtype="uint16", crs="EPSG:32652", nodata=0,
            transform=rasterio.Affine(10, 0, EAST, 0, -10, NORTH),
        ) as data:  # fmt: skip
            data.write(np.full((1, 64, 64), 500, np.uint16))
            data.update_tags(ns=domain, **entries)
        return bytes(memory.read())


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=32, height=32, count=1, dtype="uint16", crs="EPSG:32652",
        transform=rasterio.Affine(20, 0, EAST, 0, -20, NORTH),
    ) as data:  # fmt: skip
        data.write(np.full((1, 32, 32), 4242, np.uint16))
    return path


def test_a_file_whose_tags_name_an_overview_elsewhere_is_refused(
    wire: GuardedSession, service: FakeStac, secret: Path
) -> None:
    service.files.bodies[PATH] = named("OVERVIEWS", {"OVERVIEW_FILE": str(secret)})
    with pytest.raises(UnsafeImage, match="name other files"):
        CogReader(wire, url(service))


@pytest.mark.parametrize("domain", ["OVERVIEWS", "overviews", "Overviews"])
@pytest.mark.parametrize("key", ["OVERVIEW_FILE", "overview_file"])
def test_pixels_of_a_named_file_never_come_out_however_the_tag_is_spelt(
    wire: GuardedSession, service: FakeStac, secret: Path, domain: str, key: str
) -> None:
    """GDAL 3.10 reads such a reduced window from the named file: here 4242 for 500."""
    service.files.bodies[PATH] = named(domain, {key: str(secret)})
    try:
        with CogReader(wire, url(service)) as reader:
            values = reader.read(grid(0, 0, 32, 32, pixel=20.0))
    except UnsafeImage:
        return
    assert set(np.unique(values)) == {500.0}


@pytest.mark.parametrize(("domain", "key"), [("OVERVIEWS", "OVERVIEW_FILE"), ("GEOLOCATION", "X_DATASET")])
@pytest.mark.parametrize("form", ["{url}/files/other.tif", "/vsicurl/{url}/files/other.tif", "<VRTDataset/>"])
def test_no_request_leaves_for_an_address_in_the_tags(
    wire: GuardedSession, service: FakeStac, domain: str, key: str, form: str
) -> None:
    other = FakeStac(Files({"/files/other.tif": PLAIN}))
    with serve(other):
        service.files.bodies[PATH] = named(domain, {key: form.format(url=other.url), "Y_DATASET": "x"})
        with pytest.raises(UnsafeImage, match="other files"):
            CogReader(wire, url(service))
    assert other.log == []


def test_files_beside_the_remote_one_are_not_asked_for(wire: GuardedSession, service: FakeStac) -> None:
    with CogReader(wire, url(service)) as reader:
        reader.read(grid(0, 0, 100, 100, pixel=40.0))
        reader.read(grid(0, 0, 100, 100), nearest=True)
        for beside in ("/etc/passwd", f"{reader._name}.ovr", f"{reader._name}.aux.xml"):
            with pytest.raises(FileNotFoundError):
                reader._opener(beside)
    assert {path for path, _ in service.ranges()} == {PATH}
    assert {asked.path for asked in service.log} == {PATH}


def test_a_header_that_promises_gigapixels_is_refused(wire: GuardedSession, service: FakeStac, tmp_path: Path) -> None:
    path = tmp_path / "bomb.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=60_000, height=60_000, count=1, dtype="uint16", tiled=True, sparse_ok=True,
        crs="EPSG:32652", transform=rasterio.Affine(10, 0, EAST, 0, -10, NORTH), compress="deflate",
    ):  # fmt: skip
        pass
    service.files.bodies[PATH] = path.read_bytes()
    with pytest.raises(UnsafeImage, match="promises 60000 x 60000 px"):
        CogReader(wire, url(service))


def test_a_file_without_a_place_is_unreadable(wire: GuardedSession, service: FakeStac) -> None:
    import warnings

    from rasterio.errors import NotGeoreferencedWarning

    with rasterio.MemoryFile() as memory, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(driver="GTiff", width=8, height=8, count=1, dtype="uint8") as data:
            data.write(np.ones((1, 8, 8), np.uint8))
        service.files.bodies[PATH] = bytes(memory.read())
    with pytest.raises(UnreadableImage, match="no place"):
        CogReader(wire, url(service))


def test_a_redirect_of_a_range_to_another_host_is_refused(service: FakeStac) -> None:
    other = FakeStac(Files({PATH: PLAIN}))
    with serve(other):
        both = replace(Guard((), frozenset({service.where, other.where})))
        service.fail(PATH, Fault(302, {"Location": other.url + PATH}))
        with guarded_session(both) as wire, pytest.raises(RefusedSource, match="another host"):
            CogReader(wire, url(service))
    assert other.log == []


def test_nothing_is_left_open_when_the_folder_goes(wire: GuardedSession, service: FakeStac, tmp_path: Path) -> None:
    with CogReader(wire, url(service), tmp_path / "cache") as reader:
        first = reader.read(grid(0, 0, 30, 30))
        shutil.rmtree(tmp_path / "cache")
        second = reader.read(grid(0, 0, 30, 30))
    assert np.array_equal(first, second)
