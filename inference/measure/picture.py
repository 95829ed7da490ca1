"""Everything that one picture shows, measured: cracks with their pattern, areas with their extent, bars and streaks.

The pipeline and the command ``measure`` both come through here, so that a mask drawn by hand and a network's map give
the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from findings.measure import Measure
from findings.survey import Image
from inference.judgement import Place
from inference.measure.area import Sized, View, measure_area, measure_extent, measure_perimeter
from inference.measure.crack import measure_crack
from inference.measure.lines import Lines, lines_of, orientation
from inference.measure.pattern import Pattern, find_patterns
from inference.measure.rebar import bars_of, measure_rebar
from inference.measure.scale import scale_at
from inference.measure.spacing import spacing_m
from inference.measure.steel import measure_area_share
from inference.measure.streak import measure_streak
from inference.regions import LINEAR_DAMAGES, Region
from models.card import ClassSpec

SLABS = frozenset({"Ds"})  # members whose cracks are ⑪ 床版ひびわれ, not ⑥ ひびわれ
CRACK, SLAB_CRACK, SPALLING, CORROSION = "6", "11", "7", "1"
BAR, RUST = "rebar_exposed", "rust"


@dataclass(frozen=True, slots=True)
class Found:
    """The regions of one class in one picture.

    Attributes:
        spec: the class.
        plane: ``(H, W)`` probability of the class.
        regions: in the order in which they shall be listed.
    """

    spec: ClassSpec
    plane: NDArray[np.float32]
    regions: tuple[Region, ...]


def measure_picture(
    image: Image, grey: NDArray[np.float32], found: Sequence[Found], view: View, *, steel: bool = False
) -> list[Place]:
    """Return the measured places of a picture, class by class.

    Args:
        image: scale, quality, pose and member of the picture.
        grey: ``(H, W)`` values 0..255, NaN where nothing was observed or nothing may be judged.
        found: the regions of each class.
        view: what of the picture may be judged; shares are relative to it.
        steel: the picture shows steel: rust is ① 腐食 there, not rust out of concrete (⑧).
    """
    bars = tuple(r for one in found if one.spec.facts.get(BAR) for r in one.regions)
    places: list[Place] = []
    for one in found:
        corroded = one.spec.damage == CORROSION or (steel and one.spec.name == RUST)
        if one.spec.damage in LINEAR_DAMAGES:
            made = _cracks(image, grey, one)
        else:
            made = _areas(image, one, view, bars, streaks=one.spec.name == RUST and not corroded)
            made = _corroded(made, one, view) if corroded else made
        several = sum(other.spec.damage == one.spec.damage for other in found) > 1
        places += [replace(place, label=one.spec.name) for place in made] if several else made
    return places


def _cracks(image: Image, grey: NDArray[np.float32], one: Found) -> list[Place]:
    lines = [lines_of(region) for region in one.regions]
    patterns = find_patterns(lines)
    scales = [scale_at(image, region) for region in one.regions]
    spacings = spacing_m(one.regions, scales)
    on_slab = one.spec.damage == CRACK and image.member in SLABS
    places = []
    for region, scale, line, pattern, spacing in zip(one.regions, scales, lines, patterns, spacings, strict=True):
        branches = list(line.branches)
        measures, details = measure_crack(grey, one.plane, region, scale, image.quality, branches=branches)
        area = measure_area(region, scale)
        near = _closest(spacing, pattern.spacing(scale) if pattern is not None else None)
        measures = (*measures, area.measure, *([near] if near is not None else []))
        details = {**one.spec.facts, **details, **area.fact, **orientation(line), **_pattern(pattern, on_slab)}
        details |= {"fragments": region.fragments, "count_in_picture": len(one.regions)}
        damage = SLAB_CRACK if on_slab else one.spec.damage
        places.append(Place(damage, region.polygon_px, region.score, measures, details, scale))
    return places


def _closest(beside: Measure | None, within: Measure | None) -> Measure | None:
    """Return the smaller of two spacings: to the nearest crack beside, and between the lines of one crack's pattern."""
    known = [m for m in (beside, within) if m is not None and m.value is not None]
    return min(known, key=lambda m: m.value or 0.0, default=None)


def _pattern(pattern: Pattern | None, on_slab: bool) -> dict[str, Any]:
    """Return the pattern as details; ``pattern`` is the rule's word and is stated on deck slabs alone."""
    if pattern is None:
        return {}
    return pattern.facts | ({"pattern": pattern.slab} if on_slab else {})


def _areas(image: Image, one: Found, view: View, bars: Sequence[Region], *, streaks: bool) -> list[Place]:
    extent = measure_extent(one.regions, view) if one.regions else None
    shared = [] if extent is None else [extent]
    places = []
    for region in one.regions:
        scale = scale_at(image, region)
        sizes = [measure_area(region, scale), measure_perimeter(region, scale)]
        details: dict[str, Any] = dict(one.spec.facts)
        if streaks:
            streak, facts = measure_streak(region, scale, image.view)
            sizes.append(streak)
            details |= facts
        rebar = _rebar(image, one.spec, region, bars)
        sizes += [rebar] if rebar is not None else []
        for size in sizes:
            details |= size.fact
        details["count_in_picture"] = len(one.regions)
        measures = (*(size.measure for size in sizes), *shared)
        places.append(Place(one.spec.damage, region.polygon_px, region.score, measures, details, scale))
    return places


def _corroded(places: Sequence[Place], one: Found, view: View) -> list[Place]:
    """Return places of rust on steel as ① corrosion, with the share that its rule asks for."""
    share = measure_area_share(one.regions, view)
    more = () if share is None else (share,)
    return [
        replace(
            place,
            damage=CORROSION,
            label=one.spec.name if one.spec.name == RUST else place.label,
            measures=(*place.measures, *more),
            details={key: value for key, value in place.details.items() if key not in one.spec.facts},
        )
        for place in places
    ]


def _rebar(image: Image, spec: ClassSpec, region: Region, bars: Sequence[Region]) -> Sized | None:
    """Return the length of the bar that a region is, or of those that lie in a spall."""
    if spec.damage != SPALLING:
        return None
    mine = [region] if spec.facts.get(BAR) else [bars[i] for i in bars_of(region, bars)]
    lines: list[Lines] = [lines_of(bar) for bar in mine]
    return measure_rebar(mine, [line.branches for line in lines], scale_at(image, region))
