from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pystac.errors import STACValidationError
from shapely.geometry import box

from findings.errors import InputError
from findings.survey import Assignment, AssignmentSource, Image, Radiometry
from imagery.catalog.items import Shelf, item_of
from imagery.ingest import describe
from tests.imagery.catalog.conftest import Maker, Shelves, validate
from tests.imagery.catalog.schemas import offline_validator
from tests.imagery.files import grey_picture, write_photo


def written(shelves: Shelves, *images: Image) -> list[dict[str, Any]]:
    """Return the items of some images after pystac has found the whole catalogue valid."""
    shelves.surveys.clear()
    shelves.add("s", images)
    assert shelves.write().skipped == []
    assert validate(shelves.catalog()) == len(images)
    return [shelves.item(image).to_dict(include_self_link=False) for image in images]


def test_a_photograph_says_where_when_how_large_and_whose(shelves: Shelves, photo: Maker) -> None:
    pose = {"pitch_deg": -60.0, "yaw_deg": -90.0, "camera": {"focal_px": 3000.0}}
    given = Assignment("b-1", 2, "Mg", AssignmentSource.FOLDER, 0.9, "folder '水橋'")
    shelves.names["b-1"] = "水橋"
    image = photo(
        captured_at=datetime(2026, 5, 1, 12, 0, tzinfo=UTC), footprint=box(131, 34, 131.001, 34.001), view=pose,
        assignment=given, span=2, member="Mg", platform="DJI FC300S", radiometry=Radiometry.DISPLAY,
    )  # fmt: skip
    (item,) = written(shelves, image)
    facts = item["properties"]
    assert facts["datetime"] == "2026-05-01T12:00:00Z"
    assert (facts["gsd"], facts["mizuhashi:gsd_mm"], facts["mizuhashi:gsd_sigma_mm"]) == (0.0005, 0.5, 0.1)
    assert facts["mizuhashi:gsd_source"] == "given_gsd"
    assert (facts["view:off_nadir"], facts["view:azimuth"]) == (30.0, 270.0)
    assert facts["instruments"] == ["DJI FC300S"]
    assert "platform" not in facts
    assert [facts[f"mizuhashi:{name}"] for name in ("asset_uid", "asset_name", "span", "member")] == [
        "b-1", "水橋", 2, "Mg",
    ]  # fmt: skip
    assert facts["mizuhashi:assignment"] == {"source": "folder", "confidence": 0.9, "note": "folder '水橋'"}
    assert facts["mizuhashi:view"] == pose
    assert facts["mizuhashi:quality"]["assessable"] is True
    asset = item["assets"]["image"]
    assert asset["file:checksum"] == "1220" + image.sha256
    assert asset["file:size"] == Path(image.path).stat().st_size
    assert (asset["type"], asset["roles"]) == ("image/jpeg", ["data", "visual"])


def test_a_picture_without_place_and_time_says_so_as_stac_wants_it(shelves: Shelves, photo: Maker) -> None:
    (item,) = written(shelves, photo())
    assert item["geometry"] is None
    assert "bbox" not in item
    facts = item["properties"]
    assert facts["datetime"] is None
    assert (facts["start_datetime"], facts["end_datetime"]) == ("1900-01-01T00:00:00Z", "2026-06-01T00:00:00Z")
    assert "nobody knows when" in facts["mizuhashi:time_note"]
    assert shelves.catalog().get_child("s-00000000").extent.temporal.intervals == [[None, None]]  # type: ignore[union-attr]


def test_a_local_time_without_a_zone_is_a_range_of_a_day(shelves: Shelves, tmp_path: Path) -> None:

    path = write_photo(
        tmp_path / "t.jpg", grey_picture(__import__("numpy").random.default_rng(0)), taken="2016:06:23 16:33:27"
    )
    (item,) = written(shelves, describe(path))
    facts = item["properties"]
    assert facts["datetime"] is None
    assert (facts["start_datetime"], facts["end_datetime"]) == ("2016-06-23T02:33:27Z", "2016-06-24T04:33:27Z")


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("1985.tif", "1985-01-01T00:00:00Z", "1985-12-31T23:59:59Z"),
        ("x_20200305.tif", "2020-03-05T00:00:00Z", "2020-03-05T23:59:59Z"),
    ],
)
def test_a_year_or_a_day_is_told_as_the_range_that_it_is(
    shelves: Shelves, scene: Maker, name: str, first: str, last: str
) -> None:
    (item,) = written(shelves, scene(name))
    facts = item["properties"]
    assert first < facts["datetime"] < last
    assert (facts["start_datetime"], facts["end_datetime"]) == (first, last)


def test_a_scene_has_its_grid_its_bands_and_what_the_header_says(shelves: Shelves, scene: Maker) -> None:
    image = scene(radiometry=Radiometry.REFLECTANCE, platform="sentinel-2b", incidence_deg=4.2)
    (item,) = written(shelves, image)
    facts, asset = item["properties"], item["assets"]["data"]
    assert facts["proj:code"] == "EPSG:32652"
    assert (facts["proj:shape"], facts["proj:transform"]) == ([32, 40], [10, 0, 500_000, 0, -10, 4_000_000])
    assert (facts["platform"], facts["view:off_nadir"]) == ("sentinel-2b", 4.2)
    assert [band.get("eo:common_name") for band in asset["bands"]] == ["green", "nir"]
    assert (asset["data_type"], asset["nodata"], asset["roles"]) == ("uint16", 0, ["data", "reflectance"])
    assert asset["type"] == "image/tiff; application=geotiff"
    assert asset["raster:spatial_resolution"] == pytest.approx(10.0, rel=0.001)


