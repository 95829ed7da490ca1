"""The river near a bridge: what changed is told with its interval, and a season or chance is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from findings.asset import Crossing, PierInChannel
from findings.measure import Measure, by_name
from findings.river_context import RiverContext
from findings.river_series import Floats, Observation, Quantity, ReachFrame, State
from inference.river.crossing import river_context, river_contexts
from inference.river.grid import reproject
from inference.river.transects import make_frame

CRS = "EPSG:6671"
START = datetime(2018, 1, 20, 1, 50, tzinfo=UTC)
FRAME = make_frame("river", np.array([[0.0, -170_000.0], [1000.0, -170_000.0]]), CRS, spacing_m=50, half_length_m=200)
Rule = Callable[[float, float, Floats], dict[Quantity, Floats]]
"""From years, level of the season (-1 to 1) and distance to the bridge to changes of values."""


def a_crossing(station: float = 500.0, aside: float = 0.0, pier: PierInChannel = PierInChannel.UNKNOWN) -> Crossing:
    lon, lat = reproject(CRS, "EPSG:4326", np.array([station]), np.array([-170_000.0 + aside]))
    return Crossing("bridge", "river", (float(lon[0]), float(lat[0])), pier)


def scenes(
    rule: Rule, *, seed: int = 0, years: float = 6, each_year: int = 4, frame: ReachFrame = FRAME, noise_m: float = 3.0
) -> list[Observation]:
    """Return scenes of a river 100 m wide with 20 m of bars and 10 m of trees."""
    rng = np.random.default_rng(seed)
    n = len(frame)
    found = []
    for i in range(round(years * each_year)):
        at = START + timedelta(days=365.25 * i / each_year)
        t = i / each_year
        change = rule(t, float(np.cos(2 * np.pi * (t - 0.5))), frame.station_m - 500)
        plain = {
            Quantity.CHANNEL_WIDTH: 100.0, Quantity.WETTED_WIDTH: 70.0, Quantity.LEFT_BANK: 50.0,
            Quantity.RIGHT_BANK: -50.0, Quantity.SEDIMENT_WIDTH: 20.0, Quantity.VEGETATION_WIDTH: 10.0,
        }  # fmt: skip
        values = {q: v + change.get(q, np.zeros(n)) + rng.normal(0, noise_m, n) for q, v in plain.items()}
        sigmas = {q: np.full(n, 3.0) for q in plain}
        found.append(Observation(f"s{i}", at, "sentinel-2", 10.0, 2.5, values, sigmas, (State.OK,) * n))
    return found


def still(_years: float, _level: float, _ahead: Floats) -> dict[Quantity, Floats]:
    return {}


def season(_years: float, level: float, ahead: Floats) -> dict[Quantity, Floats]:
    swing = np.full(len(ahead), 12.0 * level)
    return {Quantity.SEDIMENT_WIDTH: -swing, Quantity.WETTED_WIDTH: swing, Quantity.VEGETATION_WIDTH: swing / 3}


def bar_at_bridge(years: float, level: float, ahead: Floats) -> dict[Quantity, Floats]:
    return {Quantity.SEDIMENT_WIDTH: season(years, level, ahead)[Quantity.SEDIMENT_WIDTH]
            + 4.0 * years * (np.abs(ahead) <= 60)}  # fmt: skip


def shifting(metres_a_year: float) -> Rule:
    def rule(years: float, _level: float, ahead: Floats) -> dict[Quantity, Floats]:
        moved = np.full(len(ahead), metres_a_year * years)
        return {Quantity.LEFT_BANK: moved, Quantity.RIGHT_BANK: moved}

    return rule


def measure(context: RiverContext, name: str) -> Measure:
    found = by_name(context.measures, name)
    assert found is not None
    return found


def test_a_bar_that_grows_under_the_bridge_is_told_with_an_interval_that_holds_it() -> None:
    context = river_context(a_crossing(), FRAME, scenes(bar_at_bridge))
    growth = measure(context, "bar_growth_at_bridge")
    assert growth.low is not None
    assert growth.high is not None
    assert growth.low <= 16.0 <= growth.high  # four years lie between the middles of the thirds
    assert "bar_growth_at_bridge" in context.told
    assert "width_change_upstream" not in context.told
    assert context.value is not None
    assert 0.3 < context.value <= 1.0
    assert context.early[0] == "2018-01-20"
    assert context.late[-1] > "2023"
    assert "橋脚・橋台付近の砂州の拡大+15.3 m(+12.4～+18.3)" in context.words.ja
    assert "bars near piers or abutments +15.3 m (+12.4 to +18.3)" in context.words.en


def test_a_season_alone_is_told_in_no_more_than_one_bridge_of_ten() -> None:
    told = [bool(river_context(a_crossing(), FRAME, scenes(season, seed=seed)).told) for seed in range(40)]
    assert sum(told) <= 4


def test_nothing_told_counts_as_no_change_and_says_so() -> None:
    context = river_context(a_crossing(), FRAME, scenes(still, seed=3))
    assert (context.told, context.value) == ((), 0.0)
    assert context.words.en.startswith("no change told within 200 m")


@pytest.mark.parametrize(("metres_a_year", "is_told"), [(1.5, False), (4.0, True)])
def test_a_shift_of_the_flow_line_under_ten_metres_is_not_told(metres_a_year: float, is_told: bool) -> None:
    context = river_context(a_crossing(), FRAME, scenes(shifting(metres_a_year), noise_m=1.0))
    shift = measure(context, "flow_line_shift_at_bridge")
    assert shift.value == pytest.approx(4 * metres_a_year, abs=1.0)
    assert shift.low is not None
    assert shift.low > 0  # it is there, and still too small to be called
    assert ("flow_line_shift_at_bridge" in context.told) is is_told


def test_the_geolocation_of_the_scenes_is_in_the_flow_line_and_not_in_the_widths() -> None:
    def half(name: str) -> float:
        found = measure(river_context(a_crossing(), FRAME, scenes(still, noise_m=0.1)), name)
        assert found.high is not None
        assert found.value is not None
        return found.high - found.value

    expected = 1.96 * np.sqrt(2 * (3.0**2 / 2 + 2.5**2)) / np.sqrt(8)
    assert half("flow_line_shift_at_bridge") == pytest.approx(expected, rel=0.05)
    assert half("width_change_upstream") == pytest.approx(1.96 * np.sqrt(2) * 3.0 / np.sqrt(8), rel=0.05)


def test_vegetation_counts_within_fifty_metres_only() -> None:
    def trees_far(years: float, _level: float, ahead: Floats) -> dict[Quantity, Floats]:
        return {Quantity.VEGETATION_WIDTH: np.where(np.abs(ahead) > 80, 5.0 * years, 0.0)}

    def trees_near(years: float, _level: float, ahead: Floats) -> dict[Quantity, Floats]:
        return {Quantity.VEGETATION_WIDTH: np.where(np.abs(ahead) <= 50, 5.0 * years, 0.0)}

    assert "vegetation_growth_at_bridge" not in river_context(a_crossing(), FRAME, scenes(trees_far)).told
    near = river_context(a_crossing(), FRAME, scenes(trees_near))
    assert "vegetation_growth_at_bridge" in near.told
    assert measure(near, "vegetation_width_at_bridge").value == pytest.approx(10 + 5 * 5.75, abs=5)


def test_a_bar_that_went_away_does_not_raise_the_priority() -> None:
    def gone(years: float, _level: float, ahead: Floats) -> dict[Quantity, Floats]:
        return {Quantity.SEDIMENT_WIDTH: np.full(len(ahead), -3.0 * years)}

    context = river_context(a_crossing(), FRAME, scenes(gone))
    assert "bar_growth_upstream" in context.told
    assert context.value == 0.0


@pytest.mark.parametrize(
    ("observed", "why"),
    [
        ([], "0 scenes measure"),
        (scenes(still, years=0.25), "1 scenes measure"),
        (scenes(still, years=0.75), "no two scenes of one season"),
        ([scenes(still)[0], scenes(still)[10]], "no two scenes of one season"),  # January against July
    ],
)
def test_too_few_scenes_or_no_like_season_is_not_assessable_with_the_reason(
    observed: list[Observation], why: str
) -> None:
    context = river_context(a_crossing(), FRAME, observed)
    assert context.value is None
    assert why in context.words.en
    assert context.measures == ()


def test_hidden_transects_near_the_bridge_leave_only_what_was_seen() -> None:
    observed = scenes(bar_at_bridge)
    upstream = FRAME.station_m < 500
    for one in observed:
        for values in one.values.values():
            values[upstream] = np.nan
    context = river_context(a_crossing(), FRAME, observed)
    assert by_name(context.measures, "width_change_upstream") is None
    assert by_name(context.measures, "width_change_downstream") is not None
    assert any("not assessable: channel width upstream" in note.en for note in context.notes)


def test_a_crossing_away_from_the_reach_is_not_assessable_and_one_of_another_river_left_out() -> None:
    away = river_context(a_crossing(aside=900.0), FRAME, scenes(still))
    assert away.value is None
    assert "900 m away" in away.words.en
    other = Crossing("bridge", "another", (131.0, 34.0))
    assert river_contexts([other, a_crossing()], FRAME, scenes(still))[0].river_uid == "river"
    assert len(river_contexts([other], FRAME, scenes(still))) == 0


def test_whether_a_pier_stands_in_the_water_is_told_as_known() -> None:
    notes = {
        pier: river_context(a_crossing(pier=pier), FRAME, scenes(still)).notes[1].en for pier in PierInChannel
    }  # fmt: skip
    assert notes[PierInChannel.YES] == "a pier stands in the water"
    assert "abutments" in notes[PierInChannel.NO]
    assert "not known" in notes[PierInChannel.UNKNOWN]


def test_a_context_comes_back_from_its_record() -> None:
    context = river_context(a_crossing(), FRAME, scenes(bar_at_bridge))
    assert RiverContext.from_json(context.to_json()) == context
