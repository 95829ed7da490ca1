"""Sights of one survey grouped into defects: one damage in several pictures is one defect, led by its best sight.

Two sights show one damage if both have the same damage (and class of the model) and, carried into one picture by a
registration or laid on the ground where both places are known well enough, one outline lies on the other. The share of
the smaller one, of what both pictures show, is the evidence; score and size that agree strengthen it a little, sizes
that contradict each other weaken it. Links are taken strongest first, and no link may join two findings of one picture
unless another picture shows both as parts of one: chains cannot make two cracks one. All ties are broken by uid, so
that the order of the input does not matter, and a second merge changes nothing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from findings.defect import Defect, contradictions, identities, leaders_first
from findings.finding import Finding
from findings.links import GroundPlace, to_metres
from findings.measure import by_name
from findings.registration import PictureRegistration
from findings.survey import Image

LEAST_EVIDENCE = 0.5  # share of the smaller outline that lies on the other, after what appearance adds or takes
PART_SHARE = 0.6  # of a fragment that must lie on the sight that shows it as part of a whole
TOLERANCE_PX, TOLERANCE_RMS = 2.5, 2.5  # how far outlines of one crack may lie apart: both masks, and the registration
COMPACT_TOLERANCE = 0.15  # at most that share of a compact outline's size
LEAST_COMMON_PX = 10.0  # of an outline, in what both pictures show, unless half of it is there
GROUND_SIGMA = 0.25  # of the smaller outline's size: places known worse than this decide nothing
PARALLEL_DEG, ABREAST = 20.0, 0.5  # fragments of one crack do not run side by side

Registrations = Mapping[tuple[str, str], PictureRegistration]
"""By uid of the first and of the second picture."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The defects of a survey, by uid of their leading sights, and what a reader should know of the merge."""

    defects: tuple[Defect, ...]
    notes: tuple[str, ...] = ()

    @property
    def sights(self) -> dict[str, tuple[str, bool]]:
        """By finding uid: uid of the defect, and whether the finding leads; what ``Store.put_defects`` takes."""
        return {sight: (defect.uid, place == 0) for defect in self.defects for place, sight in enumerate(defect.sights)}


@dataclass(frozen=True, slots=True)
class Overlap:
    """Evidence that two sights show one damage.

    Attributes:
        first, second: uids of the findings.
        share_first: of the first outline in common view, what lies on the second.
        share_second: the other way round.
        evidence: the larger share, weighed by appearance.
        outline_first, outline_second: in one frame, pixels of a picture or metres.
    """

    first: str
    second: str
    share_first: float
    share_second: float
    evidence: float
    outline_first: BaseGeometry
    outline_second: BaseGeometry


@dataclass(slots=True)
class _Groups:
    """Growing defects: which findings are together, and the evidence between any two."""

    findings: Mapping[str, Finding]
    links: dict[tuple[str, str], Overlap] = field(default_factory=dict)
    group_of: dict[str, int] = field(default_factory=dict)
    members: dict[int, set[str]] = field(default_factory=dict)


def merge(
    findings: Sequence[Finding],
    images: Mapping[str, Image],
    registrations: Registrations,
    ground: Mapping[str, GroundPlace] | None = None,
) -> Merged:
    """Return the defects that the findings of one survey show; every finding belongs to exactly one.

    Args:
        findings: of one survey, in any order, with the ``defect_uid`` of an earlier merge if there was one.
        images: the survey's pictures, by uid.
        registrations: between pictures, one way or the other.
        ground: by finding uid, outlines on the ground with their sigma; they decide for pictures that no registration
            joins.
    """
    known = {finding.uid: finding for finding in findings}
    overlaps = [*_in_pictures(known, registrations), *_on_ground(known, registrations, ground or {})]
    groups = _grouped(known, overlaps)
    ordered = sorted((sorted(members) for members in groups), key=lambda members: members[0])
    uids, notes = identities([[known[uid] for uid in members] for members in ordered])
    defects, more = [], []
    for uid, members in zip(uids, ordered, strict=True):
        sights = leaders_first([known[member] for member in members], images)
        defects.append(Defect(uid, tuple(sight.uid for sight in sights)))
        more += contradictions(uid, sights)
    return Merged(tuple(sorted(defects, key=lambda defect: defect.sights[0])), (*notes, *more))


def same_kind(first: Finding, second: Finding) -> bool:
    """Return whether two findings are of one damage and one class of the model."""
    return first.damage == second.damage and first.details.get("class") == second.details.get("class")


