"""Search and plan against a STAC API that speaks the protocol, well or badly; items of two versions of STAC."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from findings.errors import QuotaExceeded, RecordError, RefusedSource, SourceUnavailable
from imagery.sources.guard import Guard
from imagery.sources.stac import DEFAULT_BANDS, Query, plan_scenes, search
from imagery.sources.stac_assets import Family, MaskKind, StacScene, parse_item
from imagery.sources.wire import GuardedSession, Patience, guarded_session
from tests.fakes import stac_world as world
from tests.fakes.stac import FakeStac, Fault, serve
from tests.fakes.stac_world import S2, Files

BOX = world.inside_box()
START, END = datetime(2016, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
SCENES = world.series().scenes


@pytest.fixture(scope="module")
def four() -> Files:
    """Return four dates of Sentinel-2, in turns as STAC 1.0 and 1.1."""
    files = Files()
    for number, scene in enumerate(SCENES):
        world.add_s2(files, scene, S2(version="1.1.0" if number % 2 else "1.0.0"))
    return files


@pytest.fixture
def service(four: Files) -> Iterator[FakeStac]:
    with serve(FakeStac(Files(dict(four.bodies), copy.deepcopy(four.items)), page_items=3)) as running:
        yield running


@pytest.fixture
def wire(service: FakeStac) -> Iterator[GuardedSession]:
    guard = Guard((), frozenset({service.where}), timeout_s=5.0)
    with guarded_session(guard, patience=Patience(sleep=lambda _: None)) as session:
        yield session


def query(service: FakeStac, **changes: Any) -> Query:
    return replace(Query(f"{service.url}/", "sentinel-2-l2a", BOX, START, END), **changes)


# --- search --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("methods", [("GET",), ("POST",), ("GET", "POST")])
def test_all_pages_of_a_search_come_in_by_either_method(
    wire: GuardedSession, service: FakeStac, methods: tuple[str, ...]
) -> None:
    service.methods = methods
    found = search(wire, query(service))
    assert [scene.captured_at for scene in found.scenes] == [scene.captured_at for scene in SCENES]
    assert found.refused == ()
    asked = [one for one in service.log if one.path == "/search"]
    assert len(asked) == 2
    assert {one.method for one in asked} == {"POST" if "POST" in methods else "GET"}


def test_only_the_dates_asked_for_come_in(wire: GuardedSession, service: FakeStac) -> None:
    middle = SCENES[1].captured_at
    found = search(wire, query(service, start=middle, end=middle + timedelta(days=1)))
    assert [scene.captured_at for scene in found.scenes] == [middle]


def test_cloudy_items_are_counted_and_left_out(wire: GuardedSession, service: FakeStac) -> None:
    service.files.items[0]["properties"]["eo:cloud_cover"] = 80.0
    del service.files.items[1]["properties"]["eo:cloud_cover"]
    found = search(wire, query(service, max_cloud=0.5))
    assert (len(found.scenes), found.cloudy) == (3, 1)


def test_nothing_found_is_an_empty_search(wire: GuardedSession, service: FakeStac) -> None:
    found = search(wire, query(service, collection="other"))
    assert (found.scenes, found.refused) == ((), ())


def test_throttled_and_failing_searches_are_tried_again(wire: GuardedSession, service: FakeStac) -> None:
    service.fail("/", Fault(503))
    service.fail("/search", Fault(429, {"Retry-After": "2"}), Fault(cut=0.5), Fault(500))
    assert len(search(wire, query(service)).scenes) == 4


def test_more_items_than_allowed_end_the_search(wire: GuardedSession, service: FakeStac) -> None:
    with pytest.raises(QuotaExceeded, match="more than 2 items"):
        search(wire, query(service, max_items=2))


def test_endless_pages_end_when_they_bring_nothing_new(wire: GuardedSession, service: FakeStac) -> None:
    service.endless = True
    with pytest.raises(SourceUnavailable, match="brings nothing new"):
        search(wire, query(service))
    assert len(service.log) < 6


def test_endless_pages_of_ever_new_items_end_too(
    wire: GuardedSession, service: FakeStac, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items that are refused do not count against the most that are wanted, so the pages are counted."""
    model = service.files.items[0]
    service.files.items[:] = [{**model, "id": f"n{n}", "properties": {}} for n in range(300)]
    for item in service.files.items:
        item["properties"] = {"datetime": "2017-06-01T00:00:00Z", "s2:product_type": "S2MSI1C"}
    service.page_items = 1
    monkeypatch.setattr("imagery.sources.stac.MAX_PAGES", 20)
    with pytest.raises(SourceUnavailable, match="page 21 "):
        search(wire, query(service))


