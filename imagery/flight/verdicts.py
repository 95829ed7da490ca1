"""From the adjusted flight to what is said of each picture, each pair and the whole."""

from __future__ import annotations

import cmath
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagery.flight.adjust import Adjusted
from imagery.flight.pairs import overlaps
from imagery.flight.register import Registration
from imagery.flight.report import Agreement, FlightReport, GsdCheck, ImageCheck, PairCheck, Verdict
from imagery.flight.stations import Station, wrapped, yaw_deg
from imagery.flight.turn import Turn, TurnKind, corrected_factor

if TYPE_CHECKING:
    from imagery.flight.check import Evidence, Solution

FEW_FEATURES = 150  # of a sharp picture of grass or concrete there are thousands
BLURRED_PX = 4.0
OFF_PLACE_SIGMAS = (
    5.0  # of a recorded place: 4 in a million by chance; the sigma itself errs by a fifth on small flights
)
LEAST_OFF_M = 1.0
LOOSE_SHARE = 0.25  # of the spacing: neighbours that give a place no better do not check it
LOW_WEIGHT = 0.1


def report_of(evidence: Evidence, solution: Solution) -> FlightReport:
    """Return the report."""
    pairs = [_pair_check(evidence, solution, k) for k in range(len(evidence.registrations))]
    groups = _groups(evidence)
    main = max(groups, key=len) if groups else set()
    images = [_image_check(evidence, solution, i, main) for i in range(len(evidence.flight.stations))]
    images += [
        ImageCheck(image.uid, Path(image.path).name, Verdict.LEFT_OUT, f"not checked: {reason}")
        for image, reason in evidence.flight.left_out
    ]
    adjusted = solution.adjusted
    with_residual = [pair for pair in pairs if pair.residual_m is not None]
    return FlightReport(
        images=tuple(images),
        pairs=tuple(pairs),
        gsd=None if adjusted is None else _gsd_check(evidence, adjusted),
        place_sigma_m=None if adjusted is None else adjusted.place_sigma_m,
        place_sigma_estimated=adjusted is not None and adjusted.estimated,
        median_pair_m=_median([pair.residual_m for pair in with_residual]),
        median_pair_percent=_median([pair.residual_percent for pair in with_residual]),
        median_image_m=_median([image.residual_m for image in images]),
        median_image_percent=_median([image.residual_percent for image in images]),
        notes=tuple(_notes(evidence, solution, images, groups)),
    )


def _pair_check(evidence: Evidence, solution: Solution, k: int) -> PairCheck:
    pair = evidence.registrations[k]
    one, two = evidence.flight.stations[pair.first], evidence.flight.stations[pair.second]
    predicted = None if one.place_m is None or two.place_m is None else two.place_m - one.place_m
    recorded = _registered(pair, one.factor, two.factor)
    right = _registered(pair, _right(solution, one, pair.first), _right(solution, two, pair.second))
    residual = None if predicted is None or right is None else abs(right - predicted)
    rotation_error = ratio_error = None
    if one.factor is not None and two.factor is not None:
        rotation_error = wrapped(pair.rotation_deg - (yaw_deg(two.factor) - yaw_deg(one.factor)))
        ratio_error = abs(pair.factor) / (abs(one.factor) / abs(two.factor)) - 1.0
    return PairCheck(
        first=one.name,
        second=two.name,
        follows=pair.second == pair.first + 1,
        predicted_en_m=_en(predicted),
        registered_en_m=_en(right),
        residual_m=residual,
        residual_percent=100.0 * residual / abs(predicted) if residual is not None and predicted else None,
        as_recorded_m=None if predicted is None or recorded is None else abs(recorded - predicted),
        rotation_deg=pair.rotation_deg,
        rotation_error_deg=rotation_error,
        scale_ratio_error=ratio_error,
        inliers=pair.inliers,
        matches=pair.matches,
        weight=1.0 if solution.adjusted is None else float(solution.adjusted.weights[k]),
    )


def _registered(pair: Registration, one: complex | None, two: complex | None) -> complex | None:
    """Return the offset of the centres by the overlap: what both see lies at one place."""
    return None if one is None or two is None else one * pair.centroid_first - two * pair.centroid_second


def _right(solution: Solution, station: Station, index: int) -> complex | None:
    return None if station.factor is None else corrected_factor(station.factor, solution.turns.get(index))


