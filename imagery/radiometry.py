"""What the numbers of a picture mean, and the self-check of Sentinel-2's +1000 offset on dark water and leaves.

Since processing baseline 04.00 (2022-01-25, and earlier dates where they were reprocessed) Level-2A products store
DN = 10000 x reflectance + 1000 (Sentinel-2 Products Specification Document 14.9, 4.9.1: BOA_ADD_OFFSET = -1000). Some
services take the offset out, some do not, and some say the opposite of what they do; the date decides nothing. The
pixels know: clear water reflects next to nothing beyond 1 um, so its DN there is 0 to 500 without the offset and 1000
to 1500 with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from findings.survey import ImageKind, Radiometry
from imagery.reader import ImageReader
from imagery.tiles import positions
from imagery.types import BoolArray, FloatArray, Window

OFFSET_DN = 1000.0
# Between the two populations; the gap is left undecided. With the offset in, DN below 700 would be a reflectance below
# -0.03, which atmospheric correction does not leave on more than stray pixels; without it, the darkest water in SWIR
# above 900 would be a reflectance of 0.09: glint or snow, which the bright limit and the percentile keep out.
GONE_BELOW_DN, PRESENT_ABOVE_DN = 700.0, 900.0
MIN_PIXELS = 30
MIN_SHARE = 0.005  # of all pixels: over-corrected haze can leave stray pixels of -0.05 in blue
WATER_CONTRAST_DN = 100.0  # green over NIR and SWIR; a difference, which no offset changes
BRIGHT_DN = 3500.0  # green above is snow, cloud or glint, with or without the offset
LEAF_CONTRAST_DN = 1500.0  # NIR over red and green: closed vegetation, whose blue and red reflect 0.02 to 0.05
DARK_PERCENTILE = 5.0
INFRARED = ("nir", "nir08", "swir1", "swir2")
SPECTRAL = frozenset(
    {"coastal", "blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08", "nir09", "swir1", "swir2"}
)
RADAR = frozenset({"vv", "vh", "hh", "hv"})
SAMPLE_PX, SAMPLES = 256, 4  # windows of a grid of 4 x 4


@dataclass(frozen=True, slots=True)
class OffsetVerdict:
    """Whether the +1000 is still in the digital numbers.

    Attributes:
        present: what to act on: the pixels' word where they have one, otherwise the claim.
        seen: what the pixels say; None if there was neither dark water nor anything darker than the offset.
        claimed: what the metadata say.
        dark_dn: the digital number it was read from, or None.
        pixels: that it was read from.
        note: one line for the reader of results.
    """

    present: bool
    seen: bool | None
    claimed: bool
    dark_dn: float | None
    pixels: int
    note: str

    @property
    def add_dn(self) -> float:
        """What is to be added to a digital number before the division by 10000: -1000 or 0."""
        return -OFFSET_DN if self.present else 0.0

    @property
    def contradicted(self) -> bool:
        """Whether the pixels contradict the metadata."""
        return self.seen is not None and self.seen != self.claimed


def check_offset(values_dn: FloatArray, bands: Sequence[str], claimed: bool) -> OffsetVerdict:
    """Return whether the +1000 offset of baseline 04.00 is in some digital numbers, whatever the metadata say.

    Call it once for a scene, on a sample of it (every n-th pixel of all of it will do), not for each window. Three
    signs are read, in this order; the surfaces are found by differences of bands, which no offset changes:

    * DN below 700 in bulk: the offset is gone. Needs no water.
    * water pixels, by green over NIR and SWIR: the 5th percentile of their smallest infrared DN at 900 or more: it is
      in; below 700: it is gone.
    * closed vegetation, by NIR over red and green: the same of its smallest blue or red.

    Args:
        values_dn: ``(C, ...)``, as stored; NaN and 0 = not observed.
        bands: canonical names of the C bands; others than spectral ones are passed over.
        claimed: True if the metadata say that the offset is still in the values.
    """
    planes = {name: values_dn[place].ravel() for place, name in enumerate(bands) if name in SPECTRAL}
    known = {name: np.where(plane > 0, plane, np.nan) for name, plane in planes.items()}
    seen, dark, count = _see_offset(known)
    if seen is None:
        word = "in" if claimed else "not in"
        note = f"+1000 offset {word} the values by the metadata; no dark water or vegetation to check it on"
        return OffsetVerdict(claimed, None, claimed, dark, count, note)
    note = f"+1000 offset {'in' if seen else 'not in'} the values: the darkest of {count} pixels read DN {dark:.0f}"
    if seen != claimed:
        note = f"metadata contradicted: {note}, although the metadata say the opposite; the pixels were believed"
    return OffsetVerdict(seen, seen, claimed, dark, count, note)


def _see_offset(planes: Mapping[str, FloatArray]) -> tuple[bool | None, float | None, int]:
    """Return whether the offset is seen, the DN that told, and the number of pixels behind it."""
    if not planes:
        return None, None, 0
    stack = np.stack(list(planes.values()))
    some = np.isfinite(stack).any(axis=0)
    if np.count_nonzero(some) < MIN_PIXELS:
        return None, None, 0
    lowest = np.nanmin(stack[:, some], axis=0)
    below = lowest[lowest < GONE_BELOW_DN]
    if len(below) >= max(MIN_PIXELS, MIN_SHARE * len(lowest)):
        return False, float(np.median(below)), len(below)
    for surface, dark_bands in ((_water(planes), INFRARED), (_leaves(planes), ("blue", "red"))):
        count = int(np.count_nonzero(surface))
        dark_planes = [planes[name][surface] for name in dark_bands if name in planes]
        if count < MIN_PIXELS or not dark_planes:
            continue
        dark = float(np.nanpercentile(np.nanmin(np.stack(dark_planes), axis=0), DARK_PERCENTILE))
        if dark >= PRESENT_ABOVE_DN or dark < GONE_BELOW_DN:
            return dark >= PRESENT_ABOVE_DN, dark, count
    return None, None, 0


def _leaves(planes: Mapping[str, FloatArray]) -> BoolArray:
    """Return the pixels that are closed vegetation under any offset, in no bright haze."""
    visible = [planes[name] for name in ("red", "green") if name in planes]
    if "nir" not in planes or len(visible) < 2:
        return np.zeros(len(next(iter(planes.values()))), bool)
    green = planes["green"] < BRIGHT_DN
    return np.asarray(green & np.all([planes["nir"] - plane > LEAF_CONTRAST_DN for plane in visible], axis=0))


def _water(planes: Mapping[str, FloatArray]) -> BoolArray:
    """Return the pixels that are water under any offset: green above every infrared band, and not bright."""
    green = planes.get("green")
    others = [planes[name] for name in INFRARED if name in planes]
    if green is None or not others:
        return np.zeros(len(next(iter(planes.values()))), bool)
    wet = green < BRIGHT_DN
    for other in others:
        wet &= green - other > WATER_CONTRAST_DN  # False where NaN
    return np.asarray(wet)


# --- any picture ----------------------------------------------------------------------------------------------------


def radiometry_of(
    reader: ImageReader, tags: Mapping[str, str], item: Mapping[str, Any] | None = None
) -> tuple[Radiometry, tuple[str, ...]]:
    """Return what a picture's values mean, and notes on how that is known.

    Photographs and 8-bit pictures are display values. For scenes the STAC item's ``mizuhashi:radiometry`` counts, then
    the tag ``RADIOMETRY``, then band names together with the values themselves, which are sampled. Values that cannot
    be what their bands promise are ``unknown``, with the remedy.
    """
    if reader.kind is ImageKind.PHOTO:
        return Radiometry.DISPLAY, ()
    properties = (item or {}).get("properties")
    stated = properties.get("mizuhashi:radiometry") if isinstance(properties, dict) else None
    for text, source in ((stated, "the STAC item"), (tags.get("RADIOMETRY"), "the tag RADIOMETRY")):
        if text is None:
            continue
        if isinstance(text, str) and text in set(Radiometry):
            return Radiometry(text), ()
        return Radiometry.UNKNOWN, (f"{source} says radiometry {str(text)[:40]!r}, which is none that is known",)
    sample = {name: sample_of(reader, name) for name in reader.bands}
    if RADAR & set(reader.bands) and not SPECTRAL & set(reader.bands):
        return _radar(sample)
    if np.dtype(reader.dtype) == np.uint8:
        return _eight_bit(sample)
    return _optical(sample)


def sample_of(reader: ImageReader, *bands: str) -> FloatArray:
    """Return values ``(N,)`` of one band, or ``(C, N)`` of several, from windows spread over a picture."""
    parts = [reader.read(window, bands).values.reshape(len(bands), -1) for window in sample_windows(reader)]
    values = np.concatenate(parts, axis=1)
    return values[0] if len(bands) == 1 else values


def sample_windows(reader: ImageReader) -> Iterator[Window]:
    """Yield up to 4 x 4 windows of 256 px, evenly spread, inside the picture."""
    yield from spread_windows(reader.width_px, reader.height_px, SAMPLES)


def spread_windows(width_px: int, height_px: int, a_side: int) -> Iterator[Window]:
    """Yield at most ``a_side`` x ``a_side`` windows of 256 px, evenly spread; few overlap in a small picture."""
    width, height = min(SAMPLE_PX, width_px), min(SAMPLE_PX, height_px)
    for row in _spread(height_px, height, a_side):
        for col in _spread(width_px, width, a_side):
            yield Window(col, row, width, height)


def _spread(length: int, size: int, count: int) -> list[int]:
    starts = positions(length, size, 0)
    chosen = np.unique(np.linspace(0, len(starts) - 1, count).round().astype(int))
    return [starts[place] for place in chosen]


def _percentiles(values: NDArray[np.floating[Any]], *shares: float) -> NDArray[np.float64]:
    known = values[np.isfinite(values)]
    return np.percentile(known, shares) if len(known) else np.full(len(shares), np.nan)


def _radar(sample: Mapping[str, FloatArray]) -> tuple[Radiometry, tuple[str, ...]]:
    polarised = np.concatenate([plane for name, plane in sample.items() if name in RADAR])
    found, note = radar_scale(polarised)
    return (Radiometry.BACKSCATTER_DB if found == "dB" else Radiometry.UNKNOWN), (note,)


def radar_scale(values: FloatArray) -> tuple[str, str]:
    """Return ``dB``, ``linear``, ``dn`` or ``unknown`` for backscatter values ``(N,)``, and a note that says why.

    Backscatter of land and water lies at about -35 to +5 dB, that is 0.0003 to 3 as a ratio; ratios are never negative
    and dB values nearly always are. Uncalibrated digital numbers of Sentinel-1 are whole numbers of hundreds.
    """
    low, middle, high = _percentiles(values, 1.0, 50.0, 99.0)
    if not np.isfinite(middle):
        return "unknown", "backscatter: no value was observed"
    words = f"median {middle:.4g}, 1st and 99th percentile {low:.4g} and {high:.4g}"
    if low < 0 and -60.0 <= middle <= 5.0 and high < 40.0:
        return "dB", f"backscatter taken as dB by its values ({words})"
    if low >= 0 and middle < 3.0:
        return "linear", f"backscatter taken as a linear ratio by its values ({words})"
    if low >= 0:
        return "dn", f"backscatter values are neither dB nor a ratio ({words}): calibrate to sigma0 first"
    return "unknown", f"backscatter values are neither dB nor a ratio ({words})"


def _eight_bit(sample: Mapping[str, FloatArray]) -> tuple[Radiometry, tuple[str, ...]]:
    values = np.concatenate(list(sample.values()))
    levels = len(np.unique(values[np.isfinite(values)]))
    if len(sample) == 1 and levels <= 8:
        return Radiometry.UNKNOWN, (f"one band of {levels} values: looks like classes or a mask, not like a picture",)
    return Radiometry.DISPLAY, ("8-bit values: stretched for the eye, no reflectance",)


def _optical(sample: Mapping[str, FloatArray]) -> tuple[Radiometry, tuple[str, ...]]:
    """Judge values of named spectral bands: reflectance x 10000, 0..1, or something else."""
    planes = {name: plane for name, plane in sample.items() if name in SPECTRAL}
    others = sorted(RADAR & set(sample))
    mixed = (f"bands {','.join(others)} are no reflectance",) if others else ()
    if not planes:
        return Radiometry.UNKNOWN, ("no spectral band is named: what the values mean is unknown",)
    low, middle, high = _percentiles(np.concatenate(list(planes.values())), 1.0, 50.0, 99.0)
    words = f"by the values (median {middle:.4g}, 1st and 99th percentile {low:.4g} and {high:.4g})"
    if not np.isfinite(middle):
        return Radiometry.UNKNOWN, ()
    if low >= -0.2 and 0 < middle <= 1.0 and high <= 2.0:
        return Radiometry.REFLECTANCE, (f"taken as reflectance 0..1 {words}", *mixed)
    if not (low >= -2000 and 20 <= middle <= 10_000 and high <= 20_000):
        note = f"not reflectance x 10000 {words}: ingest the product itself, or convert it"
        return Radiometry.UNKNOWN, (note,)
    verdict = check_offset(np.stack(list(planes.values())), list(planes), claimed=False)
    if verdict.seen:
        note = (
            f"the +1000 offset of Sentinel-2 is still in the values (dark water reads DN {verdict.dark_dn:.0f}): "
            "ingest the product itself, or subtract 1000"
        )
        return Radiometry.UNKNOWN, (note,)
    checked = "" if verdict.seen is None else "; no +1000 offset in it, as its dark pixels show"
    return Radiometry.REFLECTANCE, (f"taken as reflectance x 10000 {words}{checked}", *mixed)
