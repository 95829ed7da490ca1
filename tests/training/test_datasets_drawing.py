from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio

from imagery.types import Window
from tests.training import layouts
from tests.training.layouts import RGB, SIX, box, source
from training.datasets import Source, open_source
from training.datasets.picture_file import PictureFile
from training.datasets.pictures import Pictures
from training.datasets.places import MOST_PLACES


def opened(folder: Path, kind: str = "mask_pairs", split: str | None = None, **options: object) -> Pictures:
    found: Source = open_source(source(kind, folder, split, options=options), RGB, SIX)
    assert isinstance(found, Pictures)
    return found


@pytest.fixture(scope="module")
def rare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in the layout of dacl10k: five pictures full of rust, one with a small crack."""
    root = tmp_path_factory.mktemp("rare")
    for number in range(5):
        layouts.labelme(root, f"rust{number}", [("Rust", box(0, 0, 60, 30))])
    layouts.labelme(root, "with_crack", [("Crack", box(20, 20, 26, 22))])
    return root


def test_a_rare_class_is_drawn_by_the_inverse_root_of_its_share(rare: Path) -> None:
    found = opened(rare, "dacl10k", "train", centred=1.0)
    rng = np.random.default_rng(0)
    drawn = [found.places.draw(rng) for _ in range(4000)]
    cracks = sum(place is not None and place.picture == 5 for place in drawn)
    shares = np.array([12, 5 * 60 * 30]) / (6 * 40 * 60)
    weights = 1 / np.sqrt(shares)
    assert found.places.shares[[0, 4]] == pytest.approx(shares)
    assert cracks / 4000 == pytest.approx(weights[0] / weights.sum(), abs=0.025)
    assert weights[0] / weights.sum() > 0.9


def test_crops_around_places_hold_their_class_and_the_others_fall_anywhere(rare: Path) -> None:
    rng = np.random.default_rng(1)
    centred, anywhere = opened(rare, "dacl10k", "train", centred=1.0), opened(rare, "dacl10k", "train", centred=0.0)
    with_crack = [crop for crop in (centred.draw(rng, 16) for _ in range(60)) if crop.name == "with_crack"]
    assert len(with_crack) > 40
    assert all(crop.target[0].any() for crop in with_crack)
    names = {anywhere.draw(rng, 16).name for _ in range(60)}
    assert len(names) == 6


def test_at_most_so_many_places_of_a_picture_are_kept_and_always_the_same(rare: Path) -> None:
    first, second = (opened(rare, "dacl10k", "train").places for _ in range(2))
    assert max(len(where) for where in first.positions[4]) == MOST_PLACES
    for one, other in zip(first.positions[4], second.positions[4], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_place_is_a_labelled_pixel(tmp_path: Path) -> None:
    truth = layouts.pair(tmp_path, "a")
    found = opened(tmp_path)
    rng = np.random.default_rng(2)
    for _ in range(50):
        place = found.places.draw(rng)
        assert place is not None
        assert truth[place.row, place.col]


def test_a_crop_is_the_part_of_the_whole_picture_that_it_claims(tmp_path: Path) -> None:
    layouts.pair(tmp_path, "a")
    found = opened(tmp_path, centred=0.0)
    (whole,) = found.whole()
    crop = found.draw(np.random.default_rng(3), 24)
    matches = [
        (row, col)
        for row in range(17)
        for col in range(37)
        if np.array_equal(whole.pixels[:, row : row + 24, col : col + 24], crop.pixels)
    ]
    assert len(matches) == 1
    (row, col) = matches[0]
    np.testing.assert_array_equal(whole.target[:, row : row + 24, col : col + 24], crop.target)


def test_a_crop_larger_than_the_picture_is_unobserved_and_unknown_beyond_it(tmp_path: Path) -> None:
    layouts.pair(tmp_path, "a")
    crop = opened(tmp_path).draw(np.random.default_rng(0), 64)
    assert crop.pixels.shape == (3, 64, 64)
    assert np.isfinite(crop.pixels[0]).sum() == crop.known[0].sum() == 40 * 60


def test_memory_is_bounded_and_what_was_used_last_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        layouts.pair(tmp_path, f"p{number}")
    read: list[str] = []
    plain = PictureFile.read

    def counted(self: PictureFile, window: object) -> object:
        read.append(self.item.name)
        return plain(self, window)  # type: ignore[arg-type]

    monkeypatch.setattr(PictureFile, "read", counted)
    picture_bytes = 40 * 60 * (3 + 6)
    found = opened(tmp_path, cache_mb=8.5 * picture_bytes / 2**20)
    rng = np.random.default_rng(0)
    for _ in range(60):
        found.draw(rng, 16)
    assert found._held <= 8.5 * picture_bytes
    assert len(found._cache) == 8
    last = list(found._cache)[-1]
    read.clear()
    found._crop(last, Window(0, 0, 16, 16))
    assert read == []


def test_a_big_raster_is_read_by_windows_and_never_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, cols = 600, 800
    image = np.random.default_rng(0).integers(0, 255, (3, rows, cols)).astype(np.uint8)
    mask = np.zeros((1, rows, cols), np.uint8)
    mask[:, 400:404, 500:600] = 255
    for name, values in (("images", image), ("masks", mask)):
        (tmp_path / name).mkdir()
        about = {"width": cols, "height": rows, "count": len(values), "dtype": "uint8", "tiled": True}
        about |= {"crs": "EPSG:6677", "transform": rasterio.Affine(0.01, 0, 0, 0, -0.01, 0)}
        with rasterio.open(
            tmp_path / name / "ortho.tif", "w", driver="GTiff", blockxsize=64, blockysize=64, **about
        ) as file:
            file.write(values)
    found = opened(tmp_path, centred=1.0, cache_mb=1)
    sizes: list[tuple[int, ...]] = []
    plain = PictureFile._pixels

    def watched(self: PictureFile, window: Window, *, whole: bool) -> object:
        sizes.append((window.height, window.width))
        return plain(self, window, whole=whole)

    monkeypatch.setattr(PictureFile, "_pixels", watched)
    crop = found.draw(np.random.default_rng(0), 64)
    assert sizes == [(64, 64)]
    assert crop.target[0].any()
    rows_cols = np.argwhere(image[0] == crop.pixels[0, 0, 0])
    assert any(np.array_equal(image[:, r : r + 64, c : c + 64], crop.pixels) for r, c in rows_cols)


def test_windows_of_a_resized_big_raster_show_the_same_as_the_resized_whole(tmp_path: Path) -> None:
    layouts.picture(tmp_path / "images" / "a.png", 120, 160)
    layouts.mask(tmp_path / "masks" / "a.png", 120, 160, top=50)
    found = open_source(source("mask_pairs", tmp_path, scale=0.5), RGB, ("crack",))
    assert isinstance(found, Pictures)
    picture = found._pictures[0]
    whole, part = picture.read(None), picture.read(Window(10, 12, 32, 24))
    assert np.abs(whole.pixels[:, 12:36, 10:42].astype(int) - part.pixels.astype(int)).max() <= 1
    np.testing.assert_array_equal(whole.target[:, 12:36, 10:42], part.target)


def test_draws_follow_the_seed_whatever_was_drawn_before(rare: Path) -> None:
    first, second = opened(rare, "dacl10k", "train"), opened(rare, "dacl10k", "train")
    for _ in range(5):
        first.draw(np.random.default_rng(99), 16)
    one, other = (found.draw(np.random.default_rng(7), 32) for found in (first, second))
    np.testing.assert_array_equal(one.pixels, other.pixels)
    np.testing.assert_array_equal(one.target, other.target)


def test_grey_and_sixteen_bit_pictures_are_read_on_the_scale_of_photographs(tmp_path: Path) -> None:
    layouts.mask(tmp_path / "masks" / "a.png")
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.full((40, 60), 257 * 100, np.uint16))
    (sample,) = opened(tmp_path).whole()
    assert sample.pixels == pytest.approx(np.full((3, 40, 60), 100.0))


@pytest.mark.realdata
def test_the_splits_of_the_real_sets_are_those_of_their_readme(shared_data: Path) -> None:
    cracks = shared_data / "cracks"
    for split, pictures, groups in (("train", 223, 7), ("val", 38, 2), ("test", 54, 4)):
        items = open_source(source("mask_pairs", cracks / "uav_concrete", split), RGB, ("crack",)).items()
        assert (len(items), len({item.group for item in items})) == (pictures, groups)
    for match, pictures in (("CPVD*", 25), ("CPFD*", 15)):
        assert len(open_source(source("mask_pairs", cracks / "road_frames", match=match), RGB, ("crack",))) == pictures
    assert len(open_source(source("mask_pairs", cracks / "pavement"), RGB, ("crack",))) == 36
    for split, tiles, sites in (("train", 196, 44), ("val", 38, 11), ("test", 72, 26)):
        items = open_source(
            source("water_tiles", shared_data / "water" / "tiles30m", split), ("green",), ("water",)
        ).items()
        assert (len(items), len({item.group for item in items})) == (tiles, sites)


@pytest.mark.realdata
def test_real_folders_of_other_layouts_are_read_by_options(shared_data: Path) -> None:
    options = {"images_dir": "test/crack", "masks_dir": "ground_truth/crack", "mask_suffix": "_mask"}
    walls = open_source(
        source("mask_pairs", shared_data / "anomaly" / "concrete_normal", options=options), RGB, ("crack",)
    )
    assert len(walls) == 60
    floods = {
        "images_dir": "{split}/s2_after", "masks_dir": "{split}/mask", "mask_class": "flooded",
        "bands": ["swir1", "nir", "red"],
    }  # fmt: skip
    found = open_source(
        source("mask_pairs", shared_data / "water" / "floodpairs", "test", options=floods),
        ("nir", "swir1"),
        ("flooded",),
    )
    first = next(iter(found.whole()))
    assert len(found) == 70
    assert first.pixels.shape == (2, 256, 256)
    assert 0.03 <= first.target.mean() <= 0.97


@pytest.mark.realdata
def test_the_bridges_of_a_real_coco_file_have_the_areas_of_their_outlines(shared_data: Path, tmp_path: Path) -> None:
    words = tmp_path / "bridges.yaml"
    words.write_text("{name: bridges, about: a, source: b, licence: c, ships: false, labels: {bridge: bridge}}")
    root = shared_data / "bridges" / "aerial_boxes"
    found = open_source(source("coco", root, "val", classes=str(words)), RGB, ("bridge",))
    assert len(found) == 10
    areas = layouts.outline_areas(root / "annotations.json")
    for sample in found.whole():
        assert sample.target.sum() == pytest.approx(areas[sample.name], rel=0.01)
