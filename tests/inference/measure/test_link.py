"""Pieces of one crack: joined where the picture shows that it goes on, and only there."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from time import process_time

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from inference.measure import link as module
from inference.measure.link import link
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
    return (160 + gaussian_filter(fine, 0.7) + 4 * coarse / coarse.std()).astype(np.float32)


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


def test_the_pieces_of_a_line_in_many_gaps_are_one_region() -> None:
    far = distance(LEVEL)
    plane = map_of(far, gap=(100, 140))
    for low in (200, 300):
        lost = plane[:, low : low + 40]
        lost[lost > 0] = 0.1
    (crack,) = linked(plane, darkened(surface(), far))
    assert crack.fragments == 4
    assert crack.polygon_px.is_valid


def test_the_result_does_not_hang_on_the_order_of_the_pieces_nor_on_how_the_picture_lies() -> None:
    far = np.minimum(distance(((60, 20), (80, 400))), distance(((150, 20), (130, 400))))
    plane, grey = map_of(far), darkened(surface(), far)
    pieces = regions(plane, CRACK)
    found = link(pieces, plane, grey, CRACK)
    assert len(found) == 2
    again = link(pieces[::-1], plane, grey, CRACK)
    assert [region.polygon_px.wkt for region in again] == [region.polygon_px.wkt for region in found]
    whole = painted(found)
    for flip in (np.s_[::-1], np.s_[:, ::-1], np.s_[::-1, ::-1]):
        other = linked(np.ascontiguousarray(plane[flip]), np.ascontiguousarray(grey[flip]))
        assert [region.fragments for region in other] == [2, 2]
        there = painted(other)[flip]
        assert (there & whole).sum() >= 0.93 * (there | whole).sum()


def test_thousands_of_pieces_cost_seconds(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    rng = np.random.default_rng(3)
    plane = np.zeros((900, 1400), np.float32)
    for row in range(6, 890, 10):
        for col in range(int(rng.integers(0, 20)), 1370, 40):
            plane[row : row + 3, col : col + 26] = 0.97
    grey = (160 + rng.normal(0, 3, plane.shape)).astype(np.float32)
    pieces = regions(plane, CRACK, bridge_px=0)
    assert len(pieces) > 2000
    monkeypatch.setattr(module, "MOST_ROUTES", 100)
    started = process_time()
    with caplog.at_level(logging.WARNING):
        assert len(link(pieces, plane, grey, CRACK)) >= 0.95 * len(pieces)
    assert process_time() - started < 15
    assert "100 shortest" in caplog.text
