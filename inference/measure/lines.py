"""The centrelines of one region in picture coordinates, traced once for length, orientation, spacing and pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.measure.skeleton import Branch, trace
from inference.regions import Region

CHORD_PX = 16.0  # over which a direction is taken: longer than the skeleton's wander, shorter than a mesh


@dataclass(frozen=True, slots=True)
class Lines:
    """What the centrelines of one region are, as seen from afar.

    Attributes:
        branches: in pixels of the region's mask, longest first.
        points: ``(N, 2)`` x and y of points along all branches, in the picture.
        angle: ``(N,)`` direction of the line at each point, radians 0 to pi, 0 along the picture's rows,
            counter-clockwise as seen.
        weight: ``(N,)`` length in px that each point stands for.
        width_px: mean width of the mask across its lines.
    """

    branches: tuple[Branch, ...]
    points: NDArray[np.float64]
    angle: NDArray[np.float64]
    weight: NDArray[np.float64]
    width_px: float

    @property
    def length_px(self) -> float:
        """Length of all lines together."""
        return float(self.weight.sum())

    @property
    def reach_px(self) -> float:
        """Length of the box around the lines, corner to corner."""
        return float(np.hypot(*np.ptp(self.points, axis=0))) if len(self.points) else 0.0


def lines_of(region: Region) -> Lines:
    """Return the centrelines of a region."""
    branches = tuple(trace(region.mask))
    offset = np.array([region.bbox.col + 0.5, region.bbox.row + 0.5])
    parts = [_chords(branch.points[:, ::-1] + offset) for branch in branches if branch.length_px > 0]
    points, angle, weight = (
        np.concatenate([part[k] for part in parts]) if parts else np.empty((0, 2) if k == 0 else 0) for k in range(3)
    )
    length = float(weight.sum())
    return Lines(branches, points, angle, weight, region.area_px / length if length else 0.0)


def _chords(line: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the middles, directions and lengths of the chords of a line."""
    steps = np.hypot(*np.diff(line, axis=0).T)
    arc = np.concatenate([[0.0], np.cumsum(steps)])
    closed = bool((line[0] == line[-1]).all())  # a small loop: one chord of it would have neither length nor direction
    count = max(3 if closed else 1, round(float(arc[-1]) / CHORD_PX))
    at = np.linspace(0, arc[-1], count + 1)
    knots = np.stack([np.interp(at, arc, line[:, k]) for k in (0, 1)], axis=1)
    step = np.diff(knots, axis=0)
    angle = np.arctan2(-step[:, 1], step[:, 0]) % np.pi
    return (knots[1:] + knots[:-1]) / 2, angle, np.full(count, float(arc[-1]) / count)


def orientation(lines: Lines) -> dict[str, Any]:
    """Return where a crack runs, as details of its finding; empty where it has no line.

    ``orientation_deg``: 0 to 180, 0 along the picture's rows, counter-clockwise as seen; the mean over the length of
    the doubled angles (Mardia and Jupp 2000, Directional Statistics, 2.3.1). ``from_vertical_deg``: 0 to 90.
    ``orientation_spread_deg``: circular standard deviation of the directions along the crack, 40 and more: none.
    ``orientation_pm_deg``: half the 95 % interval of the mean.
    """
    if not lines.length_px:
        return {}
    doubled = np.exp(2j * lines.angle)
    mean = complex((lines.weight * doubled).sum() / lines.length_px)
    strength = min(abs(mean), 1.0)
    spread = 90.0 if strength < 1e-3 else float(np.degrees(np.sqrt(-2 * np.log(strength))) / 2)
    degrees = float(np.degrees(np.angle(mean)) / 2) % 180
    # the ends of the centreline lie within a pixel; the chords of one wandering line are no independent draws
    error = float(np.hypot(1.96 * spread / np.sqrt(max(1.0, len(lines.angle) / 2)), np.degrees(1 / lines.length_px)))
    return {
        "orientation_deg": round(degrees % 180, 1),
        "orientation_pm_deg": round(min(error, 90.0), 1),
        "orientation_spread_deg": round(min(spread, 90.0), 1),
        "from_vertical_deg": round(abs(90 - degrees), 1),
    }


def joined(lines: Sequence[Lines]) -> Lines:
    """Return the lines of several regions as one."""
    length = sum(one.length_px for one in lines)
    width = sum(one.width_px * one.length_px for one in lines) / length if length else 0.0
    return Lines(
        tuple(branch for one in lines for branch in one.branches),
        np.concatenate([one.points for one in lines]),
        np.concatenate([one.angle for one in lines]),
        np.concatenate([one.weight for one in lines]),
        width,
    )
