from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from inference.regions import outline, region_mask, regions
from models.card import ClassSpec

CRACK = ClassSpec(name="crack", damage="6", threshold=0.5, minimum_area_px=10)
SPALL = ClassSpec(name="spalling", damage="7", threshold=0.5, minimum_area_px=10)


def canvas() -> NDArray[np.float32]:
    return np.zeros((120, 160), np.float32)


def test_two_blobs_are_two_regions_with_score_area_box_and_outline() -> None:
    p = canvas()
    p[10:20, 30:50] = 0.8
    p[60:64, 5:9] = 0.6
    first, second = regions(p, SPALL)
    assert (first.bbox.col, first.bbox.row, first.bbox.width, first.bbox.height) == (30, 10, 20, 10)
    assert first.area_px == 200
    assert first.score == pytest.approx(0.8)
    assert first.polygon_px.equals(shapely.box(30, 10, 50, 20))
    assert second.area_px == 16


def test_pixels_that_touch_at_corners_are_one_region_and_specks_are_none() -> None:
    p = canvas()
    p[range(20, 60), range(20, 60)] = 0.9
    p[100, 100:104] = 0.9
    (only,) = regions(p, SPALL)
    assert only.area_px == 40
    assert only.polygon_px.is_valid


def test_unobserved_pixels_belong_to_no_region() -> None:
    p = np.full((40, 40), 0.9, np.float32)
    p[:, 20:] = np.nan
    (only,) = regions(p, SPALL)
    assert only.bbox.right == 20
    assert regions(np.full((40, 40), np.nan, np.float32), SPALL) == []


def test_fragments_of_a_crack_that_point_at_each_other_are_one_finding() -> None:
    p = canvas()
    p[50:53, 10:70] = 0.9
    p[50:53, 76:140] = 0.9
    (crack,) = regions(p, CRACK)
    assert crack.fragments == 2
    assert crack.bbox.width == 130
    assert len(regions(p, SPALL)) == 2


def test_parallel_cracks_and_far_fragments_stay_apart() -> None:
    p = canvas()
    p[50:53, 10:70] = 0.9
    p[58:61, 10:70] = 0.9
    p[50:53, 90:140] = 0.9
    assert len(regions(p, CRACK)) == 3


def test_compact_fragments_are_never_joined() -> None:
    p = canvas()
    p[40:48, 40:48] = 0.9
    p[40:48, 52:60] = 0.9
    assert len(regions(p, CRACK)) == 2


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(bool, (9, 11), elements=st.booleans()))
def test_every_outline_is_valid_and_within_half_a_pixel_of_its_mask(mask: NDArray[np.bool_]) -> None:
    for region in regions(mask.astype(np.float32), SPALL.model_copy(update={"minimum_area_px": 1})):
        assert region.polygon_px.is_valid
        assert region.polygon_px.geom_type == "Polygon"
        rows, cols = np.nonzero(region.mask)
        centres = shapely.points(cols + region.bbox.col + 0.5, rows + region.bbox.row + 0.5)
        assert (shapely.distance(region.polygon_px, centres) <= 0.5).all()
        assert region.polygon_px.bounds[0] >= region.bbox.col - 0.5


def test_a_line_of_one_pixel_has_its_area() -> None:
    mask = np.zeros((5, 30), bool)
    mask[2, 3:27] = True
    assert outline(mask).area == pytest.approx(24)


def test_thousands_of_regions_are_bounded_and_the_strongest_kept() -> None:
    p = np.zeros((400, 400), np.float32)
    p[::4, ::4] = 0.6
    p[200, 200] = 0.9
    found = regions(p, CRACK.model_copy(update={"minimum_area_px": 1}), limit=50)
    assert len(found) == 50
    assert found[0].score == pytest.approx(0.9)


def test_a_fading_crack_is_followed_down_to_the_second_threshold_and_faint_streaks_stay_out() -> None:
    p = canvas()
    p[40, 20:60] = 0.9
    p[40, 60:100] = 0.3  # the same crack, fading
    p[80, 20:100] = 0.3  # a streak without any sure pixel
    grown = CRACK.model_copy(update={"grow_threshold": 0.25})
    (whole,) = regions(p, grown, bridge_px=0)
    assert (whole.area_px, whole.bbox.width, whole.bbox.row) == (80, 80, 40)
    (short,) = regions(p, CRACK, bridge_px=0)
    assert short.area_px == 40
    assert region_mask(p, grown).sum() == 80


BROAD = CRACK.model_copy(update={"threshold": 0.9, "grow_threshold": 0.3, "grow_width_px": 11})


def test_the_unsure_middle_of_a_broad_gap_joins_its_sure_edges_and_the_blur_of_a_hairline_stays_out() -> None:
    p = canvas()
    p[20:60, :] = 0.4  # 40 px broad
    p[[20, 21, 58, 59], :] = 0.95
    p[90:96, :] = 0.4  # the blur around a line
    p[92:94, :] = 0.95
    mask = region_mask(p, BROAD)
    assert mask[20:60].all()
    assert mask[90:96].sum() == 2 * p.shape[1]
    assert region_mask(p, CRACK.model_copy(update={"threshold": 0.9})).sum() == 6 * p.shape[1]


def test_a_broad_faint_place_without_a_sure_pixel_stays_out() -> None:
    p = canvas()
    p[20:60, 20:60] = 0.4
    assert not region_mask(p, BROAD).any()


def test_a_broad_place_at_the_edge_of_the_picture_is_as_broad_as_inside_it() -> None:
    p = canvas()
    p[:8, :] = 0.4
    p[7, :] = 0.95
    assert region_mask(p, BROAD)[:8].all()


def test_small_holes_belong_to_a_region_and_larger_ones_and_unobserved_ones_do_not() -> None:
    p = canvas()
    p[10:50, 10:50] = 0.9
    p[14:18, 14:18] = 0.1
    p[24:44, 24:44] = 0.1
    p[12, 40] = np.nan
    p[80:90, :] = 0.9
    p[84:88, :4] = 0.1  # open to the edge of the picture
    mask = region_mask(p, SPALL.model_copy(update={"fill_holes_px": 20}))
    assert mask[14:18, 14:18].all()
    assert not mask[24:44, 24:44].any()
    assert not mask[12, 40]
    assert not mask[84:88, :4].any()


def test_the_region_mask_is_the_union_of_the_regions_without_specks() -> None:
    p = canvas()
    p[10:20, 30:50] = 0.8
    p[100, 100:104] = 0.9
    mask = region_mask(p, SPALL)
    assert mask.sum() == 200
    assert mask[10:20, 30:50].all()
