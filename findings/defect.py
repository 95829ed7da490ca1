"""A defect: one damage of one survey, its uid, and which of its sights leads."""

from __future__ import annotations

import math
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shapely.geometry import box

from findings.finding import Finding
from findings.identity import NAMESPACE
from findings.status import FindingStatus
from findings.survey import Image

WHOLE_SHARE = 0.8  # a sight that shows less of the defect than this does not lead if another shows more
FINENESS = 1.25  # sights within this factor of resolution are equally fine
RIM_PX = 2.0
LIKELY_BLUR_PX = 0.7  # a picture with no more blur than this is as sharp as its pixels


@dataclass(frozen=True, slots=True)
class Defect:
    """One damage of a survey: uid and the uids of its sights, the leading one first."""

    uid: str
    sights: tuple[str, ...]


def identities(groups: Sequence[Sequence[Finding]]) -> tuple[list[str], list[str]]:
    """Return the uid of each group and what was contested.

    A group keeps the uid that most of its findings bear. A uid that several groups claim stays with the one that has
    more findings of it, then with the one whose smallest finding uid comes first; the others get new ones.
    """
    claims = []
    for number, members in enumerate(groups):
        for claimed, votes in Counter(finding.defect_uid for finding in members if finding.defect_uid).items():
            claims.append((-votes, members[0].uid, claimed, number))
    given: dict[int, str] = {}
    owner: dict[str, int] = {}
    notes = []
    for _, _, claimed, number in sorted(claims):
        if claimed in owner and number not in given:
            notes.append(f"defect {claimed}: claimed by two groups of sights; the larger keeps it, the other is new")
        elif claimed not in owner and number not in given:
            given[number] = claimed
            owner[claimed] = number
    taken = {claim[2] for claim in claims}
    for number, members in enumerate(groups):
        if number not in given:
            given[number] = _new_uid(members[0].uid, taken)
            taken.add(given[number])
    return [given[number] for number in range(len(groups))], notes


def _new_uid(smallest: str, taken: set[str]) -> str:
    attempt = 0
    while True:
        found = str(uuid.uuid5(NAMESPACE, f"defect {smallest}" + (f" {attempt}" if attempt else "")))
        if found not in taken:
            return found
        attempt += 1


_REVIEWED = (FindingStatus.CONFIRMED, FindingStatus.NEEDS_CLOSE_INSPECTION)


def _review_rank(finding: Finding) -> int:
    """Return 0 for a sight that a person confirmed or graded, 1 for a rejected one, 2 for others, 3 for duplicates."""
    if finding.status is FindingStatus.DUPLICATE:
        return 3
    if finding.status in _REVIEWED or finding.final_grade is not None:
        return 0
    return 1 if finding.status is FindingStatus.REJECTED else 2


def leaders_first(sights: Sequence[Finding], images: Mapping[str, Image]) -> list[Finding]:
    """Return the sights of one defect, the best first.

    A sight that a person decided about comes first. Then one that shows the defect whole; then the finer picture (mm
    for a pixel across the view, widened by blur), in steps of a quarter; then one that the picture's edge does not
    cut; then the score; then the uid.
    """
    known = all(sight.scale.gsd_mm is not None for sight in sights)
    sizes = {sight.uid: _length(sight) * (sight.scale.gsd_mm or 1.0 if known else 1.0) for sight in sights}
    largest = max(sizes.values())

    def key(sight: Finding) -> tuple[int, bool, int, bool, float, str]:
        image = images.get(sight.image_uid)
        part = sizes[sight.uid] < WHOLE_SHARE * largest
        return _review_rank(sight), part, _coarseness(sight, image), _is_cut(sight, image), -sight.score, sight.uid

    return sorted(sights, key=key)


def _length(sight: Finding) -> float:
    left, top, right, bottom = sight.geometry_px.bounds
    return math.hypot(right - left, bottom - top)


def _coarseness(sight: Finding, image: Image | None) -> int:
    """Return the step of the effective resolution; sights of unknown scale come last."""
    if sight.scale.gsd_mm is None:
        return 10**6
    aslant = image.incidence_deg if image is not None and image.incidence_deg is not None else 0.0
    blur = image.quality.blur_px if image is not None and image.quality.blur_px is not None else LIKELY_BLUR_PX
    sharp = max(1.0, blur / LIKELY_BLUR_PX)
    effective = sight.scale.gsd_mm * sharp / max(math.cos(math.radians(min(aslant, 85.0))), 0.05)
    return round(math.log(effective, FINENESS))


def _is_cut(sight: Finding, image: Image | None) -> bool:
    if image is None:
        return False
    inside = box(RIM_PX, RIM_PX, image.width_px - RIM_PX, image.height_px - RIM_PX)
    return not inside.covers(sight.geometry_px)


def contradictions(uid: str, sights: Sequence[Finding]) -> list[str]:
    """Return what people said of the sights of one defect that cannot both hold."""
    said = {sight.status for sight in sights}
    if FindingStatus.REJECTED in said and said & set(_REVIEWED):
        return [f"defect {uid}: one sight is confirmed, another rejected by people; the confirmed one leads"]
    return []
