"""Photo masks: what is out of focus, clipped, moved or behind haze is found, and sound concrete is left alone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from findings.survey import Quality, Scale, ScaleSource
from imagery.mask_files import write_mask
from imagery.masks import Classes, MaskClass
from imagery.quality import assess, examine
from imagery.quality.defocus import spread_map
from imagery.quality.motion import find_motion
from imagery.reader import open_image
from imagery.types import FloatArray
from tests.imagery.files import UTM, write_tif

FINE = Scale(0.25, 0.01, ScaleSource.GIVEN_GSD)


def wall(height: int = 512, width: int = 768, seed: int = 0, exponent: float = 1.0) -> FloatArray:
    """Return grey values whose amplitude falls as 1 / frequency**exponent, around 140, as textures do."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1.0
    texture = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(height, width))) / frequency**exponent, s=(height, width))
    return np.asarray(140 + 22 * (texture - texture.mean()) / texture.std(), np.float32)


def _eight_bit(grey: FloatArray, noise: float = 0.5) -> NDArray[np.uint8]:
    noisy = grey + np.random.default_rng(1).normal(0, noise, grey.shape)
    return np.asarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


def _soft(grey: FloatArray, spread: float) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), spread), np.float32)


def _look(tmp_path: Path, grey: FloatArray | NDArray[np.uint8]) -> tuple[Quality, Classes]:
    picture = grey.astype(np.uint8) if grey.dtype == np.uint8 else _eight_bit(grey.astype(np.float32))
    Image.fromarray(picture).save(tmp_path / "a.png")
    with open_image(tmp_path / "a.png") as reader:
        quality, classes = examine(reader, FINE)
    assert classes is not None
    return quality, classes


@pytest.mark.parametrize("spread", [1.0, 2.0, 4.0, 6.0])
def test_the_spread_of_a_texture_is_measured_without_edges(spread: float) -> None:
    found = spread_map(_eight_bit(_soft(wall(), spread)), 0.5)
    assert float(np.nanmedian(found)) == pytest.approx(spread, rel=0.25)


def test_a_partly_sharp_picture_keeps_its_sharp_part(tmp_path: Path) -> None:
    picture = wall()
    picture[:, 384:] = _soft(picture, 8.0)[:, 384:]
    quality, classes = _look(tmp_path, picture)
    assert (classes[:, 448:] == MaskClass.BLUR).mean() > 0.9
    assert not classes[:, :384].any()
    assert quality.assessable
    assert quality.masked_share == pytest.approx((classes > 0).mean())
    share = f"{quality.masked_share:.0%}"
    assert f"{share} of the pixels must not be judged: blurred {share}" in quality.warnings


def test_the_soft_edge_of_a_shadow_on_sharp_concrete_is_not_blurred(tmp_path: Path) -> None:
    rows = np.arange(512)[:, None]
    picture = wall() * (0.6 + 0.4 / (1 + np.exp((rows - 250) / 14.0)))  # an edge of a shadow, 14 px wide
    assert not _look(tmp_path, np.asarray(picture, np.float32))[1].any()


def test_the_black_inside_of_a_crack_stays_and_a_black_hole_does_not(tmp_path: Path) -> None:
    picture = wall()
    picture[:, 300:330] = 0  # a gap of 30 px
    picture[100:300, 500:700] = 0
    picture[400:420, 20:40] = 255  # white deposit without structure
    picture[450:454, 100:104] = 255  # a glint
    clean = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    _, classes = _look(tmp_path, clean)
    assert not classes[:, 290:340].any()
    assert (classes[100:300, 500:700] == MaskClass.UNDEREXPOSED).all()
    assert (classes == MaskClass.UNDEREXPOSED).sum() == 200 * 200
    assert (classes[400:420, 20:40] == MaskClass.OVEREXPOSED).all()
    assert (classes == MaskClass.OVEREXPOSED).sum() == 20 * 20


@pytest.mark.parametrize(("length", "direction"), [(7.0, 0.0), (14.0, 30.0), (24.0, 110.0)])
def test_motion_is_found_with_length_and_direction(length: float, direction: float) -> None:
    found = find_motion(_eight_bit(_moved(wall(), length, direction)))
    assert found is not None
    assert found.length_px == pytest.approx(length, abs=1.5)
    assert abs((found.direction_deg - direction + 90) % 180 - 90) < 8


def test_neither_sharp_textures_nor_patterns_nor_a_lens_out_of_focus_look_like_motion() -> None:
    boards = wall()
    boards[:, ::32] = 40  # repeats every 32 px
    for picture in (wall(), boards, wall(exponent=1.6), _soft(wall(), 4.0)):
        assert find_motion(_eight_bit(picture)) is None


