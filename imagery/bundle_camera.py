"""Camera models of OpenSfM, as OpenDroneMap writes them into ``cameras.json``.

OpenSfM, "Geometric Models" (opensfm.org/docs/geometry.html): image positions are counted from the middle of the
picture, the longer side is 1; a camera looks along z, x to the right, y down. With x' = x/z, y' = y/z,
r^2 = x'^2 + y'^2 and theta = atan(r):

* ``perspective``: f (1 + k1 r^2 + k2 r^4) x'
* ``simple_radial``, ``radial``: the same with f_x, f_y and the principal point c_x, c_y
* ``brown``: with k3 r^6 and 2 p1 x' y' + p2 (r^2 + 2 x'^2), p1 (r^2 + 2 y'^2) + 2 p2 x' y'
* ``fisheye``: f (1 + k1 theta^2 + k2 theta^4) theta x' / r
* ``fisheye_opencv``: the same to k4 theta^8, with f_x, f_y, c_x, c_y
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from findings.errors import InputError
from imagery.camera import Camera, Points
from imagery.plain import finite

FLAT = ("perspective", "simple_radial", "radial", "brown")
FISHEYE = ("fisheye", "fisheye_opencv")
UNEQUAL = 0.02  # of the focal lengths along x and y; beyond that the pixels would not be square
LEAST_SIGMA = 0.001  # of a focal length; our assumption: what self-calibration is good for at best
_NEWTON_STEPS = 30


@dataclass(frozen=True, slots=True)
class BundleCamera:
    """A camera of a bundle adjustment, for pictures of one size.

    Attributes:
        name: key in ``cameras.json``.
        kind: projection.
        width_px: columns.
        height_px: rows.
        focal: along x and y, for a longer side of 1.
        centre: principal point from the middle of the picture, for a longer side of 1.
        distortion: k1, k2, p1, p2, k3 of a flat projection, k1 to k4 of a fisheye.
    """

    name: str
    kind: str
    width_px: int
    height_px: int
    focal: tuple[float, float]
    centre: tuple[float, float]
    distortion: tuple[float, ...]

    @property
    def focal_px(self) -> float:
        """Focal length in pixels, mean of both axes."""
        return sum(self.focal) / 2 * max(self.width_px, self.height_px)

    def flat(self, width_px: int, height_px: int, sigma_share: float) -> Camera | None:
        """Return the camera for a picture of that size, or None for a fisheye, which no flat projection stands for.

        Pixels are counted from the corner of the picture here, from the middle of a pixel in OpenSfM; in both, 0 of the
        normalised position is the middle of the picture.
        """
        if self.kind in FISHEYE:
            return None
        longer = max(width_px, height_px)
        centre = (width_px / 2 + self.centre[0] * longer, height_px / 2 + self.centre[1] * longer)
        share = math.hypot(sigma_share, LEAST_SIGMA, abs(self.focal[0] - self.focal[1]) / sum(self.focal))
        distortion = self.distortion if any(self.distortion) else ()
        focal_px = sum(self.focal) / 2 * longer
        source = f"{self.kind} camera of a bundle adjustment"
        return Camera(width_px, height_px, focal_px, centre, distortion, share, source)

    def rays(self, xy: Points, width_px: int, height_px: int) -> Points:
        """Return directions ``(N, 3)`` right, down, forward of image positions ``(N, 2)``; NaN outside of the lens."""
        camera = self.flat(width_px, height_px, 0.0)
        if camera is not None:
            return camera.rays(xy)
        longer = max(width_px, height_px)
        normal = (np.asarray(xy, float) - [width_px / 2, height_px / 2]) / longer
        plane = (normal - self.centre) / self.focal
        bent = np.hypot(plane[:, 0], plane[:, 1])
        theta = _fisheye_angle(bent, self.distortion)
        share = np.divide(np.sin(theta), bent, out=np.ones_like(bent), where=bent > 1e-12)
        return np.column_stack([plane * share[:, None], np.cos(theta)])


def read_camera(name: str, stored: Mapping[str, Any]) -> BundleCamera:
    """Return a camera of ``cameras.json``.

    Raises:
        InputError: an unknown projection, or a value that is missing or makes no sense.
    """
    kind = stored.get("projection_type", "perspective")
    if kind not in (*FLAT, *FISHEYE):
        known = ", ".join((*FLAT, *FISHEYE))
        raise InputError(f"camera {name!r}: projection {kind!r}; expected one of {known}")
    width, height = (_number(name, stored, side, None) for side in ("width", "height"))
    if not (1 <= width <= 1e6 and 1 <= height <= 1e6):
        raise InputError(f"camera {name!r}: {width:g} x {height:g} px; expected the size of its pictures")
    focal = _number(name, stored, "focal", stored.get("focal_x"))
    focal_x = _number(name, stored, "focal_x", focal)
    focal_y = _number(name, stored, "focal_y", focal_x)
    for value in (focal_x, focal_y):
        if not 0.05 < value < 50:  # 170 degrees to a long tele lens
            raise InputError(f"camera {name!r}: focal length {value:g} of the longer side; expected 0.05 to 50")
    if abs(focal_x / focal_y - 1.0) > UNEQUAL and kind not in FISHEYE:
        raise InputError(
            f"camera {name!r}: focal lengths {focal_x:g} and {focal_y:g} differ by more than {UNEQUAL:.0%}: the "
            "self-calibration failed; adjust again with --camera-lens perspective or known --cameras"
        )
    order = ("k1", "k2", "p1", "p2", "k3") if kind in FLAT else ("k1", "k2", "k3", "k4")
    distortion = tuple(_number(name, stored, key, 0.0) for key in order)
    centre = _number(name, stored, "c_x", 0.0), _number(name, stored, "c_y", 0.0)
    if max(map(abs, centre)) > 0.5:
        raise InputError(f"camera {name!r}: principal point {centre} lies outside the picture")
    return BundleCamera(name, kind, int(width), int(height), (focal_x, focal_y), centre, distortion)


def _number(name: str, stored: Mapping[str, Any], key: str, default: float | None) -> float:
    value = stored.get(key, default)
    number = finite(value)
    if number is None:
        raise InputError(f"camera {name!r}: {key} is {value!r:.60}; expected a number")
    return number


def _fisheye_angle(bent: Points, k: tuple[float, ...]) -> Points:
    """Return theta of theta (1 + k1 theta^2 + ...) = bent, by Newton's method; NaN where the lens bends back."""
    theta = np.minimum(bent, 1.5)
    for _ in range(_NEWTON_STEPS):
        value = theta + sum(c * theta ** (2 * n + 3) for n, c in enumerate(k))
        slope = 1.0 + sum((2 * n + 3) * c * theta ** (2 * n + 2) for n, c in enumerate(k))
        theta = theta - np.divide(value - bent, slope, out=np.full_like(theta, np.nan), where=slope > 1e-3)
    value = theta + sum(c * theta ** (2 * n + 3) for n, c in enumerate(k))
    return np.asarray(np.where((np.abs(value - bent) < 1e-9) & (theta < math.pi), theta, np.nan))
