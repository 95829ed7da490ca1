"""Patterns of cracks, their directions and their spacing, on drawings whose pattern is known."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from findings.survey import Scale, ScaleSource
from inference.measure.lines import lines_of, orientation
from inference.measure.pattern import Kind, Pattern, find_patterns
from inference.regions import Region, regions
from models.card import ClassSpec
from tests.inference.measure.bands import HALF_MM, coverage
from tests.inference.measure.patterns import Drawing, draw

CRACK = ClassSpec(name="crack", damage="6", threshold=0.5)
SLAB_WORDS = {"single": "one_way", "parallel": "one_way", "map": "grid", "grid": "grid"}


def found_in(mask: NDArray[np.bool_]) -> list[Region]:
    return regions(mask.astype(np.float32), CRACK)


def main_pattern(mask: NDArray[np.bool_]) -> Pattern:
    """The pattern that holds the most length."""
    lines = [lines_of(region) for region in found_in(mask)]
    weight: Counter[Pattern] = Counter()
    for line, pattern in zip(lines, find_patterns(lines), strict=True):
        if pattern is not None:
            weight[pattern] += round(line.length_px)
    return weight.most_common(1)[0][0]


@pytest.mark.parametrize("kind", ["single", "parallel", "map", "grid"])
@pytest.mark.parametrize("angle", [0, 35, 90, 160])
@pytest.mark.parametrize("spacing", [70, 140])
def test_each_pattern_is_told_at_any_angle_and_density(kind: str, angle: float, spacing: float) -> None:
    rng = np.random.default_rng([round(angle), round(spacing)])
    pattern = main_pattern(draw(kind, rng, Drawing(spacing, angle)))
    assert (pattern.kind.value, pattern.slab) == (kind, SLAB_WORDS[kind])


@pytest.mark.slow
@pytest.mark.parametrize(("gaps", "least"), [(0.0, 0.94), (0.15, 0.9)])
def test_patterns_are_told_in_nine_of_ten_drawings_even_where_lines_are_broken(gaps: float, least: float) -> None:
    rng = np.random.default_rng(40)
    right = Counter[str]()
    for kind in SLAB_WORDS:
        for _ in range(12):
            how = Drawing(
                rng.uniform(60, 250), rng.uniform(0, 180), int(rng.integers(2, 8)), rng.uniform(2, 8), gaps=gaps
            )
            right[kind] += main_pattern(draw(kind, rng, how)).kind.value == kind
    assert sum(right.values()) >= least * 12 * 4, right
    assert min(right.values()) >= 0.75 * 12, right


def test_a_fork_does_not_make_a_crack_parallel() -> None:
    mask = np.zeros((900, 900), bool)
    mask[448:452, 100:800] = True
    for col in range(500, 740):
        row = 450 - min(col - 500, 60)
        mask[row - 2 : row + 2, col] = True
    assert main_pattern(mask).kind is Kind.SINGLE


def test_one_cross_crack_makes_parallel_cracks_almost_a_grid() -> None:
    rng = np.random.default_rng(3)
    mask = draw("parallel", rng, Drawing(150))
    mask[200:800, 448:452] = True
    pattern = main_pattern(mask)
    assert (pattern.kind, pattern.slab) == (Kind.PARALLEL, "near_grid")
    assert len(pattern.directions_deg) == 2


@pytest.mark.parametrize("kind", ["parallel", "grid"])
@pytest.mark.parametrize("spacing", [60.0, 130.0])
@pytest.mark.parametrize("angle", [0, 25, 70])
def test_the_spacing_within_a_pattern_is_the_drawn_one(kind: str, spacing: float, angle: float) -> None:
    rng = np.random.default_rng(7)
    pattern = main_pattern(draw(kind, rng, Drawing(spacing, angle, uneven=0.0, wander_px=3)))
    measure = pattern.spacing(HALF_MM)
    assert measure is not None
    assert measure.unit == "m"
    assert measure.value == pytest.approx(0.0005 * spacing, rel=0.04)
    assert measure.low is not None
    assert measure.high is not None
    assert measure.low <= 0.0005 * spacing <= measure.high


def test_an_uncertain_scale_widens_the_spacing_within_a_pattern() -> None:
    pattern = main_pattern(draw("parallel", np.random.default_rng(7), Drawing(100, uneven=0.0)))
    vague = pattern.spacing(Scale(0.5, 0.1, ScaleSource.STAND_OFF))
    assert vague is not None
    assert vague.high is not None
    assert vague.high > 0.05 * 1.35


def test_a_single_crack_has_no_spacing_and_specks_have_no_pattern() -> None:
    mask = draw("single", np.random.default_rng(1), Drawing(100))
    mask[10:14, 10:14] = True
    lines = [lines_of(region) for region in found_in(mask)]
    patterns = find_patterns(lines)
    speck = min(range(len(lines)), key=lambda i: lines[i].reach_px)
    assert patterns[speck] is None
    assert main_pattern(mask).spacing(HALF_MM) is None
    assert find_patterns([]) == []


def test_cracks_far_from_each_other_are_groups_of_their_own() -> None:
    mask = np.zeros((900, 900), bool)
    mask[100:104, 50:120] = True
    mask[800:804, 700:800] = True
    patterns = find_patterns([lines_of(region) for region in found_in(mask)])
    assert [pattern.cracks for pattern in patterns if pattern is not None] == [(0,), (1,)]


@pytest.mark.parametrize("angle", [0.0, 20.0, 45.0, 90.0, 135.0, 172.0])
def test_the_orientation_is_the_drawn_one_counter_clockwise_from_the_rows(angle: float) -> None:
    _, region = coverage(3, -angle)  # drawn with y down
    facts = orientation(lines_of(region))
    off = (facts["orientation_deg"] - angle + 90) % 180 - 90
    assert abs(off) <= max(facts["orientation_pm_deg"], 1.0)
    assert facts["orientation_pm_deg"] < 6
    assert facts["from_vertical_deg"] == pytest.approx(abs(90 - facts["orientation_deg"]), abs=0.11)


def test_a_network_has_no_orientation_worth_the_name() -> None:
    mask = draw("grid", np.random.default_rng(2), Drawing(120))
    largest = max(found_in(mask), key=lambda region: region.area_px)
    assert orientation(lines_of(largest))["orientation_spread_deg"] > 40
