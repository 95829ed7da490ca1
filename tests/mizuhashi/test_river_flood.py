"""`mizuhashi river flood` with the shipped models: generated floods, what the map says of itself, bad input."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from imagery.flood_planes import PLANES
from imagery.raster_out import decode_probability
from imagery.synthetic.flood_pairs import FloodPair, random_flood_pair
from tests.mizuhashi.conftest import Program

SIDE = 160
PICTURES = {"--s1-before": (0,), "--s1-after": (1,), "--before": (2, 3, 4), "--after": (5, 6, 7)}


@pytest.fixture(scope="module")
def flooded() -> FloodPair:
    """Return a pair without holes of which a fifth to a half is new water."""
    pair = random_flood_pair(np.random.default_rng(70), SIDE)
    assert 0.2 < pair.new_water.mean() < 0.5
    assert np.isfinite(pair.pixels).all()
    return pair


def _written(pair: FloodPair, folder: Path) -> dict[str, Path]:
    """Write the pair's pictures as users have them; return them by the option that takes them."""
    paths = {}
    for option, planes in PICTURES.items():
        paths[option] = folder / f"{option.strip('-')}.png"
        values = pair.pixels[list(planes)].astype(np.uint8)
        assert cv2.imwrite(str(paths[option]), values[0] if len(planes) == 1 else values[::-1].transpose(1, 2, 0))
    return paths


def _words(paths: dict[str, Path], *options: str) -> list[object]:
    return [word for option in options for word in (option, paths[option])]


def _iou(path: Path, threshold: float, pair: FloodPair) -> float:
    stored = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    found = np.nan_to_num(decode_probability(stored)) >= threshold
    both, either = found & pair.new_water & pair.known, (found | pair.new_water) & pair.known
    return float(both.sum() / either.sum())


def test_the_planes_of_the_generator_are_those_of_the_pictures() -> None:
    assert [PLANES[place] for places in PICTURES.values() for place in places] == list(PLANES)


def test_both_sensors_find_a_generated_flood_and_the_answer_says_new_water(
    program: Program, tmp_path: Path, flooded: FloodPair
) -> None:
    out = tmp_path / "map.png"
    ran = program("river", "flood", *_words(_written(flooded, tmp_path), *PICTURES), "--out", out, "--json")
    assert ran.status == 0
    document = ran.document
    assert (document["shows"], document["models"]) == ("new_water", ["flood@1"])
    assert document["observed"] == 1.0
    assert _iou(out, document["threshold"], flooded) > 0.6


def test_radar_alone_and_optical_alone_answer_and_another_pair_of_sensors_is_told_to_be_less_sure(
    program: Program, tmp_path: Path, flooded: FloodPair
) -> None:
    paths = _written(flooded, tmp_path)
    for options in (("--s1-before", "--s1-after"), ("--before", "--after"), ("--before", "--s1-after")):
        ran = program("river", "flood", *_words(paths, *options), "--out", tmp_path / "map.tif")
        assert ran.status == 0
        assert "probability of new water" in ran.out
        assert ("different sensors" in ran.out + ran.err) == (options == ("--before", "--s1-after"))


def test_without_a_picture_before_all_water_is_shown_and_labelled_so(
    program: Program, tmp_path: Path, flooded: FloodPair
) -> None:
    paths = _written(flooded, tmp_path)
    for option, model in (("--after", "water@1"), ("--s1-after", "radar-water@1")):
        ran = program("river", "flood", *_words(paths, option), "--out", tmp_path / "map.png")
        assert ran.status == 0
        assert "permanent water included: no picture before was given" in ran.out
        assert model in ran.out


def test_bad_input_is_told_with_its_remedy_and_leaves_no_map(
    program: Program, tmp_path: Path, flooded: FloodPair
) -> None:
    paths, out = _written(flooded, tmp_path), tmp_path / "map.png"
    small = tmp_path / "small.png"
    assert cv2.imwrite(str(small), np.full((40, 50), 100, np.uint8))
    for words, told in (
        (_words(paths, "--before"), "--after FILE"),
        (["--s1-after", paths["--s1-after"], "--s1-before", small], "50 x 40 px"),
        (["--after", paths["--s1-after"]], "optical pictures have three"),
        (["--after", tmp_path / "nothing.png"], "nothing.png"),
    ):
        ran = program("river", "flood", *words, "--out", out)
        assert ran.status != 0
        assert told in ran.err
        assert not out.exists()
