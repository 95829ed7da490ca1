"""Backscatter chips: ratios and dB told apart, both leave as dB; what is not calibrated is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from findings.errors import InputError
from findings.survey import Radiometry
from imagery.ingest import describe
from imagery.products import ProductRef, find_products, take_product
from imagery.products.sentinel1 import open_chip
from imagery.reader import open_image
from imagery.types import FloatArray, Window
from tests.fakes.products import make_chip

NAME = "S1A_IW_GRDH_1SDV_20240501T213030_chip"
WHOLE = Window(0, 0, 90, 80)


def expected() -> FloatArray:
    values = np.random.default_rng(0).normal(np.array([-11.0, -17.0])[:, None, None], 2.5, (2, 80, 90))
    values[:, :8, :8] = np.nan
    return values.astype(np.float32)


def take(path: Path, scenes: Path) -> Path:
    (ref,) = find_products([path]).products
    return take_product(ref, scenes)


def test_a_chip_of_ratios_leaves_as_db_with_time_platform_and_polarisations(tmp_path: Path) -> None:
    raster = take(make_chip(tmp_path / f"{NAME}.tif"), tmp_path / "scenes")
    assert raster.parent.name == "sentinel-1-grd"
    with open_image(raster) as reader:
        assert reader.bands == ("vv", "vh")
        np.testing.assert_allclose(reader.read(WHOLE).values, expected(), atol=1e-3)
    image = describe(raster)
    assert image.radiometry is Radiometry.BACKSCATTER_DB
    assert image.captured_at == datetime(2024, 5, 1, 21, 30, 30, tzinfo=UTC)
    assert image.platform == "sentinel-1a"
    assert any("linear ratio by its values" in note for note in image.notes)


def test_a_chip_in_db_is_fit_as_it_is(tmp_path: Path) -> None:
    path = make_chip(tmp_path / f"{NAME}.tif", "dB")
    assert find_products([path]).products == ()
    assert describe(path).radiometry is Radiometry.BACKSCATTER_DB
    with open_chip({"": path}) as product:
        np.testing.assert_allclose(product.read(WHOLE)[0], expected(), atol=1e-5)


@pytest.mark.parametrize("scale", ["linear", "dB"])
def test_one_file_a_polarisation_is_one_chip(scale: str, tmp_path: Path) -> None:
    for name in ("VH", "VV"):
        make_chip(tmp_path / "in" / f"{NAME}_{name}.tif", scale, ("VV",))
    raster = take(tmp_path / "in", tmp_path / "scenes")
    assert raster.stem == NAME
    with open_image(raster) as reader:
        assert reader.bands == ("vv", "vh")


def test_digital_numbers_without_calibration_are_refused_with_the_remedy(tmp_path: Path) -> None:
    for path in (
        make_chip(tmp_path / f"{NAME}.tif", "dn"),
        make_chip(tmp_path / "b" / f"{NAME}_VV.tif", "dn", ("VV",)),
    ):
        with pytest.raises(InputError, match="calibrate it to sigma0"):
            take(path, tmp_path / "scenes")


def test_a_chip_without_a_time_asks_for_it_and_takes_it(tmp_path: Path) -> None:
    (ref,) = find_products([make_chip(tmp_path / "chip.tif")]).products
    with pytest.raises(InputError, match="--captured-at"):
        take_product(ref, tmp_path / "scenes")
    raster = take_product(ref, tmp_path / "scenes", datetime(2023, 1, 2, tzinfo=UTC))
    assert describe(raster).captured_at == datetime(2023, 1, 2, tzinfo=UTC)


def test_a_photograph_whose_name_ends_in_hh_is_no_radar(tmp_path: Path) -> None:
    path = make_chip(tmp_path / "bridge_hh.tif", "dB", ("red", "green"))
    found: tuple[ProductRef, ...] = find_products([path]).products
    assert found == ()
