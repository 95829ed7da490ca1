"""The tables; one model for SQLite and PostgreSQL.

What differs between the two stands in the migrations: the R*Tree and its triggers on SQLite, the generated
PostGIS column ``geom_pg`` and its index on PostgreSQL, and the triggers that keep the audit append-only on both.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from findings.store.types import UtcDateTime, Wkb

Json = dict[str, Any]


class Base(DeclarativeBase):
    """Base of every table; constraint names are fixed so that migrations can name them on both databases."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  the mapper reads it as a class attribute
        Json: sa.JSON,
        list[Any]: sa.JSON,
        datetime: UtcDateTime,
        BaseGeometry: Wkb,
        float: sa.Double,
        str: sa.Text,
    }


class AssetRecord(Base):
    """A bridge or a river reach."""

    __tablename__ = "asset"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    name: Mapped[str]
    structure: Mapped[str]
    geom: Mapped[BaseGeometry | None]
    spans: Mapped[list[Any]]
    chainage_from_km: Mapped[float | None]
    chainage_to_km: Mapped[float | None]
    soundness: Mapped[str | None]
    external_ids: Mapped[Json]
    attributes: Mapped[Json]


class ExternalIdRecord(Base):
    """An id under which others know an asset, so that it can be looked up by it."""

    __tablename__ = "asset_external_id"
    __table_args__ = (sa.UniqueConstraint("asset_uid", "system"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    asset_uid: Mapped[str] = mapped_column(sa.ForeignKey("asset.uid"))
    system: Mapped[str]
    value: Mapped[str] = mapped_column(index=True)


class CrossingRecord(Base):
    """Where a bridge crosses a river."""

    __tablename__ = "crossing"
    __table_args__ = (sa.UniqueConstraint("bridge_uid", "river_uid"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    bridge_uid: Mapped[str] = mapped_column(sa.ForeignKey("asset.uid"))
    river_uid: Mapped[str] = mapped_column(sa.ForeignKey("asset.uid"), index=True)
    lon: Mapped[float]
    lat: Mapped[float]
    pier_in_channel: Mapped[str]
    distance_m: Mapped[float]
    source: Mapped[str]
    note: Mapped[str]


class SurveyRecord(Base):
    """One campaign of pictures."""

    __tablename__ = "survey"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(unique=True)
    asset_uid: Mapped[str | None] = mapped_column(sa.ForeignKey("asset.uid"), index=True)
    created_at: Mapped[datetime]


class ImageRecord(Base):
    """One picture; a file stands once in a survey."""

    __tablename__ = "image"
    __table_args__ = (sa.UniqueConstraint("survey_uid", "sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(unique=True)
    survey_uid: Mapped[str] = mapped_column(sa.ForeignKey("survey.uid"))
    path: Mapped[str]
    sha256: Mapped[str]
    kind: Mapped[str]
    width_px: Mapped[int]
    height_px: Mapped[int]
    band_names: Mapped[list[Any]]
    scale: Mapped[Json]
    quality: Mapped[Json]
    captured_at: Mapped[datetime | None]
    lon: Mapped[float | None]
    lat: Mapped[float | None]
    footprint: Mapped[BaseGeometry | None]
    crs: Mapped[str | None]
    transform: Mapped[list[Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    incidence_deg: Mapped[float | None]
    platform: Mapped[str | None]
    span: Mapped[int | None]
    member: Mapped[str | None]
    status: Mapped[str]
    reason: Mapped[str | None]
    notes: Mapped[list[Any]]
    assignment: Mapped[Json | None] = mapped_column(sa.JSON(none_as_null=True))
    radiometry: Mapped[str] = mapped_column(server_default="unknown")
    mask_path: Mapped[str | None]
    view: Mapped[Json | None] = mapped_column(sa.JSON(none_as_null=True))


class ModelRunRecord(Base):
    """One model on one image; ``digest`` covers everything that makes two runs the same run."""

    __tablename__ = "model_run"
    __table_args__ = (sa.UniqueConstraint("image_uid", "digest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    image_uid: Mapped[str] = mapped_column(sa.ForeignKey("image.uid"))
    digest: Mapped[str]
    model: Mapped[str]
    model_version: Mapped[str]
    weights_sha256: Mapped[str]
    code_version: Mapped[str]
    device: Mapped[str]
    parameters: Mapped[Json]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime]
    status: Mapped[str]
    reason: Mapped[str | None]


class FindingRecord(Base):
    """One finding with its review state and its place in the ranked list.

    ``section_rank, rank_key, id`` is the order of the list, all ascending so that one row comparison pages it:
    section_rank counts the sections (3: never ranked), rank_key is the place in the list, or the negative score of a
    finding that was scored alone.
    """

    __tablename__ = "finding"
    __table_args__ = (
        sa.Index("ix_finding_rank", "section_rank", "rank_key", "id"),
        sa.Index("ix_finding_survey_rank", "survey_uid", "section_rank", "rank_key", "id"),
        sa.Index("ix_finding_image_model", "image_uid", "model"),
        sa.Index("ix_finding_defect_uid", "defect_uid"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(unique=True)
    version: Mapped[int] = mapped_column()
    active: Mapped[bool]
    survey_uid: Mapped[str] = mapped_column(sa.ForeignKey("survey.uid"))
    image_uid: Mapped[str] = mapped_column(sa.ForeignKey("image.uid"))
    asset_uid: Mapped[str | None] = mapped_column(sa.ForeignKey("asset.uid"), index=True)
    domain: Mapped[str]
    damage: Mapped[str]
    grade: Mapped[Json | None] = mapped_column(sa.JSON(none_as_null=True))
    measures: Mapped[list[Any]]
    scale: Mapped[Json]
    geom_px: Mapped[BaseGeometry]
    geom: Mapped[BaseGeometry | None]
    minx: Mapped[float | None]
    miny: Mapped[float | None]
    maxx: Mapped[float | None]
    maxy: Mapped[float | None]
    position_source: Mapped[str]
    score: Mapped[float]
    model: Mapped[str]
    provenance: Mapped[Json]
    captured_at: Mapped[datetime | None]
    span: Mapped[int | None]
    member: Mapped[str | None]
    element_no: Mapped[str | None]
    side: Mapped[str | None]
    taxonomy_version: Mapped[str]
    evidence: Mapped[Json]
    details: Mapped[Json]
    status: Mapped[str]
    final_grade: Mapped[str | None]
    section_rank: Mapped[int]
    rank_key: Mapped[float]
    priority: Mapped[Json | None] = mapped_column(sa.JSON(none_as_null=True))
    defect_uid: Mapped[str | None]
    leads: Mapped[bool] = mapped_column(server_default=sa.true())

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  a second writer gets StaleWrite, not the last word


class ReviewRecord(Base):
    """One decision of a person about a finding; append-only, the last row of a finding decides."""

    __tablename__ = "review"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(unique=True)
    finding_uid: Mapped[str] = mapped_column(sa.ForeignKey("finding.uid"), index=True)
    image_uid: Mapped[str] = mapped_column(sa.ForeignKey("image.uid"), index=True)
    decision: Mapped[str]
    reviewer: Mapped[str]
    at: Mapped[datetime]
    source: Mapped[str]
    geom_px: Mapped[BaseGeometry | None]
    label: Mapped[str | None]
    final_grade: Mapped[str | None]
    note: Mapped[str]
    model: Mapped[str]
    external_ids: Mapped[Json]


class PictureReviewRecord(Base):
    """Whether a person looked over a whole picture; append-only, the last row of a picture holds."""

    __tablename__ = "picture_review"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(unique=True)
    image_uid: Mapped[str] = mapped_column(sa.ForeignKey("image.uid"), index=True)
    complete: Mapped[bool]
    reviewer: Mapped[str]
    at: Mapped[datetime]
    source: Mapped[str]


class TrackRecord(Base):
    """What became of a finding between two inspections; ``value`` holds the whole of it."""

    __tablename__ = "track"
    __table_args__ = (sa.Index("ix_track_surveys", "survey_uid", "previous_survey_uid"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    survey_uid: Mapped[str] = mapped_column(sa.ForeignKey("survey.uid"))
    previous_survey_uid: Mapped[str] = mapped_column(sa.ForeignKey("survey.uid"))
    finding_uid: Mapped[str | None] = mapped_column(sa.ForeignKey("finding.uid"), index=True)
    previous_uid: Mapped[str | None] = mapped_column(sa.ForeignKey("finding.uid"), index=True)
    state: Mapped[str]
    value: Mapped[Json]


class IssuedListRecord(Base):
    """A priority list as it was handed out."""

    __tablename__ = "issued_list"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(unique=True)
    issued_at: Mapped[datetime]
    actor: Mapped[str]
    profile: Mapped[str]


class IssuedRowRecord(Base):
    """One row of an issued list."""

    __tablename__ = "issued_row"

    list_id: Mapped[int] = mapped_column(sa.ForeignKey("issued_list.id"), primary_key=True, autoincrement=False)
    rank: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[Json]


class RiverReachRecord(Base):
    """The frame of a reach in time and the small state of its monitors."""

    __tablename__ = "river_reach"

    id: Mapped[int] = mapped_column(primary_key=True)
    asset_uid: Mapped[str] = mapped_column(sa.ForeignKey("asset.uid"), unique=True)
    frame: Mapped[Json]
    settings: Mapped[Json]
    state: Mapped[Json]
    updated_at: Mapped[datetime]


class RiverObservationRecord(Base):
    """What one scene says on the transects of a reach; ``value`` holds the whole of it."""

    __tablename__ = "river_observation"
    __table_args__ = (
        sa.UniqueConstraint("asset_uid", "image_uid"),
        sa.Index("ix_river_observation_asset_captured", "asset_uid", "captured_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    asset_uid: Mapped[str] = mapped_column(sa.ForeignKey("asset.uid"))
    image_uid: Mapped[str] = mapped_column(sa.ForeignKey("image.uid"), index=True)
    captured_at: Mapped[datetime]
    model: Mapped[str]
    value: Mapped[Json]


class AuditRecord(Base):
    """The append-only audit; a unique ``prev_hash`` keeps the chain from forking."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    entity: Mapped[str]
    entity_uid: Mapped[str] = mapped_column(index=True)
    before: Mapped[Json | None] = mapped_column(sa.JSON(none_as_null=True))
    after: Mapped[Json | None] = mapped_column(sa.JSON(none_as_null=True))
    prev_hash: Mapped[str] = mapped_column(unique=True)
    hash: Mapped[str]
