"""A survey and its images: what was photographed when, at which scale, and how good the picture is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from shapely.geometry import Polygon


class ImageKind(StrEnum):
    """What a picture is, which decides the models that fit it."""

    PHOTO = "photo"  # RGB photograph of a structure
    SCENE = "scene"  # multi-band raster of the ground


class ScaleSource(StrEnum):
    """Where the ground sample distance comes from, most trusted first."""

    LASER_RANGE = "laser_range"
    GIVEN_GSD = "given_gsd"
    STAND_OFF = "stand_off"
    NADIR_ALTITUDE = "nadir_altitude"
    GROUND_POSE = "ground_pose"  # height above stated ground or a terrain model, seen at the camera's angles
    GEOREFERENCE = "georeference"
    UNKNOWN = "unknown"
    BUNDLE = "bundle_adjustment"  # trusted between laser range and given GSD


class ImageStatus(StrEnum):
    """What became of an image."""

    PENDING = "pending"
    INSPECTED = "inspected"
    NOT_ASSESSED = "not_assessed"
    FAILED = "failed"


class Radiometry(StrEnum):
    """What the numbers of a picture mean; a model's card says which of them it accepts."""

    REFLECTANCE = "reflectance"  # surface reflectance; stored x 10000 in integers, offsets resolved
    DISPLAY = "display"  # stretched for the eye: photographs, 8-bit pictures of scenes
    BACKSCATTER_DB = "backscatter_db"  # radar backscatter in dB
    UNKNOWN = "unknown"  # nobody said; taken as stored


class AssignmentSource(StrEnum):
    """How a picture came to its asset, span and member, strongest first."""

    PERSON = "person"  # set by hand, one picture at a time; nothing else overrules it
    TABLE = "table"  # a CSV that names the file
    FOLDER = "folder"  # the folders that the file lies in
    NEAREST = "nearest"  # the nearest asset's geometry
    SURVEY = "survey"  # the asset of the whole survey


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which asset, span and member a picture shows, and how sure that is.

    Attributes:
        asset_uid: of the asset, or None if only span or member are known.
        span: number of the span (径間).
        member: symbol of the member, e.g. ``Mg``.
        source: how it was found.
        confidence: 0..1, the stated probability that asset and member are right.
        note: why, in words.
    """

    asset_uid: str | None
    span: int | None
    member: str | None
    source: AssignmentSource
    confidence: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """Ground sample distance of an image: mm per pixel with its 1-sigma and source (None, None, UNKNOWN if unknown)."""

    gsd_mm: float | None = None
    sigma_mm: float | None = None
    source: ScaleSource = ScaleSource.UNKNOWN
    note: str = ""


@dataclass(frozen=True, slots=True)
class Quality:
    """Verdict of the quality gate; ``assessable`` is False only with a reason in ``reasons``."""

    assessable: bool
    reasons: tuple[str, ...] = ()  # e.g. ("all pixels are nodata",): why it cannot be judged
    warnings: tuple[str, ...] = ()  # judged all the same, but the reader should know
    blur_px: float | None = None  # 1-sigma of the point spread, in pixels, estimated from the sharpest edges
    noise: float | None = None  # 1-sigma of the grey-value noise, 0..255
    valid_share: float = 1.0
    masked_share: float = 0.0  # of the observed pixels, those that must not be judged
    motion_px: float | None = None  # length of a straight smear; None: none was proven
    haze: float | None = None  # 0..1, the most of the contrast that haze can have taken; None: nobody looked


@dataclass(frozen=True, slots=True)
class Survey:
    """One campaign of pictures, of one asset or of none."""

    uid: str
    name: str
    asset_uid: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Image:
    """One picture of a survey.

    Attributes:
        path: where the file lies, absolute.
        band_names: in the file's order; ``("red", "green", "blue")`` for photographs.
        captured_at: aware UTC, or None.
        position_lonlat: camera position (photograph) or centre (scene), WGS84 lon, lat.
        footprint: ground outline in WGS84 lon, lat, or None.
        crs: e.g. ``EPSG:32652``; None for photographs and rasters without georeference.
        transform: a, b, c, d, e, f of x = a*col + b*row + c, y = d*col + e*row + f, in ``crs``.
        incidence_deg: angle between the view and the surface normal, if known.
        span: as assigned.
        member: as assigned.
        assignment: where asset, span and member come from; None: nobody said.
        radiometry: what the pixel values mean.
        mask_path: absolute path of the mask of pixels that must not be judged (`imagery.masks`), or None.
        view: pose and camera of a photograph, as `imagery.pose` writes it; plain JSON, None where unknown.
        notes: what the reader should know, e.g. ``no CRS: image coordinates only``.
    """

    uid: str
    survey_uid: str
    path: str
    sha256: str
    kind: ImageKind
    width_px: int
    height_px: int
    band_names: tuple[str, ...]
    scale: Scale
    quality: Quality
    captured_at: datetime | None = None
    position_lonlat: tuple[float, float] | None = None
    footprint: Polygon | None = None
    crs: str | None = None
    transform: tuple[float, float, float, float, float, float] | None = None
    incidence_deg: float | None = None
    platform: str | None = None
    span: int | None = None
    member: str | None = None
    status: ImageStatus = ImageStatus.PENDING
    reason: str | None = None
    notes: tuple[str, ...] = ()
    assignment: Assignment | None = None
    radiometry: Radiometry = Radiometry.UNKNOWN
    mask_path: str | None = None
    view: Mapping[str, Any] | None = None