@pytest.mark.parametrize(
    "href",
    [
        "https://evil.example/search",
        "http://127.0.0.1:1/search",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/search",
        "file:///etc/passwd",
        "/etc/passwd",
        "/vsicurl/https://evil.example/search",
        "https://user:secret@evil.example/search",
        "ftp://evil.example/search",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_next_link_that_leads_elsewhere_is_refused(
    wire: GuardedSession, service: FakeStac, href: str, method: str
) -> None:
    service.methods, service.next_href = (method,), href
    with pytest.raises(RefusedSource) as caught:
        search(wire, query(service))
    assert "secret" not in str(caught.value)


def test_a_next_link_cannot_set_headers_that_carry_rights(wire: GuardedSession, service: FakeStac) -> None:
    plain = service._next

    def with_headers(*args: Any) -> dict[str, Any]:
        return plain(*args) | {"headers": {"Authorization": "Bearer x", "Host": "evil.example", "X-Page": "2"}}

    service._next = with_headers  # type: ignore[method-assign,assignment]
    search(wire, query(service))
    last = [one for one in service.log if one.path == "/search"][-1]
    assert "authorization" not in last.headers
    assert (last.host, last.headers["x-page"]) == (service.where, "2")


def test_a_next_link_can_only_get_and_post(wire: GuardedSession, service: FakeStac) -> None:
    plain = service._next
    service._next = lambda *args: plain(*args) | {"method": "DELETE"}  # type: ignore[method-assign]
    with pytest.raises(RefusedSource, match="DELETE"):
        search(wire, query(service))


def test_a_search_link_that_leads_elsewhere_is_refused(wire: GuardedSession, service: FakeStac) -> None:
    page = service.landing_page()
    for link in page["links"]:
        link["href"] = "https://evil.example/" if link["rel"] == "search" else link["href"]
    service.landing = page
    with pytest.raises(RefusedSource, match=r"evil\.example"):
        search(wire, query(service))


@pytest.mark.parametrize("api", ["/etc/passwd", "file:///etc/passwd", "stac.json", "http://127.0.0.1:1/", "https://a/"])
def test_an_address_that_is_no_allowed_service_is_refused(wire: GuardedSession, service: FakeStac, api: str) -> None:
    with pytest.raises(RefusedSource):
        search(wire, query(service, api=api))


def test_an_answer_that_is_too_large_is_refused(service: FakeStac) -> None:
    with (
        guarded_session(Guard((), frozenset({service.where}), max_bytes=5000)) as wire,
        pytest.raises(RefusedSource, match="at most 5000"),
    ):
        search(wire, query(service))


@pytest.mark.parametrize(
    "page",
    [
        {"type": "Catalog"},
        {"hello": "world"},
        {"type": "Catalog", "stac_version": "1.0.0", "id": "x", "description": "", "links": [], "conformsTo": []},
        {"type": "FeatureCollection", "features": []},
    ],
)
def test_an_address_that_is_no_stac_api_is_an_unavailable_source(
    wire: GuardedSession, service: FakeStac, page: dict[str, Any]
) -> None:
    service.landing = page
    with pytest.raises(SourceUnavailable, match="no STAC"):
        search(wire, query(service))


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"", b"[1, 2]", b"\xff\xfe", b"[" * 100_000, b"null"])
@pytest.mark.parametrize("path", ["/", "/search"])
def test_a_body_that_is_no_answer_is_an_unavailable_source(
    wire: GuardedSession, service: FakeStac, path: str, body: bytes
) -> None:
    service.fail(path, Fault(200, {"Content-Type": "application/json"}, body))
    with pytest.raises(SourceUnavailable, match="no STAC"):
        search(wire, query(service))


