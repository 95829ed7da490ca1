"""Whether a place looks different from last time: a patch, paint, or the damage that the model did not mark.

The previous picture is warped into the present one. A band beside the outline tells whether the surface itself is
another (its fine texture no longer agrees, or its tone has moved against the surroundings); the outline tells whether
the damage still shows. The surroundings, which nobody repaired, tell how well the two pictures agree at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from rasterio import features
from shapely import affinity, make_valid
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from findings.comparison import Surface
from findings.registration import PictureRegistration

BAND_PX = (3.0, 14.0)  # beside the outline: off its blur, within what a patch covers
RING_PX = 60.0  # surroundings beyond the band
WIDE_RING_PX = 200.0  # the same where a patch may cover all of the nearer ones
FINE_PX = 6.0  # sigma of what counts as tone; finer than that is texture
SPLIT_PX = 1.2
LEAST_AGREEMENT = 0.25  # of the surroundings' texture, for a comparison to say anything
LOST = 0.5  # of that agreement left in the band: another surface
KEPT = 0.5  # of the damage's own contrast or texture left: it still shows
TONE = 5.0  # by how many times the surroundings' spread the band's tone has moved
LEAST_TONE = 0.10  # and by at least this share
GONE = 0.3  # of the pattern of an area left: its face is another
THICK_PX = 4.0  # mean width from which a damage is an area and not a line
LEAST_PIXELS = 60

Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SurfaceChange:
    """What the comparison of a place says.

    Attributes:
        surface: None where the two pictures do not agree well enough around it.
        agreement: correlation of the fine texture around the place, -1 to 1.
        band: the same beside the outline.
        tone: relative change of the band's brightness against the surroundings.
        trace: share of the damage's own pattern that still shows.
    """

    surface: Surface | None
    agreement: float
    band: float
    tone: float
    trace: float

    @property
    def why(self) -> str:
        """The numbers in a few words, in both languages."""
        kept = f"{min(max(self.band / self.agreement, 0.0), 1.0):.0%}" if self.agreement > LEAST_AGREEMENT else "?"
        return f"表面模様の一致 {kept}・明るさ {self.tone:+.0%} / surface texture kept {kept}, tone {self.tone:+.0%}"


def surface_change(previous: Grey, now: Grey, outline: Polygon, way: PictureRegistration) -> SurfaceChange | None:
    """Return what a place looks like against last time; None where too little of it lies in the present picture.

    Args:
        previous: grey ``(H, W)`` of the previous picture, 0 to 255.
        now: the same of the present one.
        outline: of the damage, in pixels of the previous picture.
        way: previous to present pixels.
    """
    near = _looked(previous, now, outline, way, RING_PX)
    if near is None or near.surface is not None or near.trace >= KEPT:
        return near
    wide = _looked(previous, now, outline, way, WIDE_RING_PX)
    return near if wide is None else wide


def _looked(
    previous: Grey, now: Grey, outline: Polygon, way: PictureRegistration, ring_px: float
) -> SurfaceChange | None:
    carried = make_valid(way.carry(outline))
    frame = box(0, 0, now.shape[1], now.shape[0])
    reach = carried.buffer(BAND_PX[1] + ring_px).intersection(frame)
    if reach.is_empty:
        return None
    left, top = (math.floor(value) for value in reach.bounds[:2])
    right, bottom = (math.ceil(value) for value in reach.bounds[2:])
    here = np.ascontiguousarray(now[top:bottom, left:right])
    before, seen = warped(previous, way, (left, top, right, bottom))
    place, band, ring = _zones(carried, left, top, here.shape, seen)
    if min(int(band.sum()), int(ring.sum())) < LEAST_PIXELS or not place.any():
        return None
    gain = float(np.median(here[ring])) / max(float(np.median(before[ring])), 1.0)
    before = before * np.float32(gain)
    fine = [_fine(values) for values in (before, here)]
    agreement, beside = (_correlation(fine[0][zone], fine[1][zone]) for zone in (ring, band))
    tone, spread = _tone(before, here, band, ring)
    thick = 2 * carried.area / max(carried.length, 1.0) > THICK_PX
    trace = _trace(before, here, place | band, thick=thick)
    verdict = _verdict(agreement, beside, tone, spread, trace, thick=thick)
    return SurfaceChange(verdict, agreement, beside, tone, trace)


def _verdict(agreement: float, band: float, tone: float, spread: float, trace: float, *, thick: bool) -> Surface | None:
    moved = abs(tone) >= max(LEAST_TONE, TONE * spread)
    if agreement < LEAST_AGREEMENT:
        return Surface.CHANGED if moved and trace < LOST else None
    if trace >= KEPT and band >= LOST * agreement:
        return Surface.TRACE
    if band < LOST * agreement or (moved and trace < LOST) or (thick and trace < GONE):
        return Surface.CHANGED
    return Surface.SAME


def warped(
    previous: Grey, way: PictureRegistration, window: tuple[int, int, int, int]
) -> tuple[Grey, NDArray[np.bool_]]:
    """Return a window (left, top, right, bottom) of the present frame as the previous picture saw it, and where."""
    left, top, right, bottom = window
    size = (right - left, bottom - top)
    shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], float)
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # OpenCV counts from the middle of a pixel
    m = np.linalg.inv(half) @ shift @ np.asarray(way.matrix, float).reshape(3, 3) @ half
    values = cv2.warpPerspective(previous, m, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.warpPerspective(np.ones(previous.shape[:2], np.uint8), m, size, flags=cv2.INTER_NEAREST)
    return np.asarray(values, np.float32), np.asarray(seen > 0)


def _zones(
    carried: BaseGeometry, left: int, top: int, shape: tuple[int, int], seen: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    near, far = carried.buffer(BAND_PX[0]), carried.buffer(BAND_PX[1])
    layers = [drawn(zone, shape, (left, top)) for zone in (carried.buffer(1.0), near, far)]
    return layers[0] & seen, layers[2] & ~layers[1] & seen, ~layers[2] & seen


def drawn(zone: BaseGeometry, shape: tuple[int, int], corner: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels of a zone in a window whose first pixel is ``corner``, (column, row)."""
    return np.asarray(features.rasterize([affinity.translate(zone, -corner[0], -corner[1])], shape) > 0)


