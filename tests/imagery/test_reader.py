"""Readers: values, names, and where nothing was observed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from findings.errors import InputError, MissingBands, UnreadableImage
from findings.survey import ImageKind
from imagery.mask_files import write_mask
from imagery.masks import MaskClass
from imagery.reader import open_image
from imagery.types import Window
from tests.imagery.files import UTM, grey_picture, write_photo, write_tif

RNG = np.random.default_rng(3)


def test_a_window_that_reaches_outside_is_nan_there_and_exact_inside(tmp_path: Path) -> None:
    values = RNG.integers(1, 60_000, (4, 40, 50), dtype=np.uint16)
    path = write_tif(tmp_path / "a.tif", values, ("B2", "B3", "B4", "B8"), **UTM)
    with open_image(path) as reader:
        assert reader.kind is ImageKind.SCENE
        assert reader.bands == ("blue", "green", "red", "nir")
        assert reader.crs == "EPSG:32652"
        assert reader.transform == (10, 0, 500_000, 0, -10, 4_000_000)
        found = reader.read(Window(-5, 30, 20, 30), ("nir", "swir1", "blue"))
        assert found.bands == ("nir", "swir1", "blue")
        assert np.isnan(found.values[1]).all()
        assert (found.values[[0, 2], :10, 5:] == values[[3, 0], 30:, :15]).all()
        assert np.isnan(found.values[:, 10:]).all()
        assert np.isnan(found.values[:, :, :5]).all()
        assert np.isnan(reader.read(Window(100, 100, 8, 8)).values).all()


def test_declared_nodata_and_nan_are_no_observation(tmp_path: Path) -> None:
    values = np.full((2, 4, 4), 7, np.float32)
    values[0, 0, 0], values[1, 1, 1], values[:, 2, 2] = -9999, np.nan, np.inf
    path = write_tif(tmp_path / "a.tif", values, nodata=-9999, **UTM)
    with open_image(path) as reader:
        found = reader.read(Window(0, 0, 4, 4)).values
    assert [tuple(at) for at in np.argwhere(np.isnan(found))] == [(0, 0, 0), (0, 2, 2), (1, 1, 1), (1, 2, 2)]


def test_a_dark_band_is_an_observation_but_zero_in_every_band_is_not(tmp_path: Path) -> None:
    values = np.full((3, 2, 2), 90, np.uint8)
    values[0, 0, 0] = 0  # water, dark in SWIR
    values[:, 1, 1] = 0  # border
    with open_image(write_tif(tmp_path / "a.tif", values, nodata=0, **UTM)) as reader:
        found = reader.read(Window(0, 0, 2, 2), ("red",)).values[0]
    assert found[0, 0] == 0
    assert np.isnan(found[1, 1])


def test_alpha_hides_pixels_of_photographs_and_of_scenes(tmp_path: Path) -> None:
    rgba = RNG.integers(1, 255, (6, 8, 4), dtype=np.uint8)
    rgba[..., 3] = 255
    rgba[2, 3, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "a.png")
    scene = write_tif(tmp_path / "a.tif", np.moveaxis(rgba, -1, 0), photometric="rgb", alpha="yes", **UTM)
    for path in (tmp_path / "a.png", scene):
        with open_image(path) as reader:
            assert reader.bands == ("red", "green", "blue")
            gaps = np.isnan(reader.read(Window(0, 0, 8, 6)).values)
            assert gaps[:, 2, 3].all()
            assert gaps.sum() == 3


def test_grey_and_colour_pictures_serve_models_of_either_kind(tmp_path: Path) -> None:
    grey, colour = grey_picture(RNG), RNG.integers(0, 255, (10, 12, 3), dtype=np.uint8)
    Image.fromarray(colour).save(tmp_path / "c.png")
    with open_image(write_photo(tmp_path / "g.png", grey)) as reader:
        assert reader.bands == ("grey",)
        assert reader.notes == ("one grey band: red, green and blue are the same",)
        found = reader.read(Window(0, 0, 160, 120), ("red", "green", "blue")).values
        assert (found == grey).all()
    with open_image(tmp_path / "c.png") as reader:
        luma = reader.read(Window(0, 0, 12, 10), ("grey",)).values[0]
        np.testing.assert_allclose(luma, colour @ np.array([0.299, 0.587, 0.114]), atol=1e-3)


def test_photographs_of_other_depths_come_on_the_scale_of_0_to_255(tmp_path: Path) -> None:
    base = grey_picture(RNG)
    cases = {
        "bits16": Image.fromarray(base.astype(np.uint16) * 257),
        "bit1": Image.fromarray(base > 128),
        "palette": Image.fromarray(base).convert("RGB").quantize(16),
    }
    for name, image in cases.items():
        image.save(tmp_path / f"{name}.png")
        with open_image(tmp_path / f"{name}.png") as reader, Image.open(tmp_path / f"{name}.png") as other:
            assert reader.kind is ImageKind.PHOTO
            found = reader.read(Window(0, 0, 160, 120), ("red", "green", "blue")).values
            wanted = base[..., None] if name == "bits16" else np.asarray(other.convert("RGB"))
            np.testing.assert_allclose(found, np.moveaxis(np.broadcast_to(wanted, (120, 160, 3)), -1, 0), atol=1e-2)


def test_a_raster_without_crs_is_taken_and_says_so(tmp_path: Path) -> None:
    scene = write_tif(tmp_path / "s.tif", np.ones((5, 4, 4), np.int16))
    photo = write_tif(tmp_path / "p.tif", np.ones((3, 4, 4), np.uint8), photometric="rgb")
    with open_image(scene) as one, open_image(photo) as other:
        assert (one.kind, one.crs, one.transform) == (ImageKind.SCENE, None, None)
        assert "no CRS: image coordinates only" in one.notes
        assert "bands have no names: name them with --bands NAME,..." in one.notes
        assert (other.kind, other.bands) == (ImageKind.PHOTO, ("red", "green", "blue"))


def test_given_band_names_must_fit_the_file(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.ones((4, 4, 4), np.uint8) * np.arange(1, 5, dtype=np.uint8)[:, None, None])
    with open_image(path, bands=("B11", "-", "red", "Green")) as reader:
        assert reader.bands == ("swir1", "red", "green")
        assert reader.read(Window(0, 0, 1, 1)).values[:, 0, 0].tolist() == [1, 3, 4]
        reader.require(("red", "swir1"))
        with pytest.raises(MissingBands, match=r"lacks the band\(s\) nir; it has swir1,red,green.*--bands"):
            reader.require(("red", "nir"))
    for wrong in (("red", "green"), ("red", "red", "nir", "blue"), ("-", "-", "-", "-")):
        with pytest.raises(InputError, match="--bands"):
            open_image(path, bands=wrong)


@pytest.mark.realdata
def test_real_scenes_keep_their_band_names_and_their_dark_water(shared_data: Path) -> None:
    with open_image(shared_data / "water/s2_chips/dl_water_bodies/s2_example.tif") as reader:
        assert reader.bands == ("blue", "green", "red", "nir")
        gaps = np.isnan(reader.read(Window(0, 0, reader.width_px, reader.height_px)).values)
        assert 0.07 < gaps.mean() < 0.09  # README: 8 % of the pixels are 0 in all bands
    names = ("swir1", "nir", "red", "green")
    with open_image(shared_data / "water/ucayali_landsat/1985.tif", bands=names) as reader:
        values = reader.read(Window(0, 0, reader.width_px, reader.height_px)).values
        assert not np.isnan(values).any()
        assert (values[0] == 0).any()


def test_masked_pixels_are_read_as_not_observed_and_shown_when_asked_for(tmp_path: Path) -> None:
    values = RNG.integers(1, 60_000, (4, 40, 50), dtype=np.uint16)
    path = write_tif(tmp_path / "a.tif", values, ("B2", "B3", "B4", "B8"), **UTM)
    classes = np.zeros((40, 50), np.uint8)
    classes[:20, 10:], classes[30:] = MaskClass.CLOUD, MaskClass.UNKNOWN
    mask = write_mask(tmp_path / "m.tif", classes)
    with open_image(path, mask=mask) as reader:
        found = reader.read(Window(5, 10, 20, 20), ("nir",)).values[0]
        shown = reader.read(Window(5, 10, 20, 20), ("nir",), masked=False).values[0]
        assert np.array_equal(reader.read_mask(Window(5, 10, 20, 20)), classes[10:30, 5:25])  # type: ignore[arg-type]
    assert (np.isnan(found) == (classes[10:30, 5:25] == MaskClass.CLOUD)).all()
    assert (shown == values[3, 10:30, 5:25]).all()
    with open_image(path) as reader:
        assert reader.read_mask(Window(0, 0, 5, 5)) is None


def test_a_mask_hides_photographs_of_every_kind(tmp_path: Path) -> None:
    colour = Image.fromarray(RNG.integers(0, 255, (30, 40, 3), dtype=np.uint8))
    classes = np.zeros((30, 40), np.uint8)
    classes[5:9, 6:11] = MaskClass.BLUR
    mask = write_mask(tmp_path / "m.png", classes)
    for name, image in {"grey": colour.convert("L"), "palette": colour.quantize(16), "colour": colour}.items():
        image.save(tmp_path / f"{name}.png")
        with open_image(tmp_path / f"{name}.png", mask=mask) as reader:
            for band in ("red", "blue", *(("grey",) if name != "palette" else ())):
                gaps = np.isnan(reader.read(Window(0, 0, 40, 30), (band,)).values[0])
                assert (gaps == (classes > 0)).all()


def test_a_mask_of_another_size_or_grid_is_refused_and_so_is_one_that_is_gone(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.ones((2, 40, 50), np.uint16), ("B2", "B3"), **UTM)
    classes = np.zeros((40, 50), np.uint8)
    with pytest.raises(InputError, match=r"the mask has 49 x 40 px, a.tif has 50 x 40"):
        open_image(path, mask=write_mask(tmp_path / "size.tif", classes[:, 1:].copy()))
    moved = write_tif(
        tmp_path / "moved.tif",
        classes[None],
        crs="EPSG:32652",
        transform=rasterio.Affine(10, 0, 500_010, 0, -10, 4_000_000),
    )
    zone = write_tif(tmp_path / "zone.tif", classes[None], crs="EPSG:32653", transform=UTM["transform"])
    for other in (moved, zone):
        with pytest.raises(InputError, match=r"the mask lies on another grid .*ingest the image again"):
            open_image(path, mask=other)
    open_image(path, mask=write_tif(tmp_path / "same.tif", classes[None], **UTM)).close()
    with pytest.raises(UnreadableImage, match="no such file"):
        open_image(path, mask=tmp_path / "gone.png")
