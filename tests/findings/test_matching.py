"""Which damage of this survey is which of the previous one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity
from shapely.geometry import Polygon, box

from findings.finding import Finding
from findings.links import GroundPlace, common_view, likeness
from findings.matching import Matches, match
from findings.registration import PictureRegistration
from tests.findings.years import NOW, SOMEWHERE, THEN, WAYS, a_picture, crack, shifted, side, sight


def pairs(found: Matches) -> set[tuple[str, str]]:
    return {(one.previous[0].uid, one.now[0].uid) for one in found.matched}


def matched(olds: list[Finding], news: list[Finding]) -> Matches:
    return match(side(THEN, olds), side(NOW, news), WAYS)


def test_a_damage_at_the_registered_place_is_the_same_one_and_elsewhere_it_is_not() -> None:
    old = sight("old", SOMEWHERE, damage="7")
    assert pairs(matched([old], [sight("new", shifted(SOMEWHERE), NOW, damage="7")])) == {("old", "new")}
    assert pairs(matched([old], [sight("new", shifted(affinity.translate(SOMEWHERE, 90)), NOW, damage="7")])) == set()


def test_a_crack_that_grew_to_three_times_its_length_keeps_its_id() -> None:
    old = sight("old", crack((100, 100), (200, 120)))
    new = sight("new", shifted(crack((100, 100), (400, 160), width=6.0)), NOW)
    found = matched([old], [new])
    assert pairs(found) == {("old", "new")}
    assert found.matched[0].link.share_previous > 0.95


def test_a_new_crack_that_crosses_an_old_one_is_not_it() -> None:
    old = sight("old", crack((100, 100), (300, 100)))
    new = sight("new", shifted(crack((200, 20), (200, 180))), NOW)
    found = matched([old], [new])
    assert not found.matched
    assert not found.rivals
    assert not found.pieces


def test_parallel_cracks_are_told_apart_at_a_few_tolerances() -> None:
    olds = [sight(f"old{k}", crack((100, 100 + 20 * k), (300, 100 + 20 * k))) for k in range(3)]
    news = [sight(f"new{k}", shifted(crack((100, 102 + 20 * k), (300, 102 + 20 * k))), NOW) for k in (2, 0, 1)]
    assert pairs(matched(olds, news)) == {(f"old{k}", f"new{k}") for k in range(3)}


@pytest.mark.parametrize(
    ("before", "after", "same"), [("6", "11", True), ("7", "12", True), ("6", "7", False), ("2", "6", False)]
)
def test_related_damages_may_be_one_and_others_never(before: str, after: str, same: bool) -> None:
    old, new = sight("old", SOMEWHERE, damage=before), sight("new", shifted(SOMEWHERE), NOW, damage=after)
    assert bool(matched([old], [new]).matched) is same
    assert (likeness(old, new) > 0) is same


def test_a_bar_in_a_spall_is_not_the_spall_but_another_class_of_its_shape_is() -> None:
    spall = sight("old", SOMEWHERE, damage="7", details={"class": "spalling"})
    bar = sight("bar", shifted(box(120, 105, 128, 145)), NOW, damage="7", details={"class": "exposed_rebar"})
    renamed = sight("new", shifted(SOMEWHERE), NOW, damage="7", details={"class": "spall"})
    assert not matched([spall], [bar]).matched
    assert pairs(matched([spall], [bar, renamed])) == {("old", "new")}


def test_the_same_damage_wins_over_a_related_one_at_the_same_place() -> None:
    old = sight("old", SOMEWHERE, damage="7")
    related = sight("a", shifted(SOMEWHERE), NOW, damage="23")
    same = sight("b", shifted(affinity.translate(SOMEWHERE, 4)), NOW, damage="7")
    assert pairs(matched([old], [related, same])) == {("old", "b")}


def test_the_larger_piece_carries_the_id_and_the_other_is_a_piece() -> None:
    old = sight("old", crack((100, 100), (400, 100)))
    small = sight("a", shifted(crack((100, 100), (180, 100))), NOW)
    large = sight("b", shifted(crack((200, 100), (400, 100))), NOW)
    found = matched([old], [small, large])
    assert pairs(found) == {("old", "b")}
    assert [(piece[0].uid, carrier.now[0].uid) for piece, carrier in found.pieces] == [("a", "b")]
    assert not found.rivals


def test_of_two_findings_at_one_place_the_better_one_gets_the_id() -> None:
    old = sight("old", SOMEWHERE, damage="7")
    good = sight("b", shifted(SOMEWHERE), NOW, damage="7")
    rough = sight("a", shifted(box(90, 90, 190, 180)), NOW, damage="7")
    found = matched([old], [rough, good])
    assert pairs(found) == {("old", "b")}
    assert [(rival[0].uid, winner.now[0].uid) for rival, winner in found.rivals] == [("a", "b")]


def test_previous_cracks_that_grew_into_one_are_told() -> None:
    olds = [sight("long", crack((100, 100), (300, 100))), sight("short", crack((320, 100), (400, 100)))]
    found = matched(olds, [sight("new", shifted(crack((100, 100), (400, 100))), NOW)])
    assert pairs(found) == {("long", "new")}
    assert [(part[0].uid, carrier.now[0].uid) for part, carrier in found.joined] == [("short", "new")]


def test_the_least_total_cost_decides_and_not_the_first_best() -> None:
    olds = [sight("p", box(100, 100, 200, 200), damage="7"), sight("q", box(160, 100, 300, 200), damage="7")]
    news = [sight("x", shifted(box(120, 100, 290, 200)), NOW, damage="7"),
            sight("y", shifted(box(170, 100, 300, 200)), NOW, damage="7")]  # fmt: skip
    assert pairs(matched(olds, news)) == {("p", "x"), ("q", "y")}


def test_sizes_are_comparable_only_where_both_pictures_show_all_of_it() -> None:
    whole = matched([sight("old", SOMEWHERE, damage="7")], [sight("new", shifted(SOMEWHERE), NOW, damage="7")])
    assert whole.matched[0].sizes is not None
    cut = crack((500, 400), (999, 400))  # runs out of both pictures
    found = matched([sight("old", cut)], [sight("new", shifted(cut).intersection(box(0, 0, 1000, 800)), NOW)])
    assert pairs(found) == {("old", "new")}
    assert found.matched[0].sizes is None


@pytest.mark.parametrize("edge", [(0, 0, 1000, 500.5), (0, 0, 1000, 500)])
def test_a_crack_that_reaches_the_edge_of_one_picture_alone_is_not_whole(edge: tuple[float, ...]) -> None:
    """It ends within a pixel of the edge of the previous picture; the present one shows all that was marked."""
    marked = crack((300, 300), (300, 500)).intersection(box(*edge))
    picture = {f"{THEN}-1": a_picture(f"{THEN}-1", height_px=501)}
    before = side(THEN, [sight("old", marked)], images=picture)
    (one,) = match(before, side(NOW, [sight("new", shifted(marked), NOW)]), WAYS).matched
    assert one.link.visible > 0.98
    assert one.sizes is None


def test_a_defect_is_matched_by_any_of_its_sights() -> None:
    elsewhere = sight("leader", crack((10, 10), (60, 10)), image_uid=f"{THEN}-2", defect_uid="d")
    here = sight("other", SOMEWHERE, defect_uid="d")
    found = matched([elsewhere, here], [sight("new", shifted(SOMEWHERE), NOW)])
    assert pairs(found) == {("leader", "new")}


def test_what_lies_behind_the_horizon_of_a_homography_is_not_in_common_view() -> None:
    steep = PictureRegistration((1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.002, 0.0, 1.0), 30, 0.5)
    folds = steep.inverse()
    seen = common_view(a_picture("then-1"), a_picture("now-1"), folds)
    assert seen.is_valid
    assert seen.area > 0
    carried = folds.points(np.asarray(seen.exterior.coords))
    assert (carried > -1).all()
    assert (carried[:, 0] < 1001).all()


def metres(east: float, north: float, side_m: float) -> Polygon:
    """Return a square of the ground near 36.7 N, 137.2 E."""
    lon, lat = 137.2 + east / 89_300, 36.7 + north / 111_190
    return box(lon, lat, lon + side_m / 89_300, lat + side_m / 111_190)


def on_ground(sigma_m: float, *places: float, size_m: float = 20.0) -> Matches:
    old = sight("old", SOMEWHERE, damage="R17")
    news = [sight(f"new{k}", SOMEWHERE, NOW, damage="R17") for k in range(len(places))]
    before = side(THEN, [old], ground={"old": GroundPlace(metres(0, 0, size_m), sigma_m)})
    there = {f"new{k}": GroundPlace(metres(place, 0, size_m), sigma_m) for k, place in enumerate(places)}
    return match(before, side(NOW, news, ground=there), {})


def test_without_a_registration_the_ground_decides_if_it_is_known_well_enough() -> None:
    assert pairs(on_ground(1.0, 3.0)) == {("old", "new0")}
    assert pairs(on_ground(10.0, 3.0)) == set(), "10 m of doubt about a damage of 20 m is a guess"


def test_a_place_on_the_ground_that_fits_two_damages_decides_nothing() -> None:
    found = on_ground(5.0, -6.0, 6.0)
    assert not found.matched
    assert found.ambiguous == {"old", "new0", "new1"}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_matches_do_not_depend_on_the_order_of_the_input(seed: int, shuffle: object) -> None:
    rng = np.random.default_rng(seed)
    olds, news = [], []
    for k in range(8):
        x, y = rng.uniform(50, 800), rng.uniform(50, 650)
        place = crack((x, y), (x + rng.uniform(20, 150), y + rng.uniform(-60, 60)))
        olds.append(sight(f"o{k}", place))
        if rng.random() < 0.8:
            news.append(sight(f"n{k}", shifted(affinity.translate(place, *rng.normal(0, 2, 2))), NOW))
    first = matched(olds, news)
    shuffle.shuffle(olds)  # type: ignore[attr-defined]
    shuffle.shuffle(news)  # type: ignore[attr-defined]
    again = matched(olds, news)
    assert pairs(again) == pairs(first)
    assert [p[0].uid for p, _ in again.pieces] == [p[0].uid for p, _ in first.pieces]
    assert len({new for _, new in pairs(first)}) == len(pairs(first)), "one to one"
    twice = match(side(THEN, olds), side(NOW, [replace(f, uid=f"again-{f.uid}") for f in news]), WAYS)
    assert {(a, b.removeprefix("again-")) for a, b in pairs(twice)} == pairs(first)
