"""Pieces of one crack: joined where the picture shows that it goes on, and only there."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from time import process_time

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from inference.measure import link as module
from inference.measure.link import End, Route, facing, find_ends, find_route, link
from inference.regions import Region, regions
from models.card import ClassSpec

CRACK = ClassSpec(name="crack", damage="6", threshold=0.5, minimum_area_px=40)
SPALL = ClassSpec(name="spalling", damage="7", threshold=0.5, minimum_area_px=40)
Plane = NDArray[np.float32]
Line = tuple[tuple[float, float], tuple[float, float]]  # row and column of both ends
SIZE = (220, 420)
LEVEL: Line = ((110, 20), (110, 400))
GAP = (150, 250)  # columns


def surface(seed: int = 1) -> Plane:
    """Concrete: fine and coarse texture about a middle grey."""
    rng = np.random.default_rng(seed)
    fine, coarse = rng.normal(0, 3, SIZE), gaussian_filter(rng.normal(0, 1, SIZE), 6)
    return np.asarray(160 + gaussian_filter(fine, 0.7) + 4 * coarse / coarse.std(), np.float32)


def distance(*lines: Line, waves_px: float = 4.0) -> NDArray[np.float64]:
    """The distance of every pixel from gently waving lines."""
    on = np.zeros(SIZE, bool)
    for start, end in lines:
        first, last = np.array(start, float), np.array(end, float)
        share = np.linspace(0, 1, 1200)[:, None]
        across = np.array([-(last - first)[1], (last - first)[0]]) / np.hypot(*(last - first))
        points = np.rint(first + share * (last - first) + waves_px * np.sin(share * 14) * across).astype(int)
        on[tuple(points.T)] = True
    return np.asarray(distance_transform_edt(~on))


def darkened(grey: Plane, far: NDArray[np.float64], depth: float | NDArray[np.float64] = 35.0) -> Plane:
    return (grey - depth * np.exp(-0.5 * (far / 1.3) ** 2)).astype(np.float32)


def map_of(far: NDArray[np.float64], faint: float = 0.1, gap: tuple[int, int] = GAP) -> Plane:
    """What a network says that loses the line between two columns."""
    plane = np.where(far <= 2, np.float32(0.97), np.float32(0))
    lost = plane[:, gap[0] : gap[1]]
    lost[lost > 0] = faint
    return plane


def linked(plane: Plane, grey: Plane, spec: ClassSpec = CRACK) -> tuple[Region, ...]:
    return link(regions(plane, spec), plane, grey, spec)


def painted(found: Sequence[Region]) -> NDArray[np.bool_]:
    whole = np.zeros(SIZE, bool)
    for region in found:
        box = region.bbox
        whole[box.row : box.bottom, box.col : box.right] |= region.mask
    return whole


def test_a_line_that_the_network_loses_and_the_picture_shows_is_one_crack() -> None:
    far = distance(LEVEL)
    plane = map_of(far)
    pieces = regions(plane, CRACK)
    assert len(pieces) == 2
    (crack,) = link(pieces, plane, darkened(surface(), far), CRACK)
    assert (crack.fragments, crack.bbox.width >= 378) == (2, True)
    assert all(type(value) is int for value in (crack.bbox.row, crack.bbox.col, crack.bbox.height, crack.bbox.width))
    assert crack.polygon_px.is_valid
    assert crack.area_px == crack.mask.sum()
    assert crack.score == pytest.approx(0.97)
    route = painted([crack]) & ~painted(pieces)
    assert far[route].max() <= 4  # on the line
    assert route[:, GAP[0] + 5 : GAP[1] - 5].sum(axis=0).max() <= 6  # and about 3 px wide
    assert painted([crack])[painted(pieces)].all()


def test_where_the_picture_shows_nothing_pieces_stay_apart() -> None:
    far = distance(LEVEL)
    shown = np.broadcast_to(np.where((np.arange(SIZE[1]) >= 150) & (np.arange(SIZE[1]) < 250), 0.0, 35.0), SIZE)
    for seed in range(5):
        assert len(linked(map_of(far), darkened(surface(seed), far, shown))) == 2


def test_a_line_seen_over_half_of_its_gap_is_not_joined() -> None:
    far = distance(LEVEL)
    shown = np.broadcast_to(np.where((np.arange(SIZE[1]) >= 150) & (np.arange(SIZE[1]) < 190), 0.0, 35.0), SIZE)
    for seed in range(3):
        assert len(linked(map_of(far), darkened(surface(seed), far, shown))) == 2


def test_a_line_no_darker_than_the_texture_is_not_joined() -> None:
    far = distance(LEVEL)
    rough = (160 + 6 * (surface() - 160)).astype(np.float32)
    assert len(linked(map_of(far), darkened(rough, far, 8.0))) == 2


def test_short_pieces_are_not_joined_over_a_long_gap() -> None:
    far = distance(((110, 120), (110, 280)), waves_px=0)
    grey = darkened(surface(), far)
    assert len(linked(map_of(far, gap=(150, 250)), grey)) == 2
    assert len(linked(map_of(far, gap=(150, 215)), grey)) == 1


def test_only_ends_of_two_pieces_within_reach_face_each_other() -> None:
    def pair(gap_px: float, owners: tuple[int, int] = (0, 1)) -> list[tuple[int, int]]:
        here, there = (50.0, 10.0), (50.0, 10.0 + gap_px)
        one = End(owners[0], here, here, (0.0, 1.0), 2.0, 900.0)
        return facing([one, End(owners[1], there, there, (0.0, -1.0), 2.0, 900.0)])

    assert pair(190) == [(0, 1)]
    assert pair(210) == []
    assert pair(190, (0, 0)) == []


def test_an_end_looks_at_few_partners() -> None:
    one = End(0, (50.0, 10.0), (50.0, 10.0), (0.0, 1.0), 2.0, 900.0)
    fan = [(40.0 + 4 * k, 100.0) for k in range(6)]
    others = [End(1 + k, place, place, (0.0, -1.0), 2.0, 900.0) for k, place in enumerate(fan)]
    assert facing([one, *others]) == [(0, 3), (0, 4), (0, 2)]


def test_a_line_that_staggers_is_not_joined() -> None:
    far = distance(LEVEL, waves_px=0)
    cols = np.arange(SIZE[1])
    saw = np.zeros(SIZE[1], int)
    saw[150:246] = [*range(24), *range(24, -24, -1), *range(-24, 0)]
    on = np.zeros(SIZE, bool)
    on[110 + saw, cols] = True
    zigzag = np.asarray(distance_transform_edt(~on))
    assert len(linked(map_of(far), darkened(surface(), far))) == 1
    assert len(linked(map_of(zigzag), darkened(surface(), zigzag))) == 2


def test_a_line_that_the_network_says_nothing_of_is_not_joined() -> None:
    far = distance(LEVEL)
    assert len(linked(map_of(far, faint=0.0), darkened(surface(), far))) == 2


def test_the_edge_of_a_stain_is_no_crack() -> None:
    far = distance(LEVEL)
    shown = np.broadcast_to(np.where((np.arange(SIZE[1]) >= 150) & (np.arange(SIZE[1]) < 250), 0.0, 35.0), SIZE)
    grey = darkened(surface(), far, shown)
    grey[110:, 145:255] -= 35
    assert len(linked(map_of(far), grey)) == 2


def test_a_much_darker_line_between_two_cracks_is_not_theirs() -> None:
    far = distance(LEVEL, waves_px=0)
    grey = darkened(surface(), far, 18.0)
    joint = grey.copy()
    joint[107:114, 150:250] -= 90
    assert len(linked(map_of(far), grey)) == 1
    assert len(linked(map_of(far), joint)) == 2


def test_parallel_cracks_stay_two_and_each_keeps_its_own_pieces() -> None:
    upper, lower = distance(((95, 20), (95, 400))), distance(((120, 20), (120, 400)))
    far = np.minimum(upper, lower)
    found = linked(map_of(far), darkened(surface(), far))
    assert [region.fragments for region in found] == [2, 2]
    assert {region.bbox.row > 105 for region in found} == {True, False}
    beside = np.minimum(distance(((95, 20), (95, 240))), distance(((120, 180), (120, 400))))
    assert len(linked(map_of(beside, gap=(0, 0)), darkened(surface(), beside))) == 2


def test_cracks_that_cross_in_a_lost_place_are_joined_straight_on() -> None:
    level, steep = distance(((110, 60), (110, 360)), waves_px=0), distance(((20, 150), (200, 270)), waves_px=0)
    far = np.minimum(level, steep)
    plane = map_of(far, gap=(180, 240))
    assert len(regions(plane, CRACK)) == 4
    found = linked(plane, darkened(surface(), far))
    assert [region.fragments for region in found] == [2, 2]
    assert sorted(region.bbox.height > 100 for region in found) == [False, True]


def test_a_crack_that_ends_at_a_joint_is_not_led_round_the_corner() -> None:
    crack, joint = distance(((60, 20), (60, 200)), waves_px=0), distance(((10, 202), (210, 202)), waves_px=0)
    far = np.minimum(crack, joint)
    plane = np.where((crack <= 2) | ((joint <= 2) & (np.arange(SIZE[0])[:, None] > 110)), np.float32(0.97), 0)
    plane = np.where((joint <= 2) & (plane == 0), np.float32(0.1), plane).astype(np.float32)
    assert len(linked(plane, darkened(surface(), far))) == 2


def test_areas_are_untouched_and_so_is_a_picture_without_pairs() -> None:
    far = distance(LEVEL)
    plane, grey = map_of(far), darkened(surface(), far)
    pieces = regions(plane, SPALL)
    assert all(a is b for a, b in zip(link(pieces, plane, grey, SPALL), pieces, strict=True))
    lone = regions(map_of(far, gap=(0, 0)), CRACK)
    assert link(lone, plane, grey, CRACK)[0] is lone[0]
    assert link([], plane, grey, CRACK) == ()


def test_no_route_leads_over_pixels_that_were_not_observed() -> None:
    far = distance(LEVEL)
    plane, grey = map_of(far), darkened(surface(), far)
    hidden = grey.copy()
    hidden[:, 198:202] = np.nan
    assert len(linked(plane, grey)) == 1
    assert len(linked(plane, hidden)) == 2
    unseen = plane.copy()
    unseen[:, 198:202] = np.nan
    assert len(linked(unseen, grey)) == 2


def test_a_line_along_the_border_of_what_is_seen_is_not_joined() -> None:
    far = distance(LEVEL, waves_px=0)
    grey = darkened(surface(), far)
    grey[113:, 150:250] = np.nan
    assert len(linked(map_of(far), grey)) == 2


def test_a_route_over_what_nobody_saw_is_never_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    far = distance(LEVEL, waves_px=0)
    plane, grey = map_of(far), darkened(surface(), far)
    straight = Route(np.stack([np.full(100, 110.0), np.arange(150.0, 250)], axis=1), 1.0, 1.0, 9.0, 0.5, 1.0)
    monkeypatch.setattr(module, "find_route", lambda *_: straight)
    assert len(linked(plane, grey)) == 1
    grey[:, 198:202] = np.nan
    assert len(linked(plane, grey)) == 2


def test_a_way_round_what_nobody_saw_keeps_clear_of_it() -> None:
    far = distance(LEVEL)
    ends = find_ends(regions(map_of(far), CRACK))
    ((one, other),) = facing(ends)
    grey = darkened(surface(), far)
    assert find_route(ends[one], ends[other], map_of(far), grey) is not None
    grey[:, 198:202] = np.nan
    assert find_route(ends[one], ends[other], map_of(far), grey) is None


def test_a_piece_between_two_others_is_joined_to_both() -> None:
    far = distance(LEVEL)
    plane = map_of(far, gap=(140, 170))
    lost = plane[:, 240:270]
    lost[lost > 0] = 0.1
    columns = np.arange(SIZE[1])
    shown = np.broadcast_to(np.where((columns >= 165) & (columns < 245), 60.0, 30.0), SIZE)
    (crack,) = linked(plane, darkened(surface(), far, shown))
    assert crack.fragments == 3
    assert crack.polygon_px.is_valid


def test_pieces_that_were_bridged_before_count() -> None:
    far = distance(LEVEL)
    plane = map_of(far)
    plane[:, 80:84] = 0
    (crack,) = linked(plane, darkened(surface(), far))
    assert crack.fragments == 3


def test_a_crack_made_longer_comes_first() -> None:
    broken, whole = distance(((60, 20), (60, 400))), distance(((150, 60), (150, 300)))
    far = np.minimum(broken, whole)
    plane = np.where(broken < whole, map_of(broken), map_of(whole, gap=(0, 0)))
    assert regions(plane, CRACK)[0].bbox.row > 100
    found = linked(plane, darkened(surface(), far))
    assert [region.fragments for region in found] == [2, 1]


def test_a_ring_is_not_closed() -> None:
    rows, cols = np.indices(SIZE)
    far = np.abs(np.hypot(rows - 110, cols - 200) - 90)
    plane = np.where((far <= 2) & (np.abs(cols - 200) > 22), 0.97, 0.0).astype(np.float32)
    plane[(far <= 2) & (plane == 0)] = 0.1
    (crack,) = linked(plane, darkened(surface(), far))
    assert crack.fragments == 2
    assert crack.polygon_px.area < 4000  # the outline fills holes: a closed ring would be its inside


def test_pieces_that_taper_are_reached() -> None:
    far = distance(LEVEL, waves_px=0)
    beyond = np.clip(np.maximum(GAP[0] - np.arange(SIZE[1]), np.arange(SIZE[1]) - GAP[1]), -1, None)
    plane = np.where(far <= np.minimum(beyond / 4, 6), np.float32(0.97), np.float32(0))
    plane[(far <= 2) & (plane == 0)] = 0.1
    (crack,) = linked(plane, darkened(surface(), far))
    assert crack.fragments == 2


def test_the_result_does_not_hang_on_the_order_of_the_pieces_nor_on_how_the_picture_lies() -> None:
    far = np.minimum(distance(((60, 20), (80, 400))), distance(((150, 20), (130, 400))))
    plane, grey = map_of(far), darkened(surface(), far)
    pieces = regions(plane, CRACK)
    found = link(pieces, plane, grey, CRACK)
    assert len(found) == 2
    again = link(pieces[::-1], plane, grey, CRACK)
    alike = regions(map_of(np.minimum(distance(LEVEL), distance(((60, 20), (60, 400))))), CRACK)
    assert [end.place for end in find_ends(alike[::-1])] == [end.place for end in find_ends(alike)]
    assert [region.polygon_px.wkt for region in again] == [region.polygon_px.wkt for region in found]
    whole = painted(found)
    for flip in (np.s_[::-1], np.s_[:, ::-1], np.s_[::-1, ::-1]):
        other = linked(np.ascontiguousarray(plane[flip]), np.ascontiguousarray(grey[flip]))
        assert [region.fragments for region in other] == [2, 2]
        there = painted(other)[flip]
        assert (there & whole).sum() >= 0.93 * (there | whole).sum()


def test_thousands_of_pieces_make_few_routes(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    rng = np.random.default_rng(3)
    plane = np.zeros((900, 1400), np.float32)
    for row in range(6, 890, 10):
        for col in range(int(rng.integers(0, 20)), 1370, 40):
            plane[row : row + 3, col : col + 26] = 0.97
    grey = (160 + rng.normal(0, 3, plane.shape)).astype(np.float32)
    pieces = regions(plane, CRACK, bridge_px=0)
    assert len(pieces) > 2000
    ends = find_ends(pieces)
    with caplog.at_level(logging.WARNING):
        pairs = facing(ends)
    assert len(pairs) == module.MOST_ROUTES
    assert f"{module.MOST_ROUTES} shortest" in caplog.text
    assert max(Counter(end for pair in pairs for end in pair).values()) <= module.PARTNERS
    monkeypatch.setattr(module, "find_ends", lambda _: ends)
    monkeypatch.setattr(module, "MOST_ROUTES", 100)
    started = process_time()
    assert len(link(pieces, plane, grey, CRACK)) >= 0.98 * len(pieces)
    assert process_time() - started < 10
