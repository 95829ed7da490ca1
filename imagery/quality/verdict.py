"""The verdict on a picture, from one pass over the whole file by strips: it also proves that every block decodes.

Thresholds without a source are our assumptions and stand here, and beside each measure, by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from findings.survey import ImageKind, Quality, Scale
from imagery.masks import JUDGED, LABELS, Classes, hidden
from imagery.quality.photo_mask import Measured, Planes, measure
from imagery.quality.sharpness import MIN_EDGES, edge_spreads, noise_sigma
from imagery.reader import ImageReader
from imagery.tiles import positions, slices
from imagery.types import FloatArray, Window

# Largest GSD at which a crack of that width is worth measuring: gsd <= 3 x width, from the capture recipe of a service
# (0.1 mm cracks at 0.30 mm/px; domain guide 1.10, [L40]). Width in mm -> mm per pixel.
MAX_GSD_MM = {0.1: 0.3, 0.2: 0.6, 0.3: 0.9}
STRIP_PX = 512
SAMPLE_PX = 512
DARK, BRIGHT = 4.0, 251.0
CLIPPED_WARNING, CLIPPED_REFUSAL = 0.2, 0.95
BLUR_WARNING_PX, BLUR_REFUSAL_PX = 2.5, 8.0
MOTION_REFUSAL_PX = 10.0  # a line of 1 px across it keeps a tenth of its contrast
VALID_WARNING = 0.9
MASKED_WARNING, MASKED_REFUSAL = 0.01, 0.95


def assess(reader: ImageReader, scale: Scale) -> Quality:
    """Return the verdict on an image.

    Raises:
        UnreadableImage: the file is damaged somewhere.
    """
    return examine(reader, scale)[0]


def examine(reader: ImageReader, scale: Scale) -> tuple[Quality, Classes | None]:
    """Return the verdict on an image and, for photographs, the mask ``(H, W)`` of what must not be judged.

    The mask is None for scenes, whose own mask came with them, and where a photograph is too large for one. An image
    that was opened with a mask is judged by what the mask leaves.

    Raises:
        UnreadableImage: the file is damaged somewhere.
    """
    survey = _Pass(reader)
    for part in slices(reader.width_px, reader.height_px, STRIP_PX):
        survey.add(part)
    reasons, warnings = survey.reasons(), survey.warnings()
    blur, noise = survey.blur_px(), survey.noise()
    seen = Measured()
    if reader.kind is ImageKind.PHOTO:
        seen = measure(survey.planes, noise) if survey.planes is not None and not reasons else seen
        warnings += _scale_warnings(scale)
        if survey.planes is None:
            warnings.append(f"{survey.total / 1e6:.0f} million pixels: too many to look for blurred or clipped parts")
        found = _sharpness_words(blur, seen)
        reasons, warnings = reasons + found[0], warnings + found[1]
    counts = survey.class_counts(seen.classes)
    share = survey.masked_share(counts)
    said = f"{share:.0%} of the pixels must not be judged: {survey.mask_words(counts)}"
    if share > MASKED_REFUSAL:
        reasons.append(said)
    elif share >= MASKED_WARNING:
        warnings.append(said)
    if seen.haze is not None and seen.haze.is_hazy:
        warnings.append(f"hazy: up to {seen.haze.share:.0%} of the contrast is lost")
    quality = Quality(
        not reasons,
        tuple(reasons),
        tuple(warnings),
        blur,
        noise,
        survey.valid_share,
        masked_share=share,
        motion_px=seen.motion.length_px if seen.motion is not None else None,
        haze=seen.haze.share if seen.haze is not None else None,
    )
    return quality, seen.classes


def _sharpness_words(blur_px: float | None, seen: Measured) -> tuple[list[str], list[str]]:
    """Return reasons and warnings about the sharpness of a photograph as a whole."""
    reasons, warnings = [], []
    if blur_px is not None and blur_px > BLUR_REFUSAL_PX:
        reasons.append(f"blurred: sharpest edges spread {blur_px:.1f} px (limit {BLUR_REFUSAL_PX:g})")
    elif blur_px is not None and blur_px > BLUR_WARNING_PX:
        warnings.append(f"soft: sharpest edges spread {blur_px:.1f} px")
    if seen.motion is not None:
        text = f"moved by {seen.motion.length_px:.0f} px during the exposure, {seen.motion.direction_deg:.0f} degrees"
        if seen.motion.length_px >= MOTION_REFUSAL_PX:
            reasons.append(f"motion blur: {text} (limit {MOTION_REFUSAL_PX:g} px)")
        else:
            warnings.append(f"motion blur: {text}")
    return reasons, warnings


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
    """What one pass over the strips gathers: a few samples, and for photographs two bytes a pixel."""

    reader: ImageReader
    total: int = 0
    valid: int = 0
    dark: int = 0
    bright: int = 0
    low: float = math.inf
    high: float = -math.inf
    seen: dict[str, bool] = field(default_factory=dict)
    samples: list[FloatArray] = field(default_factory=list)
    planes: Planes | None = None
    masked: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))

    def __post_init__(self) -> None:
        if self.reader.kind is ImageKind.PHOTO:
            self.planes = Planes.of(self.reader.width_px, self.reader.height_px)

    def add(self, part: Window) -> None:
        values = self.reader.read(part, masked=False).values
        observed = np.isfinite(values).any(axis=0)
        self.total += observed.size
        self.valid += int(observed.sum())
        given = self.reader.read_mask(part)
        if given is not None:
            self.masked += np.bincount(given[observed], minlength=256)
            values[:, hidden(given)] = np.nan
            observed &= ~hidden(given)
        for name, band in zip(self.reader.bands, values, strict=True):
            self.seen[name] = self.seen.get(name, False) or bool(np.isfinite(band).any())
        if observed.any():
            self.low = min(self.low, float(np.nanmin(values)))
            self.high = max(self.high, float(np.nanmax(values)))
        if self.reader.kind is ImageKind.PHOTO:
            dark, bright = np.asarray((values <= DARK).all(axis=0)), np.asarray((values >= BRIGHT).all(axis=0))
            self.dark += int(dark.sum())
            self.bright += int(bright.sum())
            grey = values.mean(axis=0)
            self._sample(part, grey)
            if self.planes is not None:
                self.planes.put(part.row, values, grey, dark, bright)

    def _sample(self, part: Window, grey: FloatArray) -> None:
        """Keep three grey windows of each third strip: left, middle, right."""
        parts = math.ceil(self.reader.height_px / STRIP_PX)
        if len(self.samples) >= 9 or (part.row // STRIP_PX) % max(1, parts // 3):
            return
        places = positions(grey.shape[1], min(SAMPLE_PX, grey.shape[1]), 0)
        for col in sorted({places[0], places[len(places) // 2], places[-1]}):
            window = grey[:, col : col + SAMPLE_PX]
            if np.isfinite(window).all():
                self.samples.append(window.copy())

    @property
    def valid_share(self) -> float:
        return self.valid / self.total

    def class_counts(self, classes: Classes | None) -> NDArray[np.int64]:
        """Return how many observed pixels have each class, by the mask that was given or the one that was made."""
        return self.masked if classes is None else np.bincount(classes.ravel(), minlength=256)

    def masked_share(self, counts: NDArray[np.int64]) -> float:
        """Return the share of the observed pixels that must not be judged."""
        judged = int(sum(counts[what] for what in JUDGED))
        return (int(counts.sum()) - judged) / max(self.valid, 1)

    def mask_words(self, counts: NDArray[np.int64]) -> str:
        """Return the reasons in a mask with their shares, e.g. ``blurred 12%, over-exposed 3%``."""
        found = [what for what in LABELS if what not in JUDGED and counts[what]]
        return ", ".join(f"{LABELS[what][1]} {counts[what] / max(self.valid, 1):.0%}" for what in found)

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
        if empty and self.valid and len(empty) < len(self.seen):
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
