"""How cracks lie to each other: single, parallel, map or grid; the third input of the rule for deck slabs.

Cracks that are no further apart than the shorter of them is long form a group. What a group is, its directions say: the
length within 20 degrees of the first and of the second direction, and whether several lines of a direction lie side by
side. The limits stand here and were chosen on drawn patterns (docs/decisions/0030-areas-and-patterns.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from findings.measure import Measure
from findings.survey import Scale
from inference.measure.lines import CHORD_PX, Lines, joined
from inference.measure.world import Interval, around, to_world

NEAR_DEG = 20.0  # of a direction: belongs to it
APART_DEG = 45.0  # two directions differ by at least that much
STRAND_DEG = 25.0
TWO_DIRECTIONS = 0.74  # of the length lies along the first two directions; an even spread has 0.44
SECOND = 0.15  # of the length along a second direction: no longer one direction alone
SIDE_BY_SIDE = 0.45  # of a direction's reach has several lines side by side
NETWORK = 2.0  # length of all lines over the group's reach; a bent crack has up to 1.6
STRANDS = 3.0  # lines closer than so many mask widths are strands of one crack
LEAST_PX = 20.0  # shorter cracks have no direction
BIN_PX = 12.0
BINS = 15
MOST_CRACKS = 2000
ROUNDS = 6
AROUND = 0.5  # a piece within that share of what a group reaches belongs to it, however short it is


class Kind(StrEnum):
    """The pattern of a group of cracks."""

    SINGLE = "single"
    PARALLEL = "parallel"
    MAP = "map"
    GRID = "grid"


ONE_WAY, NEAR_GRID, GRID = "one_way", "near_grid", "grid"


@dataclass(frozen=True, slots=True)
class Pattern:
    """The pattern of one group of cracks.

    Attributes:
        kind: of the group.
        slab: the word of the rule for deck slabs: ``one_way``, ``near_grid`` or ``grid``.
        cracks: indices of the cracks of the group.
        directions_deg: first and, where there is one, second direction, 0 along the rows, counter-clockwise.
        shares: of the length along each of them.
        spacing_px: of the lines side by side, along the direction where they are closest; None where there are none.
    """

    kind: Kind
    slab: str
    cracks: tuple[int, ...]
    directions_deg: tuple[float, ...]
    shares: tuple[float, ...]
    spacing_px: Interval | None

    @property
    def facts(self) -> dict[str, Any]:
        """The pattern as details of a finding."""
        return {
            "pattern_class": self.kind.value,
            "pattern_slab": self.slab,
            "pattern_cracks": len(self.cracks),
            "pattern_directions_deg": [round(angle, 1) for angle in self.directions_deg],
            "pattern_shares": [round(share, 2) for share in self.shares],
        }

    def spacing(self, scale: Scale) -> Measure | None:
        """Return the spacing within the group (``min_spacing``), in m, or px without a scale; None if there is none."""
        if self.spacing_px is None:
            return None
        how = f"median gap of the lines side by side in a {self.kind.value} pattern of {len(self.cracks)} cracks"
        return to_world("min_spacing", self.spacing_px, scale, "m", how)


def find_patterns(cracks: Sequence[Lines]) -> list[Pattern | None]:
    """Return for each crack of a picture the pattern of its group; None for what is too short for a direction."""
    found: list[Pattern | None] = [None] * len(cracks)
    for group in _groups(cracks):
        pattern = _classify(joined([cracks[i] for i in group]), tuple(group))
        for i in group:
            found[i] = pattern
    return found


def _groups(cracks: Sequence[Lines]) -> list[list[int]]:
    """Return the cracks that lie near each other, as indices.

    What is joined reaches further than its parts: a broken line finds its neighbour in the next round.
    """
    long = sorted((i for i, one in enumerate(cracks) if one.reach_px >= LEAST_PX), key=lambda i: -cracks[i].length_px)
    groups = [[i] for i in long[:MOST_CRACKS]]
    for _ in range(ROUNDS):
        joined_up = _join_near(groups, [np.concatenate([cracks[i].points for i in group]) for group in groups])
        if len(joined_up) == len(groups):
            break
        groups = joined_up
    return groups


def _join_near(groups: list[list[int]], points: list[NDArray[np.float64]]) -> list[list[int]]:
    """Return the groups, those joined that are no further apart than the smaller one reaches, or half of the larger."""
    if len(groups) < 2:
        return groups
    shapes = [shapely.multipoints(places) for places in points]
    reach = np.array([float(np.hypot(*np.ptp(places, axis=0))) + CHORD_PX for places in points])
    pairs = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=reach).T
    near = [
        (a, b)
        for a, b in np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
        if shapely.distance(shapes[a], shapes[b]) <= max(min(reach[a], reach[b]), AROUND * max(reach[a], reach[b]))
    ]
    if not near:
        return groups
    first, second = np.array(near).T
    size = len(groups)
    _, label = connected_components(coo_array((np.ones(len(near)), (first, second)), (size, size)), directed=False)
    merged: dict[int, list[int]] = {}
    for group, owner in zip(groups, label, strict=True):
        merged.setdefault(int(owner), []).extend(group)
    return list(merged.values())


@dataclass(frozen=True, slots=True)
class _Direction:
    angle: float  # radians
    share: float  # of the length within NEAR_DEG
    beside: float  # of its reach, where several lines lie side by side
    spacing_px: Interval | None


def _classify(lines: Lines, group: tuple[int, ...]) -> Pattern:
    angles, shares = _two_directions(lines)
    first, second = (_look(lines, angle, share) for angle, share in zip(angles, shares, strict=True))
    reach = _reach(lines.points)
    several = [direction.beside >= SIDE_BY_SIDE for direction in (first, second)]
    crossing = second.share >= SECOND
    if first.share + second.share < TWO_DIRECTIONS and lines.length_px >= NETWORK * reach:
        kind, slab = Kind.MAP, GRID
    elif crossing and all(several):
        kind, slab = Kind.GRID, GRID
    elif several[0] or (crossing and several[1]):
        kind, slab = Kind.PARALLEL, NEAR_GRID if crossing else ONE_WAY
    else:
        kind, slab = Kind.SINGLE, NEAR_GRID if crossing and lines.length_px >= 1.5 * reach else ONE_WAY
    shown = (first, second) if second.share >= SECOND else (first,)
    gaps = [d.spacing_px for d, many in zip((first, second), several, strict=True) if many and d.spacing_px]
    spacing = min(gaps, key=lambda gap: gap.value or 0.0) if gaps and kind is not Kind.SINGLE else None
    return Pattern(
        kind,
        slab,
        group,
        tuple(float(np.degrees(d.angle)) for d in shown),
        tuple(d.share for d in shown),
        spacing,
    )


def _two_directions(lines: Lines) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the two directions that hold the most length, and the share of each."""
    grid = np.radians(np.arange(0, 180, 2.0))
    apart = np.abs((lines.angle[None] - grid[:, None] + np.pi / 2) % np.pi - np.pi / 2)  # (directions, points)
    share = (np.where(apart <= np.radians(NEAR_DEG), lines.weight, 0)).sum(axis=1) / lines.length_px
    first = int(share.argmax())
    turned = np.abs((grid - grid[first] + np.pi / 2) % np.pi - np.pi / 2)
    second = int(np.where(turned >= np.radians(APART_DEG), share, -1).argmax())
    return (_centred(lines, grid[first]), _centred(lines, grid[second])), (float(share[first]), float(share[second]))


