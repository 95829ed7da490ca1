"""How a camera sees: focal length in pixels, principal point and distortion, from what is known of lens and sensor.

Pinhole with Brown's distortion (OpenCV, "Camera calibration and 3D reconstruction"): with x = X/Z, y = Y/Z and
r^2 = x^2 + y^2,

    x' = x (1 + k1 r^2 + k2 r^4 + k3 r^6) + 2 p1 x y + p2 (r^2 + 2 x^2)
    y' = y (1 + k1 r^2 + k2 r^4 + k3 r^6) + p1 (r^2 + 2 y^2) + 2 p2 x y
    column = cx + f x',  row = cy + f y'
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from imagery.photo import PhotoMetadata

Points = NDArray[np.float64]
TABLE_SIGMA = 0.02  # our assumption: tables of the same sensor differ by 1 to 4 %
FOCAL_SIGMA = 0.01  # our assumption: nominal focal length against a calibrated one
CALIBRATED_SIGMA = 0.003  # our assumption: a factory calibration, at another temperature and focus
FULL_FRAME_MM = (36.0, 24.0)
SAME_SHAPE = 0.02  # ratios of sides that differ by less are the same shape
_UNDISTORT_STEPS = 20


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera for one picture; the picture's upper left corner is 0, 0, not the middle of its first pixel.

    Attributes:
        focal_px: focal length in pixels of this picture, along both axes.
        centre_px: principal point, column and row.
        distortion: k1, k2, p1, p2, k3, or empty.
        sigma_share: 1-sigma of the focal length, as a share of it.
        source: where it comes from.
    """

    width_px: int
    height_px: int
    focal_px: float
    centre_px: tuple[float, float]
    distortion: tuple[float, ...]
    sigma_share: float
    source: str

    @property
    def field_of_view_deg(self) -> tuple[float, float]:
        """Return the angles between the left and right, and the upper and lower, edges at the middle; no distortion."""
        cx, cy = self.centre_px
        sides = ((cx, self.width_px - cx), (cy, self.height_px - cy))
        return tuple(math.degrees(sum(math.atan2(s, self.focal_px) for s in pair)) for pair in sides)  # type: ignore[return-value]

    def rays(self, xy: Points) -> Points:
        """Return directions ``(N, 3)`` of image positions ``(N, 2)``: right, down, forward = 1."""
        plane = (np.asarray(xy, float) - self.centre_px) / self.focal_px
        if self.distortion:
            bent = plane
            for _ in range(_UNDISTORT_STEPS):  # fixed point; drone lenses bend by less than a tenth
                radial, tangential = self._bend(plane)
                plane = (bent - tangential) / radial
        return np.column_stack([plane, np.ones(len(plane))])

    def project(self, rays: Points) -> Points:
        """Return image positions ``(N, 2)`` of directions ``(N, 3)``; NaN behind the camera."""
        forward = np.where(rays[:, 2] > 1e-12, rays[:, 2], np.nan)
        plane = rays[:, :2] / forward[:, None]
        if self.distortion:
            radial, tangential = self._bend(plane)
            plane = plane * radial + tangential
        return np.asarray(plane * self.focal_px + self.centre_px)

    def _bend(self, plane: Points) -> tuple[Points, Points]:
        k1, k2, p1, p2, k3 = self.distortion
        x, y = plane.T
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        tangential = np.column_stack([2 * p1 * x * y + p2 * (r2 + 2 * x * x), p1 * (r2 + 2 * y * y) + 2 * p2 * x * y])
        return radial[:, None], tangential

    def to_json(self) -> dict[str, Any]:
        """Return the camera as plain JSON."""
        return {
            "width_px": self.width_px,
            "height_px": self.height_px,
            "focal_px": self.focal_px,
            "centre_px": list(self.centre_px),
            "distortion": list(self.distortion),
            "sigma_share": self.sigma_share,
            "source": self.source,
        }

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> Camera:
        """Return the camera that `to_json` wrote."""
        centre = stored["centre_px"]
        return Camera(
            int(stored["width_px"]),
            int(stored["height_px"]),
            float(stored["focal_px"]),
            (float(centre[0]), float(centre[1])),
            tuple(float(value) for value in stored["distortion"]),
            float(stored["sigma_share"]),
            str(stored["source"]),
        )


