"""What a photograph says about itself: EXIF by any camera, and DJI's XMP."""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image as PillowImage

from imagery import exif, xmp

_UNREADABLE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, EOFError, RecursionError,
    struct.error, PillowImage.DecompressionBombError,
)  # fmt: skip
_EDITORS = re.compile(
    r"viewer|photoshop|lightroom|gimp|paint|picasa|preview|photos|snapseed|acdsee|irfan|affinity|windows|imagemagick",
    re.IGNORECASE,
)
_TURNS = {
    2: "mirrored",
    3: "turned by 180 degrees",
    4: "mirrored",
    5: "mirrored",
    6: "turned",
    7: "mirrored",
    8: "turned",
}


@dataclass(frozen=True, slots=True)
class PhotoMetadata:
    """Metadata of a photograph; None wherever nothing believable was found.

    Attributes:
        orientation: EXIF orientation 1 to 8; pixels are read as stored, so it is only told.
        exif_size_px: width, height that EXIF claims.
        altitude_m: above sea level or ellipsoid, whichever the receiver writes.
        relative_altitude_m: above the take-off point (DJI), not above the ground below.
        gimbal_pitch_deg: -90 looks straight down, 0 to the horizon.
        gimbal_yaw_deg: direction of the upper image edge for a camera that looks down, clockwise from north.
        laser_range_m: distance to what stands in the middle of the picture.
        focal_plane_mm: sensor width from FocalPlaneXResolution.
        edited_by: the picture viewer or editor that saved the file again.
        captured_at: aware UTC.
        notes: what was ignored and why.
    """

    width_px: int | None = None
    height_px: int | None = None
    make: str | None = None
    model: str | None = None
    software: str | None = None
    edited_by: str | None = None
    orientation: int | None = None
    exif_size_px: tuple[int, int] | None = None
    captured_at: datetime | None = None
    position_lonlat: tuple[float, float] | None = None
    altitude_m: float | None = None
    relative_altitude_m: float | None = None
    gimbal_pitch_deg: float | None = None
    gimbal_yaw_deg: float | None = None
    gimbal_roll_deg: float | None = None
    flight_yaw_deg: float | None = None
    laser_range_m: float | None = None
    focal_mm: float | None = None
    focal_35mm_mm: float | None = None
    focal_plane_mm: float | None = None
    digital_zoom: float = 1.0
    notes: tuple[str, ...] = ()


