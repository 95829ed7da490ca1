"""Search and plan against a STAC API that speaks the protocol, well or badly; items of two versions of STAC."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from findings.errors import QuotaExceeded, RefusedSource, SourceUnavailable
from imagery.sources.guard import Guard
from imagery.sources.stac import Query, search
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
    monkeypatch.setattr("imagery.sources.stac.MAX_PAGES", 6)
    with pytest.raises(SourceUnavailable, match="page 7 "):
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
