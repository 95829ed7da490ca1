"""Length of exposed reinforcing bars, and the spalls that they lie in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from findings.survey import Scale
from inference.measure.area import Sized
from inference.measure.skeleton import Branch
from inference.measure.world import around, to_world
from inference.regions import Region

TOUCH_PX = 3.0  # an outline of a bar and one of its spall that are no further apart than this touch
LINE_ERROR = 0.01  # of a smoothed centreline


@dataclass(frozen=True, slots=True)
class _Part:
    length: float
    slack: float


def measure_rebar(regions: Sequence[Region], lines: Sequence[Sequence[Branch]], scale: Scale) -> Sized | None:
    """Return the length of the bars that some regions show (``rebar_length``), in m, or px without a scale.

    The length is that of the centrelines; at each free end half the bar's width is added, by which a skeleton stops
    before its mask does, and the same half width is what the length may be off by there. Slacks of all bars add up:
    one threshold drew them. None without any region.

    Args:
        regions: of exposed bars.
        lines: the traced branches of each region.
        scale: where they lie.
    """
    if not regions:
        return None
    parts = [_part(region, branches) for region, branches in zip(regions, lines, strict=True)]
    found = around(sum(part.length for part in parts), sum(part.slack for part in parts))
    how = f"centrelines of {len(parts)} exposed bars" if len(parts) > 1 else "centreline of the exposed bar"
    return Sized(to_world("rebar_length", found, scale, "m", how), found)


def _part(region: Region, branches: Sequence[Branch]) -> _Part:
    if not branches:
        return _speck(region)
    ends = [b.half_width_px[k] for b in branches for k, free in ((0, b.free_start), (-1, b.free_end)) if free]
    length = sum(branch.length_px for branch in branches) + float(sum(ends))
    slack = float(np.hypot(np.hypot.reduce([0.0, *ends]), LINE_ERROR * length)) + 1.0
    # a bar is at least as long as its mask is across
    least = _speck(region)
    return _Part(length, slack) if length >= least.length / 2 else least


def _speck(region: Region) -> _Part:
    """Return the longer side of a place too small or too round for a centreline."""
    corners = np.array(region.polygon_px.minimum_rotated_rectangle.exterior.coords)[:3]
    side = float(np.hypot(*np.diff(corners, axis=0).T).max())
    return _Part(side, 0.25 * side + 1.0)


def bars_of(spall: Region, bars: Sequence[Region]) -> list[int]:
    """Return which bars lie in a spall or touch it, as indices of ``bars``."""
    return [i for i, bar in enumerate(bars) if spall.polygon_px.distance(bar.polygon_px) <= TOUCH_PX]
