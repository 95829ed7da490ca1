"""Files that nobody vouches for: one table of what is refused, and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from findings.errors import InputError, UnreadableImage, UnsafeImage
from imagery import safe
from imagery.ingest import describe
from imagery.reader import open_image
from imagery.types import Window
from tests.imagery.files import UTM, grey_picture, huge_png, vrt_text, write_photo, write_tif

RNG = np.random.default_rng(5)


def _cut(path: Path, share: float) -> Path:
    body = path.read_bytes()
    path.write_bytes(body[: int(len(body) * share)])
    return path


def _garble(path: Path) -> Path:
    body = bytearray(path.read_bytes())
    middle = len(body) // 2
    body[middle : middle + 40] = bytes(40)
    path.write_bytes(body)
    return path


def _zero_bytes(folder: Path) -> Path:
    (folder / "a.jpg").touch()
    return folder / "a.jpg"


def _text(folder: Path) -> Path:
    (folder / "a.tif").write_text("not an image at all")
    return folder / "a.tif"


def _vrt(folder: Path) -> Path:
    (folder / "secret.txt").write_text("secret of sixteen bytes")
    (folder / "a.tif").write_text(vrt_text(folder / "secret.txt"))
    return folder / "a.tif"


def _link(folder: Path) -> Path:
    target = write_photo(folder / "b.jpg", grey_picture(RNG))
    (folder / "a.jpg").symlink_to(target)
    return folder / "a.jpg"


def _sparse_tif(folder: Path) -> Path:
    profile = {
        "width": 60_000,
        "height": 60_000,
        "count": 4,
        "dtype": "uint16",
        "tiled": True,
        "sparse_ok": True,
        **UTM,
    }
    with rasterio.open(folder / "a.tif", "w", driver="GTiff", **profile):
        pass
    return folder / "a.tif"


def _complex_tif(folder: Path) -> Path:
    return write_tif(folder / "a.tif", np.ones((1, 8, 8), np.complex64), **UTM)


def _photo(name: str) -> Callable[[Path], Path]:
    return lambda folder: write_photo(folder / name, grey_picture(RNG))


BAD: dict[str, tuple[Callable[[Path], Path], type[InputError], str]] = {
    "absent": (lambda folder: folder / "none.jpg", UnreadableImage, "no such file"),
    "zero bytes": (_zero_bytes, UnreadableImage, "empty"),
    "text as tif": (_text, UnsafeImage, "not a GeoTIFF"),
    "vrt as tif": (_vrt, UnsafeImage, "not a GeoTIFF"),
    "folder": (lambda folder: folder, UnsafeImage, "not a plain file"),
    "link": (_link, UnsafeImage, "not a plain file"),
    "gigapixel png": (lambda folder: huge_png(folder / "a.png"), UnsafeImage, "header promises"),
    "sparse tif": (_sparse_tif, UnsafeImage, "header promises"),
    "complex tif": (_complex_tif, UnsafeImage, "complex64"),
    "truncated jpeg": (lambda folder: _cut(_photo("a.jpg")(folder), 0.6), UnreadableImage, "truncated"),
    "jpeg without its last byte": (lambda folder: _cut(_photo("a.jpg")(folder), 0.9999), UnreadableImage, "truncated"),
    "jpeg cut in its header": (lambda folder: _cut(_photo("a.jpg")(folder), 0.01), UnreadableImage, ""),
    "truncated png": (lambda folder: _cut(_photo("a.png")(folder), 0.6), UnreadableImage, "truncated"),
    "truncated webp": (lambda folder: _cut(_photo("a.webp")(folder), 0.6), UnreadableImage, ""),
    "truncated tif": (lambda folder: _cut(_photo("a.tif")(folder), 0.6), UnreadableImage, ""),
    "garbled png": (lambda folder: _garble(_photo("a.png")(folder)), UnreadableImage, "damaged"),
    "garbled jpeg": (lambda folder: _garble(_photo("a.jpg")(folder)), UnreadableImage, "damaged"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_with_one_line_that_names_it(case: str, tmp_path: Path) -> None:
    make, error, words = BAD[case]
    path = make(tmp_path)
    with pytest.raises(InputError) as caught:
        describe(path)
    assert type(caught.value) is error
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_tif_does_not_lead_to_the_overview_file_that_its_tags_name(tmp_path: Path) -> None:
    secret = write_tif(tmp_path / "secret.tif", np.full((1, 32, 32), 77, np.uint8), **UTM)
    path = write_tif(tmp_path / "a.tif", np.full((1, 64, 64), 5, np.uint8), ("red",), **UTM)
    with rasterio.open(path, "r+") as data:
        data.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(secret))
    with rasterio.open(path) as naive:
        assert naive.read(1, out_shape=(32, 32)).max() == 77  # the trap is real
    with open_image(path) as reader:
        assert reader.bands == ("red",)
        assert reader._data.overviews(1) == []
        assert reader._data.read(1, out_shape=(32, 32)).max() == 5


def test_files_beside_an_image_are_not_followed(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.full((1, 64, 64), 5, np.uint8), **UTM)
    write_tif(tmp_path / "a.tif.msk", np.zeros((1, 64, 64), np.uint8))
    with open_image(path) as reader:
        assert np.isfinite(reader.read(Window(0, 0, 64, 64)).values).all()


def test_an_upload_stays_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    path = write_photo(tmp_path / "a.jpg", grey_picture(RNG))
    with pytest.raises(UnsafeImage, match="outside"):
        open_image(path, root=tmp_path / "root")
    open_image(path, root=tmp_path).close()


def test_a_jpeg_with_a_second_picture_behind_it_is_taken(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.jpg", grey_picture(RNG))
    path.write_bytes(path.read_bytes() + b"preview that a camera appends" * 100)
    describe(path)


@pytest.mark.realdata
def test_every_kind_of_real_photograph_is_taken(shared_data: Path) -> None:
    for pattern in ("drone/exif_samples/*/*.jpg", "cracks/uav_concrete/images/*19.webp", "anomaly/*/test/*/*311.jpg"):
        files = sorted(shared_data.glob(pattern))
        assert files, pattern
        for path in files:
            with open_image(path) as reader, Image.open(path) as other:
                assert (reader.width_px, reader.height_px) == other.size
                reader.verify()


def test_a_large_raster_is_taken_if_it_did_not_shrink_beyond_belief(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safe, "MAX_DECODED_BYTES", 1 << 20)  # as if 8 GiB were 1 MiB
    noise = np.random.default_rng(0).integers(0, 255, (1, 1500, 1500), dtype=np.uint8)
    with open_image(write_tif(tmp_path / "mosaic.tif", noise, **UTM)) as reader:
        assert reader.width_px == 1500
    bomb = write_tif(tmp_path / "bomb.tif", np.zeros_like(noise), compress="deflate", **UTM)
    with pytest.raises(UnsafeImage, match="50 times the file"), open_image(bomb):
        pass
