"""Scenes on disk: exact, described, and either whole or not there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from jsonschema import Draft7Validator
from pystac.validation.local_validator import get_local_schema_cache
from referencing import Registry, Resource

from findings.errors import InputError, NotAssessable, OutputError
from findings.survey import Radiometry
from imagery.masks import Classes, MaskClass
from imagery.reader import open_image
from imagery.scene_product import SceneGrid, SceneProduct, from_arrays, is_complete, to_stored, write_product
from imagery.types import FloatArray, Window

BANDS = ("blue", "green", "nir")
GRID = SceneGrid("EPSG:32652", (10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0), 700, 1100)


def scene_of(
    values: FloatArray | None = None, mask: Classes | None = None, bands: tuple[str, ...] = BANDS, **changes: Any
) -> SceneProduct:
    """Return a product of the grid's size; without values, reflectances with a gap at the top left."""
    if values is None:
        values = np.random.default_rng(1).uniform(-0.02, 0.6, (len(bands), 1100, 700)).astype(np.float32)
        values[:, :20, :30] = np.nan
    size = SceneGrid(GRID.crs, GRID.transform, values.shape[2], values.shape[1])
    product = SceneProduct(
        "S2B_52SFB_20240501", "sentinel-2-l2a", datetime(2024, 5, 1, 2, 3, 4, tzinfo=UTC), size, bands,
        Radiometry.REFLECTANCE, from_arrays(values, mask), platform="sentinel-2b", cloud_cover=0.125,
        properties={"view:sun_elevation": 61.5}, source="test", notes=("a note",),
    )  # fmt: skip
    return replace(product, **changes)


def small(fill: float = 0.1) -> FloatArray:
    return np.full((3, 8, 9), fill, np.float32)


def core_schema_errors(path: Path) -> list[str]:
    """Errors against the core schemas that pystac carries."""
    schemas = get_local_schema_cache()
    registry = Registry().with_resources([(uri, Resource.from_contents(text)) for uri, text in schemas.items()])
    core = next(text for uri, text in schemas.items() if uri.endswith("/item.json"))
    return [
        error.message for error in Draft7Validator(core, registry=registry).iter_errors(json.loads(path.read_bytes()))
    ]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_reflectance_comes_back_to_half_a_step_from_a_cog_with_named_bands(tmp_path: Path) -> None:
    product = scene_of()
    path = write_product(product, tmp_path / "scenes")
    with rasterio.open(path) as data:
        assert data.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (data.descriptions, data.dtypes[0], data.nodata) == (BANDS, "int16", -32768)
        assert data.overviews(1)
        assert data.scales == (0.0001,) * 3
        tags = data.tags()
    assert tags["ACQUISITION_DATETIME"] == "2024-05-01T02:03:04+00:00"
    assert (tags["RADIOMETRY"], tags["SOURCE"]) == ("reflectance", "test")
    truth, _ = product.read(Window(0, 0, 700, 1100))
    with open_image(path) as reader:
        found = reader.read(Window(0, 0, 700, 1100)).values
    assert np.isnan(found[:, :20, :30]).all()
    assert np.nanmax(np.abs(found / 10_000.0 - truth)) <= 0.5e-4 + 1e-7
    assert np.isnan(found).sum() == 3 * 20 * 30


def test_overviews_average_values_and_take_the_commonest_class_without_mixing_in_gaps(tmp_path: Path) -> None:
    values = np.full((3, 1100, 700), 0.2, np.float32)
    values[:, ::2, 1::2] = np.nan
    mask = np.full((1100, 700), MaskClass.CLOUD, np.uint8)
    mask[::2, ::2] = MaskClass.CLEAR
    path = write_product(scene_of(values, mask), tmp_path)
    with rasterio.open(path, OVERVIEW_LEVEL=0) as data:
        assert set(np.unique(data.read(1))) == {2000}
    with rasterio.open(path.with_name(f"{path.stem}_mask.tif"), OVERVIEW_LEVEL=0) as data:
        assert set(np.unique(data.read(1))) <= {int(what) for what in MaskClass}
        assert MaskClass.CLOUD in np.unique(data.read(1))


def test_a_mask_says_no_data_in_gaps_and_unknown_where_nobody_looked(tmp_path: Path) -> None:
    mask = np.full((1100, 700), MaskClass.CLEAR, np.uint8)
    mask[500:700, :50] = MaskClass.CLOUD_SHADOW
    for known in (mask, None):
        path = write_product(scene_of(mask=known), tmp_path)
        with rasterio.open(path.with_name(f"{path.stem}_mask.tif")) as data:
            stored = data.read(1)
            assert data.nodata == 255
        assert (stored[:20, :30] == MaskClass.NO_DATA).all()
        expected = MaskClass.UNKNOWN if known is None else MaskClass.CLOUD_SHADOW
        assert (stored[500:700, :50] == expected).all()