def test_a_crs_without_a_code_is_told_as_wkt(shelves: Shelves, scene: Maker) -> None:
    wkt = 'PROJCS["own",GEOGCS["WGS 84"]]'
    (item,) = written(shelves, scene(crs=wkt))
    assert (item["properties"]["proj:code"], item["properties"]["proj:wkt2"]) == (None, wkt)


def test_the_item_beside_a_scene_adds_what_is_credible_and_nothing_else(shelves: Shelves, scene: Maker) -> None:
    image = scene()
    beside = {
        "eo:cloud_cover": 12.5, "view:sun_elevation": 51.0, "view:sun_azimuth": 400, "constellation": "sentinel-2",
        "license": "CC-BY-4.0", "providers": [{"name": "ESA"}], "datetime": "1999-01-01", "instruments": "msi",
        "mizuhashi:image_uid": "another", "proj:code": "EPSG:1", "s2:processing_baseline": "05.11",
        "view:nonsense": [1], "eo:snow_cover": True,
    }  # fmt: skip
    Path(image.path).with_suffix(".json").write_text(json.dumps({"type": "Feature", "properties": beside}))
    (item,) = written(shelves, image)
    facts = item["properties"]
    assert (facts["eo:cloud_cover"], facts["view:sun_elevation"], facts["s2:processing_baseline"]) == (
        12.5,
        51.0,
        "05.11",
    )
    assert (facts["constellation"], facts["license"]) == ("sentinel-2", "CC-BY-4.0")
    assert (facts["proj:code"], facts["mizuhashi:image_uid"]) == ("EPSG:32652", image.uid)
    assert facts["datetime"].startswith("2026-05-01T03:04:05")
    assert not facts.keys() & {"view:sun_azimuth", "instruments", "view:nonsense", "eo:snow_cover"}
    collection = shelves.catalog().get_child("s-00000000")
    assert collection is not None
    document = collection.to_dict()
    assert (document["license"], document["providers"][0]["name"]) == ("CC-BY-4.0", "ESA")


def test_an_unknown_licence_is_other_with_a_note(shelves: Shelves, photo: Maker) -> None:
    written(shelves, photo())
    document = next(iter(shelves.catalog().get_children())).to_dict()
    assert document["license"] == "other"
    assert "Licence: not known" in document["description"]
    assert "providers" not in document


@pytest.mark.parametrize("whole", [True, False])
def test_radar_is_declared_only_with_all_that_the_extension_demands(
    shelves: Shelves, scene: Maker, whole: bool
) -> None:
    image = scene(bands=("vv", "vh"), radiometry=Radiometry.BACKSCATTER_DB)
    facts = {"sar:instrument_mode": "IW", "sar:frequency_band": "C", "sar:polarizations": ["VV", "VH"]}
    if whole:
        facts["sar:product_type"] = "GRD"
    Path(image.path).with_suffix(".json").write_text(json.dumps({"type": "Feature", "properties": facts}))
    (item,) = written(shelves, image)
    assert any("/sar/" in uri for uri in item["stac_extensions"]) is whole
    assert item["properties"]["sar:polarizations"] == ["VV", "VH"]
    assert all("eo:common_name" not in band for band in item["assets"]["data"]["bands"])


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"type": "Feature", "properties": 3}', "\x00", '{"type": 1}'])
def test_a_broken_item_beside_a_scene_is_passed_over(shelves: Shelves, scene: Maker, text: str) -> None:
    image = scene()
    Path(image.path).with_suffix(".json").write_text(text)
    (item,) = written(shelves, image)
    assert "eo:cloud_cover" not in item["properties"]


def test_a_mask_is_an_asset_with_its_classes(shelves: Shelves, scene: Maker) -> None:
    mask = scene("scene_mask.tif", bands=("mask",))
    (item,) = written(shelves, scene(mask_path=mask.path))
    asset = item["assets"]["mask"]
    assert asset["roles"] == ["data-mask"]
    assert {"value": 2, "name": "cloud"} in asset["classification:classes"]


def test_a_camera_that_looks_up_has_no_off_nadir_angle(shelves: Shelves, photo: Maker) -> None:
    (item,) = written(shelves, photo(view={"pitch_deg": 35.0, "yaw_deg": 10.0}))
    assert not [name for name in item["properties"] if name.startswith("view:")]
    assert item["properties"]["mizuhashi:view"]["pitch_deg"] == 35.0


def test_a_missing_file_makes_no_item(shelves: Shelves, photo: Maker, tmp_path: Path) -> None:
    image = photo()
    Path(image.path).unlink()
    survey = shelves.surveys[0]
    with pytest.raises(InputError, match="cannot be read"):
        item_of(image, Shelf(survey, tmp_path / "c", "c"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"properties": {"view:off_nadir": 95.0}},
        {"properties": {"proj:shape": [1.5, 2]}},
        {"properties": {"proj:epsg": 4326}},
        {"properties": {"eo:cloud_cover": 101}},
        {"bbox": None},
    ],
)
def test_the_schemas_refuse_what_is_wrong(shelves: Shelves, scene: Maker, wrong: dict[str, Any]) -> None:
    written(shelves, scene(incidence_deg=3.0))
    item = next(iter(shelves.catalog().get_items(recursive=True)))
    item.properties.update(wrong.get("properties", {}))
    if "bbox" in wrong:
        item.bbox = None
    with pytest.raises(STACValidationError):
        item.validate(validator=offline_validator())
