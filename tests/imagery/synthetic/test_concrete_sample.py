from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from imagery.synthetic.concrete_camera import Shot, take
from imagery.synthetic.concrete_cracks import add_crack, add_map_cracks
from imagery.synthetic.concrete_joints import add_joints
from imagery.synthetic.concrete_labels import line_contrast, project, runs, truth_of, warp
from imagery.synthetic.concrete_light import light_scene
from imagery.synthetic.concrete_plan import Shares
from imagery.synthetic.concrete_sample import DamageSample, random_sample
from imagery.synthetic.concrete_scene import CLASSES, Scene
from imagery.synthetic.concrete_spalls import add_honeycomb, add_spall
from imagery.synthetic.concrete_water import add_damp_patch, add_lime, add_rust_run, add_rust_spot, spot_source
from imagery.synthetic.surface import Surface

SIDE = 256
STRAIGHT = np.eye(3)
CLEAR = Shot(
    level=0.2, metered=1.0, cast=(1.0, 1.0, 1.0), blur_px=0.4, defocus_px=0.0, motion_px=0.0, aberration_px=0.0,
    noise=0.5, smear=0.0, sharpening=0.0, radius_px=1.0, contrast=1.0, haze=0.0, saturation=1.0, resample=1.0,
    jpeg_quality=None,
)  # fmt: skip
POOR = Shot(**{name: getattr(CLEAR, name) for name in CLEAR.__slots__} | {"jpeg_quality": 40, "noise": 3.0})


def plain_scene(grey: float = 0.2) -> Scene:
    """A wall without any texture: all that is to be seen on it has been painted."""
    colour = np.full((SIDE, SIDE, 3), grey, dtype=np.float32)
    return Scene(Surface(colour, np.zeros((SIDE, SIDE), dtype=np.float32), 0.5), light_rad=0.8)


def change(scene: Scene, grey: float = 0.2) -> np.ndarray:
    """Return how much the colour differs from the bare wall's, as a share of it."""
    return np.asarray(np.abs(scene.surface.colour / grey - 1).max(axis=2))


@pytest.fixture(scope="module")
def samples() -> list[DamageSample]:
    return [random_sample(np.random.default_rng([3, number]), 48) for number in range(200)]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_sample() -> None:
    first, again, other = (random_sample(np.random.default_rng(seed), 96) for seed in (4, 4, 5))
    for name in CLASSES:
        assert first.masks[name].tobytes() == again.masks[name].tobytes()
        assert first.unsure[name].tobytes() == again.unsure[name].tobytes()
    assert first.image.tobytes() == again.image.tobytes()
    assert first.coverage.tobytes() == again.coverage.tobytes()
    assert first.image.tobytes() != other.image.tobytes()


def test_samples_show_every_class_about_as_often_as_asked(samples: list[DamageSample]) -> None:
    shown = {name: np.mean([sample.masks[name].any() for sample in samples]) for name in CLASSES}
    for name in ("crack", "spalling", "efflorescence", "rust", "wet_spot"):
        usual = Shares().damage * getattr(Shares(), name)
        assert 0.5 * usual < shown[name] < 1.6 * usual, (name, shown[name])
    assert 0.03 < shown["exposed_rebar"] < shown["spalling"]
    clean = np.mean([not any(mask.any() for mask in sample.masks.values()) for sample in samples])
    assert 1 - Shares().damage < clean < 0.45


def test_masks_belong_to_the_picture_and_no_pixel_is_both_labelled_and_doubtful(samples: list[DamageSample]) -> None:
    for sample in samples:
        assert set(sample.masks) == set(sample.unsure) == set(CLASSES)
        assert sample.image.shape == (48, 48, 3)
        assert sample.image.dtype == np.uint8
        assert 0.1 < sample.gsd_mm < 8
        assert sample.coverage.min() >= 0
        assert sample.coverage.max() <= 1
        assert not any((sample.masks[name] & sample.unsure[name]).any() for name in CLASSES)
        assert not (sample.masks["exposed_rebar"] & ~binary_dilation(sample.masks["spalling"])).any()