def _fine(values: Grey) -> Grey:
    """Return the texture between noise and tone, in units of its own local strength."""
    smooth = cv2.GaussianBlur(values, (0, 0), SPLIT_PX)
    band = smooth - cv2.GaussianBlur(values, (0, 0), FINE_PX)
    strength = np.sqrt(cv2.GaussianBlur(band * band, (0, 0), 3 * FINE_PX))
    return np.asarray(band / np.maximum(strength, 0.5), np.float32)


def _correlation(a: Grey, b: Grey) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(math.sqrt(float((a * a).sum() * (b * b).sum())), 1e-9))


def _tone(before: Grey, here: Grey, band: NDArray[np.bool_], ring: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the relative change of the band's brightness against the surroundings, and the spread of theirs.

    Another light falls off over a picture: a plane through the surroundings' change is taken out first.
    """
    logs = [np.log(np.maximum(cv2.GaussianBlur(values, (0, 0), FINE_PX), 1.0)) for values in (before, here)]
    change = logs[1] - logs[0]
    rows, cols = np.indices(change.shape, np.float32)
    plane = np.stack([np.ones_like(rows), rows, cols], axis=-1)
    slope, *_ = np.linalg.lstsq(plane[ring], change[ring], rcond=None)
    change = change - plane @ slope
    middle = float(np.median(change[ring]))
    spread = 1.4826 * float(np.median(np.abs(change[ring] - middle)))
    return math.expm1(float(np.median(change[band])) - middle), spread


def _trace(before: Grey, here: Grey, zone: NDArray[np.bool_], *, thick: bool) -> float:
    """Return how much of the pattern of the damage and its rim still shows: the slope of now against before.

    A line is told from the tone around it; an area is tone itself.
    """
    smooth = [cv2.GaussianBlur(values, (0, 0), SPLIT_PX) for values in (before, here)]
    if not thick:
        smooth = [values - cv2.GaussianBlur(values, (0, 0), FINE_PX) for values in smooth]
    a, b = (values[zone] - np.median(values[zone]) for values in smooth)
    power = float((a * a).sum())
    return float((a * b).sum() / power) if power > 1e-6 else 0.0
