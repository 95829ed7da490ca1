"""How well a receiver knew where it was: fix and 1-sigma of the position.

Fix numbers are those of NovAtel's position types, which DJI writes into ``RtkFlag`` (DJI Onboard SDK,
``posHealthFlag``: 0 none, 16 single point, 17 differential, 18 SBAS, 32 to 34 float, 48 to 50 integer ambiguities).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

GPS_SIGMA_M, GPS_HEIGHT_SIGMA_M = 5.0, 10.0  # our assumption for a receiver without correction that says nothing itself
USER_RANGE_SIGMA_M = 3.0  # our assumption: 1-sigma of a range, to be multiplied by a dilution of precision
ARM_SIGMA_M = 0.03  # our assumption: antenna to lens and the moment of exposure, which no receiver's sigma holds
CIRCLE_68 = 1.515  # radius of the circle that holds 68 % of a two-dimensional normal distribution, in sigma of one axis


class Fix(StrEnum):
    """What kind of solution a position is."""

    NONE = "none"
    SINGLE = "single"
    DIFFERENTIAL = "differential"
    FLOAT = "float"
    FIXED = "fixed"


_FLAGS = {0: Fix.NONE, 16: Fix.SINGLE, 17: Fix.DIFFERENTIAL, 18: Fix.DIFFERENTIAL, 32: Fix.FLOAT, 33: Fix.FLOAT,
          34: Fix.FLOAT, 48: Fix.FIXED, 49: Fix.FIXED, 50: Fix.FIXED}  # fmt: skip
# Horizontal (one axis) and height; our assumptions, of the order that makers state for each kind of solution.
_BY_FIX = {Fix.SINGLE: (3.0, 6.0), Fix.DIFFERENTIAL: (1.0, 2.0), Fix.FLOAT: (0.5, 1.0), Fix.FIXED: (0.02, 0.04)}


@dataclass(frozen=True, slots=True)
class PositionSigma:
    """1-sigma of a position: along each horizontal axis, and in height; in metres, with where it comes from."""

    horizontal_m: float
    height_m: float
    source: str


def fix_of(flag: float | None) -> Fix | None:
    """Return the kind of solution of DJI's ``RtkFlag``, or None for a number that is not known."""
    return _FLAGS.get(int(flag)) if flag is not None and flag == int(flag) else None


def position_sigma(
    fix: Fix | None = None,
    *,
    std_m: tuple[float, float, float] | None = None,
    accuracy_m: tuple[float, float | None] | None = None,
    radius_m: float | None = None,
    dop: float | None = None,
) -> PositionSigma:
    """Return the 1-sigma of a position from the best that is known of it.

    Args:
        fix: kind of solution.
        std_m: standard deviations of longitude, latitude and height as the receiver states them (``RtkStd*``); they
            count with a float or fixed solution only.
        accuracy_m: stated 1-sigma of horizontal position and height (``Camera:GPSXYAccuracy``, Parrot and senseFly).
        radius_m: radius of the error circle (Exif ``GPSHPositioningError``), read as the one that holds 68 %.
        dop: dilution of precision (Exif ``GPSDOP``).
    """
    if std_m is not None and fix in (Fix.FLOAT, Fix.FIXED, None) and all(0 < value < 100 for value in std_m):
        flat = math.hypot(math.sqrt((std_m[0] ** 2 + std_m[1] ** 2) / 2), ARM_SIGMA_M)
        return PositionSigma(
            flat, math.hypot(std_m[2], ARM_SIGMA_M), f"receiver's own deviation, {fix or 'RTK'} solution"
        )
    if accuracy_m is not None and 0 < accuracy_m[0] < 1000:
        flat, height = accuracy_m
        return PositionSigma(math.hypot(flat, ARM_SIGMA_M), height or 2 * flat, "accuracy that the drone states")
    if fix in _BY_FIX:
        flat, tall = _BY_FIX[fix]
        return PositionSigma(math.hypot(flat, ARM_SIGMA_M), math.hypot(tall, ARM_SIGMA_M), f"RTK flag: {fix} solution")
    if radius_m is not None and 0 < radius_m < 1000:
        return PositionSigma(radius_m / CIRCLE_68, 2 * radius_m / CIRCLE_68, "EXIF GPSHPositioningError")
    if dop is not None and 0 < dop < 50:
        flat = dop * USER_RANGE_SIGMA_M
        return PositionSigma(flat, 2 * flat, f"EXIF GPSDOP {dop:g}")
    return PositionSigma(GPS_SIGMA_M, GPS_HEIGHT_SIGMA_M, "assumed for a receiver without correction")