def test_pictures_without_damage_hold_joints_and_more_and_no_truth() -> None:
    drawn = [random_sample(np.random.default_rng([9, n]), 64, shares=Shares(damage=0.0)) for n in range(20)]
    for sample in drawn:
        assert not sample.coverage.any()
        # Rust below a tie hole is rust wherever it is.
        assert not any(sample.masks[name].any() for name in CLASSES if name != "rust")
    assert np.mean([sample.image.std() > 8 for sample in drawn]) > 0.5


@pytest.mark.parametrize("seed", range(4))
def test_joints_cross_the_picture_and_are_no_cracks(seed: int) -> None:
    scene = plain_scene()
    (start, end), *_ = add_joints(np.random.default_rng(seed), scene, 2)
    image = take(np.random.default_rng(0), light_scene(np.random.default_rng(seed), scene), CLEAR)
    masks, unsure, coverage = truth_of(scene, STRAIGHT, image, 3.0)
    along = np.asarray(start) + np.linspace(0, 1, 2000)[:, None] * (np.asarray(end) - np.asarray(start))
    inside = along[((along > 3) & (along < SIDE - 3)).all(axis=1)].astype(int)
    near = np.asarray(binary_dilation(change(scene) > 0.04, iterations=4))
    assert near[inside[:, 1], inside[:, 0]].mean() > 0.6
    assert not coverage.any()
    assert not any(masks[name].any() or unsure[name].any() for name in CLASSES)


def lime(rng: np.random.Generator, scene: Scene) -> None:
    add_lime(rng, scene, spot_source(rng, scene))


def rust(rng: np.random.Generator, scene: Scene) -> None:
    add_rust_run(rng, scene, 120.0, 40.0, 12.0)


PAINTERS: tuple[tuple[str, Callable[[np.random.Generator, Scene], object]], ...] = (
    ("spalling", add_spall), ("efflorescence", lime), ("rust", rust), ("rust", add_rust_spot),
    ("wet_spot", add_damp_patch),
)  # fmt: skip


@pytest.mark.parametrize(("name", "paint"), PAINTERS)
def test_a_mask_holds_what_was_painted_and_nothing_else(
    name: str, paint: Callable[[np.random.Generator, Scene], object]
) -> None:
    found = 0
    for seed in range(6):
        scene = plain_scene()
        paint(np.random.default_rng(seed), scene)
        mask, changed = scene.truth[name] >= 0.5, change(scene)
        if not mask.any():
            continue
        found += 1
        assert np.mean(changed[mask] > 0.05) > 0.93
        others = np.maximum.reduce([scene.truth[other] for other in CLASSES])
        untouched = ~binary_dilation(others > 0.02, iterations=24)
        assert np.mean(changed[untouched] > 0.05) < 0.02 if untouched.any() else True
    assert found >= 3


def test_a_spall_is_rougher_than_the_wall_and_its_bars_lie_in_it() -> None:
    steel = 0
    for seed in range(6):
        scene = plain_scene()
        add_spall(np.random.default_rng(seed), scene, centre=(128.0, 128.0), radius_px=70.0, bars=True)
        broken = scene.truth["spalling"] >= 0.5
        grey = scene.surface.colour.mean(axis=2)
        far = ~binary_dilation(scene.truth["spalling"] + scene.truth["rust"] > 0.02, iterations=12)
        assert grey[broken].std() > 5 * grey[far].std()
        bars = scene.truth["exposed_rebar"] >= 0.5
        assert not (bars & ~broken).any()
        if bars.any():
            steel += 1
            red, _, blue = scene.surface.colour[bars].mean(axis=0)
            assert red > 1.15 * blue
    assert steel >= 4


