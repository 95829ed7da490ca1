"""The finding: the minimum record that every later stage reads (domain guide, section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from findings.measure import Measure
from findings.status import FindingStatus as FindingStatus
from findings.survey import Scale


class Domain(StrEnum):
    """Which of the two rating worlds a finding belongs to; letters alone are ambiguous between them."""

    BRIDGE = "bridge"
    RIVER = "river"


@dataclass(frozen=True, slots=True)
class Alternative:
    """What the rule says if something that nobody knows were so: RC or PC, sparse or dense, shallow or deep.

    Attributes:
        words_ja: the supposition, e.g. ``PC・疎``.
        words_en: the same in English.
        codes: possible codes under it, best first.
        probabilities: of the codes, in their order; empty where the measures say nothing about them.
        structure: ``RC`` or ``PC`` where that is (part of) the supposition: then the worse of the two is ranked.
    """

    words_ja: str
    words_en: str
    codes: tuple[str, ...]
    probabilities: tuple[float, ...] = ()
    structure: str | None = None


@dataclass(frozen=True, slots=True)
class Grade:
    """What the standard's rule says: one code, or the set of codes that the measurement leaves possible.

    Attributes:
        scheme: ``mlit_damage`` (a to e) or ``river_rating`` (a to d).
        codes: possible codes, best first; one code if the rule is certain, () if no rule exists for the damage.
        trace_ja: the reason in the manual's words.
        trace_en: the same in English.
        standard: id of the rule set, e.g. ``grade_rules``.
        version: version of the rule set.
        status: ``confirmed`` or ``draft`` (draft shows 暫定 everywhere).
        probabilities: how probable each code is given the measures' intervals, in the order of ``codes``, 1 in all;
            empty where the measures say nothing about it.
        alternatives: one for each case that would have to be known to say more; empty if nothing of that kind is open.
    """

    scheme: str
    codes: tuple[str, ...]
    trace_ja: str
    trace_en: str
    standard: str
    version: str
    status: str
    probabilities: tuple[float, ...] = ()
    alternatives: tuple[Alternative, ...] = ()

    @property
    def worst(self) -> str | None:
        """The worst code that remains possible, or None."""
        return self.codes[-1] if self.codes else None


@dataclass(frozen=True, slots=True)
class Provenance:
    """How the finding came to be: enough to make it again."""

    model: str
    model_version: str
    weights_sha256: str
    threshold: float
    image_sha256: str
    code_version: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """One suspected damage (損傷) or anomaly (変状).

    Attributes:
        uid: stable across runs and model versions (same image, same damage, overlapping place).
        damage: ``"1"`` to ``"26"`` (bridge, ①..㉖), ``"R01"`` to ``"R22"`` (river) or ``"anomaly"``.
        geometry_px: outline in image pixels, x right, y down, pixel edges at whole numbers.
        geometry_lonlat: outline or point in WGS84 lon, lat; None where the place is unknown.
        position_source: ``georeference``, ``footprint``, ``camera_position``, ``asset`` or ``image_only``.
        score: mean model probability inside the outline, 0..1; not calibrated.
        evidence: paths relative to the store's home, e.g. ``{"overlay": ..., "crop": ...}``.
        details: further facts of the kind of finding (first seen, dates compared, number of branches ...).
        defect_uid: of the damage itself, which other pictures of the survey may show too; None: nobody looked yet.
        leads: whether this is the sight that stands in lists for its defect.
    """

    uid: str
    survey_uid: str
    image_uid: str
    asset_uid: str | None
    domain: Domain
    damage: str
    grade: Grade | None
    measures: tuple[Measure, ...]
    scale: Scale
    geometry_px: Polygon
    geometry_lonlat: BaseGeometry | None
    position_source: str
    score: float
    provenance: Provenance
    captured_at: datetime | None = None
    span: int | None = None
    member: str | None = None
    element_no: str | None = None
    side: str | None = None
    taxonomy_version: str = ""
    status: FindingStatus = FindingStatus.CANDIDATE
    final_grade: str | None = None
    evidence: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    defect_uid: str | None = None
    leads: bool = True


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a priority score, in words a planner can check."""

    name: str
    value: float | None  # None: the input is missing
    weight: float
    contribution: float  # points of the final score that this term brings
    words_ja: str
    words_en: str
    best_rank: int = 0  # with this missing input at its most; 0: nothing is missing, or nobody ranked
    worst_rank: int = 0  # with this missing input at its least


@dataclass(frozen=True, slots=True)
class Priority:
    """Where a finding stands and why.

    Attributes:
        score: 0..100.
        low, high: score with every missing input at 0 and at 1.
        section: ``official`` (hard rules), ``confirmed`` or ``candidate``; sections are listed in this order.
        terms: every term, largest contribution first.
        profile: id and version of the priority profile.
        rank: place in the one list over all findings, 1 is first; 0: scored alone.
        best_rank, worst_rank: place with every missing input at its most and at its least, all others staying.
    """

    finding_uid: str
    score: float
    low: float
    high: float
    section: str
    terms: tuple[Term, ...]
    profile: str
    rank: int = 0
    best_rank: int = 0
    worst_rank: int = 0
