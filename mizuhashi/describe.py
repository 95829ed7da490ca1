"""Words and numbers for images, scales and measures: one place, so that list, report and page agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from findings.survey import Image, ImageKind
from findings.wording import measure_text as measure_text
from findings.wording import number as number
from findings.wording import scale_text as scale_text
from imagery.dates import DAY_ONLY, YEAR_ONLY
from mizuhashi.notes import common_notes, without_repeats

if TYPE_CHECKING:
    from shapely.geometry import Polygon


def footprint_size_m(footprint: Polygon) -> tuple[float, float]:
    """Return the longer and the shorter side in metres of the smallest rectangle around a lon, lat outline.

    Degrees are scaled at the outline's own latitude (WGS84 mean radius); good to 1 % for footprints below 100 km.
    """
    from shapely.affinity import scale as stretch

    metre = math.pi / 180 * 6_371_008.8
    flat = stretch(
        footprint, metre * math.cos(math.radians(footprint.centroid.y)), metre, origin=footprint.centroid.coords[0]
    )
    corners = list(flat.minimum_rotated_rectangle.exterior.coords)
    sides = [math.dist(corners[i], corners[i + 1]) for i in (0, 1)]
    return max(sides), min(sides)


def footprint_text(footprint: Polygon | None) -> str:
    """Return the size and the place of a footprint, or that there is none."""
    if footprint is None:
        return "no footprint"
    longer, shorter = footprint_size_m(footprint)
    centre = footprint.centroid
    unit, factor = ("km", 1000.0) if shorter >= 1000 else ("m", 1.0)
    return f"{number(longer / factor)} x {number(shorter / factor)} {unit} at {centre.y:.6f}, {centre.x:.6f}"


def image_lines(images: Sequence[Image]) -> list[str]:
    """Return one line for each taken image, and one for each note that most of them share."""
    left, common = common_notes([_remarks(image) for image in images])
    lines = [_image_line(image, notes) for image, notes in zip(images, left, strict=True)]
    return lines + [f"note on {line}" for line in common]


def _remarks(image: Image) -> list[str]:
    """Return notes, then warnings, each once: a scale's note is often an image's note too."""
    scale = [image.scale.note] if image.scale.note else []
    return without_repeats([*image.notes, *scale, *image.quality.warnings])


def taken_text(image: Image) -> str | None:
    """Return when an image was taken, no finer than it is known: ``2024-05-01 02:06 UTC``, ``1985``, or None."""
    if image.captured_at is None:
        return None
    known = {YEAR_ONLY: "%Y", DAY_ONLY: "%Y-%m-%d"}
    form = next((form for words, form in known.items() if any(words in note for note in image.notes)), None)
    return image.captured_at.strftime(form or "%Y-%m-%d %H:%M UTC")


def _image_line(image: Image, notes: Sequence[str]) -> str:
    """Return one line about a taken image: size, kind, time, scale with its source, footprint and notes."""
    taken = taken_text(image)
    parts = [
        f"{Path(image.path).name}: {image.width_px} x {image.height_px} px",
        f"{image.kind.value} {','.join(image.band_names)}{_values_text(image)}",
        *([f"taken {taken}"] if taken else []),
        scale_text(image.scale),
        footprint_text(image.footprint),
    ]
    if not image.quality.assessable:
        parts.append("will not be assessed: " + "; ".join(image.quality.reasons))
    return "; ".join(parts) + "".join(f"; note: {note}" for note in notes)


def _values_text(image: Image) -> str:
    """Return what a scene's values mean and whether it is masked; photographs are always for the eye."""
    if image.kind is not ImageKind.SCENE:
        return ""
    meaning = {"reflectance": "reflectance", "display": "8-bit display values", "backscatter_db": "backscatter in dB"}
    words = meaning.get(image.radiometry.value, "values of unknown meaning")
    return f" ({words}{', masked' if image.mask_path else ''})"


def image_record(image: Image) -> dict[str, Any]:
    """Return an image as plain JSON values."""
    return {
        "uid": image.uid,
        "path": image.path,
        "sha256": image.sha256,
        "kind": image.kind.value,
        "width_px": image.width_px,
        "height_px": image.height_px,
        "bands": list(image.band_names),
        "gsd_mm": image.scale.gsd_mm,
        "gsd_sigma_mm": image.scale.sigma_mm,
        "scale_source": image.scale.source.value,
        "captured_at": image.captured_at.isoformat() if image.captured_at else None,
        "radiometry": image.radiometry.value,
        "mask_path": image.mask_path,
        "footprint": [list(point) for point in image.footprint.exterior.coords] if image.footprint else None,
        "crs": image.crs,
        "assessable": image.quality.assessable,
        "reasons": list(image.quality.reasons),
        "warnings": list(image.quality.warnings),
        "notes": list(image.notes),
        "status": image.status.value,
    }
