"""Items of two versions of STAC, and the plan that is made of them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from findings.errors import RecordError
from imagery.scene_product import ID
from imagery.sources.stac import DEFAULT_BANDS, plan_scenes
from imagery.sources.stac_assets import Family, MaskKind, StacScene, parse_item
from tests.fakes import stac_world as world
from tests.fakes.stac_world import S2, Files

BOX = world.inside_box()
SCENES = world.series().scenes


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_bands_of_sentinel_2_are_found_by_their_common_names_in_both_versions_of_stac(version: str) -> None:
    scene = parse_item(world.add_s2(Files(), SCENES[0], S2(version=version)), "https://a.example/")
    assert set(scene.bands) == set(DEFAULT_BANDS)
    assert scene.bands["swir1"].href.endswith("/B11.tif")
    assert scene.bands["red"].href.endswith("/B04.tif")
    found = scene.bands["nir"]
    assert (found.scale, found.offset, found.nodata, found.data_type, found.pixel_m) == (1e-4, -0.1, 0, "uint16", 10)
    assert scene.crs == "EPSG:32652"
    assert scene.mask is not None
    assert scene.mask[0] is MaskKind.SCL
    assert (scene.baseline, scene.tile, scene.family) == (5.09, "52SGD", Family.SENTINEL2)


def test_bands_of_landsat_and_hls_have_their_own_numbers() -> None:
    landsat = parse_item(world.add_landsat(Files(), SCENES[0]), "https://a.example/")
    hls = parse_item(world.add_hls(Files(), SCENES[0]), "https://a.example/")
    assert set(landsat.bands) == set(hls.bands) == set(DEFAULT_BANDS)
    assert hls.bands["nir"].href.endswith("B05.tif")
    assert landsat.bands["nir"].href.endswith("nir08.TIF")
    assert (hls.crs, landsat.crs) == ("EPSG:32652", "EPSG:32652")
    assert hls.mask is not None
    assert landsat.mask is not None
    assert (hls.mask[0], landsat.mask[0]) == (MaskKind.FMASK, MaskKind.QA_PIXEL)


def test_bands_of_one_file_are_told_apart_by_their_index() -> None:
    scene = parse_item(world.add_picture(Files(), SCENES[0]), "https://a.example/")
    assert {name: band.index for name, band in scene.bands.items()} == {"red": 1, "green": 2, "blue": 3, "nir": 4}


def test_the_three_red_edge_bands_are_told_apart_by_their_keys() -> None:
    item = world.add_s2(Files(), SCENES[0])
    for number, key in enumerate(("B05", "B06", "B07")):
        bands = [{"name": key, "common_name": "rededge"}]
        item["assets"][key] = {"href": f"/files/{number}.tif", "type": world.COG, "eo:bands": bands}
    found = parse_item(item, "https://a.example/").bands
    assert [found[f"rededge{n}"].href[-5:] for n in (1, 2, 3)] == ["0.tif", "1.tif", "2.tif"]


def test_a_top_of_atmosphere_product_is_refused() -> None:
    item = world.add_s2(Files(), SCENES[0])
    item["properties"]["s2:product_type"] = "S2MSI1C"
    with pytest.raises(RecordError, match="top-of-atmosphere"):
        parse_item(item, "https://a.example/")
    item = world.add_landsat(Files(), SCENES[0])
    item["properties"]["landsat:correction"] = "L1TP"
    with pytest.raises(RecordError, match="top-of-atmosphere"):
        parse_item(item, "https://a.example/")


def test_relative_addresses_are_taken_from_the_item() -> None:
    item = world.add_s2(Files(), SCENES[0])
    item["links"] = [{"rel": "self", "href": "https://b.example/collections/c/items/x"}]
    item["assets"]["red"]["href"] = "../red.tif"
    assert parse_item(item, "https://a.example/").bands["red"].href == "https://b.example/collections/c/red.tif"


@pytest.mark.parametrize("text", ["05.09", "5.09", "N0509", "0509", "04.00", "99", "", None, 5.09])
def test_a_baseline_is_a_number_or_unknown(text: Any) -> None:
    item = world.add_s2(Files(), SCENES[0], S2(baseline=None))
    item["properties"]["s2:processing_baseline"] = text
    found = parse_item(item, "https://a.example/").baseline
    assert found in (5.09, 4.0, None)
    assert (found is None) == (text in ("N0509", "99", "", None))


# --- the plan --------------------------------------------------------------------------------------------------------


def scenes_of(*items: dict[str, Any]) -> list[StacScene]:
    found = [parse_item(item, "https://a.example/") for item in items]
    return sorted(found, key=lambda scene: (scene.captured_at, scene.id))


def test_tiles_of_one_pass_become_one_scene_and_zones_stay_apart() -> None:
    files, scene = Files(), SCENES[0]
    west = world.add_s2(files, scene, S2(tile="52SGD", cols=(0, 160)))
    east = world.add_s2(files, world.another_day(scene, 0), S2(tile="52SGE", cols=(96, 256)))
    next_zone = world.add_s2(files, scene, S2(tile="53SKU"))
    next_zone["properties"]["proj:epsg"] = 32653
    later = world.add_s2(files, world.another_day(scene, 5))
    plans, refused = plan_scenes(scenes_of(west, east, next_zone, later), BOX, DEFAULT_BANDS)
    assert refused == ()
    assert sorted((plan.crs, len(plan.items)) for plan in plans) == [
        ("EPSG:32652", 1), ("EPSG:32652", 2), ("EPSG:32653", 1),
    ]  # fmt: skip


def test_without_a_datatake_a_pass_is_what_lies_within_minutes() -> None:
    items = [copy.deepcopy(world.add_landsat(Files(), SCENES[0])) for _ in range(3)]
    for number, (item, text) in enumerate(zip(items, ("01:50:00", "01:50:24", "03:30:00"), strict=True)):
        item["id"], item["properties"]["landsat:wrs_row"] = f"row{number}", f"03{number}"
        item["properties"]["datetime"] = f"2020-05-01T{text}Z"
    plans, _ = plan_scenes(scenes_of(*items), BOX, DEFAULT_BANDS)
    assert [[item.id for item in plan.items] for plan in plans] == [["row0", "row1"], ["row2"]]


def test_of_two_versions_of_a_tile_the_newer_baseline_is_taken_and_the_other_is_told() -> None:
    files = Files()
    old = world.add_s2(files, SCENES[0], S2(baseline="03.01", offset_in=False, band_offset=0.0))
    new = world.add_s2(files, SCENES[0], S2(baseline="05.00", sequence=1))
    plans, refused = plan_scenes(scenes_of(old, new), BOX, DEFAULT_BANDS)
    assert [[item.id for item in plan.items] for plan in plans] == [[new["id"]]]
    assert [(one.name, one.replaced) for one in refused] == [(old["id"], True)]


def test_an_item_without_a_wanted_band_is_refused_and_its_bands_are_named() -> None:
    item = world.add_s2(Files(), SCENES[0])
    del item["assets"]["swir16"]
    plans, refused = plan_scenes(scenes_of(item), BOX, DEFAULT_BANDS)
    assert plans == ()
    assert refused[0].reason.startswith("lacks the band(s) swir1; it has blue,green,red,nir,swir2")
    plans, refused = plan_scenes(scenes_of(item), BOX, ("red", "nir"))
    assert (len(plans), refused) == (1, ())


@pytest.mark.parametrize(("key", "roles"), [("visual", ["data"]), ("tci", ["data"]), ("colours", ["visual"])])
def test_a_picture_for_the_eye_never_stands_in_for_the_bands(key: str, roles: list[str]) -> None:
    item = world.add_s2(Files(), SCENES[0])
    picture = item["assets"].pop("visual") | {"roles": roles}
    for band in ("red", "green", "blue"):
        del item["assets"][band]
    item["assets"][key] = picture
    _, refused = plan_scenes(scenes_of(item), BOX, DEFAULT_BANDS)
    assert "lacks the band(s) blue,green,red" in refused[0].reason


def test_an_item_with_jpeg_2000_files_only_is_refused() -> None:
    item = world.add_s2(Files(), SCENES[0])
    for asset in item["assets"].values():
        asset["type"] = "image/jp2"
    _, refused = plan_scenes(scenes_of(item), BOX, DEFAULT_BANDS)
    assert "none that can be read (GeoTIFF" in refused[0].reason


def test_an_item_without_a_crs_is_refused() -> None:
    item = world.add_s2(Files(), SCENES[0])
    del item["properties"]["proj:epsg"]
    _, refused = plan_scenes(scenes_of(item), BOX, DEFAULT_BANDS)
    assert "does not say its CRS" in refused[0].reason


def test_the_name_of_a_scene_depends_on_what_is_in_it_and_on_nothing_else() -> None:
    items = scenes_of(world.add_s2(Files(), SCENES[0]))
    first = plan_scenes(items, BOX, DEFAULT_BANDS)[0][0]
    assert plan_scenes(items, BOX, DEFAULT_BANDS)[0][0].id == first.id
    assert first.id.startswith(f"sentinel-2b_{SCENES[0].captured_at:%Y%m%dT%H%M%S}_32652_")
    others = {
        plan_scenes(items, world.inside_box(50), DEFAULT_BANDS)[0][0].id,
        plan_scenes(items, BOX, ("red", "nir"))[0][0].id,
        plan_scenes(items, BOX, DEFAULT_BANDS, 20.0)[0][0].id,
        first.id,
    }
    assert len(others) == 4


def test_names_of_a_stranger_make_a_plain_scene_name() -> None:
    item = world.add_s2(Files(), SCENES[0])
    item["properties"]["platform"] = "../../ETC/pässwd\n"
    plan = plan_scenes(scenes_of(item), BOX, DEFAULT_BANDS)[0][0]
    assert ID.fullmatch(plan.id)
    assert "/" not in plan.id
