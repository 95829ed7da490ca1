"""Value types to rows and back; the only place that knows both."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from findings.asset import Asset, AssetKind, Span, Structure
from findings.errors import StoreError
from findings.finding import Alternative, Domain, Finding, FindingStatus, Grade, Priority, Provenance, Term
from findings.measure import Measure
from findings.review import PictureReview, Review
from findings.store.engine import canonical
from findings.store.schema import (
    AssetRecord,
    FindingRecord,
    ImageRecord,
    PictureReviewRecord,
    ReviewRecord,
    SurveyRecord,
)
from findings.store.values import SECTIONS
from findings.survey import (
    Assignment,
    AssignmentSource,
    Image,
    ImageKind,
    ImageStatus,
    Quality,
    Radiometry,
    Scale,
    ScaleSource,
    Survey,
)

Columns = dict[str, Any]

UNRANKED = len(SECTIONS)
"""Section rank of findings that were never ranked."""


def asset_columns(asset: Asset) -> Columns:
    """Return the column values of an asset."""
    start, end = asset.chainage_km or (None, None)
    return {
        "uid": asset.uid,
        "kind": asset.kind.value,
        "name": asset.name,
        "structure": asset.structure.value,
        "geom": _sound(asset.geometry, f"asset {asset.uid}"),
        "spans": [[span.number, list(span.members)] for span in asset.spans],
        "chainage_from_km": start,
        "chainage_to_km": end,
        "soundness": asset.soundness,
        "external_ids": canonical(asset.external_ids),
        "attributes": canonical(asset.attributes),
    }


def asset_value(row: AssetRecord) -> Asset:
    """Return the asset of a row."""
    chainage = None
    if row.chainage_from_km is not None and row.chainage_to_km is not None:
        chainage = (row.chainage_from_km, row.chainage_to_km)
    return Asset(
        uid=row.uid,
        kind=AssetKind(row.kind),
        name=row.name,
        structure=Structure(row.structure),
        geometry=row.geom,
        spans=tuple(Span(number, tuple(members)) for number, members in row.spans),
        chainage_km=chainage,
        soundness=row.soundness,
        external_ids=dict(row.external_ids),
        attributes=dict(row.attributes),
    )


def survey_value(row: SurveyRecord) -> Survey:
    """Return the survey of a row."""
    return Survey(uid=row.uid, name=row.name, asset_uid=row.asset_uid, created_at=row.created_at)


def image_columns(image: Image) -> Columns:
    """Return the column values of an image."""
    lon, lat = image.position_lonlat or (None, None)
    return {
        "uid": image.uid,
        "survey_uid": image.survey_uid,
        "path": image.path,
        "sha256": image.sha256,
        "kind": image.kind.value,
        "width_px": image.width_px,
        "height_px": image.height_px,
        "band_names": list(image.band_names),
        "scale": canonical(image.scale),
        "quality": canonical(image.quality),
        "captured_at": image.captured_at,
        "lon": lon,
        "lat": lat,
        "footprint": _sound(image.footprint, f"image {image.path}"),
        "crs": image.crs,
        "transform": None if image.transform is None else list(image.transform),
        "incidence_deg": image.incidence_deg,
        "platform": image.platform,
        "span": image.span,
        "member": image.member,
        "status": image.status.value,
        "reason": image.reason,
        "notes": list(image.notes),
        "assignment": None if image.assignment is None else canonical(image.assignment),
        "radiometry": image.radiometry.value,
        "mask_path": image.mask_path,
        "view": None if image.view is None else canonical(image.view),
    }


def image_value(row: ImageRecord) -> Image:
    """Return the image of a row."""
    position = None if row.lon is None or row.lat is None else (row.lon, row.lat)
    quality = {**row.quality, "reasons": tuple(row.quality["reasons"]), "warnings": tuple(row.quality["warnings"])}
    transform: Any = None if row.transform is None else tuple(row.transform)
    return Image(
        uid=row.uid,
        survey_uid=row.survey_uid,
        path=row.path,
        sha256=row.sha256,
        kind=ImageKind(row.kind),
        width_px=row.width_px,
        height_px=row.height_px,
        band_names=tuple(row.band_names),
        scale=_scale(row.scale),
        quality=Quality(**quality),
        captured_at=row.captured_at,
        position_lonlat=position,
        footprint=_polygon(row.footprint),
        crs=row.crs,
        transform=transform,
        incidence_deg=row.incidence_deg,
        platform=row.platform,
        span=row.span,
        member=row.member,
        status=ImageStatus(row.status),
        reason=row.reason,
        notes=tuple(row.notes),
        assignment=_assignment(row.assignment),
        radiometry=Radiometry(row.radiometry),
        mask_path=row.mask_path,
        view=row.view,
    )


def _assignment(stored: Mapping[str, Any] | None) -> Assignment | None:
    return None if stored is None else Assignment(**{**stored, "source": AssignmentSource(stored["source"])})


def finding_columns(finding: Finding) -> Columns:
    """Return the column values that a model run writes: everything but review, rank and version.

    Raises:
        StoreError: an outline is empty or not finite, or a value has no JSON form.
    """
    place = _sound(finding.geometry_lonlat, f"finding {finding.uid}")
    outline = _sound(finding.geometry_px, f"finding {finding.uid}")
    if not math.isfinite(finding.score):
        raise StoreError(f"finding {finding.uid}: score {finding.score} cannot be stored; expected a number in 0..1")
    minx, miny, maxx, maxy = (None,) * 4 if place is None else place.bounds
    return {
        "survey_uid": finding.survey_uid,
        "image_uid": finding.image_uid,
        "asset_uid": finding.asset_uid,
        "domain": finding.domain.value,
        "damage": finding.damage,
        "grade": None if finding.grade is None else canonical(finding.grade),
        "measures": canonical([measure.to_json() for measure in finding.measures]),
        "scale": canonical(finding.scale),
        "geom_px": outline,
        "geom": place,
        "minx": minx,
        "miny": miny,
        "maxx": maxx,
        "maxy": maxy,
        "position_source": finding.position_source,
        "score": float(finding.score),
        "model": finding.provenance.model,
        "provenance": canonical(finding.provenance),
        "captured_at": finding.captured_at,
        "span": finding.span,
        "member": finding.member,
        "element_no": finding.element_no,
        "side": finding.side,
        "taxonomy_version": finding.taxonomy_version,
        "evidence": canonical(finding.evidence),
        "details": canonical(finding.details),
    }


def finding_value(row: FindingRecord) -> Finding:
    """Return the finding of a row."""
    outline = _polygon(row.geom_px)
    if outline is None:
        raise StoreError(f"finding {row.uid} has no outline in the database; run `mizuhashi db check`")
    return Finding(
        uid=row.uid,
        survey_uid=row.survey_uid,
        image_uid=row.image_uid,
        asset_uid=row.asset_uid,
        domain=Domain(row.domain),
        damage=row.damage,
        grade=None if row.grade is None else grade_value(row.grade),
        measures=tuple(Measure.from_json(measure) for measure in row.measures),
        scale=_scale(row.scale),
        geometry_px=outline,
        geometry_lonlat=row.geom,
        position_source=row.position_source,
        score=row.score,
        provenance=Provenance(**row.provenance),
        captured_at=row.captured_at,
        span=row.span,
        member=row.member,
        element_no=row.element_no,
        side=row.side,
        taxonomy_version=row.taxonomy_version,
        status=FindingStatus(row.status),
        final_grade=row.final_grade,
        evidence=dict(row.evidence),
        details=dict(row.details),
        defect_uid=row.defect_uid,
        leads=row.leads,
    )


def grade_value(stored: Columns) -> Grade:
    """Return the grade of a JSON column; what older rows lack has its default."""
    alternatives = (Alternative(**_tuples(row)) for row in stored.get("alternatives", ()))
    return Grade(**{**_tuples(stored), "alternatives": tuple(alternatives)})


def _tuples(stored: Columns) -> Columns:
    return {**stored, "codes": tuple(stored["codes"]), "probabilities": tuple(stored.get("probabilities", ()))}


def priority_columns(priority: Priority) -> Columns:
    """Return the column values of a priority: the sort key and the whole value.

    Raises:
        StoreError: the section is not known or the score is not a number.
    """
    if priority.section not in SECTIONS or not math.isfinite(priority.score):
        raise StoreError(
            f"priority of finding {priority.finding_uid}: section {priority.section!r}, score {priority.score}; "
            f"expected a section of {SECTIONS} and a score in 0..100"
        )
    return {
        "section_rank": SECTIONS.index(priority.section),
        # The place in the list knows the bands within a section and the ties; a finding scored alone has none.
        "rank_key": float(priority.rank) if priority.rank else -float(priority.score),
        "priority": canonical(priority),
    }


def priority_value(row: FindingRecord) -> Priority | None:
    """Return the priority of a finding's row, or None if it was never ranked."""
    if row.priority is None:
        return None
    return Priority(**{**row.priority, "terms": tuple(Term(**term) for term in row.priority["terms"])})