def test_the_item_is_stac_1_1_and_says_what_the_files_are(tmp_path: Path) -> None:
    path = write_product(scene_of(), tmp_path)
    place = path.with_suffix(".json")
    assert core_schema_errors(place) == []
    item = pystac.Item.from_file(str(place))
    assert item.to_dict()["stac_version"] == "1.1.0"
    assert item.properties["proj:code"] == "EPSG:32652"
    assert item.properties["gsd"] == pytest.approx(10, rel=0.01)
    assert (item.properties["eo:cloud_cover"], item.properties["mizuhashi:radiometry"]) == (12.5, "reflectance")
    assert item.properties["view:sun_elevation"] == 61.5
    data, mask = item.assets["data"], item.assets["mask"]
    assert (data.href, mask.href) == (f"./{path.name}", f"./{path.stem}_mask.tif")
    assert data.extra_fields["file:checksum"] == "1220" + hashlib.sha256(path.read_bytes()).hexdigest()
    assert data.extra_fields["file:size"] == path.stat().st_size
    assert (data.extra_fields["raster:scale"], data.extra_fields["nodata"]) == (0.0001, -32768)
    assert [band["name"] for band in data.extra_fields["bands"]] == list(BANDS)
    known = to_stored(scene_of().read(Window(0, 0, 700, 1100))[0][1])
    expected = {"minimum": float(known[known > -32768].min()), "maximum": float(known.max())}
    assert data.extra_fields["bands"][1]["statistics"] == expected
    used = {uri.split("/")[3] for uri in item.stac_extensions}
    assert used == {"projection", "eo", "view", "file", "raster"}


@pytest.mark.parametrize(
    ("radiometry", "dtype", "expected"),
    [
        (Radiometry.BACKSCATTER_DB, "float32", [-21.5, np.nan]),
        (Radiometry.UNKNOWN, "float32", [-21.5, np.nan]),
        (Radiometry.DISPLAY, "uint8", [1.0, np.nan]),
    ],
)
def test_each_radiometry_is_stored_so_that_a_gap_stays_a_gap(
    radiometry: Radiometry, dtype: str, expected: list[float], tmp_path: Path
) -> None:
    values = np.full((2, 4, 5), -21.5, np.float32)
    values[:, 0, 1] = np.nan
    path = write_product(scene_of(values, bands=("vv", "vh"), radiometry=radiometry), tmp_path)
    with open_image(path) as reader:
        assert reader.dtype == dtype
        np.testing.assert_array_equal(reader.read(Window(0, 0, 2, 1)).values[0, 0], np.array(expected, np.float32))


def test_dark_water_below_zero_is_an_observation_and_bright_cloud_is_clipped() -> None:
    stored = to_stored(np.array([-0.0123, 5.0, np.nan, np.inf], np.float32))
    assert stored.tolist() == [-123, 32767, -32768, -32768]


def test_an_empty_scene_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotAssessable, match="arrived empty"):
        write_product(scene_of(small(np.nan)), tmp_path / "scenes")
    assert names(tmp_path / "scenes") == []


def test_a_source_that_fails_in_the_second_strip_leaves_the_scene_as_it_was(tmp_path: Path) -> None:
    write_product(scene_of(), tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    whole = scene_of()

    def read(window: Window) -> tuple[FloatArray, Classes | None]:
        if window.row:
            raise ConnectionResetError("the wire was cut")
        return whole.read(window)

    with pytest.raises(ConnectionResetError, match="the wire was cut"):
        write_product(replace(whole, read=read), tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before
    assert is_complete(tmp_path, whole.id)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_failure_while_files_are_moved_leaves_no_scene(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_product(scene_of(small()), tmp_path)
    move, calls = Path.replace, []

    def fail(source: Path, target: Path) -> Path:
        if target.parent == tmp_path:
            calls.append(target)
            if len(calls) == place + 1:
                raise OSError(28, "No space left on device")
        return move(source, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match="No space left"):
        write_product(scene_of(small(0.3)), tmp_path)
    assert names(tmp_path) == []


def test_a_run_that_was_cut_off_is_written_again(tmp_path: Path) -> None:
    product = scene_of(small())
    left = tmp_path / f".{product.id}.partial"
    left.mkdir()
    (left / "x.tif.partial").write_bytes(b"torn")
    assert not is_complete(tmp_path, product.id)
    path = write_product(product, tmp_path)
    assert is_complete(tmp_path, product.id)
    assert names(tmp_path) == sorted([path.name, f"{product.id}_mask.tif", f"{product.id}.json"])


@pytest.mark.parametrize("what", ["raster", "mask", "item"])
def test_a_scene_with_a_lost_or_torn_file_is_not_complete(what: str, tmp_path: Path) -> None:
    product = scene_of(small())
    path = write_product(product, tmp_path)
    victim = {"raster": path, "mask": tmp_path / f"{product.id}_mask.tif", "item": path.with_suffix(".json")}[what]
    victim.write_bytes(victim.read_bytes()[:-40])
    assert not is_complete(tmp_path, product.id)
    victim.unlink()
    assert not is_complete(tmp_path, product.id)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "../up"}, {"id": ".hidden"}, {"id": "a" * 101}, {"id": ""}, {"id": "scene_mask"}, {"id": "a\n"},
        {"bands": ("red", "red", "nir")}, {"bands": ()}, {"captured_at": datetime(2024, 1, 1)},
        {"grid": SceneGrid("EPSG:32652", (10.0, 0.0, float("nan"), 0.0, -10.0, 0.0), 9, 8)},
        {"grid": SceneGrid("EPSG:32652", GRID.transform, 0, 8)},
    ],
)  # fmt: skip
def test_a_product_that_cannot_be_written_is_refused_before_a_file_is_made(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="expected"):
        write_product(scene_of(small(), **changes), tmp_path / "scenes")
    assert not (tmp_path / "scenes").exists()


def test_a_scene_without_a_place_has_an_item_without_geometry(tmp_path: Path) -> None:
    path = write_product(scene_of(small(), grid=SceneGrid("", GRID.transform, 9, 8)), tmp_path)
    assert core_schema_errors(path.with_suffix(".json")) == []
    item = json.loads(path.with_suffix(".json").read_bytes())
    assert item["geometry"] is None
    with open_image(path, bands=BANDS) as reader:
        assert reader.crs is None
