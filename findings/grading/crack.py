"""⑥ ひびわれ: width class x spacing; ⑪ 床版ひびわれ: width, spacing and pattern (domain guide 1.5, 1.6; [L3])."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from findings.asset import Structure
from findings.finding import Alternative, Grade
from findings.grading.chance import above, chances
from findings.grading.interval import TO_M, TO_MM, UNBOUNDED, Interval, interval
from findings.grading.trace import Words, alternative, make_grade, number
from findings.measure import Measure
from findings.standard import load_standard
from findings.taxonomy import damage_type

STRUCTURES = ("RC", "PC")


def grade_crack(width: Measure, min_spacing: Measure | None, structure: Structure) -> Grade:
    """Return the grade of a concrete crack, or the set of grades that width, spacing and structure leave possible.

    A width that is not measured (no value, or an interval that reaches zero) never gives a single grade: where its
    upper bound would leave one alone, no damage (a) cannot be excluded either.

    Args:
        width: widest crack in mm (``px`` where no scale is known: then its class is unknown).
        min_spacing: smallest spacing of neighbouring cracks in m, or None where it is unknown.
        structure: RC or PC; anything else is graded both ways.

    Raises:
        GradingError: an interval is out of order, negative or not finite.
    """
    rule = load_standard("grade_rules")["crack"]
    ladder = damage_type("6").grades
    size, spacing = interval(width, TO_MM), interval(min_spacing, TO_M)
    known = structure.value in STRUCTURES
    kinds = (structure.value,) if known else STRUCTURES
    classes = {kind: _width_classes(size, rule["width_class_mm"][kind]) for kind in kinds}
    densities = _densities(spacing, rule["dense_if_spacing_below_m"])
    cases = _crack_cases(rule, ladder, width, min_spacing, classes, densities, known)
    possible = {code for one in cases for code in one.codes}
    reasons = _width_reasons(width, size, any(len(names) > 1 for names in classes.values()))
    if len(densities) > 1:
        reasons.append(_spacing_reason(min_spacing))
    by_kind = {
        one.structure: [(c.codes, c.probabilities) for c in cases if c.structure == one.structure] for one in cases
    }
    if not known and any(found != next(iter(by_kind.values())) for found in by_kind.values()):
        reasons.append(Words("RC・PCの別が不明のため両方で評価", "RC or PC unknown, graded both ways"))
    if len(possible) == 1 and not size.measured:
        possible.add(rule["no_damage"])
        reasons.append(Words("幅の区間が0を含み損傷なしを否定できない", "the width's interval reaches zero"))
    facts = [_width_fact(width, size, classes, rule["class_words"]), _spacing_fact(min_spacing, densities, rule)]
    return make_grade(rule, ladder, possible, facts, reasons, alternatives=cases)


def _crack_cases(
    rule: Mapping[str, Any],
    ladder: tuple[str, ...],
    width: Measure,
    spacing: Measure | None,
    classes: Mapping[str, tuple[str, ...]],
    densities: tuple[str, ...],
    known: bool,
) -> list[Alternative]:
    """Return one case for each structure and each density that nobody can weigh; width and spacing are independent."""
    part = chances(spacing, TO_M, [rule["dense_if_spacing_below_m"]])
    weighed = None if part is None else {"dense": part[0], "sparse": part[1]}
    suppositions: list[Mapping[str, float]] = [dict.fromkeys([one], 1.0) for one in densities]
    if weighed is not None:
        suppositions = [{one: weighed[one] for one in densities}]
    cases = []
    for kind, names in classes.items():
        of_width = chances(width, TO_MM, list(rule["width_class_mm"][kind].values())[1:])
        for density in suppositions:
            chance = dict.fromkeys((rule["grade"][c][d] for c in names for d in density), 0.0)
            for name, p in zip(rule["classes"], of_width or (), strict=False):
                for d, q in density.items() if name in names else ():
                    chance[rule["grade"][name][d]] += p * q
            words = _supposed(rule, None if known else kind, None if weighed else next(iter(density)))
            cases.append(alternative(words, ladder, chance if of_width else list(chance), None if known else kind))
    return cases


def _supposed(rule: Mapping[str, Any], kind: str | None, density: str | None) -> Words:
    words = [Words(kind, kind)] if kind else []
    words += [Words(rule["density_words"][density]["ja"], rule["density_words"][density]["en"])] if density else []
    return Words("・".join(w.ja for w in words), " ".join(w.en for w in words))


def grade_slab_crack(width: Measure, min_spacing: Measure | None, details: Mapping[str, Any]) -> Grade:
    """Return the grades that width, spacing and pattern leave possible for a crack in the underside of a deck slab.

    The criteria are intersected; where they contradict each other the whole range between them remains.

    Args:
        width: widest crack in mm, or in px where no scale is known.
        min_spacing: smallest spacing in m, or None.
        details: ``pattern``: ``one_way``, ``near_grid`` or ``grid``; absent where it is unknown.

    Raises:
        GradingError: an interval is out of order, negative or not finite.
    """
    rule = load_standard("grade_rules")["slab_crack"]
    ladder = damage_type("11").grades
    size, spacing = interval(width, TO_MM), interval(min_spacing, TO_M)
    pattern = str(details.get("pattern"))
    criteria = [_slab_width(size, rule), _slab_spacing(spacing, rule), set(rule["patterns"].get(pattern, ladder))]
    possible = set.intersection(*criteria)
    open_ended = pattern not in rule["patterns"] or spacing == UNBOUNDED
    reasons = _width_reasons(width, size, len(criteria[0]) > 1)
    if len(criteria[1]) > 1:
        reasons.append(_spacing_reason(min_spacing))
    if pattern not in rule["patterns"]:
        reasons.append(Words("ひびわれパターン不明", "pattern unknown"))
    widened = not possible
    if widened:
        ranks = [ladder.index(code) for criterion in criteria for code in criterion]
        possible = set(ladder[min(ranks) : max(ranks) + 1])
        reasons = [Words("幅・間隔・パターンの評価が一致しない", "width, spacing and pattern disagree")]
    if len(possible) == 1 and not size.measured:
        widened = True
        possible.add(rule["no_damage"])
        reasons.append(Words("幅の区間が0を含む", "the width's interval reaches zero"))
    elif len(possible) == 1 and open_ended:  # a criterion that nobody knows may still raise the grade by one
        widened = True
        possible |= set(ladder[ladder.index(max(possible)) : ladder.index(max(possible)) + 2])
    facts = [_width_words(width, size), _spacing_words(min_spacing)]
    if pattern in rule["patterns"]:
        facts.append(Words(**rule["pattern_words"][pattern]))
    chance = _slab_chance(rule, width, min_spacing, set(rule["patterns"].get(pattern, ladder)))
    return make_grade(rule, ladder, possible, facts, reasons, None if widened else chance)


def _slab_chance(
    rule: Mapping[str, Any], width: Measure, spacing: Measure | None, by_pattern: set[str]
) -> dict[str, float] | None:
    """Return the probability of each code where every row of width and spacing that can be leaves exactly one."""
    rows = rule["width_mm"]
    of_width = chances(width, TO_MM, [above(row["upto"]) for row in rows[:-1]])
    of_spacing = chances(spacing, TO_M, [row["from"] for row in reversed(rule["spacing_m"][:-1])])
    if of_width is None or of_spacing is None:
        return None
    chance: dict[str, float] = {}
    for row, p in zip(rows, of_width, strict=True):
        for gap, q in zip(reversed(rule["spacing_m"]), of_spacing, strict=True):
            if p * q == 0:
                continue
            common = set(row["grades"]) & set(gap["grades"]) & by_pattern
            if len(common) != 1:
                return None
            code = common.pop()
            chance[code] = chance.get(code, 0.0) + p * q
    return chance


def _width_classes(size: Interval, limits: Mapping[str, float]) -> tuple[str, ...]:
    """Return the width classes that the interval touches; lower bounds are inclusive."""
    names = list(limits)
    uppers = [*list(limits.values())[1:], math.inf]
    return tuple(n for n, upper in zip(names, uppers, strict=True) if size.low < upper and size.high >= limits[n])


def _densities(spacing: Interval, limit_m: float) -> tuple[str, ...]:
    dense = ("dense",) if spacing.low < limit_m else ()
    sparse = ("sparse",) if spacing.high >= limit_m else ()
    return sparse + dense


def _slab_width(size: Interval, rule: Mapping[str, Any]) -> set[str]:
    lower, codes = -1.0, set()
    for row in rule["width_mm"]:
        upper = math.inf if row["upto"] is None else row["upto"]
        if size.low <= upper and size.high > lower:
            codes |= set(row["grades"])
        lower = upper
    return codes


def _slab_spacing(spacing: Interval, rule: Mapping[str, Any]) -> set[str]:
    upper, codes = math.inf, set()
    for row in rule["spacing_m"]:
        if spacing.high >= row["from"] and (spacing.low < upper or math.isinf(upper)):
            codes |= set(row["grades"])
        upper = row["from"]
    return codes


def _width_reasons(width: Measure, size: Interval, several: bool) -> list[Words]:
    if not several:
        return []
    if width.unit not in TO_MM:
        return [Words("縮尺不明のため幅区分を判定できない", "scale unknown, the width class cannot be told")]
    if math.isinf(size.high):
        return [Words("幅の計測値がない", "the width was not measured")]
    if not size.measured:
        return [Words("分解能不足のため幅は上限のみ", "resolution insufficient, only an upper bound of the width")]
    if size.certain:
        return [Words("幅だけでは程度が定まらない", "the width alone does not decide")]
    return [Words("幅の95%区間が区分の境界をまたぐ", "the width's 95 % interval straddles a class limit")]


def _spacing_reason(spacing: Measure | None) -> Words:
    if interval(spacing, TO_M) == UNBOUNDED:
        return Words("ひびわれ間隔が不明", "spacing unknown")
    return Words("間隔の区間が境界をまたぐ", "the spacing's interval straddles the limit")


def _width_words(width: Measure, size: Interval) -> Words:
    """Return the width as a fact: value and interval, or its upper bound, or that it is unknown."""
    name = (
        Words("最大幅(95%点)", "max width (95th percentile)")
        if width.name == "width_p95"
        else Words("最大幅", "max width")
    )
    if width.unit not in TO_MM:
        value = "" if width.value is None else f"{number(width.value)}{width.unit}"
        return Words(f"{name.ja}{value}(縮尺不明)", f"{name.en} {value} (no scale)".replace("  ", " "))
    if math.isinf(size.high):
        return Words(f"{name.ja}不明", f"{name.en} unknown")
    if width.value is None:
        return Words(f"{name.ja}{number(size.high)}mm以下", f"{name.en} up to {number(size.high)} mm")
    value = number(width.value * TO_MM[width.unit])
    if size.certain:
        return Words(f"{name.ja}{value}mm", f"{name.en} {value} mm")
    bounds = (number(size.low), number(size.high))
    return Words(f"{name.ja}{value}mm[{bounds[0]}～{bounds[1]}]", f"{name.en} {value} mm [{bounds[0]} to {bounds[1]}]")


def _width_fact(
    width: Measure, size: Interval, classes: Mapping[str, tuple[str, ...]], words: Mapping[str, Mapping[str, str]]
) -> Words:
    """Return the width with its class in the manual's words: ``最大幅0.35mm(RC 大)``."""
    base = _width_words(width, size)
    if width.unit not in TO_MM or math.isinf(size.high):
        return base
    ja = "・".join(f"{kind} {'～'.join(_ends([words[c]['ja'] for c in names]))}" for kind, names in classes.items())
    en = ", ".join(f"{kind} {' to '.join(_ends([words[c]['en'] for c in names]))}" for kind, names in classes.items())
    return Words(f"{base.ja}({ja})", f"{base.en} ({en})")


def _ends(names: list[str]) -> list[str]:
    return names if len(names) < 2 else [names[0], names[-1]]


def _spacing_words(spacing: Measure | None) -> Words:
    if spacing is None or spacing.unit not in TO_M or (spacing.value, spacing.low, spacing.high) == (None, None, None):
        return Words("間隔不明", "spacing unknown")
    factor = TO_M[spacing.unit]
    if spacing.value is not None:
        text = number(spacing.value * factor)
        return Words(f"間隔{text}m", f"spacing {text} m")
    if spacing.low is not None:
        text = number(spacing.low * factor)
        return Words(f"間隔{text}m以上", f"spacing {text} m or more")
    text = number((spacing.high or 0.0) * factor)
    return Words(f"間隔{text}m以下", f"spacing up to {text} m")


def _spacing_fact(spacing: Measure | None, densities: tuple[str, ...], rule: Mapping[str, Any]) -> Words:
    base = _spacing_words(spacing)
    if len(densities) > 1:
        return base
    density = rule["density_words"][densities[0]]
    return Words(f"{base.ja}({density['ja']})", f"{base.en} ({density['en']})")
