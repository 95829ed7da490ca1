"""Tracking measured on a generated wall, five years apart, whose every damage has a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.track import measure
from benchmarks.track_walls import make_years
from findings.tracking import TrackState
from imagery.synthetic.flight_wall import WallSpec


@pytest.mark.slow
def test_damages_are_followed_over_five_years_with_precision_and_recall_of_95_percent(tmp_path: Path) -> None:
    """30 % overlap, up to 15 degrees of tilt, other light and weather; the whole table: benchmarks/track.py."""
    spec = WallSpec(width_mm=760.0, height_mm=560.0, cracks=4, pairs=1, spalls=3, limes=1, rusts=1)
    years = make_years(tmp_path, 2, spec, width_px=900, height_px=680)
    counts, found = measure(years)
    assert counts.are >= 12
    assert counts.precision >= 0.95
    assert counts.recall >= 0.95
    states = counts.states
    unchanged = sum(n for (true, _), n in states.items() if true == TrackState.UNCHANGED.value)
    assert states[TrackState.UNCHANGED.value, TrackState.PROGRESSED.value] <= 0.1 * unchanged
    assert states[TrackState.PROGRESSED.value, TrackState.PROGRESSED.value] >= 1
    assert states[TrackState.REPAIRED_SUSPECTED.value, TrackState.REPAIRED_SUSPECTED.value] >= 1
    held = sum(inside for inside, _ in counts.covered.values())
    every = sum(total for _, total in counts.covered.values())
    assert held >= 0.9 * every
    assert len(found.tracks) >= counts.are
