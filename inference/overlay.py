"""Evidence pictures: the place at full resolution with its outline, beside the whole image with a box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from findings.finding import Domain, Finding
from findings.measure import Measure, by_name
from imagery.masks import Classes, hidden, masked_share, names
from imagery.types import Pixels, Window

Picture = NDArray[np.uint8]
LEAST_CROP_PX = 256
LEAST_SCENE_CROP_PX = 80  # of a satellite scene, where 256 px would be the whole reach
PHOTO_MEASURES = (("w95", "width_p95"), ("L", "length"), ("A", "area"))
SCENE_GSD_MM = 1000.0  # pixels from this size on are a satellite's
PANEL_PX = 768  # side of the crop panel; a larger place is shown in part at 1:1 and in whole in the context
CONTEXT_PX = 512
BANNER_PX = 30
THICK_FROM_ZOOM = 3  # an enlarged place may have a thicker outline: it stands two enlarged pixels off
OUTLINE = (255, 214, 0)
BOX = (255, 64, 64)
HATCH = (255, 0, 255)
NAMES = {
    "R15": "deposition",
    "R16": "vegetation",
    "R17": "bank erosion",
    "2": "fatigue crack",
    "6": "crack",
    "7": "spalling",
    "8": "leakage",
    "11": "slab crack",
    "1": "corrosion",
}
TRUE_COLOUR = ("red", "green", "blue")
FALSE_COLOUR = ("nir", "red", "green")


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier picture in the same frame, and the days of both: ``2021-03-29``."""

    rgb: Picture
    day: str
    day_now: str
    mask: Classes | None = None


def overlay_image(
    rgb: Picture, finding: Finding, *, mask: Classes | None = None, earlier: Earlier | None = None
) -> Picture:
    """Return the evidence picture of a finding, ``(H, W, 3)`` uint8 RGB.

    Left: the place at 1:1 or enlarged, with at least 256 px (scenes: 80 px) of its surroundings, outlined, with a scale
        bar where the scale is known; of a change the earlier picture first.
    Right: the whole image with a box. On top: damage, grade and main measures in plain ASCII. Pixels that were not
        judged are hatched, and a line below says why.

    Args:
        rgb: the whole image ``(H, W, 3)``; scenes through :func:`display_rgb`.
        finding: what to show.
        mask: classes ``(H, W)`` of the whole image.
        earlier: what a change is measured against.
    """
    crop, small = panels(rgb, finding.geometry_px, finding.scale.gsd_mm, mask=mask)
    if earlier is not None:
        then, _ = panels(earlier.rgb, finding.geometry_px, finding.scale.gsd_mm, mask=earlier.mask)
        gap = np.full((crop.shape[0] + BANNER_PX, 4, 3), 255, np.uint8)
        crop = np.concatenate([_titled(then, earlier.day), gap, _titled(crop, earlier.day_now)], axis=1)
    context = np.full((crop.shape[0], small.shape[1], 3), 32, np.uint8)
    context[: small.shape[0]] = small
    body = np.concatenate([crop, np.full((crop.shape[0], 4, 3), 255, np.uint8), context], axis=1)
    parts = [text_banner(body.shape[1], label(finding)), body]
    if mask is not None and hidden(mask).any():
        legend = f"hatched: not judged ({names(mask)}, {masked_share(mask):.0%} of the image)"
        parts.append(text_banner(body.shape[1], legend))
    return np.concatenate(parts, axis=0)


def _titled(picture: Picture, title: str) -> Picture:
    return np.concatenate([text_banner(picture.shape[1], title), picture], axis=0)


def panels(
    rgb: Picture, place: BaseGeometry, gsd_mm: float | None, *, mask: Classes | None = None, lettering: float = 1.0
) -> tuple[Picture, Picture]:
    """Return the place at 1:1 or enlarged, outlined and with a scale bar, and the whole picture with a box around it.

    Args:
        rgb: the whole image ``(H, W, 3)``.
        place: in its pixels.
        gsd_mm: mm per pixel; None: unknown, no scale bar is drawn.
        mask: classes ``(H, W)``; what they hide is hatched.
        lettering: how much larger the scale bar is drawn, for pictures that are printed small.
    """
    is_scene = gsd_mm is not None and gsd_mm >= SCENE_GSD_MM
    least_px = LEAST_SCENE_CROP_PX if is_scene else LEAST_CROP_PX
    window = crop_window(place, rgb.shape[1], rgb.shape[0], least_px=least_px)
    near = mask[window.row : window.bottom, window.col : window.right] if mask is not None else None
    crop, zoom = _crop(rgb, window, place, near)
    if gsd_mm is not None:
        draw_scale_bar(crop, gsd_mm / zoom, lettering)
    return crop, _context(rgb, window, crop.shape[0], mask)


