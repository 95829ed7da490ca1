"""Few feature vectors that stand for many: a bounded uniform sample of a stream, and a greedy coreset of it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from findings.errors import ModelError


class Reservoir:
    """A uniform sample without replacement of all rows fed so far, of bounded size.

    Each row draws a key; the rows with the smallest keys stay. The sample depends on the generator and the order of
    the rows, not on how they were cut into calls.
    """

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        if size < 1:
            raise ModelError(f"a reservoir of {size} rows; expected at least 1")
        self._size, self._rng = size, rng
        self._rows: Tensor | None = None
        self._keys = np.zeros(0)
        self.seen = 0

    def add(self, rows: Tensor) -> None:
        """Feed rows ``(N, D)``."""
        self.seen += len(rows)
        keys = np.concatenate([self._keys, self._rng.random(len(rows))])
        joined = rows if self._rows is None else torch.cat([self._rows, rows])
        if len(keys) > self._size:
            kept = np.sort(np.argpartition(keys, self._size)[: self._size])  # sorted: the order of arrival
            keys, joined = keys[kept], joined[torch.from_numpy(kept)]
        self._keys, self._rows = keys, joined

    @property
    def rows(self) -> Tensor:
        """The sample ``(n, D)``, n <= size.

        Raises:
            ModelError: nothing was fed.
        """
        if self._rows is None or not len(self._rows):
            raise ModelError("no feature vectors were given; fit on at least one picture with observed pixels")
        return self._rows


def project(rows: Tensor, dimensions: int, rng: np.random.Generator) -> Tensor:
    """Return rows ``(N, dimensions)`` whose distances are those of ``(N, D)`` up to a few percent.

    Gaussian random projection (Johnson and Lindenstrauss 1984); rows of fewer dimensions come back as they are.
    """
    if rows.shape[1] <= dimensions:
        return rows
    matrix = rng.standard_normal((rows.shape[1], dimensions)) / np.sqrt(dimensions)
    return rows @ torch.from_numpy(matrix).to(rows)


def greedy_coreset(rows: Tensor, size: int, rng: np.random.Generator) -> Tensor:
    """Return the indices ``(min(size, N),)`` of a greedy k-centre coreset of rows ``(N, D)``.

    Each step takes the row farthest from all taken ones (Roth et al. 2022, algorithm 1; at most twice the best covering
    radius, Gonzalez 1985). It stops early when every row has a taken one at distance 0.
    """
    if len(rows) <= size:
        return torch.arange(len(rows))
    chosen = [int(rng.integers(len(rows)))]
    squares = rows.square().sum(dim=1)
    nearest = torch.full((len(rows),), torch.inf)
    for _ in range(size - 1):
        last = chosen[-1]
        # |a - b|² = |a|² + |b|² - 2ab: one matrix-vector product a step instead of an (N, D) difference
        torch.minimum(nearest, (squares + squares[last] - 2 * (rows @ rows[last])).clamp_(min=0), out=nearest)
        nearest[last] = 0
        farthest = int(nearest.argmax())
        if nearest[farthest] <= 0:
            break
        chosen.append(farthest)
    return torch.tensor(sorted(chosen))


def nearest_distances(queries: Tensor, bank: Tensor, chunk: int = 1024) -> Tensor:
    """Return the distance ``(Q,)`` of each query ``(Q, D)`` to its nearest row of the bank ``(N, D)``.

    In chunks, so that memory is bounded by ``chunk`` x N distances.
    """
    found = [torch.cdist(part, bank).topk(1, dim=1, largest=False).values[:, 0] for part in torch.split(queries, chunk)]
    return torch.cat(found) if found else queries.new_zeros(0)
