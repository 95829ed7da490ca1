from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from findings.errors import NotAssessable
from findings.measure import Measure, by_name
from imagery.reader import open_image
from imagery.types import Window
from inference.river import RiverFinding, find_bars, find_changes

SHAPE = (80, 120)
DATES = [datetime(2018, 6, 1, tzinfo=UTC), datetime(2022, 6, 1, tzinfo=UTC)]
Planes = dict[str, np.ndarray]


def river(top: int = 30, bottom: int = 45) -> np.ndarray:
    water = np.full(SHAPE, 0.05, dtype=np.float32)
    water[top:bottom] = 0.95
    return water


def ground(green: np.ndarray | None = None) -> Planes:
    """Red and nir of soil (NDVI 0.1), with NDVI 0.7 where ``green``."""
    red = np.full(SHAPE, 1800.0, dtype=np.float32)
    nir = np.full(SHAPE, 2200.0, dtype=np.float32)
    if green is not None:
        red[green], nir[green] = 600.0, 3400.0
    return {"red": red, "nir": nir}


def value(finding: RiverFinding, name: str) -> Measure:
    measure = by_name(finding.measures, name)
    assert measure is not None
    return measure


def test_a_gravel_bar_in_the_river_has_its_area_and_share() -> None:
    water = river(20, 50)
    water[30:36, 50:70] = 0.05
    found = find_bars(ground(), water, 10.0)
    assert [f.damage for f in found.findings] == ["R15"]
    area = value(found.findings[0], "area")
    assert area.value == 120 * 100.0
    assert area.low is not None
    assert area.high is not None
    assert area.low < 12_000 < area.high
    assert 0 < (value(found.findings[0], "plan_cover_ratio").value or 0) < 0.3


def test_an_island_with_trees_is_vegetation_and_one_between_is_neither() -> None:
    water = river(20, 50)
    water[30:36, 50:70] = 0.05
    green = np.zeros(SHAPE, bool)
    green[30:36, 50:70] = True
    assert [f.damage for f in find_bars(ground(green), water, 10.0).findings] == ["R16"]
    mixed = ground()
    mixed["nir"][30:36, 50:70] = 1800 * 1.33 / 0.67  # NDVI 0.33
    assert find_bars(mixed, water, 10.0).findings == ()


def test_a_river_narrower_than_five_pixels_is_refused_with_its_width() -> None:
    found = find_bars(ground(), river(30, 33), 10.0)
    assert found.findings == ()
    assert "3.3 px wide" in found.refusals[0]  # mean distance to the edge, a little high for odd widths


def test_without_red_and_nir_bars_are_refused_not_guessed() -> None:
    assert "red and nir" in find_bars({"green": river()}, river(), 10.0).refusals[0]


def test_without_a_pixel_size_sizes_come_in_pixels() -> None:
    water = river(20, 50)
    water[30:36, 50:70] = 0.05
    assert value(find_bars(ground(), water, None).findings[0], "area").unit == "px2"


def test_a_bank_that_moved_three_pixels_is_erosion_of_that_size_and_rate() -> None:
    later = river()
    later[45:48, 40:80] = 0.95
    found = [f for f in find_changes(DATES, [river(), later], [ground(), ground()], 10.0).findings if f.damage == "R17"]
    assert len(found) == 1
    shift, rate = value(found[0], "displacement"), value(found[0], "retreat_rate")
    assert shift.value == pytest.approx(30.0, abs=5)
    assert shift.low is not None
    assert shift.high is not None
    assert shift.low < 30.0 < shift.high
    assert rate.value == pytest.approx(7.5, abs=1.3)
    assert value(found[0], "area").value == pytest.approx(40 * 3 * 100)
    assert found[0].details["first_date"] == "2018-06-01"


@pytest.mark.parametrize("pixel_size_m", [3.0, 10.0, None])
def test_a_sliver_under_the_floor_is_never_erosion(pixel_size_m: float | None) -> None:
    later = river()
    later[45:46] = 0.95
    assert find_changes(DATES, [river(), later], [ground(), ground()], pixel_size_m).findings == ()


def test_a_floor_of_ten_metres_counts_in_metres_not_in_pixels() -> None:
    later = river()
    later[45:48, 40:80] = 0.95  # 3 px: 9 m at 3 m, 12 m at 4 m
    assert find_changes(DATES, [river(), later], [ground(), ground()], 3.0).findings == ()
    assert len(find_changes(DATES, [river(), later], [ground(), ground()], 4.0).findings) == 1


