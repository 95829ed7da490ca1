"""Whole photographs: the same pixels as by windows, the same refusals."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from findings.errors import UnreadableImage, UnsafeImage
from imagery.decode import DecodedPhoto, decode_rgb, luma
from imagery.reader import open_image
from imagery.types import Window

WHOLE = Window(0, 0, 120, 90)


def picture(path: Path, *options: int) -> Path:
    smooth = cv2.GaussianBlur(np.random.default_rng(5).integers(0, 255, (90, 120, 3)).astype(np.uint8), (0, 0), 6)
    cv2.imwrite(str(path), cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX), options)  # type: ignore[call-overload]
    return path


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.jpg"])
def test_the_decoded_photograph_holds_what_the_reader_gives(tmp_path: Path, name: str) -> None:
    options = (cv2.IMWRITE_WEBP_QUALITY, 101) if name.endswith("webp") else ()
    path = picture(tmp_path / name, *options)
    rgb = decode_rgb(path)
    assert rgb is not None
    with open_image(path) as reader:
        by_windows = reader.read(WHOLE, ("red", "green", "blue")).values.transpose(1, 2, 0)
    # two JPEG decoders may round chroma differently, lossless formats may not
    assert np.abs(rgb - by_windows).mean() <= (1.0 if name.endswith("jpg") else 0.0)


def test_pixels_come_as_stored_whatever_the_orientation_says(tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((40, 80, 3), np.uint8)).save(path, exif=exif)
    rgb = decode_rgb(path)
    assert rgb is not None
    assert rgb.shape == (40, 80, 3)


@pytest.mark.parametrize("make", ["grey", "alpha", "deep", "palette"])
def test_files_that_need_more_than_decoding_are_left_to_the_reader(tmp_path: Path, make: str) -> None:
    from PIL import Image

    path = tmp_path / "a.png"
    if make == "palette":
        Image.new("P", (8, 8)).save(path)
    else:
        shape = {"grey": (8, 8), "alpha": (8, 8, 4), "deep": (8, 8, 3)}[make]
        cv2.imwrite(str(path), np.full(shape, 9, np.uint16 if make == "deep" else np.uint8))
    assert decode_rgb(path) is None


def test_what_the_reader_refuses_is_refused_here_too(tmp_path: Path) -> None:
    whole = picture(tmp_path / "a.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableImage, match="truncated"):
        decode_rgb(tmp_path / "half.jpg")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "a.jpg")
    with pytest.raises(UnsafeImage):
        decode_rgb(tmp_path / "link.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(UnsafeImage):
        decode_rgb(tmp_path / "text.jpg")


def test_a_photograph_in_memory_reads_like_a_file(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    rgb = decode_rgb(path)
    assert rgb is not None
    photo = DecodedPhoto(rgb)
    names = ("blue", "grey", "nir", "red")
    for window in (WHOLE, Window(-5, 80, 40, 30), Window(500, 0, 4, 4)):
        with open_image(path) as reader:
            expected = reader.read(window, names).values
        np.testing.assert_allclose(photo.read(window, names).values, expected, atol=1e-3)
    np.testing.assert_allclose(photo.read(WHOLE, ("grey",)).values[0], luma(rgb), atol=1e-3)


def test_hidden_pixels_are_no_observation() -> None:
    hidden = np.zeros((90, 120), bool)
    hidden[10:20] = True
    photo = DecodedPhoto(np.full((90, 120, 3), 7, np.uint8), hidden)
    values = photo.read(Window(0, 5, 120, 10)).values
    assert np.isnan(values[:, 5:]).all()
    assert (values[:, :5] == 7).all()
    with pytest.raises(ValueError, match="mask"):
        DecodedPhoto(np.zeros((4, 4, 3), np.uint8), hidden)