@dataclass(frozen=True, slots=True)
class Sensor:
    """One line of the table ``cameras.yaml``."""

    name: str
    size_mm: tuple[float, float]
    native_px: tuple[int, int]


@lru_cache(maxsize=1)
def sensors() -> Mapping[tuple[str, str], Sensor]:
    """Return the table of known sensors by make and model in lower case."""
    data = yaml.safe_load((Path(__file__).parent / "cameras.yaml").read_text(encoding="utf-8"))
    return {
        (row["make"].lower(), model.lower()): Sensor(row["name"], tuple(row["sensor_mm"]), tuple(row["native_px"]))
        for row in data["cameras"]
        for model in row["models"]
    }


def camera_of(metadata: PhotoMetadata, width_px: int, height_px: int) -> Camera | None:
    """Return the camera of a picture of this size, or None if the metadata does not say enough.

    Sources in order of trust: the maker's calibration (``DewarpData``, ``PerspectiveFocalLength``), the table of
    sensors or FocalPlaneXResolution with the focal length, a nominal focal length in pixels, the 35 mm equivalent.
    Digital zoom narrows the view. A picture of another shape than EXIF claims was cut by hand, nobody knows where:
    None. A picture of another shape than its sensor is the largest part of that shape (a 4:3 sensor that delivers 16:9
    loses height).
    """
    if metadata.lens == "fisheye" or _cut_by_hand(metadata, width_px, height_px):
        return None
    longer = max(width_px, height_px)  # a sensor's width lies along it, turned or not
    found = (
        _from_dewarp(metadata, width_px, height_px)
        or _from_calibrated_mm(metadata, width_px, height_px)
        or _from_sensor(metadata, width_px, height_px)
        or _from_nominal(metadata, longer)
        or _from_35mm(metadata, width_px, height_px)
    )
    if found is None:
        return None
    focal_px, sigma, source, centre, bend = found
    if not 0.1 < focal_px / longer < 200:
        return None
    if metadata.digital_zoom != 1.0:
        focal_px *= metadata.digital_zoom
        source += f", digital zoom {metadata.digital_zoom:g}"
    return Camera(width_px, height_px, focal_px, centre or (width_px / 2, height_px / 2), bend, sigma, source)


_Found = tuple[float, float, str, tuple[float, float] | None, tuple[float, ...]]


def _shape(width: float, height: float) -> float:
    return max(width, height) / min(width, height)


def _cut_by_hand(metadata: PhotoMetadata, width_px: int, height_px: int) -> bool:
    claimed = metadata.exif_size_px
    return claimed is not None and abs(_shape(width_px, height_px) / _shape(*claimed) - 1.0) > SAME_SHAPE


def _delivered_px(metadata: PhotoMetadata, width_px: int, height_px: int) -> float:
    """Return the longer side of the picture as the camera delivered it, before somebody made it smaller."""
    return max(metadata.exif_size_px or (width_px, height_px))


def _from_dewarp(metadata: PhotoMetadata, width_px: int, height_px: int) -> _Found | None:
    data = metadata.dewarp
    if data is None or metadata.digital_zoom != 1.0 or width_px < height_px:
        return None
    fx, fy, cx, cy, k1, k2, p1, p2, k3 = data
    delivered = _delivered_px(metadata, width_px, height_px)
    middle = metadata.calibrated_centre_px
    if not 0.3 * delivered < fx < 20 * delivered or abs(fx / fy - 1) > 0.01 or max(abs(cx), abs(cy)) > delivered / 10:
        return None
    factor = width_px / (2 * middle[0] if middle is not None and _near(2 * middle[0], delivered) else delivered)
    centre = (width_px / 2 + cx * factor, height_px / 2 + cy * factor)
    bend = () if metadata.dewarped else (k1, k2, p1, p2, k3)
    words = "DewarpData of the maker" + (", straightened by the camera" if metadata.dewarped else "")
    return (fx + fy) / 2 * factor, CALIBRATED_SIGMA, words, centre, bend