def _image_check(evidence: Evidence, solution: Solution, index: int, main: set[int]) -> ImageCheck:
    station = evidence.flight.stations[index]
    partners = _partners(evidence.registrations, index)
    candidates = sum(index in pair for pair in evidence.candidates)
    features, adjusted = evidence.features.get(index), solution.adjusted
    base = ImageCheck(station.image.uid, station.name, Verdict.UNCHECKED, "", candidates=candidates, features=features)
    if index in evidence.unreadable:
        return replace(base, verdict=Verdict.NOT_READ, words=evidence.unreadable[index])
    if not partners or adjusted is None:
        return replace(base, verdict=Verdict.ALONE, words=_why_alone(evidence, index, candidates, features or 0))
    place, factor = complex(adjusted.places_m[index]), complex(adjusted.factors[index])
    residual = None if station.place_m is None else station.place_m - place
    spacing = _spacing(evidence, index, partners)
    turn = solution.turns.get(index)
    verdict, words = _verdict(adjusted, index, residual, partners, spacing, turn, in_main=index in main)
    return replace(
        base,
        verdict=verdict,
        words=words,
        neighbours=len(partners),
        turn=turn,
        residual_en_m=_en(residual),
        residual_m=None if residual is None else abs(residual),
        residual_percent=100.0 * abs(residual) / spacing if residual is not None and spacing else None,
        sigma_m=float(adjusted.sigmas_m[index]),
        yaw_error_deg=solution.yaw_errors_deg.get(index),
        scale_ratio=None if station.factor is None else abs(factor) / abs(station.factor),
        adjusted_lonlat=evidence.flight.lonlat(place) if cmath.isfinite(place) else None,
    )


def _verdict(
    adjusted: Adjusted,
    index: int,
    residual: complex | None,
    partners: list[int],
    spacing: float | None,
    turn: Turn | None,
    *,
    in_main: bool,
) -> tuple[Verdict, str]:
    said = [] if turn is None else [turn.words]
    limit = max(OFF_PLACE_SIGMAS * adjusted.place_sigma_m, 3.0 * float(adjusted.sigmas_m[index]), LEAST_OFF_M)
    off = residual is not None and abs(residual) > limit
    if residual is None:
        said.append("no recorded place; its neighbours give one")
    elif off:
        said.append(
            f"recorded place is {abs(residual):.1f} m off, {_compass(residual)} of where {_count(partners)} "
            f"put it; expected up to {limit:.1f} m"
        )
    if not in_main:
        said.append("belongs to a group of pictures that fits none of the others")
    if turn is not None:
        return Verdict.TURNED, "; ".join(said)
    if off:
        return Verdict.OFF_PLACE, "; ".join(said)
    if not in_main:
        return Verdict.APART, "; ".join(said)
    if residual is None:
        return Verdict.UNCHECKED, "; ".join(said)
    if spacing is None or _sigma_by_others(adjusted, index) > LOOSE_SHARE * spacing:
        return Verdict.UNCHECKED, f"fits {_count(partners)}, too few or too near to check its place"
    return Verdict.AGREES, f"agrees with {_count(partners)}"


def _sigma_by_others(adjusted: Adjusted, index: int) -> float:
    """Return the 1-sigma, an axis, of a place as the neighbours alone give it: without its own record."""
    sigma, own = float(adjusted.sigmas_m[index]), adjusted.place_sigma_m
    return float("inf") if sigma >= own else sigma / float(np.sqrt(1.0 - (sigma / own) ** 2))


def _count(partners: list[int]) -> str:
    return f"{len(partners)} neighbour{'s' if len(partners) > 1 else ''}"


def _compass(offset: complex) -> str:
    names = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
    return names[round(yaw_deg(offset / 1j) / 45.0) % 8]


def _why_alone(evidence: Evidence, index: int, candidates: int, features: int) -> str:
    """Return why a picture fits nobody, as far as it can be told."""
    station = evidence.flight.stations[index]
    blur = station.image.quality.blur_px
    if features < FEW_FEATURES:
        blurred = f", blur {blur:.1f} px" if blur is not None and blur > BLURRED_PX else ""
        return f"fits nobody: hardly any texture ({features} features{blurred}): water, fog, darkness or blur"
    if blur is not None and blur > BLURRED_PX:
        return f"fits nobody: blurred ({blur:.1f} px)"
    overlapping = _overlapping(evidence, index)
    if overlapping == 0:
        return f"fits nobody: by its record it overlaps none of the others ({features} features)"
    return (
        f"fits none of the {overlapping} pictures that it should overlap, though it shows texture ({features} "
        "features): another flight, another place or date, a wrong position, or moving water"
    )


def _overlapping(evidence: Evidence, index: int) -> int:
    stations = evidence.flight.stations
    others = [j for pair in evidence.candidates if index in pair for j in pair if j != index]
    return sum(overlaps(stations[index], stations[j]) for j in others)


