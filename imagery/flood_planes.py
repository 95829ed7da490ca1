"""Planes of flood pairs: radar and optical pictures of one place at two dates, as one stack of eight.

Radar gives one plane a date (VV where the file has it: open water is darkest against wet soil in VV at steep, in HH at
flat incidence; both work), optical scenes three: short-wave infrared, near infrared and a visible band. Pictures of
three colours without band names are taken in that order, which is the usual false-colour composite of flood mapping.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from findings.errors import MissingBands
from findings.survey import ImageKind
from imagery.reader import ImageReader
from imagery.types import FloatArray, Window

DATES = ("before", "after")
RADAR = {date: (f"s1_{date}",) for date in DATES}
OPTICAL = {date: (f"swir_{date}", f"nir_{date}", f"visible_{date}") for date in DATES}
PLANES = (*RADAR["before"], *RADAR["after"], *OPTICAL["before"], *OPTICAL["after"])
"""Band names of a pair in the order of the stack."""
FULL = 255.0
"""A reflectance of 1 in the stack: the scale of 8-bit pictures."""
SWIR, NIR, VISIBLE = ("swir1", "swir2"), ("nir", "nir08"), ("red", "green", "blue", "grey")
POLARISATIONS = ("vv", "hh", "grey", "band1")
WEAKEST_POWER = 1e-4  # -40 dB, below the noise of any spaceborne radar


def is_power(reader: ImageReader) -> bool:
    """Return whether a radar picture holds linear power: floating point, nowhere negative where it was looked at.

    dB of land lie below 0; nine windows of the file decide for all of it, so that no part is read otherwise.
    """
    if np.dtype(reader.dtype).kind != "f":
        return False
    seen = np.inf
    for right in (0.1, 0.5, 0.9):
        for down in (0.1, 0.5, 0.9):
            col, row = int(right * reader.width_px), int(down * reader.height_px)
            values = reader.read(Window(max(col - 64, 0), max(row - 64, 0), 128, 128), radar_bands(reader)).values
            seen = min(seen, float(np.nanmin(values, initial=np.inf)))
    return seen >= 0


def radar_plane(reader: ImageReader, window: Window | None = None, *, power: bool) -> FloatArray:
    """Return the backscatter ``(1, H, W)`` of a picture, NaN where nothing was observed.

    A grey picture as stored; of a file with named bands VV, else HH.

    Args:
        reader: the open picture.
        window: a part of it; None is all.
        power: the values are linear power (`is_power`) and become dB, which is what 8-bit pictures are stretched from.

    Raises:
        MissingBands: no grey, VV or HH band.
    """
    values = reader.read(_whole(reader, window), radar_bands(reader)).values
    return to_db(values) if power else values


def to_db(power: FloatArray) -> FloatArray:
    """Return linear power in dB."""
    return np.asarray(np.float32(10.0) * np.log10(np.maximum(power, np.float32(WEAKEST_POWER))), dtype=np.float32)


def radar_bands(reader: ImageReader) -> Sequence[str]:
    """Return the one band that is read of a radar picture.

    Raises:
        MissingBands: no grey, VV or HH band.
    """
    if set(reader.bands) >= {"red", "green", "blue"}:
        return ("grey",)  # the luma of a grey picture stored as colours
    names = [name for name in POLARISATIONS if name in reader.bands][:1]
    if not names:
        raise MissingBands(
            f"{reader.path}: has the bands {', '.join(reader.bands)}; radar pictures have vv or hh, or one grey band"
        )
    return names


def optical_planes(reader: ImageReader, window: Window | None = None) -> FloatArray:
    """Return short-wave infrared, near infrared and visible ``(3, H, W)``, NaN where nothing was observed.

    By name where the file names its bands; a picture of three colours is taken as that composite, and is not observed
    where all three are 0. Reflectance becomes the scale of 8-bit pictures (1 is ``FULL``).

    Raises:
        MissingBands: the file names its bands and lacks near infrared or visible, or it does not have three.
    """
    where = _whole(reader, window)
    named = [next((name for name in group if name in reader.bands), None) for group in (SWIR, NIR, VISIBLE)]
    if reader.kind is ImageKind.PHOTO or named[:2] == [None, None]:
        if len(reader.bands) != 3:
            raise MissingBands(
                f"{reader.path}: has the bands {', '.join(reader.bands)}; optical pictures have three "
                "(short-wave infrared, near infrared, visible), or a GeoTIFF names swir1, nir and red or green"
            )
        values = reader.read(where, reader.bands).values
        empty = (np.nan_to_num(values) == 0).all(axis=0)
    else:
        if None in named[1:]:
            raise MissingBands(
                f"{reader.path}: has the bands {', '.join(reader.bands)}; near infrared (nir) and a visible band "
                "(red, green) are needed, short-wave infrared (swir1) helps"
            )
        values = reader.read(where, [name or SWIR[0] for name in named]).values
        values = values * (FULL / (10_000.0 if np.dtype(reader.dtype).kind in "ui" else 1.0))
        empty = np.zeros(values.shape[1:], dtype=bool)
    values = values.astype(np.float32)
    values[:, empty] = np.nan
    return values


def _whole(reader: ImageReader, window: Window | None) -> Window:
    return window or Window(0, 0, reader.width_px, reader.height_px)