def _in_pictures(known: Mapping[str, Finding], registrations: Registrations) -> Iterator[Overlap]:
    """Yield the overlaps of findings in pictures that a registration joins."""
    by_image: dict[str, list[Finding]] = defaultdict(list)
    for uid in sorted(known):
        by_image[known[uid].image_uid].append(known[uid])
    for (first, second), registration in sorted(registrations.items()):
        if first == second or not (by_image[first] and by_image[second]):
            continue
        carried = [_made_valid(registration.carry(finding.geometry_px)) for finding in by_image[first]]
        there = [_made_valid(finding.geometry_px) for finding in by_image[second]]
        reach = TOLERANCE_PX + TOLERANCE_RMS * registration.rms_px
        tree = shapely.STRtree(there)
        for finding, outline in zip(by_image[first], carried, strict=True):
            if outline.is_empty or not math.isfinite(outline.area):
                continue
            for index in sorted(tree.query(outline.buffer(reach))):
                other = by_image[second][index]
                found = _overlap(finding, outline, other, there[index], reach, registration.overlap_second)
                if found is not None:
                    yield found


def _overlap(
    first: Finding,
    one: BaseGeometry,
    second: Finding,
    other: BaseGeometry,
    reach: float,
    common: BaseGeometry | None,
) -> Overlap | None:
    """Return the evidence that two outlines in one frame are one damage, or None if there is none."""
    if not same_kind(first, second):
        return None
    seen_one, seen_other = (_in_view(outline, common) for outline in (one, other))
    if seen_one is None or seen_other is None:
        return None
    reach = min(reach, _most_reach(one), _most_reach(other))
    share_first = seen_one.intersection(seen_other.buffer(reach, quad_segs=2)).area / seen_one.area
    share_second = seen_other.intersection(seen_one.buffer(reach, quad_segs=2)).area / seen_other.area
    evidence = max(share_first, share_second) * likeness(first, second)
    if evidence < LEAST_EVIDENCE:
        return None
    return Overlap(first.uid, second.uid, share_first, share_second, evidence, one, other)


def _most_reach(outline: BaseGeometry) -> float:
    """Return how far an outline may lie off: a line by any tolerance, a compact spot by a share of its size."""
    across = 2 * outline.area / max(outline.length, 1e-9)  # width of a long shape, half the side of a square
    size = math.sqrt(outline.area)
    return math.inf if across < 0.2 * size else max(COMPACT_TOLERANCE * size, 1.0)


def _in_view(outline: BaseGeometry, common: BaseGeometry | None) -> BaseGeometry | None:
    """Return the part of an outline that both pictures show, or None if it is too little to say anything."""
    if common is None:
        return outline if outline.area > 0 else None
    part = outline.intersection(common)
    if part.area <= 0:
        return None
    left, top, right, bottom = part.bounds
    long_enough = math.hypot(right - left, bottom - top) >= LEAST_COMMON_PX
    return part if long_enough or part.area >= 0.5 * outline.area else None


def likeness(first: Finding, second: Finding) -> float:
    """Return how well two sights agree in score and size, 0.75 to 1.1: second evidence beside the place.

    Widths that differ by more than their intervals and a factor of 2 speak against one crack; nothing else is known
    well enough through two cameras to speak against it.
    """
    agreement = 1.05 - 0.1 * abs(first.score - second.score)
    for name in ("width_p50", "width_p95"):
        one, other = (by_name(finding.measures, name) for finding in (first, second))
        if one is None or other is None or one.unit != other.unit or not one.value or not other.value:
            continue
        low, high = sorted((one.value, other.value))
        apart = one.low is not None and other.low is not None and one.high is not None and other.high is not None
        apart = apart and (one.low > other.high or other.low > one.high)  # type: ignore[operator]
        return agreement + 0.05 if high <= 1.5 * low else agreement - 0.2 * (apart and high > 2 * low)
    return agreement


def _on_ground(
    known: Mapping[str, Finding], registrations: Registrations, ground: Mapping[str, GroundPlace]
) -> Iterator[Overlap]:
    """Yield the overlaps on the ground of findings in pictures without a registration, where places are known well."""
    joined = {frozenset(pair) for pair in registrations}
    placed = [known[uid] for uid in sorted(known) if uid in ground and ground[uid].geometry.area > 0]
    if len(placed) < 2:
        return
    tree = shapely.STRtree([ground[finding.uid].geometry for finding in placed])
    for index, finding in enumerate(placed):
        here = ground[finding.uid]
        for other_index in sorted(tree.query(here.geometry)):
            other = placed[other_index]
            pair = frozenset((finding.image_uid, other.image_uid))
            if other_index <= index or len(pair) == 1 or pair in joined:
                continue
            there = ground[other.uid]
            middle = here.geometry.centroid
            one, two = (to_metres(place.geometry, middle.x, middle.y) for place in (here, there))
            sigma = math.hypot(here.sigma_m, there.sigma_m)
            if sigma <= GROUND_SIGMA * math.sqrt(min(one.area, two.area)):
                found = _overlap(finding, one, other, two, sigma, None)
                if found is not None:
                    yield found