def test_wet_concrete_is_darker_and_honeycombing_is_no_spall() -> None:
    scene = plain_scene()
    add_damp_patch(np.random.default_rng(1), scene)
    wet = scene.truth["wet_spot"] >= 0.5
    assert scene.surface.colour[wet].mean() < 0.85 * 0.2
    nest = plain_scene()
    add_honeycomb(np.random.default_rng(1), nest)
    assert change(nest).max() > 0.3
    assert not any(plane.any() for plane in nest.truth.values())


@pytest.mark.parametrize("width_px", [0.5, 2.0, 6.0, 24.0])
def test_the_coverage_of_cracks_integrates_to_length_times_width(width_px: float) -> None:
    found = true = 0.0
    for seed in range(4):
        scene = plain_scene()
        heading = 0.3 + 0.2 * seed
        add_crack(np.random.default_rng(seed), scene, width_px=width_px, start=(8.0, 60.0), heading=heading, branches=0)
        (line,) = scene.lines
        steps = np.linalg.norm(np.diff(line.centre_px, axis=0), axis=1)
        inside = np.all((line.centre_px > 0) & (line.centre_px < SIDE), axis=1)
        width = 0.5 * (line.width_px[1:] + line.width_px[:-1])
        true += float((steps * width * (inside[1:] & inside[:-1])).sum())
        found += float(scene.coverage.sum(dtype=np.float64))
    assert found == pytest.approx(true, rel=0.05)


def best_shift(dark: np.ndarray, coverage: np.ndarray) -> tuple[int, int]:
    """Return the shift in pixels at which a picture's darkness fits the coverage best."""
    inner = coverage[8:-8, 8:-8]
    score = {
        (dy, dx): float((np.roll(dark, (dy, dx), (0, 1))[8:-8, 8:-8] * inner).sum())
        for dy in range(-2, 3)
        for dx in range(-2, 3)
    }
    return max(score, key=lambda key: score[key])


