"""Generated radar and flood pairs: speckle, levels, exact truth, and one picture from one seed."""

from __future__ import annotations

import numpy as np
import pytest

from imagery.flood_planes import PLANES
from imagery.synthetic.flood_pairs import FloodPair, random_flood_pair
from imagery.synthetic.radar import Site, backscatter_db, draw_site, seen_by_radar, speckled
from imagery.synthetic.radar_scenes import random_radar_scene

SIDE = 96
MEADOW = np.tile(np.array([400, 650, 500, 2600, 1900, 1000], np.float32)[:, None, None], (1, SIDE, SIDE))
NONE = np.zeros((SIDE, SIDE), np.float32)
PLAIN = Site(NONE, NONE, NONE > 1, NONE, NONE)
LEFT = np.where(np.arange(SIDE)[None, :] < SIDE // 2, np.float32(1), np.float32(0)) + NONE


@pytest.fixture(scope="module")
def pairs() -> list[FloodPair]:
    return [random_flood_pair(np.random.default_rng(seed), SIDE) for seed in range(12)]


@pytest.mark.parametrize("looks", [1.0, 4.0, 20.0])
def test_speckle_keeps_the_mean_power_and_its_variance_is_one_over_the_looks(looks: float) -> None:
    power = 10 ** (speckled(np.random.default_rng(1), np.full((400, 400), -12.0, np.float32), looks) / 10)
    assert power.mean() == pytest.approx(10**-1.2, rel=0.02)
    assert power.var() / power.mean() ** 2 == pytest.approx(1 / looks, rel=0.06)


def test_speckle_of_a_sensor_coarser_than_the_map_is_wider_than_a_pixel() -> None:
    flat = np.full((200, 200), -12.0, np.float32)
    neighbours = [
        float(np.corrcoef(seen[:, 1:].ravel(), seen[:, :-1].ravel())[0, 1])
        for seen in (seen_by_radar(np.random.default_rng(2), flat, 4.0, coarse) for coarse in (1.0, 3.0))
    ]
    assert abs(neighbours[0]) < 0.05
    assert neighbours[1] > 0.8


@pytest.mark.parametrize("channel", ["vv", "vh"])
def test_calm_water_is_darker_than_a_meadow_wind_brightens_it_and_stems_in_water_are_brightest(channel) -> None:  # type: ignore[no-untyped-def]
    def level(water: np.ndarray, wind: float, bounce: np.ndarray | None = None) -> float:
        rng = np.random.default_rng(3)
        seen = backscatter_db(rng, MEADOW, water, NONE, PLAIN, channel, bounce=bounce, wind=wind)
        return float(np.median(seen[:, : SIDE // 2]))

    land, calm, blown = level(NONE, 0.0), level(LEFT, -1.0), level(LEFT, 2.5)
    assert calm < blown < land
    assert land - calm > 5
    assert level(NONE, 0.0, LEFT) > land


def test_wet_soil_is_brighter_relief_has_two_sides_and_bridges_show_over_water_alone() -> None:
    soil = np.tile(np.array([820, 1150, 1600, 2300, 3050, 2650], np.float32)[:, None, None], (1, SIDE, SIDE))
    both = [
        float(np.median(backscatter_db(np.random.default_rng(4), soil, NONE, wet, PLAIN, "vv")))
        for wet in (NONE, NONE + 1)
    ]
    assert both[1] > both[0] + 1.5
    hilly = next(
        site for site in (draw_site(np.random.default_rng(s), (SIDE, SIDE)) for s in range(40)) if site.shadow.any()
    )
    assert hilly.relief_db.max() > 2 > -2 > hilly.relief_db.min()
    deck = Site(NONE, NONE, NONE > 1, (np.arange(SIDE)[:, None] == 48) + NONE, NONE)
    seen = backscatter_db(np.random.default_rng(5), soil, LEFT, NONE, deck, "vv", wind=0.0)
    assert seen[48, 10] > seen[20, 10] + 8
    assert abs(seen[48, 80] - seen[47, 80]) < 3


def test_new_water_was_dry_before_and_every_plane_is_an_8_bit_picture(pairs: list[FloodPair]) -> None:
    assert any(pair.new_water.any() for pair in pairs)
    for pair in pairs:
        assert pair.pixels.shape == (len(PLANES), SIDE, SIDE)
        assert not (pair.new_water & pair.water_before).any()
        seen = pair.pixels[np.isfinite(pair.pixels)]
        assert seen.min() >= 0
        assert seen.max() <= 255
        assert (seen == np.round(seen)).all()
        assert not (pair.known & np.isnan(pair.pixels).all(axis=0)).any()


def test_new_water_darkens_the_radar_and_raises_the_index_more_than_what_stays_dry(pairs: list[FloodPair]) -> None:
    radar, index = [], []
    for pair in pairs:
        new, dry = pair.new_water & pair.known, ~pair.new_water & ~pair.water_before & pair.known
        if min(new.sum(), dry.sum()) < 100 or np.isnan(pair.pixels).any():
            continue
        planes = dict(zip(PLANES, pair.pixels, strict=True))
        change = planes["s1_after"] - planes["s1_before"]
        radar.append(change[new].mean() - change[dry].mean())
        wetness = planes["visible_after"] / (planes["swir_after"] + planes["visible_after"] + 1)
        index.append(wetness[new].mean() - wetness[dry].mean())
    assert len(radar) >= 5
    assert np.median(radar) < -10
    assert np.median(index) > 0.1


def test_one_seed_gives_one_pair_and_one_scene() -> None:
    one, two = (random_flood_pair(np.random.default_rng(7), 64) for _ in range(2))
    np.testing.assert_array_equal(one.pixels, two.pixels)
    a, b = (random_radar_scene(np.random.default_rng(7), 64) for _ in range(2))
    np.testing.assert_array_equal(a.db, b.db)
    assert a.water.shape == a.known.shape == (64, 64)


def test_a_radar_scene_is_darker_over_water_in_both_polarisations() -> None:
    apart = []
    for seed in range(10):
        scene = random_radar_scene(np.random.default_rng(seed), SIDE)
        water, land = scene.water & scene.known, ~scene.water & scene.known
        if min(water.sum(), land.sum()) > 200:
            apart.append([float(np.nanmean(db[water]) - np.nanmean(db[land])) for db in scene.db])
    assert len(apart) >= 3
    assert np.median(apart, axis=0).max() < -3