def test_a_ghost_image_is_sharp_and_therefore_no_motion() -> None:
    picture = wall(exponent=0.6)
    ghost = picture - 0.5 * np.roll(picture, (11, 17), axis=(0, 1))  # the same peak in the cepstrum as motion makes
    assert find_motion(_eight_bit(np.asarray(ghost - ghost.mean() + 140, np.float32))) is None


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["31_4", "66_1"])
def test_boards_and_blocks_of_compression_are_no_motion(name: str, shared_data: Path) -> None:
    """The two sound walls with the deepest peaks: 32 px along the columns (four blocks of a JPEG), and a pattern."""
    folder = shared_data / "anomaly" / "concrete_normal"
    (path,) = folder.rglob(f"noncrack_concrete_wall_{name}.jpg")
    with Image.open(path) as picture:
        assert find_motion(np.asarray(picture.convert("L"))) is None


def test_a_shaken_picture_is_refused_and_a_slightly_moved_one_is_told(tmp_path: Path) -> None:
    shaken, _ = _look(tmp_path, _moved(wall(), 16.0, 30.0))
    assert not shaken.assessable
    assert shaken.reasons[0].startswith("motion blur: moved by 16 px during the exposure, ")
    assert shaken.motion_px == pytest.approx(16, abs=1)
    slight, _ = _look(tmp_path, _moved(wall(), 7.0, 0.0))
    assert slight.assessable
    assert any(text.startswith("motion blur: moved by 7 px") for text in slight.warnings)


def test_haze_is_a_warning_and_hides_pixels_only_where_nothing_but_noise_is_left(tmp_path: Path) -> None:
    scene = wall() - 80  # as dark as concrete in shade
    thin, thin_mask = _look(tmp_path, np.asarray(scene * 0.25 + 230 * 0.75, np.float32))
    assert any(text.startswith("hazy: up to") for text in thin.warnings)
    assert thin.haze is not None
    assert not (thin_mask == MaskClass.HAZE).any()
    thick, thick_mask = _look(tmp_path, np.asarray(scene * 0.03 + 230 * 0.97, np.float32))
    assert (thick_mask == MaskClass.HAZE).mean() > 0.9
    assert not thick.assessable or thick.masked_share > 0.9
    clear, clear_mask = _look(tmp_path, scene)
    assert clear.haze is not None
    assert clear.haze < 0.3
    assert not clear_mask.any()


def test_plain_plaster_beside_a_dark_joint_is_no_haze(tmp_path: Path) -> None:
    picture = np.full((512, 768), 185.0, np.float32)
    picture[:, 380:400] = 30
    quality, classes = _look(tmp_path, picture)
    assert not classes.any()
    assert not any("hazy" in text for text in quality.warnings)


def test_a_scene_is_judged_by_what_its_mask_leaves(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(1, 9000, (3, 40, 50), dtype=np.int16)
    path = write_tif(tmp_path / "a.tif", values, ("B3", "B4", "B8"), **UTM)
    classes = np.zeros((40, 50), np.uint8)
    classes[:30] = MaskClass.CLOUD
    with open_image(path, mask=write_mask(tmp_path / "m.tif", classes)) as reader:
        part = assess(reader, Scale())
    assert (part.assessable, part.masked_share, part.valid_share) == (True, 0.75, 1.0)
    assert part.warnings == ("75% of the pixels must not be judged: cloud 75%",)
    with open_image(path, mask=write_mask(tmp_path / "n.tif", np.full((40, 50), MaskClass.SNOW, np.uint8))) as reader:
        whole = assess(reader, Scale())
    assert whole.reasons == ("100% of the pixels must not be judged: snow 100%",)
    assert not any("band" in text for text in whole.warnings)
    values[:, 30:] = 700
    write_tif(path, values, ("B3", "B4", "B8"), **UTM)
    with open_image(path, mask=tmp_path / "m.tif") as reader:
        assert assess(reader, Scale()).reasons == ("all pixels have one value (700)",)


def _moved(grey: FloatArray, length: float, direction: float) -> FloatArray:
    """Return the mean over a straight path of ``length`` px, by the spectrum: exact for any length and direction."""
    angle = np.radians(direction)
    along = np.fft.fftfreq(grey.shape[0])[:, None] * np.sin(angle) + np.fft.rfftfreq(grey.shape[1])[None] * np.cos(
        angle
    )
    return np.asarray(np.fft.irfft2(np.fft.rfft2(grey) * np.sinc(length * along), s=grey.shape), np.float32)


@pytest.mark.realdata
@pytest.mark.slow
def test_sound_pictures_are_left_alone(shared_data: Path) -> None:
    cracks = shared_data / "cracks"
    folders = {
        "uav_concrete": (cracks / "uav_concrete" / "images", 0.0005),
        "road_frames": (cracks / "road_frames" / "images", 0.0005),
        "brighton": (shared_data / "drone" / "brighton_beach", 0.0005),
    }
    for folder, limit in folders.values():
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".webp"))[::4]
        found = []
        for path in files:
            with open_image(path) as reader:
                found.append(assess(reader, FINE))
        assert all(quality.assessable and quality.motion_px is None for quality in found)
        assert float(np.mean([quality.masked_share for quality in found])) < limit
