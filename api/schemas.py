"""The documents that the API speaks, and the questions it takes."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from findings.finding import FindingStatus


class FieldError(BaseModel):
    """What is wrong with one part of a request."""

    loc: str
    msg: str
    type: str


class Problem(BaseModel):
    """A refusal (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    errors: list[FieldError] | None = None


class Link(BaseModel):
    """A link; ``href`` is relative to the server, so that no Host header can bend it."""

    rel: str
    href: str
    type: str | None = None


class Feature(BaseModel):
    """One finding (GeoJSON, RFC 7946); ``geometry`` is null where its place is unknown."""

    type: Literal["Feature"] = "Feature"
    id: str
    geometry: dict[str, Any] | None
    properties: dict[str, Any]
    links: list[Link]


class FeatureCollection(BaseModel):
    """One page of findings in rank order."""

    model_config = ConfigDict(populate_by_name=True)

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[Feature]
    number_returned: int = Field(alias="numberReturned")
    links: list[Link]


class Health(BaseModel):
    """The service answers and its database is at the schema of this code."""

    status: Literal["ok"] = "ok"


def _box(text: str) -> str:
    """Return the text if it is a box in WGS84 degrees.

    Raises:
        ValueError: it is not; pydantic makes it a 422.
    """
    parse_bbox(text)
    return text


def parse_bbox(text: str) -> tuple[float, float, float, float]:
    """Return min lon, min lat, max lon, max lat of ``"137.1,36.5,137.4,36.9"``.

    Raises:
        ValueError: not four numbers in their ranges.
    """
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError("expected four numbers: minLon,minLat,maxLon,maxLat") from error
    if not all(map(math.isfinite, (west, south, east, north))) or max(abs(west), abs(east)) > 180:
        raise ValueError("longitudes run from -180 to 180")
    if not -90 <= south <= north <= 90:
        raise ValueError("latitudes run from -90 to 90, the smaller first")
    return west, south, east, north


class FindingsQuery(BaseModel):
    """What ``GET /api/v1/findings`` takes; a name it does not know is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")

    sortby: Literal["-priority"] = "-priority"
    limit: int = Field(100, ge=1, le=1000)
    cursor: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,400}\.[A-Za-z0-9_-]{43}$")
    bbox: Annotated[str, AfterValidator(_box)] | None = Field(
        None, description="minLon,minLat,maxLon,maxLat in WGS84; minLon > maxLon crosses the antimeridian"
    )
    survey: str | None = Field(None, max_length=200)
    damage: str | None = Field(None, pattern=r"^([0-9]{1,2}|R[0-9]{2}|anomaly)$")
    status: FindingStatus | None = None
    minimum_score: float | None = Field(None, ge=0, le=100, allow_inf_nan=False)

    def filters(self) -> dict[str, str]:
        """Return what selects the list, without where and how far it is read: a cursor is good for these alone."""
        chosen = self.model_dump(mode="json", exclude={"cursor", "limit"}, exclude_none=True)
        return {name: str(value) for name, value in chosen.items()}