LEANING = np.array([[1.05, 0.08, -9.0], [-0.05, 0.97, 4.0], [2e-4, -1.5e-4, 1.0]])
QUARTER = np.array([[0.0, -1.0, SIDE], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize("shot", [CLEAR, POOR], ids=["as the sensor saw it", "JPEG 40"])
@pytest.mark.parametrize("view", [STRAIGHT, LEANING, QUARTER], ids=["straight", "aslant", "turned"])
def test_picture_and_masks_move_together_and_compression_moves_neither(view: np.ndarray, shot: Shot) -> None:
    scene = plain_scene()
    for seed, heading in ((1, 0.6), (2, -1.0)):
        start = (30.0, 128.0)
        add_crack(np.random.default_rng(seed), scene, width_px=4.0, start=start, heading=heading, branches=0.0)
    image = take(np.random.default_rng(0), warp(scene.surface.colour, view, SIDE), shot)
    masks, _, coverage = truth_of(scene, view, image, 3.0)
    grey = image.astype(float).mean(axis=2)
    dark = np.clip(np.median(grey) - grey, 0, None)
    assert best_shift(dark, coverage) == (0, 0)
    points = project(np.concatenate([line.centre_px for line in scene.lines]), view)
    wide = np.concatenate([line.width_px for line in scene.lines]) > 2.5
    col, row = np.floor(points[wide]).astype(int).T
    inside = (col >= 1) & (row >= 1) & (col < SIDE - 1) & (row < SIDE - 1)
    assert inside.sum() > 50
    assert (coverage[row[inside], col[inside]] > 0.9).mean() > 0.95
    assert masks["crack"][row[inside], col[inside]].mean() > 0.9


def test_the_whole_of_a_wide_gap_is_crack() -> None:
    for seed in range(3):
        scene = plain_scene()
        add_crack(np.random.default_rng(seed), scene, width_px=30.0, start=(-20.0, 120.0), heading=0.0, branches=0.0)
        image = take(np.random.default_rng(0), scene.surface.colour, CLEAR)
        masks, _, coverage = truth_of(scene, STRAIGHT, image, 3.0)
        gap = coverage >= 0.5
        assert gap.sum() > 2000
        assert masks["crack"][gap].mean() > 0.97


def test_a_hairline_on_a_smooth_wall_is_labelled_and_one_in_noise_is_not() -> None:
    scene = plain_scene()
    add_crack(np.random.default_rng(0), scene, width_px=1.0, start=(10.0, 30.0), heading=0.7, branches=0.0)
    rng = np.random.default_rng(0)
    smooth = take(rng, scene.surface.colour, CLEAR)
    rough = rng.normal(120, 30, smooth.shape).clip(0, 255).astype(np.uint8)
    seen, _, coverage = truth_of(scene, STRAIGHT, smooth, 3.0)
    blind, doubtful, _ = truth_of(scene, STRAIGHT, rough, 3.0)
    assert seen["crack"][coverage > 0.4].mean() > 0.8
    assert seen["crack"].sum() > 2.2 * (coverage > 0.4).sum()  # drawn three pixels wide, as people draw
    assert not blind["crack"].any()
    assert doubtful["crack"].sum() < 0.5 * seen["crack"].sum()


def test_a_line_that_is_faint_for_most_of_its_length_is_left_open() -> None:
    scene = plain_scene()
    add_crack(np.random.default_rng(0), scene, width_px=3.0, start=(10.0, 30.0), heading=0.7, branches=0.0)
    noise = np.random.default_rng(1).normal(0, 9, (SIDE, SIDE))
    labelled, doubtful = [], []
    for darkness in (4.0, 40.0):
        grey = np.clip(130 + noise - darkness * scene.coverage, 0, 255).astype(np.uint8)
        masks, unsure, _ = truth_of(scene, STRAIGHT, np.repeat(grey[..., None], 3, axis=2), 3.0)
        labelled.append(int(masks["crack"].sum()))
        doubtful.append(int(unsure["crack"].sum()))
    assert labelled[0] == 0
    assert doubtful[0] > 100
    assert labelled[1] > 400


def test_contrast_is_darkness_against_both_sides_so_that_the_border_of_two_tones_has_none() -> None:
    grey = np.full((64, 64), 120, dtype=np.float32)
    grey[32:] = 60
    grain = np.full_like(grey, 4)
    points = np.column_stack([np.arange(4, 60, 0.5), np.full(112, 32.0)])
    assert not line_contrast(grey, grain, points, np.ones(112)).any()
    grey[30:34] = 20
    assert line_contrast(grey, grain, points, np.full(112, 4.0)).min() > 5


def test_people_draw_through_short_gaps_and_leave_out_dashes() -> None:
    plain = np.zeros(300, dtype=bool)
    plain[10:100] = plain[110:200] = True  # 5 px between them
    plain[250:260] = True
    assert runs(plain, np.ones(300, dtype=bool)) == [(10, 200)]


def test_what_is_laid_over_a_crack_or_breaks_it_off_is_taken_out_of_its_truth() -> None:
    scene = plain_scene()
    add_map_cracks(np.random.default_rng(2), scene)
    add_spall(np.random.default_rng(0), scene, centre=(128.0, 128.0), radius_px=60.0, bars=False)
    broken = scene.truth["spalling"] > 0.95
    assert scene.coverage.any()
    assert scene.coverage[broken].max() < 0.06
    image = take(np.random.default_rng(0), scene.surface.colour, CLEAR)
    masks, _, _ = truth_of(scene, STRAIGHT, image, 1.0)
    assert masks["crack"].any()
    assert (masks["crack"] & broken).mean() < 0.001
    body = np.zeros(scene.shape, dtype=np.float32)
    body[:, 100:160] = 1
    scene.hide(body)
    assert not any(plane[:, 100:160].any() for plane in scene.truth.values())


def test_an_impossible_size_or_share_is_refused_with_the_value() -> None:
    with pytest.raises(ValueError, match="16 px: expected a side of at least 32"):
        random_sample(np.random.default_rng(0), 16)
    with pytest.raises(ValueError, match=r"crack 1.5: expected a share from 0 to 1"):
        Shares(crack=1.5)
