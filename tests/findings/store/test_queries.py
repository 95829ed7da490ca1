from __future__ import annotations

import itertools
from dataclasses import replace

import hypothesis
import pytest
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon, box

from findings.errors import NotFound, StoreError
from findings.finding import FindingStatus
from findings.store import Cursor, Store
from findings.survey import ImageStatus
from tests.findings.store.samples import RUN, a_finding, a_priority, a_surveyed_image, by_hand

_numbers = itertools.count()
SECTIONS = ("official", "confirmed", "candidate")
RANKS = st.lists(
    st.none() | st.tuples(st.sampled_from(SECTIONS), st.sampled_from([0.0, 1 / 3, 50.0]) | st.floats(0, 100)),
    max_size=12,
)


def uids(store: Store, **filters: object) -> list[str]:
    return [finding.uid for finding, _ in store.list_findings(**filters).items]  # type: ignore[arg-type]


def record(store: Store, places: dict[str, object], survey: str = "2026") -> None:
    image = replace(a_surveyed_image(store, survey), status=ImageStatus.INSPECTED)
    store.record_image(image, RUN, [a_finding(image, uid, geometry_lonlat=place) for uid, place in places.items()])


@hypothesis.given(ranks=RANKS, limit=st.integers(1, 5))
@hypothesis.settings(
    max_examples=12, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
def test_paging_visits_each_finding_once_in_the_order_of_the_list(
    store: Store, ranks: list[tuple[str, float] | None], limit: int
) -> None:
    number = next(_numbers)
    keys = {f"f-{number}-{i}": rank for i, rank in enumerate(ranks)}
    record(store, dict.fromkeys(keys), survey=f"s-{number}")
    record(store, {f"elsewhere-{number}": None}, survey=f"other-{number}")
    store.put_priorities([a_priority(uid, rank[1], rank[0]) for uid, rank in keys.items() if rank])
    seen: list[str] = []
    cursor: Cursor | None = None
    for _ in range(len(keys) + 1):
        page = store.list_findings(survey=f"s-{number}", limit=limit, cursor=cursor)
        seen += [finding.uid for finding, _ in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    # sorted() is stable: equal ranks keep the order in which they were recorded
    expected = sorted(keys, key=lambda uid: (SECTIONS.index(keys[uid][0]), -keys[uid][1]) if keys[uid] else (3, 0.0))  # type: ignore[index]
    assert seen == expected


def test_a_page_holds_the_priorities_with_all_their_terms(store: Store) -> None:
    record(store, {"a": None, "b": None})
    store.put_priorities([a_priority("b", 100 / 7)])
    assert [priority for _, priority in store.list_findings().items] == [a_priority("b", 100 / 7), None]


def test_the_box_finds_what_meets_it_and_nothing_a_millionth_of_a_degree_outside(store: Store) -> None:
    record(
        store,
        {
            "inside": Point(137.25, 36.75),
            "touching": box(137.3, 36.8, 138, 37),
            "covering": box(130, 30, 140, 40),
            "just_east": Point(137.300001, 36.75),
            "just_north": Point(137.25, 36.800001),
            "nowhere": None,
        },
    )
    assert uids(store, bbox=(137.2, 36.7, 137.3, 36.8)) == ["inside", "touching", "covering"]
    assert uids(store, bbox=(137.25, 36.75, 137.25, 36.75)) == ["inside", "covering"]


def test_a_box_over_the_antimeridian_finds_both_sides(store: Store) -> None:
    record(store, {"fiji": Point(179.5, -17), "samoa": Point(-172, -13.5), "japan": Point(137, 36)})
    assert uids(store, bbox=(170, -20, -170, -10)) == ["fiji", "samoa"]


def test_the_box_follows_a_finding_that_moves_vanishes_or_gains_a_place(store: Store) -> None:
    here, there = (0.0, 0.0, 1.0, 1.0), (10.0, 10.0, 11.0, 11.0)
    record(store, {"moves": Point(0.5, 0.5), "loses": Point(0.6, 0.6), "gains": None})
    record(store, {"moves": Point(10.5, 10.5), "loses": None, "gains": Point(0.1, 0.1)})
    assert uids(store, bbox=here) == ["gains"]
    assert uids(store, bbox=there) == ["moves"]
    assert store.check() == []


@hypothesis.given(
    corners=st.tuples(st.floats(-180, 180), st.floats(-90, 90), st.floats(-180, 180), st.floats(-90, 90)),
)
@hypothesis.settings(
    max_examples=20, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
def test_any_box_gives_the_rows_that_plain_comparison_gives(
    store: Store, corners: tuple[float, float, float, float]
) -> None:
    places = {
        f"p{i}": Point(lon, lat) for i, (lon, lat) in enumerate(itertools.product((-180, -0.1, 90), (-90, 0, 45)))
    }
    record(store, dict(places))
    west, south, east, north = corners[0], min(corners[1::2]), corners[2], max(corners[1::2])
    expected = {
        uid
        for uid, place in places.items()
        if south <= place.y <= north
        and (west <= place.x <= east if west <= east else place.x >= west or place.x <= east)
    }
    assert set(uids(store, bbox=(west, south, east, north))) == expected


def test_the_list_is_filtered_by_score_damage_and_review_state(store: Store, url: str) -> None:
    image = replace(a_surveyed_image(store), status=ImageStatus.INSPECTED)
    store.record_image(image, RUN, [a_finding(image, "a"), a_finding(image, "b", damage="7"), a_finding(image, "c")])
    store.put_priorities([a_priority("a", 30.0), a_priority("b", 60.0)])
    by_hand(url, "UPDATE finding SET status = 'confirmed' WHERE uid = 'a'")
    assert uids(store) == ["b", "a", "c"]
    assert uids(store, minimum_score=30.0) == ["b", "a"]
    assert uids(store, minimum_score=30.1) == ["b"]
    assert uids(store, damage="7") == ["b"]
    assert uids(store, status=FindingStatus.CONFIRMED) == ["a"]


def test_impossible_questions_are_refused_with_what_was_expected(store: Store) -> None:
    for limit in (0, 10_001):
        with pytest.raises(StoreError, match="expected 1 to 10000"):
            store.list_findings(limit=limit)
    for wrong in ((0, 2, 1, 1), (0, 0, 181, 1), (float("nan"), 0, 1, 1)):
        with pytest.raises(StoreError, match="expected min lon, min lat, max lon, max lat"):
            store.list_findings(bbox=wrong)
    with pytest.raises(NotFound, match="no survey named 'x'"):
        store.list_findings(survey="x")


def test_an_outline_keeps_its_holes_and_its_last_digits(store: Store) -> None:
    ring = Polygon([(0.1, 0.2), (7 / 3, 0.2), (1, 2)], [[(0.9, 0.4), (1.1, 0.4), (1, 0.6)]])
    image = replace(a_surveyed_image(store), status=ImageStatus.INSPECTED)
    store.record_image(image, RUN, [a_finding(image, geometry_px=ring, geometry_lonlat=ring)])
    assert store.finding("finding-1")[0].geometry_lonlat == ring
    assert store.finding("finding-1")[0].geometry_px == ring
