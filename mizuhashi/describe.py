"""Words and numbers for images, scales and measures: one place, so that list, report and page agree."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from findings.measure import Measure
from findings.survey import Image, Scale

if TYPE_CHECKING:
    from shapely.geometry import Polygon

UNITS = {"px2": "px²", "m2": "m²", "mm2": "mm²", "ratio": ""}

MEASURE_NAMES = {
    "width_p50": "median width",
    "width_p95": "width",
    "width_max": "largest width",
    "length": "length",
    "area": "area",
    "min_spacing": "spacing",
    "rebar_length": "bare steel",
    "displacement": "shift",
    "plan_cover_ratio": "cover",
}


def number(value: float) -> str:
    """Return a value with three significant digits and never in powers of ten: ``0.31``, ``12.4``, ``3120``."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 6)}f}".replace(",", " ")


def measure_text(measure: Measure) -> str:
    """Return one measure with its 95 % interval: ``width 0.31 mm (0.24 to 0.38)``, ``width below 0.4 mm``."""
    name = MEASURE_NAMES.get(measure.name, measure.name.replace("_", " "))
    unit = UNITS.get(measure.unit, measure.unit)
    if measure.value is None:
        bound = "not measured" if measure.high is None else f"below {number(measure.high)} {unit}"
        return f"{name} {bound}".rstrip()
    text = f"{name} {number(measure.value)} {unit}".rstrip()
    return text if (span := interval_text(measure)) is None else f"{text} ({span})"


def interval_text(measure: Measure) -> str | None:
    """Return ``± 0.07`` where the interval is even, ``0.24 to 0.41`` where it is not, None where it is unknown."""
    if measure.value is None or measure.low is None or measure.high is None:
        return None
    down, up = measure.value - measure.low, measure.high - measure.value
    if down >= 0 and up >= 0 and abs(up - down) <= 0.02 * max(up, down, 1e-12):
        return f"± {number((up + down) / 2)}"
    return f"{number(measure.low)} to {number(measure.high)}"


def scale_text(scale: Scale) -> str:
    """Return the ground sample distance with its 1 sigma and source, or that it is unknown."""
    if scale.gsd_mm is None:
        return "scale unknown: sizes in pixels only"
    source = scale.source.value.replace("_", " ")
    metres = scale.gsd_mm >= 1000
    unit, factor = ("m", 1000.0) if metres else ("mm", 1.0)
    sigma = "" if scale.sigma_mm is None else f" ± {number(scale.sigma_mm / factor)}"
    return f"{number(scale.gsd_mm / factor)}{sigma} {unit}/px ({source})"


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


def image_line(image: Image) -> str:
    """Return one line about a taken image: size, kind, scale with its source, footprint and notes."""
    parts = [
        f"{Path(image.path).name}: {image.width_px} x {image.height_px} px",
        f"{image.kind.value} {','.join(image.band_names)}",
        scale_text(image.scale),
        footprint_text(image.footprint),
    ]
    if not image.quality.assessable:
        parts.append("will not be assessed: " + "; ".join(image.quality.reasons))
    # Notes, then warnings, each once: a scale's note is often an image's note too.
    remarks = dict.fromkeys([*image.notes, *([image.scale.note] if image.scale.note else []), *image.quality.warnings])
    return "; ".join(parts) + "".join(f"; note: {remark}" for remark in remarks)


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
        "footprint": [list(point) for point in image.footprint.exterior.coords] if image.footprint else None,
        "crs": image.crs,
        "assessable": image.quality.assessable,
        "reasons": list(image.quality.reasons),
        "warnings": list(image.quality.warnings),
        "notes": list(image.notes),
        "status": image.status.value,
    }
