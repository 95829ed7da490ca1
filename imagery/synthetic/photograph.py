"""JPEG files with the EXIF and XMP that a drone camera with a laser range finder writes.

The ground sample distance of the picture, the focal length and the range agree: range = gsd * f35 * width / 36 mm,
where f35 is the focal length equivalent on a frame 36 mm wide. A reader that knows no truth gets the same gsd back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from findings.errors import OutputError
from imagery.synthetic.concrete import ConcretePhoto

_FRAME_WIDTH_MM = 36.0


@dataclass(frozen=True, slots=True)
class CameraModel:
    """A camera that does not exist, and says so.

    Attributes:
        focal_35mm: focal length on a frame 36 mm wide; a whole number, as EXIF stores it.
        sensor_width_mm: width of the real sensor, from which the real focal length follows.
    """

    make: str = "Mizuhashi"
    model: str = "Generated zoom camera"
    focal_35mm: int = 240
    sensor_width_mm: float = 17.3
    f_number: float = 8.0
    iso: int = 200

    @property
    def focal_mm(self) -> float:
        """The real focal length."""
        return self.focal_35mm * self.sensor_width_mm / _FRAME_WIDTH_MM


def range_m(gsd_mm: float, width_px: int, camera: CameraModel) -> float:
    """Return the distance in metres at which a camera has this ground sample distance over ``width_px`` columns."""
    return gsd_mm * camera.focal_35mm * width_px / _FRAME_WIDTH_MM / 1000


def write_photograph(
    photo: ConcretePhoto,
    path: Path,
    *,
    captured_at: datetime,
    lonlat: tuple[float, float],
    altitude_m: float = 30.0,
    relative_altitude_m: float = 6.0,
    gimbal_yaw_deg: float = 0.0,
    gimbal_pitch_deg: float = 0.0,
    laser_range_m: float | None = None,
    camera: CameraModel | None = None,
    quality: int = 94,
) -> None:
    """Write a generated photograph with its metadata; nothing is left behind when the writing fails.

    Args:
        photo: what was generated.
        path: the JPEG to write.
        captured_at: aware time of the exposure; its offset is written too.
        lonlat: camera position, WGS84 longitude and latitude in degrees.
        altitude_m: height above the sea.
        relative_altitude_m: height above the take-off point.
        gimbal_yaw_deg: direction of view, clockwise from north.
        gimbal_pitch_deg: 0 = level at a wall, 90 = up at a soffit, -90 = down.
        laser_range_m: what the range finder says; by default the range that fits ``photo.gsd_mm``.
        camera: the camera; by default one of 240 mm equivalent.
        quality: JPEG quality.

    Raises:
        ValueError: ``captured_at`` has no offset.
        OutputError: the file cannot be written.
    """
    if captured_at.utcoffset() is None:
        raise ValueError(f"captured_at {captured_at}: expected a time with an offset; give it a tzinfo")
    used = CameraModel() if camera is None else camera
    distance = range_m(photo.gsd_mm, photo.spec.width_px, used) if laser_range_m is None else laser_range_m
    exif = _exif(photo.image, captured_at, lonlat, altitude_m, used)
    xmp = _xmp(lonlat, altitude_m, relative_altitude_m, gimbal_yaw_deg, gimbal_pitch_deg, distance)
    partial = path.with_name(path.name + ".partial")
    try:
        picture = Image.fromarray(photo.image)
        picture.save(partial, format="JPEG", quality=quality, subsampling=2, exif=exif, xmp=xmp)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); free space or choose another folder"
        ) from error


def _exif(
    image: NDArray[np.uint8], captured_at: datetime, lonlat: tuple[float, float], altitude_m: float, camera: CameraModel
) -> Image.Exif:
    tags = Image.Exif()
    stamp = captured_at.strftime("%Y:%m:%d %H:%M:%S")
    offset = captured_at.strftime("%z")
    tags[ExifTags.Base.Make] = camera.make
    tags[ExifTags.Base.Model] = camera.model
    tags[ExifTags.Base.Software] = "Mizuhashi generator"
    tags[ExifTags.Base.ImageDescription] = "Generated image, not a photograph of a real structure"
    tags[ExifTags.Base.Orientation] = 1
    tags[ExifTags.Base.DateTime] = stamp
    tags.get_ifd(ExifTags.IFD.Exif).update(
        {
            ExifTags.Base.ExifVersion: b"0232",
            ExifTags.Base.DateTimeOriginal: stamp,
            ExifTags.Base.OffsetTimeOriginal: f"{offset[:3]}:{offset[3:5]}",
            ExifTags.Base.FNumber: camera.f_number,
            ExifTags.Base.ISOSpeedRatings: camera.iso,
            ExifTags.Base.ExposureTime: 1 / 500,
            ExifTags.Base.FocalLength: round(camera.focal_mm, 3),
            ExifTags.Base.FocalLengthIn35mmFilm: camera.focal_35mm,
            # "35 mm equivalent" may mean equal width or equal diagonal; pixels per cm of sensor leave no doubt.
            ExifTags.Base.FocalPlaneXResolution: image.shape[1] / (camera.sensor_width_mm / 10),
            ExifTags.Base.FocalPlaneYResolution: image.shape[1] / (camera.sensor_width_mm / 10),
            ExifTags.Base.FocalPlaneResolutionUnit: 3,
            ExifTags.Base.ExifImageWidth: image.shape[1],
            ExifTags.Base.ExifImageHeight: image.shape[0],
        }
    )
    longitude, latitude = lonlat
    tags.get_ifd(ExifTags.IFD.GPSInfo).update(
        {
            ExifTags.GPS.GPSVersionID: b"\x02\x03\x00\x00",
            ExifTags.GPS.GPSLatitudeRef: "N" if latitude >= 0 else "S",
            ExifTags.GPS.GPSLatitude: _degrees_minutes_seconds(latitude),
            ExifTags.GPS.GPSLongitudeRef: "E" if longitude >= 0 else "W",
            ExifTags.GPS.GPSLongitude: _degrees_minutes_seconds(longitude),
            ExifTags.GPS.GPSAltitudeRef: b"\x00" if altitude_m >= 0 else b"\x01",
            ExifTags.GPS.GPSAltitude: abs(altitude_m),
        }
    )
    return tags


def _degrees_minutes_seconds(angle: float) -> tuple[float, float, float]:
    degrees, rest = divmod(abs(angle), 1.0)
    minutes, rest = divmod(rest * 60, 1.0)
    return degrees, minutes, round(rest * 60, 5)


def _xmp(
    lonlat: tuple[float, float],
    altitude_m: float,
    relative_altitude_m: float,
    gimbal_yaw_deg: float,
    gimbal_pitch_deg: float,
    distance_m: float,
) -> bytes:
    """Return the XMP packet in the attribute form that drones of the DJI family write."""
    values = {
        "AbsoluteAltitude": f"{altitude_m:+.2f}",
        "RelativeAltitude": f"{relative_altitude_m:+.2f}",
        "GpsLatitude": f"{lonlat[1]:+.8f}",
        "GpsLongitude": f"{lonlat[0]:+.8f}",
        "GimbalRollDegree": "+0.00",
        "GimbalYawDegree": f"{gimbal_yaw_deg:+.2f}",
        "GimbalPitchDegree": f"{gimbal_pitch_deg:+.2f}",
        "FlightYawDegree": f"{gimbal_yaw_deg:+.2f}",
        "FlightPitchDegree": "+0.00",
        "FlightRollDegree": "+0.00",
        "LRFStatus": "Normal",
        "LRFTargetDistance": f"{distance_m:.3f}",
    }
    attributes = "\n".join(f"   drone-dji:{name}={quoteattr(value)}" for name, value in values.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        ' <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        '  <rdf:Description rdf:about="generated image"\n'
        '    xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/"\n'
        f"{attributes}>\n"
        "  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n"
        '<?xpacket end="w"?>'
    ).encode()
