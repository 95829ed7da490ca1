from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from findings.errors import ConfigError
from training.config import SourceConfig
from training.datasets import open_source

RGB = ("red", "green", "blue")


def config(kind: str, root: Path, **more: object) -> SourceConfig:
    return SourceConfig.model_validate(
        {"kind": kind, "name": kind, "licence": "-", "ships": True, "root": root, **more}
    )


@pytest.fixture
def walls(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for index in range(4):
        picture = rng.normal(150, 6, (96, 120, 3)).clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"wall_{index // 2}_{index}.png"), picture)
    return tmp_path


def test_drawn_cracks_lie_in_windows_without_a_labelled_crack(crack_folder: Path) -> None:
    source = open_source(config("pasted_cracks", crack_folder, split="train"), RGB, ("crack", "rust"))
    rng = np.random.default_rng(2)
    cracked = 0
    for _ in range(20):
        sample = source.draw(rng, 32)
        assert sample.pixels.shape == (3, 32, 32)
        assert sample.known[0].all()
        assert not sample.known[1].any()  # nobody says where there is no rust
        cracked += bool(sample.target[0].any())
        # the labelled lines of that folder are 80 grey values darker: none may stand in a window unlabelled and undrawn
        if not sample.target[0].any():
            assert sample.pixels.mean() > 60
    assert 5 <= cracked < 20
    assert list(source.whole()) == []


def test_cracks_are_drawn_into_red_green_blue_alone(crack_folder: Path) -> None:
    with pytest.raises(ConfigError, match="the model reads nir"):
        open_source(config("pasted_cracks", crack_folder, split="train"), ("nir",), ("crack",))


def test_a_set_that_is_cracked_all_over_has_no_window_to_draw_into(tmp_path: Path) -> None:
    for folder, value in (("images", 120), ("masks", 255)):
        (tmp_path / folder).mkdir()
        cv2.imwrite(
            str(tmp_path / folder / "a.png"), np.full((64, 64, 3) if folder == "images" else (64, 64), value, np.uint8)
        )
    source = open_source(config("pasted_cracks", tmp_path), RGB, ("crack",))
    with pytest.raises(ConfigError, match="without a labelled crack"):
        source.draw(np.random.default_rng(0), 32)


def test_clean_pictures_are_known_to_show_no_crack_and_say_nothing_about_rust(walls: Path) -> None:
    source = open_source(config("clean_pictures", walls, scale=0.5), RGB, ("rust", "crack"))
    samples = list(source.whole())
    assert len(source) == len(samples) == 4
    assert samples[0].pixels.shape == (3, 48, 60)
    assert not samples[0].target.any()
    assert samples[0].known[1].all()
    assert not samples[0].known[0].any()
    assert [s.group for s in samples] == ["wall_0", "wall_0", "wall_1", "wall_1"]


def test_hairlines_are_the_same_for_the_same_seed_and_every_third_picture_has_none(walls: Path) -> None:
    def targets(seed: int) -> list[np.ndarray]:
        return [s.target for s in open_source(config("hairlines", walls, seed=seed), RGB, ("crack",)).whole()]

    first, again, other = targets(1), targets(1), targets(2)
    assert [bool(t.any()) for t in first] == [True, True, False, True]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_nothing_trains_on_hairlines(walls: Path) -> None:
    source = open_source(config("hairlines", walls), RGB, ("crack",))
    with pytest.raises(ConfigError, match="take pasted_cracks"):
        source.draw(np.random.default_rng(0), 32)


def test_a_folder_without_pictures_is_refused_with_what_was_looked_for(walls: Path) -> None:
    with pytest.raises(ConfigError, match="no picture that matches 'bridge"):
        open_source(config("clean_pictures", walls, match="bridge*"), RGB, ("crack",))
    with pytest.raises(ConfigError, match="no such folder"):
        open_source(config("clean_pictures", walls / "none"), RGB, ("crack",))
