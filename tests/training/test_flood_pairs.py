"""Flood pairs as a source: the layout, held-out items, refusals; bands that go missing together."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from findings.errors import ConfigError
from imagery.flood_planes import PLANES
from tests.training.layouts import samples, source
from training.augment import keep_bands
from training.config import TrainConfig, read_config
from training.datasets import Source, open_source
from training.datasets.generated_flood import GeneratedFlood, GeneratedRadar

CLASSES = ("new_water",)
CONFIGS = Path(__file__).parents[2] / "training" / "configs"
SIDE = 32


def _write(root: Path, name: str, *, without: tuple[str, ...] = (), side: int = SIDE) -> None:
    rng = np.random.default_rng([*name.encode()])
    for kind in ("s1_before", "s1_after", "s2_before", "s2_after", "mask"):
        if kind in without:
            continue
        shape = (side, side, 3) if kind.startswith("s2") else (SIDE, SIDE)
        values = rng.integers(1, 255, shape, dtype=np.uint8)
        if kind == "mask":
            values = np.zeros((SIDE, SIDE), np.uint8)
            values[:, 20:] = 255
        elif kind == "s2_after":
            values[:4] = 0
            values[10, 10] = (30, 20, 10)  # written as blue, green, red
        path = root / "train" / kind / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), values)


def test_an_item_gives_eight_planes_in_order_and_black_optical_parts_are_not_observed(tmp_path: Path) -> None:
    _write(tmp_path, "0001")
    (sample,) = samples(source("flood_pairs", tmp_path, "train"), PLANES, CLASSES)
    assert sample.pixels.shape == (8, SIDE, SIDE)
    assert sample.pixels[5:, 10, 10].tolist() == [10, 20, 30]  # short-wave infrared is stored as red
    assert np.isnan(sample.pixels[5:, :4]).all()
    assert np.isfinite(sample.pixels[:5]).all()
    assert sample.target[0].mean() == pytest.approx(12 / SIDE)
    assert sample.known.all()


def test_a_sensor_that_an_item_lacks_is_missing_and_an_item_without_a_date_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, "0001", without=("s2_before", "s2_after"))
    (sample,) = samples(source("flood_pairs", tmp_path, "train"), PLANES, CLASSES)
    assert np.isnan(sample.pixels[2:]).all()
    _write(tmp_path, "0002", without=("s1_before", "s2_before"))
    with pytest.raises(ConfigError, match="no picture before the flood is named 0002"):
        samples(source("flood_pairs", tmp_path, "train"), PLANES, CLASSES)


def test_pictures_of_another_size_than_the_mask_and_bands_that_pairs_lack_are_refused(tmp_path: Path) -> None:
    _write(tmp_path, "0001", side=16)
    with pytest.raises(ConfigError, match="all of an item must be equal"):
        samples(source("flood_pairs", tmp_path, "train"), PLANES, CLASSES)
    with pytest.raises(ConfigError, match="have no band red"):
        samples(source("flood_pairs", tmp_path, "train"), ("red",), CLASSES)


def test_held_out_items_and_the_rest_share_none_and_leave_none_out(tmp_path: Path) -> None:
    for number in range(11):
        _write(tmp_path, f"{number:04d}")
    held, rest = ({item.name for item in _taken(tmp_path, take).items()} for take in ("held", "rest"))
    assert held == {"0000", "0005", "0010"}
    assert held | rest == {f"{number:04d}" for number in range(11)}
    assert not held & rest


def _taken(root: Path, take: str) -> Source:
    return open_source(source("flood_pairs", root, "train", options={"every": 5, "take": take}), PLANES, CLASSES)


def test_a_crop_keeps_one_whole_set_of_bands_as_often_as_its_weight_says() -> None:
    pixels = np.arange(4 * 4, dtype=np.float32).reshape(4, 2, 2)
    rng = np.random.default_rng(0)
    kept = [tuple(np.isfinite(keep_bands(pixels, [[0, 1], [2, 3]], [0.8, 0.2], rng))[:, 0, 0]) for _ in range(400)]
    assert set(kept) == {(True, True, False, False), (False, False, True, True)}
    assert kept.count((True, True, False, False)) / 400 == pytest.approx(0.8, abs=0.07)


def test_the_configurations_read_and_what_ships_is_taught_by_generated_pairs_alone() -> None:
    names = ("flood-1", "radar-water-1", "flood-ombria")
    flood, radar, ombria = (read_config(CONFIGS / f"{name}.yaml") for name in names)
    assert {s.kind for s in flood.train} == {"generated_flood"}
    assert {s.kind for s in radar.train} == {"generated_radar"}
    assert all(s.ships for s in (*flood.train, *radar.train))
    assert [s.ships for s in ombria.train if s.kind == "flood_pairs"] == [False]
    broken = {**flood.model_dump(mode="json"), "band_sets": [{"bands": ["red"]}]}
    with pytest.raises(ValidationError, match="band_sets name red"):
        TrainConfig.model_validate(broken)


def test_generated_sources_give_the_bands_that_are_asked_for_and_refuse_others() -> None:
    flood = GeneratedFlood(("s1_after", "swir_after"), CLASSES, 3, {"whole": 1, "whole_px": 64})
    (whole,) = flood.whole()
    all_bands = next(iter(GeneratedFlood(PLANES, CLASSES, 3, {"whole": 1, "whole_px": 64}).whole()))
    np.testing.assert_array_equal(whole.pixels, all_bands.pixels[[1, 5]])
    radar = GeneratedRadar(("vh",), ("water",), 3, {"whole": 1, "whole_px": 64})
    assert next(iter(radar.whole())).pixels.shape == (1, 64, 64)
    with pytest.raises(ConfigError, match="draws no band red"):
        GeneratedFlood(("red",), CLASSES, 3, {})
    with pytest.raises(ConfigError, match="option whole"):
        GeneratedRadar(("vv",), ("water",), 3, {"whole": -1})


@pytest.mark.realdata
def test_the_given_pairs_are_read_whole(shared_data: Path) -> None:
    root = shared_data / "water" / "floodpairs"
    for split, count in (("train", 60), ("test", 70)):
        opened = open_source(source("flood_pairs", root, split), PLANES, CLASSES)
        assert len(opened) == count
    first = next(iter(opened.whole()))
    assert first.pixels.shape == (8, 256, 256)
    assert np.isfinite(first.pixels).mean() > 0.85
