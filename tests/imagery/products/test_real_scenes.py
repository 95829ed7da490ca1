"""The real chips and series, taken as an agency would take them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from findings.survey import Radiometry
from imagery.ingest import IngestOptions, describe
from imagery.mask_files import read_mask
from imagery.masks import MaskClass
from imagery.products import find_products
from imagery.radiometry import check_offset, sample_of
from imagery.reader import open_image
from imagery.types import Window

TILE_BANDS = ("coastal", "blue", "green", "red", "nir", "swir1", "swir2", "qa", "-", "-", "-", "-")
MYANMAR_BANDS = ("vv", "vh", "blue", "green", "red", "rededge2", "rededge3", "nir", "swir1", "swir2", "-")

pytestmark = pytest.mark.realdata


@pytest.mark.parametrize(
    ("name", "bands", "radiometry", "crs"),
    [
        ("s2_chips/dl_water_bodies/s2_example.tif", None, Radiometry.REFLECTANCE, "EPSG:32603"),
        ("s2_chips/dl_water_bodies/slope_example.tif", None, Radiometry.UNKNOWN, "EPSG:4269"),
        ("s2_chips/riverseg/Bramaputra_example_bands.tif", None, Radiometry.UNKNOWN, "EPSG:4326"),
        ("s2_chips/riverseg/Bramaputra_example_bands.tif", MYANMAR_BANDS, Radiometry.REFLECTANCE, "EPSG:4326"),
        ("s2_chips/rivgraph/Colville_mask.tif", None, Radiometry.UNKNOWN, "EPSG:32606"),
        ("ucayali_landsat/1985.tif", ("swir1", "nir", "red", "green"), Radiometry.DISPLAY, "EPSG:4326"),
        ("ucayali_landsat/2020.tif", None, Radiometry.DISPLAY, "EPSG:4326"),
        ("tiles30m/images/0.tif", TILE_BANDS, Radiometry.REFLECTANCE, None),
        ("tiles30m/images/1.tif", TILE_BANDS, Radiometry.REFLECTANCE, None),
    ],
)
def test_a_real_scene_says_what_its_values_mean(
    name: str, bands: tuple[str, ...] | None, radiometry: Radiometry, crs: str | None, shared_data: Path
) -> None:
    image = describe(shared_data / "water" / name, options=IngestOptions(bands=bands))
    assert (image.radiometry, image.crs) == (radiometry, crs)
    assert image.notes


def test_no_real_scene_is_mistaken_for_a_product(shared_data: Path) -> None:
    for folder in ("s2_chips", "ucayali_landsat"):
        assert find_products([shared_data / "water" / folder]).products == ()


@pytest.mark.parametrize("claimed", [True, False])
def test_the_offset_is_known_to_be_gone_from_the_real_chips_and_seen_if_it_is_put_in(
    claimed: bool, shared_data: Path
) -> None:
    folder = shared_data / "water"
    for name, given in (
        ("s2_chips/dl_water_bodies/s2_example.tif", None),
        ("s2_chips/riverseg/Bramaputra_example_bands.tif", MYANMAR_BANDS),
    ):
        with open_image(folder / name, bands=given) as reader:
            bands = [band for band in reader.bands if band not in ("vv", "vh")]
            values = sample_of(reader, *bands)
        assert check_offset(values, bands, claimed).present is False, name
        assert check_offset(values + np.float32(1000), bands, claimed).present is True, name


def test_the_quality_flag_of_a_real_tile_with_clouds_becomes_its_mask(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "water" / "tiles30m" / "images" / "25.tif"
    image = describe(path, options=IngestOptions(bands=TILE_BANDS, mask_folder=tmp_path))
    assert image.mask_path is not None
    mask = read_mask(Path(image.mask_path))
    with open_image(path, bands=TILE_BANDS) as reader:
        flags = reader.read(Window(0, 0, 128, 128), ["qa"]).values[0].astype(np.int64)
    expected = ((flags >> 1) & 1).astype(bool)
    assert 0.05 < expected.mean() < 0.9
    assert (mask[expected] == MaskClass.CLOUD).all()
    assert (mask[(flags & 0b11110) == 0] == MaskClass.CLEAR).all()


@pytest.mark.slow
def test_the_offset_check_says_no_falsehood_on_any_real_tile(shared_data: Path) -> None:
    """All 306 tiles: the offset is gone. Put in again, it is seen, or nothing is: never the opposite."""
    missed = {True: 0, False: 0}
    paths = sorted((shared_data / "water" / "tiles30m" / "images").glob("*.tif"))
    for path in paths:
        with open_image(path, bands=TILE_BANDS) as reader:
            values = sample_of(reader, *TILE_BANDS[:7])
        for put_in in (True, False):
            verdict = check_offset(values + np.float32(1000 * put_in), TILE_BANDS[:7], claimed=put_in)
            assert verdict.seen in (None, put_in), (path.name, put_in, verdict.note)
            missed[put_in] += verdict.seen is None
    assert missed[False] == 0
    assert missed[True] <= 0.2 * len(paths)
