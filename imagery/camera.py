"""How wide a camera sees: width of the field of view for each metre of distance, from what is known of the sensor."""

from __future__ import annotations

import math
from dataclasses import dataclass

from imagery.photo import PhotoMetadata

# Sensor widths in mm by EXIF make and model. Source: opensfm/data/sensor_data.json of mapillary/OpenSfM @ 0594db23.
SENSOR_WIDTH_MM = {
    "DJI FC300S": 6.16,
    "DJI FC300C": 6.31,
    "DJI FC300X": 6.2,
    "DJI FC350": 6.17,
    "DJI FC350Z": 6.17,
    "DJI FC330": 6.25,
    "DJI FC220": 6.17,
    "DJI FC2103": 6.07,
    "DJI FC6310": 13.2,
}
TABLE_SIGMA = 0.02  # our assumption: tables of the same sensor differ by 1 to 4 %
FOCAL_SIGMA = 0.01  # our assumption: nominal focal length against a calibrated one
FULL_FRAME_MM = (36.0, 24.0)


@dataclass(frozen=True, slots=True)
class FieldOfView:
    """Width of the field of view divided by the distance, with its 1-sigma (both without unit) and its source."""

    ratio: float
    sigma: float
    source: str


def field_of_view(metadata: PhotoMetadata) -> FieldOfView | None:
    """Return sensor width / focal length, or None if the metadata does not say enough.

    The sensor width comes from a table of known cameras, else from FocalPlaneXResolution, else the ratio comes from the
    35 mm equivalent. Digital zoom narrows it. A picture of another shape than EXIF claims was cropped: None too.
    """
    if _is_cropped(metadata):
        return None
    found = _from_sensor(metadata) or _from_35mm(metadata)
    if found is None or metadata.digital_zoom == 1.0:
        return found
    zoom = metadata.digital_zoom
    return FieldOfView(found.ratio / zoom, found.sigma / zoom, f"{found.source}, digital zoom {zoom:g}")


def _is_cropped(metadata: PhotoMetadata) -> bool:
    if metadata.exif_size_px is None or not metadata.width_px or not metadata.height_px:
        return False
    claimed = max(metadata.exif_size_px) / min(metadata.exif_size_px)
    shape = max(metadata.width_px, metadata.height_px) / min(metadata.width_px, metadata.height_px)
    return abs(shape / claimed - 1.0) > 0.02


def _from_sensor(metadata: PhotoMetadata) -> FieldOfView | None:
    if metadata.focal_mm is None:
        return None
    width, sigma = SENSOR_WIDTH_MM.get(f"{metadata.make} {metadata.model}"), TABLE_SIGMA
    source = f"sensor of {metadata.model} from a table"
    if width is None:
        width, sigma, source = metadata.focal_plane_mm, TABLE_SIGMA, "EXIF focal plane resolution"
    if width is None:
        return None
    ratio = width / metadata.focal_mm
    return FieldOfView(ratio, ratio * math.hypot(sigma, FOCAL_SIGMA), source)


def _from_35mm(metadata: PhotoMetadata) -> FieldOfView | None:
    """Take the mean of the two readings of "35 mm equivalent": equal width (36 mm) and equal diagonal (43.27 mm).

    Exif 2.32 does not say which; for 4:3 they differ by 4 %, for 16:9 by 5 %. The value is rounded to whole mm.
    """
    if metadata.focal_35mm_mm is None:
        return None
    width, height = metadata.width_px or 3, metadata.height_px or 2
    by_width = FULL_FRAME_MM[0] / metadata.focal_35mm_mm
    by_diagonal = math.hypot(*FULL_FRAME_MM) / metadata.focal_35mm_mm * max(width, height) / math.hypot(width, height)
    ratio = (by_width + by_diagonal) / 2
    rounding = ratio * (1 / math.sqrt(12)) / metadata.focal_35mm_mm
    return FieldOfView(ratio, math.hypot((by_width - by_diagonal) / 2, rounding), "EXIF 35 mm equivalent")