@pytest.mark.parametrize("where", ["landing", "root"])
def test_an_old_item_in_place_of_a_catalog_does_not_make_pystac_read_its_collection(
    wire: GuardedSession, service: FakeStac, where: str
) -> None:
    """pystac completes items older than STAC 1.0 from their collection, which it fetches by a door of its own."""
    other = FakeStac(Files())
    with serve(other):
        old = {
            "type": "Feature", "stac_version": "0.8.0", "id": "x", "geometry": None, "assets": {},
            "properties": {"datetime": "2020-01-01T00:00:00Z"}, "collection": "c",
            "stac_extensions": ["commons"],
            "links": [{"rel": "collection", "href": f"{other.url}/collections/c"}],
        }  # fmt: skip
        if where == "landing":
            service.landing = old
            with pytest.raises(SourceUnavailable, match="no STAC API"):
                search(wire, query(service))
        else:
            page = service.landing_page()
            page["links"][1]["href"] = f"{service.url}/old"
            service.landing = page
            service.fail("/old", *[Fault(200, {}, json.dumps(old).encode()) for _ in range(4)])
            with pytest.raises(SourceUnavailable, match="no STAC API"):
                search(wire, query(service))
    assert other.log == []


def test_a_landing_page_whose_root_is_elsewhere_is_not_followed(wire: GuardedSession, service: FakeStac) -> None:
    other = FakeStac(Files())
    with serve(other):
        page = service.landing_page()
        for link in page["links"]:
            link["href"] = f"{other.url}/" if link["rel"] in ("root", "data", "conformance") else link["href"]
        service.landing = page
        with pytest.raises(SourceUnavailable, match=other.where):
            search(wire, query(service))
    assert other.log == []


BROKEN: dict[str, dict[str, Any]] = {
    "time": {"properties": {"datetime": "yesterday"}},
    "no properties": {"properties": None},
    "no assets": {"assets": None},
    "bbox": {"bbox": [1, 2]},
    "nan bbox": {"bbox": ["a", 0, 1, 1]},
    "turned bbox": {"bbox": [130.0, 40.0, 131.0, 30.0]},
    "another collection": {"collection": "other"},
    "another place": {"bbox": [10.0, 50.0, 11.0, 51.0]},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_item_is_refused_with_its_reason_and_the_others_are_taken(
    wire: GuardedSession, service: FakeStac, name: str
) -> None:
    service.page_items = 100
    page = service.search({"limit": 100}, "POST")
    page["features"][1] = {**page["features"][1], **BROKEN[name]}
    service.search = lambda *_: page  # type: ignore[method-assign]
    found = search(wire, query(service))
    assert len(found.scenes) == 3
    assert [one.name for one in found.refused] == [page["features"][1]["id"]]
    assert found.refused[0].reason


def test_an_item_of_another_date_than_asked_for_is_refused(wire: GuardedSession, service: FakeStac) -> None:
    service.page_items = 100
    page = service.search({"limit": 100}, "POST")
    service.search = lambda *_: page  # type: ignore[method-assign]
    found = search(wire, query(service, end=SCENES[2].captured_at - timedelta(days=1)))
    assert (len(found.scenes), len(found.refused)) == (2, 2)
    assert "outside the dates" in found.refused[0].reason


# --- items -----------------------------------------------------------------------------------------------------------


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
    from imagery.scene_product import ID

    assert ID.fullmatch(plan.id)
    assert "/" not in plan.id
