"""EXIF values as plain numbers, texts and times; what makes no sense becomes None and a note.

Tag numbers and meanings: CIPA DC-008 / JEITA CP-3451 (Exif 2.32).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from imagery.plain import plain_text

MAKE, MODEL, ORIENTATION, SOFTWARE = 0x010F, 0x0110, 0x0112, 0x0131
FOCAL_LENGTH, FOCAL_35MM, DIGITAL_ZOOM = 0x920A, 0xA405, 0xA404
FOCAL_PLANE_X, FOCAL_PLANE_UNIT = 0xA20E, 0xA210
EXIF_WIDTH, EXIF_HEIGHT = 0xA002, 0xA003
TAKEN, TAKEN_OFFSET, OFFSET = 0x9003, 0x9011, 0x9010
GPS_LAT_REF, GPS_LAT, GPS_LON_REF, GPS_LON, GPS_ALT_REF, GPS_ALT, GPS_TIME, GPS_DATE = 1, 2, 3, 4, 5, 6, 7, 29
GPS_DOP, GPS_ERROR_M = 11, 31
EXPOSURE_TIME, SUBSEC, MAKER_NOTE = 0x829A, 0x9291, 0x927C
UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}  # inch, cm, mm, um
FIRST_YEAR = 1990  # digital cameras; 1904 and 1970 are the zero of somebody's clock


@dataclass(slots=True)
class Tags:
    """Reads typed values out of one EXIF directory and collects notes about those that make no sense."""

    values: Mapping[int, Any]
    notes: list[str] = field(default_factory=list)

    def text(self, tag: int) -> str | None:
        """Return a text without padding, or None."""
        value = self.values.get(tag)
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        return plain_text(value.split("\0")[0], 200) if isinstance(value, str) else None

    def number(self, tag: int, name: str, low: float, high: float, *, zero_means_unknown: bool = True) -> float | None:
        """Return a number within ``low .. high``, or None with a note; 0 stands for "unknown" in many tags."""
        value = self.values.get(tag)
        if value is None:
            return None
        found = _as_float(value)
        if found == 0.0 and zero_means_unknown:
            return None
        if found is None or not low <= found <= high:
            self.notes.append(f"EXIF {name} {str(value)[:40]} makes no sense; ignored")
            return None
        return found


def _as_float(value: object) -> float | None:
    """Return a finite float, or None; rationals may be 0/0."""
    if isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def position(gps: Tags) -> tuple[float, float] | None:
    """Return lon, lat in degrees (WGS84), or None with a note."""
    lat = _degrees(gps.values.get(GPS_LAT), gps.text(GPS_LAT_REF), "S")
    lon = _degrees(gps.values.get(GPS_LON), gps.text(GPS_LON_REF), "W")
    if gps.values.get(GPS_LAT) is None and gps.values.get(GPS_LON) is None:
        return None
    return sane_position(lon, lat, gps.notes)


def sane_position(lon: float | None, lat: float | None, notes: list[str]) -> tuple[float, float] | None:
    """Return lon, lat if they are a place on Earth other than 0, 0, which a receiver without a fix writes."""
    if lon is None or lat is None or abs(lat) > 90 or abs(lon) > 180 or (lat == 0 and lon == 0):
        notes.append(f"GPS position lon {lon}, lat {lat} makes no sense; ignored")
        return None
    return lon, lat


def _degrees(value: object, ref: str | None, negative: str) -> float | None:
    if not isinstance(value, tuple) or len(value) != 3:
        return None
    parts = [_as_float(part) for part in value]
    if any(part is None or part < 0 for part in parts):
        return None
    degrees = sum(part / scale for part, scale in zip(parts, (1, 60, 3600), strict=True) if part is not None)
    return -degrees if (ref or "").upper().startswith(negative) else degrees


def altitude_m(gps: Tags) -> float | None:
    """Return the GPS altitude in metres above the reference of the receiver, negative below it."""
    value = gps.number(GPS_ALT, "GPSAltitude", -500, 20000, zero_means_unknown=False)
    return -value if value is not None and _altitude_code(gps) in (1, 3) else value


def altitude_reference(gps: Tags) -> str | None:
    """Return what the altitude counts from, as far as the tag says it.

    Exif 2.32 calls 0 and 1 "above" and "below sea level", Exif 3.0 calls the same numbers ellipsoidal and adds 2 and 3
    for the sea: 0 and 1 may be either.
    """
    if gps.values.get(GPS_ALT) is None:
        return None
    return "sea level" if _altitude_code(gps) in (2, 3) else "sea level or ellipsoid (not said)"


def _altitude_code(gps: Tags) -> int | None:
    code = gps.values.get(GPS_ALT_REF)
    return code[0] if isinstance(code, bytes) and len(code) == 1 else code if isinstance(code, int) else None


# Japan, in boxes that leave out every country of another time (its law knows one zone and, since 1952, no summer time).
_JAPAN = ((122.8, 24.0, 131.4, 30.5), (128.4, 30.5, 142.3, 41.6), (139.3, 41.3, 146.0, 45.6))


def zone_of(lonlat: tuple[float, float] | None) -> timezone | None:
    """Return the time zone of a place, or None; only Japan is known, by boxes (Korea's share has its time)."""
    if lonlat is None or not any(w <= lonlat[0] <= e and s <= lonlat[1] <= n for w, s, e, n in _JAPAN):
        return None
    return timezone(timedelta(hours=9))


def time_at(local: str | None, lonlat: tuple[float, float] | None) -> datetime | None:
    """Return a local EXIF time as aware UTC by the zone of the place, or None where that is not known."""
    found, zone = _parse_local((local or "")[:19]), zone_of(lonlat)
    return found.replace(tzinfo=zone).astimezone(UTC) if found is not None and zone is not None else None


def capture_time(exif: Tags, gps: Tags) -> datetime | None:
    """Return when the picture was taken, aware UTC, or None with a note.

    The time of EXIF is local: it counts only with its OffsetTime. GPS time is UTC. Without either the zone is unknown,
    and the local time goes into the notes only.
    """
    text = exif.text(TAKEN)
    local = _parse_local(text)
    if text and local is None:
        exif.notes.append(f"EXIF DateTimeOriginal {text[:30]!r} makes no sense; ignored")
    zone = _parse_offset(exif.text(TAKEN_OFFSET) or exif.text(OFFSET))
    if local is not None and zone is not None:
        try:
            return local.replace(tzinfo=zone).astimezone(UTC)
        except OverflowError:  # the last hours of the year 9999
            exif.notes.append(f"EXIF DateTimeOriginal {local.isoformat()} makes no sense; ignored")
            return None
    by_gps = _gps_time(gps)
    if by_gps is not None:
        return by_gps
    if local is not None:
        exif.notes.append(f"taken at {local.isoformat()} local time of an unknown zone; give --captured-at")
    return None


def _parse_local(text: str | None) -> datetime | None:
    try:
        found = datetime.strptime(text or "", "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    return found if found.year >= FIRST_YEAR else None


def _parse_offset(text: str | None) -> timezone | None:
    match = re.fullmatch(r"([+-])(\d{2}):(\d{2})", text or "")
    if match is None or int(match[2]) > 14 or int(match[3]) > 59:
        return None
    size = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-size if match[1] == "-" else size)


def _gps_time(gps: Tags) -> datetime | None:
    date, clock = gps.text(GPS_DATE), gps.values.get(GPS_TIME)
    if date is None or not isinstance(clock, tuple) or len(clock) != 3:
        return None
    parts = [_as_float(part) for part in clock]
    try:
        day = datetime.strptime(date, "%Y:%m:%d").replace(tzinfo=UTC)
        hours, minutes, seconds = (math.nan if part is None else part for part in parts)
        found = day + timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except (ValueError, OverflowError):
        return None
    return found.replace(microsecond=0) if found.year >= FIRST_YEAR else None
