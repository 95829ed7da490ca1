"""Four surfaces: what the generator and the quality flag say of each, and where they say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from training.datasets.generated import RIVER_BANDS, GeneratedRiver
from training.datasets.water_tiles import QA_CLOUD, QA_WATER, derive_covers

CLASSES = ("water", "sediment", "vegetation", "built")


def test_generated_surfaces_exclude_one_another_and_each_turns_up() -> None:
    source = GeneratedRiver(RIVER_BANDS, 3, CLASSES)
    found = np.zeros(4)
    for seed in range(12):
        sample = source.draw(np.random.default_rng(seed), 96)
        sure = sample.target * sample.known
        assert sure.sum(axis=0).max() <= 1
        assert not (sample.target[:, ~sample.known.any(axis=0)]).any() or np.isnan(sample.pixels).any()
        found += sure.sum(axis=(1, 2))
    assert (found > 0).all(), dict(zip(CLASSES, found, strict=True))


def test_water_alone_is_drawn_as_before_the_other_surfaces_were_told() -> None:
    alone = GeneratedRiver(RIVER_BANDS, 3).draw(np.random.default_rng(1), 64)
    four = GeneratedRiver(RIVER_BANDS, 3, CLASSES).draw(np.random.default_rng(1), 64)
    np.testing.assert_array_equal(alone.target[0], four.target[0])
    np.testing.assert_array_equal(alone.known[0], four.known[0])


def _pixel(
    green: float, red: float, nir: float, swir: float, quality: int = 0
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return one pixel 40 px away from a lake on the left."""
    shape = (8, 60)
    lake = np.zeros(shape, dtype=bool)
    lake[:, :8] = True
    values = {"green": (800, green), "red": (400, red), "nir": (150, nir), "swir1": (60, swir)}
    bands = {name: np.where(lake, wet, dry).astype(np.float32) for name, (wet, dry) in values.items()}
    flags = np.where(lake, QA_WATER, quality).astype(np.int64)
    return bands, flags


@pytest.mark.parametrize(
    ("values", "quality", "expected"),
    [
        ((600, 500, 3000, 1800), 0, "vegetation"),
        ((1100, 1400, 1700, 2600), 0, "built"),
        ((1100, 1400, 1700, 1800), QA_WATER, "water"),
        ((1100, 1400, 1700, 2600), QA_CLOUD, None),
        ((800, 900, 1700, 2300), 0, None),
    ],
)
def test_each_cover_follows_from_flag_and_indices(
    values: tuple[float, float, float, float], quality: int, expected: str | None
) -> None:
    bands, flags = _pixel(*values, quality=quality)
    covers = derive_covers(bands, flags)
    told = {name for name, (mask, known) in covers.items() if mask[4, 50] and known[4, 50]}
    assert told == ({expected} if expected else set())
    assert covers["water"][0][4, 2]


def test_bare_moist_ground_at_the_water_is_sediment_and_far_from_it_is_not() -> None:
    bands, flags = _pixel(1250, 1400, 1700, 2000)
    mask, known = derive_covers(bands, flags)["sediment"]
    assert mask[4, 10]
    assert not mask[4, 50]
    assert not known[4, 18], "between near and far nothing is said"
