"""The transects of a reach: along its reference line, across the flow, without crossing one another."""

from __future__ import annotations

import numpy as np

from findings.errors import InputError, NotAssessable
from findings.river_series import Floats, ReachFrame
from inference.river.lines import distance_along, length_m, smoothed

SPACING_M = (25.0, 100.0)
"""Transects stand between so far apart (定期横断測量 of Japanese rivers is every 200 m; widths change faster)."""
DIRECTION_SPACINGS = 1.0
"""1-sigma of the smoothing of the line from which directions are taken, in transect spacings."""
CLEAR = 0.9
"""A transect ends at this share of the way to where it would meet its neighbour."""


def make_frame(
    asset_uid: str,
    line_xy: Floats,
    crs: str,
    *,
    spacing_m: float = 50.0,
    half_length_m: float,
    chainage_km: tuple[float, float] | None = None,
) -> ReachFrame:
    """Return the frame of a reach: transects at equal spacing along its line.

    Args:
        asset_uid: of the river reach.
        line_xy: ``(M, 2)`` metres, from upstream to downstream.
        crs: metric.
        spacing_m: between transects, 25 to 100 m.
        half_length_m: of each transect to either side, before neighbours shorten it.
        chainage_km: 距離標 at the downstream and the upstream end (posts count from the mouth); None: from 0 at the
            downstream end.

    Raises:
        InputError: a spacing outside 25 to 100 m, or chainages in the wrong order.
        NotAssessable: the line is shorter than two spacings.
    """
    if not SPACING_M[0] <= spacing_m <= SPACING_M[1]:
        raise InputError(f"transects every {spacing_m:g} m; expected {SPACING_M[0]:g} to {SPACING_M[1]:g} m")
    if chainage_km is not None and chainage_km[0] >= chainage_km[1]:
        raise InputError(f"chainage {chainage_km[0]} to {chainage_km[1]} km; expected from downstream to upstream")
    total = length_m(line_xy)
    if total < 2 * spacing_m:
        raise NotAssessable(
            f"the reach is {total:.0f} m long; transects every {spacing_m:g} m need {2 * spacing_m:g} m"
        )
    station = np.arange(spacing_m / 2, total, spacing_m)
    origin = _at(line_xy, station)
    smooth = smoothed(line_xy, DIRECTION_SPACINGS * spacing_m, min(10.0, spacing_m / 4))
    normal = _normals(smooth, station / total)
    half = _clear_of_neighbours(origin, normal, np.full(len(station), float(half_length_m)))
    low, high = chainage_km if chainage_km is not None else (0.0, total / 1000)
    post = high - (high - low) * station / total
    return ReachFrame(
        asset_uid, crs, np.asarray(line_xy, dtype=np.float64), station, post, origin, normal, half, spacing_m
    )


def _at(line: Floats, station: Floats) -> Floats:
    along = distance_along(line)
    return np.stack([np.interp(station, along, line[:, axis]) for axis in (0, 1)], axis=1)


def _normals(line: Floats, share: Floats) -> Floats:
    """Return unit vectors to the left of the line's direction at shares of its length."""
    along = distance_along(line) / length_m(line)
    tangent = np.gradient(line, along, axis=0)
    tangent = np.stack([np.interp(share, along, tangent[:, axis]) for axis in (0, 1)], axis=1)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-12)
    return np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)


def _clear_of_neighbours(origin: Floats, normal: Floats, half: Floats) -> Floats:
    """Return half lengths at which no transect meets one of its next neighbours (three to either side)."""
    half = half.copy()
    for step in (1, 2, 3):
        if len(origin) <= step:
            continue
        a, b = origin[:-step], origin[step:]
        u, v = normal[:-step], normal[step:]
        cross = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
        apart = b - a
        with np.errstate(divide="ignore", invalid="ignore"):
            on_one = np.abs((apart[:, 0] * v[:, 1] - apart[:, 1] * v[:, 0]) / cross)
            on_other = np.abs((apart[:, 0] * u[:, 1] - apart[:, 1] * u[:, 0]) / cross)
        meet = np.isfinite(on_one) & (on_one < half[:-step]) & (on_other < half[step:])
        half[:-step] = np.where(meet, np.minimum(half[:-step], CLEAR * on_one), half[:-step])
        half[step:] = np.where(meet, np.minimum(half[step:], CLEAR * on_other), half[step:])
    return half