def read_metadata(path: Path) -> PhotoMetadata:
    """Return what the file says, whatever its state: bad metadata gives notes, never an exception."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            size, main, detail, gps, packet = _read_directories(path, notes)
        except _UNREADABLE as error:
            return PhotoMetadata(notes=(f"metadata cannot be read ({_first_line(error)})",))
    notes += [f"metadata is damaged ({_first_line(warning.message)})" for warning in caught]
    found = {"width_px": size[0], "height_px": size[1]}
    values = found | _from_exif(main, detail, gps, notes) | _camera_values(detail, notes)
    dji = _from_dji(xmp.read_fields(packet), notes)
    position = values["position_lonlat"] or dji.pop("position_lonlat", None)
    captured = values["captured_at"] or dji.pop("captured_at", None)
    dji.pop("position_lonlat", None), dji.pop("captured_at", None)
    merged = values | dji | {"position_lonlat": position, "captured_at": captured}
    return PhotoMetadata(**merged, notes=tuple(dict.fromkeys(notes)))


def _first_line(error: object) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _read_directories(
    path: Path, notes: list[str]
) -> tuple[tuple[int, int], Mapping[int, Any], Mapping[int, Any], Mapping[int, Any], bytes]:
    """Return size, the three EXIF directories and the XMP packet; a broken directory is empty and noted."""
    with PillowImage.open(path, formats=("JPEG", "PNG", "WEBP", "TIFF", "JPEG2000")) as image:
        size = image.size
        directories: list[Mapping[int, Any]] = []
        for name, pointer in (("main", None), ("Exif", 0x8769), ("GPS", 0x8825)):
            try:
                tags = image.getexif()
                directories.append(dict(tags if pointer is None else tags.get_ifd(pointer)))
            except _UNREADABLE as error:
                notes.append(f"EXIF directory {name} cannot be read ({_first_line(error)})")
                directories.append({})
        packet = image.info.get("xmp") or b""
        if isinstance(packet, str):
            packet = packet.encode()
    main, detail, gps = directories
    return size, main, detail, gps, packet or xmp.find_packet(path)


def _from_exif(
    main: Mapping[int, Any], detail: Mapping[int, Any], gps: Mapping[int, Any], notes: list[str]
) -> dict[str, Any]:
    first, second, place = exif.Tags(main, notes), exif.Tags(detail, notes), exif.Tags(gps, notes)
    software = first.text(exif.SOFTWARE)
    edited = software if software and _EDITORS.search(software) else None
    if edited:
        notes.append(f"saved again by {edited}: the picture may have been turned against its flight record")
    orientation = main.get(exif.ORIENTATION)
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    if turn:
        notes.append(f"EXIF orientation {orientation} ({turn}) is not applied: pixels are read as stored")
    return {
        "make": first.text(exif.MAKE),
        "model": first.text(exif.MODEL),
        "software": software,
        "edited_by": edited,
        "orientation": orientation if turn or orientation == 1 else None,
        "captured_at": exif.capture_time(second, place),
        "position_lonlat": exif.position(place),
        "altitude_m": exif.altitude_m(place),
    }


def _camera_values(detail: Mapping[int, Any], notes: list[str]) -> dict[str, Any]:
    tags = exif.Tags(detail, notes)
    width = tags.number(exif.EXIF_WIDTH, "width", 1, 1e6)
    height = tags.number(exif.EXIF_HEIGHT, "height", 1, 1e6)
    density = tags.number(exif.FOCAL_PLANE_X, "FocalPlaneXResolution", 1e-3, 1e7)
    unit = exif.UNIT_MM.get(detail.get(exif.FOCAL_PLANE_UNIT, 2))
    plane = width / density * unit if width and density and unit else None
    if plane is not None and not 2.0 <= plane <= 60.0:  # phone to medium format
        notes.append(f"EXIF focal plane {plane:.3g} mm wide makes no sense; ignored")
        plane = None
    return {
        "exif_size_px": (int(width), int(height)) if width and height else None,
        "focal_mm": tags.number(exif.FOCAL_LENGTH, "FocalLength", 0.5, 3000),
        "focal_35mm_mm": tags.number(exif.FOCAL_35MM, "FocalLengthIn35mmFilm", 5, 6000),
        "focal_plane_mm": plane,
        "digital_zoom": tags.number(exif.DIGITAL_ZOOM, "DigitalZoomRatio", 1, 200) or 1.0,
    }


def _from_dji(fields: Mapping[str, str], notes: list[str]) -> dict[str, Any]:
    """Return what DJI wrote; a gimbal of 0/0/0 and a laser without a valid return are not believed."""
    value = {name: xmp.number(text) for name, text in fields.items()}
    pitch, yaw, roll = (value.get(f"Gimbal{axis}Degree") for axis in ("Pitch", "Yaw", "Roll"))
    if pitch == 0 and yaw == 0 and roll == 0:
        # Mini 2, M400 + P1: dji-sdk Mobile-SDK-Android #1233, Mobile-SDK-Android-V5 #772
        notes.append("XMP gimbal angles are all 0: not believed")
        pitch = yaw = roll = None
    height = value.get("RelativeAltitude")
    if height is not None and not -500 < height < 10000:
        notes.append(f"XMP RelativeAltitude {height:g} m makes no sense; ignored")
        height = None
    found: dict[str, Any] = {
        "relative_altitude_m": height,
        "gimbal_pitch_deg": pitch,
        "gimbal_yaw_deg": yaw,
        "gimbal_roll_deg": roll,
        "flight_yaw_deg": value.get("FlightYawDegree"),
        "laser_range_m": _laser(fields, value.get("LRFTargetDistance"), notes),
    }
    lon = value.get("GpsLongitude", value.get("GpsLongtitude"))  # DJI's spelling
    if lon is not None and value.get("GpsLatitude") is not None:
        found["position_lonlat"] = exif.sane_position(lon, value["GpsLatitude"], notes)
    if "UTCAtExposure" in fields:
        found["captured_at"] = _utc(fields["UTCAtExposure"])
    return found


def _laser(fields: Mapping[str, str], distance: float | None, notes: list[str]) -> float | None:
    if "LRFTargetDistance" not in fields:
        return None
    status = fields.get("LRFStatus", "Normal")
    if distance is None or not 0.1 <= distance <= 5000 or status.lower() != "normal":
        notes.append(f"XMP laser range {fields['LRFTargetDistance']} m, status {status}: ignored")
        return None
    return distance


def _utc(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.replace("/", "-"))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC) if found.year >= 1990 else None
    except (ValueError, OverflowError):
        return None
