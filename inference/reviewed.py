"""What people decided holds for later runs: which places of a new run are findings that were reviewed already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from findings.finding import Finding, FindingStatus
from findings.identity import MATCH_OVERLAP, overlap
from findings.labels import class_key, label_named, seen_as
from findings.review import PERSON, Review, Standing, standing
from inference.judgement import Place

INSIDE = 0.8  # of a place's area in a reviewed outline: the place is a part of that finding
GROWN_PX = 2.0  # models differ by as much about where a damage ends


def known_findings(stored: Sequence[Finding], model: str, reviews: Sequence[Review]) -> list[Finding]:
    """Return the findings of a picture that a model's places may be, as found and as people corrected them.

    Args:
        stored: every finding of the picture, active or not.
        model: name of the model; what people drew counts as well, whatever model finds it then.
        reviews: of the picture, oldest first.
    """
    known = []
    for finding in stored:
        if finding.provenance.model not in (model, PERSON):
            continue
        known.append(finding)
        now = standing(finding, [review for review in reviews if review.finding_uid == finding.uid])
        if now.corrected or (now.latest is not None and now.label != standing(finding, ()).label):
            known.append(as_corrected(now))
    return known


def as_corrected(now: Standing) -> Finding:
    """Return a finding with the outline and the kind of damage that people gave it."""
    label = label_named(now.label)
    if now.label == standing(now.finding, ()).label:
        return replace(now.finding, geometry_px=now.outline_px)
    details = {**now.finding.details, "class": class_key(label)}
    return replace(now.finding, damage=label.damage, geometry_px=now.outline_px, details=details)


def without_parts(places: Sequence[Place], known: Sequence[Finding]) -> tuple[list[Place], int]:
    """Return the places that are not mere parts of findings that people decided about, and how many were.

    A new version often finds in pieces what an earlier one found whole. The pieces of a rejected joint must not come
    back as new candidates, nor those of a confirmed crack beside it. The piece that is most of the finding keeps its
    id by the rule of identity and is returned.
    """
    decided = [finding for finding in known if finding.status is not FindingStatus.CANDIDATE]
    grown = [(finding, finding.geometry_px.buffer(GROWN_PX)) for finding in decided]
    kept, parts = [], 0
    for place in places:
        outline = place.outline_px
        is_part = any(
            seen_as(finding.damage, finding.details.get("class")) == seen_as(place.damage, place.label)
            and finding.details.get("class") == place.label
            and overlap(outline, finding.geometry_px) < MATCH_OVERLAP
            and shape.intersects(outline)
            and shape.intersection(outline).area >= INSIDE * outline.area
            for finding, shape in grown
        )
        parts += is_part
        if not is_part:
            kept.append(place)
    return kept, parts
