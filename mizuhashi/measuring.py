"""What ``mizuhashi measure`` says about one picture, for a program and for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from findings.measure import Measure, by_name
from findings.taxonomy import damage_type
from findings.wording import measure_text
from findings.wording import measured as in_words
from inference.measure.resolve import TYPICAL_CONTRAST, resolvable_width_mm, resolvable_width_px

if TYPE_CHECKING:
    from findings.finding import Grade
    from findings.survey import Image, Scale
    from inference.judgement import Place
    from inference.one_picture import Measured

COLUMNS = ("no", "type", "grade", "length", "width p50", "width p95", "width max", "area", "pattern", "why")
TO_MM = {"mm": 1.0, "m": 1000.0, "mm2": 1.0, "m2": 1e6}
WIDTHS = {"p50": "width_p50", "p95": "width_p95", "max": "width_max"}
UNRESOLVED = "the 95 % interval reaches zero: this picture does not resolve the width; high is its upper bound"
NO_DIRECTION_DEG = 35.0  # from this spread of its directions on a crack has no direction worth a line
NO_SCALE = "no ground sample distance: give --gsd-mm, or a picture whose metadata tell it"
NO_LINE = "an area has no width"


def document(measured: Measured) -> dict[str, Any]:
    """Return everything measured in a picture as plain JSON values."""
    image = measured.image
    rows = zip(measured.places, measured.names, measured.grades, measured.conflicts, strict=True)
    return {
        "image": {
            "width_px": image.width_px,
            "height_px": image.height_px,
            "gsd_mm": image.scale.gsd_mm,
            "gsd_sigma_mm": image.scale.sigma_mm,
            "gsd_source": image.scale.source.value,
            "gsd_note": image.scale.note,
            "blur_px": image.quality.blur_px,
            "noise": image.quality.noise,
            "member": image.member,
            "resolvable_width": _resolvable(image),
        },
        "remarks": list(measured.remarks),
        "findings": [_finding(*row, image.scale) for row in rows],
    }


def resolvable_of(image: Image) -> tuple[float, float | None]:
    """Return the smallest width that a picture of this noise and blur resolves, in px and in mm (None: no scale).

    For a crack of usual contrast over 9 px of its length; each crack's own stands in its details. Infinite in mm where
    the scale is too uncertain for any.
    """
    noise, blur = image.quality.noise, image.quality.blur_px
    pixels = resolvable_width_px(noise, blur, 255 * TYPICAL_CONTRAST)
    return pixels, resolvable_width_mm(image.scale, noise, blur)


def _resolvable(image: Image) -> dict[str, Any]:
    pixels, world = resolvable_of(image)
    row: dict[str, Any] = {"value_px": round(pixels, 3), "value_mm": None}
    if world is None:
        row["reason"] = NO_SCALE
    elif world == float("inf"):
        row["reason"] = "infinite: the scale is so uncertain that no width can be told from zero"
    else:
        row["value_mm"] = round(world, 4)
    return row


def _finding(place: Place, name: str, grade: Grade, conflict: str | None, scale: Scale) -> dict[str, Any]:
    known = scale if place.scale is None else place.scale
    row: dict[str, Any] = {
        "type": name,
        "damage_id": place.damage,
        "outline": [[round(x, 2), round(y, 2)] for x, y in place.outline_px.exterior.coords],
        "length": _sized(place, "length", known, "an area has no length; see perimeter"),
        "width": {key: _sized(place, measure, known, NO_LINE) for key, measure in WIDTHS.items()},
        "area": _sized(place, "area", known, "not measured"),
        "grade": _grade(grade),
        "score": round(place.score, 4),
    }
    for extra in ("perimeter", "rebar_length", "streak_length"):
        if by_name(place.measures, extra) is not None:
            row[extra] = _sized(place, extra, known, "not measured")
    row["measures"] = [measure.to_json() for measure in place.measures]
    row["details"] = {key: value for key, value in place.details.items() if value is not None}
    if conflict is not None:
        row["conflict"] = conflict
    return row


def _sized(place: Place, name: str, scale: Scale, absent: str) -> dict[str, Any]:
    """Return a size in pixels and in millimetres, with the reason where a value is missing."""
    square = "2" if name == "area" else ""
    measure = by_name(place.measures, name)
    pixels = place.details.get(f"{name}_px")
    value, low, high = pixels if isinstance(pixels, Sequence) and measure is not None else (None, None, None)
    row: dict[str, Any] = {
        f"value_px{square}": value,
        f"low_px{square}": low,
        f"high_px{square}": high,
    }
    world = _millimetres(measure, scale)
    row |= {f"{key}_mm{square}": number for key, number in zip(("value", "low", "high"), world, strict=True)}
    if measure is None:
        row["reason"] = absent
    elif value is None:
        row["reason"] = UNRESOLVED
    elif scale.gsd_mm is None:
        row["reason"] = NO_SCALE
    elif world[0] is None:
        row["reason"] = f"the scale is too uncertain ({scale.gsd_mm:g} +- {scale.sigma_mm or 0:g} mm/px): {UNRESOLVED}"
    return row


def _millimetres(measure: Measure | None, scale: Scale) -> tuple[float | None, float | None, float | None]:
    if measure is None or scale.gsd_mm is None or measure.unit not in TO_MM:
        return None, None, None
    factor = TO_MM[measure.unit]
    value, low, high = (
        None if number is None else number * factor for number in (measure.value, measure.low, measure.high)
    )
    return value, low, high


def _grade(grade: Grade) -> dict[str, Any]:
    return {
        "scheme": grade.scheme,
        "codes": list(grade.codes),
        "probabilities": list(grade.probabilities),
        "worst": grade.worst,
        "trace_ja": grade.trace_ja,
        "trace_en": grade.trace_en,
        "standard": grade.standard,
        "version": grade.version,
        "status": grade.status,
        "alternatives": [
            {
                "if_ja": case.words_ja,
                "if_en": case.words_en,
                "codes": list(case.codes),
                "probabilities": list(case.probabilities),
                "structure": case.structure,
            }
            for case in grade.alternatives
        ],
    }


def table(measured: Measured) -> list[tuple[str, ...]]:
    """Return the cells of `COLUMNS`, one row a finding."""
    rows = []
    pairs = zip(measured.places, measured.names, measured.grades, strict=True)
    for number, (place, name, grade) in enumerate(pairs, start=1):
        sizes = [_text(by_name(place.measures, key)) for key in ("length", *WIDTHS.values(), "area")]
        label = damage_type(place.damage).label(grade)
        rows.append((str(number), name, label, *sizes, _lie(place), grade.trace_en))
    return rows


def _lie(place: Place) -> str:
    """Return how a crack lies: its direction, the pattern of its group and the spacing, else what an area has more."""
    facts = place.details
    words = []
    if facts.get("orientation_spread_deg", 90.0) < NO_DIRECTION_DEG:
        words.append(f"{facts['orientation_deg']:.0f}°")
    if "pattern_class" in facts:
        many = f" of {facts['pattern_cracks']}" if facts["pattern_cracks"] > 1 else ""
        words.append(f"{facts['pattern_class']}{many}")
    more = ("min_spacing", "rebar_length", "streak_length", "extent", "area_share")
    words += [measure_text(found) for name in more if (found := by_name(place.measures, name)) is not None]
    return ", ".join(words) or "-"


def _text(measure: Measure | None) -> str:
    return "-" if measure is None else in_words(measure)