def _grouped(known: Mapping[str, Finding], overlaps: Iterable[Overlap]) -> list[set[str]]:
    """Return the findings in groups: strongest evidence first, no chain over two findings of one picture."""
    groups = _Groups(known)
    for number, uid in enumerate(sorted(known)):
        groups.group_of[uid] = number
        groups.members[number] = {uid}
    for overlap in overlaps:
        pair = (overlap.first, overlap.second)
        held = groups.links.get(pair)
        if held is None or overlap.evidence > held.evidence:
            groups.links[pair] = overlap
    order = sorted(
        groups.links.values(), key=lambda link: (-round(link.evidence, 9), *sorted((link.first, link.second)))
    )
    waiting = order
    while waiting:  # a link that was refused may hold once the sight that shows both parts has come in
        refused = []
        for link in waiting:
            one, other = groups.group_of[link.first], groups.group_of[link.second]
            if one == other:
                continue
            if not _may_join(groups, groups.members[one], groups.members[other]):
                refused.append(link)
                continue
            groups.members[one] |= groups.members.pop(other)
            for uid in groups.members[one]:
                groups.group_of[uid] = one
        if len(refused) == len(waiting):
            break
        waiting = refused
    return list(groups.members.values())


def _strongest_first(link: Overlap) -> tuple[float, str, str]:
    first, second = sorted((link.first, link.second))
    return -round(link.evidence, 9), first, second


def _may_join(groups: _Groups, one: set[str], other: set[str]) -> bool:
    """Return whether no two findings of one picture that are distinct would come together."""
    by_image: dict[str, list[str]] = defaultdict(list)
    for uid in one:
        by_image[groups.findings[uid].image_uid].append(uid)
    both = one | other
    return all(
        _parts_of_one(groups, uid, twin, both)
        for uid in other
        for twin in by_image.get(groups.findings[uid].image_uid, ())
    )


def _parts_of_one(groups: _Groups, first: str, second: str, members: set[str]) -> bool:
    """Return whether another picture shows two findings of one picture as parts of one damage."""
    image = groups.findings[first].image_uid
    for witness in members:
        if groups.findings[witness].image_uid == image:
            continue
        one, other = _seen_on(groups, first, witness), _seen_on(groups, second, witness)
        if one is not None and other is not None and not side_by_side(one, other):
            return True
    return False


def _seen_on(groups: _Groups, part: str, whole: str) -> BaseGeometry | None:
    """Return the outline of a fragment that lies on another sight, in the frame of their overlap, or None."""
    link = groups.links.get((part, whole))
    if link is not None:
        return link.outline_first if link.share_first >= PART_SHARE else None
    link = groups.links.get((whole, part))
    if link is not None:
        return link.outline_second if link.share_second >= PART_SHARE else None
    return None


def side_by_side(first: BaseGeometry, second: BaseGeometry) -> bool:
    """Return whether two long outlines run parallel and abreast: two cracks, not two pieces of one."""
    directions, extents = [], []
    for outline in (first, second):
        points = shapely.get_coordinates(shapely.segmentize(outline, max(outline.length / 100, 1e-9)))
        values, vectors = np.linalg.eigh(np.cov(points.T))
        if values[1] < 9 * max(values[0], 1e-12):  # less than 3 times as long as wide: no direction
            return False
        directions.append(vectors[:, 1])
        extents.append(points)
    turn = math.degrees(math.acos(min(1.0, abs(float(directions[0] @ directions[1])))))
    if turn > PARALLEL_DEG:
        return False
    (a0, a1), (b0, b1) = (((points @ directions[0]).min(), (points @ directions[0]).max()) for points in extents)
    return bool(min(a1, b1) - max(a0, b0) > ABREAST * min(a1 - a0, b1 - b0))


def _made_valid(outline: BaseGeometry) -> BaseGeometry:
    return outline if outline.is_valid else shapely.make_valid(outline)
