"""The quality gate: blur and noise that were put in come out; what cannot be judged says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, special

from findings.survey import Quality, Scale, ScaleSource
from imagery.quality import assess, edge_spreads, noise_sigma
from imagery.reader import open_image
from imagery.types import FloatArray
from tests.imagery.files import UTM, write_tif

FINE = Scale(0.25, 0.01, ScaleSource.GIVEN_GSD)


def _steps(blur_px: float, noise: float, side: int = 320) -> FloatArray:
    """Return tilted rectangles of random grey whose edges are Gaussian integrals of a known sigma, with noise."""
    rng = np.random.default_rng(11)
    picture = np.full((side, side), 128, np.float32)
    rows, cols = np.mgrid[:side, :side]
    for _ in range(14):
        x, y, angle = *rng.uniform(0, side, 2), rng.uniform(0, 6.28)
        along = (cols - x) * np.cos(angle) + (rows - y) * np.sin(angle)
        across = (rows - y) * np.cos(angle) - (cols - x) * np.sin(angle)
        half = rng.uniform(30, 100, 2)
        cover = special.ndtr((half[0] - abs(along)) / blur_px) * special.ndtr((half[1] - abs(across)) / blur_px)
        picture += (rng.uniform(40, 210) - picture) * cover
    return np.asarray(picture + rng.normal(0, noise, picture.shape), np.float32)


def _judge(path: Path, scale: Scale = FINE, bands: tuple[str, ...] | None = None) -> Quality:
    with open_image(path, bands=bands) as reader:
        return assess(reader, scale)


@pytest.mark.parametrize(("blur_px", "noise"), [(0.6, 1.0), (1.0, 3.0), (2.0, 1.0), (4.0, 3.0)])
def test_blur_and_noise_that_were_put_in_are_measured(blur_px: float, noise: float) -> None:
    picture = _steps(blur_px, noise)
    assert float(np.median(edge_spreads(picture))) == pytest.approx(blur_px, rel=0.12)
    assert noise_sigma(picture) == pytest.approx(noise, rel=0.15)


def test_cracks_are_no_edges() -> None:
    picture = np.full((200, 200), 150, np.float32)
    picture[:, 60::40] = 60
    picture = ndimage.gaussian_filter(picture, 1.0) + np.random.default_rng(0).normal(0, 1, picture.shape)
    assert len(edge_spreads(picture.astype(np.float32))) == 0


def test_a_sharp_picture_passes_and_a_shaken_one_does_not(tmp_path: Path) -> None:
    for name, blur in (("sharp", 0.7), ("soft", 3.5), ("shaken", 10.0)):
        Image.fromarray(np.clip(_steps(blur, 1.0), 0, 255).astype(np.uint8)).save(tmp_path / f"{name}.png")
    sharp = _judge(tmp_path / "sharp.png")
    assert (sharp.assessable, sharp.reasons, sharp.warnings) == (True, (), ())
    assert sharp.blur_px == pytest.approx(0.7, abs=0.15)
    assert sharp.noise == pytest.approx(1, abs=0.3)
    assert _judge(tmp_path / "soft.png").warnings[0].startswith("soft: sharpest edges spread 3.")
    shaken = _judge(tmp_path / "shaken.png")
    assert not shaken.assessable
    assert shaken.reasons[0].startswith("blurred")


def test_pictures_without_information_say_why(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    dark, flat = rng.integers(0, 4, (80, 80), dtype=np.uint8), np.full((80, 80), 90, np.uint8)
    for name, values in (("dark", dark), ("white", 255 - dark), ("flat", flat)):
        Image.fromarray(values).save(tmp_path / f"{name}.png")
    assert _judge(tmp_path / "dark.png").reasons == ("100% of the pixels are black",)
    assert _judge(tmp_path / "white.png").reasons == ("100% of the pixels are white",)
    assert _judge(tmp_path / "flat.png").reasons == ("all pixels have one value (90)",)
    gaps = write_tif(tmp_path / "gaps.tif", np.zeros((4, 600, 20), np.uint16), nodata=0, **UTM)
    assert _judge(gaps).reasons == ("all pixels are nodata",)


def test_one_observation_in_the_last_corner_is_found(tmp_path: Path) -> None:
    values = np.zeros((2, 700, 30), np.uint16)
    values[0, 699, 29], values[1, 699, 28] = 5, 6
    found = _judge(write_tif(tmp_path / "a.tif", values, nodata=0, **UTM))
    assert found.assessable
    assert found.valid_share == 2 / 21_000


def test_a_band_of_nan_and_a_mostly_empty_scene_are_warned_of(tmp_path: Path) -> None:
    values = np.full((2, 20, 20), np.nan, np.float32)
    values[0, :10] = np.arange(20)
    found = _judge(write_tif(tmp_path / "a.tif", values, **UTM), bands=("nir", "green"))
    assert found.assessable
    assert found.warnings == (
        "only 50% of the pixels hold an observation",
        "band(s) without any observation: green",
    )


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        (Scale(0.3, 0.01, ScaleSource.GIVEN_GSD), None),
        (Scale(0.5, 0.01, ScaleSource.GIVEN_GSD), "below 0.2 mm are not resolved"),
        (Scale(17.0, 0.01, ScaleSource.NADIR_ALTITUDE), "too coarse for crack widths"),
        (Scale(note="give --gsd-mm"), "sizes in pixels only (give --gsd-mm)"),
    ],
)
def test_the_capture_recipe_is_the_measure_of_the_scale(scale: Scale, words: str | None, tmp_path: Path) -> None:
    Image.fromarray(np.clip(_steps(0.7, 1.0, 120), 0, 255).astype(np.uint8)).save(tmp_path / "a.png")
    warnings = _judge(tmp_path / "a.png", scale).warnings
    assert (words is None and not warnings) or (words is not None and words in warnings[0])
