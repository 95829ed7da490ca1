"""What the makers of drones write into XMP, brought to one set of names and one set of angles.

Angles come out as DJI writes them: yaw clockwise from true north, pitch 0 to the horizon and -90 straight down, roll,
in north-east-down axes turned in the order yaw, pitch, roll (DJI, Mavic 3M Image Processing Guide 1.0: "NED coordinate
system, the rotation order is ZYX").

* DJI, ``drone-dji``: names as in exiftool's TagNames/DJI.html, meaning as in the Mavic 3M guide; ``LRF*`` as the M30T
  and the H20T write them.
* Autel, ``drone`` (newer) or ``Camera``: the same names as DJI under another prefix; older firmware writes
  ``Camera:Pitch`` with 0 straight down (OpenAthena, parseImage.py), the XL715 writes DJI's angles there (OpenAthenaIOS,
  issue 62).
* Parrot, ``drone-parrot`` and ``Camera``: CameraPitchDegree is north-east-down, Camera:Pitch follows Pix4D (0 straight
  down, 90 to the horizon), accuracies are 1-sigma (Parrot, "Embedded photo metadata").
* senseFly, ``sensefly`` or ``Camera`` (orthority, exif_xmp.rst): Pix4D's angles with the roll turned round
  (OpenDroneMap, opendm/photo.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from imagery import exif
from imagery.rtk import Fix, fix_of
from imagery.xmp import number, numbers

CEILING_M = 500.0  # DJI's highest setting above take-off; what is higher counts from elsewhere
_ALTITUDE_TYPES = {"rtkalt": "ellipsoid", "gpsfusionalt": "sea level (GPS and barometer)", "pressurealt": "barometer"}


def vendor_values(fields: Mapping[str, str], make: str | None, notes: list[str]) -> dict[str, Any]:
    """Return fields of `imagery.photo.PhotoMetadata` that the maker's XMP fills; what makes no sense gives a note."""
    prefix = next((name for name in ("drone-dji", "drone") if any(key.startswith(name + ":") for key in fields)), None)
    if prefix is not None:
        own = {key.partition(":")[2]: text for key, text in fields.items() if key.startswith(prefix + ":")}
        return {"vendor": "DJI" if prefix == "drone-dji" else "Autel"} | _dji(own, notes)
    if any(key.startswith(("Camera:", "sensefly:", "drone-parrot:")) for key in fields):
        return _pix4d(fields, make or fields.get("tiff:Make"), notes)
    return {}


def _dji(fields: Mapping[str, str], notes: list[str]) -> dict[str, Any]:
    value = {name: number(text) for name, text in fields.items()}
    found: dict[str, Any] = _gimbal(value, notes) | {
        "relative_altitude_m": _height(value, notes),
        "absolute_altitude_m": value.get("AbsoluteAltitude"),
        "altitude_reference": _ALTITUDE_TYPES.get(fields.get("AltitudeType", "").lower()),
        "flight_yaw_deg": value.get("FlightYawDegree"),
        "laser_range_m": _laser(fields, value.get("LRFTargetDistance"), notes),
    }
    if found["laser_range_m"] is not None:
        found["laser_target"] = _target(value)
    lon = next((value[name] for name in ("GpsLongitude", "GpsLongtitude", "Longitude") if value.get(name)), None)
    lat = next((value[name] for name in ("GpsLatitude", "Latitude") if value.get(name)), None)
    if lon is not None and lat is not None:
        found["position_lonlat"] = exif.sane_position(lon, lat, notes)
    if "UTCAtExposure" in fields:
        found["captured_at"] = _utc(fields["UTCAtExposure"])
    return found | _rtk(fields, value, notes) | _calibration(fields, value, notes)


def _gimbal(value: Mapping[str, float | None], notes: list[str]) -> dict[str, Any]:
    pitch, yaw, roll = (value.get(f"Gimbal{axis}Degree") for axis in ("Pitch", "Yaw", "Roll"))
    if pitch == 0 and yaw == 0 and roll == 0:
        # Mini 2, M400 + P1: dji-sdk Mobile-SDK-Android #1233, Mobile-SDK-Android-V5 #772
        notes.append("XMP gimbal angles are all 0: not believed")
        return {}
    for name, angle, limit in (("pitch", pitch, 180), ("yaw", yaw, 360), ("roll", roll, 360)):
        if angle is not None and abs(angle) > limit:
            notes.append(f"XMP gimbal {name} {angle:g} degrees makes no sense; the angles are ignored")
            return {}
    return {"gimbal_pitch_deg": pitch, "gimbal_yaw_deg": yaw, "gimbal_roll_deg": roll}


def _height(value: Mapping[str, float | None], notes: list[str]) -> float | None:
    """Return the height above take-off; values that count from the sea are told from it by their size."""
    height = value.get("RelativeAltitude")
    if height is None:
        return None
    if not -500 < height < 10000:
        notes.append(f"XMP RelativeAltitude {height:g} m makes no sense; ignored")
        return None
    if height > CEILING_M:
        notes.append(
            f"XMP RelativeAltitude {height:g} m is above the {CEILING_M:g} m that drones can be set to: it counts from "
            "elsewhere than the take-off point; ignored"
        )
        return None
    return height


