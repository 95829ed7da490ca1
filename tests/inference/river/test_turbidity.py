"""Turbidity: a relative index that rises with silt, and an alarm against the season only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from findings.errors import NotAssessable, RecordError
from findings.measure import Measure
from imagery.synthetic.spectra import BANDS, LAND, WATER, spectrum
from inference.river.finding import Array
from inference.river.turbidity import against_season, season_of, turbidity_finding, turbidity_index

START = datetime(2018, 1, 5, 1, 50, tzinfo=UTC)


def a_river(silt: float, seed: int = 0, size: int = 64) -> tuple[dict[str, Array], Array]:
    rng = np.random.default_rng(seed)
    water = np.zeros((size, size), dtype=np.float32)
    water[size // 2 - 8 : size // 2 + 8] = 1.0
    colour = spectrum(WATER["green"]) * (1 - silt) + spectrum(WATER["silt"]) * silt
    bands = np.where(water > 0.5, colour, spectrum(LAND["grass"])) + rng.normal(0, 20, (6, size, size))
    return dict(zip(BANDS, bands.astype(np.float32), strict=True)), water


def value_of(measure: Measure) -> float:
    assert measure.value is not None
    return measure.value


def series(rng: np.random.Generator, count: int = 48) -> tuple[list[datetime], list[Measure]]:
    times = [START + timedelta(days=30.4 * i) for i in range(count)]
    phases = [2 * np.pi * (t - START).days / 365.25 for t in times]
    values = [-0.15 - 0.10 * np.cos(p - 0.4) + rng.normal(0, 0.02) for p in phases]
    return times, [an_index(v) for v in values]


def an_index(value: float) -> Measure:
    return Measure("turbidity_index", value, "ratio", value - 0.04, value + 0.04, "made for a test")


def test_the_index_rises_with_silt() -> None:
    values = [value_of(turbidity_index(*a_river(silt), 10.0)) for silt in (0.0, 0.2, 0.5, 1.0)]
    assert all(later > earlier + 0.03 for earlier, later in pairwise(values))


@settings(max_examples=10, deadline=None)
@given(st.floats(0.7, 1.4))
def test_a_common_gain_of_the_bands_changes_nothing(gain: float) -> None:
    bands, water = a_river(0.3)
    brighter = {name: band * np.float32(gain) for name, band in bands.items()}
    one, other = (value_of(turbidity_index(b, water, 10.0)) for b in (bands, brighter))
    assert other == pytest.approx(one, abs=1e-3)


def test_land_and_mixed_bank_pixels_do_not_count() -> None:
    bands, water = a_river(0.3)
    index = value_of(turbidity_index(bands, water, 10.0))
    bands["red"][[24, 39]] = 4000  # the rows at the banks
    assert value_of(turbidity_index(bands, water, 10.0)) == pytest.approx(index, abs=1e-3)


def test_glint_and_cloud_are_left_out() -> None:
    bands, water = a_river(0.3)
    index = value_of(turbidity_index(bands, water, 10.0))
    for name, value in {"green": 1500, "red": 1600, "nir": 2500}.items():
        bands[name][:, :20] = value
    for name in ("green", "red"):
        bands[name][:, 45:] = 6000
    assert value_of(turbidity_index(bands, water, 10.0)) == pytest.approx(index, abs=0.01)


@pytest.mark.parametrize(
    ("pixel_m", "why"), [(0.3, "expected a satellite scene"), (3.0, "expected a satellite scene"), (250.0, "expected")]
)
def test_a_sensor_that_cannot_tell_is_refused(pixel_m: float, why: str) -> None:
    with pytest.raises(NotAssessable, match=why):
        turbidity_index(*a_river(0.3), pixel_m)


def test_too_little_water_an_eight_bit_picture_and_a_missing_band_are_not_assessable() -> None:
    bands, water = a_river(0.3)
    with pytest.raises(NotAssessable, match="pixels of clear water"):
        turbidity_index(bands, np.where(np.arange(64)[:, None] < 26, water, 0).astype(np.float32), 10.0)
    with pytest.raises(NotAssessable, match="stretch of its own"):
        turbidity_index({name: (band / 40).astype(np.float32) for name, band in bands.items()}, water, 10.0)
    with pytest.raises(NotAssessable, match="red missing"):
        turbidity_index({"green": bands["green"]}, water, 10.0)


def test_the_season_alone_raises_no_alarm_and_a_flood_out_of_season_does() -> None:
    alarms = floods = told = 0
    for seed in range(10):
        times, indices = series(np.random.default_rng(seed), 72)
        season = season_of(times[:48], indices[:48])
        for time, index in zip(times[48:], indices[48:], strict=True):
            check = against_season(season, time, index)
            alarms += check.alarm
            raised = against_season(season, time, an_index(value_of(index) + 0.15))
            floods += raised.alarm
            told += check.season
    assert told == 240
    assert alarms <= 2
    assert floods >= 235


def test_a_summer_value_is_an_alarm_in_winter_only() -> None:
    times, indices = series(np.random.default_rng(3))
    season = season_of(times, indices)
    summer = an_index(-0.05)
    assert not against_season(season, datetime(2022, 7, 10, tzinfo=UTC), summer).alarm
    winter = against_season(season, datetime(2022, 1, 10, tzinfo=UTC), summer)
    assert winter.alarm
    found = turbidity_finding(winter, a_river(0.5)[1], 10.0)
    assert found is not None
    assert found.damage == "anomaly"
    assert found.details["kind"] == "turbidity"
    assert 16 * 64 * 0.9 < found.polygon_px.area < 16 * 64 * 1.1


def test_few_scenes_a_naive_time_and_unequal_lists_are_refused() -> None:
    times, indices = series(np.random.default_rng(0), 4)
    with pytest.raises(NotAssessable, match="needs 5 scenes"):
        season_of(times, indices)
    with pytest.raises(RecordError, match="one for each scene"):
        season_of(times, indices[:3])
    with pytest.raises(RecordError, match="no time zone"):
        season_of([t.replace(tzinfo=None) for t in times], indices)
