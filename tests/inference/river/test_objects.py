"""Bars through the dates: one name each, whatever the water does in between."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.river.objects import Bar, KnownBar, bars_of, follow
from inference.river.transects import make_frame
from tests.inference.river.test_geometry import CRS, a_bend, a_grid, seen, surfaces

START = datetime(2020, 1, 1, tzinfo=UTC)


def a_bar(left: float, right: float, *, top: float = 40.0) -> Bar:
    outline = shapely.box(left, 0, right, top)
    return Bar(outline, outline.area, 0.9 * outline.area, 1.1 * outline.area, 4.0, "left")


def day(count: int) -> datetime:
    return START + timedelta(days=60 * count)


def test_a_bar_keeps_its_name_through_high_water_and_tells_its_growth() -> None:
    known: list[KnownBar] = []
    for k in range(12):
        shown = [] if k in (4, 5) else [a_bar(0, 100 + 10 * k), a_bar(500, 560)]
        known = follow(known, shown, day(k))
    assert [bar.name for bar in known] == ["B1", "B2"]
    assert (known[0].scenes, known[0].first_seen, known[0].last_seen) == (10, "2020-01-01", "2021-10-22")
    true = 40 * 10 * 365.2425 / 60
    assert known[0].growth_m2_per_year == pytest.approx(true, rel=0.01)
    assert known[1].growth_m2_per_year == pytest.approx(0.0, abs=1e-3)


def test_a_bar_that_parts_and_bars_that_join_say_so() -> None:
    known = follow([], [a_bar(0, 200)], day(0))
    known = follow(known, [a_bar(0, 120), a_bar(140, 200)], day(1))
    assert [(bar.name, bar.parted_from) for bar in known] == [("B1", None), ("B2", "B1")]
    known = follow(known, [a_bar(0, 200)], day(2))
    assert known[0].joined == ("B2",)
    assert known[0].last_seen == day(2).date().isoformat()
    assert known[1].last_seen == day(1).date().isoformat()


def test_no_bar_at_all_is_no_error() -> None:
    assert follow([], [], day(0)) == []
    (known,) = follow(follow([], [a_bar(0, 50)], day(0)), [], day(1))
    assert known.scenes == 1
    assert known.growth_m2_per_year is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 20), min_size=0, max_size=5, unique=True), min_size=1, max_size=6))
def test_names_are_unique_and_what_was_kept_comes_back(dates: list[list[int]]) -> None:
    known: list[KnownBar] = []
    for k, places in enumerate(dates):
        known = follow(known, [a_bar(100 * place, 100 * place + 80) for place in places], day(k))
        names = [bar.name for bar in known]
        assert len(set(names)) == len(names)
        known = [KnownBar.from_json(json.loads(json.dumps(bar.to_json()))) for bar in known]
    assert sum(bar.scenes for bar in known) == sum(len(places) for places in dates)


def test_the_bar_of_a_scene_has_its_area_and_side() -> None:
    grid = a_grid()
    water, bare, middle = a_bend(grid, 100.0, bar_m=40.0)
    frame = make_frame("reach", middle, CRS, half_length_m=200.0)
    found = surfaces(water, bare)
    bars = bars_of(frame, grid, found, seen(frame, grid, found))
    assert bars
    assert bars[0].side == "right"
    true = float(bare.sum()) * 100
    assert sum(bar.low_m2 for bar in bars) < true < sum(bar.high_m2 for bar in bars)
    assert bars_of(frame, grid, surfaces(water), seen(frame, grid, surfaces(water))) == []
    assert np.isfinite(bars[0].post_km)
