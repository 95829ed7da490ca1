"""The quality gate: can this picture be judged, and what should its reader know?

One pass over the whole file by strips: it also proves that every block decodes. Thresholds without a source are our
assumptions and stand here by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from findings.survey import ImageKind, Quality, Scale
from imagery.reader import ImageReader
from imagery.tiles import positions, slices
from imagery.types import BoolArray, FloatArray, Window

# Largest GSD at which a crack of that width is worth measuring: gsd <= 3 x width, from the capture recipe of a service
# (0.1 mm cracks at 0.30 mm/px; domain guide 1.10, [L40]). Width in mm -> mm per pixel.
MAX_GSD_MM = {0.1: 0.3, 0.2: 0.6, 0.3: 0.9}
STRIP_PX = 512
SAMPLE_PX = 512
DARK, BRIGHT = 4.0, 251.0
CLIPPED_WARNING, CLIPPED_REFUSAL = 0.2, 0.95
BLUR_WARNING_PX, BLUR_REFUSAL_PX = 2.5, 8.0
VALID_WARNING = 0.9
MIN_EDGES = 10
PIXEL_SPREAD_PX = 1 / math.sqrt(12)  # a pixel is a box: nothing is sharper


def assess(reader: ImageReader, scale: Scale) -> Quality:
    """Return the verdict on an image.

    Raises:
        UnreadableImage: the file is damaged somewhere.
    """
    survey = _Pass(reader)
    for part in slices(reader.width_px, reader.height_px, STRIP_PX):
        survey.add(part)
    reasons = survey.reasons()
    blur, noise = survey.blur_px(), survey.noise()
    warnings = survey.warnings()
    if reader.kind is ImageKind.PHOTO:
        warnings += _scale_warnings(scale)
        if blur is not None and blur > BLUR_REFUSAL_PX:
            reasons.append(f"blurred: sharpest edges spread {blur:.1f} px (limit {BLUR_REFUSAL_PX:g})")
        elif blur is not None and blur > BLUR_WARNING_PX:
            warnings.append(f"soft: sharpest edges spread {blur:.1f} px")
    return Quality(not reasons, tuple(reasons), tuple(warnings), blur, noise, survey.valid_share)


def _scale_warnings(scale: Scale) -> list[str]:
    if scale.gsd_mm is None:
        return ["no scale: sizes in pixels only" + (f" ({scale.note})" if scale.note else "")]
    fine = [width for width, limit in MAX_GSD_MM.items() if scale.gsd_mm <= limit]
    if not fine:
        limit = max(MAX_GSD_MM.values())
        return [f"{scale.gsd_mm:.3g} mm/px is too coarse for crack widths up to 0.3 mm (needs {limit:g} mm/px)"]
    return (
        [] if min(fine) <= 0.1 else [f"{scale.gsd_mm:.3g} mm/px: crack widths below {min(fine):g} mm are not resolved"]
    )


@dataclass(slots=True)
class _Pass:
    """What one pass over the strips gathers; memory for one strip and a few samples."""

    reader: ImageReader
    total: int = 0
    valid: int = 0
    dark: int = 0
    bright: int = 0
    low: float = math.inf
    high: float = -math.inf
    seen: dict[str, bool] = field(default_factory=dict)
    samples: list[FloatArray] = field(default_factory=list)

    def add(self, part: Window) -> None:
        values = self.reader.read(part).values
        observed = np.isfinite(values).any(axis=0)
        self.total += observed.size
        self.valid += int(observed.sum())
        for name, band in zip(self.reader.bands, values, strict=True):
            self.seen[name] = self.seen.get(name, False) or bool(np.isfinite(band).any())
        if observed.any():
            self.low = min(self.low, float(np.nanmin(values)))
            self.high = max(self.high, float(np.nanmax(values)))
        if self.reader.kind is ImageKind.PHOTO:
            self.dark += int((values <= DARK).all(axis=0).sum())
            self.bright += int((values >= BRIGHT).all(axis=0).sum())
            self._sample(part, values)

    def _sample(self, part: Window, values: FloatArray) -> None:
        """Keep three grey windows of each third strip: left, middle, right."""
        parts = math.ceil(self.reader.height_px / STRIP_PX)
        if len(self.samples) >= 9 or (part.row // STRIP_PX) % max(1, parts // 3):
            return
        grey = values.mean(axis=0)
        places = positions(grey.shape[1], min(SAMPLE_PX, grey.shape[1]), 0)
        for col in sorted({places[0], places[len(places) // 2], places[-1]}):
            window = grey[:, col : col + SAMPLE_PX]
            if np.isfinite(window).all():
                self.samples.append(window.copy())

    @property
    def valid_share(self) -> float:
        return self.valid / self.total

    def reasons(self) -> list[str]:
        if self.valid == 0:
            return ["all pixels are nodata"]
        if self.low == self.high:
            return [f"all pixels have one value ({self.low:g})"]
        if self.reader.kind is ImageKind.PHOTO:
            for name, count in (("black", self.dark), ("white", self.bright)):
                if count > CLIPPED_REFUSAL * self.valid:
                    return [f"{count / self.valid:.0%} of the pixels are {name}"]
        return []

    def warnings(self) -> list[str]:
        found = []
        if self.valid and self.valid < VALID_WARNING * self.total:
            found.append(f"only {self.valid_share:.0%} of the pixels hold an observation")
        empty = [name for name, seen in self.seen.items() if not seen]
        if empty and self.valid:
            found.append(f"band(s) without any observation: {','.join(empty)}")
        for name, count in (("too dark", self.dark), ("over-exposed", self.bright)):
            if self.valid and count > CLIPPED_WARNING * self.valid:
                found.append(f"{name}: {count / self.valid:.0%} of the pixels are clipped")
        return found

    def blur_px(self) -> float | None:
        spreads = np.concatenate([np.empty(0, np.float32), *map(edge_spreads, self.samples)])
        return float(np.percentile(spreads, 35)) if len(spreads) >= MIN_EDGES else None

    def noise(self) -> float | None:
        found = [sigma for sigma in map(noise_sigma, self.samples) if sigma is not None]
        return float(np.median(found)) if found else None


def noise_sigma(grey: FloatArray) -> float | None:
    """Return the 1-sigma of the noise of ``(H, W)`` grey values, or None below 48 px.

    The mask of Immerkaer (Fast noise variance estimation, CVIU 64:300-302, 1996, eq. 3) removes everything linear; its
    mean over blocks of 16 px is taken, and of the blocks the flattest tenth, because texture only adds.
    """
    if min(grey.shape) < 48:
        return None
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = np.abs(ndimage.convolve(grey, mask, mode="nearest"))[1:-1, 1:-1]
    rows, cols = (size // 16 * 16 for size in response.shape)
    blocks = response[:rows, :cols].reshape(rows // 16, 16, cols // 16, 16).mean(axis=(1, 3))
    return float(np.percentile(blocks, 10) * math.sqrt(math.pi / 2) / 6)


def edge_spreads(grey: FloatArray) -> FloatArray:
    """Return the 1-sigma spread in px of the clear edges of ``(H, W)`` grey values; empty if there is none.

    A step blurred by s has a gradient that falls as 1 / sqrt(s^2 + t^2) when it is blurred again by t; the gradients
    at two values of t therefore give s (Zhuo & Sim, Pattern Recognition 44:1852-1858, 2011, eq. 6). The pair of t is
    doubled until it is not much smaller than s, or the noise would decide.
    """
    noise = noise_sigma(grey) or 1.0
    spreads = np.empty(0, np.float32)
    for fine in (1.0, 2.0, 4.0):
        found = _spreads_at(grey, fine, noise)
        if len(found) < MIN_EDGES:
            continue
        spreads = found
        if float(np.median(found)) <= 1.25 * fine:
            break
    return spreads


def _spreads_at(grey: FloatArray, fine: float, noise: float) -> FloatArray:
    """Return the spreads seen with t = fine and 2 fine, at ridges that stand well above the noise."""
    gradient = ndimage.gaussian_gradient_magnitude(grey, fine, mode="nearest")
    again = ndimage.gaussian_gradient_magnitude(grey, 2 * fine, mode="nearest")
    # white noise of sigma n leaves a gradient of n / (sqrt(8 pi) t^2) in each direction; ten times that is an edge
    floor = 10.0 * noise / (math.sqrt(8 * math.pi) * (2 * fine) ** 2)
    strong = again > max(floor, 0.3 * float(np.percentile(again, 99.5)))
    # ridges are sought in the smoother gradient: maxima of the other one are noise spikes, and look too sharp
    peak = strong & (again >= ndimage.maximum_filter(again, size=2 * int(4 * fine) + 1))
    border = int(6 * fine)
    peak[:border] = peak[-border:] = False
    peak[:, :border] = peak[:, -border:] = False
    ratio = (gradient[peak] / np.maximum(again[peak], 1e-6)) ** 2
    squared = fine**2 * (4.0 - ratio) / np.maximum(ratio - 1.0, 1e-3)
    spread = np.sqrt(np.maximum(squared, PIXEL_SPREAD_PX**2))
    step = _contrast_across(grey, peak, 2 * fine)
    expected = again[peak] * np.sqrt(2 * np.pi * (spread**2 + (2 * fine) ** 2))
    # a line or a speck has the same grey on both sides: only steps follow the law above; a ratio of 4 or more is an
    # overshoot, from the camera's own sharpening, and says nothing about the spread
    is_step = (ratio > 1.0) & (ratio < 4.0) & (np.abs(step / np.maximum(expected, 1e-6) - 1.0) < 0.25)
    return np.asarray(spread[is_step], np.float32)


def _contrast_across(grey: FloatArray, peak: BoolArray, sigma: float) -> FloatArray:
    """Return the difference of the smoothed grey values 2 sigma beyond both sides of each peak."""
    smooth = ndimage.gaussian_filter(grey, sigma, mode="nearest")
    down, right = (
        ndimage.gaussian_filter(grey, sigma, order=order, mode="nearest")[peak] for order in ((1, 0), (0, 1))
    )
    length = np.maximum(np.hypot(down, right), 1e-6)
    rows, cols = np.nonzero(peak)
    reach = 2.0 * sigma
    ahead, behind = (
        ndimage.map_coordinates(
            smooth, [rows + sign * reach * down / length, cols + sign * reach * right / length], order=1, mode="nearest"
        )
        for sign in (1, -1)
    )
    return np.asarray(ahead - behind, np.float32)
