"""Masks: what the products' codes mean, rims in metres, files that come whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from findings.errors import InputError, OutputError, UnreadableImage, UnsafeImage
from imagery import mask_files
from imagery.mask_files import open_mask, read_mask, write_mask
from imagery.masks import MaskClass, buffered, from_fmask, from_qa_pixel, from_scl, hidden, masked_share, names, shares
from imagery.types import Window
from tests.imagery.files import UTM, write_tif

C = MaskClass


@dataclass(frozen=True)
class Grid:
    crs: str = "EPSG:32652"
    transform: tuple[float, float, float, float, float, float] = (10, 0, 500_000, 0, -10, 4_000_000)


def test_every_scl_class_is_clear_or_masked_for_its_reason() -> None:
    found = from_scl(np.arange(12))
    wanted = [
        C.NO_DATA, C.SATURATED, C.CLEAR, C.CLOUD_SHADOW, C.CLEAR, C.CLEAR, C.CLEAR, C.CLEAR, C.CLOUD, C.CLOUD, C.CLOUD,
        C.SNOW,
    ]  # fmt: skip
    assert found.tolist() == wanted


def test_fmask_bits_are_read_with_cloud_above_shadow_above_snow_and_aerosol_of_no_meaning() -> None:
    bits = np.array([0, 0b10, 0b100, 0b1000, 0b10000, 0b100000, 0b11000000, 0b11010, 0b11000, 255], np.uint8)
    wanted = [C.CLEAR, C.CLOUD, C.CLOUD, C.CLOUD_SHADOW, C.SNOW, C.CLEAR, C.CLEAR, C.CLOUD, C.CLOUD_SHADOW, C.NO_DATA]
    assert from_fmask(bits).tolist() == wanted
    assert from_fmask(bits, rim=False).tolist() == [*wanted[:2], C.CLEAR, *wanted[3:]]


def test_values_of_the_landsat_guide_have_the_meaning_that_the_guide_gives_them() -> None:
    # Landsat 8-9 Collection 2 Level 2 Science Product Guide, table 6-3: value and interpretation
    guide = {
        1: C.NO_DATA, 21824: C.CLEAR, 21826: C.CLOUD, 21888: C.CLEAR, 21952: C.CLEAR, 22280: C.CLOUD,
        23888: C.CLOUD_SHADOW, 23952: C.CLOUD_SHADOW, 24088: C.CLOUD, 30048: C.SNOW,
        54596: C.CLOUD, 54852: C.CLOUD, 55052: C.CLOUD,
    }  # fmt: skip
    assert from_qa_pixel(np.array(list(guide), np.uint16)).tolist() == list(guide.values())
    assert from_qa_pixel(np.array([21826], np.uint16), rim=False).tolist() == [C.CLEAR]


def test_rims_are_measured_in_metres_and_take_only_what_was_clear() -> None:
    classes = np.zeros((21, 21), np.uint8)
    classes[10, 10], classes[10, 12], classes[9, 10], classes[0, 0] = C.CLOUD, C.SNOW, C.CLOUD_SHADOW, C.UNKNOWN
    wide = buffered(classes, 10.0, cloud_m=30.0, shadow_m=0.0)
    rows, cols = np.nonzero(wide == C.CLOUD)
    assert np.hypot(rows - 10, cols - 10).max() == 3.0  # and not the corner of a square
    assert (wide == C.CLOUD).sum() == 29 - 2
    assert (wide[10, 12], wide[9, 10], wide[0, 0]) == (C.SNOW, C.CLOUD_SHADOW, C.UNKNOWN)
    flat = buffered(classes, (30.0, 10.0), cloud_m=30.0, shadow_m=0.0)
    rows, cols = np.nonzero(flat == C.CLOUD)
    assert (abs(rows - 10).max(), abs(cols - 10).max()) == (1, 3)
    assert (buffered(classes, 10.0, cloud_m=0.0, shadow_m=0.0) == classes).all()
    with pytest.raises(ValueError, match="above 0"):
        buffered(classes, 0.0)


def test_unknown_is_judged_and_a_class_of_a_later_version_is_not() -> None:
    classes = np.array([[C.CLEAR, C.UNKNOWN, C.CLOUD, 77]], np.uint8)
    assert hidden(classes).tolist() == [[False, False, True, True]]
    assert masked_share(classes) == 0.5
    assert names(classes) == "cloud"
    assert shares(classes) == {C.CLEAR: 0.25, C.CLOUD: 0.25, C.UNKNOWN: 0.25}


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_a_mask_comes_back_as_it_was_written(name: str, tmp_path: Path) -> None:
    classes = np.random.default_rng(0).choice([0, 2, 10, 255], (300, 530)).astype(np.uint8)
    path = write_mask(tmp_path / "deep" / name, classes, Grid() if name.endswith("tif") else None)
    assert (read_mask(path) == classes).all()
    part = read_mask(path, Window(-2, 290, 10, 20))
    assert (part[:10, 2:] == classes[290:, :8]).all()
    assert (part[10:] == C.NO_DATA).all()
    assert (part[:, :2] == C.NO_DATA).all()
    assert [found.name for found in path.parent.iterdir()] == [name]
    if name.endswith("tif"):
        with open_mask(path) as mask:
            assert (mask.crs.to_epsg(), tuple(mask.transform[:6])) == (32652, Grid().transform)


def test_a_mask_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classes = np.zeros((8, 8), np.uint8)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="free some space or choose another folder"):
        write_mask(tmp_path / "file" / "a.png", classes)
    monkeypatch.setattr("imagery.mask_files._write", lambda partial, *_: partial.write_bytes(b"cut off"))
    with pytest.raises(OutputError, match="could not be written completely"):
        write_mask(tmp_path / "a.png", classes)
    monkeypatch.undo()
    whole = mask_files._write
    monkeypatch.setattr("imagery.mask_files._write", lambda at, suffix, _, grid: whole(at, suffix, classes + 1, grid))
    with pytest.raises(OutputError, match="does not read back as it was written"):
        write_mask(tmp_path / "a.png", classes)
    assert [found.name for found in tmp_path.iterdir()] == ["file"]
    with pytest.raises(ValueError, match="a PNG keeps no georeference"):
        write_mask(tmp_path / "a.png", classes, Grid())


def test_what_is_no_mask_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="no such file"):
        read_mask(tmp_path / "gone.png")
    (tmp_path / "a.png").write_text("<VRTDataset/>")
    with pytest.raises(UnsafeImage):
        read_mask(tmp_path / "a.png")
    with pytest.raises(UnreadableImage, match=r"3 band\(s\) of uint8; a mask has one band"):
        read_mask(write_tif(tmp_path / "b.tif", np.zeros((3, 4, 4), np.uint8), **UTM))
    whole = write_mask(tmp_path / "c.tif", np.random.default_rng(0).integers(0, 9, (700, 700)).astype(np.uint8))
    whole.write_bytes(whole.read_bytes()[:-2000])
    with pytest.raises((UnreadableImage, InputError)):
        read_mask(whole)
