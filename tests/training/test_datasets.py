from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from findings.errors import ConfigError
from training.augment import draw_crop, drop_bands
from training.datasets.mask_pairs import MaskPairs
from training.datasets.sample import Sample, cut
from training.datasets.water_tiles import QA_CLOUD, QA_WATER, WaterTiles, derive_labels

RGB = ("red", "green", "blue")


def test_only_the_pictures_of_the_split_are_read(crack_folder: Path) -> None:
    assert [s.name for s in MaskPairs(crack_folder, "train", RGB, ("crack",)).whole()] == ["p0", "p1", "p2"]
    assert [s.group for s in MaskPairs(crack_folder, "test", RGB, ("crack",)).whole()] == ["b4", "b5"]


def test_an_unknown_split_a_lone_image_and_a_mask_of_another_size_are_refused(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ConfigError, match="split"):
        MaskPairs(tmp_path, "train", RGB, ("crack",))
    with pytest.raises(ConfigError, match="no image and mask pair"):
        MaskPairs(tmp_path, None, RGB, ("crack",))
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), np.zeros((8, 9), np.uint8))
    with pytest.raises(ConfigError, match="must be equal"):
        MaskPairs(tmp_path, None, RGB, ("crack",))


def test_a_crop_beyond_the_picture_is_unobserved_and_unknown() -> None:
    sample = Sample("s", "g", np.ones((1, 4, 4), np.float32), np.ones((1, 4, 4), np.float32), np.ones((1, 4, 4), bool))
    part = cut(sample, 2, -1, 4, 4)
    assert np.isnan(part.pixels[0]).sum() == 16 - 6
    assert part.known.sum() == part.target.sum() == 6


def test_augmented_crops_keep_the_dark_line_under_the_mask(crack_folder: Path) -> None:
    source = MaskPairs(crack_folder, "train", RGB, ("crack",))
    rng = np.random.default_rng(3)
    darker = 0
    for _ in range(20):
        crop = draw_crop(source, rng, 64, photo=True)
        on = crop.target[0] > 0.5
        assert crop.pixels.shape == (3, 64, 64)
        if on.sum() > 20:
            darker += (
                float(np.nanmean(crop.pixels[:, on])) < float(np.nanmean(crop.pixels[:, ~on & crop.known[0]])) - 15
            )
    assert darker >= 10


def test_the_same_seed_draws_the_same_crop(crack_folder: Path) -> None:
    source = MaskPairs(crack_folder, "train", RGB, ("crack",))
    first, second = (draw_crop(source, np.random.default_rng(5), 64, photo=True) for _ in range(2))
    np.testing.assert_array_equal(first.pixels, second.pixels)


def test_required_bands_are_never_dropped() -> None:
    rng = np.random.default_rng(0)
    pixels = np.ones((3, 4, 4), np.float32)
    for _ in range(50):
        assert np.isfinite(drop_bands(pixels, [0, 2], rng, 0.9)[1]).all()
    assert np.isfinite(pixels).all()


def test_labels_are_derived_only_where_flag_and_indices_agree() -> None:
    def band(*values: float) -> np.ndarray:
        return np.array([values], dtype=np.float32)

    # clear water, dry soil, flagged but bright land (unknown), water under cloud (unknown)
    bands = {"green": band(800, 700, 700, 800), "nir": band(200, 2500, 2500, 200), "swir1": band(80, 3000, 3000, 80)}
    quality = np.array([[QA_WATER, 0, QA_WATER, QA_WATER | QA_CLOUD]])
    water, known = derive_labels(bands, quality)
    assert water.tolist() == [[True, False, False, False]]
    assert known.tolist() == [[True, True, False, False]]


@pytest.mark.realdata
def test_derived_labels_agree_with_the_hand_made_ones_where_both_are_sure(shared_data: Path) -> None:
    root = shared_data / "water" / "tiles30m"
    bands = ("green", "nir")
    derived, given = (list(WaterTiles(root, "val", bands, labels).whole()) for labels in ("derived", "given"))
    agree = [(d.target == g.target)[d.known].mean() for d, g in zip(derived, given, strict=True) if d.known.any()]
    assert len(derived) == 38
    assert np.mean(agree) > 0.9
