"""Sampling, projection, coreset and nearest neighbours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from findings.errors import ModelError
from models.coreset import Reservoir, greedy_coreset, nearest_distances, project


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def rows(n: int, d: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(rng(seed).standard_normal((n, d)).astype(np.float32))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_a_reservoir_does_not_depend_on_how_the_stream_is_cut(cuts: list[int], size: int) -> None:
    stream = torch.arange(float(sum(cuts))).view(-1, 1)
    whole, parts = Reservoir(size, rng(3)), Reservoir(size, rng(3))
    whole.add(stream)
    for part in torch.split(stream, cuts):
        parts.add(part)
    assert parts.seen == len(stream)
    if len(stream):
        assert torch.equal(whole.rows, parts.rows)
        assert len(parts.rows) == min(size, len(stream))


def test_a_reservoir_takes_early_and_late_rows_alike() -> None:
    counts = np.zeros(10)
    for seed in range(400):
        reservoir = Reservoir(3, rng(seed))
        for value in range(10):
            reservoir.add(torch.tensor([[float(value)]]))
        counts[reservoir.rows[:, 0].int().numpy()] += 1
    assert counts / 400 == pytest.approx(np.full(10, 0.3), abs=0.08)


def test_an_empty_reservoir_says_what_it_needs() -> None:
    with pytest.raises(ModelError, match="at least one picture"):
        _ = Reservoir(4, rng()).rows
    with pytest.raises(ModelError, match="at least 1"):
        Reservoir(0, rng())


def test_a_coreset_takes_a_row_of_every_far_cluster() -> None:
    centres = rows(8, seed=1) * 50
    crowd = torch.cat([centres[i] + 0.1 * rows(1 + 40 * (i == 0), seed=i) for i in range(8)])
    chosen = greedy_coreset(crowd, 8, rng())
    assert len(set(torch.cdist(crowd[chosen], centres).argmin(dim=1).tolist())) == 8


@given(st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_a_coreset_covers_within_twice_the_best_radius(seed: int) -> None:
    points, size = rows(9, 2, seed), 3
    chosen = greedy_coreset(points, size, rng(seed))
    radius = torch.cdist(points, points[chosen]).min(dim=1).values.max()
    all_distances = torch.cdist(points, points)
    best = min(
        float(all_distances[:, [a, b, c]].min(dim=1).values.max()) for a in range(9) for b in range(a) for c in range(b)
    )
    assert radius <= 2 * best + 1e-4


def test_a_coreset_of_copies_holds_one_of_them() -> None:
    assert len(greedy_coreset(torch.ones(50, 3), 10, rng())) == 1
    assert greedy_coreset(rows(4), 10, rng()).tolist() == [0, 1, 2, 3]


def test_projection_keeps_distances_roughly_and_small_rows_exactly() -> None:
    wide = rows(30, 400)
    ratio = torch.pdist(project(wide, 128, rng())) / torch.pdist(wide)
    assert float(ratio.mean()) == pytest.approx(1, abs=0.1)
    assert float(ratio.std()) < 0.1
    assert project(wide, 400, rng()) is wide


@pytest.mark.parametrize("chunk", [1, 7, 4096])
def test_nearest_distances_are_those_of_brute_force_in_any_chunk(chunk: int) -> None:
    queries, bank = rows(33, seed=1), rows(60, seed=2)
    expected = (queries[:, None] - bank[None]).norm(dim=2).min(dim=1).values
    torch.testing.assert_close(nearest_distances(queries, bank, chunk), expected, atol=1e-4, rtol=1e-4)
    assert len(nearest_distances(rows(0), bank)) == 0
