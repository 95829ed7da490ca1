from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from imagery.synthetic.concrete import CLASSES, ConcreteSpec, generate_concrete

# A wall without texture under even light, seen by a camera without noise: only the crack is left to measure.
PLAIN = ConcreteSpec(
    width_px=320, height_px=320, gsd_mm=0.5, crack_direction_deg=90.0, branches=0.0, edge_dirt=0.0, mottling=0.0,
    grain=0.0, wear=0.0, bug_holes_per_m2=0.0, light_gradient=0.0, vignetting=0.0, relief=0.0, noise=0.0,
    sharpening=0.0, jpeg_quality=None, crack_core=(0.1, 0.1),
)  # fmt: skip
FULL = ConcreteSpec(
    width_px=300, height_px=260, cracks=3, spalls=1, spall_radius_mm=(25.0, 35.0), bars=1.0, efflorescence=1,
    rust_stains=1, joints=1, cables=1, tie_holes=1, board_mm=60.0, run_downs=2, moss=0.5, wetness=0.5, shadow=0.5,
)  # fmt: skip


def linear(values: np.ndarray) -> np.ndarray:
    share = values.astype(np.float64) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_picture() -> None:
    first, again, other = (generate_concrete(np.random.default_rng(seed), FULL) for seed in (4, 4, 5))
    assert first.image.tobytes() == again.image.tobytes()
    assert first.coverage.tobytes() == again.coverage.tobytes()
    assert first.image.tobytes() != other.image.tobytes()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_crack_mask_holds_half_covered_pixels_and_nothing_that_is_not_covered(seed: int) -> None:
    photo = generate_concrete(np.random.default_rng(seed), FULL)
    crack = photo.masks["crack"]
    assert set(photo.masks) == set(CLASSES)
    assert photo.image.shape == (260, 300, 3)
    assert crack[photo.coverage >= 0.5].all()
    assert (photo.coverage[crack] > 0).all()
    assert photo.coverage.min() >= 0
    assert photo.coverage.max() <= 1
    assert not (crack & photo.masks["spalling"]).any()
    assert not (photo.masks["exposed_rebar"] & ~photo.masks["spalling"]).any()


@pytest.mark.parametrize("width_mm", [0.2, 0.5, 2.0])
def test_the_darkness_across_a_crack_integrates_to_its_width(width_mm: float) -> None:
    # A little noise, or rounding to whole grey values would shift the wall against the crack.
    spec = replace(PLAIN, cracks=1, crack_width_mm=(width_mm, width_mm), noise=1.0)
    found, true = 0.0, 0.0
    for seed in range(6):
        photo = generate_concrete(np.random.default_rng(seed), spec)
        light = linear(photo.image[..., 1])
        near = binary_dilation(photo.coverage > 0, iterations=4)
        wall = light[~near].mean()
        found += float(((wall - light) / wall)[near].sum()) / (1 - 0.1) * spec.gsd_mm**2
        true += sum(crack.width_mean_mm * crack.length_mm for crack in photo.cracks)
    assert found == pytest.approx(true, rel=0.1)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.25, 1.0))
def test_no_crack_is_wider_than_asked_and_its_figures_agree(seed: int, gsd_mm: float) -> None:
    spec = replace(PLAIN, cracks=2, branches=1.0, gsd_mm=gsd_mm, crack_width_mm=(0.2, 1.5))
    for crack in generate_concrete(np.random.default_rng(seed), spec).cracks:
        assert 0 < crack.width_mean_mm <= crack.width_p95_mm + 1e-9 <= crack.width_max_mm + 2e-9 <= 1.5 + 1e-6
        assert len(crack.width_mm) == len(crack.centreline_mm) == len(crack.visible)
        assert crack.length_mm > 0


def test_confusers_alone_leave_an_empty_crack_truth() -> None:
    spec = replace(FULL, cracks=0, spalls=0, rust_stains=0, efflorescence=0, wetness=0.0)
    photo = generate_concrete(np.random.default_rng(1), spec)
    assert photo.cracks == ()
    assert not any(mask.any() for mask in photo.masks.values())
    assert photo.image.std() > 3


def test_a_cable_hides_the_crack_behind_it_from_the_truth() -> None:
    spec = replace(PLAIN, cracks=3, crack_width_mm=(2.0, 2.0), crack_direction_deg=None)
    seen = hidden = 0
    for seed in range(4):
        bare = generate_concrete(np.random.default_rng(seed), spec)
        cabled = generate_concrete(np.random.default_rng(seed), replace(spec, cables=3))
        seen += int(bare.masks["crack"].sum())
        hidden += int(bare.masks["crack"].sum()) - int(cabled.masks["crack"].sum())
        assert not (cabled.masks["crack"] & ~bare.masks["crack"]).any()
    assert 0 < hidden < seen


@pytest.mark.parametrize("change", [{"gsd_mm": 0.0}, {"width_px": 4}, {"crack_width_mm": (2.0, 1.0)}])
def test_an_impossible_spec_is_refused_with_the_value(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        replace(PLAIN, **change)  # type: ignore[arg-type]
