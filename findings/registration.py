"""How the pixels of one picture lie in another: a plain value, so that the domain core needs no image library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

G = TypeVar("G", bound=BaseGeometry)


@dataclass(frozen=True, slots=True)
class PictureRegistration:
    """A homography from the pixels of a first picture to those of a second one.

    Attributes:
        matrix: 9 numbers, row-major; ``(x', y', w') = M (x, y, 1)`` in pixel coordinates (x right, y down, pixel
            edges at whole numbers), first to second.
        inliers: features that agree with it.
        rms_px: what it leaves of them, in pixels of the second picture.
        overlap_second: what both pictures show, in pixels of the second; None where nobody worked it out.
    """

    matrix: tuple[float, ...]
    inliers: int
    rms_px: float
    overlap_second: Polygon | None = None

    def points(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points ``(N, 2)`` of the first picture in pixels of the second."""
        m = np.asarray(self.matrix, float).reshape(3, 3)
        at = np.column_stack([xy, np.ones(len(xy))]) @ m.T
        return np.asarray(at[:, :2] / at[:, 2:])

    def carry(self, geometry: G) -> G:
        """Return a geometry of the first picture in pixels of the second."""
        carried: G = shapely.transform(geometry, self.points)
        return carried

    def inverse(self) -> PictureRegistration:
        """Return the way back; the overlap is carried too, ``rms_px`` is scaled to the first picture's pixels."""
        m = np.linalg.inv(np.asarray(self.matrix, float).reshape(3, 3))
        m /= m[2, 2]
        scale = float(np.sqrt(abs(np.linalg.det(m[:2, :2]))))
        back = PictureRegistration(tuple(float(v) for v in m.ravel()), self.inliers, self.rms_px * scale)
        if self.overlap_second is None:
            return back
        return PictureRegistration(back.matrix, back.inliers, back.rms_px, back.carry(self.overlap_second))
