from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely

from findings.finding import Domain, Finding, Grade, Provenance
from findings.measure import Measure
from findings.survey import Scale, ScaleSource
from imagery.types import Pixels
from inference.overlay import BANNER_PX, OUTLINE, Earlier, crop_window, display_rgb, label, overlay_image

FINDING = Finding(
    uid="f",
    survey_uid="s",
    image_uid="i",
    asset_uid=None,
    domain=Domain.BRIDGE,
    damage="6",
    grade=Grade("mlit_damage", ("c", "d"), "", "", "grade_rules", "1", "draft"),
    measures=(Measure("length", 1.2, "m", 1.1, 1.3, ""), Measure("width_p95", 0.32, "mm", 0.21, 0.48, "")),
    scale=Scale(0.5, 0.01, ScaleSource.GIVEN_GSD),
    geometry_px=shapely.box(300, 200, 420, 210),
    geometry_lonlat=None,
    position_source="image_only",
    score=0.9,
    provenance=Provenance("m", "1", "0", 0.5, "0", "0"),
)


def test_the_picture_shows_the_place_outlined_at_its_pixels_and_the_whole_image_beside_it() -> None:
    rgb = np.full((600, 1000, 3), 90, np.uint8)
    picture = overlay_image(rgb, FINDING)
    window = crop_window(FINDING.geometry_px, 1000, 600)
    zoom = (picture.shape[0] - BANNER_PX) // window.height
    assert zoom >= 1
    near = np.abs(picture.astype(int) - OUTLINE).sum(axis=2) < 90
    rows, cols = np.nonzero(near[BANNER_PX:, : window.width * zoom])
    assert cols.min() / zoom + window.col == pytest.approx(298, abs=1.5)  # two pixels outside the place
    assert rows.max() / zoom + window.row == pytest.approx(212, abs=1.5)
    assert picture.shape[1] > window.width * zoom + 200


@pytest.mark.parametrize("size", [(20, 30), (448, 448), (3000, 4000)])
def test_a_place_anywhere_in_an_image_of_any_size_gives_a_picture(size: tuple[int, int]) -> None:
    height, width = size
    rgb = np.zeros((height, width, 3), np.uint8)
    for place in (
        shapely.box(0, 0, 5, 5),
        shapely.box(width - 4, height - 4, width, height),
        shapely.box(0, 0, width, height),
    ):
        picture = overlay_image(rgb, replace(FINDING, geometry_px=place, scale=Scale()))
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3
        window = crop_window(place, width, height)
        assert 0 <= window.col <= window.right <= width
        assert 0 <= window.row <= window.bottom <= height


def test_a_change_in_a_scene_shows_both_dates_large_enough_to_see_it() -> None:
    scene = replace(
        FINDING, scale=Scale(10_000.0, 100.0, ScaleSource.GEOREFERENCE), geometry_px=shapely.box(100, 100, 110, 104)
    )
    then, now = np.full((256, 256, 3), 60, np.uint8), np.full((256, 256, 3), 180, np.uint8)
    picture = overlay_image(now, scene, earlier=Earlier(then, "2021-03-29", "2026-10-04"))
    alone = overlay_image(now, scene)
    crop = 80 * 9  # the least crop, enlarged to fit the panel
    body = picture[2 * BANNER_PX :]
    assert np.median(body[:, :crop]) == 60
    assert np.median(body[:, crop + 4 : 2 * crop + 4]) == 180
    assert picture.shape[1] == alone.shape[1] + crop + 4
    assert (picture[BANNER_PX : 2 * BANNER_PX, :crop] > 200).any(), "the day stands above its picture"


def test_large_sizes_are_no_powers_of_ten() -> None:
    eroded = replace(FINDING, damage="R17", grade=None, measures=(Measure("area", 6800.0, "m2", 4000.0, 12400.0, ""),))
    assert label(eroded) == "R17 bank erosion A 6800 m2 (4000-12000) score 0.90"


def test_the_label_says_damage_grades_measures_and_bounds_in_ascii() -> None:
    assert label(FINDING) == "6 crack [c/d] w95 0.32 mm (0.21-0.48) L 1.2 m (1.1-1.3) score 0.90"
    unresolved = replace(FINDING, measures=(Measure("width_p95", None, "mm", 0.0, 0.3, ""),), grade=None)
    assert label(unresolved) == "6 crack w95 < 0.3 mm score 0.90"


def test_a_scene_is_shown_in_true_colour_or_false_colour_and_gaps_are_black() -> None:
    values = np.stack([np.linspace(0, 3000, 100).reshape(10, 10) + k for k in range(4)]).astype(np.float32)
    values[:, 0] = np.nan
    shown = display_rgb(Pixels(values, ("blue", "green", "red", "nir")))
    assert (shown[0] == 0).all()
    assert shown[1:].min() >= 1
    assert shown.max() == 255
    assert display_rgb(Pixels(values[:1], ("swir1",))).shape == (10, 10, 3)