def review_columns(review: Review, image_uid: str) -> Columns:
    """Return the column values of a review."""
    return {
        "uid": review.uid,
        "finding_uid": review.finding_uid,
        "image_uid": image_uid,
        "decision": review.decision.value,
        "reviewer": review.reviewer,
        "at": review.at,
        "source": review.source,
        "geom_px": _sound(review.geometry_px, f"review of finding {review.finding_uid}"),
        "label": review.label,
        "final_grade": review.final_grade,
        "note": review.note,
        "model": review.model,
        "external_ids": canonical(review.external_ids),
    }


def review_value(row: ReviewRecord) -> Review:
    """Return the review of a row."""
    return Review(
        uid=row.uid,
        finding_uid=row.finding_uid,
        decision=FindingStatus(row.decision),
        reviewer=row.reviewer,
        at=row.at,
        source=row.source,
        geometry_px=_polygon(row.geom_px),
        label=row.label,
        final_grade=row.final_grade,
        note=row.note,
        model=row.model,
        external_ids=dict(row.external_ids),
    )


def picture_review_value(row: PictureReviewRecord) -> PictureReview:
    """Return the review of a whole picture of a row."""
    return PictureReview(row.uid, row.image_uid, row.complete, row.reviewer, row.at, row.source)


def _scale(stored: Columns) -> Scale:
    return Scale(**{**stored, "source": ScaleSource(stored["source"])})


def _polygon(geometry: BaseGeometry | None) -> Polygon | None:
    return geometry if isinstance(geometry, Polygon) else None


def _sound(geometry: BaseGeometry | None, owner: str) -> BaseGeometry | None:
    """Return the geometry if both databases can index it."""
    if geometry is None:
        return None
    if geometry.is_empty or not all(math.isfinite(value) for value in shapely.total_bounds(geometry)):
        raise StoreError(
            f"{owner}: geometry {geometry.wkt:.80} is empty or not finite; expected real coordinates or none"
        )
    return shapely.force_2d(geometry)
