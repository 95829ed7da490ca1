"""Findings as GeoJSON (RFC 7946: WGS84 lon, lat, exterior rings counter-clockwise) with the minimum finding record."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import shapely
from shapely.geometry import Polygon, mapping
from shapely.geometry.base import BaseGeometry

from findings.finding import Finding, Priority
from findings.grade_words import chances_record
from findings.grading import cross_walk
from findings.taxonomy import damage_type

# Seven decimals of a degree are about a centimetre.
DECIMALS = 7


def feature(finding: Finding, priority: Priority | None = None, sights: Sequence[str] | None = None) -> dict[str, Any]:
    """Return one finding as a GeoJSON feature; ``geometry`` is None where its place is unknown.

    ``sights`` are the uids of the other findings that show the same defect; None where nobody looked.

    The properties are the minimum finding record (domain guide 6). They hold ``suggested_grade`` (one code, or None
    where several remain possible: then see ``suggested_grades``); no property ever claims a soundness class.
    """
    return {
        "type": "Feature",
        "id": finding.uid,
        "geometry": _geometry(finding.geometry_lonlat),
        "properties": finite(properties(finding, priority, sights)),
    }


def collection(
    items: Iterable[tuple[Finding, Priority | None]],
    *,
    links: Sequence[Mapping[str, str]] = (),
    number_matched: int | None = None,
) -> dict[str, Any]:
    """Return findings as a FeatureCollection in the order given, with OGC API counts and links.

    Args:
        items: findings with their priorities, in list order.
        links: e.g. ``{"rel": "next", "href": ...}``.
        number_matched: how many findings the query has in all, if known.
    """
    features = [feature(finding, priority) for finding, priority in items]
    document: dict[str, Any] = {"type": "FeatureCollection", "features": features, "numberReturned": len(features)}
    if number_matched is not None:
        document["numberMatched"] = number_matched
    if links:
        document["links"] = [dict(link) for link in links]
    return document


def properties(
    finding: Finding, priority: Priority | None = None, sights: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return the minimum finding record as plain values."""
    kind = damage_type(finding.damage)
    return {
        "asset_id": finding.asset_uid,
        "survey_id": finding.survey_uid,
        "domain": finding.domain.value,
        "span": finding.span,
        "member": finding.member,
        "element_no": finding.element_no,
        "side": finding.side,
        "damage_id": finding.damage,
        "damage_ja": kind.ja,
        "damage_en": kind.en,
        "label": kind.label(finding.final_grade or finding.grade),
        "taxonomy_version": finding.taxonomy_version,
        **_grade(finding),
        "measures": [measure.to_json() for measure in finding.measures],
        "capture": _capture(finding),
        "position_source": finding.position_source,
        "geometry_px": _rings(finding.geometry_px),
        "model": _model(finding),
        "review": {"status": finding.status.value, "final_grade": finding.final_grade},
        "priority": _priority(priority),
        "defect_id": finding.defect_uid,
        "leads": finding.leads,
        "sights": None if sights is None else list(sights),
        "evidence": dict(finding.evidence),
        "details": dict(finding.details),
    }


def _grade(finding: Finding) -> dict[str, Any]:
    grade = finding.grade
    if grade is None:
        return {"suggested_grade": None, "suggested_grades": [], "provisional": None}
    return {
        "suggested_grade": grade.codes[0] if len(grade.codes) == 1 else None,
        "suggested_grades": list(grade.codes),
        "grade_probabilities": chances_record(grade),
        "grade_alternatives": [
            {
                "if_ja": one.words_ja,
                "if_en": one.words_en,
                "grades": list(one.codes),
                "probabilities": [round(share, 4) for share in one.probabilities],
            }
            for one in grade.alternatives
        ],
        "grade_scheme": grade.scheme,
        "grade_rule_trace": grade.trace_ja,
        "grade_rule_trace_en": grade.trace_en,
        "grade_standard": f"{grade.standard}@{grade.version}",
        "provisional": grade.status == "draft",
        "cross_walk": cross_walk(grade),
    }


def _capture(finding: Finding) -> dict[str, Any]:
    return {
        "image_id": finding.image_uid,
        "sha256": finding.provenance.image_sha256,
        "datetime": finding.captured_at.isoformat() if finding.captured_at else None,
        "gsd_mm": finding.scale.gsd_mm,
        "gsd_sigma_mm": finding.scale.sigma_mm,
        "scale_source": finding.scale.source.value,
        "scale_note": finding.scale.note,
    }


def _model(finding: Finding) -> dict[str, Any]:
    made = finding.provenance
    return {
        "name": made.model,
        "version": made.model_version,
        "weights_sha256": made.weights_sha256,
        "threshold": made.threshold,
        "score": finding.score,
        "code_version": made.code_version,
        "parameters": dict(made.parameters),
    }


def _priority(priority: Priority | None) -> dict[str, Any] | None:
    if priority is None:
        return None
    return {
        "score": priority.score,
        "low": priority.low,
        "high": priority.high,
        "section": priority.section,
        "rank": priority.rank or None,
        "best_rank": priority.best_rank or None,
        "worst_rank": priority.worst_rank or None,
        "profile": priority.profile,
        "terms": [
            {
                "name": term.name,
                "value": term.value,
                "weight": term.weight,
                "contribution": term.contribution,
                "best_rank": term.best_rank or None,
                "worst_rank": term.worst_rank or None,
                "words_ja": term.words_ja,
                "words_en": term.words_en,
            }
            for term in priority.terms
        ],
    }


def _geometry(geometry: BaseGeometry | None) -> dict[str, Any] | None:
    """Return a geometry member: two dimensions, rings wound as RFC 7946 3.1.6 asks, rounded to a centimetre."""
    if geometry is None or geometry.is_empty:
        return None
    flat = shapely.orient_polygons(shapely.force_2d(geometry), exterior_cw=False)
    return {key: _rounded(value) for key, value in mapping(flat).items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, DECIMALS) if isinstance(value, float) else value


def _rings(outline: Polygon) -> list[list[list[float]]]:
    """Return the outline in image pixels as rings of [x, y], exterior first."""
    rings = [outline.exterior, *outline.interiors] if not outline.is_empty else []
    return [[[round(x, 2), round(y, 2)] for x, y, *_ in ring.coords] for ring in rings]


def finite(value: Any) -> Any:
    """Return the value with numbers that JSON cannot hold (NaN, infinities) as None, and mappings and lists plain."""
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
