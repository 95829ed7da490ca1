"""Length of rust streaks: water carries rust down, so a streak's length says how long it has been running."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from findings.survey import Scale
from imagery.pose import Pose
from inference.measure.area import Sized
from inference.measure.world import around, to_world
from inference.regions import Region

ELONGATED = 1.5  # from this ratio of its axes on a streak has a direction of its own
ENDS_PX = 1.5  # at 95 %: the faint lower end and the upper one, each a pixel
OUT_DEG = 45.0  # gravity that points more into or out of the picture than along it gives no direction


def measure_streak(region: Region, scale: Scale, view: Mapping[str, Any] | None) -> tuple[Sized, dict[str, Any]]:
    """Return the length of a streak (``streak_length``, in m, or px without a scale), and its direction.

    It is the extent along gravity where the pose says which way that is; else along the region's own axis where it is
    elongated; else along the picture's columns, taken as upright.

    Args:
        region: of rust.
        scale: where it lies.
        view: the picture's pose, as ``Image.view``, or None.
    """
    rows, cols = np.nonzero(region.mask)
    points = np.stack([cols + region.bbox.col + 0.5, rows + region.bbox.row + 0.5], axis=1)
    along, words = _direction(points, view)
    reach = points @ along
    # a pixel's own extent in that direction belongs to it
    length = float(np.ptp(reach) + np.abs(along).max())
    found = around(length, ENDS_PX)
    facts = {
        "streak_direction": words,
        "streak_deg": round(float(np.degrees(np.arctan2(-along[1], along[0]))) % 180, 1),
    }
    return Sized(to_world("streak_length", found, scale, "m", f"extent along {words}"), found), facts


def _direction(points: NDArray[np.float64], view: Mapping[str, Any] | None) -> tuple[NDArray[np.float64], str]:
    down = None if view is None else _gravity(Pose.from_json(view), points.mean(axis=0))
    if down is not None:
        return down, "gravity, from the pose"
    if len(points) > 2:
        spread, axes = np.linalg.eigh(np.cov(points.T))
        if spread[1] >= ELONGATED**2 * max(float(spread[0]), 1 / 12):
            return np.asarray(axes[:, 1]), "its own axis"
    return np.array([0.0, 1.0]), "the picture's columns, taken as upright"


def _gravity(pose: Pose, place: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the unit vector in the picture that things fall along, or None where they fall into the picture."""
    down = np.array([0.0, 0.0, -1.0]) @ pose.rotation()  # right, down, forward
    if float(np.hypot(down[0], down[1])) < np.cos(np.radians(OUT_DEG)):
        return None
    # the image of a short way down from a point in front of the camera; no surface is needed for a direction
    ray = np.asarray(pose.camera.rays(place[None]), float)[0]
    ends = pose.camera.project(np.stack([ray, ray + 1e-3 * down]))
    step = np.asarray(ends[1] - ends[0], float)
    size = float(np.hypot(*step))
    return step / size if np.isfinite(size) and size > 0 else None