def _laser(fields: Mapping[str, str], distance: float | None, notes: list[str]) -> float | None:
    if "LRFTargetDistance" not in fields:
        return None
    status = fields.get("LRFStatus", "Normal")
    if distance is None or not 0.1 <= distance <= 5000 or status.lower() != "normal":
        notes.append(f"XMP laser range {fields['LRFTargetDistance']} m, status {status}: ignored")
        return None
    return distance


def _target(value: Mapping[str, float | None]) -> tuple[float, float, float | None] | None:
    lon, lat = value.get("LRFTargetLon"), value.get("LRFTargetLat")
    if not lon or not lat or abs(lat) > 90 or abs(lon) > 180:
        return None
    return lon, lat, value.get("LRFTargetAbsAlt", value.get("LRFTargetAlt"))


def _rtk(fields: Mapping[str, str], value: Mapping[str, float | None], notes: list[str]) -> dict[str, Any]:
    flag = value.get("RtkFlag")
    fix = fix_of(flag)
    if flag is not None and fix is None:
        notes.append(f"XMP RtkFlag {fields['RtkFlag']} is not known; ignored")
    stated = [value.get(f"RtkStd{axis}") for axis in ("Lon", "Lat", "Hgt")]
    known = [one for one in stated if one is not None]
    lost = len(known) == 3 and fix in (Fix.NONE, Fix.SINGLE)
    if lost and any(known):
        notes.append(f"XMP RtkStd without a correction (RtkFlag {flag:g}): not believed")
    return {"fix": fix, "receiver_std_m": tuple(known) if len(known) == 3 and not lost else None}


def _calibration(fields: Mapping[str, str], value: Mapping[str, float | None], notes: list[str]) -> dict[str, Any]:
    """Return the maker's calibration: ``DewarpData`` is ``date;fx,fy,cx,cy,k1,k2,p1,p2,k3`` in pixels.

    cx, cy count from the middle of the picture. ``DewarpFlag`` 1: the camera has straightened the picture already.
    """
    found: dict[str, Any] = {"calibrated_focal_px": value.get("CalibratedFocalLength")}
    centre = value.get("CalibratedOpticalCenterX"), value.get("CalibratedOpticalCenterY")
    if centre[0] and centre[1]:
        found["calibrated_centre_px"] = centre
    text = fields.get("DewarpData", "")
    if text:
        data = numbers(text.rpartition(";")[2])
        if len(data) == 9:
            found["dewarp"] = data
            found["dewarped"] = fields.get("DewarpFlag", "0").strip() == "1"
        else:
            notes.append(f"XMP DewarpData {text[:40]!r} is not of nine numbers; ignored")
    return found


def _pix4d(fields: Mapping[str, str], make: str | None, notes: list[str]) -> dict[str, Any]:
    """Return what stands in Pix4D's ``Camera`` namespace, with Parrot's own angles before it."""
    name = (make or "").lower()
    vendor = next((word for word in ("Parrot", "senseFly", "Autel") if word.lower() in name), "Pix4D tags")
    if any(key.startswith("drone-parrot:") for key in fields):
        vendor = "Parrot"

    def value(tag: str) -> float | None:
        return number(fields.get(f"Camera:{tag}", fields.get(f"sensefly:{tag}")))

    yaw, pitch, roll = (number(fields.get(f"drone-parrot:Camera{axis}Degree")) for axis in ("Yaw", "Pitch", "Roll"))
    if yaw is None or pitch is None:
        yaw, pitch, roll = value("Yaw"), value("Pitch"), value("Roll")
        if pitch is not None:
            pitch = _from_pix4d(pitch, vendor, notes)
        if roll is not None and vendor == "senseFly":
            roll = -roll
    flat = value("GPSXYAccuracy")
    return {
        "vendor": vendor,
        "gimbal_yaw_deg": yaw,
        "gimbal_pitch_deg": pitch,
        "gimbal_roll_deg": roll,
        "above_ground_m": value("AboveGroundAltitude"),
        "stated_accuracy_m": (flat, value("GPSZAccuracy")) if flat is not None else None,
    } | _perspective(fields)


def _from_pix4d(pitch: float, vendor: str, notes: list[str]) -> float:
    if vendor == "Autel" and pitch < 0:
        notes.append("XMP Camera:Pitch is negative: read as the angle to the horizon, as some Autel drones write it")
        return pitch
    return pitch - 90.0


def _perspective(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return focal length, principal point and distortion in mm as Pix4D defines them; a fisheye has none of them."""
    if fields.get("Camera:ModelType", "perspective").lower() != "perspective":
        return {"lens": "fisheye"}
    found: dict[str, Any] = {}
    focal = number(fields.get("Camera:PerspectiveFocalLength"))
    if focal and 0.5 < focal < 300 and fields.get("Camera:PerspectiveFocalLengthUnits", "mm").lower() == "mm":
        found["calibrated_focal_mm"] = focal
    point = numbers(fields.get("Camera:PrincipalPoint"))
    if len(point) == 2 and point[0] > 0 and point[1] > 0:
        found["principal_point_mm"] = point
    bend = numbers(fields.get("Camera:PerspectiveDistortion"))
    if len(bend) == 5:
        found["distortion"] = bend
    return found


def _utc(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.replace("/", "-"))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC) if found.year >= 1990 else None
    except (ValueError, OverflowError):
        return None
