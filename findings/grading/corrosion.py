"""① 腐食: depth x area; a photograph cannot tell the depth, so two grades remain unless somebody measured it ([L3])."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from findings.errors import GradingError
from findings.finding import Grade
from findings.grading.interval import interval
from findings.grading.trace import Words, make_grade, number
from findings.measure import Measure, by_name
from findings.standard import load_standard
from findings.taxonomy import damage_type

SHARE = {"ratio": 1.0}


def grade_corrosion(measures: tuple[Measure, ...], details: Mapping[str, Any]) -> Grade:
    """Return the grades that area and depth of corrosion leave possible.

    Args:
        measures: ``area_share`` (ratio): corroded share of the part looked at (着目部分); absent where unknown.
        details: ``corrosion_depth``: ``small``, ``large`` (marked swelling or loss of plate), or absent.

    Raises:
        GradingError: the depth is another word, or the share's interval is out of order.
    """
    rule = load_standard("grade_rules")["corrosion"]
    depth = details.get("corrosion_depth")
    if depth not in (None, "small", "large"):
        raise GradingError(f"corrosion_depth is {depth!r}; expected small, large, or nothing where it is unknown")
    share = by_name(measures, rule["area_measure"])
    span = interval(share, SHARE)
    areas = [a for a, touched in (("small", span.low < rule["large_area_from"]),
                                  ("large", span.high >= rule["large_area_from"])) if touched]  # fmt: skip
    depths = [depth] if depth else ["small", "large"]
    facts, reasons = [Words("腐食", "corrosion")], []
    if depth:
        facts.append(Words(**rule["depth_words"][depth]))
    else:
        reasons.append(Words("深さ(板厚減少)は写真から判定できない", "the depth cannot be told from a photograph"))
    if len(areas) == 1 and share is not None and share.value is not None:
        words = rule["area_words"][areas[0]]
        facts.append(
            Words(f"{words['ja']}({number(100 * share.value)}%)", f"{words['en']} ({number(100 * share.value)} %)")
        )
    elif len(areas) > 1:
        reasons.append(Words("着目部分に占める面積の割合が不明", "the share of the part looked at is unknown"))
    codes = {rule["grade"][d][a] for d in depths for a in areas}
    return make_grade(rule, damage_type("1").grades, codes, facts, reasons)
