"""Driftwood on generated pictures of bridges: rafts found, blocked widths with intervals, and what cannot tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.river_debris import counts, look, openings_of
from findings.errors import InputError
from findings.grading.river import grade_river
from findings.measure import Measure, by_name
from imagery.synthetic.river_debris import DebrisScene, draw_debris
from inference.river.debris import Opening, blocked, blocked_openings, find_debris
from inference.river.finding import Array


def a_scene(seed: int, rafts: int | None = None, pixel_m: float = 0.1) -> DebrisScene:
    return draw_debris(np.random.default_rng(seed), pixel_m=pixel_m, size_m=36.0, rafts=rafts)


def bands_of(scene: DebrisScene) -> dict[str, Array]:
    return {n: b.astype(np.float32) for n, b in zip(("red", "green", "blue"), scene.bands, strict=False)}


@pytest.mark.slow
def test_rafts_are_found_and_nearly_all_that_is_found_are_rafts() -> None:
    total = np.zeros(6)
    for seed in range(900, 912):
        scene = a_scene(seed)
        total += counts(scene, look(scene))
    right, found, hit, rafts = total[:4]
    assert rafts >= 8
    assert right / found >= 0.8
    assert hit / rafts >= 0.85


def test_a_river_without_rafts_calls_none_though_gravel_plants_and_foam_are_there() -> None:
    assert sum(len(look(a_scene(seed, rafts=0)).findings) for seed in range(920, 924)) <= 1


def test_a_finding_says_where_how_large_and_how_much_of_which_opening() -> None:
    scene = a_scene(931, rafts=1)
    report = look(scene)
    assert len(report.findings) == 1
    found = report.findings[0]
    assert found.damage == "R19"
    area = found.measures[0]
    assert area.low is not None
    assert area.high is not None
    assert area.low * 0.8 <= scene.debris.sum() * 0.01 <= area.high * 1.2
    assert scene.debris[int(found.polygon_px.centroid.y), int(found.polygon_px.centroid.x)]
    ratio = by_name(found.measures, "plan_blocked_ratio")
    assert ratio is not None
    assert ratio.how.startswith("proxy")
    assert found.details["openings"]
    assert grade_river("R19", found.measures, found.details).codes == ("b", "c", "d")


@pytest.mark.slow
def test_most_intervals_hold_the_blocked_width() -> None:
    held = []
    for seed in range(940, 952):
        scene = a_scene(seed)
        report = look(scene)
        found = blocked_openings(report, openings_of(scene), (360, 360), 0.1)
        for opening, true in zip(openings_of(scene), scene.blocked_m, strict=True):
            one = found[opening.name]
            assert one.low is not None
            assert one.high is not None
            held.append(one.low - 0.05 <= true <= one.high + 0.05)
    assert len(held) >= 25
    assert np.mean(held) >= 0.8


def test_a_heap_of_wood_that_lies_dry_is_no_raft() -> None:
    scene = a_scene(931, rafts=1)
    rows, cols = np.nonzero(scene.debris)
    box = (slice(None), slice(rows.min() - 2, rows.max()), slice(cols.min() - 2, cols.max() + 3))
    assert len(find_debris(bands_of(scene), 0.1, channel=scene.channel).findings) == 1
    dry = scene.bands.copy()
    heap = dry[box].copy()
    dry[:, :220] = np.random.default_rng(0).normal(150, 8, (4, 220, 360)).clip(1, 255).astype(np.uint8)  # sand
    at = (slice(None), slice(100, 100 + heap.shape[1]), slice(150, 150 + heap.shape[2]))
    dry[at] = heap
    moved = {n: b.astype(np.float32) for n, b in zip(("red", "green", "blue"), dry, strict=False)}
    for name, tone in (("red", 160.0), ("green", 140.0), ("blue", 110.0)):  # rough ground all around it
        ring = np.zeros((360, 360), dtype=bool)
        ring[60:180, 110:240] = True
        ring[at[1], at[2]] = False
        rough = np.random.default_rng(1).normal(1.0, 0.10, (360, 360))
        moved[name] = np.where(ring, tone * rough, moved[name]).astype(np.float32)
    found = find_debris(moved, 0.1).findings
    assert not any(f.polygon_px.centroid.y < 200 for f in found)


def test_the_picture_may_be_finer_than_what_is_judged() -> None:
    scene = a_scene(931, rafts=1, pixel_m=0.05)
    found = look(scene).findings
    assert found
    assert scene.debris[int(found[0].polygon_px.centroid.y), int(found[0].polygon_px.centroid.x)]


def a_raft(left: int, right: int, top: int = 60, bottom: int = 90) -> np.ndarray:
    mask = np.zeros((120, 200), dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


SPAN = Opening("A1-P1", ((20.0, 90.0), (180.0, 90.0)), (0.0, -1.0))


def width(mask: np.ndarray, opening: Opening = SPAN) -> Measure:
    return blocked(mask, opening, 0.1)


def test_two_rafts_one_behind_the_other_count_once_and_the_deck_side_not_at_all() -> None:
    assert width(a_raft(40, 80)).value == pytest.approx(4.0, abs=0.11)
    both = a_raft(40, 80) | a_raft(60, 100, 70)
    assert width(both).value == pytest.approx(6.0, abs=0.11)
    assert width(a_raft(40, 80, 95, 110)).value == 0.0


def test_what_drifts_far_upstream_does_not_block_yet_and_what_lies_beyond_the_pier_never() -> None:
    assert width(a_raft(40, 80, 20, 50)).value == 0.0  # four metres away from the opening
    assert width(a_raft(0, 40)).value == pytest.approx(2.0, abs=0.11)


def test_an_opening_that_looks_free_may_hold_less_than_a_raft() -> None:
    free = width(np.zeros((120, 200), dtype=bool))
    assert (free.value, free.low, free.high) == (0.0, 0.0, 1.5)


@settings(max_examples=15, deadline=None)
@given(st.integers(20, 100), st.integers(5, 60), st.floats(-0.6, 0.6))
def test_the_side_of_the_flow_is_what_counts_not_the_order_of_the_ends(left: int, long: int, lean: float) -> None:
    mask = a_raft(left, left + long)
    turned = Opening("x", (SPAN.ends_px[1], SPAN.ends_px[0]), (lean, -1.0))
    assert width(mask, turned).value == pytest.approx(width(mask).value, abs=1e-6)
    one = width(mask)
    assert one.low is not None
    assert one.high is not None
    assert one.value is not None
    assert one.low <= one.value <= one.high <= 16.0


@pytest.mark.parametrize(
    ("pixel_m", "why"),
    [(10.0, "does not show at 10 m"), (0.6, "expected 0.5 m or finer"), (None, "pixel size is unknown")],
)
def test_a_sensor_that_cannot_see_trunks_is_refused_with_the_remedy(pixel_m: float | None, why: str) -> None:
    report = find_debris(bands_of(a_scene(931, 1)), pixel_m)
    assert report.findings == ()
    assert why in report.refusals[0]


def test_a_picture_without_colour_without_water_or_in_reflectance_is_refused() -> None:
    scene = a_scene(931, rafts=1)
    bands = bands_of(scene)
    assert "red missing" in find_debris({k: v for k, v in bands.items() if k != "red"}, 0.1).refusals[0]
    assert "0 to 255" in find_debris({name: band * 30 for name, band in bands.items()}, 0.1).refusals[0]
    rough = np.random.default_rng(0).uniform(20, 220, (3, 200, 200)).astype(np.float32)
    grass = dict(zip(("red", "green", "blue"), rough, strict=True))
    assert "no water" in find_debris(grass, 0.1).refusals[0]


def test_a_channel_of_another_size_and_an_opening_without_width_are_refused() -> None:
    scene = a_scene(931, rafts=1)
    with pytest.raises(InputError, match="give it in the picture's grid"):
        find_debris(bands_of(scene), 0.1, channel=scene.channel[:50])
    with pytest.raises(InputError, match="two places"):
        width(a_raft(40, 80), Opening("x", ((5.0, 5.0), (5.0, 5.0)), (0.0, -1.0)))
    with pytest.raises(InputError, match="direction across"):
        width(a_raft(40, 80), Opening("x", SPAN.ends_px, (1.0, 0.0)))
