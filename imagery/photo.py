"""What a photograph says about itself: EXIF by any camera, and the XMP of drones."""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image as PillowImage

from imagery import exif, xmp, xmp_packets
from imagery.rtk import Fix, PositionSigma, position_sigma
from imagery.xmp_vendors import vendor_values

UNREADABLE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, EOFError, RecursionError,
    struct.error, PillowImage.DecompressionBombError,
)  # fmt: skip
_EMPTY_EXIF_BYTES = 26  # a header and a directory without entries
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
        vendor: whose XMP it is: DJI, Autel, Parrot, senseFly, or None.
        absolute_altitude_m: from XMP; what it counts from says ``altitude_reference``, often wrongly.
        above_ground_m: above the ground below, as Parrot states it.
        laser_target: lon, lat and altitude of what the laser met.
        fix: kind of the receiver's solution.
        receiver_std_m: its own 1-sigma of longitude, latitude and height.
        stated_accuracy_m: 1-sigma of horizontal position and height, as Parrot and senseFly state it.
        position_sigma: what follows from all of them (`imagery.rtk`), None without a position.
        dewarp: fx, fy, cx, cy, k1, k2, p1, p2, k3 in pixels, cx and cy from the middle (DJI).
        dewarped: the camera has straightened the picture by them already.
        calibrated_focal_px: in pixels of a picture twice as wide as ``calibrated_centre_px[0]``.
        calibrated_focal_mm: of a perspective lens, with ``principal_point_mm`` from the upper left corner and
            ``distortion`` k1, k2, k3, p1, p2 (Parrot, senseFly).
        lens: ``fisheye`` where the maker says so.
        taken_local: the picture's own clock without zone, to tell exposures apart.
        has_exif: whether there is any EXIF beyond the few tags of a picture's frame.
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
    vendor: str | None = None
    absolute_altitude_m: float | None = None
    altitude_reference: str | None = None
    above_ground_m: float | None = None
    laser_target: tuple[float, float, float | None] | None = None
    fix: Fix | None = None
    receiver_std_m: tuple[float, float, float] | None = None
    stated_accuracy_m: tuple[float, float | None] | None = None
    position_sigma: PositionSigma | None = None
    dewarp: tuple[float, ...] | None = None
    dewarped: bool = False
    calibrated_focal_px: float | None = None
    calibrated_centre_px: tuple[float, float] | None = None
    calibrated_focal_mm: float | None = None
    principal_point_mm: tuple[float, float] | None = None
    distortion: tuple[float, ...] | None = None
    lens: str | None = None
    taken_local: str | None = None
    exposure_s: float | None = None
    has_exif: bool = False


