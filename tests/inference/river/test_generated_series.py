"""River findings held against the exact truth of generated series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from findings.measure import by_name
from imagery.synthetic.river import RiverSeries, RiverSpec, generate_river_series
from imagery.synthetic.spectra import BANDS
from inference.river import RiverFinding, RiverReport, find_bars, find_changes

SPEC = RiverSpec(size_px=160, years=3, erosion_m_per_year=14.0, bar_growth_m_per_year=10.0)
STILL = replace(SPEC, erosion_m_per_year=0.0, bar_growth_m_per_year=0.0, tree_growth_per_year=0.0)
SEEDS = (1, 9)


@cache
def series(seed: int, *, still: bool) -> RiverSeries:
    return generate_river_series(np.random.default_rng(seed), STILL if still else SPEC)


def changes(river: RiverSeries, chosen: Sequence[int]) -> RiverReport:
    scenes = [river.scenes[i] for i in chosen]
    water = [np.where(s.clouds, np.nan, s.water_fraction).astype(np.float32) for s in scenes]
    bands = [dict(zip(BANDS, s.bands.astype(np.float32), strict=True)) for s in scenes]
    return find_changes([s.captured_at for s in scenes], water, bands, river.spec.pixel_m)


def eroded(found: RiverReport) -> list[RiverFinding]:
    return [f for f in found.findings if f.damage == "R17"]


def total_area(findings: Sequence[RiverFinding]) -> float:
    return sum((by_name(f.measures, "area") or pytest.fail("no area")).value or 0.0 for f in findings)


@pytest.mark.parametrize("seed", SEEDS)
def test_erosion_over_the_years_lies_where_the_bank_went_and_misses_only_its_thin_ends(seed: int) -> None:
    river = series(seed, still=False)
    found = eroded(changes(river, range(len(river.scenes))))
    areas = [s.eroded_area_m2 for s in river.scenes]
    third = len(areas) // 3
    truth = float(np.mean(areas[-third:]) - np.mean(areas[:third]))
    assert 0.5 * truth < total_area(found) < 1.1 * truth  # strips under 2 px are under the floor
    where = max(found, key=lambda f: f.polygon_px.area).polygon_px.centroid
    assert river.eroded[int(where.y) - 2 : int(where.y) + 3, int(where.x) - 2 : int(where.x) + 3].max() > 0.9


@pytest.mark.parametrize("seed", SEEDS)
def test_the_largest_shift_lies_within_its_interval(seed: int) -> None:
    river = series(seed, still=False)
    found = eroded(changes(river, range(len(river.scenes))))
    measure = by_name(max(found, key=lambda f: f.polygon_px.area).measures, "displacement")
    years = 2.0  # between the mean dates of the first and the last third of three years
    assert measure is not None
    assert measure.low is not None
    assert measure.high is not None
    assert measure.low <= SPEC.erosion_m_per_year * years <= measure.high


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("chosen", [range(12), (0, 1), (0, 2), (0, 4), (2, 3), (1, 9), (0, 4, 8)])
def test_seasons_alone_are_no_erosion(seed: int, chosen: Sequence[int]) -> None:
    assert eroded(changes(series(seed, still=True), chosen)) == []


def test_bars_of_one_scene_are_bars_in_truth_and_leave_out_the_bridge() -> None:
    river = series(1, still=False)
    scene = next(s for s in river.scenes if not s.clouds.any())
    bands = dict(zip(BANDS, scene.bands.astype(np.float32), strict=True))
    found = [f for f in find_bars(bands, scene.water_fraction, river.spec.pixel_m).findings if f.damage == "R15"]
    truth = float(scene.bars.sum()) * river.spec.pixel_m**2
    assert 0.4 * truth < total_area(found) < 1.1 * truth
    for finding in found:
        left, top, right, bottom = (int(v) for v in finding.polygon_px.bounds)
        assert scene.bars[top:bottom, left:right].mean() > 0.2
        assert not (river.bridge[top:bottom, left:right] > 0.9).all(axis=None)
