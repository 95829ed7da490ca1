"""Widths on pictures of a renderer that shares nothing with generator or measurement."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.crack_width import Trial, run


@pytest.fixture(scope="module")
def trials() -> list[Trial]:
    return [run((7, number, width)) for number in range(7) for width in (0.3, 0.66, 1.0, 2.0, 4.0, 8.0)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["width_p50", "width_p95", "width_max"])
def test_intervals_hold_the_true_width_as_often_as_they_say(trials: list[Trial], name: str) -> None:
    inside = [trial.ours[name][1] <= trial.truth[name] <= trial.ours[name][2] for trial in trials]
    assert np.mean(inside) >= 0.88  # 95 % less two standard deviations of 42 draws


@pytest.mark.slow
def test_widths_are_free_of_bias_and_closer_than_what_masks_say(trials: list[Trial]) -> None:
    seen = [t for t in trials if t.ours["width_p50"][0] is not None]
    ours = np.array([(t.ours["width_p50"][0] or 0.0) - t.truth["width_p50"] for t in seen])
    label = np.array([(t.distance_label or 0.0) - t.truth["width_p50"] for t in seen])
    assert abs(ours.mean()) <= 0.15
    assert np.abs(ours).mean() < 0.2 * np.abs(label).mean()


@pytest.mark.slow
def test_a_width_without_value_has_a_bound_above_the_truth(trials: list[Trial]) -> None:
    bounds = [t.ours["width_p50"][2] - t.truth["width_p50"] for t in trials if t.ours["width_p50"][0] is None]
    assert bounds
    assert np.mean(np.array(bounds) >= 0) >= 0.8
