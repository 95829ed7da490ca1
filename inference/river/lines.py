"""The reference line of a reach: the middle of its channel in a mask, or a line that is given."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from skimage.graph import MCP_Geometric

from findings.errors import NotAssessable
from findings.river_series import Floats
from inference.river.channel import Channel, distance_to, find_channel
from inference.river.finding import Bool
from inference.river.grid import Grid

CENTRING = 3.0
"""Power of the distance to the bank in the cost of a step: the higher, the nearer to the middle."""
SMOOTH_WIDTHS = 0.5
"""1-sigma of the smoothing along the line, in channel widths: bends stay, bars and pixel steps go."""
WINDOW_PX = 2.0
"""Distance between the points of a line that is smoothed."""


def centre_line(water: Bool, observed: Bool, grid: Grid, crs: str, *, towards: Floats | None = None) -> Floats:
    """Return the middle of the river's active channel as points ``(M, 2)`` in metres, from upstream to downstream.

    The path between the two ends of the channel that are farthest apart along it, kept away from the banks (a minimal
    path whose cost falls with the distance to the bank: Cohen and Kimmel 1997), smoothed by half a channel width.

    Args:
        water: ``(H, W)``.
        observed: ``(H, W)``.
        grid: of both.
        crs: metric, of the line.
        towards: ``(K, 2)`` in ``crs``, a line along the flow that tells which end is downstream; None: as found.

    Raises:
        NotAssessable: no water, no river in it, or one that is too narrow.
    """
    channel, reason = find_channel(water, observed)
    if channel is None:
        raise NotAssessable(reason)
    path = _path(channel)
    line = grid.points(path + 0.5, crs)
    line = smoothed(line, SMOOTH_WIDTHS * channel.width_px * grid.pixel_m, WINDOW_PX * grid.pixel_m)
    return oriented(line, towards)


def oriented(line: Floats, towards: Floats | None) -> Floats:
    """Return a line in the direction of another one, or as it is."""
    if towards is None or len(towards) < 2:
        return line
    flow = towards[-1] - towards[0]
    return line if float((line[-1] - line[0]) @ flow) >= 0 else line[::-1].copy()


def smoothed(line: Floats, sigma_m: float, step_m: float) -> Floats:
    """Return a line at equal steps, smoothed along its length; the ends stay.

    Args:
        line: ``(M, 2)`` metres.
        sigma_m: 1-sigma of the Gaussian.
        step_m: between the points of the result.

    Raises:
        NotAssessable: the line has no length.
    """
    even = resampled(line, step_m)
    if len(even) < 3:
        raise NotAssessable(f"the line is only {length_m(line):.0f} m long; transects need a longer reach")
    sigma = min(sigma_m / step_m, len(even) / 6)
    # A line is continued by its reflection in its end points: the ends stay, and no bend is made there.
    pad = min(int(4 * sigma) + 1, len(even) - 1)
    before, after = 2 * even[0] - even[pad:0:-1], 2 * even[-1] - even[-2 : -pad - 2 : -1]
    long = np.concatenate([before, even, after])
    return np.asarray(gaussian_filter1d(long, sigma, axis=0, mode="nearest")[pad : pad + len(even)])


def resampled(line: Floats, step_m: float) -> Floats:
    """Return a line with points at (nearly) equal steps along it."""
    along = distance_along(line)
    count = max(round(along[-1] / step_m), 1)
    at = np.linspace(0.0, along[-1], count + 1)
    return np.stack([np.interp(at, along, line[:, axis]) for axis in (0, 1)], axis=1)


def distance_along(line: Floats) -> Floats:
    """Return the distance of each point ``(M,)`` from the first one along the line."""
    steps = np.hypot(*np.diff(line, axis=0).T)
    return np.concatenate([[0.0], np.cumsum(steps)])


def length_m(line: Floats) -> float:
    """Return the length of a line."""
    return float(distance_along(line)[-1]) if len(line) else 0.0


def _path(channel: Channel) -> Floats:
    """Return the pixels x, y ``(M, 2)`` of the path along the channel's largest body."""
    inside = channel.active
    depth = np.where(inside, distance_to(~np.pad(inside, 1))[1:-1, 1:-1] if not inside.all() else 1.0, 0.0)
    cost = np.where(inside, 1.0, np.inf)
    first = _deepest(channel.water & inside, depth)
    one = _farthest(cost, first)
    other = _farthest(cost, one)
    wide = max(float(depth.max()), 1.0)
    steep = np.where(inside, (wide / np.maximum(depth, 0.5)) ** CENTRING, np.inf)
    search = MCP_Geometric(steep)
    search.find_costs([one], [other])
    rows_cols = np.asarray(search.traceback(other), dtype=float)
    # The last stretch runs from the middle into a corner of the channel's end: half a width less at either end.
    trim = int(channel.width_px / 2)
    if len(rows_cols) > 4 * trim + 4:
        rows_cols = rows_cols[trim : len(rows_cols) - trim]
    return np.asarray(rows_cols[:, ::-1], dtype=np.float64)


def _deepest(mask: Bool, depth: np.ndarray) -> tuple[int, int]:
    index = int(np.argmax(np.where(mask, depth, -1.0)))
    row, col = np.unravel_index(index, mask.shape)
    return int(row), int(col)


def _farthest(cost: np.ndarray, start: tuple[int, int]) -> tuple[int, int]:
    reached, _ = MCP_Geometric(cost).find_costs([start])
    reached = np.where(np.isfinite(reached), reached, -1.0)
    row, col = np.unravel_index(int(np.argmax(reached)), reached.shape)
    return int(row), int(col)