def _centred(lines: Lines, angle: float) -> float:
    """Return the mean direction of what lies near a direction."""
    off = (lines.angle - angle + np.pi / 2) % np.pi - np.pi / 2
    near = np.abs(off) <= np.radians(NEAR_DEG)
    weight = lines.weight[near].sum()
    return float((angle + (lines.weight[near] * off[near]).sum() / weight) % np.pi) if weight > 0 else float(angle)


def _reach(points: NDArray[np.float64]) -> float:
    """Return the greatest width of a cloud of points over some directions."""
    angles = np.radians(np.arange(0, 180, 10.0))
    along = points @ np.stack([np.cos(angles), np.sin(angles)])
    return max(float(np.ptp(along, axis=0).max()), 1.0)


def _look(lines: Lines, angle: float, share: float) -> _Direction:
    """Look along a direction: how much of its reach has lines side by side, and how far apart they are."""
    off = np.abs((lines.angle - angle + np.pi / 2) % np.pi - np.pi / 2)
    chosen = off <= np.radians(STRAND_DEG)
    if not chosen.any():
        return _Direction(angle, share, 0.0, None)
    points = lines.points[chosen]
    forward = np.array([np.cos(angle), -np.sin(angle)])  # rows count downwards
    along, across = points @ forward, points @ np.array([-forward[1], forward[0]])
    # bins so long that a line broken by weak pixels is still seen in most of them
    step = max(BIN_PX, float(np.ptp(along)) / BINS)
    place = np.floor((along - along.min()) / step).astype(int)
    order = np.lexsort((across, place))
    place, across, weight = place[order], across[order], lines.weight[chosen][order]
    least = max(STRANDS * lines.width_px, BIN_PX)
    breaks = np.concatenate([[True], (np.diff(place) != 0) | (np.diff(across) >= least)])
    line = np.cumsum(breaks) - 1
    middle = np.bincount(line, weights=weight * across) / np.bincount(line, weights=weight)
    beside = np.diff(place[breaks]) == 0
    several = len(np.unique(place[breaks][1:][beside])) / len(np.unique(place))
    if not beside.any():
        return _Direction(angle, share, several, None)
    found = np.diff(middle)[beside]
    spread = 1.4826 * float(np.median(np.abs(found - np.median(found))))
    # neighbouring bins see the same two lines: not every gap is a new one
    slack = float(np.hypot(2.0, 1.96 * 1.2533 * spread / np.sqrt(max(1.0, len(found) / 4))))
    return _Direction(angle, share, several, around(float(np.median(found)), slack))
