"""Perimeter, extent, bars, streaks and steel: sizes of drawn places with their intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from findings.asset import Structure
from findings.survey import Image, ImageKind, Quality, Scale, ScaleSource
from imagery.camera import Camera
from imagery.pose import Pose, PoseSigma
from inference.judgement import Place
from inference.measure.area import View, measure_area, measure_extent, measure_perimeter
from inference.measure.lines import lines_of
from inference.measure.picture import Found, measure_picture
from inference.measure.rebar import measure_rebar
from inference.measure.spacing import spacing_m
from inference.measure.steel import is_steel, measure_area_share
from inference.measure.streak import measure_streak
from inference.regions import Region, regions
from models.card import ClassSpec
from tests.inference.measure.bands import HALF_MM, UNKNOWN, region_of

SIDE = 240
SPALL = ClassSpec(name="spalling", damage="7", threshold=0.5)
BAR = ClassSpec(name="exposed_rebar", damage="7", threshold=0.5, facts={"rebar_exposed": True})
RUST = ClassSpec(name="rust", damage="8", threshold=0.5, facts={"rust_or_mud": True})
CRACK = ClassSpec(name="crack", damage="6", threshold=0.5)


def grid(angle_deg: float = 0.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates along and across a direction, from near the middle, y down."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] + 0.5 - SIDE / 2 - np.array([0.2, 0.4])[:, None, None]
    a = np.radians(angle_deg)
    return x * np.cos(a) + y * np.sin(a), -x * np.sin(a) + y * np.cos(a)


def bar(length: float, width: float, angle_deg: float, aside: float = 0.0) -> NDArray[np.bool_]:
    along, across = grid(angle_deg)
    return np.asarray((np.abs(along) <= length / 2) & (np.abs(across - aside) <= width / 2))


def disc(radius: float) -> NDArray[np.bool_]:
    return np.asarray(np.hypot(*grid()) <= radius)


def found(spec: ClassSpec, mask: NDArray[np.bool_]) -> Found:
    plane = mask.astype(np.float32)
    return Found(spec, plane, tuple(regions(plane, spec)))


def places(*what: Found, member: str | None = None, steel: bool = False, **changes: Any) -> list[Place]:
    image = Image(
        "i", "s", "/a.png", "0" * 64, ImageKind.PHOTO, SIDE, SIDE, ("red", "green", "blue"), HALF_MM, Quality(True),
        member=member, **changes,
    )  # fmt: skip
    grey = np.full((SIDE, SIDE), 150, np.float32)
    return measure_picture(image, grey, what, View(np.isfinite(grey)), steel=steel)


def named(place: Place, name: str) -> Any:
    return next((measure for measure in place.measures if measure.name == name), None)


@pytest.mark.parametrize("radius", [6, 20, 80])
def test_the_interval_of_area_and_perimeter_holds_those_of_a_disc(radius: float) -> None:
    region = region_of(disc(radius))
    area, round_it = measure_area(region, UNKNOWN), measure_perimeter(region, UNKNOWN)
    assert area.px.low <= np.pi * radius**2 <= area.px.high
    assert round_it.px.low <= 2 * np.pi * radius <= round_it.px.high
    assert round_it.px.high < 2 * np.pi * radius * 1.1 + 7


@pytest.mark.parametrize("angle", [0, 15, 30, 45, 80])
@pytest.mark.parametrize("width", [5, 60])
def test_the_interval_of_a_perimeter_holds_that_of_a_bar_at_any_angle(angle: float, width: float) -> None:
    size = measure_perimeter(region_of(bar(120, width, angle)), HALF_MM)
    assert size.px.low <= 2 * (120 + width) <= size.px.high
    assert size.measure.unit == "m"
    assert size.measure.value == pytest.approx(0.0005 * (size.px.value or 0))


def test_the_edges_of_holes_count_in_the_interval_of_an_area() -> None:
    whole, holed = disc(80), disc(80)
    holed[::6] = False
    holed[118:122] = True
    slack = [
        sized.px.high - (sized.px.value or 0) for sized in (measure_area(region_of(m), UNKNOWN) for m in (whole, holed))
    ]
    assert slack[1] > 2 * slack[0]


def test_an_extent_is_relative_to_what_may_be_judged_and_places_that_overlap_count_once() -> None:
    judged = np.ones((SIDE, SIDE), bool)
    judged[:, SIDE // 2 :] = False
    one = region_of(disc(40))
    extent = measure_extent([one, one], View(judged))
    assert extent is not None
    assert extent.value == pytest.approx(0.5 * np.pi * 40**2 / judged.sum(), rel=0.03)
    assert "not outlined" in extent.how
    assert measure_extent([one], View(np.zeros_like(judged))) is None


@pytest.mark.parametrize("angle", [0, 30, 75])
def test_a_bars_length_is_that_of_its_centreline_out_to_its_ends(angle: float) -> None:
    region = region_of(bar(150, 7, angle))
    size = measure_rebar([region], [lines_of(region).branches], HALF_MM)
    assert size is not None
    assert size.px.low <= 150 <= size.px.high
    assert size.px.value == pytest.approx(150, abs=5)
    assert measure_rebar([], [], HALF_MM) is None


def test_a_spall_knows_the_bars_that_lie_in_it_and_is_graded_by_them() -> None:
    spall, bars = disc(60), bar(80, 5, 20) | bar(60, 5, 20, aside=95)
    with_bar, *rest = places(found(SPALL, spall & ~bars), found(BAR, bars))
    assert with_bar.label == "spalling"
    assert named(with_bar, "rebar_length").value == pytest.approx(0.04, rel=0.08)
    assert {place.label for place in rest} == {"exposed_rebar"}
    assert sum(named(place, "rebar_length").value for place in rest) == pytest.approx(0.07, rel=0.08)
    (alone,) = places(found(SPALL, spall))
    assert named(alone, "rebar_length") is None
    assert alone.details["count_in_picture"] == 1


def test_a_streak_is_measured_along_its_own_axis_or_down_the_picture() -> None:
    slanted, facts = measure_streak(region_of(bar(140, 9, 60)), HALF_MM, None)
    assert slanted.px.value == pytest.approx(140, abs=3)
    assert facts["streak_deg"] == pytest.approx(120, abs=1)
    blot, facts = measure_streak(region_of(disc(30)), HALF_MM, None)
    assert blot.px.low <= 60 <= blot.px.high
    assert "upright" in facts["streak_direction"]


def test_where_the_pose_is_known_a_streak_runs_along_gravity() -> None:
    camera = Camera(SIDE, SIDE, 300.0, (SIDE / 2, SIDE / 2), (), 0.01, "test")
    level = Pose(camera, None, 0.0, 0.0, 30.0, None, PoseSigma(1.0, 1.0, 1.0, 1.0))
    mask = bar(140, 40, 90)  # upright in a picture that was taken with the camera rolled by 30 degrees
    size, facts = measure_streak(region_of(mask), HALF_MM, level.to_json())
    assert facts["streak_direction"] == "gravity, from the pose"
    assert abs(facts["streak_deg"] - 90) == pytest.approx(30, abs=1)
    assert size.px.value == pytest.approx(140 * np.cos(np.radians(30)) + 40 * np.sin(np.radians(30)), abs=4)
    down = Pose(camera, None, 0.0, -90.0, 0.0, None, PoseSigma(1.0, 1.0, 1.0, 1.0))
    assert measure_streak(region_of(mask), HALF_MM, down.to_json())[1]["streak_direction"] == "its own axis"


def test_rust_on_steel_is_corrosion_with_the_share_that_its_rule_asks_for() -> None:
    (place,) = places(found(RUST, disc(60)), steel=True)
    share = named(place, "area_share")
    assert (place.damage, place.label) == ("1", "rust")
    assert "rust_or_mud" not in place.details
    assert share.value == pytest.approx(np.pi * 60**2 / SIDE**2, rel=0.01)
    assert share.high == 1.0, "the member was not outlined: it may fill less than the picture"
    assert named(place, "streak_length") is None
    (concrete,) = places(found(RUST, disc(60)))
    assert (concrete.damage, named(concrete, "area_share")) == ("8", None)
    assert concrete.details["rust_or_mud"] is True
    assert named(concrete, "streak_length") is not None


def test_an_outlined_member_bounds_the_corroded_share() -> None:
    member = np.zeros((SIDE, SIDE), bool)
    member[:, :120] = True
    region = region_of(disc(60) & member)
    share = measure_area_share([region], View(member, outlined=True))
    assert share is not None
    assert share.value == pytest.approx(0.5 * np.pi * 60**2 / member.sum(), rel=0.02)
    assert share.high is not None
    assert share.value is not None
    assert share.low is not None
    assert share.low < share.value < share.high < 0.25


@pytest.mark.parametrize(
    ("member", "structure", "steel"),
    [
        ("Mg", Structure.STEEL, True),
        ("Bh", Structure.STEEL, True),
        ("Ds", Structure.STEEL, False),
        ("Pw", Structure.STEEL, False),
        (None, Structure.STEEL, False),
        ("Mg", Structure.RC, False),
        ("Mg", Structure.UNKNOWN, False),
    ],
)
def test_steel_is_stated_only_where_member_and_structure_leave_no_doubt(
    member: str | None, structure: Structure, steel: bool
) -> None:
    assert is_steel(member, structure) is steel


def test_a_crack_in_a_deck_slab_has_the_rules_word_and_elsewhere_only_the_pattern() -> None:
    lines = bar(200, 4, 5, -40) | bar(200, 4, 5, 40)
    for place in places(found(CRACK, lines), member="Ds"):
        assert (place.damage, place.details["pattern"], place.details["pattern_class"]) == ("11", "one_way", "parallel")
        assert named(place, "min_spacing").value == pytest.approx(0.04, rel=0.03)
    for place in places(found(CRACK, lines), member="Pw"):
        assert (place.damage, "pattern" in place.details) == ("6", False)


def test_under_tilt_a_gap_is_as_wide_as_its_own_pixels() -> None:
    cracks: list[Region] = [region_of(bar(200, 4, 0, aside)) for aside in (-30, 30)]
    near, far = (Scale(gsd, 0.01, ScaleSource.LASER_RANGE) for gsd in (0.4, 0.6))
    for measure in spacing_m(cracks, [near, far]):
        assert measure is not None
        assert measure.value == pytest.approx(0.030, rel=0.03)
        assert measure.low is not None
        assert measure.high is not None
        assert measure.low < 60 * 0.00046 < 60 * 0.00054 < measure.high
