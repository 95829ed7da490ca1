"""Findings: the ranked list, one of them, and the pictures that show it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, JSONResponse

from api.cursor import sign, verify
from api.deps import Here
from api.schemas import Feature, FeatureCollection, FindingsQuery, Link, Problem, parse_bbox
from findings.errors import NotFound
from findings.finding import Finding, Priority
from findings.geojson import feature

PREFIX = "/api/v1/findings"
GEOJSON = "application/geo+json"
_PICTURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}

router = APIRouter(prefix=PREFIX, tags=["findings"])


class GeoJsonResponse(JSONResponse):
    """A GeoJSON document (RFC 7946, section 12)."""

    media_type = GEOJSON


@router.get(
    "",
    operation_id="list_findings",
    response_class=GeoJsonResponse,
    responses={200: {"model": FeatureCollection}, 404: {"model": Problem}, 422: {"model": Problem}},
)
def list_findings(here: Here, query: Annotated[FindingsQuery, Query()]) -> GeoJsonResponse:
    """Return one page of findings, most urgent first: official, confirmed, candidates, each by falling priority."""
    filters = query.filters()
    page = here.store.list_findings(
        survey=query.survey,
        limit=query.limit,
        cursor=None if query.cursor is None else verify(query.cursor, filters, here.secret),
        bbox=None if query.bbox is None else parse_bbox(query.bbox),
        minimum_score=query.minimum_score,
        damage=query.damage,
        status=query.status,
    )
    asked = {**filters, "limit": str(query.limit)}
    links = [_link("self", asked if query.cursor is None else {**asked, "cursor": query.cursor})]
    if page.next_cursor is not None:
        links.append(_link("next", {**asked, "cursor": sign(page.next_cursor, filters, here.secret)}))
    others = here.store.other_sights([finding.defect_uid for finding, _ in page.items if finding.defect_uid])
    features = [_feature(finding, priority, others) for finding, priority in page.items]
    document = FeatureCollection(features=features, numberReturned=len(features), links=links)
    return _answer(document)


@router.get(
    "/{finding_id}",
    operation_id="get_finding",
    response_class=GeoJsonResponse,
    responses={200: {"model": Feature}, 404: {"model": Problem}},
)
def get_finding(here: Here, finding_id: str) -> GeoJsonResponse:
    """Return one finding with its grade, rule trace, measures and the terms of its priority."""
    finding, priority = here.store.finding(finding_id)
    return _answer(_feature(finding, priority, here.store.other_sights([finding.defect_uid or ""])))


@router.get(
    "/{finding_id}/evidence/{name}",
    operation_id="get_evidence",
    response_class=FileResponse,
    responses={200: {"content": {kind: {} for kind in _PICTURES.values()}}, 404: {"model": Problem}},
)
def get_evidence(here: Here, finding_id: str, name: str) -> FileResponse:
    """Return a picture that shows the finding, e.g. ``overlay``."""
    finding, _ = here.store.finding(finding_id)
    path = _inside(here.home, finding.evidence.get(name))
    kind = None if path is None else _picture_type(path)
    if path is None or kind is None:
        raise NotFound(f"finding {finding_id!r} has no picture {name!r}; it has {sorted(finding.evidence)}")
    return FileResponse(path, media_type=kind)


def _answer(document: Feature | FeatureCollection) -> GeoJsonResponse:
    return GeoJsonResponse(document.model_dump(mode="json", by_alias=True))


def _feature(finding: Finding, priority: Priority | None, others: Mapping[str, tuple[str, ...]]) -> Feature:
    here = f"{PREFIX}/{quote(finding.uid, safe='')}"
    links = [Link(rel="self", href=here, type=GEOJSON)]
    links += [Link(rel=f"evidence:{n}", href=f"{here}/evidence/{quote(n, safe='')}") for n in sorted(finding.evidence)]
    sights = [uid for uid in others.get(finding.defect_uid or "", ()) if uid != finding.uid]
    document: dict[str, Any] = feature(finding, priority, sights)
    return Feature(id=document["id"], geometry=document["geometry"], properties=document["properties"], links=links)


def _link(rel: str, asked: dict[str, str]) -> Link:
    return Link(rel=rel, href=f"{PREFIX}?{urlencode(asked)}", type=GEOJSON)


def _inside(home: Path, relative: str | None) -> Path | None:
    """Return the file if it lies in the home folder, links followed; the path is the store's."""
    if relative is None:
        return None
    path = (home / relative).resolve()
    return path if path.is_relative_to(home.resolve()) and path.is_file() else None


def _picture_type(path: Path) -> str | None:
    """Return the media type by what the file begins with: nothing but pictures leaves this door."""
    with path.open("rb") as file:
        head = file.read(8)
    return next((kind for magic, kind in _PICTURES.items() if head.startswith(magic)), None)