def read_metadata(path: Path) -> PhotoMetadata:
    """Return what the file says, whatever its state: bad metadata gives notes, never an exception."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            size, main, detail, gps, found_packets = _read_directories(path, notes)
        except UNREADABLE as error:
            return PhotoMetadata(notes=(f"metadata cannot be read ({_first_line(error)})",))
    notes += [f"metadata is damaged ({_first_line(warning.message)})" for warning in caught]
    fields: dict[str, str] = {}
    for text in reversed(found_packets):  # the main packet has the last word
        fields |= xmp.read_fields(text)
    values: dict[str, Any] = {"width_px": size[0], "height_px": size[1], "has_exif": bool(detail or gps)}
    values |= _from_exif(main, detail, gps, notes) | _camera_values(detail, notes)
    for name, field in (("make", "tiff:Make"), ("model", "tiff:Model")):
        values[name] = values[name] or fields.get(field) or None
    return PhotoMetadata(**_merge(values, vendor_values(fields, values["make"], notes), gps, notes))


def _merge(values: dict[str, Any], vendor: dict[str, Any], gps: Mapping[int, Any], notes: list[str]) -> dict[str, Any]:
    """Return EXIF and XMP as one: EXIF has the first word on place and time, XMP on everything else."""
    for name in ("position_lonlat", "captured_at", "altitude_reference"):
        if vendor.get(name) is None or (values.get(name) is not None and name != "altitude_reference"):
            vendor.pop(name, None)
    merged = values | {name: value for name, value in vendor.items() if value is not None}
    if merged["captured_at"] is None:
        merged["captured_at"] = exif.time_at(merged["taken_local"], merged["position_lonlat"])
        if merged["captured_at"] is not None:
            clock = merged["taken_local"]
            notes.append(
                f"time {clock} without zone: read as Japan's, where the position lies; else give --captured-at"
            )
    if merged["captured_at"] is not None:
        notes[:] = [note for note in notes if "unknown zone" not in note]
    if merged["position_lonlat"] is not None:
        tags = exif.Tags(gps, notes)
        merged["position_sigma"] = position_sigma(
            merged.get("fix"),
            std_m=merged.get("receiver_std_m"),
            accuracy_m=merged.get("stated_accuracy_m"),
            radius_m=tags.number(exif.GPS_ERROR_M, "GPSHPositioningError", 1e-3, 1000),
            dop=tags.number(exif.GPS_DOP, "GPSDOP", 0.01, 50),
        )
    return merged | {"notes": tuple(dict.fromkeys(notes))}


def _zoom(tags: exif.Tags) -> float:
    """Return the digital zoom; a numerator of 0 means that there was none (Exif 2.32), whatever stands below it."""
    if getattr(tags.values.get(exif.DIGITAL_ZOOM), "numerator", None) == 0:
        return 1.0
    return tags.number(exif.DIGITAL_ZOOM, "DigitalZoomRatio", 1, 200) or 1.0


def _first_line(error: object) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _read_directories(
    path: Path, notes: list[str]
) -> tuple[tuple[int, int], Mapping[int, Any], Mapping[int, Any], Mapping[int, Any], list[bytes]]:
    """Return size, the three EXIF directories and the XMP packets; a broken directory is empty and noted."""
    with PillowImage.open(path, formats=("JPEG", "PNG", "WEBP", "TIFF", "JPEG2000")) as image:
        size = image.size
        directories: list[Mapping[int, Any]] = []
        for name, pointer in (("main", None), ("Exif", 0x8769), ("GPS", 0x8825)):
            try:
                tags = image.getexif()
                directories.append(dict(tags if pointer is None else tags.get_ifd(pointer)))
            except UNREADABLE as error:
                notes.append(f"EXIF directory {name} cannot be read ({_first_line(error)})")
                directories.append({})
        packet = image.info.get("xmp") or b""
        if isinstance(packet, str):
            packet = packet.encode()
        claims_exif = len(image.info.get("exif") or b"") > _EMPTY_EXIF_BYTES
    main, detail, gps = directories
    if claims_exif and not (main or detail or gps):
        notes.append("EXIF is there, but nothing in it can be read")
    found = xmp_packets.packets(path)
    return size, main, detail, gps, found or ([packet] if packet else [])


def _from_exif(
    main: Mapping[int, Any], detail: Mapping[int, Any], gps: Mapping[int, Any], notes: list[str]
) -> dict[str, Any]:
    first, second, place = exif.Tags(main, notes), exif.Tags(detail, notes), exif.Tags(gps, notes)
    software = first.text(exif.SOFTWARE)
    edited = software if software and _EDITORS.search(software) else None
    if edited:
        notes.append(f"saved again by {edited}: the picture may have been turned against its flight record")
    where = exif.position(place)
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
        "taken_local": " ".join(filter(None, (second.text(exif.TAKEN), second.text(exif.SUBSEC)))) or None,
        "exposure_s": second.number(exif.EXPOSURE_TIME, "ExposureTime", 1e-7, 1e4),
        "position_lonlat": where,
        "altitude_m": exif.altitude_m(place),
        "altitude_reference": exif.altitude_reference(place),
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
        "digital_zoom": _zoom(tags),
    }
