"""From an outlined and measured place to the finding record: identity, position, grade, provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shapely.geometry import Point, Polygon
from shapely.geometry.base import BaseGeometry

from findings.asset import Asset, Structure
from findings.errors import GradingError
from findings.finding import Domain, Finding, Provenance
from findings.grading import grade
from findings.identity import finding_uid
from findings.labels import seen_as
from findings.measure import Measure
from findings.survey import Image, Scale
from findings.taxonomy import TAXONOMY_VERSION, check_member
from imagery.footprint import place_outline
from models.base import PixelModel

CODE_VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class Place:
    """One suspected damage before it becomes a finding: where, how sure, how big.

    ``scale`` is that of the place, where it is another than the picture's. ``label`` is the model's class, where
    several of its classes mean the same damage (a bar in a spall and the spall are both 剥離・鉄筋露出).
    """

    damage: str
    outline_px: Polygon
    score: float
    measures: tuple[Measure, ...]
    details: Mapping[str, Any]
    scale: Scale | None = None
    label: str | None = None


def judge(
    image: Image,
    asset: Asset | None,
    model: PixelModel,
    places: Sequence[Place],
    known: Sequence[Finding],
    parameters: Mapping[str, Any],
) -> list[Finding]:
    """Return one finding a place, graded by the standard's rule, with stable ids.

    Args:
        image: the picture that shows the places.
        asset: what the survey inspects, or None; gives the structure and, failing better, the position.
        model: the model that found them.
        places: outlined and measured.
        known: findings that the store holds for that picture; the same damage keeps its id.
        parameters: of the run, for the provenance.
    """
    structure = asset.structure if asset is not None else Structure.UNKNOWN
    findings: list[Finding] = []
    taken: set[str] = set()
    for place in places:
        uid = finding_uid(image.uid, place.damage, place.outline_px, known, frozenset(taken), place.label)
        taken.add(uid)
        geometry, source = locate(image, asset, place.outline_px)
        details = {
            "incidence_deg": image.incidence_deg,
            "platform": image.platform,
            "conflict": conflict(place.damage, image.member, structure),
            **place.details,
            "class": place.label,
        }
        findings.append(
            Finding(
                uid=uid,
                survey_uid=image.survey_uid,
                image_uid=image.uid,
                asset_uid=asset.uid if asset is not None else None,
                domain=Domain.RIVER if place.damage.startswith("R") else Domain.BRIDGE,
                damage=place.damage,
                grade=grade(place.damage, place.measures, structure, details),
                measures=place.measures,
                scale=place.scale or image.scale,
                geometry_px=place.outline_px,
                geometry_lonlat=geometry,
                position_source=source,
                score=round(place.score, 4),
                provenance=_provenance(image, model, place, parameters),
                captured_at=image.captured_at,
                span=image.span,
                member=image.member,
                taxonomy_version=TAXONOMY_VERSION,
                details={key: value for key, value in details.items() if value is not None},
            )
        )
    return findings


def locate(image: Image, asset: Asset | None, outline_px: Polygon) -> tuple[BaseGeometry | None, str]:
    """Return the place of an outline in WGS84 and where that knowledge comes from, best source first."""
    found = place_outline(image, outline_px)
    if found is not None:
        return found
    if image.position_lonlat is not None:
        return Point(image.position_lonlat), "camera_position"
    if asset is not None and asset.geometry is not None:
        return asset.geometry.representative_point(), "asset"
    return None, "image_only"


def conflict(damage: str, member: str | None, structure: Structure) -> str | None:
    """Return why this damage cannot occur on the picture's member, or None; the finding is kept and says so."""
    try:
        check_member(damage, member, None if structure is Structure.UNKNOWN else structure.value)
    except GradingError as error:
        return str(error)
    return None


def _provenance(image: Image, model: PixelModel, place: Place, parameters: Mapping[str, Any]) -> Provenance:
    card = model.card
    damage = seen_as(place.damage, place.label)
    alike = [c for c in card.classes if c.damage == damage]
    spec = next((c for c in alike if c.name == place.label), (alike or list(card.classes))[0])
    return Provenance(
        model=card.name,
        model_version=card.version,
        weights_sha256=model.weights_sha256,
        threshold=spec.threshold,
        image_sha256=image.sha256,
        code_version=CODE_VERSION,
        parameters=dict(parameters),
    )
