"""Levees with known bare patches and trees: what is found, what mowing and season must not call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest

from findings.errors import NotAssessable, RecordError
from imagery.synthetic.river_levee import LeveeTruth, draw_levee, levee_scene
from imagery.synthetic.spectra import BANDS
from inference.river.finding import Array, RiverFinding
from inference.river.grid import Grid
from inference.river.levee import BARE, TREES, LeveeScene, LeveeStrip, find_levee, strip_beside
from inference.river.transects import make_frame

CRS = "EPSG:6671"
NEW_YEAR = datetime(2023, 1, 1, tzinfo=UTC)
SUMMER, WINTER = 200, 20
SEASONS = (20, 110, 200, 290)


def a_levee(
    seed: int, days: Sequence[int] = (SUMMER,), *, pixel_m: float = 10.0, half_m: float = 35.0, patches: int = 3
) -> tuple[LeveeTruth, LeveeStrip, list[LeveeScene]]:
    rng = np.random.default_rng(seed)
    truth = draw_levee(rng, pixel_m=pixel_m, half_m=half_m, patches=patches)
    height, width = truth.bare.shape
    grid = Grid(CRS, (pixel_m, 0.0, 0.0, 0.0, -pixel_m, height * pixel_m), height, width, pixel_m)
    strip = LeveeStrip(grid.points(truth.line_px, CRS), CRS, half_m, half_m, "left")
    scenes = [
        LeveeScene(NEW_YEAR + timedelta(days=day), dict(zip(BANDS, levee_scene(rng, truth, day), strict=True)), grid)
        for day in days
    ]
    return truth, strip, scenes


def of_kind(findings: Sequence[RiverFinding], kind: str) -> list[RiverFinding]:
    return [finding for finding in findings if finding.details["kind"] == kind]


def drawn(finding: RiverFinding, shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    ring = np.round(np.asarray(finding.polygon_px.exterior.coords) - 0.5).astype(np.int32)
    return cv2.fillPoly(mask, [ring], 1).astype(bool)


def counts(truth: Array, findings: Sequence[RiverFinding]) -> tuple[int, int, int, int]:
    """Return findings that lie on truth, findings, true patches of 4 px and more that were found, and all of those."""
    masks = [drawn(finding, truth.shape) for finding in findings]
    right = sum(bool((mask & (truth > 0.2)).any()) for mask in masks)
    number, labels = cv2.connectedComponents((truth > 0.5).astype(np.uint8))
    patches = [labels == i for i in range(1, number) if (labels == i).sum() >= 4]
    found = sum(any(bool((mask & patch).any()) for mask in masks) for patch in patches)
    return right, len(masks), found, len(patches)


def measured(days: Sequence[int], kind: str, seeds: int = 5) -> tuple[float, float]:
    """Return precision and recall over generated levees."""
    total = np.zeros(4)
    for seed in range(seeds):
        truth, strip, scenes = a_levee(seed, days)
        of = truth.bare if kind == BARE else truth.trees
        total += counts(of, of_kind(find_levee(strip, scenes).findings, kind))
    return total[0] / max(total[1], 1), total[2] / total[3]


@pytest.mark.parametrize(("days", "kind"), [((SUMMER,), BARE), ((SUMMER,), TREES), ((WINTER,), TREES), (SEASONS, BARE)])
def test_patches_of_four_pixels_are_found_and_most_findings_are_patches(days: Sequence[int], kind: str) -> None:
    precision, recall = measured(days, kind)
    assert precision >= 0.85
    assert recall >= 0.85


def test_bare_patches_of_a_dormant_winter_levee_are_not_assessable_and_said_so() -> None:
    report = find_levee(*a_levee(0, (WINTER,))[1:])
    assert of_kind(report.findings, BARE) == []
    assert any("dormant" in reason for reason in report.refusals)


def test_a_levee_without_patches_calls_no_bare_patch_though_parts_are_mown() -> None:
    for seed in range(6):
        _, strip, scenes = a_levee(seed, patches=0)
        assert of_kind(find_levee(strip, scenes).findings, BARE) == []


def test_a_small_mown_place_is_not_bare_however_far_below_its_neighbours() -> None:
    truth, strip, scenes = a_levee(2, patches=0)
    soil = {name: band.copy() for name, band in scenes[0].bands.items()}
    cut = {name: band.copy() for name, band in scenes[0].bands.items()}
    x, y = (int(v) for v in truth.line_px[30])
    place = (slice(y - 3, y), slice(x - 3, x + 3))
    for bands, red, nir in ((cut, 1100.0, 2600.0), (soil, 1600.0, 2300.0)):  # NDVI 0.41 and 0.18
        bands["red"][place], bands["nir"][place] = red, nir
    found = [find_levee(strip, [LeveeScene(NEW_YEAR, b, scenes[0].grid)]).findings for b in (cut, soil)]
    assert of_kind(found[0], BARE) == []
    assert len(of_kind(found[1], BARE)) == 1


def test_the_area_is_measured_with_its_interval_and_the_place_along_the_levee() -> None:
    truth, strip, scenes = a_levee(4, SEASONS)
    found = of_kind(find_levee(strip, scenes).findings, BARE)[0]
    area = found.measures[0]
    assert found.damage == "R08"
    assert (area.name, area.unit) == ("area", "m2")
    mask = drawn(found, truth.bare.shape)
    true_m2 = truth.bare[cv2.dilate(mask.astype(np.uint8), np.ones((5, 5))).astype(bool)].sum() * 100
    assert area.low is not None
    assert area.high is not None
    assert area.low <= true_m2 <= area.high
    start, end = found.details["station_m"]
    assert end - start == found.measures[1].value
    assert found.details["side"] == "left"


def test_a_strip_under_three_pixels_and_a_stretched_picture_are_refused_with_the_reason() -> None:
    _, strip, scenes = a_levee(0)
    narrow = LeveeStrip(strip.line_xy, CRS, 12.0, 12.0)
    assert "2.4 px broad" in find_levee(narrow, scenes).refusals[0]
    bands, grid = scenes[0].bands, scenes[0].grid
    grey = LeveeScene(NEW_YEAR, {name: (band / 40).astype(np.float32) for name, band in bands.items()}, grid)
    assert "stretched to 8 bits" in find_levee(strip, [grey]).refusals[0]
    blind = LeveeScene(NEW_YEAR, {name: np.full_like(band, np.nan) for name, band in bands.items()}, grid)
    report = find_levee(strip, [blind, scenes[0]])
    assert len(report.refusals) == 1
    assert report.findings


def test_cloud_is_no_bare_patch() -> None:
    _, strip, scenes = a_levee(3, patches=0)
    bands = {name: band.copy() for name, band in scenes[0].bands.items()}
    for band in bands.values():
        band[20:45, 100:130] = 6000.0
    assert of_kind(find_levee(strip, [LeveeScene(NEW_YEAR, bands, scenes[0].grid)]).findings, BARE) == []


def test_no_scene_and_a_date_without_zone_are_refused() -> None:
    _, strip, scenes = a_levee(0)
    with pytest.raises(RecordError, match="at least one scene"):
        find_levee(strip, [])
    naive = LeveeScene(datetime(2023, 1, 1), scenes[0].bands, scenes[0].grid)
    with pytest.raises(RecordError, match="no time zone"):
        find_levee(strip, [naive])


def test_a_strip_follows_offsets_from_the_transects_of_a_reach() -> None:
    frame = make_frame("r", np.array([[0.0, 0.0], [1000.0, 0.0]]), CRS, spacing_m=50, half_length_m=200)
    offset = np.where(frame.station_m > 300, 120.0, np.nan)
    strip = strip_beside(frame, offset, 40.0, "left")
    assert strip.line_xy[:, 1].tolist() == [120.0] * int((frame.station_m > 300).sum())
    assert strip.width_m == 40.0
    with pytest.raises(NotAssessable, match="fewer than two transects"):
        strip_beside(frame, np.full(len(frame), np.nan), 40.0, "left")