def _gsd_check(evidence: Evidence, adjusted: Adjusted) -> GsdCheck | None:
    stations = evidence.flight.stations
    used = [i for i in range(len(stations)) if cmath.isfinite(complex(adjusted.factors[i]))]
    recorded = [abs(stations[i].factor or 0j) for i in used if stations[i].factor is not None]
    if adjusted.scale is None or adjusted.scale_sigma is None or not recorded:
        sizes = np.abs(adjusted.factors[used])
        sigma = float(np.median(adjusted.factor_sigmas[used]) * np.median(sizes))
        return GsdCheck(1000.0 * float(np.median(sizes)), 1000.0 * sigma, None, None, "", None)
    if adjusted.scale_sigma > 0.5 * adjusted.scale:
        return None  # the places are too close together to say anything
    gsd = 1000.0 * float(np.median(recorded))
    measured, sigma = gsd * adjusted.scale, gsd * adjusted.scale_sigma
    scales = [stations[i].image.scale for i in used if stations[i].image.scale.gsd_mm is not None]
    recorded_sigma = _median([scale.sigma_mm for scale in scales])
    source = scales[0].source.value if scales else "footprint"
    return GsdCheck(measured, sigma, gsd, recorded_sigma, source, _agreement(measured - gsd, sigma, recorded_sigma))


def _agreement(difference: float, sigma: float, recorded_sigma: float | None) -> Agreement:
    if abs(difference) <= 2.0 * sigma:
        return Agreement.AGREES
    both = 2.0 * float(np.hypot(sigma, recorded_sigma or 0.0))
    return Agreement.WITHIN_RECORD if abs(difference) <= both else Agreement.DISAGREES


def _notes(evidence: Evidence, solution: Solution, images: list[ImageCheck], groups: list[set[int]]) -> list[str]:
    notes = []
    turns, judged = solution.turns, len(solution.yaw_errors_deg)
    kinds = {turn.kind for turn in turns.values()}
    if judged >= 3 and len(turns) == judged and len(kinds) == 1:
        kind = next(iter(kinds))
        why = "the record counts directions anticlockwise" if kind is TurnKind.YAW_SIGN else (
            "the camera is mounted that way, or the whole flight was turned afterwards"
        )  # fmt: skip
        notes.append(f"all {judged} pictures have the same error ({kind.value.replace('_', ' ')}): {why}")
    if len(groups) > 1:
        sizes = ", ".join(str(len(group)) for group in sorted(groups, key=len, reverse=True))
        notes.append(f"the pictures fall into {len(groups)} groups without common ground ({sizes} pictures)")
    for verdict, words in (
        (Verdict.ALONE, "registered with nobody"),
        (Verdict.OFF_PLACE, "recorded elsewhere than their overlap says"),
        (Verdict.NOT_READ, "could not be read"),
    ):
        names = [image.name for image in images if image.verdict is verdict]
        if names:
            notes.append(f"{len(names)} {words}: {', '.join(names)}")
    adjusted = solution.adjusted
    if adjusted is not None and (low := int((adjusted.weights < LOW_WEIGHT).sum())):
        notes.append(f"{low} of {len(adjusted.weights)} registrations contradict the rest and hardly count")
    return notes


def _groups(evidence: Evidence) -> list[set[int]]:
    """Return the connected groups of registered pictures."""
    links: dict[int, set[int]] = defaultdict(set)
    for pair in evidence.registrations:
        links[pair.first].add(pair.second)
        links[pair.second].add(pair.first)
    groups: list[set[int]] = []
    rest = set(links)
    while rest:
        group: set[int] = set()
        reached = {min(rest)}
        while reached:
            group |= reached
            reached = set().union(*(links[i] for i in reached)) - group
        groups.append(group)
        rest -= group
    return groups


def _partners(registrations: list[Registration], index: int) -> list[int]:
    found = [pair.second if pair.first == index else pair.first for pair in registrations
             if index in (pair.first, pair.second)]  # fmt: skip
    return sorted(set(found))


def _spacing(evidence: Evidence, index: int, partners: list[int]) -> float | None:
    """Return the recorded distance to the nearest registered neighbour."""
    here = evidence.flight.stations[index].place_m
    there = [evidence.flight.stations[j].place_m for j in partners]
    found = [abs(place - here) for place in there if place is not None and here is not None and place != here]
    return min(found) if found else None


def _en(place: complex | None) -> tuple[float, float] | None:
    return None if place is None else (place.real, place.imag)


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None
