"""What the worked example found against what its generator knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

from findings.finding import Finding
from findings.measure import Measure, by_name
from findings.store import Store
from findings.tracking import Track
from mizuhashi.example_inputs import ExampleInputs, TrueDefect
from mizuhashi.example_review import LEAST_ON_DAMAGE, NEAR_PX

EROSION = "R17"
MEASURES = {"crack": "width_max"}


@dataclass(slots=True)
class Outcome:
    """What became of one true damage.

    Attributes:
        found: by year, the measure of the largest piece found.
        pieces: by year, how many defects were listed for it.
        states: what the comparison said, of every piece.
    """

    truth: TrueDefect
    found: dict[str, Measure | None] = field(default_factory=dict)
    pieces: dict[str, int] = field(default_factory=dict)
    states: list[str] = field(default_factory=list)


def outcomes(store: Store, inputs: ExampleInputs) -> list[Outcome]:
    """Return what was found of each true damage, in the order of the truth."""
    made = [Outcome(truth) for truth in inputs.defects]
    owners: dict[str, int] = {}
    for year in inputs.flights:
        survey = f"bridge-{year}"
        names = {image.uid: Path(image.path).name for image in store.images(store.survey(survey).uid)}
        leaders = [finding for finding, _ in store.list_findings(survey=survey, limit=10_000).items]
        of_truth: dict[int, list[Finding]] = {}
        for leader in leaders:
            number = owner(leader, inputs.shown[year][names[leader.image_uid]], inputs.defects)
            if number is not None:
                owners[leader.uid] = number
                of_truth.setdefault(number, []).append(leader)
        for number, outcome in enumerate(made):
            pieces = of_truth.get(number, [])
            outcome.pieces[year] = len(pieces)
            outcome.found[year] = _largest(pieces, outcome.truth)
    for track in store.tracks(store.survey(f"bridge-{max(inputs.flights)}").uid):
        _note(made, owners, track)
    return made


def listed_erosion(store: Store, survey: str) -> tuple[int, float]:
    """Return how many places of a survey are listed as eroded, and their area in m2."""
    found = [finding for finding, _ in store.list_findings(survey=survey, limit=10_000).items]
    areas = [by_name(finding.measures, "area") for finding in found if finding.damage == EROSION]
    return len(areas), sum(area.value or 0.0 for area in areas if area is not None)


def owner(finding: Finding, shown: NDArray[np.uint8], defects: Sequence[TrueDefect]) -> int | None:
    """Return the place in ``defects`` of the damage of its own kind that a mark lies on most, or None.

    Args:
        finding: a mark.
        shown: ``(H, W)`` which damage each pixel shows, as `ExampleInputs.shown`.
        defects: every true damage.
    """
    inside = np.zeros(shown.shape, np.uint8)
    for part in shapely.get_parts(finding.geometry_px):
        ring = np.round(np.asarray(part.exterior.coords) - 0.5).astype(np.int32)
        cv2.fillPoly(inside, [ring], 1)
    away = cv2.dilate(inside, np.ones((2 * int(NEAR_PX) + 1,) * 2, np.uint8))
    hits = np.bincount(shown[away > 0], minlength=len(defects) + 1)[1:]
    own = [hit * _same_kind(finding, defects[number]) for number, hit in enumerate(hits)]
    best = int(np.argmax(own))
    return best if own[best] >= LEAST_ON_DAMAGE * np.count_nonzero(inside) else None


def _same_kind(finding: Finding, truth: TrueDefect) -> bool:
    label = finding.details.get("class") or ("crack" if finding.damage == "6" else "")
    return label == truth.kind


def _largest(pieces: Sequence[Finding], truth: TrueDefect) -> Measure | None:
    measures = [by_name(piece.measures, MEASURES.get(truth.kind, "area")) for piece in pieces]
    known = [measure for measure in measures if measure is not None]
    return max(known, key=lambda measure: measure.value or 0.0, default=None)


def _note(made: Sequence[Outcome], owners: Mapping[str, int], track: Track) -> None:
    for uid in (track.finding_uid, track.previous_uid):
        if uid is not None and uid in owners:
            made[owners[uid]].states.append(track.state.value)
            return
