"""Landsat Collection 2 and HLS scenes by the names of their files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from findings.errors import InputError, UnreadableImage
from findings.survey import Radiometry
from imagery.masks import MaskClass
from imagery.products import find_products, take_product
from imagery.products.landsat import find_layers, open_hls, open_landsat
from imagery.types import FloatArray, Window
from tests.fakes.products import HLS_L30, HLS_S30, LANDSAT, make_hls, make_landsat, reflectance

WHOLE = Window(0, 0, 120, 120)
BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")
OTHER_SCALE = {"REFLECTANCE_MULT_BAND_4": "2e-5", "REFLECTANCE_ADD_BAND_4": "-0.1"}


def expected() -> FloatArray:
    values = reflectance().astype(np.float32)
    values[:, :10, :10] = np.nan
    return values


@pytest.mark.parametrize("mtl", ["json", "txt", "none"])
@pytest.mark.parametrize("name", [LANDSAT, LANDSAT.replace("LC08", "LT05")])
def test_landsat_reflectance_is_scaled_by_the_level_2_rule(name: str, mtl: str, tmp_path: Path) -> None:
    make_landsat(tmp_path, name=name, mtl=mtl)
    (layers,) = find_layers(sorted(tmp_path.iterdir()))
    with open_landsat(layers) as product:
        values, mask = product.read(WHOLE)
    np.testing.assert_allclose(values, expected(), atol=2e-5)
    assert (product.bands, product.radiometry) == (BANDS, Radiometry.REFLECTANCE)
    assert product.platform == ("landsat-5" if "LT05" in name else "landsat-8")
    assert mask is not None
    assert (mask[60:80] == MaskClass.CLOUD).all()
    assert (mask[:10, :10] == MaskClass.NO_DATA).all()
    assert (mask[90:] == MaskClass.CLEAR).all()
    if mtl == "none":
        assert any("hour unknown" in note for note in product.notes)
    else:
        assert product.captured_at.isoformat() == "2024-05-01T01:51:23+00:00"
        assert product.cloud_cover == pytest.approx(0.1667)
        assert product.properties["view:sun_azimuth"] == pytest.approx(239.5)


@pytest.mark.parametrize("name", [HLS_S30, HLS_L30])
def test_hls_reflectance_and_mask(name: str, tmp_path: Path) -> None:
    make_hls(tmp_path, name)
    (layers,) = find_layers(sorted(tmp_path.iterdir()))
    with open_hls(layers) as product:
        values, mask = product.read(WHOLE)
    np.testing.assert_allclose(values, expected(), atol=0.6e-4)
    assert (product.bands, product.cloud_cover) == (BANDS, 0.17)
    assert product.captured_at.date().isoformat() == "2024-05-01"
    assert product.properties["view:sun_elevation"] == 65.5
    assert mask is not None
    assert (mask[60:80] == MaskClass.CLOUD).all()
    assert (mask[:10, :10] == MaskClass.NO_DATA).all()


def test_two_scenes_in_one_folder_stay_two_and_their_other_files_are_no_pictures(tmp_path: Path) -> None:
    make_landsat(tmp_path)
    make_hls(tmp_path)
    make_hls(tmp_path, HLS_L30)
    found = find_products([tmp_path])
    assert sorted(ref.kind for ref in found.products) == ["HLS scene", "HLS scene", "Landsat scene"]
    assert set(found.claims) == set(tmp_path.iterdir())
    rasters = [take_product(ref, tmp_path / "scenes") for ref in found.products]
    assert [path.parent.name for path in rasters] == ["hls-l30-v2.0", "hls-s30-v2.0", "landsat-c2-l2"]


def test_a_missing_band_or_quality_file_is_named(tmp_path: Path) -> None:
    make_landsat(tmp_path / "a")
    (tmp_path / "a" / f"{LANDSAT}_SR_B6.TIF").unlink()
    make_hls(tmp_path / "b")
    (tmp_path / "b" / f"{HLS_S30}.Fmask.tif").unlink()
    for folder, name, opened in (("a", "SR_B6", open_landsat), ("b", "Fmask", open_hls)):
        (layers,) = find_layers(sorted((tmp_path / folder).iterdir()))
        with pytest.raises(InputError, match=name), opened(layers):
            pass


def test_level_1_is_refused_with_the_remedy(tmp_path: Path) -> None:
    make_landsat(tmp_path, name=LANDSAT.replace("L2SP", "L1TP"))
    (layers,) = find_layers(sorted(tmp_path.iterdir()))
    with pytest.raises(InputError, match="Level-2 product"), open_landsat(layers):
        pass


def test_bands_of_two_zones_under_one_name_are_refused(tmp_path: Path) -> None:
    make_landsat(tmp_path / "a")
    make_landsat(tmp_path / "b", crs="EPSG:32653")
    shutil.copy(tmp_path / "b" / f"{LANDSAT}_SR_B5.TIF", tmp_path / "a")
    (layers,) = find_layers(sorted((tmp_path / "a").iterdir()))
    with pytest.raises(InputError, match="lies elsewhere"), open_landsat(layers):
        pass


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("{", UnreadableImage, "no readable metadata"),
        ('{"a": ' * 3000 + "1" + "}" * 3000, UnreadableImage, "no readable metadata"),
        (json.dumps(OTHER_SCALE), InputError, "another product"),
    ],
)  # fmt: skip
def test_metadata_that_are_torn_or_of_another_product_are_refused(
    text: str, kind: type[Exception], words: str, tmp_path: Path
) -> None:
    make_landsat(tmp_path)
    (tmp_path / f"{LANDSAT}_MTL.json").write_text(text)
    (layers,) = find_layers(sorted(tmp_path.iterdir()))
    with pytest.raises(kind, match=words), open_landsat(layers):
        pass