def test_a_shift_that_all_banks_share_is_the_water_level_and_not_erosion() -> None:
    one_side, both = river(), river()
    one_side[45:49, 20:60] = 0.95
    both[26:30], both[45:49] = 0.95, 0.95
    found = find_changes(DATES, [river(), one_side], [ground(), ground()], 10.0).findings
    assert [f.damage for f in found] == ["R17"]
    assert "water level" in found[0].details["caveat"]
    assert find_changes(DATES, [river(), both], [ground(), ground()], 10.0).findings == ()


def test_two_dates_of_different_seasons_with_more_water_are_refused_with_the_remedy() -> None:
    later = river()
    later[45:49, 40:80] = 0.95
    dates = [DATES[0], datetime(2022, 12, 1, tzinfo=UTC)]
    found = find_changes(dates, [river(), later], [ground(), ground()], 10.0)
    assert found.findings == ()
    assert any(r.startswith("erosion") and "scene of one season" in r for r in found.refusals)


def test_of_three_dates_the_pair_of_one_season_is_compared() -> None:
    later = river()
    later[45:49, 40:80] = 0.95
    dates = [*DATES, datetime(2022, 12, 1, tzinfo=UTC)]
    found = find_changes(dates, [river(), later, river(20, 60)], [ground()] * 3, 10.0).findings
    assert [f.damage for f in found] == ["R17"]
    assert found[0].details["last_date"] == "2022-06-01"


def test_scenes_of_different_sizes_are_refused_with_both_sizes() -> None:
    with pytest.raises(NotAssessable, match="40, 120"):
        find_changes(DATES, [river(), river()[:40]], [ground(), ground()], 10.0)


def test_a_round_lake_is_not_a_river() -> None:
    rows, cols = np.mgrid[0:80, 0:120]
    lake = np.where((rows - 40) ** 2 + (cols - 60) ** 2 < 30**2, 0.95, 0.05).astype(np.float32)
    assert "long and narrow" in find_bars(ground(), lake, 10.0).refusals[0]


def test_a_bridge_deck_across_the_river_is_no_bar() -> None:
    water = river(20, 50)
    water[:, 60:62] = 0.05
    assert find_bars(ground(), water, 10.0).findings == ()


def test_a_white_cloud_that_the_water_model_calls_land_is_no_bar() -> None:
    water = river(20, 50)
    water[28:40, 50:70] = 0.05
    bands = {**ground(), "green": np.full(SHAPE, 1200.0, dtype=np.float32)}
    for name in bands:
        bands[name][28:40, 50:70] = 6000.0
    assert find_bars(bands, water, 10.0).findings == ()


def test_water_that_became_gravel_is_deposition_and_water_that_became_wood_is_vegetation() -> None:
    later = river()
    later[38:45, 40:80] = 0.05
    green = np.zeros(SHAPE, bool)
    green[38:45, 40:80] = True
    for bands, damage in ((ground(), "R15"), (ground(green), "R16")):
        found = find_changes(DATES, [river(), later], [ground(), bands], 10.0).findings
        assert [f.damage for f in found] == [damage]


def test_a_cloud_on_one_date_is_no_change() -> None:
    later = river()
    later[40:60, 40:80] = np.nan
    assert find_changes(DATES, [river(), later], [ground(), ground()], 10.0).findings == ()


def test_one_odd_date_among_many_changes_nothing() -> None:
    flood = river(20, 60)
    dates = [datetime(2015 + i, 6, 1, tzinfo=UTC) for i in range(9)]
    stack = [flood if i == 7 else river() for i in range(9)]
    assert find_changes(dates, stack, [ground()] * 9, 10.0).findings == ()


@pytest.mark.realdata
def test_the_moving_ucayali_shows_erosion_and_land_where_there_was_water(shared_data: Path) -> None:
    names = ("swir1", "nir", "red", "green")
    water, bands, dates = [], [], []
    for year in (1985, 2000, 2020):
        with open_image(shared_data / "water" / "ucayali_landsat" / f"{year}.tif", bands=names) as reader:
            values = reader.read(Window(0, 0, reader.width_px, reader.height_px), names).values
        planes = dict(zip(names, values, strict=True))
        water.append(np.where((planes["swir1"] < 90) & (planes["nir"] < 90), 0.95, 0.05).astype(np.float32))
        bands.append(planes)
        dates.append(datetime(year, 7, 1, tzinfo=UTC))
    found = find_changes(dates, water, bands, 89.0).findings
    eroded = [f for f in found if f.damage == "R17"]
    share = sum(value(f, "area").value or 0 for f in eroded) / (water[0].size * 89.0**2)
    assert 0.015 < share < 0.05  # about 3 % of the scene became water
    assert any(f.damage in ("R15", "R16") for f in found)
