"""From the catalogue to scenes: cost first, then pixels that lie where they should, and runs that go on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyproj import Transformer
from shapely.geometry import LineString

from findings.errors import InputError, QuotaExceeded
from imagery.masks import MaskClass
from imagery.scene_product import NODATA
from imagery.sources import sentinel_collections
from imagery.sources.sentinel_collections import S1_GRD, S2_L2A, check_bands
from imagery.sources.sentinel_hub import fetch, plan
from imagery.sources.sentinel_tiles import buffered
from tests.fakes import sentinel_faults as faults
from tests.fakes.sentinel_hub import FakeSentinelHub
from tests.fakes.sentinel_world import World, make_world
from tests.imagery.sources.sentinel_case import (
    PLENTY,
    expected,
    first_day,
    planned,
    run,
    service_of,
    stored,
    wish_of,
)


@pytest.fixture
def fake() -> Iterator[FakeSentinelHub]:
    with FakeSentinelHub() as service:
        yield service


def on_the_border() -> World:
    """A world that 132 degrees east, the border of zones 52 and 53, cuts in two."""
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:32652", always_xy=True).transform(132.0, 34.1)
    return make_world(scenes=1, origin=(x // 10 * 10 - 480, y // 10 * 10 + 480))


# --- pixels


@pytest.mark.parametrize("tile_px", [512, 40])
def test_pixels_lie_where_they_should_and_read_as_reflectance(
    fake: FakeSentinelHub, tmp_path: Path, tile_px: int
) -> None:
    done = run(fake, tmp_path, tile_px=tile_px)
    assert [result.state for result in done] == ["written"] * 3
    for number, result in enumerate(done):
        assert result.path is not None
        assert result.note == ""  # what was claimed of the offset is what the pixels say
        values, profile = stored(result.path)
        truth, inside = expected(fake, number, profile)
        assert inside.all()
        assert values.dtype == np.int16
        # Small tiles leave out the corners of the grid that the box in degrees does not reach.
        seen = values[0] != NODATA
        assert seen[2:-2, 2:-2].all()
        np.testing.assert_array_equal(values[:, seen], truth[:, seen])
    assert fake.requests["process"] == (3 if tile_px == 512 else 3 * 4)


def test_a_reach_across_the_zone_border_becomes_two_scenes_with_a_crs_each(tmp_path: Path) -> None:
    with FakeSentinelHub(on_the_border()) as fake:
        done = run(fake, tmp_path)
        assert len(done) == 2
        found = {}
        for result in done:
            assert result.path is not None
            values, profile = stored(result.path)
            truth, inside = expected(fake, 0, profile)
            seen = values[0] != NODATA
            np.testing.assert_array_equal(seen, inside)
            # Nearest pixels: a centre that falls on an edge of the world's pixels may go to either side of it.
            assert (values[:, seen] == truth[:, seen]).mean() > 0.999
            found[profile["crs"].to_epsg()] = int(seen.sum())
        assert set(found) == {32652, 32653}
        assert min(found.values()) > 500


def test_radar_comes_as_sigma0_in_db_with_its_orbit(fake: FakeSentinelHub, tmp_path: Path) -> None:
    done = run(fake, tmp_path, wish_of(fake, S1_GRD))
    path = done[0].path
    assert path is not None
    values, profile = stored(path)
    spec = fake.world.series.spec
    col = round((profile["transform"][2] - spec.origin_m[0]) / 10)
    row = round((spec.origin_m[1] - profile["transform"][5]) / 10)
    wet = fake.world.series.scenes[0].water_fraction[row : row + values.shape[1], col : col + values.shape[2]]
    np.testing.assert_allclose(values[0], -9.0 - 11.0 * wet, atol=1e-3)
    np.testing.assert_allclose(values[1], -15.0 - 12.0 * wet, atol=1e-3)
    item = json.loads(path.with_suffix(".json").read_bytes())["properties"]
    assert (item["sat:orbit_state"], item["sar:polarizations"]) == ("descending", ["VV", "VH"])
    assert item["mizuhashi:radiometry"] == "backscatter_db"
    sent = fake.processed[0]["input"]["data"][0]
    assert sent["processing"] == {
        "backCoeff": "SIGMA0_ELLIPSOID",
        "orthorectify": True,
        "demInstance": "COPERNICUS_30",
    }
    assert sent["dataFilter"]["acquisitionMode"] == "IW"


def test_clouds_and_the_swath_edge_stand_in_the_mask(tmp_path: Path) -> None:
    world = make_world()
    cloudy = next(one for one in world.optical if one.cloud_percent > 5)
    west, south, _, north = cloudy.footprints[0].bounds
    cut = cloudy.footprints[0].intersection(cloudy.footprints[0].buffer(0))
    half = LineString([(west, south), (world.bounds_lonlat()[0] + 0.004, north)]).envelope.intersection(cut)
    passes = tuple(
        replace(one, footprints=(half,), item_ids=one.item_ids[:1]) if one is cloudy else one for one in world.optical
    )
    with FakeSentinelHub(replace(world, optical=passes)) as fake:
        found = {result.id: result for result in run(fake, tmp_path)}
        result = next(value for name, value in found.items() if f"{cloudy.when:%Y%m%d}" in name)
        assert result.path is not None
        values, profile = stored(result.path)
        mask, _ = stored(result.path.with_name(f"{result.id}_mask.tif"))
        unseen = values[0] == NODATA
        assert 0.1 < unseen.mean() < 0.9
        assert (mask[0][unseen] == MaskClass.NO_DATA).all()
        _, inside = expected(fake, cloudy.scene, profile)
        assert inside.all()
        clouds = set(np.unique(mask[0][~unseen]))
        assert clouds <= {MaskClass.CLEAR, MaskClass.CLOUD}


def test_a_reading_of_zero_is_an_observation(tmp_path: Path) -> None:
    world = make_world(scenes=1)
    dark = np.array(world.series.scenes[0].bands)
    dark[5, 30:60, 30:60] = 0  # what harmonised values are clamped to
    scene = replace(world.series.scenes[0], bands=dark)
    with FakeSentinelHub(replace(world, series=replace(world.series, scenes=(scene,)))) as fake:
        (result,) = run(fake, tmp_path)
        assert result.path is not None
        values, _ = stored(result.path)
        assert (values[5] == 0).sum() > 100
        assert (values != NODATA).all()


# --- the +1000 offset


def test_values_that_kept_their_offset_against_their_flag_are_caught_and_set_right(tmp_path: Path) -> None:
    with FakeSentinelHub(keeps_offset=True) as fake:
        done = run(fake, tmp_path)
        for number, result in enumerate(done):
            assert "metadata contradicted" in result.note
            assert result.path is not None
            values, profile = stored(result.path)
            truth, _ = expected(fake, number, profile)
            np.testing.assert_array_equal(values, truth)
            item = json.loads(result.path.with_suffix(".json").read_bytes())["properties"]
            assert any("metadata contradicted" in note for note in item["mizuhashi:notes"])


def test_a_request_that_forgets_to_harmonise_is_caught_too(
    fake: FakeSentinelHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sentinel_collections.S2_L2A.processing, "harmonizeValues", False)
    result = run(fake, tmp_path)[0]
    assert "metadata contradicted" in result.note


# --- cost


def test_a_plan_over_the_cap_downloads_nothing(fake: FakeSentinelHub, tmp_path: Path) -> None:
    found = planned(fake, tmp_path)
    assert found.units == pytest.approx(3 * 60 * 60 / 512**2 * 7 / 3, rel=0.1)
    with pytest.raises(QuotaExceeded, match=r"3 requests and about 0\.1 processing units, over the cap of 0\.05"):
        list(fetch(service_of(fake), found, 0.05))
    assert fake.requests["process"] == 0
    assert not (tmp_path / "cache").exists()


def test_the_estimate_is_what_the_service_charges(fake: FakeSentinelHub, tmp_path: Path) -> None:
    day = first_day(fake)
    radar = wish_of(fake, S1_GRD, end=fake.world.radar[0].when.replace(hour=23))
    for wish in (wish_of(fake, end=day), radar, wish_of(fake, bands=("green", "nir"), tile_px=40, end=day)):
        service = service_of(fake)
        found = plan(service, wish, tmp_path / "scenes", tmp_path / "cache")
        list(fetch(service, found, PLENTY))
        assert service.meter.units == pytest.approx(found.units, rel=1e-3)


def test_a_service_that_charges_more_than_estimated_is_stopped_at_the_cap(
    fake: FakeSentinelHub, tmp_path: Path
) -> None:
    def dear(answer: faults.Answer) -> faults.Answer:
        answer.headers["X-ProcessingUnits-Spent"] = "40"
        return answer

    fake.fail("process", dear, times=99)
    with pytest.raises(QuotaExceeded, match=r"has charged 80\.0 processing units, over the cap of 50"):
        list(fetch(service_of(fake), planned(fake, tmp_path), 50.0))
    assert fake.requests["process"] == 2


def test_only_tiles_that_the_satellite_saw_are_asked_for(tmp_path: Path) -> None:
    world = make_world(scenes=1)
    half = world.optical[0].footprints[:1]
    narrow = replace(world, optical=(replace(world.optical[0], footprints=half, item_ids=("S2B_X",)),))
    with FakeSentinelHub(narrow) as fake:
        (scene,) = planned(fake, tmp_path, tile_px=10).scenes
        columns = {part.tile.window.col for part in scene.tiles}
        assert max(columns) < 0.6 * scene.grid.width_px
        assert scene.grid.width_px > 55


def test_a_reach_is_asked_for_along_its_course_only(fake: FakeSentinelHub, tmp_path: Path) -> None:
    west, south, east, north = fake.world.bounds_lonlat()
    area = buffered(LineString([(west, south), (east, north)]), 30)
    wish = replace(wish_of(fake), area_lonlat=area, tile_px=8)
    (first, *_) = planned(fake, tmp_path, wish).scenes
    pixels = sum(part.tile.window.width * part.tile.window.height for part in first.tiles)
    assert pixels < 0.5 * first.grid.width_px * first.grid.height_px


def test_cloudy_acquisitions_are_left_out_by_all_of_their_items(fake: FakeSentinelHub, tmp_path: Path) -> None:
    clouds = sorted(100 * scene.cloud_cover for scene in fake.world.series.scenes)
    found = planned(fake, tmp_path, most_cloud_percent=clouds[1])
    assert len(found.scenes) == 2
    assert [round(one.cloud_percent or 0) for one in found.too_cloudy] == [round(clouds[2])]
    assert len(planned(fake, tmp_path, most_cloud_percent=clouds[2] + 0.01).scenes) == 3


def test_a_band_that_the_collection_lacks_is_refused() -> None:
    for bands in (("green", "thermal"), ("green", "green"), ()):
        with pytest.raises(InputError, match="s2-l2a has coastal"):
            check_bands(S2_L2A, bands)
    assert check_bands(S2_L2A, ("B03", "b8a")) == ("green", "nir08")
