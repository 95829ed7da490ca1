"""Where the classes are in a set of pictures, so that crops of rare ones can be drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.datasets.sample import BoolArray

MOST_PLACES = 200  # kept of each class in each picture; crops are shifted anyway


@dataclass(frozen=True, slots=True)
class Place:
    """A labelled pixel."""

    picture: int
    row: int
    col: int


@dataclass(frozen=True, slots=True)
class Places:
    """Sampled positions of each class, and how the class is chosen.

    Attributes:
        shares: of the known pixels that each class covers; NaN where no picture labels it.
        pictures: for each class the pictures that have it.
        positions: for each class and each of these pictures ``(n, 2)`` row and column, n at most `MOST_PLACES`.
        chances: of each class; 0 for a class without places.
    """

    shares: npt.NDArray[np.float64]
    pictures: tuple[tuple[int, ...], ...]
    positions: tuple[tuple[npt.NDArray[np.int32], ...], ...]
    chances: npt.NDArray[np.float64]

    def draw(self, rng: np.random.Generator) -> Place | None:
        """Return a place of a class, or None if nothing is labelled anywhere."""
        if not self.chances.any():
            return None
        plane = int(np.searchsorted(np.cumsum(self.chances), rng.random(), side="right"))
        plane = min(plane, int(np.flatnonzero(self.chances)[-1]))  # rounding of the sum
        which = int(rng.integers(len(self.pictures[plane])))
        rows_cols = self.positions[plane][which]
        row, col = rows_cols[int(rng.integers(len(rows_cols)))]
        return Place(self.pictures[plane][which], int(row), int(col))


def find_places(sketches: Iterable[tuple[BoolArray, BoolArray, float]], planes: int) -> Places:
    """Return the places of each class in pictures.

    The same pictures give the same places: which of many pixels are kept is drawn by the picture's number.

    Args:
        sketches: target and known ``(K, h, w)`` of each picture, and the factor from its pixels to the sketch's.
        planes: K.
    """
    covered, seen = np.zeros(planes), np.zeros(planes)
    pictures: list[list[int]] = [[] for _ in range(planes)]
    positions: list[list[npt.NDArray[np.int32]]] = [[] for _ in range(planes)]
    for number, (target, known, factor) in enumerate(sketches):
        for plane in range(planes):
            seen[plane] += np.count_nonzero(known[plane]) / factor**2
            marked = np.flatnonzero(target[plane] & known[plane])
            if not len(marked):
                continue
            covered[plane] += len(marked) / factor**2
            if len(marked) > MOST_PLACES:
                marked = np.random.default_rng([number, plane]).choice(marked, MOST_PLACES, replace=False)
            found = np.stack(np.unravel_index(marked, target.shape[1:]), axis=1)
            pictures[plane].append(number)
            positions[plane].append(((found + 0.5) / factor).astype(np.int32))
    shares = np.divide(covered, seen, out=np.full(planes, np.nan), where=seen > 0)
    weights = np.array([1 / np.sqrt(shares[plane]) if pictures[plane] else 0.0 for plane in range(planes)])
    chances = weights / weights.sum() if weights.any() else weights
    return Places(shares, tuple(map(tuple, pictures)), tuple(map(tuple, positions)), chances)
