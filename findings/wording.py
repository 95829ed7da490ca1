"""Numbers, measures and scales in words, Japanese or English: one place, so that lists, sheets and reports agree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from findings.measure import Measure, by_name
from findings.survey import Scale, ScaleSource

Language = Literal["ja", "en"]

UNITS = {"px2": "px²", "m2": "m²", "mm2": "mm²", "m3": "m³", "ratio": ""}

MEASURE_NAMES: Mapping[str, tuple[str, str]] = {
    "width_p50": ("幅(中央値)", "median width"),
    "width_p95": ("幅(95%点)", "width"),
    "width_max": ("最大幅", "largest width"),
    "length": ("長さ", "length"),
    "area": ("面積", "area"),
    "perimeter": ("周長", "perimeter"),
    "count": ("箇所数", "count"),
    "min_spacing": ("最小間隔", "spacing"),
    "rebar_length": ("露出鉄筋長", "bare steel"),
    "streak_length": ("錆汁の長さ", "rust streak"),
    "displacement": ("変位", "shift"),
    "plan_cover_ratio": ("平面占有率(参考)", "cover"),
    "section_share": ("横断面の占有率", "share of the section"),
    "depth": ("深さ", "depth"),
    "step": ("段差", "step"),
    "rust_flake": ("錆の大きさ", "rust flakes"),
    "loose_share": ("ゆるみ・脱落の割合", "loose share"),
    "loose_count": ("ゆるみ・脱落本数", "loose bolts"),
    "group_count": ("一群の本数", "bolts of the group"),
    "crest_shortfall": ("堤防高の不足", "crest shortfall"),
    "footing_embedment": ("基礎の根入れ", "footing embedment"),
    "area_share": ("面積率", "share of area"),
    "extent": ("範囲の大きさ", "extent"),
    "retreat_rate": ("後退速度", "retreat rate"),
    "width_gain": ("幅の増加", "gain in width"),
    "growth_rate": ("拡大速度", "growth rate"),
    "mouth_width": ("河口の開口幅", "open width of the mouth"),
    "plan_open_ratio": ("平面開口率(参考)", "open share in plan"),
    "turbidity_index": ("濁りの指標(相対)", "turbidity index (relative)"),
}
"""Names of measures, ja and en; another name is shown as it is, with spaces."""

SCALE_SOURCES: Mapping[ScaleSource, str] = {
    ScaleSource.LASER_RANGE: "レーザー測距",
    ScaleSource.GIVEN_GSD: "入力値",
    ScaleSource.STAND_OFF: "離隔距離",
    ScaleSource.NADIR_ALTITUDE: "対地高度",
    ScaleSource.GROUND_POSE: "姿勢と地表面",
    ScaleSource.GEOREFERENCE: "座標参照系",
    ScaleSource.BUNDLE: "SfM",
    ScaleSource.UNKNOWN: "不明",
}


METRE_FROM_MM = 1000.0
"""Pixels from this size on are told in metres."""


def number(value: float) -> str:
    """Return a value with three significant digits and never in powers of ten: ``0.31``, ``12.4``, ``3120``."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return fixed(value, min(decimals, 6))


def measure_name(name: str, language: Language = "en") -> str:
    """Return what a measure is called."""
    ja, en = MEASURE_NAMES.get(name, (name.replace("_", " "),) * 2)
    return ja if language == "ja" else en


def measure_text(measure: Measure, language: Language = "en") -> str:
    """Return one measure with its 95 % interval: ``width 0.31 ± 0.07 mm``, ``width below 0.4 mm``.

    An interval that is not even reads ``width 0.31 mm (0.24 to 0.45)``. The uncertainty decides how many digits are
    written; metres below 1 are written in millimetres.
    """
    return f"{measure_name(measure.name, language)} {measured(measure, language)}".rstrip()


def main_measures(measures: Sequence[Measure]) -> list[Measure]:
    """Return the few measures that a list has room for: a crack's width and length, else the first ones.

    Real units come first; pixels stand in where the scale is unknown.
    """
    real = [measure for measure in measures if not measure.unit.startswith("px")]
    known = real or list(measures)
    if by_name(tuple(known), "width_p95") is not None:
        return [measure for measure in known if measure.name in ("width_p95", "length")]
    return known[:3]


def measured(measure: Measure, language: Language = "en") -> str:
    """Return value, interval and unit of a measure without its name."""
    factor, unit = (1000.0, "mm") if _is_short(measure) else (1.0, UNITS.get(measure.unit, measure.unit))
    low, high = (None if end is None else end * factor for end in (measure.low, measure.high))
    ja = language == "ja"
    if measure.value is None:
        if high is None:
            return "未計測" if ja else "not measured"
        return f"{number(high)} {unit}以下" if ja else f"below {number(high)} {unit}".rstrip()
    value = measure.value * factor
    if low is None or high is None:
        return f"{number(value)} {unit}".rstrip()
    down, up = value - low, high - value
    digits = digits_of(max(down, up))
    if min(down, up) >= 0 and abs(up - down) <= 0.05 * max(up, down):
        return f"{fixed(value, digits)} ± {fixed((up + down) / 2, digits)} {unit}".rstrip()
    ends = f"{fixed(low, digits)}～{fixed(high, digits)}" if ja else f"{fixed(low, digits)} to {fixed(high, digits)}"
    return f"{fixed(value, digits)} {unit} ({ends})".replace("  ", " ")


def scale_text(scale: Scale, language: Language = "en") -> str:
    """Return the ground sample distance with its 1 sigma and source, or that it is unknown."""
    ja = language == "ja"
    if scale.gsd_mm is None:
        return "縮尺不明: 寸法は画素のみ" if ja else "scale unknown: sizes in pixels only"
    source = SCALE_SOURCES[scale.source] if ja else scale.source.value.replace("_", " ")
    unit, factor = ("m", 1000.0) if scale.gsd_mm >= METRE_FROM_MM else ("mm", 1.0)
    if not scale.sigma_mm:
        return f"{number(scale.gsd_mm / factor)} {unit}/px ({source})"
    digits = digits_of(scale.sigma_mm / factor)
    sigma = fixed(scale.sigma_mm / factor, digits)
    return f"{fixed(scale.gsd_mm / factor, digits)} ± {sigma} {unit}/px ({source})"


def digits_of(uncertainty: float) -> int:
    """Return the decimals that show two digits of an uncertainty; below 0: how many digits become zeros."""
    return min(6, 1 - math.floor(math.log10(uncertainty))) if uncertainty > 0 else 3


def fixed(value: float, digits: int) -> str:
    """Return a value with so many decimals and thin groups of thousands, as ``10 300``."""
    return f"{round(value, digits):,.{max(0, digits)}f}".replace(",", " ")


def _is_short(measure: Measure) -> bool:
    largest = measure.value if measure.value is not None else measure.high
    return measure.unit == "m" and largest is not None and abs(largest) < 1.0