def _near(value: float, other: float) -> bool:
    return abs(value / other - 1.0) < SAME_SHAPE


def _from_calibrated_mm(metadata: PhotoMetadata, width_px: int, height_px: int) -> _Found | None:
    focal, point = metadata.calibrated_focal_mm, metadata.principal_point_mm
    plane = metadata.focal_plane_mm or (2 * point[0] if point is not None else None)
    if focal is None or plane is None or width_px < height_px:
        return None
    density = width_px / plane
    centre = (point[0] * density, point[1] * density) if point is not None else None
    if centre is not None and not (_central(centre[0], width_px) and _central(centre[1], height_px)):
        centre = None
    k1, k2, k3, p1, p2 = metadata.distortion or (0.0,) * 5
    bend = (k1, k2, p1, p2, k3) if any((k1, k2, k3, p1, p2)) else ()
    return focal * density, CALIBRATED_SIGMA, "perspective focal length of the maker", centre, bend


def _central(value: float, side: float) -> bool:
    return abs(value / side - 0.5) < 0.1


def _from_sensor(metadata: PhotoMetadata, width_px: int, height_px: int) -> _Found | None:
    if metadata.focal_mm is None:
        return None
    sensor = sensors().get(((metadata.make or "").lower(), (metadata.model or "").lower()))
    longer, sigma = max(width_px, height_px), math.hypot(TABLE_SIGMA, FOCAL_SIGMA)
    if sensor is not None:
        used, words = _used_width_mm(sensor, width_px, height_px)
        source = f"sensor of {metadata.model} from a table{words}"
        return metadata.focal_mm / used * longer, sigma, source, None, ()
    if metadata.focal_plane_mm is None:
        return None
    return metadata.focal_mm / metadata.focal_plane_mm * longer, sigma, "EXIF focal plane resolution", None, ()


def _used_width_mm(sensor: Sensor, width_px: int, height_px: int) -> tuple[float, str]:
    """Return the width of the sensor that the picture's longer side shows, and words on what was cut."""
    across, down = sensor.size_mm
    native, shape = across / down, _shape(width_px, height_px)
    if abs(shape / native - 1.0) <= SAME_SHAPE:
        return across, ""
    if shape > native:
        return across, f", height cut to {shape:.3g}:1"
    return down * shape, f", width cut to {shape:.3g}:1"


def _from_nominal(metadata: PhotoMetadata, longer_px: int) -> _Found | None:
    """Take ``CalibratedFocalLength``, which in spite of its name is the nominal one, with the width it belongs to."""
    focal, middle = metadata.calibrated_focal_px, metadata.calibrated_centre_px
    if focal is None or middle is None or not 0.3 < focal / (2 * middle[0]) < 20:
        return None
    return focal * longer_px / (2 * middle[0]), TABLE_SIGMA, "CalibratedFocalLength of the maker", None, ()


def _from_35mm(metadata: PhotoMetadata, width_px: int, height_px: int) -> _Found | None:
    """Take the middle of the readings of "35 mm equivalent": equal width (36 mm) and equal diagonal (43.27 mm).

    Exif 2.32 does not say which; for 4:3 they differ by 4 %, for 16:9 by 5 %. A picture wider than 3:2 is mostly cut
    from a 4:3 sensor, whose diagonal may be meant: the third reading. The value is rounded to whole mm.
    """
    focal = metadata.focal_35mm_mm
    if focal is None:
        return None
    diagonal = math.hypot(*FULL_FRAME_MM)
    readings = [FULL_FRAME_MM[0] / focal, diagonal / focal * max(width_px, height_px) / math.hypot(width_px, height_px)]
    if _shape(width_px, height_px) > 1.5 * (1 + SAME_SHAPE):
        readings.append(diagonal / focal * 0.8)
    ratio = (max(readings) + min(readings)) / 2
    sigma = math.hypot((max(readings) - min(readings)) / 2 / ratio, 1 / math.sqrt(12) / focal)
    return max(width_px, height_px) / ratio, sigma, "EXIF 35 mm equivalent", None, ()
