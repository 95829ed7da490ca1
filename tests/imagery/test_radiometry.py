"""What values mean: the +1000 offset is read off the pixels, and a flag that lies is caught both ways."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from findings.survey import Radiometry
from imagery.dates import find_item
from imagery.radiometry import check_offset, radar_scale, radiometry_of
from imagery.reader import open_image
from imagery.synthetic.river import RiverSpec, generate_river_series
from imagery.types import FloatArray
from tests.imagery.files import UTM, grey_picture, write_photo, write_tif

BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")


@cache
def river_dn() -> FloatArray:
    """Return a generated river without the offset, reflectance x 10000, a corner unobserved."""
    series = generate_river_series(np.random.default_rng(5), RiverSpec(size_px=128, years=1, scenes_per_year=1))
    values = series.scenes[0].bands.astype(np.float32)
    values[:, :10, :10] = np.nan
    return values


def with_offset(values: FloatArray) -> FloatArray:
    return values + np.float32(1000)


@pytest.mark.parametrize("claimed", [True, False])
@pytest.mark.parametrize("present", [True, False])
def test_the_offset_is_read_off_the_pixels_whatever_the_flag_says(present: bool, claimed: bool) -> None:
    values = with_offset(river_dn()) if present else river_dn()
    verdict = check_offset(values, BANDS, claimed)
    assert (verdict.seen, verdict.present) == (present, present)
    assert verdict.add_dn == (-1000.0 if present else 0.0)
    assert verdict.contradicted == (present != claimed)
    assert ("contradicted" in verdict.note) == (present != claimed)
    assert verdict.dark_dn is not None
    assert (verdict.dark_dn >= 900) == present


@pytest.mark.parametrize("bands", [BANDS, ("green", "nir"), ("nir", "red", "green"), ("green", "swir1")])
def test_two_bands_and_any_order_are_enough(bands: tuple[str, ...]) -> None:
    values = np.stack([river_dn()[BANDS.index(name)] for name in bands])
    assert check_offset(values, bands, claimed=True).present is False
    assert check_offset(with_offset(values), bands, claimed=False).present is True


def test_small_negative_reflectance_over_dark_water_does_not_hide_the_offset() -> None:
    values = with_offset(river_dn())
    water = (river_dn()[1] - river_dn()[4]) > 100
    values[4:, water] = np.random.default_rng(0).normal(960, 40, (2, int(water.sum())))
    assert (values[4:, water] < 1000).mean() > 0.5
    verdict = check_offset(values, BANDS, claimed=True)
    assert (verdict.present, verdict.contradicted) == (True, False)


@pytest.mark.parametrize("claimed", [True, False])
def test_dry_bright_land_says_nothing_so_the_metadata_are_believed(claimed: bool) -> None:
    rng = np.random.default_rng(2)
    desert = rng.normal([[1800], [2300], [2900], [3500], [4200], [3900]], 100, (6, 5000)).astype(np.float32)
    verdict = check_offset(desert, BANDS, claimed)
    assert (verdict.seen, verdict.present) == (None, claimed)
    assert "no dark water" in verdict.note


@pytest.mark.parametrize("claimed", [True, False])
def test_without_water_leaves_tell_the_same(claimed: bool) -> None:
    rng = np.random.default_rng(2)
    forest = rng.normal([[260], [480], [310], [3100], [1700], [800]], 40, (6, 5000)).astype(np.float32)
    field = rng.normal([[720], [900], [760], [3900], [2300], [1500]], 10, (6, 5000)).astype(np.float32)
    for leaves in (forest, field - 300):
        assert check_offset(leaves, BANDS, claimed).seen is False
        assert check_offset(with_offset(leaves), BANDS, claimed).seen is True


def test_snow_is_not_taken_for_dark_water() -> None:
    rng = np.random.default_rng(2)
    snow = rng.normal([[8500], [8400], [8300], [7900], [1200], [1100]], 80, (6, 5000)).astype(np.float32)
    assert check_offset(snow, BANDS, claimed=False).present is False


def test_a_bright_haze_over_fields_is_not_taken_for_the_offset() -> None:
    rng = np.random.default_rng(2)
    haze = rng.normal([[4200], [4400], [4300], [6200], [3900], [3000]], 80, (6, 5000)).astype(np.float32)
    assert check_offset(haze, BANDS, claimed=False).seen is None


def test_stray_dark_pixels_do_not_outvote_a_river() -> None:
    values = with_offset(river_dn())
    values[0, 60, :50] = 400.0  # 50 of 16,000: over-corrected haze in blue
    assert check_offset(values, BANDS, claimed=True).present is True


@pytest.mark.parametrize("values", [np.full((6, 9, 9), np.nan), np.zeros((6, 9, 9)), np.full((6, 2, 2), 300.0)])
def test_nothing_to_look_at_leaves_the_claim(values: FloatArray) -> None:
    for claimed in (True, False):
        assert check_offset(values.astype(np.float32), BANDS, claimed).present is claimed
    assert check_offset(np.ones((1, 50, 50), np.float32), ("scl",), claimed=True).present is True


# --- pictures on disk -----------------------------------------------------------------------------------------------


def radiometry(path: Path, bands: tuple[str, ...] | None = None) -> tuple[Radiometry, str]:
    with open_image(path, bands=bands) as reader:
        found, notes = radiometry_of(reader, reader.tags, find_item(path))
    return found, "; ".join(notes)


def stored(values: FloatArray, dtype: str = "uint16") -> np.ndarray:
    return np.nan_to_num(values, nan=0.0).astype(dtype)


def test_reflectance_x_10000_is_known_by_its_values_and_says_so(tmp_path: Path) -> None:
    found, notes = radiometry(write_tif(tmp_path / "a.tif", stored(river_dn()), BANDS, **UTM))
    assert found is Radiometry.REFLECTANCE
    assert "no +1000 offset" in notes


def test_a_plain_file_that_still_holds_the_offset_is_no_reflectance(tmp_path: Path) -> None:
    found, notes = radiometry(write_tif(tmp_path / "a.tif", stored(with_offset(river_dn())), BANDS, **UTM))
    assert found is Radiometry.UNKNOWN
    assert "subtract 1000" in notes


@pytest.mark.parametrize(
    ("scale", "shift", "dtype", "expected"),
    [
        (1e-4, 0.0, "float32", Radiometry.REFLECTANCE),  # 0..1
        (1 / 0.275, 7273.0, "uint16", Radiometry.UNKNOWN),  # Landsat Collection 2 digital numbers
        (10.0, 0.0, "uint16", Radiometry.UNKNOWN),  # a 16-bit stretch
        (0.05, 0.0, "uint8", Radiometry.DISPLAY),
    ],
)
def test_other_scales_are_told_apart(
    scale: float, shift: float, dtype: str, expected: Radiometry, tmp_path: Path
) -> None:
    values = np.clip(river_dn() * scale + shift, 0, 255 if dtype == "uint8" else 65535)
    assert radiometry(write_tif(tmp_path / "a.tif", stored(values, dtype), BANDS, **UTM))[0] is expected


def test_tags_and_item_count_before_values_and_nonsense_is_told(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", stored(river_dn()), BANDS, **UTM)
    with open_image(path) as reader:
        assert radiometry_of(reader, {"RADIOMETRY": "display"})[0] is Radiometry.DISPLAY
        item = {"properties": {"mizuhashi:radiometry": "reflectance"}}
        assert radiometry_of(reader, {"RADIOMETRY": "display"}, item)[0] is Radiometry.REFLECTANCE
        found, notes = radiometry_of(reader, {"RADIOMETRY": "pretty"})
        assert (found, "pretty" in notes[0]) == (Radiometry.UNKNOWN, True)


def test_photographs_are_display_and_class_rasters_are_unknown(tmp_path: Path) -> None:
    grey = grey_picture(np.random.default_rng(0))
    assert radiometry(write_photo(tmp_path / "a.jpg", grey))[0] is Radiometry.DISPLAY
    classes = (grey > 128).astype(np.uint8)[None]
    assert radiometry(write_tif(tmp_path / "a.tif", classes, ("channel",), **UTM))[0] is Radiometry.UNKNOWN


def test_unnamed_bands_stay_unknown(tmp_path: Path) -> None:
    found, notes = radiometry(write_tif(tmp_path / "a.tif", stored(river_dn()), **UTM))
    assert (found, "no spectral band" in notes) == (Radiometry.UNKNOWN, True)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.random.default_rng(0).normal(-14, 5, 5000), "dB"),
        (10 ** np.random.default_rng(0).normal(-1.4, 0.5, 5000), "linear"),
        (np.random.default_rng(0).integers(40, 900, 5000), "dn"),
        (np.full(50, np.nan), "unknown"),
        (np.random.default_rng(0).normal(-500, 5, 5000), "unknown"),
    ],
)
def test_backscatter_in_db_and_as_a_ratio_are_told_apart(values: FloatArray, expected: str) -> None:
    assert radar_scale(values.astype(np.float32))[0] == expected


def test_a_radar_chip_in_db_is_backscatter(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(-14, 5, (2, 60, 60)).astype(np.float32)
    assert radiometry(write_tif(tmp_path / "a.tif", values, ("VV", "VH"), **UTM))[0] is Radiometry.BACKSCATTER_DB
    path = write_tif(tmp_path / "b.tif", 10 ** (values / 10), ("VV", "VH"), **UTM)
    assert radiometry(path)[0] is Radiometry.UNKNOWN
