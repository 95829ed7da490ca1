from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from time import process_time

import numpy as np
import pystac
import pytest
import rasterio
from jsonschema import Draft7Validator
from pystac.validation.local_validator import get_local_schema_cache
from referencing import Registry, Resource
from shapely.geometry import LineString

from findings.errors import OutputError
from imagery.synthetic.river import (
    RiverSeries,
    RiverSpec,
    generate_river_series,
    random_training_pair,
    write_river_series,
)
from imagery.synthetic.spectra import BANDS

SPEC = RiverSpec(size_px=128, years=3, scenes_per_year=3, cloudy=0.4)


@cache
def river() -> RiverSeries:
    return generate_river_series(np.random.default_rng(3), SPEC)


def core_schema_errors(item: pystac.Item) -> list[str]:
    """Errors against the core schemas that pystac carries; those of the extensions would need the network."""
    schemas = get_local_schema_cache()
    registry = Registry().with_resources([(uri, Resource.from_contents(text)) for uri, text in schemas.items()])
    core = next(text for uri, text in schemas.items() if uri.endswith("/item.json"))
    errors = Draft7Validator(core, registry=registry).iter_errors(item.to_dict(include_self_link=False))
    return [error.message for error in errors]


def test_the_same_seed_gives_the_same_pair_and_another_seed_another() -> None:
    one, same, other = (random_training_pair(np.random.default_rng(seed), 64) for seed in (5, 5, 6))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0], other[0])


def test_pairs_are_finite_varied_and_quick() -> None:
    rng = np.random.default_rng(0)
    started = process_time()
    pairs = [random_training_pair(rng, 128) for _ in range(40)]
    seconds = (process_time() - started) / len(pairs)
    for bands, water, observed in pairs:
        assert bands.shape == (6, 128, 128)
        assert {str(a.dtype) for a in (bands, water)} == {"float32"}
        assert water.shape == observed.shape == (128, 128)
        assert str(observed.dtype) == "bool"
        assert np.isfinite(bands).all()
        assert water.min() >= 0
        assert water.max() <= 1
        assert not bands[:, ~observed].any()
    shares = np.array([water.mean() for _, water, _ in pairs])
    assert (shares < 0.01).any()
    assert (shares > 0.3).any()
    assert seconds < 0.15  # 20 ms on a quiet core


def test_water_is_darker_in_swir_than_the_land_beside_it_in_nearly_every_pair() -> None:
    rng = np.random.default_rng(1)
    darker = []
    for _ in range(60):
        bands, water, observed = random_training_pair(rng, 96)
        wet, dry = observed & (water > 0.95), observed & (water < 0.05)
        if wet.sum() > 50 and dry.sum() > 50:
            darker.append(np.median(bands[4][wet]) < np.median(bands[4][dry]))
    assert len(darker) > 20
    assert np.mean(darker) > 0.9


def test_the_eroded_area_grows_and_agrees_with_the_eroded_map() -> None:
    series = river()
    areas = [scene.eroded_area_m2 for scene in series.scenes]
    assert areas == sorted(areas)
    assert areas[-1] > areas[0] > 0
    assert float(series.eroded.sum()) * SPEC.pixel_m**2 == pytest.approx(areas[-1], rel=1e-3)


def test_a_river_that_only_knows_seasons_keeps_its_banks_while_its_bars_drown() -> None:
    still = replace(SPEC, erosion_m_per_year=0.0, bar_growth_m_per_year=0.0, tree_growth_per_year=0.0, cloudy=0.0)
    scenes = generate_river_series(np.random.default_rng(3), still).scenes
    assert {scene.eroded_area_m2 for scene in scenes} == {0.0}
    winter, summer = scenes[0], scenes[1]
    assert winter.bar_area_m2 > summer.bar_area_m2
    assert np.array_equal(winter.bank_lines[0], summer.bank_lines[0])


def test_truths_of_one_pixel_do_not_contradict_each_other() -> None:
    for scene in river().scenes:
        assert not (scene.bars & scene.trees).any()
        assert (scene.water_fraction[scene.bars | scene.trees] <= 0.5).all()
        assert (river().bridge + scene.water_fraction <= 1.0 + 1e-6).all()


def test_bank_lines_run_along_the_channel_at_its_width_apart() -> None:
    scene = river().scenes[0]
    left, right = (LineString(line) for line in scene.bank_lines)
    middle = left.interpolate(0.5, normalized=True)
    assert middle.distance(right) * SPEC.pixel_m == pytest.approx(SPEC.width_m, rel=0.35)


def test_bands_tell_water_leaves_and_cloud_apart() -> None:
    for scene in river().scenes:
        blue, green, _, nir, swir1, _ = scene.bands.astype(float)
        seen = ~scene.clouds
        index = (green - swir1) / (green + swir1)
        assert np.median(index[seen & (scene.water_fraction > 0.99)]) > 0.2
        assert np.median(index[seen & (scene.water_fraction < 0.01)]) < -0.2
        if scene.clouds.sum() > 50:
            assert np.median(blue[scene.clouds]) > 2 * np.median(blue[seen])
        assert nir.min() >= 1


def test_scenes_are_written_as_cogs_with_valid_stac_items(tmp_path: Path) -> None:
    series = river()
    paths = write_river_series(series, tmp_path / "scenes")
    assert len(paths) == len(series.scenes)
    with rasterio.open(paths[0]) as data:
        assert data.descriptions == BANDS
        assert data.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert data.crs.to_epsg() == 32652
        assert np.array_equal(data.read(), series.scenes[0].bands)
    item = pystac.Item.from_file(str(paths[0].with_suffix(".json")))
    assert core_schema_errors(item) == []
    assert item.datetime == series.scenes[0].captured_at
    assert item.properties["proj:code"] == "EPSG:32652"
    assert item.properties["eo:cloud_cover"] == pytest.approx(100 * series.scenes[0].cloud_cover, abs=0.01)
    assert (paths[0].parent / item.assets["data"].href).is_file()


def test_a_folder_that_is_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(OutputError, match="taken"):
        write_river_series(river(), tmp_path / "taken")


@pytest.mark.parametrize("change", [{"width_m": 20.0}, {"size_px": 32}, {"erosion_m_per_year": 60.0}])
def test_a_river_that_cannot_be_drawn_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"expected|at least|ask for less"):
        replace(SPEC, **change)  # type: ignore[arg-type]
