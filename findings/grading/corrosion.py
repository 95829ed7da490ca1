"""① 腐食: depth x area; a photograph cannot tell the depth, so two grades remain unless somebody measured it ([L3])."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from findings.errors import GradingError
from findings.finding import Grade
from findings.grading.chance import chances
from findings.grading.interval import SHARE, interval, no_more_than_all
from findings.grading.trace import Words, alternative, make_grade, number
from findings.measure import Measure, by_name
from findings.standard import load_standard
from findings.taxonomy import damage_type


def grade_corrosion(measures: tuple[Measure, ...], details: Mapping[str, Any]) -> Grade:
    """Return the grades that area and depth of corrosion leave possible.

    Args:
        measures: ``area_share`` (ratio): corroded share of the part looked at (着目部分); absent where unknown.
        details: ``corrosion_depth``: ``small``, ``large`` (marked swelling or loss of plate), or absent.

    Raises:
        GradingError: the depth is another word, or the share's interval is out of order or above 1.
    """
    rule = load_standard("grade_rules")["corrosion"]
    depth = details.get("corrosion_depth")
    if depth not in (None, "small", "large"):
        raise GradingError(f"corrosion_depth is {depth!r}; expected small, large, or nothing where it is unknown")
    share = by_name(measures, rule["area_measure"])
    no_more_than_all(share)
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
    ladder, part = damage_type("1").grades, chances(share, SHARE, [rule["large_area_from"]])
    weighed = None if part is None else {"small": part[0], "large": part[1]}
    cases = []
    for one in depths:
        codes = {rule["grade"][one][a]: 0.0 if weighed is None else weighed[a] for a in areas}
        words = Words(**rule["depth_words"][one])
        cases.append(alternative(words, ladder, list(codes) if weighed is None else codes))
    return make_grade(rule, ladder, {c for one in cases for c in one.codes}, facts, reasons, alternatives=cases)
