"""Centrelines: a mask thinned to branches, without spurs, as smooth lines in pixel coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import skeletonize

NEIGHBOURS = np.ones((3, 3), int)
SMOOTHING_PX = 2.0  # takes the staircase out of a pixel chain: a line of any angle then has its length within 1 %
SHORTEST_SPUR_PX = 6.0


@dataclass(frozen=True, slots=True)
class Branch:
    """One stretch of a centreline between ends or junctions.

    Attributes:
        points: ``(N, 2)`` float64, row and column of pixel centres, smoothed, in order.
        free_start, free_end: True where the line simply ends, False where it meets a junction.
        half_width_px: ``(N,)`` distance from each point to the border of the mask.
    """

    points: NDArray[np.float64]
    free_start: bool
    free_end: bool
    half_width_px: NDArray[np.float64]

    @property
    def length_px(self) -> float:
        """Length of the smoothed line."""
        return float(np.hypot(*np.diff(self.points, axis=0).T).sum())


def trace(mask: NDArray[np.bool_]) -> list[Branch]:
    """Return the branches of a mask's skeleton, spurs pruned, longest first.

    A spur is a branch with one free end that is shorter than the mask is wide there (or than 6 px): the skeleton's
    answer to a bump of the outline, not a crack. A mask too small for a line gives no branch.
    """
    padded = np.pad(mask, 1)
    depth = ndimage.distance_transform_edt(padded)
    skeleton = _thin(padded)
    chains = _chains(skeleton)
    for _ in range(3):
        spurs = [c for c in chains if _is_spur(c, depth)]
        if not spurs or len(spurs) == len(chains):
            break
        for spur in spurs:
            skeleton[tuple(np.array(spur.pixels).T)] = False
        skeleton = _thin(skeleton)
        chains = _chains(skeleton)
    branches = [_smooth(chain, depth) for chain in chains]
    return sorted((b for b in branches if len(b.points) > 1), key=lambda b: -b.length_px)


def moved(branch: Branch, rows: float, cols: float) -> Branch:
    """Return the same branch in an array that begins so many rows and columns earlier."""
    return replace(branch, points=branch.points + np.array([rows, cols]))


def _thin(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    # Lee 1994: Zhang and Suen 1984 (the default) eats up diagonal bands of even width, a 45 degree crack lost half of
    # itself
    return np.asarray(skeletonize(mask, method="lee"), np.bool_)  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class _Chain:
    pixels: list[tuple[int, int]]
    joints: tuple[tuple[float, float] | None, tuple[float, float] | None]  # centre of the junction at either end


def _is_spur(chain: _Chain, depth: NDArray[np.float64]) -> bool:
    start, end = chain.joints
    joint = start or end
    if joint is None or (start and end):
        return False
    half_width = float(depth[round(joint[0]), round(joint[1])])
    return len(chain.pixels) < max(SHORTEST_SPUR_PX, 2 * half_width)


def _chains(skeleton: NDArray[np.bool_]) -> list[_Chain]:
    """Take the junctions out of a skeleton; what remains are simple chains of pixels."""
    degree = _neighbours(skeleton)
    knots, count = ndimage.label(skeleton & (degree > 2), NEIGHBOURS)
    centres = ndimage.center_of_mass(knots > 0, knots, range(1, count + 1)) if count else []
    alone = skeleton & (knots == 0)
    labels, pieces = ndimage.label(alone, NEIGHBOURS)
    last = alone & (_neighbours(alone) <= 1)
    chains = []
    for number, box in enumerate(ndimage.find_objects(labels, pieces), start=1):
        offset = (box[0].start, box[1].start)
        mine = labels[box] == number
        inside = (np.argwhere(mine) + offset).tolist()
        ends = (np.argwhere(mine & last[box]) + offset).tolist()
        pixels = _order({(r, c) for r, c in inside}, min((tuple(end) for end in ends), default=None))
        joints = (_joint(pixels[0], knots, centres), _joint(pixels[-1], knots, centres))
        chains.append(_Chain(pixels, joints))
    return chains


def _neighbours(mask: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Return how many of the eight pixels around each set pixel are set, one less elsewhere; none lie outside."""
    count = cv2.boxFilter(mask.view(np.uint8), cv2.CV_16S, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(count - 1, np.int16)


# straight neighbours first, so that a corner pixel is not jumped over
_STEPS = ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


def _order(cells: set[tuple[int, int]], end: tuple[int, ...] | None) -> list[tuple[int, int]]:
    """Walk a chain from one of its ends to the other (a closed loop, which has none, from anywhere)."""
    row, col = end if end is not None else min(cells)
    left, path = set(cells), [(row, col)]
    left.discard((row, col))
    while True:
        for down, right in _STEPS:
            onward = (row + down, col + right)
            if onward in left:
                row, col = onward
                left.discard(onward)
                path.append(onward)
                break
        else:
            return path


def _joint(
    cell: tuple[int, int], knots: NDArray[np.int32], centres: Sequence[tuple[float, float]]
) -> tuple[float, float] | None:
    around = knots[cell[0] - 1 : cell[0] + 2, cell[1] - 1 : cell[1] + 2]
    number = int(around.max())
    return centres[number - 1] if number else None


def _smooth(chain: _Chain, depth: NDArray[np.float64]) -> Branch:
    start, end = chain.joints
    joined = [*([start] if start else []), *chain.pixels, *([end] if end else [])]
    raw = np.array(joined, float)
    line = ndimage.gaussian_filter1d(raw, SMOOTHING_PX, axis=0, mode="nearest") if len(raw) > 4 else raw.copy()
    line[0], line[-1] = raw[0], raw[-1]
    half = ndimage.map_coordinates(depth, raw.T, order=1)
    return Branch(line - 1, start is None, end is None, half)  # - 1: the padding