def hatched(picture: Picture, mask: Classes, *, step: int = 12) -> Picture:
    """Return a copy of a picture ``(H, W, 3)`` with diagonal lines, ``step`` px apart, where it must not be judged."""
    phase = np.add.outer(np.arange(mask.shape[0]), np.arange(mask.shape[1])) % step
    out = picture.copy()
    where = hidden(mask)
    thick = max(1, step // 8)
    out[where & (phase < thick)] = HATCH
    out[where & (phase >= thick) & (phase < 2 * thick)] = 0  # a dark edge keeps the lines visible on snow and cloud
    return out


def label(finding: Finding) -> str:
    """Return what the banner says, e.g. ``6 crack [c-e] w95 0.32 mm (0.21-0.48) L 1.2 m p 0.91``."""
    parts = [finding.damage, NAMES.get(finding.damage, "")]
    if finding.grade is not None and finding.grade.codes:
        parts.append(f"[{'/'.join(finding.grade.codes)}]")
    shown = (("shift", "displacement"), ("A", "area")) if finding.domain is Domain.RIVER else PHOTO_MEASURES
    for short, name in shown:
        measure = by_name(finding.measures, name)
        if measure is not None and not (short == "A" and by_name(finding.measures, "length")):
            parts.append(f"{short} {_short(measure)}")
    parts.append(f"score {finding.score:.2f}")
    return " ".join(part for part in parts if part).encode("ascii", "replace").decode()


def _short(measure: Measure) -> str:
    if measure.value is None:
        return f"< {_digits(measure.high, 3)} {measure.unit}" if measure.high is not None else "unknown"
    text = f"{_digits(measure.value, 3)} {measure.unit}"
    if measure.low is not None and measure.high is not None:
        text += f" ({_digits(measure.low, 2)}-{_digits(measure.high, 2)})"
    return text


def _digits(value: float, count: int) -> str:
    """Return a number of so many significant digits, never as a power of ten: 12400, 0.32."""
    text = f"{value:.{count}g}"
    return f"{float(text):.0f}" if "e+" in text else text


def outlined(rgb: Picture, places: Sequence[BaseGeometry]) -> Picture:
    """Return a copy of the picture with every place outlined and numbered from 1 in the order given."""
    drawn = np.ascontiguousarray(rgb).copy()
    size = max(0.5, max(rgb.shape[:2]) / 2500)
    for number, place in enumerate(places, start=1):
        draw_outline(drawn, place)
        left, top, *_ = place.bounds
        at = (max(0, int(left)), max(12, int(top) - 4))
        for colour, thick in (((0, 0, 0), 3), ((255, 255, 0), 1)):
            cv2.putText(drawn, str(number), at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, thick, cv2.LINE_AA)
    return drawn


def crop_window(place: BaseGeometry, width_px: int, height_px: int, *, least_px: int = LEAST_CROP_PX) -> Window:
    """Return the square to show at full resolution: the place with a margin, inside the image, at most 768 px."""
    left, top, right, bottom = place.bounds
    side = max(right - left, bottom - top) * 1.25 + 16
    middle = ((left + right) / 2, (top + bottom) / 2)
    if side > PANEL_PX:  # too large for one panel: show the part around a point that surely lies on it
        point = place.representative_point()
        side, middle = PANEL_PX, (point.x, point.y)
    size = math.ceil(max(side, least_px))
    width, height = min(size, width_px), min(size, height_px)
    col = min(max(0, round(middle[0] - width / 2)), width_px - width)
    row = min(max(0, round(middle[1] - height / 2)), height_px - height)
    return Window(col, row, width, height)


def _crop(rgb: Picture, window: Window, place: BaseGeometry, mask: Classes | None) -> tuple[Picture, float]:
    part = rgb[window.row : window.bottom, window.col : window.right]
    zoom = max(1, PANEL_PX // max(window.width, window.height))
    size = (window.width * zoom, window.height * zoom)
    large = np.ascontiguousarray(cv2.resize(part, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    if mask is not None:
        large = hatched(large, np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8))
    # two pixels off the place, so that the picture shows it and not the line
    moved = affinity.affine_transform(place.buffer(2), [zoom, 0, 0, zoom, -window.col * zoom, -window.row * zoom])
    draw_outline(large, moved, thick_px=2 if zoom >= THICK_FROM_ZOOM else 1)
    return large, float(zoom)


def draw_outline(
    picture: Picture, place: BaseGeometry, colour: tuple[int, int, int] = OUTLINE, *, thick_px: int = 1
) -> None:
    """Draw the outline of a place, in the picture's pixels, with a dark edge."""
    shift = 4  # 1/16 px; a pixel's centre stands at half in our outlines and at whole numbers in OpenCV
    for part in getattr(place, "geoms", [place]):
        if isinstance(part, Polygon) and not part.is_empty:
            ring = np.rint((np.asarray(part.exterior.coords) - 0.5) * (1 << shift)).astype(np.int32)
            cv2.polylines(picture, [ring], True, (0, 0, 0), 2 * thick_px, cv2.LINE_AA, shift)
            cv2.polylines(picture, [ring], True, colour, thick_px, cv2.LINE_AA, shift)


def _context(rgb: Picture, window: Window, height: int, mask: Classes | None) -> Picture:
    factor = min(CONTEXT_PX / rgb.shape[1], height / rgb.shape[0])
    size = (max(1, round(rgb.shape[1] * factor)), max(1, round(rgb.shape[0] * factor)))
    small = np.ascontiguousarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    if mask is not None:
        small = hatched(small, np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8), step=8)
    corners = [(round(window.col * factor), round(window.row * factor))]
    corners.append((round(window.right * factor) - 1, round(window.bottom * factor) - 1))
    cv2.rectangle(small, corners[0], corners[1], BOX, 2, cv2.LINE_AA)
    return small


def draw_scale_bar(picture: Picture, mm_per_px: float, size: float = 1.0) -> None:
    """Draw a scale bar of a round length, a quarter of the picture's width at most, ``size`` times as bold."""
    target = picture.shape[1] / 4 * mm_per_px
    power = 10.0 ** math.floor(math.log10(target))
    length = next(step * power for step in (5, 2, 1) if step * power <= target)
    text = f"{length:g} mm" if length < 1000 else f"{length / 1000:g} m"
    x, y = 12, picture.shape[0] - round(14 * size)
    end, above = x + round(length / mm_per_px), y - round(8 * size)
    for colour, thick in (((0, 0, 0), 6), ((255, 255, 255), 3)):
        wide = (round(thick * size), round((thick - 2) * size))
        cv2.line(picture, (x, y), (end, y), colour, wide[0])
        cv2.putText(picture, text, (x, above), cv2.FONT_HERSHEY_SIMPLEX, 0.5 * size, colour, wide[1], cv2.LINE_AA)


def text_banner(width: int, text: str) -> Picture:
    """Return a dark strip with a line of plain ASCII, ``(BANNER_PX, width, 3)``."""
    banner = np.full((BANNER_PX, width, 3), 24, np.uint8)
    size = 0.55
    while size > 0.3 and cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0] > width - 16:
        size -= 0.05
    cv2.putText(banner, text, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, size, (240, 240, 240), 1, cv2.LINE_AA)
    return banner


def display_rgb(pixels: Pixels, *, low: float = 2.0, high: float = 98.0, mask: Classes | None = None) -> Picture:
    """Return a scene as ``(H, W, 3)`` uint8 RGB.

    True colour where it has the bands, else near infrared false colour, else its first band in grey. Each band is
    stretched between two of its percentiles, those of the clear pixels; unobserved pixels are black.
    """
    names = next((c for c in (TRUE_COLOUR, FALSE_COLOUR) if set(c) <= set(pixels.bands)), (pixels.bands[0],) * 3)
    planes = []
    for name in names:
        band = pixels.values[pixels.bands.index(name)]
        seen = np.isfinite(band)
        if not seen.any():
            planes.append(np.zeros(band.shape, np.uint8))
            continue
        clear = seen if mask is None else seen & ~hidden(mask)
        floor, ceiling = np.percentile(band[clear if clear.any() else seen], [low, high])
        shown = (np.where(seen, band, floor) - floor) / max(float(ceiling - floor), 1e-9)
        planes.append((np.clip(shown, 0, 1) * 254 + 1).astype(np.uint8) * seen.astype(np.uint8))
    return np.stack(planes, axis=2)
