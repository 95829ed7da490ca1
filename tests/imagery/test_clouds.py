"""A second opinion on clouds: union with rims, how far the two differ, and clear words where it cannot be had."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from findings.errors import ConfigError, InputError, MissingBands
from findings.survey import ImageStatus
from imagery.clouds import BANDS, CloudOptions, cloud_probability, merge, require_bands, s2cloudless_detector
from imagery.ingest import IngestOptions, describe
from imagery.mask_files import read_mask
from imagery.masks import MaskClass
from imagery.types import FloatArray
from tests.imagery.files import UTM, write_tif

C = MaskClass
# top-of-atmosphere reflectance of thick cloud and of vegetation, in the order of BANDS
CLOUD = (0.35, 0.36, 0.38, 0.40, 0.45, 0.46, 0.30, 0.02, 0.38, 0.30)
GREEN = (0.12, 0.09, 0.05, 0.10, 0.30, 0.32, 0.12, 0.001, 0.18, 0.08)


def bright(reflectance: FloatArray) -> FloatArray:
    """Stand in for the model: cloud where blue is bright."""
    return np.asarray(reflectance[..., BANDS.index("blue")] > 0.2, np.float32)


def l1c(tmp_path: Path, *, scl: bool = True) -> Path:
    """Write 700 x 60 px of 10 m: cloud in rows 300-339; SCL calls rows 320-359 cloud and rows 500-509 shadow."""
    values = np.empty((11 if scl else 10, 700, 60), np.uint16)
    values[:10] = np.round(np.array(GREEN) * 10_000)[:, None, None]
    values[:10, 300:340] = np.round(np.array(CLOUD) * 10_000)[:, None, None]
    if scl:
        values[10] = 4
        values[10, 320:360], values[10, 500:510] = 9, 3
    return write_tif(tmp_path / "l1c.tif", values, (*BANDS, *(("scl",) if scl else ())), **UTM)


def test_the_shipped_model_tells_thick_cloud_from_green_land() -> None:
    picture = np.empty((1, 2, 10), np.float32)
    picture[0, 0], picture[0, 1] = CLOUD, GREEN
    cloud, green = s2cloudless_detector()(picture)[0]
    assert cloud > 0.8
    assert green < 0.1


def test_without_the_package_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s2cloudless.cloud_detector", None)
    with pytest.raises(ConfigError, match=r"pip install 'mizuhashi\[clouds\]'"):
        s2cloudless_detector()


def test_surface_reflectance_has_no_cirrus_band_and_is_refused() -> None:
    with pytest.raises(MissingBands, match=r"lacks cirrus \(surface reflectance, L2A, has no cirrus band\): fetch L1C"):
        require_bands(tuple(name for name in BANDS if name != "cirrus"))
    require_bands(BANDS)


def test_one_pixel_is_averaged_away_and_gaps_stay_gaps() -> None:
    values = np.full((21, 21), 0.05, np.float32)
    values[10, 10] = 0.9
    bands = dict.fromkeys(BANDS, values)
    found = cloud_probability(bands, bright, 10.0)
    assert found[10, 10] == pytest.approx(1 / 49)  # a disk of 4 px
    gap = values.copy()
    gap[3, 3] = np.nan
    missing = cloud_probability(bands | {"swir1": gap}, bright, 10.0)
    assert np.isnan(missing[3, 3])
    assert np.isfinite(missing).sum() == 21 * 21 - 1


def test_the_union_keeps_the_reasons_of_the_own_mask_and_counts_where_the_two_differ() -> None:
    own = np.array([[C.CLEAR, C.CLEAR, C.CLOUD, C.CLOUD, C.SNOW, C.NO_DATA, C.UNKNOWN, C.UNKNOWN]], np.uint8)
    sees = np.array([[0.1, 0.9, 0.1, 0.9, 0.9, np.nan, 0.1, np.nan]], np.float32)
    found = merge(own, sees, 10.0, cloud_m=0, shadow_m=0)
    assert found.classes.tolist() == [[C.CLEAR, C.CLOUD, C.CLOUD, C.CLOUD, C.SNOW, C.NO_DATA, C.CLEAR, C.UNKNOWN]]
    assert (found.compared, found.differing) == (5, 3)
    alone = merge(None, sees, 10.0, cloud_m=0, shadow_m=0)
    assert alone.classes.tolist() == [[C.CLEAR, C.CLOUD, C.CLEAR, C.CLOUD, C.CLOUD, C.UNKNOWN, C.CLEAR, C.UNKNOWN]]
    assert alone.compared == 0


def test_an_ingested_scene_gets_union_rims_and_the_share_of_disagreement(tmp_path: Path) -> None:
    options = IngestOptions(mask_folder=tmp_path / "masks", clouds=CloudOptions(90.0, bright))
    image = describe(l1c(tmp_path), options=options)
    assert image.mask_path is not None
    classes = read_mask(Path(image.mask_path))[:, 30]
    rows = np.flatnonzero(classes == C.CLOUD)
    assert (rows.min(), rows.max()) == (299 - 9, 359 + 9)  # the average adds one row to the model's cloud
    rows = np.flatnonzero(classes == C.CLOUD_SHADOW)
    assert (rows.min(), rows.max()) == (500 - 9, 509 + 9)  # across the border of two strips of 512 rows
    (told,) = (note for note in image.notes if note.startswith("the two disagree about "))
    assert float(told.split()[4].rstrip("%")) == pytest.approx(100 * 41 / 700, abs=0.3)
    assert image.quality.masked_share == pytest.approx((79 + 28) / 700, abs=1e-6)
    assert image.status is ImageStatus.PENDING


def test_a_scene_without_the_bands_keeps_its_own_mask_and_says_so(tmp_path: Path) -> None:
    values = np.full((4, 60, 60), 500, np.uint16)
    values[3] = 4
    values[3, 20:30] = 9
    path = write_tif(tmp_path / "l2a.tif", values, ("green", "red", "nir", "scl"), **UTM)
    options = IngestOptions(mask_folder=tmp_path / "masks", clouds=CloudOptions(None, bright))
    image = describe(path, options=options)
    assert any(note.startswith("s2cloudless needs coastal,blue,") for note in image.notes)
    classes = read_mask(Path(str(image.mask_path)))
    assert np.flatnonzero((classes == C.CLOUD).any(axis=1)).tolist() == list(range(20, 30))
    rimmed = describe(path, options=IngestOptions(mask_folder=tmp_path / "masks", clouds=CloudOptions(30.0)))
    classes = read_mask(Path(str(rimmed.mask_path)))
    assert np.flatnonzero((classes == C.CLOUD).any(axis=1)).tolist() == list(range(17, 33))


@pytest.mark.parametrize("rim", [None, 30.0])
def test_a_mask_lies_on_the_grid_of_its_scene(tmp_path: Path, rim: float | None) -> None:
    path = l1c(tmp_path)
    image = describe(path, options=IngestOptions(mask_folder=tmp_path / "masks", clouds=CloudOptions(rim)))
    with rasterio.open(path) as scene, rasterio.open(str(image.mask_path)) as mask:
        assert (mask.crs, mask.transform, mask.shape) == (scene.crs, scene.transform, scene.shape)
        assert mask.descriptions == ("mask",)
        assert "2 cloud" in mask.tags()["ENCODING"]


def test_a_scene_without_a_mask_is_looked_at_all_the_same(tmp_path: Path) -> None:
    options = IngestOptions(mask_folder=tmp_path / "masks", clouds=CloudOptions(0.0, bright))
    image = describe(l1c(tmp_path, scl=False), options=options)
    classes = read_mask(Path(str(image.mask_path)))
    assert np.flatnonzero((classes == C.CLOUD).any(axis=1)).tolist() == list(range(299, 341))
    assert not any("disagree" in note for note in image.notes)


def test_an_impossible_rim_is_refused() -> None:
    for wrong in (-1.0, 1e9, float("nan")):
        with pytest.raises(InputError, match="--cloud-rim"):
            CloudOptions(wrong)
